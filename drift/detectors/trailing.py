"""Arithmetic along the rows of a block of cities: trailing windows, lags, and means of what is known.

Rows are times, one apart; the last axis is cities. NaN is a value that is not known, and none of these look
ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.domain import Floats
from drift.values import quiet

Flags: TypeAlias = NDArray[np.bool_]
Integers: TypeAlias = NDArray[np.integer[Any]]

DAY = 24
HALF_DAY = 12


def trailing_mean(values: Floats, rows: int, least: int) -> Floats:
    """Mean of the `rows` rows that end with each row, of those that are finite; in the values' unit.

    NaN where fewer than `least` of them are finite. Shape: that of `values`, whose first axis is time.

    >>> trailing_mean(np.array([1.0, 3.0, np.nan, 5.0]), rows=2, least=1)
    array([1., 2., 3., 5.])
    """
    known = np.isfinite(values)
    total = np.cumsum(np.where(known, values, 0.0), axis=0, dtype=np.float64)
    count = np.cumsum(known, axis=0)
    window, size = total.copy(), count.copy()
    window[rows:] -= total[:-rows]
    size[rows:] -= count[:-rows]
    return np.where(size >= least, window / np.maximum(size, 1), np.nan)


def before(values: Floats, rows: int) -> Floats:
    """The values `rows` rows earlier; the first ones repeat the first row. NaN is carried like any value.

    >>> before(np.array([1.0, 2.0, 3.0]), 1)
    array([1., 1., 2.])
    """
    if rows == 0:
        return values
    return np.concatenate([np.repeat(values[:1], min(rows, len(values)), axis=0), values[:-rows]])


def lagged(values: Floats, rows: int) -> Floats:
    """The values `rows` rows earlier; NaN where there are none.

    >>> lagged(np.array([1.0, 2.0, 3.0]), 1)
    array([nan,  1.,  2.])
    """
    out = np.full_like(values, np.nan)
    if rows < len(values):
        out[rows:] = values[: len(values) - rows]
    return out


@quiet
def slope(effect: Floats, cause: Floats, ridge: Floats | float) -> Floats:
    """Trailing 24 h regression through the origin: mean(effect · cause) ÷ (mean(cause²) + ridge).

    In units of effect per cause. Shapes: (H, N), (H, N), and a ridge that fits. An hour counts where both are
    finite; NaN with fewer than 12 such hours.
    """
    both = np.isfinite(effect) & np.isfinite(cause)
    product = trailing_mean(np.where(both, effect * cause, np.nan), DAY, HALF_DAY)
    square = trailing_mean(np.where(both, cause * cause, np.nan), DAY, HALF_DAY)
    slopes: Floats = product / (square + ridge)
    return slopes


@quiet
def known_mean(values: Floats, axis: int = 0) -> Floats:
    """Mean along an axis of what is not NaN; NaN, without a warning, where nothing is.

    >>> known_mean(np.array([[1.0, np.nan], [2.0, np.nan]]))
    array([1.5, nan])
    """
    known = ~np.isnan(values)
    total = np.sum(np.where(known, values, 0), axis=axis, dtype=values.dtype)
    mean: Floats = np.asarray(total / np.sum(known, axis=axis)).astype(values.dtype)
    return mean


def over_known(function: Callable[..., Floats], values: Floats) -> Floats:
    """`function(…, axis=0)`, one of NumPy's nan-functions, for the columns that hold a value; NaN for the
    others.

    A city without a single hour is ordinary here, and deserves no warning.

    >>> over_known(np.nanmedian, np.array([[1.0, np.nan], [2.0, np.nan], [9.0, np.nan]]))
    array([ 2., nan])
    """
    if len(values) == 0:
        return np.full(values.shape[1:], np.nan, values.dtype)
    columns = values.reshape(len(values), -1)
    alive = ~np.isnan(columns).all(axis=0)
    if alive.all():
        return function(values, axis=0)
    out = np.full(columns.shape[1], np.nan, values.dtype)
    if alive.any():
        out[alive] = function(np.ascontiguousarray(columns[:, alive]), axis=0)
    return out.reshape(values.shape[1:])
