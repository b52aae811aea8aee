"""The trace of a real slot, as a real collector gets it: parents, steps, store reads, sinks, channels, requests.

And what it costs: nothing but a second at the end where the collector is dead, and no import where it is off.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ..otlp import Collector, black_hole, by_grpc, by_http  # noqa: TID252 - tests are no package
from .receivers import receiving
from .serving import serving

SLOT = "2026-04-01T00:00Z"
CAME = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, PARENT = CAME.split("-")[1:3]
SERVER = 3  # OTLP's SPAN_KIND_SERVER less the unspecified
STEPS = {
    "slot",
    "slot > find",
    "slot > find > survey",
    "slot > find > measure",
    "slot > find > measure > block",
    "slot > find > measure > block > read",
    "slot > find > measure > block > score",
    "slot > find > judge",
    "slot > revise",
    "slot > commit",
    "slot > publish",
    "slot > publish > publish pages",
    "slot > publish > publish history",
}


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("OTEL_", "TRACE")):
            monkeypatch.delenv(name)


def traced(made, endpoint: str, more: str = "") -> Path:
    return made.edit("alerts:", f'traces: {{endpoint: "{endpoint}"{more}}}\nalerts:')


@contextmanager
def collecting(protocol: str):
    with by_http() if protocol == "http" else by_grpc() as collector:
        yield collector


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_slot_is_a_trace_with_a_span_for_each_step_and_read(drift, made, protocol):
    with collecting(protocol) as collector:
        config = traced(made, collector.endpoint, f", protocol: {protocol}")
        made.edit("windows:", "logs: {environment: staging}\nengine: {block: 1, workers: 2}\nwindows:")
        assert drift("run", "-c", config, "--slot", SLOT).code == 0
    assert collector.paths == STEPS
    assert len({span.trace for span in collector.spans}) == 1
    assert not [span for span in collector.spans if span.failed]
    root = collector.one("slot")
    assert root.parent == ""
    assert root.attributes == {
        "drift.slot": "2026-04-01T00:00:00Z", "drift.failures": 0, "drift.transitions": 1, "drift.firing": 0,
    }  # fmt: skip
    assert root.resource["service.name"] == "drift"
    assert root.resource["service.version"]
    assert root.resource["deployment.environment.name"] == "staging"


def test_each_store_read_says_what_it_read(drift, made):
    """Three cities in blocks of their own, each read by a thread of the engine's."""
    a_group_a_city(made)
    with by_http() as collector:
        config = traced(made, collector.endpoint)
        made.edit("windows:", "reports: null\nengine: {block: 1, workers: 2}\nwindows:")
        drift("run", "-c", config, "--slot", SLOT)
    reads = collector.named("read")
    assert sorted(str(span.attributes["drift.first"]) for span in reads) == ["Delhi", "Pune", "Surat"]
    assert {span.attributes["drift.cities"] for span in reads} == {1}
    hours = 22 * 24
    for span in reads:
        assert span.attributes["drift.start"] == "2026-03-10T00:00:00Z"
        assert span.attributes["drift.end"] == "2026-04-01T00:00:00Z"
        rows = [span.attributes[f"drift.{table}"] for table in ("predictions", "actuals", "features")]
        assert rows == [2 * hours, hours, hours]
        assert collector.parent(span).attributes["drift.first"] == span.attributes["drift.first"]


