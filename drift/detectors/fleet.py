"""Drift that many cities share: too small for any city's limit, plain in their mean within a day or two.

Channels of the pooled hour: size and roughness (means of logs), bias (signed), and spread (root mean square
of the cities' 24 and 48 h bias: a common fault that has another sign in each city). Each city enters
standardised and clipped, so none can carry the fleet. Means over windows of hours minus a moving normal, in
units of their own scale on the reference; the score is the largest of them over one limit. H hours, N cities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from drift.detectors.error_model import innovation
from drift.detectors.features import ChannelWindow
from drift.detectors.profile import Limits
from drift.detectors.series import Series
from drift.detectors.settings import FleetSettings
from drift.detectors.trailing import DAY, Flags, before, known_mean, over_known, trailing_mean
from drift.domain import Floats
from drift.values import quiet

POOLED = ("size", "roughness", "bias")
SPREAD_HOURS = (24, 48)
KNOWN_SHARE = 0.5  # of the cities, or the hour is not pooled
WINDOW_SHARE = 0.6  # of a window's hours, or there is no mean
HIGH_QUANTILE = 0.9  # of the daily maxima: the tail begins there


@dataclass(frozen=True, slots=True, eq=False)
class FleetLimits:
    """All that scoring the fleet needs, fitted on the reference."""

    settings: FleetSettings
    centre: Floats
    """(3, N) of an hour, by pooled channel."""
    spread: Floats
    """(3, N) likewise."""
    bias_scale: Mapping[int, Floats]
    """By hours: (N,) root mean square of the city's mean bias."""
    scale: Mapping[ChannelWindow, float]
    """Of each excess, by channel and window of hours."""
    limit: float


@quiet
def hourly(limits: Limits, series: Series) -> Floats:
    """(3, H, N) log(|e| ÷ s + 0.1), the same of the innovation, and e ÷ s clipped to ±2; NaN without a usable
    hour.
    """
    error, normal = series.error(), limits.model.expect(series.hours)
    scaled = error / normal.error
    rough = innovation(error, normal.persistence) / normal.innovation
    return np.stack([np.log(np.abs(scaled) + 0.1), np.log(rough + 0.1), np.clip(scaled, -2, 2)])


@quiet
def _pool(
    values: Floats, centre: Floats, spread: Floats, bias_scale: Mapping[int, Floats], settings: FleetSettings
) -> Floats:
    z = np.clip((values - centre[:, None]) / spread[:, None], -settings.city_clip, settings.city_clip)
    rows = [known_mean(z, axis=-1)]
    for length, scale in bias_scale.items():
        mean = trailing_mean(values[2] - centre[2], length, length // 2) / scale
        rows.append(known_mean(np.minimum(mean**2, settings.square_clip), axis=-1)[None])
    enough = np.isfinite(values[0]).mean(axis=-1) >= KNOWN_SHARE
    return np.where(enough, np.concatenate(rows), np.nan)


def pool(fleet: FleetLimits, values: Floats) -> Floats:
    """(5, H) means over cities of `hourly` values (3, H, N), in spreads, and of the squared 24 and 48 h bias.

    A NaN city is left out of the hour; an hour with fewer than half of the cities is NaN.
    """
    return _pool(values, fleet.centre, fleet.spread, fleet.bias_scale, fleet.settings)


def fleet_normal(pooled: Floats, memory_hours: float, start: Floats | None = None) -> Floats:
    """(5, H) exponential mean of pooled values (5, H), from `start` (5,) or from normal; NaN leaves it as it
    is.
    """
    mean = np.array([0.0, 0.0, 0.0, 1.0, 1.0]) if start is None else start
    out = np.empty_like(pooled)
    for hour in range(pooled.shape[1]):
        now = pooled[:, hour]
        mean = np.where(np.isfinite(now), mean + (now - mean) / memory_hours, mean)
        out[:, hour] = mean
    return out


def excess(pooled: Floats, normal: Floats, settings: FleetSettings) -> dict[ChannelWindow, Floats]:
    """By channel and window of hours: (H,) the window's mean minus the moving normal before it; spreads as
    roots.

    NaN where fewer than 60 % of a window's hours are pooled.
    """
    out: dict[ChannelWindow, Floats] = {}
    last = pooled.shape[1] - 1
    for row, channel in enumerate(POOLED):
        for window in settings.windows:
            mean = trailing_mean(pooled[row][:, None], window, int(WINDOW_SHARE * window))[:, 0]
            out[channel, window] = mean - before(normal[row], min(window, last))
    for row, length in enumerate(SPREAD_HOURS, start=len(POOLED)):
        past = before(normal[row], min(length, last))
        out["spread", length] = np.sqrt(pooled[row]) - np.sqrt(past)
    return out


def largest(
    values: Mapping[ChannelWindow, Floats], scale: Mapping[ChannelWindow, float], wide: Flags, factor: float
) -> Floats:
    """(H,) the largest excess ÷ scale; bias counts both ways, the others upward. Divided by `factor` where
    `wide`.

    A NaN excess counts as 0: no evidence.
    """
    parts = [
        np.abs(value / scale[key]) if key[0] == "bias" else value / scale[key]
        for key, value in values.items()
    ]
    score: Floats = np.max(np.nan_to_num(np.stack(parts)), axis=0) / np.where(wide, factor, 1.0)
    return score


def tail_limit(score: Floats, rate: float, clustering: float) -> float:
    """The level of an hourly score (H,) passed `rate` times a year: exponential tail of the top tenth of
    daily maxima.

    high + mean excess over it · log(days over it a year × `clustering` ÷ `rate`), high being their 90 %
    quantile.
    """
    days = len(score) // DAY
    maxima = score[: days * DAY].reshape(days, DAY).max(axis=1)
    high = np.quantile(maxima, HIGH_QUANTILE)
    over = maxima[maxima > high] - high
    a_year = len(over) / (days / 365.25)
    return float(high + over.mean() * np.log(a_year * clustering / rate))


def fit_fleet(
    limits: Limits, series: Series, wide: Flags, settings: FleetSettings | None = None
) -> FleetLimits:
    """Fit on the reference (H, N) of fitted cities; `wide` (H,) marks days around holidays and clock changes.

    NaN hours and dead cities are left out of the pool.
    """
    settings = settings or FleetSettings()
    values = hourly(limits, series)
    centre, spread = known_mean(values, axis=1), np.stack([over_known(np.nanstd, v) for v in values])
    bias_scale = {
        length: np.sqrt(known_mean(trailing_mean(values[2] - centre[2], length, length // 2) ** 2))
        for length in SPREAD_HOURS
    }
    pooled = _pool(values, centre, spread, bias_scale, settings)
    parts = excess(pooled, fleet_normal(pooled, DAY * settings.memory_days), settings)
    warm = slice(settings.warm_up_days * DAY, None)
    scale = {key: float(np.sqrt(known_mean(part[warm] ** 2))) for key, part in parts.items()}
    score = largest(parts, scale, wide, settings.holiday_factor)[warm]
    limit = tail_limit(score, settings.budget, settings.clustering)
    return FleetLimits(settings, centre, spread, bias_scale, scale, limit)


def score_fleet(fleet: FleetLimits, pooled: Floats, normal: Floats, wide: Flags) -> Floats:
    """(H,) score of pooled values (5, H) by their moving normal (5, H); 1 is the limit."""
    values = excess(pooled, normal, fleet.settings)
    score: Floats = largest(values, fleet.scale, wide, fleet.settings.holiday_factor) / fleet.limit
    return score
