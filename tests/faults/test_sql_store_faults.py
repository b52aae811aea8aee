"""What befalls a database, done to a real one: each fault has an error with its remedy, and no secret in it."""

# ruff: noqa: S608 - a test's own constants make its statements
from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from drift.config import Config, parse_config
from drift.domain import Window
from drift.errors import ColumnError, DriftError, StoreAwayError, StoreError, StoreNotFoundError
from drift.stores import open_store, sql
from drift.stores.base import Store

from .. import throwaway  # noqa: TID252 - tests are no package

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
WINDOW = Window(START, START + 3000 * HOUR)
PASSWORD = "s3cret/with@signs"  # noqa: S105 - it opens nothing
TABLES = {
    "predictions": {"table": "a", "columns": {"predicted": "v"}},
    "actuals": {"table": "a", "columns": {"actual": "v"}},
}


def config_of(url: str | sa.URL, sql: dict[str, Any] | None = None, **store: Any) -> Config:
    text = url if isinstance(url, str) else url.render_as_string(hide_password=False)
    given = {"kind": "sql", "interval": "1h", "sql": {"url": text} | (sql or {})} | TABLES | store
    return parse_config({"store": given}, base=Path())


def execute(url: str, *statements: str) -> None:
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def url() -> str:
    """A database with one table: 3,000 hours of 40 cities."""
    made = throwaway.database()
    execute(
        made,
        "CREATE TABLE a AS SELECT 'c' || c AS city, 'v1' AS model_version, "
        f"'{START}'::timestamptz + h * interval '1 h' AS target_time, random() AS v "
        "FROM generate_series(0, 39) c, generate_series(0, 2999) h",
        "CREATE INDEX ON a (city, target_time)",
    )
    return made


@pytest.fixture
def role(url: str) -> Callable[[str], sa.URL]:
    """A role of this test, with what is said after CREATE ROLE; gone afterwards."""
    made = []

    def create(words: str) -> sa.URL:
        name = f"reader_{sa.make_url(url).database}"
        execute(url, f"CREATE ROLE {name} LOGIN {words}")
        made.append(name)
        return sa.make_url(url).set(username=name)

    yield create
    for name in made:
        execute(url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def failing(store: Store, kind: type[DriftError], *words: str) -> None:
    """Every question fails alike, and says what it should and no secret."""
    for ask in (store.cities, store.span, lambda: store.read(WINDOW)):
        with pytest.raises(kind) as failed:
            ask()
        for word in words:
            assert word in str(failed.value)
        for secret in (PASSWORD, "s3cret", "with@signs"):
            assert secret not in str(failed.value)
        assert failed.value.__cause__ is None  # a traceback would show the driver's own words


def test_a_refused_connection() -> None:
    url = sa.URL.create("postgresql+psycopg", "reader", PASSWORD, "127.0.0.1", 9, "energy")
    failing(
        open_store(config_of(url)), StoreAwayError, "postgresql", "127.0.0.1", "see that the server is up"
    )


def test_a_database_that_is_not_there(url) -> None:
    gone = sa.make_url(url).set(database="nowhere", password=PASSWORD)
    failing(open_store(config_of(gone)), StoreAwayError, "correct the name of the database in store.sql.url")


def test_a_wrong_password(url, role) -> None:
    reader = role(f"PASSWORD '{PASSWORD}x'").set(password=PASSWORD)
    rules = Path(str(sa.make_url(throwaway.server()).query["host"])) / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"local all {reader.username} scram-sha-256\n{before}")
    try:
        execute(url, "SELECT pg_reload_conf()")
        wait_until(lambda: asks_for_password(reader.set(password=None)))
        failing(open_store(config_of(reader)), StoreAwayError, "correct user and password in store.sql.url")
    finally:
        rules.write_text(before)
        execute(url, "SELECT pg_reload_conf()")


def asks_for_password(url: sa.URL) -> bool:
    try:
        psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)).close()
    except psycopg.OperationalError as error:
        return "password" in str(error)
    return False


def wait_until(holds: Callable[[], bool], tries: int = 500) -> None:
    pause = threading.Event()
    for _ in range(tries):
        if holds():
            return
        pause.wait(0.02)
    pytest.fail("it never came to be")


def test_a_role_that_may_not_read_and_then_may(url, role) -> None:
    reader = role("")
    store = open_store(config_of(reader))
    failing(store, StoreError, "store.predictions: the table a", "permission denied", "GRANT SELECT")
    execute(url, f"GRANT SELECT ON a TO {reader.username}")
    assert len(store.cities()) == 40


def test_too_many_connections(url, role) -> None:
    reader = role("CONNECTION LIMIT 1")
    execute(url, f"GRANT SELECT ON a TO {reader.username}")
    plain = reader.set(drivername="postgresql").render_as_string(hide_password=False)
    store = open_store(config_of(reader))
    with psycopg.connect(plain):
        failing(store, StoreAwayError, "lower store.sql.connections")
    wait_until(lambda: not _open_connections(url, str(reader.username)))
    assert len(store.cities()) == 40


def _open_connections(url: str, role: str) -> int:
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = %s", (role,)
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_table_that_vanishes_between_two_reads_and_comes_back(url) -> None:
    store = open_store(config_of(url))
    before = store.read(WINDOW)
    execute(url, "ALTER TABLE a RENAME TO aa")
    failing(store, StoreNotFoundError, "store.predictions: the table a is not there; did you mean `aa`?")
    execute(url, "ALTER TABLE aa RENAME TO a")
    assert len(store.read(WINDOW).actuals) == len(before.actuals)


