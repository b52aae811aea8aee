"""What every form of the kernel promises: the other form's figures, and those of scipy and scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp, wasserstein_distance
from sklearn import metrics as sk

from drift.domain import Undefined
from drift.engines import kernel_numpy
from drift.engines.base import DriftLimits, Kernel, Scores
from drift.engines.kernel import choose
from drift.metrics import METRICS, Metric, Sample, Values
from drift.statistics import STATISTICS, Comparison, Reference, Sorted, Statistic

NAN, INF = np.nan, np.inf
EVERY_METRIC, EVERY_STATISTIC = list(METRICS.values()), list(STATISTICS.values())
ANYTHING = DriftLimits(min_reference=0, min_coverage=0.0)  # so that each statistic gives its own reason

needs_numba = pytest.mark.skipif(find_spec("numba") is None, reason="numba (extra fast) is not installed")


@pytest.fixture(params=["numpy", pytest.param("numba", marks=needs_numba)])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return choose(request.param)


def both(reference: np.ndarray, current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.atleast_2d(np.asarray(reference)), np.atleast_2d(np.asarray(current))


def blocks() -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
    """References and current samples of all kinds: what is random here is the same on every run."""
    rng = np.random.default_rng(3)
    r, c = rng.normal(50.0, 10.0, (6, 500)), rng.normal(52.0, 12.0, (6, 24))
    gappy_r, gappy_c = r.copy(), c.copy()
    for block in (gappy_r, gappy_c):
        gap = rng.random(block.shape) < np.linspace(0.05, 0.9, 6)[:, np.newaxis]
        block[gap] = rng.choice([NAN, INF, -INF], gap.sum())
    extreme = np.array([0.0, -1.7e308, 1.7e308, 5e-324, 1.0, -0.0, NAN])
    return {
        "random": (r, c),
        "shorter reference than current": (r[:, :20], r[:, 20:150]),
        "tied": (np.round(r, -1), np.round(c, -1)),
        "tied to one decimal": (np.round(r, 1), np.round(np.hstack([c, c]), 1)),
        "half zero": (np.maximum(r, 50.0) - 50.0, np.maximum(c, 50.0) - 50.0),
        "the same": (r, r[:, ::-1]),
        "apart": (r, c + 1000.0),
        "constant": both(np.full(200, 7.0), np.full(24, 7.0)),
        "constant reference": both(np.full(200, 7.0), c[0]),
        "constant current": both(r[0], np.full(24, 50.0)),
        "nearly constant": (1e6 + r * 1e-9, 1e6 + c * 1e-9),
        "gappy": (gappy_r, gappy_c),
        "gap in the middle": both(
            np.where(np.arange(500) % 7 == 0, NAN, r[0]), np.where(c[0] > 60, NAN, c[0])
        ),
        "tiny": (r * 1e-12, c * 1e-12),
        "hardly above nothing": (r * 1e-300, c * 1e-300),
        "huge": (r * 1e100, c * 1e100),
        "near overflow": (r * 1e306, c * 1e306),
        "overflow": (rng.choice(extreme, (60, 40)), rng.choice(extreme, (60, 5))),
        "two ends": (rng.choice([-1.7e308, 1.7e308], (30, 15)), rng.choice([-1.7e308, 0.0], (30, 5))),
        "negative": (-r, -c),
        "zeros of both signs": both(np.where(r[0] > 50, 0.0, -0.0), np.array([0.0, -0.0])),
        "one value": both(np.array([3.0]), np.array([4.0])),
        "one current value": both(r[0], np.array([41.5])),
        "two values": both(np.array([3.0, 5.0]), np.array([4.0, NAN])),
        "fewer than bins": both(r[0, :7], c[0]),
        "empty reference": (np.empty((2, 0)), c[:2]),
        "empty current": (r[:2], np.empty((2, 0))),
        "both empty": (np.empty((2, 0)), np.empty((2, 0))),
        "all NaN": (np.full((2, 300), NAN), np.full((2, 24), NAN)),
        "no series": (np.empty((0, 300)), np.empty((0, 24))),
        "whole numbers": (np.round(r).astype(np.int64), np.round(c).astype(np.int64)),
        "32 bits": (r.astype(np.float32), c.astype(np.float32)),
        "32 bits tied": (np.round(r).astype(np.float32), np.round(c).astype(np.float32)),
        "32 bits gappy": (gappy_r.astype(np.float32), gappy_c.astype(np.float32)),
        "32 bits huge": ((r * 1e36).astype(np.float32), (c * 1e36).astype(np.float32)),
        "a block of a file": (np.asfortranarray(r), c[:, ::-1]),
    }


BLOCKS = blocks()
KINDS = pytest.mark.parametrize("kind", BLOCKS)


def assert_same(ours: Scores, theirs: Scores, names: Sequence[str]) -> None:
    """Reasons and counts are the same; values to 1e-9, with what rounding leaves of a difference of nothing."""
    np.testing.assert_array_equal(ours.reason, theirs.reason)
    np.testing.assert_array_equal(ours.n, theirs.n)
    np.testing.assert_array_equal(ours.coverage, theirs.coverage)
    assert ours.value.dtype == theirs.value.dtype == np.float64
    for k, name in enumerate(names):
        a, b = ours.value[..., k], theirs.value[..., k]
        if name == "jensen_shannon":  # the root of a sum that rounding leaves at 1e-17 instead of 0
            a, b = a**2, b**2
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-14, err_msg=name)


def assert_identical(ours: Scores, theirs: Scores) -> None:
    for name in Scores.__slots__:
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)


def compare(
    kernel: Kernel, reference: np.ndarray, current: np.ndarray, limits: DriftLimits = ANYTHING
) -> Scores:
    return kernel.drift(kernel.prepare(reference, limits.bins), current, limits, EVERY_STATISTIC)


@KINDS
@pytest.mark.parametrize("limits", [ANYTHING, DriftLimits(), DriftLimits(bins=4, share_floor=0.01)])
def test_a_form_gives_what_numpy_gives(kernel: Kernel, kind: str, limits: DriftLimits) -> None:
    scores = compare(kernel, *BLOCKS[kind], limits)
    assert_same(scores, compare(kernel_numpy, *BLOCKS[kind], limits), list(STATISTICS))
    np.testing.assert_array_equal(np.isfinite(scores.value), scores.reason == 0)


@KINDS
def test_a_prepared_reference_is_the_one_that_numpy_prepares(kernel: Kernel, kind: str) -> None:
    values = BLOCKS[kind][0]
    ours, theirs = kernel.prepare(values), kernel_numpy.prepare(values)
    assert ours.sample.values.dtype == (np.float32 if values.dtype == np.float32 else np.float64)
    np.testing.assert_array_equal(ours.sample.n, theirs.sample.n)
    np.testing.assert_array_equal(ours.sample.values, theirs.sample.values)
    some = ours.sample.n > 0
    np.testing.assert_array_equal(ours.edges[some], theirs.edges[some])
    np.testing.assert_array_equal(ours.shares[some], theirs.shares[some])
    np.testing.assert_allclose(ours.spread[some], theirs.spread[some], rtol=1e-12)


def by_scipy(reference: np.ndarray, current: np.ndarray) -> list[float]:
    """The five statistics of two finite samples, in the table's order."""
    edges = np.quantile(reference, np.arange(1, 10) / 10)
    p, q = (
        np.diff([0, *(np.count_nonzero(sample <= e) for e in edges), sample.size]) / sample.size
        for sample in (reference, current)
    )
    a, b = (np.maximum(share, 1e-4) / np.maximum(share, 1e-4).sum() for share in (p, q))
    return [
        float(((b - a) * np.log(b / a)).sum()),
        float(ks_2samp(reference, current, method="asymp").statistic),
        wasserstein_distance(reference, current) / float(np.std(reference)),
        float(jensenshannon(p, q, base=2)),
        float(np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / np.sqrt(2)),
    ]


