"""The platform watched from end to end: `drift watch` and `drift serve` on a real host; and a real service that is
made slow, scraped by a real Prometheus, asked by drift, told to a receiver, and quick again.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from drift.clock import wall_clock
from drift.config import Config, load_config
from drift.decisions import Decisions
from drift.domain import AlertStatus
from drift.state import State
from drift.telemetry.asgi import MetricsMiddleware
from drift.telemetry.metrics import PlatformMetrics
from drift.telling import Telling
from drift.watchers import open_watchers
from drift.watching import Round, Watching

from .receivers import Receiver, receiving
from .serving import serving

PATIENCE = 60.0
"""Seconds until what must come is given up; it comes in a few."""


@pytest.fixture
def told(made) -> Iterator[Receiver]:
    """The made store with a channel, and this host watched, of which more than 0.5 % is always in use."""
    with receiving() as receiver:
        rules = (
            "  memory: {metric: resource_usage, threshold: 0.5, severity: warning, channels: [ops]}\n"
            "  high_latency: {metric: api_latency_seconds, threshold: 2.0, duration: 5m, channels: [ops]}\n"
        )
        made.edit(
            "alerts:\n",
            f'reports: null\nchannels: {{ops: {{url: "json://{receiver.place}/in"}}}}\n'
            f"watch: {{resources: {{mounts: [{made.folder}], interfaces: []}}}}\nalerts:\n{rules}",
        )
        yield receiver


@pytest.fixture
def watched(made, told) -> object:
    """The same, where it does not matter who is told."""
    assert told.received.empty()
    return made


def test_a_command_looks_once_tells_once_and_says_what_it_saw(drift, made, told):
    seen = drift("watch", "-c", made.config)
    assert seen.code == 0, seen.err
    line = next(line for line in seen.out.splitlines() if "memory " in line)
    assert re.search(r"resource_usage +memory \S+ +[\d.]+ % +> 0\.5 % +breach +● firing", line)
    assert "not read here latency: a command answers no requests" in seen.out
    message = told.next().json
    assert re.fullmatch(
        r"FIRING warning · .* used, limit 0\.5 %.*|FIRING warning · \d resources: .*", message["title"]
    )
    again = drift("watch", "-c", made.config, "--json")
    assert again.json["transitions"] == []
    memory = next(one for one in again.json["readings"] if (one["column"] or "").startswith("memory"))
    assert (memory["rule"], memory["verdict"], memory["alert"]) == ("memory", "breach", "firing")
    assert told.received.empty(), "a firing alert is told once"
    assert drift("watch", "-c", made.config, "--fail-on-alert").code == 3


def test_what_is_not_known_is_a_dash_with_its_reason(drift, watched):
    watched.edit("interfaces: []", "interfaces: [nowhere0]")
    seen = drift("watch", "-c", watched.config)
    line = next(line for line in seen.out.splitlines() if "nowhere0" in line)
    assert re.search(r"network \S+:nowhere0 +– +> 0\.5 % +it could not be read", line)
    found = drift("watch", "-c", watched.config, "--json").json["readings"]
    (network,) = (one for one in found if "nowhere0" in (one["column"] or ""))
    assert (network["value"], network["undefined"], network["alert"]) == (None, "not_readable", None)


def test_a_slot_leaves_the_alerts_of_watchers_alone_and_the_other_way_round(drift, watched):
    """Each knows the rules of the other; else it would close their alerts as of rules that were removed."""
    assert drift("watch", "-c", watched.config).code == 0
    for slot in ("2026-04-01T00:00Z", "2026-04-01T01:00Z"):
        assert drift("run", "-c", watched.config, "--slot", slot, "--json").code == 0
    assert drift("watch", "-c", watched.config).code == 0
    alerts = drift("alerts", "list", "-c", watched.config, "--json").json["alerts"]
    assert {alert["rule"] for alert in alerts if alert["status"] == "firing"} >= {
        "memory",
        "model_accuracy_drop",
    }
    run = drift("run", "-c", watched.config, "--slot", "2026-04-01T02:00Z", "--json").json
    assert "memory" not in {alert["rule"] for alert in run["alerts"]}, "it is of no slot"


def test_nothing_to_watch_is_said(drift, made):
    seen = drift("watch", "-c", made.config)
    assert seen.code == 2
    assert "watch: nothing is watched: write `watch: on`" in seen.err


def test_a_prometheus_that_is_away_is_named_and_the_rest_is_read(drift, watched):
    watched.edit("watch: {", 'watch: {prometheus: {url: "http://me:hunter2@127.0.0.1:9"}, ')
    seen = drift("watch", "-c", watched.config, "--json")
    assert seen.code == 1
    named = {failure["what"]: failure["message"] for failure in seen.json["failures"]}
    assert set(named) == {"latency", "model"}
    assert named["latency"].startswith(
        "Prometheus at http://127.0.0.1:9 cannot be reached (Connection refused)"
    )
    assert "hunter2" not in seen.out + seen.err
    assert any((one["column"] or "").startswith("memory") for one in seen.json["readings"])


@pytest.mark.slow
def test_a_server_watches_its_host_beside_its_slots(made, told):
    with serving(made.config, at="2026-04-01T00:05:30Z") as server:
        server.wait_for_line("alert firing")
        assert re.search(r"used, (limit 0\.5 %|worst)", told.next().json["title"])
        server.get("/alerts")
        status, text, _ = server.get("/metrics")
        assert status == 200
        assert re.search(
            r'^resource_usage\{instance="\S+",resource_type="memory"\} [\d.]+$', text, re.MULTILINE
        )
        assert re.search(
            r'^api_requests_total\{endpoint="/alerts",method="GET",status="200"\} 1\.0$', text, re.MULTILINE
        )
        _, page, _ = server.get("/alerts")
        assert ">all cities<" not in page


class Service:
    """A service of the platform, instrumented as its guide says, on loopback; slow while `slow` is set."""

    def __init__(self) -> None:
        self.metrics, self.slow = PlatformMetrics(), threading.Event()
        routes = [Route("/predict", self._predict), Route("/metrics", self._shown)]
        app = MetricsMiddleware(Starlette(routes=routes), self.metrics)
        self._server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        soon(lambda: self._server.started or None, "the service")
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.place = f"127.0.0.1:{port}"
        self._over = threading.Event()
        self._clients = ThreadPoolExecutor(8)
        for _ in range(8):
            self._clients.submit(self._ask)

    async def _predict(self, _: Request) -> Response:
        # what takes long is the service itself: this is the latency that is to be found
        await asyncio.sleep(2.2 if self.slow.is_set() else 0.01)
        return PlainTextResponse("412 MW")

    async def _shown(self, _: Request) -> Response:
        return Response(self.metrics.render(), media_type="text/plain; version=0.0.4")

    def _ask(self) -> None:
        while not self._over.is_set():
            with urllib.request.urlopen(f"http://{self.place}/predict", timeout=10) as answer:
                answer.read()
            self._over.wait(0.05)

    def close(self) -> None:
        self._over.set()
        self._clients.shutdown()
        self._server.should_exit = True
        self._thread.join(10)


def soon(found: Callable[[], object], what: str) -> None:
    """Wait until it is there."""
    ends = time.monotonic() + PATIENCE
    while found() is None:
        assert time.monotonic() < ends, f"{what} did not come within {PATIENCE:g} s"
        time.sleep(0.1)


@pytest.fixture
def service() -> Iterator[Service]:
    with closing(Service()) as running:
        yield running


@pytest.fixture
def prometheus(service, tmp_path) -> Iterator[str]:
    """A real one that scrapes the service four times a second."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus (Debian: prometheus) is not installed")
    scrape = {"job_name": "forecast-api", "static_configs": [{"targets": [service.place]}]}
    every = {"scrape_interval": "250ms", "scrape_timeout": "250ms"}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"global": every, "scrape_configs": [scrape]}))
    place = free_place()
    words = ["--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", f"--web.listen-address={place}"]
    log = (tmp_path / "prometheus.log").open("wb")
    with log, subprocess.Popen(["prometheus", *words], cwd=tmp_path, stdout=log, stderr=log) as process:
        soon(lambda: ready(place), "Prometheus")
        yield f"http://{place}"
        process.terminate()


