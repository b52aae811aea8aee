"""Alerts and slots a page at a time: sorted, filtered and counted by the database.

A fleet may have ten thousand alerts, and who looks at a page sees fifty of them: only those are read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from drift.domain import Alert, AlertStatus, Transition
from drift.notify import SEVERITIES
from drift.state_database import Database
from drift.state_rows import SlotRecord, alert_of, transition_of
from drift.state_tables import ALERTS, LEASES, SLOTS, TRANSITIONS

STATUSES = (AlertStatus.FIRING, AlertStatus.PENDING, AlertStatus.RESOLVED, AlertStatus.OK)
"""The gravest first."""
_FEW = 500
"""So many fingerprints are asked for at once; databases bound how many values a query may have."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts are asked for; what is empty asks for any. `city` is a part of its name, in any case."""

    statuses: tuple[AlertStatus, ...] = ()
    rule: str = ""
    severity: str = ""
    city: str = ""
    model_version: str = ""

    def where(self) -> list[sa.ColumnElement[bool]]:
        """The conditions."""
        found = [
            ALERTS.c[name] == value
            for name in ("rule", "severity", "model_version")
            if (value := getattr(self, name))
        ]
        if self.statuses:
            found.append(ALERTS.c.status.in_([status.value for status in self.statuses]))
        if self.city:
            found.append(ALERTS.c.city.icontains(self.city, autoescape=True))
        return found


class Held(NamedTuple):
    """A lease: which process is at work on a slot, and until when it may be."""

    slot: datetime
    owner: str
    until: datetime


class Lists:
    """The alerts and the ledger of a state, by the page. Every method raises `StateError` where it cannot
    be read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def alerts(self, wanted: Wanted, limit: int, offset: int = 0) -> list[Alert]:
        """A page of the alerts that are wanted.

        By status, then severity, then by how far a value is beyond its limit; of alerts at rest those that
        changed last come first.
        """
        query = sa.select(ALERTS).where(*wanted.where()).order_by(*_worst_first())
        return list(map(alert_of, self._database.rows(query.limit(limit).offset(offset))))

    def count(self, wanted: Wanted) -> int:
        """How many alerts are wanted."""
        query = sa.select(sa.func.count().label("n")).select_from(ALERTS).where(*wanted.where())
        return int(self._database.rows(query)[0]["n"])

    def counts(self) -> dict[AlertStatus, int]:
        """How many alerts have each status, 0 included."""
        query = sa.select(ALERTS.c.status, sa.func.count().label("n")).group_by(ALERTS.c.status)
        found = {row["status"]: int(row["n"]) for row in self._database.rows(query)}
        return {status: found.get(status.value, 0) for status in STATUSES}

    def values(self, name: str) -> tuple[str, ...]:
        """What a column of the alerts holds, each once: `rule`, `severity` or `model_version`."""
        column = ALERTS.c[name]
        query = sa.select(column.label("value")).distinct().order_by(column)
        return tuple(row["value"] for row in self._database.rows(query))

    def found(self, fingerprint: str) -> list[Alert]:
        """The alerts whose fingerprint begins so, two at most."""
        begins = ALERTS.c.fingerprint.startswith(fingerprint, autoescape=True)
        return list(map(alert_of, self._database.rows(sa.select(ALERTS).where(begins).limit(2))))

    def beginnings(self, fingerprints: Sequence[str]) -> dict[str, Transition]:
        """The transitions by which these alerts last began to breach or to fire, as far as they ever did."""
        found: dict[str, Transition] = {}
        begun = TRANSITIONS.c.after.in_([AlertStatus.FIRING.value, AlertStatus.PENDING.value])
        for first in range(0, len(fingerprints), _FEW):
            some = TRANSITIONS.c.fingerprint.in_(fingerprints[first : first + _FEW])
            last = sa.select(sa.func.max(TRANSITIONS.c.id)).where(some, begun)
            ids = last.group_by(TRANSITIONS.c.fingerprint).scalar_subquery()
            rows = self._database.rows(sa.select(TRANSITIONS).where(TRANSITIONS.c.id.in_(ids)))
            found |= {row["fingerprint"]: transition_of(row) for row in rows}
        return found

    def transitions_of(self, slot: datetime, limit: int, offset: int = 0) -> list[Transition]:
        """A page of the transitions of a slot, in their order."""
        query = sa.select(TRANSITIONS).where(TRANSITIONS.c.slot == slot).order_by(TRANSITIONS.c.id)
        return list(map(transition_of, self._database.rows(query.limit(limit).offset(offset))))

    def slots(self, limit: int, before: datetime | None = None) -> list[SlotRecord]:
        """The latest so many lines of the ledger, or the latest before a slot; newest first."""
        query = sa.select(SLOTS).order_by(SLOTS.c.slot.desc()).limit(limit)
        rows = self._database.rows(query if before is None else query.where(SLOTS.c.slot < before))
        return [SlotRecord(**row) for row in rows]

    def held(self, now: datetime) -> list[Held]:
        """The leases that last: who is at work on which slot."""
        query = sa.select(LEASES.c.slot, LEASES.c.owner, LEASES.c.until).where(LEASES.c.until > now)
        return [Held(**row) for row in self._database.rows(query.order_by(LEASES.c.slot))]


def _worst_first() -> tuple[sa.ColumnElement[Any], ...]:
    at_rest = ALERTS.c.status.in_([AlertStatus.RESOLVED.value, AlertStatus.OK.value])
    return (
        _rank(ALERTS.c.status, [status.value for status in STATUSES]),
        sa.case((at_rest, ALERTS.c.changed), else_=None).desc(),
        _rank(ALERTS.c.severity, SEVERITIES),
        _beyond().desc(),
        ALERTS.c.since,
        ALERTS.c.fingerprint,
    )


def _rank(column: sa.Column[Any], order: Collection[str]) -> sa.ColumnElement[int]:
    ranks: Mapping[str, int] = {value: rank for rank, value in enumerate(order)}
    return sa.case(ranks, value=column, else_=len(ranks))


def _beyond() -> sa.ColumnElement[float]:
    """How many times its limit a value is, or the limit the value; 0 where that says nothing."""
    value, limit = ALERTS.c.value, ALERTS.c.limit
    above, below = ALERTS.c.side == "above", ALERTS.c.side == "below"
    return sa.case(
        (sa.and_(above, limit > 0, value.is_not(None)), value / limit),
        (sa.and_(below, value > 0), limit / value),
        else_=0.0,
    )
