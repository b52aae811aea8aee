"""Tests on daily figures: known answers, SciPy's for what it has, and how often they are wrong on dependent days."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import lfilter
from scipy.stats import false_discovery_control, ttest_rel

from drift.domain import Undefined
from drift.errors import UndefinedError
from drift.significance import (
    _drawn,
    benjamini_yekutieli,
    block_bootstrap_interval,
    daily_losses,
    dependence_lags,
    diebold_mariano,
    variance_of_mean,
)

NAN = float("nan")
LOSS_A = [3.0, 5.0, 4.0, 6.0, 2.0, 5.0, 3.0, 4.0, 6.0, 4.0]
LOSS_B = [2.0, 3.0, 4.0, 5.0, 2.0, 2.0, 2.0, 4.0, 4.0, 3.0]

losses = arrays(float, st.integers(12, 60), elements=st.floats(0, 100).map(lambda x: round(x, 3)))


def dependent(rng: np.random.Generator, days: int, series: int, memory: float) -> np.ndarray:
    noise = rng.standard_normal((days + 80, series)) * math.sqrt(1 - memory**2)
    return lfilter([1], [1, -memory], noise, axis=0)[80:]


# ------------------------------------------------------------------------------------------- variance of a mean


def test_the_variance_is_that_of_the_textbook() -> None:
    """Autocovariances with Bartlett's weights ÷ n, and the factor of Harvey, Leybourne and Newbold."""
    x, lags = np.random.default_rng(1).standard_normal(30), 4
    d, n, h = x - x.mean(), 30, lags + 1
    covariance = [float((d[k:] * d[: n - k]).sum() / n) for k in range(h)]
    long_run = covariance[0] + 2 * sum((1 - k / h) * covariance[k] for k in range(1, h))
    factor = (n + 1 - 2 * h + h * (h - 1) / n) / n
    assert float(variance_of_mean(x, lags)) == pytest.approx(long_run / n / factor, rel=1e-12)


def test_without_lags_it_is_the_square_of_the_standard_error() -> None:
    x = np.array([1.0, 3.0, 2.0, 6.0])
    assert float(variance_of_mean(x, lags=0)) == pytest.approx(x.var(ddof=1) / 4)


def test_a_gap_does_not_make_its_sides_neighbours() -> None:
    # One lag: γ₁ sums d₀d₁ and d₃d₄ only. Mean 3, d = −2 −1 · 1 2: γ₀ = 10 ÷ 4, γ₁ = (2 + 2) ÷ 4
    x = np.array([1.0, 2.0, NAN, 4.0, 5.0])
    assert float(variance_of_mean(x, lags=1)) == pytest.approx((2.5 + 1.0) / 4 / (2 * 3 / 16))


def test_series_side_by_side_are_those_one_by_one() -> None:
    x = np.random.default_rng(2).standard_normal((40, 3))
    x[:5, 1] = NAN
    np.testing.assert_allclose(variance_of_mean(x), [variance_of_mean(column) for column in x.T])


@given(losses, st.integers(0, 8))
def test_the_variance_is_never_negative(x: np.ndarray, lags: int) -> None:
    assert float(variance_of_mean(x, lags)) >= 0


def test_too_few_days_for_the_lags_give_no_variance() -> None:
    assert math.isnan(float(variance_of_mean(np.array([1.0, 2.0, 3.0]), lags=2)))
    assert math.isnan(float(variance_of_mean(np.full(9, NAN))))


# --------------------------------------------------------------------------------------------- Diebold–Mariano


def test_by_hand() -> None:
    # d = 1 2 0 1 0 3 1 0 2 1, mean 1.1; Σ(d − 1.1)² = 8.9; variance 8.9 ÷ 9 ÷ 10; t = 1.1 ÷ 0.31447
    test = diebold_mariano(LOSS_A, LOSS_B, lags=0)
    assert test.difference == pytest.approx(1.1)
    assert test.statistic == pytest.approx(1.1 / math.sqrt(8.9 / 90))
    assert (test.n, test.lags, test.left_out) == (10, 0, 0)


