"""Slow drift: the last weeks of a city held against its whole reference year, for a notice, not a page.

Why: the profile asks whether the error is worse than it was lately, so drift that takes weeks becomes its own
normal. Here the normal stands still. How: two numbers a day, the log of the error ratio and the signed bias
in expected errors; their means over 14, 21 and 28 days, each in units of its own spread on the reference; the
score is the largest of them over one limit, and 0 while the error is not at least 1.1 × normal. What all
cities share is looked for beside this, in `slow_fleet`; while that is found, a city's limit is lower
(`shared`).

Shapes: H hours, N cities, S slots, D days, W windows, and 2 statistics, size and bias. A slot needs the
`hours_needed` before it and nothing else. NaN is "could not look", 0 is "looked, no evidence".

Source: the spread of window means in place of a formula for dependent days is the moving-block estimate of
Künsch (1989), doi 10.1214/aos/1176347265. Windows, gate and the two statistics are from this project's own
experiments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from drift.detectors.expected import ExpectedSize, fit_expected
from drift.detectors.limits import Tail, tail_of
from drift.detectors.series import Series
from drift.detectors.settings import Settings
from drift.detectors.trailing import DAY, Flags, Integers, known_mean, over_known, trailing_day
from drift.domain import Floats
from drift.errors import UndefinedError
from drift.reasons import Undefined
from drift.values import quiet

SIZE, BIAS = 0, 1
LEAST_HOURS = 14  # of a day
KNOWN_SHARE = 0.6  # of a window's days, or there is no mean
LEAST_DAYS = 84  # of a city's reference: three of the longest windows
LEAST_REFERENCE_DAYS = 180  # of the median city's: a normal year can't be told from less than half of one
SIZE_CAP, BIAS_CAP = 20.0, 2.0  # expected errors, of one hour
SHARES = (0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01)
LEAST_TAIL = 0.1  # of the limit
STANDARD, PRIOR_YEARS = Tail(yearly=2.55, slope=0.71), 3.0  # of 27 US zones, 2018 to 2020; spreads
YEAR_DAYS = 365
BLOCK = 50  # cities whose arrays fit the processor's cache


@dataclass(frozen=True, slots=True)
class SlowSettings:
    """Of slow drift. A spread is a root mean square on the reference."""

    budget: float = 0.5
    """False notices a city-year."""
    fleet_budget: float = 1.0
    """False alarms of all cities together, a year."""
    windows: tuple[int, ...] = (14, 21, 28)
    """Days; the longest last."""
    least_ratio: float = 1.1
    """The error must be at least so many times normal, or nothing is said."""
    shared_share: float = 0.05
    """While all cities have moved, a city is noticed at what this share of normal windows passes."""
    prior_windows: float = 13.0
    """Weight of the median city's variance beside the city's own, in windows."""
    season_share: float = 0.5
    """Of the fitted annual wave of the error that is believed."""
    aim: float = 0.75
    """Of the budget that the limit is fitted to: a later year differs from the reference by more than its own
    weeks do."""
    release: float = 0.8
    """Of the limit; a score that stays at or below it ends the notice."""
    hold_days: int = 7
    """How long it must stay there."""


@dataclass(frozen=True, slots=True, eq=False)
class SlowReference:
    """What limits are fitted to, of N cities."""

    settings: SlowSettings
    expected: ExpectedSize
    centre: Floats
    """(2, N) mean of a day's log error ratio and bias."""
    means: Floats
    """(2, W, D, N) over the windows that end with each day, each month from the other fold's normal."""
    days: Floats
    """(N,) usable; 0 where there are too few."""


