"""Rows of an Arrow table become positions on the grid: the mechanics under `pairing.py`.

Stores hand out rows sorted by city and time, or nearly so: then a whole run of rows lies on the grid just as
it lies in the table. So rows are taken in spans, runs of one city (and model version) whose times follow
each other; a span is a few numbers, however many rows it has, and its values are copied at once. Nothing is
assumed: in a table in no order at all a span is a single row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.arrow import address, encoded, view_or
from drift.domain import Floats, Grid, Unused

if TYPE_CHECKING:
    import pyarrow as pa

Mask: TypeAlias = NDArray[np.bool_]
Times: TypeAlias = NDArray[np.int64]
Index: TypeAlias = NDArray[np.int64]

_EARLIEST = np.iinfo(np.int64).min
_LONG = 128  # rows a span: from here on a copy a span is quicker than an index a row


class Shape(NamedTuple):
    """The axes of a placed column: model versions (1 where there are none), cities, target times."""

    versions: int
    cities: int
    times: int

    @property
    def cells(self) -> int:
        """Of the flattened grid."""
        return self.versions * self.cities * self.times


class Spans(NamedTuple):
    """Runs of rows that follow each other on the flattened grid as in the table: the first row, its cell,
    and how many.
    """

    row: Index
    cell: Index
    length: Index

    def of(self, rows: slice) -> Spans:
        """Those within some rows, none of which they cross."""
        some = slice(*np.searchsorted(self.row, (rows.start, rows.stop)))
        return Spans(self.row[some] - rows.start, self.cell[some], self.length[some])

    def spread(self, first: Index) -> Index:
        """A number a row, counted up from the span's first."""
        before = np.cumsum(self.length) - self.length
        return np.asarray(np.repeat(first - before, self.length) + np.arange(int(self.length.sum())))


@dataclass(frozen=True)
class Rows:
    """The rows of a table that have a cell on the grid; times in µs since 1970, UTC.

    `outside` counts the others, a city. What is by row (`cell`, `values` …) has only those on the grid.
    """

    table: pa.Table
    grid: Grid
    shape: Shape
    spans: Spans
    versions: tuple[str, ...]
    outside: Mapping[Unused, NDArray[np.int32]]

    @cached_property
    def alone(self) -> bool:
        """Whether no two rows have the same cell: the usual case, in which nothing is chosen between."""
        cell, length = self.spans.cell, self.spans.length
        if not (cell[1:] > cell[:-1]).all():
            order = np.argsort(cell, kind="stable")
            cell, length = cell[order], length[order]
        return bool((cell[1:] >= (cell + length)[:-1]).all())

    @cached_property
    def holes(self) -> list[tuple[int, int]]:
        """The runs of cells without a row."""
        order = np.argsort(self.spans.cell, kind="stable")
        starts, stops = self.spans.cell[order], (self.spans.cell + self.spans.length)[order]
        ends = np.maximum.accumulate(np.append(0, stops))  # rows may share a cell
        nexts = np.append(starts, self.shape.cells)
        some = np.flatnonzero(nexts > ends)
        return list(zip(ends[some].tolist(), nexts[some].tolist(), strict=True))

    @cached_property
    def cell(self) -> Index:
        """Each row's position in the flattened `Shape`."""
        return self.spans.spread(self.spans.cell)

    @cached_property
    def target(self) -> Times:
        """Each row's target time."""
        step, start = _microseconds(self.grid)
        return start + self.cell % self.grid.count * step

    def has(self, name: str) -> bool:
        """Whether the table has the column."""
        return name in self.table.column_names

    def values(self, name: str) -> Floats:
        """Each row's value; a null is NaN."""
        return self._kept(view_or(self.table[name], np.nan)[0])

    def null(self, name: str) -> Mask:
        """Where the value is null: not given at all, rather than given as NaN."""
        return self._kept(view_or(self.table[name], np.nan)[1])

    def times(self, name: str) -> Times | None:
        """Each row's issue or available time, where the table has it; one that is null is earlier than
        everything.
        """
        if not self.has(name):
            return None
        return np.asarray(self._kept(view_or(self.table[name].cast("int64"), _EARLIEST)[0]), dtype=np.int64)

    def _kept(self, values: NDArray[Any]) -> NDArray[Any]:
        if int(self.spans.length.sum()) == len(self.table):
            return values
        return values[self.spans.spread(self.spans.row)]

    def parts(self, name: str) -> Iterator[tuple[Floats, Spans]]:
        """The column as it lies in memory, chunk by chunk, with the spans of each."""
        start = 0
        for chunk in self.table.select([name]).to_batches():
            yield view_or(chunk.column(0), np.nan)[0], self.spans.of(slice(start, start + chunk.num_rows))
            start += chunk.num_rows


