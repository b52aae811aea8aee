"""PURE. Who is to be told what, now: where alerts stand and what channels were last told become notices.

Nothing is decided from a change, which might be missed; all is decided from where things stand. A firing
alert of which a channel was not told in this episode is due, whenever it began. So what a killed slot, a
channel that was away or an error left undone is made up for by the next decision; and nothing is told twice,
because `Last` is written in the transaction that writes the notice.

| the alert      | the channel was told      | and is told                                             |
|----------------|---------------------------|---------------------------------------------------------|
| firing         | nothing of this episode   | `began`; `silence ended` where a silence held it back   |
| firing         | that it fires             | `goes on`, every `repeat`                               |
| no more firing | that it fires             | `resolved`, silenced or not, whatever the rule says now |
| no more firing | nothing of this episode   | nothing                                                 |

While an alert is silenced or the monitor is stale, the first two rows wait (`drift.quiet`). What errs, errs
towards telling: a silence that cannot be understood mutes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, groupby
from typing import NamedTuple, TypeAlias

from drift.alerts import failed
from drift.config_notify import DELIVERY_FAILED
from drift.detect import Rule
from drift.document import plain
from drift.domain import Alert, AlertKey, AlertStatus, Failure, Transition
from drift.fingerprints import fingerprint
from drift.notices import Notice, Silence, Status, Told, Why
from drift.quiet import Quiet

MOST = 100
"""Alerts in one notice; more are told in several."""
EARLY = 0.01
"""So much of its interval a repeat may come early: a slot that is done a second sooner than yesterday's
should not wait for the next one.
"""
SEVERITIES = ("critical", "high", "warning", "info")


@dataclass(frozen=True, slots=True)
class Last:
    """What a channel was last told of an alert. `number` counts the repeats of the episode, from 0."""

    fingerprint: str
    channel: str
    episode: int
    status: Status
    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What a decision sees, read in its own transaction.

    `told` is by fingerprint and channel; what was told to be resolved may be left out. `silences` are those
    that are active, and those that ended while an alert fired, so that it can be said why one is told late.
    `began` are the transitions by which alerts that still fire began to, with their evidence; without one, a
    repeat says less.
    """

    alerts: Mapping[AlertKey, Alert]
    told: Mapping[tuple[str, str], Last] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    began: Mapping[AlertKey, Transition] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """What of the config decides: the channels there are, how often they hear of an alert that goes on, the
    groups of cities, and the links (those named `city:NAME` go with alerts of that city).
    """

    channels: tuple[str, ...] = ()
    repeat: timedelta = timedelta(hours=24)
    groups: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)


class Decided(NamedTuple):
    """What is to be told, what channels will then have been told, and what could not be handled."""

    notices: tuple[Notice, ...] = ()
    told: tuple[Last, ...] = ()
    failures: tuple[Failure, ...] = ()


def notices(
    standing: Standing,
    after: Mapping[AlertKey, Alert],
    transitions: Sequence[Transition],
    rules: Iterable[Rule],
    policy: Policy,
    now: datetime,
) -> Decided:
    """What every channel is to be told, and no more.

    `after` is where all alerts stand after the slot's `transitions`; `rules` are the config's and the
    built-in ones. `now` is the clock's time, not the slot's: silences and repeats are about people, and a
    slot may be made up for later. With nothing firing, and nothing told that is still open, this is one look
    at each alert.
    """
    firing = {fingerprint(key): alert for key, alert in after.items() if alert.status is AlertStatus.FIRING}
    unclosed = [
        last for last in standing.told.values() if last.status == "firing" and last.channel in policy.channels
    ]
    if not firing and not unclosed:
        return Decided()
    by_name = {rule.name: rule for rule in rules}
    live = [name for name, rule in by_name.items() if rule.kind == "watch"]
    quiet = Quiet.of(standing.silences, firing.values(), policy.groups, now, live)
    desk = _Desk(standing, {t.key: t for t in transitions}, by_name, policy, quiet, now)
    found = [*desk.closings(unclosed, firing, after), *desk.openings(firing)]
    due = sorted((one for one in found if isinstance(one, _Due)), key=lambda one: one.order)
    failures = dict.fromkeys((*quiet.failures, *(one for one in found if isinstance(one, Failure))))
    told = {(one.last.fingerprint, one.last.channel): one.last for one in due}  # the last one stands
    return Decided(tuple(_notices(due, policy.links, now)), tuple(told.values()), tuple(failures))


