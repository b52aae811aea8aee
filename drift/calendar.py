"""The calendar of each city's hours: local hour, weekend and holidays, as its forecasters live them.

Load on a holiday is hard to forecast for everybody, so an error then is no evidence that a forecast got
worse. Which days those are depends on the country; so does the weekend. A city without a country has
no holidays, and its holidays will cost alarms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drift.arrow import integers, view
from drift.config import Config
from drift.detectors.series import Hours
from drift.domain import Grid
from drift.errors import ConfigError

Stamps: TypeAlias = NDArray[np.datetime64]
Flags: TypeAlias = NDArray[np.bool_]

HOUR, DAY_HOURS = timedelta(hours=1), 24
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SATURDAY = 5
YEAR_END = ((12, 24), (12, 31))
"""Days that are half free almost everywhere, and public holidays almost nowhere."""


def calendar(grid: Grid, cities: Sequence[str], config: Config) -> Hours:
    """The calendar of the grid's intervals `(times, cities)`, on each city's own clock.

    Raises:
        ConfigError: a country's holidays are not known.
    """
    clocks = [(config.zone_of(city), config.country_of(city)) for city in cities]
    kinds = list(dict.fromkeys(clocks))
    which = np.array([kinds.index(clock) for clock in clocks], dtype=np.intp)
    parts = [_local(grid, zone, country) for zone, country in kinds]
    hour, weekend, holiday = (np.stack(part, axis=1)[:, which] for part in zip(*parts, strict=True))
    stamps = grid.times()
    days = stamps.astype("datetime64[D]")
    months = stamps.astype("datetime64[M]").astype(np.int64)
    day_of_year = (days - days.astype("datetime64[Y]")).astype(np.int64) + 1
    return Hours(hour, weekend, holiday, day_of_year, months)


def wide_days(grid: Grid, cities: Sequence[str], config: Config) -> Flags:
    """`(times,)` hours within a day of a holiday, or of a change of the clocks, in half of the cities: all
    are hard to forecast together then. The grid is hourly.
    """
    kinds = Counter((config.zone_of(city), config.country_of(city)) for city in cities)
    share = np.zeros(grid.count)
    for (zone, country), many in kinds.items():
        hour, _, free = _local(grid, zone, country)
        ahead = np.asarray(hour[1:] - hour[:-1], dtype=np.int64) % 24
        jumps = np.concatenate([[False], ahead != 1])
        share += (free | jumps) * (many / len(cities))
    wide: Flags = np.zeros(grid.count, np.bool_)
    for row in np.flatnonzero(share >= 0.5):
        wide[max(row - DAY_HOURS, 0) : row + DAY_HOURS + 1] = True
    return wide


def wide_at(ends: Sequence[datetime], cities: Sequence[str], config: Config) -> Flags:
    """`(slots,)` `wide_days` at the last hour of each slot, ascending; calendars know the day ahead."""
    hours = np.array([end.replace(tzinfo=None) - HOUR for end in ends], "datetime64[h]").astype(np.int64)
    first = int(hours[0]) - DAY_HOURS - 1
    grid = Grid(EPOCH + first * HOUR, HOUR, int(hours[-1]) - first + DAY_HOURS + 1)
    return np.asarray(wide_days(grid, cities, config)[hours - first])


@lru_cache(maxsize=64)  # every block of a slot asks for the same hours
def _local(grid: Grid, zone: str, country: str | None) -> tuple[NDArray[np.int8], Flags, Flags]:
    """Hour of the day, weekend and holiday by one clock."""
    stamps = grid.times()
    utc = integers(stamps.astype("datetime64[s]").astype(np.int64), pa.timestamp("s", zone))
    clock = pc.local_timestamp(utc).cast(pa.int64())
    local = view(pa.chunked_array([clock])).view("datetime64[s]")
    day = local.astype("datetime64[D]")
    hour = (local.astype("datetime64[h]") - day).astype(np.int8)
    weekday = (day.astype(np.int64) + 3) % 7
    weekend, free = _free(country, *_years(day)) if country else (frozenset((SATURDAY, 6)), frozenset())
    return hour, np.isin(weekday, list(weekend)), np.isin(day, np.array(sorted(free), dtype="datetime64[D]"))


def _years(days: Stamps) -> tuple[int, int]:
    if not len(days):
        return 1970, 1970
    first, last = days[[0, -1]].astype("datetime64[Y]").astype(np.int64) + 1970
    return int(first), int(last)


@lru_cache(maxsize=256)  # every block of every slot asks for the same two years
def _free(country: str, first: int, last: int) -> tuple[frozenset[int], frozenset[date]]:
    """The weekdays of the weekend (Monday is 0), and the days that are free or bridge one to the weekend."""
    known = _holidays(country, first, last)
    weekend = frozenset(known.weekend)
    public = set(known)
    days = set(public)
    for day in public:
        for way in (1, -1):  # the day between a holiday and the weekend
            bridge = day + way * timedelta(days=1)
            beyond = bridge + way * timedelta(days=1)
            if bridge.weekday() not in weekend and beyond.weekday() in weekend:
                days.add(bridge)
    days |= {date(year, *end) for year in range(first, last + 1) for end in YEAR_END}
    return weekend, frozenset(days)


def _holidays(country: str, first: int, last: int):  # type: ignore[no-untyped-def]  # the library's class
    import holidays

    try:
        return holidays.country_holidays(country, years=range(first, last + 1))
    except NotImplementedError:
        raise ConfigError(
            f"detection.country: the holidays of {country!r} are not known: leave it out, or see "
            f"the countries of the package `holidays`"
        ) from None


def check_countries(config: Config) -> None:
    """Raise ConfigError for a country without known holidays, before a slot needs them."""
    for country in {config.detection.country, *config.detection.countries.values()} - {None}:
        _free(str(country), 2020, 2020)
