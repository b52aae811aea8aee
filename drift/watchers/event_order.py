"""PURE. Events in the order of their own times, though their lines come late and out of order.

Why: a window over what happened must not depend on which file was read first. An event waits until
`lateness` of the log's own time has gone by; what comes even later is handed back as late. No more than
`held` events wait: beyond that the oldest go before their time, and that is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from drift.watchers.events import SecurityEvent


class Line(NamedTuple):
    """An event and the line it was read from. In order by time; at one time by the line, so that the order
    of reading does not matter.
    """

    at: float
    text: str
    event: SecurityEvent


class Ordering:
    """Puts events in order. All that came no more than `lateness` seconds late come out in the order of
    their times, whatever order they came in.
    """

    def __init__(self, lateness: float, held: int) -> None:
        self.lateness, self.held = lateness, held
        self.newest = float("-inf")
        """The newest time that was read."""
        self.late = 0
        """How many came too late."""
        self.hurried = 0
        """How many were let go before their time, for want of room."""
        self._waiting: list[Line] = []
        self._out = float("-inf")

    def __len__(self) -> int:
        return len(self._waiting)

    def push(self, line: Line) -> bool:
        """Take in an event; False if it came too late to have a place, which is counted."""
        if line.at < self._out:
            self.late += 1
            return False
        heappush(self._waiting, line)
        self.newest = max(self.newest, line.at)
        return True

    def ready(self, until: float = float("inf")) -> Iterator[Line]:
        """The events whose time has come, in order: those `lateness` before the newest, and before `until`,
        which is how far a source that has more to read has got.
        """
        while self._waiting:
            due = min(self.newest, until) - self.lateness
            if self._waiting[0].at > due:
                if len(self._waiting) <= self.held:
                    return
                self.hurried += 1
            yield self._next()

    def rest(self) -> Iterator[Line]:
        """All that still waits, in order: for when no more lines come."""
        while self._waiting:
            yield self._next()

    def _next(self) -> Line:
        line = heappop(self._waiting)
        self._out = max(self._out, line.at)
        return line
