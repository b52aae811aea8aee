"""The name of the data: it changes with any datum that a slot was measured of, and with nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.workload import Fleet, write_config, write_fleet
from drift import Monitor, load_config

FLEET = Fleet(3, reference_hours=28 * 24, current_hours=24, later_hours=2)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleet") / "store"
    write_fleet(FLEET, folder, "single")
    return folder


@pytest.fixture
def store(written: Path, tmp_path: Path) -> Path:
    shutil.copytree(written, tmp_path / "store")
    return tmp_path / "store"


def hash_of(
    store: Path, extra: str = "engine: {cache: null}", *, keep_pairs: bool = False, mlflow: str = "{}"
) -> str | None:
    config = write_config(FLEET, store, store.parent / "config", extra=extra)
    config.write_text(config.read_text().replace("mlflow: null", f"mlflow: {mlflow}"))
    with Monitor(load_config(config), sinks=()) as monitor:
        return monitor.find(FLEET.slot(), keep_pairs=keep_pairs).data_hash


def edit(store: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    (file,) = store.glob("*.parquet")
    pq.write_table(change(pq.ParquetFile(file).read()), file, row_group_size=100)


def one_more(column: str, hours_before_the_end: int) -> Callable[[pa.Table], pa.Table]:
    """One value of one city, so many hours before its last, by one unit."""

    def change(table: pa.Table) -> pa.Table:
        rows = FLEET.reference_hours + FLEET.current_hours + FLEET.later_hours
        values = table[column].to_numpy().copy()
        values[2 * rows - 1 - hours_before_the_end] += np.float32(1)
        at = table.schema.get_field_index(column)
        return table.set_column(at, table.schema.field(at), pa.array(values, table[column].type))

    return change


def test_nobody_who_does_not_show_it_pays_for_it(store: Path) -> None:
    assert hash_of(store, mlflow="null") is None


def test_the_same_values_have_the_same_hash_however_they_are_read_and_written(store: Path) -> None:
    first = hash_of(store)
    assert first is not None
    assert len(first) == 12
    assert hash_of(store, "engine: {cache: null, block: 1, workers: 1}") == first
    assert hash_of(store, keep_pairs=True) == first
    assert [hash_of(store, "engine: {cache: {dir: kept}}") for _ in range(4)] == [first] * 4
    assert list((store.parent / "config" / "kept").glob("*.past"))  # the last ones did use what was kept
    edit(store, lambda table: table)  # other row groups, other bytes, another time
    assert hash_of(store) == first
    edit(store, lambda table: table.take(np.random.default_rng(1).permutation(len(table))))
    assert hash_of(store) == first


@pytest.mark.parametrize(
    ("column", "hours"),
    [
        ("actual", 10),
        ("actual", 200),
        ("predicted", 10),
        ("predicted", 200),
        ("lower", 10),
        ("f03", 10),
        ("f03", 200),
    ],
)
def test_any_datum_that_changes_changes_it(store: Path, column: str, hours: int) -> None:
    before = hash_of(store)
    edit(store, one_more(column, hours))
    assert hash_of(store) != before


def test_an_hour_after_the_slot_does_not_count(store: Path) -> None:
    before = hash_of(store)
    edit(store, one_more("actual", 0))
    assert hash_of(store) == before