def free_place() -> str:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def ready(place: str) -> bool | None:
    try:
        with urllib.request.urlopen(f"http://{place}/-/ready", timeout=5):
            return True
    except OSError:
        return None


WATCHED = """\
store: {{predictions: {{path: p.parquet}}, actuals: {{path: a.parquet}}}}
state: sqlite:///drift.db
channels: {{ops: {{url: "json://{receiver}/in"}}}}
watch:
  prometheus: {{url: "{prometheus}"}}
  latency: {{every: 0.3s, window: 5s}}
  model: off
  resources: off
alerts:
  high_latency: {{metric: api_latency_seconds, threshold: 2.0, duration: 3s, severity: critical, channels: [ops]}}
  errors: {{metric: error_rate, threshold: 0.5, severity: high, channels: [ops]}}
"""


@pytest.mark.slow
def test_latency_above_two_seconds_is_found_told_and_over(service, prometheus, tmp_path):
    """The guide's first scenario: all of it real, its times cut short."""
    with receiving() as receiver, ExitStack() as stack:
        file = tmp_path / "drift.yaml"
        file.write_text(WATCHED.format(receiver=receiver.place, prometheus=prometheus))
        look = watching(load_config(file), stack)
        soon(lambda: value_of(look()), "a latency")
        service.slow.set()
        soon(lambda: firing(look()), "the alert")
        message = receiver.next().json
        assert re.match(
            r"FIRING critical · /predict on forecast-api: 95 % of requests take up to [2-5](\.\d+)? s, limit 2 s",
            message["title"],
        )
        for _ in range(5):
            look()
        assert receiver.received.empty(), "what fires is told once"
        service.slow.clear()
        soon(lambda: None if firing(look()) else True, "the end of it")
        assert receiver.next().json["title"].startswith("RESOLVED after ")
        assert receiver.received.empty()


def watching(config: Config, stack: ExitStack) -> Callable[[], Round]:
    """A round of the watchers, and delivery."""
    state = stack.enter_context(State.open(config.state_url()))
    decisions = Decisions(config, ())
    telling = stack.enter_context(closing(Telling(config, decisions, state, wall_clock)))
    rounds = stack.enter_context(
        closing(Watching(decisions, state, telling, open_watchers(config, None, state)))
    )
    kept: list[Round] = []

    def look() -> Round:
        done = rounds.round(wall_clock())
        assert done.failures == ()
        telling.delivery.deliver_due()
        kept[:] = [done] if done.readings or not kept else kept
        return kept[0]

    return look


def value_of(done: Round) -> float | None:
    """The latency that was read of the endpoint."""
    found = (one for one in done.readings if one.column == "/predict on forecast-api")
    return next((one.value for one in found if one.metric == "api_latency_seconds"), None)


def firing(done: Round) -> bool | None:
    return any(alert.status is AlertStatus.FIRING for alert in done.alerts.values()) or None
