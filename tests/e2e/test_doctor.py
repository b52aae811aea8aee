"""Every mistake of a mapping, made in a real store: the doctor names it, and its line mends it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
import yaml

from drift.stores.sql_schema import tables as platform_tables

from .. import throwaway  # noqa: TID252 - tests are no package

CITIES = ["Delhi", "Mumbai", "Pune", "Surat"]
START, DAYS = datetime(2026, 1, 1, tzinfo=UTC), 60
ZONE, AHEAD = "Asia/Tokyo", timedelta(hours=9)


class Store:
    """A store of four cities and sixty days, that live by Tokyo's clock, and the config that reads it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "drift.yaml"
        self.folder = folder
        at = [START + timedelta(hours=h) for h in range(24 * DAYS)]
        hour = (np.arange(24 * DAYS) + 0.5 + AHEAD / timedelta(hours=1)) % 24
        rng = np.random.default_rng(2)
        shape = 2 - np.cos((hour - 3.5) * np.pi / 12) + 0.3 * np.cos((hour - 9.5) * np.pi / 6)
        actual = shape * np.array([[800], [500], [90], [60.0]]) * rng.normal(1, 0.02, (4, 24 * DAYS))
        self.tables = {
            "actuals": {"city": CITIES * 1, "at": at, "values": actual},
            "predictions": {
                "city": CITIES,
                "at": at,
                "values": actual * rng.normal(1.01, 0.03, actual.shape),
            },
        }
        self.extra: dict[str, dict[str, object]] = {"actuals": {}, "predictions": {}}
        self.content: dict[str, object] = {
            "store": {
                "predictions": {"path": "predictions.parquet", "model_version": "v1"},
                "actuals": {"path": "actuals.parquet"},
            },
            "timezone": ZONE,
            "windows": {"reference": "14d"},
            "accuracy": {"floor_window": "14d"},
            "alerts": {"drop": {"metric": "model_accuracy", "threshold": 0.85}},
            "reports": None,
        }

    def rows(self, name: str) -> dict[str, object]:
        """The columns of a table, a row a city and hour."""
        table = self.tables[name]
        times = [at for _ in CITIES for at in table["at"]]
        zoned = times[0].tzinfo is not None
        return {
            "city": np.repeat(CITIES, len(table["at"])),
            "target_time": pa.array(times, pa.timestamp("us", "UTC" if zoned else None)),
            "predicted" if name == "predictions" else "actual": table["values"].ravel(),
        } | self.extra[name]

    def move(self, name: str, by: timedelta, *, naive: bool = False) -> None:
        at = [moment + by for moment in self.tables[name]["at"]]
        self.tables[name]["at"] = [moment.replace(tzinfo=None) for moment in at] if naive else at

    def write(self) -> Path:
        for name in self.tables:
            pq.write_table(pa.table(self.rows(name)), self.folder / f"{name}.parquet")
        return self.write_config()

    def write_config(self) -> Path:
        self.path.write_text(yaml.safe_dump(self.content))
        return self.path

    def take(self, lines: list[dict[str, str]]) -> None:
        """Put lines of YAML into the config, where the doctor said."""
        for line in lines:
            into = self.content
            for key in line["under"].split(".") if line["under"] else ():
                into = into.setdefault(key, {})
            into.update(yaml.safe_load(line["text"]))


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def asked(drift, store) -> Callable[[], dict[str, dict]]:
    def ask() -> dict[str, dict]:
        return {c["name"]: c for c in drift("doctor", "-c", store.write_config(), "--json").json["checks"]}

    return ask


DOUBTFUL = (
    "hours of",
    "nights of",
    "hours that",
    "time zone",
    "unit of",
    "duplicates of",
    "issue_time",
    "available",
)


def doubts(checks: dict[str, dict]) -> list[str]:
    return [name for name in checks if name.startswith(DOUBTFUL)]


