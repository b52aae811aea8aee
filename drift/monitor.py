"""One slot, from the store to the sinks: read → pure core → commit → publish.

The state, the slot and its transitions are committed before anything is published, so a crash can lose
a page or a gauge, never an alert; the ledger says which slots still have to be published. A city, a sink
or a page that fails is a named failure of the run and stops nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

import numpy as np

from drift import alerts as machine
from drift.clock import Clock, wall_clock
from drift.config import Config
from drift.config_text import did_you_mean
from drift.detect import Rule, compile_rules, judge
from drift.document import config_hash
from drift.domain import Alert, AlertKey, Failure, Grid, PairCount, Panel, Run, Transition, Verdict, Window
from drift.engines.local import Block, map_blocks
from drift.errors import ConfigError, DriftError, StoreError
from drift.evaluate import Evaluation, VersionScores, evaluate_block
from drift.fleet import combine, evaluate
from drift.metrics import load_metrics
from drift.pairing import Pairs, Timeline, align, join
from drift.sinks import open_sinks
from drift.sinks.base import Sink
from drift.state import SlotCommit, State
from drift.statistics import load_statistics
from drift.stores import open_store
from drift.stores.base import Store
from drift.survey import Survey, check_windows, read_cities, survey
from drift.windows import Windows, slots_between, windows_of


@dataclass(frozen=True, slots=True)
class Findings:
    """What the pure core says of one slot."""

    windows: Windows
    pairs: Pairs
    panels: tuple[Panel, ...]
    verdicts: tuple[Verdict, ...]
    counts: tuple[PairCount, ...]
    delays: Mapping[str, float]
    failures: tuple[Failure, ...]


class Measured(NamedTuple):
    """What one block of cities came to."""

    scores: tuple[VersionScores, ...]
    counts: tuple[PairCount, ...]
    delays: dict[str, float]
    pairs: Pairs
    unread: list[Failure]


@dataclass(frozen=True, slots=True)
class Replay:
    """What past slots would have done to the alerts."""

    slots: tuple[datetime, ...]
    alerts: Mapping[AlertKey, Alert]
    transitions: tuple[Transition, ...]
    by_slot: Mapping[datetime, tuple[Transition, ...]]


class Monitor:
    """The monitor of one config. What it is made of can be handed in; the rest is opened from the config."""

    def __init__(
        self,
        config: Config,
        *,
        store: Store | None = None,
        state: State | None = None,
        sinks: Sequence[Sink] | None = None,
        clock: Clock = wall_clock,
    ) -> None:
        self.config = config
        self.clock = clock
        self.how = Evaluation(load_metrics(), load_statistics(), config.accuracy, config.statistics)
        self.rules: tuple[Rule, ...] = compile_rules(config.alerts, self.how.metrics, self.how.statistics)
        self.store = store or open_store(config)
        self._state = state
        self._sinks = sinks

    @cached_property
    def state(self) -> State:
        """The state database, opened when first needed: a replay needs none."""
        return self._state or State.open(self.config.database_url(self.config.state))

    @cached_property
    def sinks(self) -> Sequence[Sink]:
        """Where runs go."""
        return self._sinks if self._sinks is not None else open_sinks(self.config)

    def find(self, slot: datetime) -> Findings:
        """Read and judge one slot; nothing is written.

        Raises:
            DriftError: nothing can be said of the slot; the text names what is wrong and the remedy.
        """
        there = survey(self.store, self.config)
        windows = self._windows(slot, there)
        failures = check_windows(windows, there.span)

        def measure(cities: Block) -> Measured | StoreError:
            try:
                timeline, unread = self._timeline(windows.history, there, cities)
            except StoreError as error:
                return error
            pairs = timeline.at(windows)
            return Measured(
                evaluate_block(pairs, windows, self.how),
                timeline.count(windows),
                actuals_delay(pairs, windows.slot),
                pairs,
                unread,
            )

        engine = self.config.engine
        blocks = self.store.partition(there.cities, engine.block)
        parts, unread = _sorted_out(blocks, list(map_blocks(measure, blocks, engine.workers)))
        read = [city for part in parts for city in part.pairs.cities]
        panels = combine([part.scores for part in parts], read, self.how)
        return Findings(
            windows=windows,
            pairs=join([part.pairs for part in parts]),
            panels=panels,
            verdicts=judge(self.rules, panels),
            counts=tuple(count for part in parts for count in part.counts),
            delays={city: delay for part in parts for city, delay in part.delays.items()},
            failures=(*failures, *unread),
        )

    def run(self, slot: datetime) -> Run:
        """Evaluate one slot, commit it, publish it. A slot that was evaluated before changes nothing.

        Raises:
            DriftError: the slot cannot be evaluated at all; the ledger does not have it then, and it
                can be run again.
        """
        started = self.clock()
        found = self.find(slot)
        self._commit(found)
        return self._publish(self._run(found, (self.clock() - started).total_seconds()), found.pairs)

    def _run(self, found: Findings, duration_s: float) -> Run:
        slot = found.windows.slot
        return Run(
            slot=slot,
            current=found.windows.current,
            reference=found.windows.reference,
            duration_s=duration_s,
            panels=found.panels,
            verdicts=found.verdicts,
            alerts=tuple(self.state.alerts().values()),
            transitions=tuple(self.state.transitions(since=slot, until=slot + timedelta(microseconds=1))),
            pair_counts=found.counts,
            actuals_delay_s=found.delays,
            failures=found.failures,
        )

    def look(self, slot: datetime) -> Run:
        """The slot as it is known now, with the alerts as they stand; nothing is written."""
        return self._run(self.find(slot), 0.0)

    def _commit(self, found: Findings) -> None:
        slot = found.windows.slot
        if self.state.slot(slot) is not None:
            return
        after = machine.step(self.state.alerts(), found.verdicts, self.rules, slot)
        self.state.commit(
            SlotCommit(slot, after.transitions, tuple(after.alerts.values()), len(found.failures)),
            at=self.clock(),
            config_hash=config_hash(self.config),
        )

    def _publish(self, run: Run, pairs: Pairs) -> Run:
        """Write the pages, then hand the run to each sink; the run comes back with links and failures."""
        from drift.reports.publish import write_reports

        links: dict[str, str] = {}
        failures = list(run.failures)

        def attempt(stage: str, publish: Callable[[], Mapping[str, str]]) -> None:
            try:
                links.update(publish())
            except DriftError as error:
                failures.append(Failure(stage, stage, str(error)))
            except Exception as error:  # noqa: BLE001 - a sink's own fault must not stop the others
                failures.append(Failure(stage, stage, f"{type(error).__name__}: {error}"))

        if self.config.reports is not None:
            attempt("reports", lambda: write_reports(run, pairs, self._history(run), self.config))
        for sink in self.sinks:
            current = replace(run, links=dict(links), failures=tuple(failures))
            attempt(sink.name, lambda sink=sink, current=current: sink.publish(current))  # type: ignore[misc]
        if len(failures) == len(run.failures):
            self.state.mark_published(run.slot, self.clock())
        return replace(run, links=links, failures=tuple(failures))

    def report(
        self, slot: datetime, city: str | None = None, on_page: Callable[[int], None] | None = None
    ) -> dict[str, str]:
        """Write the pages of a slot as it is known now: the fleet's, and every city's or only this one's.

        Neither the state nor a sink is touched.

        Raises:
            ConfigError: the store has no such city, or the config turns reports off.
        """
        from drift.reports.publish import write_pages

        found = self.find(slot)
        if city is not None and city not in found.pairs.cities:
            raise ConfigError(
                f"--city: there is no city {city!r}{did_you_mean(city, list(found.pairs.cities))}"
            )
        run = self._run(found, 0.0)
        cities = found.pairs.cities if city is None else (city,)
        return write_pages(run, found.pairs, self._history(run), self.config, cities, on_page)

    def _history(self, run: Run) -> list[Transition]:
        first = min(run.reference.start, run.current.start)
        return self.state.transitions(since=first, until=run.slot + timedelta(microseconds=1))

    def replay(
        self,
        first: datetime,
        last: datetime,
        every: timedelta,
        *,
        on_slot: Callable[[int], None] | None = None,
    ) -> Replay:
        """The same pipeline over past slots, starting with no alerts; nothing is written or delivered.

        `on_slot` is told, after each slot, how many there are.
        """
        there = survey(self.store, self.config)
        windows = [self._windows(slot, there) for slot in slots_between(first, last, every)]
        span = Window(windows[0].history.start, windows[-1].history.end)
        check_windows(windows[-1], there.span)
        timeline, _ = self._timeline(span, there, there.cities)
        alerts: dict[AlertKey, Alert] = {}
        by_slot: dict[datetime, tuple[Transition, ...]] = {}
        for each in windows:
            panels = evaluate(timeline.at(each), each, self.how)
            after = machine.step(alerts, judge(self.rules, panels), self.rules, each.slot)
            alerts |= after.alerts
            if after.transitions:
                by_slot[each.slot] = after.transitions
            if on_slot is not None:
                on_slot(len(windows))
        return Replay(
            slots=tuple(each.slot for each in windows),
            alerts=alerts,
            transitions=tuple(t for transitions in by_slot.values() for t in transitions),
            by_slot=by_slot,
        )

    def _windows(self, slot: datetime, there: Survey) -> Windows:
        return windows_of(slot, self.config.windows, self.config.accuracy, there.cadence)

    def _timeline(
        self, window: Window, there: Survey, cities: Sequence[str]
    ) -> tuple[Timeline, list[Failure]]:
        tables, read, failures = read_cities(self.store, window, cities)
        grid = Grid(window.start, there.cadence.step, window.length // there.cadence.step)
        return align(tables, grid, read, self.config.accuracy), failures


def _sorted_out(
    blocks: Sequence[Block], found: Sequence[Measured | StoreError]
) -> tuple[list[Measured], list[Failure]]:
    """The blocks that could be measured, and a failure for each city that could not be read.

    Raises:
        StoreError: none could.
    """
    parts = [part for part in found if isinstance(part, Measured)]
    errors = [part for part in found if isinstance(part, StoreError)]
    if not parts and errors:
        raise errors[0]
    failures = [failure for part in parts for failure in part.unread]
    for block, part in zip(blocks, found, strict=True):
        if isinstance(part, StoreError):
            failures += [Failure("read", city, str(part)) for city in block]
    return parts, failures


def actuals_delay(pairs: Pairs, slot: datetime) -> dict[str, float]:
    """Seconds from the end of each city's last known actual to the slot; a city without any is absent."""
    delays = {}
    for city, actual in zip(pairs.cities, pairs.actual, strict=True):
        known = np.flatnonzero(~np.isnan(actual))
        if known.size:
            end = pairs.grid.start + (int(known[-1]) + 1) * pairs.grid.step
            delays[city] = (slot - end).total_seconds()
    return delays
