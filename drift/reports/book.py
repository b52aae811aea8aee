"""All that the pages of one slot are made from, prepared once and shared by them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from drift.config import Config
from drift.delays import Delay, delays_of
from drift.domain import Floats, Run, Series, Transition, Window
from drift.reports.figures import Figures, figures_of
from drift.reports.local import LocalTimes, local_times
from drift.reports.normal import cells_a_day, usual_shares
from drift.reports.profile import floors
from drift.reports.shown import Notes, Shown, readable
from drift.reports.spans import Span, alert_spans, onset_spans
from drift.timeline import Pairs, from_start

if TYPE_CHECKING:
    from drift.detectors.calibration import Calibration
    from drift.reports.health import Health


@dataclass(frozen=True)
class Book:
    """A run with its pairs and its alert history.

    `error` is predicted − actual `(model versions, cities, times)`; `floor` one a city; `current` and
    `reference` the cells of the windows; `times` the grid on the clock of each zone that a city has, and of
    the config's; `calibration` what the detectors take for normal, where there are any.
    """

    run: Run
    pairs: Pairs
    config: Config
    figures: Figures
    transitions: tuple[Transition, ...]
    spans: list[Span]
    error: Floats
    floor: Floats
    current: slice
    reference: slice
    times: dict[str, LocalTimes]
    calibration: Calibration | None = None

    @property
    def unit(self) -> str:
        """The unit of load."""
        return self.config.store.unit

    @cached_property
    def usual(self) -> Floats:
        """(model versions, cities) the usual share of the load that is forecast wrongly, in the reference."""
        error, actual = self.error[..., self.reference], self.pairs.actual[:, self.reference]
        return usual_shares(error, actual, self.floor, cells_a_day(self.pairs.grid.step))

    @cached_property
    def health(self) -> Health:
        """Six weeks of every model version in every city; made once, and shared by the pages."""
        from drift.reports.health import health_of

        return health_of(self)

    @cached_property
    def delays(self) -> dict[str, Delay]:
        """How old the newest actual of a city is, and usually is; of cities whose habit is known."""
        return delays_of(self.run.actuals_delay_s, self.run.actuals_expected_delay_s)

    @cached_property
    def marks(self) -> list[Span]:
        """The spans of the alerts, with those since the onset of what fires still."""
        from drift.reports.said import onsets_of

        return [*onset_spans(self.spans, onsets_of(self)), *self.spans]

    def whole(self, values: Floats) -> Floats:
        """Values that end with the grid, from its start on: NaN where they had not begun."""
        return from_start(values, self.pairs.grid.count)

    def local(self, city: str) -> LocalTimes:
        """The grid on the city's clock."""
        return self.times[self.config.zone_of(city)]

    def metric(self, notes: Notes, name: str, series: Series) -> Shown:
        """A metric as people read it."""
        from drift.metrics import METRICS

        metric = METRICS.get(name)
        unit = metric.unit if metric is not None else "ratio"
        signed = metric is not None and metric.better == "zero"
        return notes.show(self.figures.metric(name, series), unit, load_unit=self.unit, signed=signed)


def book_of(
    run: Run,
    pairs: Pairs,
    transitions: Iterable[Transition],
    config: Config,
    calibration: Calibration | None = None,
) -> Book:
    """The book of one slot. Transitions of the run itself count, whether the history holds them or not."""
    history = {(t.key, t.at, t.after): t for t in (*transitions, *run.transitions)}
    seen = tuple(sorted(history.values(), key=lambda t: t.at, reverse=True))
    zones = {config.timezone, *(config.zone_of(city) for city in pairs.cities)}
    return Book(
        run=run,
        pairs=pairs,
        config=config,
        figures=figures_of(run),
        transitions=tuple(t for t in seen if t.at <= run.slot),
        spans=alert_spans(seen, run.alerts, run.slot),
        error=pairs.judged.predicted - pairs.actual,
        floor=floors(
            pairs, config.accuracy, Window(run.current.end - config.accuracy.floor_window, run.current.end)
        ),
        current=pairs.grid.cut(run.current),
        reference=pairs.grid.cut(run.reference),
        times={zone: local_times(pairs.grid, zone) for zone in zones},
        calibration=calibration,
    )


def lean(error: Floats, actual: Floats) -> float:
    """Σ error ÷ Σ |actual| over the pairs: bias as a share of the load; NaN without a pair."""
    pair = np.isfinite(error)
    size = float(np.abs(actual[pair]).sum())
    return float(error[pair].sum()) / size if size > 0 else float("nan")


def lean_word(share: float) -> str:
    """Which way a forecast leans; nothing below half a percent.

    >>> lean_word(0.02), lean_word(-0.02), lean_word(0.001)
    ('over-forecast', 'under-forecast', '')
    """
    if not abs(share) >= 0.005:
        return ""
    return "over-forecast" if share > 0 else "under-forecast"


def style_of(v: int) -> str:
    """The class that a model version is drawn in.

    >>> style_of(0), style_of(7)
    ('m0', 'm1')
    """
    return f"m{v % 6}"


def versions_of(book: Book) -> tuple[tuple[str, str], ...]:
    """A legend of the model versions: name and style."""
    return tuple((readable(name), style_of(v)) for v, name in enumerate(book.pairs.model_versions))
