"""The rows that a store gives, looked at: the first of them as mapped, how far they lie apart, what is twice.

Why: a mapping is right when the rows look right, and nobody should have to write a query to see them.

How: all is made from one read of some weeks, `Read`, which the other looks share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from drift.arrow import encoded, labelled, view
from drift.config import Config, TableConfig, format_duration
from drift.doctor_check import Check, Line, Lines, Sample
from drift.domain import Grid, Unused, Window
from drift.finer import Finer
from drift.pairing import align
from drift.reading import read_cities
from drift.stores.base import Store
from drift.stores.interval import commonest_phase
from drift.tables import TableName, Tables
from drift.timeline import Timeline
from drift.windows import Cadence

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 3
"""Rows of a table that are shown."""
NAMED = 5
"""Cities that are named; of the others it is said how many they are."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of the latest weeks: as mapped, and on the grid."""

    window: Window
    cadence: Cadence
    tables: Tables
    timeline: Timeline

    @property
    def given(self) -> dict[TableName, pa.Table]:
        """The logical tables that there are."""
        every: dict[TableName, pa.Table | None] = {
            "predictions": self.tables.predictions,
            "actuals": self.tables.actuals,
            "features": self.tables.features,
        }
        return {name: table for name, table in every.items() if table is not None}


def read_weeks(store: Store, config: Config, window: Window, cities: Sequence[str]) -> Read:
    """The rows of the window, on the grid.

    Raises:
        StoreError: not one city can be read.
    """
    cadence = store.cadence()
    tables, read, _ = read_cities(store, window, cities)
    start = cadence.floor(window.start)
    grid = Grid(start, cadence.step, (window.end - start) // cadence.step)
    timeline = align(tables, grid, read, config.accuracy, write_features=False, finer=Finer.of(config.store))
    return Read(window, cadence, tables, timeline)


def tables_of(config: Config) -> dict[TableName, TableConfig]:
    """The sections of the logical tables in the config, of those that there are."""
    store = config.store
    given: dict[TableName, TableConfig] = {"predictions": store.predictions, "actuals": store.actuals}
    return given if store.features is None else {**given, "features": store.features}


def first_rows(config: Config, read: Read) -> Iterator[Check]:
    """The first rows of each table, our names over theirs, in UTC and by the city's clock."""
    for name, table in read.given.items():
        theirs = names_in_store(config, name)
        names = [*table.column_names]
        names.insert(names.index("target_time") + 1, "by its clock")
        rows = tuple(
            tuple(_shown(row, column, config) for column in names)
            for row in table.slice(0, SHOWN).to_pylist()
        )
        marks = tables_of(config)[name].marks
        yield Check(
            f"rows of {name}",
            f"{table.num_rows:,} in {read.window}; timestamps mark the {marks} of an interval",
            "" if rows else "none: look whether the table covers these hours",
            sample=Sample({column: theirs.get(column, column) for column in names}, rows),
        )


def names_in_store(config: Config, name: TableName) -> Mapping[str, str]:
    """The store's names for ours, as far as the config says them, or the platform's schema."""
    if config.store.kind == "sql":
        from drift.stores.sql_source import places

        return places(config)[name].spec.columns
    return tables_of(config)[name].columns


def _shown(row: Mapping[str, object], column: str, config: Config) -> str:
    if column == "by its clock":
        zone = config.zone_of(str(row["city"]))
        at = row["target_time"]
        return f"{at.astimezone(ZoneInfo(zone)):%a %H:%M} {zone}" if isinstance(at, datetime) else ""
    value = row[column]
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}Z"
    return "–" if value is None else f"{value:,.6g}" if isinstance(value, float) else str(value)


def cadence(read: Read) -> Iterator[Check]:
    """How far target times lie apart, in each city."""
    step = read.cadence.step
    for name, table in read.given.items():
        if not table.num_rows:
            continue
        every = distances(table)
        other = {city: apart for city, apart in every.items() if apart != step}
        many = f"{len(every) - len(other)} of {len(every)}" if other else f"all {len(every)}"
        found = f"{format_duration(step)} in {many} cities"
        if other:
            found += f"; {_by_length(other)}"
        yield Check(
            f"cadence of {name}",
            found,
            "" if name == "features" else _advice(other, step),
            write=() if name == "features" else _interval(other, step),
        )


