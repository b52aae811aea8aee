"""How a table lies in its files, and what that costs a slot.

Why: the same rows are read six times faster from few files sorted by city than from one file a day. Whoever
waits should learn so, and by how much, before anything is rewritten.

How: from the footers alone. `bundles` holds the files of each path against the tables that are read from it.
`touched` counts what a slot reads there: row groups that may hold a row of a block of cities, once a block.
`ideal` counts the same for the layout that `drift store compact` writes. `Touched.seconds` weighs both with
what was measured (docs/layout.md), so that their ratio says how much faster reading could be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from statistics import median
from time import perf_counter
from typing import NamedTuple

from drift.config import Config, TableConfig
from drift.domain import Window
from drift.errors import ConfigError, EmptyStoreError
from drift.stores.base import Store
from drift.stores.casts import microseconds
from drift.stores.files import File, Location
from drift.stores.footers import Bounds, bounds_of
from drift.stores.mapping import Layout, TableMap, layouts
from drift.stores.reader import Cache, Footer, Reader
from drift.tables import KEYS, TableName
from drift.windows import windows_of

CITIES_PER_GROUP = 32
KEPT = timedelta(days=7)
SHORTEST_PERIOD = timedelta(days=7)
_FOREVER = 2**63 - 1
_FEW_ROWS, _MANY_GROUPS = 10_000, 30
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_ANY_ZONE = _DAY // _MICROSECOND  # no local time is further from UTC

# Seconds, on a machine of 2024: a value, a column of a row group, a file.
_VALUE, _CHUNK, _FILE = 4.5e-9, 1.6e-5, 1.2e-3
_WEIGHTS = {"SNAPPY": 1.2, "LZ4": 1.2, "ZSTD": 1.6, "GZIP": 4.2, "BROTLI": 4.2}  # of a value, compressed


class Held(NamedTuple):
    """One file, what its footer says, and how each table reads it."""

    file: File
    footer: Footer
    layouts: Mapping[TableName, Layout]
    bounds: Mapping[TableName, tuple[Bounds, ...]]

    def column(self, table: TableName, ours: str) -> str:
        """The file's name for a column that every file of the table has."""
        return str(self.layouts[table][ours])

    def local(self, table: TableName, zone: str | None) -> bool:
        """Whether the table's target times are counted in a local zone here."""
        kind = self.footer.schema.field(self.column(table, "target_time")).type
        return getattr(kind, "tz", None) is None and zone != "UTC"

    @property
    def read(self) -> frozenset[str]:
        """The columns that some table reads."""
        return frozenset(theirs for of in self.layouts.values() for theirs in of.values() if theirs)


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of one path, and the tables that are read from them."""

    where: Location
    maps: Mapping[TableName, TableMap]
    files: tuple[Held, ...]

    @property
    def alone(self) -> bool:
        """Whether there is one file only: its writer rewrites it whole, so none is younger."""
        return len(self.files) == 1

    @property
    def tables(self) -> str:
        """The tables' names, for people."""
        return " and ".join(self.maps)


def bundles(config: Config, reader: Reader) -> list[Bundle]:
    """The store's tables, together where they are the same files.

    Raises:
        ConfigError: the store is no Parquet store. StoreError: it cannot be read.
    """
    if config.store.kind != "parquet":
        raise ConfigError(
            f"store.kind: {config.store.kind} has no files of its own: only a parquet store has a layout"
        )
    maps = table_maps(config)
    found: dict[str, list[TableName]] = {}
    places = {name: Location.of(config, name, table.path) for name, table in tables_of(config).items()}
    for name, where in places.items():
        found.setdefault(where.path, []).append(name)
    return [
        Bundle(
            places[names[0]],
            {name: maps[name] for name in names},
            _held(places[names[0]], names, maps, reader),
        )
        for names in found.values()
    ]


def tables_of(config: Config) -> dict[TableName, TableConfig]:
    """The tables that the config maps."""
    given: dict[TableName, TableConfig | None] = {
        "predictions": config.store.predictions,
        "actuals": config.store.actuals,
        "features": config.store.features,
    }
    return {name: table for name, table in given.items() if table is not None}


def table_maps(config: Config) -> dict[TableName, TableMap]:
    """Each table's mapping, as `ParquetStore` makes it."""
    tables = tables_of(config)
    maps: dict[TableName, TableMap] = {}
    for name, table in tables.items():
        same = [maps[other].named for other in maps if tables[other].path == table.path]
        maps[name] = TableMap.of(name, table, frozenset().union(*same) if name == "features" else ())
    return maps


