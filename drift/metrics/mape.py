"""Mean absolute percentage error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from drift.domain import Undefined
from drift.metrics.base import Metric, Sample, Values, as_rows, mean_over, not_negative, scalar
from drift.values import quiet


def mape(actual: ArrayLike, predicted: ArrayLike, *, floor: float = 0.0) -> float:
    """Mean absolute percentage error, as a fraction: mean of |predicted − actual| ÷ |actual|.

    Shape: two 1-D arrays or Series of one length, paired by position. Unit: fraction (0.031 is 3.1 %).
    Zero: an actual at or below `floor` in size (by default: zero) is left out, since a percentage of
    nothing says nothing. Negative actuals count by their size. NaN and infinity: the pair is left out.

    Raises:
        UndefinedError: no pair, or every actual at or below the floor.

    >>> mape([100.0, 200.0], [125.0, 250.0])
    0.25

    Source: Hyndman and Koehler (2006), doi 10.1016/j.ijforecast.2006.03.001, section 3.2.
    """
    a, p = as_rows(actual, predicted)
    return scalar(MAPE, Sample(a, p, floor=not_negative("floor", floor)))


@quiet
def _rows(sample: Sample) -> Values:
    counted = sample.size > sample.floor
    ratio = np.where(counted, sample.absolute_error / sample.size, 0.0)
    return mean_over(sample, ratio, counted, Undefined.ACTUALS_AT_FLOOR)


MAPE = Metric("mape", _rows, better="lower", unit="fraction", title="MAPE")
