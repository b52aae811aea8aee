from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from drift.config import parse_config
from drift.errors import ConfigError
from drift.stores import STORES, open_store
from drift.stores.base import Store
from drift.stores.parquet import ParquetStore


def open_kind(kind: str) -> Store:
    tables = {"predictions": {"path": "p"}, "actuals": {"path": "a"}}
    return open_store(parse_config({"store": {"kind": kind, **tables}}, base=Path()))


def test_the_table_has_parquet() -> None:
    assert STORES["parquet"] is ParquetStore
    assert isinstance(open_kind("parquet"), ParquetStore)


def test_an_unknown_kind_says_which_is_near() -> None:
    with pytest.raises(ConfigError) as error:
        open_kind("parquett")
    assert str(error.value) == "store.kind: 'parquett' is unknown; did you mean `parquet`?"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a package with a store on the path, as an installer would."""

    def make(code: str) -> None:
        (tmp_path / "lake_store.py").write_text(code)
        about = tmp_path / "lake_store-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lake-store\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[drift.stores]\nlake = lake_store:LakeStore\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "lake_store", raising=False)
        importlib.invalidate_caches()

    return make


def test_a_package_brings_a_store_by_entry_point(installed: Callable[[str], None]) -> None:
    installed("class LakeStore:\n    def __init__(self, config):\n        self.kind = config.store.kind\n")
    store = open_kind("lake")
    assert type(store).__name__ == "LakeStore"
    assert vars(store) == {"kind": "lake"}
    with pytest.raises(ConfigError, match=r"'lak' is unknown; did you mean `lake`\?"):
        open_kind("lak")


def test_a_package_that_does_not_load_is_named(installed: Callable[[str], None]) -> None:
    installed("raise RuntimeError('no licence')\n")
    with pytest.raises(
        ConfigError,
        match=r"the package lake-store adds 'lake_store:LakeStore' to drift\.stores, and it cannot be loaded "
        r"\(RuntimeError: no licence\): mend or uninstall it",
    ):
        open_kind("lake")
