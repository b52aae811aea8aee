"""What the detectors would have said of many past slots, in one pass over the hours.

A replay fits what was normal as the schedule would have: before its first slot, and every
`detection.refit` after, each time on the hours before. Between two fits the hours of all slots are scored at
once (`watch_many`), which gives each slot what it would have said by itself. Two things are known better
than they were then: whether a value that had stood still for under four hours would go on doing so, and what
was usual 70 days and more before a slot, which tells a fault there. Where actuals became available one by
one, slots are scored one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift.calendar import wide_days
from drift.config import Config
from drift.detect import feature_columns
from drift.detectors.hourly import HOUR, hourly_window
from drift.detectors.slot import FleetWatched, Watched, fleet_scores, watch_many
from drift.domain import Floats, Grid, Panel, Window
from drift.timeline import Pairs, Timeline
from drift.values import Values
from drift.watch import (
    Fits,
    Hourly,
    VersionWatch,
    Watch,
    fault_hours,
    hours_of,
    intervals_of,
    watch_block,
)
from drift.watch_features import at_once, features_over
from drift.watch_panels import combine, panels_of, slow_panel
from drift.watch_slow import SlowScores, slow_at, slow_scores
from drift.windows import Windows

PERIOD = 2_000
"""No more slots than these at once: for memory."""


class Rewatched(NamedTuple):
    """What looked at a slot, and what it said."""

    watch: Watch
    panels: tuple[Panel, ...]


def watch_slots(
    timeline: Timeline,
    slots: Sequence[Windows],
    budgets: Mapping[str, float | None],
    fit: Callable[[Windows], Fits],
    config: Config,
) -> Iterator[Rewatched]:
    """The detectors' panels of each slot in turn; `fit` is asked for a calibration before the first slot and
    every `detection.refit` after it.
    """
    for period in periods(slots, config.detection.refit):
        what = Watch(budgets, columns=feature_columns(config.alerts))
        if what.calibrates:
            what = replace(what, **fit(period[0])._asdict())
        if not timeline.settled:
            for windows in period:
                block = watch_block(timeline.at(windows), windows, what, config)
                yield Rewatched(what, combine([block], windows, what, config))
            continue
        many = PERIOD
        if "features" in what.detectors:
            features = 0 if what.features is None else len(what.features.features)
            many = min(many, at_once(len(timeline.cities), features))
        for first in range(0, len(period), many):
            yield from _scored(timeline, period[first : first + many], what, config)


def periods(slots: Sequence[Windows], refit: timedelta) -> list[Sequence[Windows]]:
    """The slots between one fit and the next."""
    found: list[list[Windows]] = []
    made: datetime | None = None
    for windows in slots:
        if made is None or windows.slot - made >= refit:
            made = windows.slot
            found.append([])
        found[-1].append(windows)
    return [tuple(period) for period in found]


@dataclass(frozen=True, slots=True)
class _Many:
    """One model version at all slots of a period: arrays have an axis for the slots before the cities'."""

    version: str
    cities: tuple[str, ...]
    scored: NDArray[np.intp]
    watched: Watched | None
    fleet: FleetWatched | None
    usable: NDArray[np.int64]
    bad: Floats
    intervals: Values | None
    slow: SlowScores | None

    def panels(self, k: int) -> list[Panel]:
        """Those of one slot."""
        part, fleet = self.at(k)
        slow = [] if self.slow is None else slow_panel(self.version, [part], self.slow, k)
        return panels_of(part, fleet) + slow

    def at(self, k: int) -> tuple[VersionWatch, FleetWatched | None]:
        """What it was at one slot."""
        seen = None if self.watched is None else _slot(self.watched, k)
        held = self.intervals
        held = None if held is None else Values(held.value[k], held.reason[k])
        part = VersionWatch(self.version, self.cities, self.scored, seen, self.usable[k], self.bad[k], held)
        return part, None if self.fleet is None else _fleet_slot(self.fleet, k)


