"""PURE. Whether the forecast still earns its keep: against last week's load, other versions, its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drift.detectors.trailing import lagged
from drift.domain import Floats
from drift.errors import UndefinedError
from drift.evidence.case import Case, Rows
from drift.evidence.part import Lack, Reason
from drift.evidence.wording import percent
from drift.reasons import Undefined
from drift.significance import LEAST_DAYS, daily_means, diebold_mariano
from drift.text import printable

WEEK_DAYS = 7
LEAST_HOURS = 12
"""Of pairs, to compare them at all."""
LEVEL_WITH = 0.02
"""Skill this small, of either sign, is none."""
CLEARLY, CHANCE = 0.9, 0.05
"""Another version is better if its WAPE is below 0.9 of this one's, and the test's p-value at most 0.05."""


@dataclass(frozen=True, slots=True)
class Skill:
    """1 − WAPE ÷ WAPE of the load of the same hour last week; below 0 that was the better forecast."""

    value: float
    wape: float
    naive: float

    def sentence(self) -> str:
        """Whether it is still better, and both figures."""
        how = (
            "worse than"
            if self.value < -LEVEL_WITH
            else "better than"
            if self.value > LEVEL_WITH
            else "no better than"
        )
        return (
            f"It is {how} the load of the same hour last week: "
            f"WAPE {percent(self.wape)} against {percent(self.naive)}."
        )


def find_skill(rows: Rows) -> Skill | Reason:
    """Over the usable hours since the onset that have an actual a week before; NO_BASELINE if none has."""
    naive = np.abs(lagged(rows.actual, WEEK_DAYS * rows.per_day) - rows.actual)[rows.since]
    own, load = np.abs(rows.error[rows.since]), np.abs(rows.actual[rows.since])
    both = np.isfinite(own) & np.isfinite(naive)
    if not np.isfinite(own).any():
        return Undefined.NO_PAIRS
    if not both.any():
        return Undefined.NO_BASELINE
    if not (load[both].sum() > 0 and naive[both].sum() > 0):
        return Undefined.NO_SCALE
    total = float(load[both].sum())
    wape, last_week = float(own[both].sum()) / total, float(naive[both].sum()) / total
    return Skill(1 - wape / last_week, wape, last_week)


@dataclass(frozen=True, slots=True)
class OtherVersion:
    """Another model version's WAPE and that of the one that breached, on the same hours since the onset."""

    model_version: str
    wape: float
    own: float
    hours: int
    p_value: float | Reason
    """Of the Diebold–Mariano test on daily losses."""

    @property
    def better(self) -> bool:
        """Clearly, and not by chance where that could be tested."""
        chance = isinstance(self.p_value, float) and self.p_value > CHANCE
        return self.wape < CLEARLY * self.own and not chance

    def said(self) -> str:
        """Both figures, and the test where there is one."""
        test = ""
        if isinstance(self.p_value, float):
            p = "< 0.001" if self.p_value < 0.001 else f"= {self.p_value:.2g}"
            test = f" (Diebold–Mariano p {p})"
        wapes = f"{percent(self.wape)} against {percent(self.own)}"
        return f"{printable(self.model_version)} has a WAPE of {wapes} on the same hours{test}"


def find_other_versions(case: Case, rows: Rows) -> tuple[OtherVersion, ...] | Reason:
    """The other model versions with at least 12 pairs in the usable hours since the onset, the best first."""
    others = {name: values for name, values in case.predicted.items() if name != case.model_version}
    compared = [_compare(name, np.asarray(values, np.float64), rows) for name, values in others.items()]
    found = [other for other in compared if other is not None]
    return tuple(sorted(found, key=lambda one: one.wape)) if found else Lack.NO_OTHER_VERSION


def _compare(name: str, predicted: Floats, rows: Rows) -> OtherVersion | None:
    other = np.abs(predicted[: len(rows.actual)] - rows.actual)[rows.since]
    own, load = np.abs(rows.error[rows.since]), np.abs(rows.actual[rows.since])
    both = np.isfinite(other) & np.isfinite(own)
    total = float(load[both].sum())
    if both.sum() < LEAST_HOURS or not total > 0:
        return None
    own, other = np.where(both, own, np.nan), np.where(both, other, np.nan)
    wapes = float(np.nansum(other)) / total, float(np.nansum(own)) / total
    return OtherVersion(name, *wapes, int(both.sum()), _p_value(own, other, rows.per_day))


def _p_value(own: Floats, other: Floats, per_day: int) -> float | Reason:
    """Of the test on whole days up to the end; FEW_DAYS with fewer than 10 of them."""
    first = len(own) % per_day
    losses = [daily_means(loss[first:].reshape(-1, per_day)) for loss in (own, other)]
    if np.isfinite(losses[0]).sum() < LEAST_DAYS:
        return Lack.FEW_DAYS
    try:
        return diebold_mariano(losses[0], losses[1]).p_value
    except UndefinedError as error:
        return error.reason


@dataclass(frozen=True, slots=True)
class Coverage:
    """Share of the actuals since the onset inside the prediction interval, and the share that should be."""

    value: float
    level: float | None

    def sentence(self) -> str:
        """Both shares."""
        nominal = f"; it should hold {percent(self.level)}" if self.level is not None else ""
        return f"The prediction interval holds {percent(self.value)} of the actuals{nominal}."


def find_coverage(case: Case, rows: Rows) -> Coverage | Reason:
    """Over the usable hours since the onset; NO_INTERVAL where no hour has both bounds."""
    if case.lower is None or case.upper is None:
        return Undefined.NO_INTERVAL
    end = len(rows.actual)
    low, high = (np.asarray(bound)[:end][rows.since] for bound in (case.lower, case.upper))
    actual = rows.actual[rows.since]
    known = np.isfinite(low) & np.isfinite(high) & np.isfinite(actual)
    if not known.any():
        return Undefined.NO_INTERVAL
    inside = (actual >= low) & (actual <= high)
    return Coverage(float(inside[known].mean()), case.interval_level)
