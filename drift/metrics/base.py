"""What a metric is: a pure function of paired rows, and an entry in the table.

A metric's formula stands once, as a function of a whole block of series (axis 0: series; axis 1: target
times; NaN where a series has no pair). The function of 1-D arrays that people call is that same function
on a block of one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from drift.domain import Floats, Undefined
from drift.values import Bools, Values, only_value, quiet, where_undefined

__all__ = ["Metric", "Sample", "Values", "as_rows", "beside", "mean_over", "scalar", "where_undefined"]


@dataclass(frozen=True, eq=False)
class Sample:
    """Pairs of a block of series, and what scales them.

    `actual` and `predicted` are `(series, times)`, finite or NaN, and NaN together: an hour is scored or
    it is not. `lower`, `upper` and `naive`, the actual one season earlier, may lack hours of their own:
    what is not finite there is unknown, and so in `scale`. `floor` is 0 or more. These two are
    `(series, 1)` or `(series, times)`.
    """

    actual: Floats
    predicted: Floats
    lower: Floats | None = None
    upper: Floats | None = None
    naive: Floats | None = None
    floor: Floats | float = 0.0
    scale: Floats | float = float("nan")
    tolerance: float = 0.10
    level: float = 0.8

    @cached_property
    def scored(self) -> Bools:
        """True where there is a pair."""
        pair: Bools = ~np.isnan(self.actual)
        return pair

    @cached_property
    def n(self) -> Floats:
        """Pairs a series."""
        count: Floats = self.scored.sum(axis=1, dtype=np.float64)
        return count

    @cached_property
    @quiet
    def error(self) -> Floats:
        """The signed error, predicted − actual: positive is over-forecast. NaN where there is no pair."""
        return self.predicted - self.actual

    @cached_property
    def absolute_error(self) -> Floats:
        """|predicted − actual|."""
        return np.abs(self.error)

    @cached_property
    def size(self) -> Floats:
        """|actual|."""
        return np.abs(self.actual)

    @cached_property
    def interval(self) -> tuple[Floats, Floats, Bools]:
        """`lower`, `upper`, and True where a pair has both; all NaN and False if there is no interval."""
        if self.lower is None or self.upper is None:
            unknown = np.full_like(self.actual, np.nan)
            return unknown, unknown, np.zeros(unknown.shape, dtype=np.bool_)
        return self.lower, self.upper, self.scored & np.isfinite(self.lower) & np.isfinite(self.upper)


@dataclass(frozen=True, slots=True)
class Metric:
    """An entry in the table of metrics.

    `better` says which way is good (`zero` for a signed figure, `level` for one that should equal the
    interval's nominal level); `unit` is `fraction` (people see percent), `load` (the store's unit) or
    `ratio`.
    """

    name: str
    rows: Callable[[Sample], Values]
    better: Literal["higher", "lower", "zero", "level"]
    unit: Literal["fraction", "load", "ratio"]
    title: str


def total(values: Floats, counted: Bools) -> Floats:
    """The sum of each row over its counted cells."""
    sums: Floats = np.where(counted, values, 0.0).sum(axis=1)
    return sums


@quiet
def mean_over(
    sample: Sample, values: Floats, counted: Bools, otherwise: Undefined = Undefined.NO_PAIRS
) -> Values:
    """The mean of each row over its counted pairs.

    Undefined with `NO_PAIRS` where a series has no pair, and with `otherwise` where none is counted.
    """
    count = counted.sum(axis=1)
    mean = total(values, counted) / count
    return where_undefined(mean, (sample.n == 0, Undefined.NO_PAIRS), (count == 0, otherwise))


def scalar(metric: Metric, sample: Sample) -> float:
    """The metric of a block of one series, as a float.

    Raises:
        UndefinedError: it has no value; `reason` says why.
    """
    return only_value(metric.name, metric.rows(sample))


def as_rows(*arrays: ArrayLike) -> list[Floats]:
    """1-D arrays of one length as blocks of one series, NaN together.

    Where any of them is NaN or infinite, there is no pair.
    """
    columns = [np.asarray(array, dtype=np.float64) for array in arrays]
    if any(column.ndim != 1 or column.shape != columns[0].shape for column in columns):
        raise ValueError(f"want 1-D arrays of one length, got shapes {[c.shape for c in columns]}")
    pair = np.logical_and.reduce([np.isfinite(column) for column in columns])
    return [np.where(pair, column, np.nan)[np.newaxis, :] for column in columns]


def beside(row: Floats, array: ArrayLike) -> Floats:
    """A 1-D array as a block of one series, as long as `row`, with gaps of its own."""
    column = np.asarray(array, dtype=np.float64)
    if column.shape != row.shape[1:]:
        raise ValueError(f"want 1-D arrays of one length, got shapes {[row.shape[1:], column.shape]}")
    return column[np.newaxis, :]


def not_negative(name: str, value: float) -> float:
    """The value, if it is a size.

    Raises:
        ValueError: it is negative or NaN.
    """
    if not value >= 0:
        raise ValueError(f"{name} is a size: 0 or more, not {value!r}")
    return value
