"""Accuracy, the word by which the platform states how good its forecasts are."""

from __future__ import annotations

from numpy.typing import ArrayLike

from drift.metrics.base import Metric, Sample, Values, as_rows, not_negative, scalar
from drift.metrics.wape import rows as wape_rows


def accuracy(actual: ArrayLike, predicted: ArrayLike, *, floor: float = 0.0) -> float:
    """Accuracy, as a fraction: 1 − WAPE = 1 − Σ|predicted − actual| ÷ Σ max(|actual|, floor).

    Shape: two 1-D arrays or Series of one length, paired by position. Unit: fraction (0.975 is 97.5 %).
    1 is a perfect forecast; it is negative where the errors are larger than the load.
    Zero: an actual below `floor` in size counts as the floor; with the default floor of zero it adds its
    error and no load. Negative actuals count by their size. NaN and infinity: the pair is left out.

    Raises:
        UndefinedError: no pair, or every actual is zero and so is the floor.

    >>> accuracy([100.0, 300.0], [150.0, 250.0])
    0.75

    Source: one minus the WAPE of Kolassa and Schütz (2007), Foresight 6, 40–43.
    """
    a, p = as_rows(actual, predicted)
    return scalar(ACCURACY, Sample(a, p, floor=not_negative("floor", floor)))


def _rows(sample: Sample) -> Values:
    value, reason = wape_rows(sample)
    return Values(1.0 - value, reason)


ACCURACY = Metric("accuracy", _rows, better="higher", unit="fraction", title="Accuracy")
