"""A real Feast repo, applied for real: what drift reads of it is what Feast says is there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from drift.config import parse_config
from drift.domain import Window
from drift.errors import ColumnError, StoreAwayError, StoreError, StoreNotFoundError
from drift.stores import open_store
from drift.stores.base import Store

from .feast_repo import making

pytestmark = [pytest.mark.feast, pytest.mark.usefixtures("feast")]

START, HOUR = datetime(2021, 3, 1, tzinfo=UTC), timedelta(hours=1)
HOURS = 48
TIMES = pa.array([START + i * HOUR for i in range(HOURS)] * 2, pa.timestamp("us", tz="UTC"))
CITY = ["Ooty"] * HOURS + ["Pune"] * HOURS
LOAD = [100.0 + i for i in range(2 * HOURS)]
WINDOW = Window(START + 6 * HOUR, START + 30 * HOUR)
KINDS = {"files": making.files, "postgres": making.postgres}


@pytest.fixture(scope="module")
def feast() -> None:
    making.need_feast()


def tables() -> dict[str, pa.Table]:
    keys = {"city": CITY, "target_time": TIMES}
    return {
        "predictions": pa.table({**keys, "model_version": ["v1"] * 2 * HOURS, "predicted": LOAD}),
        "actuals": pa.table({**keys, "actual": [value + 1 for value in LOAD]}),
        "features": pa.table(
            {**keys, "temperature": LOAD, "holiday": [i % 2 == 0 for i in range(2 * HOURS)]}
        ),
    }


def opened(folder: Path, **changes: Any) -> Store:
    return open_store(parse_config({"store": making.CONFIG | changes}, base=folder))


def rows(table: pa.Table) -> list[tuple[Any, ...]]:
    ours = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in table
    ]
    return sorted(zip(*(column.to_pylist() for column in ours), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_the_rows_are_those_that_feasts_own_offline_store_gives(tmp_path: Path, kind: str) -> None:
    from feast import FeatureStore

    repo = KINDS[kind](tmp_path, tables())
    ours = opened(tmp_path).read(WINDOW)
    feast = FeatureStore(repo_path=str(repo))
    for name, table in (
        ("load_forecast", ours.predictions),
        ("metered_load", ours.actuals),
        ("weather", ours.features),
    ):
        assert table is not None
        view = feast.get_feature_view(name)
        theirs = feast.provider.offline_store.pull_all_from_table_or_query(
            config=feast.config,
            data_source=view.batch_source,
            join_key_columns=view.join_keys,
            feature_name_columns=[field.name for field in view.features],
            timestamp_field=view.batch_source.timestamp_field,
            start_date=WINDOW.start,
            end_date=WINDOW.end - timedelta(microseconds=1),  # Feast's ends are both inside
        ).to_arrow()
        chosen = theirs.select(table.column_names)
        utc = pa.timestamp("us", tz="UTC")
        chosen = chosen.set_column(
            chosen.schema.get_field_index("target_time"), "target_time", chosen["target_time"].cast(utc)
        )
        assert rows(table) == rows(chosen)
        assert table.num_rows == 48


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_slot_has_the_figures_of_the_same_rows_in_plain_files(
    tmp_path: Path, making_store: Any, drift: Callable[..., Any], kind: str
) -> None:
    made = making_store(tmp_path / "plain")
    stored = {
        name: pq.read_table(made.folder / "data" / f"{name}.parquet")
        for name in ("predictions", "actuals", "features")
    }
    repo = KINDS[kind](tmp_path, stored, apply=False)
    apply_for_real(repo, kind)
    content = yaml.safe_load(made.config.read_text())
    content["store"] = making.CONFIG | {"features": {"service": "temperature_only"}}
    config = tmp_path / "drift.yaml"
    config.write_text(yaml.safe_dump(content))
    plain, feast = (
        drift("run", "--json", "-c", path, "--slot", "2026-04-01T00:05:00Z") for path in (made.config, config)
    )
    assert feast.code == plain.code, feast.err
    for part in ("measurements", "verdicts", "alerts"):
        assert feast.json[part] == plain.json[part]
    assert len(feast.json["measurements"]) > 50
    assert {m["column"] for m in feast.json["measurements"]} >= {"temperature"}


def apply_for_real(repo: Path, kind: str) -> None:
    """`feast apply`, as its users type it."""
    shutil.copy(making.HERE / kind / "definitions.py", repo)
    shutil.copy(making.HERE / "views.py", repo.parent)
    command = [str(Path(sys.executable).with_name("feast")), "apply"]
    done = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def making_store(making: Callable[[Path], Any]) -> Callable[[Path], Any]:
    def made(folder: Path) -> Any:
        folder.mkdir()
        return making(folder)

    return made


def repo_of(folder: Path, source: dict[str, Any], forecast: pa.Table, **view: Any) -> None:
    """A repo of which `load_forecast` is a view of this table by this source, and `metered_load` the usual one."""
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
    from feast.types import Float64, UnixTimestamp

    repo = making.files(folder, tables() | {"forecast": forecast}, apply=False)
    zone = Entity(name="zone", join_keys=["zone"], value_type=ValueType.STRING)
    city = Entity(name="city", join_keys=["city"], value_type=ValueType.STRING)
    types = {"Float64": Float64, "Time": UnixTimestamp}
    fields = [Field(name=name, dtype=types[kind]) for name, kind in view.pop("fields").items()]
    forecasts = FeatureView(
        name="load_forecast",
        entities=[zone],
        schema=fields,
        source=FileSource(name="forecast", path="data/forecast.parquet", **source),
        online=False,
    )
    meters = FeatureView(
        name="metered_load",
        entities=[city],
        schema=[Field(name="actual", dtype=Float64)],
        source=FileSource(name="actuals", path="data/actuals.parquet", timestamp_field="target_time"),
        online=False,
    )
    FeatureStore(repo_path=str(repo)).apply([zone, city, forecasts, meters])


def test_every_issue_time_is_read_and_the_created_timestamp_is_it(tmp_path: Path) -> None:
    """Three forecasts of one hour are three rows; Feast's point-in-time join would give one."""
    made = [START - i * HOUR for i in (24, 12, 1)]
    utc = pa.timestamp("us", tz="UTC")
    forecast = pa.table({
        "zone": ["Pune"] * 3, "for_hour": pa.array([START] * 3, utc), "made_at": pa.array(made, utc), "yhat": [1.0, 2.0, 3.0],
    })  # fmt: skip
    source = {
        "timestamp_field": "for_hour",
        "created_timestamp_column": "made_at",
        "field_mapping": {"yhat": "predicted"},
    }
    repo_of(tmp_path, source, forecast, fields={"predicted": "Float64"})
    predictions = {"view": "load_forecast", "model_version": "day-ahead"}
    store = opened(tmp_path, predictions=predictions, features=None, interval="1h")
    found = store.read(Window(START, START + HOUR)).predictions
    assert rows(found.select(["city", "issue_time", "predicted"])) == [
        ("Pune", at, value) for at, value in zip(made, [1.0, 2.0, 3.0], strict=True)
    ]
    assert set(found["model_version"].to_pylist()) == {"day-ahead"}


