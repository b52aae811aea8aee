"""Runs found again in a real SQLite tracking store, and a server that does not answer."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest

from drift.comparison import RunLink, RunLinks
from drift.config import Config, parse_config
from drift.domain import Run, Window
from drift.errors import SinkError
from drift.sinks.mlflow import MlflowSink
from drift.sinks.mlflow_runs import _compare, find_runs, search

# MLflow 3.17 uses a loader of SQLAlchemy that 2.1 deprecates; it does so when it first opens a store.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

DAY = datetime(2020, 4, 10, tzinfo=UTC)
HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
QUOTED = "it's \"v`2\\"


def config_in(folder: Path, **mlflow: str) -> Config:
    content = {"store": {"predictions": {"path": "a"}, "actuals": {"path": "b"}}, "mlflow": mlflow}
    return parse_config(content, base=folder)


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Run]) -> Config:
    """Three days of two versions, one of a name that MLflow's filters can't hold."""
    config = config_in(tmp_path_factory.mktemp("mlflow"))
    assert config.mlflow is not None
    sink = MlflowSink(config, config.mlflow)
    for day in range(3):
        sink.publish(make_run(slot=DAY + timedelta(days=day) + 5 * HOUR, versions=("v1", QUOTED)))
    return config


def found(config: Config, versions: tuple[str, ...], window: Window) -> RunLinks:
    begun = search(config, versions, window)
    assert begun is not None
    return begun.found(60)


def test_the_runs_of_both_versions_come_latest_first(logged: Config) -> None:
    runs = found(logged, ("v1", QUOTED), Window(DAY, DAY + WEEK)).runs
    assert [run.model_version for run in runs] == ["v1"] * 3 + [QUOTED] * 3
    assert [run.first_slot for run in runs[:3]] == [f"2020-04-{day}T05:00:00Z" for day in (12, 11, 10)]
    assert all(run.link == f"runs:/{run.run_id}" for run in runs)


def test_runs_of_other_days_are_left_out(logged: Config) -> None:
    runs = found(logged, ("v1",), Window(DAY + timedelta(days=1, hours=7), DAY + timedelta(days=2))).runs
    assert [run.first_slot for run in runs] == ["2020-04-11T05:00:00Z"]
    assert found(logged, ("v1", "v9"), Window(DAY + WEEK, DAY + 2 * WEEK)) == RunLinks()


def test_to_look_for_runs_makes_no_database_and_no_experiment(tmp_path: Path, logged: Config) -> None:
    assert found(config_in(tmp_path), ("v1",), Window(DAY, DAY + WEEK)) == RunLinks()
    assert list(tmp_path.iterdir()) == []
    assert find_runs(logged.tracking_url(), "another", ("v1",), Window(DAY, DAY + WEEK)) == RunLinks()


def test_without_mlflow_there_is_nothing_to_look_for(logged: Config) -> None:
    assert search(logged.model_copy(update={"mlflow": None}), ("v1",), Window(DAY, DAY + WEEK)) is None


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("nothing of the kind, and long enough to be looked at" * 9)
    with pytest.raises(SinkError, match=r"see that mlflow\.tracking_uri is right"):
        found(config_in(tmp_path), ("v1",), Window(DAY, DAY + WEEK))


def test_a_server_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://bob:secret@127.0.0.1:{silent.getsockname()[1]}"
        begun = search(config_in(tmp_path, tracking_uri=uri), ("v1",), Window(DAY, DAY + WEEK))
        assert begun is not None
        start = time.perf_counter()
        with pytest.raises(SinkError, match=r"no answer within 0\.2 s") as error:
            begun.found(0.2)
        assert time.perf_counter() - start < 5
        assert "secret" not in str(error.value)


def test_a_server_has_a_page_that_compares_the_latest_of_each() -> None:
    runs = [
        RunLink("v1", "new", "", "", ""),
        RunLink("v1", "old", "", "", ""),
        RunLink("v2", "x", "", "", ""),
    ]
    page = _compare("https://mlflow.example/", "4", runs)
    assert page is not None
    assert page.startswith("https://mlflow.example/#/compare-runs?runs=%5B%22")
    assert json.loads(unquote(page.partition("runs=")[2].partition("&")[0])) == [
        "new",
        "x",
    ]  # as they were asked for
    assert _compare("https://mlflow.example", "4", runs[:2]) is None
    assert _compare("sqlite:///mlflow.db", "4", runs) is None
