"""What is normal: fitted on the store's past when it is due, kept in the state, used until the next fit.

A fit reads a year and takes half a minute for a thousand cities. So it is made for the first slot that has
three weeks of pairs, and after that behind a slot, when nobody waits for its alerts: every `detection.refit`,
and within a week where a city or a model version has come to three weeks. Each fit is kept with the hours it
was made of; a slot is judged by the latest one that was made before it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
import structlog

from drift.calendar import check_countries, wide_days
from drift.config import Config
from drift.detect import budgets_of, feature_columns
from drift.detectors import FleetSettings, Settings
from drift.detectors.calibration import Calibration, calibrate
from drift.detectors.hourly import HOUR
from drift.detectors.peer_kept import FeatureCalibration
from drift.detectors.peer_model import PeerSettings
from drift.detectors.series import Series as HourlySeries
from drift.detectors.slow import SlowSettings
from drift.detectors.slow_fit import SlowCalibration, calibrate_slow
from drift.detectors.stored import FORMAT
from drift.domain import Failure, Grid, Window, iso
from drift.errors import DriftError, StoreError, UndefinedError
from drift.reading import timeline_of
from drift.state import CalibrationRecord, State
from drift.stores.base import Store
from drift.survey import Survey, survey
from drift.telemetry.traces import in_context, span
from drift.timeline import Pairs
from drift.watch import CALIBRATED, NO_FITS, Fits, Watch, block_hours, hours_of
from drift.watch_features import FeatureHours, feature_hours, fit_blocks
from drift.windows import Cadence, Windows, windows_of

Read: TypeAlias = Mapping[str, tuple[list[str], HourlySeries]]
"""By model version: cities, and their hours."""
MOMENT = timedelta(microseconds=1)
log = structlog.get_logger()


class _Part(NamedTuple):
    """What a fit reads of a block of cities, and what it could not."""

    series: Read
    features: FeatureHours | None
    unread: list[Failure]


class Numbers(NamedTuple):
    """The detectors' numbers, with the budgets of the rules."""

    profile: Settings
    fleet: FleetSettings
    slow: SlowSettings
    features: PeerSettings

    @classmethod
    def of(cls, budgets: Mapping[str, float | None]) -> Numbers:
        """The defaults, where a rule says nothing else."""
        profile, fleet, slow, features = (budgets.get(name) for name in CALIBRATED)
        return cls(
            Settings() if profile is None else replace(Settings(), budget=profile),
            FleetSettings() if fleet is None else replace(FleetSettings(), budget=fleet),
            SlowSettings() if slow is None else replace(SlowSettings(), budget=slow),
            PeerSettings() if features is None else replace(PeerSettings(), budget=features),
        )


