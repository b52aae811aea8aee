"""False alarms against their budget, on simulated forecasts in which nothing but chance happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.detection.data import STEP, YEAR, Array, Split
from benchmarks.detection.judging import SLOTS_A_DAY
from benchmarks.detection.profile import fit_profile
from benchmarks.detection.simulated import simulate
from benchmarks.record import Cell
from drift.detectors import Settings, firing, onsets

YEARS = 3
COLUMNS = ("simulated null", "alarms ÷ budget", "90 % interval", "by seed", "alarms", "city-years")


@dataclass(frozen=True)
class Null:
    """Alarms and city-years by seed, at one budget a city-year."""

    budget: float
    alarms: Array
    years: Array

    @property
    def ratio(self) -> float:
        """Alarms ÷ budget, of all seeds."""
        return float(self.alarms.sum() / self.years.sum() / self.budget)

    @property
    def interval(self) -> tuple[float, float]:
        """The 90 % interval of the ratio: Student's over seeds, or, of one seed, Poisson's."""
        from scipy.stats import chi2, t

        each = self.alarms / self.years / self.budget
        if len(each) > 1:
            half = float(t.ppf(0.95, len(each) - 1) * each.std(ddof=1) / np.sqrt(len(each)))
            return max(self.ratio - half, 0.0), self.ratio + half
        count = float(self.alarms[0])
        ends = (chi2.ppf(0.05, 2 * count) / 2 if count else 0.0, chi2.ppf(0.95, 2 * count + 2) / 2)
        low, high = (float(end / self.years[0] / self.budget) for end in ends)
        return low, high

    def row(self) -> list[Cell]:
        """The row of the table."""
        each = self.alarms / self.years / self.budget
        low, high = self.interval
        seeds = f"{each.min():.2f} to {each.max():.2f} over {len(each)}"
        total = (int(self.alarms.sum()), float(self.years.sum()))
        return [f"budget {self.budget:g} a city-year", self.ratio, f"{low:.2f} to {high:.2f}", seeds, *total]


def null(seeds: Sequence[int], cities: int, budgets: Sequence[float] = (0.5, 1.0)) -> list[Null]:
    """The first year of each world fitted, the other two judged; limits are of the same cities."""
    counts = np.zeros((len(budgets), len(seeds), 2))
    for number, seed in enumerate(seeds):
        zones = simulate(cities, YEARS, seed)
        split = Split("first year fitted", slice(0, YEAR), slice(YEAR, len(zones.load)))
        for place, budget in enumerate(budgets):
            fitted = fit_profile(zones, split, np.arange(cities), Settings(budget=budget), halves=False)
            state = firing(fitted.scores[split.test.start // STEP :], fitted.release, SLOTS_A_DAY)
            counts[place, number] = onsets(state).sum(), zones.years(split.test).sum()
    return [Null(budget, found[:, 0], found[:, 1]) for budget, found in zip(budgets, counts, strict=True)]
