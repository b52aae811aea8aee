"""Spans reach a real collector as they were meant: their parents, what stands on them, and nothing secret."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr

from drift.config import parse_config
from drift.config_traces import TracesConfig
from drift.engines.local import map_blocks
from drift.errors import ConfigError
from drift.telemetry import recording, traces
from drift.telemetry.logs import log_to_stderr
from drift.telemetry.otlp import Collector, fault_of
from drift.telemetry.spans import LONGEST
from drift.telemetry.traces import NOTHING, headers, in_context, lone_span, span, traced

from ...otlp import Collector as Received  # noqa: TID252 - tests are no package
from ...otlp import black_hole, by_grpc, by_http, nowhere  # noqa: TID252

CAME = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, PARENT = CAME.split("-")[1:3]
SECRET = "hunter2-canary"  # noqa: S105 - a made-up one
STORE = {"predictions": {"path": "p.parquet"}, "actuals": {"path": "a.parquet"}}


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """Each test sets up its own, with no variables of whoever runs the tests."""
    for name in list(__import__("os").environ):
        if name.startswith(("OTEL_", "TRACE")):
            monkeypatch.delenv(name)
    yield
    traces.shut_down()


@pytest.fixture
def collector():
    with by_http() as received:
        traces.set_up(endpoint=received.endpoint)
        yield received


@pytest.fixture
def said(capsys):
    """What was written to the log with these words."""
    log_to_stderr()

    def lines(message: str = "") -> list[dict[str, str]]:
        written = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        return [
            line["labels"] | {"message": line["message"]} for line in written if message in line["message"]
        ]

    yield lines
    structlog.reset_defaults()


def test_spans_have_the_parents_they_were_opened_in(collector: Received):
    with span("slot"):
        with span("find"), span("read"):
            pass
        with span("commit"):
            pass
    with span("slot"):
        pass
    assert traces.shut_down()
    assert collector.paths == {"slot", "slot > find", "slot > find > read", "slot > commit"}
    assert len({each.trace for each in collector.spans}) == 2


def test_what_stands_on_a_span(collector: Received):
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    with span(
        "read", cities=8, share=0.5, whole=True, start=noon, gone=None, **{"http.route": "/"}
    ) as reading:
        reading.set(rows=12)
    traces.shut_down()
    assert collector.one("read").attributes == {
        "drift.cities": 8, "drift.share": 0.5, "drift.whole": True, "drift.start": "2026-03-01T12:00:00Z",
        "http.route": "/", "drift.rows": 12,
    }  # fmt: skip


def test_text_from_data_is_cut_and_obeys_nothing(collector: Received):
    with span("read", first="x" * 10_000, city="SCL\x1b[2J\n") as reading:
        reading.set(later="y" * 10_000)
    traces.shut_down()
    seen = collector.one("read").attributes
    assert len(seen["drift.first"]) == len(seen["drift.later"]) == LONGEST
    assert seen["drift.city"] == "SCL�[2J�"


def test_an_error_is_recorded_without_its_secrets_and_raised(collector: Received):
    with pytest.raises(ConnectionError), span("slot"), span("read"):
        raise ConnectionError(f"no route to postgresql://drift:{SECRET}@db.example/drift, password={SECRET}")
    traces.shut_down()
    for name in ("read", "slot"):
        found = collector.one(name)
        assert found.failed
        assert found.said.startswith("ConnectionError: no route to postgresql://")
        assert "db.example" in found.said
        assert found.events[0]["exception.type"] == "ConnectionError"
    assert SECRET not in repr(collector.spans)


def test_an_exit_is_no_fault_of_the_step(collector: Received):
    with pytest.raises(SystemExit), span("slot"):
        sys.exit(3)
    traces.shut_down()
    assert not collector.one("slot").failed


def test_a_step_may_fail_without_an_error(collector: Received):
    with span("ping") as pinging:
        pinging.fail(f"answered 500 at https://hc.example/?token={SECRET}")
    traces.shut_down()
    found = collector.one("ping")
    assert found.failed
    assert found.said.startswith("answered 500")
    assert SECRET not in found.said


def test_threads_of_an_engine_know_where_they_are(collector: Received):
    def work(block: tuple[str, ...]) -> str:
        with span("block", first=block[0]):
            return threading.current_thread().name

    with span("measure"):
        names = list(map_blocks(work, [("a",), ("b",), ("c",), ("d",)], workers=2))
    traces.shut_down()
    assert all(name.startswith("drift-engine") for name in names)
    assert [collector.path(each) for each in collector.named("block")] == ["measure > block"] * 4


def test_work_in_context_may_be_done_by_many_threads_at_once(collector: Received):
    """One context can be entered once at a time: each call has a copy."""
    together = threading.Barrier(4, timeout=20)

    def work(n: int) -> int:
        with span("block"):
            together.wait()
            return n

    with span("measure"), ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(in_context(work), range(4))) == [0, 1, 2, 3]
    traces.shut_down()
    assert [collector.path(each) for each in collector.named("block")] == ["measure > block"] * 4


def test_the_steps_of_a_lone_span_are_not_recorded(collector: Received):
    with lone_span("replay", slots=1000):
        for _ in range(1000):
            with span("read"):
                pass
    with span("slot"):
        pass
    traces.shut_down()
    assert collector.paths == {"replay", "slot"}


def test_requests_carry_the_trace_that_they_are_made_in(collector: Received):
    assert headers() == {}
    with span("ping"):
        sent = headers()
    traces.shut_down()
    found = collector.one("ping")
    [(name, value)] = sent.items()
    assert name == "traceparent"
    assert value.startswith(f"00-{found.trace}-{found.id}-")
    assert int(value[-2:], 16) & 1  # sampled


def test_a_trace_goes_on_from_the_environment(collector: Received):
    with traces.continued({"TRACEPARENT": CAME, "TRACESTATE": "vendor=1"}), span("slot"):
        assert headers()["tracestate"] == "vendor=1"
    traces.shut_down()
    assert (collector.one("slot").trace, collector.one("slot").parent) == (TRACE, PARENT)


@pytest.mark.parametrize(
    "wrong", ["", "00-0-0-01", "x" * 5000, CAME.replace("0af7", "zzzz"), f"00-{'0' * 32}-{PARENT}-01"]
)
def test_a_wrong_traceparent_begins_a_trace_of_our_own(collector: Received, wrong: str):
    with traces.continued({"TRACEPARENT": wrong}), span("slot"):
        pass
    traces.shut_down()
    assert collector.one("slot").parent == ""
    assert collector.one("slot").trace != TRACE


def test_a_trace_that_whoever_began_it_does_not_record_is_not_recorded(collector: Received):
    with traces.continued({"TRACEPARENT": CAME[:-2] + "00"}), span("slot"):
        assert headers() == {"traceparent": headers()["traceparent"]}
        assert headers()["traceparent"].endswith("-00")
    traces.shut_down()
    assert collector.spans == []


def test_a_share_of_the_traces_is_recorded_and_those_that_go_on_are_whole():
    with by_http() as received:
        traces.set_up(endpoint=received.endpoint, sample=0.0)
        with span("slot"), span("read"):
            pass
        with traces.continued({"TRACEPARENT": CAME}), span("slot"), span("read"):
            pass
        traces.shut_down()
        assert [each.trace for each in received.spans] == [TRACE, TRACE]


def test_who_sends(collector: Received):
    traces.set_up("forecast-api", version="2.1", environment="production", endpoint=collector.endpoint)
    with span("predict"):
        pass
    traces.shut_down()
    who = collector.one("predict").resource
    assert who["service.name"] == "forecast-api"
    assert who["service.version"] == "2.1"
    assert who["deployment.environment.name"] == "production"
    assert who["host.name"] == socket.gethostname()


def test_the_standards_variables_have_the_last_word_on_who_sends(monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "drift-north")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=drift-0,deployment.environment.name=staging")
    with by_http() as received:
        traces.set_up(environment="production", endpoint=received.endpoint)
        with span("slot"):
            pass
        traces.shut_down()
        who = received.one("slot").resource
    assert (who["service.name"], who["k8s.pod.name"]) == ("drift-north", "drift-0")
    assert who["deployment.environment.name"] == "staging"


def test_grpc_and_its_headers():
    with by_grpc() as received:
        traces.set_up(
            endpoint=received.endpoint, protocol="grpc", headers={"Authorization": f"Bearer {SECRET}"}
        )
        with span("slot"), span("read"):
            pass
        assert traces.shut_down()
        assert received.paths == {"slot", "slot > read"}
        assert received.headers[0]["authorization"] == f"Bearer {SECRET}"


def test_the_variables_alone_are_enough(monkeypatch):
    with by_http() as received:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-scope=north")
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": received.endpoint, "TRACEPARENT": CAME}
        with traced(None, environ), span("slot"):
            pass
        assert received.one("slot").trace == TRACE
        assert received.headers[0]["x-scope"] == "north"


@pytest.mark.parametrize(
    ("setting", "environ", "wanted"),
    [
        (None, {}, False),
        (TracesConfig(), {}, True),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://jaeger:4318"}, True),
        (None, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://jaeger:4318/v1/traces"}, True),
        (
            None,
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://m:4318"},
            False,
        ),
        (TracesConfig(), {"OTEL_SDK_DISABLED": "TRUE"}, False),
        (TracesConfig(), {"OTEL_SDK_DISABLED": "false"}, True),
        (TracesConfig(), {"OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_when_traces_are_sent(setting, environ, wanted):
    assert traces.wanted(setting, environ) is wanted


def test_variables_that_are_not_understood_cost_the_traces_and_not_the_slot(monkeypatch, said):
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
    with traced(None, environ), span("slot"):
        pass
    [line] = said("there are no traces")
    assert "OTEL_EXPORTER_OTLP_PROTOCOL" in line["why"]
    assert "http/json" in line["why"]


def test_grpc_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)
    with pytest.raises(ConfigError, match=r'grpc needs an extra: pip install "drift-monitor\[grpc\]"'):
        traces.set_up(endpoint="http://127.0.0.1:4317", protocol="grpc")
    with pytest.raises(ConfigError, match="needs an extra"), traced(TracesConfig(protocol="grpc"), {}):
        pass


@pytest.mark.usefixtures("said")
def test_what_another_package_set_up_is_left_alone(capsys):
    """As under `opentelemetry-instrument`: spans go where that sends them."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    theirs = TracerProvider(shutdown_on_exit=False)
    theirs.add_span_processor(SimpleSpanProcessor(kept))
    before = trace._TRACER_PROVIDER
    trace._TRACER_PROVIDER = theirs  # what set_tracer_provider does, which does it once a process
    try:
        traces.set_up(endpoint=nowhere())
        with span("slot"):
            pass
        assert [each.name for each in kept.get_finished_spans()] == ["slot"]
        assert traces.shut_down()
        assert "traces go where this process sends its own already" in capsys.readouterr().err
    finally:
        trace._TRACER_PROVIDER = before


