"""The WAPE of both versions by hour of the day, as inline SVG, wide and narrow: drawn without a script."""

from __future__ import annotations

from collections.abc import Sequence

from drift.compare_words import percent
from drift.comparison import Part
from drift.domain import Undefined
from drift.reports.whisker import ticks_of

WIDTHS = {"wide": 600, "narrow": 340}
HEIGHT, LEFT, TOP, BOTTOM = 230, 40, 12, 26
STYLES = ("m0", "m1")


def hour_chart(parts: Sequence[Part], alt: str) -> str:
    """Both widths; the style sheet shows the one that fits. Only numbers and escaped text reach the markup.

    A shaded hour is one in which version a is better; where no hour has a figure, nothing is drawn.
    """
    return "".join(_chart(parts, name, width, alt) for name, width in WIDTHS.items())


def _chart(parts: Sequence[Part], name: str, width: int, alt: str) -> str:
    from markupsafe import escape

    sides = [[_value(getattr(part.wape, side)) for part in parts] for side in ("a", "b")]
    known = [value for side in sides for value in side if value is not None]
    if not known:
        return ""
    top = max(known) * 1.08 or 1.0
    step = (width - LEFT - 8) / max(len(parts), 1)
    xs = [LEFT + (k + 0.5) * step for k in range(len(parts))]
    room = HEIGHT - TOP - BOTTOM
    levels = [(tick, TOP + room * (1 - tick / top)) for tick in ticks_of(0.0, top)]
    grid = "".join(
        f'<line class="grid{" zero" if tick == 0 else ""}" x1="{LEFT}" x2="{width - 8}" '
        f'y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_label(tick, levels)}</text>'
        for tick, y in levels
    )
    every = 3 if width > 400 else 6
    hours = "".join(
        f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(part.name[:2])}</text>'
        for part, x in list(zip(parts, xs, strict=True))[::every]
    )
    shade = "".join(
        f'<rect class="ahead m0" x="{x - step / 2:.1f}" y="{TOP}" width="{step:.1f}" height="{room}"/>'
        for part, x in zip(parts, xs, strict=True)
        if part.wape.sign < 0
    )
    lines = "".join(_line(side, xs, top, room, style) for side, style in zip(sides, STYLES, strict=True))
    touch = "".join(_title(part, x, step, room) for part, x in zip(parts, xs, strict=True))
    return (
        f'<svg class="hours {name}" viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{escape(alt)}">'
        f"{shade}{grid}{hours}{lines}{touch}</svg>"
    )


def _label(tick: float, levels: Sequence[tuple[float, float]]) -> str:
    whole = all(abs(100 * level - round(100 * level)) < 1e-6 for level, _ in levels)
    return f"{100 * tick:.{0 if whole else 1}f} %"


def _line(values: Sequence[float | None], xs: Sequence[float], top: float, room: float, style: str) -> str:
    """A line with a dot an hour; gaps stay gaps."""
    path, dots, drawing = "", "", False
    for value, x in zip(values, xs, strict=True):
        if value is None:
            drawing = False
            continue
        y = TOP + room * (1 - value / top)
        path += f"{'L' if drawing else 'M'}{x:.1f} {y:.1f}"
        dots += f'<circle class="dot {style}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
        drawing = True
    return f'<path class="line {style}" d="{path}"/>{dots}'


def _title(part: Part, x: float, step: float, room: float) -> str:
    """What a pointer that rests on the hour is told."""
    said = f"{part.name}: {percent(part.wape.a)} and {percent(part.wape.b)}"
    return (
        f'<rect class="rest" x="{x - step / 2:.1f}" y="{TOP}" width="{step:.1f}" height="{room}">'
        f"<title>{said}</title></rect>"
    )


def _value(value: float | Undefined) -> float | None:
    return None if isinstance(value, Undefined) else value
