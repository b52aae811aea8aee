"""Where recorded spans go: a collector that takes OTLP, which may be slow, away, or dead.

An outage is one line of the log, however many batches it costs. What OpenTelemetry itself writes to its log
stays unseen: it may quote a header.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from drift.errors import ConfigError
from drift.redact import redact
from drift.telemetry.sensitive import redact_text
from drift.telemetry.traces import Protocols
from drift.text import printable

if TYPE_CHECKING:
    from drift.config_traces import TracesConfig

SIGNAL = "/v1/traces"
"""Where on a collector traces go over HTTP."""
DEFAULT: dict[str, str] = {"http": "http://localhost:4318", "grpc": "http://localhost:4317"}
WHY_LENGTH = 300

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Collector:
    """Where spans go, and how. What is None is as OpenTelemetry's variables say, or as it is by default."""

    endpoint: str | None = None
    protocol: Protocols | None = None
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    timeout: timedelta | None = None

    @classmethod
    def of(cls, setting: TracesConfig | None) -> Collector:
        """As the config says; None: as the variables do."""
        if setting is None:
            return cls()
        shown = {name: value.get_secret_value() for name, value in setting.headers.items()}
        return cls(setting.endpoint, setting.protocol, shown, setting.timeout)

    @property
    def way(self) -> Protocols:
        """The protocol.

        Raises:
            ConfigError: the variables name one that is not known here.
        """
        if self.protocol is not None:
            return self.protocol
        said = _variable("PROTOCOL") or "http/protobuf"
        if said not in ("grpc", "http/protobuf"):
            raise ConfigError(
                f"OTEL_EXPORTER_OTLP_PROTOCOL: traces are sent by grpc or http/protobuf, not by {said!r}"
            )
        return "grpc" if said == "grpc" else "http"

    @property
    def place(self) -> str:
        """The address, as people may see it."""
        return redact(self.endpoint or _variable("ENDPOINT") or DEFAULT[self.way])

    def exporter(self) -> SpanExporter:
        """What sends; it connects to nothing yet.

        Raises:
            ConfigError: gRPC is asked for, and its package is not installed.
        """
        seconds = None if self.timeout is None else self.timeout.total_seconds()
        if self.way == "http":
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http

            return Http(_signal(self.endpoint), headers=self.headers or None, timeout=seconds)
        try:
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc
        except ImportError:
            raise ConfigError(
                'traces.protocol: grpc needs an extra: pip install "drift-monitor[grpc]"; or set it to http, '
                "and traces.endpoint to the port that the collector has for that (4318)"
            ) from None
        named = [(name.lower(), value) for name, value in self.headers.items()]  # as HTTP/2 has them
        return Grpc(self.endpoint, headers=named or None, timeout=seconds)


def _variable(name: str) -> str | None:
    """What OpenTelemetry's variables say of a collector: of traces, or of everything."""
    return os.environ.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}") or os.environ.get(f"OTEL_EXPORTER_OTLP_{name}")


def _signal(endpoint: str | None) -> str | None:
    """The address for traces below a collector's own.

    >>> _signal("http://jaeger:4318/"), _signal("https://otlp.example/v1/traces")
    ('http://jaeger:4318/v1/traces', 'https://otlp.example/v1/traces')
    """
    return None if endpoint is None else endpoint.rstrip("/").removesuffix(SIGNAL) + SIGNAL


_REASONS = [
    re.compile(words)
    for words in (
        r"\[Errno -?\d+\] ([^'\")\]]+)",
        r"rror details: (.+)",
        r"reason: (.+)",
        r"Transient error (.+?) encountered",
    )
]
"""Where in what an exporter says the reason is, the most telling first."""


