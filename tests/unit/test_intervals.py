"""Tests of prediction intervals: the literature's by hand, and ours by how often it is wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import lfilter
from scipy.stats import chi2

from drift.detectors.firing import firing, onsets
from drift.domain import Undefined
from drift.errors import UndefinedError
from drift.intervals import (
    DesignEffect,
    christoffersen,
    conditional_coverage,
    daily_coverage,
    design_effect,
    hits,
    interval_limit,
    interval_scores,
    kupiec,
)
from drift.significance import daily_means

NAN = float("nan")


@dataclass(frozen=True)
class Null:
    """Errors whose interval is calibrated: AR(1) by the hour, a size by hour of the day, hard and easy weeks."""

    memory: float
    weeks: float = 0.0
    weeks_memory: float = 0.8

    def inside(self, rng: np.random.Generator, days: int, cities: int, level: float) -> np.ndarray:
        """(H, N) hits of an interval that holds `level` of the errors, in the long run."""
        noise = rng.standard_normal((24 * days + 200, cities)) * math.sqrt(1 - self.memory**2)
        error = lfilter([1], [1, -self.memory], noise, axis=0)[200:]
        mood = rng.standard_normal((days + 90, cities)) * math.sqrt(1 - self.weeks_memory**2)
        mood = lfilter([1], [1, -self.weeks_memory], mood, axis=0)[90:]
        size = 1 + 0.5 * np.sin(2 * np.pi * np.arange(24 * days) / 24)[:, None]
        draws = np.random.default_rng(0).standard_normal((2, 1_000_000))
        width = size * np.quantile(np.abs(draws[0]) * np.exp(self.weeks * draws[1]), level)
        error = error * size * np.exp(self.weeks * np.repeat(mood, 24, axis=0))
        return hits(error, -np.broadcast_to(width, error.shape), np.broadcast_to(width, error.shape))


# -------------------------------------------------------------------------------------- the literature's tests


def test_kupiec_by_hand() -> None:
    # 0.8⁷⁰ 0.2³⁰ against 0.7⁷⁰ 0.3³⁰: 2 (70 ln(0.7/0.8) + 30 ln(0.3/0.2)) = 2 (−9.34720 + 12.16395)
    test = kupiec(70, 100, 0.8)
    assert test.statistic == pytest.approx(5.63351, abs=1e-4)
    assert test.p_value == pytest.approx(chi2.sf(test.statistic, 1), rel=1e-12)


def test_kupiec_agrees_with_the_table_of_its_paper() -> None:
    # The 5 % non-rejection region of a 1 % failure rate in 510 days is 2 to 10 failures (Kupiec's table 3: 1 < x < 11).
    passed = [failures for failures in range(20) if kupiec(510 - failures, 510, 0.99).p_value > 0.05]
    assert passed == list(range(2, 11))


def test_kupiec_of_all_and_of_none() -> None:
    assert kupiec(10, 10, 0.8).statistic == pytest.approx(-20 * math.log(0.8))
    assert kupiec(0, 10, 0.8).statistic == pytest.approx(-20 * math.log(0.2))


def test_christoffersen_by_hand() -> None:
    # 1 1 1 0 0 0 1 1 1 1 0 0: after a hit 5 hits, 2 misses; after a miss 1 hit, 3 misses; together 6 and 5
    sequence = [1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 0]
    chained = 5 * math.log(5 / 7) + 2 * math.log(2 / 7) + math.log(1 / 4) + 3 * math.log(3 / 4)
    single = 6 * math.log(6 / 11) + 5 * math.log(5 / 11)
    test = christoffersen(sequence)
    assert test.statistic == pytest.approx(2 * (chained - single))
    assert test.p_value == pytest.approx(chi2.sf(test.statistic, 1), rel=1e-12)
    promised = 6 * math.log(0.8) + 5 * math.log(0.2)
    joint = conditional_coverage(sequence, 0.8)
    assert joint.statistic == pytest.approx(2 * (chained - promised))
    assert joint.p_value == pytest.approx(chi2.sf(joint.statistic, 2), rel=1e-12)


@given(arrays(float, st.integers(2, 60), elements=st.sampled_from([0.0, 1.0])), st.floats(0.05, 0.95))
def test_the_joint_statistic_is_the_sum_of_the_two(sequence: np.ndarray, level: float) -> None:
    after = sequence[1:]
    apart = kupiec(int(after.sum()), len(after), level).statistic + christoffersen(sequence).statistic
    assert conditional_coverage(sequence, level).statistic == pytest.approx(apart, rel=1e-9, abs=1e-9)


@given(arrays(float, st.integers(2, 60), elements=st.sampled_from([0.0, 1.0])))
def test_a_chain_of_misses_is_as_dependent_as_one_of_hits(sequence: np.ndarray) -> None:
    mirrored = christoffersen(1 - sequence).statistic
    assert mirrored == pytest.approx(christoffersen(sequence).statistic, rel=1e-9, abs=1e-9)


def test_a_gap_makes_no_neighbours() -> None:
    assert christoffersen([1, 0, 1, NAN, 1, 0, 1]) == christoffersen([1, 0, 1, NAN, NAN, 1, 0, 1])
    assert christoffersen([1, 0, 1, NAN, 1, 0, 1]) != christoffersen([1, 0, 1, 1, 0, 1])


def test_without_a_miss_there_is_no_evidence_of_dependence() -> None:
    assert christoffersen([1] * 50) == (0.0, 1.0)


@pytest.mark.parametrize("sequence", [[1, NAN, 0, NAN], [1], []])
def test_neighbours_are_needed(sequence: list[float]) -> None:
    with pytest.raises(UndefinedError, match="christoffersen is undefined"):
        christoffersen(sequence)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="5 of 4 cannot be inside"):
        kupiec(5, 4, 0.8)
    with pytest.raises(ValueError, match="between 0 and 1, not at 80"):
        kupiec(3, 4, 80)
    with pytest.raises(ValueError, match="days × hours"):
        daily_coverage(np.ones(48), 0.8)
    with pytest.raises(UndefinedError, match="no pairs"):
        kupiec(0, 0, 0.8)


# ------------------------------------------------------------------------------------------------- daily blocks


def test_both_ends_are_inside() -> None:
    assert hits([0.9, 1, 2, 2.1], np.ones(4), np.full(4, 2)).tolist() == [0, 1, 1, 0]
    assert np.isnan(hits([1, 1, NAN], [1, NAN, 1], [math.inf, 2, 2])).all()


def test_the_design_effect_of_days_that_are_all_or_nothing_is_one() -> None:
    days = np.random.default_rng(1).random((4000, 1)) < 0.8
    assert design_effect(days.astype(float)).effect(0.8)[0] == pytest.approx(1, abs=0.25)


def test_the_design_effect_of_independent_hours_is_a_24th() -> None:
    hours = np.random.default_rng(2).random((4000, 24, 20)) < 0.8
    effect = design_effect(daily_means(hours.astype(float))).effect(0.8)
    assert effect.mean() == pytest.approx(1 / 24, rel=0.1)


def test_the_design_effect_by_hand() -> None:
    # Two spans: Σ spread ÷ Σ binomial, and a day of 0.8 × 0.2 in both sums
    one, two = (DesignEffect(np.array(28.0), np.array(s), np.array(b)) for s, b in ((1.0, 4.0), (3.0, 6.0)))
    assert float((one + two).effect(0.8)) == pytest.approx((4 + 0.16) / (10 + 0.16))


def test_t_is_the_binomial_test_with_its_variance_inflated() -> None:
    shares = np.random.default_rng(3).choice([0.5, 0.75, 1.0], 28)
    inside = (np.arange(24) < 24 * shares[:, None]).astype(float)
    test = daily_coverage(inside, 0.9)
    effect = float(design_effect(shares).effect(0.9))
    assert test.statistic == pytest.approx((shares.mean() - 0.9) / math.sqrt(0.09 * effect / 28))
    assert (test.coverage, test.days, test.too_narrow) == (pytest.approx(shares.mean()), 28, True)
    assert test.effective_hours == pytest.approx(28 / effect)


def test_all_inside_is_no_proof_that_an_interval_is_too_wide() -> None:
    test = daily_coverage(np.ones((28, 24)), 0.9)
    assert not test.too_narrow
    assert 0.05 < test.p_value < 1
    assert math.isfinite(test.statistic)


def test_none_inside_is_proof_that_it_is_too_narrow() -> None:
    assert daily_coverage(np.zeros((14, 24)), 0.8).p_value < 1e-5


def test_a_day_of_few_hours_is_left_out() -> None:
    inside = np.ones((28, 24))
    inside[:4, :10] = NAN  # 14 of 24 hours: 58 %
    inside[4:6, :9] = NAN  # 15 of 24: 63 %
    assert daily_coverage(inside, 0.8).days == 24


def test_few_days_are_undefined() -> None:
    with pytest.raises(UndefinedError, match="daily_coverage is undefined") as caught:
        daily_coverage(np.ones((9, 24)), 0.8)
    assert caught.value.reason is Undefined.LOW_COVERAGE
    with pytest.raises(UndefinedError) as caught:
        daily_coverage(np.full((28, 24), NAN), 0.8)
    assert caught.value.reason is Undefined.NO_INTERVAL


@given(st.permutations(range(24)), st.integers(0, 2**32 - 1))
def test_the_order_of_hours_in_a_day_is_of_no_account(order: list[int], seed: int) -> None:
    inside = (np.random.default_rng(seed).random((28, 24)) < 0.8).astype(float)
    assert daily_coverage(inside[:, order], 0.8) == daily_coverage(inside, 0.8)


@pytest.mark.parametrize(
    ("days", "low", "high"),
    [(14, 0.015, 0.045), (28, 0.03, 0.07), (90, 0.035, 0.075)],
)
def test_a_calibrated_interval_is_rejected_about_as_often_as_stated(
    days: int, low: float, high: float
) -> None:
    inside = Null(0.92).inside(np.random.default_rng(days), days, 1500, 0.8)
    p_values = [daily_coverage(hourly.reshape(days, 24), 0.8).p_value for hourly in inside.T]
    assert low < np.mean(np.array(p_values) < 0.05) < high
    hourly = [kupiec(int(hourly.sum()), len(hourly), 0.8).p_value for hourly in inside.T]
    assert np.mean(np.array(hourly) < 0.05) > 0.4  # what daily blocks are for


def test_a_year_of_reference_knows_of_hard_and_easy_weeks() -> None:
    inside = Null(0.92, weeks=0.5).inside(np.random.default_rng(1), 365 + 28, 400, 0.8)
    alone, with_reference = [], []
    for hourly in inside.T.reshape(400, -1, 24):
        year = design_effect(daily_means(hourly[:365]))
        alone.append(daily_coverage(hourly[365:], 0.8).p_value < 0.05)
        with_reference.append(daily_coverage(hourly[365:], 0.8, year).p_value < 0.05)
    assert 0.02 < np.mean(with_reference) < 0.09
    assert np.mean(alone) > 0.11


def test_an_interval_of_80_percent_that_holds_65_is_seen_in_28_days() -> None:
    inside = Null(0.92).inside(np.random.default_rng(4), 28, 500, 0.65)
    tests = [daily_coverage(hourly.reshape(28, 24), 0.8) for hourly in inside.T]
    assert np.mean([test.p_value < 0.05 and test.too_narrow for test in tests]) > 0.75


# ------------------------------------------------------------------------------------------ the score of a slot


def year_and_scores(null: Null, level: float, budget: float, seed: int, cities: int) -> np.ndarray:
    """(S, N) scores at every hour of a year, after a reference year: the experiment behind `interval_limit`."""
    inside = null.inside(np.random.default_rng(seed), 365 + 28 + 365, cities, level)
    reference = design_effect(daily_means(inside[: 365 * 24].reshape(365, 24, cities)))
    known = np.cumsum(np.concatenate([np.zeros((1, cities)), inside[365 * 24 :]]), axis=0)
    shares = (known[24:] - known[:-24]) / 24  # of the 24 hours that end here
    slots = len(shares) - 27 * 24
    scores = np.empty((slots, cities))
    for phase in range(24):
        windows = np.moveaxis(sliding_window_view(shares[phase::24], 28, axis=0), -1, 0)
        rows = windows.shape[1]
        repeated = DesignEffect(
            *(np.tile(part, rows) for part in (reference.days, reference.spread, reference.binomial))
        )
        values = interval_scores(windows.reshape(28, -1), repeated, level, budget).value
        scores[phase::24] = values.reshape(rows, cities)[: len(range(phase, slots, 24))]
    return scores


def alarms_a_year(scores: np.ndarray) -> float:
    state = firing(scores, release=1.0, hold_slots=24)
    return float(onsets(state).sum() / scores.shape[1] / len(scores) * 8760)


NULLS = [Null(0.8), Null(0.92), Null(0.97), Null(0.92, weeks=0.5), Null(0.95, weeks=0.4, weeks_memory=0.9)]


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.8, 0.9])
@pytest.mark.parametrize("null", NULLS, ids=str)
def test_the_budget_holds_for_errors_of_many_kinds(null: Null, level: float) -> None:
    """Looked at every hour. A null's own rate is between a third and twice the budget; see the test below."""
    rate = alarms_a_year(year_and_scores(null, level, budget=0.5, seed=5, cities=120))
    assert 0.5 / 3 < rate < 0.5 * 2


