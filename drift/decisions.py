"""PURE. What a slot, or the clock, does to alerts, and what people are told of it: verdicts in, a commit out.

    verdicts ─▶ step ─▶ alerts, transitions ─▶ notices ─▶ one commit

A slot is judged by the rules of the config and by drift's own: that a series has no data. Between slots the
monitor judges itself: that no slot was finished for too long, that a channel does not take its messages; and
rounds of watchers judge the platform. Every step knows the rules of all three, or it would take the alerts of
the others for those of rules that were removed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from drift import alerts as machine
from drift.builtin import (
    builtin_rules,
    delivery_verdicts,
    late_verdicts,
    no_data_verdicts,
    stale_verdict,
)
from drift.config import Config
from drift.config_notify import DELIVERY_FAILED, MONITOR_STALE
from drift.config_text import did_you_mean
from drift.delays import Delay
from drift.detect import Rule, compile_watch_rules
from drift.domain import Alert, AlertKey, Failure, Transition, Verdict
from drift.errors import ConfigError
from drift.notices import Notice
from drift.notify import Last, Policy, Standing, notices
from drift.platform_verdicts import effective, forgotten, graver
from drift.revise import NOTHING_NEW, Known, corrected
from drift.slot_age import slot_ages

LOG = "log"
GUIDE = ("slack", "email", "sms")
"""Channels of the platform's guide: a rule may name them before they are configured."""
SHORTEST = timedelta(minutes=2)
"""Two slots of a cron are a minute apart at least, and two must be missed."""
NO_DELAYS: Mapping[str, Delay] = MappingProxyType({})
ABOUT_ITSELF = (MONITOR_STALE, DELIVERY_FAILED)


class Decision(NamedTuple):
    """What a commit is to hold, where all alerts stand after it, and what could not be handled."""

    changed: tuple[Alert, ...]
    transitions: tuple[Transition, ...]
    notices: tuple[Notice, ...]
    told: tuple[Last, ...]
    after: Mapping[AlertKey, Alert]
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class Itself:
    """What the monitor knows of itself: its last slot, and how many messages each channel did not take."""

    last_slot: datetime | None
    given_up: Mapping[str, int]


class Round(NamedTuple):
    """What a round of watchers found: verdicts, what is known of them, and the rules whose watchers read."""

    verdicts: tuple[Verdict, ...]
    evidence: Mapping[AlertKey, Mapping[str, object]]
    read: Collection[str]


