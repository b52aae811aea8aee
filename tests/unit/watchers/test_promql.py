"""A Prometheus asked, and all that can go wrong: each with the address, the remedy, and no secret."""

from __future__ import annotations

import json
import math
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from drift.config_watch import PrometheusConfig
from drift.errors import WatchError
from drift.watchers.promql import Prometheus

from .conftest import Handler, vector

NOTHING: Mapping[str, object] = MappingProxyType({})


def asking(url: str, more: Mapping[str, object] = NOTHING, folder: Path = Path()) -> Prometheus:
    """With these keys of its section besides."""
    return Prometheus(PrometheusConfig.model_validate({"url": url, "timeout": "2s", **more}), folder)


def why(prometheus: Prometheus) -> str:
    with pytest.raises(WatchError) as caught:
        prometheus.vector("up")
    return str(caught.value)


def test_series_come_with_their_labels_and_values(prometheus):
    prometheus.says(
        vector(
            ({"job": "api", "endpoint": "/a"}, "2.5"), ({"job": "api", "endpoint": "/b"}, "NaN"), ({}, "+Inf")
        )
    )
    a, b, c = asking(prometheus.url).vector("up")
    assert (a.labels, a.value) == ({"job": "api", "endpoint": "/a"}, 2.5)
    assert math.isnan(b.value)
    assert math.isinf(c.value)
    assert [(asked.path, asked.query) for asked in prometheus.asked] == [("/api/v1/query", "up")]


def test_a_prefix_of_the_address_is_kept(prometheus):
    asking(f"{prometheus.url}/prom/").vector("up")
    assert prometheus.asked[0].path == "/prom/api/v1/query"


def test_a_token_is_read_anew_each_time_as_it_is_rotated(prometheus, tmp_path):
    (tmp_path / "token").write_text("first\n")
    asked = asking(prometheus.url, {"token_file": "token"}, tmp_path)
    asked.vector("up")
    (tmp_path / "token").write_text("second\n")
    asked.vector("up")
    assert [one.headers["Authorization"] for one in prometheus.asked] == ["Bearer first", "Bearer second"]


def test_a_user_logs_in_with_a_password(prometheus, tmp_path):
    (tmp_path / "password").write_text("hunter2")
    asking(prometheus.url, {"user": "me", "password_file": "password"}, tmp_path).vector("up")
    assert prometheus.asked[0].headers["Authorization"] == "Basic bWU6aHVudGVyMg=="


def test_a_secret_that_cannot_be_read_names_its_file(prometheus, tmp_path):
    assert "watch.prometheus.token_file: " in (
        said := why(asking(prometheus.url, {"token_file": "none"}, tmp_path))
    )
    assert "none cannot be read (No such file or directory): write the secret into it" in said
    (tmp_path / "two").write_text("a\nb")
    assert "two should hold one secret on one line" in why(
        asking(prometheus.url, {"token_file": "two"}, tmp_path)
    )
    assert prometheus.asked == []


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (200, "<html>hello</html>", "answers no JSON: is it a Prometheus? Write the address of one"),
        (200, "[]", "answers no JSON: is it a Prometheus?"),
        (200, '{"status": "success"}', "answers something else than series: is it a Prometheus?"),
        (200, '{"status": "success", "data": {"resultType": "matrix", "result": []}}', "answers something else than series"),
        (200, '{"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}}]}}', "answers series that cannot be read"),
        (200, '{"status": "success", "data": {"resultType": "vector", "result": [{"metric": [], "value": [0, "1"]}]}}', "answers series that cannot be read"),
        (200, '{"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [0, "many"]}]}}', "answers series that cannot be read"),
        (400, '{"status": "error", "errorType": "bad_data", "error": "unknown function \\u001b[31m"}', "answers 400 to up: unknown function �[31m: mend what it says"),
        (401, "no", "answers 401: it wants a log-in: set watch.prometheus.token_file"),
        (403, "no", "answers 403: it refuses drift's log-in"),
        (404, "no", "answers 404: there is no Prometheus at that path"),
        (302, "", "answers 302: it leads elsewhere: write the address that it leads to"),
        (502, "<html>bad gateway", "answers 502 and no JSON: is it a Prometheus?"),
        (503, '{"status": "error", "error": "query queue is full"}', "answers 503 to up: query queue is full"),
    ],
)  # fmt: skip
def test_what_it_answers_wrongly_is_said_with_the_remedy(prometheus, status, body, text):
    prometheus.says(body, status, Location="http://elsewhere.example/")
    assert (said := why(asking(prometheus.url))).startswith(f"Prometheus at {prometheus.url} ")
    assert text in said
    assert len(prometheus.asked) == 1  # it is not followed elsewhere


