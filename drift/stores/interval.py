"""The interval of a table, found from its times.

Why: nobody should have to say what the data says; and a table of many years need not be read whole for it.

How: PURE. The row groups with the latest times are a sample without gaps of its own; within each of its
cities consecutive times are one interval apart, but for holes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drift.arrow import labelled, view
from drift.stores.footers import Bounds

Times: TypeAlias = NDArray[np.int64]
Codes: TypeAlias = NDArray[np.int32]

_MICROSECOND = timedelta(microseconds=1)
_HOUR = timedelta(hours=1) // _MICROSECOND
_LEAST_GAPS = 24
SAMPLE_ROWS = 2_000_000
_SAMPLE_GROUPS = 512


def latest_groups(files: Sequence[Sequence[Bounds]], sample: int = SAMPLE_ROWS) -> Mapping[int, list[int]]:
    """The numbers of the files, and in each of the row groups, that are the sample of so many rows."""
    groups = [(bounds, f, g) for f, file in enumerate(files) for g, bounds in enumerate(file) if bounds.rows]
    groups.sort(key=lambda group: group[0].times[1] if group[0].times else 0, reverse=True)
    chosen: dict[int, list[int]] = {}
    rows = 0
    for bounds, file, group in groups[:_SAMPLE_GROUPS]:
        if rows < sample:
            chosen.setdefault(file, []).append(group)
            rows += bounds.rows
    return chosen


def commonest_phase(rows: pa.Table, step: timedelta) -> timedelta:
    """How long after a whole number of steps since 1970 most target times lie: half an hour in India.

    Rows finer than the step have several phases, and are averaged to any grid that meets them: they have no
    say beside others, and by themselves the smallest.
    """
    times, codes = _keys(rows)
    length = step // _MICROSECOND
    phases = times % length
    if not phases.any():
        return timedelta(0)
    each = _by_city(*_gaps(times, codes))
    fine = (each > 0) & (each < length)
    coarse = ~fine[codes]
    if coarse.any():
        return timedelta(microseconds=_commonest(phases[coarse]))
    return timedelta(microseconds=_commonest(times % int(each.max())))


def commonest_distance(rows: pa.Table, *others: pa.Table) -> timedelta | None:
    """The interval of the tables: the distance of target times that most cities have in them, or the longest
    that any city has evenly, up to an hour. Finer rows are averaged to it.

    A city has the commonest distance of its consecutive distinct target times; the shortest, if several; not
    evenly, where that is less than half of them, or fewer than a day of hours. None: there are none.
    """
    each, even = [], []
    for table in (rows, *others):
        gaps, of, cities = _gaps(*_keys(table))
        own = _by_city(gaps, of, cities)
        each.append(own[own > 0])
        like = np.bincount(of[gaps == own[of]], minlength=cities)
        even.append(own[(like >= _LEAST_GAPS) & (2 * like >= np.bincount(of, minlength=cities))])
    votes = next((own for own in each if own.size), None)
    if votes is None:
        return None
    most = _commonest(votes)
    longer = [int(d) for d in np.concatenate(even) if most < d <= _HOUR and d % most == 0]
    return timedelta(microseconds=max(longer, default=most))


def _keys(rows: pa.Table) -> tuple[Times, Codes]:
    """Target times, and a number for each city."""
    city = labelled(rows["city"]).unify_dictionaries()
    codes = np.concatenate([np.empty(0, np.int32), *(np.from_dlpack(c.indices) for c in city.chunks)])
    return view(rows["target_time"].cast(pa.int64())), codes


def _gaps(times: Times, codes: Codes) -> tuple[Times, Codes, int]:
    """The distances of consecutive distinct times within a city, the city of each, and how many there are."""
    order = np.lexsort((times, codes))
    gaps, of = np.diff(times[order]), codes[order]
    there = (of[1:] == of[:-1]) & (gaps > 0)
    return gaps[there], of[1:][there], int(codes.max(initial=-1)) + 1


def _by_city(gaps: Times, of: Codes, cities: int) -> Times:
    """The commonest distance of each city; the shortest, if several; 0 where it has none."""
    found = np.zeros(cities, np.int64)
    if not gaps.size:
        return found
    if (gaps == gaps[0]).all():  # as in most stores
        found[of] = gaps[0]
        return found
    lengths = np.unique(gaps)
    both = of.astype(np.int64) * len(lengths) + np.searchsorted(lengths, gaps)
    pairs, counts = np.unique(both, return_counts=True)
    city, length = np.divmod(pairs, len(lengths))
    order = np.lexsort((-length, counts, city))  # the last of each city wins
    found[city[order]] = lengths[length[order]]
    return found


def _commonest(values: Times) -> int:
    """The smallest, if several."""
    found, counts = np.unique(values, return_counts=True)
    return int(found[np.argmax(counts)])
