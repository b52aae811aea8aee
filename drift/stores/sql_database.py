"""The database of a SQL store: opened to be read only, one snapshot a read, its errors explained.

Why: the monitor must not be able to change what it watches, a slot must not see predictions of before and
actuals of after a write, and who is called at night needs the remedy and not a traceback.

How: on PostgreSQL each read is one transaction, REPEATABLE READ and READ ONLY, with a statement timeout and
the name `drift`. A read whose connection was lost is done once more, whole: it changed nothing. SQLite's
file is opened for reading only. The secrets of the URL are in no message.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from drift.config import SqlConfig
from drift.errors import ColumnError, ConfigError, StoreAwayError, StoreError, StoreNotFoundError
from drift.redact import redact_in
from drift.state_database import shown
from drift.text import printable

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

T = TypeVar("T")

_LOST = ("08", "57P01", "57P02", "57P03")
_REMEDIES: tuple[tuple[str, type[StoreError], str], ...] = (
    ("42501", StoreError, "let the role read it: GRANT SELECT on it, and USAGE on its schema, to the role"),
    ("42P01", StoreNotFoundError, "correct the name, or the role's search_path, or create the table"),
    ("42703", ColumnError, "a column is gone: correct the mapping, or the SELECT"),
    ("42601", StoreError, "mend the SELECT: it must be a single one"),
    ("25006", StoreError, "a SELECT of a store may only read"),
    ("57014", StoreError, "index city and target time together, or raise store.sql.statement_timeout"),
    ("53300", StoreAwayError, "lower store.sql.connections, or raise the server's max_connections"),
    (
        "57P",
        StoreAwayError,
        "the server stops, or closed the connection: see that it stays up, and run again",
    ),
    ("28", StoreAwayError, "correct user and password in store.sql.url"),
    ("3D", StoreAwayError, "correct the name of the database in store.sql.url"),
    ("08", StoreAwayError, "see that the server is up and can be reached from here, and run again"),
    ("53", StoreAwayError, "the server lacks memory, disk or connections: see its log"),
)
_SPOKEN = (
    ("password authentication failed", "28"),
    ("no password supplied", "28"),
    ("pg_hba.conf", "28"),
    ("too many clients", "53300"),
    ("too many connections", "53300"),
    ("connection slots", "53300"),
    ("role ", "28"),
    ("database ", "3D"),
)
"""What a server says before there is a connection comes without a code."""


class Database:
    """A SQL store's database. Threads may share it."""

    def __init__(self, url: str, config: SqlConfig, *, writes: bool = False) -> None:
        """Nothing is opened yet. Only what fills a store `writes`.

        Raises:
            ConfigError: the URL cannot be read, or there is no driver for it.
        """
        self._given, self._config, self._writes = url, config, writes
        try:
            self.url = sa.make_url(url)
            self.engine = self._engine()
            weakref.finalize(self, self.engine.dispose)  # a store is not closed: it is let go of
        except ArgumentError:
            raise ConfigError(
                "store.sql.url: cannot be read: write postgresql+psycopg://user@host/database"
            ) from None
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise ConfigError(
                f"store.sql.url: no driver for this kind of database ({self._told(error)}): "
                f"`pip install 'drift-monitor[postgres]'` and write postgresql+psycopg://…"
            ) from None

    @property
    def postgres(self) -> bool:
        """Whether it is PostgreSQL, with the driver whose COPY is spoken here."""
        return self.url.drivername in ("postgresql+psycopg", "postgresql")

    def __str__(self) -> str:
        return shown(self.url)

    def _engine(self) -> sa.Engine:
        url = self.url
        if url.drivername == "postgresql":  # psycopg 3, the driver that drift's extra brings
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() == "sqlite":
            engine = sa.create_engine(url, hide_parameters=True, connect_args={"check_same_thread": False})
            sa.event.listen(engine, "connect", _writing_sqlite if self._writes else _read_only_sqlite)
            sa.event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN"))
            return engine
        wait = max(2, round(self._config.connect_timeout / timedelta(seconds=1)))
        ours = {"application_name": "drift", "connect_timeout": wait} if self.postgres else {}
        return sa.create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=self._config.connections,
            max_overflow=0,
            connect_args=ours,
        )

    def read(self, what: str, work: Callable[[sa.Connection], T]) -> T:
        """What `work` reads in one snapshot; once more if the connection was lost under it.

        Raises:
            StoreError: it failed; `what` says in the message what was read.
        """
        try:
            return self._once(what, work)
        except _LostError:
            return self._once(what, work)

    def _once(self, what: str, work: Callable[[sa.Connection], T]) -> T:
        file = sqlite_file(self.url)
        if file is not None and not file.is_file():  # else SQLite would make an empty one
            raise StoreNotFoundError(f"store: there is no file {file}: correct store.sql.url")
        with self.explained(what), self._snapshot() as connection:
            return work(connection)

    @contextmanager
    def _snapshot(self) -> Iterator[sa.Connection]:
        with self.engine.connect() as connection:
            if self.postgres:
                options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
                connection = connection.execution_options(**options)
                configure(connection, self._config.statement_timeout)
            try:
                yield connection
            except BaseException:
                with suppress(Exception):
                    connection.invalidate()  # in the middle of a COPY it is of no more use
                raise

    @contextmanager
    def explained(self, what: str) -> Iterator[None]:
        """Turn what a database or its driver says into a `StoreError` with the remedy."""
        try:
            yield
        except SQLAlchemyError as error:
            raise self._explain(what, error) from None
        except (OSError, EOFError) as error:
            raise StoreAwayError(f"store: {self}: {self._told(error)}") from None
        except Exception as error:
            if _code(error) is None and not type(error).__module__.startswith("psycopg"):
                raise
            raise self._explain(what, error) from None

    def _explain(self, what: str, error: Exception) -> StoreError:
        if isinstance(error, PoolTimeoutError):
            return StoreAwayError(
                f"store: {self}: no connection was free in time: raise store.sql.connections, now "
                f"{self._config.connections}"
            )
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        code, said = _code(cause) or "", self._told(cause)
        for start, kind, remedy in _REMEDIES:
            if code.startswith(start):
                where = f"store: {self}" if issubclass(kind, StoreAwayError) else what
                made = _LostError if code.startswith(_LOST) else kind
                return made(f"{where}: {said}: {remedy}")
        if "no such table" in said:
            return StoreNotFoundError(f"{what}: {said}: correct the name, or create the table")
        return StoreError(f"{what}: {said}: see that store.sql.url is right, and that the database is well")

    def _told(self, said: object) -> str:
        """The first line of what a driver said, without the secrets of the URL."""
        lines = str(said).strip().splitlines() or [type(said).__name__]
        text = next((line for line in lines if "FATAL:" in line), lines[0])
        return printable(redact_in(text, self._given, unquote(self._given)), 300)


