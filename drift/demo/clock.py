"""Local days of 24 columns to UTC hours, and back.

Why: the source has 24 numbers for every day, also for the days on which the clocks change, and
its load and its temperature follow two different clocks. README.md gives the evidence:

* Load follows the US local clock, and h1 is the hour ENDING 01:00. On all five days on which the
  clocks go forward, h3 is exactly the mean of h2 and h4 in 19 of 20 zones: the source invented
  the hour 02:00-03:00, which did not exist.
* Temperature follows standard time all year: it does not move on those days.

How: `local_hours` gives, for each day and column, the UTC hour number (hours since 1970) at which
the interval starts, or `NO_HOUR` for the hour that did not exist. The hour that happens twice in
autumn has one column only: it is read as the first, and the second has no value.
"""

from __future__ import annotations

import datetime as dt
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Hours: TypeAlias = npt.NDArray[np.int64]
Array: TypeAlias = npt.NDArray[np.float64]

TIMEZONE = "America/New_York"
STANDARD = dt.timezone(dt.timedelta(hours=-5))
NO_HOUR = -1
_HOUR = 3600


def hour_number(moment: dt.datetime) -> int:
    """Whole hours from 1970-01-01T00:00Z to an aware moment."""
    return int(moment.timestamp()) // _HOUR


def day_range(first: dt.date, last: dt.date) -> list[dt.date]:
    """Every day from `first` to `last`, both included."""
    return [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]


def local_hours(days: list[dt.date], zone: dt.tzinfo | None = None) -> Hours:
    """UTC hour numbers at which column h1 … h24 of each day starts: shape (days, 24).

    `zone` is the local clock when left out. An hour that the local clock skips is `NO_HOUR`.

    >>> local_hours([dt.date(2008, 3, 9)])[0, :4].tolist()
    [334733, 334734, -1, 334735]
    """
    clock = ZoneInfo(TIMEZONE) if zone is None else zone
    return np.array([[_start(day, hour, clock) for hour in range(24)] for day in days], np.int64)


def _start(day: dt.date, hour: int, clock: dt.tzinfo) -> int:
    naive = dt.datetime.combine(day, dt.time(hour))
    number = hour_number(naive.replace(tzinfo=clock))
    back = dt.datetime.fromtimestamp(number * _HOUR, tz=clock)
    return number if back.replace(tzinfo=None) == naive else NO_HOUR


def to_series(values: Array, hours: Hours, first: int, length: int) -> Array:
    """Day rows as one series of `length` UTC hours from hour number `first`; NaN where none."""
    series = np.full(length, np.nan)
    inside = (hours >= first) & (hours < first + length)
    series[hours[inside] - first] = values[inside]
    return series


def to_days(series: Array, hours: Hours, first: int) -> Array:
    """The reverse of `to_series`: shape of `hours`, NaN where the series has no such hour."""
    position = hours - first
    inside = (hours != NO_HOUR) & (position >= 0) & (position < len(series))
    days = np.full(hours.shape, np.nan)
    days[inside] = series[position[inside]]
    return days
