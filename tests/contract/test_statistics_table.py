"""What every statistic promises, over the whole table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import drift.statistics
from drift.domain import Floats, Undefined
from drift.errors import UndefinedError
from drift.statistics import STATISTICS, Statistic, Values, compare, prepare, sort_block

NAMES = list(STATISTICS)
ENTRIES = pytest.mark.parametrize("statistic", STATISTICS.values(), ids=NAMES)


def function(statistic: Statistic) -> Callable[[Floats, Floats], float]:
    return getattr(drift.statistics, statistic.name)  # type: ignore[no-any-return]


def rows(statistic: Statistic, reference: Floats, current: Floats) -> Values:
    return statistic.rows(compare(prepare(sort_block(reference)), sort_block(current)))


def ragged_block(seed: int) -> tuple[Floats, Floats]:
    """Series of different size, shift, ties and gaps; the last four have no value, or hardly any."""
    rng = np.random.default_rng(seed)
    reference, current = rng.normal(0.0, 1.0, (10, 200)), rng.normal(0.2, 1.5, (10, 24))
    unit = 10.0 ** np.arange(-4, 6)[:, np.newaxis]
    reference, current = 5 * unit + reference * unit, 5 * unit + current * unit
    reference[2], current[2] = np.round(reference[2], 2), np.round(current[2], 2)
    for block in (reference, current):
        gap = rng.random(block.shape) < np.linspace(0.0, 0.8, 10)[:, np.newaxis]
        block[gap] = rng.choice([np.nan, np.inf, -np.inf], gap.sum())
    current[:, 0] = unit[:, 0]
    current[6] = np.nan
    reference[7] = 7.0
    reference[8, 1:], reference[8, 0] = np.nan, 4.0
    reference[9] = np.nan
    return reference, current


def test_the_table_is_complete() -> None:
    assert NAMES == ["psi", "ks", "wasserstein", "jensen_shannon", "hellinger"]


@ENTRIES
def test_every_entry_says_what_it_is(statistic: Statistic) -> None:
    assert statistic.title
    assert statistic.definition.endswith(".")
    called = function(statistic)
    assert callable(called), "the package's name is the function, not the module"
    assert statistic.name in drift.statistics.__all__
    for part in (
        ">>> ",
        "Shape:",
        "Unit:",
        "Zero",
        "egative",
        "NaN and",
        "Raises:",
        "UndefinedError:",
        "Source:",
    ):
        assert part in str(called.__doc__), f"{statistic.name} does not say {part}"


@ENTRIES
@pytest.mark.parametrize("seed", range(5))
def test_the_block_form_is_the_function_on_each_row(statistic: Statistic, seed: int) -> None:
    reference, current = ragged_block(seed)
    value, reason = rows(statistic, reference, current)
    for row in range(len(value)):
        if reason[row]:
            assert np.isnan(value[row])
            with pytest.raises(UndefinedError) as caught:
                function(statistic)(reference[row], current[row])
            assert caught.value.reason == reason[row]
        else:
            by_call = function(statistic)(reference[row], current[row])
            assert value[row] == pytest.approx(by_call, rel=1e-12, abs=1e-15)
    assert (reason[:6] == 0).all()
    assert reason[6] == Undefined.NO_CURRENT
    assert reason[7] in {0, Undefined.CONSTANT_REFERENCE}
    assert reason[8] in {0, Undefined.SHORT_REFERENCE}
    assert reason[9] == Undefined.SHORT_REFERENCE


@ENTRIES
def test_neither_order_nor_the_place_of_gaps_matters(statistic: Statistic) -> None:
    reference, current = ragged_block(7)
    rng = np.random.default_rng(1)
    expected = rows(statistic, reference, current)
    shuffled = rows(statistic, rng.permuted(reference, axis=1), rng.permuted(current, axis=1))
    np.testing.assert_array_equal(shuffled.value, expected.value)
    padding = np.full((10, 3), np.nan)
    padded = rows(statistic, np.hstack([padding, reference]), np.hstack([current, padding]))
    np.testing.assert_allclose(padded.value, expected.value, rtol=1e-12)
    np.testing.assert_array_equal(padded.reason, expected.reason)


@ENTRIES
@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 5), (5, 0)])
def test_empty_blocks_have_reasons_not_errors(statistic: Statistic, n: int, m: int) -> None:
    value, reason = rows(statistic, np.ones((3, n)), np.ones((3, m)))
    assert np.isnan(value).all()
    assert (reason == (Undefined.SHORT_REFERENCE if m else Undefined.NO_CURRENT)).all()


@ENTRIES
def test_a_value_is_finite_exactly_where_it_has_no_reason(statistic: Statistic) -> None:
    rng = np.random.default_rng(2)
    extreme = np.array([0.0, -1.7e308, 1.7e308, 5e-324, 1.0, np.nan])
    value, reason = rows(statistic, rng.choice(extreme, (300, 15)), rng.choice(extreme, (300, 3)))
    assert value.dtype == np.float64
    assert reason.dtype == np.uint8
    np.testing.assert_array_equal(np.isfinite(value), reason == 0)


@ENTRIES
def test_the_comparison_stays_as_it_is(statistic: Statistic) -> None:
    reference, current = (sort_block(block) for block in ragged_block(3))
    for shared in (reference, current):
        shared.values.setflags(write=False)
    comparison = compare(prepare(reference), current)
    np.testing.assert_array_equal(statistic.rows(comparison).value, statistic.rows(comparison).value)


@ENTRIES
def test_a_sample_does_not_differ_from_itself(statistic: Statistic) -> None:
    sample = np.random.default_rng(4).normal(size=(3, 50))
    np.testing.assert_array_equal(rows(statistic, sample, sample[:, ::-1]).value, [0.0] * 3)
