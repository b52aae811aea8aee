"""The parts of the detector, by answers that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.detectors import ByChannel, Hours, Series, Settings, firing
from drift.detectors.error_model import Expectation, fit_persistence
from drift.detectors.expected import fit_expected, fit_wave
from drift.detectors.features import FEATURES, features, slope
from drift.detectors.limits import Evidence, Tail, tail_of
from drift.detectors.normal import Memory, locate, moving_mean, standardise, typical_spread
from drift.detectors.scan import (
    gate,
    last_means,
    last_ratio,
    recent_ratio,
    recent_ratios,
    statistics,
    window_means,
)
from drift.detectors.trailing import (
    daily,
    geometric,
    known_mean,
    lagged,
    over_known,
    trailing_day,
    trailing_mean,
)
from drift.detectors.whitening import moments, roots, spread, variance, whitening

NAN = np.nan
WEEKS = 2 * 168


def flat_hours(rows: int, holiday: bool = False) -> Hours:
    shape = (rows, 1)
    hour = np.arange(rows)[:, None] % 24
    day = np.arange(rows) // 24
    return Hours(hour, np.zeros(shape, bool), np.full(shape, holiday), day + 1, day // 30)


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


def test_a_trailing_mean_leaves_out_what_is_missing_and_wants_enough() -> None:
    values = column(1, NAN, 3, 5)
    np.testing.assert_array_equal(trailing_mean(values, 2, 1).ravel(), [1, 1, 3, 4])
    np.testing.assert_array_equal(trailing_mean(values, 2, 2).ravel(), [NAN, NAN, NAN, 4])
    np.testing.assert_array_equal(trailing_mean(values, 9, 1).ravel(), [1, 1, 2, 3])


def test_earlier_values_are_missing_before_the_first_row() -> None:
    values = column(1, 2, 3)
    np.testing.assert_array_equal(lagged(values, 2).ravel(), [NAN, NAN, 1])
    np.testing.assert_array_equal(lagged(values, 0).ravel(), [1, 2, 3])
    np.testing.assert_array_equal(lagged(values, 5).ravel(), [NAN, NAN, NAN])


@given(rows=st.integers(1, 200), seed=st.integers(0, 9))
def test_a_day_is_summed_in_one_order_for_a_row_and_for_a_block(rows: int, seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal((rows, 3)).astype(np.float32)
    expected = [values[max(0, row - 23) : row + 1].sum(axis=0) for row in range(rows)]
    np.testing.assert_allclose(trailing_day(values), expected, rtol=1e-5, atol=1e-5)
    days = rows // 24
    ends = trailing_day(values)[rows - 24 * days + 23 :: 24] if days else values[:0]
    np.testing.assert_array_equal(daily(values, days), ends)  # to the last bit


@given(rows=st.integers(1, 60), terms=st.integers(0, 80), apart=st.integers(1, 4))
def test_a_geometric_sum_by_doubling_is_the_sum(rows: int, terms: int, apart: int) -> None:
    values = np.random.default_rng(rows).standard_normal(rows)
    expected = [
        sum(0.9**k * values[row - k * apart] for k in range(terms) if row >= k * apart) for row in range(rows)
    ]
    np.testing.assert_allclose(geometric(values, 0.9, terms, apart), expected, atol=1e-12)


def test_a_slope_through_the_origin_is_shrunk_by_its_ridge() -> None:
    cause = np.tile(column(1, -1), (12, 1))
    assert slope(3 * cause, cause, np.float32(0))[-1, 0] == pytest.approx(3)
    assert slope(3 * cause, cause, np.float32(1))[-1, 0] == pytest.approx(1.5)
    assert np.isnan(slope(3 * cause, cause, np.float32(0))[10, 0])  # eleven hours are too few


def test_columns_without_a_value_are_missing_without_a_warning() -> None:
    values = np.array([[1.0, NAN], [4.0, NAN]])
    np.testing.assert_array_equal(known_mean(values), [2.5, NAN])
    np.testing.assert_array_equal(over_known(np.nanstd, values), [1.5, NAN])
    np.testing.assert_array_equal(over_known(np.nanmedian, values[:0]), [NAN, NAN])


def test_the_clip_is_soft_and_keeps_the_sign() -> None:
    z = standardise(column(3, 7, -7, NAN), np.zeros(1), np.ones(1), clip=5.0).ravel()
    np.testing.assert_allclose(z, [3, 5 + 0.5 * np.log(3), -5 - 0.5 * np.log(3), NAN])


def test_the_moving_normal_leaves_out_gaps_and_is_not_carried_away() -> None:
    """Two days back, a day weighs half of the one after it: weights ½, ¼ and a rest of ¼ at the centre."""
    memory = Memory(1 / np.log(2), 2)
    moved = moving_mean(column(2, NAN, 99, 2, 2), np.array([0.0]), 1, memory).ravel()
    expected = [1 / 0.75, 0.5 / 0.5, 1.5 / 0.75, 1 + 3 / 4, 1.5]  # 99 is clipped to 3
    np.testing.assert_allclose(moved, expected)
    apart = moving_mean(column(2, 0, NAN, 0, 99), np.array([0.0]), 2, memory).ravel()
    np.testing.assert_allclose(apart[[0, 2, 4]], [1 / 0.75, 0.5 / 0.5, 1.5 / 0.75])
    features_ = np.array([[[1.0, NAN]], [[1.0, 1.0]]])
    np.testing.assert_allclose(
        moving_mean(features_, np.zeros((1, 2)), 1, memory)[:, 0], [[0, 0], [2 / 3] * 2]
    )


def test_nothing_known_is_the_centre_and_a_long_past_of_one_value_is_nearly_that() -> None:
    memory = Memory(45.0, 76)
    assert moving_mean(column(NAN), np.array([0.7]), 1, memory).item() == pytest.approx(0.7)
    moved = moving_mean(np.full((80, 1), 2.0), np.array([1.0]), 1, memory)[-1].item()
    assert moved == pytest.approx(2 - np.exp(-76 / 45))


def test_a_window_is_held_against_the_normal_before_it() -> None:
    z = column(1, 2, NAN, 6, 8)[..., None]
    settings = Settings(windows=(2, 3), memory_days=1 / np.log(2), normal_days=1)  # ½ a day's value, ½ of 0
    means = window_means(z, settings, per_day=1)
    clipped = [1, 2, NAN, 3, 3]
    np.testing.assert_allclose(means[2][:, 0, 0], [NAN, 1.5, NAN, NAN, 7])  # the day before them is not known
    np.testing.assert_allclose(means[3][:, 0, 0], [NAN, 1.5, 1.5, 4 - clipped[0] / 2, 7 - clipped[1] / 2])


@given(seed=st.integers(0, 20), days=st.integers(1, 100))
def test_one_slot_s_means_are_those_of_the_last_row(seed: int, days: int) -> None:
    rng = np.random.default_rng(seed)
    settings = Settings()
    z = rng.standard_normal((days, 2, 3)).astype(np.float32)
    z[rng.random((days, 2)) < 0.2] = np.nan
    ratio = np.exp(0.3 * z[..., 0])
    for window, means in window_means(z, settings, 1).items():
        np.testing.assert_allclose(last_means(z, settings)[window][0], means[-1], atol=2e-6)
    many = recent_ratios(ratio, np.ones(2), settings, 1)[-1]
    np.testing.assert_allclose(last_ratio(ratio, np.ones(2), settings)[0], many, rtol=1e-5)


def test_the_recent_ratio_leaves_out_its_worst_day() -> None:
    settings, normal = Settings(ratio_cap=2.5), np.ones((1, 1))

    def recent(*days: float) -> float:
        return float(recent_ratio([np.array([[day]]) for day in days], normal, settings).item())

    assert recent(1, 1) == 0  # two days are too few
    assert recent(1, 1, 2, NAN) == pytest.approx(1)
    assert recent(1, 1, 2, 9) == pytest.approx(4 / 3)  # 9 counts 2.5, and is left out
    twice = recent_ratio([np.array([[day]]) for day in (2.0, 2.0, 4.0, 18.0)], 2 * normal, settings)
    assert twice.item() == pytest.approx(4 / 3)


def test_only_a_larger_error_is_evidence_of_size_and_bias_counts_both_ways() -> None:
    means = {2: np.full((1, 1, len(FEATURES)), -3.0)}
    sizes = {"size": 2, "bias": 1, "profile": 4, "timing": 1, "stale": 1}
    whitening = {(channel, 2): np.eye(k)[None] for channel, k in sizes.items()}
    values = {key[0]: value.item() for key, value in statistics(means, whitening).items()}
    assert values == {"size": 0, "bias": 3, "profile": 6, "timing": 3, "stale": 3}


def test_whitened_means_have_length_one_a_feature() -> None:
    rng = np.random.default_rng(1)
    mean = rng.standard_normal((4000, 3, len(FEATURES))) * np.array([1.0, 5.0, 0.1])[:, None]
    width = spread(variance(mean, 2, 1), np.ones(len(FEATURES)), prior=0.0)
    found = {(channel, 2): root for channel, root in roots([moments(mean, width)], shrinkage=0.0).items()}
    bias = statistics({2: mean}, whitening(found, {2: width}))["bias", 2]
    np.testing.assert_allclose((bias**2).mean(axis=0), 1, rtol=0.02)


def test_a_spread_is_shrunk_by_how_little_was_seen() -> None:
    """Ten days of two-day means are 2½ independent ones."""
    own = variance(np.full((10, 1, 1), 3.0), window=2, per_day=1)
    assert own.independent.item() == 2.5
    assert spread(own, np.array([1.0]), prior=2.5).item() == pytest.approx(np.sqrt((9 + 1) / 2))
    nothing = variance(np.full((10, 1, 1), NAN), window=2, per_day=1)
    assert spread(nothing, np.array([4.0]), prior=2.5).item() == pytest.approx(2)


def test_moments_of_blocks_add_up() -> None:
    mean = np.random.default_rng(2).standard_normal((50, 4, len(FEATURES)))
    width = np.ones((4, len(FEATURES)))
    parts = [moments(mean[:, part], width[part]) for part in (slice(0, 1), slice(1, 4))]
    for channel, root in roots([moments(mean, width)], 0.1).items():
        np.testing.assert_allclose(roots(parts, 0.1)[channel], root)


def test_the_gate_is_open_from_the_least_ratio_on() -> None:
    least = ByChannel(size=1.35, bias=1.35, profile=1.35, timing=1.1, stale=1.35)
    value, ratio = column(4, 4, 4, NAN), column(1.34, 1.35, 9, 9)
    np.testing.assert_array_equal(gate({("size", 2): value}, ratio, least)["size", 2].ravel(), [0, 4, 4, 0])
    np.testing.assert_array_equal(
        gate({("timing", 2): value}, ratio, least)["timing", 2].ravel(), [4, 4, 4, 0]
    )


def test_alarms_are_counted_by_onset_and_apart_for_each_city() -> None:
    values = np.array([[0, 3], [2, 0], [0.8, 0], [2, 0], [0, 0], [0, 0], [2, 0.5]])
    evidence = Evidence.of(values)
    assert (
        evidence.alarms(1, release=0.7, hold=1) == 3
    )  # 0.8 holds the first together; the gap of two ends it
    assert evidence.alarms(1, release=0.7, hold=2) == 2
    assert evidence.alarms(2.5, release=0.7, hold=1) == 1
    assert evidence.alarms(3, release=0.7, hold=1) == 0


def test_the_level_is_the_lowest_with_so_many_alarms() -> None:
    values = np.zeros((100, 1))
    values[::10, 0] = np.arange(1, 11)
    assert Evidence.of(values).level_for(3, release=0.7, hold=2) == pytest.approx(7, abs=1e-4)
    assert Evidence.of(np.zeros((9, 1))).level_for(3, release=0.7, hold=2) == 1


def test_the_tail_is_carried_on_exponentially() -> None:
    """Forty lone values in ten years; their levels at 4, 1 and ½ a year are known, so is what follows them."""
    values = np.zeros((1000, 1))
    values[::25, 0] = np.arange(1, 41)
    settings = Settings()
    slope_ = (35 - 20.5) / np.log(8)  # bisection starts at the median, 20.5, which has fewer than 40 alarms
    tail = tail_of(values, 10.0, settings, 1)
    assert tail.level(0.1) == pytest.approx(30 + slope_ * np.log(10), rel=1e-4)
    assert tail.level(1.0) == pytest.approx(30, rel=1e-4)
    assert Tail(30.0, 2.0).level(0.5) == pytest.approx(30 + 2 * np.log(2))


def test_an_alarm_holds_until_it_was_quiet_for_long_enough() -> None:
    score = column(0.9, 1.1, 0.8, 0.7, 0.7, 0.9, 0.7, NAN, 0.7, 1.0)
    expected = [False, True, True, True, True, True, True, True, False, False]
    np.testing.assert_array_equal(firing(score, 0.7, 2).ravel(), expected)
    np.testing.assert_array_equal(firing(column(0.1, 0.1), 0.7, 1, np.array([True])).ravel(), [True, False])


def test_location_gives_a_city_without_values_the_spread_of_the_others() -> None:
    values = np.array([[0.0, 1.0, NAN], [2.0, 3.0, NAN]])[..., None]
    own = locate(values)
    found = own.shrunk(typical_spread([own]))
    np.testing.assert_allclose(found.centre.ravel(), [1, 2, 0])
    np.testing.assert_allclose(found.spread.ravel(), [1, 1, 1])
    np.testing.assert_allclose(own.shrunk(np.array([3.0])).spread.ravel(), [*[np.sqrt(0.8 + 0.2 * 9)] * 2, 3])


def test_the_expected_size_of_equal_errors_is_that_error() -> None:
    hours = flat_hours(WEEKS)
    fitted = fit_expected(np.full((WEEKS, 1), 0.02), hours, season_share=0.5)
    np.testing.assert_allclose(fitted.expected(hours), 0.02, rtol=1e-6)
    np.testing.assert_array_equal(fitted.season, 0)  # two weeks say nothing of the year


def test_the_annual_wave_is_found_from_150_days_on() -> None:
    angle = 2 * np.pi * np.arange(365) / 365.25
    wave = np.column_stack([np.cos(angle), np.sin(angle)])
    daily = (1 + 0.3 * wave[:, 0] - 0.2 * wave[:, 1])[:, None]
    np.testing.assert_allclose(fit_wave(daily, wave).ravel(), [0.3, -0.2])
    np.testing.assert_array_equal(fit_wave(daily[:149], wave[:149]), 0)


def test_persistence_of_an_error_that_halves_each_hour() -> None:
    rng = np.random.default_rng(2)
    error = rng.standard_normal((5000, 1))
    for row in range(1, len(error)):
        error[row] += 0.5 * error[row - 1]
    assert fit_persistence(error).item() == pytest.approx(0.5, abs=0.03)
    assert fit_persistence(np.full((5, 1), NAN)).item() == 0


def test_the_relative_error_is_missing_on_holidays_and_where_there_is_no_load() -> None:
    series = Series(column(100, 0, NAN), column(110, 5, 5), flat_hours(3))
    np.testing.assert_allclose(series.error().ravel(), [0.1, NAN, NAN])
    holiday = Series(column(100.0), column(110.0), flat_hours(1, holiday=True))
    assert np.isnan(holiday.error()).all()


def of(series: Series, error: float = 0.02) -> dict[str, float]:
    """The features of the last hour where an error of so much is normal."""
    normal = np.full(series.actual.shape, error)
    found = features(series, Expectation(normal, normal, np.zeros(1), np.full(1, error)))
    return dict(zip(FEATURES, found.values[-1, 0].tolist(), strict=True)) | {
        "ratio": found.ratio[-1, 0].item()
    }


def load() -> np.ndarray:
    rng = np.random.default_rng(3)
    hour = np.arange(WEEKS)[:, None]
    return (
        1000 + 200 * np.sin(2 * np.pi * hour / 24) + 30 * np.repeat(rng.standard_normal((14, 1)), 24, axis=0)
    )


def test_a_forecast_that_is_four_hundredths_too_high() -> None:
    found = of(Series(load(), load() * 1.04, flat_hours(WEEKS)))
    assert found["ratio"] == pytest.approx(2)
    assert found["size"] == pytest.approx(np.log(2.01), rel=1e-5)
    assert found["roughness"] == pytest.approx(np.log(2.1), rel=1e-5)
    for part in ("bias", "night", "morning", "afternoon", "evening"):
        assert found[part] == pytest.approx(2)


def test_a_forecast_that_is_an_hour_late_has_a_timing_of_minus_one() -> None:
    actual = 1000 + 100 * np.sin(2 * np.pi * np.arange(WEEKS)[:, None] / 24)
    late = Series(actual, lagged(actual, 1), flat_hours(WEEKS))
    assert of(late)["timing"] == pytest.approx(-1, abs=0.1)


def test_a_forecast_of_last_week_s_load_is_stale() -> None:
    stale = Series(load(), lagged(load(), 168), flat_hours(WEEKS))
    assert of(stale, error=0.02)["stale"] > 0.6
    assert abs(of(Series(load(), load() * 1.001, flat_hours(WEEKS)))["stale"]) < 0.1
