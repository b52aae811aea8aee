"""PURE. What Alertmanager's webhook sends, as notices: what of it a channel does not know yet.

Alertmanager sends a group whole whenever a city joins it, and again when an answer was lost, after its own
restart, and from each of its replicas. Here, as with drift's own alerts, each episode is told once, then
every `notify.repeat`; that it ended is told where it was told that it fires. Silences are Alertmanager's:
what it sends, it wants told. All texts are data, and each is brought to one printable line and bounded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Annotated, Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel, Field

from drift.domain import AlertKey, Threshold
from drift.notices import Notice, Told, Why
from drift.notify import EARLY, MOST, SEVERITIES, Last
from drift.text import printable

RELAYED = "relayed"
"""Stands where drift's own alerts have the name of a measurement: this was measured elsewhere."""
UNKNOWN = Threshold(0.0, "above")
CLOCKS_DIFFER = timedelta(minutes=1)
"""An alert that seems to have begun so little after it was told is the one that was told."""
NAME_LENGTH, SENTENCE_LENGTH, MOST_SENTENCES, LINK_LENGTH = 200, 400, 8, 500
SAID = ("summary", "description", "message")
"""The annotations that are told first, and without their names."""
LINKS = {"runbook_url": "runbook", "report": "report"}
"""The annotations that are links, and what drift calls those."""
PLACED = frozenset({"alertname", "rule", "model_version", "city", "horizon", "column", "severity"})
"""The labels that a message has a place for."""
NAMELESS = "an alert"
ENDED = "Alertmanager says that it is over"

FIRST, LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
Moment = Annotated[AwareDatetime, Field(ge=FIRST, lt=LAST)]


class Relayed(BaseModel, frozen=True):
    """One alert of the payload. Whether it ended is in `status`; `endsAt` adds nothing to that."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: Moment  # noqa: N815 - the names are Alertmanager's
    generatorURL: str = ""  # noqa: N815
    fingerprint: str = ""

    def label(self, name: str) -> str | None:
        """The label as it may be shown."""
        text = self.labels.get(name)
        return printable(text, NAME_LENGTH) if text else None

    @property
    def urgency(self) -> int:
        """0 is the most urgent."""
        severity = self.labels.get("severity", "")
        return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


class Payload(BaseModel, frozen=True):
    """A group of alerts as the webhook sends it, version 4: those that fire, and those that ended lately."""

    version: Literal["4"]
    groupKey: Annotated[str, Field(min_length=1)]  # noqa: N815
    truncatedAlerts: Annotated[int, Field(ge=0, lt=1 << 31)] = 0  # noqa: N815
    externalURL: str = ""  # noqa: N815
    alerts: Annotated[tuple[Relayed, ...], Field(min_length=1)]


class _Due(NamedTuple):
    """Why the channel is to be told of an alert, and what it will have been told then."""

    why: Why
    alert: Relayed
    last: Last


def news(
    payload: Payload, channel: str, told: Mapping[tuple[str, str], Last], repeat: timedelta, now: datetime
) -> tuple[list[Notice], list[Last]]:
    """What the channel is to be told of the payload, and what it will have been told then.

    `told` is what was told to fire, by fingerprint and channel. A group of Alertmanager's is one message,
    whichever rules it is of; what ends is another, and so is what begins beside what goes on.
    """
    found = [_due(alert, payload.groupKey, channel, told, repeat, now) for alert in payload.alerts]
    due = list({one.last.fingerprint: one for one in found if one is not None}.values())
    due.sort(key=lambda one: (one.why, one.alert.urgency, one.last.fingerprint))
    notices = [
        _notice(payload, channel, members[first : first + MOST], now)
        for members in (list(group) for _, group in groupby(due, key=lambda one: one.why))
        for first in range(0, len(members), MOST)
    ]
    return notices, [one.last for one in due]


def _due(
    alert: Relayed,
    group: str,
    channel: str,
    told: Mapping[tuple[str, str], Last],
    repeat: timedelta,
    now: datetime,
) -> _Due | None:
    """None where the channel knows. An episode is named by the second in which it was first told, as an alert
    may end, and begin again with the `startsAt` that it had.
    """
    name = fingerprint_of(alert, group)
    last = told.get((name, channel))
    if alert.status == "resolved":
        ended = last and Last(name, channel, last.episode, "resolved", 0, now)
        return _Due("resolved", alert, ended) if ended else None
    if last is None or alert.startsAt > last.at + CLOCKS_DIFFER:
        episode = int(now.timestamp()) % (1 << 31)
        return _Due("began", alert, Last(name, channel, episode, "firing", 0, now))
    if now - last.at < repeat * (1 - EARLY):
        return None
    return _Due("goes on", alert, Last(name, channel, last.episode, "firing", last.number + 1, now))


def fingerprint_of(alert: Relayed, group: str) -> str:
    """What names the alert in its group for good: Alertmanager's own fingerprint, then a hash of all it is.

    >>> begun = {"status": "firing", "startsAt": "2026-04-01T00:00:00Z", "fingerprint": "c0ffee"}
    >>> fingerprint_of(Relayed(labels={"city": "Pune"}, **begun), "{}:{}")[:12]
    'c0ffee0ad1f0'
    """
    words = json.dumps([group, alert.fingerprint, sorted(alert.labels.items())])
    shown = alert.fingerprint[:16] if set(alert.fingerprint) <= set("0123456789abcdef") else ""
    return (shown + hashlib.sha256(words.encode()).hexdigest())[:48]


def _notice(payload: Payload, channel: str, members: Sequence[_Due], now: datetime) -> Notice:
    alerts = [one.alert for one in members]
    rules = {alert.label("alertname") or NAMELESS for alert in alerts}
    versions = {alert.label("model_version") or "" for alert in alerts}
    why = members[0].why
    return Notice(
        channel=channel,
        status="resolved" if why == "resolved" else "firing",
        why=why,
        at=now,
        rule=rules.pop() if len(rules) == 1 else f"{len(rules)} rules",
        model_version=versions.pop() if len(versions) == 1 else "",
        severity=alerts[0].label("severity") or "warning",
        alerts=tuple(_told(one, payload.truncatedAlerts, now) for one in members),
        number=max(one.last.number for one in members),
        links=_links(payload, alerts),
    )


def _told(due: _Due, left_out: int, now: datetime) -> Told:
    """The alert as messages know alerts. What was measured is in Alertmanager's words: there is no value."""
    alert = due.alert
    evidence: dict[str, object] = {"sentences": _sentences(alert, left_out)}
    if alert.status == "resolved":
        evidence["reason"] = ENDED
    key = AlertKey(
        rule=alert.label("alertname") or NAMELESS,
        model_version=alert.label("model_version") or "",
        city=alert.label("city"),
        horizon=alert.label("horizon"),
        column=alert.label("column") or (None if "city" in alert.labels else _other_labels(alert) or None),
    )
    since = min(alert.startsAt.astimezone(UTC).replace(microsecond=0), now)
    return Told(key, due.last.fingerprint, due.last.episode, RELAYED, None, UNKNOWN, since, evidence)


