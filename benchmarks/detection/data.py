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
EPOCH = np.datetime64("1970-01-01T00", "h")
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
COLUMNS = {
    "zone": ("city",),
    "timestamp": ("target_time",),
    "actual": (),
    "forecast": ("predicted",),
}


class DataError(ValueError):
    """Data that cannot be judged; the text says why, and what would do."""


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
    first: np.datetime64 = EPOCH

    @property
    def error(self) -> Array:
        """(H, N) the error as a fraction of the load, positive where too much was forecast."""
        error: Array = (self.forecast - self.load) / self.load
        return error

    def cities(self, keep: Whole) -> Zones:
        """Some of the zones."""
        names = [self.names[number] for number in keep]
        forecast, load, typical = (each[:, keep] for each in (self.forecast, self.load, self.typical))
        return Zones(names, forecast, load, typical, self.hours.cities(keep), self.first)

    def years(self, rows: slice) -> Array:
        """(N,) usable years in the rows."""
        return np.isfinite(self.error[rows]).sum(axis=0) / 8766


def read(
    path: Path, only: Sequence[str] | None = None, marks: str = "end", country: str | None = ""
) -> Zones:
    """The zones of a Parquet file: `zone`, `timestamp` (UTC, the hour's end), `actual` and `forecast`.

    The feature store's own names do as well: `city`, `target_time`, `predicted`. `marks` says whether a
    timestamp marks the start or the end of its interval. Data of 15 or 30 minutes become hourly means. A zone
    whose clock is not known is on UTC. `country` is that of the holidays, by default the United States where
    any zone is one of theirs, and none where none is.

    Raises:
        DataError: it is no Parquet file, lacks a column or a zone, or is coarser than an hour.
    """
    columns = _columns(path)
    table = pq.ParquetFile(path).read(columns).rename_columns(list(COLUMNS))
    names = [str(each) for each in pc.unique(table["zone"]).drop_null().to_pylist()]
    names = sorted(name for name in names if only is None or name in only)
    stamps = table["timestamp"].cast(pa.timestamp("s", *([] if _naive(table) else ["UTC"])))
    seconds = stamps.cast(pa.int64()).to_numpy()
    place = np.asarray(pc.fill_null(pc.index_in(table["zone"], value_set=pa.array(names)), -1))
    mine = place >= 0
    if not mine.any():
        raise DataError(f"{path.name} has no rows of the zones that are asked for")
    values = [table[column].cast(pa.float64()).to_numpy()[mine] for column in ("actual", "forecast")]
    first, load, forecast = gridded(seconds[mine], place[mine], values, len(names), marks == "end")
    whose = ("US" if any(name in CLOCK_OF for name in names) else None) if country == "" else country
    return cleaned(names, forecast, load, first, [CLOCK_OF.get(n, "UTC") for n in names], whose)


def _columns(path: Path) -> list[str]:
    try:
        there = pq.read_schema(path).names
    except pa.ArrowInvalid as error:
        raise DataError(f"{path.name} is no Parquet file") from error
    found = [next((name for name in (ours, *also) if name in there), None) for ours, also in COLUMNS.items()]
    absent = [ours for ours, name in zip(COLUMNS, found, strict=True) if name is None]
    if absent:
        raise DataError(f"{path.name} has no column {', '.join(absent)}; it needs {', '.join(COLUMNS)}")
    return [name for name in found if name is not None]


def _naive(table: pa.Table) -> bool:
    kind = table.schema.field("timestamp").type
    if not pa.types.is_timestamp(kind):
        raise DataError(f"the timestamps are {kind}: make them timestamps in UTC")
    return kind.tz is None