@pytest.mark.slow
@pytest.mark.parametrize("budget", [0.25, 0.5, 1.0, 2.0])
def test_over_all_nulls_the_budget_is_met(budget: float) -> None:
    rates = [
        alarms_a_year(year_and_scores(null, level, budget, seed=6, cities=60))
        for null in NULLS
        for level in (0.8, 0.9)
    ]
    assert np.mean(rates) == pytest.approx(budget, rel=0.3)


def test_a_score_is_the_statistic_in_units_of_the_limit() -> None:
    rng = np.random.default_rng(7)
    year, days = (rng.random((n, 24)) < 0.7 for n in (365, 28))
    reference = design_effect(daily_means(year.astype(float)))
    test = daily_coverage(days.astype(float), 0.8, reference)
    cities = DesignEffect(
        *(np.atleast_1d(part) for part in (reference.days, reference.spread, reference.binomial))
    )
    score = interval_scores(daily_means(days.astype(float))[:, None], cities, 0.8, budget=0.5)
    assert score.value[0] == pytest.approx(abs(test.statistic) / interval_limit(0.5))


def test_a_score_says_why_it_has_no_value() -> None:
    shares = np.full((28, 4), 0.8)
    shares[:, 0] = NAN
    shares[:15, 1] = NAN
    known = np.array([365.0, 365.0, 60.0, 365.0])
    reference = DesignEffect(known, np.full(4, 20.0), np.full(4, 60.0))
    scores = interval_scores(shares, reference, 0.8)
    assert scores.reason.tolist() == [
        Undefined.NO_INTERVAL,
        Undefined.LOW_COVERAGE,
        Undefined.SHORT_REFERENCE,
        Undefined.DEFINED,
    ]
    assert np.isnan(scores.value[:3]).all()
    assert scores.value[3] == pytest.approx(0, abs=1e-12)


@given(st.floats(0.1, 4.0), st.floats(0.1, 4.0))
def test_fewer_alarms_need_a_higher_limit(one: float, other: float) -> None:
    assert (interval_limit(one) <= interval_limit(other)) == (one >= other) or one == pytest.approx(other)
    assert interval_limit(one) > 0


@pytest.mark.parametrize("budget", [0.0, 0.05, 5.0, -1.0, NAN])
def test_a_budget_that_was_not_calibrated_is_refused(budget: float) -> None:
    with pytest.raises(ValueError, match=r"0\.1 to 4\.0 false alarms a city-year"):
        interval_limit(budget)
