"""The scores of blocks of cities become a fleet's panels: cities one after the other, then all pooled.

Blocks are evaluated apart, by threads here or executors elsewhere, so that a large fleet needs little
memory. Only what the pooled figures need of a block is kept: the hours of its current window.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from drift.domain import Floats, Panel, Series, Undefined
from drift.engines.base import Scores
from drift.evaluate import Evaluation, Scored, VersionScores, evaluate_block
from drift.metrics.base import Sample
from drift.timeline import Arrivals, Forecast, Pairs
from drift.windows import Windows


def evaluate(pairs: Pairs, windows: Windows, how: Evaluation) -> tuple[Panel, ...]:
    """All measurements of a slot: a panel of metrics and a panel of statistics for each model version."""
    return combine([evaluate_block(pairs, windows, how)], pairs.cities, how)


def combine(
    blocks: Iterable[Iterable[VersionScores]], cities: Iterable[str], how: Evaluation
) -> tuple[Panel, ...]:
    """The panels of a fleet from the scores of its blocks.

    A city that no model version forecasts is listed, without a value, under every one.
    """
    by_version: dict[str, list[VersionScores]] = {}
    for block in blocks:
        for scores in block:
            by_version.setdefault(scores.model_version, []).append(scores)
    forecast = {city for parts in by_version.values() for part in parts for city in part.cities}
    silent = tuple(city for city in cities if city not in forecast)
    panels: list[Panel] = []
    for version, parts in sorted(by_version.items()):
        panels.append(_metric_panel(version, parts, silent, how))
        panels.append(_statistic_panel(version, parts, silent, how))
    return tuple(panels)


def _metric_panel(
    version: str, parts: Sequence[VersionScores], silent: tuple[str, ...], how: Evaluation
) -> Panel:
    cities = (*(city for part in parts for city in part.cities), *silent)
    series: list[Series] = []
    scores: list[Scores] = []
    for horizon in parts[0].metrics:
        scored = [part.metrics[horizon] for part in parts]
        if horizon is not None and not any(part.expected.any() for part in scored):
            continue  # no issue of the window lies in this band
        nothing = _nothing(len(silent), len(how.metrics), Undefined.NO_PAIRS)
        scores += [*(part.scores for part in scored), nothing, _pool(scored, how)]
        series += [Series(version, city, horizon) for city in (*cities, None)]
    rows = _join(scores)
    return Panel(
        kind="metric",
        series=tuple(series),
        columns=(None,),
        names=tuple(how.metrics),
        value=rows.value[:, np.newaxis, :],
        reason=rows.reason[:, np.newaxis, :],
        n=rows.n[:, np.newaxis],
        coverage=rows.coverage[:, np.newaxis],
    )


def _statistic_panel(
    version: str, parts: Sequence[VersionScores], silent: tuple[str, ...], how: Evaluation
) -> Panel:
    nothing = _nothing(len(silent), len(how.statistics), Undefined.NO_CURRENT)
    columns = {name: _join([*(part.columns[name] for part in parts), nothing]) for name in parts[0].columns}
    scores = list(columns.values())
    return Panel(
        kind="statistic",
        series=tuple(Series(version, c) for c in (*(c for part in parts for c in part.cities), *silent)),
        columns=tuple(columns),
        names=tuple(how.statistics),
        value=np.stack([s.value for s in scores], axis=1),
        reason=np.stack([s.reason for s in scores], axis=1),
        n=np.stack([s.n for s in scores], axis=1),
        coverage=np.stack([s.coverage for s in scores], axis=1),
    )


def _pool(parts: Sequence[Scored], how: Evaluation) -> Scores:
    """All cities as one series: each hour of each city counts once, with its own city's floor and scale."""
    samples = [part.sample for part in parts]
    sample = replace(
        samples[0],
        actual=_end_to_end(samples, [s.actual for s in samples]),
        predicted=_end_to_end(samples, [s.predicted for s in samples]),
        lower=_if_all(samples, [s.lower for s in samples]),
        upper=_if_all(samples, [s.upper for s in samples]),
        naive=_if_all(samples, [s.naive for s in samples]),
        floor=_end_to_end(samples, [s.floor for s in samples]),
        scale=_end_to_end(samples, [s.scale for s in samples]),
    )
    expected = np.array([sum(int(part.expected.sum()) for part in parts)])
    return how.kernel.score(sample, expected, how.accuracy.min_coverage, list(how.metrics.values()))


