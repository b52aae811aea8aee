"""PURE. The Elastic Common Schema, as much of it as logs of this platform speak.

Why: in Elastic a field has one type for all services. A service that logs `url="…"` where another logs
the object `url.path` has its lines refused, silently. So there is one table of the fields that we write
(`FIELDS`, from which the index template in `config/elastic/` is made), one of the names that people and
libraries use for them (`ALIASES`), and a value that does not fit its field's type keeps its own name.

What has no name in ECS goes below `labels` (one `flattened` field: any shape, never a conflict, never a
mapping that grows) and, where it is a number that one may want to add up, below `numeric_labels`, the two
names that Elastic's own agents use.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

from drift.telemetry.logged import Value

VERSION: Final = "8.11.0"
"""The version of ECS that the names are of."""

Kind = Literal[
    "date", "keyword", "wildcard", "match_only_text", "long", "ip", "path", "outcome", "hex32", "hex16"
]
"""What a field takes. A path begins with `/`; ids of traces and spans are 32 and 16 hexadecimal digits."""

FIELDS: Final[Mapping[str, Kind]] = {
    "@timestamp": "date",
    "ecs.version": "keyword",
    "message": "match_only_text",
    "tags": "keyword",
    "agent.type": "keyword",
    "agent.version": "keyword",
    "container.id": "keyword",
    "destination.ip": "ip",
    "destination.port": "long",
    "error.message": "match_only_text",
    "error.stack_trace": "wildcard",
    "error.type": "keyword",
    "event.action": "keyword",
    "event.category": "keyword",
    "event.dataset": "keyword",
    "event.duration": "long",
    "event.id": "keyword",
    "event.ingested": "date",
    "event.kind": "keyword",
    "event.outcome": "outcome",
    "event.reason": "keyword",
    "event.severity": "long",
    "event.type": "keyword",
    "host.name": "keyword",
    "http.request.body.bytes": "long",
    "http.request.id": "keyword",
    "http.request.method": "keyword",
    "http.request.referrer": "keyword",
    "http.response.body.bytes": "long",
    "http.response.status_code": "long",
    "http.version": "keyword",
    "log.file.path": "keyword",
    "log.level": "keyword",
    "log.logger": "keyword",
    "log.offset": "long",
    "log.origin.file.line": "long",
    "log.origin.file.name": "keyword",
    "log.origin.function": "keyword",
    "process.name": "keyword",
    "process.pid": "long",
    "process.thread.id": "long",
    "process.thread.name": "keyword",
    "service.environment": "keyword",
    "service.name": "keyword",
    "service.version": "keyword",
    "source.address": "keyword",
    "source.ip": "ip",
    "source.port": "long",
    "span.id": "hex16",
    "trace.id": "hex32",
    "transaction.id": "hex16",
    "url.domain": "keyword",
    "url.full": "wildcard",
    "url.original": "wildcard",
    "url.path": "path",
    "url.query": "keyword",
    "user.email": "keyword",
    "user.id": "keyword",
    "user.name": "keyword",
    "user_agent.original": "keyword",
}

ALIASES: Final[Mapping[str, str]] = {
    "action": "event.action",
    "agent": "user_agent.original",
    "app": "service.name",
    "body_bytes_sent": "http.response.body.bytes",
    "client_ip": "source.ip",
    "container_id": "container.id",
    "endpoint": "url.path",
    "env": "service.environment",
    "environment": "service.environment",
    "err": "error.message",
    "error": "error.message",
    "error_type": "error.type",
    "exc_info": "error.stack_trace",
    "exc_type": "error.type",
    "exception": "error.stack_trace",
    "func_name": "log.origin.function",
    "funcName": "log.origin.function",
    "host": "host.name",
    "hostname": "host.name",
    "http_user_agent": "user_agent.original",
    "ip": "source.ip",
    "lineno": "log.origin.file.line",
    "logger": "log.logger",
    "logger_name": "log.logger",
    "method": "http.request.method",
    "outcome": "event.outcome",
    "path": "url.path",
    "pathname": "log.origin.file.name",
    "pid": "process.pid",
    "principal": "user.name",
    "process": "process.pid",
    "processName": "process.name",
    "referer": "http.request.referrer",
    "referrer": "http.request.referrer",
    "remote_addr": "source.ip",
    "remote_ip": "source.ip",
    "remote_user": "user.name",
    "request_id": "http.request.id",
    "request_method": "http.request.method",
    "request_uri": "url.original",
    "service": "service.name",
    "source_ip": "source.ip",
    "span_id": "span.id",
    "spanId": "span.id",
    "src_ip": "source.ip",
    "stack": "error.stack_trace",
    "stack_info": "error.stack_trace",
    "stack_trace": "error.stack_trace",
    "stacktrace": "error.stack_trace",
    "status": "http.response.status_code",
    "status_code": "http.response.status_code",
    "thread": "process.thread.name",
    "threadName": "process.thread.name",
    "thread_name": "process.thread.name",
    "trace_id": "trace.id",
    "traceId": "trace.id",
    "traceback": "error.stack_trace",
    "uri": "url.original",
    "url": "url.original",
    "user": "user.name",
    "user_agent": "user_agent.original",
    "user_id": "user.id",
    "user_name": "user.name",
    "userAgent": "user_agent.original",
    "username": "user.name",
}

SEVERITY: Final[Mapping[str, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
"""The levels, and the number of each in `event.severity`: Python's and structlog's own; higher is worse."""

_LEVELS: Final[Mapping[str, str]] = {
    **{name: name for name in SEVERITY},
    **dict.fromkeys(("trace", "verbose", "fine", "dbug"), "debug"),
    **dict.fromkeys(("information", "informational", "notice", "default"), "info"),
    **dict.fromkeys(("warn", "wrn"), "warning"),
    **dict.fromkeys(("err", "severe"), "error"),
    **dict.fromkeys(("crit", "fatal", "panic", "alert", "emerg", "emergency"), "critical"),
}
WORDED: Final = frozenset(
    name for name, kind in FIELDS.items() if kind in ("date", "keyword", "wildcard", "match_only_text")
)
"""Fields that take any text. Those of time are written by us only, and what others say is a label."""

COUNTED: Final = frozenset(name for name, kind in FIELDS.items() if kind == "long")
"""Fields that take a whole number of 64 bits."""

LEVEL_NAMES: Final = tuple(sorted(_LEVELS, key=len, reverse=True))
"""Every spelling of a level that is understood, longest first."""

_OUTCOMES = frozenset({"success", "failure", "unknown"})
_LONGEST = 2**63


def level_named(value: Value) -> str | None:
    """The level that a word or a number stands for; None where it is none.

    Words in any case. Numbers are 10 to 60, as pino and bunyan count (10 trace … 30 info … 60 fatal).

    >>> level_named("WARN"), level_named("notice"), level_named(50), level_named("loud"), level_named(True)
    ('warning', 'info', 'error', None, None)
    """
    if isinstance(value, str):
        return _LEVELS.get(value) or _LEVELS.get(value.strip().lower())
    if type(value) is int:
        return {10: "debug", 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "critical"}.get(value)
    return None


@lru_cache(maxsize=4096)
def is_address(text: str) -> bool:
    """Whether Elastic's `ip` takes it: an IPv4 or IPv6 address without a zone or a prefix length.

    >>> is_address("203.0.113.7"), is_address("2001:db8::1"), is_address("10.0.0.0/8"), is_address("web-1")
    (True, True, False, False)
    """
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def fitted(field: str, value: Value) -> Value:
    """The value as the field of that name takes it; None where it does not fit, or the field is not known.

    A number in words becomes a number where the field wants one, and a number becomes a word where the field
    wants a word. A list fits where each of its values does. Nothing is cut or rounded to make it fit.

    >>> fitted("http.response.status_code", "503"), fitted("source.ip", "web-1"), fitted("user.name", 7)
    (503, None, '7')
    >>> fitted("url.path", "no path"), fitted("event.outcome", "failure"), fitted("event.outcome", "so so")
    (None, 'failure', None)
    """
    if type(value) is str and field in WORDED:
        return value
    if type(value) is int and field in COUNTED and 100 <= value < 600:  # so is any HTTP status
        return value
    kind = FIELDS.get(field)
    if kind is None or value is None or isinstance(value, dict):
        return None
    if isinstance(value, list):
        each = [fitted(field, one) for one in value] if kind == "keyword" else []
        return each if each and None not in each else None
    if kind == "long":
        return _whole(field, value)
    if not isinstance(value, str):
        return str(value) if kind == "keyword" and type(value) in (int, float) else None
    return value if _is_of(kind, value) else None


def _is_of(kind: Kind, text: str) -> bool:
    """Whether a text may stand in a field of that kind."""
    if kind == "ip":
        return is_address(text)
    if kind == "path":
        return text.startswith("/")
    if kind in ("hex32", "hex16"):
        return len(text) == (32 if kind == "hex32" else 16) and not text.strip("0123456789abcdef")
    return text in _OUTCOMES


def _whole(field: str, value: Value) -> int | None:
    if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < 20:
        value = int(value)
    if type(value) is not int or not -_LONGEST <= value < _LONGEST:
        return None
    return value if field != "http.response.status_code" or 100 <= value < 600 else None


def placed(flat: Mapping[str, Value]) -> dict[str, Value]:
    """Fields by their ECS names where they have one and the value fits; all others as they were.

    What has the name already goes before what goes by an alias of it.

    >>> placed({"user": "alice", "status": "200", "city": "Delhi", "ip": "unknown"})
    {'user.name': 'alice', 'http.response.status_code': 200, 'city': 'Delhi', 'ip': 'unknown'}
    >>> placed({"user": "a", "user.name": "b", "status": "ok"})
    {'user': 'a', 'user.name': 'b', 'status': 'ok'}
    """
    found: dict[str, Value] = {}
    for name, value in flat.items():
        field = ALIASES.get(name, name)
        if field != name and (field in flat or field in found):
            field = name
        fit = fitted(field, value)
        if fit is None:
            found[name] = value
        else:
            found[field] = fit
    return found
