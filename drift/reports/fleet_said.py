"""The first lines of the fleet page: how many cities are normal, and what is said of the others."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from drift.domain import Alert, AlertStatus, Series
from drift.reports.book import Book
from drift.reports.changes import limit_text
from drift.reports.figures import State
from drift.reports.local import two_clocks
from drift.reports.said import Trouble, by_city
from drift.reports.shown import old, percent, readable

MOST_TOLD = 5
"""Cities that are told of; the table has the others."""
MOST_NAMED = 3
"""Of those without data, or with late ones."""


def sentences_of(book: Book, counts: Mapping[State, int], troubles: Sequence[Trouble]) -> tuple[str, ...]:
    """The sentences, the most telling first."""
    return (
        _normal(len(book.pairs.cities), counts, any(_fires(alert) for alert in book.run.alerts)),
        *_pooled(book),
        *_troubles(book, troubles),
        *_unjudged(book),
        *_best_version(book),
    )


def many(count: int, one: str, more: str) -> str:
    """A count with its noun.

    >>> many(1, "city", "cities"), many(1200, "city", "cities")
    ('1 city', '1,200 cities')
    """
    return f"{count:,} {one if count == 1 else more}"


def _fires(alert: Alert) -> bool:
    return alert.status is AlertStatus.FIRING


def _normal(cities: int, counts: Mapping[State, int], fires: bool) -> str:
    if not cities:
        return "There is no city to report on."
    if counts["normal"] == cities and cities > 1:
        return f"All {cities:,} cities are normal."
    firing = counts["firing"]
    # one on late actuals, or on all cities together, is none of a forecast in a city
    none = "no alert is firing on a city's forecast" if fires else "no alert is firing"
    alert = none if not firing else f"{many(firing, 'has', 'have')} a firing alert"
    return f"{counts['normal']:,} of {many(cities, 'city is', 'cities are')} normal; {alert}."


def _troubles(book: Book, troubles: Sequence[Trouble]) -> Iterator[str]:
    """A sentence a city, the worst first."""
    several = len(book.pairs.model_versions) > 1
    told = by_city(troubles)
    for city, own in list(told.items())[:MOST_TOLD]:
        same = [t.model_version for t in own if t.what.split(",")[0] == own[0].what.split(",")[0]]
        yield own[0].sentence(book.config.zone_of(city), list(dict.fromkeys(same)) if several else ())
    if len(told) > MOST_TOLD:
        others = many(len(told) - MOST_TOLD, "more city has", "more cities have")
        yield f"{others} firing alerts: see the table."


def _pooled(book: Book) -> Iterator[str]:
    """The alerts over all cities together."""
    alerts = {alert.key: alert for alert in book.run.alerts}
    for span in book.spans:
        if span.key.city is None and span.open and span.level == "firing":
            alert = alerts.get(span.key)
            yield (
                f"{readable(span.key.rule)} is firing for {readable(span.key.model_version)} over all cities "
                f"pooled{'' if alert is None else _held(book, alert)}, "
                f"since {two_clocks(span.start, book.config.timezone)}."
            )


def _held(book: Book, alert: Alert) -> str:
    """` (now 83.9 %, limit 85.0 %)`; empty where no value is known now."""
    if alert.value is None:
        return ""
    name = next((v.name for v in book.run.verdicts if v.key == alert.key), "")
    value, limit = (limit_text(name, x, book.unit) for x in (alert.value, alert.threshold.limit))
    return f" (now {value}, limit {limit})"


def _unjudged(book: Book) -> Iterator[str]:
    """Cities that could not be judged, and others whose actuals of today or yesterday are not there yet."""
    versions, cities = book.pairs.model_versions, book.pairs.cities
    blind = {c for c in cities if all(book.figures.state(v, c) == "no data" for v in versions)}
    if blind:
        yield f"{many(len(blind), 'city has', 'cities have')} no data to judge: {_named(book, blind)}."
    late = {city for city, delay in book.delays.items() if delay.late} - blind
    if late:
        how = _how(book, late)
        yield f"Actuals are late in {many(len(late), 'city', 'cities')}: {_named(book, late)}{how}."
    seem = {cities[c] for c in np.flatnonzero(book.health.late[:, :, -2:].any(axis=(0, 2))).tolist()}
    seem -= blind | book.delays.keys()
    if seem and len(seem) < len(cities):  # where nobody knows the city's habit, others are it
        yield f"Actuals of {many(len(seem), 'city', 'cities')} are not there yet: {_named(book, seem)}."


def _how(book: Book, late: Collection[str]) -> str:
    """By how much the first of them is late, where it is the only one."""
    delay = book.delays[next(iter(late))]
    if len(late) > 1 or delay.now is None or delay.expected is None:
        return ""
    now, usual = old(delay.now), old(delay.expected)
    return f" (the newest ended {now} ago; by this time of day usually {usual} at most)"


def _named(book: Book, some: Collection[str]) -> str:
    """The first few of the cities, in the order of the fleet."""
    names = [readable(city) for city in book.pairs.cities if city in some]
    return ", ".join(names[:MOST_NAMED]) + (
        f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    )


def _best_version(book: Book) -> Iterator[str]:
    found = [
        (m.value, v) for v in book.pairs.model_versions if (m := book.figures.metric("accuracy", Series(v)))
    ]
    known = sorted(((value, v) for value, v in found if value is not None), reverse=True)
    if len(known) < 2:
        return
    (best, name), (last, other) = known[0], known[-1]
    if percent(best) == percent(last):
        yield f"Over all cities {readable(name)} and {readable(other)} are equally accurate: {percent(best)}."
        return
    ahead = f"{percent(best)} against {percent(last)} of {readable(other)}"
    yield f"Over all cities {readable(name)} is the most accurate: {ahead}."
