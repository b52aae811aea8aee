"""PURE. Mistakes of a mapping that its figures give away: hours that are moved, a wrong zone, a wrong unit.

Why: a mapping that is wrong by an hour or by a thousand raises no error, and every forecast then looks bad.

How: each mistake leaves a mark that weather and a poor model do not. Forecasts rise and fall with the load:
if they do so much better an hour earlier, one of the two is an hour off (`moved`). People sleep at night: a
load that is lowest at 09:00 is not in the zone it is said to be in (`nights`). No model is wrong by a factor
of a thousand (`thousands`). Limits are wide on purpose, as a suspicion that is wrong costs trust: they keep
silent on the demo, and on every zone of EIA Form 930 whose published hours are right. Where cities disagree,
most of them have the word: a mapping is a table's, and not a city's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift.domain import Floats, Grid
from drift.shifts import offsets
from drift.values import Bools, quiet

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LEAST_DAYS = 14
"""Days of values that it takes to suspect anything."""
MOST_HOURS = 14
"""No zone is further from UTC."""
NIGHT = 3.0
"""The hour of the day, by the city's clock, about which load is lowest; from midnight to 06:00 is usual."""
AWAY = 3.25
"""Hours from `NIGHT` at which the nights of most cities are no nights …"""
FAR = 4.25
"""… and those of each of one or two, in both halves of the time."""
_CLIP = 0.5  # a spike weighs as one hour of steep change, no more
_BETTER, _BETTER_ALONE = 0.7, 0.6  # misfit moved ÷ misfit as it is, at most: of most cities, of a single one
_FITS, _MISFITS = 0.55, 0.4  # misfit moved, at most; misfit as it is, at least, of a single city
_FEW = 3  # cities of a zone: fewer do not outvote each other
_MOST = 0.6  # share of the cities that have the word for all
_PROMINENT = 0.15  # of the range of the daily shape: less is no trough
_FLAT = 0.15  # range of the logarithm of the daily shape: less has no night to be seen


class Moved(NamedTuple):
    """By how many steps predictions stand late (negative: early) beside the actuals: of each city `(n,)`, NaN
    where it cannot be told, and of most of them, 0 where they stand right.
    """

    steps: Floats
    most: int