def test_nothing_is_recorded_after_the_end(collector: Received):
    assert traces.shut_down()
    with span("late"):
        assert headers() == {}
    assert traces.shut_down()
    assert collector.spans == []


# a dead collector


@pytest.fixture
def bounds(monkeypatch):
    """How long the end waited at most, in seconds."""
    given: list[float] = []
    within = recording.within

    def noted(seconds: float, work):
        given.append(seconds)
        return within(seconds, work)

    monkeypatch.setattr(recording, "within", noted)
    return given


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize(
    "dead", ["refused", "black hole", "503", "slow", "no such host", "name server hangs"]
)
def test_a_dead_collector_costs_a_second_at_the_end_and_one_line(dead, protocol, said, bounds, monkeypatch):
    hanging = threading.Event()
    with black_hole() as hole, by_http(503) as away, by_http(None) as slow:
        places = {
            "refused": nowhere(), "black hole": hole, "503": away.endpoint, "slow": slow.endpoint,
            "no such host": "http://no-such-host.invalid:4318", "name server hangs": "http://collector.example:4318",
        }  # fmt: skip
        if dead == "name server hangs":
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: hanging.wait(60))
        traces.set_up(endpoint=places[dead], protocol=protocol)
        for _ in range(600):  # more than a batch
            with span("slot"), span("read"):
                pass
        began = time.monotonic()
        assert traces.shut_down() is False
        took = time.monotonic() - began
        hanging.set()
    assert sum(bounds) == pytest.approx(1.0)
    assert took < 3.0  # of a loaded machine; the bounds above are what is promised
    [line] = said("traces are not taken")
    assert line["endpoint"] == places[dead]
    assert line["why"]


