"""Each example of docs/feature-store.md is parsed, and reads tables of the form that it describes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from drift.config import Config, parse_config
from drift.domain import Window
from drift.stores import open_store
from drift.tables import Tables

Write = Callable[..., Path]
DOC = Path(__file__).resolve().parents[3] / "docs" / "feature-store.md"
START = datetime(2021, 6, 1, tzinfo=UTC)
CITIES = ["Pune", "Ooty"]


def blocks() -> list[str]:
    parts = DOC.read_text(encoding="utf-8").split("```")
    return [part.removeprefix("yaml\n") for part in parts if part.startswith("yaml\n")]


def config(number: int, base: Path, **replaced: str) -> Config:
    text = blocks()[number]
    for old, new in replaced.items():
        text = text.replace(old.replace("_", "://"), new)
    return parse_config(yaml.safe_load(text), base=base)


def times(step: timedelta, count: int, first: datetime = START) -> pa.Array:
    moments = [first + i * step for i in range(count) for _ in CITIES]
    return pa.array(moments, pa.timestamp("us", "UTC"))


def values(count: int) -> list[float]:
    return [float(i) for i in range(count * len(CITIES))]


def read(config: Config, length: timedelta) -> Tables:
    return open_store(config).read(Window(START, START + length), ["Pune"])


def test_there_are_three_examples() -> None:
    assert len(blocks()) == 3


def test_one_file(write: Write, tmp_path: Path) -> None:
    hour = timedelta(hours=1)
    columns: dict[str, Any] = {"zone": CITIES * 4, "timestamp": times(hour, 4), "quality_flag": ["ok"] * 8}
    write("data/load.parquet", {**columns, "forecast": values(4), "actual": values(4)})
    tables = read(config(0, tmp_path), 2 * hour)
    assert tables.predictions["predicted"].to_pylist() == [2.0, 4.0]  # 1:00 and 2:00 mark the ends
    assert tables.predictions["model_version"].to_pylist() == ["day-ahead"] * 2
    assert tables.actuals["target_time"].to_pylist() == [START, START + hour]


def test_folders_versions_local_time_and_revisions(write: Write, tmp_path: Path) -> None:
    quarter = timedelta(minutes=15)
    keys: dict[str, Any] = {"utility": CITIES * 4, "target_time": times(quarter, 4)}
    local = times(quarter, 4, START + timedelta(hours=2)).cast(pa.timestamp("us"))
    for model in ("v1", "v2"):
        made = {"model": [model] * 8, "made_at": times(timedelta(0), 4)}
        write(
            f"warehouse/predictions/{model}.parquet",
            {**keys, **made, "predicted": values(4), "p10": values(4), "p90": values(4)},
        )
    meters = {"utility": CITIES * 4, "local_time": local, "known_at": local, "load_kw": list(range(8))}
    write("warehouse/meters/2021/06.parquet", meters)
    write("warehouse/weather/x.parquet", {**keys, "t2m": values(4), "wind": values(4), "rain": values(4)})
    tables = read(config(1, tmp_path), 2 * quarter)
    assert tables.predictions.schema.names == [
        *("city", "model_version", "target_time", "issue_time", "predicted", "lower", "upper")
    ]
    assert tables.predictions["model_version"].to_pylist() == ["v1", "v1", "v2", "v2"]
    assert tables.actuals["target_time"].to_pylist() == [START, START + quarter]
    assert tables.actuals["available_time"].to_pylist() == [START, START + quarter]
    assert tables.features is not None
    assert tables.features.schema.names == ["city", "target_time", "temperature", "wind"]


def test_object_storage_and_globs(write: Write, tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    hour = timedelta(hours=1)
    keys: dict[str, Any] = {"city": CITIES * 4, "ts": times(hour, 4)}
    tables = {
        "predictions/day=1/part-0.parquet": {**keys, "model_version": ["v1"] * 8, "yhat": values(4)},
        "actuals/2021/x.parquet": {**keys, "y": values(4)},
        "weather.parquet": {**keys, "temperature": values(4)},
    }
    memory = fsspec.filesystem("memory")
    for name, columns in tables.items():
        memory.pipe(f"{tmp_path}/{name}", write(name, columns).read_bytes())
    found = read(config(2, tmp_path, s3_energy=f"memory://{tmp_path}"), 2 * hour)
    assert found.predictions["predicted"].to_pylist() == [0.0, 2.0]
    assert found.actuals["actual"].to_pylist() == [0.0, 2.0]
    assert found.features is not None
    assert found.features["temperature"].to_pylist() == [0.0, 2.0]
