"""How large an error is normal for an hour: by city, weekend, hour of the day and season.

Everything later is relative to this, so that a summer evening is held against summer evenings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from drift.detectors.series import Hours
from drift.detectors.trailing import DAY, Integers, Singles, known_mean, over_known, trailing_mean
from drift.domain import Floats
from drift.values import quiet

CELLS = 48  # weekend or not × hour of the day
PRIOR_HOURS = 60.0  # weight of the city's mean in each cell
CAP_QUANTILE = 0.99  # of a city's errors: one fault does not draw a profile
LEAST_DAYS = 150  # of data for an annual wave


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedSize:
    """Expected |error| of an hour: level × shape[weekend, hour] × exp(season · annual wave)."""

    level: Floats
    """(N,) fraction of the actual."""
    shape: Floats
    """(48, N) about 1; the row is 24 × weekend + local hour."""
    season: Floats
    """(2, N) cosine and sine, in logs."""

    def expected(self, hours: Hours, at: Integers | None = None) -> Singles:
        """(H, N) fraction of the actual; NaN for a city that had no usable hour. `at`: `positions(hours)`."""
        table = (self.level * self.shape).astype(np.float32)
        days, which = np.unique(hours.day_of_year, return_inverse=True)
        wave = np.exp(annual_wave(days) @ self.season).astype(np.float32)
        size: Singles = np.take(table, positions(hours) if at is None else at)
        size *= wave[which]
        return size

    def cities(self, keep: Integers) -> ExpectedSize:
        """Of some cities."""
        return ExpectedSize(self.level[keep], self.shape[:, keep], self.season[:, keep])

    @classmethod
    def join(cls, sizes: Sequence[ExpectedSize]) -> ExpectedSize:
        """Of blocks of cities, in their order."""
        return cls(
            np.concatenate([size.level for size in sizes]),
            np.concatenate([size.shape for size in sizes], axis=1),
            np.concatenate([size.season for size in sizes], axis=1),
        )

    def with_level(self, level: Floats) -> ExpectedSize:
        """The same shape and season around another level."""
        return replace(self, level=level)


def cell(hours: Hours) -> Integers:
    """(H, N) 24 × weekend + local hour: the row of `ExpectedSize.shape`."""
    return hours.weekend * DAY + hours.hour


def positions(hours: Hours) -> Integers:
    """(H, N) where each hour's cell stands in a flattened (48, N) table."""
    cities = hours.hour.shape[1]
    at: Integers = cell(hours).astype(np.intp) * cities + np.arange(cities)
    return at


def annual_wave(day_of_year: Integers) -> Floats:
    """(H, 2) cosine and sine of the year's angle.

    >>> annual_wave(np.array([0]))
    array([[1., 0.]])
    """
    angle = 2 * np.pi * np.asarray(day_of_year) / 365.25
    return np.column_stack([np.cos(angle), np.sin(angle)])


@quiet
def fit_expected(size: Floats, hours: Hours, season_share: float) -> ExpectedSize:
    """Fit to `size` (H, N), which is |error| or |innovation| as a fraction; NaN for hours that are left out.

    level = the city's mean; shape = the mean of each cell ÷ the mean, shrunk to 1 with the weight of 60
    hours, values capped at the city's 99 % quantile; season = `season_share` of an annual wave in the daily
    log size. A city without a finite value gets a NaN level and shape, and so no score.
    """
    level = known_mean(size)
    capped = np.minimum(size, over_known(_cap, size))
    shape = _fit_shape(capped, cell(hours))
    relative = size / (level * np.take_along_axis(shape, cell(hours), axis=0))
    daily = np.log(np.maximum(trailing_mean(relative, DAY, 14), 1e-3))[DAY - 1 :: DAY]
    season = season_share * fit_wave(daily, annual_wave(hours.day_of_year[DAY - 1 :: DAY]))
    return ExpectedSize(level, shape, season)


def _cap(size: Floats, axis: int) -> Floats:
    cap: Floats = np.nanquantile(size, CAP_QUANTILE, axis=axis)
    return cap


def _fit_shape(size: Floats, cells: Integers) -> Floats:
    mean = known_mean(size)
    shape = np.ones((CELLS, size.shape[1]))
    for city in range(size.shape[1]):
        known = np.isfinite(size[:, city])
        count = np.bincount(cells[known, city], minlength=CELLS)
        total = np.bincount(cells[known, city], weights=size[known, city], minlength=CELLS)
        shape[:, city] = (total + mean[city] * PRIOR_HOURS) / (count + PRIOR_HOURS) / mean[city]
    return shape


def fit_wave(daily: Floats, wave: Floats, least_days: int = LEAST_DAYS) -> Floats:
    """(2, N) least squares of `daily` (D, N), log sizes, on the annual wave (D, 2), beside a constant.

    NaN days are left out; zero for a city with fewer than `least_days` days.
    """
    season = np.zeros((2, daily.shape[1]))
    for city in range(daily.shape[1]):
        known = np.isfinite(daily[:, city])
        if known.sum() >= least_days:
            design = np.column_stack([np.ones(known.sum()), wave[known]])
            season[:, city] = np.linalg.lstsq(design, daily[known, city], rcond=None)[0][1:]
    return season
