"""PURE. Whether the load itself is another: a meter, a switched feeder, a large customer, and no weather."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drift.domain import Floats
from drift.evidence.case import Rows
from drift.evidence.part import Lack, Reason
from drift.evidence.wording import times

LAST_HOURS = 6
"""Of usable hours, that are looked at: a new level shows in the last of them, whatever came before."""
BASE_DAYS = 28
LEAST_DAYS = 7
CHANGED = 1.5
"""Times what the load was at these hours of the day (or its inverse), from which on it is another load. The
forecast sees weather that does as much, and then expects at least half of it (in logarithms)."""


@dataclass(frozen=True, slots=True)
class Level:
    """The load of the last hours ÷ what it was at these hours of the day, and the same of the forecast."""

    ratio: float
    expected: float

    def said(self) -> str:
        """Both."""
        return (
            f"the load of the last {LAST_HOURS} h is {times(self.ratio)} × that of these hours in the four "
            f"weeks before, and the forecast expects {times(self.expected)} ×"
        )


def find_level(rows: Rows) -> Level | Reason:
    """The change of level; NO_PATTERN where there is none or the forecast follows. Needs a week before."""
    last = np.flatnonzero(rows.usable)[-LAST_HOURS * rows.per_day // 24 :]
    base = slice(max(rows.scan - BASE_DAYS * rows.per_day, 0), rows.scan)
    before, hour = rows.actual[base], rows.hour[base]
    if np.isfinite(before).sum() < LEAST_DAYS * rows.per_day or not last.size:
        return Lack.SHORT_HISTORY
    usual = np.array([_median(before[hour == h]) for h in rows.hour[last].tolist()])
    known = usual > 0
    if not known.any():
        return Lack.SHORT_HISTORY
    size = float(usual[known].sum())
    level = Level(
        float(rows.actual[last][known].sum()) / size, float(rows.predicted[last][known].sum()) / size
    )
    if not (level.ratio > 0 and level.expected > 0):
        return Lack.NO_PATTERN
    moved, seen = np.log(level.ratio), np.log(level.expected)
    if abs(moved) < np.log(CHANGED) or seen / moved > 0.5:
        return Lack.NO_PATTERN
    return level


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")
