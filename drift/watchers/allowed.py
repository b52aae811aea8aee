"""PURE. What the config allows: lines that detectors pass by, by who, from where, what, and when."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from ipaddress import ip_network
from zoneinfo import ZoneInfo

from drift.config_security import AllowConfig
from drift.watchers.events import SecurityEvent
from drift.watchers.path_patterns import any_of

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Condition = Callable[[SecurityEvent], bool]


class AllowList:
    """The config's `security.allow`, compiled: a line is allowed if all that one entry says holds of it."""

    def __init__(self, entries: Iterable[AllowConfig]) -> None:
        self._entries = [(frozenset(entry.detectors), _conditions(entry)) for entry in entries]

    def allows(self, detector: str, event: SecurityEvent) -> bool:
        """Whether the detector passes the event by."""
        return any(
            (not detectors or detector in detectors) and all(holds(event) for holds in conditions)
            for detectors, conditions in self._entries
        )


def _conditions(entry: AllowConfig) -> list[Condition]:
    """What the entry says, each as a question to an event; the cheap ones first."""
    found: list[Condition] = []
    if entry.change is not None:
        found.append(lambda event: event.change == entry.change)
    if entry.principal is not None:
        found.append(_matching(entry.principal.casefold(), lambda event: event.principal))
    if entry.target is not None:
        found.append(_matching(entry.target, lambda event: event.target))
    if entry.path is not None:
        paths = any_of([entry.path])
        found.append(lambda event: event.path is not None and paths.fullmatch(event.path) is not None)
    if entry.address is not None:
        found.append(_within(entry.address))
    if entry.until is not None:
        end = entry.until.timestamp()
        found.append(lambda event: event.at < end)
    if entry.between is not None or entry.days:
        found.append(_during(entry))
    return found


def _matching(pattern: str, part: Callable[[SecurityEvent], str | None]) -> Condition:
    """Names with `*` for anything, and nothing else that is special: a name may hold brackets."""
    words = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.IGNORECASE | re.DOTALL)
    return lambda event: (name := part(event)) is not None and words.fullmatch(name) is not None


def _within(network: str) -> Condition:
    allowed = ip_network(network)

    @lru_cache(4096)
    def holds(address: str) -> bool:
        try:
            return allowed.overlaps(ip_network(address))
        except (ValueError, TypeError):  # no address, or one of the other version
            return False

    return lambda event: event.address is not None and holds(event.address)


def _during(entry: AllowConfig) -> Condition:
    """Within the span of the day, start included and end not; over midnight it is of the day it starts on."""
    zone = ZoneInfo(entry.timezone)
    start, end = entry.between or (time.min, time.min)

    def holds(event: SecurityEvent) -> bool:
        local = datetime.fromtimestamp(event.at, UTC).astimezone(zone)
        clock, day = local.time(), local
        if start < end:
            inside = start <= clock < end
        else:
            inside = clock >= start or clock < end
            if clock < end:
                day = local - timedelta(days=1)
        return inside and (not entry.days or _DAYS[day.weekday()] in entry.days)

    return holds
