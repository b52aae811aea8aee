"""Signed mean error."""

from __future__ import annotations

from numpy.typing import ArrayLike

from drift.metrics.base import Metric, Sample, Values, as_rows, mean_over, scalar


def bias(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Signed mean error: mean of predicted − actual. Positive is over-forecast.

    Shape: two 1-D arrays or Series of one length, paired by position. Unit: that of the load.
    Zero and negative values are values like any other. NaN and infinity: the pair is left out.

    Raises:
        UndefinedError: no pair, or the errors overflow 64-bit floats.

    >>> bias([100.0, 200.0], [110.0, 170.0])
    -10.0

    Source: the mean bias error of Willmott (1982), Bulletin of the American Meteorological Society 63,
    1309–1313.
    """
    a, p = as_rows(actual, predicted)
    return scalar(BIAS, Sample(a, p))


def _rows(sample: Sample) -> Values:
    return mean_over(sample, sample.error, sample.scored)


BIAS = Metric("bias", _rows, better="zero", unit="load", title="Bias")
