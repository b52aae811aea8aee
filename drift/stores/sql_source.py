"""Where a logical table of a SQL store is, and what the database says of it.

Why: teams have a table, a view or a query; the platform has ids of other tables where drift wants names.

How: `places` reads the config. `held` asks the database, in the snapshot of the read, for the columns and
their types, which of them may be null, and whether an index begins with the city; a SELECT stands where a
table would, and only its columns are known. Names of tables and columns are quoted by SQLAlchemy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa
import sqlalchemy as sa

from drift.config import Config, FeaturesConfig, PredictionsConfig, TableConfig
from drift.config_text import did_you_mean
from drift.errors import StoreError, StoreNotFoundError
from drift.stores.casts import UTC_TIME, Place, to_utc
from drift.stores.mapping import Layout, TableMap, layouts
from drift.stores.sql_types import NAMES, POSTGRES, column_of
from drift.tables import TIMES, TableName
from drift.text import printable

SAMPLE = 100  # so many rows of a SELECT say what its columns are, where the database does not

Key: TypeAlias = object
"""A key of another table, as the driver gives it."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Another table that gives a key its name: the table, and its columns for the name, the best first.

    Where the first is the same for several keys, all of them together are the name.
    """

    table: str
    names: tuple[str, ...]

    def read(self, connection: sa.Connection) -> dict[Key, str]:
        """The name of each key; a key without a name is none."""
        columns = [sa.column(name, sa.types.NullType()) for name in ("id", *self.names)]
        rows = connection.execute(sa.select(*columns).select_from(sa.table(self.table))).all()
        return names_of([tuple(row) for row in rows])


def names_of(rows: Sequence[tuple[Any, ...]]) -> dict[Key, str]:
    """The name of each key, of rows of a key and its names, the best first; where names are still the same,
    the key is the last part of them. `Any`: a driver's values.

    >>> names_of([(1, "v1", "gbm"), (2, "v2", "gbm"), (3, "v2", "lstm"), (4, None, "x")])
    {1: 'v1', 2: 'v2 gbm', 3: 'v2 lstm'}
    >>> names_of([(7, "Salem"), (8, "Salem"), (9, "Pune")])
    {7: 'Salem 7', 8: 'Salem 8', 9: 'Pune'}
    """
    named = [row for row in rows if row[1] is not None]
    found = {row[0]: str(row[1]) for row in named}
    for last in (False, True):
        often = Counter(found.values())
        found |= {
            row[0]: " ".join(
                str(part) for part in (*row[1:], *((row[0],) if last else ())) if part is not None
            )
            for row in named
            if often[found[row[0]]] > 1
        }
    return found


@dataclass(frozen=True, slots=True)
class Where:
    """A logical table as configured: a table, `schema.table`, or a SELECT; how its columns map."""

    table: TableName
    name: str | None
    select: str | None
    spec: TableMap
    lookups: Mapping[str, Lookup]

    def __str__(self) -> str:
        return "the SELECT" if self.name is None else f"the table {printable(self.name)}"

    @property
    def what(self) -> str:
        """The place in an error."""
        return f"store.{self.table}: {self}"

    def rows(self) -> sa.FromClause:
        """What stands after FROM. A SELECT's colons are its own, and no parameters."""
        if self.select is not None:
            text = sa.text(self.select.replace("\\", "\\\\").replace(":", "\\:") + "\n")
            return text.columns().subquery("given")
        schema, _, name = str(self.name).rpartition(".")
        return sa.table(name, schema=schema or None)


PLATFORM: Mapping[TableName, tuple[str, Mapping[str, str]]] = {
    "predictions": (
        "predictions",
        {
            "city": "city_id",
            "model_version": "model_id",
            "target_time": "timestamp",
            "issue_time": "created_at",
            "predicted": "predicted_consumption",
            "lower": "confidence_lower",
            "upper": "confidence_upper",
        },
    ),
    "actuals": (
        "energy_consumption",
        {
            "city": "city_id",
            "target_time": "timestamp",
            "actual": "consumption_kwh",
            "available_time": "created_at",
        },
    ),
    "features": ("weather_data", {"city": "city_id", "target_time": "timestamp"}),
}
"""The platform's tables, and their columns for ours."""
LOOKUPS: Mapping[str, Lookup] = {
    "city": Lookup("cities", ("name",)),
    "model_version": Lookup("models", ("version", "name")),
}


def places(config: Config) -> dict[TableName, Where]:
    """Where the config says that the tables are.

    Raises:
        ConfigError: a mapping names what a table does not have.
    """
    store = config.store
    given: dict[TableName, TableConfig | None] = {
        "predictions": store.predictions,
        "actuals": store.actuals,
        "features": store.features,
    }
    platform = store.sql is None or store.sql.layout == "platform"
    found: dict[TableName, Where] = {}
    for name, table in given.items():
        if table is not None:
            found[name] = _place(name, table, platform, found)
    return found


def _place(name: TableName, table: TableConfig, platform: bool, others: Mapping[TableName, Where]) -> Where:
    if table.select is None and table.table is None and platform:
        theirs, columns = PLATFORM[name]
        constant = isinstance(table, PredictionsConfig) and table.model_version is not None
        columns = {ours: at for ours, at in columns.items() if not (constant and ours == "model_version")}
        lookups = {ours: LOOKUPS[ours] for ours in LOOKUPS if ours in columns and ours not in table.columns}
        spec = TableMap.of(name, table.model_copy(update={"columns": columns | table.columns}))
        return Where(name, theirs, None, spec, lookups)
    where = None if table.select is not None else table.table or name
    same = [o.spec.named for o in others.values() if (o.name, o.select) == (where, table.select)]
    taken = frozenset().union(*same) if isinstance(table, FeaturesConfig) else ()
    return Where(name, where, table.select, TableMap.of(name, table, taken), {})


