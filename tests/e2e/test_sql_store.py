"""A SQL store from end to end: filled from files, read by index, and the same answers as from the files."""

# ruff: noqa: S608 - a test's own constants make its statements
from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from drift.config import Config, parse_config
from drift.domain import Unused, Window
from drift.errors import ColumnError, ConfigError, DriftError, TimestampError
from drift.stores import open_store
from drift.stores.sql_schema import ddl
from drift.tables import Skipped

from .. import throwaway  # noqa: TID252 - tests are no package

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
SLOT = "2026-04-01T00:00Z"
HOSTILE = "Pune'); DROP TABLE a;--\"\\ %s :x {1,2}"


def config_of(url: str, **store: Any) -> Config:
    return parse_config({"store": {"kind": "sql", "sql": {"url": url}} | store}, base=Path())


def execute(url: str, *statements: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def rows_of(url: str, query: str) -> list[tuple[Any, ...]]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.exec_driver_sql(query)]
    engine.dispose()
    return found


def sql_config(made: Any, url: str, schema: str = "platform") -> Path:
    """The store's config beside the one of the files; the URL in a file of its own."""
    (made.folder / "url").write_text(url)
    text = made.config.read_text()
    head, _, rest = text.partition("windows:")
    assert "path:" in head
    path = made.folder / "sql.yaml"
    store = f"store:\n  kind: sql\n  unit: MW\n  sql: {{url_file: url, schema: {schema}}}\n"
    path.write_text(f"{store}state: sqlite:///state/sql.db\nwindows:{rest}")
    return path


