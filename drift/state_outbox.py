"""The outbox: notices that wait for their channel, and what became of them.

A notice is put here by the transaction that decided it, so it is told if and only if it was decided. Whoever
delivers claims one notice at a time, until a time: several processes may deliver, and one that is killed
holds its claim no longer than that. A notice is told at least once; twice, with the same key, where a process
died between the send and the note that it was sent. Of one channel, no notice overtakes an earlier one about
the same alert: "resolved" never comes before "firing".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from drift.notices import Notice, notice_document, notice_of
from drift.state_database import Database, dicts
from drift.state_tables import OUTBOX, OUTBOX_ALERTS, WAITING


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice that was claimed, to be sent now. `attempts` counts this send too."""

    id: int
    key: str
    channel: str
    document: dict[str, Any]
    """What JSON has of the notice. `Any`: another version of drift may have written it."""
    created: datetime
    attempts: int

    @property
    def notice(self) -> Notice:
        """The notice. Raises `TypeError`, `ValueError` or `KeyError` where this version cannot read it."""
        return notice_of(self.document)


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice of the outbox, for people: what became of it. `error` is what the last send failed with."""

    key: str
    channel: str
    notice: Notice
    created: datetime
    due: datetime
    attempts: int
    error: str | None
    sent: datetime | None
    dead: datetime | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many notices of a channel wait, were sent, or were given up on; since when the oldest waits."""

    waiting: int
    sent: int
    dead: int
    oldest: datetime | None


