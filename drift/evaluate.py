"""Pairs of one slot become its measurements: metrics per city, per horizon band and pooled; statistics
per city and column.

Statistics are not pooled over cities: a sample that mixes a city of 60 GW with one of 80 MW says which
cities had data, not whether anything drifted. How many cities drift is the fleet's figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift.config import AccuracyConfig, StatisticsConfig
from drift.domain import Floats, Panel, Series
from drift.engines.kernel import DriftLimits, Scores, drift, score
from drift.metrics import Metric, seasonal_scale
from drift.metrics.base import Sample
from drift.pairing import Forecast, Pairs
from drift.statistics import Statistic
from drift.windows import Windows

ACTUAL, PREDICTED, ERROR = "actual", "predicted", "error"
BLOCK = 64  # cities that are in memory together, sorted


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What to measure and how: the two tables and the config's numbers."""

    metrics: Mapping[str, Metric]
    statistics: Mapping[str, Statistic]
    accuracy: AccuracyConfig
    drift: StatisticsConfig

    @property
    def limits(self) -> DriftLimits:
        """The kernel's own form of the config."""
        return DriftLimits(
            bins=self.drift.bins,
            share_floor=self.drift.share_floor,
            min_reference=self.drift.min_reference,
            min_coverage=self.accuracy.min_coverage,
        )


def evaluate(pairs: Pairs, windows: Windows, how: Evaluation) -> tuple[Panel, ...]:
    """All measurements of a slot: a panel of metrics and a panel of statistics for each model version."""
    scales = _scales(pairs, windows, how.accuracy)
    drifts = _drift(pairs, windows, how)
    panels: list[Panel] = []
    for v, version in enumerate(pairs.model_versions):
        panels.append(_metrics(version, v, pairs, windows, scales, how))
        panels.append(_statistics(version, pairs.cities, drifts, how))
    return tuple(panels)


@dataclass(frozen=True, slots=True)
class Scales:
    """What errors are held against: all `(cities, 1)` but `naive`, `(cities, times of the window)`."""

    floor: Floats
    scale: Floats
    naive: Floats


def _scales(pairs: Pairs, windows: Windows, accuracy: AccuracyConfig) -> Scales:
    grid, season = pairs.grid, accuracy.season // pairs.grid.step
    reference = grid.cut(windows.reference)
    before = slice(max(reference.start - season, 0), reference.stop)
    current = grid.cut(windows.current)
    naive = pairs.actual[:, max(current.start - season, 0) : max(current.stop - season, 0)]
    return Scales(
        floor=floor_of(pairs.actual[:, grid.cut(windows.floor)], accuracy)[:, np.newaxis],
        scale=seasonal_scale(pairs.actual[:, before], season)[:, np.newaxis],
        naive=naive,
    )


