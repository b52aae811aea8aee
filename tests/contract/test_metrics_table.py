"""What every metric promises, over the whole table: add one, and say here how it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

import drift.metrics
from drift.domain import Undefined
from drift.errors import UndefinedError
from drift.metrics import METRICS, Metric, Sample
from drift.metrics.base import scalar

SERIES, TIMES = 6, 30
NAMES = list(METRICS)


def _pinball(s: Sample) -> float:
    """The block's pinball loss is that of two quantiles, where both are known."""
    a, lower, upper = s.actual[0], s.lower[0], s.upper[0]  # type: ignore[index]
    both = np.isfinite(lower) & np.isfinite(upper)
    low = drift.metrics.pinball(a[both], lower[both], (1 - s.level) / 2)
    return (low + drift.metrics.pinball(a[both], upper[both], (1 + s.level) / 2)) / 2


# How people call the function of each metric for what a block of one series holds.
CALLS: Mapping[str, Callable[[Sample], float]] = {
    "accuracy": lambda s: drift.metrics.accuracy(s.actual[0], s.predicted[0], floor=s.floor[0, 0]),
    "within_tolerance": lambda s: drift.metrics.within_tolerance(
        s.actual[0], s.predicted[0], tolerance=s.tolerance
    ),
    "mape": lambda s: drift.metrics.mape(s.actual[0], s.predicted[0], floor=s.floor[0, 0]),
    "smape": lambda s: drift.metrics.smape(s.actual[0], s.predicted[0]),
    "wape": lambda s: drift.metrics.wape(s.actual[0], s.predicted[0], floor=s.floor[0, 0]),
    "mae": lambda s: drift.metrics.mae(s.actual[0], s.predicted[0]),
    "rmse": lambda s: drift.metrics.rmse(s.actual[0], s.predicted[0]),
    "bias": lambda s: drift.metrics.bias(s.actual[0], s.predicted[0]),
    "r2": lambda s: drift.metrics.r2(s.actual[0], s.predicted[0]),
    # a reference whose one seasonal step is the scale
    "mase": lambda s: drift.metrics.mase(s.actual[0], s.predicted[0], [0.0, s.scale[0, 0]], season=1),
    "skill": lambda s: drift.metrics.skill(s.actual[0], s.predicted[0], s.naive[0]),
    "pinball": _pinball,
    "coverage_of_interval": lambda s: drift.metrics.coverage_of_interval(s.actual[0], s.lower[0], s.upper[0]),
    "mean_interval_width": lambda s: drift.metrics.mean_interval_width(
        np.where(s.scored[0], s.lower[0], np.nan), s.upper[0]
    ),
}


def ragged_block(seed: int) -> Sample:
    """Series of different size with gaps of their own; the last has a single pair."""
    rng = np.random.default_rng(seed)
    actual = rng.normal(100.0, 30.0, (SERIES, TIMES)) * 10.0 ** np.arange(SERIES)[:, np.newaxis]
    predicted = actual * rng.normal(1.02, 0.1, actual.shape)
    gap = rng.random(actual.shape) < np.linspace(0.0, 0.7, SERIES)[:, np.newaxis]
    gap[-1, 1:] = True
    gap[:, 0] = False
    half = np.abs(actual) * 0.1
    sample = Sample(
        actual=np.where(gap, np.nan, actual),
        predicted=np.where(gap, np.nan, predicted),
        lower=predicted - half,
        upper=predicted + half,
        naive=actual * rng.normal(1.0, 0.2, actual.shape),
        floor=0.3 * np.abs(actual).mean(axis=1, keepdims=True),
        scale=np.abs(actual).mean(axis=1, keepdims=True),
        tolerance=0.08,
        level=0.7,
    )
    for own in (sample.lower, sample.upper, sample.naive):
        assert own is not None
        own[:, 1:][rng.random((SERIES, TIMES - 1)) < 0.1] = np.nan
    return sample


def one(sample: Sample, row: int, order: np.ndarray | slice = slice(None)) -> Sample:
    """A row as a block of one series, its times in another order."""
    cut = (slice(row, row + 1), order)
    return Sample(
        actual=sample.actual[cut],
        predicted=sample.predicted[cut],
        lower=None if sample.lower is None else sample.lower[cut],
        upper=None if sample.upper is None else sample.upper[cut],
        naive=None if sample.naive is None else sample.naive[cut],
        floor=np.asarray(sample.floor)[row : row + 1],
        scale=np.asarray(sample.scale)[row : row + 1],
        tolerance=sample.tolerance,
        level=sample.level,
    )


def value_or_reason(call: Callable[[], float]) -> float | Undefined:
    try:
        return call()
    except UndefinedError as error:
        return error.reason


