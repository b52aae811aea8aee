"""Nine numbers that say how the error of the last 24 hours differs from what is normal for those hours.

Its mean size is the least telling of them: weather moves it by half from one week to the next. Roughness, the
part of the day, the time by which a forecast is late, and how much of last week's load it repeats move far
less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from drift.detectors.error_model import Expectation, innovation
from drift.detectors.series import Series
from drift.detectors.trailing import DAY, Integers, lagged, slope, trailing_mean
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

LEAST_HOURS = 14  # of a day
LEAST_PART_HOURS = 3  # of the six of a part of the day
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


@quiet
def features(series: Series, normal: Expectation) -> Features:
    """Features and ratio of every hourly row (H, N), the row being the last hour used.

    With e the relative error and s its expected size:

    size       log(mean(|e| ÷ s) + 0.01)
    roughness  mean log(|innovation| ÷ expected innovation + 0.1)
    bias       mean of e ÷ s clipped to ±2; night … evening: the same in six-hour parts of the local day
    timing     hours; slope of e on the prediction's hourly change: negative is late
    stale      share of the actual's change since last week that the prediction misses; slope of e on it

    NaN hours are left out of each mean; a mean of fewer than 14 hours (part: 3; slope: 12) is NaN.
    """
    error = series.error()
    scaled = error / normal.error
    bounded = np.clip(scaled, -2, 2)
    size = np.abs(scaled)
    rough = innovation(error, normal.persistence) / normal.innovation
    rows = [
        np.log(trailing_mean(np.minimum(size, 20), DAY, LEAST_HOURS) + 0.01),
        trailing_mean(np.log(rough + 0.1), DAY, LEAST_HOURS),
        trailing_mean(bounded, DAY, LEAST_HOURS),
        *_parts(bounded, series.hours.hour),
        *_slopes(series, np.clip(scaled, -5, 5) * normal.error, normal.level),
    ]
    ratio = trailing_mean(np.minimum(size, 10), DAY, LEAST_HOURS)
    return Features(np.stack(rows, axis=-1).astype(np.float32), ratio.astype(np.float32))


def _parts(bounded: Floats, hour: Integers) -> list[Floats]:
    return [
        trailing_mean(np.where(hour // 6 == part, bounded, np.nan), DAY, LEAST_PART_HOURS)
        for part in range(4)
    ]


def _slopes(series: Series, error: Floats, level: Floats) -> tuple[Floats, Floats]:
    """Timing and staleness, of an error whose outliers are cut."""
    predicted, actual = series.predicted, series.actual
    change = np.full_like(predicted, np.nan)
    change[1:-1] = (predicted[2:] - predicted[:-2]) / (2 * predicted[1:-1])
    news = np.clip((lagged(actual, WEEK) - actual) / actual, -0.5, 0.5)
    # The central difference needs the hour that comes next, so timing is that of an hour ago.
    return lagged(slope(error, change, 1e-5), 1), slope(error, news, (0.5 * level) ** 2)
