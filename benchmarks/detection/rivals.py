"""What others do, re-implemented to run over all zones and drifts in seconds: these are not their libraries.

Each is a statistic of |error| by the hour, divided by its own default level: 1 is the level. All look back at
most 100 days, are taken every 3 hours, and are in alarm until a day after the last slot above the level.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.detection.data import DAY, STEP, Array, Split, Whole, Zones
from benchmarks.detection.injections import LEAD, LENGTH, Drifts
from benchmarks.detection.judging import LEAD_SLOTS, SLOTS_A_DAY, mean_of_last
from drift.detectors import Series, firing, fit, onsets

HISTORY = 100 * DAY
CURRENT, BEFORE, AGAIN = 7 * DAY, 90 * DAY, 12
Statistic = Callable[[Array, Whole, Whole], Array]  # |error| (T, M), city (M,), rows (T, M) to scores (T, M)


@dataclass(frozen=True)
class Rival:
    """A fitted statistic; `largest` takes the worst hour of a slot in place of the last."""

    zones: Zones
    statistic: Statistic
    scores: Array
    largest: bool = False
    release: float = 1.0

    def injected(self, drifts: Drifts, error: Array) -> Array:
        """(S, M) scores from a day before the onset to 28 days after it."""
        back = drifts.onset[None, :] + np.arange(-HISTORY, 0)[:, None]
        own = np.abs(self.zones.error[np.clip(back, 0, None), drifts.city])
        size = np.concatenate([np.where(back >= 0, own, np.nan), np.abs(error[LEAD:])])
        rows = np.concatenate([np.clip(back, 0, None), drifts.rows[LEAD : LEAD + LENGTH]])
        found = by_slot(self.statistic(size, drifts.city, rows), self.largest)
        return found[HISTORY // STEP - LEAD_SLOTS :]


def by_slot(hourly: Array, largest: bool) -> Array:
    """(S, M) of (T, M); unknown is quiet."""
    whole = hourly[: len(hourly) // STEP * STEP].reshape(-1, STEP, hourly.shape[1])
    known = np.nan_to_num(whole)
    return known.max(axis=1) if largest else known[:, -1]


def rival(zones: Zones, statistic: Statistic, largest: bool = False) -> Rival:
    """A fitted statistic with its scores on the series as they are."""
    size = np.abs(zones.error)
    city = np.arange(size.shape[1])
    rows = np.repeat(np.arange(len(size))[:, None], len(city), axis=1)
    return Rival(zones, statistic, by_slot(statistic(size, city, rows), largest), largest)


def seed_rule(zones: Zones, _split: Split) -> Rival:
    """Accuracy under 0.85, that is |error| above 15 %, at two hours in a row."""

    def statistic(size: Array, _city: Whole, _rows: Whole) -> Array:
        before = np.concatenate([np.full((1, size.shape[1]), np.nan), size[:-1]])
        return np.minimum(size, before) / 0.15

    return rival(zones, statistic, largest=True)


def chunks(zones: Zones, split: Split, days: int) -> Rival:
    """The mean |error| of each day or week against the mean + 3 sd of such means in the reference."""

    def ended(size: Array, rows: Whole) -> Array:
        last = (rows % DAY == DAY - 1) & (rows // DAY % days == days - 1)
        return np.where(last, mean_of_last(size, DAY * days, 12 * days), np.nan)

    every = np.arange(len(zones.load))[:, None]
    past = ended(np.abs(zones.error), every)[split.reference]
    middle, width = np.nanmean(past, axis=0), np.nanstd(past, axis=0)

    def statistic(size: Array, city: Whole, rows: Whole) -> Array:
        return held((ended(size, rows) - middle[city]) / width[city] / 3, DAY * days)

    return rival(zones, statistic)


def held(values: Array, hours: int) -> Array:
    """Each value until the next, for at most so many hours."""
    row = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isfinite(values), row, -1), axis=0)
    kept = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where((last >= 0) & (row - last < hours), kept, np.nan)


def cusum(zones: Zones, split: Split) -> Rival:
    """A one-sided sum of |error| over what is normal for the hour and season, less 1.25 × its mean.

    One level for all zones: passed once a zone-year on the reference.
    """
    series = Series(zones.load, zones.forecast, zones.hours)
    expected = fit(series.rows(split.reference)).model.error.expected(zones.hours)
    past = np.minimum(np.abs(zones.error) / expected, 3)[split.reference]
    middle, width = np.nanmean(past, axis=0), long_run(past)

    def total(size: Array, city: Whole, rows: Whole, cap: float) -> Array:
        ratio = np.minimum(size / expected[rows, city], 3)
        step = np.where(np.isfinite(ratio), ratio - 1.25 * middle[city], -0.25 * middle[city]) / width[city]
        out, now = np.empty_like(step), np.zeros(step.shape[1])
        for row, value in enumerate(step):
            now = np.clip(now + value, 0, cap)
            out[row] = now
        return out

    every = np.arange(split.reference.start, split.reference.stop)[:, None]
    city = np.arange(past.shape[1])
    summed = total(np.abs(zones.error)[split.reference], city, every, np.inf)
    level = yearly_level(by_slot(summed, False), float(zones.years(split.reference).sum()))
    return rival(zones, lambda size, city, rows: total(size, city, rows, 6 * level) / level)


def yearly_level(scores: Array, years: float) -> float:
    """The smallest level that scores pass once a year."""
    low, high = 0.0, float(scores.max()) * 1.0001
    for _ in range(20):
        level = (low + high) / 2
        state = firing(scores / level, 1.0, SLOTS_A_DAY)
        low, high = (level, high) if onsets(state).sum() > years or state.mean() > 0.3 else (low, level)
    return high


def long_run(values: Array) -> Array:
    """(N,) a day's worth of standard deviation, with the days' correlation up to a week in it."""
    days = mean_of_last(values, DAY, 14)[DAY - 1 :: DAY]
    days = days - np.nanmean(days, axis=0)
    variance = np.nanmean(days**2, axis=0)
    for lag in range(1, 8):
        variance = variance + 2 * (1 - lag / 8) * np.nanmean(days[lag:] * days[:-lag], axis=0)
    return DAY * np.sqrt(np.maximum(variance, 1e-9))


def kolmogorov(current: Array, before: Array) -> float:
    """The largest gap of two sorted samples' distributions over the one that has p = 0.05."""
    every = np.concatenate([current, before])
    ours = np.searchsorted(current, every, "right") / len(current)
    theirs = np.searchsorted(before, every, "right") / len(before)
    size = len(current) * len(before) / (len(current) + len(before))
    return float(np.abs(ours - theirs).max() * np.sqrt(size) / 1.358)


