"""PURE. A line of a log as a security event: who did what to what, from where, and whether it went well.

Why: an access log, an ECS document and a logfmt line say the same thing under many names, and detectors
should know one. Most lines are plain requests or nothing at all, so what is not asked for is not looked
up, and what a path or an action means is looked up once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from itertools import pairwise
from typing import NamedTuple

from drift.config_security import SecurityConfig
from drift.telemetry.logged import LogEvent, Value
from drift.watchers.path_patterns import any_of

LONGEST = 200
"""So many characters of a name are kept: more is no name."""
_PRINCIPALS = (
    "user.name",
    "principal",
    "user.id",
    "client.user.name",
    "service_account",
    "client_id",
    "user.email",
)
_ADDRESSES = ("source.ip", "source.address", "client.ip", "client.address")
_RESOURCES = (
    "resource",
    "dataset",
    "table",
    "resource.name",
    "db.table",
    "db.sql.table",
    "db.collection.name",
)
_ROWS = ("rows", "row_count", "rows_returned", "records", "db.response.returned_rows")
_BYTES = ("http.response.body.bytes", "http.response.bytes", "bytes", "bytes_sent")
_TARGETS = (
    "target",
    "target.name",
    "user.target.name",
    "group.name",
    "object",
    "model",
    "model_name",
    "key",
    "role",
)
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_CHANGED = frozenset({"change", "creation", "deletion"})
_LOGIN = frozenset({"login", "logon", "signin", "authentication", "authenticate", "authn", "auth"})
_FAILED = frozenset({"failed", "failure", "fail", "denied", "rejected", "invalid", "refused", "wrong"})
_SUCCEEDED = frozenset({"success", "succeeded", "successful", "accepted", "ok"})
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


class Kind(StrEnum):
    """What was done, as far as a detector cares."""

    LOGIN = "login"
    ACCESS = "access"
    CHANGE = "change"
    REQUEST = "request"


class Outcome(StrEnum):
    """How it ended. Expired: the token was good once; that is no guess at a password."""

    SUCCESS = "success"
    FAILURE = "failure"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class SecurityEvent(NamedTuple):
    """`at` is in seconds since 1970, UTC. An IPv6 `address` is its /64, of which one host can choose.

    `path` and `status` are there if it was an HTTP request, whatever else it was. `rows` and `bytes` are how
    much was read; 0 where that is not said. `target` is what was changed, and `change` the kind of it.
    """

    at: float
    kind: Kind
    outcome: Outcome
    principal: str | None = None
    address: str | None = None
    action: str | None = None
    path: str | None = None
    status: int | None = None
    resource: str | None = None
    rows: float = 0.0
    bytes: float = 0.0
    change: str | None = None
    target: str | None = None


class _Path(NamedTuple):
    """What a path is known for."""

    login: bool
    resource: str | None
    change: str | None


class _Action(NamedTuple):
    """What the words of an action say."""

    login: bool
    outcome: Outcome
    change: str | None


class Reader:
    """Understands log events by the config's paths and words."""

    def __init__(self, config: SecurityConfig) -> None:
        self._logins = any_of(config.failed_auth.paths)
        self._reads = any_of(config.data_access.paths)
        kinds = config.system_changes.kinds()
        self._changes = {kind: any_of(known.paths) for kind, known in kinds.items()}
        self._words = {word: kind for kind, known in kinds.items() for word in known.words}
        self._verbs = frozenset(config.system_changes.verbs)
        self.path_of = lru_cache(8192)(self._path_of)
        self.action_of = lru_cache(8192)(self._action_of)

    def event(self, line: LogEvent) -> SecurityEvent | None:
        """What the line tells of; None for one without a time, or about nothing that is looked for."""
        if line.timestamp is None or line.fault is not None:
            return None
        said = line.context
        status, path = said.get("http.response.status_code"), _path(said)
        action = said.get("event.action") or line.message
        known = self.path_of(path) if path is not None and isinstance(status, int) else _NO_PATH
        words = self.action_of(action) if isinstance(action, str) and len(action) <= 60 else _NO_ACTION
        at = line.timestamp.timestamp()
        found = _login(said, at, status, known, words) or self._change(said, at, status, known, words)
        found = found or _access(said, at, status, known)
        if found is None:
            if path is None or not isinstance(status, int):
                return None
            found = SecurityEvent(at, Kind.REQUEST, _of_status(status))
        return found._replace(
            principal=_principal(said),
            address=_address(said),
            action=action[:LONGEST] if isinstance(action, str) else None,
            path=path,
            status=status if isinstance(status, int) else None,
        )

    def _change(
        self, said: Mapping[str, Value], at: float, status: Value, known: _Path, words: _Action
    ) -> SecurityEvent | None:
        """A change of the platform that was made."""
        kind = words.change
        if kind is None and known.change and said.get("http.request.method") in _WRITES:
            kind = known.change
        if kind is None and _CHANGED & _all(said, "event.type"):
            category = _all(said, "event.category")
            iam = "permissions" if "group" in _all(said, "event.type") else "users"
            kind = "configuration" if "configuration" in category else iam if "iam" in category else None
        if kind is None or _outcome(said, status, words) is Outcome.FAILURE:
            return None
        target = _first(said, _TARGETS) or _first(said, ("url.path",))
        return SecurityEvent(at, Kind.CHANGE, Outcome.SUCCESS, change=kind, target=_name(target))

    def _path_of(self, path: str) -> _Path:
        read = self._reads.fullmatch(path)
        resource = next((part for part in read.groups() if part), None) if read else None
        change = next((kind for kind, paths in self._changes.items() if paths.fullmatch(path)), None)
        return _Path(self._logins.fullmatch(path) is not None, resource, change)

    def _action_of(self, action: str) -> _Action:
        words = [word.lower() for word in _WORDS.findall(action)]
        pairs = {first + second for first, second in pairwise(words)}
        said = {*words, *pairs}
        changed = len(words) <= 5 and bool(said & self._verbs)
        outcome = Outcome.FAILURE if said & _FAILED else Outcome.UNKNOWN
        if outcome is Outcome.UNKNOWN and (said & _SUCCEEDED or "loggedin" in pairs):
            outcome = Outcome.SUCCESS
        change = next((self._words[word] for word in words if word in self._words), None) if changed else None
        return _Action(bool(said & _LOGIN) or "loggedin" in pairs, outcome, change)