def _sentences(alert: Relayed, left_out: int) -> list[str]:
    """The annotations, the most telling first; the other labels; how many alerts are not told at all."""
    texts = {name: text for name, text in sorted(alert.annotations.items()) if text}
    first = [texts[name] for name in SAID if name in texts]
    others = [f"{name}: {text}" for name, text in texts.items() if name not in (*SAID, *LINKS, "channels")]
    labels = _other_labels(alert)
    more = [f"Alertmanager left out {left_out:,} more alerts of this group."] if left_out else []
    said = [*first[:1], *more, *first[1:], *([labels] if labels else []), *others]
    return [printable(sentence, SENTENCE_LENGTH) for sentence in said[:MOST_SENTENCES]]


def _other_labels(alert: Relayed) -> str:
    """What names the alert beside its rule, model version and city: `endpoint=/forecast, job=api`."""
    others = (f"{name}={text}" for name, text in sorted(alert.labels.items()) if name not in PLACED)
    return printable(", ".join(others), NAME_LENGTH)


def _links(payload: Payload, alerts: Sequence[Relayed]) -> dict[str, str]:
    """What there is to open: of several alerts, what they share."""

    def shared(targets: set[str]) -> str:
        return targets.pop() if len(targets) == 1 else ""

    found = {
        ours: shared({alert.annotations.get(name, "") for alert in alerts}) for name, ours in LINKS.items()
    }
    found |= {"Alertmanager": payload.externalURL, "Source": shared({alert.generatorURL for alert in alerts})}
    short = {name: target for name, target in found.items() if 0 < len(target) <= LINK_LENGTH}
    return {name: printable(target, None) for name, target in short.items()}