@pytest.fixture(params=["postgresql platform", "postgresql drift", "sqlite platform", "sqlite drift"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    database, schema = request.param.split()
    return (throwaway.database() if database == "postgresql" else f"sqlite:///{tmp_path}/store.db"), schema


def measured(document: Any) -> dict[tuple[Any, ...], Any]:
    keys = ("kind", "name", "model_version", "city", "column")
    return {
        tuple(m[key] for key in keys): (m["value"], m["n"], m["coverage"])
        for m in document["measurements"]
        if m["horizon"] is None
    }


@pytest.mark.slow
def test_a_loaded_store_measures_what_the_files_do(drift, made, place) -> None:
    url, schema = place
    config = sql_config(made, url, schema)
    loaded = drift("store", "load", "-c", config, "--from", made.config, "--json").json
    assert loaded["written"] == {"predictions": 5760, "actuals": 2880, "features": 2880}
    assert loaded["there"] == {}
    of_files = drift("run", "-c", made.config, "--slot", SLOT, "--json").json
    of_tables = drift("run", "-c", config, "--slot", SLOT, "--json").json
    assert measured(of_files) == measured(of_tables)
    assert of_tables["failures"] == []


@pytest.mark.slow
def test_a_load_that_was_stopped_goes_on_and_writes_nothing_twice(drift, made, place) -> None:
    from drift.config import load_config
    from drift.stores.sql_load import load

    url, schema = place
    config = sql_config(made, url, schema)
    steps = []

    def stop(total: int | None) -> None:
        steps.append(total)
        if len(steps) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(open_store(load_config(made.config)), load_config(config), stop)
    refused = drift("store", "load", "-c", config, "--from", made.config)
    assert refused.code == 1
    assert "predictions holds rows already: go on with a load that was stopped by --resume" in refused.err
    resumed = drift("store", "load", "-c", config, "--from", made.config, "--resume", "--json").json
    done = {t: resumed["written"].get(t, 0) + resumed["there"].get(t, 0) for t in resumed["written"]}
    assert done == {"predictions": 5760, "actuals": 2880, "features": 2880}
    assert resumed["there"]["predictions"] == 2 * 6 * 14 * 24
    assert rows_of(url, "SELECT count(*) FROM predictions") == [(5760,)]
    again = drift("store", "load", "-c", config, "--from", made.config, "--replace", "--json").json
    assert again["written"] == done
    assert rows_of(url, "SELECT count(*) FROM predictions") == [(5760,)]


def test_a_window_that_holds_other_rows_stops_the_load(drift, made, place) -> None:
    url, schema = place
    config = sql_config(made, url, schema)
    drift("store", "load", "-c", config, "--from", made.config)
    table, time = ("energy_consumption", "timestamp") if schema == "platform" else ("actuals", "target_time")
    execute(url, f"DELETE FROM {table} WHERE {time} = (SELECT min({time}) FROM {table})")
    stopped = drift("store", "load", "-c", config, "--from", made.config, "--resume")
    assert stopped.code == 1
    assert f"{table} holds 1,005 rows of" in stopped.err
    assert "write the window anew by --replace" in stopped.err


def test_load_refuses_a_store_that_places_its_tables(drift, made) -> None:
    config = made.folder / "placed.yaml"
    config.write_text("store: {kind: sql, sql: {url: 'sqlite:///x.db'}, predictions: {table: mine}}\n")
    refused = drift("store", "load", "-c", config, "--from", made.config)
    assert (refused.code, "store.predictions" in refused.err) == (2, True)
    assert drift("store", "load", "-c", made.config, "--from", made.config).code == 2


@pytest.mark.parametrize("schema", ["platform", "drift"])
def test_the_ddl_is_taken_as_it_is_printed(drift, tmp_path, schema) -> None:
    words = ("store", "ddl", "--schema", schema, "--feature", "wind speed")
    execute(throwaway.database(), drift(*words).out)
    lite = sa.create_engine(f"sqlite:///{tmp_path}/x.db").raw_connection()
    lite.driver_connection.executescript(drift(*words, "--dialect", "sqlite").out)
    lite.close()


MAPPED = {
    "predictions": {"table": "a", "columns": {"predicted": "v"}},
    "actuals": {"table": "a", "columns": {"actual": "v"}},
}


def small(kind: str = "double precision", time: str = "timestamptz", city: str = "text") -> str:
    """A database with one table of both, `a`, and no rows."""
    url = throwaway.database()
    execute(url, f"CREATE TABLE a (city {city}, model_version text, target_time {time}, v {kind})")
    return url


def test_no_value_of_the_config_or_the_data_is_in_the_sql() -> None:
    url = small()
    name = sa.make_url(url).database
    folder = Path(str(sa.make_url(throwaway.server()).query["host"]))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        row = {"city": HOSTILE, "at": START + HOUR, "then": START + 2 * HOUR}
        for at in ("at", "then"):
            connection.execute(sa.text(f"INSERT INTO a VALUES (:city, 'v1', :{at}, 1)"), row)
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET log_statement = 'all'")
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET log_parameter_max_length = 0")
    engine.dispose()
    log = folder / "log"
    before = log.stat().st_size
    store = open_store(config_of(url, **MAPPED))
    assert store.cities() == (HOSTILE,)
    read = store.read(Window(START, START + 5 * HOUR), [HOSTILE])
    assert read.predictions["city"].to_pylist() == [HOSTILE] * 2
    assert store.span() == Window(START + HOUR, START + 3 * HOUR)
    with log.open() as said:
        said.seek(before)
        statements = said.read()
    assert statements.count("COPY (SELECT") > 2
    for value in (HOSTILE, "DROP TABLE", "2026-03-01"):
        assert value not in statements


@pytest.mark.slow
def test_a_million_rows_are_read_by_index_and_only_those_asked_for() -> None:
    url = throwaway.database()
    execute(
        url,
        ddl("platform", "postgresql"),
        "INSERT INTO cities (name) SELECT 'c' || i FROM generate_series(1, 100) i",
        "INSERT INTO models (name, version) VALUES ('m', 'v1')",
        "INSERT INTO predictions SELECT c.id, m.id, t, 1, 0, 2, t FROM cities c, models m, "
        "generate_series('2025-01-01Z', '2025-01-01Z'::timestamptz + interval '9999 h', interval '1 h') t",
        "INSERT INTO energy_consumption SELECT city_id, timestamp, 1, timestamp FROM predictions",
        "ANALYZE",
    )
    execute(url, "SELECT pg_stat_reset()")
    store = open_store(config_of(url, features=None))
    window = Window(datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 6, 8, tzinfo=UTC))
    wanted = [f"c{i}" for i in range(1, 11)]
    assert len(store.read(window, wanted).actuals) == 10 * 168
    assert len(store.cities()) == 100
    assert store.span().length == 10_000 * HOUR
    del store  # its connections end, and with them what the database counted is written down
    query = "SELECT coalesce(seq_tup_read, 0), idx_scan > 0 FROM pg_stat_user_tables WHERE relname = '{}'"
    assert rows_of(url, query.format("energy_consumption")) == [(0, True)]
    assert rows_of(url, query.format("predictions")) == [(0, True)]
    ((fetched,),) = rows_of(
        url, "SELECT idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'predictions'"
    )
    assert fetched < 40_000  # of a million: the window's, and for the interval the last 14 days of each city


@pytest.mark.parametrize(
    "kind", ["real", "double precision", "numeric", "numeric(12, 3)", "bigint", "smallint"]
)
def test_numbers_of_any_type_are_taken(kind) -> None:
    url = small(kind)
    execute(url, f"INSERT INTO a VALUES ('x', 'v', '{START}', 7), ('x', 'v', '{START + HOUR}', NULL)")
    rows = open_store(config_of(url, **MAPPED)).read(Window(START, START + 2 * HOUR)).actuals
    assert rows["actual"].to_pylist() == [7.0, None]
    assert str(rows["actual"].type) == ("float" if kind == "real" else "double")


@pytest.mark.parametrize("kind", ["real", "double precision", "numeric"])
def test_what_is_not_finite_is_handed_on_for_pairing_to_judge(kind) -> None:
    url = small(kind)
    values = ("NaN", "Infinity", "-Infinity")
    for i, value in enumerate(values):
        execute(url, f"INSERT INTO a VALUES ('x', 'v', '{START + i * HOUR}', '{value}')")
    rows = open_store(config_of(url, **MAPPED, interval="1h")).read(Window(START, START + 3 * HOUR)).actuals
    assert [str(value) for value in rows.sort_by("target_time")["actual"].to_pylist()] == [
        "nan",
        "inf",
        "-inf",
    ]


@pytest.mark.parametrize(
    ("kind", "said"), [("text", "holds text"), ("date", "holds date32"), ("jsonb", "holds text")]
)
def test_what_is_no_number_is_refused_with_its_column(kind, said) -> None:
    url = small(kind)
    value = {"text": "many", "date": "2026-01-01", "jsonb": "{}"}[kind]
    execute(url, f"INSERT INTO a VALUES ('x', 'v', '{START}', '{value}')")
    with pytest.raises(
        ColumnError, match=r"store\.predictions: column `v` \(for `predicted`\) of the table a " + said
    ):
        open_store(config_of(url, **MAPPED)).read(Window(START, START + HOUR))


@pytest.mark.parametrize("time", ["timestamp", "date", "text", "bigint"])
def test_a_time_without_a_zone_is_refused_unless_its_zone_is_declared(time) -> None:
    url = small(time=time)
    value = {"bigint": "0", "date": "2026-03-01"}.get(time, "2026-03-01 10:00")
    execute(url, f"INSERT INTO a VALUES ('x', 'v', '{value}', 1)")
    window = Window(START, START + 12 * HOUR)
    with pytest.raises(
        TimestampError, match=r"store\.predictions: column `target_time` of the table a holds"
    ):
        open_store(config_of(url, **MAPPED, interval="1h")).read(window)
    zoned = {name: table | {"timezone": "Asia/Kolkata"} for name, table in MAPPED.items()}
    store = open_store(config_of(url, **zoned, interval="1h"))
    if time == "timestamp":
        assert store.read(window).actuals["target_time"].to_pylist() == [
            START + timedelta(hours=4, minutes=30)
        ]
        assert store.span().start == START + timedelta(hours=4, minutes=30)
    else:
        with pytest.raises(TimestampError):
            store.read(window)


def test_a_time_that_marks_the_end_is_moved_to_the_start() -> None:
    url = small()
    for i in range(1, 5):
        execute(url, f"INSERT INTO a VALUES ('x', 'v', '{START + i * HOUR}', {i})")
    ends = {name: table | {"marks": "end"} for name, table in MAPPED.items()}
    store = open_store(config_of(url, **ends))
    assert store.read(Window(START, START + 2 * HOUR)).actuals["actual"].to_pylist() == [1, 2]
    assert store.span() == Window(START, START + 4 * HOUR)


def test_the_interval_is_that_of_predictions_and_actuals_together() -> None:
    """Forecasts of a quarter of an hour are averaged to the hours of the meters, as from files."""
    url = small()
    every = "INSERT INTO {} SELECT 'x', 'v', t, 1 FROM generate_series('{}'::timestamptz, '{}', '{}') t"
    execute(
        url,
        "CREATE TABLE b (LIKE a)",
        every.format("a", START, START + 72 * HOUR, "15 min"),
        every.format("b", START, START + 72 * HOUR, "1 h"),
    )
    store = open_store(config_of(url, **MAPPED | {"actuals": {"table": "b", "columns": {"actual": "v"}}}))
    assert store.cadence().step == HOUR
    assert open_store(config_of(url, **MAPPED)).cadence().step == HOUR / 4


def test_actuals_that_are_not_there_yet_leave_the_interval_to_the_predictions() -> None:
    url = small()
    execute(url, "CREATE TABLE b (LIKE a)")
    execute(url, *(f"INSERT INTO a VALUES ('x', 'v', '{START + i * HOUR / 2}', 1)" for i in range(60)))
    store = open_store(config_of(url, **MAPPED | {"actuals": {"table": "b", "columns": {"actual": "v"}}}))
    assert store.cadence().step == HOUR / 2


@pytest.mark.parametrize("city", ["integer", "varchar(20)", "uuid", "char(4)"])
def test_cities_may_be_of_any_type_that_has_a_text(city) -> None:
    url = small(city=city)
    name = {"integer": "42", "uuid": "0a6e23bf-41c5-4f7a-a9f5-1b0f4e2d6c11"}.get(city, "Ooty")
    execute(
        url, "CREATE INDEX ON a (city, target_time)", f"INSERT INTO a VALUES ('{name}', 'v', '{START}', 1)"
    )
    store = open_store(config_of(url, **MAPPED, interval="1h"))
    assert store.cities() == (name,)
    window = Window(START, START + HOUR)
    assert len(store.read(window, [name]).actuals) == 1
    assert len(store.read(window, [name, "Pune", "\0"]).actuals) == 1
    assert len(store.read(window, ["Pune"]).actuals) == 0


def test_a_row_without_a_time_is_counted_once() -> None:
    url = small()
    execute(url, f"INSERT INTO a VALUES ('x', 'v', '{START}', 1), ('x', 'v', NULL, 2), (NULL, 'v', NULL, 3)")
    store = open_store(config_of(url, **MAPPED, interval="1h"))
    skipped = store.read(Window(START, START + HOUR), ["x"]).skipped
    assert {s for s in skipped if s.table == "actuals"} == {
        Skipped("actuals", "x", Unused.NULL_KEY, 1),
        Skipped("actuals", None, Unused.NULL_KEY, 1),
    }


def test_models_that_share_a_version_are_told_apart_by_their_name() -> None:
    url = throwaway.database()
    execute(
        url,
        ddl("platform", "postgresql"),
        "INSERT INTO cities (name) VALUES ('Pune')",
        "INSERT INTO models (name, version) VALUES ('gbm', '1'), ('gbm', '2'), ('lstm', '2')",
        f"INSERT INTO predictions SELECT c.id, m.id, '{START}', 1, 0, 2, now() FROM cities c, models m",
        f"INSERT INTO energy_consumption SELECT id, '{START}', 1, now() FROM cities",
    )
    store = open_store(config_of(url, interval="1h"))
    found = store.read(Window(START, START + HOUR))
    assert sorted(found.predictions["model_version"].to_pylist()) == ["1", "2 gbm", "2 lstm"]
    assert store.features() == ("humidity", "precipitation", "temperature", "wind_speed")
    assert found.features is not None
    assert len(found.features) == 0


def test_one_read_sees_one_state_of_all_tables(monkeypatch) -> None:
    """A write between the predictions and the actuals of a read is in neither."""
    from drift.stores import sql

    url = small()
    execute(url, f"INSERT INTO a VALUES ('x', 'v', '{START}', 1)")
    real, wrote = sql.map_rows, []

    def writing(*given):
        if not wrote:
            wrote.append(execute(url, f"INSERT INTO a VALUES ('x', 'v', '{START + HOUR}', 2)"))
        return real(*given)

    monkeypatch.setattr(sql, "map_rows", writing)
    store = open_store(config_of(url, **MAPPED, interval="1h"))
    found = store.read(Window(START, START + 2 * HOUR))
    assert (len(found.predictions), len(found.actuals)) == (1, 1)
    assert len(store.read(Window(START, START + 2 * HOUR)).actuals) == 2


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ({"predictions": {"path": "x"}}, "store.predictions: a sql store takes `table` or `select`, not `path`"),
        ({"predictions": {"table": "x", "select": "SELECT 1"}}, "store.predictions: a sql store takes `table` or `select`, not both"),
        ({"predictions": {"select": "DELETE FROM a"}}, "store.predictions.select: should be a single SELECT"),
        ({"actuals": {"select": "SELECT 1; DROP TABLE a"}}, "store.actuals.select: should be a single SELECT"),
        ({"sql": {"url": "sqlite://", "schem": "drift"}}, "store.sql.schem: unknown key; did you mean `schema`?"),
        ({"sql": None}, "store: sql: is missing"),
        ({"kind": "parquet"}, "store.predictions: is missing and has no default"),
    ],
)  # fmt: skip
def test_a_config_that_cannot_be_meant_names_its_key(store, said) -> None:
    with pytest.raises(ConfigError) as refused:
        config_of("sqlite://", **store)
    assert said in str(refused.value)