def a_group_a_city(made) -> None:
    """Lay the files out so that cities can be read apart."""
    for path in (made.folder / "data").iterdir():
        table = pq.read_table(path).sort_by("city")
        pq.write_table(table, path, row_group_size=len(table) // 3)


def test_a_block_that_cannot_be_read_is_a_failed_read_and_the_slot_goes_on(drift, made):
    a_group_a_city(made)
    path = made.folder / "data" / "actuals.parquet"
    at = pq.read_metadata(path).row_group(1).column(2).data_page_offset
    content = bytearray(path.read_bytes())
    content[at : at + 100] = bytes(100)
    path.write_bytes(content)
    with by_http() as collector:
        config = traced(made, collector.endpoint)
        made.edit("windows:", "engine: {block: 1, workers: 2}\nwindows:")
        assert drift("run", "-c", config, "--slot", SLOT).code == 1
    assert [span.attributes["drift.first"] for span in collector.named("read") if span.failed] == ["Pune"]
    assert [span.attributes["drift.first"] for span in collector.named("block") if span.failed] == ["Pune"]
    assert not collector.one("slot").failed
    assert collector.one("slot").attributes["drift.failures"] == 1


def test_a_slot_that_cannot_be_evaluated_is_a_failed_trace(drift, made):
    (made.folder / "data" / "actuals.parquet").unlink()
    with by_http() as collector:
        assert drift("run", "-c", traced(made, collector.endpoint), "--slot", SLOT).code == 1
    assert {span.name for span in collector.spans if span.failed} == {"slot", "find", "survey"}
    assert "actuals" in collector.one("slot").said


def test_a_sink_that_fails_is_a_failed_span_and_the_slot_is_not(drift, made):
    with by_http() as collector:
        config = traced(made, collector.endpoint)
        (made.folder / "history").write_text("a file where a folder should be")
        assert drift("run", "-c", config, "--slot", SLOT).code == 1
    assert collector.one("publish history").failed
    assert not collector.one("slot").failed
    assert collector.one("slot").attributes["drift.failures"] == 1


def test_what_is_delivered_stands_below_its_slot_and_our_own_services_get_the_trace(drift, made):
    """Alertmanager and the dead man's switch; not the chat, whose operator is another."""
    with by_http() as collector, receiving() as receiver:
        config = traced(made, collector.endpoint)
        channels = (
            f"channels:\n  am: {{kind: alertmanager, url: 'http://{receiver.place}'}}\n"
            f"  chat: {{url: 'json://{receiver.place}/chat'}}\n"
            f"notify: {{ping_url: 'http://{receiver.place}/ping'}}\n"
        )
        made.edit("alerts:", f"{channels}alerts:")
        made.edit("duration: 1h, severity: high", "duration: 0h, severity: high, channels: [am, chat]")
        drift("run", "-c", config, "--slot", SLOT)
        came = {received.path: received for received in drained(receiver)}
    assert {
        "slot > deliver",
        "slot > deliver > send am",
        "slot > deliver > send chat",
        "slot > ping",
    } <= collector.paths
    trace = collector.one("slot").trace
    assert came["/api/v2/alerts"].headers["traceparent"].startswith(f"00-{trace}-")
    assert came["/ping"].headers["traceparent"].startswith(f"00-{trace}-{collector.one('ping').id}-")
    assert "traceparent" not in {name.lower() for name in came["/chat"].headers}


def drained(receiver):
    found = []
    while not receiver.received.empty():
        found.append(receiver.received.get())
    return found


def test_a_slot_goes_on_with_the_trace_of_who_started_it(drift, made, monkeypatch):
    monkeypatch.setenv("TRACEPARENT", CAME)
    with by_http() as collector:
        drift("run", "-c", traced(made, collector.endpoint), "--slot", SLOT)
    assert {span.trace for span in collector.spans} == {TRACE}
    assert collector.one("slot").parent == PARENT


def test_the_lines_of_a_slots_log_carry_its_trace(drift, made):
    with by_http() as collector:
        ran = drift("run", "-c", traced(made, collector.endpoint), "--slot", SLOT)
    [line] = [json.loads(line) for line in ran.err.splitlines() if "alert pending" in line]
    assert line["trace"]["id"] == collector.one("slot").trace
    assert line["span"]["id"] in {span.id for span in collector.spans}


def test_a_replay_is_one_span(drift, made):
    with by_http() as collector:
        config = traced(made, collector.endpoint)
        drift("replay", "-c", config, "--from", "2026-03-30T00:00Z", "--to", SLOT, "--every", "1h")
    assert collector.paths == {"replay"}
    assert collector.one("replay").attributes["drift.slots"] == 49


def test_a_dead_collector_fails_no_slot_and_is_one_line(drift, made):
    with black_hole() as hole:
        ran = drift("run", "-c", traced(made, hole), "--slot", SLOT, "--json")
    assert ran.code == 0
    assert ran.json["failures"] == []
    lines = [json.loads(line) for line in ran.err.splitlines()]
    assert [line["message"] for line in lines] == ["alert pending", "traces are not taken"]


@pytest.mark.parametrize("traces", ["", "traces: {endpoint: 'http://127.0.0.1:1'}\n"])
def test_off_nothing_of_opentelemetry_is_imported(made, repository, traces):
    """By the config, by a variable that turns it off, and with the pages and sinks that the demo has."""
    made.edit("alerts:", f"{traces}alerts:")
    code = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules)); from drift.cli import main; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, "run", "-c", made.config, "--slot", SLOT], cwd=repository,
        env=os.environ | {"OTEL_SDK_DISABLED": "true"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert not [name for name in ran.stdout.splitlines()[-1].split() if name.startswith("opentelemetry")]


def test_the_doctor_asks_the_collector_to_take_a_span(drift, made):
    with by_http() as collector:
        config = traced(made, collector.endpoint)
        checks = {check["name"]: check for check in drift("doctor", "-c", config, "--json").json["checks"]}
        assert checks["traces"]["found"] == f"{collector.endpoint} took a span by http"
        assert not checks["traces"]["bad"]
        collector.status = 401
        checks = {check["name"]: check for check in drift("doctor", "-c", config, "--json").json["checks"]}
    assert checks["traces"]["bad"]
    assert checks["traces"]["found"] == f"{collector.endpoint} took no span by http: Unauthorized"


def asked(port: int, path: str, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def test_served_slots_are_traces_of_their_own_and_requests_are_in_the_trace_of_who_asked(made):
    with by_http() as collector:
        config = traced(made, collector.endpoint)
        with serving(config) as served:
            done = served.wait_for_line("slot done")
            assert asked(served.port, "/cities/Surat?slot=x", traceparent=CAME) == 400
            assert asked(served.port, "/alerts") == 200
            assert asked(served.port, "/nowhere/Surat") == 404
            for probe in ("/healthz", "/readyz", "/metrics"):
                asked(served.port, probe)
    check_requests(collector)
    check_slot(collector, json.loads(done))


def check_slot(collector: Collector, done: dict[str, object]) -> None:
    first = collector.named("scheduled slot")[0]
    assert first.parent == ""
    below = {path.partition(" > ")[2] for path in collector.paths if path.startswith("scheduled slot > ")}
    assert below >= STEPS
    assert done["trace"] == {"id": first.trace}


def check_requests(collector: Collector) -> None:
    requests = [span for span in collector.spans if span.kind == SERVER - 1]
    assert {span.name for span in requests} == {"GET /cities/{city}", "GET /alerts", "GET"}
    city = collector.one("GET /cities/{city}")
    assert (city.trace, city.parent) == (TRACE, PARENT)
    assert city.attributes["http.route"] == "/cities/{city}"
    assert collector.one("GET /alerts").attributes["http.response.status_code"] == 200
    assert collector.one("GET").attributes["http.response.status_code"] == 404
    assert not [span for span in requests if re.search("Surat", repr(span))]


def test_a_served_process_with_a_dead_collector_ends_when_it_is_told_to(made):
    with black_hole() as hole:
        config = traced(made, hole)
        with serving(config) as served:
            served.wait_for_line("slot done")
    assert served.process.returncode == 0


def test_a_round_of_watchers_is_a_trace_and_a_watcher_that_cannot_read_is_marked(drift, made):
    """Nobody listens where Prometheus should be: that is said of its watcher, and the others have read."""
    with collecting("http") as collector:
        config = traced(made, collector.endpoint)
        made.edit("windows:", "watch: {prometheus: {url: 'http://127.0.0.1:9', timeout: 1s}}\nwindows:")
        assert drift("watch", "-c", config).code == 1
    assert collector.paths == {
        "watch round",
        "watch round > watch latency",
        "watch round > watch model",
        "watch round > watch resources",
    }
    assert {span.name for span in collector.spans if span.failed} == {"watch latency", "watch model"}
    assert collector.one("watch round").attributes["drift.watchers"] == 3
