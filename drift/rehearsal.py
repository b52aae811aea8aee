"""The replay of past slots: measured, judged, stepped and explained as they would have been; nothing is told.

Rows are read and aligned once, then each slot takes what it would have known. Every threshold, duration and
detector of the config counts, so this is how rules are chosen: by what they would have done to last year.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from drift import alerts as machine
from drift.builtin import no_data_verdicts
from drift.calibrations import Calibrations, fit_windows, fitted, series_of
from drift.config import Config
from drift.config_notify import NO_DATA
from drift.detect import Rule, judge
from drift.domain import Alert, AlertKey, Failure, Panel, Transition, Window
from drift.evaluate import Evaluation
from drift.findings import timeline_of
from drift.investigate import explained, with_evidence, worth_explaining
from drift.replay import evaluate_slots
from drift.replay_watch import Rewatched, watch_slots
from drift.stores.base import Store
from drift.survey import check_windows, survey
from drift.timeline import Timeline
from drift.watch import UNWATCHED, Fits, Watch
from drift.windows import Cadence, Windows, slots_between, windows_of


@dataclass(frozen=True, slots=True)
class Replay:
    """What past slots would have done to the alerts."""

    slots: tuple[datetime, ...]
    alerts: Mapping[AlertKey, Alert]
    transitions: tuple[Transition, ...]
    by_slot: Mapping[datetime, tuple[Transition, ...]]
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class Rehearsal:
    """What a replay is made with: a store, a config, and what the config compiled to."""

    store: Store
    config: Config
    how: Evaluation
    rules: Sequence[Rule]
    calibrations: Calibrations
    own: Sequence[Rule] = ()
    """drift's own rules; of the past only that a series has no data can be judged."""
    explain: bool = False

    def play(
        self, first: datetime, last: datetime, every: timedelta, on_slot: Callable[[int], None] | None = None
    ) -> Replay:
        """The slots `first, first + every, …`, starting with no alerts; `on_slot` is told after each how many
        there are.
        """
        there = survey(self.store, self.config)
        windows = self._windows(first, last, every, there.cadence)
        span = self._span(windows, there.cadence)
        timeline, unread = timeline_of(self.store, span, there.cadence, there.cities, self.config)
        alerts: dict[AlertKey, Alert] = {}
        by_slot: dict[datetime, tuple[Transition, ...]] = {}
        failures = [*check_windows(windows[-1], there.span), *unread]
        unseen = frozenset(there.cities) - frozenset(timeline.cities)
        rules = (*self.rules, *(rule for rule in self.own if rule.name == NO_DATA))
        measured = evaluate_slots(timeline, windows, self.how, self.config.engine.workers)
        for each, panels, seen in zip(windows, measured, self._watched(timeline, windows), strict=True):
            panels = (*panels, *seen.panels)
            verdicts = judge(self.rules, panels)
            blind = no_data_verdicts(verdicts, alerts, each.slot, unseen)
            after = machine.step(alerts, (*verdicts, *blind), rules, each.slot, timeline.cities)
            alerts |= after.alerts
            failures += after.failures
            if after.transitions:
                told, unexplained = self._told(after.transitions, panels, each, timeline, seen.watch)
                by_slot[each.slot] = told
                failures += unexplained
            if on_slot is not None:
                on_slot(len(windows))
        return Replay(
            slots=tuple(each.slot for each in windows),
            alerts=alerts,
            transitions=tuple(t for transitions in by_slot.values() for t in transitions),
            by_slot=by_slot,
            failures=tuple(failures),
        )

    def _windows(self, first: datetime, last: datetime, every: timedelta, cadence: Cadence) -> list[Windows]:
        look_back = Watch(self.calibrations.budgets).look_back
        return [
            windows_of(slot, self.config.windows, self.config.accuracy, cadence, look_back)
            for slot in slots_between(first, last, every)
        ]

    def _span(self, windows: Sequence[Windows], cadence: Cadence) -> Window:
        """All hours that a slot needs, and those that the first fit does."""
        start = min(each.history.start for each in windows)
        if self.calibrations.wanted:
            start = min(start, fit_windows(windows[0].slot, self.config, cadence).history.start)
        return Window(start, windows[-1].history.end)

    def _watched(self, timeline: Timeline, windows: Sequence[Windows]) -> Iterator[Rewatched]:
        """What the detectors would have said, each slot by a fit on hours before it."""
        if not self.calibrations.budgets:
            for _ in windows:
                yield Rewatched(UNWATCHED, ())
            return

        def fit(first: Windows) -> Fits:
            span = fit_windows(first.slot, self.config, Cadence(timeline.grid.step, timeline.grid.start))
            pairs = timeline.at(span)
            parts = [series_of(pairs, span.history, self.config)]
            features = self.calibrations.features_of(pairs, span.history)
            return fitted(
                parts, span.history, self.config, self.calibrations, [] if features is None else [features]
            )

        yield from watch_slots(timeline, windows, self.calibrations.budgets, fit, self.config)

    def _told(
        self,
        transitions: tuple[Transition, ...],
        panels: Sequence[Panel],
        windows: Windows,
        timeline: Timeline,
        watch: Watch,
    ) -> tuple[tuple[Transition, ...], list[Failure]]:
        """The transitions with their evidence, where it is wanted."""
        begin = worth_explaining(transitions) if self.explain else []
        if not begin:
            return transitions, []
        evidence, failures = explained(begin, panels, windows, timeline.at(windows), watch, self.config)
        return tuple(with_evidence(t, evidence) for t in transitions), failures
