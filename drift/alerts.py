"""Verdicts become alerts: `ok → pending → firing → resolved`, decided with the time handed in.

| was                | verdict | becomes  | when                                              |
|--------------------|---------|----------|---------------------------------------------------|
| ok, resolved       | breach  | pending  | the rule has a duration                           |
| ok, resolved       | breach  | firing   | the rule has none                                 |
| pending            | breach  | firing   | the breach has lasted the rule's duration         |
| pending            | ok      | ok       | it did not last                                   |
| firing             | ok      | resolved |                                                   |
| any                | no data | the same | a missing value neither fires nor resolves        |

| pending, firing    | –       | ok, resolved | its rule was removed, or nothing forecasts there any more |

A breach lasts from the first slot that saw it to the present one, slots without data included. A slot
that is not later than the last one an alert has seen changes nothing: time does not run backwards.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from drift.config import format_duration
from drift.detect import Rule
from drift.domain import Alert, AlertKey, AlertStatus, Transition, Verdict, VerdictStatus

RESTING = (AlertStatus.OK, AlertStatus.RESOLVED)


@dataclass(frozen=True, slots=True)
class Step:
    """What one slot did to the alerts: every alert that has a new state, and the changes of status."""

    alerts: Mapping[AlertKey, Alert]
    transitions: tuple[Transition, ...]


def step(
    alerts: Mapping[AlertKey, Alert],
    verdicts: Sequence[Verdict],
    rules: Iterable[Rule],
    now: datetime,
    cities: Iterable[str] = (),
) -> Step:
    """The alerts after the verdicts of the slot `now`; the old ones are left as they are.

    `cities` are those that were read: an alert of one of them that got no verdict at all, not even one
    for want of data, is of a model version that no longer forecasts there.
    """
    by_name = {rule.name: rule for rule in rules}
    changed: dict[AlertKey, Alert] = {}
    transitions = []
    for verdict in verdicts:
        if verdict.status is VerdictStatus.NO_DATA:
            continue
        rule = by_name[verdict.key.rule]
        old = alerts.get(verdict.key) or _fresh(verdict, rule, now)
        if old.seen is not None and now <= old.seen:
            continue
        after, reason = _next(old, verdict, rule, now)
        new = _advance(old, after, verdict, rule, now)
        changed[verdict.key] = new
        if after is not old.status:
            transitions.append(_transition(old, new, verdict, reason, now))
    judged = {verdict.key for verdict in verdicts}
    for key, reason in _gone(alerts, judged, by_name, frozenset(cities)).items():
        changed[key], transition = _close(alerts[key], reason, now)
        transitions.append(transition)
    return Step(changed, tuple(transitions))


def _gone(
    alerts: Mapping[AlertKey, Alert],
    judged: Collection[AlertKey],
    rules: Mapping[str, Rule],
    cities: Collection[str],
) -> dict[AlertKey, str]:
    """The alerts that nothing will ever judge again, and why."""
    gone = {}
    for key, alert in alerts.items():
        if alert.status in RESTING or key in judged:
            continue
        if key.rule not in rules:
            gone[key] = "the rule was removed"
        elif key.city in cities:
            gone[key] = "the model version no longer forecasts here"
    return gone


def _close(old: Alert, reason: str, now: datetime) -> tuple[Alert, Transition]:
    status = AlertStatus.RESOLVED if old.status is AlertStatus.FIRING else AlertStatus.OK
    new = replace(old, status=status, since=now, changed=now)
    return new, Transition(
        at=now,
        key=old.key,
        name=old.key.rule,
        before=old.status,
        after=status,
        reason=reason,
        value=None,
        threshold=old.threshold,
        since=old.since,
        episode=old.episode,
        severity=old.severity,
    )


def _fresh(verdict: Verdict, rule: Rule, now: datetime) -> Alert:
    return Alert(
        key=verdict.key,
        status=AlertStatus.OK,
        since=now,
        changed=now,
        seen=None,
        value=None,
        threshold=rule.threshold,
        severity=rule.severity,
    )


def _next(old: Alert, verdict: Verdict, rule: Rule, now: datetime) -> tuple[AlertStatus, str]:
    """The status after the verdict, and the reason if it is another."""
    if verdict.status is VerdictStatus.OK:
        if old.status is AlertStatus.PENDING:
            return AlertStatus.OK, "breach did not last"
        if old.status is AlertStatus.FIRING:
            return AlertStatus.RESOLVED, "within the threshold again"
        return old.status, ""
    began = now if old.status in RESTING else old.since
    if old.status is not AlertStatus.FIRING and now - began >= rule.duration:
        lasted = now - began
        return AlertStatus.FIRING, f"breach lasted {format_duration(lasted)}" if lasted else "breach began"
    if old.status in RESTING:
        return AlertStatus.PENDING, f"breach began; fires after {format_duration(rule.duration)}"
    return old.status, ""


def _advance(old: Alert, after: AlertStatus, verdict: Verdict, rule: Rule, now: datetime) -> Alert:
    moved = after is not old.status
    starts = old.status in RESTING and after in (AlertStatus.PENDING, AlertStatus.FIRING)
    ends = moved and after in RESTING
    return Alert(  # not `replace`: a replay comes here a million times
        key=old.key,
        status=after,
        since=now if starts or ends else old.since,
        changed=now if moved else old.changed,
        seen=now,
        value=verdict.value,
        threshold=rule.threshold,
        severity=rule.severity,
        episode=old.episode + (moved and after is AlertStatus.FIRING),
    )


def _transition(old: Alert, new: Alert, verdict: Verdict, reason: str, now: datetime) -> Transition:
    return Transition(
        at=now,
        key=new.key,
        name=verdict.name,
        before=old.status,
        after=new.status,
        reason=reason,
        value=new.value,
        threshold=new.threshold,
        # a transition tells of the breach: since when it lasts, or since when it had lasted
        since=old.since if new.status in RESTING else new.since,
        episode=new.episode,
        severity=new.severity,
        evidence={"n": verdict.n, "coverage": verdict.coverage},
    )