@dataclass(frozen=True, slots=True, eq=False)
class SlowLimits:
    """All that scoring N cities needs, fitted on their reference."""

    settings: SlowSettings
    expected: ExpectedSize
    centre: Floats
    """(2, N) of a day's log error ratio and bias."""
    spread: Floats
    """(2, W, N) of their means over the windows."""
    days: Floats
    """(N,) usable days of reference."""
    limit: float
    """Spreads."""
    levels: Floats
    """(7,) scores that `SHARES` of the reference's windows pass."""
    tail: float
    """How much higher a score is that e times fewer windows pass, beyond the last level."""

    def cities(self, keep: Integers) -> SlowLimits:
        """Of some cities."""
        return replace(
            self,
            expected=self.expected.cities(keep),
            centre=self.centre[:, keep],
            spread=self.spread[..., keep],
            days=self.days[keep],
        )


@dataclass(frozen=True, slots=True, eq=False)
class SlowWatched:
    """What is said of n cities: arrays (n,) of one slot, (S, n) of many. NaN: too few days are known."""

    score: Floats
    """The largest statistic in units of the limit: 1 is the limit."""
    p_value: Floats
    """Share of the reference's windows that score at least so high; 1 for a score of 0."""
    ratio: Floats
    """The error over the window of the largest statistic, times normal (geometric mean of its days)."""
    bias: Floats
    """The mean error over it in expected errors, beyond the reference's; positive is over-forecast."""
    window_days: Integers
    """That window; 0 where there is none."""
    pull: Floats
    """(2, W, n) or (2, W, S, n): the means in spreads, by statistic and window, for the fleet."""


def hours_needed(settings: SlowSettings) -> int:
    """Rows of history that one slot needs.

    >>> hours_needed(SlowSettings()) // 24
    28
    """
    return DAY * max(settings.windows)


