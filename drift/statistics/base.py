"""What a drift statistic is: a pure function of a sorted reference and a sorted current sample.

As with metrics, the formula stands once, for a block of series (axis 0) whose values are sorted along
axis 1 with NaN last; what people call on two 1-D samples is that function on a block of one. What only
depends on the reference (edges, shares, spread) is prepared once, since it is the dear part:

    sort_block(reference) ─▶ prepare ─▶ compare(…, sort_block(current)) ─▶ each statistic's rows
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drift.domain import Floats, Undefined
from drift.values import Values, only_value, quiet, where_undefined

__all__ = ["Comparison", "Reference", "Sorted", "Statistic", "Values", "compare", "prepare", "sort_block"]

BINS = 10
SHARE_FLOOR = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Sorted:
    """Samples of a block of series: `values` `(series, width)` ascending with NaN last, `n` finite each."""

    values: Floats
    n: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A sorted reference with what the statistics need of it.

    `edges` `(series, bins − 1)` are its inner quantiles (linear interpolation, as NumPy's default) at
    1/bins, 2/bins …; `shares` `(series, bins)` its own mass in the bins (−∞, e₁], (e₁, e₂] … (eₖ, ∞);
    `spread` its standard deviation (population, ddof 0).
    """

    sample: Sorted
    edges: Floats
    shares: Floats
    spread: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A prepared reference and a sorted current sample of the same series; the current shares of the bins."""

    reference: Reference
    current: Sorted
    shares: Floats
    share_floor: float = SHARE_FLOOR


@dataclass(frozen=True, slots=True)
class Statistic:
    """An entry in the table of statistics. `definition` is the sentence that a report shows."""

    name: str
    rows: Callable[[Comparison], Values]
    title: str
    definition: str


def sort_block(values: Floats) -> Sorted:
    """Each row ascending, with what is not finite as NaN at its end. A block is at least one cell wide.

    >>> sort_block(np.array([[3.0, np.inf, 1.0], [np.nan, 2.0, 2.0]]))
    Sorted(values=array([[ 1.,  3., nan], [ 2.,  2., nan]]), n=array([2, 2]))
    """
    if values.shape[1] == 0:
        values = np.full((len(values), 1), np.nan)
    finite = np.isfinite(values)
    kept = values.astype(np.float64) if finite.all() else np.where(finite, values, np.nan)
    kept.sort(axis=1)
    return Sorted(kept, finite.sum(axis=1, dtype=np.int64))


def prepare(sample: Sorted, bins: int = BINS) -> Reference:
    """The reference's bin edges, its own shares of the bins, and its spread."""
    if bins < 2:
        raise ValueError(f"bins are 2 or more, not {bins!r}")
    edges = _edges(sample, bins)
    return Reference(sample, edges, _shares(sample, edges), _spread(sample))


def compare(reference: Reference, current: Sorted, share_floor: float = SHARE_FLOOR) -> Comparison:
    """A prepared reference beside the current sample of the same series."""
    if not 0 < share_floor < 1:
        raise ValueError(f"share_floor is a fraction above 0 and below 1, not {share_floor!r}")
    return Comparison(reference, current, _shares(current, reference.edges), share_floor)


@quiet
def _edges(sample: Sorted, bins: int) -> Floats:
    """The inner quantiles, to the last bit as `np.quantile` has them: a tied value lies on an edge."""
    last = np.maximum(sample.n - 1, 0)[:, np.newaxis]
    position = last * (np.arange(1, bins) / bins)
    left = position.astype(np.intp)
    a = np.take_along_axis(sample.values, left, axis=1)
    b = np.take_along_axis(sample.values, np.minimum(left + 1, last), axis=1)
    t = position - left
    edges = np.where(t < 0.5, a + (b - a) * t, b - (b - a) * (1.0 - t))
    return np.where(np.isfinite(edges), edges, a * (1.0 - t) + b * t)  # where b − a overflows


@quiet
def _shares(sample: Sorted, edges: Floats) -> Floats:
    """The mass of each row in (−∞, e₁], (e₁, e₂] … (eₖ, ∞); NaN for a row without values."""
    up_to = np.zeros((len(edges), edges.shape[1] + 2))
    for row, (values, inner) in enumerate(zip(sample.values, edges, strict=True)):
        up_to[row, 1:-1] = values.searchsorted(inner, side="right")
    up_to[:, -1] = sample.n
    return np.diff(up_to, axis=1) / sample.n[:, np.newaxis]


@quiet
def _spread(sample: Sorted) -> Floats:
    """The standard deviation (ddof 0), in units of the range so that no square overflows or vanishes."""
    lowest, highest = ends(sample)
    span = highest - lowest
    place = (sample.values - lowest[:, np.newaxis]) / span[:, np.newaxis]
    known = np.isfinite(place)
    mean = np.where(known, place, 0.0).sum(axis=1) / sample.n
    away = np.where(known, place - mean[:, np.newaxis], 0.0)
    return np.where(span > 0, span * np.sqrt((away * away).sum(axis=1) / sample.n), span)


def ends(sample: Sorted) -> tuple[Floats, Floats]:
    """The lowest and the highest value of each row; NaN for a row without values."""
    last = np.maximum(sample.n - 1, 0)
    return sample.values[:, 0], sample.values[np.arange(len(last)), last]


def judge(value: Floats, comparison: Comparison, *, least: int, constant: bool = False) -> Values:
    """The values, with the reason where there is none.

    That is without current values, with fewer than `least` reference values, and, unless `constant` says
    that it is fine, with a reference whose values are all equal.
    """
    reference = comparison.reference.sample
    lowest, highest = ends(reference)
    same = np.zeros(len(value), dtype=np.bool_) if constant else lowest == highest
    return where_undefined(
        value,
        (comparison.current.n == 0, Undefined.NO_CURRENT),
        (reference.n < least, Undefined.SHORT_REFERENCE),
        (same, Undefined.CONSTANT_REFERENCE),
    )


def scalar(
    statistic: Statistic,
    reference: ArrayLike,
    current: ArrayLike,
    bins: int = BINS,
    share_floor: float = SHARE_FLOOR,
) -> float:
    """The statistic of two 1-D samples, as a float.

    Raises:
        UndefinedError: it has no value; `reason` says why.
    """
    prepared = prepare(sort_block(_as_row(reference)), bins)
    comparison = compare(prepared, sort_block(_as_row(current)), share_floor)
    return only_value(statistic.name, statistic.rows(comparison))


def _as_row(values: ArrayLike) -> Floats:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1:
        raise ValueError(f"want a 1-D sample, got shape {sample.shape}")
    return sample[np.newaxis, :]
