"""mae, rmse, bias and r2 on values worked out by hand, and where squares overflow or digits cancel."""

from __future__ import annotations

import math

import pytest

from drift.domain import Undefined
from drift.errors import UndefinedError
from drift.metrics import bias, mae, r2, rmse

ACTUAL = [10.0, 20.0, 30.0]
PREDICTED = [13.0, 16.0, 30.0]  # errors 3, −4, 0


def test_known_answers() -> None:
    assert mae(ACTUAL, PREDICTED) == pytest.approx(7 / 3)
    assert rmse(ACTUAL, PREDICTED) == pytest.approx(math.sqrt(25 / 3))
    assert bias(ACTUAL, PREDICTED) == pytest.approx(-1 / 3)
    assert r2(ACTUAL, PREDICTED) == pytest.approx(1 - 25 / 200)


def test_bias_is_positive_for_over_forecast() -> None:
    assert bias([100.0, 100.0], [104.0, 102.0]) == 3.0


def test_a_perfect_forecast() -> None:
    assert (mae(ACTUAL, ACTUAL), rmse(ACTUAL, ACTUAL), bias(ACTUAL, ACTUAL), r2(ACTUAL, ACTUAL)) == (
        0,
        0,
        0,
        1,
    )


def test_the_mean_as_a_forecast_explains_nothing() -> None:
    assert r2(ACTUAL, [20.0, 20.0, 20.0]) == 0.0


@pytest.mark.parametrize("unit", [1e300, 1e-300])
def test_squares_neither_overflow_nor_vanish(unit: float) -> None:
    actual, predicted = [unit * a for a in ACTUAL], [unit * p for p in PREDICTED]
    assert rmse(actual, predicted) == pytest.approx(unit * math.sqrt(25 / 3))
    assert r2(actual, predicted) == pytest.approx(1 - 25 / 200)


def test_r2_of_nearly_constant_actuals_keeps_its_digits() -> None:
    tick = 2.0**-30  # actuals of 0, 1 and 3 ticks: spread 16/9 + 1/9 + 25/9 ticks², error 1 tick²
    actual = [2.0**20, 2.0**20 + tick, 2.0**20 + 3 * tick]
    assert r2(actual, [actual[0], actual[1], actual[2] - tick]) == pytest.approx(1 - 9 / 42, rel=1e-14)


@pytest.mark.parametrize("actual", [[7.0, 7.0, 7.0], [0.1] * 3, [7.0, float("nan"), float("inf")]])
def test_r2_needs_actuals_that_differ(actual: list[float]) -> None:
    with pytest.raises(UndefinedError, match="r2 is undefined: all actuals are equal") as caught:
        r2(actual, [1.0, 2.0, 3.0])
    assert caught.value.reason is Undefined.CONSTANT_ACTUALS


def test_an_error_that_overflows_is_said_to() -> None:
    for metric in (mae, rmse, bias):
        with pytest.raises(UndefinedError, match="the values overflow 64-bit floats"):
            metric([-1e308], [1e308])


def test_errors_that_overflow_in_both_directions_have_no_bias() -> None:
    with pytest.raises(UndefinedError, match="bias is undefined: the values overflow 64-bit floats"):
        bias([-1e308, 1e308], [1e308, -1e308])
