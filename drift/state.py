"""What drift remembers between slots: the slot ledger, where every alert stands, its transitions, and what is
to be told of them.

A slot is evaluated exactly once, and the ledger is what makes it so: its row, the alerts that changed, the
transitions and the notices are committed in one transaction, and whoever comes second finds the slot there
and changes nothing. A replay commits its thousands of slots by the same path in one transaction. The time is
handed in. Around the ledger stand the outbox, silences and leases, each a part of its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from drift.domain import Alert, AlertStatus, Transition, iso
from drift.errors import StateError
from drift.fingerprints import fingerprint
from drift.notices import Notice
from drift.notify import Last, Standing
from drift.redact import UNSEEN, redact
from drift.seen import Entry
from drift.state_database import Database, connect, dicts, explained, lock, migrate, shown
from drift.state_leases import Leases
from drift.state_lists import Lists
from drift.state_outbox import Outbox
from drift.state_records import Beginnings, Records
from drift.state_rows import (
    CalibrationRecord,
    KeptFit,
    SharedGauges,
    SlotRecord,
    alert_of,
    alert_row,
    last_of,
    last_row,
    outdated,
    transition_row,
)
from drift.state_silences import Silences, ending, silence_of
from drift.state_tables import ALERTS, CALIBRATIONS, GAUGES, LEASES, SEEN, SLOTS, TOLD, TRANSITIONS

__all__ = ["CalibrationRecord", "SharedGauges", "SlotCommit", "SlotRecord", "State", "fingerprint"]

LOCK_WAIT = timedelta(seconds=30)
"""How long a writer waits for another one; a slot's transaction takes milliseconds."""


@dataclass(frozen=True, slots=True)
class SlotCommit:
    """What one slot adds. `alerts` are those that changed; `failures` is how many things failed in it; `told`
    is what the notices tell their channels, alert by alert; `seen` what later slots compare with.
    """

    slot: datetime
    transitions: Sequence[Transition] = ()
    alerts: Sequence[Alert] = ()
    failures: int = 0
    notices: Sequence[Notice] = ()
    told: Sequence[Last] = ()
    seen: Entry | None = None