def test_two_steps_by_hand() -> None:
    # d − 1.1 = −.1 .9 −1.1 −.1 −1.1 1.9 −.1 −1.1 .9 −.1; products of neighbours sum to
    # −.09 −.99 +.11 +.11 −2.09 −.19 +.11 −.99 −.09 = −4.11; long run (8.9 − 4.11) ÷ 10 with Bartlett's ½ · 2;
    # h = 2: factor 8 · 9 ÷ 100
    test = diebold_mariano(LOSS_A, LOSS_B, horizon=2, lags=1)
    assert test.statistic == pytest.approx(1.1 / math.sqrt(0.479 / 10 / 0.72))


@given(losses, st.integers(0, 2**32 - 1))
def test_without_lags_it_is_the_paired_t_test(a: np.ndarray, seed: int) -> None:
    b = a + np.random.default_rng(seed).standard_normal(len(a))
    ours, theirs = diebold_mariano(a, b, lags=0), ttest_rel(a, b)
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-9, abs=1e-9)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-9)


@given(losses, st.integers(0, 2**32 - 1), st.integers(1, 4), st.floats(0.001, 1000))
def test_swapping_negates_and_the_unit_is_of_no_account(
    a: np.ndarray, seed: int, horizon: int, unit: float
) -> None:
    b = np.random.default_rng(seed).gamma(2, 10, len(a))
    test, swapped = diebold_mariano(a, b, horizon), diebold_mariano(b, a, horizon)
    assert (swapped.difference, swapped.statistic) == pytest.approx((-test.difference, -test.statistic))
    assert swapped.p_value == pytest.approx(test.p_value)
    scaled = diebold_mariano(a * unit, b * unit, horizon)
    assert scaled.statistic == pytest.approx(test.statistic, rel=1e-6)
    assert scaled.difference == pytest.approx(test.difference * unit, rel=1e-6, abs=1e-9 * unit)


def test_a_day_that_one_of_them_lacks_is_left_out_and_counted() -> None:
    a, b = [NAN, *LOSS_A, 4.0, 9.0], [1.0, *LOSS_B, math.inf, 9.0]
    test = diebold_mariano(a, b, lags=0)
    assert (test.n, test.left_out) == (11, 2)
    assert test.difference == pytest.approx(11 / 11)


def test_lags_follow_the_days_and_reach_as_far_as_the_horizon() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.random((2, 90))
    assert diebold_mariano(a, b).lags == dependence_lags(90) == 12
    assert diebold_mariano(a, b, horizon=20).lags == 19
    assert diebold_mariano(a, b, horizon=20, lags=3).lags == 3


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        (LOSS_A[:9], LOSS_B[:9], Undefined.LOW_COVERAGE),
        ([NAN] * 20, [1.0] * 20, Undefined.NO_PAIRS),
        ([], [], Undefined.NO_PAIRS),
        ([1.5] * 20, [1.0] * 20, Undefined.CONSTANT_REFERENCE),
        (
            [0.1 * day + 0.3 for day in range(20)],
            [0.1 * day for day in range(20)],
            Undefined.CONSTANT_REFERENCE,
        ),
        (LOSS_A * 2, LOSS_A * 2, Undefined.CONSTANT_REFERENCE),
    ],
)
def test_why_two_models_cannot_be_compared(a: list[float], b: list[float], reason: Undefined) -> None:
    with pytest.raises(UndefinedError, match="diebold_mariano is undefined") as caught:
        diebold_mariano(a, b)
    assert caught.value.reason is reason


def test_a_horizon_as_long_as_the_days_is_undefined() -> None:
    with pytest.raises(UndefinedError):
        diebold_mariano(LOSS_A, LOSS_B, horizon=10)


