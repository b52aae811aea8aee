"""The platform's metrics, logs and traces: what a service imports, and pays for only as far as it uses it.

Each name is imported when it is first asked for, so that a service which counts its requests waits for
`prometheus_client` alone, and one that writes its logs for structlog alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drift.domain import Threshold
    from drift.telemetry.asgi import MetricsMiddleware
    from drift.telemetry.collector import MetricsCollector, breached
    from drift.telemetry.log_lines import parse_line
    from drift.telemetry.log_processor import LogProcessor
    from drift.telemetry.logged import LogEvent
    from drift.telemetry.logs import configure_logging, log_event
    from drift.telemetry.metrics import PlatformMetrics
    from drift.telemetry.readings import Reading
    from drift.telemetry.registry_readings import RegistryReadings
    from drift.telemetry.resources import ResourceSampler, resource_readings, show_resources
    from drift.telemetry.sensitive import redact_text, redact_value
    from drift.telemetry.tracking import Tracked

__all__ = [
    "LogEvent",
    "LogProcessor",
    "MetricsCollector",
    "MetricsMiddleware",
    "PlatformMetrics",
    "Reading",
    "RegistryReadings",
    "ResourceSampler",
    "Threshold",
    "Tracked",
    "breached",
    "configure_logging",
    "log_event",
    "parse_line",
    "redact_text",
    "redact_value",
    "resource_readings",
    "show_resources",
]

_HOMES = {
    "LogEvent": "telemetry.logged",
    "LogProcessor": "telemetry.log_processor",
    "MetricsCollector": "telemetry.collector",
    "MetricsMiddleware": "telemetry.asgi",
    "PlatformMetrics": "telemetry.metrics",
    "Reading": "telemetry.readings",
    "RegistryReadings": "telemetry.registry_readings",
    "ResourceSampler": "telemetry.resources",
    "Threshold": "domain",
    "Tracked": "telemetry.tracking",
    "breached": "telemetry.collector",
    "configure_logging": "telemetry.logs",
    "log_event": "telemetry.logs",
    "parse_line": "telemetry.log_lines",
    "redact_text": "telemetry.sensitive",
    "redact_value": "telemetry.sensitive",
    "resource_readings": "telemetry.resources",
    "show_resources": "telemetry.resources",
}


def __getattr__(name: str) -> object:
    """The public names, imported when first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'drift.telemetry' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"drift.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted((*globals(), *__all__))