def test_the_table_is_complete() -> None:
    assert NAMES == [
        "accuracy", "within_tolerance", "mape", "smape", "wape", "mae", "rmse", "bias", "r2", "mase", "skill",
        "pinball", "coverage_of_interval", "mean_interval_width",
    ]  # fmt: skip
    assert set(CALLS) == set(METRICS)


@pytest.mark.parametrize("metric", METRICS.values(), ids=NAMES)
def test_every_entry_says_what_it_is(metric: Metric) -> None:
    assert metric.title
    assert metric.unit in {"fraction", "load", "ratio"}
    assert metric.better in {"higher", "lower", "zero", "level"}
    function = getattr(drift.metrics, metric.name)
    assert callable(function), "the package's name is the function, not the module"
    assert metric.name in drift.metrics.__all__
    for part in (
        ">>> ",
        "Shape:",
        "Unit:",
        "ero",
        "egative",
        "NaN and",
        "Raises:",
        "UndefinedError:",
        "Source:",
    ):
        assert part in function.__doc__, f"{metric.name} does not say {part}"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(5))
def test_the_block_form_is_the_function_on_each_row(name: str, seed: int) -> None:
    sample = ragged_block(seed)
    value, reason = METRICS[name].rows(sample)
    defined = 0
    for row in range(SERIES):
        by_call = value_or_reason(lambda row=row: CALLS[name](one(sample, row)))  # type: ignore[misc]
        if isinstance(by_call, Undefined):
            assert reason[row] == by_call
            assert np.isnan(value[row])
        else:
            assert value[row] == pytest.approx(by_call, rel=1e-12, abs=1e-14)
            defined += 1
    assert defined >= SERIES - 1


@pytest.mark.parametrize("metric", METRICS.values(), ids=NAMES)
def test_a_row_does_not_depend_on_the_other_rows(metric: Metric) -> None:
    sample = ragged_block(11)
    value, reason = metric.rows(sample)
    for row in range(SERIES):
        alone = metric.rows(one(sample, row))
        assert alone.reason[0] == reason[row]
        np.testing.assert_allclose(alone.value[0], value[row], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("metric", METRICS.values(), ids=NAMES)
def test_neither_order_nor_the_place_of_gaps_matters(metric: Metric) -> None:
    sample, rng = ragged_block(12), np.random.default_rng(0)
    for row in range(SERIES - 1):
        whole = one(sample, row)
        shuffled = one(sample, row, rng.permutation(TIMES))
        without_gaps = one(sample, row, np.flatnonzero(sample.scored[row]))
        expected = scalar(metric, whole)
        assert scalar(metric, shuffled) == pytest.approx(expected, rel=1e-11, abs=1e-13)
        assert scalar(metric, without_gaps) == pytest.approx(expected, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("metric", METRICS.values(), ids=NAMES)
@pytest.mark.parametrize("width", [0, 1, 5])
def test_without_pairs_there_is_that_reason(metric: Metric, width: int) -> None:
    nothing, something = np.full((2, width), np.nan), np.ones((2, width))
    sample = Sample(
        nothing, nothing, something, something, something, floor=np.ones((2, 1)), scale=np.ones((2, 1))
    )
    value, reason = metric.rows(sample)
    np.testing.assert_array_equal(reason, [Undefined.NO_PAIRS] * 2)
    np.testing.assert_array_equal(value, [np.nan] * 2)


@pytest.mark.parametrize("metric", METRICS.values(), ids=NAMES)
def test_a_value_is_finite_exactly_where_it_has_no_reason(metric: Metric) -> None:
    extreme = np.array([0.0, -1.7e308, 1.7e308, 5e-324, 1.0, np.nan])
    actual, predicted = (grid.ravel()[:, np.newaxis] for grid in np.meshgrid(extreme, extreme))
    pair = ~np.isnan(actual + np.sign(predicted))
    actual, predicted = np.where(pair, actual, np.nan), np.where(pair, predicted, np.nan)
    for other in extreme:
        beside = np.full(actual.shape, other)
        sample = Sample(actual, predicted, beside, -beside, beside, floor=0.0, scale=beside)
        value, reason = metric.rows(sample)
        assert value.dtype == np.float64
        assert reason.dtype == np.uint8
        np.testing.assert_array_equal(np.isfinite(value), reason == 0)
        assert np.isnan(value[reason != 0]).all()


@pytest.mark.parametrize("metric", METRICS.values(), ids=NAMES)
def test_the_sample_stays_as_it_is(metric: Metric) -> None:
    sample = ragged_block(13)
    for array in vars(sample).values():
        if isinstance(array, np.ndarray):
            array.setflags(write=False)
    first, again = metric.rows(sample), metric.rows(sample)
    np.testing.assert_array_equal(first.value, again.value)
