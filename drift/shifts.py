"""PURE. A clock gone wrong: days whose load has its usual shape, but hours too early or too late.

Why: a feed that missed a change of the clocks, or that writes local time as UTC, gives plausible values at
the wrong hours; every forecast then looks bad. How: what load changes from hour to hour has edges and no
level (`log y(t) − log y(t − 1h)`), so weather moves it little. The changes of two days are held against the
usual ones, the median of the same weekday and local hour of four weeks, as they are and moved by up to 14
hours either way. They are shifted if moved they fit far better, in most quarters of the days: people who get
up late on a holiday move the morning, a wrong clock moves every hour.

Usual is by the city's own clock, so both days of a change of the clocks are none. Where a city's zone is
UTC because nobody said another, an hour either way in the four weeks after the world's changes of clocks
is let pass: it is then what every city does that lives by such a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, reduce
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drift.arrow import integers, view
from drift.domain import Floats, Grid
from drift.stuck import NEVER
from drift.values import Bools, quiet

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_BLOCK = timedelta(hours=6)
_WEEKS = (7, 14, 21, 28)
_MEMORY = timedelta(days=29)  # the weeks, and the furthest move
_MOST = 0.5  # an hour's change, at most: a spike weighs as one hour, no more
_CLEARLY = 0.9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCKS = ("America/New_York", "Europe/Berlin", "Australia/Sydney", "America/Santiago")
"""Zones on whose dates most of the world that changes its clocks does so."""


@dataclass(frozen=True, slots=True)
class ShiftRule:
    """When days are shifted."""

    blocks: int = 8
    """Quarters of a day that are judged together."""
    agree: int = 6
    """Of them, how many must fit better moved."""
    better: float = 0.5
    """Misfit when moved ÷ misfit as it is, at most."""
    better_near: float = 0.6
    """The same of a shift of up to two hours, which misfits less."""
    fits: float = 0.5
    """Misfit when moved, at most: Σ|change − usual| ÷ Σ|change|."""
    misfits: float = 0.4
    """Misfit as it is, at least; 0.35 is usual in the EIA's zones."""
    most_hours: int = 14
    known: float = 0.9
    """Share of the hours that have a value."""


class Shifted(NamedTuple):
    """(n, cells) by which cell each was known to be shifted (`NEVER`: it is not), and by how many hours."""

    told: NDArray[np.int32]
    hours: Floats


def no_shift(cities: int, cells: int) -> Shifted:
    """Nothing is shifted."""
    return Shifted(np.full((cities, cells), NEVER, np.int32), np.zeros((cities, cells), np.float32))


@lru_cache(maxsize=64)
def offsets(grid: Grid, zone: str) -> NDArray[np.int64]:
    """(R,) seconds that the zone's clock is ahead of UTC.

    >>> offsets(Grid(datetime(2020, 3, 29, tzinfo=UTC), HOUR, 2), "Europe/Berlin").tolist()
    [3600, 7200]
    """
    stamps = grid.times().astype("datetime64[s]").astype(np.int64)
    clock = pc.local_timestamp(integers(stamps, pa.timestamp("s", zone))).cast(pa.int64())
    ahead = view(pa.chunked_array([clock])).astype(np.int64) - stamps
    ahead.flags.writeable = False
    return np.asarray(ahead)


