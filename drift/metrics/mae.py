"""Mean absolute error."""

from __future__ import annotations

from numpy.typing import ArrayLike

from drift.metrics.base import Metric, Sample, Values, as_rows, mean_over, scalar


def mae(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Mean absolute error: mean of |predicted − actual|.

    Shape: two 1-D arrays or Series of one length, paired by position. Unit: that of the load.
    Zero and negative values are values like any other. NaN and infinity: the pair is left out.

    Raises:
        UndefinedError: no pair, or the errors overflow 64-bit floats.

    >>> mae([100.0, 200.0], [110.0, 170.0])
    20.0

    Source: Willmott and Matsuura (2005), doi 10.3354/cr030079.
    """
    a, p = as_rows(actual, predicted)
    return scalar(MAE, Sample(a, p))


def _rows(sample: Sample) -> Values:
    return mean_over(sample, sample.absolute_error, sample.scored)


MAE = Metric("mae", _rows, better="lower", unit="load", title="MAE")
