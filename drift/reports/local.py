"""A grid's target times on the clock of a city: hours of the day, calendar days, and offsets for the page.

Made once a time zone and shared by its cities, because asking the time zone database for thousands of
hours costs more than all else on a page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from drift.domain import Grid

Ints = NDArray[np.int64]
DAY = 86400


@dataclass(frozen=True)
class LocalTimes:
    """The target times of a grid in one zone, in seconds: UTC, and what the local clock is ahead of it."""

    zone: str
    seconds: Ints
    offset: Ints

    @cached_property
    def hour(self) -> Ints:
        """The local hour of the day, 0 to 23, of each target time."""
        return (self.seconds + self.offset) % DAY // 3600

    @cached_property
    def day(self) -> Ints:
        """Local days since 1970 of each target time."""
        return (self.seconds + self.offset) // DAY

    @cached_property
    def week_hour(self) -> Ints:
        """The local hour of the week of each target time, 0 to 167 from Monday's midnight."""
        return (self.day + 3) % 7 * 24 + self.hour

    @cached_property
    def day_starts(self) -> Ints:
        """The cell where each local day begins."""
        return np.flatnonzero(np.diff(self.day, prepend=self.day[:1] - 1)).astype(np.int64)

    def cut(self, cells: slice) -> LocalTimes:
        """A stretch of the times."""
        return LocalTimes(self.zone, self.seconds[cells], self.offset[cells])

    def offsets(self) -> list[tuple[int, int]]:
        """Where the offset changes: `(cell, seconds)`, from the first cell on."""
        changes = np.flatnonzero(np.diff(self.offset, prepend=self.offset[:1] - 1))
        return [(int(i), int(self.offset[i])) for i in changes]

    def text(self, moment: datetime) -> str:
        """The moment on the local clock and in UTC."""
        return two_clocks(moment, self.zone)


def local_times(grid: Grid, zone: str) -> LocalTimes:
    """The grid's target times in the zone."""
    seconds = grid.times().astype(np.int64)
    clock = ZoneInfo(zone)
    ahead = [_offset(datetime.fromtimestamp(s, clock)) for s in seconds.tolist()]
    return LocalTimes(zone, seconds, np.array(ahead, dtype=np.int64))


def _offset(moment: datetime) -> int:
    ahead = moment.utcoffset()
    return int(ahead.total_seconds()) if ahead is not None else 0


def short_clock(moment: datetime, zone: str) -> str:
    """The moment on the zone's clock, as people say it within a few weeks.

    >>> short_clock(datetime(2020, 3, 20, 1, tzinfo=UTC), "America/New_York")
    'Thu 19 Mar 21:00 EDT'
    """
    here = moment.astimezone(ZoneInfo(zone))
    return f"{here:%a} {here.day} {here:%b %H:%M} {here.tzname() or zone}"


def two_clocks(moment: datetime, zone: str) -> str:
    """The moment on the zone's clock with UTC beside it; UTC alone where they are one.

    >>> two_clocks(datetime(2020, 4, 10, tzinfo=UTC), "Asia/Kolkata")
    'Fri 10 Apr 2020, 05:30 IST (00:00 UTC)'
    """
    here = moment.astimezone(ZoneInfo(zone))
    utc = moment.astimezone(UTC)
    name = here.tzname() or zone
    text = f"{here:%a} {here.day} {here:%b %Y, %H:%M} {name}"
    if name == "UTC":
        return text
    day = "" if here.date() == utc.date() else f"{utc.day} {utc:%b} "
    return f"{text} ({day}{utc:%H:%M} UTC)"
