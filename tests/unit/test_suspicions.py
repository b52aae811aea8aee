"""Mistakes of a mapping, made on purpose: each is found, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.domain import Grid
from drift.suspicions import HOUR, loaded_at_once, moved, nights, thousands, troughs

DAYS = 56
GRID = Grid(datetime(2026, 1, 5, tzinfo=UTC), HOUR, DAYS * 24)


def load(cities: int, seed: int = 3, grid: Grid = GRID, zone_hours: float = 0.0) -> np.ndarray:
    """A day of two peaks, lowest at 03:30 by the city's clock, with a tenth of noise."""
    rng = np.random.default_rng(seed)
    hour = (np.arange(grid.count) * (grid.step / HOUR) + 0.5 * (grid.step / HOUR) + zone_hours) % 24
    shape = 2 - np.cos((hour - 3.5) * np.pi / 12) + 0.3 * np.cos((hour - 8) * np.pi / 6)
    level = rng.uniform(10, 3000, (cities, 1))
    return level * shape * np.exp(rng.normal(0, 0.02, (cities, grid.count)))


def forecast(actual: np.ndarray, seed: int = 5) -> np.ndarray:
    return actual * np.exp(np.random.default_rng(seed).normal(0.03, 0.03, actual.shape))


@given(st.integers(-11, 12))
def test_every_move_of_a_whole_table_is_found(steps):
    actual = load(4)
    found = moved(np.roll(forecast(actual), steps, axis=1), actual, HOUR)
    assert found.most == steps
    if abs(steps) > 1:  # an hour of a city alone takes a shape with sharper edges to be sure of
        assert np.all(found.steps == steps)


def test_a_city_alone_is_not_the_table():
    actual = load(5)
    predicted = forecast(actual)
    predicted[2] = np.roll(predicted[2], -2)
    found = moved(predicted, actual, HOUR)
    assert found.most == 0
    assert found.steps.tolist() == [0, 0, -2, 0, 0]


def test_a_quarter_of_an_hour_is_found_in_quarter_hours():
    step = timedelta(minutes=15)
    grid = Grid(GRID.start, step, DAYS * 96)
    actual = load(3, grid=grid)
    assert moved(np.roll(forecast(actual), 4, axis=1), actual, step).most == 4
    assert moved(forecast(actual), actual, step).most == 0


def test_neither_level_nor_unit_nor_noise_is_a_move():
    actual = load(4)
    noisy = actual * 1000 * np.exp(np.random.default_rng(1).normal(0.5, 0.2, actual.shape))
    assert moved(noisy, actual, HOUR).most == 0


def test_a_week_says_nothing():
    actual = load(2)[:, : 24 * 6]
    found = moved(np.roll(actual, 1, axis=1), actual, HOUR)
    assert found.most == 0
    assert np.isnan(found.steps).all()


@pytest.mark.parametrize("hours", [-9, -6, -5, 5, 6, 8, 10])
def test_local_time_written_as_utc_has_no_night(hours):
    zones = [f"Etc/GMT{-hours:+d}"] * 4
    right, wrong = load(4, zone_hours=hours), load(4)
    assert not nights(right, GRID, zones).wrong.any()
    assert nights(wrong, GRID, zones).wrong.all()


def test_most_cities_of_a_zone_have_the_word():
    night_work = np.roll(load(1, seed=9), 12, axis=1)
    assert not nights(np.concatenate([load(4), night_work]), GRID, ["UTC"] * 5).wrong.any()


def test_what_has_no_shape_has_no_night():
    flat = np.full((1, GRID.count), 40.0)
    assert np.isnan(nights(flat, GRID, ["UTC"]).hours).all()
    assert troughs(np.full(24, np.nan)) == []
    assert nights(np.full((1, GRID.count), np.nan), GRID, ["UTC"]).wrong.tolist() == [False]


@pytest.mark.parametrize(("factor", "power"), [(1000, 1), (0.001, -1), (1e6, 2), (3, 0), (100, 0), (0.0, 0)])
def test_a_unit_is_a_thousand_and_nothing_else_is(factor, power):
    actual = load(2)
    assert thousands(actual * factor, actual).tolist() == [power, power]


def test_a_bulk_load_is_told_from_a_daily_delivery():
    hour = 3_600_000_000
    target = np.arange(28 * 24) * hour
    daily = (target // (24 * hour) + 1) * 24 * hour
    assert loaded_at_once(daily, target) is None
    assert loaded_at_once(np.where(target < 20 * 24 * hour, 700 * hour, daily), target) == 700 * hour
    assert loaded_at_once(target[:0], target[:0]) is None


# the real thing


@pytest.fixture(scope="module")
def zones_of_eia(shared_data):
    table = pq.read_table(shared_data / "eia930_dev_sample.parquet").to_pandas()
    table["timestamp"] -= timedelta(hours=1)
    every = {"actual", "forecast"}
    return {c: table.pivot_table(index="timestamp", columns="zone", values=c, dropna=False) for c in every}


WHERE = {
    "EPE": "Denver",
    "ERCO": "Chicago",
    "LDWP": "Los_Angeles",
    "SCL": "Los_Angeles",
    "TPWR": "Los_Angeles",
}


@pytest.mark.data
def test_the_zones_of_eia_are_above_suspicion_and_an_hour_between_their_tables_is_not(zones_of_eia):
    actual, predicted = zones_of_eia["actual"], zones_of_eia["forecast"]
    zones = [f"America/{WHERE.get(city, 'New_York')}" for city in actual.columns]
    looked = 0
    for start in range(0, len(actual) - DAYS * 24, DAYS * 24):
        rows = slice(start, start + DAYS * 24)
        theirs, ours = actual.to_numpy()[rows].T, predicted.to_numpy()[rows].T
        grid = Grid(actual.index[start].to_pydatetime(), HOUR, DAYS * 24)
        as_it_is = moved(ours, theirs, HOUR)
        assert as_it_is.most == 0
        assert not np.nan_to_num(as_it_is.steps).any()
        assert not nights(theirs, grid, zones).wrong.any()
        assert not thousands(ours, theirs).any()
        assert moved(np.roll(ours, 1, axis=1), theirs, HOUR).most == 1
        assert moved(np.roll(ours, -1, axis=1), theirs, HOUR).most == -1
        assert moved(ours, np.roll(theirs, -6, axis=1), HOUR).most == 6
        looked += 1
    assert looked >= 8


@pytest.mark.data
def test_pjm_published_its_forecasts_an_hour_early_and_is_named_alone(shared_data):
    """From February 2019 on: the one zone of 29 whose hours are wrong as published."""
    table = pq.read_table(
        shared_data / "eia930_dev.parquet", columns=["zone", "timestamp", "actual", "forecast"]
    )
    wide = table.to_pandas().pivot_table(index="timestamp", columns="zone", values=["actual", "forecast"])
    wide = wide.loc["2020-01-01":"2020-02-25"]
    found = moved(wide["forecast"].to_numpy().T, wide["actual"].to_numpy().T, HOUR)
    assert found.most == 0
    assert {c: s for c, s in zip(wide["actual"].columns, found.steps, strict=True) if s and s == s} == {
        "PJM": -1
    }
