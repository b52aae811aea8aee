"""The replay of past slots: measured, judged, stepped and explained as they would have been; nothing is told.

Rows are read and aligned once, then each slot takes what it would have known. Every threshold, duration and
detector of the config counts, so this is how rules are chosen: by what they would have done to last year.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

from drift import alerts as machine
from drift.builtin import late_verdicts, no_data_verdicts
from drift.calibrations import Calibrations, fit_windows, fitted, series_of
from drift.config import Config
from drift.config_notify import LATE_ACTUALS, NO_DATA
from drift.config_text import did_you_mean
from drift.delays import delays_at
from drift.detect import Rule, judge
from drift.domain import Alert, AlertKey, Failure, Panel, Transition, Window
from drift.errors import ConfigError
from drift.estimates import Estimates, Rehearsed
from drift.evaluate import Evaluation
from drift.investigate import explained, with_evidence, worth_explaining
from drift.reading import timeline_of
from drift.rehearsed_past import RehearsedPast
from drift.replay import evaluate_slots
from drift.replay_watch import Rewatched, watch_slots
from drift.retired import cells_until, retire, retired, silences
from drift.revise import corrected
from drift.stores.base import Store
from drift.survey import check_windows, survey
from drift.timeline import Timeline
from drift.watch import UNWATCHED, Fits, Watch
from drift.windows import Cadence, Windows, slots_between, windows_of

if TYPE_CHECKING:
    import pandas as pd

    from drift.notebook import Page

OF_THE_PAST = (NO_DATA, LATE_ACTUALS)
ReplayPart: TypeAlias = Literal["transitions", "alerts", "measurements"]


@dataclass(frozen=True, slots=True)
class Replay:
    """What past slots would have done to the alerts."""

    slots: tuple[datetime, ...]
    alerts: Mapping[AlertKey, Alert]
    transitions: tuple[Transition, ...]
    by_slot: Mapping[datetime, tuple[Transition, ...]]
    failures: tuple[Failure, ...] = ()
    kept: Mapping[datetime, tuple[Panel, ...]] = field(default_factory=dict)
    """By slot, the measurements that it was told to keep."""

    def to_pandas(self, what: ReplayPart = "transitions") -> pd.DataFrame:
        """What it found, as a tidy pandas frame: a row a transition, an alert as it stands at the end, or a
        measurement that was kept (`drift.notebook.frames` has the columns).

        Raises:
            ValueError: it has nothing of that name.
        """
        from drift.notebook import replay_frame

        return replay_frame(what, self.transitions, self.alerts.values(), self.kept)

    def _repr_html_(self) -> str:
        from drift.notebook import replay_html

        return replay_html(self.slots, self.transitions, self.alerts, self.failures)

    def _repr_pretty_(self, page: Page, cycle: bool) -> None:  # noqa: ARG002 - as IPython asks
        from drift.notebook import replay_line

        page.text(replay_line(self.slots, self.transitions))


@dataclass(frozen=True)
class Rehearsal:
    """What a replay is made with: a store, a config, and what the config compiled to."""

    store: Store
    config: Config
    how: Evaluation
    rules: Sequence[Rule]
    calibrations: Calibrations
    own: Sequence[Rule] = ()
    """drift's own rules; of the past only those on data can be judged."""
    explain: bool = False
    keep: Collection[str] = ()
    """The names of the measurements that stay in the replay: keeping all of them takes memory."""

    def play(
        self, first: datetime, last: datetime, every: timedelta, on_slot: Callable[[int], None] | None = None
    ) -> Replay:
        """The slots `first, first + every, …`, starting with no alerts; `on_slot` is told after each how many
        there are.

        Raises:
            ConfigError: `keep` names what is not measured.
        """
        there = survey(self.store, self.config)
        windows = self._windows(first, last, every, there.cadence)
        span = self._span(windows, there.cadence)
        timeline, unread = timeline_of(self.store, span, there.cadence, there.cities, self.config)
        alerts: dict[AlertKey, Alert] = {}
        by_slot: dict[datetime, tuple[Transition, ...]] = {}
        failures = [*check_windows(windows[-1], there.span), *unread]
        kept: dict[datetime, tuple[Panel, ...]] = {}
        unseen = frozenset(there.cities) - frozenset(timeline.cities)
        rules = (*self.rules, *(rule for rule in self.own if rule.name in OF_THE_PAST))
        past = RehearsedPast(timeline, self.config, self.how, self.rules)
        guesses = Rehearsed(Estimates(self.config, self.rules), self.store, self.keep)
        measured = evaluate_slots(timeline, windows, self.how, self.config.engine.workers)
        watched, silent = self._watched(timeline, windows), silences(timeline, windows)
        for each, panels, seen, silence in zip(windows, measured, watched, silent, strict=True):
            until = cells_until(self.config.notify.retire_after, each, there.cadence.step)
            gone = retired(silence, until)
            panels = retire((*panels, *seen.panels, *guesses.at(each, there.cadence, there.cities)), gone)
            if self.keep:
                kept[each.slot] = self._kept(panels)
            verdicts = judge(self.rules, panels)
            blind = no_data_verdicts(verdicts, alerts, each.slot, unseen)
            late = late_verdicts(delays_at(timeline, each), alerts)
            after = machine.step(alerts, (*verdicts, *blind, *late), rules, each.slot, timeline.cities)
            known = past.known_at(each, seen.watch, gone)
            after = corrected(after, alerts, known, verdicts, rules, each.slot)
            past.transitions += after.transitions
            alerts |= after.alerts
            failures += [*after.failures, *guesses.failures()]
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
            kept=kept,
        )

    def _kept(self, panels: Sequence[Panel]) -> tuple[Panel, ...]:
        known = dict.fromkeys(name for panel in panels for name in panel.names)
        for name in self.keep:
            if name not in known:
                raise ConfigError(f"keep: nothing is measured as {name!r}{did_you_mean(name, list(known))}")
        return tuple(some for panel in panels if (some := panel.only(self.keep)) is not None)

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
