"""Whether tables are mapped right, and which line of the config would mend it: tried, and not guessed.

Why: wrong marks, a wrong zone and a wrong unit raise no error, and a person who is told "an hour off" still
does not know which of two tables to change.

How: `suspicions` says what is doubtful. Then each line that may mend it is put into the config in memory, the
same weeks are read again, and the lines are told after which the fewest doubts are left. So a zone under a
table whose timestamps carry one is never proposed: it would change nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np

from drift.config import Config, TableConfig, format_duration
from drift.doctor_check import Check, Line, Lines
from drift.doctor_rows import Read, beside, read_weeks, some, tables_of
from drift.domain import Floats, Window
from drift.errors import DriftError
from drift.stores import open_store
from drift.suspicions import HOUR, NIGHT, Moved, around, moved, nights, thousands
from drift.tables import TableName

LOOKED_AT = timedelta(days=56)
"""So much of the latest rows is looked at for mistakes of the mapping."""
_EVER = datetime(9999, 1, 1, tzinfo=UTC)
TIMED: tuple[TableName, TableName] = ("predictions", "actuals")


@dataclass(frozen=True, slots=True)
class Doubts:
    """What is doubtful: by how many steps the predictions of each model version stand late; which cities'
    load is lowest at what hour of the day, in each table; how far the tables' hours lie beside each other.
    `known` counts the series that could be told.
    """

    shifted: Mapping[str, Moved]
    awake: Mapping[TableName, Mapping[str, float]]
    beside: timedelta
    known: int

    @property
    def apart(self) -> int:
        """How many model versions stand beside the actuals."""
        return sum(version.most != 0 for version in self.shifted.values()) + bool(self.beside)

    @property
    def sleepless(self) -> int:
        """How many tables have no night at night."""
        return sum(bool(cities) for cities in self.awake.values())


def doubts(config: Config, read: Read) -> Doubts:
    """What is doubtful about the hours of what was read."""
    timeline = read.timeline
    zones = [config.zone_of(city) for city in timeline.cities]
    load = actuals(read)
    shifted = {
        version: moved(timeline.judged.predicted[v], load, read.cadence.step)
        for v, version in enumerate(timeline.model_versions)
    }
    forecast = timeline.judged.predicted[0] if len(timeline.model_versions) else load[:0]
    awake: dict[TableName, dict[str, float]] = {}
    for name, values in zip(TIMED, (forecast, load), strict=True):
        found = nights(values, timeline.grid, zones[: len(values)])
        at = np.flatnonzero(found.wrong)
        awake[name] = {timeline.cities[row]: float(found.hours[row]) for row in at}
    known = sum(int(np.isfinite(version.steps).sum()) for version in shifted.values())
    return Doubts(shifted, awake, beside(read), known)


def actuals(read: Read) -> Floats:
    """(cities, times) the last revision of each actual, whenever it came."""
    return read.timeline.settled_at(_EVER).revisions[0].value


def mapping(config: Config, read: Read) -> Iterator[Check]:
    """What is doubtful about hours and units, each with the lines that mend it."""
    found = doubts(config, read)
    lines = remedies(config, read, found, lambda doubts: doubts.apart) if found.apart else ()
    if found.beside:
        yield Check(
            "hours that never meet",
            f"target times of actuals lie {format_duration(found.beside)} beside those of predictions",
            _said(lines, "one of the tables is in the local time of a zone that is no whole hour from UTC"),
            bad=True,
            write=lines,
        )
    for version, each in found.shifted.items():
        if each.most:
            yield Check(
                f"hours of predictions, {version}",
                f"they rise and fall {_late(each.most, read.cadence.step)} the actuals do, in most cities",
                _said(lines, "one of the tables marks the other end of its interval, or is in local time"),
                write=lines,
            )
        yield from _alone(version, each, read)
    if not found.apart and found.known:
        yield Check("hours", f"predictions and actuals fit best as they stand, in {read.window}")
    unsaid = config.timezone == "UTC" and not config.timezones
    if not unsaid:
        yield from _nights(config, read, found)
    elif not found.beside and all(
        abs(each.most) * read.cadence.step <= HOUR for each in found.shifted.values()
    ):
        yield from _unsaid(read, found)
    yield from _units(read)


def _late(steps: float, step: timedelta) -> str:
    length = format_duration(abs(int(steps)) * step)
    return f"{length} {'after' if steps > 0 else 'before'}"


def _said(lines: Sequence[Lines], otherwise: str) -> str:
    if not lines:
        return f"{otherwise}; no line of the config mends it: correct the timestamps where they are written"
    return "with this in the config they fit" if len(lines) == 1 else "with any one of these they fit"


def _alone(version: str, each: Moved, read: Read) -> Iterator[Check]:
    off = {
        city: steps
        for city, steps in zip(read.timeline.cities, each.steps, strict=True)
        if np.isfinite(steps) and steps not in (0, each.most)
    }
    for steps in sorted(set(off.values())) if not each.most else ():
        cities = [city for city, by in off.items() if by == steps]
        yield Check(
            f"hours of some cities, {version}",
            f"they rise and fall {_late(steps, read.cadence.step)} the actuals do, in {some(cities)} alone",
            "a mapping holds for a whole table: correct these cities' timestamps where they are written",
        )


def _unsaid(read: Read, found: Doubts) -> Iterator[Check]:
    """Where nobody said a zone, and the nights say that it is not UTC."""
    from drift.shifts import offsets

    awake = found.awake["actuals"]
    if not awake:
        return
    zones = {city: _zone_at(around(NIGHT - hour)) for city, hour in awake.items()}
    ahead = [float(offsets(read.timeline.grid, zone)[0]) / 3600 for zone in zones.values()]
    alike = max(ahead) - min(ahead) <= 2 and len(awake) == len(read.timeline.cities)
    text = f"timezone: {_zone_at(float(np.median(ahead)))}" if alike else ""
    by_city = some([f"{city} {zone}" for city, zone in zones.items()])
    yield Check(
        "time zone",
        f"none is said, and by their nights the cities do not live by UTC, but about by: {by_city}",
        "say where they live, best by the IANA name (Asia/Kolkata), which knows the changes of the clock: "
        "times are shown by it, and hours gone wrong are found by it. One zone: timezone; by city: timezones",
        write=((Line("", text),),) if text else (),
    )


def _zone_at(hours: float) -> str:
    """The zone that is so many hours ahead of UTC; its name counts the other way, as POSIX does.

    >>> _zone_at(5.5), _zone_at(-6.2), _zone_at(0.1)
    ('Etc/GMT-6', 'Etc/GMT+6', 'UTC')
    """
    ahead = math.floor(hours + 0.5)
    return f"Etc/GMT{-ahead:+d}" if ahead else "UTC"


def _nights(config: Config, read: Read, found: Doubts) -> Iterator[Check]:
    """Cities whose load is lowest when nobody sleeps, by table and zone."""
    lines: tuple[Lines, ...] = ()
    if found.sleepless:  # a line that moves the tables apart is no remedy
        lines = remedies(config, read, found, lambda d: d.sleepless + max(d.apart - found.apart, 0))
    for name, cities in found.awake.items():
        for zone in dict.fromkeys(map(config.zone_of, cities)):
            theirs = [city for city in cities if config.zone_of(city) == zone]
            hour = float(np.median([cities[city] for city in theirs]))
            yield Check(
                f"nights of {name}",
                f"they are lowest about {int(hour):02d}:{round(hour % 1 * 60):02d} {zone}, and not at night, "
                f"in {some(theirs)}",
                _said(lines, "local time was written as UTC, or UTC as local time"),
                write=lines,
            )


def _units(read: Read) -> Iterator[Check]:
    for v, version in enumerate(read.timeline.model_versions):
        powers = thousands(read.timeline.judged.predicted[v], actuals(read))
        for power in sorted(set(powers[powers != 0].tolist())):
            cities = [read.timeline.cities[row] for row in np.flatnonzero(powers == power)]
            where = "all cities" if len(cities) == len(powers) else some(cities)
            larger = f"{1000 ** abs(power):,} times {'as large as' if power > 0 else 'smaller than'}"
            yield Check(
                f"unit of {version}",
                f"predictions are {larger} the actuals in {where}",
                "one of the two is in another unit: write both in that of store.unit, or convert one by a "
                "`select` of your own in a SQL store",
            )


@dataclass(frozen=True, slots=True)
class _Try:
    lines: Lines
    config: Config


def remedies(config: Config, read: Read, found: Doubts, many: Callable[[Doubts], int]) -> tuple[Lines, ...]:
    """The lines after which the fewest doubts of a kind are left; none where no line leaves fewer than there
    are. Two tables are only changed together where no change of one does.
    """
    for tries in (_of_one_table(config, read), _of_both(config, read), _of_cities(config, read, found)):
        left = {each.lines: _left(each.config, read, found, many) for each in tries}
        least = min(left.values(), default=many(found))
        if least < many(found):
            return tuple(lines for lines, doubtful in left.items() if doubtful == least)
    return ()


def zones_to_declare(config: Config) -> tuple[Lines, ...]:
    """The zones that tables without any need: of those by which they can be read, the fewest lines that leave
    the fewest doubts.
    """
    bare = [name for name in TIMED if tables_of(config)[name].timezone is None]
    zones = dict.fromkeys((config.timezone, *config.timezones.values(), "UTC"))
    chosen = [[(name, zone)] for zone in zones for name in bare]
    chosen += [[(first, zone), (second, zone)] for zone in zones for first, second in pairwise(bare)]
    left: dict[Lines, int] = {}
    for names in chosen:
        tried = _with(config, [(name, "timezone", zone) for name, zone in names])
        try:
            store = open_store(tried.config)
            span = store.span()
            window = Window(max(span.start, span.end - LOOKED_AT), span.end)
            found = doubts(tried.config, read_weeks(store, tried.config, window, store.cities()))
        except DriftError:
            continue
        left[tried.lines] = found.apart + found.sleepless
    least = min(((many, len(lines)) for lines, many in left.items()), default=(0, 0))
    return tuple(lines for lines, many in left.items() if (many, len(lines)) == least)


def _left(config: Config, read: Read, before: Doubts, many: Callable[[Doubts], int]) -> int:
    """How many doubts are left with another config."""
    try:
        again = read_weeks(open_store(config), config, read.window, read.timeline.cities)
        after = doubts(config, again)
    except DriftError:
        return many(before)
    return many(after) if after.known and 2 * after.known >= before.known else many(before)


def _of_one_table(config: Config, read: Read) -> list[_Try]:
    return [
        _with(config, [(name, key, value)]) for name in TIMED for key, value in _other(config, name, read)
    ]


def _of_both(config: Config, read: Read) -> list[_Try]:
    first, second = (dict(_other(config, name, read)) for name in TIMED)
    alike = {value for value in first.values() if value in second.values()}
    return [
        _with(config, [(name, "timezone", value) for name in TIMED])
        for value in sorted(alike - {"start", "end"})
    ]


def _other(config: Config, name: TableName, read: Read) -> list[tuple[str, str]]:
    """What else a table's `marks` and `timezone` may be: its cities' zone, or UTC."""
    table = tables_of(config)[name]
    zones = Counter(config.zone_of(city) for city in read.timeline.cities)
    likely = [*(zone for zone, _ in zones.most_common(1)), "UTC"]
    others = [("timezone", zone) for zone in dict.fromkeys(likely) if zone != table.timezone]
    return [("marks", "start" if table.marks == "end" else "end"), *others]


def _with(config: Config, changes: Sequence[tuple[TableName, str, str]]) -> _Try:
    tables: dict[str, TableConfig] = {
        name: tables_of(config)[name].model_copy(update={key: value}) for name, key, value in changes
    }
    changed = config.model_copy(update={"store": config.store.model_copy(update=tables)})
    return _Try(tuple(Line(f"store.{name}", f"{key}: {value}") for name, key, value in changes), changed)


def _of_cities(config: Config, read: Read, found: Doubts) -> list[_Try]:
    """The zone in which the nights are nights, where the cities have one and the same."""
    awake = found.awake["actuals"]
    if not awake or config.timezones:
        return []
    from drift.shifts import offsets

    ahead = float(np.median(offsets(read.timeline.grid, config.timezone))) / 3600
    zone = _zone_at(around(ahead - around(float(np.median(list(awake.values()))) - NIGHT)))
    return [_Try((Line("", f"timezone: {zone}"),), config.model_copy(update={"timezone": zone}))]
