"""How high a limit must be for a stated number of false alarms a city-year.

Alarms are counted as people would count them, onset by onset, on the reference. The far tail of a reference
is a handful of storms and unreported drifts, so limits are carried on from levels that many cities passed;
then one factor, found with limits of the other fold, makes all of them together meet the budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from drift.detectors.features import ChannelWindow
from drift.detectors.settings import Settings
from drift.detectors.trailing import DAY, Flags, Integers
from drift.domain import Floats

HALVINGS = 22
OFTEN, YEARLY, SELDOM = 4.0, 1.0, 0.5  # alarms a city-year
LEAST_TAIL = 0.02  # of the yearly level


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The values above zero of a statistic, by city and row: what alarms are counted on. They are few."""

    position: Integers
    """(E,) increasing: city × 2 rows + row, so that the gap between two cities is longer than any hold."""
    value: Floats
    """(E,)"""

    @classmethod
    def of(cls, values: Floats) -> Evidence:
        """Of values (S, N)."""
        city, row = np.nonzero(values.T > 0)
        return cls(city * (2 * len(values)) + row, values[row, city])

    def alarms(self, level: float, release: float, hold: int) -> int:
        """Onsets at a level: runs above release × level, joined over `hold` slots, that pass the level.

        >>> Evidence.of(np.array([[2.0], [0.0], [0.0], [0.0], [2.0], [1.0]])).alarms(1.5, 0.7, hold=1)
        2
        """
        above = self.value > release * level
        value, position = self.value[above], self.position[above]
        if not len(value):
            return 0
        first = np.concatenate([[0], np.nonzero(np.diff(position) > hold + 1)[0] + 1])
        return int((np.maximum.reduceat(value, first) > level).sum())

    def level_for(self, alarms: float, release: float, hold: int) -> float:
        """The lowest level with at most so many onsets, by bisection from above; 1 without any evidence."""
        if not len(self.value):
            return 1.0
        low, high = float(np.quantile(self.value, 0.5)), float(self.value.max()) * 1.001
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if self.alarms(middle, release, hold) > alarms:
                low = middle
            else:
                high = middle
        return high


def hold_slots(settings: Settings, per_day: int) -> int:
    """`hold_hours` in slots."""
    return settings.hold_hours * per_day // DAY


def tail_level(values: Floats, rate: float, years: float, settings: Settings, per_day: int) -> float:
    """The level of gated values (S, N) that is passed `rate` times a city-year, of `years` city-years.

    yearly + slope · log(1 ÷ rate), with slope = (level at ½ a year − level at 4 a year) ÷ log 8, an
    exponential tail, and at least 2 % of the yearly level.
    """
    evidence, hold = Evidence.of(values), hold_slots(settings, per_day)
    often, yearly, seldom = (
        evidence.level_for(alarms * years, settings.release, hold) for alarms in (OFTEN, YEARLY, SELDOM)
    )
    slope = max((seldom - often) / float(np.log(OFTEN / SELDOM)), LEAST_TAIL * yearly)
    return yearly + slope * float(np.log(1 / rate))


def fit_limits(
    values: Mapping[ChannelWindow, Floats], even: Flags, settings: Settings, per_day: int, years: float
) -> dict[ChannelWindow, float]:
    """The limit of every channel and window, for gated values (S, N) and the rows (S,) of the even fold.

    Each gets its share of the budget; then one factor meets `aim` × budget. The factor is found with each
    fold held against limits of the other, so that the optimism of choosing limits is paid for.
    """
    limits: dict[ChannelWindow, float] = {}
    judged: list[Floats] = []
    for key, value in values.items():
        share = settings.shares.of(key[0])
        rate = 2 * settings.budget * share / settings.shares.total / len(settings.windows)
        limits[key] = tail_level(value, rate, years, settings, per_day)
        of_even, of_odd = (
            tail_level(np.where(fold[:, None], value, 0), rate, years * float(fold.mean()), settings, per_day)
            for fold in (even, ~even)
        )
        judged.append(value.astype(np.float64) / np.where(even, of_odd, of_even)[:, None])
    evidence = Evidence.of(np.max(judged, axis=0))
    alarms = settings.aim * settings.budget * years
    factor = evidence.level_for(alarms, settings.release, hold_slots(settings, per_day))
    return {key: limit * factor for key, limit in limits.items()}
