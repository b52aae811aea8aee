"""What the state remembers, read: the ledger, where alerts stand and stood, transitions, fits, gauges."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

import sqlalchemy as sa

from drift.alerts import alert_after
from drift.domain import Alert, AlertKey, AlertStatus, Transition
from drift.fingerprints import fingerprint
from drift.notify import Last
from drift.seen import Entry
from drift.state_database import Database, dicts
from drift.state_rows import (
    CalibrationRecord,
    SharedGauges,
    SlotRecord,
    alert_of,
    last_of,
    transition_of,
)
from drift.state_tables import ALERTS, CALIBRATIONS, GAUGES, SEEN, SLOTS, TOLD, TRANSITIONS


class Records:
    """The records of a state, for reading. Every method raises `StateError` where it cannot be read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def slot(self, slot: datetime) -> SlotRecord | None:
        """The slot's line in the ledger; None when it was never committed."""
        rows = self._database.rows(sa.select(SLOTS).where(SLOTS.c.slot == slot))
        return SlotRecord(**rows[0]) if rows else None

    def last_slot(self) -> datetime | None:
        """The latest slot that was committed."""
        rows = self._database.rows(
            sa.select(sa.func.max(SLOTS.c.slot, type_=SLOTS.c.slot.type).label("slot"))
        )
        last: datetime | None = rows[0]["slot"]
        return last

    def first_slot(self) -> datetime | None:
        """The earliest slot that was committed."""
        rows = self._database.rows(
            sa.select(sa.func.min(SLOTS.c.slot, type_=SLOTS.c.slot.type).label("slot"))
        )
        first: datetime | None = rows[0]["slot"]
        return first

    def slots(self, since: datetime, until: datetime) -> list[SlotRecord]:
        """The ledger's lines in `[since, until)`, earliest first."""
        within = SLOTS.c.slot >= since, SLOTS.c.slot < until
        rows = self._database.rows(sa.select(SLOTS).where(*within).order_by(SLOTS.c.slot))
        return [SlotRecord(**row) for row in rows]

    def alerts(self, rules: Collection[str] | None = None) -> dict[AlertKey, Alert]:
        """Where every alert stands, or those of some rules."""
        query = sa.select(ALERTS).order_by(ALERTS.c.fingerprint)
        rows = self._database.rows(query if rules is None else query.where(ALERTS.c.rule.in_(list(rules))))
        return {alert.key: alert for alert in map(alert_of, rows)}

    def alerts_at(self, moment: datetime) -> dict[AlertKey, Alert]:
        """Where every alert stood at the moment, from the last transition that it had by then."""
        last = sa.select(sa.func.max(TRANSITIONS.c.id)).where(TRANSITIONS.c.at <= moment)
        query = sa.select(TRANSITIONS).where(
            TRANSITIONS.c.id.in_(last.group_by(TRANSITIONS.c.fingerprint).scalar_subquery())
        )
        return {t.key: alert_after(t) for t in map(transition_of, self._database.rows(query))}

    def transitions(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        key: AlertKey | None = None,
        limit: int | None = None,
        slot: datetime | None = None,
    ) -> list[Transition]:
        """The transitions in `[since, until)`, of one alert or all, of one slot or all, earliest first.

        With `limit`, the latest so many of them.
        """
        query = sa.select(TRANSITIONS).order_by(TRANSITIONS.c.at.desc(), TRANSITIONS.c.id.desc()).limit(limit)
        if since is not None:
            query = query.where(TRANSITIONS.c.at >= since)
        if until is not None:
            query = query.where(TRANSITIONS.c.at < until)
        if key is not None:
            query = query.where(TRANSITIONS.c.fingerprint == fingerprint(key))
        if slot is not None:
            query = query.where(TRANSITIONS.c.slot == slot)
        return [transition_of(row) for row in reversed(self._database.rows(query))]

    def told(self, channel: str, since: datetime) -> list[Last]:
        """What the channel was last told of alerts that it takes to fire, and of those that ended since."""
        lately = sa.or_(TOLD.c.status == "firing", TOLD.c.at >= since)
        return list(
            map(last_of, self._database.rows(sa.select(TOLD).where(TOLD.c.channel == channel, lately)))
        )

    def calibration(self, settings: str, at: datetime) -> CalibrationRecord | None:
        """The latest fit by these settings that was made at or before the moment."""
        query = sa.select(CALIBRATIONS).where(
            CALIBRATIONS.c.settings == settings, CALIBRATIONS.c.made_at <= at
        )
        latest = query.order_by(CALIBRATIONS.c.made_at.desc(), CALIBRATIONS.c.id.desc()).limit(1)
        rows = self._database.rows(latest)
        return None if not rows else CalibrationRecord(**{n: v for n, v in rows[0].items() if n != "id"})

    def seen(self, before: datetime) -> list[Entry]:
        """What the slots before the moment saw, earliest first; from the last damaged entry on, as what
        changed since would not be known otherwise.
        """
        query = sa.select(SEEN.c.data).where(SEEN.c.slot < before).order_by(SEEN.c.slot)
        found: list[Entry] = []
        for row in self._database.rows(query):
            try:
                found.append(Entry.from_bytes(row["data"]))
            except ValueError:
                found.clear()
        return found

    def gauges(self, after: datetime | None = None) -> SharedGauges | None:
        """The gauges of the latest run that was published; with `after`, if they are of a later slot."""
        query = sa.select(GAUGES.c.slot, GAUGES.c.succeeded, GAUGES.c.text)
        rows = self._database.rows(query if after is None else query.where(GAUGES.c.slot > after))
        if not rows:
            return None
        return SharedGauges(rows[0]["slot"], rows[0]["succeeded"], zlib.decompress(rows[0]["text"]))


class Beginnings(Mapping[AlertKey, Transition]):
    """The transitions by which alerts last began to fire, with their evidence, read when one is asked for: a
    slot has thousands of alerts and asks for few. Good while its transaction is open.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._query = sa.select(TRANSITIONS).where(TRANSITIONS.c.after == AlertStatus.FIRING.value)

    def __getitem__(self, key: AlertKey) -> Transition:
        of_key = self._query.where(TRANSITIONS.c.fingerprint == fingerprint(key))
        last = of_key.order_by(TRANSITIONS.c.at.desc(), TRANSITIONS.c.id.desc()).limit(1)
        rows = dicts(self._connection.execute(last))
        if not rows:
            raise KeyError(key)
        return transition_of(rows[0])

    def __iter__(self) -> Iterator[AlertKey]:
        rows = dicts(self._connection.execute(self._query))
        return iter({transition_of(row).key for row in rows})

    def __len__(self) -> int:
        return sum(1 for _ in self)
