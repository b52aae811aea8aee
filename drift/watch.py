"""What the detectors say of a slot: of a block of cities, and then of all cities of a model version.

A detector sees the hours before the slot and what was fitted (`Calibration`), and nothing else: no score is
carried from slot to slot. So an actual that comes late, a slot that was missed or a second replica change
nothing, and a replay says what the slots said.

How: pairs become hourly series without the hours that are faults (`hours_of`). Each city is scored on its
own; what the fleet needs of it are sums by hour, which blocks add up (`combine`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift.calendar import calendar
from drift.config import Config
from drift.detectors import Settings
from drift.detectors.calibration import LEAST_DAYS, Calibration
from drift.detectors.hourly import HOUR, hourly, hourly_window, is_hourly
from drift.detectors.peer_kept import FeatureCalibration
from drift.detectors.series import Hours
from drift.detectors.series import Series as HourlySeries
from drift.detectors.slot import Watched, hours_needed, watch
from drift.detectors.slow_fit import SlowCalibration
from drift.detectors.trailing import Flags
from drift.domain import Calibrated, Floats, Grid, Undefined, Window
from drift.quality import SOUND, faults, told_later
from drift.timeline import Pairs, anywhere
from drift.values import Values, where_undefined
from drift.watch_features import LOOK_BACK as FEATURES_LOOK_BACK
from drift.watch_features import Columns, FeatureBlock, features_at
from drift.watch_intervals import LOOK_BACK as INTERVALS_LOOK_BACK
from drift.watch_intervals import intervals_at
from drift.watch_slow import Slow, slow_at
from drift.windows import Windows

Rows = NDArray[np.intp]
LOOK_BACK = timedelta(hours=hours_needed(Settings()) + 1)  # and an hour that a finer interval may have begun
"""So much before the end of its current window a slot reads where there is a detector."""
DAY, DAY_HOURS = timedelta(days=1), 24
SOON = timedelta(days=7)
"""A series that is not known is fitted so long after the last fit at the latest."""
BUDGET = 0.5
"""False alarms a city-year, where a rule says nothing else."""


CALIBRATED = ("profile", "fleet", "slow", "features")
"""The detectors that are fitted to what is normal."""


class Fits(NamedTuple):
    """What detectors were fitted to."""

    calibration: Calibration | None = None
    slow: SlowCalibration | None = None
    features: FeatureCalibration | None = None


NO_FITS = Fits()


@dataclass(frozen=True, slots=True)
class Watch:
    """Which detectors look at a slot, with their budgets, and what they were calibrated to; `columns` are the
    features that are looked at.
    """

    budgets: Mapping[str, float | None] = field(default_factory=dict)
    calibration: Calibration | None = None
    slow: SlowCalibration | None = None
    features: FeatureCalibration | None = None
    made_at: datetime | None = None
    columns: Columns = None

    @property
    def calibrated(self) -> Calibrated | None:
        """What errors are held against, for people."""
        fit = self.calibration
        if fit is None or self.made_at is None:
            return None
        return Calibrated(self.made_at, fit.span, len(fit.series), fit.origin)

    @property
    def detectors(self) -> frozenset[str]:
        """Those that look."""
        return frozenset(self.budgets)

    def budget(self, detector: str) -> float:
        """False alarms a city-year that the detector may give."""
        return self.budgets.get(detector) or BUDGET

    @property
    def look_back(self) -> timedelta:
        """So much before the end of its current window a slot reads."""
        if not self.budgets:
            return timedelta(0)
        further = {"interval": INTERVALS_LOOK_BACK, "features": FEATURES_LOOK_BACK}
        return max(LOOK_BACK, *(further[name] for name in further.keys() & self.budgets), timedelta(0))

    @property
    def reads_everything(self) -> bool:
        """Whether a detector needs values that the cache does not keep: the ends of intervals, features."""
        return not self.budgets.keys().isdisjoint(("interval", "features"))

    @property
    def calibrates(self) -> bool:
        """Whether a detector is fitted to what is normal."""
        return bool(self.detectors & set(CALIBRATED))

    def fit_due(self, slot: datetime, unknown: int, refit: timedelta) -> bool:
        """Whether it is time for a fit at the slot, at which so many series could be fitted and are not.

        The first is made as soon as there is such a series, and judges the slot. Later ones are made behind a
        slot, every `refit`, and within a week where a series is not known.
        """
        if not self.calibrates or self.made_at is None:
            return self.calibrates and unknown > 0
        return slot - self.made_at >= (min(SOON, refit) if unknown else refit)


UNWATCHED = Watch()
"""No detector looks."""


@dataclass(frozen=True, slots=True)
class VersionWatch:
    """What the detectors say of one model version in the cities of a block that it forecasts.

    `scored` are the positions in `cities` of those that are calibrated, in the order of `watched`; `usable`
    counts the good hours of the last 24, and `fault_hours` the bad ones of the current window, of all.
    `unknown` counts those that are not fitted, but could be; `reason` says why others have no score.
    """

    model_version: str
    cities: tuple[str, ...]
    scored: Rows
    watched: Watched | None
    usable: NDArray[np.int64]
    fault_hours: Floats
    intervals: Values | None = None
    slow: Slow | None = None
    unknown: int = 0
    reason: Undefined = Undefined.NOT_CALIBRATED


@dataclass(frozen=True, slots=True)
class BlockWatch:
    """What the detectors say of a block of cities: of its model versions, and of its features."""

    versions: tuple[VersionWatch, ...] = ()
    features: FeatureBlock | None = None

    @property
    def uncalibrated(self) -> int:
        """The series, and the features of cities, that a fit would know and none does yet. Features wait for
        the first fit of a series.
        """
        series = sum(each.unknown for each in self.versions)
        return series + (0 if self.features is None else self.features.unfitted)


@dataclass(frozen=True, slots=True)
class Hourly:
    """Some cities of a model version, hour by hour, ready for detectors.

    `rows` are their positions in the block, `begins` the cell of their first prediction. Of every interval
    from cell `start` on: whether the actual or the prediction is a fault (`faulty`), and whether only a later
    interval told so (`later`).
    """

    rows: Rows
    series: HourlySeries
    begins: NDArray[np.intp]
    faulty: Flags
    later: Flags
    start: int


def forecast_cities(pairs: Pairs, version: int) -> Rows:
    """The positions of the cities that a model version forecasts."""
    return np.flatnonzero(anywhere(pairs.judged.predicted[version]))


class Sound(NamedTuple):
    """Values without the hours that are faults, `(cities, cells)`; which those are (`faulty`), and which of
    them were told at once (`told`).
    """

    values: Floats
    faulty: Flags
    told: Flags

    @classmethod
    def of(cls, values: Floats, per_day: int) -> Sound:
        """What only later hours told to be a fault is let in: so an hour counts the same in every slot that
        looks back on it, be it now or in a replay.
        """
        codes = faults(values, per_day)
        told = (codes != SOUND) & ~told_later(values, codes, per_day)
        return cls(np.where(told, np.nan, values), codes != SOUND, told)

    def rows(self, rows: Rows) -> Sound:
        """Of some cities."""
        return Sound(self.values[rows], self.faulty[rows], self.told[rows])


@dataclass(frozen=True, slots=True)
class BlockHours:
    """What the hours of a block's cities are, whichever model version forecasts them: found once for all.

    `cells` are those of the window, and `whole` those among them that make whole hours.
    """

    pairs: Pairs
    cells: slice
    whole: slice
    actual: Sound
    calendar: Hours


def block_hours(pairs: Pairs, window: Window, config: Config) -> BlockHours:
    """The hours of a block in the window.

    Raises:
        UndefinedError: the intervals are longer than an hour, or no part of one.
    """
    step, cells = pairs.grid.step, pairs.grid.cut(window)
    start, end = (pairs.grid.start + cell * step for cell in (cells.start, cells.stop))
    whole = hourly_window(Window(start, end), step)
    part = slice((whole.start - start) // step, (whole.end - start) // step)
    actual = Sound.of(pairs.actual[:, cells], DAY // step)
    hours = Grid(whole.start, HOUR, whole.length // HOUR)
    # asked for all cities: a model version may forecast none of a block's
    return BlockHours(pairs, cells, part, actual, calendar(hours, pairs.cities, config))


def hours_of(block: BlockHours, version: int, rows: Rows | None = None) -> Hourly:
    """The hours of the cities that a model version forecasts, faults left out; or of those in `rows`.

    Actual and prediction are judged each by itself: last week's load is known, forecast or not.
    """
    pairs, step = block.pairs, block.pairs.grid.step
    predicted = pairs.judged.predicted[version]
    rows = forecast_cities(pairs, version) if rows is None else rows
    begins = np.argmax(~np.isnan(predicted[rows]), axis=1)
    actual, forecast = block.actual.rows(rows), Sound.of(predicted[rows, block.cells], DAY // step)
    values = hourly(actual.values[:, block.whole], forecast.values[:, block.whole], step)
    faulty = actual.faulty | forecast.faulty
    later = faulty & ~(actual.told | forecast.told)
    series = HourlySeries(*values, block.calendar.cities(rows))
    return Hourly(rows, series, begins, faulty, later, block.cells.start)


def watch_block(pairs: Pairs, windows: Windows, what: Watch, config: Config) -> BlockWatch:
    """What the detectors say of each model version, and of the features, in a block of cities."""
    if not is_hourly(pairs.grid.step):
        return unjudged(pairs, what, Undefined.NOT_HOURLY)
    versions = _watch_versions(pairs, windows, what, config)
    if "features" not in what.detectors:
        return BlockWatch(versions)
    features = features_at(pairs, windows.current.end, what.features, what.columns)
    if what.calibration is None:
        features = replace(features, unfitted=0)
    return BlockWatch(versions, features)


def unjudged(pairs: Pairs, what: Watch, reason: Undefined) -> BlockWatch:
    """A block that no detector can judge, and why: its alerts stay as they are."""
    found = []
    for v, version in enumerate(pairs.model_versions):
        cities = tuple(pairs.cities[row] for row in forecast_cities(pairs, v))
        nothing = np.full(len(cities), np.nan)
        usable, nobody = np.zeros(len(cities), np.int64), np.zeros(0, np.intp)
        held = where_undefined(nothing, (np.isnan(nothing), reason)) if "interval" in what.budgets else None
        found.append(VersionWatch(version, cities, nobody, None, usable, nothing, held, reason=reason))
    return BlockWatch(tuple(each for each in found if each.cities))


def _watch_versions(pairs: Pairs, windows: Windows, what: Watch, config: Config) -> tuple[VersionWatch, ...]:
    window = Window(windows.current.end - LOOK_BACK, windows.current.end)
    found, block = [], block_hours(pairs, window, config)
    for v, version in enumerate(pairs.model_versions):
        hours = hours_of(block, v)
        if not hours.rows.size:
            continue
        cities = tuple(pairs.cities[row] for row in hours.rows)
        scored, watched = _watched(version, cities, hours.series, what)
        usable = np.isfinite(hours.series.rows(slice(-DAY_HOURS, None)).error()).sum(axis=0)
        bad = fault_hours(hours, pairs, v, windows, config)
        ends = np.array([pairs.grid.cut(windows.current).stop])
        interval = intervals_of(pairs, v, hours.rows, ends, what, config)
        held = None if interval is None else Values(interval.value[0], interval.reason[0])
        last = np.array([len(hours.series.actual) - 1])
        slow = slow_at(what.slow, version, cities, hours.series, last)
        unknown = unknown_series(version, cities, hours.series, last, what, config)
        found.append(VersionWatch(version, cities, scored, watched, usable, bad, held, slow, int(unknown[0])))
    return tuple(found)


def unknown_series(
    version: str,
    cities: Sequence[str],
    series: HourlySeries,
    rows: NDArray[np.int64],
    what: Watch,
    config: Config,
) -> NDArray[np.int64]:
    """(S,) how many series have the usable hours of three weeks up to each of the rows, and no fit of their
    own.
    """
    nothing = np.zeros(len(rows), np.int64)
    if not what.calibrates:
        return nothing
    known = frozenset() if what.calibration is None else what.calibration.cities_of(version)
    missing = np.array([c for c, city in enumerate(cities) if city not in known], np.intp)
    if not missing.size:
        return nothing
    usable = np.isfinite(series.cities(missing).error()).cumsum(axis=0)
    back = min(hours_needed(Settings()), config.detection.history // HOUR)
    earlier = np.where(rows[:, None] >= back, usable[np.maximum(rows - back, 0)], 0)
    return np.asarray((usable[rows] - earlier >= LEAST_DAYS * DAY_HOURS).sum(axis=1), np.int64)


def intervals_of(
    pairs: Pairs, version: int, rows: Rows, ends: NDArray[np.int64], what: Watch, config: Config
) -> Values | None:
    """(slots, cities) what intervals are worth, where that is asked; `ends` are cells."""
    if "interval" not in what.budgets:
        return None
    level = config.accuracy.interval_level
    return intervals_at(pairs, version, rows, ends, level, what.budget("interval"))


def _watched(
    version: str, cities: Sequence[str], series: HourlySeries, what: Watch
) -> tuple[Rows, Watched | None]:
    """The scores of the cities that are calibrated, and which those are."""
    nobody: Rows = np.zeros(0, np.intp)
    if not what.calibrates or what.calibration is None:
        return nobody, None
    limits, where = what.calibration.of(version, cities)
    scored: Rows = np.asarray(where, np.intp)
    if not scored.size:
        return nobody, None
    fleet = what.calibration.fleet_of(version, cities) if "fleet" in what.detectors else None
    own = series if scored.size == len(cities) else series.cities(scored)
    return scored, watch(limits, fleet, own)


def fault_hours(hours: Hourly, pairs: Pairs, version: int, windows: Windows, config: Config) -> Floats:
    """Hours of the current window that are bad in the actual or the prediction, a city.

    An actual may come late: its absence counts where later hours have one, or `late_after` has passed. Before
    a city's first prediction by the model version nothing is missing.
    """
    cells = pairs.grid.cut(windows.current)
    length = cells.stop - cells.start
    own = slice(cells.start - hours.start, cells.stop - hours.start)
    begun = np.arange(cells.start, cells.stop) >= hours.begins[:, None]
    too_short = np.logical_and.accumulate(hours.later[:, own][:, ::-1], axis=1)[:, ::-1]  # a run, as yet
    absent = np.isnan(pairs.actual[hours.rows, cells])
    forecast = ~np.isnan(pairs.judged.predicted[version][hours.rows, cells])
    later = np.cumsum(~absent[:, ::-1], axis=1)[:, ::-1] > 0
    waits = max(length - config.detection.late_after // pairs.grid.step, 0)
    overdue = later | (np.arange(length) < waits)
    counted = hours.faulty[:, own] & ~too_short & begun & (~absent | overdue | ~forecast)
    bad: Floats = counted.sum(axis=1) * (pairs.grid.step / HOUR)
    return bad