@pytest.mark.parametrize(
    "call",
    [
        lambda: diebold_mariano(LOSS_A, LOSS_B[:-1]),
        lambda: diebold_mariano([LOSS_A], [LOSS_B]),
        lambda: diebold_mariano(LOSS_A, LOSS_B, horizon=0),
        lambda: diebold_mariano(LOSS_A, LOSS_B, lags=-1),
        lambda: daily_losses(LOSS_A, LOSS_B[:-1]),
        lambda: block_bootstrap_interval(LOSS_A, LOSS_B[:-1], rng=np.random.default_rng(1)),
        lambda: block_bootstrap_interval(LOSS_A, block=0, rng=np.random.default_rng(1)),
        lambda: block_bootstrap_interval(LOSS_A, level=95, rng=np.random.default_rng(1)),
        lambda: benjamini_yekutieli([0.01], rate=5),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"shapes|horizon|same hours|no interval|rate of false"):
        call()


@pytest.mark.parametrize(
    ("memory", "days", "low", "high"),
    [(0.0, 28, 0.03, 0.075), (0.3, 28, 0.045, 0.10), (0.5, 28, 0.06, 0.13), (0.3, 365, 0.035, 0.085)],
)
def test_equal_models_are_told_apart_as_often_as_stated(
    memory: float, days: int, low: float, high: float
) -> None:
    rng = np.random.default_rng(4)
    a, b = dependent(rng, days, 1500, memory), dependent(rng, days, 1500, memory)
    p_values = [diebold_mariano(one, other).p_value for one, other in zip(a.T, b.T, strict=True)]
    assert low < np.mean(np.array(p_values) < 0.05) < high


def test_a_model_that_is_better_by_a_half_spread_is_told_in_90_days() -> None:
    rng = np.random.default_rng(5)
    a, b = dependent(rng, 90, 300, 0.3) / math.sqrt(2) + 0.5, dependent(rng, 90, 300, 0.3) / math.sqrt(2)
    tests = [diebold_mariano(one, other) for one, other in zip(a.T, b.T, strict=True)]
    assert np.mean([test.p_value < 0.05 and test.difference > 0 for test in tests]) > 0.75


# ------------------------------------------------------------------------------------------------ daily losses


def test_a_days_loss_is_of_the_hours_it_has() -> None:
    actual = np.array([10.0, 10, 10, 10, 10, 20, 20, 20, 20, 20, 5, 5])
    predicted = np.array([11.0, 12, 13, NAN, NAN, 20, 20, NAN, math.inf, NAN, 9, 9])
    losses = daily_losses(actual, predicted, per_day=5)  # 3 of 5 hours are enough, 2 are not
    np.testing.assert_array_equal(losses, [2.0, NAN])  # and the third day is unfinished
    squared = daily_losses(actual, predicted, per_day=5, kind="squared")
    np.testing.assert_allclose(squared, [14 / 3, NAN])


# --------------------------------------------------------------------------------------------- block bootstrap


def test_the_same_generator_gives_the_same_interval() -> None:
    days = np.random.default_rng(6).random(60)
    one, other = (block_bootstrap_interval(days, rng=np.random.default_rng(1)) for _ in range(2))
    assert one == other
    assert block_bootstrap_interval(days, rng=np.random.default_rng(2)) != one


def test_a_ratio_that_is_the_same_every_day_has_no_width() -> None:
    normal = np.random.default_rng(7).random(40) + 1
    low, high = block_bootstrap_interval(1.8 * normal, normal, rng=np.random.default_rng(1))
    assert (low, high) == pytest.approx((1.8, 1.8))


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100), st.floats(-50, 50))
def test_an_interval_moves_with_its_data(seed: int, unit: float, shift: float) -> None:
    days = np.random.default_rng(seed).standard_normal(30)
    low, high = block_bootstrap_interval(days, rng=np.random.default_rng(1), replicates=200)
    moved = block_bootstrap_interval(unit * days + shift, rng=np.random.default_rng(1), replicates=200)
    assert moved == pytest.approx((unit * low + shift, unit * high + shift), rel=1e-6, abs=1e-6)


