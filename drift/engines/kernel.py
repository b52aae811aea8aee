"""The kernel: whole series in, all metrics and statistics out. Pure, and the same on every engine.

This is the NumPy form, written to be plainly right: each metric and each statistic is one call over the
block. It stays as the reference that faster forms are held against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift.domain import Codes, Floats, Undefined
from drift.metrics.base import Metric, Sample
from drift.statistics.base import Statistic, compare, prepare, sort_block


@dataclass(frozen=True, slots=True)
class Scores:
    """Values and reasons `(series, names)`, with the pairs or values they stand on and their coverage."""

    value: Floats
    reason: Codes
    n: NDArray[np.int64]
    coverage: Floats


@dataclass(frozen=True, slots=True)
class DriftLimits:
    """What a comparison needs before it says anything, and how it bins."""

    bins: int = 10
    share_floor: float = 1e-4
    min_reference: int = 100
    min_coverage: float = 0.6


def score(
    sample: Sample, expected: NDArray[np.int64], min_coverage: float, metrics: Sequence[Metric]
) -> Scores:
    """Every metric of every series. Below the minimum coverage there is none, with that as the reason.

    `expected` is the pairs each series should have; a series that expects none has coverage 0.
    """
    coverage = np.divide(sample.n, expected, out=np.zeros(len(expected)), where=expected > 0)
    few = (coverage < min_coverage) & (sample.n > 0)
    value = np.empty((len(expected), len(metrics)))
    reason = np.empty(value.shape, dtype=np.uint8)
    for m, metric in enumerate(metrics):
        value[:, m], reason[:, m] = metric.rows(sample)
    reason[few] = Undefined.LOW_COVERAGE
    value[few] = np.nan
    return Scores(value, reason, sample.n.astype(np.int64), coverage)


def drift(
    reference: Floats,
    current: Floats,
    limits: DriftLimits,
    statistics: Sequence[Statistic],
) -> Scores:
    """Every statistic of every series: `reference` `(series, n)` against `current` `(series, m)`.

    NaN is no value. Too short a reference, or too little of the current window, gives no statistic.
    """
    ordered, now = sort_block(reference), sort_block(current)
    comparison = compare(prepare(ordered, limits.bins), now, limits.share_floor)
    coverage = now.n / max(current.shape[1], 1)
    cases = (
        (now.n == 0, Undefined.NO_CURRENT),
        (coverage < limits.min_coverage, Undefined.LOW_COVERAGE),
        (ordered.n < limits.min_reference, Undefined.SHORT_REFERENCE),
    )
    value = np.empty((len(now.n), len(statistics)))
    reason = np.empty(value.shape, dtype=np.uint8)
    for k, statistic in enumerate(statistics):
        value[:, k], reason[:, k] = statistic.rows(comparison)
    for holds, code in reversed(cases):  # the first case has the last word
        reason[holds] = code
        value[holds] = np.nan
    return Scores(value, reason, now.n, coverage)
