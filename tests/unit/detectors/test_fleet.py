"""What all cities share is seen in their mean, sooner than in any of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.detectors import (
    FleetLimits,
    FleetSettings,
    FleetWatched,
    PoolSums,
    Series,
    fit_fleet,
    fleet_scores,
    watch_many,
)
from drift.detectors.fleet import excess, fleet_normal, in_scales, tail_limit

YEAR = 365 * 24
ONSET = YEAR + 120 * 24
NEVER = np.zeros(2 * YEAR, bool)
EVERY = np.arange(2 * YEAR)
NAN = np.nan


@pytest.fixture(scope="module")
def fleet(world, reference: Series) -> FleetLimits:
    return fit_fleet(world.limits, reference, NEVER[:YEAR])


def sums(world, fleet: FleetLimits, series: Series) -> PoolSums:
    pooled = watch_many(world.limits, fleet, series, EVERY[:1]).pool
    assert pooled is not None
    return pooled


def watched(world, fleet: FleetLimits, series: Series, wide: np.ndarray = NEVER) -> FleetWatched:
    return fleet_scores(fleet, sums(world, fleet, series), wide, EVERY)


def test_twice_the_error_in_all_cities_is_found_within_a_day_and_not_before(world, fleet) -> None:
    total = watched(world, fleet, world.worse(slice(ONSET, None), slice(None), 2.0))
    found = np.nonzero(total.score[ONSET:] > 1)[0]
    assert len(found)
    assert found[0] < 24
    assert total.by_channel["size"][ONSET + 24] > 1
    quiet = watched(world, fleet, world.series).error_ratio
    assert total.error_ratio[ONSET + 23] == pytest.approx(2 * quiet[ONSET + 23], rel=0.02)


def test_a_quiet_fleet_fires_on_few_days(world, fleet) -> None:
    total = watched(world, fleet, world.series).score[YEAR:]
    assert (total.reshape(-1, 24).max(axis=1) > 1).sum() <= 3


def test_the_limit_is_higher_around_holidays(world, fleet) -> None:
    plain = watched(world, fleet, world.series).score
    np.testing.assert_allclose(watched(world, fleet, world.series, ~NEVER).score, plain / 1.4)


def test_an_hour_changes_no_score_before_it(world, fleet) -> None:
    plain = watched(world, fleet, world.series).score
    worse = watched(world, fleet, world.worse(slice(ONSET, None), slice(None), 3.0)).score
    np.testing.assert_array_equal(plain[:ONSET], worse[:ONSET])


@given(cut=st.lists(st.integers(1, 11), max_size=4))
def test_blocks_of_cities_join_exactly(world, fleet, cut: list[int]) -> None:
    part = world.series.rows(slice(0, 400))
    whole = watch_many(world.limits, fleet, part, EVERY[:1]).pool
    blocks = [
        watch_many(world.limits.cities(keep), fleet.cities(keep), part.cities(keep), EVERY[:1]).pool
        for keep in np.split(np.arange(12), sorted(set(cut)))
    ]
    joined = PoolSums.join(blocks)
    np.testing.assert_allclose(joined.total, whole.total, atol=1e-9)
    np.testing.assert_array_equal(joined.count, whole.count)
    assert joined.cities == whole.cities == 12


def test_the_fit_is_the_same_for_any_block(world, fleet, reference: Series) -> None:
    other = fit_fleet(world.limits, reference, NEVER[:YEAR], block=5)
    assert other.limit == pytest.approx(fleet.limit, rel=1e-9)
    assert other.excess == pytest.approx(fleet.excess, rel=1e-9)


def test_a_dead_city_is_left_out_of_the_pool(world, fleet, reference: Series) -> None:
    actual = world.series.actual.copy()
    actual[:, 2] = np.nan
    others = np.delete(np.arange(12), 2)
    dead = replace(world.series, actual=actual)
    without = watch_many(
        world.limits.cities(others), fleet.cities(others), world.series.cities(others), EVERY[:1]
    ).pool
    np.testing.assert_allclose(sums(world, fleet, dead).mean(), without.mean(), atol=1e-9)
    limits = fit_fleet(world.limits, replace(reference, actual=actual[:YEAR]), NEVER[:YEAR])
    assert np.isfinite(limits.limit)


def test_an_hour_with_fewer_than_half_of_the_cities_is_not_pooled(world, fleet) -> None:
    actual = world.series.actual.copy()
    actual[150, :7] = np.nan
    pooled = sums(world, fleet, replace(world.series, actual=actual)).mean()
    assert np.isnan(pooled[:, 150]).all()
    assert np.isfinite(pooled[:3, 149]).all()


def test_nothing_pooled_is_no_score(world, fleet) -> None:
    actual = world.series.actual.copy()
    actual[ONSET:] = np.nan
    total = watched(world, fleet, replace(world.series, actual=actual))
    assert np.isfinite(total.score[ONSET - 1])
    assert np.isnan(total.score[ONSET + 48])
    assert np.isnan(total.by_channel["bias"][ONSET + 48])
    assert total.window_hours[ONSET + 48] == 0


def test_the_normal_is_a_finite_mean_of_what_is_known() -> None:
    """With a memory of a day over 24 hours, a constant of 4 leaves the share 1/e at the reference's centre."""
    settings = FleetSettings(memory_days=1.0, normal_days=1)
    pooled = np.full((5, 30), 4.0)
    moved = fleet_normal(pooled, settings)
    rest = np.exp(-1)
    np.testing.assert_allclose(moved[:, -1], [4 * (1 - rest)] * 3 + [4 * (1 - rest) + rest] * 2)
    pooled[:, 10:] = NAN
    np.testing.assert_allclose(fleet_normal(np.full((5, 3), NAN), settings)[:, -1], [0, 0, 0, 1, 1])


def test_excess_is_over_the_normal_before_the_window() -> None:
    settings = FleetSettings(windows=(2,))
    pooled = np.array([[0.0, 0.0, 3.0, 5.0]] * 3 + [[1.0, 1.0, 1.0, 9.0]] * 2)
    normal = np.array([[0.5, 1.0, 2.0, 3.0]] * 3 + [[4.0, 4.0, 4.0, 4.0]] * 2)
    values = excess(pooled, normal, settings)
    np.testing.assert_allclose(values["size", 2], [0, 0, 1.5 - 0.5, 4 - 1])
    np.testing.assert_allclose(values["spread", 24], [0, 0, 0, 2])  # before the first hour 1 is normal


def test_bias_counts_both_ways_and_size_upward_only(fleet) -> None:
    limits = replace(fleet, excess={("bias", 12): 2.0, ("size", 12): 1.0})
    values = {("bias", 12): np.array([-4.0, 0.0, NAN]), ("size", 12): np.array([-9.0, 7.0, NAN])}
    scaled = in_scales(values, limits)
    np.testing.assert_allclose(scaled["bias", 12], [2, 0, NAN])
    np.testing.assert_allclose(scaled["size", 12], [0, 7, NAN])


def test_the_tail_of_exponential_maxima_is_carried_on() -> None:
    """Of 1,000 days with maxima −log(1 − p), the level that one day in 1,000 passes is log 1,000."""
    maxima = -np.log(1 - (np.arange(1000) + 0.5) / 1000)
    hourly_scores = np.repeat(maxima, 24)
    assert tail_limit(hourly_scores, 365.25 / 1000, 1.0) == pytest.approx(np.log(1000), rel=0.02)