@pytest.mark.parametrize(
    "kind",
    ["random", "tied", "tied to one decimal", "half zero", "apart", "constant current", "gappy", "tiny",
     "huge", "negative", "one current value", "whole numbers", "32 bits", "32 bits tied", "32 bits gappy"],
)  # fmt: skip
def test_a_form_gives_what_scipy_gives(kernel: Kernel, kind: str) -> None:
    reference, current = BLOCKS[kind]
    unit = {"huge": 1e-100, "tiny": 1e12}.get(kind, 1.0)  # scipy squares what it is given
    scores = compare(kernel, reference, current)
    for row, (old, new) in enumerate(zip(reference, current, strict=True)):
        known = [sample[np.isfinite(sample)].astype(np.float64) for sample in (old, new)]
        expected = by_scipy(known[0] * unit, known[1] * unit)
        np.testing.assert_allclose(scores.value[row], expected, rtol=1e-9, atol=1e-12)


def test_what_says_too_little_has_its_reason(kernel: Kernel) -> None:
    rng = np.random.default_rng(0)
    reference, current = rng.normal(size=(4, 200)), rng.normal(size=(4, 24))
    current[0] = NAN
    current[1, 10:] = INF
    reference[2, 99:] = NAN
    scores = compare(kernel, reference, current, DriftLimits())
    for row, reason in enumerate(
        (Undefined.NO_CURRENT, Undefined.LOW_COVERAGE, Undefined.SHORT_REFERENCE, Undefined.DEFINED)
    ):
        assert set(scores.reason[row]) == {reason}
    np.testing.assert_array_equal(scores.n, [0, 10, 24, 24])
    np.testing.assert_array_equal(scores.coverage, [0.0, 10 / 24, 1.0, 1.0])
    half = kernel.drift(kernel.prepare(reference), current, DriftLimits(), EVERY_STATISTIC, width=48)
    np.testing.assert_array_equal(half.coverage, [0.0, 10 / 48, 0.5, 0.5])
    assert half.reason[3, 0] == Undefined.LOW_COVERAGE


