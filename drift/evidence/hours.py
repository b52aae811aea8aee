"""PURE. Where the excess error is: which hours of the local day, and in which regime of weather or week.

Excess is |error| − normal, summed. A few days always have their worst hours, so a part of the day stands out
only if it holds more than it does in nearly all spans of the reference whose errors are all raised alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from drift.detectors.trailing import Flags
from drift.domain import Floats
from drift.evidence.case import Case, Rows
from drift.evidence.part import Lack, Reason
from drift.evidence.wording import digits, percent
from drift.text import printable

MOST_SPANS = 40
"""Of the reference, that the hours are held against."""
USUAL_QUANTILE = 0.9
"""Of what those spans show."""
LEAST_LIFT = 0.2
"""Share of the excess − share of the hours, below which a regime is not said."""
LEAST_RATIO = 1.05
"""Times normal, below which there is too little excess to share out."""
LEAST_KNOWN = 0.8
"""Share of the hours that a feature must have."""


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of the local day with most of the excess error: `first` to `last`, which may be past 24."""

    first: int
    last: int
    share: float
    """Of the excess."""
    stand_out: bool
    """Whether that is more than larger errors all day would show."""

    def sentence(self) -> str:
        """Which hours, or that it is all day."""
        if not self.stand_out:
            return "The excess is spread over the day as errors usually are."
        last = (self.last - 1) % 24 + 1
        return f"{percent(self.share)} of the excess is between {self.first:02d}:00 and {last:02d}:00 local."


def find_hours(rows: Rows, ratio: float | Reason) -> Hours | Reason:
    """The run of hours whose share of the excess exceeds most their share of the day."""
    if rows.normal is None or not isinstance(ratio, float):
        return Lack.SHORT_HISTORY
    excess = _by_hour(np.abs(rows.error) - rows.normal, rows, rows.since)
    if ratio < LEAST_RATIO or not excess.any():
        return Lack.NO_EXCESS
    lift, first, length = best_run(excess[None])
    usual = _usual_lift(rows, ratio)
    share = float(lift[0] + length[0] / 24)
    stand_out = bool(lift[0] > usual)
    return Hours(int(first[0]), int(first[0] + length[0]), share, stand_out)


def best_run(excess: Floats) -> tuple[Floats, Floats, Floats]:
    """For each row of `excess` (B, 24), ≥ 0 and not all zero: lift, first hour and length of its best run.

    The lift is the run's share of the row's sum − its share of the day; a run may go past midnight.

    >>> evening = np.zeros((1, 24)); evening[0, [22, 23, 0]] = 5.0
    >>> [float(found[0]) for found in best_run(evening)]
    [0.875, 22.0, 3.0]
    """
    share = excess / excess.sum(axis=1, keepdims=True)
    total = np.cumsum(np.concatenate([np.zeros((len(share), 1)), share, share], axis=1), axis=1)
    first, length = np.repeat(np.arange(24), 24), np.tile(np.arange(1, 25), 24)
    lift = total[:, first + length] - total[:, first] - length / 24
    best = np.argmax(lift, axis=1)
    return lift[np.arange(len(lift)), best], first[best], length[best]


