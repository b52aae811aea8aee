"""The fleet over six weeks in two small charts: its accuracy, and how many of its cities are above normal."""

from __future__ import annotations

import numpy as np

from drift.domain import Floats
from drift.reports.book import Book, style_of, versions_of
from drift.reports.chart import Axis, Line, Panel, TimeChart, axis_of_days
from drift.reports.health import DAYS, last_cells
from drift.reports.local import LocalTimes
from drift.reports.shown import percent, readable
from drift.reports.strip import LIMITS

ABOVE = LIMITS[1]
"""Times normal, from which on a city's day is counted as above normal."""


def trends_of(book: Book) -> tuple[Panel, ...]:
    """Both charts, on the clock of the config; none where there is no day."""
    times = book.times[book.config.timezone]
    cells = last_cells(times, book.current.stop, DAYS)
    if cells.start == cells.stop or not book.pairs.model_versions or not book.pairs.cities:
        return ()
    part = times.cut(cells)
    axis = axis_of_days(part, book.run.current)
    return _accuracy(book, cells, part, axis), _above(book, axis)


def _accuracy(book: Book, cells: slice, times: LocalTimes, axis: Axis) -> Panel:
    lines = tuple(
        Line(name, style_of(v), _daily(book, v, cells, times))
        for v, name in enumerate(book.pairs.model_versions)
    )
    words = "; ".join(f"{readable(line.name)} {_lately(line.values)}" for line in lines)
    alt = f"Accuracy of all cities pooled, day by day. {words}."
    spans = tuple(span for span in book.spans if span.key.city is None)
    chart = TimeChart("days", "fraction", lines, spans, alt, low=None)
    caption = "1 − WAPE over all cities, by local day; shaded where an alert over all cities fired."
    return Panel("trend", "Accuracy of the fleet", caption, chart, versions_of(book), (("days", axis),))


def _daily(book: Book, v: int, cells: slice, times: LocalTimes) -> Floats:
    """(days,) the pooled accuracy of each day; NaN for one with too few pairs."""
    error, actual = book.error[v, :, cells], book.pairs.actual[:, cells]
    pair = np.isfinite(error)
    load = np.where(pair, np.maximum(np.abs(actual), book.floor[:, np.newaxis]), 0.0)
    starts = times.day_starts
    wrong = np.add.reduceat(np.where(pair, np.abs(error), 0.0).sum(axis=0), starts)
    size = np.add.reduceat(load.sum(axis=0), starts)
    found = np.add.reduceat(pair.sum(axis=0), starts)
    usual = np.median(found)
    enough = (size > 0) & (found >= book.config.accuracy.min_coverage * usual)
    accuracy: Floats = 1 - np.divide(wrong, size, out=np.full(len(size), np.nan), where=enough)
    return accuracy


def _above(book: Book, axis: Axis) -> Panel:
    """The share of the cities with a figure whose error is at least 1.5 × normal."""
    days = len(axis.seconds)
    lines = []
    for v, name in enumerate(book.pairs.model_versions):
        times = book.health.times[v, :, DAYS - days :]
        known = np.isfinite(times).sum(axis=0)
        above = (times >= ABOVE).sum(axis=0)
        share = np.divide(above, known, out=np.full(days, np.nan), where=known > 0)
        lines.append(Line(name, style_of(v), share))
    words = "; ".join(f"{readable(line.name)} {_lately(line.values)}" for line in lines)
    alt = f"Share of the cities whose error is above {ABOVE} × normal, day by day. {words}."
    chart = TimeChart("days", "fraction", tuple(lines), (), alt)
    caption = f"Share of the cities whose error of the day is {ABOVE} × normal and more."
    title = "Cities above normal"
    return Panel("above", title, caption, chart, versions_of(book), (("days", axis),))


def _lately(values: Floats) -> str:
    known = values[np.isfinite(values)]
    return f"{percent(float(known[-1]))} on the last day" if known.size else "has no values"
