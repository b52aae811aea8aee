"""A table as it lies in files becomes a logical table, by the mapping in the config.

Why: every team names its columns differently; everything after a store sees one form.

How: PURE. `TableMap` is what the config says of one table. `layouts` holds it against the columns that each
file has: our names to theirs, or an error that names what is missing. `map_rows` takes the rows of one
file: times to UTC and to the start of their interval, the wanted rows, the keys, the values; every row
that it cannot hand on is counted.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from drift.arrow import LABEL, flags, integers, nothing, same, texts
from drift.config import FeaturesConfig, PredictionsConfig, TableConfig
from drift.config_text import did_you_mean
from drift.domain import Unused, Window
from drift.errors import ColumnError, ConfigError
from drift.stores.casts import (
    LOCAL_TIME,
    UTC_TIME,
    Place,
    Placed,
    is_number,
    microseconds,
    plain,
    to_number,
    to_text,
    to_utc,
)
from drift.stores.folds import told_apart
from drift.tables import KEYS, OPTIONAL, RESERVED, TIMES, VALUES, Skipped, TableName
from drift.text import printable

Layout: TypeAlias = Mapping[str, str | None]
"""Our names, in the order of the logical table, and the file's; None: the file has no such column."""

_ORDER = ("city", "model_version", "target_time", "issue_time", "predicted", "lower", "upper", "actual")
_RANK = {name: rank for rank, name in enumerate(_ORDER)}
_UNPLACED = "\0unplaced"  # beside our names while rows are chosen; no column has this name


@dataclass(frozen=True, slots=True)
class TableMap:
    """What the config says of one table. `taken`: columns of the same files that are no features."""

    table: TableName
    columns: Mapping[str, str]
    ends: bool
    zone: str | None
    constant: str | None = None
    use: tuple[str, ...] | None = None
    taken: frozenset[str] = frozenset()

    @classmethod
    def of(cls, table: TableName, config: TableConfig, taken: Iterable[str] = ()) -> TableMap:
        """The mapping in the config.

        Raises:
            ConfigError: it maps a name that the table does not have, or a model version twice.
        """
        constant = config.model_version if isinstance(config, PredictionsConfig) else None
        known = [*KEYS[table], *VALUES[table], *OPTIONAL[table]]
        for name in config.columns:
            if name not in known and table != "features":
                raise ConfigError(
                    f"store.{table}.columns.{printable(name)}: unknown column{did_you_mean(name, known)}"
                )
        if constant is not None and "model_version" in config.columns:
            raise ConfigError(
                f"store.{table}: both `model_version: {printable(constant)}` and a column for it: "
                f"leave one out"
            )
        use = config.use if isinstance(config, FeaturesConfig) else None
        return cls(
            table, config.columns, config.marks == "end", config.timezone, constant, use, frozenset(taken)
        )

    def theirs(self, name: str) -> str:
        """The name that the files should have for ours."""
        return self.columns.get(name, name)

    @property
    def named(self) -> frozenset[str]:
        """The columns of the files that this table takes, or would take if they were there."""
        ours = (*KEYS[self.table], *VALUES[self.table], *OPTIONAL[self.table], *self.columns)
        return frozenset(self.theirs(name) for name in ours)


class Wanted(NamedTuple):
    """The rows that are wanted: target times in `[start, end)`, in microseconds, of these cities.

    `labels` are the cities once more, sorted as UTF-8. `shift` leads from a timestamp of the table back
    to the start of its interval.
    """

    start: int = -(2**63)
    end: int = 2**63 - 1
    cities: pa.Array | None = None
    labels: tuple[bytes, ...] | None = None
    shift: timedelta = timedelta(0)

    @classmethod
    def of(cls, window: Window, cities: Sequence[str] | None, shift: timedelta) -> Wanted:
        """The rows of the window and the cities."""
        span = (microseconds(window.start), microseconds(window.end))
        if cities is None:
            return cls(*span, shift=shift)
        array, labels = _named(tuple(cities))
        return cls(*span, array, labels, shift)


@functools.lru_cache(maxsize=64)  # a block of cities is asked for once a table, and again in the next slot
def _named(cities: tuple[str, ...]) -> tuple[pa.Array, tuple[bytes, ...]]:
    return texts(cities), tuple(sorted(city.encode() for city in cities))


class Mapped(NamedTuple):
    """Rows in their logical form, and those that could not take it."""

    rows: pa.Table
    skipped: list[Skipped]


