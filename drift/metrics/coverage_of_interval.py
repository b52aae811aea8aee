"""Share of actuals inside their prediction interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from drift.domain import Undefined
from drift.metrics.base import Metric, Sample, Values, as_rows, beside, mean_over, scalar


def coverage_of_interval(actual: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float:
    """Share of actuals inside their interval: mean of [lower ≤ actual ≤ upper].

    It should equal the interval's nominal level (0.8 for an 80 % interval): less is overconfident, more is
    too wide. An actual on a bound is inside; an interval with lower > upper holds nothing.

    Shape: three 1-D arrays or Series of one length, paired by position. Unit: fraction.
    Zero and negative values are values like any other. NaN and infinity: the pair is left out.

    Raises:
        UndefinedError: no actual, or none with both bounds.

    >>> coverage_of_interval([1.0, 2.0, 3.0, 4.0], [0.0, 2.0, 2.0, 5.0], [2.0, 3.0, 4.0, 6.0])
    0.75

    Source: Christoffersen (1998), doi 10.2307/2527341.
    """
    (a,) = as_rows(actual)
    return scalar(
        COVERAGE_OF_INTERVAL, Sample(a, predicted=a, lower=beside(a, lower), upper=beside(a, upper))
    )


def _rows(sample: Sample) -> Values:
    lower, upper, known = sample.interval
    inside = (lower <= sample.actual) & (sample.actual <= upper)
    return mean_over(sample, inside.astype(np.float64), known, Undefined.NO_INTERVAL)


COVERAGE_OF_INTERVAL = Metric(
    "coverage_of_interval", _rows, better="level", unit="fraction", title="Interval coverage"
)
