"""Kolmogorov–Smirnov statistic."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from drift.domain import Floats
from drift.statistics.base import Comparison, Statistic, Values, judge, scalar
from drift.values import quiet


def ks(reference: ArrayLike, current: ArrayLike) -> float:
    """Two-sample Kolmogorov–Smirnov statistic: sup |F − G|, the largest gap of the distribution functions.

    Exact, with ties. There is no p-value: hourly load is not independent, so it would mean nothing.

    Shape: two 1-D samples of any lengths, in any order. Unit: fraction, from 0 (same) to 1 (apart).
    Zero and negative values are values like any other; a constant reference is one too. NaN and infinity
    are left out.

    Raises:
        UndefinedError: no current values, or no reference values.

    >>> ks([1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 4.0, 5.0])
    0.5

    Source: Smirnov (1948), doi 10.1214/aoms/1177730256.
    """
    return scalar(KS, reference, current)


@quiet
def _rows(comparison: Comparison) -> Values:
    below, up_to = _ranks(comparison)
    count = comparison.current.n[:, np.newaxis]
    step = np.arange(below.shape[1])
    # G − F is largest right at a current value and F − G just before one. Of tied values the last has the
    # largest (step + 1) and the first the smallest step, so ties need no grouping.
    above = (step + 1) / count - up_to
    under = below - step / count
    gap = np.maximum(above, under).max(axis=1, initial=0.0, where=step < count)
    return judge(gap, comparison, least=1, constant=True)


def _ranks(comparison: Comparison) -> tuple[Floats, Floats]:
    """The shares of reference values below, and up to and with, each current value."""
    reference = comparison.reference.sample
    below = np.empty(comparison.current.values.shape)
    up_to = np.empty(below.shape)
    for row, (values, x) in enumerate(zip(reference.values, comparison.current.values, strict=True)):
        below[row] = values.searchsorted(x)
        up_to[row] = values.searchsorted(x, side="right")
    size = reference.n[:, np.newaxis]
    return below / size, up_to / size


KS = Statistic(
    "ks",
    _rows,
    title="Kolmogorov–Smirnov",
    definition="Largest gap between the two distribution functions, exact with ties; the statistic, not a "
    "p-value.",
)
