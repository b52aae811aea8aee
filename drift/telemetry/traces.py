"""Traces: what was done, step by step, and how long each took, told to a collector (OTLP) such as Jaeger.

    with span("read", cities=8) as reading:
        reading.set(rows=1234)

Whoever starts the process says once where spans go (`set_up`), and lets go at its end (`shut_down`). Until
then `span` is a look-up and no more: OpenTelemetry is not even imported. Where something else in the process
has set OpenTelemetry up, as `opentelemetry-instrument` does, spans go where that sends them.

Names and what stands on each span: docs/traces.md. An attribute is cut where it is long, and an error is told
without secrets; so data may be put on a span, and its rows may not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Literal, ParamSpec, Protocol, Self, TypeAlias, TypeVar

if TYPE_CHECKING:
    from drift.config_traces import TracesConfig

EXIT = timedelta(seconds=1)
"""So long the end of a process waits for a collector to take what is left."""
Protocols: TypeAlias = Literal["http", "grpc"]
Value: TypeAlias = str | int | float | bool | datetime | None
"""What may stand on a span. None: nothing does."""
P = ParamSpec("P")
R = TypeVar("R")

_API = "opentelemetry.trace"


class Span(Protocol):
    """A step that is under way, as a context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def set(self, **attributes: Value) -> None:
        """Say more of it."""
        ...

    def fail(self, why: str) -> None:
        """Say that it failed, where no error is raised."""
        ...


class _Nothing:
    """A step that nobody records."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def set(self, **attributes: Value) -> None:
        pass

    def fail(self, why: str) -> None:
        pass


NOTHING = _Nothing()


def span(name: str, /, **attributes: Value) -> Span:
    """A step, below the one that is under way in this context, or the first of a trace.

    An error that leaves it is recorded without secrets, and raised. An attribute `rows` is called
    `drift.rows`; a name with a dot in it stays. Where nothing is recorded, this does nothing, in less than a
    microsecond.

    >>> with span("read", cities=8) as reading:
    ...     reading.set(rows=1234)
    """
    if _API not in sys.modules:
        return NOTHING
    from drift.telemetry.spans import recorded

    return recorded(name, attributes)


def lone_span(name: str, /, **attributes: Value) -> Span:
    """A step of which the steps inside are not recorded: there are thousands, as in a replay."""
    if _API not in sys.modules:
        return NOTHING
    from drift.telemetry.spans import recorded

    return recorded(name, attributes, alone=True)


def in_context(work: Callable[P, R]) -> Callable[P, R]:
    """The work as a thread may do it, below the step that is under way here. What is bound to the log of this
    context goes along.
    """
    context = copy_context()

    def done(*given: P.args, **named: P.kwargs) -> R:
        return context.copy().run(work, *given, **named)  # a context is entered by one thread at a time

    return done


def headers() -> dict[str, str]:
    """What a request carries so that its receiver goes on with this trace: `traceparent` and, where there is
    one, `tracestate`; nothing where nothing is recorded.

    For the platform's own services only: a trace id is no secret, and no business of a chat's either.
    """
    if _API not in sys.modules:
        return {}
    from drift.telemetry.spans import carried

    return carried()


@contextmanager
def continued(environ: Mapping[str, str]) -> Iterator[None]:
    """What is done inside goes on with the trace of whoever started this process, who says so by TRACEPARENT
    and TRACESTATE in the environment, as Airflow does; where they are missing or wrong, it is as it was.
    """
    if _API not in sys.modules:
        yield
        return
    from drift.telemetry.spans import attached, from_environment

    with attached(from_environment(environ)):
        yield


def set_up(
    service: str = "drift",
    *,
    version: str | None = None,
    environment: str | None = None,
    endpoint: str | None = None,
    protocol: Protocols | None = None,
    headers: Mapping[str, str] | None = None,
    sample: float | None = None,
    timeout: timedelta | None = None,
) -> None:
    """Send the spans of this process to an OTLP collector from now on.

    `endpoint` is the collector's address, such as http://jaeger:4318 (4317 by gRPC); `sample` the share of
    new traces that are recorded, while one that goes on is recorded if it was; `timeout` how long one batch
    may take, tries included. What is left out is as OpenTelemetry's own variables say, or as it is by
    default. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come before what is said here. A set-up of before
    ends.

    Raises:
        ConfigError: the package for gRPC is not installed, or a protocol is not known.
    """
    from drift.telemetry.otlp import Collector
    from drift.telemetry.recording import record

    collector = Collector(endpoint, protocol, dict(headers or {}), timeout)
    record(collector, sample, service, version, environment)


def shut_down(timeout: timedelta = EXIT) -> bool:
    """Send what is left, wait so long at most, and record no more; whether it was all taken in time."""
    if "drift.telemetry.recording" not in sys.modules:
        return True
    from drift.telemetry.recording import end

    return end(timeout)


def wanted(setting: TracesConfig | None, environ: Mapping[str, str]) -> bool:
    """Whether traces are to be sent: the config says so, or OpenTelemetry's variables name a collector.
    OTEL_SDK_DISABLED=true and OTEL_TRACES_EXPORTER=none turn them off, whatever the config says.

    >>> wanted(None, {}), wanted(None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://jaeger:4318"})
    (False, True)
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return False
    places = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return setting is not None or any(environ.get(name) for name in places)


@contextmanager
def traced(
    setting: TracesConfig | None,
    environ: Mapping[str, str],
    service: str = "drift",
    *,
    version: str | None = None,
    environment: str | None = None,
    goes_on: bool = True,
) -> Iterator[None]:
    """What is done inside is traced, if that is wanted; what is left then is sent, for a second at most. It
    goes on with the trace of whoever started this process (`continued`), unless told not to.

    Variables that OpenTelemetry does not understand cost the traces, and a line in the log; a wrong config
    fails.

    Raises:
        ConfigError: the config asks for gRPC, and its package is not installed.
    """
    if not wanted(setting, environ):
        yield
        return
    from drift.telemetry.recording import begin

    begin(setting, service, version, environment)
    try:
        with continued(environ if goes_on else {}):
            yield
    finally:
        shut_down()
