"""PURE. Values that stand still: which runs of equal values are too long to be chance.

A meter that hangs repeats its last value. So does the load of a city that is rounded coarsely, or the same
all night; such a city needs a longer run, by how often its values stood still in the weeks before.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.domain import Floats
from drift.values import Bools, quiet

_STILL = 0.01  # share of hours that stand still, believed of a city that has shown nothing yet …
_STILL_HOURS = 24  # … with the weight of so many values; in the EIA's zones the share is 0.0001 to 0.04
_AGAIN = 4.0  # times the odds of standing still for an hour are those of one more such hour

NEVER = np.iinfo(np.int32).max
"""The cell of what was not told: after every other."""

_Whole: TypeAlias = NDArray[np.int64]


class StuckRule(NamedTuple):
    """What a run is held against."""

    shortest: int
    """Values in the shortest run that is stuck."""
    share: float
    """Of its hours, in which a city may stand still for a run of that length to be stuck."""
    memory_days: int
    """A run that is older is a constant series; and how far back a city's share is counted."""


@quiet
def stuck_cells(values: Floats, per_day: int, rule: StuckRule, *, hindsight: bool = True) -> Bools:
    """(R, n) every value of a run that stands still for longer than the city's values do by chance; without
    hindsight, from the value on by which the run was long enough.

    `values` (R, n), rows are times, `per_day` a day; NaN ends a run, and so do zero and below.

    >>> load = np.array([[7.0, 5.0, 5.0, 5.0, 5.0, 9.0]]).T
    >>> stuck_cells(load, 24, StuckRule(4, 0.07, 28)).ravel().nonzero()[0]
    array([1, 2, 3, 4])
    >>> stuck_cells(load, 24, StuckRule(4, 0.07, 28), hindsight=False).ravel().nonzero()[0]
    array([4])
    """
    out = np.zeros(values.shape, bool)
    same = (values[1:] == values[:-1]) & (values[1:] > 0)
    cities = np.flatnonzero(_all_of(same, rule.shortest - 1).any(axis=0))
    if len(cities):
        known = np.isfinite(values[:, cities]).T
        runs = np.ascontiguousarray(same[:, cities].T)
        out[:, cities] = _cells(runs, known, per_day, rule, hindsight).T
    return out


@quiet
def stuck_told(values: Floats, per_day: int, rule: StuckRule, first: int = 0) -> NDArray[np.int32]:
    """(n, R − first) by which cell each value of a stuck run was known to be one; `NEVER` elsewhere.

    `values` (n, R), rows are cities; told are those from cell `first` on. The same runs as `stuck_cells`, but
    each judged by the `memory_days` before its value and before its beginning, and by nothing older: so a
    window cut from a series says the same.

    >>> load = np.array([[7.0, 5.0, 5.0, 5.0, 5.0, 9.0]])
    >>> stuck_told(load, 24, StuckRule(4, 0.07, 28))[0, 1:5].tolist()
    [4, 4, 4, 4]
    """
    out = np.full((len(values), values.shape[1] - first), NEVER, np.int32)
    same = (values[:, 1:] == values[:, :-1]) & (values[:, 1:] > 0)
    cities = np.flatnonzero(_all_of(same.T, rule.shortest - 1).any(axis=0))
    if not len(cities):
        return out
    memory, known = rule.memory_days * per_day, np.isfinite(values[cities])
    city, start, stop = _runs(same[cities])
    before = _counts(known)
    begun = before[city, start] > before[city, np.maximum(start - memory, 0)]
    keep = begun & (stop - start >= rule.shortest)
    city, start, stop = city[keep], start[keep], stop[keep]
    share = _share_still(same[cities], known, city, start, per_day, rule)
    least = np.ceil(_least_run(share, per_day, rule)).astype(np.int64)
    for c, begin, end, needed in zip(city, start, stop, least, strict=True):
        if end - begin >= needed:
            cells = np.arange(max(begin, first), min(end, begin + memory))
            out[cities[c], cells - first] = np.maximum(cells, begin + needed - 1)
    return out


