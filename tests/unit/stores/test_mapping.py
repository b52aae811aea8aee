from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from drift.config import FeaturesConfig, PredictionsConfig, TableConfig
from drift.domain import Unused, Window
from drift.errors import ColumnError, ConfigError
from drift.stores.mapping import Mapped, TableMap, Wanted, layouts, map_rows
from drift.tables import Skipped

UTC_TIME = pa.timestamp("us", tz="UTC")
START = datetime(2021, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALL = Window(START - timedelta(days=9999), START + timedelta(days=9999))


def times(*hours: float | None) -> pa.Array:
    return pa.array([None if h is None else START + h * HOUR for h in hours], UTC_TIME)


def mapped(
    spec: TableMap,
    columns: dict[str, Any],
    window: Window = ALL,
    cities: list[str] | None = None,
    shift: int = 0,
) -> Mapped:
    raw = pa.table(columns)
    (layout,) = layouts(spec, [("f.parquet", raw.schema)])
    return map_rows(spec, layout, "f.parquet", raw, Wanted.of(window, cities, shift * HOUR))


ACTUALS = TableMap.of("actuals", TableConfig(path="x"))
PREDICTIONS = TableMap.of("predictions", PredictionsConfig(path="x"))


def test_columns_are_renamed_and_put_in_the_order_of_the_table() -> None:
    names = {
        "city": "zone",
        "target_time": "ts",
        "predicted": "fc",
        "lower": "p10",
        "upper": "p90",
        "issue_time": "at",
    }
    spec = TableMap.of("predictions", PredictionsConfig(path="x", columns=names, model_version="v1"))
    found = mapped(
        spec,
        {
            "p90": [3],
            "p10": [1],
            "fc": [2],
            "other": ["?"],
            "at": times(-24),
            "ts": times(0),
            "zone": ["Ooty"],
        },
    )
    assert found.rows.to_pylist() == [
        {
            "city": "Ooty",
            "model_version": "v1",
            "target_time": START,
            "issue_time": START - 24 * HOUR,
            "predicted": 2.0,
            "lower": 1.0,
            "upper": 3.0,
        }
    ]
    assert found.skipped == []


def test_an_unknown_name_of_ours_is_a_config_error() -> None:
    with pytest.raises(ConfigError) as error:
        TableMap.of("actuals", TableConfig(path="x", columns={"aktual": "load"}))
    assert str(error.value) == "store.actuals.columns.aktual: unknown column; did you mean `actual`?"


def test_a_missing_column_names_table_file_column_and_what_is_there() -> None:
    spec = TableMap.of("actuals", TableConfig(path="x", columns={"actual": "lode"}))
    with pytest.raises(ColumnError) as error:
        mapped(spec, {"city": ["a"], "target_time": times(0), "load": [1]})
    assert str(error.value) == (
        "store.actuals: f.parquet has no column `lode` (for `actual`); it has city, target_time, load; "
        "did you mean `load`?: map it under store.actuals.columns"
    )


def test_a_missing_column_of_our_name_is_named_too() -> None:
    with pytest.raises(ColumnError, match=r"has no column `actual`; it has city, target_time: map it under"):
        mapped(ACTUALS, {"city": ["a"], "target_time": times(0)})


def test_a_mapped_optional_column_must_be_there() -> None:
    spec = TableMap.of("actuals", TableConfig(path="x", columns={"available_time": "known_at"}))
    with pytest.raises(ColumnError, match=r"no column `known_at` \(for `available_time`\)"):
        mapped(spec, {"city": ["a"], "target_time": times(0), "actual": [1]})


def test_without_a_model_version_the_remedy_is_a_constant() -> None:
    with pytest.raises(ColumnError, match=r"no column `model_version`; .* with `model_version: NAME`"):
        mapped(PREDICTIONS, {"city": ["a"], "target_time": times(0), "predicted": [1]})


def test_a_constant_beside_a_column_of_model_versions_is_refused() -> None:
    columns = {"city": ["a"], "model_version": ["v2"], "target_time": times(0), "predicted": [1]}
    with pytest.raises(
        ColumnError, match="has a column `model_version`, and the config gives `model_version: v1`"
    ):
        mapped(TableMap.of("predictions", PredictionsConfig(path="x", model_version="v1")), columns)
    both = PredictionsConfig(path="x", model_version="v1", columns={"model_version": "version"})
    with pytest.raises(ConfigError, match="both `model_version: v1` and a column for it: leave one out"):
        TableMap.of("predictions", both)


def test_a_column_that_is_there_twice_is_refused() -> None:
    schema = pa.schema(
        [("city", "string"), ("target_time", UTC_TIME), ("actual", "double"), ("actual", "double")]
    )
    with pytest.raises(ColumnError, match=r"column `actual` of f.parquet is there 2 times: rename one"):
        layouts(ACTUALS, [("f.parquet", schema)])


def test_the_error_names_the_one_file_that_lacks_the_column() -> None:
    full = pa.schema([("city", "string"), ("target_time", UTC_TIME), ("actual", "double")])
    with pytest.raises(ColumnError, match=r"store.actuals: bad.parquet has no column `actual`"):
        layouts(ACTUALS, [("good.parquet", full), ("bad.parquet", full.remove(2)), ("late.parquet", full)])


def test_an_optional_column_that_only_some_files_have_is_null_in_the_others() -> None:
    new = pa.table({"city": ["a"], "target_time": times(0), "actual": [1.0], "available_time": times(2)})
    old = new.drop_columns(["available_time"])
    _, layout = layouts(ACTUALS, [("new", new.schema), ("old", old.schema)])
    found = map_rows(ACTUALS, layout, "old", old, Wanted())
    assert found.rows.schema.field("available_time").type == UTC_TIME
    assert found.rows["available_time"].to_pylist() == [None]


def test_a_window_is_half_open() -> None:
    columns = {"city": ["a"] * 4, "target_time": times(0, 1, 2, 3), "actual": [0, 1, 2, 3]}
    found = mapped(ACTUALS, columns, Window(START + HOUR, START + 3 * HOUR))
    assert found.rows["actual"].to_pylist() == [1.0, 2.0]


def test_marks_end_moves_the_target_time_alone_and_before_the_window_is_cut() -> None:
    spec = TableMap.of("actuals", TableConfig(path="x", marks="end"))
    columns = {
        "city": ["a"] * 3,
        "target_time": times(0, 1, 2),
        "actual": [0, 1, 2],
        "available_time": times(5, 5, 5),
    }
    rows = mapped(spec, columns, Window(START, START + HOUR), shift=1).rows
    assert rows["actual"].to_pylist() == [1.0]
    assert rows["target_time"].to_pylist() == [START]
    assert rows["available_time"].to_pylist() == [START + 5 * HOUR]


def test_rows_without_a_key_are_left_out_and_counted_with_their_city() -> None:
    found = mapped(
        PREDICTIONS,
        {
            "city": ["a", None, "a", "b", "a", None],
            "model_version": ["v1", "v1", None, None, "v1", None],
            "target_time": times(0, 0, 0, 0, None, None),
            "predicted": [1, 2, 3, 4, 5, 6],
        },
    )
    assert found.rows["predicted"].to_pylist() == [1.0]
    assert set(found.skipped) == {
        Skipped("predictions", "a", Unused.NULL_KEY, 2),
        Skipped("predictions", "b", Unused.NULL_KEY, 1),
        Skipped("predictions", None, Unused.NULL_KEY, 2),
    }


def test_rows_of_other_cities_are_not_counted() -> None:
    columns = {"city": ["a", "b", None], "target_time": times(None, None, 0), "actual": [1, 2, 3]}
    assert set(mapped(ACTUALS, columns, cities=["b"]).skipped) == {
        Skipped("actuals", "b", Unused.NULL_KEY, 1),
        Skipped("actuals", None, Unused.NULL_KEY, 1),
    }


def test_values_are_not_judged() -> None:
    columns = {"city": ["a"] * 3, "target_time": times(0, 1, 2), "actual": [float("inf"), -1.0, None]}
    assert mapped(ACTUALS, columns).rows["actual"].to_pylist() == [float("inf"), -1.0, None]


def local(*texts: str) -> pa.Array:
    return pa.array([datetime.fromisoformat(text) for text in texts], pa.timestamp("us"))


def test_rows_on_the_hours_of_a_clock_change_are_left_out_and_counted() -> None:
    spec = TableMap.of("actuals", TableConfig(path="x", timezone="Europe/Berlin"))
    columns = {
        "city": ["a", "a", "b", "a"],
        "target_time": local("2021-03-28T01:00", "2021-03-28T02:00", "2021-10-31T02:30", "2021-10-31T03:00"),
        "actual": [1, 2, 3, 4],
    }
    found = mapped(spec, columns)
    assert found.rows["actual"].to_pylist() == [1.0, 4.0]
    assert set(found.skipped) == {
        Skipped("actuals", "a", Unused.NAIVE_TIMESTAMP, 1),
        Skipped("actuals", "b", Unused.NAIVE_TIMESTAMP, 1),
    }
    assert mapped(spec, columns, Window(datetime(2021, 11, 1, tzinfo=UTC), ALL.end)).skipped == []


def test_an_available_time_on_the_hour_of_a_clock_change_places_no_row_and_a_null_one_does() -> None:
    spec = TableMap.of("actuals", TableConfig(path="x", timezone="Europe/Berlin"))
    known = pa.concat_arrays([local("2021-10-31T02:30", "2021-10-31T04:00"), pa.nulls(1, pa.timestamp("us"))])
    found = mapped(
        spec, {"city": ["a"] * 3, "target_time": times(0, 1, 2), "actual": [1, 2, 3], "available_time": known}
    )
    assert found.rows["actual"].to_pylist() == [2.0, 3.0]
    assert found.skipped == [Skipped("actuals", "a", Unused.NAIVE_TIMESTAMP, 1)]


FEATURES = {
    "zone": ["a"],
    "target_time": times(0),
    "temp": pa.array([1.5], pa.float32()),
    "holiday": [True],
    "note": ["text"],
    "written": times(0),
    "wind": [3],
}


def features(**config: Any) -> TableMap:
    return TableMap.of("features", FeaturesConfig(path="x", columns={"city": "zone"}, **config))


def test_every_numeric_column_is_a_feature_and_a_boolean_is_0_or_1() -> None:
    rows = mapped(features(), FEATURES).rows
    assert rows.schema.names == ["city", "target_time", "holiday", "temp", "wind"]
    assert rows.select([2, 3, 4]).to_pylist() == [{"holiday": 1.0, "temp": 1.5, "wind": 3.0}]


def test_a_city_of_whole_numbers_is_no_feature() -> None:
    rows = mapped(features(), {**FEATURES, "zone": [7]}).rows
    assert "zone" not in rows.schema.names
    assert rows["city"].to_pylist() == ["7"]


def test_use_chooses_the_features() -> None:
    assert mapped(features(use=("wind",)), FEATURES).rows.schema.names == ["city", "target_time", "wind"]
    with pytest.raises(ColumnError, match=r"no column `winds`; .*did you mean `wind`\?"):
        mapped(features(use=("winds",)), FEATURES)
    with pytest.raises(
        ColumnError, match=r"column `note` of f.parquet holds text; the first value .* 'text'"
    ):
        mapped(features(use=("note",)), FEATURES)


def test_a_feature_may_be_renamed() -> None:
    spec = TableMap.of("features", FeaturesConfig(path="x", columns={"city": "zone", "temperature": "temp"}))
    assert mapped(spec, FEATURES).rows.schema.names == [
        "city",
        "target_time",
        "holiday",
        "temperature",
        "wind",
    ]


def test_text_in_a_row_outside_of_the_window_is_still_the_value_that_is_shown() -> None:
    columns = {"city": ["a", "a"], "target_time": times(0, 9), "actual": ["1.5", "n/a"]}
    with pytest.raises(ColumnError, match="the first value that is no number is 'n/a'"):
        mapped(ACTUALS, columns, Window(START, START + HOUR))
