"""The compiled form beside itself: kept on disk, threads at once, and in step with the tables."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from drift.metrics import METRICS
from drift.statistics import STATISTICS

pytest.importorskip("numba", reason="numba (extra fast) is not installed")

from drift.engines import compiled_metrics, compiled_statistics, kernel_numba
from drift.engines.base import DriftLimits
from drift.engines.jit import entry

ANYTHING = DriftLimits(min_reference=0, min_coverage=0.0)
EVERY_STATISTIC = list(STATISTICS.values())


def test_what_is_compiled_is_what_the_tables_have() -> None:
    """A metric of ours that is not compiled would still be measured, by its own function, and slowly."""
    assert tuple(METRICS) == compiled_metrics.NAMES
    assert tuple(STATISTICS) == compiled_statistics.NAMES


def test_a_second_process_compiles_nothing(repository: Path) -> None:
    code = (
        "import numpy as np\n"
        "from drift.engines import kernel_numba, compiled_sort, compiled_statistics\n"
        "kernel_numba.prepare(np.ones((1, 9)))\n"
        "stats = [f.stats for f in (compiled_sort.trim, compiled_statistics.prepare_rows)]\n"
        "print(sum(sum(s.cache_misses.values()) for s in stats), sum(sum(s.cache_hits.values()) for s in stats))"
    )
    kernel_numba.prepare(np.ones((1, 9)))  # this process is the first
    ran = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True)
    assert ran.stdout.split() == ["0", "2"], ran.stderr


def test_without_a_place_to_keep_it_a_function_is_compiled_all_the_same() -> None:
    """Numba keeps no function that came from no file, as it keeps none where it may not write."""
    scope: dict[str, object] = {}
    exec("def twice(x):\n    return 2 * x", scope)  # noqa: S102
    assert entry(scope["twice"])(21) == 42  # type: ignore[type-var,operator]


def test_blocks_on_several_threads_get_what_they_get_on_one() -> None:
    rng = np.random.default_rng(1)
    blocks = [(rng.normal(size=(5, 300)), rng.normal(size=(5, 24))) for _ in range(40)]

    def work(block: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        reference, current = block
        return kernel_numba.drift(kernel_numba.prepare(reference), current, ANYTHING, EVERY_STATISTIC).value

    with ThreadPoolExecutor(4) as pool:
        for at_once, alone in zip(pool.map(work, blocks), map(work, blocks), strict=True):
            np.testing.assert_array_equal(at_once, alone)


def test_windows_that_jump_are_sorted_anew_and_others_moved_on() -> None:
    far = kernel_numba.MOVED + 1
    starts = np.cumsum([0, 1, 1, far, 1, kernel_numba.MOVED, far])
    reference, current = (
        np.stack([starts, starts + 500], axis=1),
        np.stack([starts + 500, starts + 524], axis=1),
    )
    runs = kernel_numba._runs(reference, current)
    assert [(run.start, run.stop) for run in runs] == [(0, 3), (3, 6), (6, 7)]
    assert all(a.stop == b.start for a, b in pairwise(runs))


def test_arrays_that_do_not_fit_are_refused() -> None:
    """The compiled code does not look whether a cell exists."""
    good, bad = np.ones((3, 24)), np.ones((3, 23))
    for name in ("predicted", "lower", "upper", "naive", "floor", "scale"):
        cells = {"actual": good, "predicted": good, name: bad}
        with pytest.raises(ValueError, match=r"shape|broadcast"):
            kernel_numba.score(kernel_numba.Sample(**cells), np.full(3, 24), 0.6, list(METRICS.values()))
    with pytest.raises(ValueError, match=r"shape|broadcast"):
        kernel_numba.score(kernel_numba.Sample(good, good), np.full(2, 24), 0.6, list(METRICS.values()))
