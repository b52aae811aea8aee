"""What the prediction intervals say of themselves: whether they hold as much as they promise.

The share of actuals inside, a day, over the last 28 days is held against the nominal level, with what 90 days
before say of how much such shares swing by themselves. A slot's days end at the slot, so they are found by
trailing sums: the same for one slot and for many.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from drift.detectors.trailing import trailing_mean
from drift.domain import Floats
from drift.intervals import design_effect, hits, interval_scores
from drift.reasons import Undefined
from drift.timeline import Pairs, from_start
from drift.values import Values, where_undefined

DAYS, REFERENCE_DAYS = 28, 90
LOOK_BACK = timedelta(days=DAYS + REFERENCE_DAYS)
"""So much before the end of its current window a slot reads to judge intervals."""
LEAST_SHARE = 0.6  # of a day's hours, or the day is not known


def intervals_at(
    pairs: Pairs,
    version: int,
    cities: NDArray[np.intp],
    ends: NDArray[np.int64],
    level: float,
    budget: float,
) -> Values:
    """(slots, cities) the score of a model version's intervals at the slots whose last cell is before `ends`.

    Undefined where a version has no interval, or too few days.
    """
    lower, upper = pairs.judged.lower, pairs.judged.upper
    if lower is None or upper is None:
        nothing = np.full((len(ends), len(cities)), np.nan)
        return where_undefined(nothing, (np.isnan(nothing), Undefined.NO_INTERVAL))
    count = pairs.grid.count
    low, high = (from_start(ends[version, cities], count) for ends in (lower, upper))
    inside = hits(pairs.actual[cities], low, high)
    per_day = timedelta(days=1) // pairs.grid.step
    shares = trailing_mean(inside.T, per_day, int(np.ceil(LEAST_SHARE * per_day)))
    back = per_day * np.arange(DAYS + REFERENCE_DAYS - 1, -1, -1)
    found = [_score(shares, end - 1 - back, level, budget) for end in ends]
    return Values(np.stack([each.value for each in found]), np.stack([each.reason for each in found]))


def _score(shares: Floats, rows: NDArray[np.int64], level: float, budget: float) -> Values:
    """(cities,) of the days that end with these rows; rows before the first are not known."""
    days = np.where((rows >= 0)[:, None], shares[np.maximum(rows, 0)], np.nan)
    return interval_scores(days[-DAYS:], design_effect(days[:-DAYS]), level, budget)
