"""What a kernel is: whole series in, all metrics and statistics out. Pure, and the same on every engine.

There are two forms of it, each a module with the functions of `Kernel`: `kernel_numpy` is plainly right and
runs everywhere, `kernel_numba` is compiled. One contract suite holds them equal. A block is `(series,
cells)` with NaN where there is no value; what a series gets never depends on the block that it is in.

Sorting a reference is the dear part of a statistic and a reference changes slowly, so `prepare` stands
apart from `drift` and its result can be kept; `move` brings a kept one up to a later window, and `roll`
follows windows that move forward, slot after slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.domain import Codes, Floats, Undefined
from drift.metrics.base import Metric, Sample
from drift.statistics.base import BINS, SHARE_FLOOR, Reference, Statistic

Counts: TypeAlias = NDArray[np.int64]
Cuts: TypeAlias = NDArray[
    np.int64
]  # `(slots, 2)`: the first cell of each slot's window and the one after its last


@dataclass(frozen=True, slots=True)
class Scores:
    """Values and reasons `(series, names)`, with the pairs or values they stand on and their coverage.

    What `roll` gives has an axis of slots before these.
    """

    value: Floats
    reason: Codes
    n: Counts
    coverage: Floats


@dataclass(frozen=True, slots=True)
class DriftLimits:
    """What a comparison needs before it says anything, and how it bins."""

    bins: int = BINS
    share_floor: float = SHARE_FLOOR
    min_reference: int = 100
    min_coverage: float = 0.6


class Kernel(Protocol):
    """The functions of a kernel, as each of its two modules has them."""

    @property
    def NAME(self) -> str:  # noqa: N802  # a module's constant
        """`numpy` or `numba`."""
        ...

    def score(
        self, sample: Sample, expected: Counts, min_coverage: float, metrics: Sequence[Metric]
    ) -> Scores:
        """Every metric of every series.

        Below the minimum coverage there is none, with that as the reason. `expected` is the pairs each
        series should have; a series that expects none has coverage 0.
        """
        ...

    def prepare(self, values: NDArray[Any], bins: int = BINS, *, overwrite: bool = False) -> Reference:
        """A reference `(series, n)`, sorted, with its bin edges, its shares of the bins, and its spread.

        float32 values stay float32, at half the memory; all else is float64, as are all figures of them.
        With `overwrite` the values may be sorted where they are, which saves a copy of them.
        """
        ...

    def move(self, reference: Reference, leaving: NDArray[Any], entering: NDArray[Any]) -> Reference:
        """A reference some cells later: without the cells `(series, k)` that leave it, with those that enter.

        It is what `prepare` gives for the later window, to the last bit, without sorting it anew.
        """
        ...

    def drift(
        self,
        reference: Reference,
        current: NDArray[Any],
        limits: DriftLimits,
        statistics: Sequence[Statistic],
        width: int | None = None,
    ) -> Scores:
        """Every statistic of every series: a prepared reference against `current` `(series, m)`.

        Too short a reference, or too little of the current window, gives no statistic. `width` is the
        values a whole current window has; without it, that is the cells of `current`. The current values
        are rounded to the reference's dtype, or equal values would differ.
        """
        ...

    def roll(
        self,
        values: NDArray[Any],
        reference: Cuts,
        current: Cuts,
        limits: DriftLimits,
        statistics: Sequence[Statistic],
        width: int | None = None,
    ) -> Scores:
        """What `prepare` and `drift` give for the windows of each slot, with a leading axis of slots.

        `values` is `(series, times)`; each slot's reference and current windows are cut from it. Windows
        only move forward: neither their starts nor their stops go back from slot to slot.
        """
        ...


def check_bins(bins: int) -> None:
    """There are bins to compare.

    Raises:
        ValueError: fewer than two.
    """
    if bins < 2:
        raise ValueError(f"bins are 2 or more, not {bins!r}")


def check_fit(reference: Reference, current: NDArray[Any], limits: DriftLimits) -> None:
    """Reference and current values are of the same series, and the limits are those it was prepared with.

    Raises:
        ValueError: they are not, or a limit makes no sense; the text says which number.
    """
    series, bins = reference.shares.shape
    if len(current) != series:
        raise ValueError(f"{len(current)} series of current values for a reference of {series}")
    if bins != limits.bins:
        raise ValueError(f"the reference was prepared with {bins} bins, not {limits.bins}: prepare it anew")
    if not 0 < limits.share_floor < 1:
        raise ValueError(f"share_floor is a fraction above 0 and below 1, not {limits.share_floor!r}")


def check_cuts(times: int, reference: Cuts, current: Cuts) -> None:
    """The windows of all slots lie within the values and move forward only.

    Raises:
        ValueError: they do not; the text says whose and how.
    """
    if len(reference) != len(current):
        raise ValueError(f"{len(reference)} reference windows for {len(current)} current windows")
    for name, cuts in (("reference", reference), ("current", current)):
        if cuts.ndim != 2 or cuts.shape[1] != 2:
            raise ValueError(f"{name} windows are (slots, 2): start and stop cells, not {cuts.shape}")
        start, stop = cuts[:, 0], cuts[:, 1]
        if (start < 0).any() or (stop > times).any() or (stop < start).any():
            raise ValueError(f"a {name} window does not lie within the {times} cells of the values")
        if (np.diff(cuts, axis=0) < 0).any():
            raise ValueError(f"a {name} window moves back: slots come in the order of time")


def narrow_or_wide(values: NDArray[Any]) -> np.dtype[Any]:
    """The dtype that values are kept in: float32 stays, all else is float64."""
    return np.dtype(np.float32 if values.dtype == np.float32 else np.float64)


def rounded(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The values in that dtype, at least a cell wide. One that is too large for it is no value."""
    if values.shape[1] == 0:
        return np.full((len(values), 1), np.nan, dtype)
    with np.errstate(over="ignore"):
        return values.astype(dtype, copy=False)


def sortable(values: NDArray[Any], dtype: np.dtype[Any], *, overwrite: bool) -> NDArray[Any]:
    """The values in that dtype, in rows that may be sorted: a copy, unless they may be overwritten."""
    kept = rounded(values, dtype)
    if overwrite or kept is not values:
        return np.require(kept, requirements=["C", "W"])
    return np.array(kept, order="C")


def scored(value: Floats, reason: Codes, n: Counts, expected: Counts, min_coverage: float) -> Scores:
    """Metrics as they came out, without those of series whose coverage is below the minimum."""
    coverage = np.divide(n, expected, out=np.zeros(len(expected)), where=expected > 0)
    few = (coverage < min_coverage) & (n > 0)
    reason[few] = Undefined.LOW_COVERAGE
    value[few] = np.nan
    return Scores(value, reason, n, coverage)


def compared(
    value: Floats, reason: Codes, n: Counts, of_reference: Counts, width: Counts, limits: DriftLimits
) -> Scores:
    """Statistics as they came out, without those of samples that say too little.

    `n` and `of_reference` count the values of the current window and of the reference. Arrays may have a
    leading axis of slots, which `width` then has too.
    """
    coverage = n / np.maximum(width, 1)
    cases = (
        (n == 0, Undefined.NO_CURRENT),
        (coverage < limits.min_coverage, Undefined.LOW_COVERAGE),
        (of_reference < limits.min_reference, Undefined.SHORT_REFERENCE),
    )
    for holds, code in reversed(cases):  # the first case has the last word
        reason[holds] = code
        value[holds] = np.nan
    return Scores(value, reason, n, coverage)
