"""Predictions and actuals become pairs on a dense grid of cities × target times.

Everything later works on whole windows of whole cities, so rows are placed on a grid once: an axis for
the city, one for the target time, NaN where there is no value. `align` places them; `Timeline.at` says
what of it was known at one slot. A replay aligns once and asks for thousands of slots, a single run
aligns its own rows and asks for one: the same two steps, hence the same result.

Every row that gives no value to the grid is counted by reason and cell (`Unused`), never dropped in
silence:

* `null_key`, `naive_timestamp`: the store could not hand the row on;
* `off_interval`, `out_of_window`: its target time is no cell of the grid;
* `not_finite`: NaN or infinity; `negative`: an actual below zero (a load cannot be; a negative
  *prediction* stays, being the model's own error). A null is no value at all, and the hour is missing;
* `late`: a prediction issued after the horizon that is judged, an actual not yet available at the slot;
* `superseded`: an older issue or revision; `duplicate`: the same key again, of which the last row wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from drift.config import AccuracyConfig
from drift.domain import Floats, Grid, PairCount, Unused, Window
from drift.place import Placer, Rows, count_cells, latest, place, place_all
from drift.tables import KEYS, Tables
from drift.windows import Windows

Counts = Mapping[Unused, NDArray[np.int32]]
FOREVER = np.iinfo(np.int64).max
INTERVAL = ("predicted", "lower", "upper")


@dataclass(frozen=True, slots=True)
class Forecast:
    """Predictions on the grid, axes `model versions × cities × target times`; NaN where there is none.

    `lower` and `upper` are None when the store has no interval.
    """

    predicted: Floats
    lower: Floats | None
    upper: Floats | None

    def of(self, version: int, cities: NDArray[np.intp], cells: slice) -> Forecast:
        """One model version's, in some of the cities and cells: `(cities, times)`."""
        return Forecast(
            self.predicted[version][cities, cells],
            None if self.lower is None else self.lower[version][cities, cells],
            None if self.upper is None else self.upper[version][cities, cells],
        )

    def cut(self, cells: slice) -> Forecast:
        """The same between two cells (views, no copies)."""
        return Forecast(
            self.predicted[..., cells],
            None if self.lower is None else self.lower[..., cells],
            None if self.upper is None else self.upper[..., cells],
        )


@dataclass(frozen=True, slots=True)
class Revision:
    """One value a cell, and when it became available (µs since 1970; None: when its interval ended)."""

    value: Floats
    available: NDArray[np.int64] | None


