"""Metrics against scikit-learn and exact arithmetic, and what must hold for any input.

scikit-learn squares and sums without scaling, so it is asked about values of common size; the same values
times a power of two, which loses no bit, must then give its answer in the new unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from statistics import median

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from drift.domain import Floats
from drift.metrics import (
    METRICS,
    Sample,
    accuracy,
    bias,
    coverage_of_interval,
    mae,
    mape,
    mase,
    mean_interval_width,
    pinball,
    r2,
    rmse,
    skill,
    smape,
    wape,
    within_tolerance,
)

oracle = settings(deadline=None, max_examples=150)

COMMON = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: round(x, 6))
TIED = st.integers(-3, 3).map(float)
TINY = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: round(x, 6) * 1e-12)
NEARLY_CONSTANT = st.integers(0, 1000).map(lambda i: 1e5 + i * 2.0**-20)
SCALES = st.sampled_from([-900, -600, -40, 0, 333, 600, 900])


@st.composite
def pairs(draw: st.DrawFn, *cells: st.SearchStrategy[float]) -> tuple[Floats, Floats]:
    """Actuals and predictions of one kind and length."""
    cell = draw(st.sampled_from(cells or (COMMON, TIED, TINY, NEARLY_CONSTANT)))
    rows = draw(st.lists(st.tuples(cell, cell), min_size=1, max_size=40))
    actual, predicted = np.array(rows, dtype=np.float64).T
    if draw(st.booleans()):
        actual = np.full_like(actual, actual[0])
    return actual, predicted


def with_gaps(seed: int, actual: Floats, predicted: Floats) -> tuple[Floats, Floats]:
    """The same pairs in another order, and among them hours without a pair."""
    rng = np.random.default_rng(seed)
    gaps = [(np.nan, 1.0), (1.0, np.nan), (np.inf, 1.0), (0.0, -np.inf)][: rng.integers(5)]
    mixed = rng.permutation([*zip(actual, predicted, strict=True), *gaps])
    return mixed[:, 0], mixed[:, 1]


def close(value: float, expected: float, size: float = 0.0) -> bool:
    """Equal to 1e-9, and to 1e-12 of the size of what was added up."""
    return math.isclose(value, expected, rel_tol=1e-9, abs_tol=1e-12 * size)


@oracle
@given(pairs(), SCALES, st.integers(0, 2**32))
def test_errors_equal_scikit_learn(pair: tuple[Floats, Floats], power: int, seed: int) -> None:
    actual, predicted = pair
    unit, size = 2.0**power, float(np.abs(predicted - actual).max())
    a, p = with_gaps(seed, actual * unit, predicted * unit)
    assert close(mae(a, p) / unit, sk.mean_absolute_error(actual, predicted))
    assert close(rmse(a, p) / unit, sk.root_mean_squared_error(actual, predicted))
    assert close(bias(a, p) / unit, float(np.mean(predicted) - np.mean(actual)), 1e3 * np.abs(pair).max())
    assert close(bias(a, p) / unit, math.fsum(predicted - actual) / len(actual), size)
    for quantile in (0.0, 0.1, 0.5, 0.9, 1.0):
        expected = sk.mean_pinball_loss(actual, predicted, alpha=quantile)
        assert close(pinball(a, p, quantile) / unit, expected)


@oracle
@given(pairs(COMMON, TIED, TINY), SCALES)
@example((np.array([1.0, 3.0]), np.array([1e6, -1e6])), 900)
def test_r2_equals_scikit_learn(pair: tuple[Floats, Floats], power: int) -> None:
    actual, predicted = pair
    assume(np.ptp(actual) > 1e-9 * np.abs(actual).max())
    expected = sk.r2_score(actual, predicted)
    assert close(r2(actual * 2.0**power, predicted * 2.0**power), expected, 1e3)


def _exact_r2(actual: Floats, predicted: Floats) -> float:
    a, p = [Fraction(x) for x in actual], [Fraction(x) for x in predicted]
    mean = sum(a) / len(a)
    residual = sum(((y - x) ** 2 for x, y in zip(a, p, strict=True)), Fraction(0))
    return float(1 - residual / sum((x - mean) ** 2 for x in a))


@oracle
@given(pairs(NEARLY_CONSTANT), SCALES)
def test_r2_of_nearly_constant_actuals_equals_exact_arithmetic(
    pair: tuple[Floats, Floats], power: int
) -> None:
    actual, predicted = pair
    assume(np.ptp(actual) > 0)
    expected = _exact_r2(actual, predicted)
    assert close(r2(actual * 2.0**power, predicted * 2.0**power), expected, 1e3)


@oracle
@given(pairs(COMMON, TINY, NEARLY_CONSTANT), SCALES)
def test_mape_equals_scikit_learn_where_no_actual_is_zero(pair: tuple[Floats, Floats], power: int) -> None:
    actual, predicted = pair
    counted = np.abs(actual) > 1e-15  # scikit-learn divides by no less than its epsilon
    assume(counted.any())
    expected = sk.mean_absolute_percentage_error(actual[counted], predicted[counted])
    floor = 1e-15 * 2.0**power
    assert close(mape(actual * 2.0**power, predicted * 2.0**power, floor=floor), expected)


@oracle
@given(pairs(), SCALES)
def test_skill_over_the_median_is_scikit_learns_d2(pair: tuple[Floats, Floats], power: int) -> None:
    actual, predicted = pair
    middle = np.full_like(actual, median(actual))
    assume(np.abs(actual - middle).sum() > 0)
    expected = sk.d2_absolute_error_score(actual, predicted)
    unit = 2.0**power
    assert close(skill(actual * unit, predicted * unit, middle * unit), expected, 1e3)


@oracle
@given(pairs(), st.just(0.0) | st.floats(1e-6, 1e6))
def test_percentages_equal_their_formula_in_exact_arithmetic(
    pair: tuple[Floats, Floats], floor: float
) -> None:
    rows = [(Fraction(a), Fraction(p)) for a, p in zip(*pair, strict=True)]
    error = sum(abs(p - a) for a, p in rows)
    load = sum(max(abs(a), Fraction(floor)) for a, _ in rows)
    symmetric = [2 * abs(p - a) / (abs(a) + abs(p)) if a or p else Fraction(0) for a, p in rows]
    assert close(smape(*pair), float(sum(symmetric) / len(rows)))
    if load:
        assert close(wape(*pair, floor=floor), float(error / load))
        assert accuracy(*pair, floor=floor) == 1 - wape(*pair, floor=floor)


@oracle
@given(pairs(), st.lists(COMMON, min_size=2, max_size=40), st.integers(1, 5), SCALES)
def test_mase_equals_its_formula(
    pair: tuple[Floats, Floats], reference: list[float], season: int, power: int
) -> None:
    steps = [abs(b - a) for a, b in zip(reference, reference[season:], strict=False)]
    assume(math.fsum(steps) > 0)
    scale = math.fsum(steps) / len(steps)
    unit = 2.0**power
    value = mase(pair[0] * unit, pair[1] * unit, np.array(reference) * unit, season=season)
    assert close(value, mae(*pair) / scale)


@oracle
@given(pairs(), st.lists(st.tuples(COMMON, COMMON), min_size=40, max_size=40))
def test_interval_metrics_equal_a_plain_loop(
    pair: tuple[Floats, Floats], bounds: list[tuple[float, float]]
) -> None:
    actual = pair[0]
    lower, upper = np.sort(np.array(bounds[: len(actual)]), axis=1).T
    rows = list(zip(actual, lower, upper, strict=True))
    inside = sum(low <= a <= high for a, low, high in rows) / len(rows)
    assert close(coverage_of_interval(actual, lower, upper), inside)
    assert close(
        mean_interval_width(lower, upper), math.fsum(high - low for _, low, high in rows) / len(rows)
    )
    block = Sample(actual[np.newaxis], actual[np.newaxis], lower[np.newaxis], upper[np.newaxis], level=0.6)
    expected = sk.mean_pinball_loss(actual, lower, alpha=0.2) + sk.mean_pinball_loss(actual, upper, alpha=0.8)
    assert close(float(METRICS["pinball"].rows(block).value[0]), expected / 2)


@oracle
@given(pairs(), st.floats(0, 2), st.floats(0, 2))
def test_within_tolerance_is_a_share_that_grows_with_the_tolerance(
    pair: tuple[Floats, Floats], some: float, more: float
) -> None:
    narrow, wide = sorted((some, more))
    shares = within_tolerance(*pair, tolerance=narrow), within_tolerance(*pair, tolerance=wide)
    assert 0 <= shares[0] <= shares[1] <= 1


Ratio = Callable[[Floats, Floats], float]


@pytest.mark.parametrize("ratio", [mape, smape, wape, accuracy, within_tolerance])
@oracle
@given(pair=pairs(COMMON), power=SCALES)
def test_a_ratio_does_not_depend_on_the_unit(ratio: Ratio, pair: tuple[Floats, Floats], power: int) -> None:
    assume(np.abs(pair[0]).sum() > 0)
    assert ratio(pair[0] * 2.0**power, pair[1] * 2.0**power) == ratio(*pair)


@oracle
@given(pairs())
def test_what_must_hold_between_them(pair: tuple[Floats, Floats]) -> None:
    actual, predicted = pair
    slack = 1 + 1e-12
    assert abs(bias(*pair)) <= mae(*pair) * slack
    assert mae(*pair) <= rmse(*pair) * slack
    assert rmse(*pair) <= float(np.abs(predicted - actual).max()) * slack
    assert 0 <= smape(*pair) <= 2 * slack
    assert bias(actual, predicted) == -bias(predicted, actual)
    assert close(2 * pinball(*pair), mae(*pair))
    assert mae(actual, actual) == rmse(actual, actual) == smape(actual, actual) == 0.0
