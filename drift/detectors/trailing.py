"""Arithmetic along the rows of a block of cities: trailing windows, lags, and means of what is known.

Rows are times, one apart; the last axis is cities. NaN is a value that is not known, and none of these look
ahead.

A day is summed in two ways: for every row (`trailing_day`, a replay) or for the last days of one slot
(`daily`). Both add the 24 hours in the same order, so that a slot says to the last bit what a replay says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from drift.domain import Floats
from drift.values import quiet

Singles: TypeAlias = NDArray[np.float32]
Flags: TypeAlias = NDArray[np.bool_]
Integers: TypeAlias = NDArray[np.integer[Any]]
Values = TypeVar("Values", bound=NDArray[Any])

DAY = 24


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


def trailing_day(values: Values) -> Values:
    """(H, N) the sum of the 24 rows that end with each row, of those there are; in the values' unit and type.

    NaN spreads: what is not known is to be 0. By doubling, so that the hours are added as in `daily`.

    >>> trailing_day(np.arange(3.0)), trailing_day(np.ones(30))[-1]
    (array([0., 1., 3.]), np.float64(24.0))
    """
    eight = values
    for rows in (1, 2, 4):
        eight = _with_earlier(eight, eight, rows)
    return _with_earlier(_with_earlier(eight, eight, 8), eight, 16)


def _with_earlier(values: Values, others: Values, rows: int) -> Values:
    out = values.copy()
    out[rows:] += others[:-rows]
    return out


def daily(values: Values, days: int) -> Values:
    """(days, N) the sums of the last `days` blocks of 24 rows, the last row ending the last block.

    >>> daily(np.ones(50), 2)
    array([24., 24.])
    """
    block: NDArray[Any] = values[len(values) - DAY * days :].reshape(days, DAY, *values.shape[1:])
    for _ in range(3):
        block = block[:, 1::2] + block[:, 0::2]
    return cast("Values", (block[:, 2] + block[:, 1]) + block[:, 0])


def geometric(values: Floats, factor: float, terms: int, rows: int = 1) -> Floats:
    """Sum of factor^k × the values k · `rows` rows earlier, k = 0 … terms − 1, of those there are; by
    doubling.

    Shape and unit: those of the values. NaN spreads: what is not known is to be 0.

    >>> geometric(np.array([1.0, 1.0, 1.0, 1.0]), factor=0.5, terms=3)
    array([1.  , 1.5 , 1.75, 1.75])
    """
    total, done = np.zeros_like(values), 0
    power, length = values, 1
    while terms:
        if terms & 1:
            _add_earlier(total, power, factor**done, rows * done)
            done += length
        terms >>= 1
        if terms:
            doubled = power.copy()
            _add_earlier(doubled, power, factor**length, rows * length)
            power, length = doubled, 2 * length
    return total


def _add_earlier(total: Floats, values: Floats, factor: float, rows: int) -> None:
    if rows < len(values):
        total[rows:] += np.asarray(factor, values.dtype) * values[: len(values) - rows]


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
