"""PURE. What is wrong with the data of a slot: a verdict a kind, for each city's actuals and predictions.

Why: a missing, doubled, stuck or shifted value is a fault of the feed and no drift of the model, and whoever
is called wants to know which. How: `unfit` says which values cannot be a load, `pairing` counted the rows
that gave no value; here they become verdicts (`DataFault`) of the current window, each followed back to its
beginning. An actual that may yet come is no fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from drift.data_fault import DataFault, FaultKind
from drift.domain import Codes, Floats, PairCount, Unused, Window
from drift.quality import NAMES, SHIFT, SOUND
from drift.timeline import Cells, Counts, Pairs, Timeline
from drift.unfit import REASONS, Now, Zones, unfit_now
from drift.values import Bools
from drift.windows import Windows

BACK = timedelta(days=28)
"""So far a fault is followed back."""
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_ROWS: Mapping[Unused, FaultKind] = {
    Unused.DUPLICATE: "duplicate",
    Unused.NOT_FINITE: "not_finite",
    Unused.NEGATIVE: "not_positive",
}
"""The rows that pairing passed over, as what they are told."""


def count_unfit(
    counts: Sequence[PairCount], pairs: Pairs, windows: Windows, unfit: Codes
) -> tuple[PairCount, ...]:
    """The counts, with the current window's pairs whose actual is unfit under its kind, and not as used."""
    cities = {pairs.cities[c]: int(c) for c in np.flatnonzero(unfit.any(axis=1))}
    if not cities:
        return tuple(counts)
    there = ~np.isnan(pairs.judged.predicted[..., pairs.grid.cut(windows.current)])
    versions = {version: v for v, version in enumerate(pairs.model_versions)}
    return tuple(
        _moved(count, unfit[cities[count.city]], there[versions[count.model_version], cities[count.city]])
        if count.window == "current" and count.city in cities and count.model_version in versions
        else count
        for count in counts
    )


def _moved(count: PairCount, unfit: Codes, paired: Bools) -> PairCount:
    """One count; an unfit hour has an actual, so it is a pair where there is a prediction."""
    many = np.bincount(unfit[paired], minlength=max(REASONS) + 1)
    reasons = {reason: int(many[code]) for code, reason in REASONS.items() if many[code]}
    return replace(count, used=count.used - sum(reasons.values()), unused={**count.unused, **reasons})