def layouts(spec: TableMap, files: Sequence[tuple[str, pa.Schema]]) -> list[Layout]:
    """The layout of each file, all with the same names of ours.

    Raises:
        ColumnError: a file lacks a column that the table needs, has it twice, or has a model version
            of its own beside the one that the config gives.
    """
    known = [(file, schema.names) for file, schema in files]
    present = {name for _, names in known for name in names}
    needed = {*KEYS[spec.table], *VALUES[spec.table], *(spec.columns if spec.use is None else spec.use)}
    optional = {name for name in OPTIONAL[spec.table] if name in present}
    optional |= _found(spec, (schema for _, schema in files))
    if spec.table == "features":
        _refuse_reserved(needed | optional)
    ours = sorted(needed | optional, key=lambda name: (_RANK.get(name, len(_RANK)), name))
    return [
        {name: _theirs(spec, name, file, names, name in needed) for name in ours} for file, names in known
    ]


def _refuse_reserved(names: Iterable[str]) -> None:
    """No feature has the name of a column of drift's own: its figures would pass for those."""
    for name in sorted(RESERVED.intersection(names)):
        raise ColumnError(
            f"store.features: a feature cannot be called {name!r}, as drift measures a column of that name: "
            f"give it another under store.features.columns (`weather_{name}: {name}`), or list the features "
            f"in store.features.use"
        )


def _found(spec: TableMap, schemas: Iterable[pa.Schema]) -> set[str]:
    """The features that nobody named: every numeric column that has no other use."""
    if spec.table != "features" or spec.use is not None:
        return set()
    numeric = {column.name for schema in schemas for column in schema if _is_feature(column.type)}
    return numeric - spec.taken - spec.named


def _is_feature(kind: pa.DataType) -> bool:
    return is_number(kind) or pa.types.is_boolean(kind)


def _theirs(spec: TableMap, name: str, file: str, known: Sequence[str], needed: bool) -> str | None:
    """The file's column for one of ours."""
    theirs = spec.theirs(name)
    times = known.count(theirs)
    if name == "model_version" and spec.constant is not None:
        if times:
            raise ColumnError(
                f"store.predictions: {file} has a column `model_version`, and the config gives "
                f"`model_version: {printable(spec.constant)}` too: take the latter out of the config"
            )
        return None
    if times > 1:
        raise ColumnError(f"{Place(spec.table, file, name, theirs)} is there {times} times: rename one")
    if needed and not times:
        raise ColumnError(_missing(spec, name, file, known))
    return theirs if times else None


def _missing(spec: TableMap, name: str, file: str, known: Sequence[str]) -> str:
    theirs = spec.theirs(name)
    columns = [printable(column) for column in known]
    near = did_you_mean(theirs, columns)
    what = f"`{printable(theirs)}`" + ("" if theirs == name else f" (for `{name}`)")
    remedy = f"map it under store.{spec.table}.columns"
    if name == "model_version":
        remedy += ", or name the one version of all its rows with `model_version: NAME`"
    hint = near if "did you mean" in near else ""
    return (
        f"store.{spec.table}: {file} has no column {what}; it has {', '.join(columns[:40])}{hint}: {remedy}"
    )


def schema_of(spec: TableMap, files: Sequence[tuple[Layout, pa.Schema]]) -> pa.Schema:
    """The logical form of the columns of all files; a value is `float32` where every file has it so."""

    def kind(name: str) -> pa.DataType:
        logical = _kind(spec.table, name)
        single = all(
            (theirs := layout[name]) is not None and schema.field(theirs).type == pa.float32()
            for layout, schema in files
        )
        return pa.float32() if single and logical == pa.float64() else logical

    return pa.schema([(name, kind(name)) for name in files[0][0]])


def _kind(table: TableName, name: str) -> pa.DataType:
    if name == "target_time" or (name in TIMES and name in OPTIONAL[table]):
        return UTC_TIME
    return LABEL if name in KEYS[table] else pa.float64()