def test_a_good_store_is_above_suspicion(store, asked):
    store.write()
    checks = asked()
    assert doubts(checks) == []
    assert checks["hours"]["found"].startswith("predictions and actuals fit best as they stand")
    assert checks["cadence of actuals"]["found"] == "1h in all 4 cities"
    assert checks["duplicates"]["remedy"] == ""
    assert checks["coverage"]["found"].startswith("100.0% of the current window's hours make pairs")


def test_the_first_rows_are_shown_as_mapped(store, asked):
    store.write()
    sample = asked()["rows of actuals"]["sample"]
    assert list(sample["columns"]) == ["city", "target_time", "by its clock", "actual"]
    assert len(sample["rows"]) == 3
    assert sample["rows"][0][:3] == ["Delhi", "2026-01-05 00:00Z", "Mon 09:00 Asia/Tokyo"]


@pytest.mark.parametrize("ends", ["actuals", "predictions"])
def test_marks_that_differ_are_found_and_both_lines_mend_it(store, asked, ends):
    """Both tables mark the same end, and the config says so of one alone."""
    store.content["store"][ends]["marks"] = "end"
    store.write()
    found = asked()["hours of predictions, v1"]
    side = "after" if ends == "actuals" else "before"
    assert f"1h {side} the actuals do" in found["found"]
    ways = [[(line["under"], line["text"]) for line in lines] for lines in found["write"]]
    other = "predictions" if ends == "actuals" else "actuals"
    assert sorted(ways) == sorted([[(f"store.{other}", "marks: end")], [(f"store.{ends}", "marks: start")]])
    store.take(found["write"][0])
    assert doubts(asked()) == []


def test_local_time_declared_as_utc_is_found_and_its_zone_mends_it(store, asked):
    store.move("actuals", AHEAD, naive=True)
    store.content["store"]["actuals"]["timezone"] = "UTC"
    store.write()
    found = asked()["hours of predictions, v1"]
    assert "9h before the actuals do" in found["found"]
    assert found["write"] == [[{"under": "store.actuals", "text": f"timezone: {ZONE}"}]]
    store.take(found["write"][0])
    assert doubts(asked()) == []


def test_local_time_that_says_it_is_utc_is_mended_by_no_line(store, asked):
    store.move("actuals", AHEAD)
    store.write()
    found = asked()["hours of predictions, v1"]
    assert found["write"] == []
    assert "correct the timestamps where they are written" in found["remedy"]


def test_both_tables_in_local_time_have_no_night_and_both_lines_mend_it(store, asked):
    for name in ("actuals", "predictions"):
        store.move(name, AHEAD, naive=True)
        store.content["store"][name]["timezone"] = "UTC"
    store.write()
    checks = asked()
    assert doubts(checks) == ["nights of predictions", "nights of actuals"]
    (way,) = checks["nights of actuals"]["write"]
    assert [line["under"] for line in way] == ["store.predictions", "store.actuals"]
    store.take(way)
    assert doubts(asked()) == []


def test_a_zone_that_nobody_said_is_told_by_the_nights(store, asked):
    del store.content["timezone"]
    store.write()
    found = asked()["time zone"]
    assert found["write"] == [[{"under": "", "text": "timezone: Etc/GMT-9"}]]
    store.take(found["write"][0])
    assert doubts(asked()) == []


def test_the_wrong_zone_of_the_cities_is_told_by_the_nights(store, asked):
    store.content["timezone"] = "America/New_York"
    store.write()
    found = asked()["nights of actuals"]
    assert found["write"] == [[{"under": "", "text": "timezone: Etc/GMT-9"}]]


def test_an_hour_apart_and_a_zone_unsaid_have_a_line_each(store, asked):
    store.content["store"]["predictions"]["marks"] = "end"
    del store.content["timezone"]
    store.write()
    checks = asked()
    assert doubts(checks) == ["hours of predictions, v1", "time zone"]
    assert all(line["text"].startswith("marks") for (line,) in checks["hours of predictions, v1"]["write"])
    assert checks["time zone"]["write"] == [[{"under": "", "text": "timezone: Etc/GMT-9"}]]


