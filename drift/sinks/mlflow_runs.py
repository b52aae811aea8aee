"""The runs of two model versions in MLflow, found by the tags that the sink writes, for links.

Only looked for: no database, experiment or run is made. A tracking store may be slow or away, so the search
runs beside the work and is given up after a while (`Search.found`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import quote

from drift.comparison import RunLink, RunLinks
from drift.config import Config
from drift.domain import Window
from drift.errors import SinkError
from drift.redact import redact
from drift.sinks.mlflow_client import database_of, explained, milliseconds, quiet, run_link, server_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

MOST = 10
"""Runs of a version that are looked for: MLflow reads each with all its metrics."""
PATIENCE_S = 10.0
_QUOTES = frozenset("'\"`\\")


@dataclass(slots=True)
class Search:
    """A search that runs beside the work."""

    thread: Thread
    uri: str
    answer: list[RunLinks | Exception] = field(default_factory=list)

    def found(self, seconds: float = PATIENCE_S) -> RunLinks:
        """What was found.

        Raises:
            SinkError: the tracking store can't be searched, or did not answer in time.
        """
        self.thread.join(seconds)
        if not self.answer:
            raise SinkError(
                f"mlflow {redact(self.uri)}: no answer within {seconds:g} s: runs are not linked; see that "
                f"mlflow.tracking_uri is right and the server is up"
            )
        if isinstance(self.answer[0], Exception):
            raise self.answer[0]
        return self.answer[0]


def search(config: Config, versions: Sequence[str], window: Window) -> Search | None:
    """Begin to look for the runs of the versions whose slots are in the window; None without MLflow."""
    if config.mlflow is None:
        return None
    uri, experiment = config.tracking_url(), config.mlflow.experiment
    begun = Search(Thread(daemon=True), uri)

    def work() -> None:
        try:
            begun.answer.append(find_runs(uri, experiment, versions, window))
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the answer
            begun.answer.append(error)

    begun.thread = Thread(target=work, name="drift-mlflow", daemon=True)
    begun.thread.start()
    return begun


def find_runs(uri: str, experiment: str, versions: Sequence[str], window: Window) -> RunLinks:
    """The latest runs of each version with slots in the window; none where nothing was ever logged.

    Raises:
        SinkError: the tracking store can't be searched; names it and the remedy.
    """
    database = database_of(uri)
    if database is not None and not database.is_file():
        return RunLinks()  # to ask would make it
    with explained(uri), quiet():
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=uri)
        there = client.get_experiment_by_name(experiment)
        if there is None:
            return RunLinks()
        identity: str = there.experiment_id
        runs = tuple(
            run
            for version in dict.fromkeys(versions)
            for run in _runs_of(client, uri, identity, version, window)
        )
    return RunLinks(runs, _compare(uri, identity, runs))


def _runs_of(client: MlflowClient, uri: str, experiment: str, version: str, window: Window) -> list[RunLink]:
    """Those of a version. MLflow's filters can't quote quotes; such a name is looked for among the latest."""
    words = [
        f"attributes.start_time >= {_day_of(window.start)}",
        f"attributes.start_time <= {milliseconds(window.end)}",
    ]
    if _QUOTES.isdisjoint(version):
        words.append(f"tags.`drift.model_version` = '{version}'")
    found = client.search_runs(
        [experiment], " AND ".join(words), max_results=MOST, order_by=["attributes.start_time DESC"]
    )
    return [
        RunLink(
            version,
            run.info.run_id,
            run.data.tags.get("drift.first_slot", ""),
            run.data.tags.get("drift.last_slot", ""),
            run_link(uri, experiment, run.info.run_id),
        )
        for run in found
        if run.data.tags.get("drift.model_version") == version
    ]


def _compare(uri: str, experiment: str, runs: Sequence[RunLink]) -> str | None:
    """MLflow's page that compares the latest run of each version."""
    latest: dict[str, str] = {}
    for run in runs:  # the latest of each version comes first
        latest.setdefault(run.model_version, run.run_id)
    server = server_of(uri)
    if server is None or len(latest) < 2:
        return None
    wanted, where = quote(json.dumps(list(latest.values()))), quote(json.dumps([experiment]))
    return f"{server}/#/compare-runs?runs={wanted}&experiments={where}"


def _day_of(moment: datetime) -> int:
    return milliseconds(datetime.combine(moment.astimezone(UTC).date(), time(), UTC))
