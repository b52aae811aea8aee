"""Where a city's features normally lie, how widely they spread, and how that normal moves with time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drift.detectors.trailing import Flags, geometric, over_known
from drift.domain import Floats
from drift.values import quiet

OWN_SHARE = 0.8  # of a city's variance; the rest is the median city's
NORMAL_BOUND = 3.0  # spreads, or times normal: a storm moves the moving normal no further


@dataclass(frozen=True, slots=True, eq=False)
class Location:
    """Centre and spread (N, K) of the features by city."""

    centre: Floats
    spread: Floats

    def shrunk(self, typical: Floats) -> Location:
        """A fifth of the variance is that of the median city (K,), whose spread `typical` is.

        A city that has no values, or only equal ones, gets the median city's; no values, the centre 0.
        """
        own = np.where(self.spread > 0, self.spread, typical)
        spread = np.sqrt(OWN_SHARE * own**2 + (1 - OWN_SHARE) * typical**2)
        return Location(np.nan_to_num(self.centre), spread)


def locate(values: Floats) -> Location:
    """Median and standard deviation of features (S, N, K) by city; NaN for a city without any."""
    return Location(over_known(np.nanmedian, values), over_known(np.nanstd, values))


def typical_spread(blocks: Sequence[Location]) -> Floats:
    """(K,) the spread of the median city."""
    middle: Floats = over_known(np.nanmedian, np.concatenate([block.spread for block in blocks]))
    return middle


@quiet
def standardise(values: Floats, centre: Floats, spread: Floats, clip: float) -> Floats:
    """(values − centre) ÷ spread, growing only logarithmically beyond `clip` spreads; NaN stays NaN.

    z beyond the clip c becomes ±(c + ½ log(1 + |z| − c)): one storm is bounded evidence. Shapes: (S, N, K)
    with (N, K). Unit: spreads.

    >>> standardise(np.array([1.0, 2.0, 9.0]), np.array(1.0), np.array(1.0), clip=5.0).round(3)
    array([0.   , 1.   , 5.693])
    """
    z = (values - centre.astype(values.dtype)) / spread.astype(values.dtype)
    beyond = np.maximum(np.abs(z) - clip, 0)
    return np.where(beyond > 0, np.sign(z) * (clip + 0.5 * np.log1p(beyond)), z)


@dataclass(frozen=True, slots=True)
class Memory:
    """How a moving normal weighs the days before: (1 − λ)λ^k of the day k days back, λ = exp(−1 ÷ `days`),
    the last `terms` days; what is left, λ^terms, is the reference's centre.
    """

    days: float
    terms: int

    @property
    def factor(self) -> float:
        """λ, a day's weight over that of the day after it."""
        return math.exp(-1 / self.days)

    @property
    def rest(self) -> float:
        """Weight of the reference's centre beside a full history."""
        return self.factor**self.terms


def bounded(values: Floats, bound: float = NORMAL_BOUND) -> tuple[Floats, Floats]:
    """The values clipped to ±`bound`, and 1 where they are known, both 0 where not; (S, N) or (S, N, K).

    A NaN feature leaves out the city's whole row: the second is (S, N, 1) then.
    """
    known: Flags = np.isfinite(values)
    if values.ndim == 3:
        known = np.asarray(known.all(axis=-1, keepdims=True))
    return np.where(known, np.clip(values, -bound, bound), 0).astype(values.dtype), known.astype(values.dtype)


def moving_mean(values: Floats, centre: Floats, per_day: int, memory: Memory) -> Floats:
    """The moving normal: a finite exponential mean of the same hour of the days up to each row.

    Σ w_k value_k + rest · centre over Σ w_k + rest, the sums over the known of the last `memory.terms` days,
    values clipped to ±3. Shapes: (S, N) with (N,), or (S, N, K) with (N, K). Unit: that of the values.

    >>> moving_mean(np.array([[1.0], [np.nan]]), np.array([0.0]), 1, Memory(45.0, 76)).round(4).ravel()
    array([0.1063, 0.1042])
    """
    value, known = bounded(values)
    share, rest = values.dtype.type(1 - memory.factor), values.dtype.type(memory.rest)
    total = geometric(value, memory.factor, memory.terms, per_day) * share
    weight = geometric(known, memory.factor, memory.terms, per_day) * share
    mean: Floats = (total + rest * centre.astype(values.dtype)) / (weight + rest)
    return mean
