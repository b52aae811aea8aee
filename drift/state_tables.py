"""The tables of the state: what is in the ledger, where alerts stand, what waits to be told.

Times are written in UTC and come back aware from every database: SQLite keeps no zone, PostgreSQL gives
back the session's. An alert is found by the fingerprint of its key; the key's parts stand beside it, so
that people can query the tables and a transition can be read without its alert.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

METADATA = sa.MetaData()


class UtcTime(sa.types.TypeDecorator[datetime]):
    """A moment: takes aware datetimes only, gives back aware ones in UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """To UTC; SQLite writes the digits without the zone."""
        del dialect
        if value is not None and value.tzinfo is None:
            raise ValueError(f"the state takes no time without a zone: {value.isoformat()}")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """From UTC: digits without a zone are UTC's."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_STAND_IN = "\ufdd0"
"""A code point that Unicode gives no character, and never will."""


class Words(sa.types.TypeDecorator[str]):
    """Text from data, with all its characters. PostgreSQL takes no zero byte, and a name that holds one would
    stop every slot: it is written as a stand-in and a digit, and so is the stand-in itself.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """With a stand-in for each zero byte."""
        del dialect
        return value and value.replace(_STAND_IN, f"{_STAND_IN}1").replace("\0", f"{_STAND_IN}0")

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """As it was."""
        del dialect
        return value and value.replace(f"{_STAND_IN}0", "\0").replace(f"{_STAND_IN}1", _STAND_IN)


def _key_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("model_version", Words, nullable=False),
        sa.Column("city", Words),
        sa.Column("horizon", Words),
        sa.Column("column", Words),
    )


def _judged_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("since", UtcTime, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("limit", sa.Double, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("basis", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("episode", sa.Integer, nullable=False),
    )


SLOTS = sa.Table(
    "slots",
    METADATA,
    sa.Column("slot", UtcTime, primary_key=True),
    sa.Column("config_hash", sa.Text, nullable=False),
    sa.Column("committed_at", UtcTime, nullable=False),
    sa.Column("published_at", UtcTime),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("transitions", sa.Integer, nullable=False),
)

ALERTS = sa.Table(
    "alerts",
    METADATA,
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    *_key_columns(),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("changed", UtcTime, nullable=False),
    sa.Column("seen", UtcTime),
    sa.Column("quiet_since", UtcTime),
    sa.Column("worst", sa.Double),
    *_judged_columns(),
)

TRANSITIONS = sa.Table(
    "transitions",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("slot", UtcTime, sa.ForeignKey("slots.slot"), index=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    *_key_columns(),
    sa.Column("at", UtcTime, nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("reason", Words, nullable=False),
    *_judged_columns(),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Index("ix_transitions_fingerprint_at", "fingerprint", "at"),
)
"""Of a slot, or of none: what the monitor says of itself is decided between slots."""

CALIBRATIONS = sa.Table(
    "calibrations",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("start", UtcTime, nullable=False),
    sa.Column("end", UtcTime, nullable=False),
    sa.Column("series", sa.Integer, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Index("ix_calibrations_settings_made_at", "settings", "made_at"),
)
"""What detectors were fitted to, newest last: `settings` names all that decides how, `data` holds the fit."""

OUTBOX = sa.Table(
    "outbox",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.String(32), nullable=False, unique=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("notice", sa.JSON, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("due", UtcTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error", Words),
    sa.Column("held", UtcTime),
    sa.Column("claimed_by", sa.Text),
    sa.Column("claimed_until", UtcTime),
    sa.Column("sent", UtcTime),
    sa.Column("dead", UtcTime),
    sa.Index("ix_outbox_waiting", "sent", "dead", "channel", "due"),
)
"""Notices, until their channel took them (`sent`) or was given up on (`dead`), and for a while after.

`attempts` counts the sends that were begun. `held`: the receiver asked to be left alone until then.
"""

WAITING = sa.and_(OUTBOX.c.sent.is_(None), OUTBOX.c.dead.is_(None))

OUTBOX_ALERTS = sa.Table(
    "outbox_alerts",
    METADATA,
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column(
        "notice", sa.Integer, sa.ForeignKey("outbox.id"), primary_key=True, autoincrement=False, index=True
    ),
)
"""Which alerts a waiting notice is about, as no notice may overtake an earlier one about the same alert."""

TOLD = sa.Table(
    "told",
    METADATA,
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("episode", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)
"""What each channel was last told of an alert."""

SILENCES = sa.Table(
    "silences",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("matchers", sa.JSON, nullable=False),
    sa.Column("starts", UtcTime, nullable=False),
    sa.Column("ends", UtcTime, nullable=False),
    sa.Column("author", Words, nullable=False),
    sa.Column("comment", Words, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
)

LEASES = sa.Table(
    "leases",
    METADATA,
    sa.Column("slot", UtcTime, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("until", UtcTime, nullable=False),
    sa.Column("token", sa.Integer, nullable=False),
)
"""Who is at work on a slot, until when; `token` grows each time another takes it over."""

SEEN = sa.Table(
    "seen",
    METADATA,
    sa.Column("slot", UtcTime, primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)
"""What each slot saw anew (`drift.seen.Entry`), as long as it is compared with."""

GAUGES = sa.Table(
    "gauges",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("slot", UtcTime, nullable=False),
    sa.Column("succeeded", UtcTime),
    sa.Column("text", sa.LargeBinary, nullable=False),
)
"""One row: the gauges of the latest run, compressed, for the replicas that did not make it."""