def gridded(
    seconds: Whole, place: Whole, values: Sequence[Array], series: int, ends: bool
) -> tuple[np.datetime64, Array, Array]:
    """Two columns of rows as hourly (H, N), and the start of the first hour; the last of equal rows wins.

    An hour is the mean of its intervals at which both are known, if those are at least half of them.

    Raises:
        DataError: the interval is longer than an hour.
    """
    apart = np.diff(np.unique(seconds))
    step = int(apart.min()) if len(apart) else 3600
    if step > 3600 or 3600 % step:
        raise DataError(f"an interval of {step / 60:g} minutes: give it hourly data, or finer")
    begin = seconds - step if ends else seconds
    first = begin.min() // 3600 * 3600
    rows, parts = (begin - first) // step, 3600 // step
    length = -(-(int(rows.max()) + 1) // parts) * parts
    fine = [np.full((length, series), np.nan) for _ in values]
    for grid, column in zip(fine, values, strict=True):
        grid[rows, place] = column
    if parts > 1:
        both = np.isfinite(fine[0]) & np.isfinite(fine[1])
        enough = both.reshape(-1, parts, series).sum(axis=1) * 2 >= parts
        fine = [np.where(enough, _means(np.where(both, grid, np.nan), parts), np.nan) for grid in fine]
    return np.datetime64(int(first), "s").astype("datetime64[h]"), fine[0], fine[1]


def _means(values: Array, parts: int) -> Array:
    known = np.isfinite(values).reshape(-1, parts, values.shape[1])
    total = np.where(np.isfinite(values), values, 0).reshape(known.shape).sum(axis=1)
    means: Array = total / np.maximum(known.sum(axis=1), 1)
    return means


def cleaned(
    names: Sequence[str],
    forecast: Array,
    load: Array,
    first: np.datetime64,
    clocks: Sequence[str],
    country: str | Sequence[str | None] | None = "US",
) -> Zones:
    """The zones without the hours at which either series was a hard fault; `country` of all, or of each."""
    bad = hard_faults(forecast) | hard_faults(load)
    load, forecast = np.where(bad, np.nan, load), np.where(bad, np.nan, forecast)
    stamps = first.astype("datetime64[h]") + np.arange(len(load))
    return Zones(names, forecast, load, typical(load), calendar(stamps, clocks, country), stamps[0])


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


def holiday_dates(years: Sequence[int], country: str | None = "US") -> set[date]:
    """Public holidays of the country, days that bridge one to a weekend, 24 and 31 December; else none."""
    import holidays

    if country is None:
        return set()
    public = set(holidays.country_holidays(country, years=years))
    bridges = {day + timedelta(1) for day in public if day.weekday() == 3}
    bridges |= {day - timedelta(1) for day in public if day.weekday() == 1}
    return public | bridges | {date(year, 12, day) for year in years for day in (24, 31)}


def calendar(
    stamps: NDArray[np.datetime64],
    clocks: Sequence[str],
    country: str | Sequence[str | None] | None = "US",
) -> Hours:
    """The calendar of the hours on every zone's own clock, with its country's holidays."""
    days = stamps.astype("datetime64[D]")
    months = stamps.astype("datetime64[M]").astype(int)
    years = range(int(months[0]) // 12 + 1969, int(months[-1]) // 12 + 1972)
    whose = [country] * len(clocks) if country is None or isinstance(country, str) else list(country)
    free = {
        each: np.array(sorted(holiday_dates(years, each)), dtype="datetime64[D]")
        for each in dict.fromkeys(whose)
    }
    keys = list(zip(clocks, whose, strict=True))
    utc = pa.array(stamps.astype("datetime64[s]")).cast(pa.timestamp("s", "UTC"))
    found = {}
    for clock, land in dict.fromkeys(keys):
        local = pc.local_timestamp(utc.cast(pa.timestamp("s", clock))).to_numpy(zero_copy_only=False)
        day = local.astype("datetime64[D]")
        hour = (local.astype("datetime64[h]") - day).astype(int)
        found[clock, land] = (hour, (day.astype(int) + 3) % 7 >= 5, np.isin(day, free[land]))
    hour, weekend, holiday = (np.stack([found[key][k] for key in keys], axis=1) for k in range(3))
    day_of_year = (days - days.astype("datetime64[Y]")).astype(int) + 1
    return Hours(hour, weekend, holiday, day_of_year, months)


def splits(hours: int) -> list[Split]:
    """The first year is the reference and the rest is judged; then the second year and the time before it.

    The other way round goes back in time: a cross-validation over years, not what would have been deployed.
    Of three years or more each is the reference of the next, as in a service that refits.

    Raises:
        DataError: there is less than a year and 60 days.
    """
    if hours < YEAR + 60 * DAY:
        raise DataError(
            f"{hours // DAY} days are too few, 425 are needed (14 months): a year is fitted, "
            "and at least 60 days are judged"
        )
    years = hours // YEAR
    if years >= 3:
        starts = [YEAR * year for year in range(years)]
        ends = [*starts[2:], hours]
        pairs = zip(starts, starts[1:], ends, strict=False)
        return [
            Split(f"year {number} fitted", slice(start, middle), slice(middle, end))
            for number, (start, middle, end) in enumerate(pairs, start=1)
        ]
    found = [Split("first year fitted", slice(0, YEAR), slice(YEAR, hours))]
    if years == 2:
        found.append(Split("second year fitted", slice(YEAR, 2 * YEAR), slice(WARM_UP_DAYS * DAY, YEAR)))
    return found
