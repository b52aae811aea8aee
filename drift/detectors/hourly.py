"""Data finer than an hour become hours: what is normal is known by hour of the day.

An hour is the mean of its pairs, where at least half of them are there: an actual without its prediction
would make the two means of different times.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from drift.detectors.trailing import Flags
from drift.domain import Floats, Window
from drift.errors import UndefinedError
from drift.reasons import Undefined
from drift.values import quiet

HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def hourly_window(window: Window, step: timedelta) -> Window:
    """The whole hours in the window; with hourly data, whatever minute they begin at, the window itself.

    Raises:
        UndefinedError: intervals of `step` are no part of an hour.

    >>> noon = datetime(2020, 1, 1, 12, tzinfo=UTC)
    >>> quarter = timedelta(minutes=15)
    >>> str(hourly_window(Window(noon - 5 * quarter, noon + quarter), quarter))
    '[2020-01-01T11:00:00Z, 2020-01-01T12:00:00Z)'
    """
    _check(step)
    if step == HOUR:
        return window
    start = _EPOCH - (_EPOCH - window.start) // HOUR * HOUR  # rounds up
    end = _EPOCH + (window.end - _EPOCH) // HOUR * HOUR
    return Window(start, max(start, end))


@quiet
def hourly(actual: Floats, predicted: Floats, step: timedelta) -> tuple[Floats, Floats]:
    """Actuals and predictions (n, T) at intervals of `step`, from the start of an hour on, as (H, n) by hour.

    The mean over an hour's pairs; without half of them there is no prediction (NaN), and the actual is the
    mean of at least half of its own. The unit stays.

    Raises:
        UndefinedError: intervals of `step` are no part of an hour.

    >>> four = np.array([[1.0, 3.0, np.nan, 4.0, np.nan, np.nan]])
    >>> hourly(four, four + 1, timedelta(minutes=30))
    (array([[ 2.],
           [ 4.],
           [nan]]), array([[ 3.],
           [ 5.],
           [nan]]))
    """
    _check(step)
    if step == HOUR:
        return np.ascontiguousarray(actual.T), np.ascontiguousarray(predicted.T)
    known, parts = np.isfinite(actual) & np.isfinite(predicted), HOUR // step
    paired, alone = (_means(actual, some, parts) for some in (known, np.isfinite(actual)))
    return np.where(np.isnan(paired), alone, paired), _means(predicted, known, parts)


@quiet
def hourly_means(values: Floats, step: timedelta) -> Floats:
    """Values (n, T) of one kind, such as a feature's, at intervals of `step`, as (H, n) by hour.

    The mean over an hour's finite values; NaN with fewer than half of them. The unit stays.

    Raises:
        UndefinedError: intervals of `step` are no part of an hour.

    >>> hourly_means(np.array([[1.0, 3.0, np.nan, 4.0, np.nan, np.nan]]), timedelta(minutes=30)).ravel()
    array([ 2.,  4., nan])
    """
    _check(step)
    if step == HOUR:
        return np.ascontiguousarray(values.T)
    return _means(values, np.isfinite(values), HOUR // step)


def _means(values: Floats, known: Flags, parts: int) -> Floats:
    """(H, n) means of what is known of each hour's parts; NaN where that is less than half of them."""
    shape = len(values), values.shape[-1] // parts, parts
    count = known.reshape(shape).sum(axis=-1)
    total = np.where(known, values, 0).reshape(shape).sum(axis=-1)
    return np.ascontiguousarray(np.where(2 * count >= parts, total / count, np.nan).T)


def is_hourly(step: timedelta) -> bool:
    """Whether intervals of `step` make hours.

    >>> is_hourly(timedelta(minutes=20)), is_hourly(timedelta(minutes=25)), is_hourly(timedelta(hours=2))
    (True, False, False)
    """
    return step <= HOUR and not HOUR % step


def _check(step: timedelta) -> None:
    if not is_hourly(step):
        raise UndefinedError("the calibrated detector", Undefined.NOT_HOURLY)
