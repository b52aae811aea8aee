"""Telling people: transitions go to the log at once, notices to their channels, and the monitor speaks of
itself.

A process that stays delivers in threads; one that does not, for a few seconds after its slot. Channels and
messages are loaded when there is something to send, and not before.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from drift.clock import Clock
from drift.config import Config
from drift.decisions import ABOUT_ITSELF, Decision, Decisions, Itself
from drift.domain import Failure, Transition
from drift.errors import ChannelError, DriftError
from drift.notify import Standing
from drift.outbox import Delivery, Way
from drift.seen import Entry
from drift.standing_alerts import How, StandingAlerts
from drift.state import SlotCommit, State

if TYPE_CHECKING:
    from drift.channels.base import Channel
    from drift.messages import Message, Words
    from drift.notices import Notice

BUDGET = timedelta(seconds=10)
"""So long a run that does not stay begins new sends."""
PAUSE = timedelta(minutes=5)
"""What is known already is decided on again after this time, as a repeat may be due."""

log = structlog.get_logger()


class Telling:
    """How the monitor of one config tells people."""

    def __init__(self, config: Config, decisions: Decisions, state: State, clock: Clock) -> None:
        self._decisions, self._state, self._clock = decisions, state, clock
        self.delivery = delivery_of(config, state, clock, lambda: decisions.stale_after)
        self._known: tuple[Itself | None, datetime] = (None, clock())

    def write_lines(self, transitions: Sequence[Transition]) -> list[Failure]:
        """Write the line that each transition is in the log."""
        if not transitions:
            return []
        from drift.channels.log import LogChannel

        try:
            LogChannel(log).send(transitions)
        except ChannelError as error:
            return [Failure("channel", "log", str(error))]
        return []

    def deliver(self) -> list[Failure]:
        """Send what is due, for a while. What fails now is sent by the next run, or by another process."""
        try:
            done = self.delivery.deliver_due(BUDGET)
            if self.look_at_itself(None):
                done += self.delivery.deliver_due(BUDGET)
            self.delivery.stand()
        except DriftError as error:
            return [Failure("deliver", "outbox", str(error))]
        return list(done.failures)

    def look_at_itself(self, last_slot: datetime | None) -> bool:
        """Decide, between slots, on the alerts that are about the monitor: whether channels take their
        messages, and whether its last slot is too old; that is not judged where None is given, as by a run of
        one slot, which may be any. Gives whether anyone is to be told.

        Raises:
            StateError: the state cannot be read or written.
        """
        now, state = self._clock(), self._state
        self.delivery.tidy()
        known = Itself(last_slot, state.outbox.given_up())
        just = known == self._known[0] and now - self._known[1] < PAUSE
        if just or not self._decisions.worth_deciding(state.alerts(ABOUT_ITSELF), known, now):
            return False
        self._known = known, now
        made: list[Decision] = []

        def decision(standing: Standing) -> SlotCommit:
            made[:] = [self._decisions.of_itself(standing, known, now)]
            return slot_commit(now, made[0])

        state.decide_apart(decision, at=now)
        for failure in (*made[0].failures, *self.write_lines(made[0].transitions)):
            log.warning("failed", **asdict(failure))
        self.delivery.wake()
        return bool(made[0].notices)

    def close(self) -> None:
        """Let go of the channels."""
        self.delivery.close()


def slot_commit(
    slot: datetime, decision: Decision, failures: int = 0, seen: Entry | None = None
) -> SlotCommit:
    """The decision as the state takes it, with what the slot saw; so many things had failed before it."""
    return SlotCommit(
        slot=slot,
        transitions=decision.transitions,
        alerts=decision.changed,
        failures=failures + len(decision.failures),
        notices=decision.notices,
        told=decision.told,
        seen=seen,
    )


def delivery_of(config: Config, state: State, clock: Clock, stale_after: Callable[[], timedelta]) -> Delivery:
    """What delivers by the channels of the config; they are loaded, as messages are, for the first notice."""
    stale = stale_after if config.notify.watchdog else lambda: None

    def render(notice: Notice) -> Message:
        from drift.messages import message_of

        return message_of(notice, words_of(config))

    def opens(name: str) -> Callable[[], Channel]:
        def opened() -> Channel:
            from drift.channels import open_channel

            return open_channel(name, config.channels[name], log, words_of(config))

        return opened

    def stands(name: str) -> Callable[[Channel], None] | None:
        channel = config.channels[name]
        if channel.kind != "alertmanager":
            return None
        standing = StandingAlerts(name, state, clock, lambda: How(words_of(config), channel.expires, stale()))

        def stand(opened: Channel) -> None:
            from drift.channels.alertmanager import AlertmanagerChannel

            if isinstance(opened, AlertmanagerChannel):  # an entry point may bring another of that name
                standing.post(opened)

        return stand

    ways = {
        name: Way(opens(name), channel.timeout, stands(name)) for name, channel in config.channels.items()
    }
    rng = random.SystemRandom()  # two replicas that start together must not wait alike
    return Delivery(state.outbox, ways, render, clock, rng, config.notify.give_up)


def words_of(config: Config) -> Words:
    """What of the config a message needs."""
    from drift.messages import Words

    return Words(
        unit=config.store.unit,
        timezone=config.timezone,
        timezones=config.timezones,
        base_url=config.notify.base_url,
        runbooks=config.notify.runbooks,
        runbook_folder=config.notify.runbook_folder,
        command=config.notify.command,
        options=config.notify.options or "",
    )


def pages_of(config: Config, slot: datetime) -> Callable[[Collection[str]], Mapping[str, str]]:
    """What a notice of the slot links to: the fleet's page, and those of the cities that are asked for.

    The pages are written after the slot is committed, so this says where they will be: below the served
    pages where `notify.base_url` says that people see them, or else on this machine's disk.
    """
    if config.reports is None:
        return lambda _: {}
    from drift.reports.names import page_name
    from drift.reports.publish import SLOT

    folder = slot.astimezone(UTC).strftime(SLOT)
    root = "reports" if config.notify.base_url else str(config.path(config.reports.dir))

    def pages(cities: Collection[str]) -> dict[str, str]:
        of_cities = {f"city:{city}": f"{root}/{folder}/cities/{page_name(city)}" for city in sorted(cities)}
        return {"report": f"{root}/{folder}/index.html", **of_cities}

    return pages
