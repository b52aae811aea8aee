"""Registered versions tagged with how they do, in a real model registry (SQLite)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from drift.config import Config, parse_config
from drift.domain import Run
from drift.errors import ConfigError, SinkError
from drift.sinks import open_sinks
from drift.sinks.base import Sink

if TYPE_CHECKING:
    from mlflow import MlflowClient

# MLflow 3.17 uses a loader of SQLAlchemy that 2.1 deprecates; it does so when it first opens a store.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

DAY = datetime(2020, 4, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
MODEL = "load forecast"
MakeRun = Callable[..., Run]


def config_in(folder: Path, **mlflow: str) -> Config:
    tables = {"predictions": {"path": "a"}, "actuals": {"path": "b"}}
    named = {"registered_model": MODEL, **mlflow}
    return parse_config({"store": tables, "mlflow": named, "history": None}, base=folder)


def registry_in(folder: Path, **mlflow: str) -> Sink:
    tracking, registry = open_sinks(config_in(folder, **mlflow))
    assert (tracking.name, registry.name) == ("mlflow", "mlflow_registry")
    return registry


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three versions; the third says which label it has."""
    folder = tmp_path_factory.mktemp("registry")
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")
    client.create_registered_model(MODEL)
    for tags in ({}, {}, {"drift.model_version": "v2"}):
        client.create_model_version(MODEL, source=str(folder), tags=tags)
    return folder / "mlflow.db"


@pytest.fixture
def folder(tmp_path: Path, registered: Path) -> Path:
    shutil.copy(registered, tmp_path / "mlflow.db")
    return tmp_path


def tags(folder: Path, version: int) -> dict[str, str]:
    from mlflow import MlflowClient

    client: MlflowClient = MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")
    found: dict[str, str] = client.get_model_version(MODEL, str(version)).tags
    return {key: value for key, value in found.items() if key != "drift.model_version"}


def test_a_version_that_says_its_label_is_tagged_with_how_it_does(folder: Path, make_run: MakeRun) -> None:
    links = {"mlflow v2": "http://mlflow:5000/#/experiments/1/runs/abc"}
    assert registry_in(folder).publish(make_run(links=links)) == {}
    assert tags(folder, 3) == {
        "drift.state": "ok",
        "drift.accuracy": "0.0700",
        "drift.run_id": "abc",
        "drift.as_of": "2020-04-10T00:00:00Z",
    }
    assert tags(folder, 1) == tags(folder, 2) == {}


def test_a_label_made_of_the_number_is_known_too_and_a_tag_is_stronger(
    folder: Path, make_run: MakeRun
) -> None:
    registry_in(folder, version_label="v{version}").publish(make_run())
    assert tags(folder, 1)["drift.state"] == "firing"
    assert tags(folder, 1)["drift.accuracy"] == ""  # undefined in this run
    assert tags(folder, 2) == {}  # version 3 says that it is v2
    assert tags(folder, 3)["drift.state"] == "ok"


def test_a_later_slot_stands_and_an_earlier_one_changes_nothing(folder: Path, make_run: MakeRun) -> None:
    registry = registry_in(folder, version_label="v{version}")
    registry.publish(make_run(slot=DAY + HOUR, alerts=()))
    later = tags(folder, 1)
    registry.publish(make_run(slot=DAY))
    assert tags(folder, 1) == later
    registry.publish(make_run(slot=DAY + 2 * HOUR))
    assert tags(folder, 1)["drift.state"] == "firing"


@pytest.mark.parametrize("label", ["v'2", "<b>v2</b>", "\u202ev2", "v\n2", "v" * 1000])
def test_hostile_labels_are_linked(folder: Path, make_run: MakeRun, label: str) -> None:
    from mlflow import MlflowClient

    MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db").set_model_version_tag(
        MODEL, "1", "drift.model_version", label
    )
    registry_in(folder).publish(make_run(versions=(label,)))
    assert tags(folder, 1)["drift.state"] == "firing"


def test_what_the_registry_does_not_know_is_no_failure(folder: Path, make_run: MakeRun) -> None:
    registry_in(folder).publish(make_run(versions=("v9",)))
    unknown = registry_in(folder, registered_model="another")
    assert unknown.publish(make_run()) == {}
    assert unknown.check() == "the registry knows no versions of 'another': none is tagged until it does"


def test_doctor_says_which_versions_are_linked(folder: Path) -> None:
    assert registry_in(folder).check() == "load forecast: v2 → 3"
    assert registry_in(folder, version_label="v{version}").check() == "load forecast: v1 → 1, v2 → 3"


def test_doctor_says_that_nothing_is_linked(folder: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")
    client.delete_model_version_tag(MODEL, "3", "drift.model_version")
    assert registry_in(folder).check() == (
        "load forecast: 3 versions, none linked to a label of the predictions: give each a tag "
        "drift.model_version, or set mlflow.version_label"
    )


def test_a_registry_that_is_away_is_named_without_its_password(
    folder: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    registry = registry_in(folder, tracking_uri="http://bob:s3cret@127.0.0.1:9")
    with pytest.raises(
        SinkError, match=r"^mlflow_registry http://127\.0\.0\.1:9: .*the server is up"
    ) as caught:
        registry.publish(make_run())
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("mlflow", "said"),
    [
        ({"registered_model": "it's"}, "registered_model"),
        ({"version_label": "v2"}, "version_label"),
        ({"version_label": "v{version}{other}"}, "version_label"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(tmp_path: Path, mlflow: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config_in(tmp_path, **mlflow)


def test_a_label_without_a_model_is_refused(tmp_path: Path) -> None:
    content = {
        "store": {"predictions": {"path": "a"}, "actuals": {"path": "b"}},
        "mlflow": {"version_label": "v{version}"},
    }
    with pytest.raises(ConfigError, match="version_label says nothing without registered_model"):
        parse_config(content, base=tmp_path)
