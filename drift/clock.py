"""The one place that reads the clock. Commands and scheduler hand it on; all else is told the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def clock_starting_at(moment: datetime) -> Clock:
    """A clock that shows the moment now and runs on from there, to watch over data of the past."""
    start = time.monotonic()
    return lambda: moment + timedelta(seconds=time.monotonic() - start)