def test_a_block_of_one_day_is_the_plain_bootstrap() -> None:
    days = np.random.default_rng(8).standard_normal(400)
    low, high = block_bootstrap_interval(days, rng=np.random.default_rng(1), block=1)
    error = days.std() / math.sqrt(len(days))
    assert (low, high) == pytest.approx((days.mean() - 1.645 * error, days.mean() + 1.645 * error), abs=0.01)


def test_as_many_days_are_drawn_as_there_are() -> None:
    # blocks of 4 from the circle 0 … 9: 8 9 0 1, then 3 4 5 6, then 5 6
    assert _drawn(np.arange(10.0), np.array([[8, 3, 5]]), block=4).tolist() == [18 + 18 + 11]


def test_a_block_is_at_most_a_third_of_the_days() -> None:
    days = np.random.default_rng(10).random(14)
    seven, four = (block_bootstrap_interval(days, rng=np.random.default_rng(1), block=b) for b in (7, 4))
    assert seven == four


def test_unknown_days_are_left_out() -> None:
    days = np.random.default_rng(9).random(60) + 1
    normal = np.ones(60)
    days[::6], normal[1::6] = NAN, NAN
    low, high = block_bootstrap_interval(days, normal, rng=np.random.default_rng(1))
    known = np.isfinite(days) & np.isfinite(normal)
    assert low < days[known].mean() < high


def test_why_there_is_no_interval() -> None:
    rng = np.random.default_rng(1)
    for days, normal, reason in (
        ([1.0] * 9, None, Undefined.LOW_COVERAGE),
        ([NAN] * 20, None, Undefined.NO_PAIRS),
        ([1.0] * 20, [0.0] * 20, Undefined.ACTUALS_AT_FLOOR),
    ):
        with pytest.raises(UndefinedError) as caught:
            block_bootstrap_interval(days, normal, rng=rng)
        assert caught.value.reason is reason


@pytest.mark.parametrize("days", [28, 90])
def test_a_90_percent_interval_holds_the_truth_about_as_often(days: int) -> None:
    """On days with a memory of 0.3; plain percentiles hold it in 78 and 84 %."""
    rng = np.random.default_rng(days)
    series = dependent(rng, days, 400, 0.3)
    intervals = [block_bootstrap_interval(x, rng=rng, replicates=500) for x in series.T]
    assert 0.84 < np.mean([low < 0 < high for low, high in intervals]) < 0.95


# ------------------------------------------------------------------------------------------ Benjamini–Yekutieli


def test_the_step_up_by_hand() -> None:
    # m = 4, Σ1/i = 25/12: limits 0.006, 0.012, 0.018, 0.024. 0.013 is above its own, and saved by 0.017
    mask = benjamini_yekutieli([0.017, 0.001, 0.9, 0.013], 0.05)
    assert mask.tolist() == [True, True, False, True]


@given(
    arrays(float, st.integers(1, 40), elements=st.floats(0, 0.2) | st.floats(0, 1)),
    st.sampled_from([0.01, 0.05, 0.1, 0.2]),
)
def test_it_believes_what_scipy_believes(p_values: np.ndarray, rate: float) -> None:
    adjusted = false_discovery_control(p_values, method="by")
    clear = np.abs(adjusted - rate) > 1e-9  # at the limit itself, rounding decides
    mask = benjamini_yekutieli(p_values, rate)
    np.testing.assert_array_equal(mask[clear], (adjusted <= rate)[clear])


def test_what_is_no_test_does_not_count() -> None:
    p_values = np.array([[0.001, NAN], [0.02, 0.5]])
    mask = benjamini_yekutieli(p_values, 0.05)
    assert mask.shape == (2, 2)
    np.testing.assert_array_equal(mask[~np.isnan(p_values)], benjamini_yekutieli([0.001, 0.02, 0.5], 0.05))
    assert not mask[0, 1]


@pytest.mark.parametrize("p_values", [[], [NAN, NAN], [0.9, 0.8]])
def test_nothing_is_believed_without_evidence(p_values: list[float]) -> None:
    assert not benjamini_yekutieli(p_values, 0.05).any()
