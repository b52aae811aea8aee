"""PURE. How old a city's newest actual usually is at a slot, learnt from when actuals came, so that it can be
said that it is late.

Actuals that come once a day at nine are 9 to 33 hours old, by the time of day: so a slot is held against the
same time of day of the last eight weeks. What a slot of those days knew is told by the available time of
what is known now, so nothing has to be remembered, and a replay learns the same.

    day before day, at the slot's time:  newest actual ─▶ its age ─▶ one a silence ─▶ all but the worst 5 %

* A silence is days on which the newest actual is the same one. It counts once, with its greatest age: an
  outage of five days is one value of many, and a weekend without deliveries comes back every week. The
  present silence does not count: what is too late is not usual because it has been too late for days.
* One in twenty is left out, rounded up: what happened thrice in eight weeks is not what is usual.
* A value counts from when it first came. Revisions come later, and change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift.domain import Codes, Floats, Undefined
from drift.timeline import EVER, FOREVER, Timeline
from drift.windows import Windows

DAY, MICROSECOND = timedelta(days=1), timedelta(microseconds=1)
LOOK_BACK = 56
"""Days that are looked at: whole weeks, so that each has its weekend."""
LONGEST = timedelta(days=7)
"""A greater age is not looked for. Where such are usual, nothing is expected."""
LEAST = 14
"""Days of which an age must be known."""
LEFT_OUT = 0.05
"""The share of silences that may have been longer than what is expected."""
KEPT = LOOK_BACK * DAY + LONGEST
"""So much of the past tells all that is learnt."""

Moments = NDArray[np.int64]
"""Microseconds since 1970."""


class Delay(NamedTuple):
    """How old a city's newest actual is at a slot, and how old it is expected to be at most, in seconds.

    `now` is None where there is none; `expected` is None for a `reason`.
    """

    now: float | None
    expected: float | None
    reason: Undefined | None = None

    @property
    def late(self) -> bool:
        """Whether it is older than expected. As old is not; what is not known is not.

        >>> Delay(7200.0, 3600.0).late, Delay(3600.0, 3600.0).late
        (True, False)
        >>> Delay(7200.0, None, Undefined.NO_ARRIVALS).late
        False
        """
        return self.now is not None and self.expected is not None and self.now > self.expected


def delays_at(timeline: Timeline, windows: Windows) -> dict[str, Delay]:
    """The delay of each city's actuals at the slot, by what was known then.

    Undefined where the store does not say when actuals came (`NO_ARRIVALS`), and where an age is known of
    fewer than 14 of the days before (`SHORT_REFERENCE`), as in a store that was filled a week ago.
    """
    if not says_when(timeline):
        return dict.fromkeys(timeline.cities, Delay(None, None, Undefined.NO_ARRIVALS))
    grid, cut = timeline.grid, timeline.grid.cut(windows.history)
    stop, per_day, longest = cut.stop, -(-DAY // grid.step), LONGEST // grid.step
    came = came_at(timeline, slice(max(stop - LOOK_BACK * per_day - longest, cut.start), stop))
    days = np.arange(LOOK_BACK + 1)
    slot, step = (windows.slot - grid.start) // MICROSECOND, grid.step // MICROSECOND
    moments = slot - days * (DAY // MICROSECOND) + _start(timeline)
    back = newest(came, moments, days * per_day, longest)
    age = (slot - days * (DAY // MICROSECOND) - (stop - back) * step) / 1e6
    expected, reason = expected_of(age, back)
    now = age[:, 0]
    if np.isnan(now).any():  # nothing for a week: it is looked for in all there is
        whole = newest(came_at(timeline, cut), moments[:1], days[:1], stop)
        now = (slot - (stop - whole[:, 0]) * step) / 1e6
    return {
        city: Delay(None if np.isnan(old) else old, *((None, Undefined(why)) if why else (limit, None)))
        for city, old, limit, why in zip(
            timeline.cities, now.tolist(), expected.tolist(), reason.tolist(), strict=True
        )
    }


def expected_delays(delays: Mapping[str, Delay]) -> dict[str, float]:
    """The ages that are expected at most, in seconds, of the cities of which that is known.

    >>> expected_delays({"a": Delay(60.0, 90.0), "b": Delay(60.0, None, Undefined.NO_ARRIVALS)})
    {'a': 90.0}
    """
    return {city: delay.expected for city, delay in delays.items() if delay.expected is not None}


def delays_of(now: Mapping[str, float], expected: Mapping[str, float]) -> dict[str, Delay]:
    """The delays that a run holds, of the cities of which it is known what is expected.

    >>> delays_of({"a": 60.0, "b": 60.0}, {"a": 90.0})
    {'a': Delay(now=60.0, expected=90.0, reason=None)}
    """
    return {city: Delay(now.get(city), limit) for city, limit in expected.items()}


def says_when(timeline: Timeline) -> bool:
    """Whether the store says when actuals came."""
    return all(revision.available is not None for revision in timeline.revisions)


def came_at(timeline: Timeline, cells: slice) -> Moments:
    """(cities, cells) when the first value of each cell came: never (`FOREVER`) where there is none."""
    first = np.full((len(timeline.cities), cells.stop - cells.start), FOREVER)
    for revision in timeline.revisions:
        available = EVER if revision.available is None else revision.available[:, cells]
        there = ~np.isnan(revision.value[:, cells])
        np.minimum(first, available, out=first, where=there)
    return first


def newest(came: Moments, moments: Moments, stops: NDArray[np.integer], longest: int) -> Floats:
    """(cities, moments) how many cells before the end of `came` the newest ends that had come at each moment.

    At a moment the last `stops` cells are none of its business, as they lie after it; those that are
    `longest` or more cells older than that are not looked at. NaN where none had come.

    >>> came = np.array([[10, 30, 20, 50]])
    >>> newest(came, np.array([40, 25, 25]), np.array([0, 0, 2]), 4)
    array([[1., 1., 3.]])
    >>> newest(came, np.array([40, 9]), np.array([0, 0]), 1)
    array([[nan, nan]])
    """
    found = np.full((len(came), len(moments)), np.nan)
    for d, (moment, later) in enumerate(zip(moments.tolist(), stops.tolist(), strict=True)):
        stop = came.shape[1] - later
        known = came[:, max(stop - longest, 0) : max(stop, 0)] <= moment
        if known.size:
            back = np.argmax(known[:, ::-1], axis=1)  # the first that is known; 0 where none is
            found[:, d] = np.where(known[np.arange(len(known)), -1 - back], later + back, np.nan)
    return found


def expected_of(age: Floats, newest: Floats) -> tuple[Floats, Codes]:
    """(cities,) the greatest age that is usual, of ages `(cities, days)` beside what tells the newest actual
    of each day; the first day is the present one, and not held against itself. Codes say why there is none.

    An age that is NaN counts for endless where one is known of a day before it; where that is usual, nothing
    can be expected.

    >>> usual, newest = np.full((1, 21), 5.0), np.arange(21.0)[None]
    >>> usual[0, 4:7], newest[0, 4:7] = (77.0, 53.0, 29.0), 6.0  # one outage of three days
    >>> expected_of(usual, newest)
    (array([5.]), array([0], dtype=uint8))
    >>> expected_of(usual[:, :14], newest[:, :14])
    (array([nan]), array([7], dtype=uint8))
    """
    known = ~np.isnan(age[:, 1:])
    before = np.logical_or.accumulate(known[:, ::-1], axis=1)[:, ::-1]
    same = np.nan_to_num(newest, nan=-1.0)
    ended = before & (same[:, 1:] != same[:, :-1])
    lasted = np.where(ended, np.where(known, age[:, 1:], np.inf), np.nan)
    many = np.count_nonzero(ended, axis=1)
    place = np.maximum(many - 1 - np.ceil(LEFT_OUT * many).astype(np.int64), 0)
    found: Floats = np.take_along_axis(np.sort(lasted, axis=1), place[:, None], axis=1)[:, 0]
    short = (known.sum(axis=1) < LEAST) | ~np.isfinite(found)
    return np.where(short, np.nan, found), np.where(short, np.uint8(Undefined.SHORT_REFERENCE), np.uint8(0))


def usual_delay(delay: Floats) -> float:
    """The median of what delays are known, in their unit; NaN where none is.

    >>> usual_delay(np.array([3.0, np.nan, 1.0, 2.0])), usual_delay(np.array([np.nan]))
    (2.0, nan)
    """
    known = delay[np.isfinite(delay)]
    return float(np.median(known)) if known.size else float("nan")


def _start(timeline: Timeline) -> int:
    return round(timeline.grid.start.timestamp() * 1_000_000)
