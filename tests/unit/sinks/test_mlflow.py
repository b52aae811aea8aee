"""Against a real SQLite tracking store. It is made once and copied, since MLflow takes seconds to make one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drift.config import parse_config
from drift.document import config_hash
from drift.domain import Run
from drift.errors import SinkError
from drift.sinks.mlflow import MlflowSink

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

# MLflow 3.17 uses a loader of SQLAlchemy that 2.1 deprecates; it does so when it first opens a store.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

DAY = datetime(2020, 4, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
MakeRun = Callable[..., Run]


def sink_in(folder: Path, **mlflow: str) -> MlflowSink:
    content = {
        "store": {"predictions": {"path": "a"}, "actuals": {"path": "b"}},
        "mlflow": mlflow,
        "windows": {"current": "28d"},
        "accuracy": {"bands": ["24h", "36h"]},
    }
    config = parse_config(content, base=folder)
    assert config.mlflow is not None
    return MlflowSink(config, config.mlflow)


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mlflow")
    from mlflow import MlflowClient

    MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db").search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def folder(tmp_path: Path, empty_store: Path) -> Path:
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture
def client(folder: Path) -> MlflowClient:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")


def runs_of(client: MlflowClient, where: str = "") -> list[MlflowRun]:
    experiment = client.get_experiment_by_name("drift")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], where, order_by=["tags.`drift.model_version` ASC"])
    return list(found)


def test_a_run_is_a_model_version_and_a_day(folder: Path, client: MlflowClient, make_run: MakeRun) -> None:
    sink = sink_in(folder)
    links = sink.publish(make_run(slot=DAY + 5 * HOUR))
    sink.publish(make_run(slot=DAY + 23 * HOUR))
    sink.publish(make_run(slot=DAY + 24 * HOUR, versions=("v1",)))
    found = runs_of(client)
    assert [(r.data.tags["drift.model_version"], r.data.tags["drift.day"]) for r in found] == [
        ("v1", "2020-04-11"),
        ("v1", "2020-04-10"),
        ("v2", "2020-04-10"),
    ]
    assert [run.info.run_name for run in found] == ["v1 2020-04-11", "v1 2020-04-10", "v2 2020-04-10"]
    assert {run.info.status for run in found} == {"FINISHED"}
    assert links == {
        "mlflow v1": f"runs:/{found[1].info.run_id}",
        "mlflow v2": f"runs:/{found[2].info.run_id}",
    }
    tags = found[1].data.tags
    assert tags["drift.first_slot"] == "2020-04-10T05:00:00Z"
    assert tags["drift.last_slot"] == "2020-04-10T23:00:00Z"


def test_values_are_read_back_with_their_slot(folder: Path, client: MlflowClient, make_run: MakeRun) -> None:
    run = make_run(slot=DAY + 5.5 * HOUR)
    sink_in(folder).publish(run)
    logged = runs_of(client)[0]
    values = logged.data.metrics
    assert values["mape"] == 0.02
    assert values["per-city/SCL/accuracy"] == 0.03
    assert values["per-horizon/24h-30h/mape"] == 0.14
    assert (values["worst-city/accuracy"], values["worst-city/mape"]) == (0.03, 0.06)
    assert values["worst-city-drift/temperature/ks"] == 0.08
    assert (values["alerts/firing"], values["alerts/pending"]) == (1, 0)
    assert values["undefined"] == 2
    assert "accuracy" not in values
    assert len(values) == 7 + 2 + 4 + 2 + 1
    point = client.get_metric_history(logged.info.run_id, "mape")[0]
    assert (point.step, point.timestamp) == (330, run.slot.timestamp() * 1000)


@pytest.mark.parametrize(
    ("cities", "own"),
    [
        ("none", set()),
        ("metrics", {"per-city/SCL/accuracy", "per-city/PJM/mape"}),
        ("all", {"per-city/SCL/accuracy", "per-city/PJM/mape", "per-city-drift/PJM/temperature/ks"}),
    ],
)
def test_the_config_says_what_of_each_city_is_a_metric(
    cities: str, own: set[str], folder: Path, client: MlflowClient, make_run: MakeRun
) -> None:
    sink_in(folder, cities=cities).publish(make_run())
    values = runs_of(client)[0].data.metrics
    interesting = {"per-city/SCL/accuracy", "per-city/PJM/mape", "per-city-drift/PJM/temperature/ks"}
    assert interesting & set(values) == own
    assert values["worst-city-drift/temperature/ks"] == 0.08  # whatever cities are shown
    assert values["undefined"] == 2


def test_the_compare_page_begins_with_a_pooled_figure(
    folder: Path, client: MlflowClient, make_run: MakeRun
) -> None:
    """It shows the first metric that the store gives, which is the first that was logged."""
    sink_in(folder).publish(make_run())
    assert next(iter(runs_of(client)[0].data.metrics)) == "mape"


def test_of_slots_out_of_order_the_latest_has_the_tags_and_the_files(
    folder: Path, client: MlflowClient, make_run: MakeRun
) -> None:
    quiet_run = {"alerts": (), "transitions": ()}
    sink_in(folder).publish(make_run(slot=DAY + 9 * HOUR, data_hash="late", **quiet_run))
    sink_in(folder).publish(make_run(slot=DAY + 3 * HOUR, data_hash="early"))
    run = runs_of(client)[0]
    tags = run.data.tags
    assert (tags["drift.first_slot"], tags["drift.last_slot"]) == (
        "2020-04-10T03:00:00Z",
        "2020-04-10T09:00:00Z",
    )
    assert (tags["drift.state"], tags["drift.data_hash"]) == ("ok", "late")
    alerts = json.loads((folder / "mlartifacts" / run.info.run_id / "artifacts" / "alerts.json").read_text())
    assert alerts["slot"] == "2020-04-10T09:00:00Z"
    assert len(client.get_metric_history(run.info.run_id, "mape")) == 2


def test_the_data_and_the_state_can_be_searched_for(
    folder: Path, client: MlflowClient, make_run: MakeRun
) -> None:
    sink_in(folder).publish(make_run(data_hash="0123456789ab"))
    found = runs_of(client, "tags.`drift.data_hash` = '0123456789ab' and tags.`drift.state` = 'firing'")
    assert [run.data.tags["drift.model_version"] for run in found] == ["v1"]


def test_the_same_slot_again_logs_nothing_twice(
    folder: Path, client: MlflowClient, make_run: MakeRun
) -> None:
    for slot in (DAY, DAY + HOUR, DAY):
        sink_in(folder).publish(make_run(slot=slot))  # a new sink each: a process that started again
    runs = runs_of(client)
    assert len(runs) == 2
    for key in runs[0].data.metrics:
        steps = [point.step for point in client.get_metric_history(runs[0].info.run_id, key)]
        assert sorted(steps) == [0, 60], key


def test_of_a_slot_published_with_other_values_the_first_stand(
    folder: Path, client: MlflowClient, make_run: MakeRun
) -> None:
    run = make_run()
    revised = replace(run, panels=tuple(replace(panel, value=panel.value * 2) for panel in run.panels))
    for each in (run, revised):
        sink_in(folder).publish(each)
    points = client.get_metric_history(runs_of(client)[0].info.run_id, "mape")
    assert [point.value for point in points] == [0.02]


def test_a_slot_that_broke_off_is_completed(
    folder: Path, client: MlflowClient, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient as Client

    log_batch = Client.log_batch

    def breaks_off(self: Client, run_id: str, **given: Any) -> None:
        if [metric.key for metric in given["metrics"]] == ["undefined"]:
            raise ConnectionResetError("the server went away")
        log_batch(self, run_id, **given)

    with monkeypatch.context() as patch:
        patch.setattr(Client, "log_batch", breaks_off)
        with pytest.raises(SinkError, match=r"the server went away; see that mlflow\.tracking_uri is right"):
            sink_in(folder).publish(make_run())
    sink_in(folder).publish(make_run())
    run = runs_of(client)[0]
    assert run.data.metrics["undefined"] == 2
    assert [point.value for point in client.get_metric_history(run.info.run_id, "mape")] == [0.02]


def test_params_say_what_decides_the_figures(folder: Path, client: MlflowClient, make_run: MakeRun) -> None:
    sink_in(folder).publish(make_run())
    for version, run in zip(("v1", "v2"), runs_of(client), strict=True):
        params = run.data.params
        assert params["model_version"] == version
        assert params["windows.current"] == "28d"
        assert params["accuracy.tolerance"] == "0.1"
        assert params["accuracy.floor"] == "auto"
        assert params["accuracy.bands"] == "24h, 36h"
        assert params["statistics.bins"] == "10"
        assert params["unit"] == "MW"
        assert params["config_hash"] == run.data.tags["drift.config_hash"]


def test_a_config_that_changes_within_a_day_is_told_by_the_tag(
    folder: Path, client: MlflowClient, make_run: MakeRun
) -> None:
    sink_in(folder).publish(make_run())
    content = {"store": {"predictions": {"path": "a"}, "actuals": {"path": "b"}}, "mlflow": {}}
    changed = parse_config(content, base=folder)
    assert changed.mlflow is not None
    MlflowSink(changed, changed.mlflow).publish(make_run(slot=DAY + HOUR))
    run = runs_of(client)[0]
    assert run.data.params["windows.current"] == "28d"
    assert run.data.tags["drift.config_hash"] == config_hash(changed) != run.data.params["config_hash"]


def test_two_versions_compare_in_one_experiment(
    folder: Path, client: MlflowClient, make_run: MakeRun
) -> None:
    sink_in(folder).publish(make_run())
    better = runs_of(client, "metrics.mape < 0.05 and tags.`drift.day` = '2020-04-10'")
    assert [run.data.tags["drift.model_version"] for run in better] == ["v1"]


def test_the_alerts_and_the_report_are_artifacts(
    folder: Path, client: MlflowClient, make_run: MakeRun
) -> None:
    (folder / "fleet.html").write_text("<title>fleet</title>")
    sink_in(folder).publish(make_run(links={"report": str(folder / "fleet.html")}))
    mine, other = runs_of(client)
    kept = folder / "mlartifacts" / mine.info.run_id / "artifacts"
    assert (kept / "report" / "fleet.html").read_text() == "<title>fleet</title>"
    alerts = json.loads((kept / "alerts.json").read_text())
    assert [alert["city"] for alert in alerts["alerts"]] == ["SCL"]
    assert [change["to"] for change in alerts["transitions"]] == ["firing"]
    others = json.loads(
        (folder / "mlartifacts" / other.info.run_id / "artifacts" / "alerts.json").read_text()
    )
    assert others == {"slot": "2020-04-10T00:00:00Z", "alerts": [], "transitions": []}


def test_a_report_that_is_not_there_is_named(folder: Path, make_run: MakeRun) -> None:
    with pytest.raises(SinkError, match=r"No such file or directory: '/nowhere/fleet\.html'"):
        sink_in(folder).publish(make_run(links={"report": "/nowhere/fleet.html"}))


def test_more_metrics_than_a_batch_holds_are_all_logged(
    folder: Path, client: MlflowClient, make_run: MakeRun
) -> None:
    run = make_run(cities=[f"city {i}" for i in range(400)], versions=("v1",))
    sink_in(folder, cities="all").publish(run)
    assert len(runs_of(client)[0].data.metrics) == len(list(run.measurements())) - 2 + 1 + 2 + 2 + 4 > 2000


def test_hostile_names_are_logged_apart(folder: Path, client: MlflowClient, make_run: MakeRun) -> None:
    versions = ["v'1", 'v"1', "v'1\" OR ''='", "../v", "v\n1", "", "<b>1</b>", "\u202e1v", "v" * 1000]
    cities = ["a/b", "a:2f:b", "..", "", "\x00", "x" * 400, "x" * 401, "' OR 1=1"]
    run = make_run(cities=cities, versions=versions)
    for _ in range(2):
        sink_in(folder, cities="all").publish(run)
    runs = runs_of(client)
    assert sorted(run.data.tags.get("drift.model_version", "") for run in runs) == sorted(versions)
    whole = 2 * 10 + 4 * 8 + 2 + 4 + 2 + 1  # of all, worst, alerts, undefined
    assert {len(run.data.metrics) for run in runs} == {whole, whole - 2}
    assert all(run.info.run_name.isprintable() and len(run.info.run_name) < 100 for run in runs)


def test_a_deleted_experiment_is_named(folder: Path, client: MlflowClient, make_run: MakeRun) -> None:
    client.delete_experiment(client.create_experiment("drift"))
    with pytest.raises(
        SinkError, match=r"'drift' is deleted: restore it with `mlflow experiments restore -x 1`"
    ):
        sink_in(folder).publish(make_run())


def test_a_server_that_is_away_is_named_without_its_password(
    folder: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    sink = sink_in(folder, tracking_uri="http://bob:s3cret@127.0.0.1:9")
    with pytest.raises(
        SinkError, match=r"mlflow http://127\.0\.0\.1:9: .*; see that .* the server is up"
    ) as caught:
        sink.publish(make_run())
    assert "s3cret" not in str(caught.value)


def test_nothing_is_told_on_stderr_and_no_global_is_set(tmp_path: Path, repository: Path) -> None:
    code = """