class Decisions:
    """Decides by the rules of one config; `rules` are those that a slot judges."""

    def __init__(self, config: Config, rules: Sequence[Rule]) -> None:
        """Raises `ConfigError` where a rule names a channel that there is not."""
        own = config.notify
        channels = tuple(config.channels)
        self.watched = compile_watch_rules(config.alerts, config.watch)
        check_channels((*rules, *self.watched), channels)
        check_names(own.channels or (), channels, "notify.channels")
        self._config, self._rules = config, (*rules, *self.watched)
        self._watched = frozenset(rule.name for rule in self.watched)
        # a slot does not judge whether the monitor is stale, and need not know when it is
        self.rules = self._with_builtin(own.stale_after or SHORTEST)
        self.policy = Policy(channels, own.repeat, config.groups)

    def _with_builtin(self, stale_after: timedelta) -> tuple[Rule, ...]:
        own = self._config.notify
        channels = own.channels or tuple(self._config.channels)
        return (*self._rules, *builtin_rules(own.no_data_after, own.late_for, stale_after, channels))

    @cached_property
    def stale_after(self) -> timedelta:
        """How old the last slot may be. Asked only by who needs it, as a year of the cron is looked at."""
        return self._config.notify.stale_after or slot_ages(self._config.schedule).stale_after

    def of_slot(
        self,
        standing: Standing,
        verdicts: Sequence[Verdict],
        slot: datetime,
        now: datetime,
        *,
        cities: Iterable[str],
        unread: Collection[str] = (),
        explained: Callable[[Transition], Transition] = lambda transition: transition,
        links: Callable[[Collection[str]], Mapping[str, str]] = lambda _: {},
        known: Known = NOTHING_NEW,
        delays: Mapping[str, Delay] = NO_DELAYS,
    ) -> Decision:
        """What the slot's verdicts come to. `unread` are cities that could not be read; `explained` adds a
        transition's evidence, and `links` says what there is to open of the cities in trouble. `known` is
        what is known of the past since; `delays` how late the actuals of each city are.
        """
        blind = no_data_verdicts(verdicts, self.of_forecasts(standing.alerts), slot, unread)
        late = late_verdicts(delays, standing.alerts)
        after = machine.step(standing.alerts, (*verdicts, *blind, *late), self.rules, slot, cities)
        after = corrected(after, standing.alerts, known, verdicts, self.rules, slot)
        return self._decided(standing, after, tuple(map(explained, after.transitions)), now, links)

    def of_itself(self, standing: Standing, known: Itself, now: datetime) -> Decision:
        """What the monitor's own state comes to, between slots."""
        verdicts = self._about_itself(standing.alerts, known, now)
        after = machine.step(standing.alerts, verdicts, self._with_builtin(self.stale_after), now)
        return self._decided(standing, after, after.transitions, now, lambda _: {})

    def of_watch(self, standing: Standing, found: Round, now: datetime) -> Decision:
        """What a round of watchers comes to. An alert that none has had a value for in a while is closed."""
        verdicts = effective(found.verdicts, standing.alerts)
        after = graver(machine.step(standing.alerts, verdicts, self.rules, now), found.evidence)
        gone = self.forgotten(standing.alerts, found, now)
        closed = [machine.close(standing.alerts[key], reason, now) for key, reason in gone.items()]
        alerts = {**after.alerts, **{alert.key: alert for alert, _ in closed}}
        measured = {rule.name: rule.measured for rule in self.watched}
        told = tuple(
            replace(
                change,
                name=measured.get(change.key.rule, change.name),
                evidence={**change.evidence, **found.evidence.get(change.key, {})},
            )
            for change in (*after.transitions, *(transition for _, transition in closed))
        )
        return self._decided(standing, replace(after, alerts=alerts), told, now, lambda _: {})

    def forgotten(self, alerts: Mapping[AlertKey, Alert], found: Round, now: datetime) -> dict[AlertKey, str]:
        """The alerts of watchers that the round ends, as nothing is known of them any more, and why."""
        watch = self._config.watch
        return {} if watch is None else forgotten(alerts, found.verdicts, found.read, now, watch.forget)

    def of_forecasts(self, alerts: Mapping[AlertKey, Alert]) -> Mapping[AlertKey, Alert]:
        """Without those of watchers: that a model version answers says nothing of its actuals."""
        if not self._watched:
            return alerts
        return {key: alert for key, alert in alerts.items() if key.rule not in self._watched}

    def worth_deciding(self, own: Mapping[AlertKey, Alert], known: Itself, now: datetime) -> bool:
        """Whether the monitor has anything to say of itself; `own` are the alerts that are about it."""
        if known.given_up or any(alert.status not in machine.RESTING for alert in own.values()):
            return True
        least = self._config.notify.stale_after or SHORTEST
        if known.last_slot is None or now - known.last_slot <= least:
            return False
        return now - known.last_slot > self.stale_after

    def _about_itself(
        self, alerts: Mapping[AlertKey, Alert], known: Itself, now: datetime
    ) -> tuple[Verdict, ...]:
        return (
            stale_verdict(known.last_slot, now, self.stale_after),
            *delivery_verdicts(known.given_up, alerts),
        )

    def _decided(
        self,
        standing: Standing,
        after: machine.Step,
        transitions: tuple[Transition, ...],
        now: datetime,
        links: Callable[[Collection[str]], Mapping[str, str]],
    ) -> Decision:
        alerts = {**standing.alerts, **after.alerts}
        policy = self.policy
        if policy.channels:
            troubled = {key.city for key, alert in alerts.items() if alert.status not in machine.RESTING}
            troubled |= {transition.key.city for transition in transitions}
            policy = replace(policy, links=links({city for city in troubled if city is not None}))
        told = notices(standing, alerts, transitions, self.rules, policy, now)
        return Decision(
            changed=tuple(after.alerts.values()),
            transitions=transitions,
            notices=told.notices,
            told=told.told,
            after=alerts,
            failures=(*after.failures, *told.failures),
        )


def check_channels(rules: Iterable[Rule], channels: Collection[str] = ()) -> None:
    """Every channel that a rule names is one of the config's, the log, or one of the guide's.

    Raises:
        ConfigError: one is not.
    """
    for rule in rules:
        check_names(rule.channels, {*channels, LOG, *GUIDE}, f"alerts.{rule.name}.channels")


def check_names(names: Iterable[str], known: Collection[str], where: str) -> None:
    """Raises `ConfigError` where a name is none of those known."""
    for name in names:
        if name not in known:
            raise ConfigError(f"{where}: there is no channel {name!r}{did_you_mean(name, sorted(known))}")
