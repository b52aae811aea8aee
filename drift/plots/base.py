"""What the plots share: a figure that shows itself, colours, text from data, and axes with units and zones.

`Plot` is a matplotlib figure that needs no pyplot: nothing global is touched, nothing is opened, and a
notebook shows it as it shows any value. The colours are those of the pages; people who see few colours can
tell them apart, and lines differ in dashes and markers too.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray
from PIL import Image

from drift.domain import Floats
from drift.reports.shown import percent, readable, significant
from drift.reports.spans import Span

INK, SOFT, RULE = "#16202c", "#566373", "#dde2e8"
VERSIONS = ("#0072b2", "#b45500", "#00835f", "#a8508b", "#7a6a00", "#2f8fc4")
DASHES = ("-", "--", "-.", ":")
LEVELS = {"firing": ("#b3261e", 0.2), "pending": ("#b7791f", 0.25), "began": ("#b7791f", 0.1)}
WORDS = {"firing": "firing", "pending": "pending", "began": "began (found out later)"}
DPI = 90
COLOURS = 96
WIDTH = 8.6


class Plot(Figure):
    """A matplotlib figure that shows itself in a notebook; `savefig` saves it, its axes change it."""

    def _repr_png_(self) -> bytes:
        """The figure as a PNG of few colours, a third of the size that it would have with all of them."""
        drawn, small = io.BytesIO(), io.BytesIO()
        self.savefig(drawn, format="png", dpi=DPI)
        with Image.open(drawn) as image:
            image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
        return small.getvalue()


def new_plot(title: str, height: float = 3.0) -> tuple[Plot, Axes]:
    """A figure with one pair of axes, in the house's style."""
    plot = Plot(figsize=(WIDTH, height), layout="constrained")
    return plot, styled(plot.add_subplot(), title)


def styled(axes: Axes, title: str) -> Axes:
    """The axes with their title on the left, a faint grid, and no frame on top and on the right."""
    axes.set_title(shown(title, 120), loc="left", fontsize=11, color=INK, pad=8, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.grid(visible=True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=SOFT, labelsize=9)
    return axes


def shown(text: str, longest: int = 60) -> str:
    """Text from data fit for a figure: on one line, and cut where it is too long.

    >>> shown("_north" + chr(10))
    '_north�'
    """
    return readable(text, longest)


def named(axes: Axes, x: str, y: str) -> None:
    """The names of both axes, with their units; nothing in them is taken for a formula."""
    for text, put in ((x, axes.set_xlabel), (y, axes.set_ylabel)):
        put(shown(text) if text else "", color=SOFT, fontsize=9, parse_math=False)


def legend(axes: Axes, entries: Sequence[tuple[Artist, str]]) -> None:
    """A legend below the title, a word an artist. A name may begin with `_`, which matplotlib would hide."""
    if not entries:
        return
    axes.set_title(axes.get_title(loc="left"), loc="left", pad=26, parse_math=False)
    handles, names = zip(*entries, strict=True)
    made = axes.legend(
        handles,
        ["\u2007"] * len(names),  # of the width of a figure; the words follow
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=min(len(names), 5),
        frameon=False,
        fontsize=9,
        borderaxespad=0.1,
        handlelength=1.8,
    )
    for label, name in zip(made.get_texts(), names, strict=True):
        label.set_parse_math(False)
        label.set_text(shown(name))


def time_axis(axes: Axes, zone: str) -> None:
    """A time axis on the clock of a zone, which it names."""
    clock = ZoneInfo(zone)
    locator = AutoDateLocator(tz=clock, minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=clock))  # type: ignore[no-untyped-call]
    axes.set_xlabel(f"time in {zone}", color=SOFT, fontsize=9)


def places(times: NDArray[np.datetime64]) -> Floats:
    """Moments in UTC as places on a time axis."""
    found: Floats = date2num(times)  # type: ignore[no-untyped-call]
    return found


def place(moment: datetime) -> float:
    """A moment as a place on a time axis."""
    return float(date2num(moment))  # type: ignore[no-untyped-call]


def mark(axes: Axes, spans: Iterable[Span], first: float, last: float) -> list[tuple[Artist, str]]:
    """Alert spans as shades behind the lines, between two places on the time axis; a legend entry a kind.

    Where several alerts overlap there is one shade: that of the worst.
    """
    entries: list[tuple[Artist, str]] = []
    drawn: list[tuple[float, float]] = []
    spans = list(spans)
    for level, (colour, alpha) in LEVELS.items():
        ends = [(place(span.start), place(span.end)) for span in spans if span.level == level]
        stretches = _beside(drawn, [(max(start, first), min(end, last)) for start, end in ends])
        for start, end in stretches:
            axes.axvspan(start, end, color=colour, alpha=alpha, linewidth=0, zorder=0)
        drawn += stretches
        entries += [(Patch(color=colour, alpha=alpha), WORDS[level])] if stretches else []
    return entries


def _beside(
    taken: Sequence[tuple[float, float]], wanted: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """The parts of the stretches that none before has.

    >>> _beside([(2.0, 3.0)], [(1.0, 4.0), (3.5, 5.0)])
    [(1.0, 2.0), (3.0, 4.0), (4.0, 5.0)]
    """
    found: list[tuple[float, float]] = []
    for stretch in wanted:
        parts = [stretch]
        for low, high in (*taken, *found):
            cut = [((start, min(end, low)), (max(start, high), end)) for start, end in parts]
            parts = [part for both in cut for part in both if part[0] < part[1]]
        found += [part for part in parts if part[0] < part[1]]
    return sorted(found)


def in_percent(axes: Axes, *, x: bool = False) -> None:
    """Fractions as percent on the one axis or the other."""
    (axes.xaxis if x else axes.yaxis).set_major_formatter(FuncFormatter(lambda v, _: _short(percent(v))))


def in_load(axes: Axes) -> None:
    """Loads with thousands apart."""
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: significant(v)))


def _short(text: str) -> str:
    return text.replace(".0 %", " %")