@dataclass(frozen=True, slots=True)
class Pairs:
    """What was known at one slot, over all of its history window, on one grid.

    `actual` is `(cities, times)`; `judged` holds the predictions of the horizon that is judged; `bands`
    those of each horizon band by its label (`24h-30h`); `features` are `(cities, times)` by name.
    """

    grid: Grid
    cities: tuple[str, ...]
    model_versions: tuple[str, ...]
    actual: Floats
    judged: Forecast
    bands: Mapping[str, Forecast]
    features: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Timeline:
    """All that was read, aligned: what any slot in its span knew can be asked for.

    `revisions` of the actuals come oldest first. `prediction_counts` has an axis for the model version
    before the cities'; `outside` counts, a city, rows that have no cell, `unkeyed` those of no city.
    """

    grid: Grid
    cities: tuple[str, ...]
    model_versions: tuple[str, ...]
    revisions: tuple[Revision, ...]
    judged: Forecast
    bands: Mapping[str, Forecast]
    features: Mapping[str, Floats]
    actual_counts: Counts = field(default_factory=dict)
    prediction_counts: Counts = field(default_factory=dict)
    outside: Mapping[Unused, NDArray[np.int32]] = field(default_factory=dict)
    unkeyed: Mapping[Unused, int] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Whether every slot knows the same actuals: none came late or was revised."""
        return len(self.revisions) == 1 and self.revisions[0].available is None

    def at(self, windows: Windows) -> Pairs:
        """What was known at the slot of these windows, over their history."""
        cells = self.grid.cut(windows.history)
        grid = Grid(self.grid.start + cells.start * self.grid.step, self.grid.step, cells.stop - cells.start)
        return Pairs(
            grid=grid,
            cities=self.cities,
            model_versions=self.model_versions,
            actual=self._known(cells, windows),
            judged=self.judged.cut(cells),
            bands={label: band.cut(cells) for label, band in self.bands.items()},
            features={name: values[:, cells] for name, values in self.features.items()},
        )

    def _known(self, cells: slice, windows: Windows) -> Floats:
        """The latest revision of each actual that was available at the slot."""
        if self.settled:
            return self.revisions[0].value[:, cells]
        slot = _microseconds(windows)
        shape = len(self.cities), cells.stop - cells.start
        known = np.full(shape, np.nan, dtype=self.revisions[0].value.dtype)
        for revision in self.revisions:
            value = revision.value[:, cells]
            usable = ~np.isnan(value)
            if revision.available is not None:
                usable &= revision.available[:, cells] <= slot
            known[usable] = value[usable]
        return known

    def count(self, windows: Windows) -> tuple[PairCount, ...]:
        """How the hours of each window were used, and why others were not."""
        return (
            *self._count(windows, windows.current, "current"),
            *self._count(windows, windows.reference, "reference"),
            *self._count(windows, windows.history, "history"),
        )

    def _count(
        self, windows: Windows, window: Window, name: Literal["current", "reference", "history"]
    ) -> list[PairCount]:
        cells = self.grid.cut(window)
        actual = ~np.isnan(self._known(cells, windows))
        predicted = ~np.isnan(self.judged.predicted[..., cells])
        used = (predicted & actual).sum(axis=2)
        unused = {
            Unused.MISSING_ACTUAL: (predicted & ~actual).sum(axis=2),
            Unused.MISSING_PREDICTION: (~predicted & actual).sum(axis=2),
        }
        for reason, cellwise in self.prediction_counts.items():
            unused[reason] = cellwise[..., cells].sum(axis=2)
        for reason, of_actuals in self._actual_reasons(cells, windows).items():
            unused[reason] = unused.get(reason, 0) + of_actuals.sum(axis=1)
        for reason, rows in self.outside.items() if name == "history" else ():
            unused[reason] = unused.get(reason, 0) + rows
        listed = self._listed()
        return [
            PairCount(
                model_version=version,
                city=city,
                window=name,
                used=int(used[v, c]),
                unused={
                    reason: int(many)
                    for reason, counts in unused.items()
                    if (many := np.broadcast_to(counts, used.shape)[v, c])
                },
            )
            for v, version in enumerate(self.model_versions)
            for c, city in enumerate(self.cities)
            if listed[v, c]
        ]

    def _listed(self) -> NDArray[np.bool_]:
        """Which model versions forecast which cities; a city that none does is listed under all."""
        forecast = ~np.isnan(self.judged.predicted).all(axis=2)
        for cellwise in self.prediction_counts.values():
            forecast |= cellwise.any(axis=2)
        return np.asarray(forecast | ~forecast.any(axis=0))

    def _actual_reasons(self, cells: slice, windows: Windows) -> dict[Unused, NDArray[np.int32]]:
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
        return {**reasons, Unused.LATE: late, Unused.SUPERSEDED: np.maximum(known - 1, 0)}


def join(blocks: Sequence[Pairs]) -> Pairs:
    """The pairs of blocks of cities, all of one grid, one block after the other.

    A model version that a block lacks has no prediction there; a band that has none at all is left out.
    """
    versions = tuple(sorted({version for block in blocks for version in block.model_versions}))
    bands = {
        label: _stack(blocks, [block.bands[label] for block in blocks], versions) for label in blocks[0].bands
    }
    return Pairs(
        grid=blocks[0].grid,
        cities=tuple(city for block in blocks for city in block.cities),
        model_versions=versions,
        actual=np.concatenate([block.actual for block in blocks]),
        judged=_stack(blocks, [block.judged for block in blocks], versions),
        bands={label: band for label, band in bands.items() if not np.isnan(band.predicted).all()},
        features={
            name: np.concatenate([block.features[name] for block in blocks]) for name in blocks[0].features
        },
    )


def _stack(blocks: Sequence[Pairs], forecasts: Sequence[Forecast], versions: Sequence[str]) -> Forecast:
    """The forecasts of blocks as one, with every version in every block."""

    def whole(block: Pairs, values: Floats) -> Floats:
        if block.model_versions == tuple(versions):
            return values
        spread = np.full((len(versions), *values.shape[1:]), np.nan, dtype=values.dtype)
        spread[[versions.index(version) for version in block.model_versions]] = values
        return spread

    def column(name: str) -> Floats | None:
        given = [getattr(forecast, name) for forecast in forecasts]
        if any(values is None for values in given):
            return None
        return np.concatenate([whole(b, v) for b, v in zip(blocks, given, strict=True)], axis=1)

    predicted = column("predicted")
    if predicted is None:
        raise ValueError("a forecast has predictions")
    return Forecast(predicted, column("lower"), column("upper"))


def _microseconds(windows: Windows) -> int:
    return round(windows.slot.timestamp() * 1_000_000)


def align(tables: Tables, grid: Grid, cities: Sequence[str], accuracy: AccuracyConfig) -> Timeline:
    """Place the rows of a store on the grid.

    Rows of other cities are left alone. The model versions are those with a row on the grid, sorted.
    """
    placer = Placer(grid, cities)
    predictions = placer.rows(tables.predictions, by_version=True)
    actuals = placer.rows(tables.actuals)
    judged, prediction_counts = _judge(predictions, accuracy)
    revisions, actual_counts = _revise(actuals)
    return Timeline(
        grid=grid,
        cities=tuple(cities),
        model_versions=predictions.versions,
        revisions=revisions,
        judged=judged,
        bands=_band(predictions, accuracy),
        features={} if tables.features is None else _features(placer.rows(tables.features)),
        actual_counts=actual_counts,
        prediction_counts=prediction_counts,
        outside=_outside(tables, cities, predictions, actuals),
        unkeyed=_unkeyed(tables),
    )


def _judge(rows: Rows, accuracy: AccuracyConfig) -> tuple[Forecast, Counts]:
    """Of each cell the latest issue at or before the horizon, and the count of the others by reason."""
    issued = rows.times("issue_time")
    if rows.alone and issued is None:
        placed = _forecast_of({name: place_all(rows, name) for name in INTERVAL if rows.has(name)})
        if _all_finite(placed.predicted, rows):
            return placed, {}
    finite = np.isfinite(rows.values("predicted"))
    eligible = finite.copy()
    counts = {Unused.NOT_FINITE: count_cells(rows, ~finite & ~rows.null("predicted"))}
    if issued is not None:
        horizon = round(accuracy.horizon.total_seconds() * 1_000_000)
        late = issued > rows.target - horizon
        counts[Unused.LATE] = count_cells(rows, late & finite)
        eligible &= ~late
    winner, repeated, older = latest(rows, eligible, issued)
    counts[Unused.DUPLICATE] = count_cells(rows, repeated)
    counts[Unused.SUPERSEDED] = count_cells(rows, older)
    return _forecast(rows, winner), {r: c for r, c in counts.items() if c.any()}


def _all_finite(placed: Floats, rows: Rows) -> bool:
    """Whether each row gave its cell a number."""
    return int(np.count_nonzero(np.isfinite(placed))) == int(rows.spans.length.sum())


def _forecast(rows: Rows, winner: NDArray[np.bool_]) -> Forecast:
    return _forecast_of({name: place(rows, name, winner) for name in INTERVAL if rows.has(name)})


def _forecast_of(placed: Mapping[str, Floats]) -> Forecast:
    return Forecast(placed["predicted"], placed.get("lower"), placed.get("upper"))


def _band(rows: Rows, accuracy: AccuracyConfig) -> dict[str, Forecast]:
    """Of each cell and horizon band the latest issue within the band."""
    issued = rows.times("issue_time")
    if issued is None:
        return {}
    bands = {}
    horizon = rows.target - issued
    finite = np.isfinite(rows.values("predicted"))
    edges = zip(accuracy.band_labels, accuracy.bands, accuracy.bands[1:], strict=False)
    for label, low, high in edges:
        first, last = (round(edge.total_seconds() * 1_000_000) for edge in (low, high))
        winner, _, _ = latest(rows, (horizon >= first) & (horizon < last) & finite, issued)
        bands[label] = _forecast(rows, winner)
    return bands


def _revise(rows: Rows) -> tuple[tuple[Revision, ...], Counts]:
    """The actuals of each cell by available time, oldest first, and the rows that are no actuals."""
    since = rows.times("available_time")
    if rows.alone and since is None:
        placed = place_all(rows, "actual")[0]
        if _all_finite(placed, rows) and not (placed < 0).any():
            return (Revision(placed, None),), {}
    actual = rows.values("actual")
    finite = np.isfinite(actual)
    negative = finite & (actual < 0)
    good = finite & ~negative
    counts = {
        Unused.NOT_FINITE: count_cells(rows, ~finite & ~rows.null("actual"))[0],
        Unused.NEGATIVE: count_cells(rows, negative)[0],
        Unused.DUPLICATE: np.zeros(rows.shape[1:], dtype=np.int32),
    }
    revisions: list[Revision] = []
    while good.any() or not revisions:
        winner, repeated, _ = latest(rows, good, since)
        value = place(rows, "actual", winner)[0]
        available = None
        if since is not None:
            available = np.full(value.size, FOREVER)
            available[rows.cell[winner]] = since[winner]
            available = available.reshape(value.shape)
        counts[Unused.DUPLICATE] += count_cells(rows, repeated)[0]
        revisions.insert(0, Revision(value, available))
        good &= ~winner & ~repeated
        if since is None:
            break
    return tuple(revisions), {r: c for r, c in counts.items() if c.any()}


def _features(rows: Rows) -> dict[str, Floats]:
    """Every feature's last value of each cell; what is not finite is none."""
    return {name: _feature(rows, name) for name in rows.table.column_names if name not in KEYS["features"]}


