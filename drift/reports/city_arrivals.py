"""When a city's actuals come, on its page: the usual delay, what came late, and what was revised.

What is late is said by the city's own habit, as some come within the hour and some once a week.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import numpy as np

from drift.delays import usual_delay
from drift.domain import Floats
from drift.evidence.wording import digits
from drift.reports.book import Book
from drift.reports.city_faults import MOST_LINES, FaultLine, FaultRun
from drift.reports.fleet_said import many
from drift.reports.local import two_clocks
from drift.reports.shown import old
from drift.values import Bools

LATE_TIMES = 2.0
"""Times the usual delay, from which on an actual came late …"""
LATE_LEAST = timedelta(hours=3)
"""… if it came at least so much later than usual."""


def fault_sentences(book: Book, c: int, runs: Sequence[FaultRun]) -> tuple[str, ...]:
    """What is wrong with the data of a city in its history, and how late its actuals come."""
    return (_faults(book, runs), *_delays(book, c))


def late_lines(book: Book, c: int) -> tuple[FaultLine, ...]:
    """Runs of actuals that came late, the newest first."""
    late = _late(book, c)
    if late is None or book.pairs.arrivals is None:
        return ()
    edges = np.flatnonzero(np.diff(late.astype(np.int8), prepend=0, append=0))
    runs = list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))[::-1][:MOST_LINES]
    delay, grid = book.pairs.arrivals.delay[c], book.pairs.grid
    zone = book.config.zone_of(book.pairs.cities[c])
    return tuple(
        FaultLine(
            what="actual",
            words="came late",
            start=two_clocks(grid.start + first * grid.step, zone),
            end=two_clocks(grid.start + end * grid.step, zone),
            length=f"{digits((end - first) * (grid.step / timedelta(hours=1)))} h",
            values=f"up to {old(float(delay[first:end].max()))} after",
        )
        for first, end in runs
    )


def _faults(book: Book, runs: Sequence[FaultRun]) -> str:
    """Hours of each fault, the most first."""
    total: dict[str, timedelta] = {}
    for run in runs:
        total[run.words] = total.get(run.words, timedelta()) + (run.end - run.start)
    order = sorted(total, key=lambda words: -total[words])
    said = [f"{digits(total[words] / timedelta(hours=1))} h {words}" for words in order]
    days = many(round((book.current.stop * book.pairs.grid.step) / timedelta(days=1)), "day", "days")
    if not said:
        return f"No fault of the data in {days}."
    return f"In {days}: {', '.join(said)}."


def _delays(book: Book, c: int) -> Iterator[str]:
    """The delay of the last day against the usual one, and how many came late or were revised."""
    found = book.pairs.arrivals
    if found is None:
        yield "When actuals came is not known: the store gives no available_time."
        return
    delay, usual = found.delay[c], _usual(book, c)
    if not np.isfinite(usual):
        return
    now = delay[book.current][np.isfinite(delay[book.current])]
    lately = f"; in the current window {old(float(np.median(now)))}" if now.size else ""
    yield f"An actual usually comes {old(usual)} after its interval{lately}."
    yield from _newest(book, c)
    late, cells = _late(book, c), slice(book.reference.start, book.current.stop)
    came, revised = int(late[cells].sum()) if late is not None else 0, int(found.revised[c, cells].sum())
    if came or revised:
        yield f"{many(came, 'actual', 'actuals')} came late, and {revised:,} were revised after they came."


def _newest(book: Book, c: int) -> Iterator[str]:
    """How old the newest actual is, and may be by this time of day, where that is known."""
    delay = book.delays.get(book.pairs.cities[c])
    if delay is not None and delay.now is not None and delay.expected is not None:
        usual = f"by this time of day it is usually {old(delay.expected)} at most"
        yield f"The newest ended {old(delay.now)} ago; {usual}{': they are late' if delay.late else ''}."


def _usual(book: Book, c: int) -> float:
    """The median delay of the reference, in seconds; NaN where none is known."""
    if book.pairs.arrivals is None:
        return float("nan")
    return usual_delay(book.pairs.arrivals.delay[c, book.reference])


def _late(book: Book, c: int) -> Bools | None:
    """(H,) the actuals that came late; None where the usual delay is not known."""
    usual = _usual(book, c)
    if book.pairs.arrivals is None or not np.isfinite(usual):
        return None
    limit = max(LATE_TIMES * usual, usual + LATE_LEAST.total_seconds())
    delay: Floats = book.pairs.arrivals.delay[c]
    late: Bools = delay > limit
    return late