def _held(
    where: Location, names: Sequence[TableName], maps: Mapping[TableName, TableMap], reader: Reader
) -> tuple[Held, ...]:
    both = [(file, reader.footer(file)) for file in where.files()]
    if not any(footer.metadata.num_rows for _, footer in both):
        raise EmptyStoreError(f"store.{where.table}: {where} holds no rows: write the table there")
    schemas = [(str(file), footer.schema) for file, footer in both]
    found = {name: layouts(maps[name], schemas) for name in names}
    return tuple(
        Held(
            file,
            footer,
            here := {name: found[name][index] for name in names},
            {name: _bounds(footer, name, layout) for name, layout in here.items()},
        )
        for index, (file, footer) in enumerate(both)
    )


def _bounds(footer: Footer, name: TableName, layout: Layout) -> tuple[Bounds, ...]:
    keys = [theirs for key in KEYS[name] if (theirs := layout[key]) is not None]
    return bounds_of(footer.metadata, footer.chunks, str(layout["target_time"]), str(layout["city"]), keys)


class Pile(NamedTuple):
    """One file as reading it costs: how many columns are read, and the bounds of its row groups."""

    columns: int
    bounds: tuple[Bounds, ...]
    reach: int = 0  # microseconds that its times may be off UTC
    weight: float = 1.0  # how much longer a value takes, being compressed


@dataclass(frozen=True, slots=True)
class Touched:
    """What one slot reads: how often a file is opened, row groups, rows, and how many of those it uses."""

    files: int
    groups: int
    rows: int
    used: int
    chunks: int
    values: float

    @property
    def seconds(self) -> float:
        """About how long that takes; good for ratios, not for promises."""
        return self.files * _FILE + self.chunks * _CHUNK + self.values * _VALUE


def touched(piles: Sequence[Pile], window: Window, blocks: Sequence[Sequence[str]]) -> Touched:
    """What a slot reads whose history is the window, block by block of cities."""
    low, high = microseconds(window.start), microseconds(window.end)
    labels = [sorted(city.encode() for city in block) for block in blocks]
    files = groups = rows = used = chunks = 0
    values = 0.0
    for pile in piles:
        inside = [b for b in pile.bounds if b.may_hold(low - pile.reach, high + pile.reach, None)]
        used += sum(round(b.rows * _share(b, low, high)) for b in inside)
        for wanted in labels:
            found = [b for b in inside if b.may_hold(low - pile.reach, high + pile.reach, wanted)]
            read = sum(b.rows for b in found)
            files, groups, rows = files + bool(found), groups + len(found), rows + read
            chunks, values = chunks + len(found) * pile.columns, values + read * pile.columns * pile.weight
    return Touched(files, groups, rows, used, chunks, values)


def _share(bounds: Bounds, low: int, high: int) -> float:
    """About how much of a row group lies in `[low, high)`: its rows are taken to be spread evenly."""
    if bounds.times is None:
        return 1.0
    first, last = bounds.times
    return max(0, min(last + 1, high) - max(first, low)) / (last + 1 - first)