def test_a_column_that_is_renamed_between_two_reads(url) -> None:
    store = open_store(config_of(url))
    store.read(WINDOW)
    execute(url, "ALTER TABLE a RENAME COLUMN v TO vv")
    failing(store, ColumnError, "the table a has no column `v`", "it has city", "store.predictions.columns")


def test_a_statement_that_takes_too_long(url) -> None:
    slow = "SELECT city, target_time, v AS actual, pg_sleep(0.2) FROM a"
    store = open_store(config_of(url, {"statement_timeout": "1s"}, actuals={"select": slow}))
    with pytest.raises(
        StoreError, match=r"store\.actuals: the SELECT: .*raise store\.sql\.statement_timeout"
    ):
        store.read(WINDOW)


def kill(url: str) -> None:
    """End every connection of drift to this database, as an administrator or a failover would."""
    name = sa.make_url(url).database
    execute(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE application_name = 'drift' AND datname = '{name}'",
    )


@pytest.mark.parametrize("often", [1, 99], ids=["once", "again and again"])
def test_a_backend_that_is_killed_in_the_middle_of_a_read(url, monkeypatch, often) -> None:
    """Once: the read is done anew, whole. Again and again: it fails, and nothing of it is kept."""
    store = open_store(config_of(url))
    whole = store.read(WINDOW)
    real, killed = sql.map_rows, []

    def killing(*given: Any) -> Any:
        if len(killed) < often:
            killed.append(kill(url))
        return real(*given)

    monkeypatch.setattr(sql, "map_rows", killing)
    if often == 1:
        again = store.read(WINDOW)
        assert again.predictions.equals(whole.predictions)
        assert again.actuals.equals(whole.actuals)
    else:
        with pytest.raises(StoreAwayError, match=r"and run again$"):
            store.read(WINDOW)
    monkeypatch.undo()
    assert store.read(WINDOW).actuals.equals(whole.actuals)


def test_connections_that_were_killed_while_idle_are_replaced(url) -> None:
    store = open_store(config_of(url))
    assert len(store.cities()) == 40
    kill(url)
    assert len(store.cities()) == 40


def test_a_time_that_no_calendar_has_is_named_with_its_column(url) -> None:
    execute(
        url,
        "ALTER TABLE a ADD issue_time timestamptz",
        "UPDATE a SET issue_time = 'infinity' WHERE city = 'c3'",
    )
    store = open_store(config_of(url))
    with pytest.raises(
        DriftError, match=r"store\.predictions: column `issue_time` of the table a holds a value"
    ):
        store.read(WINDOW)


def test_a_sqlite_file_that_is_not_there_is_not_made(tmp_path) -> None:
    store = open_store(config_of(f"sqlite:///{tmp_path}/none.db"))
    with pytest.raises(StoreNotFoundError, match=r"there is no file .*none\.db: correct store\.sql\.url"):
        store.cities()
    assert list(tmp_path.iterdir()) == []


def test_a_slot_that_the_database_failed_is_not_done_and_runs_later(drift, made) -> None:
    url = throwaway.database()
    config = made.folder / "sql.yaml"
    text = made.config.read_text()
    store = f"store: {{kind: sql, unit: MW, sql: {{url: '{url}'}}}}\n"
    config.write_text(store + "windows:" + text.partition("windows:")[2])
    assert drift("store", "load", "-c", config, "--from", made.config).code == 0
    execute(url, "ALTER TABLE energy_consumption RENAME TO away")
    failed = drift("run", "-c", config, "--slot", "2026-04-01T00:00Z")
    assert failed.code == 1
    assert "store.actuals: the table energy_consumption is not there" in failed.err
    assert not (made.folder / "history").exists()
    execute(url, "ALTER TABLE away RENAME TO energy_consumption")
    assert drift("run", "-c", config, "--slot", "2026-04-01T00:00Z", "--json").json["failures"] == []


def test_a_database_that_goes_away_between_two_blocks_leaves_no_half_of_a_slot(
    drift, made, role, url, monkeypatch
) -> None:
    owner, reader = made.folder / "owner.yaml", made.folder / "reader.yaml"
    rest = (
        "engine: {block: 1, workers: 1, cache: null}\nwindows:"
        + made.config.read_text().partition("windows:")[2]
    )
    allowed = role("").render_as_string(hide_password=False)
    name = sa.make_url(allowed).username
    for path, to in ((owner, url), (reader, allowed)):
        store = f"store: {{kind: sql, unit: MW, sql: {{url: '{to}', schema: drift}}}}\n"
        path.write_text(store + rest)
    assert drift("store", "load", "-c", owner, "--from", made.config).code == 0
    execute(url, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")
    real, read = sql.SqlStore.read, []

    def going(store: Store, *given: Any) -> Any:
        if read:
            execute(url, f"ALTER ROLE {name} NOLOGIN")
            kill(url)
        read.append(real(store, *given))
        return read[-1]

    monkeypatch.setattr(sql.SqlStore, "read", going)
    failed = drift("run", "-c", reader, "--slot", "2026-04-01T00:00Z")
    assert (failed.code, len(read)) == (1, 1)
    assert "correct user and password in store.sql.url" in failed.err
    assert not (made.folder / "history").exists()
    monkeypatch.undo()
    execute(url, f"ALTER ROLE {name} LOGIN")
    assert drift("run", "-c", reader, "--slot", "2026-04-01T00:00Z", "--json").json["failures"] == []
