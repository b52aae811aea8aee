"""What makes up a loss of accuracy: known answers by hand, and what must hold of any hours."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from drift.evidence.loss import Loss, LossHours, best_factor, find_loss, moved
from drift.evidence.part import Lack
from drift.reasons import Undefined

DAY = 24
HOUR = np.arange(DAY)
LOAD = 100 + 20 * np.sin(2 * np.pi * HOUR / DAY)
EVENING = (HOUR >= 18) & (HOUR < 22)
PARTS = ("evening", "the rest")


def lost(predicted, *, actual=LOAD, normal=1.0, faulty=None, others=None, groups=None):
    """The loss of a day whose forecast is known an hour beyond it on both sides."""
    beyond = np.concatenate([predicted[:1], predicted, predicted[-1:]])
    return find_loss(
        LossHours(
            actual=actual,
            predicted=moved(beyond, slice(1, len(beyond) - 1), 1),
            normal=np.full(len(actual), normal),
            faulty=np.zeros(len(actual), bool) if faulty is None else faulty,
            others=others or {},
            groups={"day": (PARTS, (~EVENING).astype(np.int64))} if groups is None else groups,
        )
    )


def remedy(loss, kind):
    (found,) = [each for each in loss.remedies if each.kind == kind]
    return found


# known answers ------------------------------------------------------------------------------------------


def test_an_error_of_the_evening_falls_in_the_evening():
    loss = lost(LOAD + 1 + np.where(EVENING, -8, 0))  # |error| 1 all day, and 7 in four hours
    assert loss.ratio == pytest.approx((20 * 1 + 4 * 7) / 24)
    assert loss.extra == pytest.approx(4 * 6 / 24)
    assert [(part.name, part.share, part.time) for part in loss.parts] == [
        ("evening", pytest.approx(1.0), pytest.approx(4 / 24)),
        ("the rest", pytest.approx(0.0), pytest.approx(20 / 24)),
    ]
    assert loss.parts[0].lift == pytest.approx(1 - 4 / 24)


def test_a_steady_bias_taken_off_takes_the_whole_error_off():
    loss = lost(LOAD - 5)
    assert loss.remedies[0].kind == "bias"
    assert loss.remedies[0].size == pytest.approx(-5)
    assert loss.remedies[0].gone == pytest.approx(5 / (5 - 1)), "more than the extra error: nothing is left"


def test_a_forecast_at_the_wrong_scale_is_mended_by_its_factor():
    loss = lost(LOAD / 1.25)
    assert loss.remedies[0].kind == "scale"
    assert loss.remedies[0].size == pytest.approx(1.25)
    assert remedy(loss, "bias").gone < loss.remedies[0].gone


@pytest.mark.parametrize(("steps", "way"), [(1, "late"), (-1, "early")])
def test_a_forecast_that_is_an_hour_off_is_mended_by_moving_it_back(steps, way):
    load = 100 + 20 * np.sin(2 * np.pi * np.arange(-2, DAY + 2) / DAY)
    predicted = np.roll(load, steps)
    loss = find_loss(
        LossHours(load[2:-2], moved(predicted, slice(2, DAY + 2), 1), np.full(DAY, 1.0), HOUR < 0, {}, {})
    )
    assert loss.remedies[0].kind == "shift"
    assert loss.remedies[0].size == steps, way
    error = np.abs(predicted[2:-2] - load[2:-2]).sum()
    assert loss.remedies[0].gone == pytest.approx(error / (error - DAY))


def test_one_spike_is_the_worst_hour_and_a_fault_where_it_is_known_to_be_one():
    spike = LOAD + np.where(HOUR == 7, 49, 1)
    assert remedy(lost(spike), "worst").gone == pytest.approx(1.0)
    assert remedy(lost(spike), "worst").size == 1
    assert [each.kind for each in lost(spike).remedies].count("faults") == 0
    known = lost(spike, faulty=HOUR == 7)
    assert remedy(known, "faults").gone == pytest.approx(1.0)
    assert remedy(known, "faults").size == 1


def test_another_version_is_held_against_the_same_hours():
    better, worse = np.where(HOUR < 12, LOAD + 2, np.nan), LOAD + 9
    loss = lost(LOAD + 5, others={"better": better, "worse": worse, "new": np.where(HOUR < 3, LOAD, np.nan)})
    found = {each.name: each.gone for each in loss.remedies if each.kind == "version"}
    assert found == {
        "better": pytest.approx(12 * (5 - 2) / (24 * 4)),
        "worse": pytest.approx(24 * (5 - 9) / (24 * 4)),
    }, "a version with three hours says nothing"


def test_hours_in_no_part_are_left_out_of_the_shares_and_one_part_is_no_split():
    some = np.where(HOUR < 6, -1, (HOUR >= 12).astype(np.int64))
    loss = lost(
        LOAD + 5 + (HOUR >= 12), groups={"known": (("early", "late"), some), "one": (("all",), 0 * HOUR)}
    )
    assert [(part.name, part.time) for part in loss.parts] == [("late", 12 / 18), ("early", 6 / 18)]


# where there is nothing to explain ----------------------------------------------------------------------


def test_a_normal_error_is_no_loss_and_what_is_unknown_has_a_reason():
    assert lost(LOAD + 1) is Lack.NO_EXCESS
    assert lost(LOAD + np.nan) is Undefined.NO_PAIRS
    assert lost(LOAD + 9, normal=np.nan) is Lack.SHORT_HISTORY


def test_a_few_hours_are_not_mended_with_hindsight():
    few = np.where(HOUR < 5, LOAD + 5, np.nan)
    assert lost(few).remedies == ()
    assert lost(few).hours == 5


# whatever the hours are ---------------------------------------------------------------------------------

VALUES = arrays(np.float64, 48, elements=st.floats(-1e4, 1e4, allow_nan=False) | st.just(np.nan))


def test_a_forecast_of_next_to_nothing_has_no_factor_that_mends_it():
    assert best_factor(np.full(4, 4.0), np.full(4, 2e-313)) == 1.0
    assert best_factor(np.array([4.0, 4.0]), np.array([2e-313, 2.0])) == 2.0


@settings(deadline=None)
@given(predicted=VALUES, actual=VALUES, group=arrays(np.int64, 48, elements=st.integers(0, 3)))
def test_parts_are_the_whole_and_a_fitted_remedy_never_harms(predicted, actual, group):
    groups = {"any": (("a", "b", "c", "d"), group)}
    loss = lost(predicted, actual=actual, normal=3.0, groups=groups)
    if not isinstance(loss, Loss):
        assert loss.text
        return
    if loss.parts:
        assert sum(part.share for part in loss.parts) == pytest.approx(1)
        assert sum(part.time for part in loss.parts) == pytest.approx(1)
    assert all(each.gone > 0 for each in loss.remedies)
    assert [each.gone for each in loss.remedies] == sorted((r.gone for r in loss.remedies), reverse=True)
    total = loss.extra * loss.hours
    assert max((each.gone for each in loss.remedies), default=0) <= (total + 3.0 * loss.hours) / total + 1e-9


@settings(deadline=None)
@given(
    actual=arrays(np.float64, 9, elements=st.floats(-1e3, 1e3)),
    predicted=arrays(np.float64, 9, elements=st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 1e-3)),
    other=st.floats(-20, 20),
)
def test_no_factor_beats_the_best_one(actual, predicted, other):
    best = np.abs(best_factor(actual, predicted) * predicted - actual).sum()
    assert best <= np.abs(other * predicted - actual).sum() + 1e-6


def test_a_forecast_of_zeros_has_no_scale():
    assert best_factor(LOAD, 0 * LOAD) == 1.0
