"""The fleet page as values: what a colleague would say first, then a row a city and model version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from drift.domain import Failure, Window
from drift.reports.book import Book
from drift.reports.changes import Change, changes_of
from drift.reports.chart import Panel
from drift.reports.figures import STATES, State
from drift.reports.fleet_rows import FleetRow, fleet_rows
from drift.reports.fleet_said import many, sentences_of
from drift.reports.fleet_trend import trends_of
from drift.reports.local import two_clocks
from drift.reports.said import troubles_of
from drift.reports.shown import Notes
from drift.reports.strip import WORDS
from drift.reports.tables import Table, pooled_table, unused_table

MOST_CHANGES = 25


@dataclass(frozen=True, slots=True)
class FleetView:
    """All the fleet page shows. `scored`: a detector scores cities; `fitted`: it knows what is normal."""

    slot: str
    current: str
    reference: str
    calibrated: str
    counts: tuple[tuple[State, int], ...]
    sentences: tuple[str, ...]
    rows: tuple[FleetRow, ...]
    versions: int
    scored: bool
    fitted: bool
    levels: tuple[str, ...]
    trends: tuple[Panel, ...]
    pooled: Table
    unused: Table
    changes: tuple[Change, ...]
    more_changes: int
    failures: tuple[Failure, ...]
    notes: Mapping[str, int]
    unit: str


def fleet_view(book: Book, links: Mapping[str, str]) -> FleetView:
    """The fleet page; `links` leads from a city to its page, as far as it has one."""
    notes = Notes()
    zone = book.config.timezone
    rows = fleet_rows(book, links, notes)
    counts = _counts(book)
    return FleetView(
        slot=two_clocks(book.run.slot, zone),
        current=_span_text(book.run.current, zone),
        reference=_span_text(book.run.reference, zone),
        calibrated=_calibrated_text(book, zone),
        counts=counts,
        sentences=sentences_of(book, dict(counts), troubles_of(book)),
        rows=rows,
        versions=len(book.pairs.model_versions),
        scored=any(row.score.value is not None for row in rows),
        fitted=book.calibration is not None,
        levels=WORDS,
        trends=trends_of(book),
        pooled=pooled_table(book, notes),
        unused=unused_table(book, book.pairs.cities),
        changes=changes_of(book, book.transitions[:MOST_CHANGES], zone),
        more_changes=max(0, len(book.transitions) - MOST_CHANGES),
        failures=book.run.failures,
        notes=notes.reasons,
        unit=book.unit,
    )


_LIMITS = {"own": "with limits of its own", "blended": "with limits partly of its own"}


def _calibrated_text(book: Book, zone: str) -> str:
    """What the detectors hold errors against; empty where there is no detector."""
    fit = book.run.calibrated
    if fit is None:
        return ""
    limits = _LIMITS.get(fit.origin, "with the limits that come with drift")
    span = _span_text(fit.span, zone)
    return f"{many(fit.series, 'series', 'series')} fitted on {span}, {limits}"


def _span_text(window: Window, zone: str) -> str:
    return f"{two_clocks(window.start, zone)} to {two_clocks(window.end, zone)}"


def _counts(book: Book) -> tuple[tuple[State, int], ...]:
    """Cities by the worst state of their model versions."""
    versions = book.pairs.model_versions
    states = Counter(
        min((book.figures.state(v, city) for v in versions), key=STATES.index, default="no data")
        for city in book.pairs.cities
    )
    return tuple((state, states[state]) for state in STATES)
