"""What happens to a log event of our own on its way out: steps of structlog, in the order of this page.

Why not ecs-logging's formatter, whose form this is: it writes NaN, and it writes `url="…"` as the text `url`,
which Elastic refuses where another service has the object `url.path`. What would be left of it once those are
mended is `json.dumps`. A test holds both against each other where ecs-logging is right.
"""

from __future__ import annotations

import socket
import sys
from types import TracebackType
from typing import cast

from structlog.typing import EventDict, WrappedLogger

from drift.telemetry.ecs import SEVERITY, VERSION, level_named, placed
from drift.telemetry.ecs_document import document, flat_fields, json_line, moment
from drift.telemetry.log_times import iso_time
from drift.telemetry.logged import Value
from drift.text import printable_lines, spelt_out


def with_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The event with the ids of OpenTelemetry's current span, where tracing is in use; it is not imported."""
    tracing = sys.modules.get("opentelemetry.trace")
    if tracing is not None and "trace_id" not in event and "trace.id" not in event:
        context = tracing.get_current_span().get_span_context()
        if context.is_valid:
            event["trace.id"], event["span.id"] = f"{context.trace_id:032x}", f"{context.span_id:016x}"
    return event


def with_error(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The event with its exception as text, and its type and words apart, before anything is stripped."""
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if not isinstance(error, BaseException):
        return event
    event["error.type"] = type(error).__name__
    event.setdefault("error.message", _said(error))
    event["exception"] = _traceback(error, found[2] if isinstance(found, tuple) else error.__traceback__)
    return event


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 — an error that cannot be told must not hide that there was one
        return f"a {type(error).__name__} that cannot be shown"


def _traceback(error: BaseException, at: TracebackType | None) -> str:
    import traceback

    return "".join(traceback.format_exception(type(error), error, at)).rstrip("\n")


def strip(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The event without secrets, in names, in values of any nesting, and in the exception's text."""
    from drift.telemetry.sensitive import (
        redact_field,
    )  # its patterns take 20 ms: a quiet process has none of it

    return {name: _plain(redact_field(str(name), value)) for name, value in event.items()}


def _plain(value: object) -> object:
    """Bytes as text and tuples as lists, as JSON has neither."""
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return {key: _plain(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def for_people(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The event with nothing in its words that a terminal obeys; a traceback keeps its lines."""
    if "exception" in event:  # which says both
        event.pop("error.type", None)
        event.pop("error.message", None)
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = printable_lines(value) if name in ("exception", "stack") else spelt_out(value)
    return event


class EcsLine:
    """The last step: the event as a line of ECS JSON, with the service, its environment and the host."""

    def __init__(self, service: str, environment: str | None) -> None:
        self._always: dict[str, Value] = {
            "service.name": service,
            "event.dataset": f"{service}.log",
            "host.name": socket.gethostname(),
            "ecs.version": VERSION,
        }
        if environment:
            self._always["service.environment"] = environment

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> str:
        """The line. It never raises, and is ASCII without an end of line in it."""
        fields = cast("dict[str, Value]", {str(name): value for name, value in event.items()})
        said = iso_time(str(fields.pop("timestamp", "")))
        level = level_named(fields.pop("level", None)) or "info"
        head: dict[str, Value] = {"@timestamp": moment(said)} if said else {}
        head |= {
            "log.level": level,
            "message": str(fields.pop("event", "")),
            "event.severity": SEVERITY[level],
        }
        given = placed(flat_fields(fields))
        ours = {*head, "@timestamp", "event.ingested"}
        named = {f"labels.{name}" if name in ours else name: value for name, value in given.items()}
        if "service.name" in named:
            named.setdefault("event.dataset", f"{named['service.name']}.log")
        return json_line(document({**head, **self._always, **named}))
