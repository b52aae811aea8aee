"""What every sink in the table, and the gauges, must hold, whatever kind it is."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from drift.config import Config, parse_config
from drift.domain import Failure, Panel, Run, Series, Window
from drift.errors import ConfigError, SinkError
from drift.sinks import SINKS, open_sinks
from drift.sinks.base import Sink
from drift.sinks.prometheus import PrometheusSink

# MLflow 3.17 uses a loader of SQLAlchemy that 2.1 deprecates; it does so when it first opens a store.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

DAY = datetime(2020, 4, 10, tzinfo=UTC)
HOSTILE = "a/../b\"\n'\\{}\x00\x1b"


def run_of(slot: datetime = DAY, city: str = "SCL", **changes: object) -> Run:
    series = (Series("v1"), Series("v1", city), Series(city, city, city))
    value = np.array([[[0.9, np.nan]]] * 3)
    reason = np.where(np.isnan(value), 1, 0).astype(np.uint8)
    ones = np.ones((3, 1))
    panel = Panel("metric", series, (None,), ("accuracy", "mape"), value, reason, ones.astype(np.int64), ones)
    window = Window(slot - timedelta(days=1), slot)
    fields = {
        "slot": slot,
        "current": window,
        "reference": window,
        "duration_s": 1.0,
        "panels": (panel,),
        "verdicts": (),
        "alerts": (),
        "transitions": (),
        "pair_counts": (),
        "failures": (Failure("read", city, HOSTILE),),
    }
    return Run(**{**fields, **changes})  # type: ignore[arg-type]


def config_in(folder: Path, **changes: object) -> Config:
    content = {"store": {"predictions": {"path": "a"}, "actuals": {"path": "b"}}, "mlflow": {}, **changes}
    return parse_config(content, base=folder)


def history(folder: Path) -> tuple[Sink, Callable[[], object]]:
    sink = SINKS["history"](config_in(folder))
    assert sink is not None
    return sink, lambda: {p: hashlib.sha256(p.read_bytes()).digest() for p in folder.rglob("*.parquet")}


def mlflow(folder: Path) -> tuple[Sink, Callable[[], object]]:
    from mlflow import MlflowClient

    sink = SINKS["mlflow"](config_in(folder))
    assert sink is not None

    def there() -> object:
        client = MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")
        runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
        points = {
            (run.info.run_id, key): [
                (p.step, p.value) for p in client.get_metric_history(run.info.run_id, key)
            ]
            for run in runs
            for key in run.data.metrics
        }
        return points, [(run.data.params, run.data.tags) for run in runs]

    return sink, there


def prometheus(folder: Path) -> tuple[Sink, Callable[[], object]]:
    del folder
    sink = PrometheusSink()
    return sink, sink.render


@pytest.fixture(scope="module", params=[history, mlflow, prometheus], ids=lambda made: made.__name__)
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Sink, Callable[[], object]]:
    """One sink of a kind for all tests here: each publishes slots of its own."""
    kind: Callable[[Path], tuple[Sink, Callable[[], object]]] = request.param
    return kind(tmp_path_factory.mktemp(kind.__name__))


def test_the_same_run_again_leaves_the_same_there(made: tuple[Sink, Callable[[], object]]) -> None:
    sink, there = made
    first = sink.publish(run_of())
    before = there()
    assert before
    assert sink.publish(run_of()) == first
    assert there() == before


def test_another_slot_changes_what_is_there(made: tuple[Sink, Callable[[], object]]) -> None:
    sink, there = made
    sink.publish(run_of())
    before = there()
    sink.publish(run_of(DAY + timedelta(hours=1), duration_s=2.0))
    assert there() != before


def test_hostile_names_are_published(made: tuple[Sink, Callable[[], object]]) -> None:
    sink, there = made
    links = sink.publish(run_of(DAY + timedelta(hours=2), HOSTILE))
    assert all(isinstance(text, str) for pair in links.items() for text in pair)
    assert there()


def test_a_run_that_measured_nothing_is_published(made: tuple[Sink, Callable[[], object]]) -> None:
    sink, _ = made
    sink.publish(run_of(DAY + timedelta(hours=3), panels=()))


def test_the_name_is_a_word(made: tuple[Sink, Callable[[], object]]) -> None:
    assert made[0].name in {"history", "mlflow", "prometheus"}


def test_the_config_says_which_sinks_there_are(tmp_path: Path) -> None:
    assert [sink.name for sink in open_sinks(config_in(tmp_path))] == ["history", "mlflow"]
    assert [sink.name for sink in open_sinks(config_in(tmp_path, mlflow=None))] == ["history"]
    assert open_sinks(config_in(tmp_path, mlflow=None, history=None)) == ()
    assert list(tmp_path.iterdir()) == []  # nothing is written before a run is


def install(folder: Path, name: str, target: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real installed distribution, as another package's author would make it."""
    about = folder / "foreign-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[drift.sinks]\n{name} = {target}\n")
    (folder / "foreign_sink.py").write_text(code)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "foreign_sink", raising=False)


def test_a_sink_from_another_package_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
class Sink:
    name = "kafka"
    def publish(self, run):
        return {"kafka": str(run.slot)}
def make(config):
    return Sink()
"""
    install(tmp_path, "kafka", "foreign_sink:make", code, monkeypatch)
    sinks = open_sinks(config_in(tmp_path, mlflow=None))
    assert [sink.name for sink in sinks] == ["history", "kafka"]
    assert sinks[1].publish(run_of()) == {"kafka": "2020-04-10 00:00:00+00:00"}


def test_a_sink_of_another_package_that_does_not_load_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "kafka", "foreign_sink:make", "import not_installed", monkeypatch)
    with pytest.raises(
        ConfigError,
        match=r"the package foreign adds 'foreign_sink:make' to drift\.sinks, .*: No module named",
    ):
        open_sinks(config_in(tmp_path))


def test_a_sink_of_another_package_cannot_take_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "mlflow", "foreign_sink:make", "", monkeypatch)
    with pytest.raises(
        ConfigError, match=r"the package foreign adds 'mlflow' to drift\.sinks, but .* drift itself"
    ):
        open_sinks(config_in(tmp_path))


def test_a_sink_that_fails_raises_its_own_error(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("in the way")
    (tmp_path / "mlflow.db").write_text("in the way")
    for sink in open_sinks(config_in(tmp_path)):
        with pytest.raises(SinkError, match=rf"^{sink.name}[: ]"):
            sink.publish(run_of())