def data_faults(
    timeline: Timeline, pairs: Pairs, windows: Windows, zones: Zones, now: Now, late_after: timedelta
) -> tuple[DataFault, ...]:
    """What is wrong with the current window, city by city, the actuals first; `now` is that of the actuals.

    An actual is missing once a later hour has one, or `late_after` has passed; and it fell silent where the
    whole window has none.
    """
    part = pairs.grid.cut(windows.current)
    if part.start >= part.stop:
        return ()
    rows = {
        reason: cellwise
        for reason, cellwise in timeline.actual_reasons(timeline.grid.cut(windows.current), windows).items()
        if reason in _ROWS
    }
    some = Cells.of_window(timeline.grid, windows.current)
    differ = None if timeline.conflicts is None else some.of(timeline.conflicts)
    actual = _Side(None, pairs, windows, zones, pairs.actual, rows, late_after, differ)
    found = [*actual.faults(now)]
    for v, version in enumerate(pairs.model_versions):
        cut = timeline.grid.cut(windows.current)
        counted = {reason: each[v][:, cut] for reason, each in timeline.prediction_counts.items()}
        rows = {reason: each for reason, each in counted.items() if reason in _ROWS}
        values = pairs.judged.predicted[v]
        side = _Side(version, pairs, windows, zones, values, rows, timedelta(0))
        found += side.faults(unfit_now(values, pairs.grid, side.zones_of, windows.current, later=False))
    return tuple(sorted(found, key=lambda each: (each.city, each.model_version or "", each.since)))


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """The actuals, or a model version's predictions: values (n, H), and rows that gave none (n, current)."""

    model_version: str | None
    pairs: Pairs
    windows: Windows
    zones: Zones
    values: Floats
    rows: Counts
    waits: timedelta
    differ: Bools | None = None
    """(n, current) whether rows of one key have different values."""

    @property
    def zones_of(self) -> list[str]:
        return self.zones.of(self.pairs.cities)

    @property
    def current(self) -> slice:
        return self.pairs.grid.cut(self.windows.current)

    def faults(self, now: Now) -> Iterator[DataFault]:
        """The verdicts of all cities that any value or row speaks against."""
        suspect = now.codes.any(axis=1) | np.isnan(self.values[:, self.current]).any(axis=1)
        for cellwise in self.rows.values():
            suspect = suspect | cellwise.any(axis=1)
        for c in np.flatnonzero(suspect):
            if not np.isnan(self.values[c]).all():  # what was never there is not missing
                yield from self._city(int(c), now.codes[c])

    def _city(self, c: int, codes: Codes) -> Iterator[DataFault]:
        window, values = self.windows.current, self.values[c : c + 1]
        counted = np.zeros(len(codes), bool)
        for reason, cellwise in self.rows.items():
            if cellwise[c].any():
                counted |= (cellwise[c] > 0) & (reason is not Unused.DUPLICATE)
                differ = reason is Unused.DUPLICATE and self.differ is not None and self.differ[c].any()
                kind: FaultKind = "conflicting" if differ else _ROWS[reason]
                yield self._fault(c, kind, self._cells(cellwise[c] > 0, self.current.start))
        absent = self._absent(values[0], counted)
        if absent.any():
            silent = np.isnan(values[0, self.current]).all()
            before = _run_before(np.isnan(values[0, : self.current.start])) if absent[0] else 0
            cells = self._cells(absent, self.current.start)
            cells = np.concatenate([np.arange(self.current.start - before, self.current.start), cells])
            yield self._fault(c, "silent" if silent else "missing", cells)
        if codes.any():
            yield from self._unfit(c, values, Window(window.start - BACK, window.end))

    def _unfit(self, c: int, values: Floats, span: Window) -> Iterator[DataFault]:
        """What cannot be a load, followed back."""
        zones = self.zones.of([self.pairs.cities[c]])
        later = self.model_version is None
        codes, hours = unfit_now(values, self.pairs.grid, zones, span, later=later)
        start = self.pairs.grid.cut(span).start
        own = self.current.start - start
        for code in REASONS:
            cells = np.flatnonzero(codes[0] == code)
            if len(cells) and cells[-1] >= own:
                first = cells[cells >= own][0]
                sound = np.flatnonzero(codes[0, :first] != code)
                begin = int(sound[-1]) + 1 if len(sound) else 0
                late = float(hours[0, cells[-1]]) if code == SHIFT else None
                of = cells[cells >= begin] + start
                usual = None if code == SHIFT else self._usual(values[0], codes[0], start, int(of[-1]))
                name: FaultKind = NAMES[code]  # type: ignore[assignment]  # the names are those kinds
                yield replace(self._fault(c, name, of), usual=usual, late=late)

    def _fault(self, c: int, kind: FaultKind, cells: NDArray[np.intp]) -> DataFault:
        grid, newest = self.pairs.grid, int(cells[-1])
        value = float(self.values[c, newest])
        return DataFault(
            city=self.pairs.cities[c],
            model_version=self.model_version,
            kind=kind,
            since=grid.start + int(cells[0]) * grid.step,
            until=grid.start + (newest + 1) * grid.step,
            lasts=newest == self.current.stop - 1,
            hours=len(cells) * (grid.step / _HOUR),
            value=value if np.isfinite(value) and kind not in ("duplicate", "conflicting") else None,
        )

    def _absent(self, values: Floats, counted: Bools) -> Bools:
        """(current,) cells without a value that should have one by now, and whose row is not told of."""
        gone = np.isnan(values[self.current])
        later = np.cumsum(~gone[::-1])[::-1] > 0
        waits = max(len(gone) - self.waits // self.pairs.grid.step, 0)
        begun = np.arange(len(gone)) + self.current.start > int(np.argmax(~np.isnan(values)))
        return np.asarray(gone & begun & ~counted & (later | (np.arange(len(gone)) < waits)))

    def _usual(self, values: Floats, codes: Codes, start: int, cell: int) -> float | None:
        per_day = _DAY // self.pairs.grid.step
        ago = np.array([cell - day * per_day for day in range(1, 29) if cell >= day * per_day], np.intp)
        sound = [k for k in ago if values[k] > 0 and (k < start or codes[k - start] == SOUND)]
        return float(np.median(values[sound])) if sound else None

    @staticmethod
    def _cells(holds: Bools, start: int) -> NDArray[np.intp]:
        return np.flatnonzero(holds) + start


def _run_before(holds: Bools) -> int:
    """How many cells in a row hold, up to the end."""
    false = np.flatnonzero(~holds)
    return len(holds) - (int(false[-1]) + 1 if len(false) else 0)
