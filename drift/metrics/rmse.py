"""Root mean squared error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from drift.domain import Floats, Undefined
from drift.metrics.base import Metric, Sample, Values, as_rows, scalar, total, where_undefined
from drift.values import quiet


def rmse(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Root mean squared error: √ mean of (predicted − actual)².

    Shape: two 1-D arrays or Series of one length, paired by position. Unit: that of the load.
    Zero and negative values are values like any other. NaN and infinity: the pair is left out. Huge and
    tiny errors are scaled before they are squared, so their squares neither overflow nor vanish.

    Raises:
        UndefinedError: no pair, or the errors themselves overflow 64-bit floats.

    >>> rmse([100.0, 200.0, 300.0, 400.0], [102.0, 198.0, 306.0, 390.0])
    6.0

    Source: Hyndman and Koehler (2006), doi 10.1016/j.ijforecast.2006.03.001.
    """
    a, p = as_rows(actual, predicted)
    return scalar(RMSE, Sample(a, p))


@quiet
def _rows(sample: Sample) -> Values:
    largest, squares = scaled_squares(sample)
    return where_undefined(largest * np.sqrt(squares / sample.n), (sample.n == 0, Undefined.NO_PAIRS))


@quiet
def scaled_squares(sample: Sample) -> tuple[Floats, Floats]:
    """The largest |error| of each series, and Σ (error ÷ largest)²; two zeros for a perfect forecast."""
    largest = np.max(sample.absolute_error, axis=1, initial=0.0, where=sample.scored)
    share = sample.error / largest[:, np.newaxis]
    return largest, np.where(largest > 0, total(share * share, sample.scored), 0.0)


RMSE = Metric("rmse", _rows, better="lower", unit="load", title="RMSE")
