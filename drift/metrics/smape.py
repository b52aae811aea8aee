"""Symmetric mean absolute percentage error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from drift.metrics.base import Metric, Sample, Values, as_rows, mean_over, scalar
from drift.values import quiet


def smape(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Symmetric mean absolute percentage error: mean of 2·|predicted − actual| ÷ (|actual| + |predicted|).

    Shape: two 1-D arrays or Series of one length, paired by position. Unit: fraction, from 0 to 2.
    Zero: a pair of two zeros is a perfect forecast and counts as 0; with one zero it counts as 2.
    Negative values count by their size. NaN and infinity: the pair is left out.

    Raises:
        UndefinedError: no pair.

    >>> smape([100.0, 0.0, 0.0, 50.0], [300.0, 0.0, 10.0, 50.0])
    0.75

    Source: Makridakis (1993), doi 10.1016/0169-2070(93)90079-3, in the form without the factor of 100.
    """
    a, p = as_rows(actual, predicted)
    return scalar(SMAPE, Sample(a, p))


@quiet
def _rows(sample: Sample) -> Values:
    guess = np.abs(sample.predicted)
    larger = np.maximum(sample.size, guess)
    # |a| + |p| overflows where both are huge; divided by the larger of them, it lies between 1 and 2
    sum_of_sizes = 1.0 + np.minimum(sample.size, guess) / larger
    ratio = np.where(larger > 0, 2.0 * (sample.absolute_error / larger) / sum_of_sizes, 0.0)
    return mean_over(sample, ratio, sample.scored)


SMAPE = Metric("smape", _rows, better="lower", unit="fraction", title="sMAPE")
