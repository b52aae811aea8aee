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
from functools import lru_cache
from typing import NamedTuple

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
        cities = _Cities(change if len(rows) == len(values) else change[rows], own, zone, part)
        for row, block, late in cities.shifted(rule):
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
    """(n, R) the change of the load's logarithm from an hour before."""
    load = np.log(np.where(values > 0, values, np.nan)).astype(np.float32)
    out = np.full(load.shape, np.nan, np.float32)
    out[:, per_hour:] = load[:, per_hour:] - load[:, :-per_hour]
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Cities:
    """The changes of the cities of one zone; judged are those of `part`, whole quarters of days."""

    change: Floats
    grid: Grid
    zone: str
    part: slice

    def shifted(self, rule: ShiftRule) -> list[tuple[int, int, float]]:
        """City, quarter by which it was told, and hours; the earliest that told it comes last."""
        still = _misfit(self.own, self._usual(self.part), self.grid, rule)
        some = np.flatnonzero((still.whole >= rule.misfits).any(axis=1))
        if not len(some):
            return []
        few = replace(self, change=self.change[some])
        still = _Misfit(still.blocks[some], still.whole[some])
        best, late, agree = few.best(still, rule)
        enough = np.where(np.abs(late) <= 2, rule.better_near, rule.better)
        found = (
            (agree >= rule.agree)
            & (best <= rule.fits)
            & (still.whole >= rule.misfits)
            & (best <= enough * still.whole)
        )
        found &= ~(self._changing(rule) & (np.abs(late) == 1))
        told = np.argwhere(found)[::-1]
        return [(int(some[row]), int(block), float(late[row, block])) for row, block in told]

    @property
    def own(self) -> Floats:
        return _clipped(self.change[:, self.part])

    def best(self, still: _Misfit, rule: ShiftRule) -> tuple[Floats, Floats, Floats]:
        """(n, blocks) the least misfit of any move, by how many hours, and how many blocks agree."""
        per_hour = HOUR // self.grid.step
        most, own = rule.most_hours * per_hour, self.own
        usual = self._usual(slice(self.part.start - most, self.part.stop + most))
        best, late = np.full(still.whole.shape, np.inf), np.zeros(still.whole.shape)
        agree = np.zeros(still.whole.shape)
        for cells in sorted(range(-most, most + 1, max(per_hour // 2, 1)), key=abs):
            if cells:
                moved = usual[:, most - cells :][:, : own.shape[1]]
                fit = _misfit(own, moved, self.grid, rule)
                # 13 hours late is 11 early on another day: the nearer one, unless it fits clearly worse
                better = fit.whole < best * (_CLEARLY if abs(cells) > 12 * per_hour else 1)
                best = np.where(better, fit.whole, best)
                late = np.where(better, cells / per_hour, late)
                agree = np.where(better, _together(1.0 * (fit.blocks < still.blocks), rule.blocks), agree)
        return best, late, agree

    def _usual(self, cells: slice) -> Floats:
        """(n, cells) the median of the same weekday and local time of the weeks before, of at least two.
        Cells may lie before the grid, or ahead of it.
        """
        grid, count = self.grid, self.change.shape[1]
        back = max(_WEEKS) * (DAY // grid.step) - cells.start
        clock = offsets(Grid(grid.start - back * grid.step, grid.step, back + cells.stop), self.zone)
        here = np.arange(cells.start, cells.stop)
        parts = []
        for days in _WEEKS:
            ago = here - days * (DAY // grid.step)
            moved = ago + (clock[here + back] - clock[ago + back]) // round(grid.step.total_seconds())
            past = _clipped(self.change[:, np.clip(moved, 0, count - 1)])
            past[:, (moved < 0) | (moved >= count)] = np.nan
            parts.append(past)
        return _median(parts)

    def _changing(self, rule: ShiftRule) -> Bools:
        """(1, blocks) whether a zone that nobody declared may have changed its clocks in what is usual."""
        count = (self.part.stop - self.part.start) // (_BLOCK // self.grid.step)
        if self.zone != "UTC":
            return np.zeros((1, count), bool)
        back = max(_WEEKS) + rule.blocks // 4 + 1
        start = self.grid.start + self.part.start * self.grid.step - timedelta(days=back)
        quarters = Grid(start, _BLOCK, 4 * back + count)
        changed = np.zeros(quarters.count + 1, np.int64)
        for zone in _CLOCKS:
            changed[2:] += np.diff(offsets(quarters, zone)) != 0
        sums = np.cumsum(changed)
        return np.asarray(sums[4 * back + 1 :] > sums[:count])[None]


def _clipped(change: Floats) -> Floats:
    return np.asarray(np.clip(change, -_MOST, _MOST))


class _Misfit(NamedTuple):
    """(n, blocks) of each quarter of a day, and of as many as are judged together up to its end."""

    blocks: Floats
    whole: Floats


def _misfit(own: Floats, usual: Floats, grid: Grid, rule: ShiftRule) -> _Misfit:
    """How far changes are from the usual ones."""
    cells = _BLOCK // grid.step

    def by_block(values: Floats) -> Floats:
        return np.asarray(values.reshape(len(values), -1, cells).sum(axis=2))

    apart, own = np.abs(own - usual), np.abs(own)
    known = apart == apart  # not NaN
    many: Floats | int = cells
    if not known.all():
        many, apart, own = by_block(known), np.where(known, apart, 0), np.where(known, own, 0)
    off = by_block(apart)
    whole = _together(off, rule.blocks) / _together(by_block(own), rule.blocks)
    if not isinstance(many, int):
        whole[_together(many, rule.blocks) < rule.known * rule.blocks * cells] = np.nan
    return _Misfit(off / many, whole)


def _together(blocks: Floats, many: int) -> Floats:
    """Sums of each block and those before it; NaN where there are too few."""
    out = np.full(blocks.shape, np.nan)
    last = blocks.shape[1] - many + 1
    out[:, many - 1 :] = sum(blocks[:, k : k + last] for k in range(many))
    return out


def _median(parts: Sequence[Floats]) -> Floats:
    """The median of four, by what is neither least nor most of them; of two at least."""
    low, high = parts[0], parts[0]
    total, many = np.zeros(low.shape, np.float32), np.zeros(low.shape, np.int8)
    for part in parts:
        known = part == part  # not NaN
        low, high = np.fmin(low, part), np.fmax(high, part)
        total += np.where(known, part, 0)
        many += known
    inner = np.where(many == 2, total, total - low - high)
    return np.where(many < 2, np.nan, inner / np.where(many == 3, 1, 2))
