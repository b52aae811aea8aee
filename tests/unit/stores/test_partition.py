"""Which cities can be read apart: as many at once as the files' order makes cheap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drift.config import parse_config
from drift.stores import open_store

CITIES = [f"city-{i:02d}" for i in range(16)]


def store(folder, order: str):
    """Sixteen cities × 48 hours in row groups of two cities, or of six hours."""
    hours = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=h) for h in range(48)]
    rows = [(city, hour) for city in CITIES for hour in hours]
    if order == "by time":
        rows.sort(key=lambda row: row[1])
    table = pa.table(
        {
            "city": pa.array([r[0] for r in rows]),
            "model_version": pa.array(["v1"] * len(rows)),
            "target_time": pa.array([r[1] for r in rows], pa.timestamp("us", "UTC")),
            "predicted": np.arange(len(rows), dtype=np.float32),
            "actual": np.arange(len(rows), dtype=np.float64),
        }
    )
    pq.write_table(table, folder / "t.parquet", row_group_size=96)
    both = {"path": "t.parquet"}
    return open_store(parse_config({"store": {"predictions": both, "actuals": both}}, folder))


@pytest.mark.parametrize(
    ("order", "size", "blocks"),
    [
        ("by city", 2, 8),  # two cities a row group: nothing is read twice
        ("by city", 4, 4),
        ("by city", 1, 8),  # each row group would be read twice: blocks of two
        ("by time", 2, 1),  # every row group holds every city: all at once
    ],
)
def test_blocks_are_as_small_as_the_layout_allows(tmp_path, order, size, blocks):
    found = store(tmp_path, order).partition(CITIES, size)
    assert len(found) == blocks
    assert [city for block in found for city in block] == CITIES


def test_values_of_32_bits_stay_so_where_all_files_have_them(tmp_path):
    made = store(tmp_path, "by city")
    tables = made.read(made.span())
    assert tables.predictions.schema.field("predicted").type == pa.float32()
    assert tables.actuals.schema.field("actual").type == pa.float64()
