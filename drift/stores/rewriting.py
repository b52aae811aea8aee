"""The rows of several files become one file, sorted for reading: what `compact` does with each run of files.

Why: a slot reads months of a few cities. Where those lie together it reads little beside them.

How: `count` finds out, from the keys alone, how many rows there are a period and city, and lays out row
groups: a few cities of one period each, by city, model version and time. `write_run` gathers the rows of as
many row groups as may be held in memory, sorts and writes them; so memory does not grow with the table. Of
rows with equal keys the last one counts, so sorting keeps their order. Rows without a city or a time come
last, apart. `verify` compares old and new by a sum over all of a row's bits, which no order changes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from drift.arrow import view_or
from drift.errors import StoreError
from drift.stores.casts import Place, is_text, plain, to_text, to_utc
from drift.stores.digest import digest
from drift.stores.files import File, as_it_is
from drift.stores.layout import CITIES_PER_GROUP, KEPT, Bundle, Held
from drift.stores.reader import Reader

Progress = Callable[[int], None]
Compression = Literal["none", "zstd"]
Index = NDArray[np.int64]

MARK = b"drift.layout"
_HELD_BYTES = 96 << 20  # of rows that are sorted at a time
_GROUP_ROWS = 1 << 20
_MICROSECOND = timedelta(microseconds=1)
_EVER = timedelta(days=365_000)


@dataclass(frozen=True, slots=True)
class Way:
    """How to compact: files that end `keep` before the last target time, or before a moment; into row groups
    of so many cities and one period each.
    """

    period: timedelta | None = None
    keep: timedelta = KEPT
    before: datetime | None = None
    cities_per_group: int = CITIES_PER_GROUP
    compression: Compression = "none"

    @property
    def mark(self) -> bytes:
        """What a file that was written this way says of itself."""
        return f"1 {self.period} {self.cities_per_group} {self.compression}".encode()


class Group(NamedTuple):
    """One row group to be: the number of its period, its cities, and how many rows."""

    period: int
    cities: tuple[str, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Run:
    """Files that become one, under a name; or (`groups` is None) one file that stays as it is."""

    name: str
    sources: tuple[Held, ...]
    groups: tuple[Group, ...] | None
    keyless: int = 0


class Keys:
    """City, period and time of rows; what must be known of each file to tell them."""

    def __init__(self, bundle: Bundle, period: timedelta | None = None) -> None:
        self.table = next(iter(bundle.maps))
        self._zone = bundle.maps[self.table].zone
        self._period = (period or _EVER) // _MICROSECOND
        self._numbers: dict[str, int] = {}
        # a file of several tables keeps the order of a city's rows of one time, whatever their version:
        # of two actuals of one time the last counts
        self._by_version = tuple(bundle.maps) == ("predictions",)

    def columns(self, held: Held) -> tuple[str, str]:
        """The file's city and target time."""
        return held.column(self.table, "city"), held.column(self.table, "target_time")

    def versions(self, raw: pa.Table, held: Held) -> Index:
        """The number of each row's model version, where rows are sorted by it."""
        theirs = held.layouts[self.table].get("model_version") if self._by_version else None
        if theirs is None:
            return np.full(len(raw), -1, dtype=np.int64)
        return self.numbers(raw, held, "model_version", theirs)

    def times(self, raw: pa.Table, held: Held) -> tuple[Index, NDArray[np.bool_]]:
        """Target times as the file counts them, in microseconds, and where there is none."""
        name = self.columns(held)[1]
        column = plain(raw[name])
        to_utc(column.slice(0, 0), Place(self.table, str(held.file), "target_time", name), self._zone)
        unit = pa.timestamp("us", getattr(column.type, "tz", None))
        cut = column.cast(options=pc.CastOptions(target_type=unit, allow_time_truncate=True))
        values, none = view_or(cut.cast(pa.int64()), 0)
        return values.astype(np.int64, copy=False), none

    def numbers(self, raw: pa.Table, held: Held, ours: str, theirs: str) -> Index:
        """A number a label, -1 for none."""
        found = to_text(raw[theirs], Place(self.table, str(held.file), ours, theirs))
        parts = [np.empty(0, dtype=np.int64)]
        for chunk in found.chunks:
            labels = chunk.dictionary.to_pylist()
            known = [self._numbers.setdefault(label, len(self._numbers)) for label in labels]
            codes, none = view_or(chunk.indices, 0)
            numbers = np.array(known or [-1], dtype=np.int64)[codes]
            parts.append(np.where(none, -1, numbers))
        return np.concatenate(parts)

    def places(self, raw: pa.Table, held: Held) -> tuple[Index, Index, Index, NDArray[np.bool_]]:
        """Period, city and time of each row, and where a row has no city or no time."""
        city = self.numbers(raw, held, "city", self.columns(held)[0])
        time, none = self.times(raw, held)
        return time // self._period, city, time, none | (city < 0)

    def know(self, labels: Sequence[str]) -> None:
        """Number these in their order, before any row is seen."""
        for label in labels:
            self._numbers.setdefault(label, len(self._numbers))

    def known(self, labels: Sequence[str]) -> list[int]:
        """The numbers of labels that were seen."""
        return [self._numbers[label] for label in labels]

    def ranks(self) -> Index:
        """The rank of each label among all, by its number; none, the last, comes first."""
        return np.append(np.argsort(np.argsort(np.array(self.labels(), dtype=np.object_))), -1)

    def labels(self) -> list[str]:
        """All labels that were seen, each at its number."""
        return list(self._numbers)

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Microseconds: where the first period starts, and where the last one ends."""
        return first * self._period, (last + 1) * self._period


def count(bundle: Bundle, run: Sequence[Held], way: Way, reader: Reader) -> tuple[tuple[Group, ...], int]:
    """The row groups that the files become, and how many rows have no city or no time."""
    keys = Keys(bundle, way.period)
    counts: dict[int, Index] = {}
    keyless = 0
    for held in run:
        for index in _groups_of(held):
            raw = reader.rows(held.file, [index], keys.columns(held), keys.columns(held)[:1])
            period, city, _, none = keys.places(raw, held)
            keyless += int(none.sum())
            for number in np.unique(period[~none]).tolist():
                found = np.bincount(city[~none & (period == number)])
                counts[number] = _added(counts.get(number, found[:0]), found)
    labels = keys.labels()
    groups: list[Group] = []
    for number in sorted(counts):
        rows = {labels[city]: int(counts[number][city]) for city in np.flatnonzero(counts[number])}
        groups += _groups(number, rows, way.cities_per_group)
    return tuple(groups), keyless


def _added(one: Index, other: Index) -> Index:
    total = np.zeros(max(len(one), len(other)), dtype=np.int64)
    total[: len(one)] += one
    total[: len(other)] += other
    return total


def _groups(period: int, rows: Mapping[str, int], size: int) -> Iterator[Group]:
    """So many cities a row group; fewer, where they would have too many rows."""
    some: list[str] = []
    for city in sorted(rows):
        if some and (len(some) == size or sum(rows[c] for c in some) + rows[city] > _GROUP_ROWS):
            yield Group(period, tuple(some), sum(rows[c] for c in some))
            some = []
        some.append(city)
    if some:
        yield Group(period, tuple(some), sum(rows[c] for c in some))


def write_run(bundle: Bundle, run: Run, way: Way, path: Path, reader: Reader, advance: Progress) -> None:
    """Write the run's rows to a new file, to the disk and not only to its cache."""
    groups = run.groups or ()
    types = _schema_to_write(run.sources[0], reader)
    fields = [field.with_nullable(_may_be_null(run.sources, field.name)) for field in types]
    schema = pa.schema(fields, {MARK: way.mark})
    keys = Keys(bundle, way.period)
    keys.know(sorted({city for group in groups for city in group.cities}))
    with path.open("xb") as file:
        with _writer(file, schema, way) as writer:
            for some in _blocks(run):
                rows, lengths = _sorted(keys, run, some, reader)
                first = 0
                for length in lengths:
                    writer.write_table(_as(rows.slice(first, length), schema), row_group_size=_GROUP_ROWS)
                    first += length
                    advance(len(groups))
            for rows in _keyless(keys, run, reader):
                writer.write_table(_as(rows, schema), row_group_size=_GROUP_ROWS)
        file.flush()
        os.fsync(file.fileno())


