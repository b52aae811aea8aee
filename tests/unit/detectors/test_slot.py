"""A slot in service and a replay say the same, of the same hours and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drift.detectors import (
    FleetLimits,
    Series,
    Settings,
    fit_fleet,
    fleet_score,
    fleet_scores,
    hours_needed,
    watch,
    watch_many,
)

YEAR = 365 * 24
ONSET = YEAR + 120 * 24
FIGURES = ("score", "window_days", "error_ratio", "recent_ratio", "bias_ratio")


@pytest.fixture(scope="module")
def fleet(world, reference: Series) -> FleetLimits:
    return fit_fleet(world.limits, reference, np.zeros(YEAR, bool))


def broken(series: Series, seed: int) -> Series:
    """Missing hours, a dead city, a gap, holidays that differ by city."""
    rng = np.random.default_rng(seed)
    actual, holiday = series.actual.copy(), series.hours.holiday.copy()
    actual[rng.random(actual.shape) < 0.05] = np.nan
    actual[:, 5] = np.nan
    for _ in range(8):
        start, city = rng.integers(0, len(actual) - 500), rng.integers(0, 12)
        actual[start : start + rng.integers(20, 500), city] = np.nan
        day = 24 * rng.integers(0, len(actual) // 24)
        holiday[day : day + 24, : rng.integers(1, 12)] = True
    return replace(series, actual=actual, hours=replace(series.hours, holiday=holiday))


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 100), length=st.integers(30, 5000))
def test_many_slots_say_what_each_of_them_says(world, fleet, seed: int, length: int) -> None:
    series = broken(world.series, seed).rows(slice(0, length))
    rows = np.unique(np.random.default_rng(seed).integers(0, length, 4))
    many = watch_many(world.limits, fleet, series, rows)
    wide = np.arange(len(rows)) % 2 == 0
    all_together = fleet_scores(fleet, many.pool, wide, rows)
    for slot, row in enumerate(rows):
        one = watch(world.limits, fleet, series.rows(slice(0, row + 1)))
        for name in FIGURES:
            np.testing.assert_allclose(getattr(one, name), getattr(many, name)[slot], atol=1e-6, err_msg=name)
        for channel, values in one.by_channel.items():
            np.testing.assert_allclose(values, many.by_channel[channel][slot], atol=1e-6)
        together = fleet_score(fleet, one.pool, bool(wide[slot]))
        np.testing.assert_allclose(together.score, all_together.score[slot], atol=1e-9)
        np.testing.assert_allclose(together.error_ratio, all_together.error_ratio[slot], atol=1e-9)


def test_a_slot_looks_at_no_more_than_it_asks_for(world, fleet) -> None:
    needed = hours_needed(world.limits.settings)
    assert needed == 97 * 24
    part = world.series.rows(slice(ONSET - needed, ONSET))
    longer, just = (
        watch(world.limits, fleet, world.series.rows(slice(0, ONSET))),
        watch(world.limits, fleet, part),
    )
    for name in FIGURES:
        np.testing.assert_array_equal(getattr(longer, name), getattr(just, name))
    np.testing.assert_array_equal(longer.pool.total, just.pool.total)


def test_hours_needed_follow_the_settings() -> None:
    assert hours_needed(Settings(normal_days=30, windows=(2, 21))) == (30 + 21 + 7) * 24


def test_zero_is_looked_and_nothing_found_and_nan_is_not_looked(world) -> None:
    actual = world.series.actual.copy()
    actual[ONSET - 11 : ONSET, 0] = np.nan  # 13 usable hours of 24
    actual[ONSET - 10 : ONSET, 1] = np.nan  # 14
    actual[ONSET - 14 * 24 : ONSET - 24, 2] = np.nan  # a good day after a fortnight without any
    found = watch(world.limits, None, replace(world.series, actual=actual).rows(slice(0, ONSET)))
    assert np.isnan(found.score[[0, 2]]).all()
    assert np.isnan(found.by_channel["size"][[0, 2]]).all()
    assert np.isfinite(np.delete(found.score, [0, 2])).all()
    assert np.isnan(found.error_ratio[0])
    assert np.isfinite(found.error_ratio[1:]).all()
    assert found.window_days[0] == 0
    assert found.pool is None


def test_what_is_said_of_a_bias_after_a_week(world, fleet) -> None:
    """A forecast that is 6 % too high where 2 % is normal: about three times normal, over-forecast."""
    predicted = world.series.predicted.copy()
    predicted[ONSET - 7 * 24 : ONSET, 4] *= 1.06
    found = watch(world.limits, fleet, replace(world.series, predicted=predicted).rows(slice(0, ONSET)))
    assert found.score[4] > 1
    assert found.score[4] == max(values[4] for values in found.by_channel.values())
    assert found.by_channel["bias"][4] > 1
    assert found.window_days[4] in (2, 4, 7)
    assert found.bias_ratio[4] > 2
    assert found.error_ratio[4] > 2
    assert found.recent_ratio[4] > 1.35
    below = 2 * world.series.actual - predicted
    mirrored = watch(world.limits, fleet, replace(world.series, predicted=below).rows(slice(0, ONSET)))
    assert mirrored.bias_ratio[4] == pytest.approx(-found.bias_ratio[4], rel=1e-3)


def test_each_city_is_on_its_own_and_the_order_of_arrays_does_not_matter(world) -> None:
    part = world.series.rows(slice(0, ONSET))
    whole = watch(world.limits, None, part)
    keep = np.array([7, 2])
    some = watch(world.limits.cities(keep), None, part.cities(keep))
    np.testing.assert_allclose(some.score, whole.score[keep], atol=1e-6)
    turned = replace(part, actual=np.asfortranarray(part.actual), predicted=np.asfortranarray(part.predicted))
    np.testing.assert_allclose(watch(world.limits, None, turned).score, whole.score, atol=1e-6)


def test_no_hour_at_all_is_no_score(world) -> None:
    empty = world.series.rows(slice(0, 0))
    found = watch(world.limits, None, empty)
    assert np.isnan(found.score).all()
    assert (found.recent_ratio == 0).all()
