"""What `drift init` makes of tables that it may look at: a guess, marked as one, or none."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
import yaml

from drift.config import load_config
from drift.errors import ConfigError, StoreError
from drift.starter import with_store
from drift.starter_guess import guess
from drift.starter_look import section_of
from drift.starter_store import GUESS, Found, store_section
from drift.stores import open_store

AT = pa.array([datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(3)], pa.timestamp("us", "UTC"))


def read(section: str, folder) -> object:
    """The config with that section, as it is read from a file."""
    path = folder / "config" / "drift.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(with_store(section))
    return load_config(path)


def write(folder, name: str, **columns) -> str:
    path = folder / f"{name}.parquet"
    pq.write_table(pa.table(columns), path)
    return str(path)


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (
            {"zone": "text", "timestamp": "time", "forecast": "number", "actual": "number"},
            {"city": "zone", "target_time": "timestamp", "predicted": "forecast"},
        ),
        (
            {"site": "text", "ts": "time", "yhat": "number", "yhat_lower": "number", "yhat_upper": "number"},
            {"city": "site", "target_time": "ts", "predicted": "yhat", "lower": "yhat_lower", "upper": "yhat_upper"},
        ),
        (
            {"city_id": "text", "model_id": "text", "timestamp": "time", "predicted_consumption": "number",
             "confidence_lower": "number", "confidence_upper": "number", "created_at": "time"},
            {"city": "city_id", "model_version": "model_id", "target_time": "timestamp", "issue_time": "created_at",
             "predicted": "predicted_consumption", "lower": "confidence_lower", "upper": "confidence_upper"},
        ),
        (
            {"Ort": "text", "Stunde": "time", "Last": "number"},
            {"city": "Ort", "target_time": "Stunde", "predicted": "Last"},
        ),
    ],
)  # fmt: skip
def test_usual_names_are_known_and_the_only_one_of_a_kind_needs_none(columns, found):
    assert dict(guess("predictions", columns).columns) == found


def test_between_equals_nothing_is_guessed():
    made = guess(
        "actuals", {"city": "text", "ts": "time", "timestamp": "time", "load": "number", "demand": "number"}
    )
    assert made.columns == {"city": "city"}
    assert made.unclear == {"target_time": ("ts", "timestamp"), "actual": ("load", "demand")}


def test_a_name_of_the_wrong_type_is_no_column_and_half_an_interval_is_none():
    made = guess("predictions", {"city": "text", "timestamp": "text", "predicted": "number", "p10": "number"})
    assert "target_time" in made.missing
    assert "lower" not in made.columns


def test_one_file_of_both_tables_is_mapped_marked_and_read(tmp_path):
    path = write(tmp_path, "load", zone=["a"] * 3, timestamp=AT, forecast=[1.0, 2, 3], load_mw=[1.0, 2, 3])
    section = section_of("parquet", {"predictions": path}, tmp_path / "config")
    assert f"city: zone{'':28}{GUESS}" in section
    assert "path: ../load.parquet" in section
    config = read(section, tmp_path)
    assert config.store.actuals.columns == {"city": "zone", "target_time": "timestamp", "actual": "load_mw"}
    assert config.store.predictions.model_version == "v1"
    assert open_store(config).cities() == ("a",)


def test_naive_timestamps_ask_for_a_zone_and_are_given_none(tmp_path):
    naive = AT.cast(pa.timestamp("us"))
    path = write(tmp_path, "load", city=["a"] * 3, ts=naive, forecast=[1.0, 2, 3], load=[1.0, 2, 3])
    section = section_of("parquet", {"predictions": path}, tmp_path / "config")
    assert section.count("# its timestamps carry no zone: say the one they are written in") == 2
    with pytest.raises(StoreError, match="declare the zone"):
        open_store(read(section, tmp_path)).cadence()


def test_what_is_unclear_stands_in_a_comment_that_names_both(tmp_path):
    path = write(
        tmp_path, "load", city=["a"] * 3, ts=AT, forecast=[1.0, 2, 3], load=[1.0, 2, 3], demand=[1.0, 2, 3]
    )
    section = section_of("parquet", {"predictions": path, "actuals": path}, tmp_path / "config")
    assert "# one of these, say which: load, demand" in section
    assert "actual" not in read(section, tmp_path).store.actuals.columns


@pytest.mark.parametrize("name", ["a: b", "no", "x\n  kind: sql", '"', "#", "\u202eevil", "y" * 300, "'"])
def test_no_name_of_a_column_is_anything_but_a_name(name):
    columns = {name: "text", "ts": "time", "load": "number"}
    section = store_section(
        "parquet", (), {t: Found("path", "x.parquet", guess(t, columns)) for t in ("predictions", "actuals")}
    )
    content = yaml.safe_load(section)
    assert content["store"]["actuals"]["columns"]["city"] == name
    assert content["store"]["kind"] == "parquet"


def test_a_name_that_would_be_filled_in_from_the_environment_is_passed_over():
    assert "city" in guess("actuals", {"${SECRET}": "text", "ts": "time", "load": "number"}).missing


def test_a_database_is_looked_at_and_its_url_is_not_written_down(tmp_path, drift, monkeypatch):
    url = f"sqlite:///{tmp_path / 'secret-hunter2.db'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE forecasts (zone TEXT, ts DATETIME, yhat REAL, model TEXT)"))
        connection.execute(sa.text("CREATE TABLE load (zone TEXT, ts DATETIME, load_kw REAL)"))
    engine.dispose()
    monkeypatch.setenv("DRIFT_STORE_URL", url)
    answer = drift("init", tmp_path, "--store", "sql")
    assert answer.code == 0
    text = (tmp_path / "config" / "drift.yaml").read_text()
    assert "hunter2" not in text + answer.out + answer.err
    assert "url: ${DRIFT_STORE_URL}" in text
    store = load_config(tmp_path / "config" / "drift.yaml").store
    assert (store.predictions.table, store.actuals.table, store.unit) == ("forecasts", "load", "kW")
    assert store.predictions.columns["predicted"] == "yhat"


def test_the_platforms_database_needs_no_mapping(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'platform.db'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for table in ("cities", "models", "predictions", "energy_consumption"):
            connection.execute(sa.text(f"CREATE TABLE {table} (id TEXT)"))
    engine.dispose()
    section = section_of("sql", {}, tmp_path / "config", url=url)
    monkeypatch.setenv("DRIFT_STORE_URL", url)
    store = read(section, tmp_path).store
    assert (store.sql.layout, store.unit, store.predictions.columns) == ("platform", "kWh", {})


@pytest.mark.parametrize("kind", ["sql", "feast"])
def test_without_data_at_hand_each_kind_has_a_config_that_loads(kind, tmp_path, drift, monkeypatch):
    monkeypatch.delenv("DRIFT_STORE_URL", raising=False)
    assert drift("init", tmp_path, "--store", kind).code == 0
    monkeypatch.setenv("DRIFT_STORE_URL", "postgresql+psycopg://reader@db/platform")
    assert load_config(tmp_path / "config" / "drift.yaml").store.kind == kind


def test_what_cannot_be_looked_at_is_told_and_nothing_is_written(tmp_path, drift):
    assert "did you mean" in drift("init", tmp_path, "--store", "parket").err
    assert drift("init", tmp_path, "--predictions", tmp_path / "none.parquet").code == 1
    assert "--predictions and --actuals too" in drift("init", tmp_path, "--features", "x").err
    assert not (tmp_path / "config").exists()


def test_a_secret_in_a_path_is_refused_and_not_repeated(tmp_path):
    with pytest.raises(ConfigError, match="through the environment") as refused:
        section_of("parquet", {"predictions": "s3://me:hunter2@bucket/x"}, tmp_path)
    assert "hunter2" not in str(refused.value)