def blocks_of(piles: Sequence[Pile], cities: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """The blocks that `ParquetStore.partition` makes of these files."""
    bounds = [b for pile in piles for b in pile.bounds]
    once = sum(b.rows for b in bounds)
    while True:
        blocks = [tuple(cities[first : first + size]) for first in range(0, len(cities), size)]
        labels = [sorted(city.encode() for city in block) for block in blocks]
        read = sum(b.rows for wanted in labels for b in bounds if b.may_hold(-(2**63), 2**63 - 1, wanted))
        if len(blocks) < 2 or read <= 1.5 * once:
            return blocks
        size *= 2


def piles_of(bundle: Bundle) -> list[Pile]:
    """The files as they are."""
    name = next(iter(bundle.maps))
    zone = bundle.maps[name].zone
    return [
        Pile(len(held.read), held.bounds[name], _ANY_ZONE if held.local(name, zone) else 0, _weight(held))
        for held in bundle.files
    ]


def _weight(held: Held) -> float:
    """By the first row group's codec; a column of few distinct values weighs less, but few are."""
    if not held.footer.metadata.num_row_groups:
        return 1.0
    group = held.footer.metadata.row_group(0)
    known = [held.footer.chunks[name] for name in held.read & held.footer.chunks.keys()]
    return max((_WEIGHTS.get(group.column(number).compression, 1.0) for number in known), default=1.0)


def ideal(
    piles: Sequence[Pile], cities: Sequence[str], cut: int, period: timedelta, span: tuple[int, int]
) -> list[Pile]:
    """The files as compaction would leave them: those that end before the cut as one, the others as they
    are. A file that does not say when it ends is taken to span all.
    """
    ends = [ended(pile.bounds) or span for pile in piles]
    old = [(pile, end) for pile, end in zip(piles, ends, strict=True) if end[1] < cut]
    rows = sum(b.rows for pile, _ in old for b in pile.bounds)
    if not rows:
        return list(piles)
    columns = max(pile.columns for pile, _ in old)
    span = (min(first for _, (first, _) in old), max(last for _, (_, last) in old))
    kept = [pile for pile, end in zip(piles, ends, strict=True) if end[1] >= cut]
    return [Pile(columns, tuple(_ideal_bounds(rows, span, sorted(cities), period))), *kept]


def _ideal_bounds(
    rows: int, span: tuple[int, int], cities: Sequence[str], period: timedelta
) -> Iterator[Bounds]:
    step = period // _MICROSECOND
    length = span[1] + 1 - span[0]
    for start in range(span[0] // step * step, span[1] + 1, step):
        times = (max(start, span[0]), min(start + step - 1, span[1]))
        for first in range(0, len(cities), CITIES_PER_GROUP):
            some = cities[first : first + CITIES_PER_GROUP]
            share = (times[1] + 1 - times[0]) / length * len(some) / len(cities)
            yield Bounds(round(rows * share), times, (some[0].encode(), some[-1].encode()), whole=True)


def ended(bounds: Sequence[Bounds]) -> tuple[int, int] | None:
    """The first and the last target time of a file, where its footer proves them."""
    times = [b.times for b in bounds if b.rows]
    if not times or None in times:
        return None
    known = [pair for pair in times if pair is not None]
    return min(first for first, _ in known), max(last for _, last in known)


def period_of(history: timedelta) -> timedelta:
    """Half of what a slot reads, in whole days: so a slot reads few rows beside its own, in few pieces.

    >>> period_of(timedelta(days=91))
    datetime.timedelta(days=46)
    """
    return max(SHORTEST_PERIOD, ceil(history / 2 / _DAY) * _DAY)


class Compared(NamedTuple):
    """What a slot touches now, and what it would after `drift store compact --keep` so much."""

    now: Touched
    best: Touched
    keep: timedelta


def compared(config: Config, store: Store, cities: Sequence[str], window: Window) -> Compared:
    """What compacting is worth to a slot. Where every file reaches into the days that compacting leaves
    alone by itself, it is told to leave none.

    Raises:
        StoreError: the store cannot be read. ConfigError: it has no files.
    """
    parts = [(bundle, piles_of(bundle)) for bundle in bundles(config, Reader(Cache()))]
    span = store.span()
    whole = (microseconds(span.start), microseconds(span.end))
    ends = [[(ended(pile.bounds) or whole)[1] for pile in piles] for _, piles in parts]
    cut = min(max(each) for each in ends) + 1 - KEPT // _MICROSECOND
    young = not any(bundle.alone for bundle, _ in parts) and min(min(each) for each in ends) >= cut
    best: list[Pile] = []
    for bundle, piles in parts:
        until = _FOREVER if young or bundle.alone else cut
        best += ideal(piles, cities, until, period_of(window.length), whole)
    now = [pile for _, piles in parts for pile in piles]
    size = config.engine.block
    return Compared(
        touched(now, window, store.partition(cities, size)),
        touched(best, window, blocks_of(best, cities, size)),
        timedelta(0) if young else KEPT,
    )


def traps(config: Config) -> list[str]:
    """What in the files themselves makes reading slow, by the first row group of each."""
    found: set[str] = set()
    for bundle in bundles(config, Reader(Cache())):
        found |= {trap for held in bundle.files for trap in _traps(held, next(iter(bundle.maps)))}
        rows = [b.rows for held in bundle.files for b in next(iter(held.bounds.values()))]
        if len(rows) > _MANY_GROUPS and median(rows) < _FEW_ROWS:
            found.add(f"row groups of {median(rows):,.0f} rows")
        if len(bundle.files) > _MANY_GROUPS and all(_one_city(held) for held in bundle.files):
            found.add("one file a city")
    return sorted(found)


def _traps(held: Held, table: TableName) -> Iterator[str]:
    if not held.footer.metadata.num_row_groups:
        return
    group = held.footer.metadata.row_group(0)
    for name in held.read & held.footer.chunks.keys():
        chunk = group.column(held.footer.chunks[name])
        if chunk.compression in ("GZIP", "BROTLI"):
            yield f"compression with {chunk.compression.lower()}"
    if held.bounds[table][0].times is None:
        yield "no statistics of target times without nulls"
    if held.bounds[table][0].cities is None:
        yield "no statistics of cities as text without nulls"


def _one_city(held: Held) -> bool:
    return all(b.only_city is not None for b in next(iter(held.bounds.values())))


def history_of(config: Config, store: Store, now: datetime) -> Window:
    """What the latest slot reads: of now, or of where the data ends."""
    slot = min(now, store.span().end)
    return windows_of(slot, config.windows, config.accuracy, store.cadence()).history


def seconds_to_read(store: Store, config: Config, window: Window, rounds: int = 3) -> float:
    """How long reading a slot's window takes, block by block; the median of some rounds after a first."""
    cities = store.cities() if config.cities == "all" else config.cities
    blocks = store.partition(cities, config.engine.block)
    taken = []
    for _ in range(rounds + 1):
        started = perf_counter()
        for block in blocks:
            store.read(window, block)
        taken.append(perf_counter() - started)
    return median(taken[1:])