def stability(current: Array, before: Array) -> float:
    """The population stability index over ten equally filled bins of the earlier sample, over 0.2."""
    edges = before[np.arange(1, 10) * len(before) // 10]
    share = [
        np.maximum(np.diff([0, *np.searchsorted(each, edges), len(each)]) / len(each), 1e-4)
        for each in (before, current)
    ]
    return float(np.sum((share[0] - share[1]) * np.log(share[0] / share[1])) / 0.2)


def wasserstein(current: Array, before: Array) -> float:
    """The distance of two sorted samples in standard deviations of the earlier one, over 0.1."""
    at = (np.arange(200) + 0.5) / 200
    gap = before[(at * len(before)).astype(int)] - current[(at * len(current)).astype(int)]
    return float(np.mean(np.abs(gap)) / max(before.std(), 0.001) / 0.1)


def two_samples(zones: Zones, _split: Split, distance: Callable[[Array, Array], float]) -> Rival:
    """The last 7 days' |error| against the 90 days before, every 12 hours."""

    def statistic(size: Array, _city: Whole, _rows: Whole) -> Array:
        out = np.full(size.shape, np.nan)
        for column in range(size.shape[1]):
            for row in range(CURRENT + BEFORE, len(size), AGAIN):
                window = size[row + 1 - CURRENT - BEFORE : row + 1, column]
                before, current = (np.sort(w[np.isfinite(w)]) for w in (window[:BEFORE], window[BEFORE:]))
                if len(current) >= 60 and len(before) >= 500:
                    out[row : row + AGAIN, column] = distance(current, before)
        return out

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return rival(zones, statistic)


RIVALS: Mapping[str, Callable[[Zones, Split], Rival]] = {
    "accuracy < 0.85 for 1 h (the seed's rule)": seed_rule,
    "mean ± 3 sd of days": partial(chunks, days=1),
    "mean ± 3 sd of weeks": partial(chunks, days=7),
    "CUSUM, seasonal, pooled": cusum,
    "KS p < 0.05, 7 d against 90 d": partial(two_samples, distance=kolmogorov),
    "PSI > 0.2, 7 d against 90 d": partial(two_samples, distance=stability),
    "Wasserstein > 0.1, 7 d against 90 d": partial(two_samples, distance=wasserstein),
}
SLOW = ("KS", "PSI", "Wasserstein")  # a window at a time
