"""What was read, on a dense grid of cities × target times, and what of it was known at one slot.

A replay aligns once and asks for thousands of slots, a single run aligns its own rows and asks for one: the
same two steps, hence the same result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.domain import Floats, Grid, PairCount, Unused, Window
from drift.place import Placed
from drift.windows import Windows

Counts: TypeAlias = Mapping[Unused, NDArray[np.int32]]
WindowName: TypeAlias = Literal["current", "reference", "history"]
EVER, FOREVER = np.iinfo(np.int64).min, np.iinfo(np.int64).max  # known since the beginning of time, or never


class Cells(NamedTuple):
    """Some cells of a grid, counted from its end: arrays end where their grid does, and some begin later."""

    first: int
    last: int

    @classmethod
    def of_window(cls, grid: Grid, window: Window) -> Cells:
        """Those of a window."""
        cut = grid.cut(window)
        return cls(grid.count - cut.start, grid.count - cut.stop)

    def of(self, values: NDArray[Any]) -> NDArray[Any]:
        """An array's values in these cells (a view)."""
        return values[..., self._slice(values.shape[-1])]

    def of_placed(self, column: Placed) -> Placed:
        """The same of a column that is not written out."""
        return column[..., self._slice(column.shape[-1])]

    def _slice(self, times: int) -> slice:
        return slice(max(times - self.first, 0), max(times - self.last, 0))


@dataclass(frozen=True, slots=True)
class Forecast:
    """Predictions on the grid, axes `model versions × cities × target times`; NaN where there is none.

    `lower` and `upper` are None when the store has no interval.
    """

    predicted: Floats
    lower: Floats | None
    upper: Floats | None

    def of(self, version: int, cities: NDArray[np.intp], cells: Cells) -> Forecast:
        """One model version's, in some of the cities and cells: `(cities, times)`."""
        return Forecast(
            cells.of(self.predicted[version])[cities],
            None if self.lower is None else cells.of(self.lower[version])[cities],
            None if self.upper is None else cells.of(self.upper[version])[cities],
        )

    def cut(self, cells: Cells) -> Forecast:
        """The same between two cells (views, no copies)."""
        return Forecast(
            cells.of(self.predicted),
            None if self.lower is None else cells.of(self.lower),
            None if self.upper is None else cells.of(self.upper),
        )


