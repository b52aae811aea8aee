"""mase, its scale, and skill on values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from drift.domain import Undefined
from drift.errors import UndefinedError
from drift.metrics import METRICS, Sample, mase, seasonal_scale, skill

NAN = float("nan")


def test_mase_divides_by_the_seasonal_naive_error_of_the_reference() -> None:
    # steps of season 2: |3−1|, |7−5|, |4−3|, |1−7| = 2, 2, 1, 6: scale 11/4; MAE (3 + 1)/2 = 2
    assert mase([10.0, 20.0], [13.0, 19.0], [1.0, 5.0, 3.0, 7.0, 4.0, 1.0], season=2) == pytest.approx(8 / 11)


def test_a_gap_of_the_reference_leaves_out_both_its_steps() -> None:
    # of |3−1|, |7−5|, |nan−3|, |1−7| three are known: scale 10/3
    assert mase([10.0], [12.0], [1.0, 5.0, 3.0, 7.0, NAN, 1.0], season=2) == pytest.approx(2 * 3 / 10)
    assert mase([10.0], [12.0], [1.0, 5.0, 3.0, 7.0, np.inf, 1.0], season=2) == pytest.approx(2 * 3 / 10)


def test_the_season_is_a_week_of_hours_by_default() -> None:
    reference = np.arange(200.0)  # a week later it is always 168 more
    assert mase([10.0], [12.0], reference) == pytest.approx(2 / 168)


@pytest.mark.parametrize(
    "reference", [[], [1.0], [1.0, 2.0], [5.0, 5.0, 5.0, 5.0], [NAN] * 4, [-1.7e308, 0.0, 1.7e308, 0.0]]
)
def test_mase_without_a_scale(reference: list[float]) -> None:
    with pytest.raises(
        UndefinedError, match="the seasonal-naive error it is scaled by is zero or unknown"
    ) as caught:
        mase([1.0], [2.0], reference, season=2)
    assert caught.value.reason is Undefined.NO_SCALE


def test_a_season_is_at_least_one_cell() -> None:
    with pytest.raises(ValueError, match="season counts the cells of one season: 1 or more, not 0"):
        mase([1.0], [2.0], [1.0, 2.0], season=0)


def test_seasonal_scale_of_a_ragged_block() -> None:
    block = np.array([[1.0, 5.0, 3.0, 7.0], [NAN, 2.0, NAN, 9.0], [1.0, NAN, NAN, 2.0]])
    np.testing.assert_array_equal(seasonal_scale(block, 2), [2.0, 7.0, NAN])
    np.testing.assert_array_equal(seasonal_scale(block, 4), [NAN] * 3)
    np.testing.assert_array_equal(seasonal_scale(np.array([[-1.7e308, 1.7e308]]), 1), [NAN])


def test_pooled_errors_are_each_divided_by_their_own_scale() -> None:
    # cities of scale 10, 1 and none: errors 5 and 1 count as 0.5 and 1, the third city has no say
    sample = Sample(
        actual=np.array([[100.0, 7.0, 3.0, 4.0]]),
        predicted=np.array([[105.0, 8.0, 9.0, 8.0]]),
        scale=np.array([[10.0, 1.0, NAN, 0.0]]),
    )
    assert METRICS["mase"].rows(sample).value[0] == 0.75


def test_skill_compares_both_forecasts_on_the_hours_that_have_a_baseline() -> None:
    # the third hour has none; 10 + 10 of 20 + 60
    assert skill([100.0, 200.0, 300.0], [110.0, 190.0, 999.0], [120.0, 140.0, NAN]) == 0.75


def test_skill_of_the_baseline_is_zero_and_worse_is_negative() -> None:
    assert skill([1.0, 2.0], [2.0, 4.0], [2.0, 4.0]) == 0.0
    assert skill([1.0, 2.0], [3.0, 2.0], [2.0, 2.0]) == -1.0


def test_skill_without_a_baseline() -> None:
    with pytest.raises(UndefinedError, match="no actuals one season earlier") as caught:
        skill([1.0, 2.0], [1.0, 2.0], [NAN, np.inf])
    assert caught.value.reason is Undefined.NO_BASELINE
    values = METRICS["skill"].rows(Sample(np.ones((1, 2)), np.ones((1, 2))))
    assert values.reason[0] == Undefined.NO_BASELINE


def test_skill_over_a_baseline_without_error() -> None:
    with pytest.raises(UndefinedError) as caught:
        skill([1.0, 2.0], [1.0, 3.0], [1.0, 2.0])
    assert caught.value.reason is Undefined.NO_SCALE


def test_skill_over_a_baseline_that_overflows_is_not_perfect() -> None:
    with pytest.raises(UndefinedError) as caught:
        skill([1.7e308, 1.7e308], [1.6e308, 1.6e308], [0.0, 0.0])
    assert caught.value.reason is Undefined.NOT_FINITE
