"""PURE. The sums by day that figures of two model versions are ratios of, so that blocks of cities add up.

A figure of all cities, and the interval of its difference, need every day's sum and no single hour. The
formulas are those of `drift.metrics` (the tests hold them equal), written as Σ top ÷ Σ below.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.domain import Floats, Undefined
from drift.metrics.base import Sample
from drift.values import Bools, quiet

Ratios: TypeAlias = Mapping[str, Floats]
"""Day sums by name: of version a, of version b, and of what both are divided by."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """How a figure is made of the ratio of sums: `finish` of it, with `slope` the change of the figure where
    the two ratios differ by 1, at the figures of both. `lack` is why it has no value where there are pairs.
    """

    sums: str
    lack: Undefined
    finish: Callable[[float], float] = lambda ratio: ratio
    slope: Callable[[float, float], float] = lambda _a, _b: 1.0


def _less_than_one(ratio: float) -> float:
    return 1.0 - ratio


def _falls(_a: float, _b: float) -> float:
    return -1.0


def _of_squares(a: float, b: float) -> float:
    """Since a − b is (a² − b²) ÷ (a + b)."""
    return 1.0 / (a + b) if a + b > 0 else 0.0


RATIOS: Mapping[str, Ratio] = {
    "accuracy": Ratio("wape", Undefined.ACTUALS_AT_FLOOR, _less_than_one, _falls),
    "wape": Ratio("wape", Undefined.ACTUALS_AT_FLOOR),
    "mape": Ratio("mape", Undefined.ACTUALS_AT_FLOOR),
    "mae": Ratio("mae", Undefined.NO_PAIRS),
    "rmse": Ratio("mse", Undefined.NO_PAIRS, math.sqrt, _of_squares),
    "bias": Ratio("bias", Undefined.NO_PAIRS),
    "mase": Ratio("mase", Undefined.NO_SCALE),
    "skill": Ratio("skill", Undefined.NO_BASELINE, _less_than_one, _falls),
}


@quiet
def ratios_of(a: Sample, b: Sample) -> dict[str, tuple[Floats, Floats, Floats]]:
    """The tops of both versions and what they are divided by, cell by cell `(cities, times)`; 0 where a cell
    does not count.
    """
    one = a.scored.astype(np.float64)
    load = np.maximum(a.size, a.floor)
    large = a.scored & (a.size > a.floor)
    scale = np.broadcast_to(np.asarray(a.scale, np.float64), a.actual.shape)
    scaled = a.scored & np.isfinite(scale) & (scale > 0)
    naive = np.full_like(a.actual, np.nan) if a.naive is None else np.abs(a.naive - a.actual)
    lagged = a.scored & np.isfinite(naive)
    sides = (a.absolute_error, b.absolute_error)
    return {
        "wape": _counted(sides, load, a.scored),
        "mape": _counted([side / a.size for side in sides], one, large),
        "mae": _counted(sides, one, a.scored),
        "mse": _counted([side**2 for side in sides], one, a.scored),
        "bias": _counted((a.error, b.error), one, a.scored),
        "mase": _counted([side / scale for side in sides], one, scaled),
        "skill": _counted(sides, naive, lagged),
    }


def _counted(sides: Sequence[Floats], below: Floats, counted: Bools) -> tuple[Floats, Floats, Floats]:
    return (
        np.where(counted, sides[0], 0.0),
        np.where(counted, sides[1], 0.0),
        np.where(counted, below, 0.0),
    )


def days_of(times: int, per_day: int) -> NDArray[np.int64]:
    """(T,) the day of each cell, from the first on; the last one may be short."""
    return np.arange(times, dtype=np.int64) // per_day


def daily(cells: Sequence[Floats], per_day: int) -> Floats:
    """(3, cities, D) the sums a day of cells `(cities, times)`.

    >>> daily([np.ones((1, 5))] * 3, per_day=2)[0]
    array([[2., 2., 1.]])
    """
    times = cells[0].shape[1]
    starts = np.arange(0, times, per_day)
    sums: Floats = np.stack([np.add.reduceat(each, starts, axis=1) for each in cells])
    return sums


@quiet
def spread(samples: Sequence[Sample], part: NDArray[np.int64], parts: int, per_day: int) -> Floats:
    """(4, cities, parts, D) sums by part of the hours and day: |error| of a and of b, load, pairs.

    `part` (cities, times) is the part that a cell belongs to; −1 is none.
    """
    a, b = samples
    cities, times = a.actual.shape
    days = -(-times // per_day)
    known = a.scored & (part >= 0)
    cell = (np.arange(cities)[:, np.newaxis] * parts + part) * days + days_of(times, per_day)
    own, size = cell[known], cities * parts * days
    weights = (a.absolute_error, b.absolute_error, np.maximum(a.size, a.floor))
    sums = [np.bincount(own, weight[known], size) for weight in weights]
    sums.append(np.bincount(own, minlength=size).astype(np.float64))
    together: Floats = np.stack(sums).astype(np.float64).reshape(4, cities, parts, days)
    return together


def thirds(values: Floats, counted: Bools) -> NDArray[np.int64]:
    """(cities, times) the third of each value among its city's own values that count: 0, 1, 2; −1 where there
    is no value, or a city's thirds are not three.

    >>> thirds(np.array([[3.0, 1.0, 2.0, 9.0]]), np.array([[True, True, True, False]]))
    array([[2, 0, 1, 2]])
    """
    found = np.full(values.shape, -1, np.int64)
    for c, row in enumerate(np.asarray(values, np.float64)):
        own = row[counted[c] & np.isfinite(row)]
        if not len(own):
            continue
        low, high = np.quantile(own, (1 / 3, 2 / 3))
        if low < high:
            found[c] = np.where(np.isfinite(row), (row > low).astype(np.int64) + (row > high), -1)
    return found
