"""Many slots at once: the measurements of each, by windows that move over one timeline.

A replay of years asks for tens of thousands of slots whose windows differ by an hour. So the hours of many
slots are scored in one call, as if each slot's cities were series of their own, and the kernel rolls the
sorted reference forward instead of sorting it anew. The figures are those of slot after slot: the same
functions on the same values. Where actuals became available one by one, each slot knew another past, and
slots are evaluated one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from drift.domain import Floats, Grid, Panel, Series, Window
from drift.engines.base import Cuts, Scores
from drift.evaluate import (
    Column,
    Evaluation,
    Scales,
    columns_of,
    expected_of,
    own_columns,
    rows_of,
    sample_of,
    scales_of,
    unfit_of,
    without,
)
from drift.fleet import evaluate
from drift.metrics.base import Sample
from drift.place import Placed, written
from drift.timeline import Forecast, Pairs, Timeline
from drift.unfit import MEMORY, unfit
from drift.windows import Windows

CELLS = 2_000_000
"""So many hours of cities are scored in one call: enough to make the call cheap, few enough for memory."""
SLOTS = 1_000
"""No more slots than these at once, so that one thread can roll while another judges."""


def evaluate_slots(
    timeline: Timeline, slots: Sequence[Windows], how: Evaluation, workers: int | None = None
) -> Iterator[tuple[Panel, ...]]:
    """The panels of each slot in turn, as `evaluate` gives them; all slots have windows of one length."""
    if not timeline.settled or not timeline.model_versions:
        for windows in slots:
            yield evaluate(timeline.at(windows), windows, how)
        return
    cells = timeline.grid.cut(slots[0].current)
    size = min(SLOTS, max(1, CELLS // max((cells.stop - cells.start) * len(timeline.cities), 1)))
    chunks = [_Chunk(timeline, slots[first : first + size], how) for first in range(0, len(slots), size)]
    with ThreadPoolExecutor(workers, thread_name_prefix="drift-replay") as pool:
        # the compiled kernel leaves the interpreter free: it rolls the next chunk while this one is judged
        ahead = [(chunk, chunk.roll(pool)) for chunk in chunks[:2]]
        for following in (*chunks[2:], None, None):
            if not ahead:
                return
            chunk, rolling = ahead.pop(0)
            yield from chunk.panels({column: future.result() for column, future in rolling.items()})
            if following is not None:
                ahead.append((following, following.roll(pool)))


@dataclass(frozen=True)
class _Chunk:
    """Some slots that follow each other; arrays have an axis for the slot before the cities'."""

    timeline: Timeline
    slots: Sequence[Windows]
    how: Evaluation

    def roll(self, pool: Executor) -> dict[Column, Future[Scores]]:
        """The statistics of every column, being worked on."""
        columns = columns_of(self._pairs())
        return {column: pool.submit(self._roll, values) for column, values in columns.items()}

    def panels(self, drifts: Mapping[Column, Scores]) -> Iterator[tuple[Panel, ...]]:
        """The panels of each slot."""
        everything = self._pairs()
        scales = self._scales()
        versions = range(len(everything.model_versions))
        metrics = [self._metrics(v, everything, scales) for v in versions]
        names = [own_columns(everything, v) for v in versions]
        forecast = self._forecast()
        for k, windows in enumerate(self.slots):
            if not forecast[k]:  # some model version has no row for some city: rare, and told apart there
                yield evaluate(self.timeline.at(windows), windows, self.how)
                continue
            yield tuple(
                panel
                for v in versions
                for panel in (
                    self._metric_panel(v, k, metrics[v]),
                    self._statistic_panel(v, k, names[v], drifts),
                )
            )

    def _forecast(self) -> NDArray[np.bool_]:
        """The slots in whose history every model version forecasts every city."""
        t = self.timeline
        there = ~np.isnan(t.judged.predicted)
        for band in t.bands.values():
            there |= ~np.isnan(band.predicted)
        so_far = np.concatenate(
            [np.zeros((*there.shape[:2], 1), dtype=np.int32), there.cumsum(axis=2, dtype=np.int32)], axis=2
        )
        cuts = self._cuts([windows.history for windows in self.slots])
        return np.asarray((so_far[..., cuts[:, 1]] > so_far[..., cuts[:, 0]]).all(axis=(0, 1)))

    def _pairs(self) -> Pairs:
        t = self.timeline
        actual = t.revisions[0].value
        return Pairs(t.grid, t.cities, t.model_versions, actual, t.judged, t.bands, t.features)

    def _current(self, values: Floats, back: int = 0) -> Floats:
        """The current windows of `(cities, times)`, `back` cells earlier: `(slots × cities, hours)`."""
        cells = [self.timeline.grid.cut(windows.current) for windows in self.slots]
        starts = np.array([cell.start for cell in cells]) - back
        hours = cells[0].stop - cells[0].start
        return sliding_window_view(values, hours, axis=1)[:, starts].swapaxes(0, 1).reshape(-1, hours)

    def _scales(self) -> Scales:
        pairs, accuracy = self._pairs(), self.how.accuracy
        season = accuracy.season // self.timeline.grid.step
        found = [scales_of(pairs, windows, accuracy) for windows in self.slots]
        return Scales(
            floor=np.concatenate([scales.floor for scales in found]),
            scale=np.concatenate([scales.scale for scales in found]),
            naive=self._current(pairs.actual, season),
        )

    def _metrics(self, v: int, pairs: Pairs, scales: Scales) -> dict[str | None, tuple[Scores, Scores]]:
        """By horizon: the scores of each slot's cities, and those of each slot pooled."""
        forecasts: list[tuple[str | None, Forecast]] = [(None, pairs.judged), *pairs.bands.items()]
        actual = self._fit(self._current(pairs.actual))
        least, metrics = self.how.accuracy.min_coverage, list(self.how.metrics.values())
        found: dict[str | None, tuple[Scores, Scores]] = {}
        for horizon, forecast in forecasts:
            current = Forecast(
                self._current(forecast.predicted[v]),
                None if forecast.lower is None else self._current(forecast.lower[v]),
                None if forecast.upper is None else self._current(forecast.upper[v]),
            )
            sample = sample_of(current, actual, scales, self.how.accuracy)
            expected = expected_of(current.predicted, horizon)
            pooled = expected.reshape(len(self.slots), -1).sum(axis=1)
            found[horizon] = (
                self.how.kernel.score(sample, expected, least, metrics),
                self.how.kernel.score(self._pooled(sample), pooled, least, metrics),
            )
        return found

    def _fit(self, actual: Floats) -> Floats:
        """The actuals of each slot `(slots × cities, hours)` without those that it knew to be unfit.

        What was told is worked out once for all slots, where each reads as far back as that looks.
        """
        if not self.how.accuracy.leave_out_faults:
            return actual
        t, cuts = self.timeline, self._cuts([windows.current for windows in self.slots])
        if any(windows.current.start - windows.history.start < MEMORY for windows in self.slots):
            codes = [unfit_of(t.at(windows), windows, self.how).codes for windows in self.slots]
            return without(actual, np.concatenate(codes))
        begin = int(cuts[0, 0]) - MEMORY // t.grid.step
        grid = Grid(t.grid.start + begin * t.grid.step, t.grid.step, int(cuts[-1, 1]) - begin)
        values = t.revisions[0].value[:, begin : cuts[-1, 1]]
        first = int(cuts[0, 0]) - begin
        known = unfit(values, grid, self.how.zones.of(t.cities), first)
        return without(actual, np.concatenate([known.within(slice(*(cut - begin)), first) for cut in cuts]))

    def _pooled(self, sample: Sample) -> Sample:
        """Each slot's cities as one series."""

        def flat(values: Floats | float | None) -> Floats | None:
            if values is None:
                return None
            return np.broadcast_to(values, sample.actual.shape).reshape(len(self.slots), -1)

        return replace(
            sample,
            **{  # type: ignore[arg-type]  # only optional arrays are None
                name: flat(getattr(sample, name))
                for name in ("actual", "predicted", "lower", "upper", "naive", "floor", "scale")
            },
        )

    def _roll(self, values: Floats | Placed) -> Scores:
        return self.how.kernel.roll(
            written([values]) if isinstance(values, Placed) else values,
            self._cuts([windows.reference for windows in self.slots]),
            self._cuts([windows.current for windows in self.slots]),
            self.how.limits,
            list(self.how.statistics.values()),
        )

    def _cuts(self, windows: Sequence[Window]) -> Cuts:
        cells = [self.timeline.grid.cut(window) for window in windows]
        return np.array([(cell.start, cell.stop) for cell in cells], dtype=np.int64)

    def _metric_panel(self, v: int, k: int, metrics: Mapping[str | None, tuple[Scores, Scores]]) -> Panel:
        cities, version = self.timeline.cities, self.timeline.model_versions[v]
        rows = slice(k * len(cities), (k + 1) * len(cities))
        parts: list[Scores] = []
        series: list[Series] = []
        for horizon, (by_city, pooled) in metrics.items():
            parts += [rows_of(by_city, rows), rows_of(pooled, slice(k, k + 1))]
            series += [Series(version, city, horizon) for city in (*cities, None)]
        return Panel(
            kind="metric",
            series=tuple(series),
            columns=(None,),
            names=tuple(self.how.metrics),
            value=np.concatenate([p.value for p in parts])[:, np.newaxis, :],
            reason=np.concatenate([p.reason for p in parts])[:, np.newaxis, :],
            n=np.concatenate([p.n for p in parts])[:, np.newaxis],
            coverage=np.concatenate([p.coverage for p in parts])[:, np.newaxis],
        )

    def _statistic_panel(
        self, v: int, k: int, columns: Sequence[Column], drifts: Mapping[Column, Scores]
    ) -> Panel:
        scores = [drifts[column] for column in columns]
        version = self.timeline.model_versions[v]
        return Panel(
            kind="statistic",
            series=tuple(Series(version, city) for city in self.timeline.cities),
            columns=tuple(column.name for column in columns),
            names=tuple(self.how.statistics),
            value=np.stack([s.value[k] for s in scores], axis=1),
            reason=np.stack([s.reason[k] for s in scores], axis=1),
            n=np.stack([s.n[k] for s in scores], axis=1),
            coverage=np.stack([s.coverage[k] for s in scores], axis=1),
        )
