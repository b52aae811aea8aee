"""One slot, from the store to the sinks: find → commit → publish → tell.

The state, the slot, its transitions and what is to be told of them are committed before anyone is told and
anything is published, so a crash can lose a page or a gauge, never an alert; the ledger says which slots
still have to be published, and the outbox what still has to be told. A city, a channel, a sink or a page
that fails is a named failure of the run and stops nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from types import TracebackType
from typing import Self

import structlog

from drift import alerts as machine
from drift.cache import Cache
from drift.calibrations import Calibrations
from drift.clock import Clock, wall_clock
from drift.config import Config
from drift.config_text import did_you_mean
from drift.dead_man import DeadMan, is_good
from drift.decisions import Decision, Decisions
from drift.delays import expected_delays
from drift.detect import compile_rules
from drift.document import config_hash
from drift.domain import Alert, AlertKey, Failure, Run, Transition
from drift.engines import Engine, kernel_numpy, open_engine
from drift.engines.base import Kernel
from drift.engines.kernel import choose
from drift.errors import ConfigError
from drift.estimates import Estimates
from drift.evaluate import Evaluation
from drift.findings import Findings, find
from drift.investigate import investigate, with_evidence, worth_explaining
from drift.metrics import load_metrics
from drift.notify import Standing
from drift.publishing import Way, published
from drift.rehearsal import Rehearsal, Replay
from drift.revisions import Revisions, Revisit
from drift.schema import schema_changes
from drift.sinks import open_sinks
from drift.sinks.base import Sink
from drift.state import SlotCommit, State, fingerprint
from drift.statistics import load_statistics
from drift.stores import open_store
from drift.stores.base import Store
from drift.telemetry.logs import log_to_stderr
from drift.telling import Telling, pages_of, slot_commit
from drift.windows import slots_between

log = structlog.get_logger()
MOMENT = timedelta(microseconds=1)
COLUMNS = 3  # of each city, beside the features: actual, predicted, error


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
        """`long_lived`: the process stays. So loading the compiled kernel pays, and delivery is started by
        whoever made the monitor; a run that does not stay delivers what is due itself.

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
        self.decisions = Decisions(config, self.rules)
        self.calibrations = Calibrations(config)
        self.estimates = Estimates(config, self.rules)
        self._long_lived = long_lived
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

    @cached_property
    def telling(self) -> Telling:
        """How people are told."""
        return Telling(self.config, self.decisions, self.state, self.clock)

    @cached_property
    def revisions(self) -> Revisions:
        """The past of the slots, where it changes."""
        return Revisions(self.config, self.store, self.state, self.rules, self.calibrations)

    @cached_property
    def dead_man(self) -> DeadMan:
        """Who is called after each good slot."""
        return DeadMan(self.config.notify.ping_url)

    def close(self) -> None:
        """Let go of the channels and the state, if they were opened."""
        if "dead_man" in self.__dict__:
            self.dead_man.close()
        if "telling" in self.__dict__:
            self.telling.close()
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
        found = find(
            slot,
            self.store,
            self.config,
            self.how,
            self.rules,
            keep_pairs=keep_pairs,
            engine=self.engine,
            cache=self.cache,
            watch=self.calibrations.at(slot, self.state) if self.calibrations.budgets else None,
        )
        return self.estimates.added(found, self.store, self.state) if self.estimates.wanted else found

    def _kernel(self, slots: int) -> Kernel:
        """The form that is done first with so many slots."""
        features: Callable[[], tuple[str, ...]] = getattr(self.store, "features", tuple)  # an older store's
        comparisons = slots * len(self.store.cities()) * (COLUMNS + len(features()))
        return choose(self.config.engine.kernel, comparisons=comparisons)

    def look(self, slot: datetime) -> Run:
        """The slot as it is known now, with the alerts as they stood then; nothing is written."""
        found = self.find(slot)
        return self._run(found, self._alerts(found.windows.slot), 0.0)

    def run(self, slot: datetime, token: int | None = None) -> Run:
        """Evaluate one slot: commit it, publish it, and tell the channels what is due.

        A slot that is in the ledger is measured again with the data as it is now, and decides nothing: the
        alerts stay, nobody is told again, and only what was not published yet is published. The `token` is
        that of the lease under which the slot is evaluated, where several processes watch over one state.

        Raises:
            DriftError: the slot cannot be evaluated at all; the ledger does not have it then, and it
                can be run again.
        """
        started = self.clock()
        run = self._evaluate(slot, token)
        record = self.state.slot(run.slot)
        # one that was done before says nothing of whether slots are done now
        good = is_good(run) and record is not None and record.committed_at >= started
        if self._long_lived:
            self.telling.delivery.wake()
            if good:
                self.dead_man.wake()
            return run
        failures = (*self.telling.deliver(), *(self.dead_man.ping() if good else ()))
        return replace(run, failures=(*run.failures, *failures))

    def _evaluate(self, slot: datetime, token: int | None) -> Run:
        started = self.clock()
        found, unfit = self._find(slot)
        evidence, unexplained = self._explain(found)
        past = self.revisions.of(found, self.how)
        changed = schema_changes(found.schema, found.windows.current, self.state, self.config)
        found = replace(found, failures=(*found.failures, *unfit, *unexplained, *past.failures, *changed))
        alerts, undecided = self._commit(found, evidence, past, token)
        run = self._run(found, alerts, (self.clock() - started).total_seconds())
        run = replace(run, failures=(*run.failures, *undecided), revised=past.revised)
        record = self.state.slot(found.windows.slot)
        if record is not None and record.published_at is not None:
            return run
        run = self._publish(run, found)
        if found.watch.calibrated is not None and self._fit_due(found):
            unfit = self.calibrations.attempt(slot, self.store, self.state)  # nobody waits for it now
            run = replace(run, failures=(*run.failures, *unfit))
        return self.estimates.behind(run, self.store, self.state) if self.estimates.wanted else run

    def _find(self, slot: datetime) -> tuple[Findings, list[Failure]]:
        """The slot's findings, after the first fit where there is none yet and the slot has what it takes."""
        keep = self.config.reports is not None
        found = self.find(slot, keep_pairs=keep)
        if found.watch.calibrated is not None or not self._fit_due(found):
            return found, []
        unfit = self.calibrations.attempt(slot, self.store, self.state)
        if self.calibrations.at(slot, self.state).calibration is None:
            return found, unfit
        return self.find(slot, keep_pairs=keep), unfit

    def _fit_due(self, found: Findings) -> bool:
        return found.watch.fit_due(found.windows.slot, found.uncalibrated, self.config.detection.refit)

    def _explain(self, found: Findings) -> tuple[dict[AlertKey, Mapping[str, object]], list[Failure]]:
        """Why alerts are about to fire. Asked before the transaction, which should be short: should another
        process change the alerts in between, some go without.
        """
        slot = found.windows.slot
        if self.state.slot(slot) is not None:
            return {}, []
        ahead = machine.step(self.state.alerts(), found.verdicts, self.decisions.rules, slot, found.cities)
        begin = worth_explaining(ahead.transitions)
        if not begin:
            return {}, []
        return investigate(
            begin, found.panels, found.windows, found.cadence, self.store, found.watch, self.config
        )

    def _commit(
        self,
        found: Findings,
        evidence: Mapping[AlertKey, Mapping[str, object]],
        past: Revisit,
        token: int | None,
    ) -> tuple[Mapping[AlertKey, Alert], Sequence[Failure]]:
        """Decide on the alerts and write the slot, unless the ledger has it; where the alerts stand then."""
        slot, now = found.windows.slot, self.clock()
        pages = pages_of(self.config, slot)
        made: list[Decision] = []

        def decision(standing: Standing) -> SlotCommit:
            made[:] = [
                self.decisions.of_slot(
                    standing,
                    found.verdicts,
                    slot,
                    now,
                    cities=found.cities,
                    unread=[failure.what for failure in found.failures if failure.stage == "read"],
                    explained=lambda transition: with_evidence(transition, evidence),
                    links=pages,
                    known=past.known,
                    delays=found.lateness,
                )
            ]
            return slot_commit(slot, made[0], len(found.failures), past.entry)

        hashed = config_hash(self.config)
        commit = self.state.decide(slot, decision, at=now, config_hash=hashed, token=token)
        if commit is None:
            return self._alerts(slot), ()
        failures = (*made[0].failures, *self.telling.write_lines(commit.transitions))
        if self.state.last_slot() != slot:
            return self._alerts(slot), failures
        # what was just written need not be read again: a fleet has thousands of alerts
        return dict(sorted(made[0].after.items(), key=lambda item: fingerprint(item[0]))), failures

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
            transitions=tuple(self.state.transitions(slot=slot)),
            pair_counts=found.counts,
            actuals_delay_s=found.delays,
            actuals_expected_delay_s=expected_delays(found.lateness),
            failures=found.failures,
            calibrated=found.watch.calibrated,
            recent=found.recent,
            estimates=found.estimates,
            data_hash=found.data_hash,
            data_faults=found.data_faults,
        )

    def _publish(self, run: Run, found: Findings) -> Run:
        """Write the pages, then hand the run to each sink; the run comes back with links and failures."""
        pairs, ways = found.pairs, []
        if pairs is not None:
            from drift.reports.publish import write_reports

            history, normal = self._history(run), found.watch.calibration
            # the run as it is now: pages do not say what else failed
            ways.append(
                Way("reports", "pages", lambda _: write_reports(run, pairs, history, self.config, normal))
            )
        ways += [Way("sink", sink.name, sink.publish) for sink in self.sinks]
        done = published(run, ways)
        if len(done.failures) == len(run.failures):
            self.state.mark_published(run.slot, self.clock())
        return done

    def report(
        self,
        slot: datetime,
        city: str | None = None,
        on_page: Callable[[int], None] | None = None,
        *,
        single_file: bool = False,
        deep: Callable[[Failure], None] | None = None,
    ) -> dict[str, str]:
        """Write the pages of a slot as it is known now: the fleet's, and every city's or only this one's.

        With `single_file` each page is complete, to be mailed. With `deep` Evidently's report is made of this
        city, or of those that alert, and it hears what failed. Neither the state nor a sink is touched.

        Raises:
            ConfigError: the store has no such city, or the config turns reports off.
        """
        from drift.reports.publish import alerting, write_pages

        found = self.find(slot, keep_pairs=True)
        if city is not None and city not in found.cities:
            raise ConfigError(f"--city: there is no city {city!r}{did_you_mean(city, list(found.cities))}")
        if found.pairs is None:
            raise ConfigError("cities: there is none to report on")
        run = self._run(found, self._alerts(found.windows.slot), 0.0)
        cities = found.cities if city is None else (city,)
        return write_pages(
            run,
            found.pairs,
            self._history(run),
            self.config,
            cities,
            on_page,
            calibration=found.watch.calibration,
            single_file=single_file,
            deep=cities if city is not None else alerting(run, cities),
            on_failure=deep,
        )

    def _history(self, run: Run) -> list[Transition]:
        first = min(run.reference.start, run.current.start)
        return self.state.transitions(since=first, until=run.slot + MOMENT)

    def replay(
        self,
        first: datetime,
        last: datetime,
        every: timedelta,
        *,
        explain: bool = False,
        keep: Collection[str] = (),
        on_slot: Callable[[int], None] | None = None,
    ) -> Replay:
        """The same pipeline over past slots, starting with no alerts; nothing is written or delivered.

        With `explain`, alarms that begin carry their evidence, as those of a slot do. Measurements of a name
        in `keep` stay in the replay. `on_slot` is told, after each slot, how many there are.
        """
        how = replace(self.how, kernel=self._kernel(slots=len(slots_between(first, last, every))))
        rehearsal = Rehearsal(
            self.store, self.config, how, self.rules, self.calibrations, self.decisions.rules, explain, keep
        )
        return rehearsal.play(first, last, every, on_slot)
