"""A Prometheus of our own on loopback: it records what it is asked, and answers as a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

Answer = tuple[int, bytes]


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the behaviour of the moment."""

    protocol_version = "HTTP/1.1"
    server: FakePrometheus

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        query = parse_qs(self.rfile.read(size).decode())["query"][0]
        self.server.asked.append(Asked(self.path, query, dict(self.headers)))
        self.server.behaviour(self, query)

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: pytest shows what went wrong."""


@dataclass
class Asked:
    """One request."""

    path: str
    query: str
    headers: dict[str, str]


class FakePrometheus(ThreadingHTTPServer):
    """Answers with no series, until a test says otherwise. `gone` is set when it is closed."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[Asked] = []
        self.gone = threading.Event()
        self.behaviour: Callable[[Handler, str], None] = lambda handler, _: handler.answer(200, vector())
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def says(self, body: bytes | str, status: int = 200, **headers: str) -> None:
        """Answer all that comes with this."""
        raw = body.encode() if isinstance(body, str) else body
        self.behaviour = lambda handler, _: handler.answer(status, raw, **headers)

    def handle_error(self, *_: object) -> None:
        """Nothing: that a client gives up is what some tests are about."""

    def close(self) -> None:
        self.gone.set()
        self.shutdown()
        self.server_close()


def vector(*series: tuple[dict[str, str], str]) -> bytes:
    """An answer as Prometheus gives it: labels and a value, which is text."""
    result = [{"metric": labels, "value": [1774000000.0, value]} for labels, value in series]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    server = FakePrometheus()
    yield server
    server.close()
