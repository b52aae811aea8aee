"""Population stability index."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from drift.domain import Floats
from drift.statistics.base import BINS, SHARE_FLOOR, Comparison, Statistic, Values, judge, scalar
from drift.values import quiet


def psi(
    reference: ArrayLike, current: ArrayLike, *, bins: int = BINS, share_floor: float = SHARE_FLOOR
) -> float:
    """Population stability index: Σ (q − p)·ln(q ÷ p) over the bins, p reference and q current shares.

    The bins are cut at the reference's quantiles (by default its deciles), the outer ones open-ended, each
    with its right edge and without its left one. Each share is at least `share_floor`, and the shares are
    then divided by their sum: an empty bin says how much, not infinitely much.

    Shape: two 1-D samples of any lengths, in any order. Unit: none (nats); 0 for equal shares, no upper
    end. Zero and negative values are values like any other. NaN and infinity are left out.

    Raises:
        UndefinedError: no current values, fewer reference values than bins, or all of those equal.

    >>> round(psi([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 3.0, 4.0], bins=2), 6)  # 0.25 · ln 3
    0.274653

    Source: Siddiqi (2006), Credit Risk Scorecards, chapter 6; it is the divergence J of Jeffreys (1946),
    doi 10.1098/rspa.1946.0056.
    """
    return scalar(PSI, reference, current, bins, share_floor)


@quiet
def _rows(comparison: Comparison) -> Values:
    p = _floored(comparison.reference.shares, comparison.share_floor)
    q = _floored(comparison.shares, comparison.share_floor)
    value = ((q - p) * np.log(q / p)).sum(axis=1)
    return judge(value, comparison, least=p.shape[1])


def _floored(shares: Floats, floor: float) -> Floats:
    raised = np.maximum(shares, floor)
    floored: Floats = raised / raised.sum(axis=1, keepdims=True)
    return floored


PSI = Statistic(
    "psi",
    _rows,
    title="PSI",
    definition="Population stability index: Σ (q − p)·ln(q ÷ p) over bins at the reference's quantiles, open "
    "ends, each share floored and renormalised; natural logarithm.",
)
