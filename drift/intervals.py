"""PURE. Do prediction intervals hold what they promise? Tests of the share of actuals inside them.

(The coverage of an interval; not the share of pairs that were found.) The classical tests take hits as
independent draws. Hourly hits are not: one wrong evening is many misses, so on a calibrated interval Kupiec's
5 % test rejects half the time. So `daily_coverage` works on each day's share of hits, finds out by how much
more those vary than independent hits would (the design effect), and weighs the evidence accordingly;
`interval_scores` makes a score of it that keeps a budget of false alarms though it is looked at every hour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from drift.domain import Floats, Undefined
from drift.errors import UndefinedError
from drift.significance import FEW_DAYS, LEAST_DAYS, daily_means, variance_of_mean
from drift.values import Values, quiet, where_undefined

LEAST_WINDOW_DAYS = 14
LEAST_REFERENCE_DAYS = 90
LIMIT_AT_ONE = 2.64
LIMIT_PER_LOG = 0.60
BUDGETS = (0.1, 4.0)
"""Between these the limit was calibrated."""


class LikelihoodRatio(NamedTuple):
    """A likelihood-ratio statistic, −2 log Λ, and its p-value by χ²."""

    statistic: float
    p_value: float


@dataclass(frozen=True, slots=True)
class CoverageTest:
    """Whether the share of hits is the nominal one.

    `coverage` is the share inside, by days; `days` of them were known, worth `effective_hours` independent
    hours. `statistic` is the difference from `nominal` in standard errors, negative where too few are inside;
    `p_value` is two-sided.
    """

    coverage: float
    nominal: float
    days: int
    effective_hours: float
    statistic: float
    p_value: float

    @property
    def too_narrow(self) -> bool:
        """Fewer inside than promised."""
        return self.coverage < self.nominal


def kupiec(inside: int, n: int, level: float) -> LikelihoodRatio:
    """Kupiec's proportion-of-failures test that `inside` of `n` independent hits have the chance `level`.

    −2 log [level^x (1 − level)^(n − x) ÷ (x/n)^x (1 − x/n)^(n − x)], x = inside; χ² with 1 degree of freedom.
    0⁰ is 1, so that all inside and none inside have a value.

    Raises:
        ValueError: counts that are not 0 ≤ inside ≤ n, or a level outside (0, 1).
        UndefinedError: n is 0.

    >>> kupiec(inside=70, n=100, level=0.8).p_value < 0.05
    True

    Source: Kupiec (1995), doi 10.3905/jod.1995.407942.
    """
    _check(level)
    if not 0 <= inside <= n:
        raise ValueError(f"{inside} of {n} cannot be inside")
    if n == 0:
        raise UndefinedError("kupiec", Undefined.NO_PAIRS)
    share = inside / n
    observed = _log_likelihood(inside, n - inside, share)
    return _ratio(observed - _log_likelihood(inside, n - inside, level), freedom=1)


def christoffersen(inside: ArrayLike) -> LikelihoodRatio:
    """Christoffersen's test that a hit does not depend on the hit before it, whatever their share.

    −2 log [L(π) ÷ L(π₀, π₁)]: hits as a Markov chain with chances π₀ after a miss and π₁ after a hit, against
    one chance π for both; χ² with 1 degree of freedom. 0⁰ is 1: without a miss there is no evidence, and p is
    1.

    Shape: 1-D, in order; 1 or True is inside, 0 is outside, NaN is not known. Only neighbours that are both
    known count.

    Raises:
        UndefinedError: no two neighbours are known.

    >>> christoffersen([1, 0] * 20).p_value < 0.001
    True

    Source: Christoffersen (1998), doi 10.2307/2527341.
    """
    after_miss, after_hit = _transitions(inside, "christoffersen")
    chained = _own_likelihood(*after_miss) + _own_likelihood(*after_hit)
    both = (a + b for a, b in zip(after_miss, after_hit, strict=True))
    return _ratio(chained - _own_likelihood(*both), freedom=1)


def conditional_coverage(inside: ArrayLike, level: float) -> LikelihoodRatio:
    """Christoffersen's joint test: hits have the chance `level`, whatever the hit before was.

    −2 log [L(level) ÷ L(π₀, π₁)]; χ² with 2 degrees of freedom. It is the sum of Kupiec's statistic, over the
    hits that have a known one before them, and that of `christoffersen`. Shape and NaN: as there.

    Raises:
        ValueError: a level outside (0, 1).
        UndefinedError: no two neighbours are known.

    >>> round(conditional_coverage([1, 1, 1, 0, 1, 1, 1, 1, 0, 1], level=0.8).p_value, 3)
    0.553

    Source: Christoffersen (1998), doi 10.2307/2527341.
    """
    _check(level)
    after_miss, after_hit = _transitions(inside, "conditional_coverage")
    chained = _own_likelihood(*after_miss) + _own_likelihood(*after_hit)
    promised = _log_likelihood(after_miss[0] + after_hit[0], after_miss[1] + after_hit[1], level)
    return _ratio(chained - promised, freedom=2)


def hits(actual: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> Floats:
    """1 where lower ≤ actual ≤ upper, 0 where not, and NaN where one of them is not finite; any shape.

    >>> hits([1.0, 5.0, 3.0], [0.0, 0.0, float("nan")], [2.0, 2.0, 4.0])
    array([ 1.,  0., nan])
    """
    a, low, high = (np.asarray(values, np.float64) for values in (actual, lower, upper))
    known = np.isfinite(a) & np.isfinite(low) & np.isfinite(high)
    return np.where(known, (low <= a) & (a <= high), np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class DesignEffect:
    """How much more daily shares vary than if every day's hours were one draw; it adds up over spans.

    Arrays of one shape, say (N,) cities: `days` known, `spread` = days² × variance of their mean, and
    `binomial` = days × p (1 − p), p the share inside.
    """

    days: Floats
    spread: Floats
    binomial: Floats

    def __add__(self, other: DesignEffect) -> DesignEffect:
        return DesignEffect(
            self.days + other.days, self.spread + other.spread, self.binomial + other.binomial
        )

    def effect(self, level: float) -> Floats:
        """Σ spread ÷ Σ binomial: 1/24 for independent hours, 1 where each day is all hits or all misses.

        One day of the latter kind, at the nominal level, is added to what was seen. So a span without a miss
        has an effect too, and a short one is not believed too readily.
        """
        one_day = level * (1 - level)
        effect: Floats = (self.spread + one_day) / (self.binomial + one_day)
        return effect


@quiet
def design_effect(shares: Floats) -> DesignEffect:
    """Of daily shares of hits (D, …), NaN where a day is not known. Too few days count for nothing.

    >>> design_effect(np.array([0.0, 1.0] * 14)).binomial  # 28 days × ½ × ½
    array(7.)
    """
    variance = variance_of_mean(shares)
    usable = np.isfinite(variance)
    days = np.where(usable, np.isfinite(shares).sum(axis=0), 0)
    share = np.nansum(shares, axis=0) / np.maximum(days, 1)
    return DesignEffect(
        np.asarray(days, np.float64),
        np.where(usable, days**2 * variance, 0.0),
        np.asarray(np.where(usable, days * share * (1 - share), 0.0)),
    )


def daily_coverage(inside: ArrayLike, level: float, reference: DesignEffect | None = None) -> CoverageTest:
    """Test that the share of actuals inside their interval is `level`, though hours, and days, depend.

    t = (p − level) ÷ √(level (1 − level) × effect ÷ days): the binomial test, its variance multiplied by the
    design effect of the daily shares. With `reference`, the city's own design effect from a longer time, both
    are taken together; Student's t, a degree of freedom less than there are days.

    Shape: (D, hours a day), days in order; 1 or True is inside, 0 is outside, NaN is not known. A day with
    fewer than 60 % of its hours is left out.

    On calibrated intervals for errors with a memory of 0.92 an hour, a 5 % test rejects in 3, 5 and 5 % of
    cases with 14, 28 and 90 days, where `kupiec` on hours rejects in 50 %. Where hard and easy weeks take
    turns, 28 days alone don't know it (17 to 23 %); with a year of reference it is 5 to 7 % there too. An
    interval of 80 % that holds 65 % is seen in 28 days in 83 % of cases.

    Raises:
        ValueError: a level outside (0, 1), or an array that is not days × hours.
        UndefinedError: fewer than 10 days are known.

    >>> test = daily_coverage(np.tile([1, 1, 0, 1], (28, 1)), level=0.8)
    >>> test.coverage, test.too_narrow, round(test.p_value, 3)
    (0.75, True, 0.001)

    Sources: Rao and Scott (1981), design effects, doi 10.1080/01621459.1981.10477633; for the variance, see
    `drift.significance.variance_of_mean`.
    """
    from scipy.special import stdtr

    _check(level)
    hourly = np.asarray(inside, np.float64)
    if hourly.ndim != 2:
        raise ValueError(f"hits are days × hours, not of shape {hourly.shape}")
    shares = daily_means(hourly)
    days = int(np.isfinite(shares).sum())
    own = design_effect(shares)
    if days < LEAST_DAYS or not own.days:
        raise UndefinedError("daily_coverage", FEW_DAYS if days else Undefined.NO_INTERVAL)
    both = own if reference is None else own + reference
    share, effect = float(np.nanmean(shares)), float(both.effect(level))
    t = (share - level) / math.sqrt(level * (1 - level) * effect / days)
    p_value = float(2 * stdtr(float(both.days) - 1, -abs(t)))
    return CoverageTest(share, level, days, min(days / effect, float(np.isfinite(hourly).sum())), t, p_value)


def interval_limit(budget: float) -> float:
    """The |t| that calibrated intervals pass `budget` times a city-year, looked at every hour.

    2.64 − 0.60 log(budget), for the last 28 days with a reference of a year; an alarm is held until the score
    was at most 1 for 24 hours. Fitted on 10 kinds of simulated errors, with a memory of 0.8 to 0.97 an hour,
    without and with hard and easy weeks, at levels of 0.8 and 0.9: all together meet the budget, and from
    0.25 to 2 each alone does within a factor of two. A reference of 90 days costs a fifth to a third more
    alarms. The experiment is in the tests.

    Raises:
        ValueError: a budget outside 0.1 to 4 a city-year, where the limit was not calibrated.

    >>> round(interval_limit(0.5), 2)
    3.06
    """
    low, high = BUDGETS
    if not low <= budget <= high:
        raise ValueError(f"an interval's budget is {low} to {high} false alarms a city-year, not {budget}")
    return LIMIT_AT_ONE - LIMIT_PER_LOG * math.log(budget)


@quiet
def interval_scores(shares: Floats, reference: DesignEffect, level: float, budget: float = 0.5) -> Values:
    """(N,) |t| of the share inside over the last days, in units of `interval_limit(budget)`: 1 is the limit.

    `shares` (D, N) are the daily shares of hits of the last 28 days, a day ending at the slot
    (`daily_means`), NaN where a day is not known; `reference` (N,) is the design effect of a time before
    them, best a year. Both too narrow and too wide count. t is that of `daily_coverage`. It needs no SciPy,
    so that a slot does not wait for it.

    Undefined: NO_INTERVAL without a single day, LOW_COVERAGE with fewer than 14 days, SHORT_REFERENCE with
    fewer than 90 in the reference.

    Raises:
        ValueError: a level outside (0, 1), or a budget that was not calibrated.

    >>> year = design_effect(np.tile([[0.7], [0.9]], (180, 1)))
    >>> bool(interval_scores(np.full((28, 1), 0.5), year, level=0.8).value[0] > 1)
    True
    """
    _check(level)
    days = np.isfinite(shares).sum(axis=0)
    effect = (design_effect(shares) + reference).effect(level)
    t = (np.nansum(shares, axis=0) / days - level) / np.sqrt(level * (1 - level) * effect / days)
    return where_undefined(
        np.abs(t) / interval_limit(budget),
        (days == 0, Undefined.NO_INTERVAL),
        (days < LEAST_WINDOW_DAYS, FEW_DAYS),
        (reference.days < LEAST_REFERENCE_DAYS, Undefined.SHORT_REFERENCE),
    )


def _check(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"the nominal level of an interval lies between 0 and 1, not at {level}")


def _log_likelihood(inside: int, outside: int, chance: float) -> float:
    """The sum inside · log(chance) + outside · log(1 − chance), where 0 · log 0 is 0."""
    log_hit, log_miss = (math.log(p) if p > 0 else 0.0 for p in (chance, 1 - chance))
    return inside * log_hit + outside * log_miss


def _own_likelihood(inside: int, outside: int) -> float:
    """The same at the chance that was seen."""
    return _log_likelihood(inside, outside, inside / max(inside + outside, 1))


def _ratio(log_gain: float, freedom: int) -> LikelihoodRatio:
    """Twice the gain, and the upper tail of χ², which has a closed form for 1 and 2 degrees of freedom."""
    statistic = max(2 * log_gain, 0.0)
    tail = math.erfc(math.sqrt(statistic / 2)) if freedom == 1 else math.exp(-statistic / 2)
    return LikelihoodRatio(statistic, tail)


def _transitions(inside: ArrayLike, name: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """(hits, misses) that follow a miss, and that follow a hit."""
    hourly = np.asarray(inside, np.float64)
    before, after = hourly[:-1], hourly[1:]
    known = np.isfinite(before) & np.isfinite(after)
    if not known.any():
        raise UndefinedError(name, FEW_DAYS if len(hourly) else Undefined.NO_INTERVAL)
    count = [[int((known & (before == b) & (after == a)).sum()) for a in (1, 0)] for b in (0, 1)]
    return (count[0][0], count[0][1]), (count[1][0], count[1][1])