class _LostError(StoreAwayError):
    """The connection was lost; a new one may do."""


def configure(connection: sa.Connection, timeout: timedelta) -> None:
    """Set what this transaction needs: its statement timeout, and times and numbers written exactly."""
    own = {
        "statement_timeout": str(timeout // timedelta(milliseconds=1)),
        "TimeZone": "UTC",
        "DateStyle": "ISO, YMD",
        "extra_float_digits": "1",
    }
    put(connection, own)


def put(connection: sa.Connection, settings: dict[str, str]) -> None:
    """Give settings of this transaction their values; they are bound, never written into the statement."""
    sets = [sa.func.set_config(sa.bindparam(f"n{i}", n), sa.bindparam(f"v{i}", v), sa.true())
            for i, (n, v) in enumerate(settings.items())]  # fmt: skip
    connection.execute(sa.select(*sets))


def _code(error: BaseException) -> str | None:
    """The SQLSTATE of what a driver raised; of a lost connection too, which often has none."""
    state = getattr(error, "sqlstate", None)
    if state is not None or not type(error).__module__.startswith("psycopg"):
        return None if state is None else str(state)
    said = str(error)
    if "FATAL:" in said:
        spoken = next((code for words, code in _SPOKEN if words in said), None)
        if spoken is not None:
            return spoken
    lost = type(error).__name__ in ("OperationalError", "ConnectionTimeout", "InterfaceError")
    return "08" if lost else None


def _read_only_sqlite(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    del record
    connection.isolation_level = None  # the driver begins no transaction of its own
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only=ON")
    cursor.close()


def _writing_sqlite(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    del record
    connection.isolation_level = None


def sqlite_file(url: sa.URL) -> Path | None:
    """The file of a SQLite database; None where there is none."""
    plain = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)) if plain and "uri" not in url.query else None
