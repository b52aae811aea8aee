"""Mean width of the prediction intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from drift.domain import Undefined
from drift.metrics.base import Metric, Sample, Values, as_rows, mean_over, scalar
from drift.values import quiet


def mean_interval_width(lower: ArrayLike, upper: ArrayLike) -> float:
    """Mean width of the intervals: mean of upper − lower.

    Of two forecasts with the right coverage, the narrower one says more. In a block, only hours that also
    have an actual count, so that it describes the same hours as the coverage.

    Shape: two 1-D arrays or Series of one length, paired by position. Unit: that of the load.
    Zero and negative bounds are values like any other; an interval with lower > upper counts with its
    negative width. NaN and infinity: the interval is left out.

    Raises:
        UndefinedError: no interval, or the widths overflow 64-bit floats.

    >>> mean_interval_width([90.0, 80.0], [110.0, 120.0])
    30.0

    Source: Gneiting, Balabdaoui and Raftery (2007), doi 10.1111/j.1467-9868.2007.00587.x, on sharpness.
    """
    low, high = as_rows(lower, upper)
    anything = np.zeros_like(low)  # stands for the actuals, which the width does not ask for
    return scalar(MEAN_INTERVAL_WIDTH, Sample(anything, anything, lower=low, upper=high))


@quiet
def _rows(sample: Sample) -> Values:
    lower, upper, known = sample.interval
    return mean_over(sample, upper - lower, known, Undefined.NO_INTERVAL)


MEAN_INTERVAL_WIDTH = Metric(
    "mean_interval_width", _rows, better="lower", unit="load", title="Interval width"
)