def slow_reference(series: Series, settings: SlowSettings | None = None, block: int = BLOCK) -> SlowReference:
    """The reference (H, N) of N cities, a year of it, as limits are fitted to it.

    Even months are held against what odd months say is normal, and the reverse: judged by its own normal, the
    reference's weeks look calmer than any later ones. NaN hours are left out; a city with fewer than 84
    usable days is fitted to nothing and scores NaN.

    Raises:
        UndefinedError: the median city of those with any has fewer than 180 usable days.
    """
    settings = settings or SlowSettings()
    count = series.actual.shape[1]
    parts = np.array_split(np.arange(count), max(1, -(-count // block)))
    fitted = [_crossed(series.cities(part), settings.season_share) for part in parts]
    inside, crossed = (np.concatenate([each[k] for each in fitted], axis=-1) for k in (1, 2))
    days = np.isfinite(inside[SIZE]).sum(axis=0).astype(np.float64)
    if not days.any() or np.median(days[days > 0]) < LEAST_REFERENCE_DAYS:
        raise UndefinedError("slow drift", Undefined.SHORT_REFERENCE)
    days = np.where(days >= LEAST_DAYS, days, 0.0)
    inside, crossed = (np.where(days > 0, each, np.nan) for each in (inside, crossed))
    means = window_means(crossed, np.arange(crossed.shape[1]), 1, settings.windows)
    whole = ExpectedSize.join([each[0] for each in fitted])
    return SlowReference(settings, whole, known_mean(inside, axis=1), means, days)


def _crossed(series: Series, share: float) -> tuple[ExpectedSize, Floats, Floats]:
    """The expected size by all months, daily values (2, D, n) by it, and how far those of each month are from
    what the other fold says is normal.
    """
    error, hours = series.error(), series.hours
    size, even = np.abs(error), hours.even[:, None]
    whole = fit_expected(size, hours, share)
    inside = trailing_values(error, whole.expected(hours))[:, DAY - 1 :: DAY]
    crossed = np.full_like(inside, np.nan)
    for fold in (even, ~even):
        other = fit_expected(np.where(fold, np.nan, size), hours, share).with_level(whole.level)
        values = trailing_values(error, other.expected(hours))[:, DAY - 1 :: DAY]
        mine = fold[DAY - 1 :: DAY, 0]
        crossed[:, mine] = values[:, mine] - known_mean(values[:, ~mine], axis=1)[:, None]
    return whole, inside, crossed


def fit_slow(reference: SlowReference) -> SlowLimits:
    """Fit the limits of cities to a budget of false notices a city-year.

    The limit of few cities is drawn to that of the zones it was tried on, with the weight of 3 city-years.

    Raises:
        UndefinedError: no window of the reference has enough known days.
    """
    settings = reference.settings
    spread = _spread(reference)
    limits = SlowLimits(
        settings,
        reference.expected,
        reference.centre,
        spread,
        reference.days,
        1.0,
        np.zeros(len(SHARES)),
        1.0,
    )
    evidence = known_max(_evidence(limits, reference.means / spread[:, :, None]))
    if not np.isfinite(evidence).any():
        raise UndefinedError("slow drift", Undefined.SHORT_REFERENCE)
    years = float(reference.days.sum() / YEAR_DAYS)
    ending = Settings(release=settings.release, hold_hours=DAY * settings.hold_days)
    own, rate = tail_of(np.nan_to_num(evidence), years, ending, 1), settings.aim * settings.budget
    limit = (years * own.level(rate) + PRIOR_YEARS * STANDARD.level(rate)) / (years + PRIOR_YEARS)
    levels = np.quantile(evidence[np.isfinite(evidence)], 1 - np.array(SHARES)) / limit
    tail = (levels[-1] - levels[2]) / np.log(SHARES[2] / SHARES[-1])
    return replace(limits, limit=limit, levels=levels, tail=float(max(tail, LEAST_TAIL)))


@quiet
def trailing_values(error: Floats, expected: Floats) -> Floats:
    """(2, H, N) of the 24 hours that end with each row: log mean |x| and mean x, x = error ÷ expected size.

    One hour counts at most as 20 and ±2 expected errors. NaN with fewer than 14 usable hours; 0.01 is added
    to the size, so that no error at all has a logarithm. Shapes: (H, N) both; no unit.

    >>> trailing_values(np.full((24, 1), -0.06), np.full((24, 1), 0.02))[:, -1].round(2).ravel()
    array([ 1.1, -2. ])
    """
    x = (error / expected).astype(np.float64)
    known = np.isfinite(x)
    x = np.where(known, x, 0.0)
    count = trailing_day(known.astype(np.float64))
    size = np.log(trailing_day(np.minimum(np.abs(x), SIZE_CAP)) / count + 0.01)
    bias = trailing_day(np.clip(x, -BIAS_CAP, BIAS_CAP)) / count
    return np.where(count >= LEAST_HOURS, np.stack([size, bias]), np.nan)


def window_means(values: Floats, rows: Integers, step: int, windows: Sequence[int]) -> Floats:
    """(2, W, S, N) means over the windows of days that end at `rows`, of daily values (2, H, N).

    A day is `step` rows. NaN where fewer than 60 % of a window's days are known; days before the first row
    are not.

    >>> window_means(np.array([[[1.0], [3.0]]]), np.array([1]), 1, (1, 2)).ravel()
    array([3., 2.])
    """
    total = np.zeros((len(values), len(rows), values.shape[-1]))
    count, out = np.zeros(total.shape[1:]), []
    for day in range(max(windows)):
        at = rows - step * day
        value = np.where((at >= 0)[:, None], values[:, np.maximum(at, 0)], np.nan)
        known = np.isfinite(value[0])
        total, count = total + np.where(known, value, 0.0), count + known
        if day + 1 in windows:
            enough = count >= KNOWN_SHARE * (day + 1)
            out.append(np.where(enough, total / np.maximum(count, 1), np.nan))
    return np.stack(out, axis=1)


def _spread(reference: SlowReference) -> Floats:
    """(2, W, N) root mean square of the means, the variance shrunk to the median city's."""
    own = known_mean(reference.means**2, axis=2)
    median = over_known(np.nanmedian, own.transpose(2, 0, 1))[..., None]
    independent = reference.days / np.array(reference.settings.windows)[:, None]
    prior = reference.settings.prior_windows
    spread: Floats = np.sqrt((own * independent + median * prior) / (independent + prior))
    return spread


def _evidence(limits: SlowLimits, pull: Floats) -> Floats:
    """(W, S, N) the larger of size and |bias|, where the error is large enough; elsewhere 0."""
    ratio = np.exp(pull[SIZE] * limits.spread[SIZE][:, None])
    largest = np.maximum(pull[SIZE], np.abs(pull[BIAS]))
    return np.where(ratio < limits.settings.least_ratio, 0.0, largest)


def known_max(values: Floats) -> Floats:
    """The largest along the first axis of what is not NaN; NaN where nothing is.

    >>> known_max(np.array([[1.0, np.nan], [np.nan, np.nan]]))
    array([ 1., nan])
    """
    return np.where(np.isnan(values).all(axis=0), np.nan, np.nan_to_num(values, nan=-np.inf).max(axis=0))


def watch_slow(limits: SlowLimits, series: Series) -> SlowWatched:
    """What is said at the slot right after the last row of `series` (H, n), of the cities of `limits`.

    Hours before the first row are taken as not known, NaN hours likewise.
    """
    last = series.rows(slice(max(0, len(series.actual) - hours_needed(limits.settings)), None))
    found = watch_slow_many(limits, last, np.array([len(last.actual) - 1]))
    return SlowWatched(
        found.score[0],
        found.p_value[0],
        found.ratio[0],
        found.bias[0],
        found.window_days[0],
        found.pull[:, :, 0],
    )


@quiet
def watch_slow_many(limits: SlowLimits, series: Series, rows: Integers) -> SlowWatched:
    """What `watch_slow` would say of many slots, each right after one of the `rows` (S,), in one pass."""
    settings = limits.settings
    values = trailing_values(series.error(), limits.expected.expected(series.hours)) - limits.centre[:, None]
    means = window_means(values, rows, DAY, settings.windows)
    pull = means / limits.spread[:, :, None] / _widening(limits)
    evidence = _evidence(limits, pull)
    score = known_max(evidence) / limits.limit
    best = np.nan_to_num(evidence, nan=-1.0).argmax(axis=0)[None]
    size, bias = (np.take_along_axis(each, best, axis=0)[0] for each in means)
    days = np.where(np.isfinite(score), np.array(settings.windows)[best[0]], 0)
    return SlowWatched(score, p_value(limits, score), np.exp(size), bias, days, pull)


def _widening(limits: SlowLimits) -> Floats:
    """(N,) how many times wider a reference shorter than a year makes the means; 1 at a year."""
    longest = max(limits.settings.windows)
    wide: Floats = np.sqrt((1 + 2 * longest / np.maximum(limits.days, 1)) / (1 + 2 * longest / YEAR_DAYS))
    return wide


def p_value(limits: SlowLimits, score: Floats) -> Floats:
    """Share of the reference's windows that score at least so high, its logarithm linear between the levels
    and beyond them.

    1 for a score of 0, NaN for NaN. Shape: that of `score`.
    """
    levels, logs = np.concatenate([[0.0], limits.levels]), np.log([1.0, *SHARES])
    beyond = np.maximum(score - levels[-1], 0) / limits.tail
    share = np.exp(np.interp(score, levels, logs) - beyond)
    return np.where(np.isnan(score), np.nan, np.where(score <= 0, 1.0, share))


def shared(limits: SlowLimits, score: Floats, fleet_score: Floats) -> Floats:
    """The score by the lower limit that holds while the fleet's score is above 1; elsewhere as it is.

    The lower limit is what `shared_share` of the reference's windows pass, never above the city's own.
    Shapes: (n,) with (), or (S, n) with (S,).
    """
    lower = _level(limits, limits.settings.shared_share)
    moved: Flags = np.asarray(fleet_score > 1)[..., None]
    return np.where(moved, score / min(1.0, lower), score)


def _level(limits: SlowLimits, share: float) -> float:
    """The score that a share of the reference's windows pass."""
    logs = np.log([1.0, *SHARES])
    levels = np.concatenate([[0.0], limits.levels])
    inside = float(np.interp(-np.log(share), -logs, levels))
    return inside + limits.tail * max(0.0, float(logs[-1] - np.log(share)))
