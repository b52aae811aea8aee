"""PURE. The error to expect of hours whose actuals are not in: what is known of them, and what follows of it.

Why: actuals come hours or days late, and the hours ahead have none. What is known of such an hour is its
prediction, the calendar, features as far as they are measured, and how wrong the forecast was lately. A
gradient-boosted model, fitted to the |error| of past hours (`estimate_fit.py`), says what to expect of it.

How: everything is in units of the city's own mean load, so that one model learns from all cities. The same
`inputs_of` makes the inputs of a slot and of the past hours that the model is fitted to, which are looked at
as a slot would have seen them: no actual, and no feature, that had not come. The errors expected of an
unknown window's hours add up to its WAPE and MAPE (`Sums`); how far that was off in the past gives bounds.

An estimate is not a measurement, and is never shown or judged as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift.domain import Floats, Undefined
from drift.timeline import Forecast
from drift.values import quiet

DAYS = 7
"""So many days before an hour its inputs look back."""
NAMES = ("estimated_wape", "estimated_mape", "estimated_accuracy")
"""What is estimated; accuracy is 1 − WAPE."""
FIGURES = ("wape", "mape")
"""The metrics that an estimate is held against once the actuals are in."""
OWN = (
    "predicted",
    "ramp",
    "change from a day before",
    "change from a week before",
    "departure from the last known day",
    "departure from the known week before",
    "departure from the known days",
    "interval width",
    "error at this hour, last known",
    "error at this hour, mean of the week",
    "error of two days",
    "error of the week",
    "bias of two days",
    "hour",
    "weekday",
    "holiday",
    "hours ahead",
    "hours since the last actual",
)
"""The inputs beside features: loads and errors ÷ the city's mean load."""


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What one slot knew of one model version in n cities, on T target times around it.

    `end` is the cell where actuals end, `now` that of the slot itself: features from there on are not used.
    `first` is the first cell that may be estimated; at least `DAYS` days lie before it. `actual` is NaN where
    none was known.
    """

    forecast: Forecast
    actual: Floats
    features: Mapping[str, Floats]
    hour: NDArray[np.integer[Any]]
    weekday: NDArray[np.int8]
    holiday: NDArray[np.bool_]
    per_day: int
    first: int
    end: int
    now: int

    @property
    def cells(self) -> slice:
        """Those that may be estimated."""
        return slice(self.first, self.actual.shape[1])

    def unknown(self) -> NDArray[np.bool_]:
        """(n, W) which of these have a prediction and no actual."""
        return np.isfinite(self.forecast.predicted[:, self.cells]) & np.isnan(self.actual[:, self.cells])


@quiet
def scale_of(outlook: Outlook) -> Floats:
    """(n,) each city's mean |actual| in the cells that are known; NaN where none is or it is 0."""
    actual = np.abs(outlook.actual[:, : outlook.end])
    known = np.isfinite(actual)
    mean = np.where(known, actual, 0.0).sum(axis=1) / known.sum(axis=1)
    return np.where(mean > 0, mean, np.nan)


@quiet
def inputs_of(outlook: Outlook, names: tuple[str, ...]) -> NDArray[np.float32]:
    """(n, W, d) the inputs of each cell that may be estimated: `OWN`, then of each feature its value and its
    departure from its last days at this hour. NaN where one is not known; a feature that there is not is NaN.
    """
    scale, day = scale_of(outlook)[:, None], outlook.per_day
    predicted = outlook.forecast.predicted.astype(np.float64) / scale
    actual = outlook.actual.astype(np.float64) / scale
    error = predicted - actual
    now = _at(outlook, predicted, 0)
    loads, errors = (_before(outlook, each) for each in (actual, np.abs(error)))
    hours = day / 24
    lead = (np.arange(outlook.first, predicted.shape[1]) - outlook.end) / hours
    columns = [
        now,
        now - predicted[:, outlook.first - 1 : -1],
        now - _at(outlook, predicted, day),
        now - _at(outlook, predicted, DAYS * day),
        now - _first(loads),
        now - loads[DAYS - 1],
        now - _mean(loads),
        _width(outlook) / scale,
        _first(errors),
        _mean(errors),
        _lately(outlook, np.abs(error), 2),
        _lately(outlook, np.abs(error), DAYS),
        _lately(outlook, error, 2),
        *(values.T[:, outlook.cells] for values in (outlook.hour, outlook.weekday, outlook.holiday)),
        lead[None],
        lead[None] + _age(outlook)[:, None] / hours,
    ]
    for name in names:
        columns += _of_feature(outlook, outlook.features.get(name))
    found = np.stack([np.broadcast_to(each, now.shape) for each in columns], axis=-1).astype(np.float32)
    found[~np.isfinite(found)] = np.nan
    return found


@quiet
def load_of(inputs: NDArray[np.float32]) -> Floats:
    """(n, W) the load to expect, ÷ the city's mean load, of inputs (n, W, d): the prediction, less its bias
    of the last two days. Where a load has trebled overnight, the prediction alone is a bad measure of it.
    """
    bias = np.nan_to_num(inputs[..., OWN.index("bias of two days")])
    return np.asarray(np.abs(inputs[..., OWN.index("predicted")] - bias), np.float64)


