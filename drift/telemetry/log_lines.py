"""PURE. A line of text understood as a log event, whichever of the usual forms it is in.

The forms: JSON (ECS nested or dotted, structlog, python-json-logger, pino), the wrappers of Docker and of
Kubernetes around any of them, logfmt, common and combined access logs, uvicorn's, syslog old and new, and
plain lines with a time or a level. The first character mostly says which; each form is one function, in
`log_forms.py` those that are not JSON.

A line that is in none of them is kept whole as the message and marked: `fault` says why. So is JSON in
which one key stands twice, because two readers would read it differently. Nothing raises, and every line
costs time and memory in proportion to its length.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Final

from drift.telemetry.ecs import level_named, placed
from drift.telemetry.ecs_document import flat_fields
from drift.telemetry.log_forms import FORMS, Found
from drift.telemetry.log_times import iso_time, moment_of
from drift.telemetry.logged import LogEvent, Value

LONGEST: Final = 256 * 1024
"""A line longer than so many characters is kept and not looked into."""

MOST: Final = 1000
"""So many fields a line may have."""

_TIMES = ("@timestamp", "timestamp", "time", "ts", "asctime", "datetime", "date")
_LEVEL_NAMES = ("log.level", "level", "levelname", "severity", "severity_text", "lvl", "loglevel")
_MESSAGES = ("message", "msg", "event", "log.message", "body")

_CRI = re.compile(r"(\d{4}-\d\d-\d\dT\S{9,30}) (stdout|stderr) ([FP])(?::\S*)? (.*)", re.DOTALL)
_WRAPPED = frozenset({"log", "stream", "time", "attrs"})


class _NotALogError(ValueError):
    """The text cannot be read as a log line; its words are the fault."""


def parse_line(line: str, *, zone: tzinfo = UTC, now: datetime | None = None) -> LogEvent:
    r"""One line, understood. Never raises, whatever the text.

    `zone` is that of times that name none. `now` is wanted for old syslog only, whose times have no year.

    >>> found = parse_line('{"event": "login", "level": "warn", "user": "alice", "ip": "203.0.113.7"}')
    >>> found.level, found.message, dict(found.context)
    ('warning', 'login', {'user.name': 'alice', 'source.ip': '203.0.113.7'})
    >>> parse_line("ts=2024-12-08T23:46:32+05:30 level=error msg=\"no route\" status=503").context
    {'http.response.status_code': 503}
    >>> parse_line("what is this?").fault
    'no form that is known: neither a time nor a level'
    """
    text = line.rstrip("\r\n").lstrip("\ufeff")
    if len(text) > LONGEST:
        return _kept(text, f"longer than {LONGEST:,} characters")
    try:
        return _read(text, zone, now, 3)
    except _NotALogError as why:
        return _kept(text, str(why))
    except RecursionError:
        return _kept(text, "nested too deep")


def _kept(text: str, why: str) -> LogEvent:
    return LogEvent(None, None, text, {}, why)


def _read(text: str, zone: tzinfo, now: datetime | None, wrappers: int) -> LogEvent:
    start = text.lstrip(" \t")
    if start.startswith("{"):
        flat = flat_fields(_json(start))
        if len(flat) > MOST:
            raise _NotALogError(f"more than {MOST:,} fields")
        if wrappers and isinstance(flat.get("log"), str) and flat.keys() <= _WRAPPED:
            return _unwrapped(str(flat.pop("log")), flat, zone, now, wrappers)
        return event_of(flat, zone=zone, now=now)
    if not start:
        raise _NotALogError("an empty line")
    if wrappers and (cri := _CRI.fullmatch(text)):
        outer: dict[str, Value] = {"time": cri[1], "stream": cri[2]}
        if cri[3] == "P":
            outer["partial"] = True
        return _unwrapped(cri[4], outer, zone, now, wrappers)
    for form in FORMS:
        if found := form(text, zone, now):
            return _event(found)
    raise _NotALogError("no form that is known: neither a time nor a level")


def _unwrapped(
    text: str, outer: dict[str, Value], zone: tzinfo, now: datetime | None, wrappers: int
) -> LogEvent:
    """The line that a container's runtime wrapped: its own time counts, else the wrapper's."""
    text = text.rstrip("\r\n")
    try:
        inner = _read(text, zone, now, wrappers - 1)
    except _NotALogError as why:
        inner = _kept(text, str(why))
    written = str(outer.pop("time", ""))
    when = inner.timestamp or iso_time(written, zone)
    if when is None and written:
        outer["time"] = written
    return LogEvent(when, inner.level, inner.message, {**placed(outer), **inner.context}, inner.fault)


def _event(found: Found) -> LogEvent:
    if found.pairs is not None:
        event = event_of(dict(found.pairs))
        return LogEvent(
            event.timestamp or found.timestamp,
            event.level or found.level,
            event.message or found.message,
            {**found.context, **event.context},
        )
    return LogEvent(found.timestamp, found.level, found.message, found.context)


def event_of(flat: dict[str, Value], *, zone: tzinfo = UTC, now: datetime | None = None) -> LogEvent:
    """Flat fields as an event: time, level and message found by the names that loggers give them.

    A time or a level that cannot be understood stays what it is, under its own name.
    """
    when, level, message = None, None, ""
    if "name" in flat:
        _python_names(flat)
    for name in _TIMES:
        if name in flat and (when := moment_of(flat[name], zone, now)):
            del flat[name]
            break
    for name in _LEVEL_NAMES:
        if name in flat and (level := level_named(flat[name])):
            del flat[name]
            break
    for name in _MESSAGES:
        if name in flat and isinstance(flat[name], str):
            message = str(flat.pop(name))
            break
    return LogEvent(when, level, message, placed(flat))


def _python_names(flat: dict[str, Value]) -> None:
    """What Python's own records call a logger, where it is one for certain."""
    if isinstance(flat.get("name"), str) and flat.keys() & {"levelname", "lineno", "funcName", "asctime"}:
        flat.setdefault("log.logger", flat.pop("name"))


def _object(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NotALogError("JSON in which one key stands twice")
    return found


def _whole(digits: str) -> Value:
    """A number that 64 bits hold; a longer one stays the text it is."""
    return int(digits) if len(digits) < 19 else digits


def _real(digits: str) -> Value:
    number = float(digits)
    return number if math.isfinite(number) else digits


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_float=_real, parse_constant=str, strict=False
)


def _json(text: str) -> Mapping[str, Value]:
    try:
        found = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _NotALogError(f"not JSON at character {error.pos + 1}: {error.msg}") from None
    return dict(found)
