"""PURE. Readings of the platform become verdicts, and what a round of watchers can change.

    readings ─▶ verdicts ─▶ those that can change an alert ─▶ is it worth a transaction?

A fleet of sound endpoints is read every minute and changes nothing: that one is within its limit matters to
an alert that stands, and to no other. What no reading has a value for any more is forgotten: an endpoint that
was taken away, or an address that is quiet, would fire for ever, as nothing says that it is well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from drift import alerts as machine
from drift.config_values import format_duration
from drift.detect import Rule
from drift.domain import Alert, AlertKey, Undefined, Verdict, VerdictStatus
from drift.notify import SEVERITIES
from drift.telemetry.readings import Reading


def key_of(rule: Rule, reading: Reading) -> AlertKey:
    """What the alert of a rule on a reading is about."""
    return AlertKey(rule.name, reading.model_version, None, None, reading.column)


def judge_readings(rules: Iterable[Rule], readings: Sequence[Reading]) -> tuple[Verdict, ...]:
    """Every reading that a rule looks at, held against its own threshold if it brings one, else the rule's.

    Without a value there is no data, whatever the limit.
    """
    return tuple(
        _judged(rule, reading) for rule in rules for reading in readings if reading.metric == rule.measured
    )


def _judged(rule: Rule, reading: Reading) -> Verdict:
    threshold = reading.threshold or rule.threshold
    if reading.value is None:
        status = VerdictStatus.NO_DATA
    else:
        status = VerdictStatus.BREACH if threshold.breached(reading.value) else VerdictStatus.OK
    why = reading.undefined or Undefined.NO_CURRENT
    return Verdict(
        key=key_of(rule, reading),
        name=reading.metric,
        status=status,
        value=reading.value,
        threshold=threshold,
        undefined=why if reading.value is None else None,
        n=reading.n,
    )


def evidence_of(rules: Iterable[Rule], readings: Sequence[Reading]) -> dict[AlertKey, Mapping[str, object]]:
    """What is known of the readings, by the alerts that they are about."""
    return {
        key_of(rule, reading): reading.evidence
        for rule in rules
        for reading in readings
        if reading.metric == rule.measured and reading.evidence
    }


def effective(verdicts: Iterable[Verdict], alerts: Mapping[AlertKey, Alert]) -> tuple[Verdict, ...]:
    """The verdicts that can change an alert: breaches, and what is said of alerts that stand."""
    return tuple(
        verdict
        for verdict in verdicts
        if verdict.status is VerdictStatus.BREACH
        or ((alert := alerts.get(verdict.key)) is not None and alert.status not in machine.RESTING)
    )


def forgotten(
    alerts: Mapping[AlertKey, Alert],
    verdicts: Iterable[Verdict],
    read: Collection[str],
    now: datetime,
    forget: timedelta,
) -> dict[AlertKey, str]:
    """The alerts to close, and why: no reading has had a value for them for so long. `read` are the rules
    whose watchers have just read: what could not be read, or was not, is not gone; nor is what takes a second
    look to be known, after a restart.
    """
    said = {verdict.key: verdict for verdict in verdicts}
    found = {}
    for key, alert in alerts.items():
        last, verdict = alert.seen or alert.changed, said.get(key)
        if alert.status in machine.RESTING or key.rule not in read or now - last < forget:
            continue
        if verdict is None:
            found[key] = f"not seen for {_minutes(now - last)}"
        elif verdict.undefined is not None and verdict.undefined is not Undefined.FIRST_LOOK:
            found[key] = f"no value for {_minutes(now - last)}: {verdict.undefined.text}"
    return found


def _minutes(length: timedelta) -> str:
    return format_duration(timedelta(minutes=length // timedelta(minutes=1)))


def graver(after: machine.Step, evidence: Mapping[AlertKey, Mapping[str, object]]) -> machine.Step:
    """The step, with alerts as severe as their evidence says, where that is graver than their rule."""
    said = {key: str(known["severity"]) for key, known in evidence.items() if "severity" in known}
    found = {key: each for key, each in said.items() if key in after.alerts and each in SEVERITIES}
    raised = {
        key: replace(after.alerts[key], severity=each)
        for key, each in found.items()
        if SEVERITIES.index(each) < SEVERITIES.index(after.alerts[key].severity)
    }
    changes = tuple(
        replace(change, severity=raised[change.key].severity) if change.key in raised else change
        for change in after.transitions
    )
    return replace(after, alerts={**after.alerts, **raised}, transitions=changes)


def changes(
    alerts: Mapping[AlertKey, Alert], verdicts: Sequence[Verdict], rules: Sequence[Rule], now: datetime
) -> bool:
    """Whether the verdicts would change where an alert stands, or since when it is quiet; that a value is
    another one is no such change.
    """
    after = machine.step(alerts, effective(verdicts, alerts), rules, now)
    return any(_stands(alert) != _stands(alerts.get(key)) for key, alert in after.alerts.items())


def _stands(alert: Alert | None) -> tuple[object, object]:
    return (None, None) if alert is None else (alert.status, alert.quiet_since)
