"""PURE. Two marks of a broken job: a forecast that is moved in time, and one that repeats old load."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drift.detectors.trailing import lagged
from drift.domain import Floats
from drift.evidence.case import Rows
from drift.evidence.part import Lack, Reason
from drift.evidence.wording import percent

MOST_HOURS = 3
"""Either way: a clock change is 1, a half-hour zone ½; 5½ and more make another forecast."""
LEAST_REMOVED = 0.25
"""Share of the error that must go away when the forecast is moved back …"""
MORE_THAN_BEFORE = 0.2
"""… and by so much more than the same move takes away in the reference."""
LAGS_DAYS = (1, 2, 7)
CLOSE = 0.25
"""Distance to old load ÷ own error, and ÷ the distance before, below which a forecast repeats it."""
EXACTLY = 5e-4
"""Distance ÷ actual, which rounds to 0.0 %."""
LEAST_HOURS = 12


@dataclass(frozen=True, slots=True)
class Shift:
    """The forecast is moved in time."""

    late_hours: float
    """Below zero: early."""
    removed: float
    """Share of the error that goes away when it is moved back."""

    def said(self) -> str:
        """By how much, and what moving it back would do; of the forecast."""
        way = "late" if self.late_hours > 0 else "early"
        hours = f"{round(abs(self.late_hours), 2):g} h"
        return f"is {hours} {way} (moved back, {percent(self.removed)} of its error goes)"


def find_shift(rows: Rows) -> Shift | Reason:
    """The move by up to 3 h that takes most of the error away; NO_PATTERN if none takes a quarter.

    Half an hour, in data that fine, is a step like any other.
    """
    most = max(MOST_HOURS * rows.per_day // 24, 1)
    moves = [step for step in range(-most, most + 1) if step]
    removed = [_removed(rows, step, rows.since) for step in moves]
    best = int(np.argmax(removed))
    if removed[best] < LEAST_REMOVED:
        return Lack.NO_PATTERN
    recent = slice(max(rows.scan - 28 * rows.per_day, 0), rows.scan)
    if removed[best] < _removed(rows, moves[best], recent) + MORE_THAN_BEFORE:
        return Lack.NO_PATTERN
    return Shift(24 * moves[best] / rows.per_day, removed[best])


def _removed(rows: Rows, step: int, part: slice) -> float:
    """Share of their error that goes when predictions are taken `step` rows later; −1: not known."""
    moved = np.full(len(rows.predicted), np.nan)
    if step > 0:
        moved[:-step] = rows.predicted[step:]
    else:
        moved[-step:] = rows.predicted[:step]
    after, before = np.abs(moved - rows.actual)[part], np.abs(rows.error)[part]
    both = np.isfinite(after) & np.isfinite(before)
    total = before[both].sum()
    return float(1 - after[both].sum() / total) if both.sum() >= LEAST_HOURS and total > 0 else -1.0


@dataclass(frozen=True, slots=True)
class Repeat:
    """The forecast repeats the load of some days before."""

    lag_hours: int
    distance: float
    """Mean |prediction − that load| ÷ mean |actual|."""

    def said(self) -> str:
        """What it repeats, and how closely; of the forecast."""
        close = "exactly" if self.distance < EXACTLY else f"to within {percent(self.distance)}"
        return f"repeats the load of {self.lag_hours} h before {close}"


def find_repeat(rows: Rows) -> Repeat | Reason:
    """The load of 1, 2 or 7 days before that the forecast is close to, and was not; NO_PATTERN if to none."""
    # in the current window only, where an onset that was found a little early or late does not blur it
    recent = slice(max(rows.start, rows.current), len(rows.actual))
    error = np.abs(rows.error[recent])
    known = np.isfinite(error)
    if known.sum() < LEAST_HOURS or not error[known].mean() > 0:
        return Lack.NO_PATTERN
    found = []
    for days in LAGS_DAYS:
        distance = np.abs(rows.predicted - lagged(rows.actual, days * rows.per_day))
        late, before = _mean(distance[recent]), _mean(distance[rows.before])
        if late < CLOSE * error[known].mean() and late < CLOSE * before:
            found.append((late, 24 * days))
    if not found:
        return Lack.NO_PATTERN
    late, lag = min(found)
    return Repeat(lag, late / max(_mean(np.abs(rows.actual[recent])), 1e-300))


def _mean(values: Floats) -> float:
    """Mean of what is known; infinite with fewer than 12 values: nothing is close to it, all are closer."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size >= LEAST_HOURS else float("inf")