class _Group(NamedTuple):
    """What the alerts of one notice share. The most urgent sorts first."""

    urgency: int
    channel: str
    status: Status
    why: Why
    rule: str
    model_version: str
    severity: str
    number: int


class _Due(NamedTuple):
    """One alert that one channel is to be told of, and what the channel will have been told then."""

    group: _Group
    excess: float
    told: Told
    last: Last

    @property
    def order(self) -> tuple[_Group, float, str]:
        """Worst first within its group."""
        return self.group, -self.excess, self.told.fingerprint


_Found: TypeAlias = _Due | Failure


def _safely(key: AlertKey, found: Iterator[_Found]) -> Iterator[_Found]:
    """What is found of one alert; where that fails, the failure, and the others are told all the same."""
    try:
        yield from list(found)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one alert, it is of this one only
        yield failed("notify", key, error)


@dataclass(frozen=True, slots=True)
class _Desk:
    """All that one decision sees."""

    standing: Standing
    transitions: Mapping[AlertKey, Transition]
    rules: Mapping[str, Rule]
    policy: Policy
    quiet: Quiet
    now: datetime

    def openings(self, firing: Mapping[str, Alert]) -> Iterator[_Found]:
        """That alerts fire, for the channels of their rules that have not heard of it, or not for long."""
        for name, alert in firing.items():
            yield from _safely(alert.key, self._opening(alert, name))

    def _opening(self, alert: Alert, name: str) -> Iterator[_Found]:
        numbers = {
            channel: number
            for channel in self._channels(alert)
            if (number := self._number(alert, self.standing.told.get((name, channel)))) is not None
        }
        if not numbers or self.quiet.holds(alert, name):
            return
        first: Why = "silence ended" if self.quiet.held(alert, name) else "began"
        for channel, number in numbers.items():
            last = Last(name, channel, alert.episode, "firing", number, self.now)
            yield from self._due(alert, "goes on" if number else first, last, alert.since)

    def _channels(self, alert: Alert) -> list[str]:
        """Those of the alert's rule that there are; a channel is not told that it takes no messages."""
        rule = self.rules.get(alert.key.rule)
        mute = alert.key.column if alert.key.rule == DELIVERY_FAILED else None
        return [c for c in (rule.channels if rule else ()) if c in self.policy.channels and c != mute]

    def _number(self, alert: Alert, last: Last | None) -> int | None:
        """The number of the notice that is due; None where none is."""
        if last is None or last.episode != alert.episode:
            return 0
        waited = self.now - last.at >= self.policy.repeat * (1 - EARLY)
        return last.number + 1 if waited and last.status == "firing" else None

    def closings(
        self, unclosed: Sequence[Last], firing: Mapping[str, Alert], after: Mapping[AlertKey, Alert]
    ) -> Iterator[_Found]:
        """That alerts fire no more, or fire anew, for the channels that heard of it."""
        ended = [last for last in unclosed if _episode(firing.get(last.fingerprint)) != last.episode]
        alerts = {**firing, **self._ended({last.fingerprint for last in ended} - firing.keys(), after)}
        for last in ended:
            alert = alerts.get(last.fingerprint)
            if alert is not None:
                closed = replace(last, status="resolved", number=0, at=self.now)
                yield from _safely(alert.key, self._due(alert, "resolved", closed, last.at))

    def _ended(self, names: set[str], after: Mapping[AlertKey, Alert]) -> dict[str, Alert]:
        """The alerts of these fingerprints: they ended just now; else all that ever fired are looked at."""
        found: dict[str, Alert] = {}
        just = (key for key, change in self.transitions.items() if change.before is AlertStatus.FIRING)
        for key in chain(just, (key for key, alert in after.items() if alert.episode)):
            if len(found) == len(names):
                break
            if (name := fingerprint(key)) in names and key in after:
                found[name] = after[key]
        return found

    def _due(self, alert: Alert, why: Why, last: Last, since: datetime) -> Iterator[_Found]:
        """The alert as this channel is told of it; evidence that cannot be written is left out, and said."""
        change = self._change(alert.key, last.episode)
        evidence: dict[str, object] = {}
        try:
            evidence = {} if change is None else _plain(change)
        except Exception as error:  # noqa: BLE001 - any value may be in it; the alert is told without
            yield failed("notify", alert.key, error)
        if last.status == "resolved" and _just_over(alert, last):
            evidence["worst"] = alert.worst
        rule = self.rules.get(alert.key.rule)
        measured = rule.measured if rule else alert.key.rule
        told = Told(
            key=alert.key,
            fingerprint=last.fingerprint,
            episode=last.episode,
            name=measured if change is None else change.name,
            value=_value(alert, change, last),
            threshold=alert.threshold,
            since=since if change is None else change.since,
            evidence=evidence,
        )
        yield _Due(_group(alert, why, last), _excess(alert), told, last)

    def _change(self, key: AlertKey, episode: int) -> Transition | None:
        """By which the alert's episode ended or began."""
        changes = self.transitions.get(key), self.standing.began.get(key)
        return next((c for c in changes if c and c.episode == episode and _of_firing(c)), None)


