"""Pairs of a block of cities become scores: metrics by city and horizon band, statistics by city and column.

`fleet.py` makes a fleet's measurements of them.

Statistics are not pooled over cities: a sample that mixes a city of 60 GW with one of 80 MW says which
cities had data, not whether anything drifted. How many cities drift is the fleet's figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.config import AccuracyConfig, StatisticsConfig
from drift.domain import Codes, Floats
from drift.engines.base import DriftLimits, Kernel, Scores
from drift.engines.kernel import choose
from drift.metrics import Metric, seasonal_scale
from drift.metrics.base import Sample
from drift.place import Placed, written
from drift.quality import SOUND
from drift.statistics import Statistic
from drift.statistics.base import Reference
from drift.timeline import Cells, Forecast, Pairs, anywhere
from drift.unfit import Now, Zones, unfit_now
from drift.windows import Windows

Rows: TypeAlias = NDArray[np.intp]

ACTUAL, PREDICTED, ERROR = "actual", "predicted", "error"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What to measure and how: the two tables and the config's numbers."""

    metrics: Mapping[str, Metric]
    statistics: Mapping[str, Statistic]
    accuracy: AccuracyConfig
    drift: StatisticsConfig
    kernel: Kernel = field(default_factory=choose)
    zones: Zones = field(default_factory=Zones)

    @property
    def limits(self) -> DriftLimits:
        """The kernel's own form of the config."""
        return DriftLimits(
            bins=self.drift.bins,
            share_floor=self.drift.share_floor,
            min_reference=self.drift.min_reference,
            min_coverage=self.accuracy.min_coverage,
        )


@dataclass(frozen=True, slots=True)
class Scored:
    """The metrics of a version's cities at one horizon; the sample is kept for the pooled figures."""

    scores: Scores
    sample: Sample
    expected: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class VersionScores:
    """What one model version scored in the cities of a block that it forecasts.

    `metrics` by horizon band (None: the horizon that is judged), `columns` by data column.
    """

    model_version: str
    cities: tuple[str, ...]
    metrics: Mapping[str | None, Scored]
    columns: Mapping[str, Scores]


def evaluate_block(
    pairs: Pairs,
    windows: Windows,
    how: Evaluation,
    references: Sequence[Prepared] | None = None,
    scale: Floats | None = None,
    unfit: Codes | None = None,
) -> tuple[VersionScores, ...]:
    """The scores of a block of whole cities: what a fleet is made of, block by block, on any engine.

    `references` are those that `prepare` would give, `scale` that of `scale_of` and `unfit` the codes of
    `unfit_of`, where they are at hand.
    """
    scales = scales_of(pairs, windows, how.accuracy, scale)
    actual = Cells.of_window(pairs.grid, windows.current).of(pairs.actual)
    if how.accuracy.leave_out_faults:
        actual = without(actual, unfit_of(pairs, windows, how).codes if unfit is None else unfit)
    drifts = _drift(pairs, windows, how, prepare(pairs, windows, how) if references is None else references)
    versions = range(len(pairs.model_versions))
    found = (_version(v, pairs, windows, actual, scales, drifts, how) for v in versions)
    return tuple(scores for scores in found if scores is not None)


def unfit_of(pairs: Pairs, windows: Windows, how: Evaluation) -> Now:
    """What of the actuals of the current window is unfit to judge a forecast by, as the slot knows it."""
    return unfit_now(pairs.actual, pairs.grid, how.zones.of(pairs.cities), windows.current)


def without(actual: Floats, unfit: Codes) -> Floats:
    """The actuals that are fit; NaN elsewhere."""
    return np.where(unfit == SOUND, actual, np.nan) if unfit.any() else actual


