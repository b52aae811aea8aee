"""From our gauges to a person by the Prometheus pair, all of it real and on loopback: a run is published, Prometheus
scrapes it and evaluates the exported rules, Alertmanager groups and routes as exported, a webhook is called.

What is exported is used as it is, but for Alertmanager's waits, which are cut from minutes to a second. A slot is due
every minute, so that a breach of five seconds fires after ten.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import yaml

from drift.config import Config, parse_config
from drift.domain import Panel, Run, Series, Window
from drift.exports import FILES, Receivers, alertmanager, write
from drift.sinks.prometheus import CONTENT_TYPE, PrometheusSink

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("prometheus") is None, reason="prometheus (Debian: prometheus) is not installed"
    ),
    pytest.mark.skipif(
        shutil.which("prometheus-alertmanager") is None,
        reason="Alertmanager (Debian: prometheus-alertmanager) is not installed",
    ),
]
PATIENCE = 60.0
"""Seconds until what must come is given up; it comes in a few, if the machine has little else to do."""
ACCURACY_DROP = "model_accuracy_drop"
T = TypeVar("T")


def soon(found: Callable[[], T | None], what: str) -> T:
    """What is found, as soon as it is there."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if (value := found()) is not None:
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come within {PATIENCE:g} s")


def ask(url: str, path: str, document: object = None) -> Any:
    """What the server answers; a document is posted."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    with contextlib.closing(connection):
        if document is None:
            connection.request("GET", path)
        else:
            connection.request("POST", path, json.dumps(document), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return json.loads(body) if body.startswith((b"{", b"[")) else None


class Loopback(ThreadingHTTPServer):
    """Serves a sink's gauges, and takes what Alertmanager posts: each message with its path, in order."""

    daemon_threads = True

    def __init__(self) -> None:
        self.sink = PrometheusSink()
        self.messages: dict[str, queue.Queue[dict[str, Any]]] = {}
        super().__init__(("127.0.0.1", 0), Exchange)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def of(self, path: str) -> queue.Queue[dict[str, Any]]:
        return self.messages.setdefault(path, queue.Queue())


