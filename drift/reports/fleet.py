"""The fleet page as values: what a colleague would say first, then a row a city and model version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from drift.domain import Failure, Series, Window
from drift.reports.book import Book
from drift.reports.changes import Change, changes_of
from drift.reports.figures import STATES, State
from drift.reports.fleet_rows import FleetRow, fleet_rows
from drift.reports.local import two_clocks
from drift.reports.shown import Notes, percent, readable
from drift.reports.tables import Table, pooled_table, unused_table

MOST_CHANGES = 25


@dataclass(frozen=True, slots=True)
class FleetView:
    """All that the fleet page shows."""

    slot: str
    current: str
    reference: str
    calibrated: str
    counts: tuple[tuple[State, int], ...]
    sentences: tuple[str, ...]
    rows: tuple[FleetRow, ...]
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
    return FleetView(
        slot=two_clocks(book.run.slot, zone),
        current=_span_text(book.run.current, zone),
        reference=_span_text(book.run.reference, zone),
        calibrated=_calibrated_text(book, zone),
        counts=_counts(book),
        sentences=tuple(_sentences(book, rows)),
        rows=rows,
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
    return f"{_many(fit.series, 'series', 'series')} fitted on {span}, {limits}"


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


def _sentences(book: Book, rows: tuple[FleetRow, ...]) -> list[str]:
    counts = dict(_counts(book))
    cities = len(book.pairs.cities)
    said = []
    firing, all_of_them = counts["firing"], _many(cities, "city", "cities")
    if firing:
        said.append(f"{firing} of {all_of_them} {'has' if firing == 1 else 'have'} a firing alert.")
    else:
        said.append(f"No alert is firing in {all_of_them}.")
    said += [
        f"{readable(span.key.rule)} is firing for {readable(span.key.model_version)} over all cities pooled, "
        f"since {two_clocks(span.start, book.config.timezone)}."
        for span in book.spans
        if span.key.city is None and span.open and span.level == "firing"
    ]
    if counts["no data"]:
        said.append(f"{_many(counts['no data'], 'city has', 'cities have')} no data to judge.")
    scored = [row for row in rows if row.accuracy.value is not None]
    if scored:
        said.append(_worst_sentence(scored))
    pooled = _best_version(book)
    return [*said, pooled] if pooled else said


def _worst_sentence(rows: list[FleetRow]) -> str:
    row = min(rows, key=lambda r: (STATES.index(r.state), r.accuracy.value or 0.0))
    leans = f", {row.lean} by {percent(abs(row.lean_share))} of load" if row.lean and row.lean_share else ""
    return f"Worst is {row.label} with {row.model_version}: accuracy {row.accuracy.text}{leans}."


def _best_version(book: Book) -> str:
    found = [
        (m.value, v) for v in book.pairs.model_versions if (m := book.figures.metric("accuracy", Series(v)))
    ]
    known = sorted(((value, v) for value, v in found if value is not None), reverse=True)
    if len(known) < 2:
        return ""
    (best, name), (last, other) = known[0], known[-1]
    if percent(best) == percent(last):
        return (
            f"Over all cities {readable(name)} and {readable(other)} are equally accurate: {percent(best)}."
        )
    ahead = f"{percent(best)} against {percent(last)} of {readable(other)}"
    return f"Over all cities {readable(name)} is the most accurate: {ahead}."


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
