"""What all statistics stand on: sorted blocks, bin edges, shares, spread."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from drift.statistics import compare, ks, prepare, psi, sort_block

NAN, INF = np.nan, np.inf
TENTHS = np.arange(1, 10) / 10


def test_a_sorted_block_has_its_gaps_at_the_end() -> None:
    block = np.array([[3.0, NAN, 1.0, INF], [-INF, NAN, INF, NAN], [4.0, 2.0, 3.0, 1.0]])
    ordered = sort_block(block)
    np.testing.assert_array_equal(ordered.values, [[1, 3, NAN, NAN], [NAN] * 4, [1, 2, 3, 4]])
    np.testing.assert_array_equal(ordered.n, [2, 0, 4])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_sorting_leaves_the_block_as_it_is_and_gives_float64(dtype: type) -> None:
    block: np.ndarray = np.array([[3, 1, 2]], dtype=dtype)
    ordered = sort_block(block)
    np.testing.assert_array_equal(block, [[3, 1, 2]])
    assert ordered.values.dtype == np.float64


def test_a_block_without_columns_has_empty_rows() -> None:
    ordered = sort_block(np.empty((2, 0)))
    np.testing.assert_array_equal(ordered.n, [0, 0])
    assert ordered.values.shape == (2, 1)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 11, 57, 2160])
def test_edges_are_numpys_quantiles_to_the_last_bit(n: int) -> None:
    values = np.random.default_rng(n).normal(1000.0, 300.0, (3, n))
    values[1] = np.round(values[1], -2)  # ties
    edges = prepare(sort_block(values)).edges
    np.testing.assert_array_equal(edges, np.quantile(values, TENTHS, axis=1).T)


def test_edges_of_ragged_rows_are_those_of_their_values() -> None:
    values = np.random.default_rng(5).normal(size=(4, 30))
    values[np.arange(30) % 4 == np.arange(4)[:, np.newaxis]] = NAN
    edges = prepare(sort_block(values)).edges
    np.testing.assert_array_equal(edges, np.nanquantile(values, TENTHS, axis=1).T)


def test_edges_between_huge_values_of_both_signs_are_finite() -> None:
    edges = prepare(sort_block(np.array([[-1.5e308, 1.5e308]])), bins=4).edges
    np.testing.assert_allclose(edges, [[-0.75e308, 0.0, 0.75e308]], atol=1e293)


def test_a_value_on_an_edge_is_in_the_bin_to_its_left() -> None:
    prepared = prepare(sort_block(np.array([[1.0, 2.0, 3.0]])), bins=2)  # one edge: 2
    np.testing.assert_array_equal(prepared.edges, [[2.0]])
    np.testing.assert_allclose(prepared.shares, [[2 / 3, 1 / 3]])
    now = compare(prepared, sort_block(np.array([[2.0, np.nextafter(2.0, 3.0), -9.0, 9.0]])))
    np.testing.assert_array_equal(now.shares, [[0.5, 0.5]])


def test_values_beyond_the_reference_are_in_the_outer_bins() -> None:
    prepared = prepare(sort_block(np.arange(100.0)[np.newaxis]))
    now = compare(prepared, sort_block(np.array([[-1e300, 1e300]])))
    np.testing.assert_array_equal(now.shares, [[0.5] + [0.0] * 8 + [0.5]])


@pytest.mark.parametrize("unit", [1.0, 1e-300, 1e300])
def test_the_spread_is_the_population_deviation_at_any_size(unit: float) -> None:
    values = np.array([[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0, NAN]]) * unit
    assert prepare(sort_block(values)).spread[0] == pytest.approx(2 * unit)


def test_the_spread_of_nearly_equal_values_keeps_its_digits() -> None:
    tick = 2.0**-30
    values = 2.0**20 + tick * np.array([[0.0, 1.0, 3.0]])  # variance (16 + 1 + 25)/27 ticks²
    assert prepare(sort_block(values)).spread[0] == pytest.approx(tick * (42 / 27) ** 0.5, rel=1e-14)


def test_a_constant_reference_has_no_spread() -> None:
    assert prepare(sort_block(np.array([[0.1] * 7]))).spread[0] == 0.0


@pytest.mark.parametrize("bins", [1, 0, -3])
def test_there_are_at_least_two_bins(bins: int) -> None:
    with pytest.raises(ValueError, match=f"bins are 2 or more, not {bins}"):
        psi([1.0, 2.0], [1.0], bins=bins)


@pytest.mark.parametrize("share_floor", [0.0, 1.0, NAN])
def test_a_share_floor_is_a_fraction(share_floor: float) -> None:
    with pytest.raises(ValueError, match=f"share_floor is a fraction above 0 and below 1, not {share_floor}"):
        psi([1.0, 2.0], [1.0], bins=2, share_floor=share_floor)


def test_a_sample_is_1d() -> None:
    with pytest.raises(ValueError, match=r"want a 1-D sample, got shape \(1, 2\)"):
        ks([[1.0, 2.0]], [1.0])


def test_samples_can_be_series() -> None:
    assert ks(pd.Series([1.0, 2.0], index=[5, 6]), pd.Series([2, 3])) == 0.5
