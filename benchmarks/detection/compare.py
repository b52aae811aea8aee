"""Every detector on the same drifts: at its default, and at one alarm a zone-year."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.detection.data import Split, Whole, Zones, splits
from benchmarks.detection.environment import Libraries
from benchmarks.detection.injections import KINDS, UNSEEN, draw
from benchmarks.detection.judging import (
    CAP,
    DOUBLED,
    FURTHER,
    SPIKED,
    TRIPLED,
    Case,
    Detector,
    Evidence,
    Outcome,
    Trial,
    figures,
    found_of,
    gather,
    interval,
    judge,
    once_a_year,
    worse_after,
)
from benchmarks.detection.profile import fit_profile
from benchmarks.detection.rivals import SLOW, rivals
from benchmarks.detection.service import fit_service
from benchmarks.detection.streams import ADWIN, PAGE_HINKLEY, Setting, kswin_alarms, stream
from benchmarks.detection.two_samples import Looks
from benchmarks.peers.environments import MissingError
from benchmarks.record import Cell, shown

OURS = "drift, limits of other zones"
SERVICE = "drift, as a service fits it"
HALVES = 4  # zones, or there are no others to set limits
FIGURES = (
    *("alarms a zone-year", "time in alarm, %", "precision", "drifts found ≤ 28 d", "delay, h"),
    *KINDS,
    *(f"× 3 {case[0]} ≤ 7 d" for case in TRIPLED),
    "spike pages",
)
COLUMNS = ("detector", "at", *FIGURES)
SIZES = [(kind, factor) for kind in ("scale", "noise", "bias", "peak") for factor in (1.5, 2.0, 3.0)]
OTHERS = [(kind, 2.0) for kind in UNSEEN]
SIZE_COLUMNS = (
    *("detector", "at"),
    *(f"{kind} × {factor:g}" for kind, factor in SIZES),
    *(kind for kind, _ in OTHERS),
)
LEAST_ZONES = 3  # or there is no interval over zones
Fit = Callable[[Zones, Split], Detector]


@dataclass(frozen=True)
class Judged:
    """A detector's outcomes; `evidence` is there for those that have a score, and a level to move."""

    name: str
    default: Outcome
    yearly: Outcome
    evidence: Sequence[Evidence] = ()
    labels: tuple[str, str] = ("default", "once a year")

    def rows(self, judged: Whole) -> list[list[Cell]]:
        """Two rows of the table."""
        pairs = zip(self.labels, (self.default, self.yearly), strict=True)
        return [[self.name, at, *cells(figures(outcome, judged))] for at, outcome in pairs]

    def size_rows(self, judged: Whole) -> list[list[Cell]]:
        """The share found within 28 days, by kind and size: two rows, or none if sizes were not tried."""
        rows: list[list[Cell]] = []
        for at, outcome in zip(self.labels, (self.default, self.yearly), strict=True):
            if all(case in outcome.delays for case in (*SIZES, *OTHERS)):
                shares = [found_of(outcome, judged, case, CAP) for case in (*SIZES, *OTHERS)]
                rows.append([self.name, at, *shares])
        return rows