def _all_of(flags: Bools, rows: int) -> Bools:
    """Whether each row begins so many that all hold, in steps that double."""
    done = 1
    while done < rows and len(flags):
        step = min(done, rows - done)
        flags, done = flags[step:] & flags[:-step], done + step
    return flags


def _cells(same: Bools, known: Bools, per_day: int, rule: StuckRule, hindsight: bool) -> Bools:
    """(k, R) of k cities, whose values are `known` and the `same` as the one before."""
    city, start, stop = _runs(same)
    begun = start > known.argmax(axis=1)[city]  # a series that never changed is constant, not stuck
    keep = begun & (stop - start >= rule.shortest)
    city, start, stop = city[keep], start[keep], stop[keep]
    least = _least_run(_share_still(same, known, city, start, per_day, rule), per_day, rule)
    stuck = stop - start >= least
    stop = np.minimum(stop, start + rule.memory_days * per_day)
    if not hindsight:
        start = np.minimum(start + np.ceil(least).astype(np.int64) - 1, stop)
    edges = np.zeros((len(known), known.shape[1] + 1), np.int8)
    edges[city[stuck], start[stuck]] += 1
    edges[city[stuck], stop[stuck]] -= 1
    return np.cumsum(edges[:, :-1], axis=1, dtype=np.int8) > 0


def _runs(same: Bools) -> tuple[_Whole, _Whole, _Whole]:
    """City, first cell and cell after the last of every run of two and more equal values."""
    padded = np.pad(same, ((0, 0), (1, 1)))
    edge = np.flatnonzero(padded.ravel()[1:] != padded.ravel()[:-1])
    city, cell = np.divmod(edge, padded.shape[1])
    return city[::2], cell[::2], cell[1::2] + 1


def _share_still(
    same: Bools, known: Bools, city: _Whole, start: _Whole, per_day: int, rule: StuckRule
) -> Floats:
    """(runs,) how often, in the days before a run, the city's values stood still for an hour."""
    hour = _hour(per_day)
    still, possible = _counts(_all_of(same.T, hour).T), _counts(known)
    begin = np.maximum(start - rule.memory_days * per_day, 0)
    end = np.maximum(start - hour, begin)
    count = still[city, end] - still[city, begin]
    share: Floats = (count + _STILL * _STILL_HOURS) / (
        possible[city, end] - possible[city, begin] + _STILL_HOURS
    )
    return share


def _least_run(share: Floats, per_day: int, rule: StuckRule) -> Floats:
    """Values in a run that is stuck: as rare for this share as the shortest is at `stuck_share`.

    To stand still for n hours has the probability p qⁿ⁻¹, if p is that of one hour and q that of one more.
    Flat hours come together: the odds of q are about 2.4 times those of p in the EIA's zones and in rounded
    forms of them, and at most 3.8 times; here they are 4 times, to be careful.
    """
    hours = (rule.shortest - 1) / _hour(per_day)
    rare = np.log(rule.share) + (hours - 1) * np.log(_again(rule.share))
    needed = 1 + (rare - np.log(share)) / np.log(_again(share))
    run: Floats = 1 + np.maximum(needed, hours) * _hour(per_day)
    return run - 1e-6  # of rounding


def _again(share: Floats | float) -> Floats:
    """The probability of standing still for one more hour."""
    odds = _AGAIN * np.asarray(share) / (1 - np.minimum(share, 0.999))
    again: Floats = odds / (1 + odds)
    return again


def _hour(per_day: int) -> int:
    """Cells of an hour; one where a cell is longer."""
    return max(round(per_day / 24), 1)


def _counts(flags: Bools) -> NDArray[np.int32]:
    """(k, R) how many hold before each cell."""
    out = np.zeros((len(flags), flags.shape[1] + 1), np.int32)
    np.cumsum(flags, axis=1, out=out[:, 1:])
    return out
