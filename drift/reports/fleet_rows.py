"""The rows of the fleet's table: one a city and model version, the worst first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from drift.domain import Floats, Series, Window
from drift.reports.book import Book, lean, lean_word
from drift.reports.figures import STATES, State
from drift.reports.profile import daily
from drift.reports.shown import Notes, Shown, percent, readable
from drift.reports.spans import about
from drift.reports.sparkline import sparkline

SPARK = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One model version in one city. `rank` sorts the worst first; `spark` is markup made by us."""

    city: str
    label: str
    link: str | None
    model_version: str
    state: State
    rank: int
    accuracy: Shown
    mape: Shown
    bias: Shown
    lean: str
    lean_share: float | None
    coverage: Shown
    drift: Shown
    drift_column: str
    spark: str


def fleet_rows(book: Book, links: Mapping[str, str], notes: Notes) -> tuple[FleetRow, ...]:
    """All rows, worst first; `links` leads from a city to its page, as far as it has one."""
    rows = sorted(_rows(book, links, notes), key=_worst_first)
    return tuple(replace(row, rank=rank) for rank, row in enumerate(rows))


def _worst_first(row: FleetRow) -> tuple[int, float, str, str]:
    accuracy = row.accuracy.value
    return STATES.index(row.state), np.inf if accuracy is None else accuracy, row.city, row.model_version


def _rows(book: Book, links: Mapping[str, str], notes: Notes) -> list[FleetRow]:
    days = _daily(book)
    ends = [float(np.nanquantile(d, 0.98)) for d in days.values() if np.isfinite(d).any()]
    top = max(ends, default=1.0) * 1.1
    return [
        _row(book, c, city, v, links.get(city), days[city][v], top, notes)
        for c, city in enumerate(book.pairs.cities)
        for v in range(len(book.pairs.model_versions))
    ]


def _daily(book: Book) -> dict[str, Floats]:
    """WAPE of each of the last 28 local days, `(model versions, days)` by city; a zone at a time."""
    end = book.run.current.end
    cells = book.pairs.grid.cut(Window(end - SPARK, end))
    days: dict[str, Floats] = {}
    for zone, times in book.times.items():
        here = [c for c, city in enumerate(book.pairs.cities) if book.config.zone_of(city) == zone]
        error = book.error[:, here, cells]
        values = daily(
            error,
            book.pairs.actual[here, cells],
            book.floor[here],
            times.cut(cells),
            book.config.accuracy.min_coverage,
        )
        days |= {book.pairs.cities[c]: values[:, i] for i, c in enumerate(here)}
    return days


def _row(
    book: Book, c: int, city: str, v: int, link: str | None, days: Floats, top: float, notes: Notes
) -> FleetRow:
    version = book.pairs.model_versions[v]
    series = Series(version, city)
    share = lean(book.error[v, c, book.current], book.pairs.actual[c, book.current])
    coverage = book.figures.coverage(series)
    drift, column = _largest_drift(book, series, notes)
    return FleetRow(
        city=city,
        label=readable(city),
        link=link,
        model_version=readable(version),
        state=book.figures.state(version, city),
        rank=0,
        accuracy=book.metric(notes, "accuracy", series),
        mape=book.metric(notes, "mape", series),
        bias=book.metric(notes, "bias", series),
        lean=lean_word(share),
        lean_share=share if np.isfinite(share) else None,
        coverage=notes.dash("not measured in this run")
        if coverage is None
        else Shown(percent(coverage), coverage),
        drift=drift,
        drift_column=column,
        spark=_spark(book, city, version, days, top),
    )


def _largest_drift(book: Book, series: Series, notes: Notes) -> tuple[Shown, str]:
    """PSI of the column that drifts most, and that column."""
    measured = [m for m in book.figures.statistics(series) if m.name == "psi"]
    found = [m for m in measured if m.value is not None]
    if not found:
        return notes.show(measured[0] if measured else None, "ratio", load_unit=book.unit), ""
    worst = max(found, key=lambda m: m.value or 0.0)
    return notes.show(worst, "ratio", load_unit=book.unit), readable(worst.column or "", 24)


def _spark(book: Book, city: str, version: str, days: Floats, top: float) -> str:
    end = book.run.current.end
    first = end - SPARK
    marks = [
        (
            (max(s.start, first) - first) / timedelta(days=1),
            (min(s.end, end) - first) / timedelta(days=1),
            s.level,
        )
        for s in about(book.spans, city, version)
        if s.end > first and s.start < end
    ]
    known = days[np.isfinite(days)]
    words = (
        f"last {percent(float(known[-1]))}, highest {percent(float(known.max()))}"
        if known.size
        else "no values"
    )
    return sparkline(days.tolist(), top, marks, f"daily WAPE of the last four weeks: {words}")
