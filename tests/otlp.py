"""A real collector of traces, by HTTP and by gRPC: it takes OTLP as its schema has it (opentelemetry-proto), and
can be dead in the ways collectors are.
"""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


@dataclass(frozen=True)
class Taken:
    """A span as a collector sees it."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    failed: bool
    said: str
    attributes: Mapping[str, object]
    resource: Mapping[str, object]
    events: tuple[Mapping[str, object], ...]


@dataclass
class Collector:
    """What was sent to it, and what came along. `status`: what it answers; None: nothing, ever."""

    status: int | None = 200
    spans: list[Taken] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    endpoint: str = ""
    asked: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)

    def take(self, request: ExportTraceServiceRequest, headers: dict[str, str]) -> None:
        self.headers.append(headers)
        for resource in request.resource_spans:
            who = _plain(resource.resource.attributes)
            for scope in resource.scope_spans:
                self.spans += [_taken(span, who) for span in scope.spans]

    def named(self, name: str) -> list[Taken]:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> Taken:
        [found] = self.named(name)
        return found

    def parent(self, span: Taken) -> Taken | None:
        return next((other for other in self.spans if other.id == span.parent), None)

    def path(self, span: Taken) -> str:
        """The names from the root down to it."""
        above = self.parent(span)
        return span.name if above is None else f"{self.path(above)} > {span.name}"

    @property
    def paths(self) -> set[str]:
        return {self.path(span) for span in self.spans}


def _taken(span: Span, who: Mapping[str, object]) -> Taken:
    failed = span.status.code == Status.STATUS_CODE_ERROR
    return Taken(
        span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), span.kind, failed,
        span.status.message, _plain(span.attributes), who, tuple(_plain(e.attributes) for e in span.events),
    )  # fmt: skip


def _plain(pairs: list[KeyValue]) -> dict[str, object]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> object:
    return getattr(value, str(value.WhichOneof("value")))


@contextmanager
def by_http(status: int | None = 200) -> Iterator[Collector]:
    """Takes POST /v1/traces."""
    collector = Collector(status)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            collector.asked.set()
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if collector.status is None:
                collector.closing.wait(60)
                return
            if collector.status == 200 and self.path == "/v1/traces":
                body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
                collector.take(ExportTraceServiceRequest.FromString(body), dict(self.headers))
            self.send_response(collector.status if self.path == "/v1/traces" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: the tests' output is theirs."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    collector.endpoint = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield collector
    finally:
        collector.closing.set()
        server.shutdown()
        server.server_close()


@contextmanager
def by_grpc() -> Iterator[Collector]:
    """Takes TraceService/Export."""
    import grpc
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as service

    collector = Collector()

    class Service(service.TraceServiceServicer):
        def Export(self, request: ExportTraceServiceRequest, context: grpc.ServicerContext) -> object:  # noqa: N802 - gRPC's
            collector.take(request, dict(context.invocation_metadata()))
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    service.add_TraceServiceServicer_to_server(Service(), server)
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()


@contextmanager
def black_hole() -> Iterator[str]:
    """An address where connections are taken and nothing is ever read or said; for HTTP as for gRPC."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def nowhere() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"
