"""PURE. What slots knew, past and present: the hours around one as the estimate takes them.

A slot and a past window that the model learns from are looked at by the same function, so what held for the
one holds for the other. Of a past window only what had come by its slot is seen; where the store does not say
when actuals came, they are taken to have been as late as they are at the fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drift.calendar import calendar
from drift.config import AccuracyConfig, Config
from drift.domain import Floats, Grid
from drift.estimate import DAYS, Outlook
from drift.estimate_fit import SEED, WINDOWS, Looks, look_at
from drift.evaluate import floor_of
from drift.quality import SOUND, faults
from drift.timeline import Cells, Forecast, Timeline, anywhere, from_start
from drift.windows import Windows

DAY = timedelta(days=1)
STRIDE = 17
"""Hours from one past slot that is looked at to the next: in 17 days each hour of the day was one."""
LATEST = 3
"""Days; an actual is taken to be so late at most."""


class Span(NamedTuple):
    """Cells of a grid around a slot: from `start` on it is read, from `first` on estimated; actuals `end`
    before the slot, which is `now`; `stop` is the first that is no longer asked for.
    """

    start: int
    first: int
    end: int
    now: int
    stop: int

    def later(self, cells: int) -> Span:
        """The same so many cells later."""
        return Span(*(cell + cells for cell in self))


def span_of(windows: Windows, step: timedelta, ahead: timedelta) -> Span:
    """Of a slot, by a grid that begins with what it reads."""
    back, days = windows.current.length // step, DAYS * (DAY // step)
    end = days + back
    now = end + (windows.slot - windows.current.end) // step
    return Span(0, days, end, now, end + ahead // step)


@dataclass(frozen=True, slots=True, eq=False)
class Clocks:
    """(T, n) each cell on its city's own clock: hour, weekday (0 is Monday), and whether it is a holiday."""

    hour: NDArray[np.integer[Any]]
    weekday: NDArray[np.int8]
    holiday: NDArray[np.bool_]

    @classmethod
    def of(cls, grid: Grid, cities: Sequence[str], config: Config) -> Clocks:
        """Those of a grid."""
        hours = calendar(grid, cities, config)
        stamps = pa.array(grid.times().astype("datetime64[s]"), pa.timestamp("s"))
        utc = pc.assume_timezone(stamps, "UTC")
        zones = [config.zone_of(city) for city in cities]
        days = {zone: pc.day_of_week(utc.cast(pa.timestamp("s", zone))).to_numpy() for zone in set(zones)}
        weekday = np.stack([days[zone] for zone in zones], axis=1).astype(np.int8)
        return cls(hours.hour, weekday, hours.holiday)


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """A block of cities as read, with its clocks; `windows` are those of the slot at which it was."""

    timeline: Timeline
    clocks: Clocks
    windows: Windows

    @property
    def per_day(self) -> int:
        """Cells a day."""
        return DAY // self.timeline.grid.step

    def known(self, span: Span, cells_before: int = 0) -> Floats:
        """(n, T) the actuals of the span that were known at the slot so many cells before this one."""
        slot = self.windows.slot - cells_before * self.timeline.grid.step
        found = self.timeline.known(slice(span.start, span.stop), replace(self.windows, slot=slot)).copy()
        found[:, span.end - span.start :] = np.nan
        return found

    def outlook(self, version: int, rows: NDArray[np.intp], span: Span, known: Floats) -> Outlook:
        """What is known of some cities (`rows`) in the span."""
        total = self.timeline.grid.count
        some, cells = Cells(total - span.start, total - span.stop), slice(span.start, span.stop)
        width = span.stop - span.start
        forecast = self.timeline.judged.of(version, rows, some)
        ends = (
            None if each is None else from_start(each, width) for each in (forecast.lower, forecast.upper)
        )
        features = self.timeline.features.items()
        return Outlook(
            forecast=Forecast(from_start(forecast.predicted, width), *ends),
            actual=known[rows],
            features={name: from_start(some.of(values)[rows], width) for name, values in features},
            hour=self.clocks.hour[cells][:, rows],
            weekday=self.clocks.weekday[cells][:, rows],
            holiday=self.clocks.holiday[cells][:, rows],
            per_day=self.per_day,
            first=span.first - span.start,
            end=span.end - span.start,
            now=span.now - span.start,
        )

    def forecast_rows(self, version: int) -> NDArray[np.intp]:
        """The cities that the model version forecasts."""
        return np.flatnonzero(anywhere(self.timeline.judged.predicted[version]))


def floors_of(actual: Floats, step: timedelta, accuracy: AccuracyConfig) -> Floats:
    """(n,) each city's floor, of the last actuals (n, T) before a slot."""
    return floor_of(actual[:, max(actual.shape[1] - accuracy.floor_window // step, 0) :], accuracy)


def looks_of(seen: Around, version: int, ahead: timedelta, config: Config) -> Looks | None:
    """Past windows of a model version, drawn with a seed; None where the hours hold none.

    The grid of `seen` ends with the current window of the slot at which it is fitted.
    """
    step, rows = seen.timeline.grid.step, seen.forecast_rows(version)
    last = span_of(seen.windows, step, ahead)
    shift = seen.timeline.grid.count - last.end
    ends = range(last.stop - last.end, shift + 1, STRIDE * seen.per_day // 24)
    if not rows.size or not ends:
        return None
    whole = slice(0, seen.timeline.grid.count)
    actual = seen.timeline.known(whole, seen.windows)
    truth = np.where(faults(actual, seen.per_day) == SOUND, actual, np.nan)
    late, floor = _late(seen, actual), floors_of(actual, step, config.accuracy)
    names = tuple(sorted(seen.timeline.features))
    random = np.random.default_rng(SEED)
    many = min(len(rows), max(WINDOWS // len(ends), 1))
    found = []
    for before in ends:
        span = last.later(shift - before)
        some = np.sort(random.choice(rows, many, replace=False)) if many < len(rows) else rows
        known = seen.known(span, before)
        known[np.arange(span.stop - span.start) >= (span.end - span.start - late)[:, None]] = np.nan
        outlook = seen.outlook(version, some, span, known)
        since = truth[some, span.first : span.stop]
        found.append(look_at(outlook, names, since, floor[some], some, span.end))
    return Looks.join(found)


def _late(seen: Around, actual: Floats) -> NDArray[np.int64]:
    """(n,) cells by which actuals are late at the slot, where the store does not say when they came."""
    known = np.isfinite(actual)
    if not seen.timeline.settled:
        return np.zeros(len(actual), np.int64)
    late = np.where(known.any(axis=1), known[:, ::-1].argmax(axis=1), 0)
    return np.minimum(late, LATEST * seen.per_day)
