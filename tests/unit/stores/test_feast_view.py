"""A feature view in the words of a Parquet or a SQL store, and what is said where that cannot be."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from drift.config import Config, FeaturesConfig, PredictionsConfig, TableConfig, parse_config
from drift.errors import ColumnError, ConfigError, StoreError
from drift.stores import open_store
from drift.stores.feast import placed_config
from drift.stores.feast_view import Files, Query, View, as_table

FORECAST = View(
    name="load_forecast",
    keys=("zone", "model_version"),
    features=("predicted", "p10", "note"),
    numeric=frozenset({"predicted", "p10"}),
    timestamp="delivery",
    created="made_at",
    source=Files("/repo/data/forecast.parquet"),
    renamed={},
)
WEATHER = View(
    name="weather",
    keys=("zone",),
    features=("temperature", "wind", "station"),
    numeric=frozenset({"temperature", "wind"}),
    timestamp="hour",
    created=None,
    source=Files("/repo/data/weather.parquet"),
    renamed={},
)
PREDICTIONS = PredictionsConfig(view="load_forecast")


def test_what_the_mapping_leaves_out_is_found_by_what_it_is_to_feast() -> None:
    table = as_table("predictions", PREDICTIONS, FORECAST)
    assert table.columns == {
        "city": "zone",  # the one join key that is not the version
        "model_version": "model_version",
        "target_time": "delivery",  # the event timestamp
        "issue_time": "made_at",  # the created timestamp
        "predicted": "predicted",
    }
    assert (table.path, table.view, table.timezone) == ("/repo/data/forecast.parquet", None, "UTC")


def test_the_mapping_comes_first_and_uses_the_names_of_the_view() -> None:
    given = PredictionsConfig(
        view="load_forecast",
        columns={"city": "zone", "predicted": "p10", "lower": "p10", "model_version": "note"},
        marks="end",
        timezone="Asia/Kolkata",
    )
    table = as_table("predictions", given, FORECAST)
    assert table.columns["predicted"] == table.columns["lower"] == "p10"
    assert table.columns["model_version"] == "note"
    assert (table.marks, table.timezone) == ("end", "Asia/Kolkata")


def test_a_column_that_the_source_calls_otherwise_is_asked_for_by_that_name() -> None:
    view = replace(FORECAST, renamed={"predicted": "yhat", "zone": "utility_id"})
    table = as_table("predictions", PREDICTIONS, view)
    assert (table.columns["predicted"], table.columns["city"]) == ("yhat", "utility_id")


def test_a_column_of_our_name_comes_before_what_feast_calls_its_timestamp() -> None:
    """Where the event timestamp is when a forecast was made, the hour it is for is a feature."""
    view = replace(FORECAST, features=("predicted", "target_time", "issue_time"))
    table = as_table("predictions", PREDICTIONS, view)
    assert (table.columns["target_time"], table.columns["issue_time"]) == ("target_time", "issue_time")


def test_a_version_in_the_config_asks_for_no_column() -> None:
    given = PredictionsConfig(view="load_forecast", model_version="day-ahead")
    assert "model_version" not in as_table("predictions", given, replace(FORECAST, keys=("zone",))).columns


def test_the_features_are_the_numbers_that_have_no_other_use() -> None:
    table = as_table("features", FeaturesConfig(view="weather", columns={"t2m": "temperature"}), WEATHER)
    assert isinstance(table, FeaturesConfig)
    assert set(table.use or ()) == {"t2m", "wind"}
    assert table.columns == {"city": "zone", "target_time": "hour", "t2m": "temperature", "wind": "wind"}


def test_features_may_be_chosen() -> None:
    given = FeaturesConfig(view="weather", columns={"t2m": "temperature"}, use=("t2m",))
    table = as_table("features", given, WEATHER)
    assert isinstance(table, FeaturesConfig)
    assert table.use == ("t2m",)


@pytest.mark.parametrize(
    ("change", "given", "said"),
    [
        ({"features": ("yhat",)}, {}, r"the feature view load_forecast has no column `predicted`; it has zone, model_ver"),
        ({}, {"columns": {"predicted": "predicter"}}, r"no column `predicter` \(for `predicted`\).*did you mean `predicted`"),
        ({"keys": ("zone",)}, {}, r"`model_version`.* or name the one version of all its rows with `model_version: NAME`"),
        ({"keys": ("zone", "grid", "model_version")}, {}, r"no column `city`; it has .*: map it under store.predictions.columns"),
        ({}, {"columns": {"lower": "p5"}}, r"no column `p5` \(for `lower`\)"),
    ],
)  # fmt: skip
def test_a_missing_column_is_named_with_what_there_is(change: dict, given: dict, said: str) -> None:
    with pytest.raises(ColumnError, match=said):
        as_table("predictions", PredictionsConfig(view="load_forecast", **given), replace(FORECAST, **change))


def test_a_missing_feature_is_named() -> None:
    with pytest.raises(ColumnError, match=r"store.features: .* no column `rain`; it has zone, temperature"):
        as_table("features", FeaturesConfig(view="weather", use=("rain",)), WEATHER)


def test_a_table_and_a_query_of_postgresql_are_told_apart() -> None:
    url = SecretStr("postgresql+psycopg://me:secret@host/db")
    table = as_table("actuals", TableConfig(view="x", columns={"actual": "predicted", "city": "zone"}),
                     replace(FORECAST, source=Query("meters", url)))  # fmt: skip
    assert (table.table, table.select, table.path) == ("meters", None, None)
    query = replace(FORECAST, source=Query("SELECT * FROM (SELECT 1) AS given", url, is_table=False))
    assert as_table("predictions", PREDICTIONS, query).select == "SELECT * FROM (SELECT 1) AS given"


STORE = {
    "kind": "feast",
    "feast": {"repo": "feature_repo", "connections": 2},
    "predictions": {"view": "load_forecast"},
    "actuals": {"view": "meters", "columns": {"actual": "predicted", "city": "zone"}},
}


def config(**changes: object) -> Config:
    return parse_config({"store": STORE | changes}, base=Path())


def test_views_in_postgresql_make_a_sql_store_without_features_that_nobody_asked_for() -> None:
    query = replace(FORECAST, source=Query("rows", SecretStr("postgresql+psycopg://me:secret@host/db")))
    given = config()
    assert given.store.feast is not None
    store = placed_config(given, given.store.feast, {"predictions": query, "actuals": query}).store
    assert store.sql is not None
    assert (store.kind, store.sql.connections, store.features, store.feast) == ("sql", 2, None, None)
    assert "secret" not in repr(store)


def test_views_in_stores_of_two_kinds_are_refused() -> None:
    query = replace(FORECAST, source=Query("rows", SecretStr("postgresql+psycopg://me@host/db")))
    given = config()
    assert given.store.feast is not None
    with pytest.raises(StoreError, match="some feature views are in files and some in PostgreSQL"):
        placed_config(given, given.store.feast, {"predictions": query, "actuals": FORECAST})


def test_without_feast_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And a store can be opened, as every command that reads nothing does, without importing it."""
    monkeypatch.setitem(sys.modules, "feast", None)
    (tmp_path / "feature_store.yaml").touch()
    store = open_store(config(feast={"repo": str(tmp_path)}))
    with pytest.raises(ConfigError, match=r"pip install 'drift-monitor\[feast\]'"):
        store.cities()


def test_without_a_repo_the_error_says_where_it_was_looked_for(tmp_path: Path) -> None:
    store = open_store(config(feast={"repo": str(tmp_path / "nowhere")}))
    with pytest.raises(StoreError, match=r"there is no feature_store.yaml in .*nowhere: name the folder"):
        store.cities()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"feast": None}, "feast: is missing: say where the repo is"),
        ({"kind": "parquet"}, "a parquet store takes `path`, not `view`"),
        ({"actuals": {"path": "x"}}, "a feast store takes `view` or `service`, not `path`"),
        ({"actuals": {}}, "`view` or `service` is missing: a feast store needs it"),
        ({"actuals": {"view": "x", "columns": {"predicted": "y"}}}, r"store.actuals.columns.predicted: unknown column"),
    ],
)  # fmt: skip
def test_what_the_config_of_a_feast_store_may_not_say(changes: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        open_store(config(**changes))


def test_the_examples_of_the_page_are_configs(repository: Path) -> None:
    page = (repository / "docs" / "feast-store.md").read_text()
    examples = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        open_store(parse_config(yaml.safe_load(example), base=repository))
