"""Runs in MLflow: one a model version and UTC day, so that two versions are two lines to compare.

The run is found by its tag `drift.key` (a digest of model version and day: the names themselves may hold
quotes that MLflow's filter language cannot), made once, and used by all slots of the day. A metric's step
is the slot's minute of the UTC day, so days and versions lie on one axis; its timestamp is the slot. The
metric `undefined` counts the measurements without a value. It is logged last and marks a slot as done: a
slot published again logs no point twice, and one that broke off is completed.

A client of our own is used, and no global of MLflow is set but three environment variables, where the user
has not set them: MLFLOW_DISABLE_TELEMETRY (a monitor does not call home; DO_NOT_TRACK=1 is not enough) and
MLFLOW_HTTP_REQUEST_MAX_RETRIES=2 and MLFLOW_HTTP_REQUEST_TIMEOUT=10 (a server that is away or hangs would
hold a slot up for minutes).
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from drift.config import Config, MlflowConfig, format_duration
from drift.document import alert_document, config_hash, to_json, transition_document
from drift.domain import Measurement, Run, iso
from drift.errors import SinkError
from drift.redact import UNSEEN, redact, redact_in
from drift.sinks.mlflow_names import metric_name
from drift.text import printable

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric
    from mlflow.entities import Run as MlflowRun

_BATCH = 1000
"""The most metrics that MLflow takes at once."""

_DONE = "undefined"
_PARAMS = ("windows", "accuracy", "statistics")
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


class MlflowSink:
    """Logs every run to the tracking store that the config names."""

    name = "mlflow"

    def __init__(self, config: Config, where: MlflowConfig) -> None:
        self._uri = config.tracking_url()
        self._experiment = where.experiment
        self._params = {"config_hash": config_hash(config), **_params(config)}
        self._opened: tuple[MlflowClient, str] | None = None

    def check(self) -> str:
        """Connect, and make the experiment when it is not there. Raises `SinkError` as `publish` does."""
        with _explained(self._uri), _quiet():
            self._opened = _open(self._uri, self._experiment)
        return f"connected; experiment {self._experiment}"

    def publish(self, run: Run) -> Mapping[str, str]:
        """Log each model version's measurements to its run of the day; gives links to the runs.

        Raises:
            SinkError: the tracking store does not take them; names it and the remedy.
        """
        versions = sorted({series.model_version for panel in run.panels for series in panel.series})
        with _explained(self._uri), _quiet():
            if self._opened is None:
                self._opened = _open(self._uri, self._experiment)
            client, experiment = self._opened
            return {
                f"mlflow {version}": self._link(experiment, self._log(client, experiment, run, version))
                for version in versions
            }

    def _log(self, client: MlflowClient, experiment: str, run: Run, version: str) -> str:
        """The id of the version's run of the day, with the slot in it."""
        there = self._run_of(client, experiment, run.slot, version)
        identity: str = there.info.run_id
        if not there.data.params:
            from mlflow.entities import Param

            params = {"model_version": version, **self._params}
            client.log_batch(identity, params=[Param(key, value) for key, value in params.items()])
        if not any(point.step == _step(run.slot) for point in client.get_metric_history(identity, _DONE)):
            _log_metrics(client, identity, run, version, self._tags(there, run.slot))
        _log_artifacts(client, identity, run, version)
        client.set_terminated(identity, "FINISHED", max(_milliseconds(run.slot), there.info.end_time or 0))
        return identity

    def _run_of(self, client: MlflowClient, experiment: str, slot: datetime, version: str) -> MlflowRun:
        """The run of the version and the slot's day; of two that raced each other, the first."""
        day = f"{slot.astimezone(UTC):%Y-%m-%d}"
        key = hashlib.sha256(f"{day} {version}".encode()).hexdigest()[:32]
        found = client.search_runs(
            [experiment], f"tags.`drift.key` = '{key}'", max_results=1, order_by=["attributes.start_time ASC"]
        )
        if found:
            return found[0]
        tags = {"drift.key": key, "drift.model_version": version, "drift.day": day}
        start = _milliseconds(slot)
        return client.create_run(experiment, start_time=start, tags=tags, run_name=f"{version} {day}")

    def _tags(self, there: MlflowRun, slot: datetime) -> dict[str, str]:
        """The range of slots with this one in it, and the config that it was measured by."""
        known, text = there.data.tags, iso(slot)
        return {
            "drift.first_slot": min(known.get("drift.first_slot", text), text),
            "drift.last_slot": max(known.get("drift.last_slot", text), text),
            "drift.config_hash": self._params["config_hash"],
        }

    def _link(self, experiment: str, identity: str) -> str:
        """Where a person finds the run: the server's page, or its id where there is no server."""
        if not self._uri.startswith(("http://", "https://")):
            return f"runs:/{identity}"
        server = redact(self._uri.partition("?")[0]).rstrip("/")
        return (
            f"runs:/{identity}"
            if server == UNSEEN
            else f"{server}/#/experiments/{experiment}/runs/{identity}"
        )


