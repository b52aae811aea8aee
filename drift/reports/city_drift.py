"""Drift on a city's page: a table of statistics by column, and both distributions of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from drift.domain import Floats, Measurement, Series
from drift.reports.book import Book
from drift.reports.chart import Steps
from drift.reports.profile import distribution
from drift.reports.shown import Notes, Shown, readable

MOST_FEATURES = 24  # a page that shows more is scrolled past; the table still has every column


@dataclass(frozen=True, slots=True)
class DriftRow:
    """The statistics of one column; `model_version` is every version that they hold for."""

    column: str
    model_version: str
    figures: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """The reference and the current distribution of one column."""

    name: str
    title: str
    caption: str
    chart: Steps


@dataclass(frozen=True, slots=True)
class DriftSection:
    """All about drift. `definitions` are `(title, sentence)` of each statistic shown."""

    heads: tuple[str, ...]
    rows: tuple[DriftRow, ...]
    histograms: tuple[Histogram, ...]
    definitions: tuple[tuple[str, str], ...]
    left_out: int


def drift_section(book: Book, notes: Notes, c: int) -> DriftSection:
    """The statistics and distributions of a city's columns."""
    from drift.statistics import STATISTICS

    measured = _measured(book, book.pairs.cities[c])
    names = list(dict.fromkeys(name for _, _, found in measured for name in found))
    known = [STATISTICS[name] for name in names if name in STATISTICS]
    titles = {statistic.name: statistic.title for statistic in known}
    return DriftSection(
        heads=tuple(titles.get(name, readable(name)) for name in names),
        rows=_rows(book, notes, measured, names),
        histograms=tuple(_histograms(book, c)),
        definitions=tuple((s.title, s.definition) for s in known),
        left_out=max(0, len(book.pairs.features) - MOST_FEATURES),
    )


Found = tuple[str, str, dict[str, Measurement]]  # column, model version, statistics by name


def _measured(book: Book, city: str) -> list[Found]:
    found: dict[tuple[str, str], dict[str, Measurement]] = {}
    for version in book.pairs.model_versions:
        for m in book.figures.statistics(Series(version, city)):
            found.setdefault((m.column or "", version), {})[m.name] = m
    order = list(dict.fromkeys(column for column, _ in found))
    rows = [(column, version, statistics) for (column, version), statistics in found.items()]
    return sorted(rows, key=lambda row: order.index(row[0]))


def _rows(book: Book, notes: Notes, measured: list[Found], names: list[str]) -> tuple[DriftRow, ...]:
    """A row a column; model versions for which a column has the same figures share it."""
    merged: dict[tuple[str, tuple[Shown, ...]], list[str]] = {}
    for column, version, found in measured:
        figures = tuple(notes.show(found.get(name), "ratio", load_unit=book.unit) for name in names)
        merged.setdefault((column, figures), []).append(version)
    return tuple(
        DriftRow(readable(column), ", ".join(readable(v) for v in versions), figures)
        for (column, figures), versions in merged.items()
    )


def _histograms(book: Book, c: int) -> Iterator[Histogram]:
    for i, (title, style, unit, values) in enumerate(_columns(book, c)):
        both = distribution(values[book.reference], values[book.current])
        if both is None:
            continue
        caption = f"{both.n_reference:,} values in the reference, {both.n_current:,} in the current window"
        alt = f"Distribution of {title}: {caption}."
        chart = Steps(both.edges, both.reference, both.current, unit, style, alt)
        yield Histogram(f"column-{i}", title, caption, chart)


def _columns(book: Book, c: int) -> Iterator[tuple[str, str, str, Floats]]:
    pairs = book.pairs
    yield "actual", "actual", book.unit, pairs.actual[c]
    for v, version in enumerate(pairs.model_versions):
        yield f"predicted by {readable(version)}", f"m{v % 6}", book.unit, pairs.judged.predicted[v, c]
    for v, version in enumerate(pairs.model_versions):
        yield f"error of {readable(version)}", f"m{v % 6}", book.unit, book.error[v, c]
    for name in list(pairs.features)[:MOST_FEATURES]:
        yield readable(name), "feature", "", book.whole(pairs.features[name][c])
