"""The rows of a window and of some cities, as Arrow columns under the database's own names.

Why: a slot wants three months of a block of cities from a table of many years: those rows by index, those
columns, and nothing that is not bounded in memory.

How: on PostgreSQL the values (two times and the keys of the cities) are settings of the transaction, set
by bound parameters; the statement, in which there is no value, takes them from there once, and is a COPY,
whose CSV Arrow parses block by block. (A COPY takes no parameters. 312,000 rows of four columns took 0.33 s
of CPU here so, 0.48 s through ADBC's driver, 0.71 s through psycopg's binary cursor; 0.35 s by binary COPY,
whose rows have no fixed length where a value is null.) Any other database gets bound parameters, and its
rows come in batches.

A row without a city or a target time must be counted wherever it is, so that where those may be null further
statements ask for such rows; one with an OR would use no index.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from drift.arrow import LABEL
from drift.errors import ColumnError, StoreError, TimestampError
from drift.stores.casts import UTC_TIME, is_text, moment_at, to_text
from drift.stores.mapping import Wanted
from drift.stores.sql_database import put
from drift.stores.sql_source import Key, Source
from drift.stores.sql_types import column_of, is_key_of, renamed

BATCH = 50_000
_BLOCK = 4 << 20  # bytes of CSV that Arrow parses at once
_DAY = timedelta(days=1)
_EVER = (moment_at(-62135596800_000000), moment_at(253402300799_000000))


Names: TypeAlias = Mapping[str, Mapping[Key, str]]
"""By our column, the names that another table gives its keys."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The rows that are wanted, as the database has their times and keys. None: of all cities."""

    low: datetime
    high: datetime
    keys: Sequence[Key] | None


def asked(source: Source, wanted: Wanted, cities: Sequence[str] | None, names: Mapping[Key, str]) -> Asked:
    """What to ask the database for: a day more on each side where times compare only nearly."""
    ends = (wanted.start, wanted.end)
    low, high = (_moment(end, wanted.shift) for end in ends)
    if source.near:
        low, high = (max(low, _EVER[0] + _DAY) - _DAY, min(high, _EVER[1] - 2 * _DAY) + _DAY)
    if cities is None:
        return Asked(low, high, None)
    if "city" in source.where.lookups:
        ours = frozenset(cities)
        return Asked(low, high, [key for key, name in names.items() if name in ours])
    kind = source.types[str(source.layout["city"])]
    return Asked(low, high, [city for city in cities if is_key_of(kind, city)])


def _moment(microseconds: int, shift: timedelta) -> datetime:
    """The moment, within the years that a database and Python know alike."""
    first, last = ((end - _EVER[0]) // timedelta(microseconds=1) for end in _EVER)
    at = microseconds - (_EVER[0] - moment_at(0)) // timedelta(microseconds=1)
    moment = _EVER[0] + timedelta(microseconds=min(max(at, first), last))
    return moment + shift if moment < _EVER[1] - shift else moment


def statements(
    source: Source,
    columns: Sequence[str],
    low: sa.ColumnElement[Any],
    high: sa.ColumnElement[Any],
    of: sa.ColumnElement[bool] | None,
) -> Iterator[sa.Select[Any]]:
    """The SELECTs that together give every wanted row, and those without a key, once."""
    theirs: list[sa.ColumnClause[Any]] = [sa.column(name) for name in columns]
    every = sa.select(*theirs).select_from(source.rows)
    time, city = source.column("target_time"), source.column("city")
    inside = sa.and_(time >= low, time < high)
    yield every.where(inside) if of is None else every.where(of, inside)
    if of is not None and city.name in source.nullable:
        yield every.where(city.is_(None), inside)
    if time.name in source.nullable:
        yield every.where(time.is_(None)) if of is None else every.where(time.is_(None), of | city.is_(None))


def batches(
    source: Source, connection: sa.Connection, wanted: Asked, columns: Sequence[str], names: Names
) -> Iterator[pa.Table]:
    """The rows, a batch after the other; keys of other tables have become names."""
    postgres = connection.dialect.name == "postgresql"
    rows = (
        _copied(source, connection, wanted, columns)
        if postgres
        else _fetched(source, connection, wanted, columns)
    )
    for batch in rows:
        yield _with_names(source, batch, names)


def _with_names(source: Source, batch: pa.Table, names: Names) -> pa.Table:
    for ours, known in names.items():
        own = {str(key): name for key, name in known.items()}
        theirs = str(source.layout[ours])
        at = batch.schema.get_field_index(theirs)
        if at >= 0:
            found = renamed(to_text(batch.column(at), source.place(ours)), own)
            batch = batch.set_column(at, theirs, found)
    return batch


def _copied(
    source: Source, connection: sa.Connection, wanted: Asked, columns: Sequence[str]
) -> Iterator[pa.Table]:
    settings = {"drift.low": wanted.low.isoformat(), "drift.high": wanted.high.isoformat()}
    if wanted.keys is not None:
        settings["drift.cities"] = _array_literal([str(key) for key in wanted.keys])
    put(connection, settings)
    for select in statements(source, columns, *_set(source, keys=wanted.keys is not None)):
        yield from _copy(source, connection, select, columns)


def _array_literal(texts: Sequence[str]) -> str:
    r"""Texts as PostgreSQL reads an array; it is bound, like any value.

    >>> print(_array_literal(["Pune", 'a"b', "c\\d"]))
    {"Pune","a\"b","c\\d"}
    """
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"


def _set(
    source: Source, *, keys: bool
) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any], sa.ColumnElement[bool] | None]:
    """The settings as values of the statement: subqueries, which the database works out once, not a row."""
    zoned = source.kinds[source.column("target_time").name] == UTC_TIME
    low, high = (_setting(name, postgresql.TIMESTAMP(timezone=zoned)) for name in ("low", "high"))
    if not keys:
        return low, high, None
    city = source.column("city")
    compared = source.types[city.name]
    types: dict[str, Any] = {"uuid": postgresql.UUID(), "bigint": sa.BigInteger()}
    held = postgresql.ARRAY(types.get(compared, sa.Text()))
    column = city if compared else sa.cast(city, sa.Text())
    return low, high, column == sa.any_(sa.cast(_setting("cities", held), held))


