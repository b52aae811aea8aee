"""Drift that many cities share: too small for any city's limit, plain in their mean within a day or two.

Channels of the pooled hour: size and roughness (means of logs), bias (signed), and spread (root mean square
of the cities' 24 and 48 h bias: a common fault that has another sign in each city). Each city enters
standardised and clipped, so none can carry the fleet. Means over windows of hours minus a moving normal, in
units of their own scale on the reference; the score is the largest of them over one limit.

What blocks of cities give are sums and counts by hour (`PoolSums`), so blocks join exactly. H hours, N
cities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from drift.detectors.features import ChannelWindow, HourlyErrors
from drift.detectors.normal import Memory
from drift.detectors.profile import Limits
from drift.detectors.series import Series
from drift.detectors.settings import FleetSettings
from drift.detectors.trailing import (
    DAY,
    Flags,
    Integers,
    Singles,
    geometric,
    known_mean,
    lagged,
    over_known,
    trailing_day,
    trailing_mean,
)
from drift.domain import Floats
from drift.values import quiet

POOLED = ("size", "roughness", "bias")
SPREAD_HOURS = (24, 48)
CHANNELS = (*POOLED, "spread")
ROWS = 6  # size, roughness, bias, squared bias of 24 and of 48 h, error ratio
KNOWN_SHARE = 0.5  # of the cities, or the hour is not pooled
WINDOW_SHARE = 0.6  # of a window's hours, or there is no mean
HIGH_QUANTILE = 0.9  # of the daily maxima: the tail begins there
CENTRE = np.array([[0.0], [0.0], [0.0], [1.0], [1.0]])  # of a pooled hour on the reference
BLOCK = 50  # cities
RATIO_CAP = 20.0  # times normal, one hour of one city in the fleet's error ratio


@dataclass(frozen=True, slots=True, eq=False)
class FleetScale:
    """What is normal for an hour of each city."""

    centre: Floats
    """(3, N) by pooled channel."""
    spread: Floats
    """(3, N) likewise."""
    bias: Floats
    """(2, N) root mean square of the city's mean bias, of 24 and of 48 hours."""

    def cities(self, keep: Integers) -> FleetScale:
        """Of some cities."""
        return FleetScale(self.centre[:, keep], self.spread[:, keep], self.bias[:, keep])

    @classmethod
    def join(cls, blocks: Sequence[FleetScale]) -> FleetScale:
        """Of blocks of cities, in their order."""
        return cls(
            *(
                np.concatenate([getattr(each, name) for each in blocks], axis=1)
                for name in ("centre", "spread", "bias")
            )
        )


@dataclass(frozen=True, slots=True, eq=False)
class FleetLimits:
    """All that scoring the fleet needs, fitted on the reference."""

    settings: FleetSettings
    scale: FleetScale
    excess: Mapping[ChannelWindow, float]
    """Root mean square of each excess, by channel and window of hours."""
    limit: float

    def cities(self, keep: Integers) -> FleetLimits:
        """To pool some of the cities, a block."""
        return replace(self, scale=self.scale.cities(keep))

    def without(self, some: Flags) -> FleetLimits:
        """The same, with some of the cities (N,) left out of the pool."""
        centre = np.where(some, np.nan, self.scale.centre)
        return replace(self, scale=replace(self.scale, centre=centre))


