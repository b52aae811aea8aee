"""PURE. Cities whose data are coarser than the grid: nothing can be made of hours that nobody measured.

Finer rows are averaged (`finer.py`); of coarser ones each leaves holes, and a slot would say "low coverage"
of a city of which nothing is missing. So they are named, with the remedy.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from drift.config import format_duration
from drift.domain import Failure
from drift.timeline import Pairs

LOOK_BACK = timedelta(days=7)
LEAST_GAPS, SHARE = 6, 0.9
COARSEST = timedelta(hours=6)  # what comes once a day is an hour that alone is left of it


def coarser(pairs: Pairs) -> list[Failure]:
    """A failure for the cities whose predictions or actuals come every second, third … interval, as of the
    last week; other holes are none of its business.
    """
    last = max(LOOK_BACK // pairs.grid.step, 1)
    found: dict[timedelta, dict[str, None]] = {}
    for values in (pairs.actual, *pairs.judged.predicted):
        known = ~np.isnan(values[:, -last:])
        for row in np.flatnonzero(2 * known.sum(axis=1) <= known.shape[1] + 1):  # usually none
            times = regular(known[row])
            if times and times * pairs.grid.step <= COARSEST:
                found.setdefault(times * pairs.grid.step, {})[pairs.cities[row]] = None
    return [_failure(list(cities), step, pairs.grid.step) for step, cities in found.items()]


def regular(known: NDArray[np.bool_]) -> int:
    """Of how many cells one has a value, where they are evenly apart; 0 where they are not, or too few, or
    each cell has one.

    >>> regular(np.arange(28) % 4 == 1), regular(np.arange(28) % 7 < 2), regular(np.ones(9, bool))
    (4, 0, 0)
    """
    gaps = np.diff(np.flatnonzero(known))
    if len(gaps) < LEAST_GAPS:
        return 0
    most = int(np.bincount(gaps).argmax())
    return most if most > 1 and (gaps == most).mean() >= SHARE else 0


def _failure(cities: list[str], step: timedelta, grid: timedelta) -> Failure:
    some = ", ".join(cities[:5]) + (f" and {len(cities) - 5} more" if len(cities) > 5 else "")
    text = (
        f"rows of {some} are {format_duration(step)} apart, and the interval is {format_duration(grid)}: "
        f"say `store.interval: {format_duration(step)}`, to which finer cities are averaged, or give these "
        f"cities a config of their own"
    )
    return Failure("read", "interval", text)
