"""Slow drift is seen in the mean of weeks, by each city and, where they share it, by all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from drift.detectors import Series, firing, onsets
from drift.detectors.slow import (
    BIAS,
    SHARES,
    SIZE,
    SlowLimits,
    SlowReference,
    SlowSettings,
    fit_slow,
    hours_needed,
    known_max,
    p_value,
    shared,
    slow_reference,
    trailing_values,
    watch_slow,
    watch_slow_many,
    window_means,
)
from drift.detectors.slow_fleet import (
    SlowFleet,
    fit_slow_fleet,
    pool_slow,
    student,
    watch_slow_fleet,
)
from drift.errors import UndefinedError

DAY = 24
YEAR = 365 * DAY
ONSET = YEAR + 120 * DAY
CITY = 4
DAYS = np.arange(YEAR + DAY - 1, 2 * YEAR, DAY)


@pytest.fixture(scope="module")
def past(reference: Series) -> SlowReference:
    return slow_reference(reference)


@pytest.fixture(scope="module")
def limits(past: SlowReference) -> SlowLimits:
    return fit_slow(past)


@pytest.fixture(scope="module")
def fleet(limits: SlowLimits, past: SlowReference) -> SlowFleet:
    return fit_slow_fleet(limits, past)


def worse(series: Series, factor: float, bias: float = 0.0, city: int | slice = CITY) -> Series:
    """The same with errors `factor` times as large from the onset on, and a bias of that share of the actual."""
    predicted, rows = series.predicted.copy(), slice(ONSET, None)
    actual = series.actual[rows, city]
    predicted[rows, city] = actual * (1 + bias) + factor * (predicted[rows, city] - actual)
    return replace(series, predicted=predicted)


def found_after(score: np.ndarray) -> float:
    """Days from the onset to the first score above 1."""
    after = np.flatnonzero(score[DAYS >= ONSET] > 1)
    return float(after[0] + 1) if len(after) else np.inf


def test_an_error_that_stays_double_is_found_in_its_city_alone(limits: SlowLimits, series: Series) -> None:
    score = watch_slow_many(limits, worse(series, 2.0), DAYS).score
    quiet = watch_slow_many(limits, series, DAYS).score
    assert found_after(score[:, CITY]) <= 28
    np.testing.assert_array_equal(np.delete(score, CITY, axis=1), np.delete(quiet, CITY, axis=1))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_bias_is_found_though_the_error_hardly_grows(sign: int, limits: SlowLimits, series: Series) -> None:
    """An error of 2 % and a bias of 1.5 % make 2.5 %, a quarter more: too little for size alone."""
    watched = watch_slow_many(limits, worse(series, 1.0, bias=0.015 * sign), DAYS)
    at = np.searchsorted(DAYS, ONSET) + 28
    largest = np.abs(watched.pull[:, :, at, CITY]).max(axis=1)
    assert found_after(watched.score[:, CITY]) <= 28
    assert watched.bias[at, CITY] * sign > 0.5
    assert largest[BIAS] > largest[SIZE]


def test_an_error_that_halves_is_no_drift(limits: SlowLimits, series: Series) -> None:
    watched = watch_slow_many(limits, worse(series, 0.5), DAYS)
    late = DAYS > ONSET + 28 * DAY
    assert (watched.score[late, CITY] == 0).all()
    assert (watched.p_value[late, CITY] == 1).all()


def test_quiet_cities_are_noticed_about_as_often_as_budgeted(limits: SlowLimits, series: Series) -> None:
    """Twelve city-years at a budget of a half: six are expected, and fourteen would be one chance in a thousand."""
    score = watch_slow_many(limits, series, DAYS).score
    settings = limits.settings
    assert onsets(firing(score, settings.release, settings.hold_days)).sum() <= 14


def test_a_lower_budget_is_a_higher_limit(past: SlowReference) -> None:
    seldom = fit_slow(replace(past, settings=SlowSettings(budget=0.1)))
    often = fit_slow(replace(past, settings=SlowSettings(budget=4.0)))
    assert seldom.limit > often.limit


@given(slot=st.integers(28 * DAY, 2 * YEAR - 1))
def test_a_slot_says_what_many_at_once_say(slot: int, limits: SlowLimits, series: Series) -> None:
    one = watch_slow(limits, series.rows(slice(max(0, slot + 1 - 900), slot + 1)))
    many = watch_slow_many(
        limits, series.rows(slice(max(0, slot - 2000), slot + 30)), np.array([min(slot, 2000)])
    )
    np.testing.assert_array_equal(one.score, many.score[0])
    np.testing.assert_array_equal(one.p_value, many.p_value[0])
    np.testing.assert_array_equal(one.pull, many.pull[:, :, 0])
    np.testing.assert_array_equal(one.window_days, many.window_days[0])


def test_a_slot_looks_at_28_days_and_no_further(limits: SlowLimits, series: Series) -> None:
    needed = hours_needed(limits.settings)
    assert needed == 28 * DAY
    told = watch_slow(limits, series.rows(slice(0, 10_000)))
    alone = watch_slow(limits, series.rows(slice(10_000 - needed, 10_000)))
    np.testing.assert_array_equal(told.score, alone.score)


def test_a_short_history_speaks_of_the_windows_it_has(limits: SlowLimits, series: Series) -> None:
    """Nine of fourteen days are enough for the first window; of 28 days, 17 would be."""
    watched = watch_slow(limits, series.rows(slice(0, 9 * DAY)))
    assert np.isfinite(watched.score).all()
    assert set(watched.window_days) == {14}
    assert np.isnan(watch_slow(limits, series.rows(slice(0, 8 * DAY))).score).all()


def test_a_city_without_actuals_is_not_judged_and_moves_no_other(limits: SlowLimits, series: Series) -> None:
    actual = series.actual[:10_000].copy()
    actual[-20 * DAY :, CITY] = np.nan
    plain = watch_slow(limits, series.rows(slice(0, 10_000)))
    without = watch_slow(limits, replace(series.rows(slice(0, 10_000)), actual=actual))
    assert np.isnan(without.score[CITY])
    assert np.isnan(without.p_value[CITY])
    assert without.window_days[CITY] == 0
    np.testing.assert_array_equal(np.delete(without.score, CITY), np.delete(plain.score, CITY))


def test_a_city_with_a_short_reference_is_fitted_to_nothing(reference: Series, series: Series) -> None:
    actual = reference.actual.copy()
    actual[83 * DAY :, CITY] = np.nan
    fitted = fit_slow(slow_reference(replace(reference, actual=actual)))
    score = watch_slow(fitted, series.rows(slice(0, 10_000))).score
    assert np.isnan(score[CITY])
    assert np.isfinite(np.delete(score, CITY)).all()
    assert fitted.days[CITY] == 0


def test_half_a_year_widens_and_less_is_refused(reference: Series) -> None:
    half = fit_slow(slow_reference(reference.rows(slice(0, 190 * DAY))))
    shrunk = watch_slow(half, reference.rows(slice(0, 60 * DAY)))
    wide = np.sqrt((1 + 56 / 190) / (1 + 56 / 365))
    values = watch_slow(replace(half, days=np.full(12, 365.0)), reference.rows(slice(0, 60 * DAY)))
    np.testing.assert_allclose(shrunk.pull * wide, values.pull)
    with pytest.raises(UndefinedError, match="slow drift"):
        slow_reference(reference.rows(slice(0, 179 * DAY)))


def test_each_month_is_judged_by_the_normal_of_the_other_fold(reference: Series) -> None:
    """In even months errors double before noon, in odd ones after it. Held against the other shape, a day is
    (2 ÷ 1 + 1 ÷ 2) ÷ 2 = 1.25 × normal; held against its own it would be 1 ×.
    A shape is fitted to half a year and drawn to the mean by 60 hours, which makes it somewhat less.
    """
    size = np.where((reference.hours.hour < 12) == reference.hours.even[:, None], 0.04, 0.02)
    predicted = reference.actual * (1 + np.where(np.arange(YEAR)[:, None] % 2, size, -size))
    means = slow_reference(replace(reference, predicted=predicted)).means[SIZE, -1, 40:]
    assert ((means > 0.1) & (means < np.log(1.25))).all()


def test_a_shift_between_the_folds_is_seen_whole(reference: Series) -> None:
    """Twice the error in even months is twice the odd months' normal, not 1.4 × that of both."""
    factor = np.where(reference.hours.even, 2.0, 1.0)[:, None]
    error = 0.02 * factor * np.where(np.arange(YEAR)[:, None] % 2, 1, -1)
    means = slow_reference(replace(reference, predicted=reference.actual * (1 + error))).means[SIZE, 0]
    assert np.nanmax(means) == pytest.approx(np.log(2), abs=0.02)
    assert np.nanmin(means) == pytest.approx(-np.log(2), abs=0.02)


