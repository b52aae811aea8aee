"""Who is at work on a slot: several processes may watch over one state, and one at a time evaluates.

A lease names its owner and ends by itself, so a process that was killed holds nothing up for long; one that
is alive renews its own. Clocks may differ by more than that, and a process may sleep through it: so each
taking-over raises the lease's token, and a commit must show the token that the slot has now. A lease is thus
about not doing work twice; that a slot is decided once rests on the token and the ledger.
"""

from __future__ import annotations

import os
import secrets
import socket
from datetime import datetime, timedelta

import sqlalchemy as sa

from drift.domain import iso
from drift.errors import StateError
from drift.state_database import Database, lock, shown
from drift.state_tables import LEASES, SLOTS


def process_name() -> str:
    """What names this process among all that share a state: for people its host and number, and a word that
    tells it from one that had the same.
    """
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class Leases:
    """The leases of slots."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, slot: datetime, owner: str, now: datetime, lease: timedelta) -> int | None:
        """Take the slot until `now + lease`; gives the token to commit with.

        None where another holds it, or where it was committed and published: there is nothing left to do.
        """
        with self._database.write(f"claiming slot {iso(slot)}") as connection:
            lock(connection)
            done = sa.select(SLOTS.c.slot).where(SLOTS.c.slot == slot, SLOTS.c.published_at.is_not(None))
            if connection.execute(done).first():
                return None
            insert = self._database.insert(LEASES).values(slot=slot, owner=owner, until=now + lease, token=1)
            taken = insert.on_conflict_do_update(
                index_elements=[LEASES.c.slot],
                set_={"owner": owner, "until": now + lease, "token": LEASES.c.token + 1},
                where=LEASES.c.until <= now,
            )
            token: int | None = connection.execute(taken.returning(LEASES.c.token)).scalar()
            return token

    def renew(self, slot: datetime, token: int, until: datetime) -> bool:
        """Hold the slot until then. False where another has it by now, or it is done."""
        return self._end(slot, token, until, "renewing the lease of")

    def release(self, slot: datetime, token: int, now: datetime) -> None:
        """Let others have the slot. Nothing, where another has it by now."""
        self._end(slot, token, now, "releasing")

    def _end(self, slot: datetime, token: int, until: datetime, doing: str) -> bool:
        mine = sa.update(LEASES).where(LEASES.c.slot == slot, LEASES.c.token == token)
        with self._database.write(f"{doing} slot {iso(slot)}") as connection:
            return connection.execute(mine.values(until=until)).rowcount == 1

    def check(self, connection: sa.Connection, slot: datetime, token: int, at: datetime) -> None:
        """Stop a commit by a process that no longer holds the slot.

        Raises:
            StateError: its lease ran out, whether another took it or not.
        """
        mine = sa.select(LEASES.c.slot).where(
            LEASES.c.slot == slot, LEASES.c.token == token, LEASES.c.until > at
        )
        if connection.execute(mine).first() is None:
            raise StateError(
                f"state {shown(self._database.engine.url)}: slot {iso(slot)} is no longer held by this "
                f"process, which took longer than its lease, or slept: nothing of it was committed"
            )
