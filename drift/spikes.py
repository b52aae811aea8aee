"""PURE. Spikes: an hour or a few whose load jumps away and comes back, as no load of a city does.

Why: a single wrong reading of twice the load is no wrong scale and stands still nowhere, yet one in a day
moves the MAPE by four points. How: a spike must stand out in three views at once, as it is, against the day
before and against the week before, and against how far this city's load jumps by itself. So a morning ramp, a
factory that starts at six and a change of the clocks are none. It is told once the load is back.

Factors are compared (logarithms), so a unit changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.domain import Floats
from drift.stuck import NEVER
from drift.values import quiet

Doubles: TypeAlias = NDArray[np.float64]

_ABSURD = np.log(4.0)
"""A day or a week ago nothing is usual that moved by more: it was a fault itself."""
_BEHIND = 7
"""Days that a jump is looked at from at most: the week before."""
_AT_ONCE = 16
"""Cities: more at once take twice as long."""


@dataclass(frozen=True, slots=True)
class SpikeRule:
    """When a jump is a spike."""

    jump: float = 0.2
    """Logarithm of the least factor: up by 22 %, or down by 18 %."""
    times: float = 3.0
    """Times the jump that this city passes in one hour of fifty."""
    usual_share: float = 0.98
    """Which share of its jumps is usual."""
    hours: float = 3.0
    """A spike lasts no longer."""
    returned: float = 0.4
    """Share of the spike, within which the load is back."""
    memory_days: int = 28
    """Whose jumps are usual."""
    least: int = 48
    """Jumps that must be known to say so."""


@quiet
def spikes_told(
    values: Floats, per_day: int, first: int = 0, rule: SpikeRule | None = None
) -> NDArray[np.int32]:
    """(n, R − first) by which cell each value of a spike was known to be one, that of the return; `NEVER`
    elsewhere.

    `values` (n, R), rows are cities; missing, zero and negative are no value. Told are cells from `first` on.

    >>> load = np.tile(np.linspace(900.0, 1100.0, 24), 10)[None]
    >>> load[0, 200] *= 1.5
    >>> told = spikes_told(load, per_day=24)
    >>> np.flatnonzero(told[0] != NEVER).tolist(), int(told[0, 200])
    ([200], 201)
    """
    rule = rule or SpikeRule()
    out = np.full((len(values), values.shape[1] - first), NEVER, np.int32)
    most = max(round(rule.hours * per_day / 24), 1)
    for c in range(0, len(values), _AT_ONCE):
        _mark(out[c : c + _AT_ONCE], values[c : c + _AT_ONCE], per_day, first, most, rule)
    return out


def _mark(
    out: NDArray[np.int32], values: Floats, per_day: int, first: int, most: int, rule: SpikeRule
) -> None:
    """Mark the spikes of a few cities, whose numbers fit in the processor's cache."""
    begin = max(first - most, 1)
    low = max(begin - _BEHIND * per_day - 1, 0)
    far = _jumps(_load(values[:, low:]), per_day)[:, begin - low :] > rule.jump
    some = np.flatnonzero(far.any(axis=1))
    low = max(low - rule.memory_days * per_day, 0)
    load = _load(values[some, low:])
    for c, city, jump in zip(some, load, _jumps(load, per_day), strict=True):
        for start, back in _spikes(city, jump, begin - low, most, per_day, rule):
            out[c, max(start + low - first, 0) : max(back + low - first, 0)] = back + low


def _spikes(
    load: Floats, jump: Floats, first: int, most: int, per_day: int, rule: SpikeRule
) -> Iterator[tuple[int, int]]:
    """Where the spikes of one city begin, from a cell on, and where its load is back, so many cells later at
    most.
    """
    over = 0
    for begin in (np.flatnonzero(jump[first:] > rule.jump) + first).tolist():
        past = jump[max(begin - rule.memory_days * per_day, 0) : begin]
        if begin < over or is_usual(jump[begin], past, rule):
            continue
        limit = limit_of(past, rule)
        if jump[begin] > limit:
            back = _back(load, begin, min(begin + most, len(load) - 1), limit, per_day, rule)
            if back is not None:
                over = back
                yield begin, back


def _load(values: Floats) -> Doubles:
    """The logarithm of each value, in 64 bits; NaN of what is none."""
    values = values.astype(np.float64)
    return np.log(np.where((values > 0) & (values < np.inf), values, np.nan))


def _jumps(load: Doubles, per_day: int) -> Doubles:
    """(n, R) the change from the cell before: the least of it and what it is beyond a day and a week ago."""
    step = np.full(load.shape, np.nan)
    np.subtract(load[:, 1:], load[:, :-1], out=step[:, 1:])
    far = np.abs(step)
    least, usual = far.copy(), np.where(far < _ABSURD, step, np.nan)
    for back in (per_day, _BEHIND * per_day):
        if back < load.shape[-1]:
            least[:, back:] = np.fmin(least[:, back:], np.abs(step[:, back:] - usual[:, :-back]))
    return np.asarray(least)


def is_usual(jump: float, past: Floats, rule: SpikeRule) -> bool:
    """Whether a jump is plainly below the city's own limit, without sorting: so many of those before it are
    above the part of it that the usual one would have to be below.
    """
    above = np.count_nonzero(past > jump / rule.times * (1 + 1e-9))
    return bool(above >= len(past) - int(rule.usual_share * (len(past) - 1)))


def limit_of(past: Floats, rule: SpikeRule) -> float:
    """The jump that is none of this city's own."""
    known = past[np.isfinite(past)]
    if len(known) < rule.least:
        return np.inf
    return max(rule.jump, rule.times * float(np.quantile(known, rule.usual_share)))


def _back(load: Floats, begin: int, last: int, limit: float, per_day: int, rule: SpikeRule) -> int | None:
    """The cell by which the load is back from what began, if it is until the last; None: it is no spike."""
    away: list[float] = []
    for cell in range(begin, last + 1):
        if not np.isfinite(load[cell]):
            continue
        views = _views(load, begin - 1, cell, per_day)
        if away and np.abs(views).min() <= rule.returned * min(np.abs(away)):
            return cell
        away += views.tolist()
        if not (min(away) > limit or max(away) < -limit):
            return None
    return None


def _views(load: Floats, base: int, cell: int, per_day: int) -> Floats:
    """How far a cell lies from the base: as it is, and beyond what it did a day and a week ago."""
    move = load[cell] - load[base]
    usual = [load[cell - ago] - load[base - ago] for ago in (per_day, _BEHIND * per_day) if ago <= base]
    views = np.array([move, *(move - each for each in usual if abs(each) < _ABSURD)])
    return np.asarray(views[np.isfinite(views)])
