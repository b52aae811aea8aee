"""PURE. Hard faults of data: hours whose value cannot be a load, told apart from hours of a bad forecast.

Why: a dead feed, a meter that stands still or kilowatts for megawatts is found by a plain rule within the
hour, and is no drift. Left in, one such hour decides every later mean. So each hour gets the code of its
fault, hours with a fault leave all later statistics, and an alert says "stuck at 1,204.0 MW since …".

How: `FAULTS` lists the kinds, the most telling first, each with the function that finds it; where several
apply, the first one is named. Kinds that show in the values alone are found in all times at once. Kinds that
need what is usual are found day by day, oldest first: what was found leaves the usual for a week.

Arrays are cities × times of a dense grid, oldest first, at any interval that divides a day; NaN is no value.
Actuals and predictions are judged alike. An hour is judged by itself, by hours before it and, in a stuck run,
by the run's hours after it; never by other cities. What is usual reaches back 28 days, and through the faults
that were found there a little further, so an array's first 28 days are judged by less than the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift.domain import Codes, Floats, Grid
from drift.stuck import StuckRule, stuck_cells
from drift.values import Bools, quiet

SOUND = 0
"""The code of an hour without a fault."""

_WEEK = 7  # days


@dataclass(frozen=True, slots=True)
class FaultSettings:
    """The numbers of the hard rules that a person may change, with their units."""

    stuck_hours: float = 4.0
    """Hours; a run of equal values is stuck from this length on (and never of fewer than four values)."""
    stuck_share: float = 0.07
    """Share of its hours in which a city may stand still, up to which a run of that length is stuck. The load
    of a city that is rounded coarsely, or the same all night, stands still more, and needs a longer run."""
    ratio: float = 4.0
    """Times what is usual; above it, or below its inverse, the scale is wrong."""
    look_back: tuple[int, ...] = (1, 2, 3, 7, 14, 21, 28)
    """Days before, whose values at the same time of day are what is usual."""
    least_look_back: int = 1
    """Of those days, how many must have such a value; with fewer nothing is said about the scale. With 1 the
    day after a long gap is judged too; where the first value was the wrong one, for three days, wrongly."""

    def __post_init__(self) -> None:
        if self.stuck_hours <= 0 or not 0 < self.stuck_share <= 1 or self.ratio <= 1:
            raise ValueError("stuck_hours is above 0, stuck_share in (0, 1] and ratio above 1")
        if not self.look_back or min(self.look_back) < 1 or self.least_look_back < 1:
            raise ValueError("look_back holds days of 1 and more, and least_look_back is 1 or more")

    @property
    def memory_days(self) -> int:
        """How far back what is usual reaches, in days; a run that is older is a constant series."""
        return max(self.look_back)

    def stuck_cells(self, per_day: int) -> int:
        """The shortest stuck run, in values.

        >>> FaultSettings().stuck_cells(24), FaultSettings().stuck_cells(288), FaultSettings().stuck_cells(4)
        (4, 48, 4)
        """
        return max(ceil(self.stuck_hours * per_day / 24), 4)

    def stuck_rule(self, per_day: int) -> StuckRule:
        """What a run is held against."""
        return StuckRule(self.stuck_cells(per_day), self.stuck_share, self.memory_days)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a kind of fault is judged by. Rows are times, columns cities."""

    values: Floats
    """(R, n); NaN where there is none and, where there is `recent`, where another fault was found."""
    recent: tuple[Floats, ...]
    """(R, n) each: what counts as usual of the same times of day before; empty for kinds that need none."""
    per_day: int
    settings: FaultSettings


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault: its code, its name, the words that people read, and how it is found."""

    code: int
    name: str
    words: str
    """What is said of it: `{value}` is the newest such value with its unit, `{times}` that ÷ the usual."""
    find: Callable[[Seen], Bools]
    needs_recent: bool = False


def faults(values: Floats, per_day: int, settings: FaultSettings | None = None, first: int = 0) -> Codes:
    """(n, H) the code of each hour's fault, 0 where it is sound.

    `values` (n, H), in any one unit a city: a positive factor on a city changes nothing. `per_day` is the
    number of intervals in a day. NaN and infinity are missing; zero and below cannot be a load.

    With `first` only cells from there on get a code, which is cheaper, and cells before it 0. It says the
    same as without, unless a wrong scale lasted for weeks.

    Raises:
        ValueError: `values` is not (n, H), or `per_day` or `first` cannot be.

    >>> load = np.tile(np.linspace(900.0, 1100.0, 24), 4)[None]
    >>> load[0, 90], load[0, 91], load[0, 92] = np.nan, 0.0, 1000 * load[0, 92]
    >>> faults(load, per_day=24)[0, 89:94]
    array([0, 1, 2, 4, 0], dtype=uint8)
    """
    if values.ndim != 2 or per_day < 1 or not 0 <= first <= values.shape[1]:
        raise ValueError(f"faults of {values.shape} values, {per_day} a day, from cell {first}: not an array")
    settings = settings or FaultSettings()
    memory = settings.memory_days * per_day
    start = max(first - 2 * memory, 0)
    rows = np.ascontiguousarray(values[:, start:].T)
    found = np.zeros(rows.shape, np.uint8)
    _mark(found, Seen(rows, (), per_day, settings), needs_recent=False)
    plausible = np.where(found == SOUND, rows, np.nan)
    some = np.flatnonzero(_varies(plausible, per_day, settings))
    if len(some):
        found[:, some] = _by_day(
            found[:, some], plausible[:, some], per_day, settings, max(first - memory, 0) - start
        )
    codes = np.zeros(values.shape, np.uint8)
    codes[:, first:] = found[first - start :].T
    return codes


@quiet
def _varies(plausible: Floats, per_day: int, settings: FaultSettings) -> Bools:
    """(n,) cities that can have a wrong scale: at some time of day one value is too many times another."""
    cut = len(plausible) % per_day
    days = plausible[cut:].reshape(len(plausible) // per_day, per_day, plausible.shape[1])
    high, low = (np.full(days.shape[1:], np.nan, plausible.dtype) for _ in range(2))
    high[per_day - cut :] = low[per_day - cut :] = plausible[:cut]
    high, low = np.fmax(high, _over(np.fmax, days)), np.fmin(low, _over(np.fmin, days))
    return np.asarray((high > 0.999 * settings.ratio * low).any(axis=0))  # 0.999: of rounding


def _over(function: np.ufunc, days: Floats) -> Floats:
    """Over the days, of which there may be none."""
    if not len(days):
        return np.full(days.shape[1:], np.nan, days.dtype)
    return np.asarray(function.reduce(days, axis=0))


def _by_day(found: Codes, plausible: Floats, per_day: int, settings: FaultSettings, first: int) -> Codes:
    """(R, n) the codes, with those of the kinds that need what is usual, from a row on, oldest first."""
    sound = plausible.copy()
    for begin in range(first, len(plausible), per_day):
        day = slice(begin, min(begin + per_day, len(plausible)))
        recent = _recent(sound, plausible, day, per_day, settings)
        _mark(found[day], Seen(sound[day], recent, per_day, settings), needs_recent=True)
        np.copyto(sound[day], np.nan, where=found[day] != SOUND)
    return found


def told_later(values: Floats, codes: Codes, per_day: int, settings: FaultSettings | None = None) -> Bools:
    """(n, H) the stuck hours, among the `codes` of the values, that a later hour told: those by which a run
    was still too short. Who judged them at the time could not know.

    >>> load = np.array([[7.0, 8.0, 5.0, 5.0, 5.0, 5.0, 5.0, 9.0]])
    >>> told_later(load, faults(load, per_day=24), per_day=24)[0].nonzero()[0]
    array([2, 3, 4])
    """
    stuck: Bools = codes == FAULTS["stuck"].code
    cities = np.flatnonzero(stuck.any(axis=1))
    if len(cities):
        rule = (settings or FaultSettings()).stuck_rule(per_day)
        stuck[cities] &= ~stuck_cells(values[cities].T, per_day, rule, hindsight=False).T
    return stuck


@quiet
def _mark(found: Codes, seen: Seen, needs_recent: bool) -> None:
    """Put the code of every fault of one sort where there is none yet."""
    for fault in FAULTS.values():
        if fault.needs_recent == needs_recent:
            np.copyto(found, np.uint8(fault.code), where=fault.find(seen) & (found == SOUND))


def _recent(
    sound: Floats, plausible: Floats, day: slice, per_day: int, settings: FaultSettings
) -> tuple[Floats, ...]:
    """The same rows days ago, as far as the array reaches back; a day that is cut gets NaN.

    Up to a week ago only sound values. Of a week ago and more also those whose only fault was to be unusual
    then: what lasts, or comes every Saturday, is the city's own.
    """
    found = []
    for days in settings.look_back:
        past = sound if days < _WEEK else plausible
        begin, end = day.start - days * per_day, day.stop - days * per_day
        if begin >= 0:
            found.append(past[begin:end])
        elif end > 0:
            absent = np.full((-begin, past.shape[1]), np.nan, past.dtype)
            found.append(np.concatenate([absent, past[:end]]))
    return tuple(found)


def _missing(seen: Seen) -> Bools:
    """No value, or none that is a number."""
    return ~np.isfinite(seen.values)


def _not_positive(seen: Seen) -> Bools:
    """Zero or negative."""
    return seen.values <= 0


def _wrong_scale(seen: Seen) -> Bools:
    """More than `ratio` times, or less than its inverse of, the recent median of the same time of day.

    Counted, not sorted: a value is above `ratio` times the median exactly if it is above `ratio` times more
    than half of them. (Of an even number, whose median lies between two, both must agree.)
    """
    above, below, known = (np.zeros(seen.values.shape, np.int16) for _ in range(3))
    low, high = seen.values / seen.settings.ratio, seen.values * seen.settings.ratio
    for value in seen.recent:
        above += value < low
        below += value > high
        known += value == value  # not NaN
    outside: Bools = (2 * np.maximum(above, below) > known) & (known >= seen.settings.least_look_back)
    return outside


def _stuck(seen: Seen) -> Bools:
    """Every value of a run that stands still for longer than this city's values do by chance."""
    return stuck_cells(seen.values, seen.per_day, seen.settings.stuck_rule(seen.per_day))


