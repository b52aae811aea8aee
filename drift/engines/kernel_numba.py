"""The compiled form of the kernel: what drift itself measures is compiled, what other packages add to the
tables is computed by their own functions beside it, in the same scores.

It pays for itself where there is much to measure: it costs a second to load, and a few more once, when a
machine first compiles it. It runs without the GIL, so blocks of series may be mapped over threads.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from drift.domain import Codes, Floats
from drift.engines import compiled_metrics, compiled_statistics, kernel_numpy
from drift.engines.base import (
    Counts,
    Cuts,
    DriftLimits,
    Scores,
    check_bins,
    check_cuts,
    check_fit,
    compared,
    narrow_or_wide,
    scored,
)
from drift.engines.compiled_sort import sort_rows
from drift.metrics import METRICS
from drift.metrics.base import Metric, Sample
from drift.statistics import STATISTICS
from drift.statistics.base import BINS, Reference, Sorted, Statistic

NAME = "numba"
MOVED = 48  # cells that leave or enter a window in one slot: where it is more, sorting it anew is cheaper

Entry = TypeVar("Entry", Metric, Statistic)


def score(sample: Sample, expected: Counts, min_coverage: float, metrics: Sequence[Metric]) -> Scores:
    """Every metric of every series (`Kernel.score`)."""
    shape = sample.actual.shape
    value, reason = _room((shape[0], len(compiled_metrics.NAMES)))
    n = np.empty(shape[0], dtype=np.int64)
    actual, predicted = _rows(sample.actual, shape), _rows(sample.predicted, shape)
    lower, upper, naive = (_rows(values, shape) for values in (sample.lower, sample.upper, sample.naive))
    floor, scale = _scales(sample.floor, shape), _scales(sample.scale, shape)
    compiled_metrics.score_rows(
        actual, predicted, lower, upper, naive, floor, scale,
        float(sample.tolerance), float(sample.level), value, reason, n,
    )  # fmt: skip
    return _beside(
        scored(value, reason, n, expected, min_coverage),
        metrics,
        _places(metrics, METRICS, compiled_metrics.NAMES),
        lambda others: kernel_numpy.score(sample, expected, min_coverage, others),
    )


def prepare(values: NDArray[Any], bins: int = BINS, *, overwrite: bool = False) -> Reference:
    """A sorted reference with its edges, shares and spread (`Kernel.prepare`)."""
    check_bins(bins)
    ordered = sort_rows(values, narrow_or_wide(values), overwrite=overwrite)
    series = len(ordered.n)
    edges, shares, spread = np.empty((series, bins - 1)), np.empty((series, bins)), np.empty(series)
    compiled_statistics.prepare_rows(_fixed(ordered.values), ordered.n, edges, shares, spread)
    return Reference(ordered, edges, shares, spread)


def move(reference: Reference, leaving: NDArray[Any], entering: NDArray[Any]) -> Reference:
    """The sorted reference with a few values exchanged (`Kernel.move`)."""
    old, dtype = reference.sample, reference.sample.values.dtype
    gone, come = sort_rows(leaving, dtype), sort_rows(entering, dtype)
    width = old.values.shape[1] - leaving.shape[1] + entering.shape[1]
    values = np.empty((len(old.n), max(width, 1)), dtype)
    edges, shares = np.empty(reference.edges.shape), np.empty(reference.shares.shape)
    n, spread = np.empty(len(old.n), dtype=np.int64), np.empty(len(old.n))
    compiled_statistics.move_rows(
        _fixed(old.values), _fixed(gone.values), _fixed(come.values), _own(old.n), gone.n, come.n,
        values, n, edges, shares, spread,
    )  # fmt: skip
    return Reference(Sorted(values, n), edges, shares, spread)


def drift(
    reference: Reference,
    current: NDArray[Any],
    limits: DriftLimits,
    statistics: Sequence[Statistic],
    width: int | None = None,
) -> Scores:
    """Every statistic of every series (`Kernel.drift`)."""
    check_fit(reference, current, limits)
    now = sort_rows(current, reference.sample.values.dtype)
    value, reason = _room((len(now.n), len(compiled_statistics.NAMES)))
    n, edges, shares, spread = map(
        _own, (reference.sample.n, reference.edges, reference.shares, reference.spread)
    )
    compiled_statistics.compare_rows(
        _fixed(reference.sample.values), _fixed(now.values), n, now.n, edges, shares, spread,
        float(limits.share_floor), value, reason,
    )  # fmt: skip
    whole = np.full(len(now.n), current.shape[1] if width is None else width, dtype=np.int64)
    return _beside(
        compared(value, reason, now.n, reference.sample.n, whole, limits),
        statistics,
        _places(statistics, STATISTICS, compiled_statistics.NAMES),
        lambda others: kernel_numpy.drift(reference, current, limits, others, width),
    )


def roll(
    values: NDArray[Any],
    reference: Cuts,
    current: Cuts,
    limits: DriftLimits,
    statistics: Sequence[Statistic],
    width: int | None = None,
) -> Scores:
    """Slot after slot; a window is sorted anew where it jumps, else only moved on (`Kernel.roll`)."""
    check_cuts(values.shape[1], reference, current)
    check_bins(limits.bins)
    slots, series = len(reference), len(values)
    value, reason = _room((slots, series, len(compiled_statistics.NAMES)))
    n, m = (np.empty((slots, series), dtype=np.int64) for _ in range(2))
    kept = _fixed(values.astype(narrow_or_wide(values), copy=False))
    for run in _runs(reference, current):
        _roll_run(kept, reference[run], current[run], limits, value[run], reason[run], n[run], m[run])
    cells = current[:, 1:] - current[:, :1]
    whole = cells if width is None else np.full_like(cells, width)
    return _beside(
        compared(value, reason, m, n, whole, limits),
        statistics,
        _places(statistics, STATISTICS, compiled_statistics.NAMES),
        lambda others: kernel_numpy.roll(values, reference, current, limits, others, width),
    )


def _runs(reference: Cuts, current: Cuts) -> list[slice]:
    """The slots in runs in which no window moves far."""
    moved = np.abs(np.diff(np.hstack([reference, current]), axis=0)).max(axis=1, initial=0)
    starts = [0, *(np.flatnonzero(moved > MOVED) + 1).tolist(), len(reference)]
    return [slice(start, stop) for start, stop in itertools.pairwise(starts) if start < stop]


def _roll_run(
    values: NDArray[Any], reference: Cuts, current: Cuts, limits: DriftLimits,
    value: Floats, reason: Codes, n: Counts, m: Counts,
) -> None:  # fmt: skip
    """A run of slots: the first slot's windows are sorted, and the compiled form moves them on."""
    rooms = []
    for cuts, count in ((reference, n), (current, m)):
        ordered = sort_rows(values[:, cuts[0, 0] : cuts[0, 1]], values.dtype)
        longest = max(int((cuts[:, 1] - cuts[:, 0]).max()), 1)
        room = np.empty((2, len(values), longest), dtype=values.dtype)
        room[0, :, : ordered.values.shape[1]] = ordered.values
        rooms.append(room)
        count[0] = ordered.n
    few = np.empty((2, MOVED), dtype=values.dtype)
    compiled_statistics.roll_rows(
        values, _own(reference), _own(current),
        (rooms[0], rooms[1]), (_fixed(rooms[0]), _fixed(rooms[1])),
        few, limits.bins, float(limits.share_floor), value, reason, n, m,
    )  # fmt: skip


