"""PURE. Spikes: an hour or a few whose load jumps away and comes back, as no load of a city does.

Why: a single wrong reading of twice the load is no wrong scale and stands still nowhere, yet one in a day
moves the MAPE by four points. How: a spike must stand out in three views at once, as it is, against the day
before and against the week before, and against how far this city's load jumps by itself. So a morning ramp, a
factory that starts at six and a change of the clocks are none. It is told once the load is back.

Factors are compared (logarithms), so a unit changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift.domain import Floats
from drift.stuck import NEVER
from drift.values import quiet

_ABSURD = np.log(4.0)
"""A day or a week ago nothing is usual that moved by more: it was a fault itself."""


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
    begin = max(first - most, 1)
    part = values[:, begin - 1 :]
    step = np.abs(np.diff(np.log(np.where(part > 0, part, np.nan)), axis=1))
    for c in np.flatnonzero((step > rule.jump).any(axis=1)):
        out[c] = _city(values[c].astype(np.float64), per_day, begin, most, rule)[first:]
    return out


def _city(values: Floats, per_day: int, first: int, most: int, rule: SpikeRule) -> NDArray[np.int32]:
    """(R,) the spikes of one city that begin with cell `first` or later, and last so many at most."""
    told = np.full(len(values), NEVER, np.int32)
    load = np.log(np.where(values > 0, values, np.nan))
    jump = _jumps(load, per_day)
    for begin in np.flatnonzero(jump[first:] > rule.jump) + first:
        limit = _limit(jump[max(begin - rule.memory_days * per_day, 0) : begin], rule)
        if jump[begin] > limit and told[begin] == NEVER:
            back = _back(load, int(begin), min(int(begin) + most, len(load) - 1), limit, per_day, rule)
            if back is not None:
                told[begin:back] = back
    return told


def _jumps(load: Floats, per_day: int) -> Floats:
    """(R,) the change from the cell before: the least of it and of what it is beyond a day and a week ago."""
    step = np.diff(load, prepend=np.nan)
    least, usual = np.abs(step), np.where(np.abs(step) < _ABSURD, step, np.nan)
    for back in (per_day, 7 * per_day):
        if back < len(step):
            least[back:] = np.fmin(least[back:], np.abs(step[back:] - usual[:-back]))
    return np.where(np.isfinite(step), least, np.nan)


def _limit(past: Floats, rule: SpikeRule) -> float:
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
    usual = [load[cell - ago] - load[base - ago] for ago in (per_day, 7 * per_day) if ago <= base]
    views = np.array([move, *(move - each for each in usual if abs(each) < _ABSURD)])
    return np.asarray(views[np.isfinite(views)])