def test_a_select_may_hold_semicolons_and_colons_in_its_texts_and_comments() -> None:
    url = small()
    execute(url, f"INSERT INTO a VALUES ('x', 'v', '{START}', 1)")
    select = "/* a; b */ SELECT city, target_time, v AS actual, 'a;b:c%d' AS n FROM a -- ; end"
    store = open_store(
        config_of(url, predictions=MAPPED["predictions"], actuals={"select": select}, interval="1h")
    )
    assert len(store.read(Window(START, START + HOUR)).actuals) == 1


def test_a_select_that_would_write_is_stopped_by_the_database() -> None:
    url = small()
    execute(
        url,
        f"INSERT INTO a VALUES ('x', 'v', '{START}', 1)",
        "CREATE FUNCTION gone() RETURNS double precision LANGUAGE sql VOLATILE AS 'DELETE FROM a RETURNING v'",
    )
    select = "SELECT city, target_time, gone() AS actual FROM a"
    store = open_store(
        config_of(url, predictions=MAPPED["predictions"], actuals={"select": select}, interval="1h")
    )
    with pytest.raises(DriftError, match="a SELECT of a store may only read"):
        store.read(Window(START, START + HOUR))
    assert rows_of(url, "SELECT count(*) FROM a") == [(1,)]


def test_the_configs_of_the_docs_are_taken(repository, tmp_path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "store").write_text(throwaway.database())
    text = (repository / "docs" / "sql-store.md").read_text()
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert len(examples) == 3
    for example in examples:
        open_store(parse_config(yaml.safe_load(example), base=tmp_path))


def test_reading_needs_no_pandas() -> None:
    url = small()
    execute(url, f"INSERT INTO a VALUES ('x', 'v', '{START}', 1), ('x', 'v', '{START + HOUR}', 2)")
    code = (
        "import json, sys; from pathlib import Path; from drift.config import parse_config; "
        "from drift.stores import open_store; store = open_store(parse_config(json.load(sys.stdin), Path())); "
        "store.read(store.span()); print('pandas' in sys.modules)"
    )
    config = {"store": {"kind": "sql", "sql": {"url": url}, **MAPPED}}
    ran = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(config), capture_output=True, text=True, check=False
    )
    assert (ran.stdout, ran.stderr) == ("False\n", "")