def test_kilowatts_beside_megawatts_are_found(store, asked):
    store.tables["predictions"]["values"] = store.tables["predictions"]["values"] * 1000
    store.write()
    assert (
        asked()["unit of v1"]["found"] == "predictions are 1,000 times as large as the actuals in all cities"
    )


def test_one_city_in_another_unit_is_named(store, asked):
    store.tables["actuals"]["values"][2] *= 1000
    store.write()
    assert asked()["unit of v1"]["found"] == "predictions are 1,000 times smaller than the actuals in Pune"


def test_duplicates_are_counted_and_their_column_is_named(store, asked):
    store.write()
    rows = pa.table(store.rows("actuals"))
    pq.write_table(pa.concat_tables([rows, rows.slice(rows.num_rows - 7)]), store.folder / "actuals.parquet")
    found = asked()["duplicates of actuals"]
    assert found["found"].startswith("7 rows")
    assert "`available_time`" in found["remedy"]


def test_the_time_of_a_bulk_load_is_no_available_time(store, asked):
    loaded = START + timedelta(days=DAYS)
    store.extra["actuals"]["available_time"] = pa.array([loaded] * (4 * 24 * DAYS), pa.timestamp("us", "UTC"))
    store.write()
    assert "when they were loaded together" in asked()["available_time of actuals"]["found"]


def test_an_issue_time_after_the_hour_is_none(store, asked):
    late = [at + timedelta(hours=2) for _ in CITIES for at in store.tables["predictions"]["at"]]
    store.extra["predictions"]["issue_time"] = pa.array(late, pa.timestamp("us", "UTC"))
    store.write()
    found = asked()["issue_time of predictions"]
    assert found["found"] == "100% of the predictions were made after the hour they are for"
    assert found["bad"]


def test_actuals_that_come_too_late_to_judge_get_a_lag_that_suffices(store, asked):
    came = [at + timedelta(hours=1 + 20) for _ in CITIES for at in store.tables["actuals"]["at"]]
    store.extra["actuals"]["available_time"] = pa.array(came, pa.timestamp("us", "UTC"))
    store.write()
    found = asked()["delay of actuals"]
    assert found["found"] == "half are known 20h after their hour, 95 % after 20h"
    assert found["write"] == [[{"under": "windows", "text": "lag: 20h"}]]
    store.take(found["write"][0])
    assert asked()["delay of actuals"]["write"] == []


def test_timestamps_without_a_zone_are_refused_with_the_line_that_declares_it(store, asked):
    store.move("actuals", AHEAD, naive=True)
    store.write()
    found = asked()["store"]
    assert found["bad"]
    assert found["write"] == [[{"under": "store.actuals", "text": f"timezone: {ZONE}"}]]
    store.take(found["write"][0])
    assert doubts(asked()) == []


def test_half_an_hour_beside_never_meets(store, asked):
    """Local time of India, written as UTC, on the hour: predictions in UTC are at half past."""
    store.move("actuals", timedelta(hours=5, minutes=30), naive=True)
    store.content["store"]["actuals"]["timezone"] = "UTC"
    store.content["timezone"] = "Asia/Kolkata"
    store.write()
    found = asked()["hours that never meet"]
    assert found["bad"]
    assert found["write"] == [[{"under": "store.actuals", "text": "timezone: Asia/Kolkata"}]]


