"""Hellinger distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from drift.statistics.base import BINS, Comparison, Statistic, Values, judge, scalar
from drift.values import quiet


def hellinger(reference: ArrayLike, current: ArrayLike, *, bins: int = BINS) -> float:
    """Hellinger distance: √(½ Σ (√p − √q)²) over the bins, p reference and q current shares.

    The bins are cut at the reference's quantiles (by default its deciles), the outer ones open-ended, each
    with its right edge. An empty bin needs no floor here.

    Shape: two 1-D samples of any lengths, in any order. Unit: none, from 0 (equal shares) to 1 (no bin in
    common). Zero and negative values are values like any other. NaN and infinity are left out.

    Raises:
        UndefinedError: no current values, fewer reference values than bins, or all of those equal.

    >>> round(hellinger([1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 4.0, 5.0], bins=2), 6)  # √(1 − √½)
    0.541196

    Source: Hellinger (1909), doi 10.1515/crll.1909.136.210.
    """
    return scalar(HELLINGER, reference, current, bins)


@quiet
def _rows(comparison: Comparison) -> Values:
    p, q = comparison.reference.shares, comparison.shares
    apart = np.sqrt(p) - np.sqrt(q)
    return judge(np.sqrt((apart * apart).sum(axis=1) / 2.0), comparison, least=p.shape[1])


HELLINGER = Statistic(
    "hellinger",
    _rows,
    title="Hellinger",
    definition="Hellinger distance √(½ Σ (√p − √q)²) of the shares of bins at the reference's quantiles, "
    "open ends, no floor.",
)