def test_the_limit_is_fitted_to_the_aim_at_the_budget(past: SlowReference) -> None:
    half = fit_slow(replace(past, settings=SlowSettings(budget=1.0, aim=0.5)))
    assert half.limit == fit_slow(replace(past, settings=SlowSettings(budget=0.5, aim=1.0))).limit


def test_a_city_alone_has_a_limit_near_that_of_others(reference: Series) -> None:
    """Errors that are always the same size never pass 1.1 × normal, so their own limit would be next to none."""
    error = np.where(np.arange(YEAR)[:, None] % 2, 0.02, -0.02)
    calm = replace(reference, predicted=reference.actual * (1 + error)).cities(np.array([CITY]))
    assert 2 < fit_slow(slow_reference(calm)).limit < 4


def test_a_city_that_died_long_ago_is_no_reason_to_refuse(reference: Series) -> None:
    actual = reference.actual.copy()
    actual[:, :11] = np.nan
    assert fit_slow(slow_reference(replace(reference, actual=actual))).days[11] > 300


def test_days_that_make_no_window_are_refused(past: SlowReference) -> None:
    with pytest.raises(UndefinedError, match="slow drift"):
        fit_slow(replace(past, means=np.full_like(past.means, np.nan)))


def test_a_spread_is_drawn_to_the_median_citys(past: SlowReference) -> None:
    own = np.sqrt(np.nanmean(past.means**2, axis=2))
    median = np.sqrt(np.median(own**2, axis=2, keepdims=True))
    alone = fit_slow(replace(past, settings=SlowSettings(prior_windows=0.0))).spread
    drawn = fit_slow(replace(past, settings=SlowSettings(prior_windows=1e9))).spread
    np.testing.assert_allclose(alone, own)
    np.testing.assert_allclose(drawn, np.broadcast_to(median, drawn.shape), rtol=1e-6)