def _at(outlook: Outlook, values: Floats, before: int) -> Floats:
    """The cells to estimate, so many cells before."""
    return values[:, outlook.first - before : values.shape[1] - before]


def _before(outlook: Outlook, values: Floats) -> Floats:
    """(DAYS, n, W) the values 1, 2, … days before each cell to estimate."""
    return np.stack([_at(outlook, values, k * outlook.per_day) for k in range(1, DAYS + 1)])


def _first(days: Floats) -> Floats:
    """The latest that is known."""
    at = np.isfinite(days).argmax(axis=0)[None]
    return np.asarray(np.take_along_axis(days, at, axis=0)[0])


def _mean(days: Floats) -> Floats:
    known = np.isfinite(days)
    return np.asarray(np.where(known, days, 0.0).sum(axis=0) / known.sum(axis=0))


def _lately(outlook: Outlook, values: Floats, days: int) -> Floats:
    """(n, 1) the mean of what is known of the last days."""
    some = values[:, max(outlook.end - days * outlook.per_day, 0) : outlook.end]
    return _mean(some.T)[:, None]


def _age(outlook: Outlook) -> Floats:
    """(n,) cells from the end of the last known actual to where actuals end; all of them where none is."""
    known = np.isfinite(outlook.actual[:, : outlook.end])
    age = known[:, ::-1].argmax(axis=1)
    return np.where(known.any(axis=1), age, outlook.end).astype(np.float64)


def _width(outlook: Outlook) -> Floats:
    lower, upper = outlook.forecast.lower, outlook.forecast.upper
    if lower is None or upper is None:
        return np.full((1, 1), np.nan)
    return np.asarray(upper[:, outlook.cells] - lower[:, outlook.cells], dtype=np.float64)


def _of_feature(outlook: Outlook, values: Floats | None) -> list[Floats]:
    """Its value at each cell, or at the same time of the last day on which it is known; and how far that is
    from the mean of the days before.
    """
    if values is None:
        return [np.full((1, 1), np.nan)] * 2
    known = np.where(np.arange(values.shape[1]) < outlook.now, values, np.nan)
    days = _before(outlook, known)
    value = _first(np.concatenate([_at(outlook, known, 0)[None], days]))
    return [value, value - _mean(days)]


class Sums(NamedTuple):
    """(n,) what an unknown window adds up to: its WAPE and MAPE, and how many hours there are."""

    wape: Floats
    mape: Floats
    hours: NDArray[np.int64]


@quiet
def sums_of(error: Floats, load: Floats, floor: Floats, some: NDArray[np.bool_]) -> Sums:
    """WAPE = Σ|error| ÷ Σ max(|load|, floor), MAPE = mean of |error| ÷ |load| over hours with a load above
    the floor, of (n, W) hours that are in `some`; NaN where there are none. `floor` is (n,).

    The load is the actual; for an estimate, where there is none, the load to expect.

    >>> error, load = np.array([[10.0, 30.0]]), np.array([[100.0, 300.0]])
    >>> sums_of(error, load, np.array([5.0]), np.array([[True, True]]))
    Sums(wape=array([0.1]), mape=array([0.1]), hours=array([2]))
    """
    size, least = np.abs(load), floor[:, None]
    wape = _sum(np.abs(error), some) / _sum(np.maximum(size, least), some)
    above = some & (size > least)
    mape = _sum(np.abs(error) / size, above) / above.sum(axis=1)
    return Sums(wape, mape, some.sum(axis=1))


def _sum(values: Floats, some: NDArray[np.bool_]) -> Floats:
    return np.asarray(np.where(some, values, 0.0).sum(axis=1))


class Estimate(NamedTuple):
    """(n,) figures of an unknown window with their bounds: `value`, `low` and `high` are (n, 2) by `FIGURES`,
    NaN where `reason` (n,) is not 0. `hours` were estimated, `coverage` is their share of the hours without
    an actual. `expected` (n, W) is the error to expect of each hour, in the load's unit, NaN where it is
    known or has no prediction; `predicted` (n, W) what is forecast.
    """

    value: Floats
    low: Floats
    high: Floats
    reason: NDArray[np.uint8]
    hours: NDArray[np.int64]
    coverage: Floats
    expected: Floats
    predicted: Floats


def reasons_of(outlook: Outlook, min_coverage: float) -> tuple[NDArray[np.uint8], Floats]:
    """(n,) why a city cannot be estimated, 0 where it can, and the share of its hours without an actual that
    have a prediction.
    """
    missing = np.isnan(outlook.actual[:, outlook.cells]).sum(axis=1)
    coverage = np.where(missing > 0, outlook.unknown().sum(axis=1) / np.maximum(missing, 1), 0.0)
    pairs = np.isfinite(outlook.actual) & np.isfinite(outlook.forecast.predicted)
    reason = np.zeros(len(missing), np.uint8)
    reason[coverage < min_coverage] = Undefined.LOW_COVERAGE
    reason[coverage == 0] = Undefined.NO_PREDICTIONS
    reason[~pairs.any(axis=1) | np.isnan(scale_of(outlook))] = Undefined.NO_PAIRS
    return reason, coverage
