"""Day-ahead forecasts whose error is nothing but chance: what a budget of false alarms is held against.

Why: real series drift unreported, so alarms on them are no measure of false ones. How: temperature in six
weather regions, a load that answers to heat and cold, an error with days of persistence, volatility that
comes and goes, heavy tails, hard holidays and about two storms a city-year; no change of regime.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.data import DAY, YEAR, Array, Zones, cleaned

FIRST = np.datetime64("2021-01-01T00", "h")
HOLIDAYS = ((1, 1), (5, 30), (7, 4), (9, 5), (11, 25), (12, 24), (12, 25))
REGIONS = 6


def wander(memory: float, rows: int, series: int, rng: np.random.Generator) -> Array:
    """(rows, series) AR(1) of unit variance."""
    out = rng.standard_normal((rows, series))
    out[1:] *= np.sqrt(1 - memory**2)
    for row in range(1, rows):
        out[row] += memory * out[row - 1]
    return out


def daily(values: Array) -> Array:
    """A row a day as a row an hour."""
    return np.repeat(values, DAY, axis=0)


def simulate(cities: int, years: int, seed: int) -> Zones:
    """The null: cities on UTC for so many years."""
    rng = np.random.default_rng(seed)
    rows, days = YEAR * years, 365 * years
    stamps = FIRST + np.arange(rows)
    day = stamps.astype("datetime64[D]")
    hour = (stamps - day).astype(int)[:, None]
    day_of_year = (day - day.astype("datetime64[Y]")).astype(int)[:, None] + 1
    region = rng.integers(0, REGIONS, cities)
    synoptic = 4 * wander(0.75, days, REGIONS, rng)[:, region] + 1.5 * wander(0.6, days, cities, rng)
    season = rng.uniform(7, 13, cities) * np.cos(2 * np.pi * (day_of_year - 200) / 365.25)
    temperature = rng.uniform(8, 18, cities) + season + 4 * np.cos(2 * np.pi * (hour - 15) / DAY)
    temperature = temperature + daily(synoptic) + 0.8 * wander(0.9, rows, cities, rng)
    cold, warm = np.clip(15 - temperature, 0, None), np.clip(temperature - 20, 0, None)
    per_cold, per_warm = rng.uniform(0.008, 0.02, cities), rng.uniform(0.015, 0.035, cities)
    weekend = ((day.astype(int) + 3) % 7 >= 5)[:, None]
    shape = 1 + 0.18 * np.sin(2 * np.pi * (hour - 9) / DAY) + 0.08 * np.sin(4 * np.pi * (hour - 7) / DAY)
    load = rng.uniform(100, 3000, cities) * (shape - 0.08 * weekend) * (1 + per_cold * cold + per_warm * warm)
    load = load * (1 + 0.01 * wander(0.9, rows, cities, rng))
    weather = 0.7 * wander(0.35, days, REGIONS, rng)[:, region] + 0.7 * wander(0.3, days, cities, rng)
    error = 0.88 * daily(weather) * (per_cold * (cold > 0) + per_warm * (warm > 0))
    error = error + own_error(days, cities, hour, rng)
    error = with_storms(error + on_holidays(stamps, cities, rng), years, rng)
    return cleaned(
        [f"simulated {n}" for n in range(cities)], load * (1 + error), load, FIRST, ["UTC"] * cities
    )


def own_error(days: int, cities: int, hour: Array, rng: np.random.Generator) -> Array:
    """(H, N) what weather does not explain: it persists, has heavy tails, and its volatility is uneven."""
    volatile = np.exp(daily(0.22 * wander(0.8, days, cities, rng) + 0.10 * wander(0.97, days, cities, rng)))
    parts = daily(0.55 * wander(0.75, days, cities, rng)) + wander(0.88, days * DAY, cities, rng)
    parts = parts + 0.35 * rng.standard_t(5, (days * DAY, cities))
    shape = 1 + 0.25 * np.sin(2 * np.pi * (hour - 10) / DAY)
    return rng.uniform(0.010, 0.022, cities) * volatile * parts * shape


def on_holidays(stamps: NDArray[np.datetime64], cities: int, rng: np.random.Generator) -> Array:
    """(H, N) an error of its own on every holiday, zero elsewhere."""
    month = stamps.astype("datetime64[M]")
    number = month.astype(int) % 12 + 1
    of_month = (stamps.astype("datetime64[D]") - month).astype(int) + 1
    free = np.any([(number == m) & (of_month == d) for m, d in HOLIDAYS], axis=0)[:, None]
    return free * daily(rng.normal(0, 0.05, (len(stamps) // DAY, cities)))


def with_storms(error: Array, years: int, rng: np.random.Generator) -> Array:
    """The error with about two storms a city-year: × 3 to 5 for 8 to 24 hours."""
    out = error.copy()
    for city in range(error.shape[1]):
        for start in rng.integers(0, len(error) - 48, rng.poisson(2 * years)):
            out[start : start + int(rng.integers(8, DAY)), city] *= rng.uniform(3, 5)
    return out