def test_blocks_of_cities_are_fitted_as_all_at_once(past: SlowReference, reference: Series) -> None:
    blocks = slow_reference(reference, block=5)
    np.testing.assert_array_equal(past.means, blocks.means)
    np.testing.assert_array_equal(past.expected.shape, blocks.expected.shape)


def test_some_cities_score_as_they_do_among_all(limits: SlowLimits, series: Series) -> None:
    keep = np.array([7, 2])
    some = watch_slow(limits.cities(keep), series.rows(slice(0, 10_000)).cities(keep))
    np.testing.assert_array_equal(some.score, watch_slow(limits, series.rows(slice(0, 10_000))).score[keep])


def test_a_day_of_errors_worked_by_hand() -> None:
    """Twelve hours at 3 and twelve at −1 expected errors: mean size 2, mean of 2 and −1 is ½."""
    error = np.repeat([0.3, -0.1], 12)[:, None]
    size, bias = trailing_values(error, np.full((24, 1), 0.1))[:, -1, 0]
    assert size == pytest.approx(np.log(2.01))
    assert bias == pytest.approx(0.5)


def test_a_day_needs_fourteen_hours() -> None:
    error = np.full((24, 2), 0.1)
    error[:10, 0], error[:11, 1] = np.nan, np.nan
    values = trailing_values(error, np.full((24, 2), 0.1))[:, -1]
    assert np.isfinite(values[:, 0]).all()
    assert np.isnan(values[:, 1]).all()


@given(st.lists(st.floats(-5, 5) | st.just(float("nan")), min_size=8, max_size=40))
def test_window_means_are_those_of_pandas(values: list[float]) -> None:
    """60 % of 3, 5 and 7 days are 1.8, 3 and 4.2: 2, 3 and 5 days must be known."""
    daily = np.array([values, values])[:, :, None]
    means = window_means(daily, np.arange(len(values)), 1, (3, 5, 7))
    for row, (days, least) in enumerate([(3, 2), (5, 3), (7, 5)]):
        theirs = pd.Series(values).rolling(days, min_periods=least).mean()
        np.testing.assert_allclose(means[SIZE, row, :, 0], theirs, atol=1e-12)


def test_the_largest_of_what_is_known() -> None:
    np.testing.assert_array_equal(known_max(np.array([[-1.0, np.nan], [np.nan, np.nan]])), [-1, np.nan])


def test_p_values_are_the_shares_of_the_reference_and_fall_beyond_it(limits: SlowLimits) -> None:
    """The limit is a long way out: hardly one window in a hundred of the reference passes it."""
    open_ = limits.levels > 0
    np.testing.assert_allclose(p_value(limits, limits.levels)[open_], np.array(SHARES)[open_])
    beyond = p_value(limits, limits.levels[-1] + limits.tail * np.array([1.0, 2.0]))
    np.testing.assert_allclose(beyond, [0.01 / np.e, 0.01 / np.e**2])
    assert p_value(limits, np.array([0.0]))[0] == 1
    assert np.isnan(p_value(limits, np.array([np.nan]))[0])
    assert p_value(limits, np.array([1.0]))[0] < 0.02


