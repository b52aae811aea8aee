"""What the detectors would have said of many past slots, in one pass over the hours.

A replay fits what was normal when the schedule would have: before the first slot that has anything to fit,
and behind later ones (`Watch.fit_due`), each time on the hours before. Between two fits the hours of all
slots are scored at once (`watch_many`), which gives each slot what it would have said by itself; slots that
would have seen other model versions or cities are scored apart. One thing is known better than it was then:
what was usual 70 days and more before a slot, which tells a fault of the scale there. Where actuals became
available one by one, slots are scored one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift.calendar import wide_at
from drift.config import Config
from drift.detect import feature_columns
from drift.detectors.hourly import HOUR, hourly_window, is_hourly
from drift.detectors.slot import FleetWatched, Watched, fleet_scores, watch_many
from drift.domain import Floats, Panel, Window
from drift.timeline import Pairs, Timeline
from drift.values import Values
from drift.watch import (
    NO_FITS,
    BlockHours,
    Fits,
    Hourly,
    Rows,
    VersionWatch,
    Watch,
    block_hours,
    fault_hours,
    hours_of,
    intervals_of,
    unknown_series,
    watch_block,
)
from drift.watch_features import at_once, features_over
from drift.watch_panels import combine, panels_of, slow_panel
from drift.watch_slow import SlowScores, slow_at, slow_scores
from drift.windows import Windows

PERIOD = 2_000
"""No more slots than these at once: for memory."""


class Rewatched(NamedTuple):
    """What looked at a slot, what it said, and how much a fit would know that none does yet."""

    watch: Watch
    panels: tuple[Panel, ...]
    unknown: int = 0


def watch_slots(
    timeline: Timeline,
    slots: Sequence[Windows],
    budgets: Mapping[str, float | None],
    fit: Callable[[Windows], Fits],
    config: Config,
    known: Watch | None = None,
) -> Iterator[Rewatched]:
    """The detectors' panels of each slot in turn; `fit` is asked for a calibration where one is due. `known`
    is what looks at the first of them, where something is fitted already.
    """
    what = known or Watch(budgets, columns=feature_columns(config.alerts))
    at, refit = 0, config.detection.refit
    while at < len(slots):
        for seen in _until_due(timeline, slots[at:], what, config):
            slot, first = slots[at], what.made_at is None
            due = what.fit_due(slot.slot, seen.unknown, refit)
            fits = fit(slot) if due else NO_FITS
            if fits.calibration is not None:
                what = replace(what, **fits._asdict(), made_at=slot.slot)
                if first:
                    break  # this slot is judged by it
            yield seen
            at += 1
            if due:
                break


def _until_due(
    timeline: Timeline, slots: Sequence[Windows], what: Watch, config: Config
) -> Iterator[Rewatched]:
    """Slots from the first on that what is fitted can score; they end where a fit is due, or before."""
    if not timeline.settled or not is_hourly(timeline.grid.step):
        for windows in slots:
            block = watch_block(timeline.at(windows), windows, what, config)
            yield Rewatched(what, combine([block], windows, what, config), block.uncalibrated)
        return
    many = PERIOD
    if "features" in what.detectors:
        features = 0 if what.features is None else len(what.features.features)
        many = min(many, at_once(len(timeline.cities), features))
    if what.made_at is not None:
        ahead = [windows.slot - what.made_at < config.detection.refit for windows in slots[:many]]
        many = min(many, ahead.index(False) + 1 if False in ahead else many)
    there = _present(timeline, slots[:many])
    same = (there == there[0]).all(axis=(1, 2))
    some = slots[: len(same) if same.all() else int(np.argmin(same))]
    yield from _scored(timeline, some, there[0], what, config)


def _present(timeline: Timeline, slots: Sequence[Windows]) -> NDArray[np.bool_]:
    """(slots, model versions, cities) whether there is a prediction in the slot's history."""
    cuts = np.array(
        [(cut.start, cut.stop) for cut in (timeline.grid.cut(windows.history) for windows in slots)]
    )
    first, last = int(cuts[0, 0]), int(cuts[-1, 1])
    there = ~np.isnan(timeline.judged.predicted[..., first:last])
    so_far = np.concatenate(
        [np.zeros((*there.shape[:2], 1), np.int32), there.cumsum(axis=2, dtype=np.int32)], axis=2
    )
    found = so_far[..., cuts[:, 1] - first] > so_far[..., cuts[:, 0] - first]
    return np.moveaxis(found, -1, 0)


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