def map_rows(
    spec: TableMap, layout: Layout, file: str, raw: pa.Table, wanted: Wanted, *, ordered: bool = False
) -> Mapped:
    """The wanted rows of one file in their logical form. `ordered`: they come in the order of their writer,
    which tells apart local times that came twice (`folds.py`).

    Raises:
        ColumnError, TimestampError: a column holds what cannot be taken.
    """
    places = {name: Place(spec.table, file, name, theirs or name) for name, theirs in layout.items()}
    columns = {name: _given(spec, name, theirs, raw) for name, theirs in layout.items()}
    unplaced: list[pa.ChunkedArray] = []
    for name, kind in ((name, _kind(spec.table, name)) for name in layout):
        if kind == UTC_TIME:
            placed = to_utc(columns[name], places[name], spec.zone)
            if ordered and placed.unplaced is not None and name == "target_time":
                placed = _told_apart(spec, layout, raw, placed)
            columns[name], nowhere = placed
            unplaced += [] if nowhere is None else [nowhere]
        elif kind == pa.float64():
            columns[name] = to_number(columns[name], places[name], flags=spec.table == "features")
    if wanted.shift:
        length = integers([wanted.shift // timedelta(microseconds=1)], pa.duration("us"))[0]
        columns["target_time"] = pc.subtract(columns["target_time"], length)
    if unplaced:
        columns[_UNPLACED] = functools.reduce(pc.or_, unplaced)
    return _chosen(spec, pa.table(columns), places, wanted)


def _told_apart(spec: TableMap, layout: Layout, raw: pa.Table, placed: Placed) -> Placed:
    """With the hour that came twice, where rows say which is which. Revisions repeat rows, and do not."""
    if layout.get("available_time") is not None:
        return placed
    series = [raw.column(t) for n in ("city", "model_version", "issue_time") if (t := layout.get(n))]
    local = plain(raw.column(str(layout["target_time"])))
    return told_apart(local.cast(LOCAL_TIME, safe=False), placed, str(spec.zone), series)


def _given(spec: TableMap, name: str, theirs: str | None, raw: pa.Table) -> pa.ChunkedArray:
    """A column of the file, or what stands for one that it does not have."""
    if theirs is not None:
        return raw.column(theirs)
    if name == "model_version" and spec.constant is not None:
        return same(spec.constant, raw.num_rows)
    return nothing(raw.num_rows, _kind(spec.table, name))


def _chosen(spec: TableMap, rows: pa.Table, places: Mapping[str, Place], wanted: Wanted) -> Mapped:
    """The wanted rows. The window comes first: labels are cast only where they are wanted."""
    rows = _pick(rows, _in_window(rows["target_time"], wanted))
    for name in KEYS[spec.table]:
        if name in places and _kind(spec.table, name) == LABEL:
            at = rows.schema.get_field_index(name)
            rows = rows.set_column(at, name, to_text(rows[name], places[name]))
    if wanted.cities is not None:
        rows = _pick(rows, _of_cities(rows["city"], wanted.cities))
    skipped: list[Skipped] = []
    if any(rows[key].null_count for key in KEYS[spec.table]):
        no_key = functools.reduce(pc.or_, (pc.is_null(rows[key]) for key in KEYS[spec.table]))
        skipped += _counted(spec.table, rows["city"].filter(no_key), Unused.NULL_KEY)
        rows = _pick(rows, pc.invert(no_key))
    if _UNPLACED in rows.schema.names:
        skipped += _counted(spec.table, rows["city"].filter(rows[_UNPLACED]), Unused.NAIVE_TIMESTAMP)
        rows = _pick(rows, pc.invert(rows[_UNPLACED])).drop_columns([_UNPLACED])
    return Mapped(rows, skipped)


def _in_window(time: pa.ChunkedArray, wanted: Wanted) -> pa.ChunkedArray | None:
    """True also for a row without a time: it is nowhere, and must be counted. None: for all rows."""
    if not len(time):
        return None
    if not time.null_count:
        first, last = (end.cast("int64").as_py() for end in pc.min_max(time).values())
        if wanted.start <= first and last < wanted.end:
            return None
    start, end = integers([wanted.start, wanted.end], UTC_TIME)
    inside = pc.and_(pc.greater_equal(time, start), pc.less(time, end))
    return pc.or_kleene(inside, pc.is_null(time))


def _of_cities(city: pa.ChunkedArray, wanted: pa.Array) -> pa.ChunkedArray | None:
    """True also for a row without a city. None: for all rows. The labels are looked up, not the rows."""
    known = [pc.is_in(chunk.dictionary, value_set=wanted) for chunk in city.chunks]
    if all(pc.all(chunk).as_py() in (True, None) for chunk in known):
        return None
    masks = [
        pc.fill_null(pc.take(ours, chunk.indices), flags([True])[0])
        for ours, chunk in zip(known, city.chunks, strict=True)
    ]
    return pa.chunked_array(masks)


def _pick(rows: pa.Table, mask: pa.ChunkedArray | None) -> pa.Table:
    """The rows where the mask holds, without a copy where that is all of them."""
    return rows if mask is None or pc.all(mask).as_py() in (True, None) else rows.filter(mask)


def _counted(table: TableName, cities: pa.ChunkedArray, reason: Unused) -> list[Skipped]:
    found = pc.value_counts(plain(cities)).to_pylist() if len(cities) else []
    return [Skipped(table, entry["values"], reason, entry["counts"]) for entry in found]
