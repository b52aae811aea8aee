"""Runs in MLflow: one a model version and UTC day, so that two versions are two lines to compare.

The run is found by its tag `drift.key` (a digest of model version and day: the names themselves may hold
quotes that MLflow's filter language cannot), made once, and used by all slots of the day. A metric's step
is the slot's minute of the UTC day, so days and versions lie on one axis; its timestamp is the slot. The
metric `undefined` counts the measurements without a value. It is logged last and marks a slot as done: a
slot published again logs no point twice, and one that broke off is completed. Tags and files are of the
day's latest slot.

A client of our own is used, and no global of MLflow is set (`mlflow_client.py`). Metrics go in MLflow's own
batches of a thousand, one after the other: a SQLite store has one writer, so more at once would only wait.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from drift.config import Config, format_duration
from drift.config_mlflow import MlflowConfig
from drift.document import config_hash
from drift.domain import Run, iso
from drift.metrics import load_metrics
from drift.sinks.mlflow_artifacts import log_artifacts
from drift.sinks.mlflow_client import explained, milliseconds, open_experiment, quiet, run_link
from drift.sinks.mlflow_points import UNDEFINED, points, state_of, undefined
from drift.text import printable

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

_PARAMS = ("windows", "accuracy", "statistics")
_LONGEST_NAME = 80


class MlflowSink:
    """Logs every run to the tracking store that the config names."""

    name = "mlflow"

    def __init__(self, config: Config, where: MlflowConfig) -> None:
        self._uri = config.tracking_url()
        self._where = where
        self._level = config.accuracy.interval_level
        self._params = {"config_hash": config_hash(config), **_params(config)}
        self._opened: tuple[MlflowClient, str] | None = None

    def check(self) -> str:
        """Connect, and make the experiment when it is not there. Raises `SinkError` as `publish` does."""
        with explained(self._uri), quiet():
            self._opened = open_experiment(self._uri, self._where.experiment)
        return f"connected; experiment {self._where.experiment}"

    def publish(self, run: Run) -> Mapping[str, str]:
        """Log each model version's measurements to its run of the day; gives links to the runs.

        Raises:
            SinkError: the tracking store does not take them; names it and the remedy.
        """
        versions = sorted({series.model_version for panel in run.panels for series in panel.series})
        with explained(self._uri), quiet():
            if self._opened is None:
                self._opened = open_experiment(self._uri, self._where.experiment)
            client, experiment = self._opened
            return {
                f"mlflow {version}": run_link(
                    self._uri, experiment, self._log(client, experiment, run, version)
                )
                for version in versions
            }

    def _log(self, client: MlflowClient, experiment: str, run: Run, version: str) -> str:
        """The id of the version's run of the day, with the slot in it."""
        there = self._run_of(client, experiment, run.slot, version)
        identity: str = there.info.run_id
        latest = iso(run.slot) >= there.data.tags.get("drift.last_slot", "")
        if not any(p.step == _step(run.slot) for p in client.get_metric_history(identity, UNDEFINED)):
            self._log_slot(client, there, run, version, latest=latest)
        if latest:
            log_artifacts(client, identity, run, version)
        client.set_terminated(identity, "FINISHED", max(milliseconds(run.slot), there.info.end_time or 0))
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
        name = f"{printable(version, _LONGEST_NAME)} {day}"
        return client.create_run(experiment, start_time=milliseconds(slot), tags=tags, run_name=name)

    def _log_slot(
        self, client: MlflowClient, there: MlflowRun, run: Run, version: str, *, latest: bool
    ) -> None:
        """All that the slot has to say in numbers and words; the mark that it is whole comes last."""
        from mlflow.entities import Metric, Param, RunTag

        at, step = milliseconds(run.slot), _step(run.slot)
        found = points(run, version, self._where.cities, load_metrics(), self._level)
        params = {} if there.data.params else {"model_version": version, **self._params}
        client.log_batch(
            there.info.run_id,
            metrics=[Metric(name, value, at, step) for name, value in found],
            params=[Param(*param) for param in params.items()],
            tags=[RunTag(*tag) for tag in self._tags(there, run, version, latest=latest).items()],
        )
        whole = Metric(UNDEFINED, float(undefined(run, version)), at, step)
        client.log_batch(there.info.run_id, metrics=[whole])

    def _tags(self, there: MlflowRun, run: Run, version: str, *, latest: bool) -> dict[str, str]:
        """The range of slots with this one in it; of the latest slot how things stand, and what it was
        measured of and by.
        """
        text = iso(run.slot)
        tags = {"drift.first_slot": min(there.data.tags.get("drift.first_slot", text), text)}
        if not latest:
            return tags
        tags |= {"drift.last_slot": text, "drift.state": state_of(run, version)}
        tags |= {"drift.config_hash": self._params["config_hash"]}
        return tags | ({"drift.data_hash": run.data_hash} if run.data_hash else {})


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


def _step(slot: datetime) -> int:
    """The slot's minute of its UTC day: cron knows no finer slots."""
    moment = slot.astimezone(UTC)
    return moment.hour * 60 + moment.minute