_NO_PATH = _Path(login=False, resource=None, change=None)
_NO_ACTION = _Action(login=False, outcome=Outcome.UNKNOWN, change=None)


def _first(said: Mapping[str, Value], names: tuple[str, ...]) -> Value:
    for name in names:
        value = said.get(name)
        if value is not None and value != "" and value != "-":
            return value
    return None


def _all(said: Mapping[str, Value], name: str) -> frozenset[str]:
    """The words of a field that ECS has as a list."""
    value = said.get(name)
    if isinstance(value, str):
        return frozenset((value,))
    return (
        frozenset(word for word in value if isinstance(word, str)) if isinstance(value, list) else frozenset()
    )


def _name(value: Value) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    return None if value is None or isinstance(value, dict) else str(value).strip()[:LONGEST] or None


def _principal(said: Mapping[str, Value]) -> str | None:
    """Who; without regard to case, as log-ins have none."""
    name = _name(_first(said, _PRINCIPALS))
    return name.casefold() if name else None


def _address(said: Mapping[str, Value]) -> str | None:
    name = _name(_first(said, _ADDRESSES))
    return origin(name) if name and ":" in name else name


@lru_cache(8192)
def origin(address: str) -> str:
    """An address as what one host can choose from: IPv4 as it is, IPv6 by its /64. No address stays the text.

    >>> origin("203.0.113.7"), origin("2001:db8:1:2:3::9"), origin("::ffff:203.0.113.7"), origin("web:1")
    ('203.0.113.7', '2001:db8:1:2::/64', '203.0.113.7', 'web:1')
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{ip_address(int(found) >> 64 << 64)}/64"


def _path(said: Mapping[str, Value]) -> str | None:
    path = said.get("url.path")
    if path is None and isinstance(whole := said.get("url.original"), str):
        path = whole.split("://", 1)[-1]
        path = path[path.find("/") :] if "/" in path else None
    if not isinstance(path, str):
        return None
    return path.partition("?")[0][:LONGEST] or None


def _of_status(status: int) -> Outcome:
    if status in (401, 403):
        return Outcome.FAILURE
    return Outcome.SUCCESS if status < 400 else Outcome.UNKNOWN


def _outcome(said: Mapping[str, Value], status: Value, words: _Action) -> Outcome:
    """What the line says of it; else by its status; else by its words."""
    told = said.get("event.outcome")
    if told == "failure":
        return Outcome.FAILURE
    if told == "success":
        return Outcome.SUCCESS
    if isinstance(status, int):
        return Outcome.FAILURE if status >= 400 else Outcome.SUCCESS
    return words.outcome


def _login(
    said: Mapping[str, Value], at: float, status: Value, known: _Path, words: _Action
) -> SecurityEvent | None:
    """A log-in that ended somehow. To look at a log-in page is none."""
    if known.login:
        if said.get("http.request.method") not in ("POST", None):
            return None
        outcome = _of_status(status) if isinstance(status, int) else Outcome.UNKNOWN
    else:
        category = _all(said, "event.category")
        if not words.login and "authentication" not in category:
            return None
        if "end" in _all(said, "event.type"):
            return None
        if "authentication" not in category and _first(said, _PRINCIPALS + _ADDRESSES) is None:
            return None
        outcome = _outcome(said, status, words)
    if outcome is Outcome.FAILURE and _expired(said):
        outcome = Outcome.EXPIRED
    return SecurityEvent(at, Kind.LOGIN, outcome)


def _expired(said: Mapping[str, Value]) -> bool:
    return any(
        "expired" in str(said.get(name, "")).lower() for name in ("event.reason", "reason", "error.message")
    )


def _access(said: Mapping[str, Value], at: float, status: Value, known: _Path) -> SecurityEvent | None:
    """Data that were read."""
    resource = _name(_first(said, _RESOURCES)) or known.resource
    if (
        resource is None
        or (isinstance(status, int) and status >= 400)
        or said.get("event.outcome") == "failure"
    ):
        return None
    return SecurityEvent(
        at,
        Kind.ACCESS,
        Outcome.SUCCESS,
        resource=resource,
        rows=_amount(said, _ROWS),
        bytes=_amount(said, _BYTES),
    )


def _amount(said: Mapping[str, Value], names: tuple[str, ...]) -> float:
    """How much; 0 where it is not said. What is written as text, as in logfmt, is a number too."""
    value = _first(said, names)
    if isinstance(value, str) and value.isdecimal() and len(value) < 16:
        value = int(value)
    return float(value) if isinstance(value, int | float) and value > 0 else 0.0
