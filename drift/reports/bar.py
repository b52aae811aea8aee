"""Shares as bars, one a table row, all on one scale: drawn here, so that they need no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 200, 16
LEAST, MOST = -0.5, 1.5
"""Beyond these shares a bar is cut off; its words have the figure."""


@dataclass(frozen=True, slots=True)
class Scale:
    """From `low` (0, or below where a share is) to `high` (1, or above)."""

    low: float
    high: float

    def x(self, share: float) -> float:
        """Where a share stands, in pixels.

        >>> Scale(0.0, 1.0).x(0.5)
        100.0
        """
        return WIDTH * (min(max(share, self.low), self.high) - self.low) / (self.high - self.low)


def scale_of(shares: Sequence[float]) -> Scale:
    """The scale of some shares; 0 and 1 are always on it.

    >>> scale_of([0.2, -0.1]), scale_of([7.0])
    (Scale(low=-0.1, high=1.0), Scale(low=0.0, high=1.5))
    """
    return Scale(max(min([0.0, *shares]), LEAST), min(max([1.0, *shares]), MOST))


def bar(share: float, scale: Scale, style: str, mark: float | None = None) -> str:
    """An inline SVG of one share, perhaps with a mark; only numbers and our own `style` reach the markup."""
    left, right = sorted((scale.x(0.0), scale.x(share)))
    ends = "".join(
        f'<line class="grid" x1="{scale.x(at):.1f}" x2="{scale.x(at):.1f}" y1="0" y2="{HEIGHT}"/>'
        for at in (0.0, 1.0)
    )
    usual = "" if mark is None else f'<path class="usual" d="M{scale.x(mark):.1f} 1v{HEIGHT - 2}"/>'
    return (
        f'<svg class="share" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{ends}'
        f'<rect class="bar {style}" x="{left:.1f}" width="{right - left:.1f}" y="3" height="{HEIGHT - 6}"/>'
        f"{usual}</svg>"
    )
