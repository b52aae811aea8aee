"""Mean absolute scaled error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from drift.domain import Floats, Undefined
from drift.metrics.base import Metric, Sample, Values, as_rows, mean_over, scalar, total
from drift.values import quiet


def mase(actual: ArrayLike, predicted: ArrayLike, reference: ArrayLike, *, season: int = 168) -> float:
    """Mean absolute scaled error: MAE ÷ the mean of |aₜ − aₜ₋season| over the reference actuals.

    Below 1, the forecast errs less than "as one season ago" did in the reference. In a block, each error
    is divided by its own scale, so that series of different size can be pooled.

    Shape: `actual` and `predicted` 1-D of one length, paired by position; `reference` 1-D of any length:
    actuals in the order of time at one distance, NaN where one is missing. `season` counts that distance
    (168 hours: a week). Unit: ratio. Zero and negative values are values like any other. NaN and
    infinity: the pair, or the step of the reference, is left out.

    Raises:
        UndefinedError: no pair, or the seasonal-naive error of the reference is zero or unknown.

    >>> mase([10.0, 20.0], [13.0, 17.0], [1.0, 5.0, 3.0, 7.0], season=2)
    1.5

    Source: Hyndman and Koehler (2006), doi 10.1016/j.ijforecast.2006.03.001; with a season: Hyndman and
    Athanasopoulos (2021), Forecasting: Principles and Practice, third edition, section 5.8.
    """
    a, p = as_rows(actual, predicted)
    scale = seasonal_scale(as_rows(reference)[0], season)
    return scalar(MASE, Sample(a, p, scale=scale[:, np.newaxis]))


_ROWS = 8  # series at once: a year of hours of so many stays in the processor's cache


@quiet
def seasonal_scale(actuals: Floats, season: int) -> Floats:
    """The mean of |aₜ − aₜ₋season| of each series, over the cells where both actuals exist.

    Shape: `(series, times)` at one distance, NaN where an actual is missing, to `(series,)`. NaN where no
    two actuals lie a season apart, or where it overflows: the scale is unknown.

    >>> seasonal_scale(np.array([[1.0, 5.0, 3.0, np.nan], [np.nan, 1.0, 2.0, np.nan]]), season=2)
    array([ 2., nan])
    """
    if season < 1:
        raise ValueError(f"season counts the cells of one season: 1 or more, not {season!r}")
    scale = np.empty(len(actuals))
    for first in range(0, len(actuals), _ROWS):
        few = actuals[first : first + _ROWS]
        step = np.abs(np.subtract(few[:, season:], few[:, :-season], dtype=np.float64))
        known = ~np.isnan(step)
        scale[first : first + _ROWS] = total(step, known) / known.sum(axis=1)
    return np.where(np.isfinite(scale), scale, np.nan)


@quiet
def _rows(sample: Sample) -> Values:
    usable = np.isfinite(sample.scale) & np.greater(sample.scale, 0.0)
    scaled = sample.absolute_error / sample.scale
    return mean_over(sample, scaled, sample.scored & usable, Undefined.NO_SCALE)


MASE = Metric("mase", _rows, better="lower", unit="ratio", title="MASE")