class Placer:
    """Finds the cells of tables on one grid. The keys that tables share are looked at once."""

    def __init__(self, grid: Grid, cities: Sequence[str]) -> None:
        """Of these cities; rows of others are left alone."""
        self._grid = grid
        self._cities = {city: position for position, city in enumerate(cities)}
        self._seams: dict[object, Index] = {}

    def rows(self, table: pa.Table, *, by_version: bool = False) -> Rows:
        """The rows that lie on the grid; those that do not are counted, a city."""
        found = [self._spans(batch, first, by_version) for batch, first in _batches(table)]
        row, city, version, slot, rest, length = (
            np.concatenate(parts) for parts in zip(_NO_SPANS, *found, strict=True)
        )
        ours = city >= 0
        low, high = np.maximum(slot, 0), np.minimum(slot + length, self._grid.count)
        inside = np.maximum(high - low, 0)
        on = ours & (inside > 0) & (rest == 0)
        versions = tuple(sorted(set(version[on].tolist()))) if by_version else ()
        rank = {label: position for position, label in enumerate(versions)}
        block = np.array([rank.get(label, 0) for label in version[on].tolist()], dtype=np.int64)
        cell = (block * len(self._cities) + city[on]) * self._grid.count + low[on]
        outside = {
            Unused.OUT_OF_WINDOW: self._by_city(city[ours], (length - inside)[ours]),
            Unused.OFF_INTERVAL: self._by_city(city[ours], np.where(rest == 0, 0, inside)[ours]),
        }
        spans = Spans((row + low - slot)[on], cell, inside[on])
        shape = Shape(len(versions) if by_version else 1, len(self._cities), self._grid.count)
        return Rows(table, self._grid, shape, spans, versions, outside)

    def _spans(self, batch: pa.RecordBatch, first: int, by_version: bool) -> tuple[NDArray[np.generic], ...]:
        """Of each span: first row, city (−1: not ours), model version, slot, what is over, length."""
        time = view_or(batch["target_time"].cast("int64"), 0)[0]
        labels, codes = encoded(batch["city"])
        seams = self._once(batch, time, codes)
        version = np.array([""], dtype=np.object_)
        if by_version:
            names, kinds = encoded(batch["model_version"])
            if len(names) > 1:
                seams = np.union1d(seams, _changes(kinds))
            version = np.array(names or [""], dtype=np.object_)
        starts = np.concatenate([seams[:0], [0], seams]) if len(time) else seams[:0]
        step, start = _microseconds(self._grid)
        slot, rest = np.divmod(time[starts] - start, step)
        position = np.array([self._cities.get(label, -1) for label in labels], dtype=np.int64)
        which = kinds[starts] if by_version and len(version) > 1 else np.zeros(len(starts), dtype=np.int64)
        lengths = np.diff(np.append(starts, len(time)))
        return starts + first, position[codes[starts]], version[which], slot, rest, lengths

    def _once(self, batch: pa.RecordBatch, time: Times, codes: NDArray[np.int32]) -> Index:
        """The first row of each span but the first, remembered by where the keys lie in memory."""
        key = (address(batch["target_time"]), address(batch["city"]))
        if key not in self._seams:
            self._seams[key] = _seams(time, codes, _microseconds(self._grid)[0])
        return self._seams[key]

    def _by_city(self, city: Index, rows: Index) -> NDArray[np.int32]:
        return np.bincount(city, weights=rows, minlength=len(self._cities)).astype(np.int32)


_NO_SPANS = tuple(np.empty(0, dtype=np.object_ if k == 2 else np.int64) for k in range(6))


