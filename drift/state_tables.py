"""The tables of the state, and how our nouns become rows and come back.

Times are written in UTC and come back aware from every database: SQLite keeps no zone, PostgreSQL gives
back the session's. An alert is found by the fingerprint of its key; the key's parts stand beside it, so
that people can query the tables and a transition can be read without its alert.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from drift.document import plain
from drift.domain import Alert, AlertKey, AlertStatus, Threshold, Transition

METADATA = sa.MetaData()

_spelt = json.JSONEncoder(separators=(",", ":")).encode  # `json.dumps` would make one each time


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


def _key_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("city", sa.Text),
        sa.Column("horizon", sa.Text),
        sa.Column("column", sa.Text),
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
    *_judged_columns(),
)

TRANSITIONS = sa.Table(
    "transitions",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("slot", UtcTime, sa.ForeignKey("slots.slot"), nullable=False, index=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    *_key_columns(),
    sa.Column("at", UtcTime, nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    *_judged_columns(),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Index("ix_transitions_fingerprint_at", "fingerprint", "at"),
)


@dataclass(frozen=True, slots=True)
class SlotRecord:
    """A line of the slot ledger. `failures` and `transitions` are counts."""

    slot: datetime
    config_hash: str
    committed_at: datetime
    published_at: datetime | None
    failures: int
    transitions: int


def fingerprint(key: AlertKey) -> str:
    """What names an alert for good: SHA-256 of its rule and labels, 64 hexadecimal digits.

    No two keys are spelt alike: JSON tells None from an empty name, and marks where each part ends.
    """
    return hashlib.sha256(_spelt(list(key)).encode("ascii")).hexdigest()


def alert_row(alert: Alert) -> dict[str, Any]:
    """The alert as a row of `alerts`."""
    return {
        **_key_row(alert.key),
        "status": alert.status.value,
        "changed": alert.changed,
        "seen": alert.seen,
        **_judged_row(alert),
    }


def transition_row(slot: datetime, transition: Transition) -> dict[str, Any]:
    """The transition as a row of `transitions`."""
    return {
        "slot": slot,
        **_key_row(transition.key),
        "at": transition.at,
        "name": transition.name,
        "before": transition.before.value,
        "after": transition.after.value,
        "reason": transition.reason,
        **_judged_row(transition),
        "evidence": plain(transition.evidence),
    }


def alert_of(row: Mapping[str, Any]) -> Alert:
    """The alert that a row of `alerts` holds."""
    return Alert(
        key=_key_of(row),
        status=AlertStatus(row["status"]),
        since=row["since"],
        changed=row["changed"],
        seen=row["seen"],
        value=row["value"],
        threshold=_threshold_of(row),
        severity=row["severity"],
        episode=row["episode"],
    )


def alert_after(transition: Transition) -> Alert:
    """The alert as a transition left it."""
    resting = transition.after in (AlertStatus.OK, AlertStatus.RESOLVED)
    return Alert(
        key=transition.key,
        status=transition.after,
        since=transition.at if resting else transition.since,
        changed=transition.at,
        seen=transition.at,
        value=transition.value,
        threshold=transition.threshold,
        severity=transition.severity,
        episode=transition.episode,
    )


def transition_of(row: Mapping[str, Any]) -> Transition:
    """The transition that a row of `transitions` holds."""
    return Transition(
        at=row["at"],
        key=_key_of(row),
        name=row["name"],
        before=AlertStatus(row["before"]),
        after=AlertStatus(row["after"]),
        reason=row["reason"],
        value=row["value"],
        threshold=_threshold_of(row),
        since=row["since"],
        episode=row["episode"],
        severity=row["severity"],
        evidence=row["evidence"],
    )


def _key_row(key: AlertKey) -> dict[str, Any]:
    return {"fingerprint": fingerprint(key), **key._asdict()}


def _judged_row(judged: Alert | Transition) -> dict[str, Any]:
    return {
        "since": judged.since,
        "value": judged.value,
        "limit": judged.threshold.limit,
        "side": judged.threshold.side,
        "basis": judged.threshold.basis,
        "severity": judged.severity,
        "episode": judged.episode,
    }


def _key_of(row: Mapping[str, Any]) -> AlertKey:
    return AlertKey(row["rule"], row["model_version"], row["city"], row["horizon"], row["column"])


def _threshold_of(row: Mapping[str, Any]) -> Threshold:
    return Threshold(limit=row["limit"], side=row["side"], basis=row["basis"])