def _if_all(samples: Sequence[Sample], values: Sequence[Floats | None]) -> Floats | None:
    given = [value for value in values if value is not None]
    return _end_to_end(samples, given) if len(given) == len(values) else None


def _end_to_end(samples: Sequence[Sample], values: Sequence[Floats | float]) -> Floats:
    """One series of all hours; what is given by city is spread over the city's hours."""
    spread = (np.broadcast_to(v, s.actual.shape) for s, v in zip(samples, values, strict=True))
    return np.concatenate([v.reshape(1, -1) for v in spread], axis=1)


def _join(parts: Sequence[Scores]) -> Scores:
    """The same names of one series after the other."""
    return Scores(
        value=np.concatenate([part.value for part in parts]),
        reason=np.concatenate([part.reason for part in parts]),
        n=np.concatenate([part.n for part in parts]),
        coverage=np.concatenate([part.coverage for part in parts]),
    )


def _nothing(series: int, names: int, reason: Undefined) -> Scores:
    """So many series without a value, all for one reason."""
    return Scores(
        value=np.full((series, names), np.nan),
        reason=np.full((series, names), reason, dtype=np.uint8),
        n=np.zeros(series, dtype=np.int64),
        coverage=np.zeros(series),
    )


def join(blocks: Sequence[Pairs]) -> Pairs:
    """The pairs of blocks of cities, all of one grid, one block after the other.

    A model version that a block lacks has no prediction there; a band that has none at all is left out.
    """
    versions = tuple(sorted({version for block in blocks for version in block.model_versions}))
    bands = {
        label: _stack(blocks, [block.bands[label] for block in blocks], versions) for label in blocks[0].bands
    }
    return Pairs(
        grid=blocks[0].grid,
        cities=tuple(city for block in blocks for city in block.cities),
        model_versions=versions,
        actual=np.concatenate([block.actual for block in blocks]),
        judged=_stack(blocks, [block.judged for block in blocks], versions),
        bands={label: band for label, band in bands.items() if not np.isnan(band.predicted).all()},
        features={
            name: np.concatenate([block.features[name] for block in blocks]) for name in blocks[0].features
        },
        arrivals=_arrivals(blocks),
    )


def _arrivals(blocks: Sequence[Pairs]) -> Arrivals | None:
    """When the actuals of all blocks came; None where one does not say it."""
    given = [block.arrivals for block in blocks if block.arrivals is not None]
    if len(given) < len(blocks):
        return None
    return Arrivals(
        np.concatenate([each.delay for each in given]), np.concatenate([each.revised for each in given])
    )


def _stack(blocks: Sequence[Pairs], forecasts: Sequence[Forecast], versions: Sequence[str]) -> Forecast:
    """The forecasts of blocks as one, with every version in every block."""

    def whole(block: Pairs, values: Floats) -> Floats:
        if block.model_versions == tuple(versions):
            return values
        spread = np.full((len(versions), *values.shape[1:]), np.nan, dtype=values.dtype)
        spread[[versions.index(version) for version in block.model_versions]] = values
        return spread

    def column(name: str) -> Floats | None:
        given = [getattr(forecast, name) for forecast in forecasts]
        if any(values is None for values in given):
            return None
        return np.concatenate([whole(b, v) for b, v in zip(blocks, given, strict=True)], axis=1)

    predicted = column("predicted")
    if predicted is None:
        raise ValueError("a forecast has predictions")
    return Forecast(predicted, column("lower"), column("upper"))