def in_short(said: str) -> str:
    """The reason that an exporter's words come to, without what is secret in them.

    >>> in_short("Transient error … ([Errno 111] Connection refused') encountered while exporting spans")
    'Connection refused'
    >>> in_short("Transient error Service Unavailable encountered while exporting spans batch")
    'Service Unavailable'
    """
    found = next((reason for pattern in _REASONS if (reason := pattern.search(said))), None)
    return printable(redact_text(found[1] if found else said), WHY_LENGTH)


class Told(SpanExporter):
    """An exporter whose outages are told: once when one begins, and once when it is over."""

    def __init__(self, exporter: SpanExporter, place: str) -> None:
        self._exporter, self._place = exporter, place
        self._lost, self._quiet = 0, False
        self._heard = _Heard()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch; one that is not taken is lost."""
        self._heard.listen()
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - whatever it is, the spans are lost and the process goes on
            self._heard.first, result = type(error).__name__, SpanExportResult.FAILURE
        if result is SpanExportResult.SUCCESS:
            if self._lost:
                log.info("traces are taken again", endpoint=self._place, lost=self._lost)
            self._lost = 0
        else:
            self._missed(len(spans), self._heard.first)
        return result

    def give_up(self) -> None:
        """The time at the end was too short: say so, unless that is known, and say no more."""
        self._missed(1, self._heard.first or "no answer before the process ended")
        self._quiet = True
        self._exporter.shutdown()

    def _missed(self, spans: int, why: str) -> None:
        if not self._lost and not self._quiet:
            log.warning("traces are not taken", endpoint=self._place, why=in_short(why))
        self._lost += spans

    def shutdown(self) -> None:
        """Send no more."""
        self._exporter.shutdown()
        self._heard.leave()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return self._exporter.force_flush(timeout_millis)


class _Heard(logging.Handler):
    """Takes what OpenTelemetry says to its log, which may quote a header, and keeps the first of it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.listen()
        self._logger = logging.getLogger("opentelemetry")
        self._before = self._logger.propagate
        self._logger.addHandler(self)
        self._logger.propagate = False

    def listen(self) -> None:
        """Keep the first of what is said from now on in this thread: another's is about another try."""
        self.first, self._thread = "", threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread and not self.first:
            self.first = record.getMessage()

    def leave(self) -> None:
        self._logger.removeHandler(self)
        if not self._logger.handlers:
            self._logger.propagate = self._before


def within(seconds: float, work: Callable[[], object]) -> bool:
    """Whether the work was done in time; a thread goes on with it, which holds up no exit."""
    thread = threading.Thread(target=work, name="drift traces", daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


def resource_of(service: str, version: str | None, environment: str | None) -> Resource:
    """Who sends: what the variables say comes before what is said here."""
    said = {
        "service.name": service,
        "service.version": version,
        "deployment.environment.name": environment,
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
    }
    ours = Resource({name: value for name, value in said.items() if value is not None})
    return Resource.create().merge(ours).merge(OTELResourceDetector().detect())


def fault_of(collector: Collector, timeout: timedelta) -> str | None:
    """Why the collector does not take a span, in the time there is; None: it took one.

    Raises:
        ConfigError: gRPC is asked for, and its package is not installed.
    """
    exporter = collector.exporter()
    heard, taken = _Heard(), list[SpanExportResult]()
    provider = TracerProvider(resource=resource_of("drift", None, None), shutdown_on_exit=False)
    tried = provider.get_tracer("drift").start_span("doctor")
    tried.end()

    def send() -> None:
        heard.listen()
        taken.append(exporter.export([_readable(tried)]))

    ended = within(timeout.total_seconds(), send)
    said = in_short(heard.first) or f"no answer within {timeout.total_seconds():g} s"
    within(0.1, exporter.shutdown)
    if ended:
        heard.leave()  # else it goes on listening to what still tries
    return None if SpanExportResult.SUCCESS in taken else said


def _readable(span: trace.Span) -> ReadableSpan:
    assert isinstance(span, ReadableSpan)  # noqa: S101 - the SDK's own are
    return span
