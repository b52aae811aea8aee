"""PURE. The forms of log lines that are not JSON: access logs, syslog, logfmt, plain lines.

Each form is one function of a line that finds what it says, or None where the line is not in that form. The
patterns never go back over what they took, so a line costs time in proportion to its length.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import Final, NamedTuple

from drift.telemetry.ecs import LEVEL_NAMES, is_address, level_named, placed
from drift.telemetry.log_times import ISO, access_time, iso_time, klog_time, syslog_time
from drift.telemetry.logged import Value


class Found(NamedTuple):
    """What a form found. `context` is by ECS names; `pairs` are fields by the line's own names."""

    timestamp: datetime | None
    level: str | None
    message: str
    context: Mapping[str, Value] = MappingProxyType({})
    pairs: Mapping[str, Value] | None = None


Form = Callable[[str, tzinfo, datetime | None], Found | None]

_QUOTED = r'"((?:[^"\\]|\\.)*+)"'
_ACCESS = re.compile(
    rf"(\S++) (\S++) ([^\[]{{1,256}}) \[([^\]]{{1,40}})\] {_QUOTED} (\d{{3}}) (\d++|-)"
    rf"(?: {_QUOTED} {_QUOTED})?(.*)",
    re.DOTALL,
)
_REQUEST = re.compile(r"([A-Z]{1,20}) (\S++)(?: HTTP/([\d.]{1,5}))?")
_UVICORN = re.compile(rf"(\S{{1,64}}):(\d{{1,5}}) - {_QUOTED} (\d{{3}})\b.*")
_NAMES = "|".join(LEVEL_NAMES)
_LEVEL = re.compile(
    r"[\s|:-]*+(?:\[(?P<pid>\d{1,9})\]\s*+)?(?:(?P<before>[A-Za-z_][\w.-]{0,100}+)\s(?:[-:|]\s)?\s*)??"
    rf"(?:[\[(<]\s*(?P<bracketed>(?i:{_NAMES}))\s*[\])>]|(?P<bare>{_NAMES.upper()})\b|(?P<colon>(?i:{_NAMES})(?=:)))"
    r"(?:[\s|:-]++|$)"
)
_LOGGER = re.compile(r"(?:\[(?P<in>[\w.-]{1,100}+)\]|(?P<plain>[A-Za-z_][\w.-]{0,100}+))\s*+[:-]\s++")
_BASIC = re.compile(r"(?P<name>[A-Za-z_][\w.-]{0,100}+):(?!//)")
_TIME = re.compile(rf"\[?({ISO})\]?")
_OLD = re.compile(
    r"([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (\S++) ([^\s:\[]{1,64})(?:\[(\d{1,9})\])?: ?(.*)", re.DOTALL
)
_NEW = re.compile(r"1 (\S++) (\S++) (\S++) (\S++) (\S++) (-|\[.*?\])(?: (.*))?", re.DOTALL)
_KLOG = re.compile(r"([IWEF])(\d{4}) (\d\d:\d\d:\d\d)\.\d{6}\s++(\d++) ([^\s:]++):(\d++)\] (.*)", re.DOTALL)
_PRIORITY = re.compile(r"<(\d{1,3})>")
_PAIR = re.compile(rf'([^\s="]++)=(?:{_QUOTED}|([^\s"]*+))(?:\s++|$)')
_SYSLOG_LEVELS = ("critical", "critical", "critical", "error", "warning", "info", "info", "debug")


def _request(text: str, status: str) -> dict[str, Value]:
    """A request line and its status; one that is no request line is kept as the URL that was asked for."""
    found = _REQUEST.fullmatch(text)
    context: dict[str, Value] = {"http.response.status_code": int(status)}
    if found is None:
        return {**context, "url.original": text}
    context["http.request.method"] = found[1]
    path, mark, query = found[2].partition("?")
    if path.startswith("/"):
        context["url.path"] = path
        context |= {"url.query": query} if mark else {}
    else:
        context["url.original"] = found[2]
    return context | ({"http.version": found[3]} if found[3] else {})


def _source(address: str) -> dict[str, Value]:
    return {"source.address": address, **({"source.ip": address} if is_address(address) else {})}