@quiet
def shifts_told(
    values: Floats, grid: Grid, zones: Sequence[str], first: int = 0, rule: ShiftRule | None = None
) -> Shifted:
    """Which values of cities stand at the wrong hour, from cell `first` on.

    `values` (n, R) on the grid, in any unit a city; `zones` is each city's time zone. Positive
    hours: too late. Judged at the end of each quarter of a UTC day, by two days. Coarser data than hourly are
    not judged.
    """
    rule = rule or ShiftRule()
    out = no_shift(len(values), grid.count - first)
    per_hour = HOUR // grid.step
    if per_hour < 1 or HOUR % grid.step or not len(values):
        return out
    quarter = _BLOCK // grid.step
    begin = _block_start(grid, first - rule.blocks * quarter)
    count = (grid.count - begin) // quarter
    if count < rule.blocks:
        return out
    low = max(begin - _MEMORY // grid.step, 0)
    own = Grid(grid.start + low * grid.step, grid.step, grid.count - low)
    part = slice(begin - low, begin - low + count * quarter)
    change = _changes(values[:, low:], per_hour)
    for zone in dict.fromkeys(zones):
        rows = np.flatnonzero([each == zone for each in zones])
        cities = _Cities(change if len(rows) == len(values) else change[:, rows], own, zone, part)
        for block, row, late in cities.shifted(rule):
            end = begin + (block + 1) * quarter
            there = slice(max(end - rule.blocks * quarter - first, 0), max(end - first, 0))
            out.told[rows[row], there] = end - 1
            out.hours[rows[row], there] = late
    return out


def _block_start(grid: Grid, cell: int) -> int:
    """The first cell from there on that begins a quarter of a UTC day, or is the first in it."""
    at = grid.start + max(cell, 0) * grid.step
    ahead = -((at - _EPOCH) // -_BLOCK) * _BLOCK + _EPOCH - at
    return max(cell, 0) - (-ahead // grid.step)


def _changes(values: Floats, per_hour: int) -> Floats:
    """(R, n) the change of the load's logarithm from an hour before; rows are times, in which all is done."""
    values = np.ascontiguousarray(values.T)
    load = np.log(np.where(values > 0, values, np.nan)).astype(np.float32, copy=False)
    out = np.full(load.shape, np.nan, np.float32)
    np.subtract(load[per_hour:], load[:-per_hour], out=out[per_hour:])
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Cities:
    """The changes (R, n) of the cities of one zone; judged are those of `part`, whole quarters of days."""

    change: Floats
    grid: Grid
    zone: str
    part: slice

    def shifted(self, rule: ShiftRule) -> list[tuple[int, int, float]]:
        """Quarter by which it was told, city, and hours; the earliest that told it comes last."""
        most = self.most(rule)
        usual = self.usual(slice(self.part.start - most, self.part.stop + most))
        still = self._own(rule).misfit(self._moved(usual, 0, rule))
        some = np.flatnonzero((still.whole >= rule.misfits).any(axis=0))
        if not len(some):
            return []
        few, whole, usual = replace(self, change=self.change[:, some]), still.whole[:, some], usual[:, some]
        best, late = few.best(usual, rule)
        enough = np.where(np.abs(late) <= 2, rule.better_near, rule.better)
        found = (best <= rule.fits) & (whole >= rule.misfits) & (best <= enough * whole)
        if found.any():
            found &= ~(self._changing(rule) & (np.abs(late) == 1))
            found &= few.agree(late, np.unique(late[found]), still.blocks[:, some], usual, rule)
        told = np.argwhere(found)[::-1]
        return [(int(block), int(some[row]), float(late[block, row])) for block, row in told]

    def best(self, usual: Floats, rule: ShiftRule) -> tuple[Floats, Floats]:
        """(blocks, n) the least misfit of any move, and by how many hours; `usual` reaches as far around."""
        per_hour, own = HOUR // self.grid.step, self._own(rule)
        most, shape = self.most(rule), own.size.shape
        best, late = np.full(shape, np.inf), np.zeros(shape)
        for cells in sorted(range(-most, most + 1, max(per_hour // 2, 1)), key=abs):
            if cells:
                fit = own.misfit(self._moved(usual, cells, rule)).whole
                # 13 hours late is 11 early on another day: the nearer one, unless it fits clearly worse
                better = fit < (best * _CLEARLY if abs(cells) > 12 * per_hour else best)
                np.copyto(best, fit, where=better)
                np.copyto(late, cells / per_hour, where=better)
        return best, late

    def agree(self, late: Floats, hours: Floats, still: Floats, usual: Floats, rule: ShiftRule) -> Bools:
        """(blocks, n) whether enough quarters fit better moved by as much; asked of some moves alone."""
        own, enough = self._own(rule), np.zeros(late.shape, bool)
        for each in hours.tolist():
            moved = self._moved(usual, round(each * (HOUR // self.grid.step)), rule)
            many = _together(1.0 * (own.misfit(moved).blocks < still), rule.blocks)
            enough |= (late == each) & (many >= rule.agree)
        return enough

    def _own(self, rule: ShiftRule) -> _Own:
        change = _clipped(self.change[self.part])
        cells = _BLOCK // self.grid.step
        return _Own(change, _together(_by_block(np.abs(change), cells), rule.blocks), cells, rule)

    def most(self, rule: ShiftRule) -> int:
        return rule.most_hours * (HOUR // self.grid.step)

    def _moved(self, usual: Floats, cells: int, rule: ShiftRule) -> Floats:
        begin = self.most(rule) - cells
        return usual[begin : begin + self.part.stop - self.part.start]

    def usual(self, cells: slice) -> Floats:
        """(cells, n) the median of the same weekday and local time of the weeks before, of at least two.
        Cells may lie before the grid, or ahead of it.
        """
        grid, count = self.grid, len(self.change)
        back = max(_WEEKS) * (DAY // grid.step) - cells.start
        clock = offsets(Grid(grid.start - back * grid.step, grid.step, back + cells.stop), self.zone)
        here = np.arange(cells.start, cells.stop)
        parts = []
        for days in _WEEKS:
            ago = here - days * (DAY // grid.step)
            moved = ago + (clock[here + back] - clock[ago + back]) // round(grid.step.total_seconds())
            past = _clipped(self.change[np.clip(moved, 0, count - 1)])
            past[(moved < 0) | (moved >= count)] = np.nan
            parts.append(past)
        return _median(parts)

    def _changing(self, rule: ShiftRule) -> Bools:
        """(blocks, 1) whether a zone that nobody declared may have changed its clocks in what is usual."""
        count = (self.part.stop - self.part.start) // (_BLOCK // self.grid.step)
        if self.zone != "UTC":
            return np.zeros((count, 1), bool)
        back = max(_WEEKS) + rule.blocks // 4 + 1
        start = self.grid.start + self.part.start * self.grid.step - timedelta(days=back)
        quarters = Grid(start, _BLOCK, 4 * back + count)
        changed = np.zeros(quarters.count + 1, np.int64)
        for zone in _CLOCKS:
            changed[2:] += np.diff(offsets(quarters, zone)) != 0
        sums = np.cumsum(changed)
        return np.asarray(sums[4 * back + 1 :] > sums[:count])[:, None]


def _clipped(change: Floats) -> Floats:
    return np.asarray(np.clip(change, -_MOST, _MOST))


class _Misfit(NamedTuple):
    """(blocks, n) sums of each quarter of a day, and of how many hours; and how far as many as are judged
    together up to its end misfit.
    """

    off: Floats
    many: Floats | int
    whole: Floats

    @property
    def blocks(self) -> Floats:
        """How far each quarter of a day misfits."""
        return self.off / self.many


@dataclass(frozen=True, slots=True, eq=False)
class _Own:
    """The changes (R, n) that are judged, and how much they are (blocks, n), where all are known."""

    change: Floats
    size: Floats
    cells: int
    rule: ShiftRule

    def misfit(self, usual: Floats) -> _Misfit:
        """How far they are from the usual ones."""
        apart = np.abs(self.change - usual)
        off = _by_block(apart, self.cells)
        if not np.isnan(off).any():
            return _Misfit(off, self.cells, _together(off, self.rule.blocks) / self.size)
        known = apart == apart  # not NaN
        many = _by_block(known, self.cells)
        off = _by_block(np.where(known, apart, 0), self.cells)
        size = _by_block(np.where(known, np.abs(self.change), 0), self.cells)
        whole = _together(off, self.rule.blocks) / _together(size, self.rule.blocks)
        least = self.rule.known * self.rule.blocks * self.cells
        whole[_together(many, self.rule.blocks) < least] = np.nan
        return _Misfit(off, many, whole)


def _by_block(values: NDArray[Any], cells: int) -> Floats:
    """(blocks, n) the sum of each quarter of a day."""
    return np.asarray(values.reshape(-1, cells, values.shape[1]).sum(axis=1))


def _together(blocks: Floats, many: int) -> Floats:
    """Sums of each block and those before it; NaN where there are too few."""
    out = np.full(blocks.shape, np.nan)
    last = len(blocks) - many + 1
    out[many - 1 :] = reduce(np.add, (blocks[k : k + last] for k in range(many)))
    return out


def _median(parts: Sequence[Floats]) -> Floats:
    """The median of four, by what is neither least nor most of them; of two at least."""
    low, high, total = parts[0], parts[0], reduce(np.add, parts)
    for part in parts:
        low, high = np.fmin(low, part), np.fmax(high, part)
    missing = np.isnan(total)
    if not missing.any():
        return np.asarray((total - low - high) / 2)
    known = [part == part for part in parts]  # not NaN
    total = reduce(np.add, (np.where(is_known, part, 0) for is_known, part in zip(known, parts, strict=True)))
    many = np.sum(known, axis=0, dtype=np.int8)
    inner = np.where(many == 2, total, total - low - high)
    return np.asarray(np.where(many < 2, np.nan, inner / np.where(many == 3, 1, 2)))
