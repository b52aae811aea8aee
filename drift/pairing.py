"""Predictions and actuals become pairs on a dense grid of cities × target times.

Everything later works on whole windows of whole cities, so rows are placed on a grid once: an axis for
the city, one for the target time, NaN where there is no value.

Every row that gives no value to the grid is counted by reason and cell (`Unused`), never dropped in
silence:

* `null_key`, `naive_timestamp`: the store could not hand the row on;
* `off_interval`, `out_of_window`: its target time is no cell of the grid;
* `partial_interval`: it is a part of an interval of which another part is missing (`finer.py`);
* `not_finite`: NaN or infinity; `negative`: an actual below zero (a load cannot be; a negative
  *prediction* stays, being the model's own error). A null is no value at all, and the hour is missing;
* `late`: a prediction issued after the horizon that is judged, an actual not yet available at the slot;
* `superseded`: an older issue or revision; `duplicate`: the same key again, of which the last row wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drift.config import AccuracyConfig
from drift.domain import Floats, Grid, Unused
from drift.finer import Finer, Passed, averaged
from drift.place import Placed, Placer, Rows, count_cells, latest, place, place_all
from drift.tables import KEYS, TableName, Tables
from drift.timeline import FOREVER, Counts, Forecast, Revision, Timeline

if TYPE_CHECKING:
    import pyarrow as pa

INTERVAL = ("predicted", "lower", "upper")


def align(
    tables: Tables,
    grid: Grid,
    cities: Sequence[str],
    accuracy: AccuracyConfig,
    *,
    write_features: bool = True,
    finer: Finer | None = None,
) -> Timeline:
    """Place the rows of a store on the grid; those of a finer interval are brought to it, as `finer` says.

    Rows of other cities are left alone. The model versions are those with a row on the grid, sorted. Unless
    it is to write the features, they are only written where they are needed, and their infinities stay.
    """
    put = _Put(Placer(grid, cities), grid, cities, finer)
    features, unwritten = _features(tables, put, write_features)
    predictions, prediction_parts = put.rows("predictions", tables.predictions)
    actuals, actual_parts = put.rows("actuals", tables.actuals)
    judged, prediction_counts = _judge(predictions, accuracy)
    revisions, actual_counts, differ = _revise(actuals)
    return Timeline(
        grid=grid,
        cities=tuple(cities),
        model_versions=predictions.versions,
        revisions=revisions,
        judged=judged,
        bands=_band(predictions, accuracy),
        features=features,
        unwritten=unwritten,
        actual_counts=_with_parts(actual_counts, actual_parts, actuals),
        prediction_counts=_with_parts(prediction_counts, prediction_parts, predictions),
        outside=_outside(tables, cities, predictions, actuals),
        unkeyed=_unkeyed(tables),
        conflicts=differ,
        schema=_schema(tables),
        averaged=put.averaged,
    )


@dataclass(frozen=True)
class _Put:
    """Finds the cells of tables. `averaged` has the interval of each city whose finer rows were brought to
    the grid's.
    """

    placer: Placer
    grid: Grid
    cities: Sequence[str]
    finer: Finer | None
    averaged: dict[str, timedelta] = field(default_factory=dict)

    def rows(self, name: TableName, table: pa.Table) -> tuple[Rows, Mapping[Unused, Passed]]:
        """A table's rows on the grid, and the parts of intervals that gave no value."""
        by_version = name == "predictions"
        rows = self.placer.rows(table, by_version=by_version)
        beside = rows.outside[Unused.OFF_INTERVAL] > 0
        if self.finer is None or not beside.any():
            return rows, {}
        found = averaged(table, name, self.grid, self.cities, beside, self.finer)
        if found is None:
            return rows, {}
        self.averaged.update(found.intervals)
        # a placer of its own: this one may have seen other rows where these lie in memory
        return Placer(self.grid, self.cities).rows(found.table, by_version=by_version), found.passed


def _with_parts(counts: Counts, parts: Mapping[Unused, Passed], rows: Rows) -> Counts:
    """The counts, and those of the parts that gave no value."""
    if not parts:
        return counts
    both = dict(counts)
    shape = rows.shape if rows.versions else rows.shape[1:]
    rank = {label: v for v, label in enumerate(rows.versions)}
    for reason, (version, city, cell) in parts.items():
        line = [np.array([rank[label] for label in version.tolist()], np.int64)] if rows.versions else []
        found = np.zeros(shape, dtype=np.int32)
        np.add.at(found, (*line, city, cell), 1)
        both[reason] = both[reason] + found if reason in both else found
    return both


def _schema(tables: Tables) -> dict[str, str]:
    """The type of each column that is no key: keys may be packed in more than one way."""
    given: dict[TableName, pa.Table | None] = {
        "predictions": tables.predictions, "actuals": tables.actuals, "features": tables.features
    }  # fmt: skip
    return {
        f"{name}.{each.name}": str(each.type)
        for name, table in given.items()
        if table is not None
        for each in table.schema
        if each.name not in KEYS[name]
    }


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


def _revise(rows: Rows) -> tuple[tuple[Revision, ...], Counts, NDArray[np.bool_] | None]:
    """The actuals of each cell by available time, oldest first, the rows that are no actuals, and the cells
    whose repeated rows do not agree.
    """
    since = rows.times("available_time")
    if rows.alone and since is None:
        placed = place_all(rows, "actual")[0]
        if _all_finite(placed, rows) and not (placed < 0).any():
            return (Revision(placed, None),), {}, None
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
    differ = np.zeros(rows.shape[1:], dtype=np.bool_)
    while good.any() or not revisions:
        winner, repeated, _ = latest(rows, good, since)
        value = place(rows, "actual", winner)[0]
        available = None
        if since is not None:
            available = np.full(value.size, FOREVER)
            available[rows.cell[winner]] = since[winner]
            available = available.reshape(value.shape)
        counts[Unused.DUPLICATE] += count_cells(rows, repeated)[0]
        again = rows.cell[repeated]
        differ.ravel()[again[actual[repeated] != value.ravel()[again]]] = True
        revisions.insert(0, Revision(value, available))
        good &= ~winner & ~repeated
        if since is None:
            break
    return tuple(revisions), {r: c for r, c in counts.items() if c.any()}, differ


def _features(tables: Tables, put: _Put, write: bool) -> tuple[dict[str, Floats], dict[str, Placed]]:
    """Every feature's last value of each cell, where it is finite; and those that are not written out."""
    if tables.features is None:
        return {}, {}
    rows, _ = put.rows("features", tables.features)
    names = [name for name in rows.table.column_names if name not in KEYS["features"]]
    if rows.alone and not write:
        return {}, {name: Placed(rows, name, 0, rows.grid.count) for name in names}
    return {name: _feature(rows, name) for name in names}, {}


def _feature(rows: Rows, name: str) -> Floats:
    if not rows.alone:
        last, _, _ = latest(rows, np.isfinite(rows.values(name)), None)
        chosen: Floats = place(rows, name, last)[0]
        return chosen
    placed: Floats = place_all(rows, name)[0]
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
