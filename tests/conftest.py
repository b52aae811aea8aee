"""What every test can ask for: the repository, the real data beside it, and small made-up stores."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drift.cli import main

# a loaded machine is no reason to fail: how long an example takes is for the benchmarks
hypothesis.settings.register_profile("drift", deadline=None)
hypothesis.settings.load_profile("drift")

REPOSITORY = Path(__file__).resolve().parents[1]


REQUIRE_ALL = os.environ.get("DRIFT_REQUIRE_ALL") == "1"
"""Where the data, promtool, Chromium and PostgreSQL are all there, a test that skips is a test that is lost."""


REQUIRE_FEAST = os.environ.get("DRIFT_FEAST") == "1"
"""Feast pins what the other tests have newer, so it is only where `make feast` runs, and there it must be."""


def _may_skip(item: pytest.Item) -> bool:
    if item.get_closest_marker("feast") is not None:
        return not REQUIRE_FEAST
    return item.get_closest_marker("privilege") is not None


def _fail_instead(report: pytest.TestReport | pytest.CollectReport) -> None:
    if (REQUIRE_ALL or REQUIRE_FEAST) and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{reason}, and DRIFT_{'REQUIRE_ALL' if REQUIRE_ALL else 'FEAST'}=1 says that nothing may be missing here"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Turn a skip into a failure where everything must be there."""
    report = yield
    if not _may_skip(item):
        _fail_instead(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """The same for a module that skips itself."""
    report = yield
    _fail_instead(report)
    return report


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the project, which ships none of it."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data (../shared/data) is not here")
    return folder


@dataclass(frozen=True)
class Made:
    """A store of our own making, and the config that reads it."""

    folder: Path
    config: Path

    def write(self, name: str, **columns: object) -> None:
        """Write a table of the store anew."""
        pq.write_table(pa.table(columns), self.folder / "data" / f"{name}.parquet")

    def edit(self, old: str, new: str) -> Path:
        """Change the config's text; fails when the old text is not there."""
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))
        return self.config


MADE_CONFIG = """\
store:
  predictions: {path: data/predictions.parquet}
  actuals: {path: data/actuals.parquet}
  features: {path: data/features.parquet}
windows: {current: 24h, reference: 14d}
accuracy: {floor_window: 14d}
alerts:
  model_accuracy_drop: {metric: model_accuracy, threshold: 0.85, duration: 1h, severity: high}
"""
MADE_START = datetime(2026, 3, 1, tzinfo=UTC)
MADE_DAYS = 40


def make_store(folder: Path) -> Made:
    """Forty days of three cities and two model versions, hourly. From day 30 to day 32 v1 is a quarter too
    high in Surat; Delhi's actuals stop after day 35."""
    rng = np.random.default_rng(11)
    cities, hours = ["Delhi", "Pune", "Surat"], MADE_DAYS * 24
    t = np.arange(hours)
    times = [MADE_START + timedelta(hours=int(h)) for h in t]
    load = 100 * (1 + 0.3 * np.sin(2 * np.pi * t / 24)) * np.array([[8.0], [1.0], [2.0]])
    actual = load * rng.normal(1, 0.02, load.shape)
    v1, v2 = (actual * rng.normal(1, 0.04, load.shape) for _ in range(2))
    v1[2, 30 * 24 : 32 * 24] *= 1.25
    actual[0, 35 * 24 :] = np.nan
    made = Made(folder, folder / "drift.yaml")
    (folder / "data").mkdir()
    made.config.write_text(MADE_CONFIG)
    stamp = pa.array(times * 3, pa.timestamp("us", "UTC"))
    city = np.repeat(cities, hours)
    made.write("actuals", city=city, target_time=stamp, actual=pa.array(actual.ravel(), from_pandas=True))
    made.write(
        "predictions",
        city=np.concatenate([city, city]),
        model_version=np.repeat(["v1", "v2"], 3 * hours),
        target_time=pa.array(times * 6, pa.timestamp("us", "UTC")),
        predicted=np.concatenate([v1.ravel(), v2.ravel()]),
    )
    made.write("features", city=city, target_time=stamp, temperature=rng.normal(30, 3, 3 * hours))
    return made


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A store of one test's own."""
    return make_store(tmp_path)


@pytest.fixture(scope="session")
def making() -> Callable[[Path], Made]:
    """How such a store is made in a folder, for a module that needs one for all of its tests."""
    return make_store


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def drift(capsys, monkeypatch) -> Callable[..., Answer]:
    def call(*words: object) -> Answer:
        monkeypatch.setattr("sys.argv", ["drift", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capsys.readouterr()
        return Answer(int(stopped.value.code or 0), out, err)

    return call
