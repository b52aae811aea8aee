"""What a deep report is made from: a city's pairs of both windows, as columns, a part for each model version.

It is handed to another process and to a library that writes names into its page as they come, so a name is
made harmless here: what could begin a tag becomes a sign that looks like it. A column that would only mislead
is left out, and the page says so: hours of the day in a window that has not all of them, for one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from drift.domain import Floats
from drift.errors import ReportError
from drift.reports.book import Book
from drift.reports.local import two_clocks
from drift.reports.shown import readable

ACTUAL, PREDICTED, TIME = "actual", "predicted", "target_time"
MOST_VERSIONS = 3
LEAST_PAIRS = 5  # fewer make no distribution
CALENDAR = {"hour": timedelta(days=1), "weekday": timedelta(days=7)}
"""Columns of the local clock, and how long a window must be to hold all their values alike."""
_LIKE_TAGS = str.maketrans({"<": "‹", ">": "›", "&": "＆"})

Columns = Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Part:
    """One model version: its pairs in both windows, column by column; `target_time` is seconds, local."""

    model_version: str
    reference: Columns
    current: Columns


@dataclass(frozen=True, slots=True)
class Job:
    """All that a deep page shows of a city. `left_out` are sentences."""

    city: str
    slot: str
    reference: str
    current: str
    parts: tuple[Part, ...]
    left_out: tuple[str, ...]
    home: str


def job_of(book: Book, city: str, versions: Sequence[str], max_rows: int, home: str) -> Job:
    """The job of a city: these model versions, and of each window the newest `max_rows` pairs.

    Raises:
        ReportError: no model version has enough pairs in both windows.
    """
    c = book.pairs.cities.index(city)
    said: list[str] = []
    parts = [
        part for version in versions[:MOST_VERSIONS] if (part := _part(book, c, version, max_rows, said))
    ]
    if not parts:
        raise ReportError(
            f"no deep report of {readable(city)!r}: {'; '.join(said) or 'nothing forecasts it'}"
        )
    if len(versions) > MOST_VERSIONS:
        names = ", ".join(map(readable, versions[MOST_VERSIONS:]))
        said.append(f"a page shows {MOST_VERSIONS} model versions; left out: {names}")
    said += [
        f"{name} is left out: the current window is too short to hold all alike" for name in _too_short(book)
    ]
    zone, run = book.config.zone_of(city), book.run
    reference, current = (
        f"{two_clocks(window.start, zone)} to {two_clocks(window.end, zone)}"
        for window in (run.reference, run.current)
    )
    left_out = tuple(dict.fromkeys(said))
    return Job(readable(city), two_clocks(run.slot, zone), reference, current, tuple(parts), left_out, home)


def _part(book: Book, c: int, version: str, max_rows: int, said: list[str]) -> Part | None:
    """The part of a model version; None, and a sentence, where it has too few pairs."""
    v = book.pairs.model_versions.index(version)
    pair = np.isfinite(book.error[v, c])
    rows = []
    for name, window in (("reference", book.reference), ("current", book.current)):
        found = np.flatnonzero(pair[window]) + window.indices(pair.size)[0]
        if found.size < LEAST_PAIRS:
            said.append(
                f"{readable(version)} has {found.size} pairs in the {name} window, of {LEAST_PAIRS} needed"
            )
            return None
        if found.size > max_rows:
            said.append(f"the newest {max_rows:,} of {found.size:,} pairs of the {name} window are shown")
        rows.append(found[-max_rows:])
    columns = _columns(book, c, v)
    both = [{name: values[some] for name, values in columns.items()} for some in rows]
    empty = [name for name in columns if not all(np.isfinite(side[name]).any() for side in both)]
    said += [f"{name} is left out: a window has no value of it" for name in empty]
    kept = [{name: values for name, values in side.items() if name not in empty} for side in both]
    return Part(readable(version), *kept)


def _columns(book: Book, c: int, v: int) -> dict[str, Floats]:
    """Every column by its harmless name, over the whole grid."""
    pairs, local = book.pairs, book.local(book.pairs.cities[c])
    columns = {TIME: _finite(local.seconds + local.offset)}
    columns |= {ACTUAL: _finite(pairs.actual[c]), PREDICTED: _finite(pairs.judged.predicted[v, c])}
    clock: dict[str, NDArray[np.int64]] = {"hour": local.hour, "weekday": (local.day + 3) % 7}
    columns |= {name: _finite(values) for name, values in clock.items() if name not in _too_short(book)}
    taken = {TIME, ACTUAL, PREDICTED, *CALENDAR}
    for name, values in pairs.features.items():
        columns[harmless(name, taken)] = _finite(book.whole(values[c]))
    return columns


def _too_short(book: Book) -> list[str]:
    current = book.run.current
    return [name for name, length in CALENDAR.items() if current.end - current.start < length]


def _finite(values: NDArray[np.floating] | NDArray[np.int64]) -> Floats:
    """As doubles, NaN for what is not finite."""
    wide = values.astype(np.float64)
    return np.where(np.isfinite(wide), wide, np.nan)


def harmless(name: str, taken: set[str]) -> str:
    """A name that can neither begin a tag nor end a script, and that is not `taken`; it is from now on.

    >>> harmless("</script>", set()), harmless("hour", {"hour"})
    ('‹/script›', 'hour (2)')
    """
    plain = readable(name).translate(_LIKE_TAGS)
    unique = plain
    for number in range(2, len(taken) + 2):
        if unique not in taken:
            break
        unique = f"{plain} ({number})"
    taken.add(unique)
    return unique
