"""PURE. Data read that usually are not: by someone new, or far more than usual.

A first reader is only told of where few read at all (`closely_held`): on a table that everyone reads,
everyone is new once. What is usual of volumes is each principal's own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from functools import partial

from drift.config_security import SecurityConfig
from drift.watchers.events import Kind, SecurityEvent
from drift.watchers.usual import HOUR, Usual
from drift.watchers.violations import Violation, named

STANDS = HOUR
"""A first access is an event and has no window: so many seconds it is told as standing."""


class Readers:
    """Who has read each resource, and when last: up to one more than `few`, as then it is no secret any more.

    No more than `most` resources; those read longest ago are let go of, and counted.
    """

    def __init__(self, few: int, remember: float, most: int) -> None:
        self.let_go = 0
        self._few, self._remember, self._most = few, remember, most
        self._known: OrderedDict[str, tuple[float, dict[str, float]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def read(self, resource: str, principal: str, at: float) -> tuple[float, int] | None:
        """See a principal read a resource. For a new reader: since when the resource is known, and how many
        others read it. None for one who has read it before, and where there are more than `few` others.

        >>> readers = Readers(few=1, remember=1000.0, most=10)
        >>> [readers.read("grid", who, at) for who, at in (("a", 0.0), ("a", 1.0), ("b", 2.0), ("c", 3.0))]
        [(0.0, 0), None, (0.0, 1), None]
        """
        first, readers = self._known.setdefault(resource, (at, {}))
        self._known.move_to_end(resource)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
            self.let_go += 1
        new = principal not in readers
        if new:
            for gone in [who for who, last in readers.items() if last <= at - self._remember]:
                del readers[gone]
        others = len(readers) - (not new)
        if not new or others <= self._few:
            readers[principal] = at
        return (first, others) if new and others <= self._few else None

    def kept(self) -> Iterator[tuple[str, float, dict[str, float]]]:
        """What is to be remembered over a restart."""
        for resource, (first, readers) in self._known.items():
            yield resource, first, readers

    def restore(self, resource: str, first: float, readers: dict[str, float]) -> None:
        """Take in what `kept` gave."""
        self._known[resource] = first, readers


class DataAccess:
    """Watches reads; learns who reads what, and how much."""

    name = "data_access"

    def __init__(self, config: SecurityConfig) -> None:
        own = config.data_access
        self._learn = own.learn.total_seconds()
        self.readers = Readers(own.closely_held, own.remember.total_seconds(), config.names)
        self.rows = Usual(own.rows, config.names)
        self.bytes = Usual(own.bytes, config.names)

    @property
    def let_go(self) -> int:
        """How many names were forgotten for want of room."""
        return self.readers.let_go + self.rows.let_go + self.bytes.let_go

    def see(self, event: SecurityEvent) -> Iterator[Violation]:
        """What is unusual about this read."""
        if event.kind is not Kind.ACCESS or event.principal is None or event.resource is None:
            return
        who = event.principal
        new = self.readers.read(event.resource, who, event.at)
        if new is not None and event.at - new[0] >= self._learn:
            subject = f"{who} on {event.resource}"
            later = partial(self._none, event.at)
            yield Violation(
                self.name, "first_access", subject, 1.0, 0.0, STANDS, event.at, later, _seen(event)
            )
        for kind, usual, amount in (("rows", self.rows, event.rows), ("bytes", self.bytes, event.bytes)):
            if not amount:
                continue
            volume, limit, young = usual.add(who, amount, event.at)
            if limit is not None and not young and volume > limit:
                subject, later = f"principal {who}", partial(usual.figure, who)
                yield Violation(self.name, kind, subject, volume, limit, HOUR, event.at, later, _seen(event))

    @staticmethod
    def _none(began: float, at: float) -> float:
        """How many first accesses the window that ends at `at` holds: one, at its beginning."""
        return float(began <= at < began + STANDS)


def _seen(event: SecurityEvent) -> dict[str, str]:
    return named(principals=event.principal, addresses=event.address, resources=event.resource)
