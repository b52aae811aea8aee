"""Rounds of the watchers, between the slots: how the platform stands, and whom to tell.

    watchers ─▶ readings ─▶ verdicts ─▶ one commit, where something can change ─▶ delivery

A round asks each watcher that is due. One that cannot read is named in the log, once until it reads again,
and counted; the others are read all the same. What the readings come to is decided by the state machine that
decides on forecasts, in one transaction, so that durations, silences and repeats work alike. Of replicas on
one state, whoever comes first tells; what a restart finds in the state goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

import structlog

from drift.alerts import RESTING
from drift.decisions import Decision, Decisions
from drift.decisions import Round as Found
from drift.detect import WATCHERS
from drift.domain import Alert, AlertKey, Failure, Transition, Verdict
from drift.errors import DriftError
from drift.notify import Standing
from drift.platform_verdicts import changes, evidence_of, judge_readings
from drift.state import SlotCommit, State
from drift.telemetry.readings import Reading
from drift.telemetry.traces import span
from drift.telling import Telling, slot_commit
from drift.watchers.base import Watcher

EARLY = timedelta(seconds=1)
"""A wake-up may come so much before a watcher is due."""
PAUSE = timedelta(minutes=1)
"""While an alert stands it is decided on so often, though nothing begins or ends: a repeat may be due, and
the state should have how bad it is.
"""
STAGE = "watch"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Round:
    """What one round read, and what it did; `alerts` are those of watchers, as they stand after it."""

    at: datetime
    readings: tuple[Reading, ...]
    verdicts: tuple[Verdict, ...] = ()
    alerts: Mapping[AlertKey, Alert] = field(default_factory=dict)
    transitions: tuple[Transition, ...] = ()
    failures: tuple[Failure, ...] = ()


class Watching:
    """Watches the platform with the watchers of one config, a round at a time."""

    def __init__(
        self,
        decisions: Decisions,
        state: State,
        telling: Telling,
        watchers: Sequence[Watcher],
        on_failure: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`on_failure` is told the stage, `watch`, of each reading that failed."""
        self._decisions, self._state, self._telling = decisions, state, telling
        self._watchers, self._on_failure = tuple(watchers), on_failure
        self._read_at: dict[str, datetime] = {}
        self._decided_at: datetime | None = None
        self._failing: dict[str, str] = {}

    def round(self, now: datetime) -> Round:
        """Read what is due, decide, and have told what is to be told.

        Raises:
            StateError: the state cannot be read or written; what was read is judged by the next round.
        """
        due = [watcher for watcher in self._watchers if self._is_due(watcher, now)]
        if not due:
            return Round(now, ())
        with span("watch round", watchers=len(due)) as whole:
            done = self._round(due, now)
            whole.set(readings=len(done.readings), transitions=len(done.transitions))
            return done

    def _round(self, due: Sequence[Watcher], now: datetime) -> Round:
        readings, read, failures = self._read(due, now)
        rules = self._decisions.watched
        found = Found(
            judge_readings(rules, readings),
            evidence_of(rules, readings),
            {rule.name for rule in rules if WATCHERS[rule.measured] in read},
        )
        alerts = self._state.alerts([rule.name for rule in rules]) if rules else {}
        made = self._decide(found, now) if self._worth_deciding(found, alerts, now) else None
        if made is not None:
            alerts |= {alert.key: alert for alert in made.changed}
            failures += made.failures
        transitions = made.transitions if made is not None else ()
        return Round(now, readings, found.verdicts, alerts, transitions, tuple(failures))

    def close(self) -> None:
        """Let go of the watchers."""
        for watcher in self._watchers:
            watcher.close()

    def _is_due(self, watcher: Watcher, now: datetime) -> bool:
        last = self._read_at.get(watcher.name)
        return last is None or not last <= now < last + watcher.every - min(EARLY, watcher.every / 10)

    def _read(
        self, due: Sequence[Watcher], now: datetime
    ) -> tuple[tuple[Reading, ...], set[str], list[Failure]]:
        """What the watchers read, which of them could, and what failed."""
        readings: list[Reading] = []
        failures: list[Failure] = []
        for watcher in due:
            self._read_at[watcher.name] = now
            try:
                with span(f"watch {watcher.name}"):
                    readings += watcher.readings(now)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one watcher, the others go on
                failures.append(self._failed(watcher.name, error))
            else:
                self._reads(watcher.name)
        failed = {failure.what for failure in failures}
        return tuple(readings), {watcher.name for watcher in due} - failed, failures

    def _failed(self, name: str, error: Exception) -> Failure:
        """Counted each time, and told once for as long as it is the same."""
        known = isinstance(error, DriftError)
        text = str(error) if known else f"{type(error).__name__}: {error}"
        if self._failing.get(name) != text:
            log.error("a watcher cannot read", watcher=name, error=text, exc_info=None if known else error)
        self._failing[name] = text
        self._on_failure(STAGE)
        return Failure(STAGE, name, text)

    def _reads(self, name: str) -> None:
        if self._failing.pop(name, None) is not None:
            log.info("a watcher reads again", watcher=name)

    def _worth_deciding(self, found: Found, alerts: Mapping[AlertKey, Alert], now: datetime) -> bool:
        """Whether the round can change anything, or an alert stands that was not decided on for a while."""
        if changes(alerts, found.verdicts, self._decisions.watched, now):
            return True
        if self._decisions.forgotten(alerts, found, now):
            return True
        rested = self._decided_at is not None and timedelta(0) <= now - self._decided_at < PAUSE
        return not rested and any(alert.status not in RESTING for alert in alerts.values())

    def _decide(self, found: Found, now: datetime) -> Decision:
        made: list[Decision] = []

        def decision(standing: Standing) -> SlotCommit:
            made[:] = [self._decisions.of_watch(standing, found, now)]
            return slot_commit(now, made[0])

        self._state.decide_apart(decision, at=now)
        self._decided_at = now
        for failure in (*made[0].failures, *self._telling.write_lines(made[0].transitions)):
            log.warning("failed", **asdict(failure))
        self._telling.delivery.wake()
        return made[0]
