"""PURE. The hour that a clock shows twice, told apart by the order of the rows.

Why: a local time without a zone names two hours on the day when the clock goes back. Rows of both are there,
one after the other, in whatever wrote a day of local time; leaving them out costs an hour a year, and taking
the first for the second makes a forecast look wrong.

How: rows of one series (a city; in predictions also a model version and an issue) whose local time came twice
and that are exactly two are the hour of summer time and then the hour of standard time, if the rows around
them rise: either in UTC, as they were measured, or by the local clock, as a sort leaves them. Anything else
stays unplaced, and is counted: one row alone, three, a table that falls or has no order.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drift.arrow import flags, integers, view, view_or
from drift.stores.casts import UTC_TIME, Placed, microseconds, plain

Codes = NDArray[np.int64]
_NEVER = np.iinfo(np.int64).min


def told_apart(
    local: pa.ChunkedArray, placed: Placed, zone: str, series: Sequence[pa.ChunkedArray]
) -> Placed:
    """The times with both rows of a local time that came twice in their place, as far as the order of the
    table tells; the others stay unplaced.

    `local` are the times as `timestamp[us]`, `placed` what `to_utc` made of them, and `series` the columns
    that say which rows belong together.
    """
    if placed.unplaced is None or not pc.any(placed.unplaced).as_py():
        return placed
    unplaced = view_or(placed.unplaced.cast("uint8"), 0)[0].astype(np.bool_)
    clock = view_or(local.cast("int64"), _NEVER)[0]
    moment = view_or(placed.time.cast("int64"), _NEVER)[0].copy()
    back = _went_back(local, unplaced, zone)
    group = _numbered(series, len(clock))
    pair = _pairs(group, clock, np.flatnonzero(back > 0))
    second = pair[1]
    moment[second] += back[second]
    doubtful = unplaced.copy()
    doubtful[np.concatenate(pair)] = False
    rising = _rising(group, moment, ~doubtful & (clock != _NEVER), back > 0)
    rising |= _rising(group, clock, ~doubtful & (clock != _NEVER), back > 0)
    known = np.concatenate([rows[rising[group[rows]]] for rows in pair])
    unplaced[known] = False
    there = pc.is_valid(placed.time)
    times = pc.if_else(there, pa.chunked_array([integers(moment, UTC_TIME)]), placed.time)
    return Placed(times, pa.chunked_array([flags(unplaced)]))  # type: ignore[arg-type]  # flags, one by one


def _went_back(local: pa.ChunkedArray, unplaced: NDArray[np.bool_], zone: str) -> Codes:
    """Of each row whose time came twice by how much the clock went back, in microseconds; else 0. A time that
    never was is none of them.
    """
    rows = np.flatnonzero(unplaced)
    found, known = np.zeros(len(unplaced), np.int64), local.take(integers(rows))
    distinct = pc.unique(known)
    clock = ZoneInfo(zone)
    both = [(t.replace(tzinfo=clock), t.replace(tzinfo=clock, fold=1)) for t in distinct.to_pylist()]
    apart = np.array([microseconds(later) - microseconds(first) for first, later in both], np.int64)
    found[rows] = np.maximum(apart, 0)[view(pc.index_in(known, value_set=distinct).cast("int64"))]
    return found


def _numbered(series: Sequence[pa.ChunkedArray], rows: int) -> Codes:
    """A number for each row, the same where all the columns are."""
    found = np.zeros(rows, np.int64)
    for column in series:
        values = plain(column)
        codes = view_or(pc.index_in(values, value_set=pc.unique(values)).cast("int64"), -1)[0]
        found = np.unique(found * (rows + 2) + codes + 1, return_inverse=True)[1].astype(np.int64)
    return found


def _pairs(group: Codes, clock: Codes, rows: Codes) -> tuple[Codes, Codes]:
    """The first and the second of exactly two rows of one series and local time, by their order."""
    order = rows[np.lexsort((clock[rows], group[rows]))]
    if not len(order):
        return order, order
    new = np.append(True, (np.diff(group[order]) != 0) | (np.diff(clock[order]) != 0))
    starts = np.flatnonzero(new)
    two = starts[np.diff(np.append(starts, len(order))) == 2]
    return order[two], order[two + 1]


def _rising(
    group: Codes, time: Codes, known: NDArray[np.bool_], twice: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which series rise around and within the rows that came twice, and have a row before or behind them."""
    rows = np.flatnonzero(known)
    rows = rows[np.argsort(group[rows], kind="stable")]
    same = np.diff(group[rows]) == 0
    near = same & (twice[rows][1:] | twice[rows][:-1])
    falls = near & (np.diff(time[rows]) < 0)
    beside = near & (twice[rows][1:] != twice[rows][:-1])
    of, count = group[rows][1:], int(group.max(initial=-1)) + 1
    return np.asarray(
        (np.bincount(of[falls], minlength=count) == 0) & (np.bincount(of[beside], minlength=count) > 0)
    )