def test_a_series_gets_the_same_in_any_block_and_any_room(kernel: Kernel) -> None:
    reference, current = BLOCKS["gappy"]
    whole = compare(kernel, reference, current)
    order = np.array([4, 1, 5])
    assert_identical(
        compare(kernel, reference[order], current[order]), Scores(
            whole.value[order], whole.reason[order], whole.n[order], whole.coverage[order]
        ),
    )  # fmt: skip
    for row in range(len(reference)):
        alone = compare(kernel, reference[row : row + 1], current[row : row + 1])
        np.testing.assert_array_equal(alone.value[0], whole.value[row])


def test_a_reference_may_be_a_read_only_file(kernel: Kernel, tmp_path) -> None:
    reference, current = BLOCKS["32 bits gappy"]
    prepared = kernel.prepare(reference)
    parts = (prepared.sample.values, prepared.sample.n, prepared.edges, prepared.shares, prepared.spread)
    for k, part in enumerate(parts):
        np.save(tmp_path / f"{k}.npy", part)
    values, n, edges, shares, spread = (np.load(tmp_path / f"{k}.npy", mmap_mode="r") for k in range(5))
    mapped = Reference(Sorted(values, n), edges, shares, spread)
    before = current.copy()
    ours = kernel.drift(mapped, current, ANYTHING, EVERY_STATISTIC)
    assert_identical(ours, kernel.drift(prepared, current, ANYTHING, EVERY_STATISTIC))
    np.testing.assert_array_equal(current, before)


