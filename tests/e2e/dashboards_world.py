"""A platform whose metrics are all there, and a real Prometheus that scrapes it and evaluates the exported rules.

The metrics are real too: drift ran two slots of a made-up store in which one forecast and one feature go bad, and
a service with the middleware answers requests and counts predictions all the while. Prometheus scrapes each
second; of the time before that there is a history of one gauge, written as Prometheus' own block.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from drift.config import Config, parse_config
from drift.exports import FILES, write
from drift.monitor import Monitor
from drift.sinks.prometheus import CONTENT_TYPE
from drift.state import State
from drift.telemetry.asgi import MetricsMiddleware
from drift.telemetry.metrics import PlatformMetrics
from drift.telemetry.resources import ResourceSampler, resource_readings, show_resources
from drift.web.shared_gauges import ReplicaGauges

PATIENCE = 60.0
"""Seconds until what must come is given up; it comes in a few, if the machine has little else to do."""
CITIES = ("Delhi", "Mumbai", "Pune", "Surat")
DAYS, AHEAD = 220, 24
T = TypeVar("T")

GUIDE: dict[str, Any] = {
    "model_accuracy_drop": {"metric": "model_accuracy", "threshold": 0.85, "severity": "high"},
    "high_latency": {"metric": "api_latency_seconds", "threshold": 0.01, "severity": "critical"},
    "resource_usage": {"metric": "resource_usage", "threshold": 80.0},
}
"""The guide's rules, at once; a loopback answers too quickly for its two seconds."""
DETECTORS: dict[str, Any] = {
    "forecast_worse": {"detector": "profile", "severity": "high"},
    "fleet_worse": {"detector": "fleet", "severity": "critical"},
    "data_fault": {"detector": "faults"},
    "input_off": {"detector": "features"},
}


