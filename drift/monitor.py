"""One slot, from the store to the sinks: find → commit → tell → publish.

The state, the slot and its transitions are committed before anyone is told and anything is published, so
a crash can lose a page or a gauge, never an alert; the ledger says which slots still have to be published.
A city, a channel, a sink or a page that fails is a named failure of the run and stops nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from types import TracebackType
from typing import Self

import structlog

from drift import alerts as machine
from drift.cache import Cache
from drift.channels.deliver import check_channels, deliver
from drift.clock import Clock, wall_clock
from drift.config import Config
from drift.config_text import did_you_mean
from drift.detect import compile_rules, judge
from drift.document import config_hash
from drift.domain import Alert, AlertKey, Failure, Run, Transition, Window
from drift.engines import Engine, kernel_numpy, open_engine
from drift.engines.base import Kernel
from drift.engines.kernel import choose
from drift.errors import ConfigError, DriftError
from drift.evaluate import Evaluation
from drift.findings import Findings, find, timeline_of
from drift.metrics import load_metrics
from drift.replay import evaluate_slots
from drift.sinks import open_sinks
from drift.sinks.base import Sink
from drift.state import SlotCommit, State, fingerprint
from drift.statistics import load_statistics
from drift.stores import open_store
from drift.stores.base import Store
from drift.survey import check_windows, survey
from drift.telemetry.logs import log_to_stderr
from drift.timeline import Pairs
from drift.windows import slots_between, windows_of

log = structlog.get_logger()
MOMENT = timedelta(microseconds=1)
COLUMNS = 3  # of each city, beside the features: actual, predicted, error


@dataclass(frozen=True, slots=True)
class Replay:
    """What past slots would have done to the alerts."""

    slots: tuple[datetime, ...]
    alerts: Mapping[AlertKey, Alert]
    transitions: tuple[Transition, ...]
    by_slot: Mapping[datetime, tuple[Transition, ...]]
    failures: tuple[Failure, ...] = ()


class Monitor:
    """The monitor of one config. What it is made of can be handed in; the rest is opened from the config.

    Use it as a context manager, or close it.
    """

    def __init__(
        self,
        config: Config,
        *,
        store: Store | None = None,
        state: State | None = None,
        sinks: Sequence[Sink] | None = None,
        engine: Engine | None = None,
        clock: Clock = wall_clock,
        long_lived: bool = False,
    ) -> None:
        """`long_lived`: the process stays, so that loading the compiled kernel pays.

        Raises:
            ConfigError: a rule, a channel, the engine or the kernel that the config names is not there.
        """
        log_to_stderr(unless_configured=True)
        self.config = config
        self.clock = clock
        self.how = Evaluation(
            load_metrics(),
            load_statistics(),
            config.accuracy,
            config.statistics,
            choose(config.engine.kernel, long_lived=long_lived),
        )
        self.rules = compile_rules(
            config.alerts, self.how.metrics, self.how.statistics, config.accuracy.band_labels
        )
        check_channels(self.rules)
        if store is not None and config.engine.kind == "spark":
            raise ConfigError(
                "engine.kind: spark opens the config's store on its executors, and cannot take along one "
                "that was handed in: add it by an entry point (drift.stores), or set engine.kind to local"
            )
        self.engine = engine or open_engine(config.engine)
        kept = config.engine.cache
        self.cache = None if kept is None else Cache(config.path(kept.dir), kept.size)
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

    def close(self) -> None:
        """Let go of the state, if it was opened."""
        if "state" in self.__dict__:
            self.state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def find(self, slot: datetime, *, keep_pairs: bool = False) -> Findings:
        """What can be said of the slot; nothing is written. Raises `DriftError` where nothing can."""
        if self.how.kernel is kernel_numpy:
            self.how = replace(self.how, kernel=self._kernel(slots=1))
        return find(
            slot,
            self.store,
            self.config,
            self.how,
            self.rules,
            keep_pairs=keep_pairs,
            engine=self.engine,
            cache=self.cache,
        )

    def _kernel(self, slots: int) -> Kernel:
        """The form that is done first with so many slots."""
        features: Callable[[], tuple[str, ...]] = getattr(self.store, "features", tuple)  # an older store's
        comparisons = slots * len(self.store.cities()) * (COLUMNS + len(features()))
        return choose(self.config.engine.kernel, comparisons=comparisons)

    def look(self, slot: datetime) -> Run:
        """The slot as it is known now, with the alerts as they stood then; nothing is written."""
        found = self.find(slot)
        return self._run(found, self._alerts(found.windows.slot), 0.0)

    def run(self, slot: datetime) -> Run:
        """Evaluate one slot: commit it, tell the channels, publish it.

        A slot that is in the ledger is measured again with the data as it is now, and decides nothing: the
        alerts stay, nobody is told again, and only what was not published yet is published.

        Raises:
            DriftError: the slot cannot be evaluated at all; the ledger does not have it then, and it
                can be run again.
        """
        started = self.clock()
        found = self.find(slot, keep_pairs=self.config.reports is not None)
        commit, alerts = self._commit(found)
        told = deliver(commit.transitions, self.rules, log) if commit else []
        run = self._run(found, alerts, (self.clock() - started).total_seconds())
        run = replace(run, failures=(*run.failures, *told))
        record = self.state.slot(found.windows.slot)
        if record is not None and record.published_at is not None:
            return run
        return self._publish(run, found.pairs)

    def _commit(self, found: Findings) -> tuple[SlotCommit | None, Mapping[AlertKey, Alert]]:
        """Decide on the alerts and write the slot; None if the ledger has it. And where the alerts stand."""
        slot = found.windows.slot
        standing: dict[AlertKey, Alert] = {}

        def decision(alerts: Mapping[AlertKey, Alert]) -> SlotCommit:
            after = machine.step(alerts, found.verdicts, self.rules, slot, found.cities)
            standing.update({**alerts, **after.alerts})
            return SlotCommit(slot, after.transitions, tuple(after.alerts.values()), len(found.failures))

        commit = self.state.decide(slot, decision, at=self.clock(), config_hash=config_hash(self.config))
        if commit is None or self.state.last_slot() != slot:
            return commit, self._alerts(slot)
        # what was just written need not be read again: a fleet has thousands of alerts
        return commit, dict(sorted(standing.items(), key=lambda item: fingerprint(item[0])))

    def _alerts(self, slot: datetime) -> Mapping[AlertKey, Alert]:
        """Where the alerts stand, or stood at a slot that is not the latest one."""
        last = self.state.last_slot()
        return self.state.alerts() if last is None or last <= slot else self.state.alerts_at(slot)

    def _run(self, found: Findings, alerts: Mapping[AlertKey, Alert], duration_s: float) -> Run:
        slot = found.windows.slot
        return Run(
            slot=slot,
            current=found.windows.current,
            reference=found.windows.reference,
            duration_s=duration_s,
            panels=found.panels,
            verdicts=found.verdicts,
            alerts=tuple(alerts.values()),
            transitions=tuple(self.state.transitions(since=slot, until=slot + MOMENT)),
            pair_counts=found.counts,
            actuals_delay_s=found.delays,
            failures=found.failures,
        )

    def _publish(self, run: Run, pairs: Pairs | None) -> Run:
        """Write the pages, then hand the run to each sink; the run comes back with links and failures."""
        links: dict[str, str] = {}
        failures = list(run.failures)

        def attempt(stage: str, what: str, publish: Callable[[], Mapping[str, str]]) -> None:
            try:
                links.update(publish())
            except DriftError as error:
                failures.append(Failure(stage, what, str(error)))
            except Exception as error:  # a sink's own fault must not stop the others
                log.exception("a sink failed", stage=stage, what=what)
                failures.append(Failure(stage, what, f"{type(error).__name__}: {error}"))

        before = len(failures)
        if pairs is not None:
            from drift.reports.publish import write_reports

            history = self._history(run)
            attempt("reports", "pages", lambda: write_reports(run, pairs, history, self.config))
        for sink in self.sinks:
            current = replace(run, links=dict(links), failures=tuple(failures))
            attempt("sink", sink.name, lambda sink=sink, current=current: sink.publish(current))  # type: ignore[misc]
        if len(failures) == before:
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

        found = self.find(slot, keep_pairs=True)
        if city is not None and city not in found.cities:
            raise ConfigError(f"--city: there is no city {city!r}{did_you_mean(city, list(found.cities))}")
        if found.pairs is None:
            raise ConfigError("cities: there is none to report on")
        run = self._run(found, self._alerts(found.windows.slot), 0.0)
        cities = found.cities if city is None else (city,)
        return write_pages(run, found.pairs, self._history(run), self.config, cities, on_page)

    def _history(self, run: Run) -> list[Transition]:
        first = min(run.reference.start, run.current.start)
        return self.state.transitions(since=first, until=run.slot + MOMENT)

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
        windows = [
            windows_of(slot, self.config.windows, self.config.accuracy, there.cadence)
            for slot in slots_between(first, last, every)
        ]
        span = Window(min(each.history.start for each in windows), windows[-1].history.end)
        timeline, unread = timeline_of(self.store, span, there.cadence, there.cities, self.config)
        alerts: dict[AlertKey, Alert] = {}
        by_slot: dict[datetime, tuple[Transition, ...]] = {}
        how = replace(self.how, kernel=self._kernel(slots=len(windows)))
        for each, panels in zip(
            windows, evaluate_slots(timeline, windows, how, self.config.engine.workers), strict=True
        ):
            verdicts = judge(self.rules, panels)
            after = machine.step(alerts, verdicts, self.rules, each.slot, timeline.cities)
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
            failures=(*check_windows(windows[-1], there.span), *unread),
        )
