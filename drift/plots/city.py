"""One city: its forecast beside the actual, its error beside what is normal, and where in the week it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap

from drift.config_text import did_you_mean
from drift.domain import Floats, Window
from drift.errors import ConfigError
from drift.looking import MOMENT
from drift.monitor import Monitor
from drift.plots import base
from drift.plots.base import INK, SOFT, VERSIONS, Plot, shown
from drift.reports.book import Book, book_of
from drift.reports.chart import Heat
from drift.reports.city_where import Lately, heats_of
from drift.reports.normal import is_calibrated, normal_size
from drift.reports.spans import about
from drift.reports.strip import LIMITS

FORTNIGHT = timedelta(days=14)
USUAL, GAP = "#9aa5b1", "#cdd4db"
HEAT = ("#e3ebe6", "#f6dfa6", "#efb04f", "#d8711c", "#9c2f0d")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def open_book(monitor: Monitor, slot: datetime) -> Book:
    """All that the plots of a slot are made from, as it is known now: the run, its pairs, what is normal, and
    the alerts until then. Nothing is written.

    Raises:
        DriftError: nothing can be said of the slot; the text names what is wrong and the remedy.
    """
    found = monitor.find(slot, keep_pairs=True)
    if found.pairs is None:
        raise ConfigError("cities: there is none to look at")
    run = monitor.look(slot)
    first = min(run.reference.start, run.current.start)
    history = monitor.state.transitions(since=first, until=run.slot + MOMENT)
    return book_of(run, found.pairs, history, monitor.config, found.watch.calibration)


def forecast(book: Book, city: str, model_version: str, span: timedelta = FORTNIGHT) -> Plot:
    """The forecast of a city with its interval, the actual, and the spans of the city's alerts on this model
    version, in the last `span` before the end of the current window; load, on the city's clock.

    Raises:
        ConfigError: there is no such city or model version; the nearest one is named.
    """
    view = _View.of(book, city, model_version, span)
    plot, axes = base.new_plot(f"{shown(city)}: forecast of {shown(model_version)} against the actual")
    judged, v, c = book.pairs.judged, view.v, view.c
    actual = axes.plot(view.x, book.pairs.actual[c, view.cells], color=INK, linewidth=1.1)
    predicted = judged.predicted[v, c, view.cells]
    line = axes.plot(view.x, predicted, color=view.colour, linewidth=1.3, linestyle="--")
    entries: list[tuple[Artist, str]] = [(actual[0], "actual"), (line[0], f"predicted by {model_version}")]
    if judged.lower is not None and judged.upper is not None:
        low, high = (book.whole(ends[v, c])[view.cells] for ends in (judged.lower, judged.upper))
        band = axes.fill_between(view.x, low, high, color=view.colour, alpha=0.18, linewidth=0)
        entries.append((band, f"{100 * book.config.accuracy.interval_level:g} % interval"))
    view.finish(axes, "load", entries)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    return plot


def error(book: Book, city: str, model_version: str, span: timedelta = FORTNIGHT) -> Plot:
    """The error of a city, predicted − actual, with the band of ± what is normal, and the spans of the
    alerts. Above zero is over-forecast. Load, on the city's clock.

    Raises:
        ConfigError: there is no such city or model version; the nearest one is named.
    """
    view = _View.of(book, city, model_version, span)
    plot, axes = base.new_plot(f"{shown(city)}: error of {shown(model_version)} against what is normal")
    usual = normal_size(book, view.v, np.array([view.c]), view.cells)[0]
    source = "the hour and season" if is_calibrated(book, view.v, view.c) else "a day of the reference"
    band = axes.fill_between(view.x, -usual, usual, color=USUAL, alpha=0.5, linewidth=0)
    line = axes.plot(view.x, book.error[view.v, view.c, view.cells], color=view.colour, linewidth=1.2)
    axes.axhline(0, color=SOFT, linewidth=0.8)
    entries = [(line[0], f"error of {model_version}"), (band, f"± normal for {source}")]
    view.finish(axes, "predicted − actual", entries)
    return plot


def hours_of_week(book: Book, city: str, model_version: str, span: timedelta = FORTNIGHT) -> Plot:
    """The error ÷ what is normal, by weekday and hour of the day on the city's clock, in the last `span`:
    which hours are worse than usual. Hours without a figure are grey.

    Raises:
        ConfigError: there is no such city or model version; the nearest one is named.
    """
    view = _View.of(book, city, model_version, span)
    charts = [panel.chart for panel in heats_of(book, view.c, book.local(city), Lately(view.cells, ""))]
    times = next(chart.times for v, chart in enumerate(charts) if v == view.v and isinstance(chart, Heat))
    title = f"{shown(city)}: error of {shown(model_version)} ÷ normal, by weekday and hour"
    plot, axes = base.new_plot(title, 2.6)
    colours = ListedColormap(HEAT)
    norm = BoundaryNorm([0, *LIMITS], colours.N, extend="max")
    axes.grid(visible=False)
    axes.set_facecolor(GAP)
    cells = np.ma.masked_invalid(times)
    mesh = axes.pcolormesh(cells, cmap=colours, norm=norm, edgecolors="white", linewidth=0.5)
    axes.invert_yaxis()
    axes.set_yticks(np.arange(7) + 0.5, DAYS)
    axes.set_xticks(np.arange(0, 25, 3))
    base.named(axes, f"hour of the day in {book.config.zone_of(city)}", "")
    bar = plot.colorbar(mesh, ax=axes, spacing="uniform", ticks=LIMITS, pad=0.01)
    bar.ax.set_yticklabels([f"{limit:g} ×" for limit in LIMITS])
    bar.ax.tick_params(colors=SOFT, labelsize=9)
    return plot


@dataclass(frozen=True)
class _View:
    """A stretch of a city's hours under one model version; `x` are their places on a time axis."""

    book: Book
    c: int
    v: int
    cells: slice

    @classmethod
    def of(cls, book: Book, city: str, model_version: str, span: timedelta) -> _View:
        cities, versions = list(book.pairs.cities), list(book.pairs.model_versions)
        if city not in cities:
            raise ConfigError(f"there is no city {city!r}{did_you_mean(city, cities)}")
        if model_version not in versions:
            nearest = did_you_mean(model_version, versions)
            raise ConfigError(f"there is no model version {model_version!r}{nearest}")
        end = book.run.current.end
        cells = book.pairs.grid.cut(Window(end - span, end))
        return cls(book, cities.index(city), versions.index(model_version), cells)

    @cached_property
    def x(self) -> Floats:
        return base.places(self.book.pairs.grid.times(self.cells))

    @property
    def colour(self) -> str:
        return VERSIONS[self.v % len(VERSIONS)]

    def finish(self, axes: Axes, what: str, entries: list[tuple[Artist, str]]) -> None:
        """Alert spans, units, the city's clock, and the legend."""
        city, version = self.book.pairs.cities[self.c], self.book.pairs.model_versions[self.v]
        first, last = base.place(self.book.run.current.end - FORTNIGHT), base.place(self.book.run.current.end)
        if self.x.size:
            first = float(self.x[0])
        marks = base.mark(axes, about(self.book.marks, city, version), first, last)
        axes.set_xlim(first, last)
        base.named(axes, "", f"{what}, {self.book.unit}")
        base.time_axis(axes, self.book.config.zone_of(city))
        base.in_load(axes)
        base.legend(axes, [*entries, *marks])
