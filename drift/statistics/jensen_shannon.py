"""Jensen–Shannon distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from drift.domain import Floats
from drift.statistics.base import BINS, Comparison, Statistic, Values, judge, scalar
from drift.values import quiet


def jensen_shannon(reference: ArrayLike, current: ArrayLike, *, bins: int = BINS) -> float:
    """Jensen–Shannon distance: √(½ Σ p·log₂(p ÷ m) + ½ Σ q·log₂(q ÷ m)), where m = (p + q) ÷ 2.

    p and q are the reference and current shares of the bins: cut at the reference's quantiles (by default
    its deciles), the outer ones open-ended, each with its right edge. An empty bin needs no floor here.

    Shape: two 1-D samples of any lengths, in any order. Unit: none, from 0 (equal shares) to 1 (no bin in
    common); base 2. Zero and negative values are values like any other. NaN and infinity are left out.

    Raises:
        UndefinedError: no current values, fewer reference values than bins, or all of those equal.

    >>> round(jensen_shannon([1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 4.0, 5.0], bins=2), 6)
    0.557923

    Source: Lin (1991), doi 10.1109/18.61115; its root as a distance: Endres and Schindelin (2003),
    doi 10.1109/TIT.2003.813506.
    """
    return scalar(JENSEN_SHANNON, reference, current, bins)


@quiet
def _rows(comparison: Comparison) -> Values:
    p, q = comparison.reference.shares, comparison.shares
    middle = (p + q) / 2.0
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2.0
    # between nearly equal shares, rounding can leave the divergence a hair below zero
    return judge(np.sqrt(np.maximum(divergence, 0.0)), comparison, least=p.shape[1])


def _relative_entropy(shares: Floats, middle: Floats) -> Floats:
    entropy: Floats = np.where(shares > 0, shares * np.log2(shares / middle), 0.0).sum(axis=1)
    return entropy


JENSEN_SHANNON = Statistic(
    "jensen_shannon",
    _rows,
    title="Jensen–Shannon",
    definition="Jensen–Shannon distance (the root of the divergence, base 2) of the shares of bins at the "
    "reference's quantiles, open ends, no floor.",
)
