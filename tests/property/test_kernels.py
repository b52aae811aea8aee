"""Both forms of the kernel on whatever Hypothesis thinks of: ragged gaps, ties, and windows that move."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from drift.engines import kernel_numpy
from drift.engines.base import DriftLimits, Kernel, Scores
from drift.engines.kernel import choose
from drift.metrics import METRICS, Sample
from drift.statistics import STATISTICS

EVERY_METRIC, EVERY_STATISTIC = list(METRICS.values()), list(STATISTICS.values())
DTYPES = st.sampled_from([np.float64, np.float32])
SEEDS = st.integers(0, 2**32)
needs_numba = pytest.mark.skipif(find_spec("numba") is None, reason="numba (extra fast) is not installed")
many = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=["numpy", pytest.param("numba", marks=needs_numba)])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return choose(request.param)


def block(seed: int, series: int, times: int, dtype: type = np.float64) -> np.ndarray:
    """Rows of every kind: smooth, tied, of few values, constant; each with as many gaps as chance wants."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(series):
        row = rng.normal(rng.choice([0.0, 100.0, -1e6]), rng.choice([0.0, 1e-3, 10.0]), times)
        if rng.random() < 0.5:
            row = np.round(row, rng.integers(-2, 3))
        gap = rng.random(times) < rng.choice([0.0, 0.05, 0.5, 1.0], p=[0.4, 0.3, 0.25, 0.05])
        row[gap] = rng.choice([np.nan, np.inf, -np.inf], gap.sum())
        rows.append(row)
    return np.array(rows).reshape(series, times).astype(dtype)


def assert_same(ours: Scores, theirs: Scores, names: list[str]) -> None:
    np.testing.assert_array_equal(ours.reason, theirs.reason)
    np.testing.assert_array_equal(ours.n, theirs.n)
    np.testing.assert_array_equal(ours.coverage, theirs.coverage)
    for k, name in enumerate(names):
        a, b = ours.value[..., k], theirs.value[..., k]
        if name == "jensen_shannon":  # the root of a sum that rounding leaves at 1e-17 instead of 0
            a, b = a**2, b**2
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12, err_msg=name)


@many
@given(SEEDS, st.integers(0, 4), st.integers(0, 90), st.integers(0, 60), st.integers(2, 12), DTYPES)
def test_the_statistics_of_both_forms_are_equal(
    kernel: Kernel, seed: int, series: int, n: int, m: int, bins: int, dtype: type
) -> None:
    reference, current = block(seed, series, n, dtype), block(seed + 1, series, m, dtype)
    if seed % 2 and min(n, m) > 1:
        current[:, : min(n, m) // 2] = reference[:, : min(n, m) // 2]  # values that both have
    limits = DriftLimits(bins=bins, min_reference=3, min_coverage=0.2)
    ours, theirs = (
        form.drift(form.prepare(reference, bins), current, limits, EVERY_STATISTIC)
        for form in (kernel, kernel_numpy)
    )
    assert_same(ours, theirs, list(STATISTICS))


@many
@given(SEEDS, st.integers(0, 5), st.integers(0, 40), st.floats(0, 1), st.booleans())
def test_the_metrics_of_both_forms_are_equal(
    kernel: Kernel, seed: int, series: int, times: int, min_coverage: float, cells: bool
) -> None:
    actual, predicted, *others = (block(seed + k, series, times) for k in range(5))
    pair = np.isfinite(actual) & np.isfinite(predicted)
    rng = np.random.default_rng(seed)
    shape = (series, times if cells else 1)
    sample = Sample(
        np.where(pair, actual, np.nan),
        np.where(pair, predicted, np.nan),
        *others,
        floor=rng.choice([0.0, 1.0, 90.0], shape),
        scale=rng.choice([0.0, 1.0, 90.0, np.nan], shape),
    )
    expected = rng.integers(0, times + 2, series)
    ours, theirs = (
        form.score(sample, expected, min_coverage, EVERY_METRIC) for form in (kernel, kernel_numpy)
    )
    assert_same(ours, theirs, list(METRICS))


@st.composite
def paths(draw: st.DrawFn, slots: int, times: int) -> np.ndarray:
    """Windows whose starts and stops never go back: mostly small steps, some jumps, some that stand."""
    ends = []
    for _ in range(2):
        steps = draw(
            st.lists(
                st.one_of(st.integers(0, 3), st.integers(0, 3), st.integers(0, times // 2)),
                min_size=slots, max_size=slots,
            )
        )  # fmt: skip
        ends.append(np.minimum(draw(st.integers(0, times // 3)) + np.cumsum(steps), times))
    path = np.stack([np.minimum(*ends), np.maximum(*ends)], axis=1).astype(np.int64)
    if slots and draw(st.integers(0, 4)) == 0:
        path[:] = path[0]
    return path


@many
@example(seed=0, times=300, data=None, dtype=np.float64)
@given(SEEDS, st.integers(0, 300), st.data(), DTYPES)
def test_rolling_is_preparing_and_comparing_each_slot(
    kernel: Kernel, seed: int, times: int, data: st.DataObject | None, dtype: type
) -> None:
    if data is None:  # an hour at a time over all there is, with what is cut off sorted anew nowhere
        starts = np.arange(times - 100)
        reference, current = np.stack([starts, starts + 90], 1), np.stack([starts + 90, starts + 100], 1)
    else:
        slots = data.draw(st.integers(0, 12))
        reference, current = data.draw(paths(slots, times)), data.draw(paths(slots, times))
    values = block(seed, 3, times, dtype)
    limits = DriftLimits(bins=4, min_reference=2, min_coverage=0.1)
    rolled = kernel.roll(values, reference, current, limits, EVERY_STATISTIC)
    for slot, ((start, stop), (first, last)) in enumerate(zip(reference, current, strict=True)):
        prepared = kernel.prepare(values[:, start:stop], limits.bins)
        alone = kernel.drift(prepared, values[:, first:last], limits, EVERY_STATISTIC)
        for name in Scores.__slots__:
            np.testing.assert_array_equal(getattr(rolled, name)[slot], getattr(alone, name), err_msg=name)
    assert_same(
        rolled, kernel_numpy.roll(values, reference, current, limits, EVERY_STATISTIC), list(STATISTICS)
    )


@many
@given(SEEDS, st.integers(1, 6), st.integers(1, 90), st.integers(1, 60), st.data())
def test_a_series_gets_the_same_to_the_last_bit_in_any_block(
    kernel: Kernel, seed: int, series: int, n: int, m: int, data: st.DataObject
) -> None:
    reference, current = block(seed, series, n), block(seed + 1, series, m)
    limits = DriftLimits(bins=3, min_reference=1, min_coverage=0.0)
    whole = kernel.drift(kernel.prepare(reference, 3), current, limits, EVERY_STATISTIC)
    rows = np.array(data.draw(st.lists(st.integers(0, series - 1), min_size=1, max_size=8)))
    some = kernel.drift(kernel.prepare(reference[rows], 3), current[rows], limits, EVERY_STATISTIC)
    for name in Scores.__slots__:
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name)[rows], err_msg=name)
