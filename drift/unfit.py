"""PURE. Which hours of the actuals are unfit to judge a forecast by, and by when that was known.

Why: one wrong reading decides a day's accuracy. `drift.quality` finds the hard faults at once, as alarms need
them; accuracy may wait an hour for a spike to come back, and two days for a clock to prove wrong.

How: each kind gives, cell by cell, the cell by which it was told (`NEVER`: it is sound). A slot that ends
with a cell knows what was told by it, and nothing later. Every kind looks back on a bounded time, `MEMORY`: a
slot, a slot with a cached past and a replay of years say the same of the same values.

A wrong scale is held against the median of the same time of day in 28 days, so what lasts for a fortnight
becomes usual. Actuals alone: a prediction at the wrong scale is the model's own, and is judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift.domain import Codes, Floats, Grid, Unused, Window
from drift.quality import FAULTS, SHIFT, SOUND, SPIKE, FaultSettings
from drift.shifts import Shifted, shifts_told
from drift.spikes import spikes_told
from drift.stuck import NEVER, stuck_told
from drift.values import Bools, quiet

DAY = timedelta(days=1)
MEMORY = timedelta(days=57)
"""No kind looks further back from a value: a stuck run's 28 days, the 28 before it, and a cell more."""
UNIT = 1000.0
"""The factor between units of power: such a value is of another scale, however short it lasts."""
_NEAR = 0.15  # of the logarithm to base 10: 1,000 is 708 to 1,413

REASONS: Mapping[int, Unused] = {
    FAULTS["not_positive"].code: Unused.NOT_POSITIVE,
    FAULTS["stuck"].code: Unused.STUCK,
    SPIKE: Unused.SPIKE,
    FAULTS["scale"].code: Unused.SCALE,
    SHIFT: Unused.SHIFT,
}
"""The kinds by code, the most telling first, and as what they are counted."""


@dataclass(frozen=True, slots=True)
class Zones:
    """The time zone of each city; `usual` is that of the others."""

    usual: str = "UTC"
    named: Mapping[str, str] = field(default_factory=dict)

    def of(self, cities: Sequence[str]) -> list[str]:
        """Those of some cities."""
        return [self.named.get(city, self.usual) for city in cities]


def with_later(codes: Codes, values: Floats, grid: Grid, zones: Sequence[str], end: int) -> Codes:
    """(n, R) the codes of `drift.quality`, and where it finds none those later cells up to `end` told."""
    told = unfit(values[:, :end], Grid(grid.start, grid.step, end), zones)
    later = told.within(slice(0, end), first=0)
    found = codes.copy()
    np.copyto(found[:, :end], later, where=(codes[:, :end] == SOUND) & (later >= min(SPIKE, SHIFT)))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """By which cell each kind was told, (n, cells) a kind in the order of `REASONS`; `hours` of a shift."""

    by_kind: Mapping[int, NDArray[np.int32]]
    hours: Floats

    def within(self, window: slice, first: int) -> Codes:
        """(n, window) the code of each cell's fault as known at the window's end; 0 where it is sound. The
        first cell that was told of is `first`.
        """
        part = slice(window.start - first, window.stop - first)
        found = np.zeros(self.hours[:, part].shape, np.uint8)
        for code, told in self.by_kind.items():
            np.copyto(found, np.uint8(code), where=(told[:, part] < window.stop) & (found == SOUND))
        return found


def unfit(
    values: Floats,
    grid: Grid,
    zones: Sequence[str],
    first: int = 0,
    *,
    later: bool = True,
    settings: FaultSettings | None = None,
) -> Told:
    """By which cell each value of cities was known to be unfit, from cell `first` on.

    `values` (n, R) on the grid, in any one unit a city: a positive factor changes nothing. Missing values are
    none of these kinds. Data coarser than a day are not judged. `later`: also what later hours tell, a
    spike and a shift, which are asked of actuals alone.

    >>> from datetime import UTC, datetime
    >>> load = np.tile(np.linspace(900.0, 1100.0, 24), 40)[None]
    >>> load[0, 900:904] = 0.0, 1000 * load[0, 901], load[0, 902], 1.5 * load[0, 903]
    >>> told = unfit(load, Grid(datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=1), 960), ["UTC"])
    >>> [told.within(slice(899, end), first=0)[0].tolist() for end in (904, 905)]
    [[0, 2, 4, 0, 0], [0, 2, 4, 0, 5, 0]]
    """
    settings = settings or FaultSettings()
    per_day = DAY // grid.step
    if not per_day:
        return Told({}, np.zeros((len(values), grid.count - first), np.float32))
    ratio = _ratio(values, per_day, first, settings)
    none = np.full(ratio.shape, NEVER, np.int32)
    spike = np.where(_is_unit(ratio), NEVER, spikes_told(values, per_day, first)) if later else none
    shifted = shifts_told(values, grid, zones, first) if later else Shifted(none, np.zeros(ratio.shape))
    by_kind = {
        FAULTS["not_positive"].code: _at_once(values[:, first:] <= 0, first),
        FAULTS["stuck"].code: stuck_told(values, per_day, settings.stuck_rule(per_day), first),
        SPIKE: spike,
        FAULTS["scale"].code: _at_once((ratio > settings.ratio) | (ratio < 1 / settings.ratio), first),
        SHIFT: shifted.told,
    }
    return Told(by_kind, shifted.hours)


