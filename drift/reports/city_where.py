"""Where a city's error lies: by weekday and hour, by the weather, and beyond its intervals.

Of the hours since the city's alerts began, where one is firing, so that the trouble is not thinned by the
weeks before; else of the last two weeks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from drift.domain import Floats, Window
from drift.intervals import hits
from drift.reports.book import Book, style_of, versions_of
from drift.reports.chart import Bars, Heat, Line, Panel, TimeChart, axis_of_days, highest
from drift.reports.health import ratio
from drift.reports.local import LocalTimes, short_clock
from drift.reports.normal import normal_size
from drift.reports.profile import grouped
from drift.reports.said import Trouble
from drift.reports.shown import percent, readable
from drift.reports.thirds import Thirds
from drift.values import Bools

LEAST, USUALLY, MOST = timedelta(days=1), timedelta(days=14), timedelta(days=28)
WEEK_HOURS = 168
LEAST_SHARE = 0.6
"""Of a day's hours, or the share inside the interval is not shown."""


@dataclass(frozen=True, slots=True)
class Lately:
    """The cells that are looked at, and how they are called."""

    cells: slice
    words: str


def lately(book: Book, city: str, troubles: Sequence[Trouble]) -> Lately:
    """Since the city's first firing alert began, within 1 to 28 days; without one, the last two weeks."""
    end = book.run.current.end
    if not troubles:
        return Lately(book.pairs.grid.cut(Window(end - USUALLY, end)), "the last two weeks")
    since = min(trouble.since for trouble in troubles)
    start = min(max(since, end - MOST), end - LEAST)
    words = f"the time since {short_clock(start, book.config.zone_of(city))}"
    return Lately(book.pairs.grid.cut(Window(start, end)), words)


def heats_of(book: Book, c: int, times: LocalTimes, part: Lately) -> list[Panel]:
    """A map of the week a model version: error ÷ normal of each hour of it."""
    found = []
    several = len(book.pairs.model_versions) > 1
    for v, version in enumerate(book.pairs.model_versions):
        group = times.week_hour[part.cells]
        error = book.error[v, c, part.cells]
        actual = book.pairs.actual[c, part.cells]
        size = normal_size(book, v, np.array([c]), part.cells)[0]
        order = np.argsort(group, kind="stable")
        starts = np.searchsorted(group[order], np.arange(WEEK_HOURS))
        value = np.full(WEEK_HOURS, np.nan)
        there = np.bincount(group, minlength=WEEK_HOURS) > 0
        if there.any():
            value[there] = ratio(error[order][np.newaxis], size[order][np.newaxis], starts[there], 0.0)[0]
        wape = grouped(error, actual, float(book.floor[c]), group, WEEK_HOURS)
        alt = f"Error ÷ normal of {readable(version)} by weekday and hour: {_worst(value)}."
        name = f": {readable(version)}" if several else ""
        caption = f"Error × normal in {part.words}, on the city's clock."
        title = f"Error by weekday and hour{name}"
        week = (7, 24)
        found.append(
            Panel(f"week-{v}", title, caption, Heat(value.reshape(week), wape.reshape(week), alt), ())
        )
    return found


def _worst(value: Floats) -> str:
    if not np.isfinite(value).any():
        return "no values"
    day, hour = divmod(int(np.nanargmax(value)), 24)
    name = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[day]
    return f"highest on {name} at {hour:02d}:00 with {float(np.nanmax(value)):.1f} × normal"


def regimes_of(book: Book, c: int, thirds: Mapping[str, Thirds], part: Lately) -> list[Panel]:
    """WAPE by thirds of the temperature, or of the feature that tells it apart best; none without."""
    found = [
        (_by_third(book, c, each, part), each)
        for each in thirds.values()
        if (each.group[part.cells] < 3).any()
    ]
    return [_regime(book, *max(found, key=lambda each: _farthest(each[0])), part)] if found else []


NowBefore = tuple[Floats, Floats]


def _by_third(book: Book, c: int, thirds: Thirds, part: Lately) -> list[NowBefore]:
    """WAPE of each third lately and in the reference, of each model version."""
    floor = float(book.floor[c])
    now, before = (
        [
            grouped(error[s], book.pairs.actual[c, s], floor, thirds.group[s], 4)[:3]
            for error in book.error[:, c]
        ]
        for s in (part.cells, book.reference)
    )
    return list(zip(now, before, strict=True))


def _regime(book: Book, parts: list[NowBefore], thirds: Thirds, part: Lately) -> Panel:
    """The chart of one feature."""
    labels, feature = thirds.words, thirds.feature
    names = tuple(readable(version) for version in book.pairs.model_versions)
    words = "; ".join(f"{n} {highest(labels, now)}" for n, (now, _) in zip(names, parts, strict=True))
    bars = Bars(
        labels,
        names,
        tuple(now for now, _ in parts),
        tuple(before for _, before in parts),
        f"WAPE by thirds of {feature}. {words}.",
        feature,
    )
    caption = f"Thirds of the reference. Bars: WAPE in {part.words}. Marks: WAPE in the reference."
    return Panel("regime", f"Error by {feature}", caption, bars, versions_of(book))


def _farthest(parts: list[NowBefore]) -> float:
    """How far apart a feature's thirds lie, at most."""
    return max((_apart(values) for now_before in parts for values in now_before), default=0.0)


def _apart(values: Floats) -> float:
    """How far apart the known values lie."""
    known = values[np.isfinite(values)]
    return float(known.max() - known.min()) if known.size else 0.0


def intervals_of(book: Book, c: int, times: LocalTimes) -> list[Panel]:
    """The share of the actuals inside the prediction interval, a local day; none without intervals."""
    lower, upper = book.pairs.judged.lower, book.pairs.judged.upper
    if lower is None or upper is None or not times.seconds.size:
        return []
    level = book.config.accuracy.interval_level
    lines = []
    for v, version in enumerate(book.pairs.model_versions):
        inside = hits(book.pairs.actual[c], book.whole(lower[v, c]), book.whole(upper[v, c]))
        lines.append(Line(version, style_of(v), _shares(inside, times)))
    words = "; ".join(f"{readable(line.name)} {_mean(line.values)}" for line in lines)
    chart = TimeChart(
        "days",
        "fraction",
        tuple(lines),
        (),
        f"Share of the actuals inside the {100 * level:g} % interval, day by day. {words}.",
        limit=level,
        limit_words="promised",
    )
    caption = f"The {100 * level:g} % interval should hold {100 * level:g} % of the actuals, in the long run."
    axis = axis_of_days(times, book.run.current)
    title = "Actuals inside the prediction interval, day by day"
    return [Panel("inside", title, caption, chart, versions_of(book), (("days", axis),))]


def _shares(inside: Floats, times: LocalTimes) -> Floats:
    """(days,) the mean of the known hours; NaN for a day with too few."""
    known: Bools = np.isfinite(inside)
    starts = times.day_starts
    found = np.add.reduceat(known, starts, dtype=np.int64)
    total = np.add.reduceat(np.where(known, inside, 0.0), starts)
    cells = np.diff(starts, append=len(inside))
    share: Floats = np.divide(
        total, found, out=np.full(len(starts), np.nan), where=found >= np.maximum(LEAST_SHARE * cells, 1)
    )
    return share


def _mean(values: Floats) -> str:
    known = values[np.isfinite(values)]
    return f"{percent(float(known.mean()))} on average" if known.size else "has no values"
