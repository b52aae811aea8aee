"""A data set that a drift config reads, as zones: every city of every model version, over all there is."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.detection.data import Array, DataError, Zones, cleaned, gridded
from drift import load_config
from drift.config import Config
from drift.domain import Grid
from drift.pairing import align
from drift.stores import open_store
from drift.timeline import Timeline

HOUR = timedelta(hours=1)


def read_store(path: Path) -> Zones:
    """The zones of a config's store; a city of several model versions is as many zones.

    Predictions are those of the horizon that the config judges, actuals the last that came. Clocks and
    holidays are the config's (`timezone`, `timezones`, `detection.country`, `detection.countries`).

    Raises:
        DriftError: the config or the store cannot be read.
        DataError: there is nothing in it, or it is coarser than an hour.
    """
    config = load_config(path)
    timeline = _timeline(config)
    actual = _last(timeline)
    found = [
        (version, city)
        for version, city in product(range(len(timeline.model_versions)), range(len(timeline.cities)))
        if np.isfinite(timeline.judged.predicted[version, city] + actual[city]).any()
    ]
    if not found:
        raise DataError(f"{path.name}: no hour of any city has both a prediction and an actual")
    predicted = np.stack([timeline.judged.predicted[version, city] for version, city in found], axis=1)
    first, load, forecast = _hourly(timeline.grid, np.stack([actual[c] for _, c in found], axis=1), predicted)
    cities = [timeline.cities[city] for _, city in found]
    several = len(timeline.model_versions) > 1
    names = [
        f"{city}, {timeline.model_versions[version]}" if several else city
        for city, (version, _) in zip(cities, found, strict=True)
    ]
    clocks = [str(config.timezones.get(city, config.timezone)) for city in cities]
    return cleaned(names, forecast, load, first, clocks, [config.country_of(city) for city in cities])


def _timeline(config: Config) -> Timeline:
    store = open_store(config)
    span, cadence = store.span(), store.cadence()
    start = cadence.floor(span.start)
    grid = Grid(start, cadence.step, -((start - span.end) // cadence.step))
    wanted = store.cities() if config.cities == "all" else tuple(config.cities)
    return align(store.read(span, wanted), grid, wanted, config.accuracy)


def _last(timeline: Timeline) -> Array:
    """(cities, times) the latest revision of every actual."""
    known = np.full_like(timeline.revisions[0].value, np.nan)
    for revision in timeline.revisions:
        known = np.where(np.isnan(revision.value), known, revision.value)
    return known


def _hourly(grid: Grid, actual: Array, predicted: Array) -> tuple[np.datetime64, Array, Array]:
    """The grid's values (times, series) by the hour."""
    if grid.step > HOUR:
        raise DataError(f"an interval of {grid.step}: the benchmark needs hourly data, or finer")
    seconds = np.repeat(grid.times().astype(np.int64), actual.shape[1])
    place = np.tile(np.arange(actual.shape[1]), len(actual))
    return gridded(seconds, place, [actual.ravel(), predicted.ravel()], actual.shape[1], ends=False)