def test_times_without_a_zone_are_utc_as_feast_has_it_or_of_the_zone_declared(tmp_path: Path) -> None:
    local = pa.array([datetime(2021, 3, 1, 6), datetime(2021, 3, 1, 7)], pa.timestamp("us"))  # noqa: DTZ001 - meant
    forecast = pa.table({"zone": ["Pune"] * 2, "at": local, "predicted": [1.0, 2.0]})
    repo_of(tmp_path, {"timestamp_field": "at"}, forecast, fields={"predicted": "Float64"})

    def first(**more: str) -> datetime:
        predictions = {"view": "load_forecast", "model_version": "x", **more}
        store = opened(tmp_path, predictions=predictions, features=None, interval="1h")
        return min(
            store.read(Window(START - 24 * HOUR, START + 24 * HOUR)).predictions["target_time"].to_pylist()
        )

    assert first() == datetime(2021, 3, 1, 6, tzinfo=UTC)
    assert first(marks="end") == datetime(2021, 3, 1, 5, tzinfo=UTC)
    assert first(timezone="Asia/Kolkata") == datetime(2021, 3, 1, 0, 30, tzinfo=UTC)


def test_definitions_that_are_applied_anew_are_seen_by_the_next_slot_and_no_read_writes(
    tmp_path: Path,
) -> None:
    from feast import FeatureStore, FeatureView

    repo = making.files(tmp_path, tables())
    store = opened(tmp_path)

    def digest() -> str:
        return hashlib.sha256((repo / "data" / "registry.db").read_bytes()).hexdigest()

    before, files = digest(), sorted(repo.rglob("*"))
    assert store.cities() == ("Ooty", "Pune")
    assert store.features() == ("holiday", "temperature")
    assert store.fingerprint(WINDOW, ["Pune"]) == store.fingerprint(WINDOW, ["Pune"])
    assert (digest(), sorted(repo.rglob("*"))) == (before, files)
    assert store.read(WINDOW, ["Pune"]).actuals.num_rows == 24

    moved = tables()["actuals"].slice(HOURS)
    pq.write_table(moved, repo / "data" / "moved.parquet")
    feast = FeatureStore(repo_path=str(repo))
    view: FeatureView = feast.get_feature_view("metered_load")
    view.batch_source.file_options.uri = "data/moved.parquet"
    feast.apply([view])
    store.cities()
    assert set(store.read(WINDOW).actuals["city"].to_pylist()) == {"Pune"}


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"predictions": {"view": "load_forcast"}}, StoreNotFoundError, r"has no feature view 'load_forcast'; did you mean `load_forecast`"),
        ({"features": {"service": "load_modell"}}, StoreNotFoundError, r"has no feature service 'load_modell'; did you mean `load_model`"),
        ({"features": {"service": "everything"}}, StoreError, r"everything draws on 2 feature views \(weather, metered_load\), and a table is one: say which with `view`"),
        ({"features": {"service": "everything", "view": "load_forecast"}}, StoreNotFoundError, r"everything draws on weather, metered_load, and not on 'load_forecast'"),
        ({"actuals": {"view": "metered_load", "columns": {"actual": "load"}}}, ColumnError, r"metered_load has no column `load` \(for `actual`\); it has city, actual, target_time"),
        ({"feast": {"repo": "elsewhere"}}, StoreNotFoundError, r"there is no feature_store.yaml in .*elsewhere"),
    ],
)  # fmt: skip
def test_what_the_repo_does_not_have_is_named(tmp_path: Path, changes: dict, kind: type, said: str) -> None:
    making.files(tmp_path, tables())
    with pytest.raises(kind, match=said):
        opened(tmp_path, **changes).cities()


