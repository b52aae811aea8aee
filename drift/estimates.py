"""The expected error of hours without actuals: read, fitted when due, kept in the state, asked at each slot.

A fit is made behind a slot, when nobody waits for its alerts, and judges the slots after it until the next
one, `estimate.refit` later. It reads some cities only: `CITIES`, drawn with a seed, are enough to learn
from. A slot reads the days around it anew, ahead of it too, and of those only predictions that were issued
by then; so a replay, which knows the future, sees what its slots saw. Where the config has it off, nothing
of this is read or fitted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property

import structlog

from drift.config import Config
from drift.config_estimate import EstimateConfig
from drift.detect import Rule, judge
from drift.detectors.hourly import is_hourly
from drift.domain import Failure, Grid, Run, Undefined, Window, iso
from drift.errors import ConfigError, DriftError, UndefinedError
from drift.estimate import NAMES
from drift.estimate_fit import SEED, EstimateFit, VersionFit, estimate, fit_version
from drift.estimate_panel import EstimatePanel, panel_of, unfitted
from drift.estimate_past import Around, Clocks, floors_of, looks_of, span_of
from drift.findings import Findings
from drift.finer import Finer
from drift.pairing import align
from drift.reading import read_cities
from drift.retired import retire
from drift.state import CalibrationRecord, State
from drift.stores.base import Store
from drift.survey import survey
from drift.tables import Tables
from drift.telemetry.traces import in_context, span
from drift.windows import Cadence, Windows, windows_of

CITIES = 200
"""So many cities a fit reads."""
DECIDES = ("store", "timezone", "timezones", "windows", "accuracy", "detection", "estimate")
"""The parts of the config that decide how a fit comes about."""
MOMENT = timedelta(microseconds=1)
log = structlog.get_logger()


class Estimates:
    """The estimate of one config; where the config has none, it does nothing."""

    def __init__(self, config: Config, rules: Sequence[Rule] = ()) -> None:
        """`rules` are all that the config has; those on an estimate are judged by it.

        Raises:
            ConfigError: a rule names an estimate, and the config has it off.
        """
        self._config = config
        self._rules = [rule for rule in rules if rule.kind == "estimate"]
        self._latest: tuple[bytes, EstimateFit] | None = None
        self._newest: tuple[datetime, datetime | None] | None = (
            None  # a slot, and when its usable fit was made
        )
        if self._rules and not self.wanted:
            first = self._rules[0]
            raise ConfigError(
                f"alerts.{first.name}.metric: {first.measured} is not estimated: write `estimate: on`"
            )

    @property
    def wanted(self) -> bool:
        """Whether the config asks for it."""
        return self._config.estimate is not None

    @property
    def setting(self) -> EstimateConfig:
        """Its numbers."""
        return self._config.estimate or EstimateConfig()

    @property
    def judged(self) -> bool:
        """Whether a rule looks at an estimate."""
        return bool(self._rules)

    @cached_property
    def key(self) -> str:
        """What names the fits that this config may use in the state."""
        words = self._config.model_dump(mode="json", include=set(DECIDES))
        return f"estimate:{hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()[:16]}"

    def added(self, found: Findings, store: Store, state: State) -> Findings:
        """The findings of a slot with its estimates, and with the verdicts of rules that name one."""
        fit = self._kept(found.windows.slot, state)
        made, failures = self.at(found.windows, found.cadence, found.cities, store, fit)
        panels = retire(made, found.retired)
        return replace(
            found,
            estimates=panels,
            verdicts=(*found.verdicts, *judge(self._rules, panels)),
            failures=(*found.failures, *failures),
        )

    def behind(self, run: Run, store: Store, state: State) -> Run:
        """Make a fit, if one is due behind this run, and keep it; the run with what failed."""
        slot, made_at = self._newest or (None, None)
        if slot != run.slot:
            self._kept(run.slot, state)
            _, made_at = self._newest or (None, None)
        self._newest = None  # it is used up: another may be made now
        if made_at is not None and run.slot - made_at < self.setting.refit:
            return run
        return replace(run, failures=(*run.failures, *self._renewed(run.slot, store, state)))

    def _renewed(self, slot: datetime, store: Store, state: State) -> list[Failure]:
        """Make a fit and keep it, where there is enough to fit."""
        try:
            with span("fit", of="estimate"):
                fit, failures = self.fit(slot, store)
            if fit is not None:
                said = fit.span.start, fit.span.end, len(fit.versions), "estimate"
                kept = CalibrationRecord(slot, self.key, *said, fit.to_bytes())
                state.keep_calibrations([kept], self.setting.history)
        except DriftError as error:
            return [Failure("estimate", "fit", str(error))]
        except Exception as error:  # a slot without an estimate is better than none
            log.exception("the estimate could not be fitted", slot=iso(slot))
            return [Failure("estimate", "fit", f"{type(error).__name__}: {error}")]
        return failures

    def fit(self, slot: datetime, store: Store) -> tuple[EstimateFit | None, list[Failure]]:
        """A fit on what was known at the slot, None where there is too little; and what could not be read.

        Raises:
            DriftError: the store is away.
        """
        setting, there = self.setting, survey(store, self._config)
        windows = windows_of(slot, self._config.windows, self._config.accuracy, there.cadence)
        start = max(windows.current.end - setting.history, there.span.start)
        span = Window(there.cadence.floor(start), windows.current.end)
        if not is_hourly(there.cadence.step) or span.length <= timedelta(0):
            return None, []
        stride = -(-len(there.cities) // CITIES)
        some = there.cities[SEED % stride :: stride]
        seen, failures = self._seen(windows, span, there.cadence, some, store)
        found = {}
        for v, version in enumerate(seen.timeline.model_versions):
            made = self._fitted(seen, v)
            if made is not None:
                found[version] = made
        return (EstimateFit(found, span) if found else None), failures

    def _fitted(self, seen: Around, version: int) -> VersionFit | None:
        setting, timeline = self.setting, seen.timeline
        looks = looks_of(seen, version, setting.ahead, self._config)
        if looks is None:
            return None
        names, least = tuple(sorted(timeline.features)), self._config.accuracy.min_coverage
        try:
            return fit_version(looks, names, timeline.cities, setting.level, least)
        except UndefinedError:
            return None

    def at(
        self,
        windows: Windows,
        cadence: Cadence,
        cities: Sequence[str],
        store: Store,
        fit: EstimateFit | None,
    ) -> tuple[tuple[EstimatePanel, ...], list[Failure]]:
        """The estimates of a slot by a fit, and what failed. That they cannot be made stops nothing else."""
        if not cities:
            return (), []
        blocks = store.partition(cities, self._config.engine.block)
        try:
            with ThreadPoolExecutor(self._config.engine.workers, thread_name_prefix="drift-estimate") as pool:
                made = in_context(lambda block: self._block(windows, cadence, block, store, fit))
                parts = list(pool.map(made, blocks))
        except DriftError as error:
            return (), [Failure("estimate", "cities", str(error))]
        except Exception as error:  # the slot's own figures go on
            log.exception("the slot has no estimate", slot=iso(windows.slot))
            return (), [Failure("estimate", "cities", f"{type(error).__name__}: {error}")]
        panels = [panel for found, _ in parts for panel in found]
        return EstimatePanel.join(panels), [failure for _, failures in parts for failure in failures]

    def _block(
        self, windows: Windows, cadence: Cadence, cities: Sequence[str], store: Store, fit: EstimateFit | None
    ) -> tuple[list[EstimatePanel], list[Failure]]:
        span = span_of(windows, cadence.step, self.setting.ahead)
        start = windows.current.end - span.end * cadence.step
        window = Window(start, start + span.stop * cadence.step)
        seen, failures = self._seen(windows, window, cadence, cities, store)
        hours = Window(start + span.first * cadence.step, window.end)
        found = []
        for v, version in enumerate(seen.timeline.model_versions):
            rows = seen.forecast_rows(v)
            names = tuple(seen.timeline.cities[row] for row in rows)
            own = None if fit is None else fit.versions.get(version)
            if not rows.size:
                continue
            if own is None or not is_hourly(cadence.step):
                reason = Undefined.NOT_FITTED if is_hourly(cadence.step) else Undefined.NOT_HOURLY
                found.append(unfitted(version, names, hours, cadence.step, reason))
                continue
            known = seen.known(span)
            outlook = seen.outlook(v, rows, span, known)
            floor = floors_of(known[rows, : span.end], cadence.step, self._config.accuracy)
            said = estimate(outlook, names, own, floor, self._config.accuracy.min_coverage)
            found.append(panel_of(version, names, hours, cadence.step, said, own))
        return found, failures

    def _seen(
        self, windows: Windows, window: Window, cadence: Cadence, cities: Sequence[str], store: Store
    ) -> tuple[Around, list[Failure]]:
        """The rows of the cities in the window, as far as a slot could know them."""
        tables, read, failures = read_cities(store, window, cities)
        grid = Grid(window.start, cadence.step, window.length // cadence.step)
        finer = Finer.of(self._config.store)
        timeline = align(issued_by(windows.slot, tables), grid, read, self._config.accuracy, finer=finer)
        clocks = Clocks.of(grid, read, self._config)
        return Around(timeline, clocks, windows), [replace(each, stage="estimate") for each in failures]

    def _kept(self, slot: datetime, state: State) -> EstimateFit | None:
        """The latest fit before the slot, if it is whole; one made behind it judges the slots after it."""
        record = state.calibration(self.key, slot)
        fit = None if record is None else self._opened(record)
        self._newest = slot, (None if record is None or fit is None else record.made_at)
        if record is not None and record.made_at == slot:
            record = state.calibration(self.key, slot - MOMENT)
            return None if record is None else self._opened(record)
        return fit

    def _opened(self, record: CalibrationRecord) -> EstimateFit | None:
        digest = hashlib.sha256(record.data).digest()
        if self._latest is None or self._latest[0] != digest:
            try:
                self._latest = digest, EstimateFit.from_bytes(record.data)
            except ValueError as error:
                log.warning("an estimate's fit cannot be used", made_at=iso(record.made_at), why=str(error))
                return None
        return self._latest[1]


def issued_by(slot: datetime, tables: Tables) -> Tables:
    """The tables without predictions that were issued after the slot; without issue times, all of them."""
    if "issue_time" not in tables.predictions.column_names:
        return tables
    import pyarrow.compute as pc

    issued = pc.less_equal(tables.predictions["issue_time"], slot)
    return replace(tables, predictions=tables.predictions.filter(pc.fill_null(issued, fill_value=True)))


class Rehearsed:
    """The estimates of a replay's slots, one by one: fitted behind the first, and behind others when due.

    They are made where a rule judges them or they are to be kept: each slot is read once more for them, as
    a slot would read it.
    """

    def __init__(self, estimates: Estimates, store: Store, keep: Collection[str] = ()) -> None:
        self._estimates = estimates
        self._store = store
        self._wanted = estimates.judged or (estimates.wanted and not set(NAMES).isdisjoint(keep))
        self._fit: EstimateFit | None = None
        self._made_at: datetime | None = None
        self._failed: list[Failure] = []

    def at(self, windows: Windows, cadence: Cadence, cities: Sequence[str]) -> tuple[EstimatePanel, ...]:
        """The estimates of the next slot, by a fit on what was known at one before it."""
        if not self._wanted:
            return ()
        found, failed = self._estimates.at(windows, cadence, cities, self._store, self._fit)
        self._failed += failed
        if self._made_at is None or windows.slot - self._made_at >= self._estimates.setting.refit:
            made, failed = self._estimates.fit(windows.slot, self._store)
            self._failed += failed
            if made is not None:
                self._fit, self._made_at = made, windows.slot
        return found

    def failures(self) -> list[Failure]:
        """What failed since they were last asked for."""
        failed, self._failed = self._failed, []
        return failed