def _version(
    v: int,
    pairs: Pairs,
    windows: Windows,
    actual: Floats,
    scales: Scales,
    drifts: Mapping[Column, Scores],
    how: Evaluation,
) -> VersionScores | None:
    rows = np.flatnonzero(anywhere(pairs.judged.predicted[v]))
    for band in pairs.bands.values() if len(rows) < len(pairs.cities) else ():
        rows = np.union1d(rows, np.flatnonzero(anywhere(band.predicted[v])))
    if not rows.size:
        return None
    return VersionScores(
        model_version=pairs.model_versions[v],
        cities=tuple(pairs.cities[row] for row in rows),
        metrics=_metrics(v, rows, pairs, windows, actual[rows], scales, how),
        columns={column.name: rows_of(drifts[column], rows) for column in own_columns(pairs, v)},
    )


@dataclass(frozen=True, slots=True)
class Scales:
    """What errors are held against: all `(cities, 1)` but `naive`, `(cities, times of the window)`."""

    floor: Floats
    scale: Floats
    naive: Floats

    def of(self, rows: Rows) -> Scales:
        """Those of some of the cities."""
        return Scales(self.floor[rows], self.scale[rows], self.naive[rows])


def scale_of(pairs: Pairs, windows: Windows, accuracy: AccuracyConfig) -> Floats:
    """The seasonal-naive error of each city in the reference."""
    season = accuracy.season // pairs.grid.step
    reference = pairs.grid.cut(windows.reference)
    return seasonal_scale(pairs.actual[:, max(reference.start - season, 0) : reference.stop], season)


def scales_of(
    pairs: Pairs, windows: Windows, accuracy: AccuracyConfig, scale: Floats | None = None
) -> Scales:
    """What the errors of a slot's current window are held against; `scale` where `scale_of` is at hand."""
    grid, season = pairs.grid, accuracy.season // pairs.grid.step
    scale = scale_of(pairs, windows, accuracy) if scale is None else scale
    current = grid.cut(windows.current)
    naive = pairs.actual[:, max(current.start - season, 0) : max(current.stop - season, 0)]
    return Scales(
        floor=floor_of(pairs.actual[:, grid.cut(windows.floor)], accuracy)[:, np.newaxis],
        scale=scale[:, np.newaxis],
        naive=naive,
    )


