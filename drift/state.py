"""What drift remembers between slots: the slot ledger, where every alert stands, and its transitions.

A slot is evaluated exactly once, and the ledger is what makes it so: its row, the alerts that changed
and the transitions are committed in one transaction, and whoever comes second finds the slot there and
changes nothing. A replay commits its thousands of slots by the same path in one transaction. The time is
handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa

from drift.domain import Alert, AlertKey, Transition, iso
from drift.errors import StateError
from drift.redact import UNSEEN, redact
from drift.state_database import connect, explained, lock, migrate, shown, writing
from drift.state_tables import (
    ALERTS,
    SLOTS,
    TRANSITIONS,
    SlotRecord,
    alert_after,
    alert_of,
    alert_row,
    fingerprint,
    transition_of,
    transition_row,
)

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["SlotCommit", "SlotRecord", "State", "fingerprint"]

LOCK_WAIT = timedelta(seconds=30)
"""How long a writer waits for another one; a slot's transaction takes milliseconds."""


@dataclass(frozen=True, slots=True)
class SlotCommit:
    """What one slot adds. `alerts` are those that changed; `failures` is how many things failed in it."""

    slot: datetime
    transitions: Sequence[Transition] = ()
    alerts: Sequence[Alert] = ()
    failures: int = 0


