"""What must hold, line by line: the target, what was measured, and whether it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from benchmarks.detection.compare import LEAST_ZONES, Judged
from benchmarks.detection.data import Whole
from benchmarks.detection.fleet import ASKED, FACTORS, FleetOutcome, rate_interval, share_interval
from benchmarks.detection.judging import Outcome, figures, interval
from benchmarks.detection.null import Null
from benchmarks.record import Cell, shown

COLUMNS = ("what must hold", "at", "target", "measured", "90 % interval", "holds")
DEFAULT, YEARLY, REFERENCE = "default, budget 0.5", "one alarm a zone-year", "limits of the reference"
Figure: TypeAlias = tuple[float | None, tuple[float, float] | None]


@dataclass(frozen=True, slots=True)
class Target:
    """One figure and its bounds: at least `low`, at most `high`; `share` is shown in percent."""

    what: str
    at: str
    measured: float | None
    ends: tuple[float, float] | None = None
    low: float | None = None
    high: float | None = None
    share: bool = False

    def row(self) -> list[Cell]:
        """The row of the table; where a bound lies inside the interval, chance may have decided."""
        bounds = [each for each in (self.low, self.high) if each is not None]
        sign = "" if len(bounds) == 2 else "≤ " if self.low is None else "≥ "
        target = sign + " to ".join(self._shown(bound) for bound in bounds)
        if self.measured is None or np.isnan(self.measured):
            return [self.what, self.at, target, None, None, "not measured"]
        words = "yes" if self.holds else "no"
        ends = self.ends
        if ends is not None and any(ends[0] < bound < ends[1] for bound in bounds):
            words += ", within chance"
        written = None if ends is None else " to ".join(self._shown(end) for end in ends)
        return [self.what, self.at, target, self._shown(self.measured), written, words]

    @property
    def holds(self) -> bool:
        """Whether the figure is within the bounds; what was not measured does not hold."""
        if self.measured is None:
            return False
        above = self.low is None or self.measured >= self.low
        return above and (self.high is None or self.measured <= self.high)

    def _shown(self, value: float) -> str:
        return f"{100 * value:.3g} %" if self.share else shown(value)


@dataclass(frozen=True)
class Findings:
    """All that a run found; what it did not measure is empty."""

    ours: Judged
    rivals: Sequence[Judged]
    judged: Whole
    seed: int
    nulls: Sequence[Null] = ()
    fleet: FleetOutcome | None = None
    further: Sequence[Target] = field(default_factory=tuple)


def targets(found: Findings) -> list[list[Cell]]:
    """The rows, in the order in which they were asked."""
    parts = [*null_targets(found.nulls), *own_targets(found), *rival_targets(found)]
    return [each.row() for each in (*parts, *fleet_targets(found.fleet), *found.further)]


def null_targets(nulls: Sequence[Null]) -> list[Target]:
    """A budget on which nothing but chance happens is to be used, and not overdrawn."""
    return [
        Target(
            f"alarms ÷ budget on a simulated null, budget {each.budget:g}",
            REFERENCE,
            each.ratio,
            each.interval,
            low=0.8,
            high=1.2,
        )
        for each in nulls
    ]


def own_targets(found: Findings) -> list[Target]:
    """Of drift's profile alone."""
    default, yearly = (spoken(each, found) for each in (found.ours.default, found.ours.yearly))
    bounds = (("scale", 0.95), ("noise", 0.95), ("bias", 0.85))
    late = [(kind, low, yearly(f"× 3 {kind} ≤ 7 d")) for kind, low in bounds]
    return [
        Target("alarms a zone-year on real zones", DEFAULT, *default("alarms a zone-year"), high=1.0),
        Target("alarms not followed by worse error", DEFAULT, *less(default("precision")), None, 0.35, True),
        Target("time in alarm", DEFAULT, *percent(default("time in alarm, %")), None, 0.02, True),
        Target("six drifts ≤ 28 d", YEARLY, *yearly("drifts found ≤ 28 d"), 0.88, None, True),
        Target("mean delay, h; a miss is 28 d", YEARLY, *yearly("delay, h"), high=250),
        *(Target(f"× 3 {kind} ≤ 7 d", YEARLY, *pair, low, None, True) for kind, low, pair in late),
        Target("one-day spikes that page", DEFAULT, *default("spike pages"), None, 0.10, True),
        Target("one-day spikes that page", YEARLY, *yearly("spike pages"), None, 0.10, True),
    ]


@dataclass(frozen=True)
class Spoken:
    """A figure of an outcome with its interval over zones, as a target takes them."""

    figures: Mapping[str, float]
    ends: Mapping[str, tuple[float, float]]

    def __call__(self, name: str) -> Figure:
        """The figure and its interval; None where there is none."""
        return self.figures.get(name), self.ends.get(name)


def spoken(outcome: Outcome, found: Findings) -> Spoken:
    """Of the judged zones."""
    ends = interval(outcome, found.judged, found.seed) if len(found.judged) >= LEAST_ZONES else {}
    return Spoken(figures(outcome, found.judged), ends)


def less(pair: Figure) -> Figure:
    """One less a share, and its interval turned round."""
    value, ends = pair
    return None if value is None else 1 - value, None if ends is None else (1 - ends[1], 1 - ends[0])


def percent(pair: Figure) -> Figure:
    """Percent as a share."""
    value, ends = pair
    return None if value is None else value / 100, None if ends is None else (ends[0] / 100, ends[1] / 100)


def rival_targets(found: Findings) -> list[Target]:
    """Of drift beside the others: how much sooner, and how many fewer alarms as they come."""
    mine, alarms = figures(found.ours.yearly, found.judged), alarms_a_year(found.ours, found.judged)
    delays = {each.name: figures(each.yearly, found.judged)["delay, h"] for each in found.rivals}
    out = []
    if delays:
        best = min(delays, key=lambda name: delays[name])
        gain = 1 - mine["delay, h"] / delays[best]
        what = f"mean delay below the best rival ({best}, {delays[best]:.0f} h)"
        out.append(Target(what, YEARLY, gain, low=0.30, share=True))
    for words, starts, bound in (
        ("KS and PSI", ("Evidently, KS", "Evidently, PSI", "PSI"), 20.0),
        ("NannyML by day", ("NannyML, MAPE by day",), 5.0),
    ):
        theirs = [each for each in found.rivals if each.name.startswith(starts)]
        rates = [alarms_a_year(each, found.judged) for each in theirs]
        ratio = min(rates) / alarms if rates else None
        out.append(Target(f"times fewer alarms than {words}", "defaults", ratio, low=bound))
    return out


def alarms_a_year(detector: Judged, judged: Whole) -> float:
    """At its default, a zone-year; none counts as half an alarm, so that others can be held against it."""
    outcome = detector.default
    return float(max(outcome.alarms[judged].sum(), 0.5) / outcome.years[judged].sum())


def fleet_targets(outcome: FleetOutcome | None) -> list[Target]:
    """Of all zones together."""
    if outcome is None:
        return [Target("fleet", REFERENCE, None, low=0.95, share=True)]
    out = []
    for factor, hours in FACTORS.items():
        hits = np.concatenate([outcome.found[kind, factor] for kind in ASKED])
        what = f"fleet × {factor:g} ≤ {hours} h (scale, noise, bias)"
        ends = share_interval(int(hits.sum()), len(hits))
        out.append(Target(what, REFERENCE, float(hits.mean()), ends, 0.95, None, True))
    rate, ends = outcome.alarms / outcome.years, rate_interval(outcome.alarms, outcome.years)
    return [*out, Target("fleet alarms a year", REFERENCE, rate, ends, high=1.0)]
