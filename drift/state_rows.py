"""How our nouns become rows of the state, and come back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from drift.document import plain
from drift.domain import Alert, AlertKey, AlertStatus, Threshold, Transition
from drift.fingerprints import fingerprint
from drift.notify import Last

KINDS = frozenset({"estimate", "schema"})
"""What is kept like the detectors' fits, and beside them: settings of these begin with the word."""


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


class KeptFit(NamedTuple):
    """Which fit stands in which row. Settings are `CONFIG`, and `CONFIG:PART` for one detector's part; or
    `KIND:CONFIG` of what is no detector.
    """

    row: int
    settings: str
    made_at: datetime

    @property
    def kind(self) -> str:
        """What it is a fit of; empty: of the detectors.

        >>> [KeptFit(0, settings, datetime(2020, 1, 1)).kind for settings in ("3f", "3f:slow", "schema:3f")]
        ['', '', 'schema']
        """
        head = self.settings.partition(":")[0]
        return head if head in KINDS else ""

    @property
    def config(self) -> str:
        """What names the config's own settings."""
        return self.settings if self.kind else self.settings.partition(":")[0]


def outdated(fits: Iterable[KeptFit], made: KeptFit, keep: timedelta, least: int = 3) -> list[int]:
    """The rows of fits that judge no slot of the time `keep` before the newest fit any more.

    A slot is judged by the latest fit before it: those made since then stay and the last one before them; so
    do the newest `least` of each settings, and what was `made` just now. Of an earlier config's fits only
    those since then stay. Each kind is judged by itself: what was made says nothing of fits of other kinds.

    >>> days = [KeptFit(n, "a", datetime(2020, 1, 1 + n)) for n in range(9)]
    >>> outdated(days, days[-1], keep=timedelta(days=4)), outdated(days, days[-1], keep=timedelta(hours=1))
    ([0, 1, 2], [0, 1, 2, 3, 4, 5])
    >>> outdated(days, KeptFit(9, "schema:a", datetime(2021, 1, 1)), keep=timedelta(days=4))
    []
    """
    alike = [fit for fit in fits if fit.kind == made.kind]
    newest_first = sorted(alike, key=lambda fit: (fit.made_at, fit.row), reverse=True)
    since = max(fit.made_at for fit in (made, *newest_first)) - keep
    seen, before, found = Counter[str](), Counter[str](), []
    for fit in newest_first:
        seen[fit.settings] += 1
        if fit.made_at >= since:
            continue
        before[fit.settings] += 1
        needed = before[fit.settings] == 1 or seen[fit.settings] <= least or fit.made_at == made.made_at
        if fit.config != made.config or not needed:
            found.append(fit.row)
    return sorted(found)


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
        "worst": alert.worst,
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
        worst=row["worst"],
        value=row["value"],
        threshold=_threshold_of(row),
        severity=row["severity"],
        episode=row["episode"],
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