@dataclass(frozen=True, slots=True)
class Source:
    """A table as the database has it now.

    `kinds`: the Arrow types of its columns. `types`: what a value of a column is compared as. `nullable`:
    the columns that may be null. `led`: the columns that an index begins with. `near`: target times are local
    or text, so that the database compares them only to within a day.
    """

    where: Where
    rows: sa.FromClause
    layout: Layout
    kinds: Mapping[str, pa.DataType]
    types: Mapping[str, str]
    nullable: frozenset[str]
    led: frozenset[str]
    near: bool

    def column(self, ours: str) -> sa.ColumnClause[Any]:
        """Their column for one of ours, which the table has."""
        return sa.column(str(self.layout[ours]), _selectable=self.rows)

    def place(self, ours: str) -> Place:
        """Where the column is, for errors."""
        return Place(self.where.table, str(self.where), ours, str(self.layout[ours]))

    @property
    def schema(self) -> pa.Schema:
        """The columns that are mapped, under their names."""
        return pa.schema([(theirs, self.kinds[theirs]) for theirs in self.theirs])

    @property
    def theirs(self) -> list[str]:
        """The columns that are mapped, each once."""
        return list(dict.fromkeys(at for at in self.layout.values() if at is not None))


def held(where: Where, connection: sa.Connection) -> Source:
    """The table, held against its mapping.

    Raises:
        StoreNotFoundError: it is not there. ColumnError: it lacks a column. TimestampError: a time is none.
    """
    rows, known = where.rows(), None if where.select is not None else _inspected(where, connection)
    kinds, types = _described(where, rows, connection)
    spec = where.spec
    if known is not None:
        spec = replace(spec, taken=spec.taken | known.keys)
        kinds |= {name: known.kinds.get(name, kind) for name, kind in kinds.items() if kind == pa.null()}
    (layout,) = layouts(spec, [(str(where), pa.schema(list(kinds.items())))])
    nullable = frozenset(kinds) if known is None else known.nullable
    led = frozenset[str]() if known is None else known.led
    local = kinds[str(layout["target_time"])] != UTC_TIME and spec.zone != "UTC"
    near = local or connection.dialect.name == "sqlite"
    source = Source(where, rows, layout, kinds, types, nullable, led, near)
    for ours in TIMES:
        if layout.get(ours) is not None:
            nothing = pa.chunked_array([], kinds[str(layout[ours])])
            to_utc(nothing, source.place(ours), spec.zone or _zone_later(connection))
    return source


def _zone_later(connection: sa.Connection) -> str | None:
    """Elsewhere than on PostgreSQL only the values say whether times have a zone."""
    return None if connection.dialect.name == "postgresql" else "UTC"


def _described(
    where: Where, rows: sa.FromClause, connection: sa.Connection
) -> tuple[dict[str, pa.DataType], dict[str, str]]:
    """The columns and their types: as PostgreSQL says, or as the first rows show."""
    every = sa.select(sa.text("*")).select_from(rows)
    postgres = connection.dialect.name == "postgresql"
    result = connection.execute(every.limit(0 if postgres else SAMPLE))
    described = result.cursor.description if result.cursor is not None else ()
    names = [str(column[0]) for column in described or ()]
    if postgres:
        codes = [int(str(column[1])) for column in described or ()]
        result.close()
        kinds = {name: POSTGRES.get(code, pa.string()) for name, code in zip(names, codes, strict=True)}
        return kinds, {name: NAMES.get(code, "") for name, code in zip(names, codes, strict=True)}
    values = list(zip(*result.all(), strict=True)) or [()] * len(names)
    times = {at for name in TIMES if (at := where.spec.theirs(name)) in names}
    kinds = {}
    for name, column in zip(names, values, strict=True):
        place = Place(where.table, str(where), name, name)
        kinds[name] = column_of(column, place, times=name in times).type
        if pa.types.is_null(kinds[name]) and name in times:
            kinds[name] = UTC_TIME
    return kinds, dict.fromkeys(names, "text")


class _Inspected(NamedTuple):
    """Which columns may be null, which an index begins with, which are the primary key, which are declared
    to be numbers.
    """

    nullable: frozenset[str]
    led: frozenset[str]
    keys: frozenset[str]
    kinds: Mapping[str, pa.DataType]


def _inspected(where: Where, connection: sa.Connection) -> _Inspected:
    inspector = sa.inspect(connection)
    schema, _, name = str(where.name).rpartition(".")
    try:
        columns = inspector.get_columns(name, schema or None)
        key = inspector.get_pk_constraint(name, schema or None)["constrained_columns"]
        indexes: list[Sequence[str | None]] = [key]
        indexes += [index["column_names"] for index in inspector.get_indexes(name, schema or None)]
    except sa.exc.NoSuchTableError:
        raise _missing(where, inspector) from None
    numbers = (sa.Integer, sa.Float, sa.Numeric)
    return _Inspected(
        frozenset(column["name"] for column in columns if column["nullable"]),
        frozenset(names[0] for names in indexes if names and names[0] is not None),
        frozenset(key),
        {column["name"]: pa.float64() for column in columns if isinstance(column["type"], numbers)},
    )


def _missing(where: Where, inspector: sa.Inspector) -> StoreError:
    schema, _, name = str(where.name).rpartition(".")
    known = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
    near = did_you_mean(name, known)
    return StoreNotFoundError(
        f"{where.what} is not there{near}: correct store.{where.table}.table, or the role's search_path"
    )