def _feature(rows: Rows, name: str) -> Floats:
    if not rows.alone:
        last, _, _ = latest(rows, np.isfinite(rows.values(name)), None)
        chosen: Floats = place(rows, name, last)[0]
        return chosen
    placed: Floats = place_all(rows, name)[0]
    if not np.isfinite(placed.sum()):  # of finite values the sum may overflow, and then nothing is found
        placed[np.isinf(placed)] = np.nan
    return placed


def _unkeyed(tables: Tables) -> dict[Unused, int]:
    """Rows that the store could not hand on and that name no city."""
    total: dict[Unused, int] = {}
    for skipped in tables.skipped:
        if skipped.table != "features" and skipped.city is None:
            total[skipped.reason] = total.get(skipped.reason, 0) + skipped.rows
    return total


def _outside(tables: Tables, cities: Sequence[str], *sides: Rows) -> dict[Unused, NDArray[np.int32]]:
    """A city's rows that have no cell, from the rows themselves and from what the store left out."""
    total: dict[Unused, NDArray[np.int32]] = {}
    for rows in sides:
        for reason, counts in rows.outside.items():
            total[reason] = total.get(reason, np.zeros(len(cities), dtype=np.int32)) + counts
    position = {city: c for c, city in enumerate(cities)}
    for skipped in tables.skipped:
        if skipped.table != "features" and skipped.city in position:
            counts = total.setdefault(skipped.reason, np.zeros(len(cities), dtype=np.int32))
            counts[position[skipped.city]] += skipped.rows
    return {reason: counts for reason, counts in total.items() if counts.any()}
