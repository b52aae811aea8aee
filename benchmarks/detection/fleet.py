"""How soon a drift of all zones is found by the fleet's score, and how often the fleet alarms without one.

Why apart: half as much error again in every zone is below each one's limit, and plain in their mean. How: one
onset for all zones, at random; signs and noise are drawn a zone. Limits are from the reference alone, at
the budget that drift ships with. A slot an hour. A drift counts as found by an alarm at which the fleet
without it is quiet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.detection.data import DAY, YEAR, Array, Flags, Split, Whole, Zones, splits
from benchmarks.detection.injections import LEAD, LENGTH, SIZED, Drifts, sizes
from benchmarks.detection.simulated import simulate
from benchmarks.record import Cell
from drift.detectors import (
    FleetLimits,
    FleetSettings,
    Limits,
    Series,
    Settings,
    firing,
    fit,
    fit_fleet,
    fleet_scores,
    hours_needed,
    onsets,
)
from drift.detectors.features import HourlyErrors
from drift.detectors.fleet import pool

LEAST_ZONES = 3
FACTORS = {1.5: 48, 2.0: 24}  # how much larger the error gets, and the hours in which that is to be found
FLEET_CASES = [(kind, factor) for kind in ("scale", "noise", "bias", "peak") for factor in FACTORS]
OWN_CASES = [("shift", 2.0), ("stale", 2.0)]  # as large as they are
ASKED = ("scale", "noise", "bias")
COLUMNS = ("drift of all zones", "within", "found, %", "90 % interval", "of")
Case = tuple[str, float]


@dataclass(frozen=True)
class FleetOutcome:
    """Whether each drift was found in time, by case; the alarms without one, and their years."""

    found: Mapping[Case, Flags]
    alarms: int
    years: float
    when: Sequence[str]

    def share(self, factor: float) -> float:
        """Of scale, noise and bias of the factor."""
        return float(np.mean([self.found[kind, factor].mean() for kind in ASKED]))


@dataclass(frozen=True)
class Fitted:
    """The fleet's limits of one split, and its scores of the series as they are."""

    zones: Zones
    split: Split
    limits: Limits
    fleet: FleetLimits
    wide: Flags
    scores: Array  # (H,)

    @classmethod
    def of(cls, zones: Zones, split: Split, settings: FleetSettings | None = None) -> Fitted:
        """Fit on the split's reference."""
        series, around = Series(zones.load, zones.forecast, zones.hours), wide(zones)
        limits = fit(series.rows(split.reference), Settings())
        fleet = fit_fleet(limits, series.rows(split.reference), around[split.reference], settings)
        return cls(zones, split, limits, fleet, around, scores_of(limits, fleet, series, around))

    def state(self, rows: slice) -> Flags:
        """Whether the fleet is in alarm, by the hour, without a drift."""
        return firing(self.scores[rows][:, None], self.limits.settings.release, DAY)[:, 0]

    def drifted(self, at: int, error: Array) -> Array:
        """(hours,) scores from the onset at row `at` on, of zones with this error (9 d + …, N)."""
        first = max(at - hours_needed(self.limits.settings), 0)
        last = at - LEAD + len(error)
        zones = self.zones
        load, forecast = zones.load[first:last], zones.forecast[first:last].copy()
        since = error[LEAD:]
        own = load[at - first :]
        forecast[at - first :] = np.where(np.isfinite(since), own * (1 + since), forecast[at - first :])
        series = Series(load, forecast, zones.hours.rows(slice(first, last)))
        return scores_of(self.limits, self.fleet, series, self.wide[first:last])[at - first :]


def scores_of(limits: Limits, fleet: FleetLimits, series: Series, around: Flags) -> Array:
    """(H,) the fleet's score of every hour; 0 where nothing could be looked at."""
    hourly = HourlyErrors.of(series, limits.model.expect(series.hours))
    sums = pool(fleet.scale, hourly, fleet.settings)
    return np.nan_to_num(fleet_scores(fleet, sums, around, np.arange(len(around))).score)


def wide(zones: Zones) -> Flags:
    """(H,) hours within a day of a holiday or a change of the clocks in half of the zones."""
    hours = zones.hours
    jumps = np.zeros(hours.hour.shape, bool)
    jumps[1:] = (hours.hour[1:].astype(int) - hours.hour[:-1]) % DAY != 1
    often = np.flatnonzero((hours.holiday | jumps).mean(axis=1) >= 0.5)
    out = np.zeros(len(hours.holiday), bool)
    for row in often:
        out[max(row - DAY, 0) : row + DAY + 1] = True
    return out


