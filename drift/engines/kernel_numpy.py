"""The NumPy form of the kernel, written to be plainly right: each metric and each statistic is one call
over the block. It runs everywhere, and it is what the compiled form is held against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.domain import Floats
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
    sortable,
)
from drift.metrics.base import Metric, Sample
from drift.statistics.base import BINS, Reference, Sorted, Statistic, compare
from drift.statistics.base import prepare as prepare_sorted

NAME = "numpy"


def score(sample: Sample, expected: Counts, min_coverage: float, metrics: Sequence[Metric]) -> Scores:
    """Every metric of every series (`Kernel.score`)."""
    sample = _wide(sample)
    value = np.empty((len(expected), len(metrics)))
    reason = np.empty(value.shape, dtype=np.uint8)
    for m, metric in enumerate(metrics):
        value[:, m], reason[:, m] = metric.rows(sample)
    return scored(value, reason, sample.n.astype(np.int64), expected, min_coverage)


def _wide(sample: Sample) -> Sample:
    """The sample in float64, which all sums are in."""
    given = {field.name: getattr(sample, field.name) for field in fields(sample)}
    narrow: dict[str, Any] = {
        name: values.astype(np.float64)
        for name, values in given.items()
        if isinstance(values, np.ndarray) and values.dtype != np.float64
    }
    return replace(sample, **narrow) if narrow else sample


def prepare(values: NDArray[Any], bins: int = BINS, *, overwrite: bool = False) -> Reference:
    """A sorted reference with its edges, shares and spread (`Kernel.prepare`)."""
    check_bins(bins)
    ordered = sort_rows(values, narrow_or_wide(values), overwrite=overwrite)
    return replace(prepare_sorted(_wide_sorted(ordered), bins), sample=ordered)


def move(reference: Reference, leaving: NDArray[Any], entering: NDArray[Any]) -> Reference:
    """The values of the later window, sorted and prepared (`Kernel.move`)."""
    ordered, dtype = reference.sample, reference.sample.values.dtype
    gone, come = sort_rows(leaving, dtype), sort_rows(entering, dtype)
    width = ordered.values.shape[1] - leaving.shape[1] + entering.shape[1]
    moved = np.full((len(ordered.n), width), np.nan, dtype)
    for row, (n, out, into) in enumerate(zip(ordered.n, gone.n, come.n, strict=True)):
        old, lost = ordered.values[row, :n], gone.values[row, :out]
        at = old.searchsorted(lost) + np.arange(out) - lost.searchsorted(lost)  # each of equal values once
        moved[row, : n - out + into] = np.concatenate([np.delete(old, at), come.values[row, :into]])
    return prepare(moved, reference.shares.shape[1], overwrite=True)


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
    wide = replace(reference, sample=_wide_sorted(reference.sample))
    comparison = compare(wide, _wide_sorted(now), limits.share_floor)
    value = np.empty((len(now.n), len(statistics)))
    reason = np.empty(value.shape, dtype=np.uint8)
    for k, statistic in enumerate(statistics):
        value[:, k], reason[:, k] = statistic.rows(comparison)
    whole = np.int64(current.shape[1] if width is None else width)
    return compared(value, reason, now.n, reference.sample.n, np.full(len(now.n), whole), limits)


def roll(
    values: NDArray[Any],
    reference: Cuts,
    current: Cuts,
    limits: DriftLimits,
    statistics: Sequence[Statistic],
    width: int | None = None,
) -> Scores:
    """Slot by slot; a reference that did not move is prepared once (`Kernel.roll`)."""
    check_cuts(values.shape[1], reference, current)
    slots, series = len(reference), len(values)
    rolled = Scores(
        value=np.empty((slots, series, len(statistics))),
        reason=np.empty((slots, series, len(statistics)), dtype=np.uint8),
        n=np.empty((slots, series), dtype=np.int64),
        coverage=np.empty((slots, series)),
    )
    for slot, ((start, stop), (first, last)) in enumerate(zip(reference, current, strict=True)):
        if slot == 0 or (reference[slot] != reference[slot - 1]).any():
            prepared = prepare(values[:, start:stop], limits.bins)
        scores = drift(prepared, values[:, first:last], limits, statistics, width)
        for name in Scores.__slots__:
            getattr(rolled, name)[slot] = getattr(scores, name)
    return rolled


def sort_rows(values: NDArray[Any], dtype: np.dtype[Any], *, overwrite: bool = False) -> Sorted:
    """Each row ascending in that dtype, with what is not finite as NaN at its end.

    NumPy sorts NaN to the end and the infinities to both, so the finite values lie together and only the
    rows that do not end in one need a second look.
    """
    kept = sortable(values, dtype, overwrite=overwrite)
    kept.sort(axis=1)
    n = np.full(len(kept), kept.shape[1], dtype=np.int64)
    for row in np.flatnonzero(~(np.isfinite(kept[:, 0]) & np.isfinite(kept[:, -1]))):
        cells = kept[row]
        first, last = cells.searchsorted(-np.inf, side="right"), cells.searchsorted(np.inf)
        n[row] = last - first
        cells[: n[row]] = cells[first:last]
        cells[n[row] :] = np.nan
    return Sorted(kept, n)


def _wide_sorted(sample: Sorted) -> Sorted:
    """The same sample in float64, which all figures are in."""
    wide: Floats = sample.values.astype(np.float64, copy=False)
    return Sorted(wide, sample.n)
