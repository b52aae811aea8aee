"""Verdicts become alerts: `ok → pending → firing → resolved`, decided with the time handed in.

| was                | verdict | becomes  | when                                              |
|--------------------|---------|----------|---------------------------------------------------|
| ok, resolved       | breach  | pending  | the rule has a duration                           |
| ok, resolved       | breach  | firing   | the rule has none                                 |
| pending            | breach  | firing   | the breach has lasted the rule's duration         |
| pending            | ok      | ok       | it did not last                                   |
| firing             | ok      | resolved | it was quiet for the rule's `keep_firing_for`     |
| any                | no data | the same | a missing value neither fires nor resolves        |

| pending, firing    | –       | ok, resolved | its rule was removed, or the model version is gone |
| firing             | –       | resolved | it would not fire by what is known now (`revise.py`) |

A breach lasts from the first slot that saw it to the present one, slots without data included. Quiet is a
value no worse than the threshold's release, which lies below the limit of a calibrated score: one that
hovers at its limit is one alarm. A slot that is not later than the last one an alert has seen changes
nothing: time does not run backwards. All that the machine knows stands in the `Alert`, so whoever reads it
back goes on where it was: a restart neither sends a firing alert back to pending nor forgets since when it
is quiet. An alert that cannot be handled is a failure of its own and stops no other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from drift.config import format_duration
from drift.detect import Rule
from drift.domain import (
    Alert,
    AlertKey,
    AlertStatus,
    Failure,
    Transition,
    Undefined,
    Verdict,
    VerdictStatus,
)

RESTING = (AlertStatus.OK, AlertStatus.RESOLVED)


@dataclass(frozen=True, slots=True)
class Step:
    """What one slot did to the alerts: every alert that has a new state, the changes of status, and what
    could not be handled.
    """

    alerts: Mapping[AlertKey, Alert]
    transitions: tuple[Transition, ...]
    failures: tuple[Failure, ...] = ()


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
    transitions: list[Transition] = []
    failures: list[Failure] = []
    for verdict in verdicts:
        if verdict.status is VerdictStatus.NO_DATA:
            continue
        try:
            moved = _move(alerts.get(verdict.key), verdict, by_name[verdict.key.rule], now)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one alert, the others go on
            failures.append(failed("alerts", verdict.key, error))
            continue
        if moved is not None:
            changed[verdict.key], transition = moved
            transitions += [transition] if transition else []
    judged = {verdict.key: verdict.undefined for verdict in verdicts}
    for key, reason in _gone(alerts, judged, by_name, frozenset(cities)).items():
        changed[key], closed = close(alerts[key], reason, now)
        transitions.append(closed)
    return Step(changed, tuple(transitions), tuple(failures))


def _move(
    known: Alert | None, verdict: Verdict, rule: Rule, now: datetime
) -> tuple[Alert, Transition | None] | None:
    """The alert after the verdict, and its change of status; None where time would run backwards."""
    old = known or _fresh(verdict, rule, now)
    if old.seen is not None and now <= old.seen:
        return None
    quiet_since = _quiet_since(old, verdict, now)
    after, reason = _next(old, verdict, rule, now, quiet_since)
    new = _advance(old, after, verdict, rule, now, quiet_since)
    return new, None if after is old.status else _transition(old, new, verdict, reason, now)


def failed(stage: str, key: AlertKey, error: Exception) -> Failure:
    """That an alert could not be handled, with the words that name it."""
    what = " ".join(str(part) for part in key if part)
    return Failure(stage, what, f"{type(error).__name__}: {error}")


def _gone(
    alerts: Mapping[AlertKey, Alert],
    judged: Mapping[AlertKey, Undefined | None],
    rules: Mapping[str, Rule],
    cities: Collection[str],
) -> dict[AlertKey, str]:
    """The alerts that nothing will ever judge again, and why."""
    gone = {}
    for key, alert in alerts.items():
        if alert.status in RESTING:
            continue
        if judged.get(key) is Undefined.RETIRED:
            gone[key] = Undefined.RETIRED.text
        elif key in judged:
            continue
        elif key.rule not in rules:
            gone[key] = "the rule was removed"
        elif key.city in cities:
            gone[key] = "the model version no longer forecasts here"
    return gone


def alert_after(transition: Transition) -> Alert:
    """The alert as a transition left it."""
    resting = transition.after in RESTING
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


def close(old: Alert, reason: str, now: datetime) -> tuple[Alert, Transition]:
    """The alert ended for a reason other than a value, and the transition that says so."""
    status = AlertStatus.RESOLVED if old.status is AlertStatus.FIRING else AlertStatus.OK
    new = replace(old, status=status, since=now, changed=now, quiet_since=None)
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


def _quiet_since(old: Alert, verdict: Verdict, now: datetime) -> datetime | None:
    """Since when a firing alert has been quiet; None while it is not."""
    if old.status is not AlertStatus.FIRING or verdict.status is VerdictStatus.BREACH:
        return None
    threshold = verdict.threshold
    if threshold.release is not None and verdict.value is not None:
        above = threshold.side == "above"
        if verdict.value > threshold.release if above else verdict.value < threshold.release:
            return None
    return old.quiet_since or now


def _next(
    old: Alert, verdict: Verdict, rule: Rule, now: datetime, quiet_since: datetime | None
) -> tuple[AlertStatus, str]:
    """The status after the verdict, and the reason if it is another."""
    if verdict.status is VerdictStatus.OK:
        if old.status is AlertStatus.PENDING:
            return AlertStatus.OK, "breach did not last"
        if quiet_since is not None and now - quiet_since >= rule.keep_firing_for:
            kept = now - quiet_since
            return AlertStatus.RESOLVED, (
                f"quiet for {format_duration(kept)}" if kept else "within the threshold again"
            )
        return old.status, ""
    began = now if old.status in RESTING else old.since
    if old.status is not AlertStatus.FIRING and now - began >= rule.duration:
        lasted = now - began
        return AlertStatus.FIRING, f"breach lasted {format_duration(lasted)}" if lasted else "breach began"
    if old.status in RESTING:
        return AlertStatus.PENDING, f"breach began; fires after {format_duration(rule.duration)}"
    return old.status, ""


def _advance(
    old: Alert,
    after: AlertStatus,
    verdict: Verdict,
    rule: Rule,
    now: datetime,
    quiet_since: datetime | None,
) -> Alert:
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
        threshold=verdict.threshold,
        severity=rule.severity,
        episode=old.episode + (moved and after is AlertStatus.FIRING),
        quiet_since=None if moved else quiet_since,
        worst=old.worst if after in RESTING else worse(None if starts else old.worst, verdict.value, rule),
    )


def worse(before: float | None, value: float | None, rule: Rule) -> float | None:
    """The one of two values that is further on the rule's bad side; None is no value."""
    if before is None or value is None:
        return value if before is None else before
    return max(before, value) if rule.threshold.side == "above" else min(before, value)


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