def test_a_database_is_looked_at_as_files_are_and_no_secret_is_shown(store, drift, monkeypatch):
    monkeypatch.setenv("DRIFT_STORE_URL", f"sqlite:///{store.folder / 'hunter2.db'}")
    engine = sa.create_engine(f"sqlite:///{store.folder / 'hunter2.db'}")
    with engine.begin() as connection:
        for name, value in (("predictions", "predicted"), ("actuals", "actual")):
            connection.execute(sa.text(f"CREATE TABLE {name} (zone TEXT, target_time TEXT, {value} REAL)"))
            rows = store.rows(name)
            times = [f"{at:%Y-%m-%dT%H:%M:%S}+00:00" for _ in CITIES for at in store.tables[name]["at"]]
            insert = sa.text(f"INSERT INTO {name} VALUES (:zone, :at, :value)")  # noqa: S608 - names of our own
            values = zip(rows["city"].tolist(), times, rows[value].tolist(), strict=True)
            connection.execute(insert, [{"zone": z, "at": at, "value": v} for z, at, v in values])
    engine.dispose()
    store.content["store"] = {
        "kind": "sql",
        "sql": {"url": "${DRIFT_STORE_URL}", "schema": "drift"},
        "predictions": {
            "table": "predictions",
            "columns": {"city": "zone"},
            "model_version": "v1",
            "marks": "end",
        },
        "actuals": {"table": "actuals", "columns": {"city": "zone"}},
    }
    answer = drift("doctor", "-c", store.write_config(), "--json")
    checks = {check["name"]: check for check in answer.json["checks"]}
    assert checks["rows of actuals"]["sample"]["columns"]["city"] == "zone"
    ways = checks["hours of predictions, v1"]["write"]
    assert [{"under": "store.predictions", "text": "marks: start"}] in ways
    assert "hunter2" not in answer.out + answer.err


def test_a_platform_that_was_filled_at_once_says_so_and_shows_no_password(
    store, drift, monkeypatch, tmp_path
):
    """A real PostgreSQL with the platform's schema, whose `created_at` is the time of the load."""
    url = throwaway.database()
    metadata = platform_tables("platform", "postgresql")
    engine = sa.create_engine(url)
    metadata.create_all(engine)
    keys = {city: uuid.uuid4() for city in CITIES}
    model = uuid.uuid4()
    with engine.begin() as connection:
        connection.execute(metadata.tables["cities"].insert(), [{"id": keys[c], "name": c} for c in CITIES])
        named = {"id": model, "name": "gbm", "version": "v7"}
        connection.execute(metadata.tables["models"].insert(), [named])
        for name, theirs, value in (
            ("predictions", "predictions", "predicted_consumption"),
            ("actuals", "energy_consumption", "consumption_kwh"),
        ):
            table = store.tables[name]
            rows = [
                {"city_id": keys[city], "timestamp": at, value: float(load)}
                | ({"model_id": model} if name == "predictions" else {})
                for city, line in zip(CITIES, table["values"], strict=True)
                for at, load in zip(table["at"], line, strict=True)
            ]
            connection.execute(metadata.tables[theirs].insert(), rows)
    engine.dispose()
    monkeypatch.setenv("DRIFT_STORE_URL", f"{url}&application_name=hunter2")
    assert drift("init", tmp_path / "new", "--store", "sql").code == 0
    config = tmp_path / "new" / "config" / "drift.yaml"
    config.write_text(config.read_text().replace("\nmlflow: {", "\n# mlflow: {"))
    answer = drift("doctor", "-c", config, "--json")
    checks = {check["name"]: check for check in answer.json["checks"]}
    assert "hunter2" not in config.read_text() + answer.out + answer.err
    assert checks["store"]["found"].startswith("4 cities")
    assert checks["rows of predictions"]["sample"]["columns"]["predicted"] == "predicted_consumption"
    assert "when they were loaded together" in checks["available_time of actuals"]["found"]
    assert "not to `created_at`" in checks["available_time of actuals"]["remedy"]


def test_hostile_rows_are_text_and_the_lines_to_write_stand_alone(store, drift):
    hostile = "\x1b[2J[red]x[/]\u202e<script>\n" + "y" * 500
    there = [hostile, *CITIES[1:]]
    store.content["store"]["actuals"]["marks"] = "end"
    store.write()
    for name in ("actuals", "predictions"):
        rows = store.rows(name) | {"city": np.repeat(there, 24 * DAYS)}
        pq.write_table(pa.table(rows), store.folder / f"{name}.parquet")
    said = drift("doctor", "-c", store.write_config()).out
    assert "\x1b[2J" not in said
    assert "\u202e" not in said
    assert "[red]x[/]" in said
    assert "    under store.predictions:  marks: end\n" in said
    assert max(map(len, said.splitlines())) <= 120
