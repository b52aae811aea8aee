"""How our nouns become rows of the state, and come back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from drift.document import plain
from drift.domain import Alert, AlertKey, AlertStatus, Threshold, Transition
from drift.fingerprints import fingerprint
from drift.notify import Last


@dataclass(frozen=True, slots=True)
class SlotRecord:
    """A line of the slot ledger. `failures` and `transitions` are counts."""

    slot: datetime
    config_hash: str
    committed_at: datetime
    published_at: datetime | None
    failures: int
    transitions: int


@dataclass(frozen=True, slots=True)
class CalibrationRecord:
    """A fit of the detectors: when, by which settings, on which hours, of how many series, and its bytes."""

    made_at: datetime
    settings: str
    start: datetime
    end: datetime
    series: int
    origin: str
    data: bytes


@dataclass(frozen=True, slots=True)
class SharedGauges:
    """A slot's gauges in Prometheus' text format, and the slot of the last run that measured anything."""

    slot: datetime
    succeeded: datetime | None
    text: bytes


def alert_row(alert: Alert) -> dict[str, Any]:
    """The alert as a row of `alerts`."""
    return {
        **_key_row(alert.key),
        "status": alert.status.value,
        "changed": alert.changed,
        "seen": alert.seen,
        "quiet_since": alert.quiet_since,
        **_judged_row(alert),
    }


def transition_row(slot: datetime | None, transition: Transition) -> dict[str, Any]:
    """The transition as a row of `transitions`, of a slot or of none."""
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
        quiet_since=row["quiet_since"],
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


def last_row(last: Last) -> dict[str, Any]:
    """What a channel was last told, as a row of `told`."""
    return asdict(last)


def last_of(row: Mapping[str, Any]) -> Last:
    """What a row of `told` holds."""
    return Last(**row)


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
