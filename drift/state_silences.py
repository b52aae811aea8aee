"""The silences that people set: who, why, and until when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from drift.notices import Matcher, Silence
from drift.state_database import Database
from drift.state_tables import SILENCES


class Silences:
    """What is told to nobody for a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, silence: Silence) -> None:
        """Keep the silence; one of the same id is replaced."""
        row = {name: getattr(silence, name) for name in SILENCES.c.keys()}  # noqa: SIM118 - columns, no dict
        with self._database.write("keeping a silence") as connection:
            self._database.put(
                connection, SILENCES, [row | {"matchers": [list(m) for m in silence.matchers]}]
            )

    def expire(self, identity: str, at: datetime) -> bool:
        """End it at the moment, unless it has ended by then. False where there is none to end.

        One that has not begun ends as it begins.
        """
        ends = sa.case((SILENCES.c.starts > at, SILENCES.c.starts), else_=at)
        update = sa.update(SILENCES).where(SILENCES.c.id == identity, SILENCES.c.ends > at)
        with self._database.write("ending a silence") as connection:
            return connection.execute(update.values(ends=ends)).rowcount == 1

    def list(self, after: datetime | None = None) -> list[Silence]:
        """All silences, or those that end after the moment, in the order of their ends."""
        return [silence_of(row) for row in self._database.rows(ending(after))]


def ending(after: datetime | None) -> sa.Select[Any]:
    """The query for all silences, or for those that end after the moment."""
    query = sa.select(SILENCES).order_by(SILENCES.c.ends, SILENCES.c.id)
    return query if after is None else query.where(SILENCES.c.ends > after)


def silence_of(row: dict[str, Any]) -> Silence:
    """The silence that a row holds."""
    return Silence(**{**row, "matchers": tuple(Matcher(*matcher) for matcher in row["matchers"])})
