"""Where and when the error lies: WAPE by local day, hour of the day and horizon band, from pairs.

All of these are Σ|predicted − actual| ÷ Σ max(|actual|, floor) over a group of hours, so that they read
on one scale with the accuracy beside them (accuracy = 1 − WAPE). NaN is a group with too few pairs.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from drift.config import AccuracyConfig
from drift.domain import Floats, Window
from drift.reports.local import Ints, LocalTimes
from drift.timeline import Pairs


@dataclass(frozen=True, slots=True)
class Against:
    """A figure of each group in the current window, and in the reference."""

    current: Floats
    reference: Floats


def floors(pairs: Pairs, accuracy: AccuracyConfig, window: Window) -> Floats:
    """The floor of each city's |actual|: the config's, or its share of the median over the window."""
    if accuracy.floor != "auto":
        return np.full(len(pairs.cities), float(accuracy.floor))
    size = np.abs(pairs.actual[:, pairs.grid.cut(window)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a city without actuals has no median
        median = np.nanmedian(size, axis=1) if size.shape[1] else np.zeros(len(size))
    floor: Floats = np.nan_to_num(median) * accuracy.floor_share
    return floor


def wape(error: Floats, actual: Floats, floor: float) -> float:
    """WAPE of all pairs given; NaN without one."""
    zeros = np.zeros(error.shape, dtype=np.int64)
    return float(grouped(error, actual, floor, zeros, 1)[0])


def grouped(
    error: Floats, actual: Floats, floor: float, group: Ints, groups: int, least: Ints | int = 1
) -> Floats:
    """WAPE of each group of hours; NaN where a group has fewer pairs than `least`."""
    pair = np.isfinite(error)
    of = group[pair]
    total = np.bincount(of, np.abs(error[pair]), groups)
    size = np.bincount(of, np.maximum(np.abs(actual[pair]), floor), groups)
    enough = (np.bincount(of, minlength=groups) >= least) & (size > 0)
    share: Floats = np.divide(total, size, out=np.full(groups, np.nan), where=enough)
    return share


def daily(error: Floats, actual: Floats, floor: Floats, times: LocalTimes, min_coverage: float) -> Floats:
    """WAPE of each local day, for any leading axes: `(…, cities, times)` to `(…, cities, days)`.

    A day needs `min_coverage` of the hours that the grid holds of it.
    """
    if not error.shape[-1]:
        return np.empty((*error.shape[:-1], 0))
    starts = times.day_starts
    pair = np.isfinite(error)
    size = np.where(pair, np.maximum(np.abs(actual), floor[:, np.newaxis]), 0.0)
    total = np.add.reduceat(np.where(pair, np.abs(error), 0.0), starts, axis=-1)
    sizes = np.add.reduceat(size, starts, axis=-1)
    cells = np.diff(starts, append=error.shape[-1])
    enough = np.add.reduceat(pair, starts, axis=-1, dtype=np.int64) >= np.maximum(min_coverage * cells, 1)
    share: Floats = np.divide(total, sizes, out=np.full(total.shape, np.nan), where=enough & (sizes > 0))
    return share


def by_hour(
    error: Floats, actual: Floats, floor: float, times: LocalTimes, current: slice, reference: slice
) -> Against:
    """WAPE of each local hour of the day."""
    parts = [grouped(error[s], actual[s], floor, times.hour[s], 24) for s in (current, reference)]
    return Against(*parts)


@dataclass(frozen=True, slots=True)
class Distribution:
    """Shares of two samples in the same bins. The outer bins also hold what lies beyond them."""

    edges: Floats
    reference: Floats
    current: Floats
    n_reference: int
    n_current: int


def distribution(reference: Floats, current: Floats) -> Distribution | None:
    """Both samples in equal bins from the 0.1 % to the 99.9 % point of the two together; None if empty.

    The fewer current values, the fewer bins (Rice's rule, 10 to 28): a day of hours in 28 bins is noise.
    """
    samples = [values[np.isfinite(values)] for values in (reference, current)]
    both = np.concatenate(samples)
    if not both.size:
        return None
    bins = int(np.clip(2 * samples[1].size ** (1 / 3) + 4, 10, 28))
    low, high = _ends(both)
    if not high > low:
        low, high = low - max(abs(low), 1.0) * 0.05, high + max(abs(high), 1.0) * 0.05
    edges = np.linspace(low, high, bins + 1)
    before, now = samples
    return Distribution(edges, _shares(before, edges), _shares(now, edges), before.size, now.size)


def _ends(values: Floats) -> tuple[float, float]:
    """The values a thousandth from either end: what lies beyond them would squeeze the rest."""
    first = int(0.001 * (values.size - 1))
    ranked = np.partition(values, (first, values.size - 1 - first))
    return float(ranked[first]), float(ranked[values.size - 1 - first])


def _shares(sample: Floats, edges: Floats) -> Floats:
    """The share of the sample in each bin, as `np.histogram` counts; the outer ones have what is beyond."""
    bins = len(edges) - 1
    place = (sample - edges[0]) * (bins / (edges[-1] - edges[0]))
    inside = np.clip(place, 0, bins - 1).astype(np.int64)  # whole numbers below: each bin has its lower edge
    share: Floats = np.bincount(inside, minlength=bins) / max(sample.size, 1)
    return share
