"""Nine numbers that say how the error of the last 24 hours differs from what is normal for those hours.

Its mean size is the least telling of them: weather moves it by half from one week to the next. Roughness, the
part of the day, the time by which a forecast is late, and how much of last week's load it repeats move far
less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.detectors.error_model import Expectation, innovation
from drift.detectors.series import Series
from drift.detectors.trailing import Flags, Integers, Singles, trailing_day
from drift.domain import Floats
from drift.values import quiet

FEATURES = ("size", "roughness", "bias", "night", "morning", "afternoon", "evening", "timing", "stale")
CHANNELS: Mapping[str, tuple[str, ...]] = {
    "size": ("size", "roughness"),
    "bias": ("bias",),
    "profile": ("night", "morning", "afternoon", "evening"),
    "timing": ("timing",),
    "stale": ("stale",),
}
UPWARD = ("size", "roughness")  # a smaller or smoother error is no drift
ChannelWindow: TypeAlias = tuple[str, int]
Total: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]
"""Sums days of 24 rows (H, N) along the first axis; unknown hours are 0 already."""

LEAST_HOURS = 14  # of a day
LEAST_PART_HOURS = 3  # of the six of a part of the day
LEAST_SLOPE_HOURS = 12
WEEK = 168


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The features of rows that each end a trailing day."""

    values: Floats
    """(H, N, K) float32, in the order of `FEATURES`; NaN where the day has too few usable hours."""
    ratio: Floats
    """(H, N) float32: mean |error| ÷ expected size; 1 is normal."""

    def rows(self, keep: slice | Integers) -> Features:
        """Those of some rows."""
        return Features(self.values[keep], self.ratio[keep])

    @classmethod
    def join(cls, blocks: Sequence[Features]) -> Features:
        """Of blocks of cities, in their order."""
        values = np.concatenate([block.values for block in blocks], axis=1)
        return cls(values, np.concatenate([block.ratio for block in blocks], axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class HourlyErrors:
    """The error of each hour in units of what is normal for it, (H, N) float32; NaN without a usable hour."""

    error: Singles
    """(predicted − actual) ÷ actual."""
    scaled: Singles
    """error ÷ expected size."""
    rough: Singles
    """log(|innovation| ÷ expected innovation + 0.1)."""

    @classmethod
    @quiet
    def of(cls, series: Series, normal: Expectation) -> HourlyErrors:
        """Of a series (H, N), in float32, whose normal is known."""
        error = series.error()
        rough = np.log(innovation(error, normal.persistence) / normal.innovation + np.float32(0.1))
        return cls(
            error.astype(np.float32), (error / normal.error).astype(np.float32), rough.astype(np.float32)
        )


@quiet
def features(series: Series, normal: Expectation, total: Total = trailing_day) -> Features:
    """Features and ratio of every hourly row (H, N), the row being the last hour used.

    With e the relative error and s its expected size:

    size       log(mean(|e| ÷ s) + 0.01)
    roughness  mean log(|innovation| ÷ expected innovation + 0.1)
    bias       mean of e ÷ s clipped to ±2; night … evening: the same in six-hour parts of the local day
    timing     hours; slope of e on the prediction's hourly change: negative is late
    stale      share of the actual's change since last week that the prediction misses; slope of e on it

    NaN hours are left out of each mean; a mean of fewer than 14 hours (part: 3; slope: 12) is NaN. `total`
    sums the days that are wanted: of every row, or some.
    """
    series = series.single()
    return day_features(HourlyErrors.of(series, normal), series, normal, total)


@quiet
def day_features(hourly: HourlyErrors, series: Series, normal: Expectation, total: Total) -> Features:
    """The same of hourly errors that are there already, and of the series in float32."""
    known = np.isfinite(hourly.scaled)
    size = np.where(known, np.abs(hourly.scaled), 0)
    count = total(known.view(np.uint8))
    enough = count >= LEAST_HOURS
    rows = [
        np.log(_mean(total(np.minimum(size, 20)), count, enough) + np.float32(0.01)),
        _day_mean(hourly.rough, total),
        *_biases(np.where(known, np.clip(hourly.scaled, -2, 2), 0), known, series.hours.hour, total),
        *_slopes(series, np.clip(hourly.scaled, -5, 5) * normal.error, normal.level, total),
    ]
    ratio = _mean(total(np.minimum(size, 10)), count, enough)
    return Features(np.stack(rows, axis=-1), ratio)


def _mean(total: Floats, count: Integers, enough: Flags) -> Floats:
    return np.where(enough, total / np.maximum(count, 1), np.float32(np.nan))


def _day_mean(values: Floats, total: Total) -> Floats:
    known = np.isfinite(values)
    count = total(known.view(np.uint8))
    return _mean(total(np.where(known, values, 0)), count, count >= LEAST_HOURS)


def _biases(bounded: Floats, known: Flags, hour: Integers, total: Total) -> list[Floats]:
    """Bias of the day, then of its parts."""
    part = (hour // 6).astype(np.int8)
    masks = [known & (part == number) for number in range(4)]
    counts = [total(mask.view(np.uint8)) for mask in masks]
    sums = [total(bounded * mask) for mask in masks]
    count = counts[0] + counts[1] + counts[2] + counts[3]
    whole = sums[0] + sums[1] + sums[2] + sums[3]
    parts = [_mean(each, n, n >= LEAST_PART_HOURS) for each, n in zip(sums, counts, strict=True)]
    return [_mean(whole, count, count >= LEAST_HOURS), *parts]


def _slopes(series: Series, error: Floats, level: Floats, total: Total) -> tuple[Floats, Floats]:
    """Timing and staleness, of an error whose outliers are cut."""
    predicted, actual = series.predicted, series.actual
    change, before = np.full_like(error, np.nan), np.full_like(error, np.nan)
    # The central difference needs the hour that comes next, so timing is that of an hour ago.
    np.divide(predicted[2:] - predicted[:-2], 2 * predicted[1:-1], out=change[2:])
    before[1:] = error[:-1]
    news = np.full_like(error, np.nan)
    np.clip(actual[:-WEEK] / actual[WEEK:] - 1, -0.5, 0.5, out=news[WEEK:])
    ridge = ((0.5 * level) ** 2).astype(error.dtype)
    return slope(before, change, np.float32(1e-5), total), slope(error, news, ridge, total)


def slope(effect: Floats, cause: Floats, ridge: Floats | np.float32, total: Total = trailing_day) -> Floats:
    """Regression of a day through the origin: mean(effect · cause) ÷ (mean(cause²) + ridge).

    In units of effect per cause. Shapes: (H, N), (H, N), and a ridge that fits. An hour counts where both are
    finite; NaN with fewer than 12 such hours.
    """
    product = effect * cause
    known = np.isfinite(product)
    count = total(known.view(np.uint8))
    enough = count >= LEAST_SLOPE_HOURS
    square = _mean(total(np.where(known, cause * cause, 0)), count, enough)
    slopes: Floats = _mean(total(np.where(known, product, 0)), count, enough) / (square + ridge)
    return slopes
