"""The model versions of a city side by side, on the hours that all of them forecast: who was better where.

Six weeks tell how versions compare, the current window how they do now. Whether a difference is more than
chance is asked by `drift compare`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drift.domain import Floats
from drift.intervals import hits
from drift.reports.book import Book
from drift.reports.city_loss import DAY_PARTS, PART_ENDS
from drift.reports.health import DAYS, last_cells
from drift.reports.local import Ints, LocalTimes
from drift.reports.profile import daily, grouped
from drift.reports.shown import Notes, Shown, percent, readable
from drift.reports.thirds import Thirds
from drift.reports.times import times_of

WEEK_DAYS = 7
NOW, WEEKS = "in the current window", "over six weeks"
EVEN = 0.0005
"""Of accuracy: below this difference neither version is better."""


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A figure of every model version; `best` are those that no other beats, none where all are even."""

    title: str
    figures: tuple[Shown, ...]
    best: frozenset[int]


@dataclass(frozen=True, slots=True)
class VersionTable:
    """The versions side by side, with what a colleague would say of them."""

    heads: tuple[str, ...]
    sentences: tuple[str, ...]
    rows: tuple[VersionRow, ...]
    hours: str


def versions_table(
    book: Book, notes: Notes, c: int, times: LocalTimes, thirds: Mapping[str, Thirds]
) -> VersionTable | None:
    """The table of a city; None where it has one model version."""
    versions = book.pairs.model_versions
    if len(versions) < 2:
        return None
    error = np.where(np.isfinite(book.error[:, c]).all(axis=0), book.error[:, c], np.nan)
    weeks = last_cells(times, book.current.stop, DAYS)
    week = last_cells(times, book.current.stop, WEEK_DAYS)
    spans = {
        "Current window": book.current,
        "Seven days": week,
        "Six weeks": weeks,
        "Reference": book.reference,
    }
    accuracy = {name: _accuracies(book, c, error, cells) for name, cells in spans.items()}
    rows = [_row(notes, f"{name}, accuracy", values) for name, values in accuracy.items()]
    rows += _where(book, notes, c, error, weeks, times, thirds)
    rows += _others(book, notes, c)
    won = _won(book, c, error, weeks, times)
    rows += [_counts(title, wins, of) for title, wins, of in won]
    hours = int(np.isfinite(error[0, weeks]).sum())
    names = tuple(readable(version) for version in versions)
    told = _sentences(names, accuracy["Current window"], accuracy["Six weeks"], won)
    return VersionTable(names, tuple(told), tuple(rows), f"{hours:,}")


def _accuracies(book: Book, c: int, error: Floats, cells: slice) -> Floats:
    """(versions,) the accuracy of each in some hours."""
    actual, floor = book.pairs.actual[c, cells], float(book.floor[c])
    nothing = np.zeros(cells.stop - cells.start, np.int64)
    return np.array([1 - grouped(e[cells], actual, floor, nothing, 1)[0] for e in error])


def _where(
    book: Book,
    notes: Notes,
    c: int,
    error: Floats,
    cells: slice,
    times: LocalTimes,
    thirds: Mapping[str, Thirds],
) -> Iterator[VersionRow]:
    """The accuracy of six weeks by part of the day, and by the thirds of the first feature."""
    parts = np.searchsorted(PART_ENDS, times.hour[cells], side="right") % 4
    groups: list[tuple[tuple[str, ...], Ints]] = [(DAY_PARTS, parts)]
    for each in list(thirds.values())[:1]:
        words = tuple(f"where {each.feature} is {words}" for words in each.words)
        groups.append((words, each.group[cells]))
    actual, floor = book.pairs.actual[c, cells], float(book.floor[c])
    for names, group in groups:
        found = 1 - np.array([grouped(e[cells], actual, floor, group, len(names) + 1) for e in error])
        for k, name in enumerate(names):
            yield _row(notes, f"Six weeks {name}, accuracy", found[:, k])