def test_a_collector_that_refuses_is_not_waited_for(said, bounds):
    """401 is no outage that time mends."""
    with by_http(401) as strict:
        traces.set_up(endpoint=strict.endpoint, headers={"authorization": SECRET})
        with span("slot"):
            pass
        assert traces.shut_down()  # in time: no more can be done
        [line] = said("traces are not taken")
    assert line["why"] == "Unauthorized"
    assert len(bounds) == 1


def test_an_outage_is_told_once_and_its_end_once(said, monkeypatch):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    with by_http(401) as received:
        traces.set_up(endpoint=received.endpoint)
        for _ in range(3):
            received.asked.clear()
            with span("slot"):
                pass
            assert received.asked.wait(20)
        received.status = 200
        with span("slot"):
            pass
        traces.shut_down()
        assert received.spans[-1].name == "slot"
    assert [line["message"] for line in said("traces")] == ["traces are not taken", "traces are taken again"]


def test_what_opentelemetry_says_of_its_headers_stays_unseen(monkeypatch, capfd):
    """It writes a malformed one to its log as it is."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization {SECRET}")
    with (
        by_http() as received,
        traced(None, {"OTEL_EXPORTER_OTLP_ENDPOINT": received.endpoint}),
        span("slot"),
    ):
        pass
    assert SECRET not in capfd.readouterr().err


def test_the_doctors_question():
    second = timedelta(seconds=1)
    with by_http() as received, by_http(401) as strict, black_hole() as hole:
        assert fault_of(Collector(received.endpoint), timedelta(seconds=20)) is None
        assert received.one("doctor").parent == ""
        assert fault_of(Collector(strict.endpoint), timedelta(seconds=20)) == "Unauthorized"
        assert fault_of(Collector(nowhere()), second) == "Connection refused"
        assert fault_of(Collector(hole), second) == "no answer within 1 s"


# off


OFF = """
import sys
from drift.telemetry.traces import *
from drift.telemetry.traces import in_context, headers, continued
with span("slot", slot=1) as it, lone_span("replay"), continued({"TRACEPARENT": "x"}):
    it.set(rows=1)
    it.fail("why")
    assert in_context(lambda: 7)() == 7 and headers() == {}
