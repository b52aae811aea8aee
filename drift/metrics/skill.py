"""Skill over the seasonal-naive forecast."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from drift.domain import Undefined
from drift.metrics.base import Metric, Sample, Values, as_rows, beside, scalar, total, where_undefined
from drift.values import quiet


def skill(actual: ArrayLike, predicted: ArrayLike, baseline: ArrayLike) -> float:
    """Skill, as a fraction: 1 − Σ|predicted − actual| ÷ Σ|baseline − actual|.

    1 is a perfect forecast, 0 is as good as the baseline, negative is worse. In drift the baseline is the
    actual one season earlier. Both sums run over the pairs that have one.

    Shape: three 1-D arrays or Series of one length, paired by position. Unit: fraction.
    Zero and negative values are values like any other. NaN and infinity: the pair is left out.

    Raises:
        UndefinedError: no pair, none with a baseline, or a baseline without error.

    >>> skill([100.0, 200.0, 300.0], [110.0, 190.0, 999.0], [120.0, 140.0, float("nan")])
    0.75

    Source: Murphy (1988), Monthly Weather Review 116, 2417–2424, with absolute in place of squared errors.
    """
    a, p = as_rows(actual, predicted)
    return scalar(SKILL, Sample(a, p, naive=beside(a, baseline)))


@quiet
def _rows(sample: Sample) -> Values:
    naive = np.full_like(sample.actual, np.nan) if sample.naive is None else sample.naive
    compared = sample.scored & np.isfinite(naive)
    yardstick = total(np.abs(naive - sample.actual), compared)
    return where_undefined(
        1.0 - total(sample.absolute_error, compared) / yardstick,
        (sample.n == 0, Undefined.NO_PAIRS),
        (compared.sum(axis=1) == 0, Undefined.NO_BASELINE),
        (yardstick == 0, Undefined.NO_SCALE),
        (np.isinf(yardstick), Undefined.NOT_FINITE),
    )


SKILL = Metric("skill", _rows, better="higher", unit="fraction", title="Skill over seasonal naive")
