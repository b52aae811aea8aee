"""What all cities share is seen in their mean, sooner than in any of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from drift.detectors import (
    FleetLimits,
    FleetSettings,
    Series,
    fit_fleet,
    fleet_normal,
    hourly,
    pool,
    score_fleet,
)
from drift.detectors.fleet import excess, largest, tail_limit

YEAR = 365 * 24
ONSET = YEAR + 120 * 24
NEVER = np.zeros(2 * YEAR, bool)


@pytest.fixture(scope="module")
def fleet(world, reference: Series) -> FleetLimits:
    return fit_fleet(world.limits, reference, NEVER[:YEAR])


def scores(world, fleet: FleetLimits, series: Series, wide: np.ndarray = NEVER) -> np.ndarray:
    pooled = pool(fleet, hourly(world.limits, series))
    return score_fleet(fleet, pooled, fleet_normal(pooled, 24 * fleet.settings.memory_days), wide)


def test_twice_the_error_in_all_cities_is_found_within_a_day_and_not_before(world, fleet) -> None:
    total = scores(world, fleet, world.worse(slice(ONSET, None), slice(None), 2.0))
    found = np.nonzero(total[ONSET:] > 1)[0]
    assert len(found)
    assert found[0] < 24


def test_a_quiet_fleet_fires_on_few_days(world, fleet) -> None:
    total = scores(world, fleet, world.series)[YEAR:]
    assert (total.reshape(-1, 24).max(axis=1) > 1).sum() <= 3


def test_the_limit_is_higher_around_holidays(world, fleet) -> None:
    plain = scores(world, fleet, world.series)
    np.testing.assert_allclose(scores(world, fleet, world.series, ~NEVER), plain / 1.4)


def test_an_hour_changes_no_score_before_it(world, fleet) -> None:
    plain = scores(world, fleet, world.series)
    worse = scores(world, fleet, world.worse(slice(ONSET, None), slice(None), 3.0))
    np.testing.assert_array_equal(plain[:ONSET], worse[:ONSET])


def test_a_dead_city_is_left_out_of_the_pool(world, fleet, reference: Series) -> None:
    actual = world.series.actual.copy()
    actual[:, 2] = np.nan
    values = hourly(world.limits, replace(world.series, actual=actual))
    others = np.delete(np.arange(12), 2)
    without = FleetLimits(
        fleet.settings, fleet.centre[:, others], fleet.spread[:, others],
        {hours: scale[others] for hours, scale in fleet.bias_scale.items()}, fleet.scale, fleet.limit,
    )  # fmt: skip
    np.testing.assert_allclose(pool(fleet, values), pool(without, values[..., others]), atol=1e-12)
    limits = fit_fleet(world.limits, replace(reference, actual=actual[:YEAR]), NEVER[:YEAR])
    assert np.isfinite(limits.limit)


def test_an_hour_with_fewer_than_half_of_the_cities_is_not_pooled(world, fleet) -> None:
    values = hourly(world.limits, world.series.rows(slice(0, 200)))
    values[:, 150, :7] = np.nan
    pooled = pool(fleet, values)
    assert np.isnan(pooled[:, 150]).all()
    assert np.isfinite(pooled[:, 149]).all()


def test_the_normal_moves_by_a_share_of_what_is_known() -> None:
    pooled = np.array([[4.0, np.nan]] * 3 + [[1.0, 5.0]] * 2)
    np.testing.assert_allclose(fleet_normal(pooled, 4.0), [[1, 1]] * 3 + [[1, 2]] * 2)


def test_excess_is_over_the_normal_before_the_window() -> None:
    settings = FleetSettings(windows=(2,))
    pooled = np.array([[0.0, 0.0, 3.0, 5.0]] * 3 + [[1.0, 1.0, 1.0, 9.0]] * 2)
    normal = np.array([[0.0, 1.0, 2.0, 3.0]] * 3 + [[4.0, 4.0, 4.0, 4.0]] * 2)
    values = excess(pooled, normal, settings)
    np.testing.assert_allclose(values["size", 2], [0, 0, 1.5, 3])
    np.testing.assert_allclose(values["spread", 24], [-1, -1, -1, 1])


def test_bias_counts_both_ways_and_size_upward_only() -> None:
    scale = {("bias", 12): 2.0, ("size", 12): 1.0}
    values = {("bias", 12): np.array([-4.0, 0.0, np.nan]), ("size", 12): np.array([-9.0, 7.0, np.nan])}
    wide = np.array([False, True, False])
    np.testing.assert_allclose(largest(values, scale, wide, 1.4), [2, 5, 0])


def test_the_tail_of_exponential_maxima_is_carried_on() -> None:
    """Of 1,000 days with maxima −log(1 − p), the level that one day in 1,000 passes is log 1,000."""
    maxima = -np.log(1 - (np.arange(1000) + 0.5) / 1000)
    hourly_scores = np.repeat(maxima, 24)
    assert tail_limit(hourly_scores, 365.25 / 1000, 1.0) == pytest.approx(np.log(1000), rel=0.02)
