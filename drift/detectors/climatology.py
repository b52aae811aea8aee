"""What a day of a feature is, and what is normal for that day of the year in that city.

A temperature has its own seasons and its own course of the day in every city. Without both, two cities could
not be compared, and June would be drift from March. How: the 24 hours up to a slot are summed up in three
numbers, the day's aspects: level, and the cosine and sine of the daily wave. The normal of each is an annual
wave.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from drift.detectors.trailing import DAY, Flags, Integers
from drift.domain import Floats

ASPECTS = ("level", "cosine", "sine")
WAVES = 5  # a constant, and cosine and sine once and twice a year
LEAST_DAYS = (0, 150, 150, 300, 300)  # of reference, for each of them
LEAST_HOURS = 16  # of a day
RIDGE = 1e-3  # of the days
Times = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, eq=False)
class Climatology:
    """What is normal for N cities."""

    wave: Floats
    """(3, N, 5) of each aspect, in the feature's unit; 0 for a city without a complete day."""

    def normal(self, ends: Times) -> Floats:
        """(3, N, D) aspects that are normal for the days that end with those hours (D,)."""
        return self.wave @ annual(ends).T

    def cities(self, keep: Integers) -> Climatology:
        """Of some cities."""
        return replace(self, wave=self.wave[:, keep])


def annual(ends: Times) -> Floats:
    """(D, 5) a constant, and cosine and sine of the year's angle, once and twice; no unit.

    >>> annual(np.array(["2021-01-01T23"], "datetime64[h]"))
    array([[1., 1., 0., 1., 0.]])
    """
    day = ends.astype("datetime64[D]")
    angle = 2 * np.pi * (day - day.astype("datetime64[Y]")).astype(np.float64) / 365.25
    return np.column_stack([np.ones(len(ends)), *(f(k * angle) for k in (1, 2) for f in (np.cos, np.sin))])


def carriers(end: np.datetime64) -> Floats:
    """(3, 24) what a day's hours, of which `end` is the last, are multiplied by to give its aspects.

    Level is the mean; cosine and sine are the daily wave's amplitudes by the hour of the day in UTC. A
    constant day of 5 has the aspects 5, 0, 0.

    >>> np.round(carriers(np.datetime64("2021-01-01T23")) @ np.full(24, 5.0), 9) + 0.0
    array([5., 0., 0.])
    """
    last = int((end.astype("datetime64[h]") - end.astype("datetime64[D]")).astype(int))
    angle = 2 * np.pi * ((last + 1 + np.arange(DAY)) % DAY) / DAY
    return np.stack([np.ones(DAY), 2 * np.cos(angle), 2 * np.sin(angle)]) / DAY


def whole_days(values: Floats, times: Times) -> tuple[Floats, Times]:
    """Hours (H, N) cut into days (D, 24, N) back from the last hour, and the hours (D,) that end them."""
    count = len(values) // DAY
    first = len(values) - count * DAY
    return values[first:].reshape(count, DAY, -1), times[first:].reshape(count, DAY)[:, -1]


def day_aspects(days: Floats, ends: Times) -> Floats:
    """(3, N, D) aspects of days (D, 24, N), in the feature's unit; NaN where an hour is missing."""
    if not len(days):
        return np.zeros((len(ASPECTS), days.shape[2], 0))
    return np.ascontiguousarray(np.matmul(carriers(ends[0]), days).transpose(1, 2, 0))


def fit_climatology(aspects: Floats, ends: Times) -> Climatology:
    """Least squares of the aspects (3, N, D) on the annual waves, by city.

    Under 300 days a wave twice a year is left out, under 150 all waves. NaN days are left out.
    """
    design, known = annual(ends), np.isfinite(aspects[0])
    held = np.where(known, aspects, 0.0)
    days = known.sum(axis=1)
    used = days[:, None] >= np.array(LEAST_DAYS)
    square = np.einsum("nd,dw,dv->nwv", known.astype(np.float64), design, design, optimize=True)
    square = np.where(used[:, :, None] & used[:, None, :], square, 0.0)
    diagonal = np.where(used, RIDGE * days[:, None], 1.0) + (days == 0)[:, None]
    diagonal[:, 0] -= RIDGE * days  # the constant is not held back
    moment = np.where(used, held @ design, 0.0)
    wave = np.linalg.solve(square + diagonal[:, :, None] * np.eye(WAVES), moment[..., None])[..., 0]
    return Climatology(wave)


def anomalies(climatology: Climatology, values: Floats, times: Times) -> Floats:
    """(3, N, D) aspects of hours (H, N) less what is normal, for the days back from the last hour.

    A day with 16 to 23 known hours has the others filled with what is normal for them plus how much the known
    ones differ; with fewer it is NaN.
    """
    days, ends = whole_days(values, times)
    normal = climatology.normal(ends)
    found = day_aspects(days, ends) - normal
    short: Flags = np.isnan(found[0])
    if short.any():
        city, day = np.nonzero(short)
        found[:, city, day] = _short_days(days[day, :, city], normal[:, city, day].T, carriers(ends[0])).T
    return found


def _short_days(hours: Floats, normal: Floats, carrier: Floats) -> Floats:
    """(C, 3) anomalies of days (C, 24) with missing hours, whose aspects are normally (C, 3)."""
    wave = carrier * DAY / np.array([[1.0], [2.0], [2.0]])  # 1, cosine, sine of each hour
    away = hours - normal @ wave
    known = np.isfinite(away)
    count = known.sum(axis=1, keepdims=True)
    mean = np.where(known, away, 0.0).sum(axis=1, keepdims=True) / np.maximum(count, 1)
    return np.where(count >= LEAST_HOURS, np.where(known, away, mean) @ carrier.T, np.nan)