def _writer(file: Any, schema: pa.Schema, way: Way) -> pq.ParquetWriter:
    def few(kind: pa.DataType) -> bool:
        """Whether values come again and again: labels and times."""
        return is_text(kind) or pa.types.is_temporal(kind) or pa.types.is_dictionary(kind)

    return pq.ParquetWriter(
        file,
        schema,
        compression=way.compression,
        compression_level=1 if way.compression == "zstd" else None,
        use_dictionary=[field.name for field in schema if few(field.type)],
        write_page_checksum=True,
    )


def _texts(held: Held) -> list[str]:
    return [field.name for field in held.footer.schema if is_text(field.type)]


def _rows(reader: Reader, held: Held, groups: Sequence[int]) -> pa.Table:
    """All columns, text as a dictionary of it."""
    return reader.rows(held.file, groups, held.footer.schema.names, _texts(held))


def _schema_to_write(held: Held, reader: Reader) -> pa.Schema:
    """The file's own types; a time in the old form of Spark is read as one in microseconds."""
    texts, read = _texts(held), _rows(reader, held, []).schema
    own = held.footer.schema
    kinds = [(f, own.field(f.name).type if f.name in texts else f.type) for f in read]
    return pa.schema([(f.name, kind) for f, kind in kinds])


def _may_be_null(sources: Sequence[Held], name: str) -> bool:
    """Whether a footer allows for a null of the column. One without is written as such, and read faster."""

    def without(metadata: pq.FileMetaData, group: int, column: int) -> bool:
        known = metadata.row_group(group).column(column).statistics
        return known is not None and bool(known.has_null_count) and known.null_count == 0

    footers = [held.footer for held in sources]
    return not all(
        name in footer.chunks and without(footer.metadata, group, footer.chunks[name])
        for footer in footers
        for group in range(footer.metadata.num_row_groups)
    )


