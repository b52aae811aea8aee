"""Share of pairs within a tolerance of the actual."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from drift.metrics.base import Metric, Sample, Values, as_rows, mean_over, not_negative, scalar
from drift.values import quiet


def within_tolerance(actual: ArrayLike, predicted: ArrayLike, *, tolerance: float = 0.10) -> float:
    """Share of pairs within a tolerance: mean of [|predicted − actual| ≤ tolerance · |actual|].

    Shape: two 1-D arrays or Series of one length, paired by position. Unit: fraction (0.9 is 90 %).
    `tolerance` is a fraction of the actual. Zero: a zero actual is met by a prediction of zero only, since
    every tolerance of nothing is nothing. Negative actuals count by their size. NaN and infinity: the pair
    is left out. A pair that lies on the limit is within, as far as 64-bit floats can tell.

    Raises:
        UndefinedError: no pair.

    >>> within_tolerance([100.0, 100.0, 100.0, 0.0], [110.0, 90.0, 111.0, 0.0])
    0.75

    Source: PRED(l) of Conte, Dunsmore and Shen (1986), Software Engineering Metrics and Models.
    """
    a, p = as_rows(actual, predicted)
    return scalar(WITHIN_TOLERANCE, Sample(a, p, tolerance=not_negative("tolerance", tolerance)))


@quiet
def _rows(sample: Sample) -> Values:
    within = sample.absolute_error <= sample.tolerance * sample.size
    return mean_over(sample, within.astype(np.float64), sample.scored)


WITHIN_TOLERANCE = Metric(
    "within_tolerance", _rows, better="higher", unit="fraction", title="Within tolerance"
)