def test_current_values_are_rounded_as_the_reference_is(kernel: Kernel) -> None:
    """100.1 is no 32-bit number: kept as it is, it would differ from each 100.1 of the reference."""
    reference = kernel.prepare(np.full((1, 200), 100.1, dtype=np.float32))
    current = np.array([[100.1, 1e300]])
    scores = kernel.drift(reference, current, DriftLimits(min_coverage=0.5), EVERY_STATISTIC)
    assert scores.value[0, 1] == 0.0
    assert scores.n[0] == 1, "1e300 is too large for 32 bits, so it is no value, and is not counted as one"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"bins": 5}, "the reference was prepared with 10 bins, not 5: prepare it anew"),
        ({"share_floor": 0.0}, "share_floor is a fraction above 0 and below 1, not 0.0"),
    ],
)
def test_limits_that_do_not_fit_are_named(kernel: Kernel, change: dict[str, float], text: str) -> None:
    prepared = kernel.prepare(np.ones((1, 3)))
    with pytest.raises(ValueError, match=text):
        kernel.drift(prepared, np.ones((1, 3)), replace(ANYTHING, **change), EVERY_STATISTIC)
    with pytest.raises(ValueError, match="2 series of current values for a reference of 1"):
        kernel.drift(prepared, np.ones((2, 3)), ANYTHING, EVERY_STATISTIC)
    with pytest.raises(ValueError, match="bins are 2 or more, not 1"):
        kernel.prepare(np.ones((1, 3)), 1)


# --- windows that move -------------------------------------------------------------------------------------


def cuts(*windows: tuple[int, int]) -> np.ndarray:
    return np.array(windows, dtype=np.int64).reshape(-1, 2)


PATHS: Mapping[str, tuple[np.ndarray, np.ndarray]] = {
    "an hour at a time": (
        cuts(*((k, k + 300) for k in range(60))), cuts(*((k + 300, k + 324) for k in range(60)))
    ),
    "a day at a time, with a gap": (
        cuts(*((24 * k, 24 * k + 300) for k in range(10))), cuts(*((24 * k + 310, 24 * k + 334) for k in range(10)))
    ),
    "a fixed reference": (
        cuts(*((0, 300) for _ in range(40))), cuts(*((3 * k + 300, 3 * k + 324) for k in range(40)))
    ),
    "jumps larger than the windows": (
        cuts((0, 50), (60, 110), (111, 161), (400, 450)), cuts((50, 60), (200, 210), (211, 221), (500, 510))
    ),
    "growing, standing, shrinking": (
        cuts((0, 0), (0, 3), (0, 120), (0, 160), (0, 160), (150, 160), (160, 160), (200, 240)),
        cuts((0, 5), (5, 5), (5, 30), (6, 31), (6, 31), (30, 31), (31, 31), (300, 301)),
    ),
    "one slot": (cuts((10, 200)), cuts((200, 224))),
    "no slot": (cuts(), cuts()),
}  # fmt: skip


def hours(kind: str) -> np.ndarray:
    rng = np.random.default_rng(8)
    values = rng.normal(100.0, 10.0, (4, 640))
    values[1] = np.round(values[1], -1)
    values[2, rng.random(640) < 0.3] = rng.choice([NAN, INF, -INF])
    values[3, 100:420] = NAN  # whole windows without a value, entered and left
    if kind == "zeros of both signs":
        values = np.where(values > 100, 0.0, -0.0) * np.ones((4, 1))
    return values.astype(np.float32 if kind == "32 bits" else np.float64)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", ["64 bits", "32 bits", "zeros of both signs"])
def test_rolling_is_preparing_and_comparing_each_slot(kernel: Kernel, path: str, kind: str) -> None:
    values, (reference, current) = hours(kind), PATHS[path]
    limits = DriftLimits(min_reference=20, min_coverage=0.3)
    rolled = kernel.roll(values, reference, current, limits, EVERY_STATISTIC)
    assert rolled.value.shape == (len(reference), 4, 5)
    for slot, ((start, stop), (first, last)) in enumerate(zip(reference, current, strict=True)):
        alone = compare(kernel, values[:, start:stop], values[:, first:last], limits)
        for name in Scores.__slots__:
            np.testing.assert_array_equal(getattr(rolled, name)[slot], getattr(alone, name), err_msg=name)
    assert_same(
        rolled, kernel_numpy.roll(values, reference, current, limits, EVERY_STATISTIC), list(STATISTICS)
    )


