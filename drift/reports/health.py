"""Six weeks of every model version in every city, a figure a local day: the error ÷ what is normal for it.

Hours with a fault of the data (`drift.quality`) leave the figure, as they leave the detectors: they say
nothing of the forecast. They are marked instead, as are days with too few pairs and actuals that are late.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift.domain import Codes, Floats
from drift.quality import SOUND, faults
from drift.reports.book import Book
from drift.reports.local import Ints, LocalTimes
from drift.reports.normal import cells_a_day, normal_size
from drift.values import Bools

DAYS = 42


@dataclass(frozen=True, slots=True, eq=False)
class Health:
    """Days of a fleet, `(model versions, cities, 42)`, today last.

    `times` is error ÷ normal, NaN for a day with too few sound pairs; `faulty` marks days with faults of the
    data, `late` days whose last actuals are not there yet, unless that is usual; `now` `(model versions,
    cities)` is that of the current window; `last` the local day (since 1970) that is today, a city.
    """

    times: Floats
    faulty: Bools
    late: Bools
    now: Floats
    last: Ints


def health_of(book: Book) -> Health:
    """The health of all cities."""
    shape = (len(book.pairs.model_versions), len(book.pairs.cities))
    days = (*shape, DAYS)
    made = Health(
        np.full(days, np.nan),
        np.zeros(days, bool),
        np.zeros(days, bool),
        np.full(shape, np.nan),
        np.zeros(shape[1], np.int64),
    )
    zones = [book.config.zone_of(city) for city in book.pairs.cities]
    for zone in dict.fromkeys(zones):
        rows = np.array([c for c, theirs in enumerate(zones) if theirs == zone], np.intp)
        _fill(made, book, rows, book.times[zone])
    return made


def last_cells(times: LocalTimes, stop: int, days: int) -> slice:
    """The cells of the last local days up to the cell `stop`, today's included."""
    if not stop:
        return slice(0, 0)
    return slice(int(np.searchsorted(times.day[:stop], times.day[stop - 1] - days + 1)), stop)


def _fill(made: Health, book: Book, rows: NDArray[np.intp], times: LocalTimes) -> None:
    """Write the days of the cities of one zone."""
    stop = book.current.stop
    cells = last_cells(times, stop, DAYS)
    if cells.start == stop:
        return
    made.last[rows] = times.day[stop - 1]
    part = times.cut(cells)
    at = part.day[part.day_starts] - times.day[stop - 1] + DAYS - 1
    late = late_cells(book.pairs.actual[rows, :stop])[:, cells]
    delays = [book.delays.get(book.pairs.cities[c]) for c in rows.tolist()]
    on_time = np.array([delay is not None and not delay.late for delay in delays])[:, None]
    actual = codes_of(book, book.pairs.actual[rows, :stop], cells)
    for v, predicted in enumerate(book.pairs.judged.predicted):
        begun = np.maximum.accumulate(np.isfinite(predicted[rows, :stop]), axis=1)[:, cells]
        theirs = codes_of(book, predicted[rows, :stop], cells)
        bad = ((actual != SOUND) & ~late | (theirs != SOUND)) & begun
        size = normal_size(book, v, rows, cells)
        error = np.where((actual == SOUND) & (theirs == SOUND), book.error[v, rows, cells], np.nan)
        here = np.ix_(np.array([v]), rows, at)
        made.times[here] = ratio(error, size, part.day_starts, book.config.accuracy.min_coverage)
        made.faulty[here] = np.logical_or.reduceat(bad, part.day_starts, axis=-1)
        made.late[here] = np.logical_or.reduceat(late & begun & ~on_time, part.day_starts, axis=-1)
        first = max(book.current.start - cells.start, 0)
        start = np.zeros(1, np.int64)
        now = ratio(error[:, first:], size[:, first:], start, book.config.accuracy.min_coverage)
        made.now[v, rows] = now[:, 0]


def ratio(error: Floats, size: Floats, starts: Ints, min_coverage: float) -> Floats:
    """(cities, groups) Σ|error| ÷ Σ normal size of groups of cells that begin at `starts`.

    NaN where fewer than `min_coverage` of a group's cells have both, and where nothing is normal. No unit.

    >>> ratio(np.array([[2.0, -2.0, 1.0, np.nan]]), np.ones((1, 4)), np.array([0, 2]), 0.6)
    array([[ 2., nan]])
    """
    pair = np.isfinite(error) & np.isfinite(size)
    total = np.add.reduceat(np.where(pair, np.abs(error), 0.0), starts, axis=-1)
    usual = np.add.reduceat(np.where(pair, size, 0.0), starts, axis=-1)
    cells = np.diff(starts, append=error.shape[-1])
    enough = np.add.reduceat(pair, starts, axis=-1, dtype=np.int64) >= np.maximum(min_coverage * cells, 1)
    found: Floats = np.divide(total, usual, out=np.full(total.shape, np.nan), where=enough & (usual > 0))
    return found


def codes_of(book: Book, values: Floats, cells: slice) -> Codes:
    """(cities, times) the code of each cell's fault, in those cells of values that begin with the grid."""
    codes: Codes = faults(values, cells_a_day(book.pairs.grid.step), first=cells.start)[:, cells]
    return codes


def late_cells(actual: Floats) -> Bools:
    """(cities, times) whether no actual has come since: it is late, or never will come.

    >>> late_cells(np.array([[1.0, np.nan, 2.0, np.nan]]))
    array([[False, False, False,  True]])
    """
    later: Bools = np.logical_or.accumulate(np.isfinite(actual)[:, ::-1], axis=1)[:, ::-1]
    return ~later
