"""The feature store in Parquet files, local or on any URL that fsspec opens.

Why: it is what most teams have: files that a job writes, of which each slot needs a little.

How: `files` says what is there, `footers` what may be left unread, `reader` reads the rest, and `mapping`
makes logical tables of it. Everything learnt of a file is kept under its stamp, so a daemon reads a footer
once; a file that changes under a read is read once more. Methods may be called from several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import NamedTuple, TypeVar

import pyarrow as pa

from drift.arrow import LABEL, distinct, nothing, view
from drift.config import Config, TableConfig
from drift.domain import Window
from drift.errors import EmptyStoreError, StoreError, TimestampError
from drift.stores.casts import UTC_TIME, Place, moment_at, to_text
from drift.stores.files import File, FileChangedError, Location
from drift.stores.footers import Bounds, bounds_of
from drift.stores.interval import SAMPLE_ROWS, commonest_distance, commonest_phase, latest_groups
from drift.stores.mapping import Layout, Mapped, TableMap, Wanted, layouts, map_rows, schema_of
from drift.stores.reader import Cache, Footer, Reader
from drift.tables import KEYS, TIMES, Skipped, TableName, Tables
from drift.windows import EPOCH, Cadence

T = TypeVar("T")
_MICROSECOND = timedelta(microseconds=1)
_ANY_ZONE = timedelta(hours=24) // _MICROSECOND  # no local time is further from UTC


_EVER = (-(2**63), 2**63 - 1)
_NO_KEYS = pa.table({"city": nothing(0, LABEL), "target_time": nothing(0, UTC_TIME)})
_FEW_ROWS = SAMPLE_ROWS // 10
_TWICE = 1.5  # so much of a table may be read again, for blocks of cities that share row groups


class Part(NamedTuple):
    """One file of one table, with what is known of it before a row is read."""

    file: File
    footer: Footer
    layout: Layout
    bounds: tuple[Bounds, ...]

    @property
    def labels(self) -> list[str]:
        """Its columns of few distinct texts."""
        return [theirs for key in ("city", "model_version") if (theirs := self.layout.get(key)) is not None]


class ParquetStore:
    """Reads what the config's `store` section maps; see `Store`."""

    def __init__(self, config: Config) -> None:
        """Nothing is read yet.

        Raises:
            ConfigError: a mapping names what a table does not have.
        """
        store = config.store
        given: dict[TableName, TableConfig] = {"predictions": store.predictions, "actuals": store.actuals}
        self._maps = {name: TableMap.of(name, table) for name, table in given.items()}
        if store.features is not None:
            same = [m.named for name, m in self._maps.items() if given[name].path == store.features.path]
            given["features"] = store.features
            self._maps["features"] = TableMap.of("features", store.features, frozenset().union(*same))
        self._where = {name: Location.of(config, name, table.path) for name, table in given.items()}
        self._interval = store.interval
        self._cache = Cache()
        self._intervals = Cache(limit=4)
        self._reader = Reader(self._cache)

    def cities(self) -> tuple[str, ...]:
        """All cities that have predictions, sorted."""
        return _steady(lambda: tuple(sorted(set().union(*map(self._cities_of, self._parts("predictions"))))))

    def features(self) -> tuple[str, ...]:
        """The names of the features, sorted; none where there is no such table."""
        if "features" not in self._maps:
            return ()
        parts = _steady(lambda: self._parts("features"))
        return tuple(sorted(name for name in parts[0].layout if name not in KEYS["features"]))

    def span(self) -> Window:
        """From the first target time of any prediction or actual to the end of the last interval."""
        return _steady(self._span)

    def cadence(self) -> Cadence:
        """When there are target times: the config's distance, or the commonest one found in the data, and
        the phase that most of them have.
        """
        return _steady(self._cadence)

    def _cadence(self) -> Cadence:
        step = self.interval()
        parts = self._parts("predictions")
        key = ("phase", step, tuple(part.file for part in parts))
        return Cadence(step, EPOCH + self._intervals.get(key, lambda: self._phase(parts, step)))

    def _phase(self, parts: Sequence[Part], step: timedelta) -> timedelta:
        """From the latest row group alone: a phase, unlike a distance, shows in any few rows. But where one
        of a single time has a phase, its rows may be finer than the step, and more are asked.
        """
        for index, groups in latest_groups([part.bounds for part in parts]).items():
            rows = self._keys("predictions", parts[index], groups[:1])
            if commonest_phase(rows, step) and commonest_distance(rows) is None:
                rows = self._sample("predictions")
            return commonest_phase(rows, step)
        return timedelta(0)

    def interval(self) -> timedelta:
        """The distance of target times: the config's, or the commonest one found in the data."""
        return self._interval or _steady(self._found_interval)

    def partition(self, cities: Sequence[str], size: int) -> list[tuple[str, ...]]:
        """The cities in blocks of `size`, or of twice, four times … as many, until reading the blocks apart
        reads few row groups twice: a file sorted by time holds every city in every row group.
        """
        return _steady(lambda: self._partition(cities, size))

    def _partition(self, cities: Sequence[str], size: int) -> list[tuple[str, ...]]:
        bounds = [b for name in self._maps for part in self._parts(name) for b in part.bounds]
        once = sum(b.rows for b in bounds)
        while True:
            blocks = [tuple(cities[first : first + size]) for first in range(0, len(cities), size)]
            labels = [sorted(city.encode() for city in block) for block in blocks]
            read = sum(b.rows for of_block in labels for b in bounds if b.may_hold(*_EVER, of_block))
            if len(blocks) < 2 or read <= _TWICE * once:
                return blocks
            size *= 2

    def fingerprint(self, window: Window, cities: Sequence[str]) -> str:
        """The files' stamps, and of each the row groups that may hold a row of the window and the cities."""
        return _steady(lambda: self._fingerprint(window, cities))

    def _fingerprint(self, window: Window, cities: Sequence[str]) -> str:
        made_from = sha256()
        for name, spec in self._maps.items():
            wanted, parts = Wanted.of(window, cities, self._shift(name)), self._parts(name)
            made_from.update(f"{name} {_schema(spec, parts)} {wanted.shift}".encode())
            for part in parts:
                if groups := self._groups(name, part, wanted):
                    made_from.update(repr((part.file.path, part.file.stamp, part.layout, groups)).encode())
        return made_from.hexdigest()

    def read(self, window: Window, cities: Sequence[str] | None = None) -> Tables:
        """The rows whose target time lies in the window, of these cities (None: of all)."""
        return _steady(lambda: self._read(window, cities))

    def _read(self, window: Window, cities: Sequence[str] | None) -> Tables:
        wanted = {name: Wanted.of(window, cities, self._shift(name)) for name in self._maps}
        found: dict[TableName, Mapped] = {}
        for names in self._by_path():
            found |= self._read_path(names, wanted)
        rows = {name: mapped.rows for name, mapped in found.items()}
        skipped = (entry for mapped in found.values() for entry in mapped.skipped)
        return Tables(rows["predictions"], rows["actuals"], rows.get("features"), tuple(skipped))

    def _by_path(self) -> list[list[TableName]]:
        """The tables, together where they are the same files: those are read once."""
        paths: dict[str, list[TableName]] = {}
        for name, where in self._where.items():
            paths.setdefault(where.path, []).append(name)
        return list(paths.values())

    def _read_path(
        self, names: Sequence[TableName], wanted: Mapping[TableName, Wanted]
    ) -> dict[TableName, Mapped]:
        files = self._where[names[0]].files()
        parts = {name: self._parts(name, files) for name in names}
        found: dict[TableName, list[Mapped]] = {name: [] for name in names}
        for index, file in enumerate(files):
            here = {name: parts[name][index] for name in names}
            groups = {g for name, part in here.items() for g in self._groups(name, part, wanted[name])}
            if groups:
                raw = self._rows(file, sorted(groups), list(here.values()))
                for name, part in here.items():
                    spec, by = self._maps[name], wanted[name]
                    found[name].append(map_rows(spec, part.layout, str(file), raw, by, ordered=True))
        return {name: _joined(self._maps[name], parts[name], found[name]) for name in names}

    def _rows(self, file: File, groups: Sequence[int], parts: Sequence[Part]) -> pa.Table:
        """The columns that any of the parts, all of this file, maps."""
        columns = {theirs for part in parts for theirs in part.layout.values() if theirs is not None}
        labels = {label for part in parts for label in part.labels}
        return self._reader.rows(file, groups, sorted(columns), sorted(labels))

    def _shift(self, name: TableName) -> timedelta:
        """From a timestamp to the start of its interval."""
        return self.interval() if self._maps[name].ends else timedelta(0)

    def _groups(self, name: TableName, part: Part, wanted: Wanted) -> list[int]:
        """The row groups that may hold a wanted row."""
        shift = wanted.shift // _MICROSECOND
        reach = _ANY_ZONE if self._local(name, part) else 0
        low, high = wanted.start + shift - reach, wanted.end + shift + reach
        return [i for i, bounds in enumerate(part.bounds) if bounds.may_hold(low, high, wanted.labels)]

    def _local(self, name: TableName, part: Part) -> bool:
        """Whether the file counts its target times in a local zone."""
        kind = part.footer.schema.field(str(part.layout["target_time"])).type
        return pa.types.is_timestamp(kind) and kind.tz is None and self._maps[name].zone != "UTC"

    def _parts(self, name: TableName, files: Sequence[File] | None = None) -> list[Part]:
        """The files of a table, held against its mapping.

        Raises:
            EmptyStoreError: there is no row. ColumnError: a file lacks a column.
        """
        files = self._where[name].files() if files is None else files
        return self._cache.get(("parts", name, *files), lambda: self._matched(name, files))

    def _matched(self, name: TableName, files: Sequence[File]) -> list[Part]:
        footers = [self._reader.footer(file) for file in files]
        if not any(footer.metadata.num_rows for footer in footers):
            raise EmptyStoreError(f"store.{name}: {self._where[name]} holds no rows: write the table there")
        both = list(zip(files, footers, strict=True))
        found = layouts(self._maps[name], [(str(file), footer.schema) for file, footer in both])
        return [
            Part(file, footer, layout, self._bounds(name, file, footer, layout))
            for (file, footer), layout in zip(both, found, strict=True)
        ]

    def _bounds(self, name: TableName, file: File, footer: Footer, layout: Layout) -> tuple[Bounds, ...]:
        keys = [theirs for key in KEYS[name] if (theirs := layout[key]) is not None]
        time, city = str(layout["target_time"]), str(layout["city"])
        return self._cache.get(
            ("bounds", name, file), lambda: bounds_of(footer.metadata, footer.chunks, time, city, keys)
        )

    def _cities_of(self, part: Part) -> frozenset[str]:
        def find() -> frozenset[str]:
            proven = [bounds.only_city for bounds in part.bounds]
            unknown = [i for i, city in enumerate(proven) if city is None]
            known = {city for city in proven if city is not None}
            if unknown:
                column = str(part.layout["city"])
                raw = self._reader.rows(part.file, unknown, [column], [column])
                place = Place("predictions", str(part.file), "city", column)
                known |= distinct(to_text(raw[column], place))
            return frozenset(known)

        return self._cache.get(("cities", part.file), find)

    def _span(self) -> Window:
        found = []
        for name in ("predictions", "actuals"):
            shift = self._shift(name)
            ends = [end for part in self._parts(name) for end in self._times_of(name, part)]
            found += [end - shift // _MICROSECOND for end in ends]
        if not found:
            raise EmptyStoreError("store: no row of the predictions and actuals has a city and a target time")
        try:
            return Window(moment_at(min(found)), moment_at(max(found)) + self.interval())
        except OverflowError:
            raise TimestampError("store: a target time lies outside of the years 1 to 9999") from None

    def _times_of(self, name: TableName, part: Part) -> tuple[int, ...]:
        """The first and the last target time of a file in UTC, before any shift."""

        def find() -> tuple[int, ...]:
            trusted = not self._local(name, part)
            known = [b.times if trusted and b.whole else None for b in part.bounds]
            ends = [end for times in known if times is not None for end in times]
            unknown = [i for i, times in enumerate(known) if times is None and part.bounds[i].rows]
            if unknown:
                times = view(self._keys(name, part, unknown)["target_time"].cast(pa.int64()))
                ends += [int(times.min()), int(times.max())] if times.size else []
            return (min(ends), max(ends)) if ends else ()

        return self._cache.get(("times", name, part.file), find)

    def _keys(self, name: TableName, part: Part, groups: Sequence[int]) -> pa.Table:
        """City and target time, unshifted, of all rows that have them."""
        slim = {key: part.layout[key] for key in part.layout if key in (*KEYS[name], *TIMES)}
        part = part._replace(layout=slim)
        raw = self._rows(part.file, groups, [part])
        rows = map_rows(self._maps[name], slim, str(part.file), raw, Wanted(), ordered=True).rows
        return rows.select(["city", "target_time"])

    def _found_interval(self) -> timedelta:
        key = tuple(part.file for name in ("predictions", "actuals") for part in self._parts(name))
        found = self._intervals.get(("interval", *key), self._commonest)
        if found is not None:
            return found
        raise StoreError(
            f"store.interval: {self._where['predictions']} holds too few target times to find the interval "
            f"from: say it, such as `interval: 1h`, under store"
        )

    def _commonest(self) -> timedelta | None:
        """Of both tables, where they are apart; the actuals' may be coarser."""
        rows = self._sample("predictions")
        apart = self._where["predictions"].path != self._where["actuals"].path
        return commonest_distance(rows, *([self._sample("actuals", _FEW_ROWS)] if apart else []))

    def _sample(self, name: TableName, rows: int = SAMPLE_ROWS) -> pa.Table:
        """The keys of the latest rows."""
        parts = self._parts(name)
        chosen = latest_groups([part.bounds for part in parts], rows)
        tables = [self._keys(name, parts[index], groups) for index, groups in chosen.items()]
        return pa.concat_tables([_NO_KEYS, *tables])


def _steady(work: Callable[[], T]) -> T:
    """The work, done once more if a file changed under it."""
    try:
        return work()
    except FileChangedError:
        return work()


def _schema(spec: TableMap, parts: Sequence[Part]) -> pa.Schema:
    return schema_of(spec, [(part.layout, part.footer.schema) for part in parts])


def _joined(spec: TableMap, parts: Sequence[Part], found: Sequence[Mapped]) -> Mapped:
    """The rows of all files as one table, and their counts added up."""
    schema = _schema(spec, parts)
    empty = pa.table([pa.chunked_array([], field.type) for field in schema], schema=schema)
    counts: dict[tuple[str | None, object], Skipped] = {}
    for skipped in (entry for mapped in found for entry in mapped.skipped):
        key = (skipped.city, skipped.reason)
        rows = skipped.rows + (counts[key].rows if key in counts else 0)
        counts[key] = Skipped(skipped.table, skipped.city, skipped.reason, rows)
    alike = [mapped.rows.cast(schema) for mapped in found]
    return Mapped(pa.concat_tables([empty, *alike]), list(counts.values()))