@dataclass(frozen=True, slots=True, eq=False)
class PoolSums:
    """What cities add to the fleet, by hour: sums and counts, which join exactly."""

    total: Floats
    """(6, H) of the cities' size, roughness and bias in spreads, squared bias of 24 and 48 h, error ratio."""
    count: Integers
    """(6, H) of the cities that are in each sum."""
    cities: int

    @classmethod
    def join(cls, blocks: Sequence[PoolSums]) -> PoolSums:
        """Of blocks of cities of one model version at the same hours."""
        total = np.sum([each.total for each in blocks], axis=0)
        count = np.sum([each.count for each in blocks], axis=0)
        return cls(total, count, sum(each.cities for each in blocks))

    @quiet
    def mean(self) -> Floats:
        """(5, H) means over the cities; NaN in hours with fewer than half of the cities."""
        enough = self.count[0] >= KNOWN_SHARE * max(self.cities, 1)
        return np.where(enough, self.total[:5] / self.count[:5], np.nan)

    @quiet
    def error_ratio(self) -> Floats:
        """(H,) mean error of the 24 h to each hour, in multiples of normal; NaN with less than half of it."""
        total, count = trailing_day(self.total[5]), trailing_day(self.count[5])
        return np.where(count >= KNOWN_SHARE * DAY * max(self.cities, 1), total / count, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class FleetWatched:
    """What is said of the fleet, (S,) by slot, or () of one slot; NaN where nothing could be looked at."""

    score: Floats
    """In units of the limit."""
    by_channel: Mapping[str, Floats]
    """The largest over the channel's windows, likewise."""
    window_hours: Integers
    """Of the largest statistic; 0 where NaN."""
    error_ratio: Floats
    """Mean error of the last 24 h over all cities, in multiples of normal."""


def pooled_errors(hourly: HourlyErrors) -> Singles:
    """(3, H, N) log(|e| ÷ s + 0.1), the same of the innovation, and e ÷ s clipped to ±2; NaN without a usable
    hour.
    """
    size = np.log(np.abs(hourly.scaled) + np.float32(0.1))
    return np.stack([size, hourly.rough, np.clip(hourly.scaled, -2, 2)])


@quiet
def pool(scale: FleetScale, hourly: HourlyErrors, settings: FleetSettings) -> PoolSums:
    """What these cities add to the fleet. A NaN city is left out of the hour, one without a scale of all."""
    values = pooled_errors(hourly)
    clip, last = np.float32(settings.city_clip), np.float32(settings.square_clip)
    rows = [
        np.clip((value - centre) / spread, -clip, clip)
        for value, centre, spread in zip(values, _single(scale.centre), _single(scale.spread), strict=True)
    ]
    bias = values[2] - _single(scale.centre)[2]
    for length, size in zip(SPREAD_HOURS, _single(scale.bias), strict=True):
        rows.append(np.minimum((_trailing(bias, length) / size) ** 2, last))
    rows.append(np.minimum(np.abs(hourly.scaled), np.float32(RATIO_CAP)))
    pooled = np.isfinite(scale.centre[0])
    known = [np.isfinite(row) & pooled for row in rows]
    total = [np.where(k, row, 0).sum(axis=-1, dtype=np.float64) for k, row in zip(known, rows, strict=True)]
    return PoolSums(np.stack(total), np.stack([k.sum(axis=-1) for k in known]), int(pooled.sum()))


def _single(values: Floats) -> Singles:
    return values.astype(np.float32)


def _trailing(values: Singles, hours: int) -> Singles:
    """Mean of the last one or two days; NaN where fewer than half of the hours are known."""
    known = np.isfinite(values)
    total, count = trailing_day(np.where(known, values, 0)), trailing_day(known.view(np.uint8))
    if hours == 2 * DAY:
        total[DAY:], count[DAY:] = total[DAY:] + total[:-DAY], count[DAY:] + count[:-DAY]
    return np.where(count >= hours // 2, total / np.maximum(count, 1), np.float32(np.nan))


def fleet_normal(pooled: Floats, settings: FleetSettings) -> Floats:
    """(5, H) the moving normal of pooled values (5, H): a finite exponential mean, NaN hours left out; what
    is not told is believed to be the reference's.
    """
    memory = Memory(DAY * settings.memory_days, DAY * settings.normal_days)
    known = np.isfinite(pooled).T.astype(np.float64)
    value = np.where(np.isfinite(pooled), pooled, 0).T
    total = geometric(value, memory.factor, memory.terms) * (1 - memory.factor)
    weight = geometric(known, memory.factor, memory.terms) * (1 - memory.factor)
    normal: Floats = ((total + memory.rest * CENTRE.T) / (weight + memory.rest)).T
    return normal


def excess(pooled: Floats, normal: Floats, settings: FleetSettings) -> dict[ChannelWindow, Floats]:
    """By channel and window of hours: (H,) the window's mean minus the moving normal before it; spreads as
    roots.

    NaN where fewer than 60 % of a window's hours are pooled.
    """
    out: dict[ChannelWindow, Floats] = {}
    for row, channel in enumerate(POOLED):
        for window in settings.windows:
            mean = trailing_mean(pooled[row][:, None], window, int(WINDOW_SHARE * window))[:, 0]
            out[channel, window] = mean - _past(normal, row, window)
    for row, length in enumerate(SPREAD_HOURS, start=len(POOLED)):
        out["spread", length] = np.sqrt(pooled[row]) - np.sqrt(_past(normal, row, length))
    return out


def _past(normal: Floats, row: int, hours: int) -> Floats:
    """The normal so many hours earlier; before the first row that of the reference."""
    past = lagged(normal[row], hours)
    return np.where(np.isnan(past), CENTRE[row], past)


def in_scales(values: Mapping[ChannelWindow, Floats], limits: FleetLimits) -> dict[ChannelWindow, Floats]:
    """(H,) each excess ÷ its scale; bias counts both ways, the others upward. NaN stays NaN."""
    return {
        key: (np.abs(value) if key[0] == "bias" else np.maximum(value, 0)) / limits.excess[key]
        for key, value in values.items()
    }


def fleet_scores(fleet: FleetLimits, sums: PoolSums, wide: Flags, rows: Integers) -> FleetWatched:
    """What is said of the fleet at the rows (S,) of the sums' hours, each being the last hour used.

    `wide` (S,) marks slots around holidays and clock changes. A row looks back on 78 days.
    """
    pooled = sums.mean()
    values = in_scales(excess(pooled, fleet_normal(pooled, fleet.settings), fleet.settings), fleet)
    higher = fleet.limit * np.where(wide, fleet.settings.holiday_factor, 1.0)
    keys = list(values)
    table = np.stack([values[key][rows] / higher for key in keys])
    known = np.isfinite(table).any(axis=0)
    found = np.nan_to_num(table)
    by_channel = {
        channel: np.where(known, found[[key[0] == channel for key in keys]].max(axis=0), np.nan)
        for channel in CHANNELS
    }
    window = np.where(known, np.array([key[1] for key in keys])[found.argmax(axis=0)], 0)
    total = np.where(known, found.max(axis=0), np.nan)
    return FleetWatched(total, by_channel, window, sums.error_ratio()[rows])


def fleet_score(fleet: FleetLimits, sums: PoolSums, wide: bool = False) -> FleetWatched:
    """What is said of the fleet at the last hour of the sums: one slot."""
    at = fleet_scores(fleet, sums, np.array([wide]), np.array([-1]))
    return FleetWatched(
        at.score[0],
        {name: value[0] for name, value in at.by_channel.items()},
        at.window_hours[0],
        at.error_ratio[0],
    )


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


@quiet
def fit_scale(hourly: HourlyErrors) -> FleetScale:
    """Of the reference's hours of a block of cities."""
    values = pooled_errors(hourly).astype(np.float64)
    centre = known_mean(values, axis=1)
    bias = (values[2] - centre[2]).astype(np.float32)
    size = [np.sqrt(known_mean(_trailing(bias, hours).astype(np.float64) ** 2)) for hours in SPREAD_HOURS]
    return FleetScale(centre, np.stack([over_known(np.nanstd, value) for value in values]), np.stack(size))


def fit_fleet(
    limits: Limits, series: Series, wide: Flags, settings: FleetSettings | None = None, block: int = BLOCK
) -> FleetLimits:
    """Fit on the reference (H, N) of fitted cities; `wide` (H,) marks days around holidays and clock changes.

    NaN hours and dead cities are left out of the pool. Block by block: only sums are kept.
    """
    settings = settings or FleetSettings()
    count = series.actual.shape[1]
    scales, sums = [], []
    for part in np.array_split(np.arange(count), max(1, -(-count // block))):
        own = series.cities(part).single()
        hourly = HourlyErrors.of(own, limits.cities(part).model.expect(own.hours))
        scales.append(fit_scale(hourly))
        sums.append(pool(scales[-1], hourly, settings))
    return _limits_of(FleetScale.join(scales), PoolSums.join(sums), wide, settings)


def _limits_of(scale: FleetScale, sums: PoolSums, wide: Flags, settings: FleetSettings) -> FleetLimits:
    pooled = sums.mean()
    parts = excess(pooled, fleet_normal(pooled, settings), settings)
    warm = slice(settings.warm_up_days * DAY, None)
    spans = {key: float(np.sqrt(known_mean(part[warm] ** 2))) for key, part in parts.items()}
    found = FleetLimits(settings, scale, spans, 1.0)
    scores = fleet_scores(found, sums, wide, np.arange(len(wide))).score[warm]
    return replace(found, limit=tail_limit(np.nan_to_num(scores), settings.budget, settings.clustering))
