"""How large an error is normal, hour by hour: what an error is divided by to say "1.8 × normal".

Where the detectors are calibrated it is the size that they expect of that hour: by city, hour of the day,
weekend and season. Elsewhere it is the city's own usual share of the load: the median over the days of the
reference. One meaning, two sources; a page says which one it used.
"""

from __future__ import annotations

import warnings
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drift.domain import Floats, Grid
from drift.values import Bools

if TYPE_CHECKING:
    from drift.reports.book import Book

LEAST_DAYS = 7
"""Days of the reference with a figure, or what is usual is not known."""


def usual_shares(error: Floats, actual: Floats, floor: Floats, per_day: int) -> Floats:
    """(model versions, cities) the median over whole days of Σ|error| ÷ Σ max(|actual|, floor).

    `error` is `(model versions, cities, times)`, a day needs half of its pairs. NaN with fewer than 7 days.
    """
    days = error.shape[-1] // per_day
    used = error[..., error.shape[-1] - days * per_day :]
    load = actual[:, actual.shape[-1] - days * per_day :]
    shape = (*error.shape[:2], days, per_day)
    pair = np.isfinite(used)
    size = np.maximum(np.abs(load), floor[:, np.newaxis])
    total = np.where(pair, np.abs(used), 0.0).reshape(shape).sum(axis=-1)
    sizes = np.where(pair, size, 0.0).reshape(shape).sum(axis=-1)
    enough = (pair.reshape(shape).sum(axis=-1) >= per_day / 2) & (sizes > 0)
    share = np.divide(total, sizes, out=np.full(total.shape, np.nan), where=enough)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a city without pairs has no median
        median = np.nanmedian(share, axis=-1) if days else np.full(error.shape[:2], np.nan)
    usual: Floats = np.where(enough.sum(axis=-1) >= LEAST_DAYS, median, np.nan)
    return usual


def normal_size(
    book: Book, v: int, rows: NDArray[np.intp], cells: slice, doubtful: Bools | None = None
) -> Floats:
    """(cities, times) the |error| that is normal, in the unit of load; NaN where it is not known.

    It is a share of the actual, and of the prediction where there is no actual yet, or a `doubtful` one.
    """
    actual, predicted = book.pairs.actual[rows, cells], book.pairs.judged.predicted[v, rows, cells]
    sound = np.isfinite(actual) if doubtful is None else np.isfinite(actual) & ~doubtful
    load = np.abs(np.where(sound, actual, predicted))
    usual = book.usual[v, rows][:, np.newaxis] * np.maximum(load, book.floor[rows][:, np.newaxis])
    expected, fitted = _expected(book, v, rows, cells)
    if fitted:
        usual[fitted] = expected * load[fitted]
    return np.where(usual > 0, usual, np.nan)


def is_calibrated(book: Book, v: int, c: int) -> bool:
    """Whether what is normal of the city comes from the detectors' calibration."""
    if book.calibration is None:
        return False
    return book.calibration.row_of(book.pairs.model_versions[v], book.pairs.cities[c]) is not None


def _expected(book: Book, v: int, rows: NDArray[np.intp], cells: slice) -> tuple[Floats, list[int]]:
    """(cities, times) the calibrated size, a fraction of the load, and which of the rows it is of."""
    nothing: Floats = np.empty((0, 0))
    if book.calibration is None:
        return nothing, []
    names, version = [book.pairs.cities[row] for row in rows], book.pairs.model_versions[v]
    of = {k: at for k, name in enumerate(names) if (at := book.calibration.row_of(version, name)) is not None}
    if not of:
        return nothing, []
    from drift.calendar import calendar

    grid = book.pairs.grid
    part = Grid(grid.start + cells.start * grid.step, grid.step, cells.stop - cells.start)
    hours = calendar(part, [names[k] for k in of], book.config)
    size = book.calibration.limits.model.error.cities(np.array(list(of.values()), np.intp))
    return np.asarray(size.expected(hours).T, np.float64), list(of)


def cells_a_day(step: timedelta) -> int:
    """Intervals in a day; one where they are longer.

    >>> cells_a_day(timedelta(minutes=15))
    96
    """
    return max(timedelta(days=1) // step, 1)
