"""What is fitted of each city, and the score of a slot by it: the largest statistic in units of its limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from drift.detectors.error_model import ErrorModel
from drift.detectors.features import ChannelWindow, Features, features
from drift.detectors.normal import moving_mean, standardise
from drift.detectors.scan import gate, recent_ratio, statistics, window_means
from drift.detectors.series import Series
from drift.detectors.settings import Settings
from drift.detectors.trailing import Integers
from drift.domain import Floats

YEAR_DAYS = 365


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """All that scoring needs, fitted on the reference."""

    settings: Settings
    model: ErrorModel
    centre: Floats
    """(N, K) of the features."""
    spread: Floats
    """(N, K) of the features."""
    ratio_centre: Floats
    """(N,) mean of the error ratio."""
    whitening: Mapping[ChannelWindow, Floats]
    """(N, k, k)"""
    limit: Mapping[ChannelWindow, float]
    """Of the statistic, the same for all cities."""
    days: Floats
    """(N,) usable days of reference."""
    city_years: float
    """Their sum over the cities, in years."""

    def widening(self, window: int) -> Floats:
        """(N,) how many times wider a short reference makes the means of a window: √(1 + 2 window ÷ days).

        1.04 at a year for 14 days, 1.4 at a month; a reference without days counts as one day.
        """
        wider: Floats = np.sqrt(1 + 2 * window / np.maximum(self.days, 1))
        return wider

    def cities(self, keep: Integers) -> Limits:
        """Of some cities."""
        return replace(
            self,
            model=self.model.cities(keep),
            centre=self.centre[keep],
            spread=self.spread[keep],
            ratio_centre=self.ratio_centre[keep],
            whitening={key: matrix[keep] for key, matrix in self.whitening.items()},
            days=self.days[keep],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """The moving normal, a row a slot; its last row is the state that the next slot starts from."""

    features: Floats
    """(S, N, K) in spreads."""
    ratio: Floats
    """(S, N)"""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of slots, in units of the limit: 1 is the limit, 0 is no evidence."""

    by_channel: Mapping[ChannelWindow, Floats]
    """(S, N) by channel and window of days."""
    ratio: Floats
    """(S, N) the error of the last days in multiples of normal, the worst day left out; 0: not known."""
    total: Floats
    """(S, N) the largest of the channels' scores."""


def slot_features(limits: Limits, series: Series) -> Features:
    """Features of every hourly row, for limits already fitted. Each needs the 24 hours to it, and the week
    before.
    """
    return features(series, limits.model.expect(series.hours))


def moving_normal(limits: Limits, slots: Features, per_day: int, start: Normal | None = None) -> Normal:
    """The moving normal along slots, `per_day` a day; with `start`, carried on from its last row.

    A slot with a NaN feature leaves it as it was. Without `start` it begins at the reference's centre.
    """
    settings = limits.settings
    z = standardise(slots.values, limits.centre, limits.spread, settings.clip)
    first = np.zeros_like(limits.centre) if start is None else start.features[-1]
    first_ratio = limits.ratio_centre if start is None else start.ratio[-1]
    return Normal(
        moving_mean(z, first, per_day * settings.memory_days),
        moving_mean(slots.ratio, first_ratio, per_day * settings.ratio_memory_days),
    )


def score(limits: Limits, slots: Features, normal: Normal, per_day: int) -> Scores:
    """Scores of slots (S, N), `per_day` a day: statistic ÷ limit ÷ widening, where the gate is open.

    The last row needs the 14 days before it and nothing else: a slot in service passes the stored rows of its
    own hour of the last 15 days with `per_day=1`. A city whose features are NaN scores 0.
    """
    settings = limits.settings
    z = standardise(slots.values, limits.centre, limits.spread, settings.clip)
    means = window_means(z, normal.features, settings.windows, per_day)
    wide = {
        window: limits.widening(window) / np.sqrt(1 + 2 * window / YEAR_DAYS) for window in settings.windows
    }
    recent = recent_ratio(slots.ratio, normal.ratio, settings, per_day)
    values = gate(statistics(means, limits.whitening), recent, settings.least_ratio)
    by_channel = {
        key: value.astype(np.float64) / limits.limit[key] / wide[key[1]] for key, value in values.items()
    }
    return Scores(by_channel, recent, np.max(list(by_channel.values()), axis=0))


def borrow(own: Limits, donor: Limits) -> Limits:
    """Cold start: the cities' own normal error, with the limits and the pooled whitening of longer series.

    With less than half a year, limits of one's own are far off: alternate months leave too little to judge
    out of fold. `donor` may be other cities of the same team. `score` widens for the short reference.
    """
    cities = len(own.days)
    pooled = {
        key: np.repeat(np.median(matrix, axis=0)[None], cities, axis=0)
        for key, matrix in donor.whitening.items()
    }
    return replace(own, limit=donor.limit, whitening=pooled, settings=donor.settings)