def soon(found: Callable[[], T | None], what: str) -> T:
    """What is found, as soon as it is there."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if (value := found()) is not None:
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come within {PATIENCE:g} s")


def config_of(folder: Path, alerts: Mapping[str, Any], **sections: Any) -> Config:
    store = {
        "predictions": {"path": "data/predictions.parquet"},
        "actuals": {"path": "data/actuals.parquet"},
        **({"features": {"path": "data/weather.parquet"}} if "input_off" in alerts else {}),
    }
    content = {
        "store": store,
        "windows": {"current": "24h", "reference": "30d"},
        "reports": None,
        "history": None,
        "alerts": dict(alerts),
        **sections,
    }
    return parse_config(content, folder)


def write_store(folder: Path, now: datetime) -> None:
    """Four cities, hourly, two predictions an hour, and one day ahead. For a week Surat's are a third too high;
    for three days Delhi's temperature is off; Pune's actuals of the last eight hours are missing.
    """
    rng, hours = np.random.default_rng(5), DAYS * 24
    t = np.arange(hours)
    times = [now + timedelta(hours=int(h) - hours + AHEAD) for h in t]
    temperature = 28 + 5 * np.sin(2 * np.pi * t / 24) + rng.normal(0, 1, (len(CITIES), hours))
    daily = 100 * (1 + 0.3 * np.sin(2 * np.pi * t / 24)) * np.array([[8.0], [6.0], [1.0], [2.0]])
    actual = daily * (1 + 0.005 * (temperature - 28)) * rng.normal(1, 0.02, temperature.shape)
    predicted = actual * rng.normal(1, 0.03, actual.shape)
    predicted[3, -168:] *= 1.35
    temperature[0, -72:] += 25
    actual[:, -AHEAD:] = np.nan
    actual[2, -AHEAD - 8 :] = np.nan

    def moments(before: int) -> pa.Array:
        moved = [moment - timedelta(hours=before) for moment in times]
        return pa.array(moved * len(CITIES), pa.timestamp("us", "UTC"))

    city, earlier = np.repeat(CITIES, hours), predicted * rng.normal(1, 0.02, predicted.shape)
    tables: dict[str, dict[str, Any]] = {
        "actuals": {
            "city": city,
            "target_time": moments(0),
            "actual": pa.array(actual.ravel(), from_pandas=True),
            "available_time": moments(-1),
        },
        "predictions": {
            "city": np.tile(city, 2),
            "model_version": np.repeat(["v1"], 2 * city.size),
            "target_time": pa.concat_arrays([moments(0), moments(0)]),
            "issue_time": pa.concat_arrays([moments(6), moments(30)]),
            "predicted": np.concatenate([predicted.ravel(), earlier.ravel()]),
        },
        "weather": {"city": city, "target_time": moments(0), "temperature": temperature.ravel()},
    }
    (folder / "data").mkdir()
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), folder / "data" / f"{name}.parquet")


def gauges_of(config: Config, now: datetime, slots: int) -> ReplicaGauges:
    """What drift serves after these slots, the last of which is now. An estimate is fitted behind a slot."""
    state = State.open(config.database_url(config.state))
    gauges = ReplicaGauges(state, ("slack",))
    for before in reversed(range(slots)):
        Monitor(config, state=state, sinks=(gauges,)).run(now - timedelta(hours=before))
    gauges.refresh()
    return gauges


class Service:
    """One of the platform's services, with the middleware; `work` asks it and predicts, until it is stopped."""

    def __init__(self) -> None:
        self.metrics = PlatformMetrics()
        self._sampler = ResourceSampler(interfaces=("lo",), link_speeds={"lo": 1000})
        self._stopped = threading.Event()
        routes = [
            Route("/forecasts/{city}", self._forecast),
            Route("/broken", self._broken),
            Route("/private", self._private),
        ]
        self._app = MetricsMiddleware(Starlette(routes=routes), self.metrics)

    async def _forecast(self, request: Request) -> Response:
        with self.metrics.track_prediction("v1", request.path_params["city"]):
            return PlainTextResponse("412")

    async def _broken(self, request: Request) -> Response:
        del request
        with contextlib.suppress(ZeroDivisionError), self.metrics.track_prediction("v1", "Pune"):
            raise ZeroDivisionError
        return PlainTextResponse("sorry", 503)

    async def _private(self, request: Request) -> Response:
        del request
        return PlainTextResponse("no", 403)

    async def _ask(self) -> None:
        transport = httpx.ASGITransport(app=self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            for path in (*(f"/forecasts/{city}" for city in CITIES), "/broken", "/private"):
                await client.get(path)

    def work(self) -> None:
        while not self._stopped.wait(0.2):
            asyncio.run(self._ask())
            show_resources(self.metrics, resource_readings(self._sampler, datetime.now(UTC)))

    def stop(self) -> None:
        self._stopped.set()


class Served(ThreadingHTTPServer):
    """What `/metrics` answers, on a port of its own."""

    daemon_threads = True

    def __init__(self, render: Callable[[], bytes]) -> None:
        self.render = render
        super().__init__(("127.0.0.1", 0), _Answering)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Answering(BaseHTTPRequestHandler):
    server: Served

    def do_GET(self) -> None:
        body = self.server.render()
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: pytest shows what went wrong."""


class Prometheus:
    """A real one, with the rules that the config exports, which scrapes these jobs."""

    def __init__(self, folder: Path, config: Config, jobs: Mapping[str, str], history: str = "") -> None:
        write(config, "rules", folder)
        made = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": list(FILES["rules"]),
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [address]}]} for job, address in jobs.items()
            ],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(made))
        if history:
            (folder / "history.txt").write_text(history)
            words = ("promtool", "tsdb", "create-blocks-from", "openmetrics", "history.txt", "tsdb")
            subprocess.run(words, cwd=folder, check=True, capture_output=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        words = ("--config.file=prometheus.yml", "--storage.tsdb.path=tsdb")
        self._log = folder / "prometheus.log"
        with self._log.open("wb") as log:
            listen = f"--web.listen-address={self.address}"
            self._process = subprocess.Popen(
                ["prometheus", *words, listen], cwd=folder, stdout=log, stderr=log
            )
        soon(self._ready, "Prometheus, ready")

    def _ready(self) -> bool | None:
        assert self._process.poll() is None, self._log.read_text()
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=5):
                return True
        except OSError:
            return None

    def ask(self, expr: str) -> list[tuple[dict[str, str], float]]:
        """The series of an expression now: their labels and values. One it does not take is an error."""
        url = f"http://{self.address}/api/v1/query?{urllib.parse.urlencode({'query': expr})}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                data = json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expr}: {error.read().decode()}") from error
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(series["metric"], float(series["value"][1])) for series in data["result"]]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)


def history_of(gauge: str, now: float) -> str:
    """Three hours of a gauge that was well until ten minutes ago, a sample a minute, in every city."""
    lines = [f"# TYPE {gauge} gauge"]
    for city in CITIES:
        labels = f'job="drift",instance="before",channel="all",city="{city}",model_version="v1"'
        lines += [f"{gauge}{{{labels}}} 0.2 {now - 60 * m:.0f}" for m in range(180, 10, -1)]
    return "\n".join([*lines, "# EOF", ""])


@contextlib.contextmanager
def whole_platform(folder: Path) -> Iterator[tuple[Config, Prometheus]]:
    """Everything that a dashboard can show is there."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    config = config_of(folder, GUIDE | DETECTORS, accuracy={"bands": ["0h", "12h", "48h"]}, estimate="on")
    write_store(folder, now)
    gauges, service = gauges_of(config, now, slots=2), Service()
    gauges.failed("evaluate")
    worker = threading.Thread(target=service.work, daemon=True)
    worker.start()
    with Served(gauges.render) as own, Served(service.metrics.render) as api:
        jobs = {"drift": own.address, "api": api.address}
        prometheus = Prometheus(folder, config, jobs, history_of("drift_score", time.time()))
        yield config, prometheus
        prometheus.stop()
        service.stop()
        worker.join(PATIENCE)
        own.shutdown()
        api.shutdown()


@contextlib.contextmanager
def bare_platform(folder: Path) -> Iterator[tuple[Config, Prometheus]]:
    """Only a monitor, without features, bands, detectors or an estimate; its one rule is not broken. No service
    is scraped.
    """
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=60)
    config = config_of(folder, {"accuracy_drop": {"metric": "model_accuracy", "threshold": 0.5}})
    write_store(folder, now + timedelta(days=60))
    gauges = gauges_of(config, now, slots=1)
    with Served(gauges.render) as own:
        prometheus = Prometheus(folder, config, {"drift": own.address})
        yield config, prometheus
        prometheus.stop()
        own.shutdown()
