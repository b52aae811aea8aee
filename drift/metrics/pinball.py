"""Pinball (quantile) loss."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from drift.domain import Floats, Undefined
from drift.metrics.base import Metric, Sample, Values, as_rows, mean_over
from drift.values import only_value, quiet


def pinball(actual: ArrayLike, predicted: ArrayLike, quantile: float = 0.5) -> float:
    """Pinball loss of a predicted quantile q: mean of max(q·(a − p), (q − 1)·(a − p)).

    The true quantile has the least loss. At q = 0.5 it is half the mean absolute error. In a block it is
    the mean of the losses of `lower` at (1 − level) ÷ 2 and of `upper` at (1 + level) ÷ 2, over the pairs
    that have both.

    Shape: two 1-D arrays or Series of one length, paired by position. Unit: that of the load.
    Zero and negative values are values like any other. NaN and infinity: the pair is left out.

    Raises:
        UndefinedError: no pair, or the losses overflow 64-bit floats.

    >>> pinball([100.0, 100.0], [90.0, 120.0], quantile=0.75)
    6.25

    Source: Koenker and Bassett (1978), doi 10.2307/1913643.
    """
    if not 0 <= quantile <= 1:
        raise ValueError(f"quantile is a fraction from 0 to 1, not {quantile!r}")
    a, p = as_rows(actual, predicted)
    sample = Sample(a, p)
    return only_value("pinball", mean_over(sample, _loss(a, p, quantile), sample.scored))


@quiet
def _loss(actual: Floats, predicted: Floats, quantile: float) -> Floats:
    under = actual - predicted
    return np.maximum(quantile * under, (quantile - 1.0) * under)


@quiet
def _rows(sample: Sample) -> Values:
    lower, upper, known = sample.interval
    below = _loss(sample.actual, lower, (1.0 - sample.level) / 2.0)
    above = _loss(sample.actual, upper, (1.0 + sample.level) / 2.0)
    return mean_over(sample, (below + above) / 2.0, known, Undefined.NO_INTERVAL)


PINBALL = Metric("pinball", _rows, better="lower", unit="load", title="Pinball loss")
