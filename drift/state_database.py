"""The database under the state: opened safely, brought to the newest schema, its errors explained.

`Database` is how the state's parts read and write: short transactions, each explained where it fails.

SQLite gets what a ledger needs: write-ahead log, `synchronous=FULL`, foreign keys, and writers that take
their lock at `BEGIN IMMEDIATE` (a plain BEGIN meets "locked" where two processes write). Readers do not
wait. The file is made for its owner alone. PostgreSQL takes the same statements by the same code.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError, StatementError
from sqlalchemy.pool import StaticPool

from drift.errors import StateError
from drift.migrations import HEAD, REVISIONS, VERSION_TABLE, upgrade
from drift.redact import UNSEEN, redact, redact_in

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

_LOCK = 0x64726966_74  # "drift": the advisory lock that PostgreSQL's migrations are made under

_REMEDIES = {
    "SQLITE_BUSY": "another process holds it locked: wait for it to end, or find it with `fuser` on the file",
    "SQLITE_LOCKED": "another connection holds a table locked: try again",
    "SQLITE_READONLY": "it cannot be written: make the file and its folder writable for this user",
    "SQLITE_FULL": "the disk is full: free some space and run again; nothing of this was written",
    "SQLITE_NOTADB": "the file is no SQLite database: point `state` to another file, or move this one away",
    "SQLITE_CORRUPT": "the file is damaged: move it away and restore a backup, or save what can be read "
    "with `sqlite3 FILE .recover`",
    "SQLITE_CANTOPEN": "it cannot be opened: see that the path is a file, in a folder this user may write",
    "SQLITE_IOERR": "the disk failed: look at the system's log and at the file system",
}
_ELSE = "see that `state` in the config is right, and that the database is up and lets this user in"


class Database:
    """An open database. Threads may share it: each transaction has a connection of its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.writer = writing(engine)
        self.insert = _insert(engine.dialect.name)
        """The dialect's own INSERT, which can settle a conflict."""

    def rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        """What the query finds, read by itself."""
        with explained(self.engine.url, "reading it"), self.engine.connect() as connection:
            return dicts(connection.execute(query))

    @contextmanager
    def write(self, doing: str) -> Iterator[sa.Connection]:
        """A transaction that writes, committed at its end; `doing` is what an error says that failed.

        What only one transaction at a time may decide begins with `lock`.
        """
        with explained(self.engine.url, doing), self.writer.begin() as connection:
            yield connection

    def put(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the rows; each replaces the one with its primary key."""
        if rows:
            insert = self.insert(table)
            changed = {c.name: insert.excluded[c.name] for c in table.c if not c.primary_key}
            keys = list(table.primary_key.columns)
            connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed), rows)


def dicts(result: sa.CursorResult[Any]) -> list[dict[str, Any]]:
    """The rows by column name: for ten thousand alerts, SQLAlchemy's own mappings take twice as long."""
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result.all()]


def _insert(dialect: str) -> Callable[[sa.Table], sqlite.Insert | postgresql.Insert]:
    """The dialect's INSERT; only that dialect is imported."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert

        return insert
    from sqlalchemy.dialects.sqlite import insert as insert_into_sqlite

    return insert_into_sqlite


def shown(url: sa.URL | str) -> str:
    """The URL as it may be shown: without user, password and settings."""
    if isinstance(url, str):
        return UNSEEN  # it could not be read, so what in it is secret is not known
    # as it was written: SQLAlchemy takes what stands before an `@` in a query for a password, and quotes it
    return redact(unquote(url.render_as_string(hide_password=False)))


@contextmanager
def explained(url: sa.URL | str, doing: str) -> Iterator[None]:
    """Turn what goes wrong inside into a `StateError` that names the database and the remedy."""
    try:
        yield
    except StatementError as error:
        raise StateError(f"state {shown(url)}: {doing} failed: {_told(_cause(error), url)}") from error
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise StateError(
            f"state {shown(url)}: no driver for this kind of database ({_told(error, url)}): use "
            f"sqlite:///… or, after `pip install 'drift-monitor[postgres]'`, postgresql+psycopg://…"
        ) from error
    except ArgumentError as error:
        raise StateError("state: the URL cannot be read: write sqlite:///state/drift.db") from error
    except (SQLAlchemyError, OSError, ValueError) as error:
        raise StateError(f"state {shown(url)}: {doing} failed: {_told(error, url)}; {_ELSE}") from error


def _told(said: object, url: sa.URL | str) -> str:
    """What a driver said, without the secrets of the URL that it was given."""
    given = url if isinstance(url, str) else url.render_as_string(hide_password=False)
    return redact_in(str(said), given, unquote(given))


def _cause(error: StatementError) -> str:
    """What the driver said, without the statement and its values, and what to do about it."""
    said = (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]
    if not isinstance(error, DBAPIError):
        return said  # a value of ours that the database never got to see
    code = str(getattr(error.orig, "sqlite_errorname", ""))
    remedy = next((text for name, text in _REMEDIES.items() if code.startswith(name)), _ELSE)
    return f"{said}; {remedy}"


def connect(url: sa.URL, wait_s: float) -> sa.Engine:
    """An engine for the URL. A lock is waited for at most `wait_s` seconds; a missing file is made."""
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, hide_parameters=True, pool_pre_ping=True)
    in_memory = url.database in (None, "", ":memory:")
    if not in_memory and "uri" not in url.query:  # SQLite's own file: URIs say what may be made
        _create_private(Path(str(url.database)))
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": wait_s, "check_same_thread": False},
        **({"poolclass": StaticPool} if in_memory else {}),
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def writing(engine: sa.Engine) -> sa.Engine:
    """The same engine for transactions that write."""
    return engine.execution_options(writes=True)


def _create_private(file: Path) -> None:
    """Make the folder, and the file for its owner alone; SQLite gives its log files the same mode."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _prepare_sqlite(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    del record
    connection.isolation_level = None  # the driver starts no transaction of its own; `_begin_sqlite` does
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def lock(connection: sa.Connection) -> None:
    """Let one transaction at a time decide; SQLite's `BEGIN IMMEDIATE` has done so already."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def migrate(engine: sa.Engine) -> None:
    """Bring the schema to the newest revision, once, however many processes start together.

    Raises:
        StateError: the database was written by a newer drift.
    """
    with engine.connect() as connection:
        found = _revision(connection)
    if found == HEAD:
        return
    if found is not None and found not in REVISIONS:
        raise StateError(
            f"state {shown(engine.url)}: its schema {found} is newer than this drift, which knows up to "
            f"{HEAD}: install the newer drift again, or restore the backup made before it"
        )
    with writing(engine).begin() as connection:
        lock(connection)
        if _revision(connection) != HEAD:
            upgrade(connection)


def _revision(connection: sa.Connection) -> str | None:
    """The schema's revision, by a plain query: importing Alembic takes longer than all the rest."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    version = sa.table(VERSION_TABLE, sa.column("version_num", sa.String))
    return connection.execute(sa.select(version.c.version_num)).scalar()