import importlib.util, logging, os, sys
from pathlib import Path
logging.basicConfig(level="INFO")
spec = importlib.util.spec_from_file_location("made", sys.argv[1])
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
from drift.config import parse_config
from drift.sinks import open_sinks
content = {"store": {"predictions": {"path": "a"}, "actuals": {"path": "b"}}, "mlflow": {}, "history": None}
(sink,) = open_sinks(parse_config(content, Path(sys.argv[2])))
assert "mlflow" not in sys.modules
before = dict(os.environ)
sink.publish(made._run())
import mlflow
assert mlflow.active_run() is None
assert not mlflow.get_tracking_uri().endswith(sys.argv[2] + "/mlflow.db")
print(sorted(name for name in set(os.environ) - set(before) if name.startswith('MLFLOW')))
"""
    made = repository / "tests" / "unit" / "sinks" / "conftest.py"
    cwd = tmp_path / "elsewhere"
    cwd.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, made, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(repository)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout
        == "['MLFLOW_DISABLE_TELEMETRY', 'MLFLOW_HTTP_REQUEST_MAX_RETRIES', 'MLFLOW_HTTP_REQUEST_TIMEOUT', "
        "'MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT']\n"
    )
    assert list(cwd.iterdir()) == []  # nothing is written where drift happens to be started
