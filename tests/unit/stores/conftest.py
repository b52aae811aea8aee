from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drift.config import parse_config
from drift.stores import open_store
from drift.stores.base import Store


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a table of lists or Arrow arrays as a Parquet file below the test's folder."""

    def make(name: str, columns: dict[str, Any], **how: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path, **{"write_page_checksum": True, **how})
        return path

    return make


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Store]:
    """Opens a store whose config lies in the test's folder; predictions and actuals are `load` unless said."""

    def make(**store: Any) -> Store:
        given = {"predictions": {"path": "load", "model_version": "v1"}, "actuals": {"path": "load"}, **store}
        return open_store(parse_config({"store": given}, base=tmp_path))

    return make
