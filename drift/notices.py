"""What people are to be told: a notice is one message to one channel, about alerts that changed together.

A notice is decided with the slot, in the same transaction, and waits in the outbox as JSON until its channel
took it. So it holds all that a message says, and nothing that must be looked up later: an alert may have
changed again by the time a channel is back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

from drift.domain import AlertKey, Threshold, iso

Status: TypeAlias = Literal["firing", "resolved"]
Why: TypeAlias = Literal["began", "goes on", "silence ended", "resolved", "test"]


@dataclass(frozen=True, slots=True)
class Told:
    """One alert of a notice, as it stood when the notice was decided."""

    key: AlertKey
    fingerprint: str
    episode: int
    name: str
    """Of the measurement."""
    value: float | None
    threshold: Threshold
    since: datetime
    evidence: Mapping[str, object] = field(default_factory=dict)
    """`sentences` for people and `explanation` for programs, where the alert was explained."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one channel. `alerts` are worst first; `number` counts the repeats, from 0."""

    channel: str
    status: Status
    why: Why
    at: datetime
    rule: str
    model_version: str
    severity: str
    alerts: tuple[Told, ...]
    number: int = 0
    links: Mapping[str, str] = field(default_factory=dict)
    """`report`, `runbook` and what else there is to open, by name."""

    @property
    def keys(self) -> tuple[str, ...]:
        """`fingerprint:episode:status` of each alert: what a receiver tells duplicates by."""
        return tuple(f"{told.fingerprint}:{told.episode}:{self.status}" for told in self.alerts)

    @property
    def key(self) -> str:
        """What names the notice for good: 32 hexadecimal digits of its channel, keys and number."""
        words = "\n".join((self.channel, self.why, str(self.number), *sorted(self.keys)))
        return hashlib.sha256(words.encode()).hexdigest()[:32]


class Matcher(NamedTuple):
    """What a silence holds an alert's label against: `city = Mumbai`, `rule =~ data_.*`."""

    label: str
    operator: Literal["=", "!=", "=~", "!~"]
    value: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that match all of `matchers` are told to nobody in `[starts, ends)`."""

    id: str
    matchers: tuple[Matcher, ...]
    starts: datetime
    ends: datetime
    author: str
    comment: str
    created: datetime


def notice_document(notice: Notice) -> dict[str, object]:
    """The notice in what JSON has."""
    return {
        "channel": notice.channel,
        "status": notice.status,
        "why": notice.why,
        "at": iso(notice.at),
        "rule": notice.rule,
        "model_version": notice.model_version,
        "severity": notice.severity,
        "number": notice.number,
        "links": dict(notice.links),
        "alerts": [_told_document(told) for told in notice.alerts],
    }


def _told_document(told: Told) -> dict[str, object]:
    threshold = told.threshold
    return {
        "key": list(told.key),
        "fingerprint": told.fingerprint,
        "episode": told.episode,
        "name": told.name,
        "value": told.value,
        "threshold": [threshold.limit, threshold.side, threshold.basis, threshold.release],
        "since": iso(told.since),
        "evidence": dict(told.evidence),
    }


def notice_of(document: Mapping[str, object]) -> Notice:
    """The notice that `notice_document` wrote; times to the second."""
    fields = dict(document)
    alerts = fields.pop("alerts")
    if not isinstance(alerts, Sequence):
        raise TypeError("a notice has a list of alerts")
    at = datetime.fromisoformat(str(fields.pop("at")))
    return Notice(**fields, at=at, alerts=tuple(_told_of(told) for told in alerts))  # type: ignore[arg-type]  # as written


def _told_of(document: Mapping[str, object]) -> Told:
    fields = dict(document)
    key, threshold, since = (fields.pop(name) for name in ("key", "threshold", "since"))
    return Told(
        key=AlertKey(*key),  # type: ignore[misc]  # as written
        threshold=Threshold(*threshold),  # type: ignore[misc]
        since=datetime.fromisoformat(str(since)),
        **fields,  # type: ignore[arg-type]
    )
