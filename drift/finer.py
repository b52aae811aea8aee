"""PURE. Rows finer than the grid become rows of it: quarter-hour meters beside hourly forecasts.

A fleet is judged on one grid, and its cities seldom agree on an interval. So an interval of the grid is made
of its parts: their mean where the unit is a power, their sum where it is an energy, and a mean for features.
It has a value where all its parts have one. Rows of an interval that never was whole are counted
(`partial_interval`), as three quarters of an hour say little of the fourth.

What was known when is kept. An interval is known from the moment its last part is, and each later issue or
revision of a part makes another issue or revision of the whole, of the latest that was known of each part.

How fine a city's rows are is found from them, by the table, city and day: data change their interval, and
one stray row should change nothing. Only `pairing.align` asks, and only where rows lie beside the grid, so
stores of one interval pay nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drift.arrow import encoded, flags, integers, labelled, texts, view_or
from drift.config import StoreConfig
from drift.domain import Grid, Unused
from drift.place import Index, Mask
from drift.tables import KEYS, OPTIONAL, VALUES, TableName

LEAST = 4
"""So many intervals of a day and the day before say that a city is finer, if they are whole or most have rows
that lie beside the grid: fewer are strays."""
_EARLIEST = np.iinfo(np.int64).min
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class Finer:
    """What the config says of it: whether values are energies, and the tables whose timestamps mark ends."""

    energy: bool = False
    ends: frozenset[TableName] = frozenset()

    @classmethod
    def of(cls, store: StoreConfig) -> Finer:
        """By `store.unit` and `marks`."""
        tables = {"predictions": store.predictions, "actuals": store.actuals, "features": store.features}
        ends = [name for name, table in tables.items() if table is not None and table.marks == "end"]
        return cls(store.unit.endswith("Wh"), frozenset(ends))  # type: ignore[arg-type]  # names of tables


class Passed(NamedTuple):
    """Rows that gave no value, one by one: of which model version and city, and in which cell."""

    version: NDArray[Any]
    city: Index
    cell: Index


class Averaged(NamedTuple):
    """A table whose finer rows are rows of the grid now; the parts that gave no value; and the interval that
    the rows of each such city had last.
    """

    table: pa.Table
    passed: Mapping[Unused, Passed]
    intervals: Mapping[str, timedelta]


class _Parts(NamedTuple):
    """Rows that are parts: `key` numbers model version, city and cell together; `part` of `needed` ones."""

    key: Index
    part: Index
    needed: Index
    stamp: Index


def averaged(
    table: pa.Table, name: TableName, grid: Grid, cities: Sequence[str], finer: Mask, how: Finer
) -> Averaged | None:
    """The table with the rows of `finer` cities brought to the grid's interval; None: there are no such rows.

    `finer` says of each city whether any of its rows lies beside the grid. Rows that are no part of an
    interval, such as strays and those of hourly cities, stay as they are. A null is no part; a part that is
    not finite, or an actual below zero, is none either, and is counted. Values are in the unit of the store.
    """
    city = _positions(table, cities)
    rows = np.flatnonzero((city >= 0) & finer[city])
    some, own, ends = table.take(integers(rows)), city[rows], name in how.ends
    versions, kind = _versions(some, name)
    start, step = round(grid.start.timestamp() * 1_000_000), grid.step // _MICROSECOND
    times = view_or(some["target_time"].cast("int64"), 0)[0] - start
    line = kind * len(cities) + own
    cell, length = _cells(times, line, step, ends=ends)
    if not length.any():
        return None
    # of the first interval that ends are marked of, all parts but the last were not read
    inside = (length > 0) & (cell >= int(ends)) & (cell < grid.count)
    kept, parts = (
        table.filter(_all_but(rows[length > 0], len(table))),
        some.take(integers(np.flatnonzero(inside))),
    )
    times, line, cell, length, own = (each[inside] for each in (times, line, cell, length, own))
    part = (times - cell * step) // length + (step // length - 1 if ends else 0)
    found = _Parts(line * grid.count + cell, part, step // length, _stamps(parts, name))
    made, values, passed = _whole(found, *_values(parts, name), name, how)

    def place(keys: Index) -> Passed:
        line, of = np.divmod(keys, grid.count)
        return Passed(versions[line // len(cities)], line % len(cities), of)

    at = place(made)
    columns: dict[str, pa.Array] = {
        "city": texts([cities[c] for c in at.city.tolist()]),
        "model_version": texts(at.version.tolist()),
        "target_time": integers(start + at.cell * step),
        **values,
    }
    whole = pa.table([_cast(columns[f.name], f.type) for f in table.schema], schema=table.schema)
    last = dict(zip(own.tolist(), length.tolist(), strict=True))
    return Averaged(
        pa.concat_tables([kept, whole]),
        {reason: place(keys) for reason, keys in passed.items() if len(keys)},
        {cities[c]: timedelta(microseconds=p) for c, p in sorted(last.items())},
    )


def _positions(table: pa.Table, cities: Sequence[str]) -> Index:
    """Each row's city among ours; −1 is none of them."""
    known = {city: position for position, city in enumerate(cities)}
    found = [np.empty(0, np.int64)]
    for chunk in labelled(table["city"]).chunks:
        labels, codes = encoded(chunk)
        found.append(np.array([known.get(label, -1) for label in labels], dtype=np.int64)[codes])
    return np.concatenate(found)