@quiet
def moved(predicted: Floats, actual: Floats, step: timedelta) -> Moved:
    """Whether predictions fit the actuals much better at other hours.

    `predicted` and `actual` `(n, R)` on one grid of distance `step`, in any unit each. NaN, zero and negative
    values count as missing. What is compared is how the logarithms change within an hour, on the average day:
    no level, no unit and little noise is left in it. The misfit of a move is Σ|predicted change − actual
    one| ÷ Σ|actual one| round the clock.

    >>> load = 5 + np.sin(np.arange(24 * 21) * np.pi / 12)[None]
    >>> moved(np.roll(load, 2), load, HOUR), moved(load, load, HOUR)
    (Moved(steps=array([2.]), most=2), Moved(steps=array([0.]), most=0))
    """
    per_hour, per_day = max(HOUR // step, 1), DAY // step
    forecast, load = _changes(predicted, per_hour), _changes(actual, per_hour)
    both = np.isfinite(forecast) & np.isfinite(load)
    ours, theirs = (_day(np.where(both, change, np.nan), per_day) for change in (forecast, load))
    lags = np.arange(per_day) - (per_day - 1) // 2
    change = np.abs(theirs).sum(axis=1)
    misfit = np.stack([np.abs(np.roll(ours, -lag, 1) - theirs).sum(axis=1) / change for lag in lags], axis=1)
    known, still = np.isfinite(misfit).all(axis=1), int(np.flatnonzero(lags == 0)[0])
    if not known.any():
        return Moved(np.full(len(misfit), np.nan), 0)
    best = misfit.argmin(axis=1)
    after, before = misfit.min(axis=1), misfit[:, still]
    alone = (after <= _FITS) & (before >= _MISFITS) & (after <= _BETTER_ALONE * before)
    steps = np.where(known, np.where(alone, lags[best], 0.0), np.nan)
    middle = np.median(misfit[known], axis=0)
    chosen = int(middle.argmin())
    together = middle[chosen] <= min(_FITS, _BETTER * middle[still])
    agree = np.mean(best[known] == chosen) >= _MOST
    return Moved(steps, int(lags[chosen]) if together and agree else 0)


def _changes(values: Floats, per_hour: int) -> Floats:
    load = np.log(np.where(values > 0, values, np.nan))
    change = np.full(load.shape, np.nan)
    change[:, per_hour:] = load[:, per_hour:] - load[:, :-per_hour]
    return np.asarray(np.clip(change, -_CLIP, _CLIP))


def _day(change: Floats, per_day: int) -> Floats:
    """(n, per_day) the mean at each time of the UTC day; NaN throughout where one is known of few days."""
    days = change.shape[1] // per_day
    by_day = change[:, : days * per_day].reshape(len(change), days, per_day)
    there = np.isfinite(by_day).sum(axis=1)
    mean = np.where(np.isfinite(by_day), by_day, 0).sum(axis=1) / there
    mean[(there < LEAST_DAYS // 2).any(axis=1)] = np.nan
    return np.asarray(mean)


class Nights(NamedTuple):
    """The hour of the day, by the city's clock, at which the load of each city is lowest at night (n,), NaN
    where it has no shape to tell it by; and whether that is no hour of the night (n,).
    """

    hours: Floats
    wrong: Bools


@quiet
def nights(load: Floats, grid: Grid, zones: Sequence[str]) -> Nights:
    """When the load of each city is lowest, by the clock of its zone, and whether people can live so.

    `load` `(n, R)` on the grid; NaN, zero and negative values count as missing. The daily shape is the median
    of the logarithm by hour of the day, smoothed over three hours. Of its troughs (`troughs`) the one nearest
    to 03:00 is the night's; cities of the same zone are judged by most of them.

    >>> from datetime import UTC, datetime
    >>> grid = Grid(datetime(2026, 1, 1, tzinfo=UTC), HOUR, 24 * 21)
    >>> load = np.exp(-np.cos((np.arange(grid.count) - 15) * 2 * np.pi / 24))[None]  # lowest at 15:30 UTC
    >>> nights(load, grid, ["UTC"]), nights(load, grid, ["Asia/Tokyo"]).wrong
    (Nights(hours=array([15.5]), wrong=array([ True])), array([False]))
    """
    hours, wrong = np.full(len(load), np.nan), np.zeros(len(load), np.bool_)
    for zone in dict.fromkeys(zones):
        rows = np.flatnonzero([each == zone for each in zones])
        away = _away(load[rows], grid, zone)
        hours[rows] = [_night(shape) for shape in daily_shapes(load[rows], grid, zone)]
        known = np.isfinite(away)
        if known.sum() >= _FEW:
            wrong[rows] = (away > AWAY) & (np.mean(away[known] > AWAY) >= _MOST)
        else:  # nobody bears a city out but its own past
            halves = [_away(load[rows][:, half], _part(grid, half), zone) > FAR for half in _halves(grid)]
            wrong[rows] = (away > FAR) & np.logical_and(*halves)
    return Nights(hours, wrong)


def _away(load: Floats, grid: Grid, zone: str) -> Floats:
    """(n,) how many hours the night is away from 03:00; NaN where it cannot be told."""
    night = np.array([_night(shape) for shape in daily_shapes(load, grid, zone)])
    return np.abs(_around(night - NIGHT))


def _halves(grid: Grid) -> tuple[slice, slice]:
    middle = grid.count // 2
    return slice(0, middle), slice(middle, grid.count)


def _part(grid: Grid, cells: slice) -> Grid:
    return Grid(grid.start + cells.start * grid.step, grid.step, cells.stop - cells.start)


def daily_shapes(load: Floats, grid: Grid, zone: str) -> Floats:
    """(n, 24) the logarithm of the load by hour of the zone's day, smoothed; NaN beside hours of few days."""
    logs = np.log(np.where(load > 0, load, np.nan))
    stamps = grid.times().astype("datetime64[s]").astype(np.int64)
    hour = (stamps + offsets(grid, zone)) // 3600 % 24
    shapes = np.full((len(load), 24), np.nan)
    for h in range(24):
        some = logs[:, hour == h]
        enough = np.isfinite(some).sum(axis=1) >= LEAST_DAYS // 2
        if enough.any():
            shapes[enough, h] = np.nanmedian(some[enough], axis=1)
    return np.asarray((np.roll(shapes, 1, axis=1) + shapes + np.roll(shapes, -1, axis=1)) / 3)


def _night(shape: Floats) -> float:
    found = troughs(shape)
    return min(found, key=lambda hour: abs(float(_around(np.float64(hour - NIGHT))))) if found else np.nan


def troughs(shape: Floats) -> list[float]:
    """The middles of the hours about which a daily shape `(24,)` is lowest: those from which it rises on both
    sides by 15 % of its range before it falls lower. None of a flat shape, or one with a gap.

    >>> troughs(np.log([4, 3, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 6, 6, 7, 8, 9, 9, 9, 9, 8, 7, 6, 5]))
    [3.5, 13.5]
    """
    spread = float(np.ptp(shape))
    if not spread >= _FLAT:
        return []
    found = []
    for hour, value in enumerate(shape):
        if value <= shape[hour - 1] and value < shape[(hour + 1) % 24]:
            rises = min(_rise(np.roll(shape, -hour)), _rise(np.roll(shape[::-1], hour + 1)))
            if rises >= _PROMINENT * spread:
                found.append(hour + 0.5)
    return found


def _rise(onwards: Floats) -> float:
    """How high it rises from the first value before it falls below it."""
    lower = np.flatnonzero(onwards < onwards[0])
    return float(onwards[: lower[0] if len(lower) else None].max() - onwards[0])


def _around(hours: Floats | np.float64) -> Floats:
    """Hours round the clock: from −12 up to 12."""
    return np.asarray((hours + 12) % 24 - 12)


def around(hours: float) -> float:
    """Hours round the clock, from −12 up to 12.

    >>> around(23.5), around(-13.0)
    (-0.5, 11.0)
    """
    return float(_around(np.float64(hours)))


@quiet
def thousands(predicted: Floats, actual: Floats) -> NDArray[np.int64]:
    """(n,) by which power of a thousand predictions are larger than actuals: 1 where they are in kW and the
    actuals in MW, −1 the other way round, 0 where they are alike or it cannot be told.

    `predicted` and `actual` `(n, R)`; the median of their ratio, over the hours that have both above zero.
    Off by up to a factor of two counts.

    >>> load = np.full((1, 400), 50.0)
    >>> thousands(load * 1100, load), thousands(load * 1.5, load)
    (array([1]), array([0]))
    """
    ratio = np.log10(np.where((predicted > 0) & (actual > 0), predicted / actual, np.nan))
    found = np.zeros(len(ratio), np.int64)
    for row in np.flatnonzero(np.isfinite(ratio).sum(axis=1) >= 24):
        middle = float(np.nanmedian(ratio[row])) / 3
        nearest = round(middle)
        found[row] = nearest if abs(middle - nearest) <= 0.1 else 0
    return found


def loaded_at_once(known: NDArray[np.int64], target: NDArray[np.int64]) -> int | None:
    """The moment at which more than half of the rows of a week or more became known all together: that of a
    bulk load, and not the one at which anybody knew them. None: there is none.

    `known` and `target` `(rows,)` in microseconds since 1970. Rows within ten minutes count as one moment.

    >>> hour = 3_600_000_000
    >>> target = np.arange(400) * hour
    >>> loaded_at_once(np.full(400, 500 * hour), target) == 500 * hour, loaded_at_once(target + hour, target)
    (True, None)
    """
    if not len(known):
        return None
    tens = known // (600 * 1_000_000)
    _, first, inverse, many = np.unique(tens, return_index=True, return_inverse=True, return_counts=True)
    most = int(many.argmax())
    together = target[inverse == most]
    if 2 * many[most] <= len(known) or np.ptp(together) < 7 * DAY / timedelta(microseconds=1):
        return None
    return int(known[first[most]])