def _log_metrics(
    client: MlflowClient, identity: str, run: Run, version: str, tags: Mapping[str, str]
) -> None:
    from mlflow.entities import Metric, RunTag

    ours = [m for m in run.measurements() if m.series.model_version == version]
    at, step = _milliseconds(run.slot), _step(run.slot)
    points = list(_points(ours, at, step))
    for start in range(0, len(points), _BATCH):
        client.log_batch(identity, metrics=points[start : start + _BATCH])
    undefined = Metric(_DONE, float(len(ours) - len(points)), at, step)
    client.log_batch(identity, metrics=[undefined], tags=[RunTag(*tag) for tag in tags.items()])


def _points(measurements: list[Measurement], at: int, step: int) -> Iterator[Metric]:
    from mlflow.entities import Metric

    for m in measurements:
        if m.value is not None:
            yield Metric(metric_name(m.kind, m.name, m.series, m.column), m.value, at, step)


def _log_artifacts(client: MlflowClient, identity: str, run: Run, version: str) -> None:
    """The slot's alerts, and the fleet page when it was written; the day's last slot stands."""
    alerts = {
        "slot": iso(run.slot),
        "alerts": [alert_document(a) for a in run.alerts if a.key.model_version == version],
        "transitions": [transition_document(t) for t in run.transitions if t.key.model_version == version],
    }
    client.log_text(identity, to_json(alerts, indent=2), "alerts.json")
    report = run.links.get("report")
    if report is not None and "://" not in report:
        client.log_artifact(identity, report, "report")


def _open(uri: str, experiment: str) -> tuple[MlflowClient, str]:
    """A client, and the id of the experiment, made when it is not there."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    place = _artifacts_beside(uri)
    client = MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    if found is None:
        try:
            return client, client.create_experiment(experiment, artifact_location=place)
        except MlflowException:
            found = client.get_experiment_by_name(experiment)  # another process was first
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        raise SinkError(
            f"mlflow {redact(uri)}: the experiment {experiment!r} is deleted: restore it with `mlflow "
            f"experiments restore -x {found.experiment_id}`, or give another name in mlflow.experiment"
        )
    return client, found.experiment_id


def _artifacts_beside(uri: str) -> str | None:
    """For a SQLite file a folder beside it, whatever folder drift was started in; else the server's own."""
    if not uri.startswith("sqlite"):
        return None
    folder = Path(uri.partition(":///")[2].partition("?")[0].removeprefix("file:")).absolute().parent
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / "mlartifacts").as_uri()


def _params(config: Config) -> dict[str, str]:
    """What decides the figures, flat and as the config would write it: `windows.current` is `28d`."""
    flat = {"unit": config.store.unit}
    for section, keys in config.model_dump(include=set(_PARAMS)).items():
        flat |= {f"{section}.{key}": _param(value) for key, value in keys.items()}
    return flat


def _param(value: object) -> str:
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_param(item)}" for key, item in value.items())
    return ", ".join(map(_param, value)) if isinstance(value, tuple) else str(value)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _step(slot: datetime) -> int:
    """The slot's minute of its UTC day: cron knows no finer slots."""
    moment = slot.astimezone(UTC)
    return moment.hour * 60 + moment.minute


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow and Alembic from telling their progress on stderr; warnings and errors are still told.

    MLflow reads its environment and sets up its logger when it is imported, so that comes in between.
    """
    for variable, value in _ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    import mlflow  # noqa: F401 - see above

    with ExitStack() as restore:
        for name in ("mlflow", "alembic"):
            logger = logging.getLogger(name)
            restore.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.WARNING)
        yield


@contextmanager
def _explained(uri: str) -> Iterator[None]:
    """Turn what MLflow, its database and its network raise into a `SinkError` with the remedy."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise _failed(uri, error) from error
    except Exception as error:
        from mlflow.exceptions import MlflowException

        if not isinstance(error, MlflowException):
            raise
        raise _failed(uri, error) from error


def _failed(uri: str, error: Exception) -> SinkError:
    lines = redact_in(str(error), uri).strip().splitlines() or [type(error).__name__]
    return SinkError(
        f"mlflow {redact(uri)}: {printable(lines[0], 300)}; see that mlflow.tracking_uri is right, that "
        f"the server is up or the file can be written, and run `mlflow db upgrade` if its schema is older "
        f"than the MLflow installed"
    )
