"""Coefficient of determination."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from drift.domain import Floats, Undefined
from drift.metrics.base import Metric, Sample, Values, as_rows, scalar, total, where_undefined
from drift.metrics.rmse import scaled_squares
from drift.values import quiet


def r2(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Coefficient of determination: 1 − Σ(predicted − actual)² ÷ Σ(actual − mean of actuals)².

    1 is a perfect forecast, 0 is as good as always saying the mean of these actuals, negative is worse.

    Shape: two 1-D arrays or Series of one length, paired by position. Unit: none.
    Zero and negative values are values like any other. NaN and infinity: the pair is left out. Both sums
    are scaled before they are squared, so huge and nearly constant actuals lose no digits.

    Raises:
        UndefinedError: no pair; all actuals equal, as of a single pair; or it overflows 64-bit floats.

    >>> r2([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 5.0])
    0.8

    Source: Nash and Sutcliffe (1970), doi 10.1016/0022-1694(70)90255-6, who name it model efficiency.
    """
    a, p = as_rows(actual, predicted)
    return scalar(R2, Sample(a, p))


@quiet
def _rows(sample: Sample) -> Values:
    largest, squares = scaled_squares(sample)
    span, spread = _scaled_spread(sample)
    return where_undefined(
        1.0 - (largest / span) ** 2 * (squares / spread),
        (sample.n == 0, Undefined.NO_PAIRS),
        (span == 0, Undefined.CONSTANT_ACTUALS),
    )


def _scaled_spread(sample: Sample) -> tuple[Floats, Floats]:
    """`max − min` of the actuals of each series, and their Σ(actual − mean)² in that unit."""
    lowest = np.min(sample.actual, axis=1, initial=np.inf, where=sample.scored)
    highest = np.max(sample.actual, axis=1, initial=-np.inf, where=sample.scored)
    span = highest - lowest
    # counted from the lowest actual, which is exact where a mean would round away what little they vary
    place = (sample.actual - lowest[:, np.newaxis]) / span[:, np.newaxis]
    away = place - (total(place, sample.scored) / sample.n)[:, np.newaxis]
    return span, total(away * away, sample.scored)


R2 = Metric("r2", _rows, better="higher", unit="ratio", title="R²")