def _just_over(alert: Alert, last: Last) -> bool:
    """Whether the worst value that the alert knows is of the episode that is told to be over."""
    resting = alert.status in (AlertStatus.OK, AlertStatus.RESOLVED)
    return resting and alert.episode == last.episode and alert.worst is not None


def _of_firing(change: Transition) -> bool:
    return AlertStatus.FIRING in (change.before, change.after)


def _value(alert: Alert, change: Transition | None, last: Last) -> float | None:
    """The present value, where it is of the episode that is told of and something was measured."""
    closed = change is not None and change.before is AlertStatus.FIRING and change.value is None
    return alert.value if alert.episode == last.episode and not closed else None


def _plain(change: Transition) -> dict[str, object]:
    return {"reason": change.reason, **{name: plain(value) for name, value in change.evidence.items()}}


def _episode(alert: Alert | None) -> int | None:
    return None if alert is None else alert.episode


def _group(alert: Alert, why: Why, last: Last) -> _Group:
    """Of an alert that fires anew, the end of its last episode is told before its new one."""
    firing = alert.status is AlertStatus.FIRING
    if last.status == "resolved":
        urgency = 0 if firing else len(SEVERITIES) + 1
    else:
        urgency = 1 + (SEVERITIES.index(alert.severity) if alert.severity in SEVERITIES else 0)
    key = alert.key
    return _Group(
        urgency, last.channel, last.status, why, key.rule, key.model_version, alert.severity, last.number
    )


def _excess(alert: Alert) -> float:
    """How far beyond its limit the value is: within a rule it ranks."""
    if alert.value is None:
        return 0.0
    beyond = alert.value - alert.threshold.limit
    return beyond if alert.threshold.side == "above" else -beyond


def _notices(due: Iterable[_Due], links: Mapping[str, str], now: datetime) -> Iterator[Notice]:
    for group, members in groupby(due, key=lambda one: one.group):
        alerts = tuple(one.told for one in members)
        for first in range(0, len(alerts), MOST):
            part = alerts[first : first + MOST]
            yield Notice(
                channel=group.channel,
                status=group.status,
                why=group.why,
                at=now,
                rule=group.rule,
                model_version=group.model_version,
                severity=group.severity,
                alerts=part,
                number=group.number,
                links=_links(part, links),
            )


def _links(alerts: Iterable[Told], links: Mapping[str, str]) -> dict[str, str]:
    """All links but those to the pages of other cities."""
    cities = {f"city:{told.key.city}" for told in alerts}
    return {name: link for name, link in links.items() if not name.startswith("city:") or name in cities}
