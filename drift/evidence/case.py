"""PURE. What is known about a breach when it is to be explained, and the hours of it that can be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property

import numpy as np

from drift.detectors.series import Hours
from drift.detectors.trailing import Flags, Integers
from drift.domain import Floats, Grid, Window
from drift.quality import SOUND

DAY = timedelta(days=1)
LEAST_SCAN_DAYS = 7
SCAN_WINDOWS = 2
"""The onset is looked for in so many of the detector's windows, as it may lie before the one that saw it."""
LEAST_REFERENCE_DAYS = 7
"""Of errors, to say what is normal where nothing is calibrated."""
FEW_HOURS = 6
"""With fewer usable hours in the current window, its holidays are let in."""
CAP_QUANTILE = 0.99
"""Of the reference's errors: one fault does not decide what is normal."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another city of the same model version at the same slot; NaN or None where it could not be judged."""

    score: float | None
    error_ratio: float | None
    group: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One breach: the history of its city up to the end of the current window. Arrays are (H,) on `grid`."""

    city: str
    model_version: str
    """The one that breached."""
    grid: Grid
    current: Window
    hours: Hours
    """The city's calendar, (H, 1) or (H,)."""
    actual: Floats
    predicted: Mapping[str, Floats]
    """By model version, that of the breach among them."""
    features: Mapping[str, Floats] = field(default_factory=dict)
    expected: Floats | None = None
    """Expected |error| as a fraction of the actual; None where nothing is calibrated."""
    window_days: int = 0
    """Of the detector's largest statistic; 0: the current window."""
    by_channel: Mapping[str, float] = field(default_factory=dict)
    """Scores in units of the limit."""
    peers: Mapping[str, Peer] = field(default_factory=dict)
    group: str | None = None
    """Of this city among its peers."""
    faults: Integers | None = None
    """Codes of `drift.quality` of the actuals; 0 is sound."""
    prediction_faults: Integers | None = None
    """The same of the predictions."""
    lower: Floats | None = None
    upper: Floats | None = None
    interval_level: float | None = None
    unit: str = "MW"
    timezone: str = "UTC"
    about_faults: bool = False
    """Whether the breach is of faults of the data, and not of the error."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The hours of a case that can be used, up to the end of the current window, in the data's unit.

    Rows before `scan` are what the breach is held against; the onset is looked for from there on, and the
    figures are of the rows from `start` on.
    """

    actual: Floats
    predicted: Floats
    """(H,) NaN where either is missing, a fault, or of a holiday."""
    expected: Floats | None
    """(H,) fraction of the actual."""
    hour: Integers
    """(H,) local."""
    scan: int
    start: int
    current: int
    """First row of the current window."""
    per_day: int
    scan_days: int
    holidays_count: bool
    """Whether holidays are used, as there is hardly anything else."""

    @classmethod
    def of(cls, case: Case) -> Rows:
        """The rows of a case, all from the current window on until the onset is known."""
        window = case.grid.cut(case.current)
        end, per_day = window.stop, max(round(DAY / case.grid.step), 1)
        days = case.window_days or max(round(case.current.length / DAY), 1)
        scanned = max(SCAN_WINDOWS * days, LEAST_SCAN_DAYS)
        scan = end - min(scanned * per_day, end // 2)
        sound = _sound(case, end)
        holiday = np.asarray(case.hours.holiday).reshape(-1)[:end]
        few = int((sound & ~holiday)[window].sum()) < min(FEW_HOURS, int(sound[window].sum()))
        sound &= ~holiday | (few & (np.arange(end) >= min(scan, window.start)))
        return cls(
            actual=_where(sound, case.actual),
            predicted=_where(sound, case.predicted[case.model_version]),
            expected=None if case.expected is None else np.asarray(case.expected[:end], np.float64),
            hour=np.asarray(case.hours.hour).reshape(-1)[:end].astype(np.int64),
            scan=scan,
            start=window.start,
            current=window.start,
            per_day=per_day,
            scan_days=days,
            holidays_count=few,
        )

    def from_onset(self, row: int) -> Rows:
        """The same with the figures taken from that row on."""
        return replace(self, start=row)

    @property
    def since(self) -> slice:
        """The rows that the figures are of."""
        return slice(self.start, len(self.actual))

    @property
    def before(self) -> slice:
        """The rows that they are held against."""
        return slice(0, self.scan)

    @cached_property
    def error(self) -> Floats:
        """(H,) predicted − actual."""
        return self.predicted - self.actual

    @cached_property
    def usable(self) -> Flags:
        """(H,) whether there is an error."""
        return np.isfinite(self.error)

    @cached_property
    def normal(self) -> Floats | None:
        """(H,) the |error| that is normal; None if too few hours came before to say it.

        The expected size × |actual| where it is calibrated. Elsewhere the median |error| of the local hour,
        all hours raised alike until their mean is that of the reference, its largest hundredth capped.
        """
        if self.expected is not None and np.isfinite(self.expected[self.usable]).any():
            return np.where(self.expected > 0, self.expected, np.nan) * np.abs(self.actual)
        size = np.abs(self.error[self.before])
        known = np.isfinite(size)
        if known.sum() < LEAST_REFERENCE_DAYS * self.per_day / 2:
            return None
        size = size[known]
        usual = _median_by_hour(size, self.hour[self.before][known])[self.hour]
        mean = np.minimum(size, np.quantile(size, CAP_QUANTILE)).mean()
        level = mean / max(usual[self.before][known].mean(), 1e-300)
        return usual * level if mean > 0 else None

    @cached_property
    def scaled(self) -> Floats | None:
        """(H,) error ÷ normal, at most ± 20; None as `normal` is."""
        if self.normal is None:
            return None
        ratio = np.full(len(self.error), np.nan)
        known = self.usable & (self.normal > 0)
        ratio[known] = np.clip(self.error[known] / self.normal[known], -20, 20)
        return ratio


def _sound(case: Case, end: int) -> Flags:
    predicted = case.predicted[case.model_version][:end]
    sound: Flags = np.isfinite(case.actual[:end]) & np.isfinite(predicted)
    for faults in (case.faults, case.prediction_faults):
        if faults is not None:
            sound = sound & (np.asarray(faults)[:end] == SOUND)
    return sound


def _where(sound: Flags, values: Floats) -> Floats:
    return np.where(sound, values[: len(sound)], np.nan).astype(np.float64)


def _median_by_hour(size: Floats, hour: Integers) -> Floats:
    """(24,) the median of each hour; that of all hours at an hour without any."""
    median = np.full(24, np.median(size))
    for h in np.unique(hour):
        median[h] = np.median(size[hour == h])
    return median
