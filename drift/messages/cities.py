"""PURE. Several alerts in one notice: the worst ten as rows, and what they have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from drift.evidence.wording import times
from drift.messages.facts import Fact, Reading
from drift.messages.figures import between, lasting, when
from drift.messages.headline import place_of, reading_of, short_figure, worst_figure
from drift.messages.kinds import kind_of, of_platform
from drift.messages.links import city_link
from drift.messages.reading import Node
from drift.messages.words import Said, Words, name_of
from drift.notices import Notice, Told

MOST_ROWS = 10
CITY_LENGTH = 26
PART_LENGTH = 40
"""Of the platform: an endpoint and its service. What stands beside it is short."""


@dataclass(frozen=True, slots=True)
class Row:
    """One city of several."""

    place: str
    figure: str
    since: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The worst cities, and how many more there are."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    more: int


def table_of(notice: Notice, words: Words) -> Table | None:
    """Of several alerts a row each; of all cities together, those that weigh most; else None."""
    if len(notice.alerts) > 1:
        rows = tuple(_row(told, notice, words) for told in notice.alerts[:MOST_ROWS])
        ended = notice.status == "resolved"
        place = kind_of(notice.alerts[0]).place[0].capitalize()
        columns = (place, "How bad it was" if ended else "How bad", "Began")
        return Table(columns, rows, max(len(notice.alerts) - MOST_ROWS, 0))
    if len(notice.alerts) == 1 and notice.alerts[0].key.city is None:
        return _of_fleet(notice, words)
    return None


def _row(told: Told, notice: Notice, words: Words) -> Row:
    reading, ended = reading_of(told, words), notice.status == "resolved"
    place = place_of(told, PART_LENGTH if of_platform(told) else CITY_LENGTH)
    if told.key.column is not None and told.key.city is not None:
        place = name_of(f"{place_of(told, CITY_LENGTH // 2)} {told.key.column}", CITY_LENGTH)
    way = f", {reading.way.removesuffix('-forecast')}" if reading.way and not ended else ""
    bad = worst_figure(told, words) if ended else short_figure(told, words)
    began = reading.began or told.since
    link = "" if told.key.city is None else city_link(notice, told.key.city, words)
    return Row(place, bad + way, when(began, reading.zone, named=False), link)


def _of_fleet(notice: Notice, words: Words) -> Table | None:
    """The cities that weigh most where all together are in alarm."""
    worst = Node(notice.alerts[0].evidence)["explanation"]["worst"]
    rows = []
    for one in list(worst)[:MOST_ROWS]:
        city, ratio = one["city"].name(CITY_LENGTH), one["error_ratio"].number
        if city is not None and ratio is not None and ratio >= 0:
            rows.append(Row(city, f"{times(ratio)} × normal", "", city_link(notice, city, words)))
    return Table(("City", "Error, last 24 h"), tuple(rows), 0) if rows else None


def together(notice: Notice, words: Words) -> tuple[Fact, ...]:
    """What several alerts have in common, by how many of them."""
    readings = [reading_of(told, words) for told in notice.alerts]
    began = [r.began or r.told.since for r in readings]
    zone = words.zone(None)
    first, last = min(began), max(began)
    spread = (
        f", the last {kind_of(notice.alerts[0]).place[0]} {lasting(between(first, last))} later"
        if between(first, last).total_seconds() >= 3600
        else ""
    )
    facts: list[tuple[str, Said]] = [("Began", (f"first {when(first, zone)}{spread}",))]
    facts += [("Which way", (counts_of(r.way for r in readings),))]
    facts += [("Inputs", _most(_inputs(readings), len(readings)))]
    facts += [("Other version", _most(_better(readings), len(readings), " does better"))]
    cities = max((r.evidence["peers"]["cities"].number or 0.0 for r in readings), default=0.0)
    if cities:
        many = len({told.key.city for told in notice.alerts})
        facts += [("Of all", (f"{many:,} of {max(cities + 1, many):,.0f} cities of this model version",))]
    return tuple(Fact(label, said) for label, said in facts if any(said))


def counts_of(words: Iterable[str | None]) -> str:
    """How many say what, the most first.

    >>> counts_of(["under-forecast", None, "under-forecast", "over-forecast"])
    '2 under-forecast, 1 over-forecast'
    """
    return ", ".join(f"{count:,} {word}" for word, count in Counter(w for w in words if w).most_common())


def _inputs(readings: Sequence[Reading]) -> Counter[str]:
    return Counter(
        column
        for r in readings
        for column in {feature["column"].name() for feature in r.evidence["features"]}
        if column is not None
    )


def _better(readings: Sequence[Reading]) -> Counter[str]:
    return Counter(name for r in readings if (name := r.better) is not None)


def _most(names: Counter[str], of: int, behind: str = "") -> Said:
    """The names that most have, with in how many."""
    said: list[str] = []
    for name, count in names.most_common(3):
        said += [", " if said else "", name, f"{behind or ' out of range'} in {count:,} of {of:,}"]
    return tuple(said)