class Outbox:
    """The notices of all channels."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, connection: sa.Connection, notices: Sequence[Notice], at: datetime) -> None:
        """Let the notices wait, as part of the transaction that decided them; one that is there is kept."""
        rows = [
            {
                "key": notice.key,
                "channel": notice.channel,
                "notice": notice_document(notice),
                "created": at,
                "due": at,
                "attempts": 0,
            }
            for notice in notices
        ]
        if not rows:
            return
        insert = self._database.insert(OUTBOX).on_conflict_do_nothing(index_elements=[OUTBOX.c.key])
        new = {key: row for row, key in connection.execute(insert.returning(OUTBOX.c.id, OUTBOX.c.key), rows)}
        about = [
            {"notice": new[notice.key], "fingerprint": fingerprint}
            for notice in {notice.key: notice for notice in notices}.values()
            if notice.key in new
            for fingerprint in {told.fingerprint for told in notice.alerts}
        ]
        if about:
            connection.execute(sa.insert(OUTBOX_ALERTS), about)

    def due(self, now: datetime) -> tuple[str, ...]:
        """The channels that a notice waits for, due by now and claimed by nobody."""
        query = sa.select(OUTBOX.c.channel).where(*_ready(now)).distinct().order_by(OUTBOX.c.channel)
        return tuple(row["channel"] for row in self._database.rows(query))

    def claim(self, channel: str, owner: str, now: datetime, until: datetime) -> Waiting | None:
        """Take the channel's next notice that is due; nobody else does before `until`.

        None where there is none, or where the receiver asked to be left alone.
        """
        other = OUTBOX.alias()
        held = sa.select(other.c.id).where(
            other.c.channel == channel, other.c.sent.is_(None), other.c.dead.is_(None), other.c.held > now
        )
        query = sa.select(OUTBOX.c.id).where(
            OUTBOX.c.channel == channel, *_ready(now), ~held.exists(), ~_earlier().exists()
        )
        first = query.order_by(OUTBOX.c.due, OUTBOX.c.id).limit(1).with_for_update(skip_locked=True)
        with self._database.write(f"claiming a notice for {channel}") as connection:
            found = connection.execute(first).scalar()
            if found is None:
                return None
            claimed = (
                sa.update(OUTBOX)
                .where(OUTBOX.c.id == found)
                .values(claimed_by=owner, claimed_until=until, attempts=OUTBOX.c.attempts + 1)
            )
            returned = ("id", "key", "channel", "notice", "created", "attempts")
            (row,) = dicts(connection.execute(claimed.returning(*(OUTBOX.c[name] for name in returned))))
        return Waiting(document=row.pop("notice"), **row)

    def sent(self, identity: int, at: datetime) -> None:
        """The channel took the notice. That is true whoever holds the claim by now; the first time stands."""
        self._finish(identity, "noting a notice sent", sent=at, error=None)

    def give_up(self, identity: int, owner: str, at: datetime, error: str) -> None:
        """The channel never took it: a dead letter. Nothing, where another has claimed it by now."""
        self._finish(identity, "noting a notice dead", OUTBOX.c.claimed_by == owner, dead=at, error=error)

    def _finish(self, identity: int, doing: str, *where: sa.ColumnElement[bool], **values: object) -> None:
        update = sa.update(OUTBOX).where(OUTBOX.c.id == identity, WAITING, *where)
        with self._database.write(doing) as connection:
            values |= {"claimed_by": None, "claimed_until": None, "held": None}
            if connection.execute(update.values(values)).rowcount:
                connection.execute(sa.delete(OUTBOX_ALERTS).where(OUTBOX_ALERTS.c.notice == identity))

    def retry(
        self, identity: int, owner: str, due: datetime, error: str, held: datetime | None = None
    ) -> None:
        """Try it again when it is due; `held`: leave all of its channel alone until then.

        Nothing, where another has claimed it by now.
        """
        update = sa.update(OUTBOX).where(OUTBOX.c.id == identity, WAITING, OUTBOX.c.claimed_by == owner)
        again = {"due": due, "error": error, "held": held, "claimed_by": None, "claimed_until": None}
        with self._database.write("planning to send a notice again") as connection:
            connection.execute(update.values(again))

    def abandon(self, created_before: datetime, channels: Sequence[str], at: datetime) -> int:
        """Give up on old notices of channels that are none of these; how many there were."""
        orphans = sa.and_(WAITING, OUTBOX.c.created < created_before, OUTBOX.c.channel.not_in(list(channels)))
        if not self._database.rows(sa.select(OUTBOX.c.id).where(orphans).limit(1)):
            return 0
        error = "the config has no channel of this name any more"
        with self._database.write("giving up notices of channels that are gone") as connection:
            ids = sa.select(OUTBOX.c.id).where(orphans)
            connection.execute(sa.delete(OUTBOX_ALERTS).where(OUTBOX_ALERTS.c.notice.in_(ids)))
            return connection.execute(sa.update(OUTBOX).where(orphans).values(dead=at, error=error)).rowcount

    def counts(self) -> dict[str, Counts]:
        """How many notices wait, were sent and are dead, by channel; those pruned are in it no more."""
        query = sa.select(
            OUTBOX.c.channel,
            sa.func.count().filter(WAITING).label("waiting"),
            sa.func.count(OUTBOX.c.sent).label("sent"),
            sa.func.count(OUTBOX.c.dead).label("dead"),
            sa.func.min(OUTBOX.c.created, type_=OUTBOX.c.created.type).filter(WAITING).label("oldest"),
        ).group_by(OUTBOX.c.channel)
        rows = self._database.rows(query.order_by(OUTBOX.c.channel))
        return {row.pop("channel"): Counts(**row) for row in rows}

    def decided(self, channel: str, moments: Collection[datetime]) -> list[tuple[datetime, dict[str, Any]]]:
        """The channel's notices of these moments, as JSON has them, whatever became of them."""
        query = sa.select(OUTBOX.c.created, OUTBOX.c.notice).where(
            OUTBOX.c.channel == channel, OUTBOX.c.created.in_(list(moments))
        )
        return [(row["created"], row["notice"]) for row in self._database.rows(query)]

    def about(self, fingerprint: str) -> list[Letter]:
        """The notices about one alert that are still kept, whatever became of them, earliest first."""
        query = sa.select(*(OUTBOX.c[name] for name in Letter.__slots__)).order_by(OUTBOX.c.id)
        # most notices are about others, and reading them takes longer than looking for it in their text
        query = query.where(sa.cast(OUTBOX.c.notice, sa.Text).contains(fingerprint, autoescape=True))
        letters = (
            Letter(**{**row, "notice": notice_of(row["notice"])}) for row in self._database.rows(query)
        )
        return [one for one in letters if any(told.fingerprint == fingerprint for told in one.notice.alerts)]

    def given_up(self) -> dict[str, int]:
        """How many dead letters each channel has that no notice which arrived has followed."""
        other = OUTBOX.alias()
        arrived = sa.select(sa.func.max(other.c.sent)).where(other.c.channel == OUTBOX.c.channel)
        since = sa.func.coalesce(arrived.scalar_subquery() < OUTBOX.c.dead, True)
        query = sa.select(OUTBOX.c.channel, sa.func.count().label("letters"))
        rows = self._database.rows(query.where(OUTBOX.c.dead.is_not(None), since).group_by(OUTBOX.c.channel))
        return {row["channel"]: row["letters"] for row in rows}

    def prune(self, before: datetime) -> int:
        """Forget what was sent or given up on before the moment; how many notices that were."""
        old = sa.or_(OUTBOX.c.sent < before, OUTBOX.c.dead < before)
        if not self._database.rows(sa.select(OUTBOX.c.id).where(old).limit(1)):
            return 0
        with self._database.write("forgetting old notices") as connection:
            return connection.execute(sa.delete(OUTBOX).where(old)).rowcount

    def letters(self, *, dead: bool = False, limit: int | None = None) -> list[Letter]:
        """The notices that wait, or the dead letters; the latest so many of them, earliest first."""
        query = sa.select(*(OUTBOX.c[name] for name in Letter.__slots__)).order_by(OUTBOX.c.id.desc())
        rows = self._database.rows(query.where(OUTBOX.c.dead.is_not(None) if dead else WAITING).limit(limit))
        return [Letter(**{**row, "notice": notice_of(row["notice"])}) for row in reversed(rows)]


def _ready(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Due, and claimed by nobody."""
    free = sa.or_(OUTBOX.c.claimed_until.is_(None), OUTBOX.c.claimed_until <= now)
    return WAITING, OUTBOX.c.due <= now, free


def _earlier() -> sa.Select[Any]:
    """A notice of the same channel that waits longer, about one of the same alerts."""
    mine, theirs, earlier = OUTBOX_ALERTS.alias(), OUTBOX_ALERTS.alias(), OUTBOX.alias()
    joined = theirs.join(mine, mine.c.fingerprint == theirs.c.fingerprint).join(
        earlier, earlier.c.id == theirs.c.notice
    )
    return (
        sa.select(earlier.c.id)
        .select_from(joined)
        .where(
            mine.c.notice == OUTBOX.c.id, earlier.c.id < OUTBOX.c.id, earlier.c.channel == OUTBOX.c.channel
        )
        .correlate(OUTBOX)
    )