def floor_of(actual: Floats, accuracy: AccuracyConfig) -> Floats:
    """Each city's floor: the config's, or its share of the median |actual|; 0 where there is no actual."""
    if accuracy.floor != "auto":
        return np.full(len(actual), accuracy.floor)
    ordered = np.sort(np.abs(actual), axis=1)  # NaN last
    n = (~np.isnan(ordered)).sum(axis=1)
    row = np.arange(len(ordered))
    low = ordered[row, np.maximum(n - 1, 0) // 2].astype(np.float64)
    middle = (low + ordered[row, np.minimum(n // 2, ordered.shape[1] - 1)]) / 2
    return np.where(n > 0, accuracy.floor_share * middle, 0.0)


def _metrics(
    v: int, rows: Rows, pairs: Pairs, windows: Windows, actual: Floats, scales: Scales, how: Evaluation
) -> dict[str | None, Scored]:
    cells = Cells.of_window(pairs.grid, windows.current)
    found: dict[str | None, Scored] = {}
    forecasts: list[tuple[str | None, Forecast]] = [(None, pairs.judged), *pairs.bands.items()]
    for horizon, forecast in forecasts:
        sample = sample_of(forecast.of(v, rows, cells), actual, scales.of(rows), how.accuracy)
        expected = expected_of(cells.of(forecast.predicted[v])[rows], horizon)
        scores = how.kernel.score(sample, expected, how.accuracy.min_coverage, list(how.metrics.values()))
        found[horizon] = Scored(scores, sample, expected)
    return found


def expected_of(predicted: Floats, horizon: str | None) -> NDArray[np.int64]:
    """The pairs that a window should hold: all its hours, or in a band the hours that it forecasts."""
    if horizon is None:
        return np.full(len(predicted), predicted.shape[1], dtype=np.int64)
    return np.asarray((~np.isnan(predicted)).sum(axis=1), dtype=np.int64)


def sample_of(forecast: Forecast, actual: Floats, scales: Scales, accuracy: AccuracyConfig) -> Sample:
    """The pairs of a block `(cities, hours)`: an hour is NaN in both or in neither."""
    pair = ~(np.isnan(actual) | np.isnan(forecast.predicted))
    return Sample(
        actual=np.where(pair, actual, np.nan).astype(np.float64, copy=False),
        predicted=np.where(pair, forecast.predicted, np.nan).astype(np.float64, copy=False),
        lower=None if forecast.lower is None else forecast.lower.astype(np.float64, copy=False),
        upper=None if forecast.upper is None else forecast.upper.astype(np.float64, copy=False),
        naive=scales.naive.astype(np.float64, copy=False),
        floor=scales.floor,
        scale=scales.scale,
        tolerance=accuracy.tolerance,
        level=accuracy.interval_level,
    )


class Column(NamedTuple):
    """A data column whose drift is measured; what no model made has the model version None."""

    model_version: str | None
    name: str


def own_columns(pairs: Pairs, v: int) -> list[Column]:
    """The columns that a model version is shown with: its own, and those that no model made."""
    version = pairs.model_versions[v]
    own = [Column(None, ACTUAL), Column(version, PREDICTED), Column(version, ERROR)]
    return own + [Column(None, name) for name in (*pairs.features, *pairs.unwritten)]


def columns_of(pairs: Pairs, cells: Cells | None = None) -> dict[Column, Floats | Placed]:
    """Every column's values in the cells (None: in all), `(cities, times)`."""
    cells = cells or Cells(pairs.grid.count, 0)
    actual = cells.of(pairs.actual)
    columns: dict[Column, Floats | Placed] = {Column(None, ACTUAL): actual}
    for v, version in enumerate(pairs.model_versions):
        predicted = cells.of(pairs.judged.predicted[v])
        columns[Column(version, PREDICTED)] = predicted
        # a difference of two numbers of 32 bits need not be one
        columns[Column(version, ERROR)] = np.subtract(predicted, actual, dtype=np.float64)
    columns |= {Column(None, name): cells.of(values) for name, values in pairs.features.items()}
    return columns | {Column(None, name): cells.of_placed(each) for name, each in pairs.unwritten.items()}


class Prepared(NamedTuple):
    """The references of columns of one dtype: of the first column's cities, of the second's …"""

    columns: tuple[Column, ...]
    reference: Reference


def prepare(pairs: Pairs, windows: Windows, how: Evaluation) -> tuple[Prepared, ...]:
    """The reference of every column. Columns of one type go to the kernel as one: a call costs more than
    a city.
    """
    columns = columns_of(pairs, Cells.of_window(pairs.grid, windows.reference))
    return tuple(
        Prepared(
            tuple(group),
            how.kernel.prepare(written(list(group.values())), how.limits.bins, overwrite=True),
        )
        for group in by_type(columns if pairs.model_versions else {})
    )


def _drift(
    pairs: Pairs, windows: Windows, how: Evaluation, references: Sequence[Prepared]
) -> dict[Column, Scores]:
    """The statistics of every column."""
    current = columns_of(pairs, Cells.of_window(pairs.grid, windows.current))
    found: dict[Column, Scores] = {}
    for columns, reference in references:
        values = written([current[column] for column in columns])
        scores = how.kernel.drift(reference, values, how.limits, list(how.statistics.values()))
        size = len(pairs.cities)
        found |= {
            column: rows_of(scores, np.arange(k * size, (k + 1) * size)) for k, column in enumerate(columns)
        }
    return found


def by_type(columns: Mapping[Column, Floats | Placed]) -> list[dict[Column, Floats | Placed]]:
    """The columns in groups of one dtype: 32 bits are sorted in half the time and room of 64."""
    types = dict.fromkeys(values.dtype for values in columns.values())
    return [{c: values for c, values in columns.items() if values.dtype == kind} for kind in types]


def rows_of(scores: Scores, rows: Rows | slice) -> Scores:
    """The scores of some of the series."""
    return Scores(scores.value[rows], scores.reason[rows], scores.n[rows], scores.coverage[rows])