@dataclass(frozen=True, slots=True)
class Revision:
    """One value a cell, and when it became available (µs since 1970; None: when its interval ended)."""

    value: Floats
    available: NDArray[np.int64] | None


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When actuals came, `(cities, times)`, as far as they had at a slot.

    `delay` is seconds from an interval's end to its first value, NaN where none had come or nobody says when;
    `revised` whether another value took its place later.
    """

    delay: Floats
    revised: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pairs:
    """What was known at one slot, over all of its history window, on one grid.

    `actual` is `(cities, times)`; `judged` holds the predictions of the horizon that is judged; `bands`
    those of each horizon band by its label (`24h-30h`); `features` are `(cities, times)` by name, some
    of them perhaps `unwritten`. Bounds,
    bands and features end with the grid, and where the rest is not needed they begin later (`Cells`).
    `arrivals` are kept for pages only, and None where the store does not say when actuals came.
    """

    grid: Grid
    cities: tuple[str, ...]
    model_versions: tuple[str, ...]
    actual: Floats
    judged: Forecast
    bands: Mapping[str, Forecast]
    features: Mapping[str, Floats]
    unwritten: Mapping[str, Placed] = field(default_factory=dict)
    arrivals: Arrivals | None = None


@dataclass(frozen=True)
class Timeline:
    """All that was read, aligned: what any slot in its span knew can be asked for.

    `revisions` of the actuals come oldest first. `prediction_counts` has an axis for the model version
    before the cities'; `outside` counts, a city, rows that have no cell, `unkeyed` those of no city. In the
    cells `whole` nothing is missing, which saves looking for it. `conflicts` are the cells in which
    rows of one key have different actuals; it ends with the grid, and may begin later. `averaged` has the
    interval of each city whose rows are finer than the grid. `schema` is the type of each column that was
    read, by `table.column`.
    """

    grid: Grid
    cities: tuple[str, ...]
    model_versions: tuple[str, ...]
    revisions: tuple[Revision, ...]
    judged: Forecast
    bands: Mapping[str, Forecast]
    features: Mapping[str, Floats]
    unwritten: Mapping[str, Placed] = field(default_factory=dict)
    actual_counts: Counts = field(default_factory=dict)
    prediction_counts: Counts = field(default_factory=dict)
    outside: Mapping[Unused, NDArray[np.int32]] = field(default_factory=dict)
    unkeyed: Mapping[Unused, int] = field(default_factory=dict)
    whole: range = range(0)
    conflicts: NDArray[np.bool_] | None = None
    schema: Mapping[str, str] = field(default_factory=dict)
    averaged: Mapping[str, timedelta] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Whether every slot knows the same actuals: none came late or was revised."""
        return len(self.revisions) == 1 and self.revisions[0].available is None

    def at(self, windows: Windows) -> Pairs:
        """What was known at the slot of these windows, over their history."""
        cells = self.grid.cut(windows.history)
        grid = Grid(self.grid.start + cells.start * self.grid.step, self.grid.step, cells.stop - cells.start)
        some = Cells.of_window(self.grid, windows.history)
        return Pairs(
            grid=grid,
            cities=self.cities,
            model_versions=self.model_versions,
            actual=self.known(cells, windows),
            judged=self.judged.cut(some),
            bands={label: band.cut(some) for label, band in self.bands.items()},
            features={name: some.of(values) for name, values in self.features.items()},
            unwritten={name: some.of_placed(column) for name, column in self.unwritten.items()},
        )

    def settled_at(self, slot: datetime) -> Timeline:
        """As if what was known at the slot had been known ever since: its past, measured anew."""
        if self.settled:
            return self
        value = self._known(slice(0, self.grid.count), slot)
        return replace(self, revisions=(Revision(value, None),), whole=range(0))

    def of(self, cities: Sequence[str]) -> Timeline:
        """The same of some of the cities, in their order, with the model versions that forecast one of them;
        rows without a cell are not counted. Features must have been written.
        """
        rows = np.array([self.cities.index(city) for city in cities], dtype=np.intp)
        forecasts = (self.judged, *self.bands.values())
        there = np.logical_or.reduce([(~np.isnan(f.predicted[:, rows])).any(axis=(1, 2)) for f in forecasts])
        some = np.flatnonzero(there)

        def forecast(whole: Forecast) -> Forecast:
            lower, upper = whole.lower, whole.upper
            return Forecast(
                whole.predicted[some][:, rows],
                None if lower is None else lower[some][:, rows],
                None if upper is None else upper[some][:, rows],
            )

        return replace(
            self,
            cities=tuple(cities),
            model_versions=tuple(self.model_versions[v] for v in some),
            revisions=tuple(
                Revision(r.value[rows], None if r.available is None else r.available[rows])
                for r in self.revisions
            ),
            judged=forecast(self.judged),
            bands={label: forecast(band) for label, band in self.bands.items()},
            features={name: values[rows] for name, values in self.features.items()},
            actual_counts={reason: counts[rows] for reason, counts in self.actual_counts.items()},
            prediction_counts={r: counts[some][:, rows] for r, counts in self.prediction_counts.items()},
            outside={},
        )

    def known(self, cells: slice, windows: Windows) -> Floats:
        """The latest revision of each actual that was available at the slot."""
        if self.settled:
            return self.revisions[0].value[:, cells]
        return self._known(cells, windows.slot)

    def _known(self, cells: slice, moment: datetime) -> Floats:
        slot = round(moment.timestamp() * 1_000_000)
        shape = len(self.cities), cells.stop - cells.start
        known = np.full(shape, np.nan, dtype=self.revisions[0].value.dtype)
        for revision in self.revisions:
            value = revision.value[:, cells]
            usable = ~np.isnan(value)
            if revision.available is not None:
                usable &= revision.available[:, cells] <= slot
            known[usable] = value[usable]
        return known

    def arrivals(self, windows: Windows) -> Arrivals | None:
        """When the actuals of the history came, as of the slot; None where the store does not say."""
        if any(revision.available is None for revision in self.revisions):
            return None
        cells, slot = self.grid.cut(windows.history), _microseconds(windows)
        step = round(self.grid.step.total_seconds() * 1_000_000)
        ends = self.grid.times()[cells].astype("datetime64[us]").astype(np.int64) + step
        shape = len(self.cities), cells.stop - cells.start
        first, values = np.full(shape, FOREVER), np.zeros(shape, np.int8)
        for revision in self.revisions:
            if revision.available is not None:
                available = revision.available[:, cells]
                came = ~np.isnan(revision.value[:, cells]) & (available <= slot)
                first[came] = np.minimum(first[came], available[came])
                values += came
        delay = np.where(values > 0, (first - ends) / 1e6, np.nan).astype(np.float32)
        return Arrivals(np.where(first == EVER, np.nan, delay), values > 1)

    def count(self, windows: Windows) -> tuple[PairCount, ...]:
        """How the hours of each window were used, and why others were not."""
        history = self.grid.cut(windows.history)
        hours = [self._hours(cells, windows) for cells in _around(history, self.whole)]
        reasons = self._reasons(history, windows)
        counts: list[PairCount] = []
        named: dict[WindowName, Window] = {
            "current": windows.current, "reference": windows.reference, "history": windows.history
        }  # fmt: skip
        for name, window in named.items():
            cut = self.grid.cut(window)
            used, unused = self._used(cut, hours)
            for reason, cellwise in reasons.items():
                within = cellwise[..., cut.start - history.start : cut.stop - history.start]
                rows = np.asarray(within.sum(axis=-1), dtype=np.int64)
                unused[reason] = unused[reason] + rows if reason in unused else rows
            for reason, by_city in self.outside.items() if name == "history" else ():
                unused[reason] = unused[reason] + by_city if reason in unused else by_city.astype(np.int64)
            counts += self._counts(name, used, unused)
        return tuple(counts)

    def _hours(self, cells: slice, windows: Windows) -> _Hours:
        actual = ~np.isnan(self.known(cells, windows))
        predicted = ~np.isnan(self.judged.predicted[..., cells])
        missing = {Unused.MISSING_ACTUAL: predicted & ~actual, Unused.MISSING_PREDICTION: ~predicted & actual}
        unused = {reason: cellwise for reason, cellwise in missing.items() if cellwise.any()}
        return _Hours(cells, predicted & actual, unused)

    def _used(
        self, cut: slice, hours: Sequence[_Hours]
    ) -> tuple[NDArray[np.int64], dict[Unused, NDArray[np.int64]]]:
        """How many of some cells are pairs, and how many are none, by reason: (versions, cities)."""
        whole = max(min(cut.stop, self.whole.stop) - max(cut.start, self.whole.start), 0)
        used = np.full(self.judged.predicted.shape[:2], whole, dtype=np.int64)
        unused: dict[Unused, NDArray[np.int64]] = {}
        for cells, paired, missing in hours:
            within = slice(max(cut.start - cells.start, 0), max(cut.stop - cells.start, 0))
            used += _total(paired[..., within])
            for reason, cellwise in missing.items():
                many = _total(cellwise[..., within])
                unused[reason] = unused[reason] + many if reason in unused else many
        return used, unused

    def _counts(
        self, window: WindowName, used: NDArray[np.int64], unused: Mapping[Unused, NDArray[np.int64]]
    ) -> Iterator[PairCount]:
        whole = [(reason, np.broadcast_to(many, used.shape)) for reason, many in unused.items()]
        there = [(reason, many) for reason, many in whole if many.any()]
        listed = self._listed
        for v, version in enumerate(self.model_versions):
            for c, city in enumerate(self.cities):
                if listed[v, c]:
                    rows = {reason: int(many[v, c]) for reason, many in there if many[v, c]}
                    yield PairCount(version, city, int(used[v, c]), rows, window)

    def _reasons(self, cells: slice, windows: Windows) -> dict[Unused, NDArray[np.int32]]:
        """The rows passed over in each cell, of predictions `(versions, cities, times)` and of actuals."""
        found = {reason: cellwise[..., cells] for reason, cellwise in self.prediction_counts.items()}
        for reason, of_actuals in self.actual_reasons(cells, windows).items():
            found[reason] = found[reason] + of_actuals if reason in found else of_actuals
        return found

    @cached_property
    def _listed(self) -> NDArray[np.bool_]:
        """Which model versions forecast which cities; a city that none does is listed under all."""
        forecast = anywhere(self.judged.predicted)
        for cellwise in self.prediction_counts.values():
            forecast |= cellwise.any(axis=2)
        return np.asarray(forecast | ~forecast.any(axis=0))

    def actual_reasons(self, cells: slice, windows: Windows) -> dict[Unused, NDArray[np.int32]]:
        """The rows of actuals passed over: bad ones, ones not yet available, and older revisions."""
        reasons = {reason: cellwise[:, cells] for reason, cellwise in self.actual_counts.items()}
        if self.settled:
            return reasons
        late = np.zeros((len(self.cities), cells.stop - cells.start), dtype=np.int32)
        known = np.zeros_like(late)
        for revision in self.revisions:
            there = ~np.isnan(revision.value[:, cells])
            early = (
                there
                if revision.available is None
                else revision.available[:, cells] <= _microseconds(windows)
            )
            late += there & ~early
            known += there & early
        for reason, rows in ((Unused.LATE, late), (Unused.SUPERSEDED, np.maximum(known - 1, 0))):
            reasons[reason] = reasons[reason] + rows if reason in reasons else rows
        return reasons