def _setting(name: str, kind: Any) -> sa.ColumnElement[Any]:
    """A setting as a value. `Any`: SQLAlchemy's types have a parameter each of their own."""
    held: sa.ColumnElement[Any] = sa.literal_column(f"current_setting('drift.{name}')")
    return sa.select(sa.cast(held, kind)).scalar_subquery()


def _copy(
    source: Source, connection: sa.Connection, select: sa.Select[Any], columns: Sequence[str]
) -> Iterator[pa.Table]:
    from pyarrow import csv

    text = str(select.compile(dialect=connection.dialect)).replace("%%", "%")
    driver: Any = connection.connection.driver_connection  # psycopg's: SQLAlchemy knows no COPY
    labels = {theirs for ours in ("city", "model_version") if (theirs := source.layout.get(ours)) is not None}
    kinds = {
        name: LABEL if name in labels and is_text(source.kinds[name]) else source.kinds[name]
        for name in columns
    }
    with driver.cursor() as cursor, cursor.copy(f"COPY ({text}) TO STDOUT (FORMAT csv)") as copy:
        stream = _Stream(copy)
        first = stream.read(1)
        if not first:
            return
        stream.back = first + stream.back
        try:
            for batch in csv.open_csv(
                pa.PythonFile(stream, mode="r"),
                read_options=csv.ReadOptions(
                    use_threads=False, block_size=_BLOCK, column_names=list(columns)
                ),
                convert_options=csv.ConvertOptions(
                    column_types=kinds,
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                    true_values=["t"],
                    false_values=["f"],
                ),
                parse_options=csv.ParseOptions(newlines_in_values=True),
            ):
                yield pa.Table.from_batches([batch])
        except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
            raise _unread(source, columns, error) from None


def _unread(source: Source, columns: Sequence[str], error: Exception) -> StoreError:
    """A value that is of the column's type in the database, and of none in Arrow, such as `infinity`."""
    said = str(error)
    number = said.partition("In CSV column #")[2].partition(":")[0]
    name = columns[int(number)] if number.isdigit() and int(number) < len(columns) else ""
    ours = next((ours for ours, theirs in source.layout.items() if theirs == name), "city")
    kind = TimestampError if "timestamp" in said else ColumnError
    return kind(
        f"{source.place(ours)} holds a value that cannot be taken: {said}: correct it, or leave it out"
    )


class _Stream(io.RawIOBase):
    """What a COPY sends, as a file that is read once."""

    def __init__(self, copy: Any) -> None:
        self._copy = copy
        self.back = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At least one row, and about a megabyte where more is wanted; nothing at the end."""
        parts, length = [self.back], len(self.back)
        self.back = b""
        while length < min(size, 1 << 20) and (data := self._copy.read()):
            parts.append(bytes(data))
            length += len(data)
        found = b"".join(parts)
        self.back = found[size:] if size >= 0 else b""
        return found[: len(found) - len(self.back)]


def _fetched(
    source: Source, connection: sa.Connection, wanted: Asked, columns: Sequence[str]
) -> Iterator[pa.Table]:
    low = _bound(connection, wanted.low, last=False)
    high = _bound(connection, wanted.high, last=True)
    city = source.column("city")
    of = None if wanted.keys is None else city.in_(sa.bindparam("cities", list(wanted.keys), expanding=True))
    for select in statements(source, columns, low, high, of):
        yield from _rows(source, connection, select, columns)


def _bound(connection: sa.Connection, end: datetime, *, last: bool) -> sa.BindParameter[Any]:
    """An end of the window as a parameter: in SQLite a whole day as text, by which ISO 8601 is ordered."""
    if connection.dialect.name == "sqlite":
        return sa.bindparam(None, (end + last * _DAY).date().isoformat())
    return sa.bindparam(None, end.replace(tzinfo=None))


def _rows(
    source: Source, connection: sa.Connection, select: sa.Select[Any], columns: Sequence[str]
) -> Iterator[pa.Table]:
    result = connection.execution_options(yield_per=BATCH).execute(select)
    ours = {theirs: name for name, theirs in source.layout.items() if theirs is not None}
    times = {"target_time", "issue_time", "available_time"}
    for rows in result.partitions(BATCH):
        values = zip(columns, zip(*rows, strict=True), strict=True)
        arrays = [
            column_of(column, source.place(ours[name]), times=ours[name] in times) for name, column in values
        ]
        yield pa.table([pa.chunked_array([array]) for array in arrays], names=list(columns))