def _batches(table: pa.Table) -> Iterator[tuple[pa.RecordBatch, int]]:
    """The table in pieces of one chunk a column, and the number of each one's first row."""
    first = 0
    for batch in table.to_batches():
        yield batch, first
        first += batch.num_rows


def _microseconds(grid: Grid) -> tuple[int, int]:
    """The grid's step and start."""
    return round(grid.step.total_seconds() * 1_000_000), round(grid.start.timestamp() * 1_000_000)


def _changes(codes: NDArray[np.int32]) -> Index:
    return np.flatnonzero(codes[1:] != codes[:-1]) + 1


def _seams(time: Times, codes: NDArray[np.int32], step: int) -> Index:
    """The rows whose city is another, or whose time is not the next, than in the row before.

    City by city, so that the times of one are looked at while they are in the processor's cache.
    """
    edges = _changes(codes)
    if len(edges) * _LONG > len(codes):  # in no such order: all rows at once
        return np.flatnonzero((codes[1:] != codes[:-1]) | (np.diff(time) != step)) + 1
    seams = [edges]
    for start, stop in zip((0, *edges), (*edges, len(codes)), strict=True):
        apart = time[start + 1 : stop] - time[start : stop - 1] != step
        if apart.any():
            seams.append(np.flatnonzero(apart) + start + 1)
    return np.sort(np.concatenate(seams)) if len(seams) > 1 else edges


def latest(rows: Rows, eligible: Mask, by: Times | None) -> tuple[Mask, Mask, Mask]:
    """Of each cell's eligible rows the one with the greatest `by`; of equal ones the last row.

    Returns three masks over all rows: the winners, those that repeat a winner's `by`, and older ones.
    """
    nothing = np.zeros(eligible.size, dtype=np.bool_)
    if rows.alone:
        return eligible, nothing, nothing
    index = np.flatnonzero(eligible)
    cell = rows.cell[index]
    winner = nothing.copy()
    if not cell.size:
        return winner, nothing, nothing
    stamp = np.zeros(cell.size, dtype=np.int64) if by is None else by[index]
    order = np.lexsort((stamp, cell))  # stable: rows with equal keys keep their order
    cell, stamp, index = cell[order], stamp[order], index[order]
    last = np.append(cell[1:] != cell[:-1], True)
    group = np.cumsum(last) - last
    same = stamp == stamp[last][group]
    repeated, older = nothing.copy(), nothing.copy()
    winner[index[last]] = True
    repeated[index[~last & same]] = True
    older[index[~last & ~same]] = True
    return winner, repeated, older


def place(rows: Rows, name: str, chosen: Mask) -> Floats:
    """The chosen rows' values on the grid, NaN elsewhere. At most one row a cell is chosen."""
    values = rows.values(name)
    grid = np.full(rows.shape.cells, np.nan, dtype=values.dtype)
    if chosen.all():  # a mask costs more than the copy
        grid[rows.cell] = values
    else:
        grid[rows.cell[chosen]] = values[chosen]
    return grid.reshape(rows.shape)


def place_all(rows: Rows, name: str) -> Floats:
    """All values on the grid as they are, NaN where there is no row. The rows are each alone in a cell."""
    parts = list(rows.parts(name))
    dtype = parts[0][0].dtype if parts else np.float64
    grid = np.empty(rows.shape.cells, dtype)
    for start, stop in rows.holes:
        grid[start:stop] = np.nan
    for values, spans in parts:
        if len(spans.row) * _LONG < len(values):
            for row, cell, length in zip(*(part.tolist() for part in spans), strict=True):
                grid[cell : cell + length] = values[row : row + length]
        else:
            grid[spans.spread(spans.cell)] = values[spans.spread(spans.row)]
    return grid.reshape(rows.shape)


def count_cells(rows: Rows, chosen: Mask) -> NDArray[np.int32]:
    """How many of the chosen rows fall in each cell."""
    counts = np.zeros(rows.shape.cells, dtype=np.int32)
    if chosen.any():
        np.add.at(counts, rows.cell[chosen], 1)
    return counts.reshape(rows.shape)
