"""Rows of an Arrow table become positions on the grid: the mechanics under `pairing.py`.

Stores hand out rows sorted by city and time, or nearly so: then a whole run of rows lies on the grid just as
it lies in the table. So rows are taken in spans, runs of one city (and model version) whose times follow
each other; a span is a few numbers, however many rows it has, and its values are copied at once. Nothing is
assumed: in a table in no order at all a span is a single row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise
from types import EllipsisType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.arrow import address, dtype_of, encoded, view_or
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
    def lines(self) -> int:
        """The cities of each model version."""
        return self.versions * self.cities

    @property
    def cells(self) -> int:
        """Of the flattened grid."""
        return self.lines * self.times


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

    def between(self, first: int, last: int, times: int) -> Spans:
        """What of them lies in the times `[first, last)`, by the cells of a grid of those times alone."""
        line, time = np.divmod(self.cell, times)
        low, high = np.maximum(time, first), np.minimum(time + self.length, last)
        some = low < high
        cell = line * (last - first) + low - first
        return Spans((self.row + low - time)[some], cell[some], (high - low)[some])

    @property
    def rows(self) -> slice | Index:
        """The rows one by one; a slice where they follow each other."""
        if len(self.row) and (self.row[1:] == (self.row + self.length)[:-1]).all():
            return slice(int(self.row[0]), int(self.row[-1] + self.length[-1]))
        return self.spread(self.row)

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
    _landings: dict[tuple[int, int, tuple[int, ...]], Landing] = field(default_factory=dict)

    @cached_property
    def alone(self) -> bool:
        """Whether no two rows have the same cell: the usual case, in which nothing is chosen between."""
        cell, length = self.spans.cell, self.spans.length
        if not (cell[1:] > cell[:-1]).all():
            order = np.argsort(cell, kind="stable")
            cell, length = cell[order], length[order]
        return bool((cell[1:] >= (cell + length)[:-1]).all())

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

    def landing(self, first: int, last: int, chunks: tuple[int, ...]) -> Landing:
        """Where chunks of so many rows land in the cells of the times `[first, last)`; looked up once."""
        key = (first, last, chunks)
        if key not in self._landings:
            ends = pairwise(accumulate(chunks, initial=0))
            spans = tuple(self.spans.of(slice(*rows)).between(first, last, self.grid.count) for rows in ends)
            self._landings[key] = Landing(spans, self.shape.lines * (last - first))
        return self._landings[key]


@dataclass(frozen=True)
class Landing:
    """The spans of each chunk of a column, by the cells of a part of the grid, which has so many."""

    chunks: tuple[Spans, ...]
    cells: int

    @cached_property
    def holes(self) -> slice | Index:
        """The cells without a row; all of them where the others would be as good as listed too."""
        cell, length = (np.concatenate([spans[k] for spans in (*self.chunks, _NOWHERE)]) for k in (1, 2))
        if (self.cells - int(length.sum())) * 8 > self.cells:
            return slice(None)
        order = np.argsort(cell, kind="stable")
        ends = np.append(0, (cell + length)[order])
        gaps = np.append(cell[order], self.cells) - ends
        return Spans(ends, ends, gaps).spread(ends)

    @cached_property
    def index(self) -> tuple[tuple[Mask | Index, slice | Index] | None, ...]:
        """Of each chunk the cells and their rows; None where a copy a span is quicker, as spans are long."""
        return tuple(self._index(spans) for spans in self.chunks)

    def _index(self, spans: Spans) -> tuple[Mask | Index, slice | Index] | None:
        """Cells in the order of the rows, as in a sorted table with gaps, are a mask, which is quicker; rows
        that follow each other are a slice.
        """
        if len(spans.row) * _LONG <= int(spans.length.sum()):
            return None
        if not (spans.cell[1:] > spans.cell[:-1]).all():
            return spans.spread(spans.cell), spans.rows
        edges = np.zeros(self.cells + 1, dtype=np.int8)
        edges[spans.cell] = 1
        edges[spans.cell + spans.length] -= 1  # where the next span begins at once, they cancel out
        return np.cumsum(edges[:-1], dtype=np.int8).view(np.bool_), spans.rows


@dataclass(frozen=True)
class Placed:
    """A column on the grid that is not written out yet, `(cities, times)`; each row is alone in its cell.

    It may be sliced along the times, as an array. Values are as the table has them, NaN where there is none.
    """

    rows: Rows
    name: str
    first: int
    last: int

    @property
    def shape(self) -> tuple[int, int]:
        """As of an array; model versions are cities of their own here."""
        return self.rows.shape.lines, self.last - self.first

    @property
    def dtype(self) -> np.dtype[Any]:
        """As of an array."""
        return dtype_of(self.rows.table.schema.field(self.name).type)

    def __getitem__(self, key: tuple[EllipsisType, slice]) -> Placed:
        start, stop, _ = key[1].indices(self.last - self.first)
        return Placed(self.rows, self.name, self.first + start, self.first + max(start, stop))

    def into(self, out: Floats) -> None:
        """Write it out, into contiguous rows."""
        flat = out.reshape(-1)
        chunks = self.rows.table[self.name].chunks
        landing = self.rows.landing(self.first, self.last, tuple(map(len, chunks)))
        flat[landing.holes] = np.nan
        for chunk, spans, index in zip(chunks, landing.chunks, landing.index, strict=True):
            values = view_or(chunk, np.nan)[0]
            if index is not None:
                flat[index[0]] = values[index[1]]
                continue
            for row, cell, length in zip(*(part.tolist() for part in spans), strict=True):
                flat[cell : cell + length] = values[row : row + length]


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


_NOWHERE = Spans(*(np.empty(0, dtype=np.int64) for _ in range(3)))
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
    return written([Placed(rows, name, 0, rows.grid.count)]).reshape(rows.shape)


def written(columns: Sequence[Floats | Placed]) -> Floats:
    """The columns, all of one dtype and number of times, written out one below the other."""
    starts = np.cumsum([0, *(column.shape[0] for column in columns)]).tolist()
    out: Floats = np.empty((starts[-1], columns[0].shape[1]), columns[0].dtype)
    for column, (start, stop) in zip(columns, pairwise(starts), strict=True):
        if isinstance(column, Placed):
            column.into(out[start:stop])
        else:
            out[start:stop] = column
    return out


def count_cells(rows: Rows, chosen: Mask) -> NDArray[np.int32]:
    """How many of the chosen rows fall in each cell."""
    counts = np.zeros(rows.shape.cells, dtype=np.int32)
    if chosen.any():
        np.add.at(counts, rows.cell[chosen], 1)
    return counts.reshape(rows.shape)
