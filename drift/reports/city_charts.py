"""What the charts of a city's page draw: the forecast, its error, and where the error lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np

from drift.domain import Floats, Grid, Window
from drift.reports.book import Book, style_of, versions_of
from drift.reports.chart import Axis, Bars, Line, Panel, Stretch, TimeChart, axis_of, axis_of_days, highest
from drift.reports.city_faults import FaultRun
from drift.reports.city_where import Lately, heats_of, intervals_of, regimes_of
from drift.reports.local import LocalTimes
from drift.reports.normal import is_calibrated, normal_size
from drift.reports.profile import by_hour, daily, wape
from drift.reports.shown import percent, readable, significant
from drift.reports.spans import about
from drift.reports.thirds import Thirds

BEFORE = timedelta(days=14)
MOST_CELLS = 6000  # 20 days of 5-minute values; more would make the page heavy and the lines no clearer


def recent(book: Book) -> slice:
    """The cells drawn hour by hour: the current window and two weeks before it, as far as there are data."""
    end = book.run.current.end
    cells = book.pairs.grid.cut(Window(book.run.current.start - BEFORE, end))
    return slice(max(cells.start, cells.stop - MOST_CELLS), cells.stop)


def panels_of(
    book: Book, c: int, part: Lately, faults: Sequence[FaultRun], thirds: Mapping[str, Thirds]
) -> tuple[Panel, ...]:
    """The charts of a city, in the order of the page."""
    city = book.pairs.cities[c]
    cells, times = recent(book), book.local(city)
    axis = axis_of(times.cut(cells), book.run.current)
    marks = [fault for fault in faults if fault.end > book.run.current.start - BEFORE]
    versions = range(len(book.pairs.model_versions))
    panels = [_forecast(book, c, v, cells, axis, marks) for v in versions]
    panels += [_error(book, c, cells, axis, marks), _daily(book, c, times), *intervals_of(book, c, times)]
    panels += [*heats_of(book, c, times, part), _hours(book, c, times), *regimes_of(book, c, thirds, part)]
    if book.pairs.bands:
        panels.append(_bands(book, c))
    return tuple(panels)


def _marked(faults: Sequence[FaultRun], version: str | None = None) -> tuple[Stretch, ...]:
    """Faults of the actuals and of one model version, or of all."""
    return tuple(fault.stretch() for fault in faults if version is None or fault.version in (None, version))


def _forecast(book: Book, c: int, v: int, cells: slice, axis: Axis, faults: Sequence[FaultRun]) -> Panel:
    city, version = book.pairs.cities[c], book.pairs.model_versions[v]
    judged = book.pairs.judged
    actual, predicted = book.pairs.actual[c, cells], judged.predicted[v, c, cells]
    bounds: dict[str, Floats | None] = {"low": None, "high": None}
    legend = [("actual", "actual"), (f"predicted by {readable(version)}", style_of(v))]
    if judged.lower is not None and judged.upper is not None:
        low, high = (book.whole(ends[v, c])[cells] for ends in (judged.lower, judged.upper))
        bounds = {"low": low, "high": high}
        legend.append((f"{100 * book.config.accuracy.interval_level:g} % interval", f"{style_of(v)} band"))
    lines = (Line(version, style_of(v), predicted, **bounds), Line("actual", "actual", actual))
    spans = tuple(about(book.marks, city, version))
    alt = f"Forecast of {readable(version)} against the actual, {_extent(actual, book.unit)}."
    marks = _marked(faults, version)
    legend += [("data fault", "fault")] if marks else []
    chart = TimeChart("recent", "load", lines, spans, alt, faults=marks)
    title = f"Forecast against actual: {readable(version)}"
    return Panel(f"forecast-{v}", title, "", chart, tuple(legend), (("recent", axis),))


def _extent(values: Floats, unit: str) -> str:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "which has no values here"
    return (
        f"which lies between {significant(float(finite.min()))} and {significant(float(finite.max()))} {unit}"
    )


def _error(book: Book, c: int, cells: slice, axis: Axis, faults: Sequence[FaultRun]) -> Panel:
    city, versions = book.pairs.cities[c], book.pairs.model_versions
    lines = []
    for v, name in enumerate(versions):
        usual = normal_size(book, v, np.array([c]), cells)[0]
        lines.append(Line(name, style_of(v), book.error[v, c, cells], -usual, usual))
    words = "; ".join(f"{readable(line.name)}: {_extent(line.values, book.unit)}" for line in lines)
    alt = f"Error over time, with what is normal. {words}."
    spans = tuple(about(book.marks, city))
    chart = TimeChart(
        "recent", "load", tuple(lines), spans, alt, zero=True, usual=True, faults=_marked(faults)
    )
    fitted = any(is_calibrated(book, v, c) for v in range(len(versions)))
    source = "for the hour, weekday and season" if fitted else "here: the median day of the reference"
    caption = (
        "Predicted − actual: above zero is over-forecast, below it under-forecast. "
        f"Band: ± the error that is normal {source}."
    )
    title = "Error, hour by hour" if _hourly(book.pairs.grid) else "Error"
    return Panel("error", title, caption, chart, versions_of(book), (("recent", axis),))


def _hourly(grid: Grid) -> bool:
    return grid.step == timedelta(hours=1)


def _daily(book: Book, c: int, times: LocalTimes) -> Panel:
    city = book.pairs.cities[c]
    values = daily(
        book.error[:, c],
        book.pairs.actual[c],
        book.floor[c : c + 1],
        times,
        book.config.accuracy.min_coverage,
    )
    lines = tuple(Line(n, style_of(v), values[v]) for v, n in enumerate(book.pairs.model_versions))
    limit = _limit(book, city)
    words = "; ".join(f"{readable(line.name)} {_highest_day(line.values)}" for line in lines)
    chart = TimeChart(
        "days", "fraction", lines, tuple(about(book.marks, city)), f"Daily WAPE. {words}.", limit=limit
    )
    caption = "WAPE of each local day: the share of the load that was forecast wrongly; accuracy is 1 − WAPE."
    axis = axis_of_days(times, book.run.current)
    return Panel("daily", "Error, day by day", caption, chart, versions_of(book), (("days", axis),))


def _highest_day(values: Floats) -> str:
    return f"at most {percent(float(np.nanmax(values)))}" if np.isfinite(values).any() else "has no values"


def _limit(book: Book, city: str) -> float | None:
    """The WAPE at which the city's accuracy rule is breached; None where versions differ or none is set."""
    limits = {
        1 - verdict.threshold.limit
        for version in book.pairs.model_versions
        for verdict in book.figures.verdicts.get((version, city), ())
        if verdict.name == "accuracy" and verdict.threshold.side == "below" and verdict.key.horizon is None
    }
    return limits.pop() if len(limits) == 1 else None