class Exchange(BaseHTTPRequestHandler):
    server: Loopback

    def do_GET(self) -> None:
        self._answer(self.server.sink.render())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b"")
        self.server.of(self.path).put(json.loads(body))

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: pytest shows what went wrong."""


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    with Loopback() as server:
        for path in ("/bridge?channel=sms", "/dead-man"):
            server.of(path)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Program:
    """A server of the pair, on a port of its own, until it is stopped."""

    def __init__(self, folder: Path, name: str, *words: str) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        listen = f"--web.listen-address={self.url.removeprefix('http://')}"
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([name, *words, listen], cwd=folder, stdout=log, stderr=log)
        soon(self._ready, f"{name}, ready")

    def _ready(self) -> bool | None:
        assert self.process.poll() is None, self.log.read_text()
        try:
            ask(self.url, "/-/ready")
        except (OSError, AssertionError):
            return None
        return True

    def stop(self) -> None:
        """Ask it to end, as an upgrade does, and wait until it has."""
        self.process.terminate()
        self.process.wait(PATIENCE)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    content = {
        "store": {"predictions": {"path": "p.parquet"}, "actuals": {"path": "a.parquet"}},
        "schedule": {"cron": "* * * * *"},
        "alerts": {
            ACCURACY_DROP: {
                "metric": "model_accuracy", "threshold": 0.85, "duration": "5s", "severity": "high", "channels": ["sms"],
            }
        },
    }  # fmt: skip
    return parse_config(content, tmp_path)


@pytest.fixture
def pager(config: Config, loopback: Loopback, tmp_path: Path) -> Iterator[Program]:
    """Alertmanager with what is exported, its waits cut short."""
    (tmp_path / "drift_token").write_text("the loopback asks for none")
    receivers = Receivers(str(tmp_path), f"{loopback.url}/bridge", dead_man=f"{loopback.url}/dead-man")
    made = yaml.safe_load(alertmanager(config, receivers))
    for route in (made["route"], *made["route"]["routes"]):
        route |= {"group_wait": "100ms", "group_interval": "1s"}
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(made))
    words = ("--config.file=alertmanager.yml", "--storage.path=alertmanager", "--cluster.listen-address=")
    program = Program(tmp_path, "prometheus-alertmanager", *words)
    yield program
    program.stop()


@pytest.fixture
def start_prometheus(
    config: Config, loopback: Loopback, pager: Program, tmp_path: Path
) -> Iterator[Callable[[], Program]]:
    """Prometheus with the exported rules. It resends every ten seconds, so what fires is known for forty."""
    write(config, "rules", tmp_path)
    made = {
        "global": {"scrape_interval": "250ms", "scrape_timeout": "250ms", "evaluation_interval": "250ms"},
        "rule_files": list(FILES["rules"]),
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [pager.url.removeprefix("http://")]}]}]
        },
        "scrape_configs": [
            {"job_name": "drift", "static_configs": [{"targets": [loopback.url.removeprefix("http://")]}]}
        ],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(made))
    words = (
        "--config.file=prometheus.yml", "--storage.tsdb.path=prometheus", "--rules.alert.resend-delay=10s",
        "--rules.alert.for-grace-period=1s",  # ten minutes by default, and the rule's duration is an hour then
    )  # fmt: skip
    with contextlib.ExitStack() as stack:

        def start() -> Program:
            program = Program(tmp_path, "prometheus", *words)
            stack.callback(program.stop)
            return program

        yield start


def run_of(slot: datetime, **accuracy: float) -> Run:
    """A run in which v1 has these accuracies by city."""
    series = tuple(Series("v1", city) for city in accuracy)
    shape = (len(series), 1, 1)
    value = np.array([*accuracy.values()]).reshape(shape)
    panel = Panel(
        "metric", series, (None,), ("accuracy",), value, np.zeros(shape, np.uint8),
        np.full(shape[:2], 24), np.ones(shape[:2]),
    )  # fmt: skip
    day = timedelta(days=1)
    return Run(
        slot, Window(slot - day, slot), Window(slot - 91 * day, slot - day), 1.0, (panel,), (), (), (), ()
    )


def state_of(prometheus: Program) -> str | None:
    """`pending` or `firing`; None where there is no such alert."""
    alerts = ask(prometheus.url, "/api/v1/alerts")["data"]["alerts"]
    return next((a["state"] for a in alerts if a["labels"]["alertname"] == ACCURACY_DROP), None)


def test_a_drop_pages_once_and_resolves_though_prometheus_restarts_meanwhile(loopback, start_prometheus):
    sms = loopback.of("/bridge?channel=sms")
    slot = datetime.now(UTC)
    loopback.sink.publish(run_of(slot, Pune=0.95, Surat=0.96))
    prometheus = start_prometheus()
    beat = loopback.of("/dead-man").get(timeout=PATIENCE)
    assert beat["commonLabels"]["alertname"] == "watchdog"
    assert state_of(prometheus) is None

    began = time.monotonic()
    loopback.sink.publish(run_of(slot + timedelta(seconds=1), Pune=0.80, Surat=0.96))
    page = sms.get(timeout=PATIENCE)
    assert time.monotonic() - began > 9.0  # its duration, and a twelfth of a minute for the next slot to come
    assert page["status"] == "firing"
    (alert,) = page["alerts"]
    assert alert["labels"] == {
        "alertname": ACCURACY_DROP, "rule": ACCURACY_DROP, "severity": "high", "about": "forecast",
        "job": "drift", "city": "Pune", "model_version": "v1",
    }  # fmt: skip
    assert alert["annotations"]["summary"] == "Pune · v1: Accuracy is 80%, below its limit of 85%"
    assert page["groupLabels"] == {"alertname": ACCURACY_DROP, "model_version": "v1"}

    prometheus.stop()
    prometheus = start_prometheus()
    soon(lambda: state_of(prometheus) == "firing" or None, "the alert, firing again")
    # the group is looked at every second: had the restart changed anything, it would have been told by now
    with pytest.raises(queue.Empty):
        sms.get(timeout=3)

    loopback.sink.publish(run_of(slot + timedelta(seconds=2), Pune=0.95, Surat=0.96))
    resolved = sms.get(timeout=PATIENCE)
    assert resolved["status"] == "resolved"
    assert resolved["alerts"][0]["startsAt"] == alert["startsAt"]  # the same episode to whoever reads it
    assert sms.empty()


def test_alertmanager_mutes_forecasts_of_a_late_monitor_and_nothing_else(pager, loopback):
    def alert(name: str, **labels: str) -> dict[str, Any]:
        return {"labels": {"alertname": name, "job": "drift"} | labels}

    def states() -> dict[tuple[str, str], str]:
        found = ask(pager.url, "/api/v2/alerts")
        return {(a["labels"]["alertname"], a["labels"]["job"]): a["status"]["state"] for a in found}

    def judged(count: int) -> dict[tuple[str, str], str] | None:
        found = states()
        return found if len(found) == count and "unprocessed" not in found.values() else None

    ask(pager.url, "/api/v2/alerts", [alert("monitor_late", about="monitor")])
    soon(lambda: judged(1), "the muting alert")
    forecasts = [alert(ACCURACY_DROP, about="forecast", city="Pune", job=job) for job in ("drift", "staging")]
    ask(pager.url, "/api/v2/alerts", [*forecasts, alert("high_latency", about="platform")])
    assert soon(lambda: judged(4), "every alert's state") == {
        ("monitor_late", "drift"): "active",
        (ACCURACY_DROP, "drift"): "suppressed",
        (ACCURACY_DROP, "staging"): "active",
        ("high_latency", "drift"): "active",
    }
    page = loopback.of("/bridge?channel=sms").get(timeout=PATIENCE)
    told = {(a["labels"]["alertname"], a["labels"]["job"]) for a in page["alerts"]}
    assert (ACCURACY_DROP, "drift") not in told