class State:
    """The state database. Use it as a context manager, or close it; threads may share it.

    Every method raises `StateError`, which names the database (without its password) and the remedy.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._writer = writing(engine)
        self._insert = _insert(engine.dialect.name)

    @classmethod
    def open(cls, url: str, wait: timedelta = LOCK_WAIT) -> Self:
        """The state at the URL, made when it is not there and brought to the newest schema."""
        if redact(url) == UNSEEN:
            raise StateError(
                "state: the URL can be read in more than one way: write the characters @ / ? # : of user and "
                "password as %40 %2F %3F %23 %3A"
            )
        with explained(url, "opening it"):
            parsed = sa.make_url(url)
        with explained(parsed, "opening it"):
            engine = connect(parsed, wait.total_seconds())
            try:
                migrate(engine)
            except BaseException:
                engine.dispose()
                raise
        return cls(engine)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def slot(self, slot: datetime) -> SlotRecord | None:
        """The slot's line in the ledger; None when it was never committed."""
        rows = self._rows(sa.select(SLOTS).where(SLOTS.c.slot == slot))
        return SlotRecord(**rows[0]) if rows else None

    def last_slot(self) -> datetime | None:
        """The latest slot that was committed."""
        rows = self._rows(sa.select(sa.func.max(SLOTS.c.slot, type_=SLOTS.c.slot.type).label("slot")))
        last: datetime | None = rows[0]["slot"]
        return last

    def first_slot(self) -> datetime | None:
        """The earliest slot that was committed."""
        rows = self._rows(sa.select(sa.func.min(SLOTS.c.slot, type_=SLOTS.c.slot.type).label("slot")))
        first: datetime | None = rows[0]["slot"]
        return first

    def slots(self, since: datetime, until: datetime) -> list[SlotRecord]:
        """The ledger's lines in `[since, until)`, earliest first."""
        within = SLOTS.c.slot >= since, SLOTS.c.slot < until
        rows = self._rows(sa.select(SLOTS).where(*within).order_by(SLOTS.c.slot))
        return [SlotRecord(**row) for row in rows]

    def alerts(self) -> dict[AlertKey, Alert]:
        """Where every alert stands."""
        rows = self._rows(sa.select(ALERTS).order_by(ALERTS.c.fingerprint))
        return {alert.key: alert for alert in map(alert_of, rows)}

    def alerts_at(self, moment: datetime) -> dict[AlertKey, Alert]:
        """Where every alert stood at the moment, from the last transition that it had by then."""
        last = sa.select(sa.func.max(TRANSITIONS.c.id)).where(TRANSITIONS.c.at <= moment)
        query = sa.select(TRANSITIONS).where(
            TRANSITIONS.c.id.in_(last.group_by(TRANSITIONS.c.fingerprint).scalar_subquery())
        )
        return {t.key: alert_after(t) for t in map(transition_of, self._rows(query))}

    def transitions(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        key: AlertKey | None = None,
        limit: int | None = None,
    ) -> list[Transition]:
        """The transitions in `[since, until)`, of one alert or all, earliest first.

        With `limit`, the latest so many of them.
        """
        query = sa.select(TRANSITIONS).order_by(TRANSITIONS.c.at.desc(), TRANSITIONS.c.id.desc()).limit(limit)
        if since is not None:
            query = query.where(TRANSITIONS.c.at >= since)
        if until is not None:
            query = query.where(TRANSITIONS.c.at < until)
        if key is not None:
            query = query.where(TRANSITIONS.c.fingerprint == fingerprint(key))
        return [transition_of(row) for row in reversed(self._rows(query))]

    def decide(
        self,
        slot: datetime,
        decision: Callable[[Mapping[AlertKey, Alert]], SlotCommit],
        *,
        at: datetime,
        config_hash: str,
    ) -> SlotCommit | None:
        """Let the decision see the alerts and write what it says, in one transaction.

        No other process changes an alert in between. None, and nothing decided or written, when the
        ledger has the slot already.
        """
        with explained(self._engine.url, f"committing slot {iso(slot)}"), self._writer.begin() as connection:
            lock(connection)
            if connection.execute(sa.select(SLOTS.c.slot).where(SLOTS.c.slot == slot)).first():
                return None
            found = _dicts(connection.execute(sa.select(ALERTS)))
            commit = decision({alert.key: alert for alert in map(alert_of, found)})
            self._write(connection, [commit], at, config_hash)
        return commit

    def commit(self, slot: SlotCommit, *, at: datetime, config_hash: str) -> bool:
        """Write the slot in one transaction. False, and nothing written, when the ledger has it already."""
        return self.commit_many([slot], at=at, config_hash=config_hash) == 1

    def commit_many(
        self, slots: Sequence[SlotCommit], *, at: datetime, config_hash: str, published: bool = False
    ) -> int:
        """Write many slots, in their order, in one transaction; how many of them were new.

        `published`: there is nothing of them to publish any more.
        """
        if not slots:
            return 0
        with explained(self._engine.url, f"committing {_span(slots)}"), self._writer.begin() as connection:
            lock(connection)
            return self._write(connection, slots, at, config_hash, at if published else None)

    def _write(
        self,
        connection: sa.Connection,
        slots: Sequence[SlotCommit],
        at: datetime,
        config_hash: str,
        published_at: datetime | None = None,
    ) -> int:
        new = self._enter(connection, slots, at, config_hash, published_at)
        alerts = {alert.key: alert for slot in new for alert in slot.alerts}  # the last one stands
        if alerts:
            connection.execute(self._upsert(), [alert_row(alert) for alert in alerts.values()])
        rows = [transition_row(slot.slot, transition) for slot in new for transition in slot.transitions]
        if rows:
            connection.execute(sa.insert(TRANSITIONS), rows)
        return len(new)

    def _enter(
        self,
        connection: sa.Connection,
        slots: Sequence[SlotCommit],
        at: datetime,
        config_hash: str,
        published_at: datetime | None,
    ) -> list[SlotCommit]:
        """Put the slots into the ledger; gives those that were not there, the first of each."""
        first = {slot.slot: slot for slot in reversed(slots)}
        rows = [
            {
                "slot": slot.slot,
                "config_hash": config_hash,
                "committed_at": at,
                "published_at": published_at,
                "failures": slot.failures,
                "transitions": len(slot.transitions),
            }
            for slot in first.values()
        ]
        insert = self._insert(SLOTS).on_conflict_do_nothing().returning(SLOTS.c.slot)
        new = set(connection.execute(insert, rows).scalars())
        return [slot for slot in slots if slot.slot in new and first[slot.slot] is slot]

    def _upsert(self) -> sqlite.Insert | postgresql.Insert:
        insert = self._insert(ALERTS)
        changed = {c.name: insert.excluded[c.name] for c in ALERTS.c if not c.primary_key}
        return insert.on_conflict_do_update(index_elements=[ALERTS.c.fingerprint], set_=changed)

    def mark_published(self, slot: datetime, at: datetime) -> None:
        """Note that every sink has had the slot. The first time stands."""
        with explained(self._engine.url, f"marking slot {iso(slot)} published"):
            if self.slot(slot) is None:
                raise StateError(
                    f"state {shown(self._engine.url)}: slot {iso(slot)} is not in the ledger: "
                    f"commit it before it is published"
                )
            update = sa.update(SLOTS).where(SLOTS.c.slot == slot, SLOTS.c.published_at.is_(None))
            with self._writer.begin() as connection:
                connection.execute(update.values(published_at=at))

    def _rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        with explained(self._engine.url, "reading it"), self._engine.connect() as connection:
            return _dicts(connection.execute(query))


def _dicts(result: sa.CursorResult[Any]) -> list[dict[str, Any]]:
    """The rows by column name: for ten thousand alerts, SQLAlchemy's own mappings take twice as long."""
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result.all()]


def _insert(dialect: str) -> Callable[[sa.Table], sqlite.Insert | postgresql.Insert]:
    """The dialect's own INSERT, which can settle a conflict; only that dialect is imported."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert

        return insert
    from sqlalchemy.dialects.sqlite import insert as insert_into_sqlite

    return insert_into_sqlite


def _span(slots: Sequence[SlotCommit]) -> str:
    if len(slots) == 1:
        return f"slot {iso(slots[0].slot)}"
    return f"{len(slots)} slots from {iso(slots[0].slot)} to {iso(slots[-1].slot)}"
