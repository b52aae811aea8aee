"""The feature store in a database: the platform's own schema, mapped tables, or SELECTs of one's own.

Why: predictions and actuals live in PostgreSQL, and a slot needs a little of them: by index, not by a dump.

How: `sql_source` says where each table is, `sql_read` reads a window of it as Arrow, `sql_database` opens the
database so that nothing can be changed, and `mapping` makes logical tables, as for Parquet. All tables of one
read are read in one snapshot. What the database says of a table is asked anew in each read: a table that has
changed since is seen as it is. Methods may be called from several threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import pyarrow as pa
import sqlalchemy as sa

from drift.arrow import view
from drift.config import Config, SqlConfig
from drift.domain import Window
from drift.errors import EmptyStoreError, StoreError, TimestampError
from drift.stores.casts import moment_at, to_utc
from drift.stores.interval import commonest_distance, commonest_phase
from drift.stores.mapping import Mapped, Wanted, map_rows, schema_of
from drift.stores.sql_database import Database
from drift.stores.sql_read import asked, batches
from drift.stores.sql_source import Key, Source, held, places
from drift.stores.sql_types import column_of
from drift.tables import KEYS, Skipped, TableName, Tables
from drift.windows import EPOCH, Cadence

_ONE: sa.ColumnClause[int] = sa.literal_column("1")
_SAMPLED = 64  # cities whose latest target times say the interval
_OF_HOURS: tuple[TableName, ...] = ("predictions", "actuals")  # whose target times say the interval
_FIRST, _FACTOR = timedelta(days=14), 8  # so far back they are looked for, and then so many times as far


class SqlStore:
    """Reads what the config's `store` section maps from a database; see `Store`."""

    def __init__(self, config: Config) -> None:
        """Nothing is opened yet.

        Raises:
            ConfigError: the URL cannot be read, or a mapping names what a table does not have.
        """
        url, sql = config.store_url(), config.store.sql
        self._places = places(config)
        self._database = Database(url, cast("SqlConfig", sql))  # there is a URL, so there is a section
        self._given = config.store.interval
        self._found: Cadence | None = None

    def cities(self) -> tuple[str, ...]:
        """All cities that have predictions, sorted."""
        return self._database.read("store.predictions", self._cities)

    def _cities(self, connection: sa.Connection) -> tuple[str, ...]:
        source = self._held("predictions", connection)
        names = self._names(source, connection)
        with self._explained("predictions"):
            keys = [row[0] for row in connection.execute(present(source))]
        if not keys:
            self._refuse_empty(source, connection)
        found = names["city"].get if "city" in names else str
        return tuple(sorted({city for city in map(found, keys) if city is not None}))

    def features(self) -> tuple[str, ...]:
        """The names of the features, sorted; none where there is no such table."""
        if "features" not in self._places:
            return ()
        source = self._database.read("store.features", lambda c: self._held("features", c))
        return tuple(sorted(name for name in source.layout if name not in KEYS["features"]))

    def span(self) -> Window:
        """From the first target time of any prediction or actual to the end of the last interval."""
        step = self.interval()
        ends = self._database.read("store", self._span)
        try:
            return Window(moment_at(min(ends)), moment_at(max(ends)) + step)
        except OverflowError:
            raise TimestampError("store: a target time lies outside of the years 1 to 9999") from None

    def _span(self, connection: sa.Connection) -> list[int]:
        found: list[int] = []
        for name in ("predictions", "actuals"):
            shift = self._shift(name) // timedelta(microseconds=1)
            source = self._held(name, connection)
            ends = [end - shift for end in self._ends(source, connection)]
            if not ends:
                self._refuse_empty(source, connection)
            found += ends
        if not found:
            raise EmptyStoreError("store: no row of the predictions and actuals has a city and a target time")
        return found

    def _ends(self, source: Source, connection: sa.Connection) -> list[int]:
        """The first and the last target time in UTC, before any shift."""
        with self._explained(source.where.table):
            ends = tuple(connection.execute(first_and_last(source)).one())
        place = source.place("target_time")
        column = pa.chunked_array([column_of(ends, place, times=True)]).drop_null()
        times = to_utc(column, place, source.where.spec.zone).time
        return [int(end) for end in view(times.cast(pa.int64()))]

    def interval(self) -> timedelta:
        """The distance of target times: the config's, or the commonest one found in the data."""
        return self._given or self.cadence().step

    def cadence(self) -> Cadence:
        """When there are target times: the config's distance, or the commonest one of the latest rows, and
        the phase that most of those have. Found once: a store of another interval is another store.
        """
        if self._found is None:
            self._found = self._database.read("store", self._cadence)
        return self._found

    def _cadence(self, connection: sa.Connection) -> Cadence:
        sources = [self._held(name, connection) for name in _OF_HOURS]
        tables = [self._latest(source, connection) for source in sources]
        step = self._given or commonest_distance(*tables)
        if step is not None:
            rows = next((each for each in tables if each.num_rows), None)
            return Cadence(step) if rows is None else Cadence(step, EPOCH + commonest_phase(rows, step))
        for source in sources:
            self._refuse_empty(source, connection)
        raise StoreError(
            f"store.interval: {self._places['predictions']} holds too few target times to find the interval "
            f"from: say it, such as `interval: 1h`, under store"
        )

    def _latest(self, source: Source, connection: sa.Connection) -> pa.Table:
        """City and target time of the latest rows of some cities, as many as tell their distance."""
        ends = self._ends(source, connection) or [0]  # as of no rows
        cities, keys = self._cities(connection), KEYS[source.where.table]
        some = cities[:: max(1, len(cities) // _SAMPLED)]
        back = _FIRST
        while True:
            low = max(ends) - back // timedelta(microseconds=1)
            rows = self._rows(source, connection, Wanted(low, max(ends) + 1), some, keys).rows
            enough = rows.num_rows > 0 if self._given else commonest_distance(rows) is not None
            if enough or low <= min(ends):
                return rows
            back *= _FACTOR

    def partition(self, cities: Sequence[str], size: int) -> list[tuple[str, ...]]:
        """The cities in blocks of `size`: an index leads to those of a block."""
        return [tuple(cities[at : at + size]) for at in range(0, len(cities), size)]

    def fingerprint(self, window: Window, cities: Sequence[str]) -> None:
        """None: a database does not say whether rows have changed, short of looking at every one of them.

        A count and the last `created_at` miss an update in place; `xmin` and `ctid` miss nothing, but to add
        them up every row has to be visited, which is the read that a fingerprint should save.
        """
        del window, cities

    def read(self, window: Window, cities: Sequence[str] | None = None) -> Tables:
        """The rows whose target time lies in the window, of these cities (None: of all)."""
        shifts = {name: self._shift(name) for name in self._places}  # may read, so before the snapshot

        def work(connection: sa.Connection) -> dict[TableName, Mapped]:
            found: dict[TableName, Mapped] = {}
            for name, shift in shifts.items():
                source = self._held(name, connection)
                wanted = Wanted.of(window, cities, shift)
                found[name] = self._rows(source, connection, wanted, cities)
                if not found[name].rows.num_rows and name != "features":
                    self._refuse_empty(source, connection)
            return found

        found = self._database.read("store", work)
        skipped = tuple(entry for mapped in found.values() for entry in mapped.skipped)
        features = found["features"].rows if "features" in found else None
        return Tables(found["predictions"].rows, found["actuals"].rows, features, skipped)

    def _rows(
        self,
        source: Source,
        connection: sa.Connection,
        wanted: Wanted,
        cities: Sequence[str] | None,
        only: Sequence[str] | None = None,
    ) -> Mapped:
        """The wanted rows; `only` these columns of ours."""
        spec, layout = source.where.spec, source.layout
        layout = layout if only is None else {name: layout[name] for name in layout if name in only}
        columns = list(dict.fromkeys(theirs for theirs in layout.values() if theirs is not None))
        schema = schema_of(spec, [(layout, pa.schema(list(source.kinds.items())))])
        parts: list[Mapped] = []
        with self._explained(source.where.table):
            names = self._names(source, connection)
            ask = asked(source, wanted, cities, names.get("city", {}))
            for raw in batches(source, connection, ask, columns, names):
                parts.append(map_rows(spec, layout, str(source.where), raw, wanted))  # noqa: PERF401 - see `with`
        empty = pa.table([pa.chunked_array([], field.type) for field in schema], schema=schema)
        return Mapped(pa.concat_tables([empty, *(p.rows.cast(schema) for p in parts)]), _summed(parts))

    def _held(self, name: TableName, connection: sa.Connection) -> Source:
        with self._explained(name):
            return held(self._places[name], connection)

    def _names(self, source: Source, connection: sa.Connection) -> dict[str, dict[Key, str]]:
        """By our column, the names that another table gives its keys."""
        return {ours: lookup.read(connection) for ours, lookup in source.where.lookups.items()}

    def _refuse_empty(self, source: Source, connection: sa.Connection) -> None:
        with self._explained(source.where.table):
            one = connection.execute(sa.select(_ONE).select_from(source.rows).limit(1))
            if one.first() is None:
                raise EmptyStoreError(f"{source.where.what} holds no rows: write the table there")

    def _explained(self, name: TableName) -> Any:
        """Errors name the table. `Any`: a context manager."""
        return self._database.explained(self._places[name].what)

    def _shift(self, name: TableName) -> timedelta:
        """From a timestamp to the start of its interval."""
        return self.interval() if self._places[name].spec.ends else timedelta(0)


def present(source: Source) -> sa.Select[Any]:
    """The keys of the cities that have rows: by the other table or by an index, without reading all rows."""
    city = source.column("city")
    lookup = source.where.lookups.get("city")
    if lookup is not None:
        other = sa.table(lookup.table, sa.column("id"), schema=None)
        there = sa.select(_ONE).select_from(source.rows).where(city == other.c.id)
        return sa.select(other.c.id).where(there.correlate(other).exists())
    if city.name not in source.led:
        return sa.select(city).select_from(source.rows).where(city.is_not(None)).distinct()
    return _hopping(source)


def _hopping(source: Source) -> sa.Select[Any]:
    """From one city to the next along the index: as many probes as there are cities, not rows."""
    city = source.column("city")

    def first(after: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
        rows = sa.select(city).select_from(source.rows).where(after)
        return rows.order_by(city).limit(_ONE).scalar_subquery()

    found = sa.select(first(city.is_not(None)).label("key")).cte("found", recursive=True)
    following = sa.select(first(city > found.c.key)).where(found.c.key.is_not(None))
    found = found.union_all(following)
    return sa.select(found.c.key).where(found.c.key.is_not(None))


def first_and_last(source: Source) -> sa.Select[Any]:
    """The first and the last target time of any city, city by city where an index leads to them."""
    city, time = source.column("city"), source.column("target_time")
    if city.name not in source.led:
        ends = sa.select(sa.func.min(time), sa.func.max(time)).select_from(source.rows)
        return ends.where(city.is_not(None))
    keys = present(source).subquery("keys")
    key = keys.c[0]
    each = [
        sa.select(end(time)).select_from(source.rows).where(city == key).correlate(keys).scalar_subquery()
        for end in (sa.func.min, sa.func.max)
    ]
    both = sa.select(each[0].label("low"), each[1].label("high")).select_from(keys).subquery("ends")
    return sa.select(sa.func.min(both.c.low), sa.func.max(both.c.high))


def _summed(parts: Sequence[Mapped]) -> list[Skipped]:
    """The counts of all batches, added up."""
    counts: dict[tuple[object, ...], Skipped] = {}
    for entry in (entry for part in parts for entry in part.skipped):
        key = (entry.city, entry.reason)
        rows = entry.rows + (counts[key].rows if key in counts else 0)
        counts[key] = Skipped(entry.table, entry.city, entry.reason, rows)
    return list(counts.values())