class Now(NamedTuple):
    """(n, cells) the code of each cell's fault as a slot knows it, and by how many hours a shift is late."""

    codes: Codes
    hours: Floats


def unfit_now(values: Floats, grid: Grid, zones: Sequence[str], window: Window, *, later: bool = True) -> Now:
    """What is unfit in a window, as known at its end; values on a grid that begins well before it."""
    part = grid.cut(window)
    begin = max(part.start - MEMORY // grid.step, 0)
    own = Grid(grid.start + begin * grid.step, grid.step, part.stop - begin)
    told = unfit(values[:, begin : part.stop], own, zones, part.start - begin, later=later)
    return Now(told.within(slice(part.start - begin, own.count), part.start - begin), told.hours)


def _at_once(holds: Bools, first: int) -> NDArray[np.int32]:
    """What the value itself tells; the first column is cell `first`."""
    cells = np.arange(first, first + holds.shape[1], dtype=np.int32)
    return np.where(holds, cells, np.int32(NEVER))


@quiet
def _ratio(values: Floats, per_day: int, first: int, settings: FaultSettings) -> Floats:
    """(n, R − first) each value from a cell on ÷ the median of the same time of day before; NaN where that is
    not known, or near it. Worked out only where it may be far.
    """
    out = np.full((len(values), values.shape[1] - first), np.nan)
    begin = max(first - settings.memory_days * per_day, 0)
    first -= begin
    plausible = np.where(values[:, begin:] > 0, values[:, begin:], np.nan)
    some = _varying(plausible, settings)
    if not len(some):
        return out
    plausible, days = plausible[some], range(1, settings.memory_days + 1)
    for row, column in np.argwhere(_strange(plausible, per_day, first, settings)):
        cell = first + column
        ago = plausible[row, [cell - day * per_day for day in days if day * per_day <= cell]]
        known = ago[np.isfinite(ago)]
        if len(known) >= settings.least_look_back:
            out[some[row], column] = plausible[row, cell] / np.median(known)
    return out


def _varying(plausible: Floats, settings: FaultSettings) -> NDArray[np.intp]:
    """The cities of which any two values are far enough apart: usually few, and the others have no ratio."""
    least, most = (reduce(plausible, axis=1, initial=np.nan) for reduce in (np.fmin.reduce, np.fmax.reduce))
    return np.flatnonzero((least < most / settings.ratio) | (most > least * settings.ratio))


def _strange(plausible: Floats, per_day: int, first: int, settings: FaultSettings) -> Bools:
    """(n, R − first) cells that half of the days before or more contradict: only then can their median."""
    count = plausible.shape[1] - first
    above, below, known = (np.zeros((len(plausible), count), np.int8) for _ in range(3))
    high, low = plausible[:, first:] * settings.ratio, plausible[:, first:] / settings.ratio
    for day in range(1, settings.memory_days + 1):
        start = first - day * per_day
        skip = min(max(-start, 0), count)
        past = plausible[:, start + skip : start + count]
        above[:, skip:] += past < low[:, skip:]
        below[:, skip:] += past > high[:, skip:]
        known[:, skip:] += past == past  # not NaN
    return np.asarray(2 * np.maximum(above, below) >= np.maximum(known, 1))


@quiet
def _is_unit(ratio: Floats) -> Bools:
    """Whether a value is in another unit of power."""
    return np.asarray(np.abs(np.abs(np.log10(ratio)) - np.log10(UNIT)) < _NEAR)