@dataclass(frozen=True)
class Plan:
    """What is tried: `tried` for all, `fewer` of it for detectors that are slow."""

    zones: Zones
    judged: Whole
    tried: Sequence[Trial]
    fewer: Sequence[Trial]
    seed: int

    @classmethod
    def of(cls, zones: Zones, judged: Whole, seed: int, each: int, small: bool) -> Plan:
        """So many onsets a zone and split; of a small run one, of two kinds, in one split."""
        cases = [DOUBLED[0], DOUBLED[2]] if small else [*DOUBLED, *TRIPLED, SPIKED, *FURTHER]
        most = 1 if small else None
        tried = trials(zones, seed, 1 if small else each, cases, most)
        fewer = tried if small else trials(zones, seed, max(each // 3, 1), DOUBLED, most)
        return cls(zones, judged, tried, fewer, seed)

    @property
    def halves(self) -> bool:
        """Whether there are zones enough to judge each by limits of others."""
        return len(self.judged) >= HALVES


def trials(zones: Zones, seed: int, each: int, cases: Sequence[Case], most: int | None) -> list[Trial]:
    """Every split with its drifts drawn and put in."""
    worse, found = worse_after(zones), []
    for split in splits(len(zones.load))[:most]:
        drifts = draw(zones, split, each, seed)
        errors = {case: drifts.error(*case) for case in cases}
        found.append(Trial(split, drifts, errors, worse, zones.years(split.test)))
    return found


def judged_by(name: str, fit: Fit, plan: Plan, tried: Sequence[Trial], judged: Whole) -> Judged:
    """The detector at its default and at the level that gives one alarm a zone-year."""
    cases = list(tried[0].errors)
    evidence = [gather(fit(plan.zones, trial.split), trial, cases) for trial in tried]
    yearly = judge(evidence, once_a_year(evidence, judged))
    return Judged(name, judge(evidence, 1.0), yearly, evidence)


def ours(plan: Plan) -> Judged:
    """Of drift's profile, by limits of other zones; of too few zones as a service fits it."""
    if not plan.halves:
        return in_service(plan)
    return judged_by(OURS, partial(fit_profile, judged=plan.judged), plan, plan.tried, plan.judged)


def in_service(plan: Plan) -> Judged:
    """Of drift's profile as a service fits it."""
    return judged_by(SERVICE, fit_service, plan, plan.tried, plan.judged)


def ours_everywhere(plan: Plan) -> Judged:
    """Of drift's profile on all zones, also those whose own forecast is useless."""
    everyone = np.arange(len(plan.zones.names))
    fit = partial(fit_profile, judged=everyone, halves=plan.halves)
    return judged_by("drift, zones with useless forecasts too", fit, plan, plan.tried, everyone)


def others(plan: Plan, only: Sequence[str] = ()) -> Iterator[Judged]:
    """The rivals that have a score; `only` those whose name begins so."""
    for name, fit in rivals(Looks(plan.zones)).items():
        if not only or name.startswith(tuple(only)):
            tried = plan.fewer if name.startswith(SLOW) else plan.tried
            yield judged_by(name, fit, plan, tried, plan.judged)


def streamed(plan: Plan, libraries: Libraries) -> tuple[list[Judged], list[list[Cell]], list[str]]:
    """The rivals that only say when, KSWIN's row, and a note if they are not to be had."""
    found: list[Judged] = []
    names: Mapping[str, Sequence[Setting]] = {"river, ADWIN": ADWIN, "river, Page–Hinkley": PAGE_HINKLEY}
    try:
        for name, settings in names.items():
            both = stream(libraries, plan.zones, plan.fewer, plan.judged, settings)
            labels = (f"default: {both.default[0]}", f"once a year: {both.yearly[0]}")
            found.append(Judged(name, both.default[1], both.yearly[1], labels=labels))
        rate, zones = kswin_alarms(libraries, plan.zones, plan.fewer[0], plan.judged)
    except MissingError as error:
        return found, [], [f"river's detectors are left out: {error}."]
    row: list[Cell] = [f"river, KSWIN ({zones} zones)", "default: alpha 0.005", rate]
    return found, [[*row, *[None] * (len(FIGURES) - 1)]], []


def cells(found: Mapping[str, float]) -> list[Cell]:
    """The figures in the columns' order; None for what was not measured."""
    return [None if np.isnan(found.get(name, np.nan)) else float(found[name]) for name in FIGURES]


def interval_rows(found: Judged, plan: Plan) -> list[list[Cell]]:
    """The 90 % intervals over zones; none of fewer than three."""
    if len(plan.judged) < LEAST_ZONES:
        return []
    rows: list[list[Cell]] = []
    for at, outcome in zip(found.labels, (found.default, found.yearly), strict=True):
        ends = interval(outcome, plan.judged, plan.seed)
        written = {
            name: " to ".join(shown(end) for end in both)
            for name, both in ends.items()
            if not np.isnan(both).any()
        }
        rows.append([found.name, f"{at}, 90 % over zones", *(written.get(name) for name in FIGURES)])
    return rows


def operating(found: Judged, judged: Whole, levels: Sequence[float]) -> list[tuple[float, float]]:
    """Alarms a zone-year and the share of the six drifts found, at levels in multiples of once a year's."""
    yearly = once_a_year(found.evidence, judged)
    return [point(judge(found.evidence, yearly * level), judged) for level in levels]


def point(outcome: Outcome, judged: Whole) -> tuple[float, float]:
    """Alarms a zone-year and the share of the six drifts found."""
    said = figures(outcome, judged)
    return float(said["alarms a zone-year"]), float(said["drifts found ≤ 28 d"])