def judge_fleet(
    zones: Zones, cases: Sequence[Case], each: int, seed: int, most: int | None, share: float = 1.0
) -> FleetOutcome:
    """So many onsets a case and split; `share` of the zones drift, drawn anew for each."""
    found: dict[Case, list[bool]] = {case: [] for case in cases}
    alarms, years, when = 0, 0.0, []
    for split in splits(len(zones.load))[:most]:
        fitted = Fitted.of(zones, split)
        begins = np.flatnonzero(onsets(fitted.state(split.test)[:, None])[:, 0])
        alarms += len(begins)
        years += (split.test.stop - split.test.start) / 8766
        when += [str((zones.first + split.test.start + int(row)).astype("datetime64[D]")) for row in begins]
        for case in cases:
            found[case] += tried(fitted, case, each, seed, share)
    return FleetOutcome({case: np.array(hits) for case, hits in found.items()}, alarms, years, when)


def tried(fitted: Fitted, case: Case, each: int, seed: int, share: float) -> list[bool]:
    """Whether each of so many drifts of one case is found in time."""
    zones, split = fitted.zones, fitted.split
    kind, factor = case
    everyone: Whole = np.arange(len(zones.names))
    rng = np.random.default_rng([seed, split.test.start])  # the same onsets for every case
    starts = rng.integers(split.test.start + LEAD, split.test.stop - LENGTH - DAY, each)
    chosen = rng.random((each, len(zones.names))) < share
    size = None
    hits = []
    for number, at in enumerate(int(start) for start in starts):
        drifts = Drifts(zones, split.reference, everyone, np.full(len(everyone), at), seed + number)
        if kind in SIZED and size is None:
            size = sizes(drifts, kind, factor)
        hours = FACTORS[factor]
        error = drifts.error(kind, factor, size)[: LEAD + hours]
        error = np.where(chosen[number], error, zones.error[at - LEAD : at + hours])
        quiet = ~fitted.state(slice(at - 7 * DAY, at + hours))[7 * DAY :]
        hits.append(bool(((fitted.drifted(at, error) > 1) & quiet).any()))
    return hits


def fleet_rows(outcome: FleetOutcome, third: FleetOutcome | None) -> list[list[Cell]]:
    """The table: each case, and the alarms."""
    rows = [
        case_row(f"{kind} × {factor:g}" if kind not in ("shift", "stale") else kind, FACTORS[factor], hits)
        for (kind, factor), hits in outcome.found.items()
    ]
    for factor, hours in FACTORS.items():
        both = np.concatenate([outcome.found[kind, factor] for kind in ASKED])
        rows.append(case_row(f"scale, noise and bias × {factor:g}", hours, both))
    if third is not None:
        both = np.concatenate(list(third.found.values()))
        rows.append(case_row("a third of the zones, scale × 2", FACTORS[2.0], both))
    low, high = rate_interval(outcome.alarms, outcome.years)
    rate = outcome.alarms / outcome.years
    rows.append(
        [f"none: {rate:.2f} alarms a year", None, None, f"{low:.2f} to {high:.2f}", f"{outcome.years:.1f} y"]
    )
    return rows


def case_row(name: str, hours: int, hits: Flags) -> list[Cell]:
    """A row, with the 90 % interval of a share."""
    low, high = share_interval(int(hits.sum()), len(hits))
    return [name, f"{hours} h", 100 * float(hits.mean()), f"{100 * low:.0f} to {100 * high:.0f}", len(hits)]


def share_interval(found: int, of: int) -> tuple[float, float]:
    """The middle 90 % of a share (Wilson's interval).

    >>> [round(end, 2) for end in share_interval(9, 10)]
    [0.66, 0.98]
    """
    normal = 1.645
    middle, share = (found + normal**2 / 2) / (of + normal**2), found / of
    width = normal * float(np.sqrt(share * (1 - share) / of + (normal / of / 2) ** 2)) / (1 + normal**2 / of)
    return max(middle - width, 0.0), min(middle + width, 1.0)


def rate_interval(count: int, years: float) -> tuple[float, float]:
    """The middle 90 % of a rate a year, for a count of chance (Poisson, exact).

    >>> [round(end, 2) for end in rate_interval(2, 2.0)]
    [0.18, 3.15]
    """
    from scipy.stats import chi2

    low = chi2.ppf(0.05, 2 * count) / 2 if count else 0.0
    return float(low / years), float(chi2.ppf(0.95, 2 * count + 2) / 2 / years)


def fleet_null(seeds: Sequence[int], cities: int) -> tuple[int, float, float]:
    """Fleet alarms, years, and the budget a year, where nothing but chance happens."""
    alarms, years = 0, 0.0
    for seed in seeds:
        zones = simulate(cities, 3, seed)
        split = Split("first year fitted", slice(0, YEAR), slice(YEAR, len(zones.load)))
        fitted = Fitted.of(zones, split)
        alarms += int(onsets(fitted.state(split.test)[:, None]).sum())
        years += (split.test.stop - split.test.start) / 8766
    return alarms, years, FleetSettings().budget


def null_row(alarms: int, years: float, budget: float) -> list[Cell]:
    """The row of the fleet's null."""
    low, high = rate_interval(alarms, years)
    what = f"none, simulated: {alarms / years:.2f} alarms a year, budget {budget:g}"
    return [what, None, None, f"{low:.2f} to {high:.2f}", f"{years:.1f} y"]
