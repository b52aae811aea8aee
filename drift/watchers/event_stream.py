"""Lines in, violations out: reading, ordering, allow-list and detectors as one, for logs as they grow and of
the past.

A line is read, given its place in time, held against the allow-list and shown to the detectors that its kind
concerns. What could not be judged is counted by its reason and never silently dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from drift.config_security import SecurityConfig
from drift.domain import Threshold
from drift.telemetry.log_lines import parse_line
from drift.telemetry.logged import LogEvent
from drift.telemetry.readings import Reading
from drift.text import printable
from drift.watchers.allowed import AllowList
from drift.watchers.api_abuse import ApiAbuse
from drift.watchers.data_access import DataAccess
from drift.watchers.event_order import Line, Ordering
from drift.watchers.events import Kind, Reader, SecurityEvent
from drift.watchers.failed_auth import FailedAuth
from drift.watchers.system_changes import SystemChanges
from drift.watchers.violation_words import evidence
from drift.watchers.violations import Episode, Ledger, Violation

TOLD = 3600.0
"""So many seconds after an episode its subject is read as well again, so that its alert can end."""
AHEAD = 300.0
"""A line whose time is so many seconds after the present has a wrong clock: it must not move ours."""
FAR = 7_258_118_400.0
"""The year 2200, in seconds: a time from then on, or before 1970, is none."""
SHOWN = 400
"""So many characters of a line are shown as evidence."""


class Detector(Protocol):
    """Looks at one event after another, in the order of their times."""

    name: str

    @property
    def let_go(self) -> int:
        """How many names were forgotten for want of room."""

    def see(self, event: SecurityEvent) -> Iterator[Violation]:
        """What is over a limit by this event."""


@dataclass(slots=True)
class Counts:
    """What became of the lines. Unread: in no known form. Ahead: from a clock that is wrong. Late: after
    their turn. Hurried: judged before it, for want of room. Let go: names forgotten for want of room.
    """

    lines: int = 0
    events: int = 0
    unread: int = 0
    ahead: int = 0
    late: int = 0
    hurried: int = 0
    allowed: int = 0
    let_go: int = 0


class SecurityStream:
    """The security detectors over one stream of lines."""

    def __init__(self, config: SecurityConfig, redact: Callable[[str], str]) -> None:
        self.failed_auth, self.api_abuse = FailedAuth(config), ApiAbuse(config)
        self.data_access, self.system_changes = DataAccess(config), SystemChanges(config)
        self.ledger = Ledger(TOLD, lambda line: printable(redact(line), SHOWN))
        self._reader, self._allow = Reader(config), AllowList(config.allow) if config.allow else None
        self._order = Ordering(config.lateness.total_seconds(), config.held)
        self._counts = Counts()
        self._concerned: dict[Kind, tuple[Detector, ...]] = {
            Kind.LOGIN: (self.failed_auth, self.api_abuse),
            Kind.ACCESS: (self.data_access, self.api_abuse),
            Kind.CHANGE: (self.api_abuse,),
            Kind.REQUEST: (self.api_abuse,),
        }

    @property
    def newest(self) -> float:
        """The newest time that a line had; minus infinity before the first."""
        return self._order.newest

    @property
    def counts(self) -> Counts:
        """What became of the lines until now."""
        counts, parts = (
            self._counts,
            (self.failed_auth, self.api_abuse, self.data_access, self.system_changes),
        )
        counts.late, counts.hurried = self._order.late, self._order.hurried
        counts.let_go = sum(part.let_go for part in parts) + self.ledger.let_go
        return counts

    def take(self, text: str, now: float = float("inf")) -> tuple[float | None, list[Episode]]:
        """Take in a line; gives its time, and what it began at once, which changes of the platform do.

        Nothing of a line is judged whose time is long after `now`.
        """
        return self.take_event(parse_line(text), text, now)

    def take_event(
        self, parsed: LogEvent, text: str, now: float = float("inf")
    ) -> tuple[float | None, list[Episode]]:
        """Take in a line that was parsed already."""
        counts = self._counts
        counts.lines += 1
        at = -1.0 if parsed.timestamp is None else parsed.timestamp.timestamp()
        if parsed.fault is not None or not 0 <= at < FAR:
            counts.unread += 1
            return None, []
        event = self._reader.event(parsed)
        if event is None:
            return at, []
        counts.events += 1
        begun = []
        if event.kind is Kind.CHANGE:
            seen_at = min(max(event.at, self.newest), now)
            begun = self._show((self.system_changes,), event._replace(at=seen_at), text)
        if event.at > now + AHEAD:
            counts.ahead += 1
        else:
            self._order.push(Line(event.at, text, event))
        return event.at, begun

    def ready(self, until: float = float("inf")) -> Iterator[Episode]:
        """Judge the lines whose turn has come; gives each episode that begins. `until` is how far a source
        has got that has more to read.
        """
        yield from self._judge(self._order.ready(until))

    def rest(self) -> Iterator[Episode]:
        """Judge all that still waits, as no more lines come."""
        yield from self._judge(self._order.rest())

    def _judge(self, lines: Iterable[Line]) -> Iterator[Episode]:
        for line in lines:
            yield from self._show(self._concerned[line.event.kind], line.event, line.text)

    def _show(self, detectors: tuple[Detector, ...], event: SecurityEvent, text: str) -> list[Episode]:
        begun = []
        for detector in detectors:
            if self._allow is not None and self._allow.allows(detector.name, event):
                self._counts.allowed += 1
                continue
            for violation in detector.see(event):
                episode = self.ledger.take(violation, text, max(self.newest, event.at))
                begun += [episode] if episode is not None else []
        return begun

    def readings(self, at: float) -> list[Reading]:
        """How each subject stands that was called of late: over its limit, or well again."""
        self.ledger.forget(at)
        return [_reading(detector, subject, episodes, at) for detector, subject, episodes in self.ledger]


def _reading(detector: str, subject: str, episodes: list[Episode], at: float) -> Reading:
    """The worst of what stands; if nothing does, what the last one's window holds now."""
    standing = [episode for episode in episodes if episode.stands(at)]
    worst = max(standing or episodes, key=lambda episode: _excess(episode) if standing else episode.last)
    called = worst.latest
    return Reading(
        metric=detector,
        value=called.value if standing else min(called.count(at), called.limit),
        column=printable(subject),
        n=worst.total,
        threshold=Threshold(called.limit, "above"),
        evidence=evidence(standing) if standing else {},
    )


def _excess(episode: Episode) -> float:
    called = episode.latest
    return called.value / max(called.limit, 1.0)
