"""Where a city's features normally lie, how widely they spread, and how that normal moves with time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drift.detectors.trailing import Flags, over_known
from drift.domain import Floats
from drift.values import quiet

OWN_SHARE = 0.8  # of a city's variance; the rest is the median city's
NORMAL_BOUND = 3.0  # spreads, or times normal: a storm moves the moving normal no further


@dataclass(frozen=True, slots=True, eq=False)
class Location:
    """Centre and spread (N, K) of the features by city."""

    centre: Floats
    spread: Floats


def locate(values: Floats) -> Location:
    """Median and standard deviation of features (S, N, K) by city; a fifth of the variance is the median
    city's.

    A city that has no values, or only equal ones, gets the median city's spread; no values, the centre 0.
    """
    own = over_known(np.nanstd, values)
    pooled = np.sqrt(over_known(np.nanmedian, own**2))
    own = np.where(own > 0, own, pooled)
    spread: Floats = np.sqrt(OWN_SHARE * own**2 + (1 - OWN_SHARE) * pooled**2)
    return Location(np.nan_to_num(over_known(np.nanmedian, values)), spread)


@quiet
def standardise(values: Floats, centre: Floats, spread: Floats, clip: float) -> Floats:
    """(values − centre) ÷ spread, growing only logarithmically beyond `clip` spreads; NaN stays NaN.

    z beyond the clip c becomes ±(c + ½ log(1 + |z| − c)): one storm is bounded evidence. Shapes: (S, N, K)
    with (N, K). Unit: spreads.

    >>> standardise(np.array([1.0, 2.0, 9.0]), np.array(1.0), np.array(1.0), clip=5.0).round(3)
    array([0.   , 1.   , 5.693])
    """
    z = (values - centre) / spread
    beyond = np.maximum(np.abs(z) - clip, 0)
    return np.where(beyond > 0, np.sign(z) * (clip + 0.5 * np.log1p(beyond)), z)


def moving_mean(values: Floats, start: Floats, slots: float, bound: float = NORMAL_BOUND) -> Floats:
    """Exponential mean along rows from `start`: mean + (value − mean) ÷ `slots`, values clipped to ±`bound`.

    Shapes: (S, N) with (N,), or (S, N, K) with (N, K), where a NaN feature leaves out the city's whole row. A
    row that is left out keeps the mean as it is. Unit: that of the values.

    >>> moving_mean(np.array([[2.0], [np.nan], [9.0]]), np.array([0.0]), slots=2.0).ravel()
    array([1., 1., 2.])
    """
    clipped = np.clip(np.nan_to_num(values), -bound, bound)
    known: Flags = np.isfinite(values)
    if values.ndim == 3:
        known = np.asarray(known.all(axis=-1, keepdims=True))
    out, mean = np.empty_like(clipped), start.astype(clipped.dtype)
    for row in range(len(values)):
        mean = mean + (clipped[row] - mean) * known[row] / slots
        out[row] = mean
    return out
