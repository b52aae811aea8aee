"""Against a real `mlflow server` on loopback, with SQLite behind it: what is logged is found, once, and whole."""

from __future__ import annotations

import csv
import json
import runpy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.tracking_server import tracking_server
from drift.config import parse_config
from drift.domain import Run, Window
from drift.errors import SinkError
from drift.sinks import open_sinks
from drift.sinks.base import Sink
from drift.sinks.mlflow_runs import find_runs

pytestmark = pytest.mark.slow

DAY, HOUR = datetime(2020, 4, 10, tzinfo=UTC), timedelta(hours=1)
MODEL = "load forecast"
HOSTILE = "<img src=x onerror=alert(1)>'\"\n\u202e" + "v" * 1000
MAKE: Callable[..., Run] = runpy.run_path(
    str(Path(__file__).resolve().parent.parent / "unit" / "sinks" / "conftest.py")
)["_run"]


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """A machine that is busy is no server that hangs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "100")
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with tracking_server(tmp_path_factory.mktemp("server")) as uri:
        yield uri


@pytest.fixture(scope="module")
def client(server: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=server)


def sinks_of(server: str, experiment: str, **mlflow: str) -> tuple[Sink, ...]:
    where = {"tracking_uri": server, "experiment": experiment, "registered_model": MODEL, **mlflow}
    tables = {"predictions": {"path": "a"}, "actuals": {"path": "b"}}
    return open_sinks(parse_config({"store": tables, "mlflow": where, "history": None}, base=Path()))


def publish(server: str, experiment: str, run: Run) -> dict[str, str]:
    """As the monitor does: each sink sees the links of those before it."""
    links: dict[str, str] = {}
    for sink in sinks_of(server, experiment):
        links |= sink.publish(MAKE(**{**_fields(run), "links": links | dict(run.links)}))
    return links


def _fields(run: Run) -> dict[str, Any]:
    return {name: getattr(run, name) for name in Run.__dataclass_fields__}


def runs_of(
    client: Any, experiment: str, where: str = "", order: str = "attributes.start_time ASC"
) -> list[Any]:
    identity = client.get_experiment_by_name(experiment).experiment_id
    return list(client.search_runs([identity], where, order_by=[order]))


def test_a_slot_is_found_with_its_figures_words_and_files(
    server: str, client: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "index.html"
    page.write_text("<title>fleet</title>")
    run = MAKE(slot=DAY + 5 * HOUR, links={"report": str(page)}, data_hash="0123456789ab")
    links = publish(server, "whole", run)
    assert capsys.readouterr().out == ""  # where `--json` prints its one document
    (v1,) = runs_of(
        client, "whole", "tags.`drift.data_hash` = '0123456789ab' and tags.`drift.state` = 'firing'"
    )
    assert links["mlflow v1"] == f"{server}/#/experiments/{v1.info.experiment_id}/runs/{v1.info.run_id}"
    assert v1.data.params["windows.current"] == "24h"
    assert v1.data.metrics["per-city/SCL/mape"] == 0.04
    assert {a.path for a in client.list_artifacts(v1.info.run_id)} == {
        "alerts.json",
        "measurements.csv",
        "report",
    }
    kept = Path(client.download_artifacts(v1.info.run_id, "", str(tmp_path)))
    assert json.loads((kept / "alerts.json").read_text())["alerts"][0]["city"] == "SCL"
    assert (kept / "report" / "index.html").read_text() == "<title>fleet</title>"
    rows = list(csv.DictReader((kept / "measurements.csv").read_text().splitlines()))
    assert {row["model_version"] for row in rows} == {"v1"}


def test_versions_are_sorted_by_their_figures_and_a_rerun_adds_nothing(server: str, client: Any) -> None:
    for hour in (0, 1, 1):
        publish(server, "sorted", MAKE(slot=DAY + hour * HOUR))
    best = runs_of(client, "sorted", order="metrics.mape DESC")
    assert [run.data.tags["drift.model_version"] for run in best] == ["v2", "v1"]
    for run in best:
        for name in ("mape", "undefined", "worst-city/mape"):
            steps = [point.step for point in client.get_metric_history(run.info.run_id, name)]
            assert steps == [0, 60], name


def test_hostile_names_are_found_again(server: str, client: Any) -> None:
    run = MAKE(cities=[HOSTILE, "SCL"], versions=[HOSTILE, "v1"])
    for _ in range(2):
        publish(server, "hostile", run)
    found = {r.data.tags["drift.model_version"]: r for r in runs_of(client, "hostile")}
    assert set(found) == {HOSTILE, "v1"}
    assert all(len(name) <= 250 for r in found.values() for name in r.data.metrics)
    links = find_runs(server, "hostile", (HOSTILE, "v1"), Window(DAY - HOUR, DAY + HOUR))
    assert [link.model_version for link in links.runs] == [HOSTILE, "v1"]
    assert links.compare is not None


def test_a_slot_that_broke_off_is_completed(
    server: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    log_batch = MlflowClient.log_batch

    def breaks_off(self: MlflowClient, run_id: str, **given: Any) -> None:
        if [metric.key for metric in given["metrics"]] == ["undefined"]:
            raise ConnectionResetError("the server went away")
        log_batch(self, run_id, **given)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", breaks_off)
        with pytest.raises(SinkError, match="the server went away"):
            publish(server, "broken", MAKE(versions=("v1",)))
    publish(server, "broken", MAKE(versions=("v1",)))
    (run,) = runs_of(client, "broken")
    assert [point.value for point in client.get_metric_history(run.info.run_id, "mape")] == [0.02]
    assert run.info.status == "FINISHED"


def test_registered_versions_are_tagged_with_how_they_do(server: str, client: Any) -> None:
    publish(server, "registry", MAKE())  # the registry knows nothing yet, which is no failure
    client.create_registered_model(MODEL)
    client.create_model_version(MODEL, source="s3://models/load", tags={"drift.model_version": "v1"})
    client.create_model_version(MODEL, source="s3://models/load", tags={"drift.model_version": HOSTILE})
    links = publish(server, "registry", MAKE(versions=("v1", HOSTILE)))
    tags = client.get_model_version(MODEL, "1").tags
    assert (tags["drift.state"], tags["drift.as_of"]) == ("firing", "2020-04-10T00:00:00Z")
    assert links["mlflow v1"].endswith(tags["drift.run_id"])
    assert client.get_model_version(MODEL, "2").tags["drift.state"] == "ok"
    (found,) = client.search_model_versions("tags.`drift.state` = 'firing'")
    assert found.version == "1"
    checked = [sink.check() for sink in sinks_of(server, "registry")]
    assert checked[0] == "connected; experiment registry"
    assert "v1 → 1" in checked[1]
