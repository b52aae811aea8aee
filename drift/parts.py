"""What a monitor is made of: all that one config compiles to, and what is opened when first needed; and what
these parts find in a slot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import Self

from drift.cache import Cache
from drift.calibrations import Calibrations
from drift.clock import Clock, wall_clock
from drift.config import Config
from drift.dead_man import DeadMan
from drift.decisions import Decisions
from drift.detect import compile_rules
from drift.engines import Engine, kernel_numpy, open_engine
from drift.engines.base import Kernel
from drift.engines.kernel import choose
from drift.errors import ConfigError
from drift.estimates import Estimates
from drift.evaluate import Evaluation
from drift.findings import Findings, find
from drift.metrics import load_metrics
from drift.revisions import Revisions
from drift.sinks import open_sinks
from drift.sinks.base import Sink
from drift.state import State
from drift.statistics import load_statistics
from drift.stores import open_store
from drift.stores.base import Store
from drift.telemetry.logs import log_to_stderr
from drift.telemetry.traces import span
from drift.telling import Telling

COLUMNS = 3  # of each city, beside the features: actual, predicted, error


class Parts:
    """The parts of one config's monitor. What is handed in is taken; the rest is opened from the config.

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
        self.long_lived = long_lived
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

    def find(self, slot: datetime, *, keep_pairs: bool = False) -> Findings:
        """What can be said of the slot; nothing is written. Raises `DriftError` where nothing can."""
        if self.how.kernel is kernel_numpy:
            self.how = replace(self.how, kernel=self.kernel_for(slots=1))
        with span("find", slot=slot):
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
        if not self.estimates.wanted:
            return found
        with span("estimate"):
            return self.estimates.added(found, self.store, self.state)

    def kernel_for(self, slots: int) -> Kernel:
        """The form of the kernel that is done first with so many slots."""
        features: Callable[[], tuple[str, ...]] = getattr(self.store, "features", tuple)  # an older store's
        comparisons = slots * len(self.store.cities()) * (COLUMNS + len(features()))
        return choose(self.config.engine.kernel, comparisons=comparisons)

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
