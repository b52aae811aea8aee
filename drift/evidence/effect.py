"""PURE. How large the error is and which way it goes, since the onset.

How sure the ratio is: from 10 days on, a bootstrap of its own days. A breach is mostly younger, and a few
days do not tell how much such days vary; then spans of the reference do, as long, where nothing was wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from drift.domain import Floats
from drift.errors import UndefinedError
from drift.evidence.case import Rows
from drift.evidence.part import Lack, Reason
from drift.evidence.wording import amount, percent, times
from drift.reasons import Undefined
from drift.significance import LEAST_DAYS, block_bootstrap_interval

LEVEL = 0.9
LEAST_SPANS = 5
"""As long as the one since the onset, that the reference must hold."""
SEED = 0
"""The same breach is told the same way each time."""
BOTH_WAYS = 0.3
"""Bias ÷ mean |error| below which the error goes both ways."""
ONE_WAY = 0.85
"""Above it nearly every hour errs the same way."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Between these two, with 90 % confidence."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Effect:
    """Mean |error| since the onset and what is normal for the same hours, in the data's unit."""

    mean: float
    wape: float | Reason
    normal: float | Reason
    ratio: float | Reason
    """mean ÷ normal; a little large, as the onset was chosen for a large error after it."""
    interval: Interval | Reason

    def sentence(self, unit: str) -> str:
        """How many times normal, and in units."""
        wape = f" ({percent(self.wape)} of the load)" if isinstance(self.wape, float) else ""
        if not (isinstance(self.ratio, float) and isinstance(self.normal, float)):
            return f"The mean error is {amount(self.mean, unit)}{wape}; what is normal here is not known yet."
        sure = ""
        if isinstance(self.interval, Interval):
            sure = f" ({times(self.interval.low)} to {times(self.interval.high)})"
        return (
            f"The error is {times(self.ratio)}{sure} × what is normal for these hours: "
            f"{amount(self.mean, unit)}{wape} against {amount(self.normal, unit)}."
        )


def find_effect(rows: Rows) -> Effect | Reason:
    """The effect over the usable hours since the onset; NO_PAIRS if there are none."""
    size = np.abs(rows.error[rows.since])
    known = np.isfinite(size)
    if not known.any():
        return Undefined.NO_PAIRS
    mean, load = float(size[known].mean()), float(np.abs(rows.actual[rows.since])[known].mean())
    wape = mean / load if load > 0 else Undefined.ACTUALS_AT_FLOOR
    if rows.normal is None:
        return Effect(mean, wape, Lack.SHORT_HISTORY, Lack.SHORT_HISTORY, Lack.SHORT_HISTORY)
    normal = rows.normal[rows.since]
    both = known & (normal > 0)
    if not both.any():
        return Effect(mean, wape, Lack.SHORT_HISTORY, Lack.SHORT_HISTORY, Lack.SHORT_HISTORY)
    ratio = float(size[both].mean() / normal[both].mean())
    return Effect(mean, wape, float(normal[both].mean()), ratio, _interval(rows, rows.normal, ratio))


def _interval(rows: Rows, normal: Floats, ratio: float) -> Interval | Reason:
    """Of the ratio since the onset, with 90 % confidence."""
    size = np.where(normal > 0, np.abs(rows.error), np.nan)
    normal = np.where(np.isfinite(size), normal, np.nan)
    if len(size) - rows.start < LEAST_DAYS * rows.per_day:
        return _from_reference(rows, size, normal, ratio)
    top, below = (_daily_sums(values[rows.since], rows.per_day) for values in (size, normal))
    try:
        return Interval(*block_bootstrap_interval(top, below, rng=np.random.default_rng(SEED), level=LEVEL))
    except UndefinedError as error:
        return error.reason


def _from_reference(rows: Rows, size: Floats, normal: Floats, ratio: float) -> Interval | Reason:
    """The ratio ÷ the quantiles of the ratios of all spans of the reference that are as long."""
    length = len(size) - rows.start
    if rows.scan < LEAST_SPANS * length:
        return Lack.SHORT_HISTORY
    top, below = (_span_sums(np.nan_to_num(values[rows.before]), length) for values in (size, normal))
    enough = below > 0.5 * below.mean()  # a span of holidays and faults has too little in it
    usual = top[enough].sum() / max(float(below[enough].sum()), 1e-300)
    if not usual > 0:
        return Lack.SHORT_HISTORY
    low, high = np.quantile(top[enough] / below[enough] / usual, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Interval(float(ratio / high), float(ratio / max(float(low), 1e-300)))


def _span_sums(values: Floats, length: int) -> Floats:
    """Sums over each `length` rows that follow each other."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    sums: Floats = total[length:] - total[:-length]
    return sums


def _daily_sums(values: Floats, per_day: int) -> Floats:
    """(D,) sums over whole days up to the end; NaN for a day that is less than half there."""
    days = values[len(values) % per_day :].reshape(-1, per_day)
    known = np.isfinite(days)
    return np.where(known.sum(axis=1) >= per_day / 2, np.where(known, days, 0.0).sum(axis=1), np.nan)


@dataclass(frozen=True, slots=True)
class Bias:
    """Mean of predicted − actual since the onset, in the data's unit and as a share of the actual."""

    value: float
    share: float
    before: float | Reason
    """The share in the hours that it is held against."""
    of_error: float
    """|bias| ÷ mean |error|: 1 where every hour errs the same way, 0 where they even out."""
    direction: Literal["over-forecast", "under-forecast", "none"]

    def sentence(self, unit: str) -> str:
        """Which way it errs, and whether it did so before."""
        if self.of_error < BOTH_WAYS:
            return "The errors go both ways: it is no bias."
        often = "nearly always" if self.of_error > ONE_WAY else "mostly"
        before = f"; before, {percent(self.before, sign=True)}" if isinstance(self.before, float) else ""
        return (
            f"It is {often} an {self.direction}: {amount(abs(self.value), unit)} on average, "
            f"{percent(self.share, sign=True)} of the load{before}."
        )


def find_bias(rows: Rows) -> Bias | Reason:
    """The bias over the usable hours since the onset; positive is over-forecast."""
    error = rows.error[rows.since]
    known = np.isfinite(error)
    if not known.any():
        return Undefined.NO_PAIRS
    share = _share(rows, rows.since)
    if not isinstance(share, float):
        return share
    value, size = float(error[known].mean()), float(np.abs(error[known]).mean())
    direction: Literal["over-forecast", "under-forecast", "none"] = (
        "over-forecast" if value > 0 else "under-forecast" if value < 0 else "none"
    )
    of_error = abs(value) / size if size > 0 else 0.0
    return Bias(value, share, _share(rows, rows.before), of_error, direction)


def _share(rows: Rows, part: slice) -> float | Reason:
    error, actual = rows.error[part], np.abs(rows.actual[part])
    known = np.isfinite(error)
    if not known.any():
        return Lack.SHORT_HISTORY
    load = float(actual[known].sum())
    return float(error[known].sum()) / load if load > 0 else Undefined.ACTUALS_AT_FLOOR
