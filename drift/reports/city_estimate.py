"""The hours without actuals on a city's page: the forecast with the error that is to be expected of it.

A panel of its own with a time axis of its own, so that nobody takes it for a measurement: its words say how
the bounds have held in the past.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from drift.domain import Grid
from drift.estimate_panel import EstimatePanel, Said
from drift.reports.book import Book, style_of
from drift.reports.chart import Line, Panel, TimeChart, axis_of
from drift.reports.local import local_times
from drift.reports.shown import percent, readable


def estimates_of(book: Book, city: str) -> Iterator[Panel]:
    """A panel for each model version of which something is expected in the city."""
    for panel in book.run.estimates:
        if not isinstance(panel, EstimatePanel):
            continue
        said = {each.what.name: each for each in panel.said() if each.what.series.city == city}
        wape = said.get("estimated_wape")
        if (
            wape is not None
            and wape.what.value is not None
            and wape.low is not None
            and wape.high is not None
        ):
            yield _panel(book, panel, city, wape)


def _panel(book: Book, panel: EstimatePanel, city: str, wape: Said) -> Panel:
    version = panel.series[0].model_version
    row = [series.city for series in panel.series].index(city)
    expected, predicted = panel.expected[row], panel.predicted[row]
    some = np.flatnonzero(np.isfinite(expected))
    cells = slice(int(some[0]), int(some[-1]) + 1)
    grid = Grid(panel.hours.start + cells.start * panel.step, panel.step, cells.stop - cells.start)
    v = book.pairs.model_versions.index(version) if version in book.pairs.model_versions else 0
    drawn = np.where(np.isfinite(expected), predicted, np.nan)[cells]
    line = Line(version, style_of(v), drawn, drawn - expected[cells], drawn + expected[cells])
    name = f"ahead-{v}"
    words = words_of(wape)
    return Panel(
        f"estimate-{v}",
        f"Not measured yet: {readable(version)}",
        words,
        TimeChart(name, "load", (line,), (), f"Hours without actuals. {words}"),
        (
            (f"predicted by {readable(version)}", style_of(v)),
            ("± the error to expect", f"{style_of(v)} band"),
        ),
        ((name, axis_of(local_times(grid, book.config.zone_of(city)), book.run.current)),),
    )


def words_of(wape: Said) -> str:
    """What is expected, how sure that is, and how it has held."""
    value, low, high = (percent(float(each or 0.0)) for each in (wape.what.value, wape.low, wape.high))
    held = ""
    if wape.within is not None and wape.windows:
        held = f" Of {wape.windows:,} past windows, {percent(wape.within)} came to lie between such bounds."
    return (
        f"Estimate, not a measurement: {wape.what.n:,} hours have a prediction and no actual. A WAPE of "
        f"{value} is expected, between {low} and {high}: bounds that are to hold "
        f"{100 * wape.level:g} %.{held}"
    )
