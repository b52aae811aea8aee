"""PURE. A course of figures in a line of text: a character a figure, the higher the fuller.

The scale is handed in and the same for all lines of a table, so that lines can be held against each other; a
figure that is not known is a gap, and never drawn as a small one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

BLOCKS = "▁▂▃▄▅▆▇█"
GAP = " "
DAY = timedelta(days=1)
DAYS_AT_MOST = 28
"""A span up to this long is counted by day, a longer one by week."""


def sparkline(values: Iterable[float], top: float) -> str:
    """A character a value: `▁` at zero and below, `█` at `top` and beyond; NaN is a gap.

    Steps are of equal height, `top ÷ 7`, and rounded; but what is above zero is never drawn as zero.

    >>> sparkline([0.0, 0.2, 1.0, float("nan"), 2.0, 3.5, 99.0], top=3.5)
    '▁▂▃ ▅██'
    >>> sparkline([], top=1.0), sparkline([-1.0, float("inf"), float("-inf")], top=1.0)
    ('', '▁█▁')

    Raises:
        ValueError: `top` is not a positive number.
    """
    if not (math.isfinite(top) and top > 0):
        raise ValueError(f"a sparkline's top is a positive number, and not {top}")
    return "".join(GAP if math.isnan(value) else BLOCKS[_level(value / top)] for value in values)


def _level(share: float) -> int:
    highest = len(BLOCKS) - 1
    if share <= 0:
        return 0
    return max(1, round(highest * min(share, 1.0)))


def folded(values: Sequence[float], most: int) -> tuple[list[float], int]:
    """The values in at most `most` groups of equal length, each as its largest; and that length.

    A group in which nothing is known is NaN; the last group may be shorter. `most` is 1 or more.

    >>> folded([1.0, 5.0, float("nan"), 2.0, float("nan")], 3)
    ([5.0, 2.0, nan], 2)
    """
    length = max(1, math.ceil(len(values) / most))
    groups = (values[k : k + length] for k in range(0, len(values), length))
    return [
        max((value for value in group if not math.isnan(value)), default=math.nan) for group in groups
    ], length


@dataclass(frozen=True, slots=True)
class Counts:
    """How often something happened in each span of a course of time, and how long a span is."""

    start: datetime
    span: timedelta
    counts: tuple[int, ...]

    @property
    def words(self) -> str:
        """The span: `day` or `week`."""
        return "day" if self.span == DAY else "week"

    @property
    def busiest(self) -> tuple[datetime, int]:
        """When the span with the most began, and how many it has; the first of equal ones."""
        most = max(self.counts)
        return self.start + self.counts.index(most) * self.span, most


def counted(moments: Iterable[datetime], first: datetime, last: datetime) -> Counts:
    """How many moments lie in each day from `first` to `last`, both counted; in each week where those are
    more than four weeks apart. Moments outside are left out.

    >>> from datetime import UTC
    >>> start = datetime(2026, 3, 1, tzinfo=UTC)
    >>> counted([start, start + 2 * DAY], start, start + 3 * DAY).counts
    (1, 0, 1, 0)

    Raises:
        ValueError: `last` is before `first`.
    """
    if last < first:
        raise ValueError(f"counting ends at {last}, before its start {first}")
    span = DAY if last - first <= DAYS_AT_MOST * DAY else 7 * DAY
    counts = [0] * ((last - first) // span + 1)
    for moment in moments:
        if first <= moment <= last:
            counts[(moment - first) // span] += 1
    return Counts(first, span, tuple(counts))
