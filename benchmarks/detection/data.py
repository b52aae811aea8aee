"""A data set of zones as hourly arrays, cleaned of hard faults, with its calendar and its splits into years.

Why cleaned here: a stuck meter or a demand of 330,463 MW is found at once by a rule and is no drift; left
in, one such hour would decide every statistic of its year. How: rows are hours (UTC, the hour's start),
columns are zones.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from drift.detectors import Hours

Array = NDArray[np.floating]
Flags = NDArray[np.bool_]
Whole = NDArray[np.integer]
DAY, YEAR = 24, 365 * 24
STEP = 3  # hours between slots
TYPICAL_DAYS = 28
WARM_UP_DAYS = 100
CLOCKS = {
    "America/New_York": "CPLE CPLW DUK FMPP FPC FPL GVL HST ISNE JEA LGEE NSB NYIS PJM SC SCEG SEC TAL TEC",
    "America/Chicago": "AEC AECI ERCO MISO SOCO SPA SWPP TVA",
    "America/Denver": "EPE IPCO NWMT PACE PNM PSCO WACM WAUW",
    "America/Phoenix": "AZPS SRP TEPC WALC",
    "America/Los_Angeles": "AVA BANC BPAT CHPD CISO DOPD GCPD IID LDWP NEVP PACW PGE PSEI SCL TIDC TPWR",
}
CLOCK_OF = {zone: clock for clock, zones in CLOCKS.items() for zone in zones.split()}


@dataclass(frozen=True, slots=True)
class Split:
    """Rows that a detector is fitted on and rows that it is judged on."""

    name: str
    reference: slice
    test: slice


@dataclass(frozen=True, slots=True)
class Zones:
    """Hourly series (H, N), NaN where nothing or a hard fault was; `typical` is the load's 28-day median."""

    names: Sequence[str]
    forecast: Array
    load: Array
    typical: Array
    hours: Hours

    @property
    def error(self) -> Array:
        """(H, N) the error as a fraction of the load, positive where too much was forecast."""
        return (self.forecast - self.load) / self.load

    def years(self, rows: slice) -> Array:
        """(N,) usable years in the rows."""
        return np.isfinite(self.error[rows]).sum(axis=0) / 8766


def read(path: Path, only: Sequence[str] | None = None) -> Zones:
    """The zones of a Parquet file with `zone`, `timestamp` (the hour's end), `actual` and `forecast`.

    Raises:
        ValueError: a column is missing.
    """
    wanted = ["zone", "timestamp", "actual", "forecast"]
    absent = set(wanted) - set(pq.read_schema(path).names)
    if absent:
        raise ValueError(
            f"{path.name} has no column {', '.join(sorted(absent))}; it needs {', '.join(wanted)}"
        )
    table = pq.ParquetFile(path).read(wanted).to_pydict()
    zones = np.array(table["zone"])
    stamps = np.array([each.replace(tzinfo=None) for each in table["timestamp"]], dtype="datetime64[h]")
    names = [str(each) for each in np.unique(zones) if only is None or each in only]
    start, hours = stamps.min(), int((stamps.max() - stamps.min()).astype(int)) + 1
    series = {}
    for column in ("actual", "forecast"):
        values = np.array(table[column], dtype=float)
        series[column] = np.full((hours, len(names)), np.nan)
        for number, name in enumerate(names):
            mine = zones == name
            series[column][(stamps[mine] - start).astype(int), number] = values[mine]
    first = start - np.timedelta64(1, "h")
    return cleaned(
        names, series["forecast"], series["actual"], first, [CLOCK_OF.get(n, "UTC") for n in names]
    )


def cleaned(
    names: Sequence[str], forecast: Array, load: Array, first: np.datetime64, clocks: Sequence[str]
) -> Zones:
    """The zones without the hours at which either series was a hard fault."""
    bad = hard_faults(forecast) | hard_faults(load)
    load, forecast = np.where(bad, np.nan, load), np.where(bad, np.nan, forecast)
    stamps = first.astype("datetime64[h]") + np.arange(len(load))
    return Zones(names, forecast, load, typical(load), calendar(stamps, clocks))