@given(st.lists(st.floats(0, 5), min_size=2, max_size=20))
def test_a_higher_score_has_no_higher_p_value(limits: SlowLimits, scores: list[float]) -> None:
    p = p_value(limits, np.sort(scores))
    assert (np.diff(p) <= 0).all()
    assert ((p > 0) & (p <= 1)).all()


def test_while_all_cities_have_moved_the_limit_is_lower(limits: SlowLimits) -> None:
    score = np.array([[0.0, 0.5, np.nan], [0.0, 0.5, np.nan]])
    lowered = shared(limits, score, np.array([0.9, 1.1]))
    np.testing.assert_array_equal(lowered[0], score[0])
    level = limits.levels[SHARES.index(0.05)]
    np.testing.assert_allclose(lowered[1], [0, 0.5 / level, np.nan])
    seldom = replace(limits, settings=SlowSettings(shared_share=1e-9))
    np.testing.assert_array_equal(shared(seldom, score, np.array([0.9, 1.1])), score)


def test_a_common_bias_is_found_by_all_before_it_is_by_most(
    limits: SlowLimits, fleet: SlowFleet, series: Series
) -> None:
    watched = watch_slow_many(limits, worse(series, 1.0, bias=0.009, city=slice(None)), DAYS)
    score, bias = watch_slow_fleet(fleet, watched.pull)
    found = found_after(score)
    first = int(np.searchsorted(DAYS, ONSET) + found - 1)
    own, named = watched.score[first] > 1, shared(limits, watched.score, score)[first] > 1
    assert found <= 28
    assert bias[first] > 1
    assert own.sum() < 6
    assert named.sum() > own.sum()
    assert named[own].all()


def test_a_quiet_fleet_is_quiet(limits: SlowLimits, fleet: SlowFleet, series: Series) -> None:
    score, _ = watch_slow_fleet(fleet, watch_slow_many(limits, series, DAYS).pull)
    assert onsets(firing(score[:, None], 0.8, 7)).sum() <= 2


def test_one_slot_of_the_fleet_is_that_of_many(limits: SlowLimits, fleet: SlowFleet, series: Series) -> None:
    rows = np.array([9_000, 10_000])
    many = watch_slow_fleet(fleet, watch_slow_many(limits, series, rows).pull)
    one = watch_slow_fleet(fleet, watch_slow(limits, series.rows(slice(0, 10_001))).pull)
    assert one[0].shape == ()
    np.testing.assert_array_equal(one, [each[1] for each in many])


def test_the_fleet_worked_by_hand() -> None:
    """Two windows, four cities; the limit is 2 spreads of 1 and ½. A city pulls by 3 at most."""
    fleet = SlowFleet(np.array([[1.0, 0.5], [1.0, 0.5]]), 2.0)
    size = [[1.0, 1.0, 1.0, 1.0], [9.0, 0.0, 0.0, -1.0]]
    bias = [[-3.0, -1.0, 0.0, 0.0], [np.nan, np.nan, np.nan, 2.0]]
    score, signed = watch_slow_fleet(fleet, np.array([size, bias]))
    np.testing.assert_allclose(pool_slow(np.array([size, bias])), [[1, 0.5], [-1, np.nan]])
    np.testing.assert_array_equal([score, signed], [0.5, -0.5])


def test_a_fleet_that_is_half_away_says_nothing(limits: SlowLimits, fleet: SlowFleet, series: Series) -> None:
    pull = watch_slow(limits, series.rows(slice(0, 10_000))).pull.copy()
    pull[..., :6] = np.nan
    assert np.isfinite(watch_slow_fleet(fleet, pull)[0])
    pull[..., 6] = np.nan
    assert np.isnan(watch_slow_fleet(fleet, pull)[0])


def test_four_cities_are_no_fleet(reference: Series) -> None:
    four = slow_reference(reference.cities(np.arange(4)))
    with pytest.raises(UndefinedError, match="all cities"):
        fit_slow_fleet(fit_slow(four), four)


@pytest.mark.parametrize("freedom", [5.0, 12.0, 40.0])
@pytest.mark.parametrize("share", [0.002, 0.0064, 0.05])
def test_the_quantile_of_students_t_is_that_of_scipy(freedom: float, share: float) -> None:
    assert student(share, freedom) == pytest.approx(stats.t.isf(share, freedom), rel=0.01)
