"""PURE. Abuse of the API: far more requests than is usual for who sends them, or than anyone may; scans.

Requests that name a principal are held against that principal, and only those that name none against their
address: an office behind one address is as many as it has people. What was answered 429 was stopped
already, and probes of the platform's health are no one's requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial

from drift.config_security import SecurityConfig
from drift.watchers.event_windows import CountWindows, DistinctWindows, parse
from drift.watchers.events import SecurityEvent
from drift.watchers.path_patterns import any_of
from drift.watchers.usual import Judged, Usual
from drift.watchers.violations import Violation, named

REFUSED = frozenset({403, 404, 405})
"""What a path answers that is not there, or is not for whoever asks."""
STOPPED = 429


class ApiAbuse:
    """Watches requests; learns how many are usual for each."""

    name = "api_abuse"

    def __init__(self, config: SecurityConfig) -> None:
        own = config.api_abuse
        self._config = own
        self._ceiling, self._newcomer, self._scan = (
            parse(text) for text in (own.ceiling, own.newcomer, own.scan)
        )
        self._least = min(own.usual.minimum, self._ceiling.amount, self._newcomer.amount)
        self._learn = own.usual.learn.total_seconds()
        self.began = float("inf")
        """When the first line was seen: until `learn` after it no one is a newcomer."""
        self._requests = CountWindows(2 * config.names)
        self._asked = CountWindows(2 * config.names)
        self.usual = Usual(own.usual, config.names)
        self._refused = DistinctWindows(self._scan.get_expiry(), config.names, 4 * self._scan.amount)
        ignored = any_of(own.ignore)
        self._ignored = lru_cache(8192)(lambda path: ignored.fullmatch(path) is not None)

    @property
    def let_go(self) -> int:
        """How many names were forgotten for want of room."""
        return (
            self._requests.storage.let_go
            + self._asked.storage.let_go
            + self.usual.let_go
            + self._refused.let_go
        )

    def see(self, event: SecurityEvent) -> Iterator[Violation]:
        """What is over a limit by this request."""
        if event.path is None or event.status is None or event.status == STOPPED or self._ignored(event.path):
            return
        self.began = min(self.began, event.at)
        if event.principal:
            yield from self._rate(f"principal {event.principal}", event)
        elif event.address:
            yield from self._rate(f"address {event.address}", event)
        if event.address:
            yield from self._scanning(f"address {event.address}", event, event.path, event.status)

    def _rate(self, subject: str, event: SecurityEvent) -> Iterator[Violation]:
        """More requests than are usual for it, or than are borne of anyone."""
        count = self._requests.hit(self._ceiling, subject, event.at)
        judged = self.usual.peak(subject, count, event.at)
        if count <= self._least:
            return
        kind, limit = self._limit(judged, event.at)
        if count > limit:
            later = partial(self._requests.count, self._ceiling, subject)
            window = float(self._ceiling.get_expiry())
            yield Violation(self.name, kind, subject, count, limit, window, event.at, later, _seen(event))

    def _limit(self, judged: Judged, at: float) -> tuple[str, float]:
        """The limit of one principal or address. One that is young is borne what a newcomer is, or what is
        usual for it already, as of a job that runs once a day; in the first `learn` all are young, and only
        the ceiling holds.
        """
        ceiling, usual = float(self._ceiling.amount), judged.limit
        if judged.young or usual is None:
            if at < self.began + self._learn:
                return "ceiling", ceiling
            newcomer = float(self._newcomer.amount)
            if usual is None or usual <= newcomer:
                return ("newcomer", newcomer) if newcomer < ceiling else ("ceiling", ceiling)
        return ("unusual_rate", usual) if usual < ceiling else ("ceiling", ceiling)

    def _scanning(self, subject: str, event: SecurityEvent, path: str, status: int) -> Iterator[Violation]:
        """Many different paths refused, and little else asked for."""
        asked = self._asked.hit(self._scan, subject, event.at)
        if status not in REFUSED:
            return
        refused = self._asked.hit(self._scan, f"refused {subject}", event.at)
        paths = self._refused.hit(subject, path, event.at)
        if paths > self._scan.amount and refused >= self._config.scan_share * asked:
            later = partial(self._refused.count, subject)
            limit, window = self._scan.amount, float(self._scan.get_expiry())
            yield Violation(self.name, "scan", subject, paths, limit, window, event.at, later, _seen(event))


def _seen(event: SecurityEvent) -> dict[str, str]:
    return named(principals=event.principal, addresses=event.address, paths=event.path)
