"""When values became known, and how many hours make pairs: what a slot can see of the latest windows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from drift.arrow import view, view_or
from drift.config import Config, format_duration
from drift.doctor_check import Check, Line
from drift.doctor_rows import Read, names_in_store, some
from drift.domain import Floats, PairCount, iso
from drift.findings import Findings
from drift.stores.casts import moment_at
from drift.suspicions import loaded_at_once
from drift.tables import TableName
from drift.windows import Windows

SINCE: Mapping[TableName, str] = {"predictions": "issue_time", "actuals": "available_time"}
"""The column that says since when a row of a table is known."""
HINDSIGHT = 0.5
"""Share of predictions made after their target time, above which the column says something else."""
_NEVER = np.iinfo(np.int64).min


def coverage(config: Config, found: Findings) -> Iterator[Check]:
    """Which share of the hours of the latest windows make pairs."""
    windows = {"current": found.windows.current, "reference": found.windows.reference}
    counts = [count for count in found.counts if (count.model_version, count.city) not in found.retired]
    said, low = [], []
    for name, window in windows.items():
        hours = window.length // found.cadence.step
        shares = {
            _series(count): count.used / hours for count in counts if count.window == name and count.city
        }
        if not shares:
            continue
        least = min(shares, key=lambda series: shares[series])
        said.append(
            f"{sum(shares.values()) / len(shares):.1%} of the {name} window's hours make pairs, least "
            f"{shares[least]:.1%} in {least}"
        )
        if name == "current":
            low = [series for series, share in shares.items() if share < config.accuracy.min_coverage]
    if said:
        remedy = f"below accuracy.min_coverage nothing is said of them: {some(low)}" if low else ""
        yield Check("coverage", "; ".join(said), remedy)


def _series(count: PairCount) -> str:
    return f"{count.city}, {count.model_version}"


def known_since(config: Config, read: Read) -> Iterator[Check]:
    """Whether the columns that say since when a row is known can be meant."""
    for name, column in SINCE.items():
        table = read.given[name]
        if column not in table.column_names or not table.num_rows:
            continue
        since, null = _times(read, name, column)
        target = view(table["target_time"].cast("int64"))[~null]
        at = loaded_at_once(since, target)
        after = float(np.mean(since > target)) if len(since) else 0.0
        theirs = names_in_store(config, name).get(column, column)
        other = (
            f"map {column} to the time at which it was {'made' if name == 'predictions' else 'first known'}"
        )
        if at is not None:
            yield Check(
                f"{column} of {name}",
                f"more than half of the rows say {iso(moment_at(at))}, when they were loaded together",
                f"no slot before knows them, and a replay finds nothing: {other}, not to `{theirs}`, or to "
                f"no column",
            )
        elif name == "predictions" and after > HINDSIGHT:
            yield Check(
                f"{column} of {name}",
                f"{after:.0%} of the predictions were made after the hour they are for",
                f"such are not judged: {other}, not to `{theirs}`, or to no column",
                bad=True,
            )


def _times(read: Read, name: TableName, column: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The moments of the rows that have one, and where there is none."""
    values, null = view_or(read.given[name][column].cast("int64"), _NEVER)
    return np.asarray(values[~null], dtype=np.int64), null


def delay(config: Config, read: Read, windows: Windows) -> Iterator[Check]:
    """How late actuals come, and whether a slot has enough of them."""
    came = read.timeline.arrivals(windows)
    if came is None or not np.isfinite(came.delay).any():
        hours = np.isfinite(read.timeline.known(read.timeline.grid.cut(windows.history), windows))
        yield Check(
            "delay of actuals",
            f"each counts as known when its hour is over; {_newest(read, hours)}",
        )
        return
    late = came.delay[np.isfinite(came.delay)]
    half, most = (timedelta(seconds=float(np.quantile(late, share))) for share in (0.5, 0.95))
    slow = _slow(read.timeline.cities, came.delay)
    lag = _needed(late, config, windows)
    yield Check(
        "delay of actuals",
        f"half are known {_about(half)} after their hour, 95 % after {_about(most)}{slow}",
        "" if lag is None else "a slot has too few of them to judge: let the current window end earlier",
        write=() if lag is None else ((Line("windows", f"lag: {format_duration(lag)}"),),),
    )


def _newest(read: Read, known: NDArray[np.bool_]) -> str:
    """How old the newest actual is, in the middle of the cities."""
    ages = [(len(row) - 1 - int(np.flatnonzero(row)[-1])) * read.cadence.step for row in known if row.any()]
    return (
        f"the newest is {_about(sorted(ages)[len(ages) // 2])} old at the slot" if ages else "there is none"
    )


def _slow(cities: tuple[str, ...], delays: Floats) -> str:
    """The cities whose actuals come far later than the others'."""
    middle = [float(np.median(row[np.isfinite(row)])) if np.isfinite(row).any() else np.nan for row in delays]
    usual = float(np.nanmedian(middle))
    slow = [city for city, each in zip(cities, middle, strict=True) if each > max(2 * usual, usual + 3600)]
    return f"; far later in {some(slow)}" if slow else ""


def _needed(late: Floats, config: Config, windows: Windows) -> timedelta | None:
    """The lag with which nine tenths of the current window's hours are known; None where enough are as it is.

    Of an hour that ended `age` before the slot the share is known whose delay is no longer.
    """
    hours = np.arange(1, windows.current.length // timedelta(hours=1) + 1) * 3600.0
    lag = (windows.slot - windows.current.end).total_seconds()
    known = float(np.mean([np.mean(late <= age - 3600 + lag) for age in hours]))
    if known >= config.accuracy.min_coverage:
        return None
    return timedelta(hours=math.ceil(float(np.quantile(late, 0.9)) / 3600))


def _about(length: timedelta) -> str:
    """A length of time to the minute below two hours, to the hour below three days, else to the day.

    >>> _about(timedelta(minutes=89, seconds=3)), _about(timedelta(hours=30.2)), _about(timedelta(days=9))
    ('89m', '30h', '9d')
    """
    minutes = max(round(length.total_seconds() / 60), 0)
    if minutes < 120:
        return f"{minutes}m"
    return f"{round(minutes / 60)}h" if minutes < 3 * 1440 else f"{round(minutes / 1440)}d"