def _blocks(run: Run) -> Iterator[tuple[Group, ...]]:
    """As many row groups at a time as may be held in memory."""
    room = max(1, _HELD_BYTES // max(_row_bytes(held) for held in run.sources))
    some: list[Group] = []
    for group in run.groups or ():
        if some and sum(each.rows for each in some) + group.rows > room:
            yield tuple(some)
            some = []
        some.append(group)
    if some:
        yield tuple(some)


def _row_bytes(held: Held) -> int:
    """About how much memory a row takes."""
    metadata = held.footer.metadata
    stored = sum(int(metadata.row_group(group).total_byte_size) for group in _groups_of(held))
    return max(8 * len(held.footer.schema), stored // max(int(metadata.num_rows), 1))


def _sorted(keys: Keys, run: Run, some: Sequence[Group], reader: Reader) -> tuple[pa.Table, list[int]]:
    """The rows of some row groups to be, in their order, and how many each has."""
    low, high = keys.span(some[0].period, some[-1].period)
    cities = sorted({city.encode() for group in some for city in group.cities})
    target = _target(keys, some)
    tables: list[pa.Table] = []
    found: list[tuple[Index, ...]] = []
    for held in run.sources:
        for index, bounds in enumerate(held.bounds[keys.table]):
            if not bounds.may_hold(low, high, cities):
                continue
            raw = _rows(reader, held, [index])
            period, city, time, none = keys.places(raw, held)
            inside = ~none & (period >= some[0].period) & (period <= some[-1].period)
            known = np.minimum(city, target.shape[1] - 1)  # a city may have no row with a time
            group = np.where(inside, target[np.where(inside, period - some[0].period, 0), known], -1)
            chosen = np.flatnonzero(group >= 0)
            tables.append(raw if len(chosen) == len(raw) else raw.take(_index(chosen)))
            version = keys.versions(raw, held)
            found.append(tuple(each[chosen] for each in (time, version, city, group)))
    time, version, city, group = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort(
        (time, keys.ranks()[version], city, group)
    )  # stable: rows with equal keys keep their order
    return _taken(tables, order), np.bincount(group, minlength=len(some)).tolist()


def _target(keys: Keys, some: Sequence[Group]) -> Index:
    """The number of the row group that each period and city goes to; -1: none of these."""
    target = np.full((some[-1].period - some[0].period + 1, len(keys.labels()) + 1), -1, dtype=np.int64)
    for number, group in enumerate(some):
        target[group.period - some[0].period, keys.known(group.cities)] = number
    return target


def _index(rows: Index) -> pa.Array:
    return pa.Array.from_buffers(pa.int64(), len(rows), [None, pa.py_buffer(np.ascontiguousarray(rows))])


def _taken(tables: list[pa.Table], order: Index) -> pa.Table:
    """The rows of all tables in the order; column by column, so that little is in memory twice."""
    whole = pa.concat_tables(
        [table.select(tables[0].schema.names) for table in tables],
        promote_options="default",  # a column may be free of nulls in one and not in another
    ).unify_dictionaries()
    tables.clear()
    index = _index(order)
    columns = {}
    for name in whole.schema.names:
        columns[name] = pa.chunked_array([pa.concat_arrays(whole[name].chunks).take(index)])
        whole = whole.drop_columns([name])
    return pa.table(columns)


def _keyless(keys: Keys, run: Run, reader: Reader) -> Iterator[pa.Table]:
    """The rows without a city or a time, in their order, apart: elsewhere they would hide what a row group
    holds.
    """
    for held in run.sources if run.keyless else ():
        for index, bounds in enumerate(held.bounds[keys.table]):
            if bounds.times is None or bounds.cities is None:
                raw = _rows(reader, held, [index])
                none = np.flatnonzero(keys.places(raw, held)[3])
                if len(none):
                    yield raw.take(_index(none))


def _as(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows with the types of the schema, and its order of columns."""
    columns = []
    for field in schema:
        column = rows[field.name]
        columns.append(column if column.type == field.type else plain(column).cast(field.type))
    return pa.table(columns, schema=schema)


def verify(run: Run, path: Path, reader: Reader) -> None:
    """Hold the rows of the new file against those of the old ones.

    Raises:
        StoreError: they are not the same.
    """
    new = as_it_is(File(str(path), None))
    footer = reader.footer(new)
    old = [digest(_rows(reader, held, [g])) for held in run.sources for g in range(len(_groups_of(held)))]
    labels = [field.name for field in footer.schema if is_text(field.type)]
    made = [
        digest(reader.rows(new, [g], footer.schema.names, labels))
        for g in range(footer.metadata.num_row_groups)
    ]
    kinds = {field.name: field.type for field in _schema_to_write(run.sources[0], reader)}
    rows = sum(held.footer.metadata.num_rows for held in run.sources)
    alike = kinds == {field.name: field.type for field in footer.schema}
    if not alike or rows != footer.metadata.num_rows or sum(old) % 2**64 != sum(made) % 2**64:
        raise StoreError(
            f"{run.name}: the compacted rows are not those of the {len(run.sources)} files they came from: "
            f"nothing was replaced; this is a fault of drift or of the disk"
        )


def _groups_of(held: Held) -> range:
    return range(held.footer.metadata.num_row_groups)
