"""The first command that anyone runs: the whole of it, on the real data in the box."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drift import load_config
from drift.state import State

pytestmark = [
    pytest.mark.slow,
    # MLflow's own store uses a loader strategy that SQLAlchemy 2.1 deprecates
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def shown(folder) -> tuple[int, str]:
    """`drift demo`, run once for all tests here: its exit code and what it printed."""
    import contextlib
    import io
    import sys

    from drift.cli import main

    out = io.StringIO()
    words, sys.argv = sys.argv, ["drift", "demo", "--dir", str(folder)]
    try:
        with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as stopped:
            main()
    finally:
        sys.argv = words
    return int(stopped.value.code or 0), out.getvalue()


def test_it_ends_in_a_table_of_all_cities_and_versions_and_what_to_open(shown):
    code, text = shown
    assert code == 0
    rows = re.findall(r"^(zone-\d\d)\s+(v\d)\s+\S", text, re.MULTILINE)
    assert len(set(rows)) == 40
    assert re.search(r"zone-10 +v1 +● firing +2 Jan", text)
    assert re.search(r"report +\S+index\.html", text)
    assert "serve -c" in text


@pytest.mark.usefixtures("shown")
def test_the_alerts_are_real_and_some_resolved(folder):
    config = load_config(folder / "drift.yaml")
    with State.open(config.database_url(config.state)) as state:
        statuses = {alert.key: alert.status.value for alert in state.alerts().values()}
        fired = {t.key for t in state.transitions() if t.after.value == "firing"}
    firing = {(key.city, key.model_version) for key, status in statuses.items() if status == "firing"}
    assert firing == {(None, "v1"), ("zone-10", "v1"), ("zone-10", "v2")}
    assert len(fired) > 30
    assert all(statuses[key] in ("firing", "resolved", "pending") for key in fired)


@pytest.mark.usefixtures("shown")
def test_the_doctor_has_no_doubt_of_it(folder, drift):
    checks = drift("doctor", "-c", folder / "drift.yaml", "--json").json["checks"]
    assert {check["name"] for check in checks} >= {"hours", "duplicates", "delay of actuals", "coverage"}
    doubtful = ("hours of", "hours that", "nights of", "time zone", "unit of", "duplicates of")
    assert [check["name"] for check in checks if check["name"].startswith(doubtful) or check["write"]] == []


@pytest.mark.usefixtures("shown")
def test_every_city_has_a_page_under_two_megabytes(folder):
    (latest, *_) = sorted((folder / "reports").iterdir(), reverse=True)
    pages = [*latest.glob("cities/*.html"), latest / "index.html"]
    assert len(pages) == 21
    assert max(page.stat().st_size for page in pages) < 2_000_000
    outside = re.compile(r"(src|href)=[\"']?(https?:)?//")
    assert not any(outside.search(page.read_text()) for page in pages)


@pytest.mark.usefixtures("shown")
def test_mlflow_has_a_run_a_version_with_steps_to_compare(folder):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    (experiment,) = [e for e in client.search_experiments() if e.name == "drift-demo"]
    runs = {run.data.params["model_version"]: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"v1", "v2"}
    assert runs["v2"].data.metrics["accuracy"] > runs["v1"].data.metrics["accuracy"]
    course = client.get_metric_history(runs["v1"].info.run_id, "per-city/zone-10/mape")
    assert len({point.step for point in course}) == 6
    assert [a.path for a in client.list_artifacts(runs["v1"].info.run_id)]


@pytest.mark.usefixtures("shown")
def test_a_second_time_changes_nothing_and_prints_the_runs_document(folder, drift):
    config = load_config(folder / "drift.yaml")
    with State.open(config.database_url(config.state)) as state:
        before = state.transitions()
        document = drift("demo", "--dir", folder, "--json").json
        assert state.transitions() == before
    assert document["slot"] == "2008-01-05T12:00:00Z"
    assert document["failures"] == []
    assert {m["model_version"] for m in document["measurements"]} == {"v1", "v2"}