class _Read(NamedTuple):
    """One model version's hours in the cities that it forecasts at all slots of a period."""

    v: int
    version: str
    cities: tuple[str, ...]
    hours: Hourly
    start: datetime
    """Of the first row of the hours."""
    rows: NDArray[np.int64]
    """(slots,) the last row of each slot."""
    unknown: NDArray[np.int64]
    """(slots,) as of `Rewatched`."""

    def some(self, slots: int) -> _Read:
        """The same at the first slots."""
        return self._replace(rows=self.rows[:slots], unknown=self.unknown[:slots])


def _scored(
    timeline: Timeline, slots: Sequence[Windows], there: NDArray[np.bool_], what: Watch, config: Config
) -> Iterator[Rewatched]:
    """Slots that see the same series, `there`, scored at once up to the first where a fit is due."""
    end = slots[-1].current.end
    span = Window(max(slots[0].current.end - what.look_back, timeline.grid.start), end)
    pairs = timeline.at(replace(slots[-1], history=span))
    block = block_hours(pairs, span, config)
    read = [
        _read(block, v, np.flatnonzero(cities), end, slots, what, config)
        for v, cities in enumerate(there)
        if cities.any()
    ]
    seen, unknown = None, np.zeros(len(slots), np.int64)
    if "features" in what.detectors:
        ends = [windows.current.end for windows in slots]
        seen = features_over(pairs, span, ends, what.features, what.columns)
        unknown += 0 if what.calibration is None else seen.unfitted()
    unknown += sum(each.unknown for each in read)
    refit = config.detection.refit
    due = [what.fit_due(each.slot, int(many), refit) for each, many in zip(slots, unknown, strict=True)]
    slots = slots[: due.index(True) + 1 if True in due else len(due)]
    many = [_many(pairs, each.some(len(slots)), slots, what, config) for each in read]
    for k in range(len(slots)):
        panels: list[Panel] = []
        for each in many:
            panels += each.panels(k)
            panels += [] if seen is None else seen.panels(each.version, each.cities, k)
        yield Rewatched(what, tuple(panels), int(unknown[k]))


def _read(
    block: BlockHours,
    v: int,
    found: Rows,
    end: datetime,
    slots: Sequence[Windows],
    what: Watch,
    config: Config,
) -> _Read:
    hours, pairs = hours_of(block, v, found), block.pairs
    version, cities, step = (
        pairs.model_versions[v],
        tuple(pairs.cities[row] for row in found),
        pairs.grid.step,
    )
    start = hourly_window(Window(pairs.grid.start + hours.start * step, end), step).start
    rows = np.array([(windows.current.end - start) // HOUR - 1 for windows in slots])
    unknown = unknown_series(version, cities, hours.series, rows, what, config)
    return _Read(v, version, cities, hours, start, rows, unknown)


def _many(pairs: Pairs, read: _Read, slots: Sequence[Windows], what: Watch, config: Config) -> _Many:
    _, version, cities, hours, _, rows, _ = read
    known = np.isfinite(hours.series.error()).cumsum(axis=0)
    usable = known[rows] - np.where(rows[:, None] >= 24, known[np.maximum(rows - 24, 0)], 0)
    bad = np.stack([fault_hours(hours, pairs, read.v, windows, config) for windows in slots])
    scored, watched, fleet = _looked(read, slots, what, config)
    ends = np.array([pairs.grid.cut(windows.current).stop for windows in slots])
    held = intervals_of(pairs, read.v, hours.rows, ends, what, config)
    slow, found = None, slow_at(what.slow, version, cities, hours.series, rows)
    if what.slow is not None and found is not None:
        slow = slow_scores(what.slow.versions[version], [found], [len(cities)])
    return _Many(version, cities, scored, watched, fleet, usable, bad, held, slow)


def _looked(
    read: _Read, slots: Sequence[Windows], what: Watch, config: Config
) -> tuple[NDArray[np.intp], Watched | None, FleetWatched | None]:
    """Which cities are calibrated, their scores, and those of all of them together."""
    nobody, rows = np.zeros(0, np.intp), read.rows
    if not what.calibrates or what.calibration is None:
        return nobody, None, None
    limits, where = what.calibration.of(read.version, read.cities)
    scored = np.asarray(where, np.intp)
    if not scored.size:
        return nobody, None, None
    pooled = what.calibration.fleet_of(read.version, read.cities) if "fleet" in what.detectors else None
    watched = watch_many(limits, pooled, read.hours.series.cities(scored), rows)
    if watched.pool is None:
        return scored, watched, None
    fleet = what.calibration.fleet_limits(read.version, watched.pool.cities)
    if fleet is None:
        return scored, watched, None
    wide = wide_at([each.current.end for each in slots], [read.cities[row] for row in scored], config)
    return scored, watched, fleet_scores(fleet, watched.pool, wide, rows)


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
