"""Feature drift against peers: what must be found, what must not move, and the parts by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.detectors.climatology import (
    Climatology,
    anomalies,
    carriers,
    day_aspects,
    fit_climatology,
    whole_days,
)
from drift.detectors.peer_fit import fit_features
from drift.detectors.peer_model import PeerModel, PeerSettings, contrasts, distance, unexplained, widening
from drift.detectors.peers import (
    KINDS,
    LEVEL,
    STUCK,
    SWING,
    FeatureDays,
    FeatureLimits,
    feature_days,
    hours_needed,
    score_slot,
    score_slots,
    stuck_hours,
)
from drift.errors import UndefinedError
from drift.reasons import Undefined

NAN = np.nan
CITIES, YEAR = 8, 365 * 24
HOURS = 2 * YEAR
BROKEN, CALM = 2, 16_000
START = np.datetime64("2021-01-01T00", "h")
TIMES = START + np.arange(HOURS)


def persistent(rng: np.random.Generator, count: int, memory: float) -> np.ndarray:
    noise = rng.standard_normal((HOURS, count)) * np.sqrt(1 - memory**2)
    for hour in range(1, HOURS):
        noise[hour] += memory * noise[hour - 1]
    return noise


@pytest.fixture(scope="module")
def weather() -> np.ndarray:
    """Two years of temperatures: seasons and days of their own, one weather for all, and a little for each."""
    rng = np.random.default_rng(7)
    hour = np.arange(HOURS)[:, None]
    city = np.arange(CITIES)
    own = (
        12 + city - (8 + city / 4) * np.cos(2 * np.pi * hour / 8766) - 4 * np.cos(2 * np.pi * (hour - 2) / 24)
    )
    return own + 4 * persistent(rng, 1, 0.985) + 0.8 * persistent(rng, CITIES, 0.97)


@pytest.fixture(scope="module")
def limits(weather: np.ndarray) -> FeatureLimits:
    return fit_features(weather[:YEAR], TIMES[:YEAR])


def history(weather: np.ndarray, end: int = CALM) -> tuple[np.ndarray, np.ndarray]:
    span = slice(end - hours_needed(PeerSettings()), end)
    return weather[span].copy(), TIMES[span]


def scores(limits: FeatureLimits, values: np.ndarray, times: np.ndarray) -> np.ndarray:
    return score_slot(limits, feature_days(limits, values, times)).score[0]


def test_a_quiet_fleet_scores_below_its_limits(limits: FeatureLimits, weather: np.ndarray) -> None:
    found = score_slots(limits, weather, TIMES, np.arange(YEAR, HOURS, 24 * 3))
    assert np.isfinite(found.score).all()
    assert (found.score > 1).mean() < 0.02
    assert np.median(found.score) > 0.1  # it did look


def test_an_offset_is_found_with_its_size_and_direction_and_nobody_else_is_moved(
    limits: FeatureLimits, weather: np.ndarray
) -> None:
    values, times = history(weather)
    values[-7 * 24 :, BROKEN] += 4.0
    found = score_slot(limits, feature_days(limits, values, times))
    assert np.flatnonzero(found.score[0] > 1).tolist() == [BROKEN]
    assert KINDS[found.kind[0, BROKEN]] == "level"
    assert found.size[0, BROKEN] == pytest.approx(4.0, abs=1.5)
    assert found.window_days[0, BROKEN] in (4, 7)
    values[-7 * 24 :, BROKEN] -= 8.0
    assert score_slot(limits, feature_days(limits, values, times)).size[0, BROKEN] < -2.5


def test_a_heat_wave_over_all_cities_is_no_drift(limits: FeatureLimits, weather: np.ndarray) -> None:
    values, times = history(weather)
    values[-7 * 24 :] += 8.0
    assert (scores(limits, values, times) < 1).all()


def test_fahrenheit_for_celsius_is_found_within_half_a_day_and_does_not_spread(
    limits: FeatureLimits, weather: np.ndarray
) -> None:
    values, times = history(weather)
    values[-12:, BROKEN] = values[-12:, BROKEN] * 1.8 + 32
    assert np.flatnonzero(scores(limits, values, times) > 1).tolist() == [BROKEN]


def test_a_feed_that_is_six_hours_late_moves_the_daily_wave(
    limits: FeatureLimits, weather: np.ndarray
) -> None:
    values, times = history(weather)
    values[-7 * 24 :, BROKEN] = values[-7 * 24 - 6 : -6, BROKEN]
    found = score_slot(limits, feature_days(limits, values, times))
    assert found.by_kind[0, BROKEN, SWING] > 1
    assert found.by_kind[0, BROKEN, SWING] > found.by_kind[0, BROKEN, LEVEL]


def test_a_stuck_feed_is_found_once_it_repeats_more_than_it_ever_did(
    limits: FeatureLimits, weather: np.ndarray
) -> None:
    values, times = history(weather)
    values[-5:, BROKEN] = values[-5, BROKEN]
    assert scores(limits, values, times)[BROKEN] < 1
    values[-7:, BROKEN] = values[-7, BROKEN]
    found = score_slot(limits, feature_days(limits, values, times))
    assert found.kind[0, BROKEN] == STUCK
    assert found.score[0, BROKEN] == pytest.approx(7 / 6)


def test_one_slot_says_what_many_slots_say(limits: FeatureLimits, weather: np.ndarray) -> None:
    values = weather.copy()
    values[CALM - 200 : CALM, BROKEN] += 6.0
    values[CALM - 3000 : CALM - 2600, 0] = NAN
    values[CALM - 30 : CALM - 20, 5] = NAN
    values[CALM - 500 : CALM, 6] = 11.0
    ends = np.array([CALM - 301, CALM - 100, CALM - 31, CALM - 1, CALM - 100 - 48])
    many = score_slots(limits, values, TIMES, ends)
    for row, end in enumerate(ends):
        one = score_slot(limits, feature_days(limits, *history(values, end + 1)))
        np.testing.assert_allclose(one.score[0], many.score[row], rtol=1e-9)
        np.testing.assert_allclose(one.size[0], many.size[row], rtol=1e-6, atol=1e-9)
        np.testing.assert_array_equal(one.kind[0], many.kind[row])
        np.testing.assert_array_equal(one.window_days[0], many.window_days[row])


def test_blocks_of_cities_join_to_the_whole(limits: FeatureLimits, weather: np.ndarray) -> None:
    values, times = history(weather)
    parts = [np.arange(3), np.arange(3, CITIES)]
    joined = FeatureDays.join([feature_days(limits, values[:, part], times, part) for part in parts])
    np.testing.assert_array_equal(score_slot(limits, joined).score[0], scores(limits, values, times))


def test_limits_are_stored_as_arrays_and_score_the_same_again(
    limits: FeatureLimits, weather: np.ndarray
) -> None:
    arrays = limits.arrays()
    assert all(array.dtype != object for array in arrays.values())
    again = FeatureLimits.from_arrays(limits.settings, arrays)
    np.testing.assert_array_equal(scores(again, *history(weather)), scores(limits, *history(weather)))
    assert again.feature_years == limits.feature_years == pytest.approx(CITIES, rel=0.01)


def test_a_missing_peer_widens_and_breaks_nothing(limits: FeatureLimits, weather: np.ndarray) -> None:
    values, times = history(weather)
    whole = scores(limits, values, times)
    values[-30 * 24 :, 0] = NAN
    without = scores(limits, values, times)
    assert np.isnan(without[0])
    others = np.arange(1, CITIES)
    assert np.isfinite(without[others]).all()
    np.testing.assert_allclose(without[others], whole[others], atol=0.45)
    values[-10 * 24 :, BROKEN] += 6.0
    assert scores(limits, values, times)[BROKEN] > 1


def test_without_any_peer_a_city_stands_on_its_own_climatology(weather: np.ndarray) -> None:
    alone = fit_features(weather[:YEAR, :1], TIMES[:YEAR])
    assert alone.origin(0) == "own climatology"
    assert alone.explained[0] == 0
    together = fit_features(weather[:YEAR], TIMES[:YEAR])
    assert together.origin(0) == "peers"
    assert together.explained[0] > 0.8
    assert (alone.model.spread[0, :, 0] > 2 * together.model.spread[0, :, 0]).all()
    values, times = history(weather[:, :1])
    values[-48:] = values[-48:] * 1.8 + 32
    assert scores(alone, values, times)[0] > 1


def test_nothing_is_concluded_for_constant_short_or_absent_features_and_no_other_is_moved(
    weather: np.ndarray,
) -> None:
    odd = np.column_stack([np.full(HOURS, 5.0), weather[:, 0], np.full(HOURS, NAN)])
    odd[: YEAR - 40 * 24, 1] = NAN
    with_odd = fit_features(np.column_stack([weather, odd])[:YEAR], TIMES[:YEAR])
    expected = [0] * CITIES + [
        Undefined.CONSTANT_REFERENCE,
        Undefined.SHORT_REFERENCE,
        Undefined.SHORT_REFERENCE,
    ]
    assert with_odd.reason.tolist() == expected
    values, times = history(np.column_stack([weather, odd]))
    values[-100:, -3] = 50.0
    found = scores(with_odd, values, times)
    assert np.isnan(found[CITIES:]).all()
    assert with_odd.origin(CITIES) == "own climatology"
    without = fit_features(weather[:YEAR], TIMES[:YEAR])
    np.testing.assert_allclose(found[:CITIES], scores(without, *history(weather)), rtol=1e-6)


def test_cities_that_share_one_feed_are_not_held_to_no_difference_at_all(weather: np.ndarray) -> None:
    twins = np.column_stack([weather, weather[:, 0]])
    limits = fit_features(twins[:YEAR], TIMES[:YEAR])
    values, times = history(twins)
    values[-7 * 24 :, -1] += 0.05
    assert scores(limits, values, times).max() < 1


def test_a_reference_without_a_usable_city_is_undefined_with_its_reason() -> None:
    with pytest.raises(UndefinedError, match="too few values"):
        fit_features(np.full((500, 2), NAN), TIMES[:500])
    with pytest.raises(UndefinedError, match="too few values"):
        fit_features(np.ones((20, 2)), TIMES[:20])
    with pytest.raises(UndefinedError, match="equal"):
        fit_features(np.ones((YEAR, 2)), TIMES[:YEAR])


def test_fewer_false_alarms_are_bought_with_a_higher_limit(weather: np.ndarray) -> None:
    once, rarely = (
        fit_features(weather[:YEAR], TIMES[:YEAR], replace(PeerSettings(), budget=budget)).limit
        for budget in (1.0, 0.1)
    )
    assert (rarely > once).all()


def test_day_aspects_are_the_mean_and_the_amplitudes_of_the_daily_wave() -> None:
    hour = np.arange(48)
    values = (5 + 2 * np.cos(2 * np.pi * hour / 24) - 3 * np.sin(2 * np.pi * hour / 24))[:, None]
    for last in (48, 41):  # by the hour of the day in UTC, wherever the day is cut
        days, ends = whole_days(values[:last], TIMES[:last])
        np.testing.assert_allclose(day_aspects(days, ends)[:, 0, -1], [5, 2, -3], atol=1e-12)


def test_a_climatology_knows_the_seasons_and_a_constant_city() -> None:
    year = 10 - 8 * np.cos(2 * np.pi * np.arange(HOURS) / 8766)
    days, ends = whole_days(np.column_stack([year, np.full(HOURS, 7.0), np.full(HOURS, NAN)]), TIMES)
    normal = fit_climatology(day_aspects(days, ends), ends).normal(ends)
    assert np.abs(normal[0, 0] - days[:, :, 0].mean(axis=1)).max() < 0.2
    np.testing.assert_allclose(normal[0, 1], 7.0, atol=1e-6)
    assert (normal[:, 2] == 0).all()


def test_a_day_with_holes_is_filled_in_by_its_other_hours_and_one_with_too_many_is_not_known() -> None:
    climatology = Climatology(np.array([[[10.0, 0, 0, 0, 0]], [[4.0, 0, 0, 0, 0]], [[0.0, 0, 0, 0, 0]]]))
    hour = np.arange(24)
    values = (13 + 4 * np.cos(2 * np.pi * hour / 24))[:, None]
    values[3:11] = NAN
    np.testing.assert_allclose(anomalies(climatology, values, TIMES[:24])[:, 0, 0], [3, 0, 0], atol=1e-12)
    values[11] = NAN
    assert np.isnan(anomalies(climatology, values, TIMES[:24])).all()


def test_carriers_follow_the_clock() -> None:
    midnight, noon = carriers(TIMES[23]), carriers(TIMES[11])
    np.testing.assert_allclose(np.roll(midnight, 12, axis=1), noon, atol=1e-12)


def test_runs_of_one_value_end_at_a_change_and_at_a_hole() -> None:
    values = np.array([[1.0], [1.0], [NAN], [1.0], [1.0], [1.0], [2.0]])
    assert stuck_hours(values).ravel().tolist() == [1, 2, 0, 1, 2, 3, 1]


def test_a_contrast_is_the_window_less_the_remembered_normal() -> None:
    settings = PeerSettings(windows=(2,), window_shares=(1.0,), memory_days=30.0, normal_days=3)
    rows = np.array([[1.0, 2.0, NAN, 10.0, 12.0]])
    factor = np.exp(-1 / 30)
    weight = (1 - factor) * factor ** np.arange(
        3
    )  # of the days 2, 3 and 4 back; the first of them is missing
    normal = (weight[1] * 2 + weight[2] * 1) / (weight[1] + weight[2] + factor**3)
    np.testing.assert_allclose(contrasts(rows, np.array(99.0), 1, settings), [[[11 - normal]]])
    held = (weight[1] * 0.5 + weight[2] * 0.5) / (weight[1] + weight[2] + factor**3)
    np.testing.assert_allclose(contrasts(rows, np.array(0.5), 1, settings), [[[11 - held]]])
    np.testing.assert_allclose(contrasts(rows, np.array(9.0), 1, settings, normal=False), [[[11.0]]])
    rows[0, -1] = NAN
    assert np.isnan(contrasts(rows, np.array(9.0), 1, settings)).all()  # one day of two is too little


def pair_model(correlation: float) -> PeerModel:
    """A city 0 whose peers are 1 and 2, of unit variance and so correlated; the city is half of each."""
    covariance = np.array([[1.0, correlation], [correlation, 1.0]])
    weights = np.zeros((1, 2, 3))
    weights[0, :, 0] = 0.5
    return PeerModel(
        np.array([[1, 2]]),
        weights,
        np.zeros((1, 2, 2, 2)),
        np.linalg.inv(covariance)[None],
        np.ones(1),
        np.full((1, 1), 2.0),
        np.ones((2, 1, 1)),
        np.ones((3, 1)),
    )


@given(st.floats(-0.9, 0.9), st.floats(-20, 20), st.floats(-20, 20))
def test_a_missing_peer_is_its_conditional_mean_and_leaves_its_conditional_variance(
    correlation: float, own: float, other: float
) -> None:
    among = np.zeros((3, 3, 1))
    among[0, :, 0] = own, NAN, other
    left, unsure = unexplained(pair_model(correlation), among[:, :1], among)
    assert left[0, 0, 0] == pytest.approx(own - 0.5 * other - 0.5 * correlation * other, abs=1e-9)
    assert unsure[0, 0] == pytest.approx(0.25 * (1 - correlation**2), abs=1e-9)


def test_without_any_peer_that_day_the_whole_of_what_they_explain_is_left_open() -> None:
    among = np.full((3, 3, 1), NAN)
    among[:, 0] = 4.0
    left, unsure = unexplained(pair_model(0.5), among[:, :1], among)
    assert left[0, 0, 0] == pytest.approx(4.0)
    assert unsure[0, 0] == pytest.approx(0.25 * (1 + 1 + 2 * 0.5))


def test_the_spread_widens_with_the_distance_of_the_peers_from_their_normal() -> None:
    model = pair_model(0.5)
    levels = np.zeros((1, 3, 2))
    levels[0, 1:, 0] = 3.0, -3.0  # against their correlation
    far = distance(model, levels)
    assert far[0, 0].tolist() == pytest.approx([36.0, 0.0])  # (3 − −3)² ÷ (2 − 2 · 0.5)
    share = 2 / 22
    expected = [1 - share + share * 36 / 2, 1 - share]
    assert widening(model, far, PeerSettings(freedom=20))[0, 0].tolist() == pytest.approx(expected)
