"""Differences as dots with whiskers around zero, one a table row, on one scale: drawn without a script.

Right of zero version b is better, left of it version a. A full dot is clear, a hollow one may be chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from drift.comparison import Figure, span_of
from drift.domain import Undefined

WIDTH, HEIGHT, EDGE = 260, 24, 8
ROOM = 0.06


@dataclass(frozen=True, slots=True)
class Scale:
    """From `low` to `high`, in the unit of the differences; `ticks` between them, with zero."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def x(self, value: float) -> float:
        """Where a value stands; at the edge where it is beyond."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return EDGE + share * (WIDTH - 2 * EDGE)


def scale_of(figures: Sequence[Figure]) -> Scale:
    """The scale that all of them share, with some room on both sides of zero."""
    low, high = span_of(figures)
    room = ROOM * ((high - low) or 0.01)
    low, high = min(low, -room), max(high, room)
    return Scale(low, high, ticks_of(low, high))


def ticks_of(low: float, high: float, most: int = 5) -> tuple[float, ...]:
    """Round numbers from low to high, `most` or fewer, zero among them if it lies there.

    >>> ticks_of(-0.011, 0.052)
    (0.0, 0.02, 0.04)
    """
    span = max(high - low, 1e-12)
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * k for k in (1, 2, 5, 10, 20) if span / (power * k) <= most - 1)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(round(k * step, 12) + 0.0 for k in range(first, last + 1))


def whisker(figure: Figure, scale: Scale, *, clear: bool) -> str:
    """An inline SVG of one difference; only numbers reach the markup."""
    grid = "".join(
        f'<line class="{"zero" if tick == 0 else "tick-line"}" x1="{scale.x(tick):.1f}" '
        f'x2="{scale.x(tick):.1f}" y1="0" y2="{HEIGHT}"/>'
        for tick in scale.ticks
    )
    head = f'<svg class="whisker" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">'
    return f"{head}{grid}{_mark(figure, scale, clear)}</svg>"


def _mark(figure: Figure, scale: Scale, clear: bool) -> str:
    """The whisker and its dot; an arrow at an edge beyond which they go on."""
    ends, middle = figure.ends, HEIGHT / 2
    if ends is None or isinstance(figure.difference, Undefined):
        return ""
    style = ("none", "m1", "m0")[figure.sign]
    left, right = (scale.x(end) for end in ends)
    mark = f'<line class="reach {style}" x1="{left:.1f}" x2="{right:.1f}" y1="{middle}" y2="{middle}"/>'
    if ends[0] < scale.low:
        mark += f'<path class="{style}" d="M0 {middle}l8 -5v10z"/>'
    if ends[1] > scale.high:
        mark += f'<path class="{style}" d="M{WIDTH} {middle}l-8 -5v10z"/>'
    if not scale.low <= figure.difference <= scale.high:
        return mark
    x, dot = scale.x(figure.difference), "clear" if clear else "open"
    return f'{mark}<circle class="{style} {dot}" cx="{x:.1f}" cy="{middle}" r="4.5"/>'


def axis(scale: Scale) -> str:
    """The head of the column: the ticks, in points."""
    digits = 0 if all(abs(100 * t - round(100 * t)) < 1e-6 for t in scale.ticks) else 1
    digits = 2 if scale.high - scale.low < 0.005 else digits
    texts = "".join(
        f'<text class="tick" x="{scale.x(tick):.1f}" y="12" text-anchor="middle">'
        f"{_signed(100 * tick, digits)}</text>"
        for tick in scale.ticks
    )
    return f'<svg class="whisker head" viewBox="0 0 {WIDTH} 16" aria-hidden="true">{texts}</svg>'


def _signed(value: float, digits: int) -> str:
    return "0" if value == 0 else f"{value:+.{digits}f}".replace("-", "−")