_KINDS = (
    Fault(1, "missing", "no value", _missing),
    Fault(2, "not_positive", "not above zero, at {value},", _not_positive),
    Fault(3, "stuck", "stuck at {value}", _stuck),
    Fault(4, "scale", "at {value}, {times} times what is usual,", _wrong_scale, needs_recent=True),
)
FAULTS = {fault.name: fault for fault in _KINDS}
"""Every kind of hard fault, the most telling first: a stuck value explains its scale, not the reverse.
One more kind is a function and a line here."""

SPIKE, SHIFT = 5, 6
"""Codes of what only later hours tell: it leaves the accuracy (`drift.unfit`), and not the detectors."""

NAMES = {fault.code: fault.name for fault in _KINDS} | {SPIKE: "spike", SHIFT: "shift"}
"""The name of each code."""


class FaultHours(NamedTuple):
    """How much of the latest data is unfit, a city."""

    hours: Floats
    """(n,) hours with a fault."""
    kind: Codes
    """(n,) code of the newest of them, 0 where there is none."""


def fault_hours(codes: Codes, last: int, per_day: int = 24) -> FaultHours:
    """How many hours of the `last` cells of codes (n, H) are bad, and the kind of the newest bad one.

    >>> fault_hours(np.array([[3, 3, 0, 1, 0], [0, 0, 0, 0, 0]], np.uint8), last=4)
    FaultHours(hours=array([2., 0.]), kind=array([1, 0], dtype=uint8))
    """
    recent = codes[:, max(codes.shape[1] - last, 0) :][:, ::-1]
    if not recent.shape[1]:
        return FaultHours(np.zeros(len(codes)), np.zeros(len(codes), np.uint8))
    bad = recent != SOUND
    newest = np.take_along_axis(recent, bad.argmax(axis=1)[:, None], axis=1)[:, 0]
    return FaultHours(bad.sum(axis=1) * 24 / per_day, newest)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one kind of fault in the latest data of one city."""

    fault: Fault
    since: datetime
    """The start of its first hour."""
    until: datetime
    """The end of its newest hour."""
    lasts: bool
    """Whether the newest hour of all has it."""
    hours: float
    """How many hours have it."""
    value: float | None
    """The newest value that has it; None where there is none."""
    usual: float | None
    """The recent median of the sound values of that time of day; None where there are none."""

    def sentence(self, unit: str, zone: tzinfo = UTC) -> str:
        """The fault as an alert says it, with times on the clock of `zone`."""
        since, until = (f"{each.astimezone(zone):%Y-%m-%d %H:%M}" for each in (self.since, self.until))
        when = f"since {since}" if self.lasts else f"from {since} to {until}"
        what = self.fault.words.format(value=f"{self.value or 0:,.1f} {unit}", times=self._times())
        return f"{what} {when} ({self.hours:,g} {'hour' if self.hours == 1 else 'hours'})"

    def _times(self) -> str:
        if self.value is None or not self.usual:
            return "an unknown number of"
        return f"{self.value / self.usual:,.4g}"


def evidence(
    values: Floats, codes: Codes, grid: Grid, last: int, settings: FaultSettings | None = None
) -> tuple[Evidence, ...]:
    """What is wrong in the `last` cells of one city, a kind each, that of the newest hour first.

    `values` (H,) and their `codes` (H,) lie on the grid. What was already so before those cells is followed
    back to its beginning, as far as the codes reach. Empty where all is sound.

    >>> grid = Grid(datetime(2020, 4, 10, 12, tzinfo=UTC), timedelta(hours=1), 7)
    >>> load = np.array([1198.0, 1201.0, 1204.0, 1204.0, 1204.0, 1204.0, 1204.0])
    >>> (found,) = evidence(load, faults(load[None], per_day=24)[0], grid, last=1)
    >>> found.sentence("MW")
    'stuck at 1,204.0 MW since 2020-04-10 14:00 (5 hours)'
    """
    settings = settings or FaultSettings()
    newest = [(np.flatnonzero(codes == fault.code), fault) for fault in FAULTS.values()]
    recent = [(cells, fault) for cells, fault in newest if len(cells) and cells[-1] >= len(codes) - last]
    recent.sort(key=lambda each: -each[0][-1])
    return tuple(_evidence(cells, fault, values, codes, grid, last, settings) for cells, fault in recent)


def _evidence(
    cells: NDArray[np.intp],
    fault: Fault,
    values: Floats,
    codes: Codes,
    grid: Grid,
    last: int,
    settings: FaultSettings,
) -> Evidence:
    first = cells[cells >= len(codes) - last][0]
    sound = np.flatnonzero(codes[:first] != fault.code)
    begin = int(sound[-1]) + 1 if len(sound) else 0
    newest = int(cells[-1])
    ago = np.array([newest - days * (timedelta(days=1) // grid.step) for days in settings.look_back])
    ago = ago[ago >= 0]
    usual = values[ago[(codes[ago] == SOUND) & np.isfinite(values[ago])]]
    return Evidence(
        fault=fault,
        since=grid.start + begin * grid.step,
        until=grid.start + (newest + 1) * grid.step,
        lasts=newest == len(codes) - 1,
        hours=int((cells >= begin).sum()) * (grid.step / timedelta(hours=1)),
        value=float(values[newest]) if np.isfinite(values[newest]) else None,
        usual=float(np.median(usual)) if len(usual) else None,
    )