@pytest.mark.parametrize("kind", ["64 bits", "32 bits", "zeros of both signs"])
@pytest.mark.parametrize("cells", [0, 1, 40, 300])
def test_a_moved_reference_is_one_prepared_of_the_later_window(kernel: Kernel, kind: str, cells: int) -> None:
    values = hours(kind)
    moved = kernel.move(
        kernel.prepare(values[:, 20:320], 7), values[:, 20 : 20 + cells], values[:, 320 : 320 + cells]
    )
    anew = kernel.prepare(values[:, 20 + cells : 320 + cells], 7)
    np.testing.assert_array_equal(moved.sample.values, anew.sample.values)
    for name in ("edges", "shares", "spread"):
        np.testing.assert_array_equal(getattr(moved, name), getattr(anew, name), err_msg=name)
    np.testing.assert_array_equal(moved.sample.n, anew.sample.n)


def test_rolled_coverage_is_of_the_width_asked_for(kernel: Kernel) -> None:
    reference, current = PATHS["an hour at a time"]
    rolled = kernel.roll(hours("64 bits"), reference, current, ANYTHING, EVERY_STATISTIC, width=48)
    np.testing.assert_array_equal(rolled.coverage[:, 0], 0.5)


@pytest.mark.parametrize(
    ("reference", "current", "text"),
    [
        (cuts((0, 5), (1, 6)), cuts((6, 8)), "2 reference windows for 1 current windows"),
        (cuts((1, 5), (0, 5)), cuts((6, 8), (6, 8)), "a reference window moves back"),
        (cuts((0, 5), (0, 5)), cuts((6, 8), (6, 7)), "a current window moves back"),
        (cuts((0, 5)), cuts((6, 11)), "a current window does not lie within the 10 cells"),
        (cuts((3, 2)), cuts((6, 7)), "a reference window does not lie within the 10 cells"),
        (np.arange(2), np.arange(2), r"reference windows are \(slots, 2\)"),
    ],
)
def test_windows_that_cannot_be_are_named(
    kernel: Kernel, reference: np.ndarray, current: np.ndarray, text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        kernel.roll(np.ones((1, 10)), reference, current, ANYTHING, EVERY_STATISTIC)


# --- accuracy ----------------------------------------------------------------------------------------------


def sample(unit: float = 1.0, gaps: float = 0.0, **changes: object) -> Sample:
    """Twelve series; the last has a single pair, the one before it none, the third no other gap."""
    rng = np.random.default_rng(5)
    actual = rng.normal(100.0, 30.0, (12, 36)) * unit
    predicted = actual * rng.normal(1.02, 0.1, actual.shape)
    gap = rng.random(actual.shape) < gaps
    gap[2], gap[10], gap[11, 1:] = False, True, True
    beside = [
        np.where(rng.random(gap.shape) < gaps, rng.choice([NAN, INF]), predicted * k) for k in (0.9, 1.1, 0.7)
    ]
    made = Sample(
        actual=np.where(gap, NAN, actual),
        predicted=np.where(gap, NAN, predicted),
        lower=beside[0],
        upper=beside[1],
        naive=beside[2],
        floor=np.full((12, 1), 20.0 * unit),
        scale=np.full((12, 1), 15.0 * unit),
        tolerance=0.08,
        level=0.7,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def overflowing() -> Sample:
    """Pairs of the largest and smallest numbers there are."""
    rng = np.random.default_rng(9)
    extreme = np.array([0.0, -1.7e308, 1.7e308, 5e-324, 1.0, 1e154, -1e-200])
    block = [rng.choice(extreme, (300, 3)) for _ in range(5)]
    return Sample(*block, floor=0.0, scale=rng.choice([0.0, 5e-324, 1.0, 1e308, NAN, INF], (300, 1)))


def samples() -> Mapping[str, Sample]:
    whole = sample()
    zeros = np.zeros_like(whole.actual)
    return {
        "whole": whole,
        "gappy": sample(gaps=0.3),
        "nearly all gaps": sample(gaps=0.9),
        "tiny": sample(1e-12),
        "huge": sample(1e100),
        "hardly above nothing": sample(1e-300),
        "near overflow": sample(1e304),
        "overflow": overflowing(),
        "no interval, no baseline": sample(lower=None, upper=None, naive=None),
        "half an interval": sample(upper=None),
        "perfect": sample(predicted=whole.actual, naive=whole.actual),
        "constant actuals": sample(actual=np.where(np.isnan(whole.actual), NAN, 100.0)),
        "zero actuals": sample(actual=np.where(np.isnan(whole.actual), NAN, 0.0)),
        "zero actuals, no floor": sample(actual=np.where(np.isnan(whole.actual), NAN, 0.0), floor=0.0),
        "all zero": Sample(zeros, zeros, zeros, zeros, zeros, floor=0.0, scale=1.0),
        "all at the floor": sample(floor=1e6),
        "zero scale": sample(scale=np.zeros((12, 1))),
        "unknown scale": sample(scale=NAN),
        "scales of their own": sample(
            floor=np.abs(whole.predicted) * 0.9, scale=np.where(whole.predicted > 100, NAN, 3.0)
        ),
        "negative": sample(-1.0, floor=10.0, scale=3.0),
        "whole interval": sample(level=1.0, upper=np.full((12, 36), 1.7e308), lower=np.full((12, 36), -1.7e308)),
        "no times": Sample(np.empty((3, 0)), np.empty((3, 0)), floor=np.ones((3, 1)), scale=np.ones((3, 1))),
        "no series": Sample(np.empty((0, 5)), np.empty((0, 5)), floor=np.ones((0, 1)), scale=np.ones((0, 1))),
        "32 bits": Sample(
            *(values.astype(np.float32) for values in (whole.actual, whole.predicted, whole.lower, whole.upper))
        ),
    }  # fmt: skip


SAMPLES = samples()


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("min_coverage", [0.0, 0.6])
def test_every_metric_is_what_numpy_gives(kernel: Kernel, kind: str, min_coverage: float) -> None:
    series, times = SAMPLES[kind].actual.shape
    expected = np.full(series, times)
    expected[:1] = 0
    ours = kernel.score(SAMPLES[kind], expected, min_coverage, EVERY_METRIC)
    theirs = kernel_numpy.score(SAMPLES[kind], expected, min_coverage, EVERY_METRIC)
    assert_same(ours, theirs, list(METRICS))
    np.testing.assert_array_equal(np.isfinite(ours.value), ours.reason == 0)


@pytest.mark.parametrize("kind", ["whole", "gappy", "tiny", "huge", "negative", "32 bits"])
def test_metrics_are_what_scikit_learn_gives(kernel: Kernel, kind: str) -> None:
    block = SAMPLES[kind]
    given = list(METRICS)
    scores = kernel.score(block, np.full(12, 36), 0.0, EVERY_METRIC)
    unit = {"tiny": 1e12, "huge": 1e-100}.get(kind, 1.0)  # scikit-learn squares what it is given
    for row in range(10):
        pair = ~np.isnan(block.actual[row])
        a, p = (values[row, pair].astype(np.float64) * unit for values in (block.actual, block.predicted))
        for name, expected in {
            "mae": sk.mean_absolute_error(a, p) / unit,
            "rmse": sk.root_mean_squared_error(a, p) / unit,
            "r2": sk.r2_score(a, p),
            "bias": float(np.mean(p - a)) / unit,
            "wape": float(np.abs(p - a).sum() / np.maximum(np.abs(a), np.broadcast_to(block.floor, (12, 1))[row] * unit).sum()),
        }.items():  # fmt: skip
            assert scores.value[row, given.index(name)] == pytest.approx(expected, rel=1e-9), (name, row)


def test_reasons_of_metrics_are_all_met(kernel: Kernel) -> None:
    """The cases above do meet every reason that a metric can give."""
    met: set[int] = set()
    for block in SAMPLES.values():
        met |= set(
            kernel.score(block, np.full(len(block.actual), 36), 0.0, EVERY_METRIC).reason.ravel().tolist()
        )
    assert met == {
        Undefined.DEFINED, Undefined.NO_PAIRS, Undefined.ACTUALS_AT_FLOOR, Undefined.CONSTANT_ACTUALS,
        Undefined.NO_INTERVAL, Undefined.NO_SCALE, Undefined.NOT_FINITE, Undefined.NO_BASELINE,
    }  # fmt: skip


# --- what other packages add -------------------------------------------------------------------------------


def _highest(comparison: Comparison) -> Values:
    rise = np.nanmax(comparison.current.values, axis=1) - np.nanmax(
        comparison.reference.sample.values, axis=1
    )
    assert comparison.reference.sample.values.dtype == comparison.current.values.dtype == np.float64
    return Values(rise, np.zeros(len(rise), dtype=np.uint8))


def _largest(block: Sample) -> Values:
    return Values(np.nanmax(block.absolute_error, axis=1), np.zeros(len(block.actual), dtype=np.uint8))


HIGHEST = Statistic("highest", _highest, "Highest", "The rise of the highest value.")
LARGEST = Metric("largest", _largest, "lower", "load", "Largest error")
OTHER = -1
PICKS = ([OTHER], [2, OTHER, 0], [0, 1, 2, 3, 4, OTHER], [])


@pytest.mark.parametrize("pick", PICKS, ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_statistics_of_other_packages_stand_beside_ours(kernel: Kernel, pick: list[int], dtype: type) -> None:
    reference, current = (block.astype(dtype) for block in BLOCKS["random"])
    asked = [HIGHEST if k == OTHER else EVERY_STATISTIC[k] for k in pick]
    scores = kernel.drift(kernel.prepare(reference), current, ANYTHING, asked)
    assert_same(
        scores,
        kernel_numpy.drift(kernel_numpy.prepare(reference), current, ANYTHING, asked),
        [s.name for s in asked],
    )
    windows = (cuts((0, 400), (1, 401)), cuts((400, 450), (401, 451)))
    assert_same(
        kernel.roll(reference, *windows, ANYTHING, asked),
        kernel_numpy.roll(reference, *windows, ANYTHING, asked),
        [s.name for s in asked],
    )


@pytest.mark.parametrize("pick", PICKS, ids=str)
def test_metrics_of_other_packages_stand_beside_ours(kernel: Kernel, pick: list[int]) -> None:
    block = one_pair_at_least(SAMPLES["whole"])
    asked = [LARGEST if k == OTHER else EVERY_METRIC[k] for k in pick]
    expected = np.full(len(block.actual), 36)
    ours = kernel.score(block, expected, 0.6, asked)
    assert_same(ours, kernel_numpy.score(block, expected, 0.6, asked), [m.name for m in asked])


def one_pair_at_least(block: Sample) -> Sample:
    """Without the series that has no pair, for a metric that does not know what to say of it."""
    rows = np.r_[0:10, 11]
    cells = {name: getattr(block, name)[rows] for name in ("actual", "predicted", "lower", "upper", "naive")}
    return replace(block, **cells, floor=1.0, scale=1.0)


def test_a_metric_that_takes_one_of_our_names_is_itself(kernel: Kernel) -> None:
    impostor = replace(METRICS["mae"], rows=_largest)
    block = one_pair_at_least(SAMPLES["whole"])
    scores = kernel.score(block, np.full(11, 36), 0.0, [impostor])
    np.testing.assert_array_equal(scores.value[:, 0], _largest(block).value)
