"""The data's own faults on a city's page: what was missing, stuck, not above zero or out of scale."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from drift.domain import Codes, Floats
from drift.evidence.wording import digits
from drift.quality import NAMES, SOUND
from drift.reports.book import Book
from drift.reports.chart import Stretch
from drift.reports.health import codes_of, late_cells
from drift.reports.local import two_clocks
from drift.reports.shown import readable, significant
from drift.unfit import with_later

MOST_LINES = 12
WORDS = {
    "missing": "missing",
    "not_positive": "not above zero",
    "stuck": "stuck",
    "scale": "of another scale",
    "spike": "a spike",
    "shift": "at the wrong hours",
}


@dataclass(frozen=True, slots=True)
class FaultRun:
    """Hours in a row with one fault, `[start, end)`. `version` is None for actuals; `late`: may come yet."""

    version: str | None
    kind: str
    start: datetime
    end: datetime
    low: float
    high: float
    late: bool = False

    @property
    def what(self) -> str:
        """Whose values they are."""
        return "actual" if self.version is None else f"predicted by {readable(self.version)}"

    @property
    def words(self) -> str:
        """What is wrong."""
        return "not there yet" if self.late else WORDS.get(self.kind, self.kind)

    def stretch(self) -> Stretch:
        """As it is marked in a chart."""
        return Stretch(self.start, self.end, f"{self.what}: {self.words}")


@dataclass(frozen=True, slots=True)
class FaultLine:
    """A run as a line of the table."""

    what: str
    words: str
    start: str
    end: str
    length: str
    values: str


def faults_of(book: Book, c: int) -> list[FaultRun]:
    """All runs of faults in the history up to the end of the current window, the newest first."""
    stop = book.current.stop
    whole = slice(0, stop)
    actual = book.pairs.actual[c : c + 1, :stop]
    zones = [book.config.zone_of(book.pairs.cities[c])]
    codes = with_later(codes_of(book, actual, whole), actual, book.pairs.grid, zones, stop)
    found = _runs(book, None, actual[0], codes[0], late_cells(actual)[0])
    for v, version in enumerate(book.pairs.model_versions):
        predicted = book.pairs.judged.predicted[v, c : c + 1, :stop]
        codes = codes_of(book, predicted, whole)[0]
        found += _runs(book, version, predicted[0], codes, np.zeros(stop, bool))
    return sorted(found, key=lambda run: run.end, reverse=True)


def fault_lines(book: Book, city: str, runs: list[FaultRun]) -> tuple[FaultLine, ...]:
    """The newest of them, on the city's clock."""
    zone = book.config.zone_of(city)
    return tuple(
        FaultLine(
            what=run.what,
            words=run.words,
            start=two_clocks(run.start, zone),
            end=two_clocks(run.end, zone),
            length=f"{digits((run.end - run.start) / timedelta(hours=1))} h",
            values=_values(run, book.unit),
        )
        for run in runs[:MOST_LINES]
    )


def _values(run: FaultRun, unit: str) -> str:
    if not np.isfinite(run.low):
        return ""
    if run.low == run.high:
        return f"{significant(run.low)} {unit}"
    return f"{significant(run.low)} to {significant(run.high)} {unit}"


def _runs(book: Book, version: str | None, values: Floats, codes: Codes, late: np.ndarray) -> list[FaultRun]:
    """Neighbours with one code are a run; what lies before the first value is none."""
    known = np.flatnonzero(np.isfinite(values))
    if not known.size:
        return []
    kinds = np.where(late, 0, codes).astype(np.int64) + np.where(late, 256, 0)
    kinds[: known[0]] = SOUND
    edges = np.flatnonzero(np.diff(kinds, prepend=-1, append=-1))
    grid, found = book.pairs.grid, []
    for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        kind = int(kinds[first])
        if kind == SOUND:
            continue
        part = values[first:end][np.isfinite(values[first:end])]
        low, high = (float(part.min()), float(part.max())) if part.size else (float("nan"),) * 2
        name = NAMES.get(kind, "missing")
        start, stop = grid.start + first * grid.step, grid.start + end * grid.step
        found.append(FaultRun(version, name, start, stop, low, high, late=kind == 256))
    return found
