"""The detector in service: what the hours before a slot say of each city, and nothing else is asked.

A slot needs no state of earlier slots: it looks back on 90 days at its own hour of the day, so a late actual,
a missed slot or a second replica change nothing. `watch` is one slot. `watch_many` is many slots in one pass
over the series, for a replay; it says of each what `watch` would have said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.detectors.features import CHANNELS, WEEK, HourlyErrors, day_features
from drift.detectors.fleet import (
    FleetLimits,
    FleetWatched,
    PoolSums,
    fleet_score,
    fleet_scores,
    pool,
)
from drift.detectors.profile import Limits, Scores, score, score_last
from drift.detectors.series import Hours, Series
from drift.detectors.settings import FleetSettings, Settings
from drift.detectors.trailing import DAY, Integers, daily, trailing_day
from drift.domain import Floats
from drift.values import quiet

__all__ = [
    "FleetWatched",
    "PoolSums",
    "Watched",
    "fleet_score",
    "fleet_scores",
    "hours_needed",
    "watch",
    "watch_many",
]

LEAST_HOURS = 14  # of the last day, or nothing is said
RECENT_DAYS = 14
"""Days whose course is shown beside a slot's figures."""


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What is said of n cities of one model version: arrays (n,) of one slot, (S, n) of many.

    A score of 0 is "looked, no evidence"; NaN is "could not look": fewer than 14 usable hours in the last 24,
    or too few known days in every window.
    """

    score: Floats
    """The largest channel's, in units of the limit."""
    by_channel: Mapping[str, Floats]
    """The largest over the channel's windows, likewise."""
    window_days: Integers
    """Of the largest statistic, where an onset is looked for; 0 where the score is NaN or 0."""
    error_ratio: Floats
    """Mean |error| ÷ expected size of the last 24 h; 1 is normal."""
    recent_ratio: Floats
    """The gate's: of the last 7 days, the worst left out; 0 with fewer than 3 known days."""
    bias_ratio: Floats
    """Mean error ÷ expected size of the last 24 h, positive is over-forecast."""
    pool: PoolSums | None
    """What these cities add to the fleet; None without limits of a fleet."""
    recent: Floats | None = None
    """(14, n) the error ratio of each of the last days, oldest first; of one slot only."""


def hours_needed(settings: Settings) -> int:
    """Rows of history that one slot needs: the moving normal's days, the longest window, and a week before.

    >>> hours_needed(Settings()) / 24
    97.0
    """
    return DAY * days_needed(settings) + WEEK


def days_needed(settings: Settings) -> int:
    """Days whose features one slot looks at."""
    return settings.normal_days + max(*settings.windows, settings.ratio_days)


def pool_hours(settings: FleetSettings) -> int:
    """Rows that the fleet looks at in one slot."""
    return DAY * settings.normal_days + 2 * DAY


@quiet
def watch(limits: Limits, fleet: FleetLimits | None, series: Series) -> Watched:
    """The slot right after the last row of a series (H, n), of the cities that the limits are of.

    Rows beyond `hours_needed` are not looked at; missing ones are not known.
    """
    days = days_needed(limits.settings)
    series = _last(series, hours_needed(limits.settings)).single()
    normal = limits.model.expect(series.hours)
    hourly = HourlyErrors.of(series, normal)
    features = day_features(hourly, series, normal, partial(daily, days=days))
    sums = None
    if fleet is not None:
        rows = slice(-pool_hours(fleet.settings) - 2 * DAY, None)
        part = HourlyErrors(hourly.error[rows], hourly.scaled[rows], hourly.rough[rows])
        sums = _tail(pool(fleet.scale, part, fleet.settings), pool_hours(fleet.settings))
    scores = score_last(limits, features)
    ratio, bias = _last_day(hourly.scaled[-DAY:])
    found = _watched(scores, features.ratio[-1:], ratio[-1:], bias[-1:], sums)
    return replace(_first(found), recent=recent_days(hourly.scaled))


