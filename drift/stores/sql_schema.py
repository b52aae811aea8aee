"""The tables of a SQL store, to be made for a store of one's own: the platform's, or the logical ones.

PURE: SQLAlchemy's descriptions, and the DDL as text. Each table of values has the index that every read
goes by: city, then target time. SQLite has no type for times; there they are text of ISO 8601 in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from drift.errors import ConfigError

Schema: TypeAlias = Literal["platform", "drift"]
WEATHER = ("temperature", "humidity", "wind_speed", "precipitation")
"""The features of the platform."""
_DEFAULTS = {
    "postgresql": {"id": "gen_random_uuid()", "created_at": "now()"},
    "sqlite": {
        "id": "(lower(hex(randomblob(16))))",
        "created_at": "(strftime('%Y-%m-%d %H:%M:%S+00:00', 'now'))",
    },
}
"""What a row gets that does not say it."""
_TIME = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
_ID = sa.Uuid().with_variant(sa.Text(), "sqlite")


def tables(schema: Schema, dialect: str, features: Sequence[str] = ()) -> sa.MetaData:
    """The tables of a schema; the features' table has a column each, on the platform the weather's if none
    are named.

    Raises:
        ConfigError: the dialect is not known.

    >>> list(tables("drift", "postgresql").tables)
    ['predictions', 'actuals']
    """
    if dialect not in _DEFAULTS:
        raise ConfigError(f"there is no DDL for {dialect}: take one of {', '.join(_DEFAULTS)}")
    metadata = sa.MetaData()
    if schema == "platform":
        _platform(metadata, features or WEATHER, dialect)
    else:
        _logical(metadata, features)
    return metadata


def _default(name: str, kind: Any, dialect: str, *, key: bool = False) -> sa.Column[Any]:
    made = sa.text(_DEFAULTS[dialect][name])
    return sa.Column(name, kind, primary_key=key, nullable=False, server_default=made)


def _city() -> sa.Column[Any]:
    return sa.Column("city_id", _ID, sa.ForeignKey("cities.id"), nullable=False)


def _time(name: str = "timestamp") -> sa.Column[Any]:
    return sa.Column(name, _TIME, nullable=False)


def _values(names: Sequence[str]) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Double()) for name in names]


def _platform(metadata: sa.MetaData, features: Sequence[str], dialect: str) -> None:
    named = [sa.Column("name", sa.Text(), nullable=False)]
    place = [*_values(["latitude", "longitude"]), sa.Column("timezone", sa.Text())]
    sa.Table(
        "cities",
        metadata,
        _default("id", _ID, dialect, key=True),
        *named,
        *place,
        sa.UniqueConstraint("name"),
    )
    version = [sa.Column("name", sa.Text(), nullable=False), sa.Column("version", sa.Text(), nullable=False)]
    active: sa.Column[Any] = sa.Column("is_active", sa.Boolean(), nullable=False, server_default=sa.true())
    sa.Table(
        "models",
        metadata,
        _default("id", _ID, dialect, key=True),
        *version,
        active,
        sa.UniqueConstraint("name", "version"),
    )
    model = sa.Column("model_id", _ID, sa.ForeignKey("models.id"), nullable=False)

    def created() -> sa.Column[Any]:
        return _default("created_at", _TIME, dialect)

    predicted = _values(["predicted_consumption", "confidence_lower", "confidence_upper"])
    for name, columns in (
        ("predictions", [_city(), model, _time(), *predicted, created()]),
        ("energy_consumption", [_city(), _time(), *_values(["consumption_kwh"]), created()]),
        ("weather_data", [_city(), _time(), *_values(features)]),
    ):
        sa.Table(name, metadata, *columns, sa.Index(f"{name}_city_time", "city_id", "timestamp"))


def _logical(metadata: sa.MetaData, features: Sequence[str]) -> None:
    def table(name: str, *columns: sa.Column[Any]) -> None:
        city = sa.Column("city", sa.Text(), nullable=False)
        index = sa.Index(f"{name}_city_time", "city", "target_time")
        sa.Table(name, metadata, city, *columns, index)

    version = sa.Column("model_version", sa.Text(), nullable=False)
    issue, available = (sa.Column(name, _TIME) for name in ("issue_time", "available_time"))
    values = _values(["predicted", "lower", "upper"])
    table("predictions", version, _time("target_time"), issue, *values)
    table("actuals", _time("target_time"), *_values(["actual"]), available)
    if features:
        table("features", _time("target_time"), *_values(features))


def ddl(schema: Schema, dialect: str, features: Sequence[str] = ()) -> str:
    """The statements that make the tables and their indexes.

    Raises:
        ConfigError: the dialect is not known.

    >>> print(ddl("drift", "sqlite").splitlines()[0])
    CREATE TABLE actuals (
    """
    made = statements(tables(schema, dialect, features))
    speaks: Any = (postgresql if dialect == "postgresql" else sqlite).dialect()
    written = []
    for statement in made:
        lines = str(statement.compile(dialect=speaks)).strip().splitlines()
        written.append("\n".join(line.rstrip().replace("\t", "  ") for line in lines) + ";\n")
    return "\n".join(written)


def statements(metadata: sa.MetaData) -> list[CreateTable | CreateIndex]:
    """What makes the tables, each after those that it refers to, and their indexes."""
    found: list[CreateTable | CreateIndex] = []
    for table in metadata.sorted_tables:
        found.append(CreateTable(table))
        found += [CreateIndex(index) for index in sorted(table.indexes, key=lambda index: str(index.name))]
    return found
