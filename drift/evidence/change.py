"""PURE. When a series of errors changed: the hour that splits it best, and how sure that is.

The mean of what comes before each hour is held against the mean of what comes after, up to the end. The hour
with the largest gain of likelihood is the onset. The hours whose gain is not much smaller are its interval:
near the truth the gain falls like a random walk with a drift, so that the shortfall at the true hour is the
larger of two exponential variables, and lies below `NATS` in `LEVEL` of cases. Errors persist, so gains are
in units of the variance of daily means, not of hours.

Source: D. O. Hinkley, "Inference about the change-point in a sequence of random variables", Biometrika 57
(1970); D. Siegmund, "Confidence sets in change-point problems", International Statistical Review 56 (1988).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from drift.detectors.trailing import Flags, Integers
from drift.domain import Floats

LEVEL = 0.9
"""Of the onset's interval."""
NATS = -math.log(1 - math.sqrt(LEVEL))
"""2.97: by so much an hour's gain may fall short of the best. No gain at all is as far below a weak best."""
BASE_DAYS = 28
"""Days before the scanned ones that the errors are held against: what was normal lately."""
LEAST_DAYS = 5
"""Of those days, or nothing can be said."""
LEAST_AFTER = 6
"""Hours after the onset."""


@dataclass(frozen=True, slots=True)
class Change:
    """The row at which the mean changed, and its interval `first … last`, all of them rows.

    `gain` is in nats; `earlier` says that the interval reaches back to where the scan began.
    """

    row: int
    first: int
    last: int
    gain: float
    earlier: bool


def by_hour(values: Floats, hour: Integers, rows: slice) -> Floats:
    """(24,) mean of the known `values` (H,) of some rows at each local hour; 0 at an hour without any.

    >>> by_hour(np.array([1.0, 3.0, np.nan]), np.array([5, 5, 6]), slice(None))[4:7]
    array([0., 2., 0.])
    """
    known = np.isfinite(values[rows])
    hours = hour[rows][known]
    total = np.bincount(hours, weights=values[rows][known], minlength=24)
    mean: Floats = total / np.maximum(np.bincount(hours, minlength=24), 1)
    return mean


def find_change(
    values: Floats, hour: Integers, scan: int, per_day: int, *, upward: bool = False
) -> Change | None:
    """The change of the mean of `values` (H,), one a row in any unit, at or after the row `scan`.

    The gain of row k is n₁n₂ ÷ (n₁ + n₂) × (mean after − mean before)² ÷ 2v, with v the variance of daily
    means around the best split, times the rows of a day. The usual course of the day (`hour` (H,), local) is
    taken out first. NaN rows are not there. `upward`: only a rise counts. None where there are fewer than 5
    days before `scan`, fewer than 6 rows to the end, or no change that stands out.

    >>> day = np.tile([0.0, 1.0], 12)
    >>> steady = np.tile(day, 20) + np.repeat(np.tile([0.1, -0.1], 10), 24)
    >>> steady[400:] += 2
    >>> find_change(steady, np.arange(480) % 24, scan=312, per_day=24)
    Change(row=400, first=400, last=400, gain=..., earlier=False)
    """
    base = max(scan - BASE_DAYS * per_day, 0)
    x = (values - by_hour(values, hour, slice(base, scan))[hour])[base:]
    known = np.isfinite(x)
    if known[: scan - base].sum() < LEAST_DAYS * per_day / 2:
        return None
    gain = _gain(np.where(known, x, 0.0), known, scan - base, upward=upward)
    row = int(np.argmax(gain))
    variance = _daily_variance(np.concatenate([x[:row] - _mean(x[:row]), x[row:] - _mean(x[row:])]), per_day)
    if not (variance > 0 and gain[row] / (2 * variance) >= NATS):
        return None
    near = np.flatnonzero(gain >= gain[row] - 2 * variance * NATS)
    first, last = int(near[0]), int(near[-1])
    return Change(
        base + row, base + first, base + last, float(gain[row] / (2 * variance)), bool(first <= scan - base)
    )


def _gain(x: Floats, known: Flags, scan: int, *, upward: bool) -> Floats:
    """(B,) the gain of a split before each row, times twice the variance; −1 where there can be none."""
    before: Integers = np.cumsum(known) - known
    after = known.sum() - before
    total = np.cumsum(x) - x
    possible = known & (after >= LEAST_AFTER) & (before > 0)
    possible[:scan] = False
    rise = (x.sum() - total) / np.maximum(after, 1) - total / np.maximum(before, 1)
    if upward:
        possible &= rise > 0
    gain: Floats = np.where(possible, before * after / max(int(known.sum()), 1) * rise**2, -1.0)
    return gain


def _daily_variance(x: Floats, per_day: int) -> float:
    """Variance of daily means × rows of a day, at least that of single rows; 0 with fewer than 5 days."""
    days = x[len(x) % per_day :].reshape(-1, per_day)
    known = np.isfinite(days)
    count = known.sum(axis=1)
    usable = count >= per_day / 2
    if usable.sum() < LEAST_DAYS:
        return 0.0
    means = np.where(known, days, 0.0).sum(axis=1)[usable] / count[usable]
    single = x[np.isfinite(x)]
    return float(max(np.mean(means**2) * count[usable].mean(), np.mean(single**2)))


def _mean(x: Floats) -> float:
    known = x[np.isfinite(x)]
    return float(known.mean()) if known.size else 0.0
