"""The rows of the fleet's table: one a city and model version, the worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from drift.domain import Series
from drift.reports.book import Book, lean, lean_word
from drift.reports.figures import STATES, State
from drift.reports.health import DAYS
from drift.reports.shown import Notes, Shown, percent, readable
from drift.reports.spans import Span, SpansOfSeries, by_series
from drift.reports.strip import strip
from drift.reports.times import times_normal, times_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One model version in one city. `rank` sorts the worst first; `strip` is markup made by us."""

    city: str
    label: str
    link: str | None
    group: str
    model_version: str
    state: State
    rank: int
    strip: str
    times: Shown
    score: Shown
    accuracy: Shown
    mape: Shown
    bias: Shown
    lean: str
    lean_share: float | None
    coverage: Shown
    drift: Shown
    drift_column: str


def fleet_rows(book: Book, links: Mapping[str, str], notes: Notes) -> tuple[FleetRow, ...]:
    """All rows, worst first; `links` leads from a city to its page, as far as it has one."""
    spans = by_series(book.marks)
    rows = [
        _row(book, c, v, links.get(city), spans, notes)
        for c, city in enumerate(book.pairs.cities)
        for v in range(len(book.pairs.model_versions))
    ]
    return tuple(replace(row, rank=rank) for rank, row in enumerate(sorted(rows, key=_worst_first)))


def _worst_first(row: FleetRow) -> tuple[int, float, float, str, str]:
    times, accuracy = row.times.value, row.accuracy.value
    return (
        STATES.index(row.state),
        np.inf if times is None else -times,
        np.inf if accuracy is None else accuracy,
        row.city,
        row.model_version,
    )


def _row(book: Book, c: int, v: int, link: str | None, spans: SpansOfSeries, notes: Notes) -> FleetRow:
    city, version = book.pairs.cities[c], book.pairs.model_versions[v]
    series = Series(version, city)
    share = lean(book.error[v, c, book.current], book.pairs.actual[c, book.current])
    coverage = book.figures.coverage(series)
    drift, column = _largest_drift(book, series, notes)
    return FleetRow(
        city=city,
        label=readable(city),
        link=link,
        group=readable(book.config.groups.get(city, ""), 40) if city in book.config.groups else "",
        model_version=readable(version),
        state=book.figures.state(version, city),
        rank=0,
        strip=_strip(book, c, v, spans.get((version, city), ())),
        times=times_of(book, c, v, notes),
        score=notes.show(book.figures.detector("drift_score", series), "ratio", load_unit=book.unit),
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
    )


def _largest_drift(book: Book, series: Series, notes: Notes) -> tuple[Shown, str]:
    """PSI of the column that drifts most, and that column."""
    measured = [m for m in book.figures.statistics(series) if m.name == "psi"]
    found = [m for m in measured if m.value is not None]
    if not found:
        return notes.show(measured[0] if measured else None, "ratio", load_unit=book.unit), ""
    worst = max(found, key=lambda m: m.value or 0.0)
    return notes.show(worst, "ratio", load_unit=book.unit), readable(worst.column or "", 24)


def _strip(book: Book, c: int, v: int, spans: Sequence[Span]) -> str:
    """The last six weeks of the row, with its alerts below."""
    zone, health = book.config.zone_of(book.pairs.cities[c]), book.health
    first = health.last[c] - DAYS + 1

    def day(moment: datetime) -> float:
        local = moment.astimezone(ZoneInfo(zone))
        return float(np.clip((local.replace(tzinfo=UTC) - EPOCH) / timedelta(days=1) - first, 0, DAYS))

    marks = [(day(s.start), day(s.end), s.level) for s in spans if day(s.end) > 0]
    times = health.times[v, c]
    known = times[np.isfinite(times)]
    words = (
        f"last {times_normal(float(known[-1]))}, highest {times_normal(float(known.max()))}"
        if known.size
        else "no values"
    )
    firing = ", an alert firing" if any(s.open and s.level == "firing" for s in spans) else ""
    alt = f"daily error of six weeks: {words}{firing}"
    return strip(times, health.faulty[v, c], health.late[v, c], marks, alt)
