"""The plain tables of both pages: pooled metrics, and what became of the rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from drift.domain import Series
from drift.reports.book import Book
from drift.reports.shown import Notes, Shown, readable

POOLED = ("accuracy", "mape", "bias", "rmse", "within_tolerance", "coverage_of_interval")


@dataclass(frozen=True, slots=True)
class Table:
    """A plain table: its heads, and rows of a name and figures."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Shown, ...]], ...]


def pooled_table(book: Book, notes: Notes) -> Table:
    """The main metrics of all cities pooled, a column a model version."""
    from drift.metrics import METRICS

    versions = book.pairs.model_versions
    rows = [
        (METRICS[name].title, tuple(book.metric(notes, name, Series(v)) for v in versions))
        for name in POOLED
        if name in book.figures.metric_names()
    ]
    return Table(tuple(readable(v) for v in versions), tuple(rows))


def unused_table(book: Book, cities: tuple[str, ...]) -> Table:
    """Pairs used, and rows and hours that gave none by reason, a column a model version."""
    versions, asked = book.pairs.model_versions, set(cities)
    counted = [
        (c, c.model_version)
        for c in book.run.pair_counts
        if c.city in asked and c.model_version is not None and c.window == "history"
    ]
    used = Counter[str]()
    unused = Counter[tuple[str, str]]()
    for count, version in counted:
        used[version] += count.used
        for reason, rows in count.unused.items():
            unused[reason.value, version] += rows
    reasons = sorted({reason for (reason, _), rows in unused.items() if rows})
    lines = [("used as pairs", tuple(_count(used[v]) for v in versions))]
    lines += [
        (reason.replace("_", " "), tuple(_count(unused[reason, v]) for v in versions)) for reason in reasons
    ]
    return Table(tuple(readable(v) for v in versions), tuple(lines))


def _count(rows: int) -> Shown:
    return Shown(f"{rows:,}", float(rows))
