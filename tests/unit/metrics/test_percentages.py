"""accuracy, wape, mape, smape and within_tolerance on values worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from drift.domain import Undefined
from drift.errors import UndefinedError
from drift.metrics import accuracy, mape, smape, wape, within_tolerance

ACTUAL = [100.0, 200.0, 0.0, -50.0]
PREDICTED = [110.0, 180.0, 5.0, -60.0]
# |error|: 10, 20, 5, 10 = 45; load: 100 + 200 + 0 + 50 = 350


def test_wape_divides_all_error_by_all_load() -> None:
    assert wape(ACTUAL, PREDICTED) == pytest.approx(45 / 350)


def test_wape_counts_an_actual_below_the_floor_as_the_floor() -> None:
    assert wape(ACTUAL, PREDICTED, floor=60.0) == pytest.approx(45 / (100 + 200 + 60 + 60))


def test_accuracy_is_one_minus_wape_and_can_be_negative() -> None:
    assert accuracy(ACTUAL, PREDICTED) == pytest.approx(1 - 45 / 350)
    assert accuracy([10.0], [40.0]) == -2.0


def test_mape_leaves_out_a_zero_actual() -> None:
    assert mape(ACTUAL, PREDICTED) == pytest.approx((0.1 + 0.1 + 0.2) / 3)


def test_mape_leaves_out_actuals_at_the_floor_and_keeps_those_above() -> None:
    assert mape(ACTUAL, PREDICTED, floor=50.0) == pytest.approx(0.1)
    assert mape(ACTUAL, PREDICTED, floor=math.nextafter(50.0, 0)) == pytest.approx((0.1 + 0.1 + 0.2) / 3)


def test_smape_counts_two_zeros_as_perfect_and_one_zero_as_two() -> None:
    # 2·10/210, 2·20/380, one zero: 2, 2·10/110
    assert smape(ACTUAL, PREDICTED) == pytest.approx((20 / 210 + 40 / 380 + 2 + 20 / 110) / 4)
    assert smape([0.0, 0.0], [0.0, 0.0]) == 0.0
    assert smape([0.0], [5e-324]) == 2.0


def test_smape_does_not_overflow_where_the_sum_of_sizes_would() -> None:
    assert smape([1.7e308], [1.0e308]) == pytest.approx(2 * 0.7 / 2.7)


def test_within_tolerance_holds_a_zero_actual_only_to_zero() -> None:
    assert within_tolerance([0.0, 0.0, 0.0, 10.0], [0.0, 1e-300, -1.0, 10.0]) == 0.5


def test_within_tolerance_has_its_limit_inside() -> None:
    assert within_tolerance([100.0, 100.0, 100.0], [125.0, 75.0, 125.0001], tolerance=0.25) == pytest.approx(
        2 / 3
    )
    assert within_tolerance([100.0, 100.0], [100.0, 101.0], tolerance=0.0) == 0.5


@pytest.mark.parametrize("metric", [accuracy, wape, mape])
def test_all_actuals_at_the_floor_leave_no_percentage(metric: Callable[..., float]) -> None:
    with pytest.raises(UndefinedError, match="every actual is at or below the floor") as caught:
        metric([0.0, 0.0], [1.0, 2.0])
    assert caught.value.reason is Undefined.ACTUALS_AT_FLOOR


def test_with_a_floor_zero_actuals_still_have_a_wape_but_no_mape() -> None:
    assert wape([0.0, 0.0], [1.0, 3.0], floor=10.0) == 0.2
    with pytest.raises(UndefinedError, match="mape is undefined: every actual is at or below the floor"):
        mape([0.0, 10.0], [1.0, 3.0], floor=10.0)


@pytest.mark.parametrize("metric", [accuracy, wape])
def test_a_load_that_overflows_is_not_taken_for_a_perfect_forecast(metric: Callable[..., float]) -> None:
    with pytest.raises(UndefinedError) as caught:
        metric([1e308, 1e308], [0.9e308, 0.9e308])
    assert caught.value.reason is Undefined.NOT_FINITE


@pytest.mark.parametrize("metric", [accuracy, wape, mape])
@pytest.mark.parametrize("floor", [-1.0, float("nan")])
def test_a_floor_is_a_size(metric: Callable[..., float], floor: float) -> None:
    with pytest.raises(ValueError, match=f"floor is a size: 0 or more, not {floor}"):
        metric([1.0], [1.0], floor=floor)


def test_a_tolerance_is_a_size() -> None:
    with pytest.raises(ValueError, match=r"tolerance is a size: 0 or more, not -0\.1"):
        within_tolerance(np.ones(2), np.ones(2), tolerance=-0.1)
