"""The process records its spans: OpenTelemetry's provider is set up, and let go of in bounded time.

Spans wait in memory and are sent in batches by a thread of the SDK's, so no step waits for a collector. At
the end of the process what is left is sent by a thread too, which is left behind when its time is up: what
holds it, a name that is not resolved or a connection that is never answered, holds nobody else.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from drift.errors import ConfigError
from drift.telemetry.otlp import Collector, Told, in_short, resource_of, within

if TYPE_CHECKING:
    from drift.config_traces import TracesConfig

_SPARE = 0.1
"""This share of the time at the end is kept for ending what did not end by itself."""

log = structlog.get_logger()


class Changeable(trace.TracerProvider):
    """The process's provider. OpenTelemetry lets one be set, once; what is in this one can be changed."""

    def __init__(self) -> None:
        self._inner: TracerProvider | None = None
        self._told: Told | None = None

    def get_tracer(self, *given: Any, **named: Any) -> trace.Tracer:
        """As OpenTelemetry asks for one. `Any`: it grows words from version to version."""
        inner = self._inner
        return trace.NoOpTracer() if inner is None else inner.get_tracer(*given, **named)

    def begin(self, inner: TracerProvider, told: Told) -> None:
        """Record with this from now on."""
        inner.add_span_processor(BatchSpanProcessor(told))
        self._inner, self._told = inner, told

    def end(self, timeout: timedelta) -> bool:
        """Send what is left, in the time there is; whether it was enough."""
        inner, told, self._inner, self._told = self._inner, self._told, None, None
        if inner is None or told is None:
            return True
        seconds = timeout.total_seconds()
        if within(seconds * (1 - _SPARE), inner.shutdown):
            return True
        within(seconds * _SPARE, told.give_up)
        return False


def record(
    collector: Collector,
    sample: float | None,
    service: str,
    version: str | None,
    environment: str | None,
) -> None:
    """Send the spans of this process to the collector; see `traces.set_up`."""
    there = trace.get_tracer_provider()
    if not isinstance(there, trace.ProxyTracerProvider | Changeable):
        log.info("traces go where this process sends its own already")
        return
    told = Told(collector.exporter(), collector.place)
    sampler = None if sample is None else ParentBased(TraceIdRatioBased(sample))
    inner = TracerProvider(sampler, resource_of(service, version, environment), shutdown_on_exit=False)
    if isinstance(there, Changeable):
        there.end(timedelta(seconds=1))
    else:
        there = Changeable()
        trace.set_tracer_provider(there)
    there.begin(inner, told)


def begin(setting: TracesConfig | None, service: str, version: str | None, environment: str | None) -> None:
    """Record as the config says; None: as the variables do, which must not cost a slot.

    Raises:
        ConfigError: the config asks for what is not installed.
    """
    try:
        sample = None if setting is None else setting.sample
        record(Collector.of(setting), sample, service, version, environment)
    except (ConfigError, ValueError) as error:
        if setting is not None and isinstance(error, ConfigError):
            raise
        log.warning("there are no traces", why=in_short(str(error)))


def end(timeout: timedelta) -> bool:
    """See `traces.shut_down`."""
    there = trace.get_tracer_provider()
    return there.end(timeout) if isinstance(there, Changeable) else True
