"""Rows of an Arrow table become positions on the grid: the mechanics under `pairing.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift.domain import Floats, Grid, Unused

if TYPE_CHECKING:
    import pyarrow as pa

Mask = NDArray[np.bool_]
Times = NDArray[np.int64]

_EARLIEST = np.iinfo(np.int64).min


class Shape(NamedTuple):
    """The axes of a placed column: model versions (1 where there are none), cities, target times."""

    versions: int
    cities: int
    times: int


@dataclass(frozen=True)
class Rows:
    """The rows of a table that have a cell on the grid, as columns; times in µs since 1970, UTC.

    `cell` is the position in the flattened `Shape`. A null value is NaN here and marked in `nulls`.
    """

    cell: NDArray[np.int64]
    target: Times
    values: Mapping[str, Floats]
    nulls: Mapping[str, Mask]
    issued: Times | None
    available: Times | None
    versions: tuple[str, ...]
    outside: Mapping[Unused, NDArray[np.int32]]

    @cached_property
    def alone(self) -> bool:
        """Whether no two rows have the same cell: the usual case, in which nothing is chosen between."""
        if (self.cell[1:] > self.cell[:-1]).all():
            return True
        taken = np.zeros(int(self.cell.max(initial=-1)) + 1, dtype=np.bool_)
        taken[self.cell] = True
        return int(np.count_nonzero(taken)) == self.cell.size

    def null(self, name: str) -> Mask:
        """Where the value is null: not given at all, rather than given as NaN."""
        return self.nulls.get(name, np.zeros(self.cell.size, dtype=np.bool_))


def rows_of(table: pa.Table, grid: Grid, cities: Sequence[str], *, by_version: bool = False) -> Rows:
    """The rows of `cities` that lie on the grid; those that do not are counted, a city."""
    import pyarrow as pa

    city = _codes(table["city"], cities)
    target = _times(table["target_time"])
    step, start = _microseconds(grid.step.total_seconds()), _microseconds(grid.start.timestamp())
    slot, rest = np.divmod(target - start, step)
    ours = city >= 0
    inside = (slot >= 0) & (slot < grid.count)
    on = ours & inside & (rest == 0)
    versions, version = _versions(table["model_version"], on) if by_version else ((), np.int64(0))
    cell = ((version * len(cities) + city) * grid.count + slot)[on]
    values, nulls = {}, {}
    for name in table.column_names:
        if pa.types.is_floating(table.schema.field(name).type):
            values[name], nulls[name] = _values(table[name], on)
    times = {
        name: _times(table[name])[on] if name in table.column_names else None
        for name in ("issue_time", "available_time")
    }
    outside = {
        Unused.OUT_OF_WINDOW: np.bincount(city[ours & ~inside], minlength=len(cities)).astype(np.int32),
        Unused.OFF_INTERVAL: np.bincount(city[ours & inside & (rest != 0)], minlength=len(cities)).astype(
            np.int32
        ),
    }
    return Rows(
        cell, target[on], values, nulls, times["issue_time"], times["available_time"], versions, outside
    )


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _times(column: pa.ChunkedArray) -> Times:
    """µs since 1970; a null (an issue or available time not given) is earlier than everything."""
    from drift.arrow import view_or

    return np.asarray(view_or(column.cast("int64"), _EARLIEST)[0], dtype=np.int64)


def _values(column: pa.ChunkedArray, on: Mask) -> tuple[Floats, Mask]:
    from drift.arrow import view_or

    values, null = view_or(column, np.nan)
    return values[on], null[on]


def _encode(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int64]]:
    """The distinct labels, and each row's position among them."""
    import pyarrow as pa

    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = flat.dictionary_encode()
    return encoded.dictionary.to_pylist(), np.from_dlpack(encoded.indices).astype(np.int64)


def _codes(column: pa.ChunkedArray, known: Sequence[str]) -> NDArray[np.int64]:
    """The position of each label in `known`; −1 for a label that is not there."""
    labels, rows = _encode(column)
    position = {label: p for p, label in enumerate(known)}
    return np.array([position.get(label, -1) for label in labels], dtype=np.int64)[rows]


def _versions(column: pa.ChunkedArray, on: Mask) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The model versions with a row on the grid, sorted, and each row's position among them."""
    labels, rows = _encode(column)
    versions = tuple(sorted(labels[code] for code in np.unique(rows[on])))
    return versions, _codes(column, versions)


def latest(rows: Rows, eligible: Mask, by: Times | None) -> tuple[Mask, Mask, Mask]:
    """Of each cell's eligible rows the one with the greatest `by`; of equal ones the last row.

    Returns three masks over all rows: the winners, those that repeat a winner's `by`, and older ones.
    """
    nothing = np.zeros(rows.cell.size, dtype=np.bool_)
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


def place(rows: Rows, name: str, chosen: Mask, shape: Shape) -> Floats:
    """The chosen rows' values on the flattened grid, NaN elsewhere. At most one row a cell is chosen."""
    values = rows.values[name]
    grid = np.full(shape.versions * shape.cities * shape.times, np.nan, dtype=values.dtype)
    if chosen.all():  # a mask costs more than the copy
        grid[rows.cell] = values
    else:
        grid[rows.cell[chosen]] = values[chosen]
    return grid


def count_cells(rows: Rows, chosen: Mask, shape: Shape) -> NDArray[np.int32]:
    """How many of the chosen rows fall in each cell."""
    counts = np.zeros(shape.versions * shape.cities * shape.times, dtype=np.int32)
    if chosen.any():
        np.add.at(counts, rows.cell[chosen], 1)
    return counts.reshape(shape)