def test_a_service_says_which_features_are_read_and_may_serve_several_tables(tmp_path: Path) -> None:
    making.files(tmp_path, tables())
    whole = {
        "actuals": {"service": "everything", "view": "metered_load"},
        "features": {"service": "everything", "view": "weather"},
    }
    assert opened(tmp_path, **whole).features() == ("holiday", "temperature")
    assert opened(tmp_path, **whole).read(WINDOW).actuals.num_rows == 48
    assert opened(tmp_path, features={"service": "temperature_only"}).features() == ("temperature",)


def test_a_repo_that_was_never_applied_says_so_and_stays_as_it_is(tmp_path: Path) -> None:
    repo = making.files(tmp_path, tables(), apply=False)
    before = sorted(repo.rglob("*"))
    with pytest.raises(
        StoreNotFoundError, match=r"has no registry at .*registry.db: run `feast apply` there"
    ):
        opened(tmp_path).cities()
    assert sorted(repo.rglob("*")) == before


def test_a_registry_in_a_database_that_is_not_up_is_away_and_no_password_is_told(tmp_path: Path) -> None:
    repo = making.files(tmp_path, tables(), apply=False)
    content = yaml.safe_load((repo / "feature_store.yaml").read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        path = f"postgresql+psycopg://feast:s3cret@127.0.0.1:{free.getsockname()[1]}/registry"
    content["registry"] = {"registry_type": "sql", "path": path}
    (repo / "feature_store.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(StoreAwayError, match=r"store\.feast\.repo: .*run again") as caught:
        opened(tmp_path).cities()
    assert "s3cret" not in str(caught.value)


def test_a_repo_without_views_says_so(tmp_path: Path) -> None:
    from feast import Entity, FeatureStore, ValueType

    repo = making.files(tmp_path, tables(), apply=False)
    FeatureStore(repo_path=str(repo)).apply([Entity(name="city", value_type=ValueType.STRING)])
    with pytest.raises(StoreNotFoundError, match=r"project energy of the Feast repo .* has no feature view"):
        opened(tmp_path).cities()


def test_files_that_are_gone_are_named(tmp_path: Path) -> None:
    repo = making.files(tmp_path, tables())
    (repo / "data" / "actuals.parquet").unlink()
    with pytest.raises(StoreNotFoundError, match=r"store.actuals: there is nothing at .*actuals.parquet"):
        opened(tmp_path).span()


SECRET = "h4rd-to-guess"  # noqa: S105 - nobody's


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("type: postgres", "type: postgress", "is not a config that Feast takes"),
        ("port: 5432", "port: none", "port: Input should be a valid integer"),
        ("port: 5432", f"port: [{SECRET}", "in line"),
        ("project: energy", "", "project"),
    ],
)
def test_a_config_that_feast_refuses_is_explained_without_its_values(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    (tmp_path / "repo").mkdir()
    text = (making.HERE / "postgres" / "feature_store.yaml").read_text().replace("${PGPASSWORD}", SECRET)
    assert old in text
    (tmp_path / "repo" / "feature_store.yaml").write_text(text.replace(old, new))
    with pytest.raises(StoreError, match=said) as failed:
        opened(tmp_path).cities()
    assert SECRET not in str(failed.value)


def test_an_offline_store_that_is_away_is_said_with_where_to_look(tmp_path: Path) -> None:
    repo = making.postgres(tmp_path, tables())
    config = repo / "feature_store.yaml"
    text = config.read_text().replace("password: unused", f"password: {SECRET}")
    config.write_text(text.replace(f"host: {making.server()}", f"host: {tmp_path}"))
    store = opened(tmp_path)
    with pytest.raises(StoreError) as failed:
        store.cities()
    assert "see that the server is up" in str(failed.value)
    assert SECRET not in str(failed.value)
    assert "store.sql" not in str(failed.value)
    config.write_text(text)
    assert opened(tmp_path).cities() == ("Ooty", "Pune")


def test_help_and_a_config_do_not_import_feast(tmp_path: Path) -> None:
    (tmp_path / "drift.json").write_text(json.dumps(making.CONFIG))
    code = (
        "import json, sys, drift.cli; from drift.config import parse_config; from drift.stores import open_store;"
        "from pathlib import Path; open_store(parse_config({'store': json.load(open(sys.argv[1]))}, base=Path()));"
        "sys.exit('feast' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "drift.json")]
    assert subprocess.run(command, check=False, env=os.environ).returncode == 0


def test_init_maps_views_and_the_doctor_shows_their_rows(tmp_path: Path, drift: Callable[..., Any]) -> None:
    making.files(tmp_path, tables())
    views = ("--predictions", "load_forecast", "--actuals", "metered_load")
    answer = drift("init", tmp_path, "--store", "feast", "--repo", tmp_path / "repo", *views)
    assert answer.code == 0, answer.err
    config = tmp_path / "config" / "drift.yaml"
    assert "feast: {repo: ../repo}" in config.read_text()
    config.write_text(
        config.read_text().replace("\nmlflow: {", "\n# mlflow: {")
    )  # the store is looked at here
    checks = {check["name"]: check for check in drift("doctor", "-c", config, "--json").json["checks"]}
    assert checks["rows of actuals"]["sample"]["rows"][0][0] == "Ooty"
    assert checks["cadence of predictions"]["found"] == "1h in all 2 cities"
