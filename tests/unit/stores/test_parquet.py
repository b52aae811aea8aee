from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drift.domain import Unused, Window
from drift.errors import ColumnError, EmptyStoreError, StoreError, StoreNotFoundError, TimestampError
from drift.stores import parquet
from drift.stores.base import Store
from drift.stores.files import File
from drift.stores.reader import Reader
from drift.tables import Skipped

Write = Callable[..., Path]
Open = Callable[..., Store]
START = datetime(2021, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALL = Window(START - 9999 * HOUR, START + 99999 * HOUR)


def load(hours: range, cities: tuple[str, ...] = ("a", "b"), zone: str | None = "UTC") -> dict[str, Any]:
    """One combined table, ordered by time."""
    rows = [(city, START + h * HOUR, float(h)) for h in hours for city in cities]
    times = pa.array([time for _, time, _ in rows], pa.timestamp("us", "UTC"))
    return {
        "city": pa.array([city for city, _, _ in rows], pa.string()),
        "target_time": times if zone else times.cast(pa.timestamp("us")),
        "predicted": [value for *_, value in rows],
        "actual": [value + 1 for *_, value in rows],
        "other": ["never read"] * len(rows),
    }


class Watched(Reader):
    """A reader that notes what it was asked for, and may do something after that."""

    def __init__(self, store: Store) -> None:
        assert isinstance(store, parquet.ParquetStore)
        super().__init__(store._cache)
        store._reader = self
        self.asked: list[tuple[str, list[int], list[str]]] = []
        self.then: Callable[[], None] = lambda: None

    def rows(self, file: File, groups: Any, columns: Any, labels: Any) -> pa.Table:
        self.asked.append((Path(file.path).name, list(groups), list(columns)))
        self.then()
        return super().rows(file, groups, columns, labels)


def test_one_file_for_both_tables_is_read_once_and_only_the_columns_that_are_mapped(
    write: Write, opened: Open
) -> None:
    write("load", load(range(4)))
    store = opened()
    reader = Watched(store)
    tables = store.read(ALL)
    assert reader.asked == [("load", [0], ["actual", "city", "predicted", "target_time"])]
    assert tables.predictions["predicted"].to_pylist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert tables.actuals["actual"].to_pylist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert set(tables.predictions["model_version"].to_pylist()) == {"v1"}


def test_row_groups_and_files_outside_of_the_window_are_not_read(write: Write, opened: Open) -> None:
    for day in range(3):
        write(f"load/{day}.parquet", load(range(24 * day, 24 * day + 24)), row_group_size=12)  # six hours
    store = opened()
    reader = Watched(store)
    rows = store.read(Window(START + 29 * HOUR, START + 31 * HOUR)).actuals
    assert [(name, groups) for name, groups, _ in reader.asked] == [("1.parquet", [0, 1])]
    assert sorted(set(rows["actual"].to_pylist())) == [30.0, 31.0]


def test_row_groups_without_the_city_are_not_read(write: Write, opened: Open) -> None:
    for city in ("a", "b", "c"):
        write(f"load/{city}.parquet", load(range(3), (city,)))
    store = opened()
    reader = Watched(store)
    store.read(ALL, ["b", "d"])
    assert [name for name, *_ in reader.asked] == ["b.parquet"]


def test_a_row_group_with_a_null_key_is_read_so_that_it_is_counted(write: Write, opened: Open) -> None:
    columns = load(range(48), ("a",))
    columns["target_time"] = pa.concat_arrays(
        [columns["target_time"][:47], pa.nulls(1, pa.timestamp("us", "UTC"))]
    )
    write("load", columns, row_group_size=12)
    window = Window(START, START + HOUR)
    assert set(opened().read(window).skipped) == {
        Skipped("predictions", "a", Unused.NULL_KEY, 1),
        Skipped("actuals", "a", Unused.NULL_KEY, 1),
    }


def test_cities_and_span_are_taken_from_statistics_where_they_prove_them(write: Write, opened: Open) -> None:
    for city in ("b", "a"):
        write(f"load/{city}.parquet", load(range(3), (city,)))
    store = opened(interval="1h")
    reader = Watched(store)
    assert store.cities() == ("a", "b")
    assert store.span() == Window(START, START + 3 * HOUR)
    assert reader.asked == []


def test_cities_read_only_the_city_column_and_only_once(write: Write, opened: Open) -> None:
    write("load", load(range(3)))
    store = opened()
    reader = Watched(store)
    assert store.cities() == store.cities() == ("a", "b")
    assert reader.asked == [("load", [0], ["city"])]


def test_cities_of_whole_numbers_are_text(write: Write, opened: Open) -> None:
    write("load", {**load(range(2)), "city": pa.array([10, 9, 10, 9])})
    assert opened().cities() == ("10", "9")
    assert opened().read(ALL, ["9"]).actuals["city"].to_pylist() == ["9", "9"]


def test_span_covers_both_tables(write: Write, opened: Open) -> None:
    write("p", load(range(10, 20)))
    write("a", load(range(5, 15)))
    store = opened(predictions={"path": "p", "model_version": "v1"}, actuals={"path": "a", "marks": "end"})
    assert store.span() == Window(START + 4 * HOUR, START + 20 * HOUR)


def test_the_configured_interval_is_not_looked_for(opened: Open) -> None:
    assert opened(interval="15m").interval() == timedelta(minutes=15)


def test_the_interval_of_a_single_time_must_be_said(write: Write, opened: Open, tmp_path: Path) -> None:
    write("load", load(range(1)))
    with pytest.raises(StoreError) as error:
        opened().interval()
    assert str(error.value) == (
        f"store.interval: {tmp_path / 'load'} holds too few target times to find the interval from: say it, "
        f"such as `interval: 1h`, under store"
    )
    assert opened(interval="1h").span() == Window(START, START + HOUR)


def test_the_interval_is_found_from_the_actuals_where_predictions_are_too_few(
    write: Write, opened: Open
) -> None:
    write("p", load(range(1)))
    write("a", load(range(3)))
    assert opened(predictions={"path": "p", "model_version": "v1"}, actuals={"path": "a"}).interval() == HOUR


def test_the_interval_is_looked_for_once_and_again_when_a_file_comes(write: Write, opened: Open) -> None:
    write("load/1.parquet", load(range(0, 9, 3)))
    store = opened()
    reader = Watched(store)
    assert store.interval() == store.interval() == 3 * HOUR
    assert len(reader.asked) == 1
    write("load/2.parquet", load(range(10, 30)))
    assert store.interval() == HOUR


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/Los_Angeles"])
def test_local_times_are_placed_and_pruned_by_their_zone(write: Write, opened: Open, zone: str) -> None:
    write("load", load(range(96), ("a",), zone=None), row_group_size=4)
    table = {"path": "load", "timezone": zone}
    store = opened(predictions={**table, "model_version": "v1"}, actuals=table)
    offset = {"UTC": 0, "Asia/Kolkata": 5.5, "America/Los_Angeles": -8}[zone] * HOUR
    assert store.span() == Window(START - offset, START + 96 * HOUR - offset)
    window = Window(START + 40 * HOUR - offset, START + 43 * HOUR - offset)
    assert store.read(window).predictions["predicted"].to_pylist() == [40.0, 41.0, 42.0]


def test_the_span_in_local_time_leaves_out_what_cannot_be_placed(write: Write, opened: Open) -> None:
    times = [datetime(2021, 10, 31, h) for h in (2, 3, 4)]  # noqa: DTZ001 - local, and 2:00 came twice
    write("load", {**load(range(3), ("a",)), "target_time": pa.array(times, pa.timestamp("us"))})
    table = {"path": "load", "timezone": "Europe/Berlin"}
    store = opened(predictions={**table, "model_version": "v1"}, actuals=table)
    assert store.span().start == datetime(2021, 10, 31, 2, tzinfo=UTC)


def test_naive_times_name_the_remedy_whatever_is_asked(write: Write, opened: Open) -> None:
    write("load", load(range(4), zone=None))
    store = opened()
    for ask in (store.span, store.interval, lambda: store.read(ALL)):
        with pytest.raises(TimestampError, match=r"`timezone: UTC`, under store\.predictions"):
            ask()


def test_old_int96_times_of_spark_are_utc_where_that_is_declared(write: Write, opened: Open) -> None:
    columns = load(range(3), ("a",))
    columns["target_time"] = pa.array(
        [START, START + HOUR, datetime(9000, 1, 1, tzinfo=UTC)], pa.timestamp("us")
    )
    write("load", columns, use_deprecated_int96_timestamps=True)
    table = {"path": "load", "timezone": "UTC"}
    store = opened(interval="1h", predictions={**table, "model_version": "v1"}, actuals=table)
    assert store.span() == Window(START, datetime(9000, 1, 1, 1, tzinfo=UTC))


def test_numeric_columns_of_the_other_tables_in_the_same_file_are_no_features(
    write: Write, opened: Open
) -> None:
    write("load", {**load(range(2), ("a",)), "temperature": [1, 2]})
    features = opened(features={"path": "load"}).read(ALL).features
    assert features is not None
    assert features.schema.names == ["city", "target_time", "temperature"]


def test_a_feature_that_only_some_files_have_is_there_for_every_window(write: Write, opened: Open) -> None:
    write("load", load(range(48)))
    first, second = (
        {name: values for name, values in load(hours).items() if name not in ("actual", "predicted")}
        for hours in (range(24), range(24, 48))
    )
    write("w/1.parquet", {**first, "wind": [1.0] * 48})
    write("w/2.parquet", second)
    features = opened(features={"path": "w"}).read(Window(START + 30 * HOUR, START + 31 * HOUR)).features
    assert features is not None
    assert features["wind"].to_pylist() == [None, None]


@pytest.mark.parametrize("name", ["actual", "predicted", "error"])
def test_a_feature_cannot_pass_for_a_column_of_drifts_own(write: Write, opened: Open, name: str) -> None:
    write("load", load(range(4)))
    keys = {key: values for key, values in load(range(4)).items() if key in ("city", "target_time")}
    write("w", {**keys, name: [1.0] * 8})
    with pytest.raises(ColumnError, match=rf"a feature cannot be called '{name}'.*`weather_{name}: {name}`"):
        opened(features={"path": "w"}).read(ALL)
    renamed = opened(features={"path": "w", "columns": {f"weather_{name}": name}}).read(ALL).features
    assert renamed is not None
    assert f"weather_{name}" in renamed.column_names


def test_a_file_in_a_folder_that_lacks_a_column_is_named(write: Write, opened: Open) -> None:
    write("load/1.parquet", load(range(2)))
    columns = load(range(2, 4))
    del columns["actual"]
    write("load/2.parquet", columns)
    with pytest.raises(
        ColumnError, match=r"store\.actuals: .*/load/2\.parquet has no column `actual`; it has city"
    ):
        opened().read(ALL)


def test_text_in_a_number_column_names_the_file(write: Write, opened: Open) -> None:
    write("load", {**load(range(2)), "actual": ["1", "2", "-", "4"]})
    with pytest.raises(ColumnError, match=r"column `actual` of .*/load holds text; .* is '-'"):
        opened().read(ALL)


def test_nothing_there_and_no_rows(write: Write, opened: Open, tmp_path: Path) -> None:
    for ask in (opened().cities, opened().span, opened().interval, lambda: opened().read(ALL)):
        with pytest.raises(
            StoreNotFoundError, match=f"store.predictions: there is nothing at {tmp_path}/load: "
        ):
            ask()
    write("load", load(range(0)))
    with pytest.raises(EmptyStoreError, match=f"store.predictions: {tmp_path}/load holds no rows: write the"):
        opened().read(ALL)


def test_rows_without_any_key_have_no_span(write: Write, opened: Open) -> None:
    write("load", {**load(range(2)), "city": pa.nulls(4, pa.string())})
    assert opened().cities() == ()
    with pytest.raises(
        EmptyStoreError, match="no row of the predictions and actuals has a city and a target"
    ):
        opened(interval="1h").span()


def test_files_that_come_change_and_go_between_two_reads_are_noticed(write: Write, opened: Open) -> None:
    first = write("load/1.parquet", load(range(2), ("a",)))
    store = opened()
    assert store.read(ALL).actuals.num_rows == 2
    write("load/2.parquet", load(range(2, 5), ("b",)))
    assert (store.read(ALL).actuals.num_rows, store.cities()) == (5, ("a", "b"))
    write("load/2.parquet", load(range(2, 4), ("c",)))
    assert (store.read(ALL).actuals.num_rows, store.cities()) == (4, ("a", "c"))
    first.unlink()
    assert (store.read(ALL).actuals.num_rows, store.cities()) == (2, ("c",))
    assert store.span().start == START + 2 * HOUR


@pytest.mark.parametrize("change", ["rewritten", "deleted"])
def test_a_file_that_changes_under_a_read_is_read_once_more(
    write: Write, opened: Open, change: str, tmp_path: Path
) -> None:
    write("load/1.parquet", load(range(2), ("a",)))
    write("load/2.parquet", load(range(2, 4), ("a",)))
    store = opened()
    reader = Watched(store)

    def disturb() -> None:
        reader.then = lambda: None
        if change == "deleted":
            (tmp_path / "load" / "2.parquet").unlink()
        else:
            write("new", load(range(2, 9), ("a",)))
            (tmp_path / "new").replace(tmp_path / "load" / "1.parquet")

    reader.then = disturb
    hours = store.read(ALL).predictions["predicted"].to_pylist()
    assert hours == ([0, 1] if change == "deleted" else [2, 3, 4, 5, 6, 7, 8, 2, 3])


def test_a_damaged_file_is_named(write: Write, opened: Open) -> None:
    path = write("load", load(range(500)), compression="none", use_dictionary=False)
    blob = bytearray(path.read_bytes())
    chunk = pq.read_metadata(path).row_group(0).column(2)
    blob[chunk.data_page_offset + chunk.total_compressed_size // 2] ^= 4
    path.write_bytes(blob)
    with pytest.raises(StoreError, match=r"/load cannot be read, or is damaged: "):
        opened().read(ALL)


READ_ALL = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from drift.config import parse_config
from drift.domain import Window
from drift.stores import open_store

table = {"path": "load", "timezone": "Europe/Berlin", "marks": "end"}
content = {"predictions": {**table, "model_version": "v1"}, "actuals": table, "features": table}
store = open_store(parse_config({"store": content}, base=Path(sys.argv[1])))
store.cities(), store.span(), store.interval()
window = Window(datetime(2021, 3, 1, tzinfo=UTC), datetime(2021, 3, 2, tzinfo=UTC))
tables = [store.read(window, cities) for cities in (None, ["a"], [])]
assert [t.actuals.num_rows for t in tables] == [48, 24, 0], tables
print(sorted({"pandas", "pyarrow.dataset", "fsspec"} & set(sys.modules)))
"""


def test_reading_imports_neither_pandas_nor_datasets_nor_fsspec(write: Write, tmp_path: Path) -> None:
    write("load", load(range(48), zone=None), row_group_size=10)
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.stdout == "[]\n"
