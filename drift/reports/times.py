"""Error ÷ normal of the current window, as people read it.

The run's own figure comes first, as gauges and alerts show it too; where no detector has one, the page's.
"""

from __future__ import annotations

import numpy as np

from drift.domain import Series, Undefined
from drift.reports.book import Book
from drift.reports.shown import Notes, Shown


def times_of(book: Book, c: int, v: int, notes: Notes) -> Shown:
    """The figure of a model version in a city, or a dash with the reason why there is none."""
    series = Series(book.pairs.model_versions[v], book.pairs.cities[c])
    measured = book.figures.detector("error_ratio", series)
    if measured is not None and measured.value is not None:
        return Shown(f"{measured.value:.2f}", measured.value)
    own = float(book.health.now[v, c])
    if np.isfinite(own):
        return Shown(f"{own:.2f}", own)
    why = Undefined.NO_PAIRS if measured is None or measured.undefined is None else measured.undefined
    return notes.dash(why.text)


def times_normal(times: float) -> str:
    """`1.8 × normal`.

    >>> times_normal(1.84), times_normal(12.3)
    ('1.8 × normal', '12 × normal')
    """
    return f"{times:.1f} × normal" if times < 9.95 else f"{times:,.0f} × normal"
