"""Weighted absolute percentage error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from drift.domain import Undefined
from drift.metrics.base import Metric, Sample, Values, as_rows, not_negative, scalar, total, where_undefined
from drift.values import quiet


def wape(actual: ArrayLike, predicted: ArrayLike, *, floor: float = 0.0) -> float:
    """Weighted absolute percentage error, as a fraction: Σ|predicted − actual| ÷ Σ max(|actual|, floor).

    Each hour weighs as much as its load, so small actuals cannot blow it up as they do MAPE.

    Shape: two 1-D arrays or Series of one length, paired by position. Unit: fraction (0.031 is 3.1 %).
    Zero: an actual below `floor` in size counts as the floor; with the default floor of zero it adds its
    error and no load. Negative actuals count by their size. NaN and infinity: the pair is left out.

    Raises:
        UndefinedError: no pair, or every actual is zero and so is the floor.

    >>> wape([100.0, 300.0], [150.0, 250.0])
    0.25

    Source: Kolassa and Schütz (2007), Advantages of the MAD/mean ratio over the MAPE, Foresight 6, 40–43.
    """
    a, p = as_rows(actual, predicted)
    return scalar(WAPE, Sample(a, p, floor=not_negative("floor", floor)))


@quiet
def rows(sample: Sample) -> Values:
    """WAPE of each series of the block."""
    load = total(np.maximum(sample.size, sample.floor), sample.scored)
    return where_undefined(
        total(sample.absolute_error, sample.scored) / load,
        (sample.n == 0, Undefined.NO_PAIRS),
        (load == 0, Undefined.ACTUALS_AT_FLOOR),
        (np.isinf(load), Undefined.NOT_FINITE),
    )


WAPE = Metric("wape", rows, better="lower", unit="fraction", title="WAPE")