def beside(read: Read) -> timedelta:
    """How far the target times of actuals lie beside those of predictions; zero where they meet."""
    step, tables = read.cadence.step, (read.tables.predictions, read.tables.actuals)
    if not all(table.num_rows for table in tables):
        return timedelta(0)
    ours, theirs = (commonest_phase(table, min(step, *distances(table).values())) for table in tables)
    return abs(ours - theirs)


def distances(table: pa.Table) -> dict[str, timedelta]:
    """The commonest distance of consecutive target times of each city; none of a city with one."""
    names, codes = encoded(labelled(table["city"]).combine_chunks())
    times = view(table["target_time"].cast("int64"))
    order = np.lexsort((times, codes))
    steps, city = np.diff(times[order]), codes[order][1:]
    there = (np.diff(codes[order]) == 0) & (steps > 0)
    found: dict[str, timedelta] = {}
    pairs, counts = np.unique(np.stack([city[there], steps[there]]), axis=1, return_counts=True)
    for at in np.lexsort((-pairs[1], counts)) if counts.size else ():
        found[names[int(pairs[0, at])]] = int(pairs[1, at]) * _MICROSECOND
    return found


def _by_length(other: Mapping[str, timedelta]) -> str:
    groups: dict[timedelta, list[str]] = {}
    for city, apart in sorted(other.items()):
        groups.setdefault(apart, []).append(city)
    return "; ".join(
        f"{format_duration(apart)} in {some(cities)}" for apart, cities in sorted(groups.items())
    )


def some(names: list[str]) -> str:
    """The first few of many names.

    >>> some(["a", "b"]), some(["a", "b", "c", "d", "e", "f", "g"])
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _advice(other: Mapping[str, timedelta], step: timedelta) -> str:
    if not other:
        return ""
    if any(step % apart or apart > step for apart in other.values()):
        return "these cities have hours without rows: a coarser interval would judge all of them alike"
    return "rows finer than the interval are brought to it; is it the interval to judge?"


def _interval(other: Mapping[str, timedelta], step: timedelta) -> tuple[Lines, ...]:
    longest = max(other.values(), default=step)
    fits = all(longest % apart == timedelta(0) for apart in (*other.values(), step))
    line = Line("store", f"interval: {format_duration(longest)}")
    return ((line,),) if longest > step and fits else ()


def repeated(read: Read) -> Iterator[Check]:
    """Rows of one key, and rows that no store could place."""
    counts = {"predictions": read.timeline.prediction_counts, "actuals": read.timeline.actual_counts}
    for name, counted in counts.items():
        many = int(counted[Unused.DUPLICATE].sum()) if Unused.DUPLICATE in counted else 0
        if many:
            yield Check(
                f"duplicates of {name}", f"{many:,} rows have the key of another one", _twice(name, read)
            )
    reasons: Counter[tuple[str, Unused]] = Counter()
    for skipped in read.tables.skipped:
        reasons[skipped.table, skipped.reason] += skipped.rows
    for (table, reason), many in sorted(reasons.items()):
        yield Check(f"rows of {table} left out", f"{reason.value}: {many:,} rows", _OF_REASON.get(reason, ""))
    if not reasons and not any(Unused.DUPLICATE in counted for counted in counts.values()):
        yield Check("duplicates", "none, and no row without a key or a place in time")


_OF_REASON = {
    Unused.NAIVE_TIMESTAMP: "local times that the change of the clocks skips or has twice: write UTC",
    Unused.NULL_KEY: "fill in city, model version and target time where the rows are written",
}


def _twice(name: str, read: Read) -> str:
    optional = "issue_time" if name == "predictions" else "available_time"
    if optional in read.given["predictions" if name == "predictions" else "actuals"].column_names:
        return f"of rows alike in {optional} too the last one counts: write each once"
    known = "was made" if name == "predictions" else "became known"
    return f"the last row counts; if they are revisions, map the time at which each {known}: `{optional}`"