class State(Records):
    """The state database. Use it as a context manager, or close it; threads may share it.

    Every method raises `StateError`, which names the database (without its password) and the remedy.
    """

    def __init__(self, engine: sa.Engine) -> None:
        database = Database(engine)
        super().__init__(database)
        self.outbox = Outbox(database)
        self.silences = Silences(database)
        self.leases = Leases(database)
        self.lists = Lists(database)

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
        self._database.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def decide(
        self,
        slot: datetime,
        decision: Callable[[Standing], SlotCommit],
        *,
        at: datetime,
        config_hash: str,
        token: int | None = None,
    ) -> SlotCommit | None:
        """Let the decision see how things stand and write what it says, in one transaction.

        No other process changes an alert in between. None, and nothing decided or written, when the ledger
        has the slot already. With the `token` of a lease, only while that lease lasts.
        """
        with self._database.write(f"committing slot {iso(slot)}") as connection:
            lock(connection)
            if connection.execute(sa.select(SLOTS.c.slot).where(SLOTS.c.slot == slot)).first():
                return None
            if token is not None:
                self.leases.check(connection, slot, token, at)
            commit = decision(self._standing(connection, at))
            self._write(connection, [commit], at, config_hash)
        return commit

    def decide_apart(
        self, decision: Callable[[Standing], SlotCommit | None], *, at: datetime
    ) -> SlotCommit | None:
        """The same between slots, for what the monitor says of itself: without a line in the ledger."""
        with self._database.write("deciding between slots") as connection:
            lock(connection)
            commit = decision(self._standing(connection, at))
            if commit is not None:
                self._add(connection, [commit], at, in_ledger=False)
        return commit

    def _standing(self, connection: sa.Connection, at: datetime) -> Standing:
        alerts = list(map(alert_of, dicts(connection.execute(sa.select(ALERTS)))))
        # what ended was told: only of what a channel believes to fire is there anything more to say
        firing = sa.select(TOLD).where(TOLD.c.status == "firing")
        told = map(last_of, dicts(connection.execute(firing)))
        since = min((alert.changed for alert in alerts if alert.status is AlertStatus.FIRING), default=at)
        silences = map(silence_of, dicts(connection.execute(ending(min(since, at)))))
        return Standing(
            alerts={alert.key: alert for alert in alerts},
            told={(last.fingerprint, last.channel): last for last in told},
            silences=tuple(silences),
            began=Beginnings(connection),
        )

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
        with self._database.write(f"committing {_span(slots)}") as connection:
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
        self._add(connection, new, at, in_ledger=True)
        return len(new)

    def _add(
        self, connection: sa.Connection, slots: Sequence[SlotCommit], at: datetime, *, in_ledger: bool
    ) -> None:
        """Write what the slots say of alerts, and what is to be told of them."""
        alerts = {alert.key: alert for slot in slots for alert in slot.alerts}  # the last one stands
        self._database.put(connection, ALERTS, [alert_row(alert) for alert in alerts.values()])
        rows = [transition_row(s.slot if in_ledger else None, t) for s in slots for t in s.transitions]
        if rows:
            connection.execute(sa.insert(TRANSITIONS), rows)
        self.outbox.add(connection, [notice for slot in slots for notice in slot.notices], at)
        told = {(last.fingerprint, last.channel): last for slot in slots for last in slot.told}
        self._database.put(connection, TOLD, [last_row(last) for last in told.values()])
        for entry in (slot.seen for slot in slots if slot.seen is not None):
            row = {"slot": entry.slot, "data": entry.to_bytes()}
            self._database.put(connection, SEEN, [row])
            connection.execute(sa.delete(SEEN).where(SEEN.c.slot < entry.grid.start))

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
        insert = self._database.insert(SLOTS).on_conflict_do_nothing().returning(SLOTS.c.slot)
        new = set(connection.execute(insert, rows).scalars())
        return [slot for slot in slots if slot.slot in new and first[slot.slot] is slot]

    def mark_published(self, slot: datetime, at: datetime) -> None:
        """Note that every sink has had the slot: nobody needs to be at work on it. The first time stands."""
        with self._database.write(f"marking slot {iso(slot)} published") as connection:
            lock(connection)
            known = sa.select(SLOTS.c.slot).where(SLOTS.c.slot == slot)
            if connection.execute(known).first() is None:
                raise StateError(
                    f"state {shown(self._database.engine.url)}: slot {iso(slot)} is not in the ledger: "
                    f"commit it before it is published"
                )
            update = sa.update(SLOTS).where(SLOTS.c.slot == slot, SLOTS.c.published_at.is_(None))
            connection.execute(update.values(published_at=at))
            connection.execute(sa.delete(LEASES).where(LEASES.c.slot == slot))

    def keep_calibrations(self, made: Sequence[CalibrationRecord], keep: timedelta) -> None:
        """Keep what detectors were fitted to at one time, and let go of fits that no slot of the last `keep`
        is judged by any more (`outdated`), in one transaction.
        """
        table = CALIBRATIONS.c
        with self._database.write("keeping a calibration") as connection:
            lock(connection)
            connection.execute(sa.insert(CALIBRATIONS), [asdict(each) for each in made])
            rows = connection.execute(sa.select(table.id, table.settings, table.made_at))
            fits = [KeptFit(*row) for row in rows]
            old = outdated(fits, KeptFit(-1, made[0].settings, made[0].made_at), keep)
            connection.execute(sa.delete(CALIBRATIONS).where(table.id.in_(old)))

    def keep_gauges(self, made: SharedGauges) -> None:
        """Keep the gauges of a run for replicas and restarts, unless those of a later slot are there."""
        row = {**asdict(made), "id": 1, "text": zlib.compress(made.text, level=1)}
        insert = self._database.insert(GAUGES).values(row)
        newer = insert.on_conflict_do_update(
            index_elements=[GAUGES.c.id], set_=row, where=GAUGES.c.slot <= made.slot
        )
        with self._database.write("keeping the gauges") as connection:
            connection.execute(newer)


def _span(slots: Sequence[SlotCommit]) -> str:
    if len(slots) == 1:
        return f"slot {iso(slots[0].slot)}"
    return f"{len(slots)} slots from {iso(slots[0].slot)} to {iso(slots[-1].slot)}"
