"""Alerts as lines of a table: which, where, how bad, since when, and whether anyone is told.

What an alert says in words is what its messages say: the same functions make both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from drift.alerts_shown import place_of, silenced_by
from drift.detect import watched
from drift.domain import Alert, AlertStatus, Transition
from drift.evidence.wording import times
from drift.fingerprints import fingerprint
from drift.messages.figures import against, figure
from drift.messages.headline import happened, reading_of, short_figure
from drift.messages.words import Said
from drift.notices import Notice, Silence, Told
from drift.reports.shown import readable
from drift.web.desk import Desk, ago, city_way

STANDING = (AlertStatus.FIRING, AlertStatus.PENDING)


@dataclass(frozen=True, slots=True)
class AlertLine:
    """An alert in a table. `city_page` is empty where the alert is about no city; `silence` where nobody has
    silenced it.
    """

    fingerprint: str
    rule: str
    city: str
    city_page: str
    model_version: str
    severity: str
    state: str
    bad: str
    """How bad: times normal, where that was found when it fired, else the value."""
    held: str
    """What that is of, or held against; empty where that is said already."""
    what: Said
    since: str
    lasts: str
    silence: str


def lines_of(desk: Desk, alerts: Sequence[Alert], now: datetime) -> tuple[AlertLine, ...]:
    """The alerts in their order."""
    silences = desk.state.silences.list(after=now)
    began = desk.state.lists.beginnings([fingerprint(alert.key) for alert in alerts])
    return tuple(line_of(desk, alert, began, silences, now) for alert in alerts)


def line_of(
    desk: Desk, alert: Alert, began: Mapping[str, Transition], silences: Sequence[Silence], now: datetime
) -> AlertLine:
    """One of them; `began` are the transitions by which alerts began, by fingerprint."""
    name, key = fingerprint(alert.key), alert.key
    told = told_of(alert, began.get(name), desk)
    silence = silenced_by(alert, silences, desk.config.groups, now)
    standing = alert.status in STANDING
    bad, held = _how_bad(told, desk)
    return AlertLine(
        fingerprint=name,
        rule=readable(key.rule),
        city=readable(place_of(key)),
        city_page=city_way(key.city),
        model_version=readable(key.model_version) if key.model_version else "",
        severity=readable(alert.severity),
        state=alert.status.value,
        bad=bad,
        held=held,
        what=happened(told, desk.words) if standing else (figure(told.name, told.value, desk.words.unit),),
        since=desk.clock(alert.since, key.city),
        lasts=ago(alert.since, now),
        silence="" if silence is None or not standing else silence.id,
    )


def _how_bad(told: Told, desk: Desk) -> tuple[str, str]:
    """How bad an alert is in a few words, and what those are held against."""
    ratio = reading_of(told, desk.words).ratio
    if ratio is not None and told.key.city is not None:
        return f"{times(ratio)} × normal", "when it fired"
    bad = short_figure(told, desk.words)
    if "its limit" in bad:
        return bad, ""
    return bad, f"limit {against(told.name, told.value, told.threshold.limit, desk.words.unit)[1]}"


def told_of(alert: Alert, began: Transition | None, desk: Desk) -> Told:
    """The alert as messages know it, with the evidence of its present firing, or of its last one."""
    rule = desk.config.alerts.get(alert.key.rule)
    measured = (watched(rule) or rule.metric or "") if rule is not None else ""
    return Told(
        key=alert.key,
        fingerprint=fingerprint(alert.key),
        episode=alert.episode,
        name=began.name if began is not None else measured or alert.key.rule,
        value=alert.value,
        threshold=alert.threshold,
        since=alert.since,
        evidence={} if began is None else began.evidence,
    )


def notice_of(alert: Alert, told: Told, now: datetime, links: Mapping[str, str]) -> Notice:
    """The alert as a message about it would have it, to be said in the same words."""
    over = alert.status in (AlertStatus.RESOLVED, AlertStatus.OK)
    return Notice(
        channel="",
        status="resolved" if over else "firing",
        why="resolved" if over else "began",
        at=alert.changed if over else now,
        rule=alert.key.rule,
        model_version=alert.key.model_version,
        severity=alert.severity,
        alerts=(told,),
        links=links,
    )