def _hours(book: Book, c: int, times: LocalTimes) -> Panel:
    actual, floor = book.pairs.actual[c], float(book.floor[c])
    names = book.pairs.model_versions
    found = [
        by_hour(book.error[v, c], actual, floor, times, book.current, book.reference)
        for v in range(len(names))
    ]
    labels = tuple(f"{hour:02d}" for hour in range(24))
    words = "; ".join(
        f"{readable(n)} {highest([f'{h}:00' for h in labels], f.current)}"
        for n, f in zip(names, found, strict=True)
    )
    bars = Bars(
        labels,
        tuple(readable(name) for name in names),
        tuple(f.current for f in found),
        tuple(f.reference for f in found),
        f"WAPE by local hour of the day, current window. {words}.",
        "local hour of the day",
    )
    caption = "Bars: WAPE in the current window. Marks: WAPE in the reference."
    return Panel("hours", "Error by hour of the day", caption, bars, versions_of(book))


def _bands(book: Book, c: int) -> Panel:
    actual, floor = book.pairs.actual[c], float(book.floor[c])
    names = book.pairs.model_versions
    parts = []
    for v in range(len(names)):
        errors = [book.whole(band.predicted[v, c]) - actual for band in book.pairs.bands.values()]
        parts.append(
            [np.array([wape(e[s], actual[s], floor) for e in errors]) for s in (book.current, book.reference)]
        )
    labels = tuple(readable(label, 16) for label in book.pairs.bands)
    words = "; ".join(
        f"{readable(n)} {highest(labels, part[0])}" for n, part in zip(names, parts, strict=True)
    )
    bars = Bars(
        labels,
        tuple(readable(name) for name in names),
        tuple(part[0] for part in parts),
        tuple(part[1] for part in parts),
        f"WAPE by horizon band, current window. {words}.",
        "horizon band",
    )
    caption = "How far ahead the forecast was made. Bars: current window. Marks: reference."
    return Panel("bands", "Error by horizon", caption, bars, versions_of(book))
