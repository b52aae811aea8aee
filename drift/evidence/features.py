"""PURE. Features out of their reference range: what the model was given and had seldom seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from drift.detectors.trailing import Integers
from drift.domain import Floats
from drift.evidence.case import Rows
from drift.evidence.part import Lack, Reason
from drift.evidence.wording import percent
from drift.text import printable

LOW, HIGH = 0.01, 0.99
"""Quantiles of the reference at the same hour of the day: the range."""
LEAST_SHARE = 0.5
"""Of the hours since the onset out of range on one side. Weather alone does that in 2 to 14 % of spans of 1
to 7 days, and puts a quarter of the hours there in 9 to 22 % (temperatures of ten French cities, 4 years)."""
LEAST_DAYS = 14
"""Of reference at an hour, to have a range."""
STUCK_HOURS = 24
"""Of equal values, in a feature that changes."""

Direction: TypeAlias = Literal["above", "below", "missing", "stuck"]
HOW: Mapping[Direction, str] = {
    "above": "above its usual range in",
    "below": "below its usual range in",
    "missing": "missing in",
    "stuck": "stuck at one value in",
}


@dataclass(frozen=True, slots=True)
class FeatureRange:
    """A feature that is not as it was at the same hours of the day."""

    column: str
    direction: Direction
    share: float
    """Of the hours since the onset."""

    def said(self) -> str:
        """The column, how, and in how many of the hours."""
        return f"{printable(self.column)} is {HOW[self.direction]} {percent(self.share)} of the hours"


def find_features(features: Mapping[str, Floats], rows: Rows) -> tuple[FeatureRange, ...] | Reason:
    """The features out of range since the onset, broken ones first, then by share; empty if all are in it.

    NO_FEATURES if there is none with values in the reference, SHORT_HISTORY if that is under 14 days.
    """
    if not features:
        return Lack.NO_FEATURES
    if rows.scan < LEAST_DAYS * rows.per_day:
        return Lack.SHORT_HISTORY
    names = list(features)
    values = np.stack([np.asarray(features[name][: len(rows.hour)], np.float64) for name in names], axis=1)
    values[~np.isfinite(values)] = np.nan
    low, high = _ranges(values[rows.before], rows.hour[rows.before])
    late, hour = values[rows.since], rows.hour[rows.since]
    found = [
        FeatureRange(name, *worst)
        for k, name in enumerate(names)
        if np.isfinite(values[rows.before, k]).any()
        and (worst := _worst(late[:, k], low[hour, k], high[hour, k], rows.per_day)) is not None
    ]
    if not np.isfinite(values[rows.before]).any():
        return Lack.NO_FEATURES
    return tuple(sorted(found, key=lambda one: (one.direction in ("above", "below"), -one.share)))


def _worst(late: Floats, low: Floats, high: Floats, per_day: int) -> tuple[Direction, float] | None:
    """What is most wrong with one feature's values, and in which share of the hours."""
    missing = float(np.mean(np.isnan(late)))
    if missing >= LEAST_SHARE:
        return "missing", missing
    varies = bool(np.any(high > low))
    if varies and len(late) >= STUCK_HOURS * per_day / 24 and np.nanmax(late) == np.nanmin(late):
        return "stuck", 1.0 - missing
    shares: dict[Direction, float] = {
        "above": float(np.mean(late > high)),
        "below": float(np.mean(late < low)),
    }
    side = max(shares, key=lambda direction: shares[direction])
    return (side, shares[side]) if shares[side] >= LEAST_SHARE else None


def _ranges(values: Floats, hour: Integers) -> tuple[Floats, Floats]:
    """(24, F) the quantiles of each local hour, NaN with fewer than 14 values: nothing is outside of that."""
    low, high = np.full((24, values.shape[1]), np.nan), np.full((24, values.shape[1]), np.nan)
    for h in np.unique(hour):
        ranked = np.sort(values[hour == h], axis=0)
        count = np.isfinite(ranked).sum(axis=0)
        columns = np.flatnonzero(count >= LEAST_DAYS)
        last = count[columns] - 1
        low[h, columns] = ranked[np.floor(LOW * last).astype(int), columns]
        high[h, columns] = ranked[np.ceil(HIGH * last).astype(int), columns]
    return low, high
