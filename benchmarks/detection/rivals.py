"""What others do, in forms that run over all zones and drifts in seconds.

Why: a library takes milliseconds to seconds a look. `agreement.py` runs each on some zones and says how far
these forms agree with it. How: each is a statistic of |error| by the hour, divided by its own default level:
1 is the level. All look back at most 100 days, are taken every 3 hours, and are in alarm until a day after
the last slot above the level.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.detection.data import DAY, STEP, Array, Split, Whole, Zones
from benchmarks.detection.injections import HISTORY, Drifts, with_history
from benchmarks.detection.judging import LEAD_SLOTS, SLOTS_A_DAY, Detector, mean_of_last
from benchmarks.detection.two_samples import Looks, TwoSamples
from drift.detectors import Series, firing, fit, onsets

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
        size, rows = with_history(drifts, error)
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
    """NannyML's MAPE by calendar day or week (Monday to Sunday, UTC), once the chunk has ended.

    Its level is the reference's mean of chunks + 3 standard deviations. That it alarms as well when the error
    is small is left out, in its favour.
    """
    size = np.abs(zones.error)
    number = chunk_numbers(zones, days)
    past = chunk_means(size[split.reference], number[split.reference])
    middle, width = np.nanmean(past, axis=0), np.nanstd(past, axis=0)
    last = np.append(number[1:] != number[:-1], False)

    def statistic(size: Array, city: Whole, rows: Whole) -> Array:
        ended = np.where(last[rows], mean_of_last(size, DAY * days, 1), np.nan)
        return held((ended - middle[city]) / width[city] / 3, DAY * days)

    return rival(zones, statistic)


def chunk_numbers(zones: Zones, days: int) -> Whole:
    """(H,) the number of every hour's day or week; weeks begin on Mondays."""
    hours = zones.first.astype("datetime64[h]").astype(int) + np.arange(len(zones.load))
    number: Whole = (hours + (3 * DAY if days == 7 else 0)) // (DAY * days)
    return number


def chunk_means(values: Array, number: Whole) -> Array:
    """(C, N) the mean of each chunk's known hours; NaN where none is."""
    begins = np.flatnonzero(np.append(True, number[1:] != number[:-1]))
    total = np.add.reduceat(np.nan_to_num(values), begins, axis=0)
    known = np.add.reduceat(np.isfinite(values).astype(int), begins, axis=0)
    means: Array = np.where(known > 0, total / np.maximum(known, 1), np.nan)
    return means


def held(values: Array, hours: int) -> Array:
    """Each value until the next, for at most so many hours."""
    row = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isfinite(values), row, -1), axis=0)
    kept = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where((last >= 0) & (row - last < hours), kept, np.nan)


def cusum(zones: Zones, split: Split) -> Rival:
    """A one-sided sum of |error| over what is normal for the hour and season, less 1.25 × its mean.

    One level for all zones: passed once a zone-year on the reference. No library has it: this is ours, and it
    borrows drift's own expected error, which flatters it.
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


LIBRARY_FREE = "no library"


def rivals(shared: Looks) -> Mapping[str, Callable[[Zones, Split], Detector]]:
    """By name; `shared` is what the two-sample rivals have in common."""

    def two(name: str) -> Callable[[Zones, Split], Detector]:
        return lambda _zones, _split: TwoSamples(shared, name)

    return {
        "accuracy < 0.85 for 1 h (the seed's rule)": seed_rule,
        "NannyML, MAPE by day, ± 3 sd": partial(chunks, days=1),
        "NannyML, MAPE by week, ± 3 sd": partial(chunks, days=7),
        f"CUSUM, seasonal, pooled ({LIBRARY_FREE})": cusum,
        "Evidently, Wasserstein > 0.1 (its choice)": two("wasserstein"),
        "Evidently, KS p < 0.05": two("ks"),
        "Evidently, PSI > 0.1": two("psi"),
        "Evidently, Jensen–Shannon > 0.1": two("jensenshannon"),
        f"PSI of deciles > 0.2 ({LIBRARY_FREE})": two("deciles"),
    }


SLOW = ("Evidently", "PSI")  # a window at a time
