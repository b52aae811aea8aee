"""pinball, coverage_of_interval and mean_interval_width on values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from drift.domain import Undefined
from drift.errors import UndefinedError
from drift.metrics import METRICS, Sample, coverage_of_interval, mean_interval_width, pinball

NAN = float("nan")
INTERVAL_METRICS = ("pinball", "coverage_of_interval", "mean_interval_width")


def test_pinball_weighs_under_forecast_by_the_quantile() -> None:
    # under by 10: 0.9 · 10; over by 20: 0.1 · 20
    assert pinball([100.0, 100.0], [90.0, 120.0], quantile=0.9) == pytest.approx((9 + 2) / 2)
    assert pinball([100.0, 100.0], [90.0, 120.0]) == pytest.approx((5 + 10) / 2)


@pytest.mark.parametrize("quantile", [-0.1, 1.1, NAN])
def test_a_quantile_is_a_fraction(quantile: float) -> None:
    with pytest.raises(ValueError, match=f"quantile is a fraction from 0 to 1, not {quantile}"):
        pinball([1.0], [1.0], quantile)


def test_the_block_averages_the_losses_of_both_bounds() -> None:
    # level 0.8: lower at 0.1, upper at 0.9. First pair: 0.1 · 20 and 0.1 · 10; the second lacks a bound
    sample = Sample(
        actual=np.array([[100.0, 50.0]]),
        predicted=np.array([[100.0, 50.0]]),
        lower=np.array([[80.0, 40.0]]),
        upper=np.array([[110.0, NAN]]),
        level=0.8,
    )
    assert METRICS["pinball"].rows(sample).value[0] == pytest.approx((2 + 1) / 2)


def test_an_actual_on_a_bound_is_inside_and_a_crossed_interval_holds_nothing() -> None:
    assert coverage_of_interval([1.0, 2.0, 3.0, 5.0], [1.0, 0.0, 4.0, 6.0], [4.0, 2.0, 2.0, 4.0]) == 0.5


def test_a_pair_that_lacks_a_bound_is_left_out() -> None:
    assert coverage_of_interval([1.0, 2.0, NAN], [0.0, NAN, 0.0], [2.0, 3.0, 1.0]) == 1.0
    assert mean_interval_width([1.0, NAN, 0.0], [3.0, 9.0, np.inf]) == 2.0


def test_width_counts_a_crossed_interval_with_its_sign() -> None:
    assert mean_interval_width([1.0, 5.0], [4.0, 4.0]) == 1.0


def test_width_counts_only_hours_that_are_scored() -> None:
    sample = Sample(
        actual=np.array([[1.0, NAN]]),
        predicted=np.array([[1.0, NAN]]),
        lower=np.array([[0.0, 0.0]]),
        upper=np.array([[2.0, 100.0]]),
    )
    assert METRICS["mean_interval_width"].rows(sample).value[0] == 2.0


@pytest.mark.parametrize("name", INTERVAL_METRICS)
@pytest.mark.parametrize("upper", [None, np.full((1, 2), NAN)])
def test_pairs_without_an_interval(name: str, upper: np.ndarray | None) -> None:
    sample = Sample(np.ones((1, 2)), np.ones((1, 2)), lower=np.zeros((1, 2)), upper=upper)
    value, reason = METRICS[name].rows(sample)
    assert np.isnan(value[0])
    assert reason[0] == Undefined.NO_INTERVAL


def test_no_interval_is_an_error_with_its_reason() -> None:
    with pytest.raises(UndefinedError, match="coverage_of_interval is undefined: no prediction interval"):
        coverage_of_interval([1.0], [NAN], [2.0])
    with pytest.raises(UndefinedError, match="mean_interval_width is undefined: no prediction interval"):
        mean_interval_width([NAN], [2.0])


def test_a_width_that_overflows_is_said_to() -> None:
    with pytest.raises(UndefinedError, match="the values overflow 64-bit floats"):
        mean_interval_width([-1e308], [1e308])