assert shut_down()
print([name for name in sys.modules if name.startswith(("opentelemetry", "grpc", "requests"))])
"""


def test_off_it_imports_nothing(repository: Path):
    ran = subprocess.run(
        [sys.executable, "-c", OFF], cwd=repository, capture_output=True, text=True, check=False
    )
    assert ran.stdout == "[]\n", ran.stderr


def test_off_a_span_is_one_that_there_is_already(monkeypatch):
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    assert span("slot", cities=8) is NOTHING


# the config


def config_of(**given: object):
    return parse_config({"store": STORE, "traces": given}, Path()).traces


def test_the_config_of_traces():
    setting = config_of(
        endpoint="http://jaeger:4318", protocol="grpc", sample=0.1, timeout="2s", headers={"x-key": SECRET}
    )
    assert setting.headers == {"x-key": SecretStr(SECRET)}
    assert (setting.sample, setting.timeout) == (0.1, timedelta(seconds=2))
    assert SECRET not in repr(setting)
    assert Collector.of(setting).headers == {"x-key": SECRET}
    assert SECRET not in repr(Collector.of(setting))
    assert parse_config({"store": STORE}, Path()).traces is None


def test_headers_may_stand_in_a_file_of_their_own(tmp_path: Path):
    (tmp_path / "key").write_text(f"Authorization=Bearer%20{SECRET},x-scope=north\n")
    content = {"store": STORE, "traces": {"headers_file": "key"}}
    setting = parse_config(content, tmp_path).traces
    assert setting.headers["Authorization"].get_secret_value() == f"Bearer {SECRET}"
    assert setting.headers["x-scope"].get_secret_value() == "north"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"endpoint": "jaeger:4318"}, "is no address of a collector"),
        ({"endpoint": f"http://me:{SECRET}@jaeger:4318"}, "what is secret belongs in headers"),
        ({"protocol": "udp"}, "protocol"),
        ({"sample": 2}, "sample"),
        ({"headers": f"authorization {SECRET}"}, "write name=value"),
        ({"headers": {"a b": SECRET}}, "is no name of a header"),
        ({"headers": {"x-key": f"{SECRET}\n"}}, "cannot be sent in a header"),
        ({"endpont": "http://jaeger:4318"}, "did you mean"),
    ],
)
def test_what_is_wrong_in_the_config_is_said_and_no_secret_with_it(given, says):
    with pytest.raises(ConfigError) as refused:
        config_of(**given)
    assert says in str(refused.value)
    assert SECRET not in str(refused.value)


def test_executors_are_sent_no_headers():
    config = parse_config({"store": STORE, "traces": {"headers": {"x-key": SECRET}}}, Path())
    assert config.for_measuring().traces is None
    assert SECRET not in config.measuring_words