def _versions(parts: pa.Table, name: TableName) -> tuple[NDArray[Any], Index]:
    """The model versions, sorted, and each row's; in tables without, one without a name."""
    if name != "predictions":
        return np.array([""], dtype=object), np.zeros(len(parts), np.int64)
    labels = np.concatenate([[""], *(_labels(chunk) for chunk in labelled(parts["model_version"]).chunks)])
    versions, kind = np.unique(labels[1:].astype(object), return_inverse=True)
    return versions, kind.astype(np.int64)


def _labels(chunk: pa.Array) -> NDArray[Any]:
    labels, codes = encoded(chunk)
    return np.array(labels, dtype=object)[codes]


def _all_but(rows: Index, count: int) -> pa.Array:
    kept = np.ones(count, dtype=np.bool_)
    kept[rows] = False
    return flags(kept)  # type: ignore[arg-type]  # an array of flags is a sequence of them


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column.dictionary_encode() if pa.types.is_dictionary(kind) else column.cast(kind)


def _cells(times: Index, line: Index, step: int, *, ends: bool) -> tuple[Index, Index]:
    """Each row's cell, and the length of the part that it is; 0: it is none.

    A line is a model version in a city. Times count from the grid's start; of those that mark ends a whole
    step was taken: 12:15, the end of a quarter, lies at 11:15, and is the first part of 12:00.
    """
    cell = -(-times // step) if ends else times // step
    day = cell * step // _DAY
    day -= day.min(initial=0) - 1
    group = line * (int(day.max(initial=0)) + 2) + day
    length = _commonest_gap(times, line, group, step)
    length[times % np.maximum(length, 1) != 0] = 0
    parts = np.flatnonzero(length > 0)
    width = int(np.ptp(cell)) + 1 if len(cell) else 1
    _, first, unit = np.unique(
        (line * width + cell - cell.min(initial=0))[parts], return_index=True, return_inverse=True
    )
    rest, of = times[parts] % step, group[parts][first]
    there = np.unique(unit * step + rest) // step
    whole = np.bincount(there, minlength=len(first)) * length[parts][first] == step
    beside = np.bincount(unit, rest != 0, minlength=len(first)) > 0

    def lately(which: Mask) -> Index:
        """How many such cells there are in each one's day and the day before."""
        found = np.bincount(of[which], minlength=int(group.max(initial=0)) + 1)
        return np.asarray(found[of] + found[of - 1], dtype=np.int64)

    many = lately(beside)
    is_finer = (many >= LEAST) & (many >= lately(~beside)) | (lately(whole) >= LEAST) & beside
    length[parts] *= is_finer[unit]
    return cell, length


def _commonest_gap(times: Index, line: Index, group: Index, step: int) -> Index:
    """Each row's interval: the commonest distance below the step, and a part of it, between rows of its line
    in its day and the day before; the shortest, if several; 0 where there is none.
    """
    order = np.lexsort((times, line))
    gap = np.diff(times[order])
    some = (np.diff(line[order]) == 0) & (gap > 0) & (gap < step)
    some[some] = step % gap[some] == 0
    gap, day = gap[some], group[order][1:][some]
    votes, many = np.unique(np.append(day, day + 1) * step + np.append(gap, gap), return_counts=True)
    best = np.lexsort((votes % step, -many, votes // step))
    days, first = np.unique(votes[best] // step, return_index=True)
    gaps = np.append(votes[best][first] % step, 0)
    at = np.searchsorted(days, group)
    return np.where(np.append(days, -1)[at] == group, gaps[at], 0)


def _stamps(parts: pa.Table, name: TableName) -> Index:
    """When each row was issued or became available; earlier than everything where nobody says."""
    for column in OPTIONAL[name]:
        if column in ("issue_time", "available_time") and column in parts.column_names:
            return np.asarray(view_or(parts[column].cast("int64"), _EARLIEST)[0], dtype=np.int64)
    return np.full(len(parts), _EARLIEST)


def _values(parts: pa.Table, name: TableName) -> tuple[dict[str, NDArray[Any]], dict[Unused | None, Mask]]:
    """The value columns, NaN for a null; and which rows are good (None), which not, and why."""
    others = {*KEYS[name], "issue_time", "available_time"}
    found = {c: view_or(parts[c], np.nan) for c in parts.column_names if c not in others}
    values = {column: np.asarray(value, dtype=np.float64) for column, (value, _) in found.items()}
    if name == "features":
        return values, {None: np.ones(len(parts), dtype=np.bool_)}
    (main,) = VALUES[name]
    finite, null = np.isfinite(values[main]), found[main][1]
    negative = finite & (values[main] < 0) if name == "actuals" else np.zeros(len(parts), dtype=np.bool_)
    return values, {None: finite & ~negative, Unused.NOT_FINITE: ~finite & ~null, Unused.NEGATIVE: negative}


def _whole(
    parts: _Parts,
    values: Mapping[str, NDArray[Any]],
    judged: Mapping[Unused | None, Mask],
    name: TableName,
    how: Finer,
) -> tuple[Index, dict[str, pa.Array], dict[Unused, Index]]:
    """The key of each row that the parts make, its columns, and the keys of the rows that made none.

    Each moment at which a part became known is looked at once, and whatever was known of all parts then makes
    a row. An interval that never was whole makes a row of nulls: it holds the model version's place.
    """
    passed = {reason: parts.key[rows] for reason, rows in judged.items() if reason is not None}
    good = np.flatnonzero(judged[None])
    good = good[np.lexsort((parts.part[good], parts.stamp[good], parts.key[good]))]
    key, part, needed, stamp = (column[good] for column in parts)
    new = np.append(True, (np.diff(key) != 0) | (np.diff(stamp) != 0))[: len(key)]
    again = ~np.append(new[1:], True)[: len(key)] & (np.append(part[1:], -1)[: len(key)] == part)
    event = np.cumsum(new) - 1
    moments, when, needs = key[new], stamp[new], needed[new]
    given = {column: value[good] for column, value in values.items()}
    whole, total = _added(key, part, event, moments, needs, given)
    never = np.setdiff1d(parts.key, moments[whole])
    summed = how.energy and name != "features"
    blank = np.full(len(never), np.nan)
    columns = {
        column: _numbers(np.append((sums if summed else sums / needs)[whole], blank))
        for column, sums in total.items()
    }
    if name != "features":
        passed[Unused.DUPLICATE] = key[again]
        passed[Unused.PARTIAL_INTERVAL] = key[~again & np.isin(key, never)]
        of = "issue_time" if name == "predictions" else "available_time"
        columns[of] = _moments(np.append(when[whole], np.full(len(never), _EARLIEST)))
    made = np.append(moments[whole], never)
    return made, columns, passed


def _added(
    key: Index, part: Index, event: Index, moments: Index, needs: Index, given: Mapping[str, NDArray[Any]]
) -> tuple[Mask, dict[str, NDArray[np.float64]]]:
    """At each moment whether all its parts were known, and by column the sum of the latest of each.

    Rows have a key, a part and the number of the moment at which they became known, and are in its order; a
    moment has a key, and needs so many parts.
    """
    whole = np.ones(len(moments), dtype=np.bool_)
    total = {column: np.zeros(len(moments)) for column in given}
    for j in range(int(needs.max(initial=0))):
        own = np.flatnonzero(part == j)
        last = np.searchsorted(event[own], np.arange(len(moments)), "right") - 1
        there = np.append(own, 0)[last]
        wanted = j < needs
        known = (last >= 0) & (np.append(key, -1)[there] == moments)
        whole &= known | ~wanted
        for column, sums in total.items():
            sums[wanted & known] += given[column][there[wanted & known]]
    return whole, total


def _numbers(values: NDArray[np.float64]) -> pa.Array:
    """Numbers, null where they are NaN: nothing was given."""
    return _nulled(values.view(np.int64), np.isnan(values), pa.float64())


def _moments(stamps: Index) -> pa.Array:
    """Moments, null where nobody said when."""
    return _nulled(stamps, stamps == _EARLIEST, pa.timestamp("us", tz="UTC"))


def _nulled(bits: Index, missing: Mask, kind: pa.DataType) -> pa.Array:
    there = pa.py_buffer(np.packbits(~missing, bitorder="little"))
    return pa.Array.from_buffers(kind, len(bits), [there, pa.py_buffer(np.ascontiguousarray(bits))])