def hard_faults(values: Array) -> Flags:
    """Missing, not above zero, four equal hours, or out of ¼ to 4 × the recent median of the same hour."""
    bad = ~(values > 0)
    same = np.zeros_like(bad)
    same[1:] = values[1:] == values[:-1]
    stuck = np.zeros_like(bad)
    fourth = same[3:] & same[2:-1] & same[1:-2]
    for back in range(4):
        stuck[3 - back : len(values) - back] |= fourth
    sound = np.where(bad, np.nan, values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no sound hour yet: NaN, which compares false
        ratio = values / np.nanmedian([lagged(sound, DAY * k) for k in (1, 2, 3, 7, 14, 21, 28)], axis=0)
    return bad | stuck | (ratio > 4) | (ratio < 0.25)


def lagged(values: Array, rows: int) -> Array:
    """The values so many rows before; NaN where there are none."""
    out = np.full_like(values, np.nan)
    out[rows:] = values[:-rows]
    return out


def typical(load: Array) -> Array:
    """(H, N) the median of the 28 days before each day's end, taken once a day."""
    out = np.full_like(load, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for row in range(0, len(load), DAY):
            out[row : row + DAY] = np.nanmedian(
                load[max(row + DAY - DAY * TYPICAL_DAYS, 0) : row + DAY], axis=0
            )
    return out


def holiday_dates(years: Sequence[int]) -> set[date]:
    """Public holidays of the United States, days that bridge one to a weekend, 24 and 31 December."""
    import holidays

    public = set(holidays.country_holidays("US", years=years))
    bridges = {day + timedelta(1) for day in public if day.weekday() == 3}
    bridges |= {day - timedelta(1) for day in public if day.weekday() == 1}
    return public | bridges | {date(year, 12, day) for year in years for day in (24, 31)}


def calendar(stamps: NDArray[np.datetime64], clocks: Sequence[str]) -> Hours:
    """The calendar of the hours on every zone's own clock."""
    days = stamps.astype("datetime64[D]")
    months = stamps.astype("datetime64[M]").astype(int)
    years = range(int(months[0]) // 12 + 1969, int(months[-1]) // 12 + 1972)
    free = np.array(sorted(holiday_dates(years)), dtype="datetime64[D]")
    by_clock = {}
    for clock in dict.fromkeys(clocks):
        utc = pa.array(stamps.astype("datetime64[s]")).cast(pa.timestamp("s", "UTC"))
        local = pc.local_timestamp(utc.cast(pa.timestamp("s", clock))).to_numpy(zero_copy_only=False)
        day = local.astype("datetime64[D]")
        hour = (local.astype("datetime64[h]") - day).astype(int)
        by_clock[clock] = (hour, (day.astype(int) + 3) % 7 >= 5, np.isin(day, free))
    hour, weekend, holiday = (np.stack([by_clock[c][k] for c in clocks], axis=1) for k in range(3))
    day_of_year = (days - days.astype("datetime64[Y]")).astype(int) + 1
    return Hours(hour, weekend, holiday, day_of_year, months)


def splits(hours: int) -> list[Split]:
    """The first year is the reference and the rest is judged; then the second year and the time before it.

    The other way round goes back in time: a cross-validation over years, not what would have been deployed.

    Raises:
        ValueError: there is less than a year and 60 days.
    """
    if hours < YEAR + 60 * DAY:
        raise ValueError(f"{hours // DAY} days are too few: a year is fitted and at least 60 days are judged")
    found = [Split("first year fitted", slice(0, YEAR), slice(YEAR, hours))]
    if hours >= 2 * YEAR:
        found.append(Split("second year fitted", slice(YEAR, 2 * YEAR), slice(WARM_UP_DAYS * DAY, YEAR)))
    return found
