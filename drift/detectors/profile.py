"""What is fitted of each city, and the score of a slot by it: the largest statistic in units of its limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from drift.detectors.error_model import ErrorModel
from drift.detectors.features import ChannelWindow, Features, features
from drift.detectors.normal import standardise
from drift.detectors.scan import gate, last_means, last_ratio, recent_ratios, statistics, window_means
from drift.detectors.series import Series
from drift.detectors.settings import Settings
from drift.detectors.trailing import Flags, Integers
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

    @classmethod
    def join(cls, blocks: Sequence[Limits]) -> Limits:
        """Of blocks of cities that share their limits, in their order."""
        return replace(
            blocks[0],
            model=ErrorModel.join([block.model for block in blocks]),
            centre=np.concatenate([block.centre for block in blocks]),
            spread=np.concatenate([block.spread for block in blocks]),
            ratio_centre=np.concatenate([block.ratio_centre for block in blocks]),
            whitening={
                key: np.concatenate([block.whitening[key] for block in blocks]) for key in blocks[0].whitening
            },
            days=np.concatenate([block.days for block in blocks]),
            city_years=sum(block.city_years for block in blocks),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of slots, in units of the limit: 1 is the limit, 0 is no evidence."""

    by_channel: Mapping[ChannelWindow, Floats]
    """(S, N) by channel and window of days."""
    ratio: Floats
    """(S, N) the error of the last days in multiples of normal, the worst day left out; 0: not known."""
    total: Floats
    """(S, N) the largest of the channels' scores."""
    known: Flags
    """(S, N) whether any window held enough days."""


def slot_features(limits: Limits, series: Series) -> Features:
    """Features of every hourly row, for limits already fitted. Each needs the 24 hours to it, and the week
    before.
    """
    return features(series, limits.model.expect(series.hours))


def score(limits: Limits, slots: Features, per_day: int) -> Scores:
    """Scores of slots (S, N), `per_day` a day: statistic ÷ limit ÷ widening, where the gate is open.

    A row looks back on the 90 days before it; days before the first row are not known. A city whose features
    are NaN scores 0.
    """
    settings = limits.settings
    z = standardise(slots.values, limits.centre, limits.spread, settings.clip)
    recent = recent_ratios(slots.ratio, limits.ratio_centre, settings, per_day)
    return judge(limits, window_means(z, settings, per_day), recent)


def score_last(limits: Limits, days: Features) -> Scores:
    """(1, N) the score of the last row of the last 90 days' features, a row a day."""
    settings = limits.settings
    z = standardise(days.values, limits.centre, limits.spread, settings.clip)
    recent = last_ratio(days.ratio, limits.ratio_centre, settings)
    return judge(limits, last_means(z, settings), recent)


def judge(limits: Limits, means: Mapping[int, Floats], recent: Floats) -> Scores:
    """Scores of window means (S, N, K) and the gate's ratio (S, N)."""
    settings = limits.settings
    values = statistics(means, limits.whitening)
    wide = {
        window: limits.widening(window) / np.sqrt(1 + 2 * window / YEAR_DAYS) for window in settings.windows
    }
    by_channel = {
        key: value.astype(np.float64) / limits.limit[key] / wide[key[1]]
        for key, value in gate(values, recent, settings.least_ratio).items()
    }
    known = np.any([np.isfinite(value) for value in values.values()], axis=0)
    return Scores(by_channel, recent, np.max(list(by_channel.values()), axis=0), known)
