"""The commands that make and fill a feature store of one's own in a database."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from drift.cli_options import DEFAULT_CONFIG, ConfigOption, JsonOption, load
from drift.errors import ConfigError


class Dialect(StrEnum):
    """The databases that there is DDL for."""

    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"


class Layout(StrEnum):
    """How the tables look: the platform's schema, or drift's logical tables as they are."""

    PLATFORM = "platform"
    DRIFT = "drift"


def ddl(
    dialect: Annotated[Dialect, typer.Option(help="The database.")] = Dialect.POSTGRESQL,
    schema: Annotated[Layout, typer.Option(help="As in store.sql.schema.")] = Layout.PLATFORM,
    feature: Annotated[
        list[str] | None,
        typer.Option(help="A feature's column; once each. [default: the platform's weather]"),
    ] = None,
) -> None:
    """Print the statements that make the tables of a SQL store, with the indexes that drift reads by."""
    from drift.stores.sql_schema import ddl as written

    sys.stdout.write(written(schema.value, dialect.value, feature or ()))


def load_store(
    source: Annotated[Path, typer.Option("--from", help="The config of the store to copy: Parquet, say.")],
    config_file: ConfigOption = DEFAULT_CONFIG,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a load that was stopped: what is there stays.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete the source's hours and cities, and write them anew.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Copy another store into the SQL store of the config, its tables made where they are missing."""
    from drift.document import to_json
    from drift.stores import open_store
    from drift.stores.sql_load import load as copy
    from drift.terminal_progress import progress

    if resume and replace:
        raise ConfigError("--resume keeps what is there and --replace does not: take one")
    given, target = load(source), load(config_file)
    with progress("loading", "loaded {count} windows", quiet=as_json) as advance:
        done = copy(open_store(given), target, advance, resume=resume, replace=replace)
    if as_json:
        print(to_json(done.document()))
        return
    for table in {**done.written, **done.there}:
        there = done.there.get(table, 0)
        already = f", {there:,} were there already" if there else ""
        print(f"{table}: {done.written.get(table, 0):,} rows written{already}")
    for left in done.skipped:
        print(f"{left.table}: {left.rows:,} rows left out ({left.reason.value})")
