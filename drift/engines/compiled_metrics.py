"""The fourteen accuracy metrics compiled: series by series, all of one while its values are in the cache.

Each function below adds up what a few metrics share and puts them in their places; what a metric leaves
out, and the reason it gives when it has no value, are those of its file in `drift.metrics`. `target`, a
series' row of results, is the pair of its values and reasons.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from drift.domain import Codes, Floats, Undefined
from drift.engines.base import Counts
from drift.engines.jit import entry, part

Target: TypeAlias = tuple[Floats, Codes]

NAMES = (
    "accuracy", "within_tolerance", "mape", "smape", "wape", "mae", "rmse", "bias", "r2", "mase", "skill",
    "pinball", "coverage_of_interval", "mean_interval_width",
)  # fmt: skip
ACCURACY, WITHIN_TOLERANCE, MAPE, SMAPE, WAPE, MAE, RMSE, BIAS, R2, MASE, SKILL = range(11)
PINBALL, COVERAGE_OF_INTERVAL, MEAN_INTERVAL_WIDTH = range(11, 14)
DEFINED, NO_PAIRS, NOT_FINITE = int(Undefined.DEFINED), int(Undefined.NO_PAIRS), int(Undefined.NOT_FINITE)
ACTUALS_AT_FLOOR, CONSTANT_ACTUALS = int(Undefined.ACTUALS_AT_FLOOR), int(Undefined.CONSTANT_ACTUALS)
NO_INTERVAL, NO_SCALE = int(Undefined.NO_INTERVAL), int(Undefined.NO_SCALE)
NO_BASELINE = int(Undefined.NO_BASELINE)


@part
def _put(target: Target, metric: int, value: float, reason: int) -> None:
    """The value, or its reason; without one, what is not finite has overflowed."""
    values, reasons = target
    if reason == DEFINED and not np.isfinite(value):
        reason = NOT_FINITE
    values[metric] = value if reason == DEFINED else np.nan
    reasons[metric] = reason


@part
def _put_mean(target: Target, metric: int, total: float, count: int, otherwise: int) -> None:
    _put(target, metric, total / count, DEFINED if count > 0 else otherwise)


@part
def _at(row: Floats, t: int) -> float:
    """A cell of a row that has one for all times, or one for each."""
    return float(row[t] if row.size > 1 else row[0])


@part
def _errors(actual: Floats, predicted: Floats, n: int, target: Target) -> None:
    """MAE, bias, and RMSE in units of the largest error, whose squares neither overflow nor vanish."""
    size, signed, largest, squares = 0.0, 0.0, 0.0, 0.0
    for t in range(actual.size):
        if not np.isnan(actual[t]):
            error = predicted[t] - actual[t]
            size += abs(error)
            signed += error
            largest = max(largest, abs(error))
    if largest > 0.0:
        for t in range(actual.size):
            if not np.isnan(actual[t]):
                squares += ((predicted[t] - actual[t]) / largest) ** 2
    _put(target, MAE, size / n, DEFINED)
    _put(target, BIAS, signed / n, DEFINED)
    _put(target, RMSE, largest * np.sqrt(squares / n), DEFINED)
    _determination(actual, n, largest, squares, target)


@part
def _determination(actual: Floats, n: int, largest: float, squares: float, target: Target) -> None:
    """R²: the squares of the errors against those of the actuals, which are in units of their span."""
    lowest, highest = np.inf, -np.inf
    for t in range(actual.size):
        if not np.isnan(actual[t]):
            lowest, highest = min(lowest, actual[t]), max(highest, actual[t])
    span, places, spread = highest - lowest, 0.0, 0.0
    for t in range(actual.size):
        if not np.isnan(actual[t]):
            places += (actual[t] - lowest) / span
    for t in range(actual.size):
        if not np.isnan(actual[t]):
            spread += ((actual[t] - lowest) / span - places / n) ** 2
    value = 1.0 - (largest / span) ** 2 * (squares / spread)
    _put(target, R2, value, CONSTANT_ACTUALS if span == 0.0 else DEFINED)


@part
def _percentages(
    actual: Floats, predicted: Floats, floor: Floats, tolerance: float, n: int, target: Target
) -> None:
    """Share within tolerance, MAPE and sMAPE."""
    within, counted, percentage, symmetric = 0, 0, 0.0, 0.0
    for t in range(actual.size):
        if np.isnan(actual[t]):
            continue
        error, size, guess = abs(predicted[t] - actual[t]), abs(actual[t]), abs(predicted[t])
        if error <= tolerance * size:
            within += 1
        if size > _at(floor, t):
            percentage += error / size
            counted += 1
        larger = max(size, guess)
        if larger > 0.0:  # divided by the larger, the sum of two huge sizes does not overflow
            symmetric += 2.0 * (error / larger) / (1.0 + min(size, guess) / larger)
    _put(target, WITHIN_TOLERANCE, within / n, DEFINED)
    _put(target, SMAPE, symmetric / n, DEFINED)
    _put_mean(target, MAPE, percentage, counted, ACTUALS_AT_FLOOR)


@part
def _weighted(actual: Floats, predicted: Floats, floor: Floats, target: Target) -> None:
    """WAPE and accuracy."""
    error, load = 0.0, 0.0
    for t in range(actual.size):
        if not np.isnan(actual[t]):
            error += abs(predicted[t] - actual[t])
            load += max(abs(actual[t]), _at(floor, t))
    reason = ACTUALS_AT_FLOOR if load == 0.0 else NOT_FINITE if load == np.inf else DEFINED
    _put(target, WAPE, error / load, reason)
    _put(target, ACCURACY, 1.0 - error / load, reason)


@part
def _scaled(actual: Floats, predicted: Floats, scale: Floats, target: Target) -> None:
    """MASE: each error in units of its own scale, where that is known."""
    total, counted = 0.0, 0
    for t in range(actual.size):
        unit = _at(scale, t)
        if not np.isnan(actual[t]) and np.isfinite(unit) and unit > 0.0:
            total += abs(predicted[t] - actual[t]) / unit
            counted += 1
    _put_mean(target, MASE, total, counted, NO_SCALE)


@part
def _skill(actual: Floats, predicted: Floats, naive: Floats, target: Target) -> None:
    """Skill over the actual of one season earlier; `naive` is empty where there is none at all."""
    error, yardstick, compared = 0.0, 0.0, 0
    for t in range(naive.size):
        if not np.isnan(actual[t]) and np.isfinite(naive[t]):
            error += abs(predicted[t] - actual[t])
            yardstick += abs(naive[t] - actual[t])
            compared += 1
    reason = DEFINED
    if compared == 0:
        reason = NO_BASELINE
    elif yardstick == 0.0:
        reason = NO_SCALE
    elif yardstick == np.inf:
        reason = NOT_FINITE
    _put(target, SKILL, 1.0 - error / yardstick, reason)


@part
def _loss(actual: float, predicted: float, quantile: float) -> float:
    under = actual - predicted
    return max(quantile * under, (quantile - 1.0) * under)


@part
def _interval(actual: Floats, lower: Floats, upper: Floats, level: float, target: Target) -> None:
    """Pinball loss, coverage and width of the intervals; both bounds are empty where there are none."""
    loss, inside, width, known = 0.0, 0, 0.0, 0
    for t in range(min(lower.size, upper.size)):
        if np.isnan(actual[t]) or not np.isfinite(lower[t]) or not np.isfinite(upper[t]):
            continue
        known += 1
        width += upper[t] - lower[t]
        if lower[t] <= actual[t] <= upper[t]:
            inside += 1
        below = _loss(actual[t], lower[t], (1.0 - level) / 2.0)
        above = _loss(actual[t], upper[t], (1.0 + level) / 2.0)
        loss += (below + above) / 2.0
    _put_mean(target, PINBALL, loss, known, NO_INTERVAL)
    _put_mean(target, COVERAGE_OF_INTERVAL, inside, known, NO_INTERVAL)
    _put_mean(target, MEAN_INTERVAL_WIDTH, width, known, NO_INTERVAL)


@entry
def score_rows(
    actual: Floats, predicted: Floats, lower: Floats, upper: Floats, naive: Floats, floor: Floats,
    scale: Floats, tolerance: float, level: float, value: Floats, reason: Codes, n: Counts,
) -> None:  # fmt: skip
    """All metrics of a block. What a series has no pair for has that as its reason, and nothing else."""
    for s in range(len(actual)):
        pairs = 0
        for t in range(actual.shape[1]):
            pairs += 0 if np.isnan(actual[s, t]) else 1
        n[s] = pairs
        value[s] = np.nan
        reason[s] = NO_PAIRS
        if pairs > 0:
            target = (value[s], reason[s])
            _errors(actual[s], predicted[s], pairs, target)
            _percentages(actual[s], predicted[s], floor[s], tolerance, pairs, target)
            _weighted(actual[s], predicted[s], floor[s], target)
            _scaled(actual[s], predicted[s], scale[s], target)
            _skill(actual[s], predicted[s], naive[s], target)
            _interval(actual[s], lower[s], upper[s], level, target)