def _others(book: Book, notes: Notes, c: int) -> Iterator[VersionRow]:
    """Error ÷ normal and what the intervals hold; of each version's own hours."""
    many = range(len(book.pairs.model_versions))
    times = tuple(times_of(book, c, v, notes) for v in many)
    values = np.array([np.nan if shown.value is None else shown.value for shown in times])
    yield VersionRow("Current window, error × normal", times, _best(-values, 0.05))
    judged = book.pairs.judged
    if judged.lower is None or judged.upper is None:
        return
    actual, level = book.pairs.actual[c], book.config.accuracy.interval_level
    shown = []
    for v in many:
        lower, upper = book.whole(judged.lower[v, c]), book.whole(judged.upper[v, c])
        inside = hits(actual, lower, upper)[book.reference.start : book.current.stop]
        known = np.isfinite(inside)
        shown.append(
            notes.number(float(inside[known].mean()) if known.any() else np.nan, "fraction", load_unit="")
        )
    far = np.array([np.nan if each.value is None else abs(each.value - level) for each in shown])
    title = f"Inside the {100 * level:g} % interval, reference and current window"
    yield VersionRow(title, tuple(shown), _best(-far, 0.005))


Won = tuple[str, tuple[int, ...], int]


def _won(book: Book, c: int, error: Floats, cells: slice, times: LocalTimes) -> list[Won]:
    """Days and hours of the day of the six weeks on which each version had the least error."""
    part, actual = times.cut(cells), book.pairs.actual[c, cells]
    floor = float(book.floor[c])
    days = daily(error[:, cells], actual, book.floor[c : c + 1], part, book.config.accuracy.min_coverage)
    hours = np.array([grouped(e[cells], actual, floor, part.hour, 24) for e in error])
    found = []
    for title, wapes in (("days best", days), ("hours of the day best", hours)):
        known = np.isfinite(wapes).all(axis=0)
        least = wapes[:, known].argmin(axis=0) if known.any() else np.array([], np.int64)
        wins = tuple(np.bincount(least, minlength=len(error)).tolist())
        found.append((title, wins, int(known.sum())))
    return found


def _row(notes: Notes, title: str, values: Floats) -> VersionRow:
    figures = tuple(notes.number(value, "fraction", load_unit="") for value in values.tolist())
    return VersionRow(title, figures, _best(values, EVEN))


def _counts(title: str, wins: Sequence[int], of: int) -> VersionRow:
    figures = tuple(Shown(f"{won} of {of}", float(won)) for won in wins)
    return VersionRow(f"Six weeks, {title}", figures, _best(np.array(wins, float), 0.5))


def _best(values: Floats, even: float) -> frozenset[int]:
    """Which values are the largest; none where all are even or fewer than two are known.

    >>> sorted(_best(np.array([0.9, 0.8, np.nan]), 0.01)), sorted(_best(np.array([0.9, 0.9]), 0.01))
    ([0], [])
    """
    known = values[np.isfinite(values)]
    if known.size < 2 or known.max() - known.min() < even:
        return frozenset()
    return frozenset(np.flatnonzero(values > known.max() - even).tolist())


def _sentences(names: Sequence[str], now: Floats, weeks: Floats, won: Sequence[Won]) -> Iterator[str]:
    """Who is better now, and who was over six weeks."""
    leads = [(_leader(values), values, span) for values, span in ((now, NOW), (weeks, WEEKS))]
    known = [(first, values, span) for first, values, span in leads if first is not None]
    if not known:
        yield "No model version was better than the others on the same hours."
        return
    told: dict[int, list[str]] = {}
    for first, values, span in known:
        told.setdefault(first, []).append(_against(names, values, first, span))
    for first, said in told.items():
        yield f"On the same hours {names[first]} was the most accurate: {', and '.join(said)}."
    (_, days, of_days), (_, hours, of_hours) = won
    best = _leader(weeks)
    if best is not None and of_days:
        yield (
            f"Over six weeks {names[best]} had the least error on {days[best]} of {of_days} days, "
            f"and in {hours[best]} of {of_hours} hours of the day."
        )


def _leader(values: Floats) -> int | None:
    """The one that no other comes near; None where there is none."""
    best = _best(values, EVEN)
    return next(iter(best)) if len(best) == 1 else None


def _against(names: Sequence[str], values: Floats, first: int, span: str) -> str:
    """`40.0 % against 30.0 % of v1 in the current window`."""
    others = np.where(np.isfinite(values), values, -np.inf)
    others[first] = -np.inf
    second = int(others.argmax())
    return (
        f"{percent(float(values[first]))} against {percent(float(values[second]))} of {names[second]} {span}"
    )