def _room(shape: tuple[int, ...]) -> tuple[Floats, Codes]:
    return np.empty(shape), np.empty(shape, dtype=np.uint8)


def _fixed(values: NDArray[Any]) -> NDArray[Any]:
    """The same cells, contiguous and read-only: one type for the compiler, a file's cells or not."""
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view


def _own(values: NDArray[Any]) -> NDArray[Any]:
    """The same small array, contiguous and writeable; copied if it is a file's."""
    return np.require(values, requirements=["C", "W"])


def _rows(values: Floats | None, shape: tuple[int, ...]) -> Floats:
    """A cell for each time, or none at all."""
    if values is None:
        return _fixed(np.empty((shape[0], 0)))
    return _fixed(np.broadcast_to(np.asarray(values, dtype=np.float64), shape))


def _scales(values: Floats | float, shape: tuple[int, ...]) -> Floats:
    """A cell for each series, or for each time of it."""
    wide = np.atleast_2d(np.asarray(values, dtype=np.float64))
    return _fixed(np.broadcast_to(wide, shape if wide.shape[1] == shape[1] else (shape[0], 1)))


def _places(asked: Sequence[Entry], table: Mapping[str, Entry], names: tuple[str, ...]) -> list[int | None]:
    """Where each entry stands among the compiled ones; None: it is of another package, or not compiled."""
    return [
        names.index(entry.name) if table.get(entry.name) is entry and entry.name in names else None
        for entry in asked
    ]


def _beside(
    compiled: Scores,
    asked: Sequence[Entry],
    places: list[int | None],
    of_others: Callable[[list[Entry]], Scores],
) -> Scores:
    """The compiled scores that were asked for, and beside them the others, in the order asked for."""
    if places == list(range(compiled.value.shape[-1])):
        return compiled
    here = [k for k, place in enumerate(places) if place is not None]
    there = [k for k, place in enumerate(places) if place is None]
    taken = [place for place in places if place is not None]
    value, reason = _room((*compiled.value.shape[:-1], len(places)))
    value[..., here], reason[..., here] = compiled.value[..., taken], compiled.reason[..., taken]
    if there:
        others = of_others([asked[k] for k in there])
        value[..., there], reason[..., there] = others.value, others.reason
    return replace(compiled, value=value, reason=reason)
