"""Wasserstein distance in standard deviations of the reference."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drift.domain import Floats
from drift.statistics.base import Comparison, Statistic, Values, judge, scalar
from drift.values import quiet


def wasserstein(reference: ArrayLike, current: ArrayLike) -> float:
    """First Wasserstein distance ÷ standard deviation of the reference: ∫₀¹ |Q(u) − R(u)| du ÷ σ.

    Q and R are the two quantile functions: how far, on average, the mass of one must move to become the
    other. The integral is exact; σ is that of the population (ddof 0).

    Shape: two 1-D samples of any lengths, in any order. Unit: standard deviations of the reference, from 0
    with no upper end. Zero and negative values are values like any other. NaN and infinity are left out.

    Raises:
        UndefinedError: no current values, fewer than two reference values, all of those equal, or values
            so far apart that they overflow 64-bit floats.

    >>> wasserstein([0.0, 2.0], [3.0, 3.0, 5.0, 5.0])
    3.0

    Source: Vallender (1974), doi 10.1137/1118101.
    """
    return scalar(WASSERSTEIN, reference, current)


@quiet
def _rows(comparison: Comparison) -> Values:
    reference, current = comparison.reference.sample, comparison.current
    moved = np.full(len(current.n), np.nan)
    for row in np.flatnonzero((reference.n > 0) & (current.n > 0)):
        of_reference, of_current, width = _steps(int(reference.n[row]), int(current.n[row]))
        apart = reference.values[row].take(of_reference) - current.values[row].take(of_current)
        moved[row] = np.abs(apart, out=apart) @ width
    return judge(moved / comparison.reference.spread, comparison, least=2)


@lru_cache(maxsize=64)  # in a fleet nearly all series have the same two sizes; 64 pairs of sizes are 4 MB
def _steps(n: int, m: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Where two quantile functions of n and m values are both constant: the index of each value, the width.

    The steps end at 1/n, 2/n … and 1/m, 2/m …: whole numbers, once counted in units of 1/(n·m).
    """
    ends = np.concatenate((np.arange(0, n + 1, dtype=np.int64) * m, np.arange(1, m + 1, dtype=np.int64) * n))
    ends.sort(kind="stable")  # two rising runs, which a stable sort only merges
    width = np.diff(ends)
    start, width = ends[:-1][width > 0], width[width > 0]
    steps = (start // m).astype(np.intp), (start // n).astype(np.intp), width / (n * m)
    for shared in steps:
        shared.setflags(write=False)
    return steps


WASSERSTEIN = Statistic(
    "wasserstein",
    _rows,
    title="Wasserstein",
    definition="First Wasserstein distance between the two samples, exact, in standard deviations of the "
    "reference (ddof 0).",
)