def _usual_lift(rows: Rows, ratio: float) -> float:
    """The lift that as long spans of the reference nearly never exceed, with their errors raised."""
    normal = rows.normal
    length = len(rows.actual) - rows.start
    spans = min(rows.scan // max(length, 1), MOST_SPANS)
    if normal is None or spans < 2:
        return float("inf")
    part = slice(rows.scan - spans * length, rows.scan)
    size = np.abs(rows.error[part])
    level = np.nansum(size) / max(float(np.nansum(np.where(np.isfinite(size), normal[part], np.nan))), 1e-300)
    raised = size * (ratio / level if level > 0 else 0.0) - normal[part]
    known = np.isfinite(raised)
    cell = (np.arange(len(raised)) // length * 24 + rows.hour[part])[known]
    excess = np.bincount(cell, weights=raised[known], minlength=spans * 24).reshape(spans, 24)
    excess = np.maximum(excess, 0)
    excess = excess[excess.sum(axis=1) > 0]
    return float(np.quantile(best_run(excess)[0], USUAL_QUANTILE)) if len(excess) >= 2 else float("inf")


def _by_hour(excess: Floats, rows: Rows, part: slice) -> Floats:
    """(24,) the excess of each local hour, where it is one."""
    known = np.isfinite(excess[part])
    total = np.bincount(rows.hour[part][known], weights=excess[part][known], minlength=24)
    return np.maximum(total, 0)


@dataclass(frozen=True, slots=True)
class Regime:
    """The excess by regime and hour: thirds of a feature as it was before, or weekdays and weekends."""

    column: str | None
    """The feature; None for weekdays and weekends."""
    names: tuple[str, ...]
    bounds: tuple[float, ...]
    """Between the thirds."""
    share: tuple[float, ...]
    """Of the excess, by regime; they sum to 1, and one is negative where the error is less than normal."""
    time: tuple[float, ...]
    """Of the hours, by regime."""
    by_hour: tuple[tuple[float, ...], ...]
    """Share of the excess, regime × local hour 0 … 23."""

    @property
    def lift(self) -> float:
        """How far the share of the excess goes beyond that of the hours, in the regime where it does most."""
        return max(share - time for share, time in zip(self.share, self.time, strict=True))

    def sentence(self) -> str | None:
        """The regime with far more of the excess than of the hours; None if there is none."""
        k = max(range(len(self.names)), key=lambda k: self.share[k] - self.time[k])
        if self.lift < LEAST_LIFT:
            return None
        where = f"on {self.names[k]}s"
        if self.column is not None:
            limits = [digits(bound, 4) for bound in self.bounds]
            how = (f"below {limits[0]}", f"between {limits[0]} and {limits[1]}", f"above {limits[1]}")[k]
            where = f"where {printable(self.column)} is {how}"
        share = percent(min(self.share[k], 1.0))
        return f"{share} of the excess is {where}, which is {percent(self.time[k])} of the hours."


def find_regime(case: Case, rows: Rows, ratio: float | Reason) -> Regime | Reason:
    """Thirds of the temperature; else of the feature that tells the excess apart best; else the week."""
    if rows.normal is None or not isinstance(ratio, float):
        return Lack.SHORT_HISTORY
    if ratio < LEAST_RATIO:
        return Lack.NO_EXCESS
    excess = np.abs(rows.error) - rows.normal
    thirds = [_thirds(name, values, excess, rows) for name, values in _candidates(case.features).items()]
    found = [regime for regime in thirds if regime is not None]
    if found:
        return max(found, key=lambda regime: regime.lift)
    weekend = np.asarray(case.hours.weekend).reshape(-1)[: len(excess)]
    return _regime(None, ("weekday", "weekend"), (), weekend.astype(int), excess, rows)


def _candidates(features: Mapping[str, Floats]) -> Mapping[str, Floats]:
    """The temperature where there is one, as people think in it; else all."""
    warm = {name: values for name, values in features.items() if "temp" in name.lower()}
    return warm or features


def _thirds(name: str, values: Floats, excess: Floats, rows: Rows) -> Regime | None:
    values = np.asarray(values[: len(excess)], np.float64)
    known = np.isfinite(values)
    wanted = np.isfinite(excess[rows.since])
    if (known[rows.since] & wanted).sum() < LEAST_KNOWN * wanted.sum() or not known[rows.before].any():
        return None
    low, high = (float(b) for b in np.quantile(values[rows.before][known[rows.before]], (1 / 3, 2 / 3)))
    if not low < high:
        return None
    third = np.where(known, (values > low).astype(int) + (values > high), -1)
    return _regime(name, ("low", "middle", "high"), (low, high), third, excess, rows)


def _regime(
    column: str | None,
    names: tuple[str, ...],
    bounds: tuple[float, ...],
    regime: Floats | Flags,
    excess: Floats,
    rows: Rows,
) -> Regime:
    part = rows.since
    known = np.isfinite(excess[part]) & (regime[part] >= 0)
    cell = (regime[part] * 24 + rows.hour[part])[known]
    total = np.bincount(cell, weights=excess[part][known], minlength=24 * len(names)).reshape(-1, 24)
    share = total / total.sum() if total.sum() > 0 else np.zeros_like(total)
    time = np.bincount(regime[part][known], minlength=len(names)) / max(int(known.sum()), 1)
    return Regime(
        column,
        names,
        bounds,
        tuple(share.sum(axis=1).tolist()),
        tuple(time.tolist()),
        tuple(tuple(row) for row in share.tolist()),
    )
