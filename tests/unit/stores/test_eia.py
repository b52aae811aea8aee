"""The real table of EIA is read as it is: one file for both tables, hour-ending, columns of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from drift.config import parse_config
from drift.domain import Window
from drift.stores import open_store
from drift.stores.base import Store

pytestmark = pytest.mark.data

ZONES = ("EPE", "ERCO", "JEA", "LDWP", "SCL", "TAL", "TEC", "TPWR")
KEYS = {"city": "zone", "target_time": "timestamp"}


@pytest.fixture(scope="module")
def sample() -> Path:
    folder = Path(__file__).resolve().parents[3].parent / "shared" / "data"
    file = folder / "eia930_dev_sample.parquet"
    if not file.is_file():
        pytest.skip("the real data (../shared/data/eia930_dev_sample.parquet) is not here")
    return file


@pytest.fixture(scope="module")
def store(sample: Path) -> Store:
    table = {"path": f"../data/{sample.name}", "marks": "end"}
    content = {
        "predictions": {**table, "columns": {**KEYS, "predicted": "forecast"}, "model_version": "day-ahead"},
        "actuals": {**table, "columns": {**KEYS, "actual": "actual"}},
    }
    return open_store(parse_config({"store": content}, base=sample.parent))


def test_cities_span_and_interval(store: Store) -> None:
    assert store.cities() == ZONES
    assert store.interval() == timedelta(hours=1)
    assert store.span() == Window(
        datetime(2019, 6, 30, 23, tzinfo=UTC), datetime(2020, 9, 30, 23, tzinfo=UTC)
    )


@pytest.mark.parametrize("cities", [None, ("SCL", "ERCO")])
def test_rows_are_those_that_pandas_reads(store: Store, sample: Path, cities: tuple[str, ...] | None) -> None:
    window = Window(datetime(2020, 3, 13, tzinfo=UTC), datetime(2020, 4, 10, tzinfo=UTC))
    tables = store.read(window, cities)
    plain = pd.read_parquet(sample)
    plain["target_time"] = plain["timestamp"] - pd.Timedelta("1h")
    plain = plain[(plain["target_time"] >= window.start) & (plain["target_time"] < window.end)]
    plain = plain[plain["zone"].isin(cities or ZONES)].sort_values(["zone", "target_time"])
    assert len(plain) == 28 * 24 * len(cities or ZONES)
    for table, ours, theirs in (
        (tables.predictions, "predicted", "forecast"),
        (tables.actuals, "actual", "actual"),
    ):
        found = table.to_pandas().sort_values(["city", "target_time"])
        assert found["city"].tolist() == plain["zone"].tolist()
        assert (found["target_time"].to_numpy() == plain["target_time"].to_numpy()).all()
        pd.testing.assert_series_equal(
            found[ours].reset_index(drop=True), plain[theirs].reset_index(drop=True), check_names=False
        )
    assert tables.skipped == ()
