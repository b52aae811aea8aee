"""Two model versions on the same hours: by city with intervals, and by hour of the day."""

from __future__ import annotations

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from drift.compare_words import names, signed_points
from drift.comparison import Comparison, Part, Result, Value, span_of
from drift.domain import Undefined
from drift.plots import base
from drift.plots.base import SOFT, VERSIONS, Plot, shown

MOST = 30
"""So many cities are drawn; the others are closest to no difference, or have no figure."""


def by_city(found: Comparison, most: int = MOST) -> Plot:
    """WAPE of a − WAPE of b in each city, in percentage points with its interval: to the right b is better. A
    full point stands among all cities (`clear`), a hollow one may be chance. The `most` cities that differ
    most are drawn; the title says how many are not, among them those without a figure. So that one city does
    not flatten all, the picture ends at four times the usual reach (`span_of`); beyond it stands the number.
    """
    a, b = names(found)
    known = [each for each in found.cities if not isinstance(each.wape.difference, Undefined)]
    largest = sorted(known, key=lambda each: -abs(_number(each.wape.difference)))[:most]
    rows = sorted(largest, key=lambda each: _number(each.wape.difference))
    left = len(found.cities) - len(rows)
    title = f"Error of {a} − error of {b}, by city" + (f" ({left:,} cities not drawn)" if left else "")
    plot, axes = base.new_plot(title, 1.4 + 0.2 * max(len(rows), 4))
    left_end, right_end = (100 * end for end in span_of(each.wape for each in rows))
    room = 0.06 * (right_end - left_end) or 1.0
    axes.set_xlim(left_end - room, right_end + room)
    for y, each in enumerate(rows):
        _whisker(axes, y, each, left_end, right_end)
    axes.axvline(0, color=SOFT, linewidth=0.9)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_yticks(range(len(rows)), [shown(str(each.city), 30) for each in rows])
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    base.named(axes, f"WAPE of {a} − WAPE of {b}, percentage points", "")
    base.legend(axes, [*_better(a, b), _dot("clear", full=True), _dot("may be chance", full=False)])
    return plot


def by_hour(found: Comparison) -> Plot:
    """WAPE of both versions by hour of the day, on each city's clock, all cities pooled; hours in which a is
    better are shaded. Hours without a figure are gaps.
    """
    a, b = names(found)
    plot, axes = base.new_plot(f"Error of {a} and {b} by hour of the day")
    entries: list[tuple[Artist, str]] = []
    for k, (name, side) in enumerate(((a, "a"), (b, "b"))):
        values = [_number(getattr(part.wape, side)) for part in found.by_hour]
        line = axes.plot(
            range(len(values)), values, color=VERSIONS[k], linestyle=base.DASHES[k], marker="o", markersize=3
        )
        entries.append((line[0], name))
    shaded = [h for h, part in enumerate(found.by_hour) if part.wape.sign < 0]
    for hour in shaded:
        axes.axvspan(hour - 0.5, hour + 0.5, color=VERSIONS[0], alpha=0.1, linewidth=0)
    entries += [(Patch(color=VERSIONS[0], alpha=0.3), f"{a} is better")] if shaded else []
    axes.set_ylim(bottom=0)
    axes.set_xticks(range(0, 24, 3), [part.name for part in found.by_hour[::3]])
    base.in_percent(axes)
    base.named(axes, "hour of the day, on each city's clock", "WAPE")
    base.legend(axes, entries)
    return plot


def by_regime(found: Comparison) -> Plot:
    """WAPE of both versions by weekdays and weekends and by thirds of a feature, with the interval of the
    difference in words below each pair of bars.
    """
    a, b = names(found)
    plot, axes = base.new_plot(f"Error of {a} and {b} by kind of day and regime")
    parts = [*found.by_week, *found.by_regime]
    entries: list[tuple[Artist, str]] = []
    for k, (name, side) in enumerate(((a, "a"), (b, "b"))):
        values = [_number(getattr(part.wape, side)) for part in parts]
        places = [x + (k - 0.5) * 0.36 for x in range(len(parts))]
        bars = axes.bar(places, values, 0.34, color=VERSIONS[k], hatch=("", "//")[k], edgecolor="white")
        entries.append((bars[0], name))
    axes.set_xticks(range(len(parts)), [_label(found, part) for part in parts])
    for label in axes.get_xticklabels():
        label.set_parse_math(False)
    axes.grid(visible=False, axis="x")
    base.in_percent(axes)
    base.named(axes, "", "WAPE")
    base.legend(axes, entries)
    return plot


def _whisker(axes: Axes, y: int, each: Result, left: float, right: float) -> None:
    """A city's difference in points with its interval, or its number at the edge of the picture."""
    low, high = each.wape.ends or (0.0, 0.0)
    colour, value = VERSIONS[each.better > 0], 100 * _number(each.wape.difference)
    if left <= value <= right:
        axes.plot([100 * low, 100 * high], [y, y], color=colour, linewidth=1.6, alpha=0.7)
        face = colour if each.clear else "white"
        axes.plot([value], [y], "o", color=colour, markerfacecolor=face, markersize=5)
        return
    beyond = value > right
    words = f"{signed_points(value / 100)} points →" if beyond else f"← {signed_points(value / 100)} points"
    side = "right" if beyond else "left"
    at = right if beyond else left
    axes.text(at, y, words, ha=side, va="center", fontsize=9, color=colour, fontweight="bold")


def _label(found: Comparison, part: Part) -> str:
    """The part's name, and how much a is worse, in points."""
    name = part.name if part in found.by_week else f"{part.name} third of\n{shown(str(found.feature), 16)}"
    if not isinstance(part.wape.interval, tuple):
        return name
    low, high = part.wape.interval
    return f"{name}\n{signed_points(low)} to {signed_points(high)} points"


def _better(a: str, b: str) -> list[tuple[Artist, str]]:
    return [(Patch(color=VERSIONS[k]), f"{name} is better") for k, name in enumerate((a, b))]


def _dot(words: str, *, full: bool) -> tuple[Artist, str]:
    face = SOFT if full else "white"
    return Line2D([], [], marker="o", linestyle="", color=SOFT, markerfacecolor=face, markersize=5), words


def _number(value: Value) -> float:
    return float("nan") if isinstance(value, Undefined) else value