def floor_of(actual: Floats, accuracy: AccuracyConfig) -> Floats:
    """Each city's floor: the config's, or its share of the median |actual|; 0 where there is no actual."""
    if accuracy.floor != "auto":
        return np.full(len(actual), accuracy.floor)
    ordered = np.sort(np.abs(actual), axis=1)  # NaN last
    n = (~np.isnan(ordered)).sum(axis=1)
    row = np.arange(len(ordered))
    middle = (
        ordered[row, np.maximum(n - 1, 0) // 2] + ordered[row, np.minimum(n // 2, ordered.shape[1] - 1)]
    ) / 2
    return np.where(n > 0, accuracy.floor_share * middle, 0.0)


def _metrics(version: str, v: int, pairs: Pairs, windows: Windows, scales: Scales, how: Evaluation) -> Panel:
    cells = pairs.grid.cut(windows.current)
    series: list[Series] = []
    scores: list[Scores] = []
    forecasts: list[tuple[str | None, Forecast]] = [(None, pairs.judged), *pairs.bands.items()]
    for horizon, forecast in forecasts:
        sample = _sample(forecast, v, pairs.actual[:, cells], cells, scales, how.accuracy)
        expected = _expected(forecast.predicted[v][:, cells], horizon)
        scores.append(score(sample, expected, how.accuracy.min_coverage, list(how.metrics.values())))
        series += [Series(version, city, horizon) for city in pairs.cities]
        pooled = expected.sum(keepdims=True)
        scores.append(score(_pooled(sample), pooled, how.accuracy.min_coverage, list(how.metrics.values())))
        series.append(Series(version, None, horizon))
    return Panel(
        kind="metric",
        series=tuple(series),
        columns=(None,),
        names=tuple(how.metrics),
        value=np.concatenate([s.value for s in scores])[:, np.newaxis, :],
        reason=np.concatenate([s.reason for s in scores])[:, np.newaxis, :],
        n=np.concatenate([s.n for s in scores])[:, np.newaxis],
        coverage=np.concatenate([s.coverage for s in scores])[:, np.newaxis],
    )


def _expected(predicted: Floats, horizon: str | None) -> NDArray[np.int64]:
    """The pairs that a window should hold: all its hours, or in a band the hours that it forecasts."""
    if horizon is None:
        return np.full(len(predicted), predicted.shape[1], dtype=np.int64)
    return np.asarray((~np.isnan(predicted)).sum(axis=1), dtype=np.int64)


def _sample(
    forecast: Forecast, v: int, actual: Floats, cells: slice, scales: Scales, accuracy: AccuracyConfig
) -> Sample:
    predicted = forecast.predicted[v][:, cells]
    pair = ~(np.isnan(actual) | np.isnan(predicted))
    return Sample(
        actual=np.where(pair, actual, np.nan),
        predicted=np.where(pair, predicted, np.nan),
        lower=None if forecast.lower is None else forecast.lower[v][:, cells],
        upper=None if forecast.upper is None else forecast.upper[v][:, cells],
        naive=scales.naive,
        floor=scales.floor,
        scale=scales.scale,
        tolerance=accuracy.tolerance,
        level=accuracy.interval_level,
    )


def _pooled(sample: Sample) -> Sample:
    """All cities as one series: each hour of each city counts once, with its own city's floor and scale."""

    def flat(values: Floats | float | None) -> Floats | None:
        return None if values is None else np.broadcast_to(values, sample.actual.shape).reshape(1, -1)

    floor, scale = flat(sample.floor), flat(sample.scale)
    return replace(
        sample,
        actual=sample.actual.reshape(1, -1),
        predicted=sample.predicted.reshape(1, -1),
        lower=flat(sample.lower),
        upper=flat(sample.upper),
        naive=flat(sample.naive),
        floor=0.0 if floor is None else floor,
        scale=np.nan if scale is None else scale,
    )


class Column(NamedTuple):
    """A data column whose drift is measured; what no model made has the model version None."""

    model_version: str | None
    name: str


def _columns(pairs: Pairs) -> dict[Column, Floats]:
    columns = {Column(None, ACTUAL): pairs.actual}
    for v, version in enumerate(pairs.model_versions):
        predicted = pairs.judged.predicted[v]
        columns[Column(version, PREDICTED)] = predicted
        columns[Column(version, ERROR)] = predicted - pairs.actual
    return columns | {Column(None, name): values for name, values in pairs.features.items()}


def _drift(pairs: Pairs, windows: Windows, how: Evaluation) -> dict[Column, Scores]:
    """The statistics of every column, block by block of cities so that a large fleet needs little memory.

    The columns of a block go to the kernel as one, since a call costs more than a city.
    """
    if not pairs.model_versions:
        return {}
    columns = _columns(pairs)
    reference, current = pairs.grid.cut(windows.reference), pairs.grid.cut(windows.current)
    parts: list[Scores] = []
    for first in range(0, len(pairs.cities), BLOCK):
        block = slice(first, first + BLOCK)
        parts.append(
            drift(
                np.concatenate([values[block, reference] for values in columns.values()]),
                np.concatenate([values[block, current] for values in columns.values()]),
                how.limits,
                list(how.statistics.values()),
            )
        )
    return {column: _slice(parts, k, len(columns)) for k, column in enumerate(columns)}


def _slice(parts: list[Scores], k: int, of: int) -> Scores:
    """The k-th of so many columns, from all blocks of cities."""

    def rows(values: NDArray[Any]) -> NDArray[Any]:
        cities = len(values) // of
        return values[k * cities : (k + 1) * cities]

    return Scores(
        *(np.concatenate([rows(getattr(part, name)) for part in parts]) for name in Scores.__slots__)
    )


def _statistics(
    version: str, cities: tuple[str, ...], drifts: Mapping[Column, Scores], how: Evaluation
) -> Panel:
    own = {
        column.name: scores for column, scores in drifts.items() if column.model_version in (None, version)
    }
    scores = list(own.values())
    return Panel(
        kind="statistic",
        series=tuple(Series(version, city) for city in cities),
        columns=tuple(own),
        names=tuple(how.statistics),
        value=np.stack([s.value for s in scores], axis=1),
        reason=np.stack([s.reason for s in scores], axis=1),
        n=np.stack([s.n for s in scores], axis=1),
        coverage=np.stack([s.coverage for s in scores], axis=1),
    )