def access_log(text: str, zone: tzinfo, _now: datetime | None) -> Found | None:
    """The common and the combined form of Apache, nginx and most proxies. The message is the request and
    its status; the level is not said by the line, and so it has none.
    """
    found = _ACCESS.fullmatch(text) if '] "' in text else None
    when = access_time(found[4], zone) if found else None
    if found is None or when is None:
        return None
    context = _source(found[1]) | _request(found[5], found[6])
    if found[3] != "-":
        context["user.name"] = found[3].strip('"')
    if found[7] != "-":
        context |= placed({"http.response.body.bytes": found[7]})
    for name, said in (("http.request.referrer", found[8]), ("user_agent.original", found[9])):
        if said and said != "-":
            context[name] = said
    if found[10].strip():
        context["rest"] = found[10].strip()
    return Found(when, None, f"{found[5]} {found[6]}", context)


def logfmt(text: str, _zone: tzinfo, _now: datetime | None) -> Found | None:
    r"""`key=value key="more words"`, every word of the line a pair and no key twice.

    >>> logfmt('level=info msg="it is said: \\"no\\"" took=3ms', None, None).pairs
    {'level': 'info', 'msg': 'it is said: "no"', 'took': '3ms'}
    """
    pairs: dict[str, Value] = {}
    at, end = 0, len(text)
    while at < end:
        found = _PAIR.match(text, at)
        if found is None or found[1] in pairs:
            return None
        quoted, bare = found[2], found[3]
        pairs[found[1]] = bare if quoted is None else _unquoted(quoted)
        at = found.end()
    return Found(None, None, "", pairs=pairs) if len(pairs) > 1 else None


def _unquoted(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text


def syslog(text: str, zone: tzinfo, now: datetime | None) -> Found | None:
    """Syslog as RFC 5424 and RFC 3164 have it, with or without the priority in front."""
    level = None
    if found := _PRIORITY.match(text):
        level, text = _SYSLOG_LEVELS[int(found[1]) % 8], text[found.end() :]
    if level is not None and (new := _NEW.fullmatch(text)):
        host, app, pid = new[2], new[3], new[4]
        given = {"host.name": host, "process.name": app, "process.pid": pid}
        context = placed({name: value for name, value in given.items() if value != "-"})
        return Found(iso_time(new[1], zone), level, (new[7] or "").lstrip("\ufeff"), context)
    if old := _OLD.fullmatch(text):
        context = placed({"host.name": old[2], "process.name": old[3]})
        context |= {"process.pid": int(old[4])} if old[4] else {}
        return Found(syslog_time(old[1], now, zone), level, old[5], context)
    return Found(None, level, text) if level is not None else None


def klog(text: str, zone: tzinfo, now: datetime | None) -> Found | None:
    """Kubernetes' own: `W1208 23:46:32.123456       1 reflector.go:12] message`."""
    found = _KLOG.fullmatch(text)
    if found is None:
        return None
    when = klog_time(found[2], found[3], now, zone)
    level = {"I": "info", "W": "warning", "E": "error", "F": "critical"}[found[1]]
    context = placed({"log.origin.file.name": found[5], "log.origin.file.line": found[6]})
    return Found(when, level, found[7], context)


def plain(text: str, zone: tzinfo, now: datetime | None) -> Found | None:
    """A time, a level, or both, and then words. Words that are all pairs are read as logfmt.

    >>> found = plain("2024-12-08 23:46:32,123 - api.auth - WARNING - no such user", None, None)
    >>> found.level, found.message, dict(found.context)
    ('warning', 'no such user', {'log.logger': 'api.auth'})
    """
    stamp = _TIME.match(text.lstrip())
    when = iso_time(stamp[1], zone) if stamp else None
    rest = text.lstrip()[stamp.end() :] if stamp and when else text
    context: dict[str, Value] = {}
    level = None
    if found := _LEVEL.match(rest):
        level = level_named(found["bracketed"] or found["bare"] or found["colon"])
        rest = rest[found.end() :]
        if found["before"]:
            context["log.logger"] = found["before"]
        elif found[0].endswith(":") and (basic := _BASIC.match(rest)):  # Python's default, `ERROR:root:boom`
            context["log.logger"], rest = basic["name"], rest[basic.end() :]
        elif logger := _LOGGER.match(rest):
            context["log.logger"], rest = logger["in"] or logger["plain"], rest[logger.end() :]
        if found["pid"]:
            context["process.pid"] = int(found["pid"])
    if when is None and level is None:
        return None
    rest = rest.strip(" \t-|")
    if pairs := logfmt(rest, zone, now):
        return Found(when, level, rest, context, pairs.pairs)
    if request := _UVICORN.fullmatch(rest):
        context |= _source(request[1]) | {"source.port": int(request[2])} | _request(request[3], request[4])
        rest = f"{request[3]} {request[4]}"
    return Found(when, level, rest, context)


FORMS: Final[tuple[Form, ...]] = (access_log, logfmt, syslog, klog, plain)