def test_nobody_there_is_said_in_words():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    assert why(asking(url)) == (
        f"Prometheus at {url} cannot be reached (Connection refused): start it, or correct watch.prometheus.url"
    )


def test_a_name_that_is_none_is_said_in_words():
    said = why(asking("http://prometheus.invalid:9090"))
    assert said.startswith("Prometheus at http://prometheus.invalid:9090 cannot be reached (")


def test_one_that_does_not_answer_is_given_up_in_time(prometheus):
    prometheus.behaviour = lambda *_: prometheus.gone.wait(20) and None
    assert why(asking(prometheus.url, {"timeout": "0.2s"})) == (
        f"Prometheus at {prometheus.url} did not answer within 0.2 s: see whether it is at work, or give it more timeout"
    )


def test_one_that_trickles_is_given_up_in_time(prometheus):
    """A byte each tenth of a second would hold every other watcher up for ever."""

    def trickle(handler: Handler, _: str) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not prometheus.gone.wait(0.05):
            try:
                handler.wfile.write(b" ")
            except OSError:
                return

    prometheus.behaviour = trickle
    assert "did not answer within 0.3 s" in why(asking(prometheus.url, {"timeout": "0.3s"}))


def test_one_that_floods_is_given_up(prometheus, monkeypatch):
    monkeypatch.setattr("drift.watchers.promql.MOST_BYTES", 1 << 20)
    prometheus.says(b" " * (2 << 20))
    assert "answers more than 1 MB" in why(asking(prometheus.url))


def test_one_that_hangs_up_is_said_in_words(prometheus):
    def hang_up(handler: Handler, _: str) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)

    prometheus.behaviour = hang_up
    assert "cannot be reached (" in why(asking(prometheus.url))


def test_labels_that_hold_ids_are_too_many(prometheus, monkeypatch):
    monkeypatch.setattr("drift.watchers.promql.MOST_SERIES", 3)
    prometheus.says(vector(*(({"endpoint": f"/user/{n}"}, "1") for n in range(4))))
    assert "has 4 series where a few are expected: see whether a service puts ids" in why(
        asking(prometheus.url)
    )


def test_no_error_shows_a_secret(prometheus):
    url = prometheus.url.replace("http://", "http://me:hunter2@")
    for answer in ((500, "no"), (200, "no"), (400, json.dumps({"status": "error", "error": "bad"}))):
        prometheus.says(answer[1], answer[0])
        assert "hunter2" not in why(asking(url, {"token": "hunter2hunter2"}))


def test_it_is_asked_by_one_connection(prometheus):
    asked = asking(prometheus.url)
    seen: set[object] = set()
    prometheus.behaviour = lambda handler, _: (
        seen.add(handler.client_address),
        handler.answer(200, vector()),
    )
    for _ in range(3):
        asked.vector("up")
    asked.close()
    assert len(seen) == 1
    assert threading.active_count() < 50


def test_a_question_takes_the_trace_along(prometheus):
    from opentelemetry import trace

    came = trace.SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=trace.TraceFlags(1))
    with trace.use_span(trace.NonRecordingSpan(came)):
        asking(prometheus.url).vector("up")
    assert prometheus.asked[0].headers["traceparent"] == f"00-{0xABC:032x}-{0xDEF:016x}-01"
