"""How high a limit must be for a stated number of false alarms a city-year.

Alarms are counted as people would count them, onset by onset, on the reference. The far tail of a reference
is a handful of storms and unreported drifts, so limits are carried on from levels that many cities passed;
then one factor, found with limits of the other fold, makes all of them together meet the budget.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

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

    def above(self, level: float) -> Evidence:
        """What lies above a level."""
        keep = self.value > level
        return Evidence(self.position[keep], self.value[keep])

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
        left = self
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if left.alarms(middle, release, hold) > alarms:
                low = middle
                left = left.above(release * low)
            else:
                high = middle
        return high


def hold_slots(settings: Settings, per_day: int) -> int:
    """`hold_hours` in slots."""
    return settings.hold_hours * per_day // DAY


class Tail(NamedTuple):
    """The levels of one statistic, as far as they were counted and beyond."""

    yearly: float
    """Passed once a city-year."""
    slope: float
    """Higher for each time as seldom, in logs."""

    def level(self, rate: float) -> float:
        """Passed `rate` times a city-year: yearly + slope · log(1 ÷ rate), an exponential tail."""
        return self.yearly + self.slope * math.log(1 / rate)


def tail_of(values: Floats, years: float, settings: Settings, per_day: int) -> Tail:
    """The tail of gated values (S, N), of `years` city-years.

    slope = (level at ½ a year − level at 4 a year) ÷ log 8, and at least 2 % of the yearly level.
    """
    evidence, hold = Evidence.of(values), hold_slots(settings, per_day)
    often, yearly, seldom = (
        evidence.level_for(alarms * years, settings.release, hold) for alarms in (OFTEN, YEARLY, SELDOM)
    )
    return Tail(yearly, max((seldom - often) / math.log(OFTEN / SELDOM), LEAST_TAIL * yearly))


def rate_of(channel: str, settings: Settings) -> float:
    """Alarms a city-year that one window of a channel may give: its share of the budget, twice, since windows
    and channels alarm together.
    """
    return 2 * settings.budget * settings.shares.of(channel) / settings.shares.total / len(settings.windows)


@dataclass(frozen=True, slots=True, eq=False)
class Tails:
    """The tail of every channel and window, and what makes their limits meet a budget together."""

    of: Mapping[ChannelWindow, Tail]
    factor: float

    def limits(self, settings: Settings) -> dict[ChannelWindow, float]:
        """The limit of every statistic at the settings' budget and shares."""
        return {key: tail.level(rate_of(key[0], settings)) * self.factor for key, tail in self.of.items()}


def fit_tails(
    values: Mapping[ChannelWindow, Floats], even: Flags, settings: Settings, per_day: int, years: float
) -> Tails:
    """Of gated values (S, N), with the rows (S,) of the even fold.

    Each statistic gets its share of the budget; then one factor meets `aim` × budget. The factor is found
    with each fold held against limits of the other, so that the optimism of choosing limits is paid for.
    """
    tails: dict[ChannelWindow, Tail] = {}
    largest = np.zeros(next(iter(values.values())).shape, np.float32)
    for key, value in values.items():
        rate = rate_of(key[0], settings)
        tails[key] = tail_of(value, years, settings, per_day)
        of_even, of_odd = (
            tail_of(np.where(fold[:, None], value, 0), years * float(fold.mean()), settings, per_day).level(
                rate
            )
            for fold in (even, ~even)
        )
        np.maximum(largest, value / np.where(even, of_odd, of_even)[:, None].astype(np.float32), out=largest)
    alarms = settings.aim * settings.budget * years
    factor = Evidence.of(largest).level_for(alarms, settings.release, hold_slots(settings, per_day))
    return Tails(tails, factor)