class _Hours(NamedTuple):
    """Some cells: which are pairs (versions, cities, cells), and which are none, by reason."""

    cells: slice
    paired: NDArray[np.bool_]
    unused: Mapping[Unused, NDArray[np.bool_]]


def _around(cells: slice, hole: range) -> list[slice]:
    """What is left of cells before and after some others."""
    left = slice(cells.start, min(hole.start, cells.stop)), slice(max(hole.stop, cells.start), cells.stop)
    return [part for part in left if part.start < part.stop] if hole else [cells]


def from_start(values: Floats, count: int) -> Floats:
    """Values `(…, times)` that end with a grid of `count` cells, from its start on: NaN where they had not
    begun. Those that begin with it are given back as they are.

    >>> from_start(np.array([3.0, 4.0]), 4)
    array([nan, nan,  3.,  4.])
    """
    missing = count - values.shape[-1]
    if not missing:
        return values
    return np.concatenate([np.full((*values.shape[:-1], missing), np.nan, values.dtype), values], axis=-1)


def anywhere(values: Floats) -> NDArray[np.bool_]:
    """Whether there is any value, along the last axis. Most series have one at their end."""
    there = np.asarray(~np.isnan(values[..., -1:]).all(axis=-1))
    return there if there.all() else np.asarray(~np.isnan(values).all(axis=-1))


def _total(cellwise: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many cells hold, along the last axis; a run of all of them is the usual case, and quick to see."""
    if cellwise.all():
        return np.full(cellwise.shape[:-1], cellwise.shape[-1], dtype=np.int64)
    return np.asarray(np.count_nonzero(cellwise, axis=-1), dtype=np.int64)


def _microseconds(windows: Windows) -> int:
    return round(windows.slot.timestamp() * 1_000_000)
