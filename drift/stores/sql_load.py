"""Copying another store into a SQL store: block by block, so that it can be stopped and gone on with.

Why: a team starts on files and moves to a database; what was loaded must be what was there, once.

How: the tables of the config's `schema` are made where they are missing. The source is read a window at a
time; each window is one transaction (on PostgreSQL by COPY) that counts what is there before and after: rows
that are all there already are left as they are, none is written twice, and a window that holds other rows
stops the load. One loader works at a time.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from drift.arrow import distinct, integers, labelled
from drift.config import Config
from drift.domain import Window
from drift.errors import ConfigError, StoreError
from drift.stores.base import Store
from drift.stores.sql_database import Database
from drift.stores.sql_schema import Schema, statements, tables
from drift.stores.sql_source import LOOKUPS, PLATFORM
from drift.stores.sql_types import renamed
from drift.tables import TIMES, Skipped, TableName, Tables

BLOCK = timedelta(days=14)
_LOCK = 0x6472696674_6C  # "driftl": one loader at a time


@dataclass(slots=True)
class Loaded:
    """What was done: the rows of each table, those that were there already, and what could not be taken."""

    written: dict[str, int] = field(default_factory=dict)
    there: dict[str, int] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)

    def document(self) -> dict[str, object]:
        """The same as JSON has it."""
        left = [
            {"table": s.table, "city": s.city, "reason": s.reason.value, "rows": s.rows} for s in self.skipped
        ]
        return {"written": self.written, "there": self.there, "skipped": left}


@dataclass(frozen=True, slots=True)
class Target:
    """The SQL store to be filled: its schema, and the names that its tables and their columns have there."""

    database: Database
    schema: Schema
    features: Sequence[str]

    def place(self, name: TableName) -> tuple[str, Mapping[str, str]]:
        """The table, and its columns for ours."""
        return PLATFORM[name] if self.schema == "platform" else (name, {})

    @property
    def names(self) -> list[TableName]:
        """The tables that are filled."""
        return ["predictions", "actuals", *(["features"] if self.features else [])]  # type: ignore[list-item]


def load(
    source: Store,
    config: Config,
    advance: Callable[[int | None], None],
    *,
    resume: bool = False,
    replace: bool = False,
) -> Loaded:
    """Copy all rows of `source` into the config's SQL store; `advance` is told how many windows there are.

    Without `resume` or `replace` a table with rows is refused. `replace` deletes, window by window, the rows
    of the source's cities first.

    Raises:
        ConfigError: the config maps tables of its own. StoreError: there are rows already, or it failed.
    """
    target = _target(config, source)
    with target.database.explained("drift store load"):
        _prepare(target, refuse=not (resume or replace))
    done, step = Loaded(), source.cadence().step
    windows = list(_windows(source.span()))
    for window in windows:
        block = source.read(window)
        with target.database.explained(f"drift store load: {window}"):
            _load_block(target, block, window, step, done, replace=replace)
        done.skipped += block.skipped
        advance(len(windows))
    return done


def _target(config: Config, source: Store) -> Target:
    store = config.store
    if store.sql is None:
        raise ConfigError(f"store.kind: {store.kind} is no SQL store: `drift store load` fills one")
    for name in ("predictions", "actuals", "features"):
        table = getattr(store, name)
        if table is not None and (table.table is not None or table.select is not None):
            raise ConfigError(
                f"store.{name}: `drift store load` fills the tables of store.sql.schema, and the config "
                f"places this one elsewhere: take the section out"
            )
    return Target(
        Database(config.database_url(store.sql.url), store.sql, writes=True),
        store.sql.layout,
        source.features(),
    )


def _prepare(target: Target, *, refuse: bool) -> None:
    """Make what tables are missing, and see that they are empty where they have to be."""
    engine = target.database.engine
    wanted = tables(target.schema, engine.dialect.name, target.features)
    with engine.begin() as connection:
        there = set(sa.inspect(connection).get_table_names())
        for statement in statements(wanted):
            table = statement.element if isinstance(statement.element, sa.Table) else statement.element.table
            if table is not None and table.name not in there:
                connection.execute(statement)
        for name in target.names:
            place, _ = target.place(name)
            rows: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(sa.table(place)).limit(1)
            if refuse and connection.execute(rows).first() is not None:
                raise StoreError(
                    f"drift store load: the table {place} holds rows already: go on with a load that was "
                    f"stopped by --resume, or write the same windows anew by --replace"
                )


def _windows(span: Window) -> Iterator[Window]:
    start = span.start
    while start < span.end:
        end = min(start + BLOCK, span.end)
        yield Window(start, end)
        start = end


def _load_block(
    target: Target, block: Tables, window: Window, step: timedelta, done: Loaded, *, replace: bool
) -> None:
    with target.database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        for name in target.names:
            rows = getattr(block, name)
            keys = _keys(target, connection, rows)
            _load_table(
                target, connection, name, _written(target, name, rows, keys, step), window, done, replace
            )


def _load_table(
    target: Target,
    connection: sa.Connection,
    name: TableName,
    rows: pa.Table,
    window: Window,
    done: Loaded,
    replace: bool,
) -> None:
    place, columns = target.place(name)
    city: sa.ColumnClause[Any] = sa.column(columns.get("city", "city"))
    time: sa.ColumnClause[Any] = sa.column(columns.get("target_time", "target_time"))
    keys = sorted(distinct(labelled(rows[city.name])))
    typed = [sa.cast(key, sa.Uuid()) if _has_uuids(target, connection) else key for key in keys]
    ends = (window.start, window.end)
    if connection.dialect.name == "sqlite":
        ends = tuple(str(end) for end in ends)  # type: ignore[assignment]
    here = sa.and_(city.in_(typed), time >= ends[0], time < ends[1])
    table = sa.table(place, city, time)
    count = sa.select(sa.func.count()).select_from(table).where(here)
    before = connection.execute(count).scalar_one() if keys else 0
    if before and replace:
        connection.execute(sa.delete(table).where(here))
    elif before == len(rows):
        done.there[name] = done.there.get(name, 0) + before
        return
    elif before:
        raise StoreError(
            f"drift store load: {place} holds {before:,} rows of {window}, and the source {len(rows):,}: "
            f"they are not of this load; write the window anew by --replace"
        )
    _write(connection, place, rows)
    after = connection.execute(count).scalar_one()
    if after != len(rows):
        raise StoreError(
            f"drift store load: {place} has {after:,} rows of {window}, not {len(rows):,}: "
            f"nothing of this window was kept; see what else writes there"
        )
    done.written[name] = done.written.get(name, 0) + after


def _has_uuids(target: Target, connection: sa.Connection) -> bool:
    return target.schema == "platform" and connection.dialect.name == "postgresql"


def _keys(target: Target, connection: sa.Connection, rows: pa.Table) -> dict[str, dict[str, str]]:
    """The ids of the cities and the model versions on the platform, made where there are none."""
    found: dict[str, dict[str, str]] = {}
    if target.schema == "platform":
        for ours, lookup in LOOKUPS.items():
            if ours in rows.column_names:
                known = {name: str(key) for key, name in lookup.read(connection).items()}
                new = sorted(distinct(labelled(rows[ours])) - set(known))
                made = {name: str(uuid4()) for name in new}
                called = ("name", *lookup.names)
                if made:
                    rows_of = [{"id": key, **dict.fromkeys(called, name)} for name, key in made.items()]
                    _insert(connection, lookup.table, rows_of)
                found[ours] = known | made
    return found


def _insert(connection: sa.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    kinds = {"id": sa.Uuid(as_uuid=False)} if connection.dialect.name == "postgresql" else {}
    columns: list[sa.ColumnClause[Any]] = [sa.column(name, kinds.get(name)) for name in rows[0]]
    connection.execute(sa.insert(sa.table(table, *columns)), rows)


def _written(
    target: Target, name: TableName, rows: pa.Table, keys: Mapping[str, Mapping[str, str]], step: timedelta
) -> pa.Table:
    """The rows in the target's columns. The platform always says when a row was made: where the source does
    not, a prediction is as old as its target time, and an actual is known when its interval is over.
    """
    _, columns = target.place(name)
    for ours, ids in keys.items():
        at = rows.schema.get_field_index(ours)
        rows = rows.set_column(at, ours, renamed(labelled(rows[ours]), ids))
    made = {"predictions": "issue_time", "actuals": "available_time"}.get(name)
    if made is not None and target.schema == "platform":
        late = step if name == "actuals" else timedelta(0)
        length = integers([late // timedelta(microseconds=1)], pa.duration("us"))[0]
        usual = pc.add(rows["target_time"], length)
        if made in rows.column_names:
            at = rows.schema.get_field_index(made)
            rows = rows.set_column(at, made, pc.coalesce(rows[made], usual))
        else:
            rows = rows.append_column(made, usual)
    return rows.rename_columns([columns.get(ours, ours) for ours in rows.column_names])


def _write(connection: sa.Connection, table: str, rows: pa.Table) -> None:
    plain = pa.table({
        field.name: column.cast(pa.string()) if pa.types.is_dictionary(field.type) else column
        for field, column in zip(rows.schema, rows.columns, strict=True)
    })  # fmt: skip
    if connection.dialect.name == "postgresql":
        _copy(connection, table, plain)
        return
    values = plain.to_pylist()
    for row in values:
        row |= {key: str(value) for key, value in row.items() if key in _TEXTS and value is not None}
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in plain.column_names]
    if values:
        connection.execute(sa.insert(sa.table(table, *columns)), values)


_TEXTS = frozenset(
    {*TIMES, *(theirs for _, names in PLATFORM.values() for ours, theirs in names.items() if ours in TIMES)}
)
"""Columns that hold times: text in SQLite."""


def _copy(connection: sa.Connection, table: str, rows: pa.Table) -> None:
    from pyarrow import csv

    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(map(quote, rows.column_names))
    driver: Any = connection.connection.driver_connection  # psycopg's: SQLAlchemy knows no COPY
    options = csv.WriteOptions(include_header=False)
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {quote(table)} ({columns}) FROM STDIN (FORMAT csv)") as copy,
    ):
        for batch in rows.to_batches(max_chunksize=100_000):
            held = io.BytesIO()
            csv.write_csv(batch, held, options)
            copy.write(held.getvalue())
