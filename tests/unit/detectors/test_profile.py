"""The detector as a whole, on a fleet whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from drift.detectors import Limits, Series, Settings, firing, fit, onsets, score
from drift.detectors.fit import settle
from drift.detectors.learn import learn
from drift.detectors.reference import crossed
from drift.errors import UndefinedError

YEAR = 365 * 24
STEP = 3
PER_DAY = 8
ONSET = YEAR + 120 * 24
FIRST_SLOT = ONSET // STEP


def alarms(world, total: np.ndarray) -> np.ndarray:
    settings = world.limits.settings
    return firing(total, settings.release, settings.hold_hours // STEP)


def same(one: Limits, other: Limits, cities: np.ndarray) -> None:
    """But for the order in which blocks are added up."""
    assert one.limit == pytest.approx(other.limit, rel=1e-5)
    kept = one.cities(cities)
    for key, matrix in other.whitening.items():
        np.testing.assert_allclose(kept.whitening[key], matrix, rtol=1e-5, atol=1e-6)
    for name in ("centre", "spread", "ratio_centre", "days"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(other, name))


def test_an_error_three_times_as_large_is_found_within_a_week_in_eleven_cities_of_twelve(world) -> None:
    delays = []
    for city in range(12):
        total = world.scores(world.worse(slice(ONSET, None), city, 3.0)).total[:, city]
        assert not (total[FIRST_SLOT - 30 * PER_DAY : FIRST_SLOT] > 1).any()
        delays.append(int(np.argmax(total[FIRST_SLOT:] > 1)) * STEP)
    assert min(delays) > 0  # argmax of nothing is 0
    assert sum(delay <= 7 * 24 for delay in delays) >= 11
    assert max(delays) <= 14 * 24


def test_a_quiet_fleet_is_held_to_its_budget(world) -> None:
    state = alarms(world, world.scores(world.series).total)[YEAR // STEP :]
    assert onsets(state).sum() <= world.limits.settings.budget * state.shape[1]
    assert state.mean() < 0.03
    assert (~state.any(axis=0)).sum() >= 8  # cities that never fire in the year


def test_the_size_of_the_error_is_said_in_multiples_of_normal(world) -> None:
    """A week after the onset the whole week is twice as bad, and the normal is still that of the time before.

    The worst day is left out, so an ordinary week is a little below 1; a day counts 2.5 times at most.
    """
    week_later = FIRST_SLOT + 7 * PER_DAY
    quiet = world.scores(world.series).ratio
    twice = world.scores(world.worse(slice(ONSET, None), slice(None), 2.0)).ratio
    assert 0.75 < np.median(quiet[FIRST_SLOT:]) < 1
    assert np.median(twice[week_later] / quiet[week_later]) > 1.7
    assert (twice[week_later] / quiet[week_later] <= 2.001).all()


def test_an_hour_changes_no_score_before_it(world) -> None:
    changed = world.worse(slice(ONSET, None), slice(None), 3.0)
    hidden = replace(
        changed, actual=np.where(np.arange(2 * YEAR)[:, None] >= ONSET + 48, np.nan, changed.actual)
    )
    before, after = world.scores(world.series), world.scores(hidden)
    np.testing.assert_array_equal(before.total[:FIRST_SLOT], after.total[:FIRST_SLOT])
    np.testing.assert_array_equal(before.ratio[:FIRST_SLOT], after.ratio[:FIRST_SLOT])
    assert not np.array_equal(before.total[FIRST_SLOT:], after.total[FIRST_SLOT:])


def test_missing_hours_of_a_city_change_no_other_city(world) -> None:
    actual = world.series.actual.copy()
    actual[ONSET : ONSET + 200, 3] = np.nan
    before, after = world.scores(world.series).total, world.scores(replace(world.series, actual=actual)).total
    others = np.delete(np.arange(12), 3)
    np.testing.assert_array_equal(before[:, others], after[:, others])
    assert np.isfinite(after).all()


def test_a_dead_city_scores_nothing_and_moves_no_other(world, reference: Series) -> None:
    actual = reference.actual.copy()
    actual[:, 5] = np.nan
    dead = fit(replace(reference, actual=actual))
    others = np.delete(np.arange(12), 5)
    same(dead, fit(reference.cities(others)), others)
    total = replace(world, limits=dead).scores(world.series).total
    assert (total[:, 5] == 0).all()


def test_the_fit_is_the_same_each_time_and_for_any_block(world, reference: Series) -> None:
    same(world.limits, fit(reference), np.arange(12))
    same(world.limits, fit(reference, block=5), np.arange(12))


def test_a_reference_of_one_fold_is_refused(reference: Series) -> None:
    with pytest.raises(
        UndefinedError, match="the calibrated detector is undefined: the reference has too few values"
    ):
        fit(reference.rows(slice(0, 29 * 24)))


def test_a_short_reference_borrows_what_is_shared_and_widens(world, reference: Series) -> None:
    pooled = learn(reference, Settings())
    cold = settle(reference.rows(slice(0, 90 * 24)), pooled, Settings())
    assert cold.limit == world.limits.limit
    np.testing.assert_allclose(cold.widening(14), np.sqrt(1 + 28 / 90), rtol=1e-3)
    assert (cold.widening(14) > world.limits.widening(14)).all()
    assert np.isfinite(replace(world, limits=cold).scores(world.series).total).all()


def test_what_is_shared_is_learnt_from_some_of_many_cities(reference: Series) -> None:
    some = learn(reference, Settings(), most=6)
    assert some.city_years == pytest.approx(6 * 365 / 365.25, rel=1e-3)
    alone = learn(reference.cities(np.array([0, 2, 4, 6, 8, 11])), Settings())
    assert some.tails.of == alone.tails.of


def test_scores_are_lower_by_the_widening_of_a_short_reference(world) -> None:
    slots = world.features(world.worse(slice(ONSET, None), slice(None), 3.0))
    month = replace(world.limits, days=np.full(12, 30.0))
    year = replace(world.limits, days=np.full(12, 365.0))
    wide, plain = (score(limits, slots, PER_DAY).by_channel for limits in (month, year))
    assert (plain["size", 7] > 0).any()
    np.testing.assert_allclose(wide["size", 7], plain["size", 7] / np.sqrt((1 + 14 / 30) / (1 + 14 / 365)))


def test_while_limits_are_set_each_month_is_judged_by_the_others(reference: Series) -> None:
    hours, even = reference.hours, reference.hours.even[:, None]
    size = np.where(even & (hours.hour == 5), 0.09, 0.01)
    expected = crossed(size, size.mean(axis=0), hours, season_share=0.0)
    at_five = np.where(hours.hour == 5, expected, np.nan)
    assert np.nanmin(at_five[~even[:, 0]]) > 2 * np.nanmax(at_five[even[:, 0]])
