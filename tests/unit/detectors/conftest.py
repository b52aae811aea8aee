"""A small fleet whose truth is known: 12 cities, a reference year and a year after it, errors that persist."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from drift.detectors import (
    Features,
    Hours,
    Limits,
    Scores,
    Series,
    Settings,
    fit,
    score,
    slot_features,
)

YEAR = 365 * 24
CITIES = 12
STEP = 3
PER_DAY = 24 // STEP


@dataclass(frozen=True)
class World:
    """Two years of a fleet, the limits of the first, and what is asked of them in the second."""

    series: Series
    limits: Limits

    def features(self, series: Series) -> Features:
        return slot_features(self.limits, series).rows(slice(STEP - 1, None, STEP))

    def scores(self, series: Series) -> Scores:
        return score(self.limits, self.features(series), PER_DAY)

    def worse(self, rows: slice, city: int | slice, factor: float) -> Series:
        """The same fleet with errors that are so many times as large."""
        predicted = self.series.predicted.copy()
        actual = self.series.actual[rows, city]
        predicted[rows, city] = actual + factor * (predicted[rows, city] - actual)
        return replace(self.series, predicted=predicted)


def calendar(rows: int, cities: int) -> Hours:
    day = np.arange(rows) // 24
    hour = (np.arange(rows)[:, None] + np.arange(cities) % 3) % 24
    weekend = np.repeat((day % 7 >= 5)[:, None], cities, axis=1)
    month = 12 * (day // 365) + np.minimum(day % 365 // 30, 11)
    return Hours(hour, weekend, np.zeros((rows, cities), bool), day % 365 + 1, month)


def persistent(rng: np.random.Generator, rows: int, cities: int, memory: float) -> np.ndarray:
    noise = rng.standard_normal((rows, cities)) * np.sqrt(1 - memory**2)
    for row in range(1, rows):
        noise[row] += memory * noise[row - 1]
    return noise


@pytest.fixture(scope="session")
def series() -> Series:
    rng = np.random.default_rng(4)
    hours = calendar(2 * YEAR, CITIES)
    daily = 1 + 0.2 * np.sin(2 * np.pi * (hours.hour - 9) / 24) - 0.05 * hours.weekend
    actual = 1000 * daily * (1 + 0.04 * persistent(rng, 2 * YEAR, CITIES, 0.98))
    weather = np.exp(0.25 * np.repeat(persistent(rng, 2 * 365, CITIES, 0.7), 24, axis=0))
    error = 0.02 * weather * persistent(rng, 2 * YEAR, CITIES, 0.9)
    return Series(actual, actual * (1 + error), hours)


@pytest.fixture(scope="session")
def reference(series: Series) -> Series:
    return series.rows(slice(0, YEAR))


@pytest.fixture(scope="session")
def world(series: Series, reference: Series) -> World:
    return World(series, fit(reference, Settings()))
