"""What columns the user's tables have, for `drift init`: files are looked into, databases asked, repos read.

Nothing is read but footers and catalogues. The URL of a database comes from the environment or a file, and
only the name of the variable is written down.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from drift.config import Config, parse_config
from drift.config_store import KEYS_OF
from drift.config_text import did_you_mean
from drift.errors import ConfigError
from drift.redact import redact
from drift.starter_guess import Kind, guess
from drift.starter_store import Found, quoted, store_section
from drift.tables import TableName
from drift.text import printable

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

URL_VARIABLE = "DRIFT_STORE_URL"
"""The environment's name for the URL of a SQL store."""
PLATFORM = frozenset({"cities", "models", "predictions", "energy_consumption"})
SQL_LINES = (
    "  sql:",
    f"    url: ${{{URL_VARIABLE}}}",
    "    # url_file: secrets/store               # or in a file of its own, instead of url",
)
_TABLES: Mapping[TableName, tuple[str, ...]] = {
    "predictions": ("predictions", "forecasts", "forecast", "load_forecasts"),
    "actuals": ("actuals", "energy_consumption", "consumption", "load", "loads", "demand", "meters"),
    "features": ("features", "weather_data", "weather"),
}


def section_of(
    kind: str, tables: Mapping[TableName, str], base: Path, *, url: str | None = None, repo: str | None = None
) -> str:
    """The `store` section for the tables that are named, of a config in the folder `base`.

    `tables` are paths of files, tables of a database or feature views; `url` is the database's, and is looked
    at without being written down; `repo` is the folder of a Feast repo.

    Raises:
        ConfigError: the kind is not known, or something is not named. StoreError: a table cannot be read.
    """
    if kind not in KEYS_OF:
        near = did_you_mean(kind, list(KEYS_OF))
        raise ConfigError(f"--store: {printable(kind)!r} is none of {', '.join(KEYS_OF)}{near}")
    if kind == "parquet":
        return store_section(kind, (), look_at_files(_both(tables), base))
    if kind == "sql":
        if url is None:
            named = {name: Found("table", at) for name, at in tables.items()}
            return store_section(kind, (*SQL_LINES, _schema("platform")), named)
        return store_section(kind, *look_at_database(url, tables, base))
    where = "../feature_repo" if repo is None else _from(base, repo)
    lines = (f"  feast: {{repo: {quoted(where)}}}",)
    if repo is None or not tables:
        views: dict[TableName, str] = {"predictions": "predictions", "actuals": "actuals", **tables}
        return store_section(kind, lines, {name: Found("view", view) for name, view in views.items()})
    return store_section(kind, lines, look_at_repo(where, _both(tables), base))


def _both(tables: Mapping[TableName, str]) -> dict[TableName, str]:
    """Predictions and actuals: the same table for both, where only one is named."""
    given = next((tables[name] for name in ("predictions", "actuals") if name in tables), None)
    if given is None:
        raise ConfigError("--features: name --predictions and --actuals too")
    return {"predictions": given, "actuals": given, **tables}


def _schema(name: str) -> str:
    other = "drift: the logical tables" if name == "platform" else "platform: the energy platform's tables"
    return f"    {f'schema: {name}':38}  # or {other}"


def look_at_files(paths: Mapping[TableName, str], base: Path) -> dict[TableName, Found]:
    """The Parquet tables at the paths, as a config in the folder `base` names them.

    Raises:
        ConfigError: a URL holds a secret. StoreError: there is no file, or it is no Parquet.
    """
    from drift.stores.files import Location
    from drift.stores.reader import Cache, Reader

    found: dict[TableName, Found] = {}
    for name, path in paths.items():
        if redact(path) != path:
            raise ConfigError(
                f"--{name}: the URL holds what may be a secret: give credentials through the environment"
            )
        place = path if "://" in path else _from(base, path)
        files = Location.of(_blank(base, {"path": place}), name, place).files()
        schema = Reader(Cache()).footer(files[0]).schema
        found[name] = Found(
            "path", place, guess(name, {column.name: _kind(column.type) for column in schema})
        )
    return found


def _from(base: Path, path: str) -> str:
    """A path as the config names it: from its folder where it lies in the project, else from the root."""
    full = Path(path).expanduser().absolute()
    inside = full.is_relative_to(base.absolute().parent)
    return os.path.relpath(full, base) if inside else str(full)


def _blank(base: Path, table: Mapping[str, str], **store: object) -> Config:
    """A config that says no more than is needed to look."""
    return parse_config({"store": {"predictions": table, "actuals": table, **store}}, base.absolute())


def _kind(kind: pa.DataType) -> Kind:
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_timestamp(kind):
        return "naive" if kind.tz is None else "time"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text"
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return "number" if number else "other"


def look_at_database(
    url: str, tables: Mapping[TableName, str], base: Path
) -> tuple[tuple[str, ...], dict[TableName, Found]]:
    """The lines of a SQL store's own, and its tables: those that are named, or that have a usual name. None
    where the database has the platform's schema, which needs no mapping.

    Raises:
        StoreError: it cannot be read, or a table that is named is not there.
    """
    from drift.stores.sql_database import Database

    config = _blank(base, {}, kind="sql", sql={"url": url})
    settings = config.store.sql
    if settings is None:
        raise AssertionError
    known = Database(config.store_url(), settings).read("store", _tables)
    if not tables and known.keys() >= PLATFORM:
        return (*SQL_LINES, _schema("platform")), {}
    named = dict(tables) or {name: at for name in _TABLES if (at := _usual(name, known)) is not None}
    for name, at in named.items():
        if at not in known:
            raise ConfigError(
                f"--{name}: the database has no table {at!r}; it has {', '.join(sorted(known)[:20])}"
            )
    found = {name: Found("table", at, guess(name, known[at])) for name, at in named.items()}
    return (*SQL_LINES, _schema("drift")), found


def _usual(name: TableName, known: Mapping[str, object]) -> str | None:
    there = [table for table in _TABLES[name] if table in known]
    return there[0] if len(there) == 1 else None


def _tables(connection: sa.Connection) -> dict[str, dict[str, Kind]]:
    """Every table and view that the role sees without naming a schema, with what its columns hold."""
    import sqlalchemy as sa

    inspector = sa.inspect(connection)
    names = [*inspector.get_table_names(), *inspector.get_view_names()]
    return {
        name: {column["name"]: _sql_kind(column["type"]) for column in inspector.get_columns(name)}
        for name in names
    }


def _sql_kind(kind: sa.types.TypeEngine[object]) -> Kind:
    import sqlalchemy as sa

    if isinstance(kind, sa.DateTime):
        return "time" if kind.timezone else "naive"
    if isinstance(kind, sa.String | sa.Uuid):
        return "text"
    return "number" if isinstance(kind, sa.Integer | sa.Numeric | sa.Float) else "other"


def look_at_repo(repo: str, views: Mapping[TableName, str], base: Path) -> dict[TableName, Found]:
    """The feature views of a Feast repo that are named.

    Raises:
        StoreError: there is no such repo or view.
    """
    from drift.stores.feast_repo import Repo

    opened, found = Repo(Path(os.path.normpath(base / repo))), {}
    for name, view in views.items():
        seen = opened.view(name, view)
        times = {seen.timestamp, seen.created}
        kinds: dict[str, Kind] = {
            column: "time" if column in times else "number" if column in seen.numeric else "text"
            for column in seen.columns
        }
        found[name] = Found("view", view, guess(name, kinds))
    return found