class Calibrations:
    """The fits of one config, by the state that keeps them."""

    def __init__(self, config: Config) -> None:
        """Raises ConfigError: two rules differ about a budget, or a country's holidays are not known."""
        self._config = config
        self.budgets = budgets_of(config.alerts)
        self.numbers = Numbers.of(self.budgets)
        self.columns = feature_columns(config.alerts)
        if self.wanted:
            check_countries(config)
        self._latest: tuple[bytes, Fits] | None = None

    @property
    def wanted(self) -> bool:
        """Whether a rule needs a fit."""
        return not self.budgets.keys().isdisjoint(CALIBRATED)

    @cached_property
    def key(self) -> str:
        """What names the fits that this config may use: all that decides how they come about."""
        config = self._config
        words = config.model_dump(
            mode="json", include={"store", "timezone", "timezones", "accuracy", "detection"}
        )
        also = [name for name in ("slow", "features") if name in self.budgets]
        columns = None if self.columns is None else sorted(self.columns)
        said = json.dumps([FORMAT, words, repr(self.numbers), also, columns], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def at(self, slot: datetime, state: State) -> Watch:
        """What looks at the slot, by the latest fit before it; without one, no calibration.

        A fit behind a slot judges the slots after it, so that a slot that is looked at again says the same.
        One made for the slot itself serves where there is no other, or that is damaged.
        """
        if self.wanted:
            for until in (slot - MOMENT, slot):
                record = state.calibration(self.key, until)
                fits = None if record is None else self._opened(record, state)
                if record is not None and fits is not None:
                    return Watch(self.budgets, *fits, record.made_at, self.columns)
        return Watch(self.budgets, columns=self.columns)

    def fit(self, slot: datetime, store: Store, state: State) -> list[Failure]:
        """Fit on the hours before the slot, and keep it; nothing is kept where nothing can be fitted. Gives
        what could not be read.

        Raises:
            DriftError: the store or the state is away.
        """
        there = survey(store, self._config)
        fits, unread = fit_before(slot, store, there, self._config, self)
        made = fits.calibration
        if made is None:
            return unread
        parts = {"": made, ":slow": fits.slow, ":features": fits.features}
        said = made.span.start, made.span.end, len(made.series), made.origin
        state.keep_calibrations(
            [
                CalibrationRecord(slot, self.key + name, *said, part.to_bytes())
                for name, part in parts.items()
                if part is not None
            ],
            self._config.detection.history,
        )
        return unread

    def attempt(self, slot: datetime, store: Store, state: State) -> list[Failure]:
        """The same; that it cannot be done is a failure, and stops nothing else."""
        try:
            with span("fit", of="detectors"):
                return self.fit(slot, store, state)
        except DriftError as error:
            return [Failure("calibrate", "detectors", str(error))]
        except Exception as error:  # a slot without scores is better than none
            log.exception("the detectors could not be fitted", slot=iso(slot))
            return [Failure("calibrate", "detectors", f"{type(error).__name__}: {error}")]

    def features_of(self, pairs: Pairs, window: Window) -> FeatureHours | None:
        """The hours of the features that a rule looks at; None where none does."""
        return feature_hours(pairs, window, self.columns) if "features" in self.budgets else None

    def _opened(self, record: CalibrationRecord, state: State) -> Fits | None:
        """The fits of a record; None where they are damaged, so that they are made anew."""
        digest = hashlib.sha256(record.data).digest()  # another process may have kept one made at that time
        if self._latest is None or self._latest[0] != digest:
            slow = state.calibration(f"{self.key}:slow", record.made_at)
            features = state.calibration(f"{self.key}:features", record.made_at)
            try:
                self._latest = (
                    digest,
                    Fits(
                        Calibration.from_bytes(record.data),
                        None if slow is None else SlowCalibration.from_bytes(slow.data),
                        None if features is None else FeatureCalibration.from_bytes(features.data),
                    ),
                )
            except ValueError as error:
                log.warning("a fit cannot be used", made_at=iso(record.made_at), why=str(error))
                return None
        return self._latest[1]


def fit_before(
    slot: datetime, store: Store, there: Survey, config: Config, calibrations: Calibrations
) -> tuple[Fits, list[Failure]]:
    """The fits on `detection.history` before the slot, and the cities that could not be read; no fits where
    there is too little to fit anything.

    While it fits, the features that are looked at are in memory for all cities, as single floats.
    """
    windows = fit_windows(slot, config, there.cadence)
    blocks = store.partition(there.cities, config.engine.block)

    def read(block: Sequence[str]) -> _Part:
        try:
            timeline, unread = timeline_of(
                store, windows.history, there.cadence, block, config, write_features=False
            )
        except StoreError as error:
            return _Part({}, None, [Failure("calibrate", city, str(error)) for city in block])
        pairs = timeline.at(windows)
        unread = [replace(failure, stage="calibrate") for failure in unread]
        features = calibrations.features_of(pairs, windows.history)
        return _Part(series_of(pairs, windows.history, config), features, unread)

    with ThreadPoolExecutor(config.engine.workers, thread_name_prefix="drift-fit") as pool:
        parts = list(pool.map(in_context(read), blocks))
    features = [each.features for each in parts if each.features is not None]
    fits = fitted([each.series for each in parts], windows.history, config, calibrations, features)
    return fits, [failure for each in parts for failure in each.unread]


def fit_windows(slot: datetime, config: Config, cadence: Cadence) -> Windows:
    """The windows of a slot, with the hours that a fit at it reads as its history."""
    windows = windows_of(slot, config.windows, config.accuracy, cadence)
    end = windows.current.end
    return replace(windows, history=Window(cadence.floor(end - config.detection.history), end))


def series_of(pairs: Pairs, window: Window, config: Config) -> Read:
    """By model version: the cities that it forecasts, and their hours."""
    found, block = {}, block_hours(pairs, window, config)
    for v, version in enumerate(pairs.model_versions):
        hours = hours_of(block, v)
        if hours.rows.size:
            found[version] = [pairs.cities[row] for row in hours.rows], hours.series
    return found


def fitted(
    parts: Sequence[Read],
    span: Window,
    config: Config,
    calibrations: Calibrations,
    features: Sequence[FeatureHours] = (),
) -> Fits:
    """The fits of the series and the features of all blocks; none where no series has enough hours."""
    versions = sorted({version for part in parts for version in part})
    names = {v: [city for part in parts if v in part for city in part[v][0]] for v in versions}
    series = {v: HourlySeries.join([part[v][1] for part in parts if v in part]) for v in versions}
    if not versions:
        return NO_FITS
    hours = Grid(span.start, HOUR, len(next(iter(series.values())).actual))
    wide = {v: np.asarray(wide_days(hours, names[v], config)) for v in versions}
    numbers = calibrations.numbers
    try:
        own = calibrate(series, names, wide, span, numbers.profile, numbers.fleet)
    except UndefinedError:
        return NO_FITS
    wanted = "slow" in calibrations.budgets
    slow = calibrate_slow(series, names, span, numbers.slow) if wanted else None
    return Fits(own, slow, fit_blocks(features, span, numbers.features))
