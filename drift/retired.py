"""PURE. Model versions that others have replaced: they are judged no more, and their alerts resolve.

A model version that was shut down stays in the history for months, and everything of it is missing. In a city
it is retired once another one has forecast that city for `notify.retire_after` beyond its own last target
time, wherever that was. So what only looks alike is none:

* the only model version of a city falls silent, or all of them do: nobody goes on, so that is an outage;
* one is silent in some cities only: its last target time is another city's, so that is a gap;
* a shadow version stops by fault: until `retire_after` is over, people hear of missing data.

All of that follows from the hours that were read: a model version that comes back is judged again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple, TypeAlias

import numpy as np

from drift.domain import Floats, Panel, Undefined
from drift.timeline import Timeline
from drift.windows import Windows

Forecast: TypeAlias = tuple[str, str | None]
"""A model version in a city, or in all of them (None), at whatever horizon."""


class Silence(NamedTuple):
    """For how many cells up to the end of the history each model version has not forecast each city; infinite
    where it has no prediction in it. Axes `model versions × cities`.
    """

    model_versions: tuple[str, ...]
    cities: tuple[str, ...]
    cells: Floats

    @classmethod
    def join(cls, parts: Sequence[Silence]) -> Silence:
        """Of blocks of cities; a model version that a block lacks has no prediction there."""
        versions = tuple(sorted({version for part in parts for version in part.model_versions}))
        cells = np.full((len(versions), sum(len(part.cities) for part in parts)), np.inf)
        start = 0
        for part in parts:
            rows = [versions.index(version) for version in part.model_versions]
            cells[rows, start : start + len(part.cities)] = part.cells
            start += len(part.cities)
        return cls(versions, tuple(city for part in parts for city in part.cities), cells)


def silences(timeline: Timeline, slots: Iterable[Windows]) -> Iterator[Silence]:
    """Of each slot in turn, which ascend: every cell is looked at once."""
    predicted = timeline.judged.predicted
    last, seen = np.full(predicted.shape[:2], -1), 0
    for windows in slots:
        history = timeline.grid.cut(windows.history)
        fresh = predicted[..., max(seen, history.start) : history.stop]
        seen = history.stop
        if fresh.size:
            there = ~np.isnan(fresh[..., -1:])
            there = there if there.all() else ~np.isnan(fresh)  # usually all have one at the end
            latest = seen - 1 - np.argmax(there[..., ::-1], axis=-1)
            last = np.where(there.any(axis=-1), latest, last)
        cells = np.where(last >= history.start, float(seen) - 1 - last, np.inf)
        yield Silence(timeline.model_versions, timeline.cities, cells)


def retired(silence: Silence, after: int) -> frozenset[Forecast]:
    """Who is retired where, if another forecasts for `after` cells without it; with the city None: wherever
    the model version has a prediction.

    >>> cells = np.array([[9.0, 9.0, 9.0], [0.0, 2.0, np.inf]])  # nobody else forecasts C
    >>> sorted(retired(Silence(("old", "new"), ("A", "B", "C"), cells), after=8))
    [('old', 'A')]
    """
    cells = silence.cells
    if not cells.size:
        return frozenset()
    there = np.isfinite(cells)
    shortest, others = cells.min(axis=1)[:, None], cells.min(axis=0)
    gone = there & (shortest >= others + after)
    found: set[Forecast] = {
        (silence.model_versions[v], silence.cities[c]) for v, c in np.argwhere(gone).tolist()
    }
    whole = np.flatnonzero(there.any(axis=1) & (gone == there).all(axis=1))
    return frozenset(found | {(silence.model_versions[v], None) for v in whole})


def cells_until(retire_after: timedelta, windows: Windows, step: timedelta) -> int:
    """The length as cells; at least the current window, in which a retired version has no prediction."""
    return -(-max(retire_after, windows.current.length) // step)


def retire(panels: Sequence[Panel], gone: frozenset[Forecast]) -> tuple[Panel, ...]:
    """The panels, in which nothing of who is `gone` has a value: it was retired, and that is the reason."""
    return tuple(_retire(panel, gone) for panel in panels) if gone else tuple(panels)


def _retire(panel: Panel, gone: frozenset[Forecast]) -> Panel:
    rows = [s for s, series in enumerate(panel.series) if (series.model_version, series.city) in gone]
    if not rows:
        return panel
    value, reason = panel.value.copy(), panel.reason.copy()
    value[rows], reason[rows] = np.nan, Undefined.RETIRED
    return replace(panel, value=value, reason=reason)