def _scored(timeline: Timeline, slots: Sequence[Windows], what: Watch, config: Config) -> Iterator[Rewatched]:
    end = slots[-1].current.end
    span = Window(max(slots[0].current.end - what.look_back, timeline.grid.start), end)
    pairs = timeline.at(replace(slots[-1], history=span))
    many = [
        each
        for v in range(len(pairs.model_versions))
        if (each := _version(pairs, v, span, slots, what, config)) is not None
    ]
    seen = None
    if "features" in what.detectors:
        ends = [windows.current.end for windows in slots]
        seen = features_over(pairs, span, ends, what.features, what.columns)
    for k in range(len(slots)):
        panels: list[Panel] = []
        for each in many:
            panels += each.panels(k)
            panels += [] if seen is None else seen.panels(each.version, each.cities, k)
        yield Rewatched(what, tuple(panels))


def _version(
    pairs: Pairs, v: int, span: Window, slots: Sequence[Windows], what: Watch, config: Config
) -> _Many | None:
    hours = hours_of(pairs, v, span, config)
    if not hours.rows.size:
        return None
    version = pairs.model_versions[v]
    cities = tuple(pairs.cities[row] for row in hours.rows)
    whole = Window(pairs.grid.start + hours.start * pairs.grid.step, span.end)
    start = hourly_window(whole, pairs.grid.step).start
    rows = np.array([(windows.current.end - start) // HOUR - 1 for windows in slots])
    known = np.isfinite(hours.series.error()).cumsum(axis=0)
    usable = known[rows] - np.where(rows[:, None] >= 24, known[np.maximum(rows - 24, 0)], 0)
    bad = np.stack([fault_hours(hours, pairs, v, windows, config) for windows in slots])
    scored, watched, fleet = _looked(version, cities, hours, rows, start, what, config)
    ends = np.array([pairs.grid.cut(windows.current).stop for windows in slots])
    held = intervals_of(pairs, v, hours.rows, ends, what, config)
    slow = None
    fitted = what.slow.versions.get(version) if what.slow is not None else None
    if fitted is not None:
        slow = slow_scores(fitted, [slow_at(what.slow, version, cities, hours.series, rows)], [len(cities)])
    return _Many(version, cities, scored, watched, fleet, usable, bad, held, slow)


def _looked(
    version: str,
    cities: tuple[str, ...],
    hours: Hourly,
    rows: NDArray[np.int64],
    start: datetime,
    what: Watch,
    config: Config,
) -> tuple[NDArray[np.intp], Watched | None, FleetWatched | None]:
    nobody = np.zeros(0, np.intp)
    if not what.calibrates or what.calibration is None:
        return nobody, None, None
    limits, where = what.calibration.of(version, cities)
    scored = np.asarray(where, np.intp)
    if not scored.size:
        return nobody, None, None
    pooled = what.calibration.fleet_of(version, cities) if "fleet" in what.detectors else None
    watched = watch_many(limits, pooled, hours.series.cities(scored), rows)
    if pooled is None or watched.pool is None:
        return scored, watched, None
    grid = Grid(start, HOUR, len(hours.series.actual))
    wide = wide_days(grid, [cities[row] for row in scored], config)[rows]
    return scored, watched, fleet_scores(pooled, watched.pool, wide, rows)


def _slot(many: Watched, k: int) -> Watched:
    return Watched(
        many.score[k],
        {name: value[k] for name, value in many.by_channel.items()},
        many.window_days[k],
        many.error_ratio[k],
        many.recent_ratio[k],
        many.bias_ratio[k],
        None,
    )


def _fleet_slot(many: FleetWatched, k: int) -> FleetWatched:
    return FleetWatched(
        many.score[k],
        {name: value[k] for name, value in many.by_channel.items()},
        many.window_hours[k],
        many.error_ratio[k],
    )
