"""PURE. When it began: the hour at which the evidence of the channel that leads changed.

Each channel sees a drift in another way, so each has its own hourly signal: a bias changes the mean of the
error and a stale forecast its product with the change of load since last week; their size may hardly change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

import numpy as np

from drift.detectors.trailing import lagged
from drift.domain import Floats
from drift.evidence.case import Case, Rows
from drift.evidence.change import LEAST_DAYS, Change, by_hour, find_change
from drift.evidence.channels import known_scores
from drift.evidence.part import Lack, Reason
from drift.evidence.wording import ago, local_time, moment
from drift.values import quiet

FLOOR = 0.1
"""Times normal, below which an error is as good as none: one hit is no change."""
CLIP = 3.0
"""Times normal, beyond which one hour counts no more."""
WEEK_DAYS = 7
FAULT = "fault"
"""The channel of an onset that is no change of the error, but where faults of the data begin."""
SURE_HOURS = 3
"""An onset that is known within so many hours is said without its interval."""


@dataclass(frozen=True, slots=True)
class Onset:
    """When it began, in UTC, and between which hours with 90 % confidence."""

    at: datetime
    first: datetime
    last: datetime
    earlier: bool
    """Whether it may have begun before the hours that were searched."""
    channel: str
    """Whose signal changed."""

    def sentence(self, end: datetime, zone: tzinfo) -> str:
        """Since when, how long ago that is, and how sure."""
        said = f"It began about {moment(self.at)} UTC{local_time(self.at, zone)}, {ago(end - self.at)} ago"
        if self.earlier:
            return f"{said} (90 % sure: not after {moment(self.last)}, perhaps much earlier)."
        if (self.last - self.first).total_seconds() <= SURE_HOURS * 3600:
            return f"{said}."
        return f"{said} (90 % sure: {moment(self.first)} to {moment(self.last)})."


def find_onset(case: Case, rows: Rows) -> tuple[Onset, int] | Reason:
    """The onset and its row, by the signal of the leading channel; without scores, by size or bias.

    It lies after the rows that it is held against and at least 6 usable hours before the end.
    """
    if rows.scaled is None or rows.usable[rows.before].sum() < LEAST_DAYS * rows.per_day / 2:
        return Lack.SHORT_HISTORY
    scores = known_scores(case.by_channel)
    channels = tuple(scores)[:1] or ("size", "bias")
    found: dict[str, Change] = {}
    for channel in channels:
        signal = _signal(channel, rows.scaled, rows)
        change = find_change(signal, rows.hour, rows.scan, rows.per_day, upward=channel == "size")
        if change is not None:
            found[channel] = change
    if not found:
        return Lack.NO_CHANGE
    channel = max(found, key=lambda name: found[name].gain)
    change = found[channel]
    at, first, last = (
        case.grid.start + row * case.grid.step for row in (change.row, change.first, change.last)
    )
    return Onset(at, first, last, change.earlier, channel), change.row


@quiet
def _signal(channel: str, scaled: Floats, rows: Rows) -> Floats:
    """(H,) what a drift of that kind changes the mean of; NaN where it cannot be said."""
    part = rows.hour // 6
    if channel == "size":
        return np.asarray(np.log(np.abs(scaled) + FLOOR))
    bounded = np.clip(scaled, -CLIP, CLIP)
    if channel == "profile":
        size = np.log(np.abs(scaled) + FLOOR)
        larger = np.maximum(_part_weights(size, rows), 0)
        both: Floats = bounded * _part_weights(bounded, rows)[part] + size * larger[part]
        return both
    if channel == "timing":
        change = np.full(len(bounded), np.nan)
        change[1:-1] = (rows.predicted[2:] - rows.predicted[:-2]) / (2 * rows.predicted[1:-1])
        return bounded * _of_unit(change)
    if channel == "stale":
        news = lagged(rows.actual, WEEK_DAYS * rows.per_day) / rows.actual - 1
        return bounded * _of_unit(news)
    return bounded


def _part_weights(values: Floats, rows: Rows) -> Floats:
    """(4,) how far the values of each six-hour part of the day changed of late; the largest is ± 1."""
    late = slice(max(len(values) - rows.scan_days * rows.per_day, rows.scan), len(values))
    change = by_hour(values, rows.hour, late) - by_hour(values, rows.hour, rows.before)
    parts = change.reshape(4, 6).mean(axis=1)
    weights: Floats = parts / max(float(np.abs(parts).max()), 1e-12)
    return weights


def _of_unit(cause: Floats) -> Floats:
    """The values ÷ their root mean square, at most ± 2, so that a few ramps do not decide."""
    known = cause[np.isfinite(cause)]
    size = float(np.sqrt(np.mean(known**2))) if known.size else 0.0
    return np.clip(cause / size, -2, 2) if size > 0 else np.zeros_like(cause)