@quiet
def watch_many(limits: Limits, fleet: FleetLimits | None, series: Series, rows: Integers) -> Watched:
    """What `watch` says of `series.rows(slice(0, row + 1))`, for each of the rows (S,), in one pass.

    The fleet's sums are of all hours of the series: `fleet_scores` takes them with the same rows.
    """
    series, normal = series.single(), limits.model.expect(series.hours)
    hourly = HourlyErrors.of(series, normal)
    features = day_features(hourly, series, normal, trailing_day)
    sums = pool(fleet.scale, hourly, fleet.settings) if fleet is not None else None
    scores = _at(score(limits, features, DAY), rows)
    ratio, bias = _last_day(hourly.scaled)
    return _watched(scores, features.ratio[rows], ratio[rows], bias[rows], sums)


def _at(scores: Scores, rows: Integers) -> Scores:
    by_channel = {key: value[rows] for key, value in scores.by_channel.items()}
    return Scores(by_channel, scores.ratio[rows], scores.total[rows], scores.known[rows])


def _last_day(scaled: Floats) -> tuple[Floats, Floats]:
    """Mean size and mean of e ÷ s of each trailing day, uncapped."""
    known = np.isfinite(scaled)
    count = trailing_day(known.view(np.uint8))
    value = np.where(known, scaled, 0)
    enough = count >= LEAST_HOURS
    size, bias = (trailing_day(each) / np.maximum(count, 1) for each in (np.abs(value), value))
    return np.where(enough, size, np.nan), np.where(enough, bias, np.nan)


@quiet
def recent_days(scaled: Floats, days: int = RECENT_DAYS) -> Floats:
    """(days, n) mean |e| ÷ s of each of the last days of (H, n) hours, oldest first; H is at least 24 · days.

    A day ends where the hours end, so the last one is the slot's error ratio. NaN with fewer than 14 usable
    hours.

    >>> recent_days(np.repeat([[1.0], [-2.0], [np.nan]], 24, axis=0), 3).ravel()
    array([ 1.,  2., nan])
    """
    size = np.abs(scaled[-days * DAY :]).reshape(days, DAY, -1)
    known = np.isfinite(size)
    count = known.sum(axis=1)
    total = np.where(known, size, 0).sum(axis=1, dtype=np.float64)
    return np.where(count >= LEAST_HOURS, total / np.maximum(count, 1), np.nan)


def _watched(scores: Scores, today: Floats, ratio: Floats, bias: Floats, sums: PoolSums | None) -> Watched:
    known = scores.known & np.isfinite(today)
    keys = list(scores.by_channel)
    table = np.stack(list(scores.by_channel.values()))
    by_channel = {
        channel: np.where(known, table[[key[0] == channel for key in keys]].max(axis=0), np.nan)
        for channel in CHANNELS
    }
    window = np.array([key[1] for key in keys])[table.argmax(axis=0)]
    return Watched(
        score=np.where(known, scores.total, np.nan),
        by_channel=by_channel,
        window_days=np.where(known & (scores.total > 0), window, 0),
        error_ratio=ratio,
        recent_ratio=scores.ratio,
        bias_ratio=bias,
        pool=sums,
    )


def _first(many: Watched) -> Watched:
    """The only slot of many."""
    return Watched(
        many.score[0],
        {name: value[0] for name, value in many.by_channel.items()},
        many.window_days[0],
        many.error_ratio[0],
        many.recent_ratio[0],
        many.bias_ratio[0],
        many.pool,
    )


def _tail(sums: PoolSums, hours: int) -> PoolSums:
    return PoolSums(sums.total[:, -hours:], sums.count[:, -hours:], sums.cities)


def _last(series: Series, rows: int) -> Series:
    """The last rows; those that are missing before the first one are not known."""
    missing = rows - len(series.actual)
    if missing <= 0:
        return series.rows(slice(len(series.actual) - rows, None))
    hours = series.hours
    return Series(
        _padded(series.actual, missing, np.nan),
        _padded(series.predicted, missing, np.nan),
        Hours(
            _padded(hours.hour, missing, 0),
            _padded(hours.weekend, missing, False),
            _padded(hours.holiday, missing, True),
            _padded(hours.day_of_year, missing, 1),
            _padded(hours.month, missing, 0),
        ),
    )


def _padded(values: NDArray[Any], rows: int, fill: float | bool) -> NDArray[Any]:
    return np.concatenate([np.full((rows, *values.shape[1:]), fill, values.dtype), values])
