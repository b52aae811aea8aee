"""However a table is laid out in files, it reads back the same rows."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from drift.config import parse_config
from drift.domain import Unused, Window
from drift.stores import open_store
from drift.stores.base import Store

START = datetime(2021, 3, 27, tzinfo=UTC)
HOUR = timedelta(hours=1)
CITIES = ("a", "b", "Köln", "z" * 80)


class Row(NamedTuple):
    city: str | None
    hour: int | None
    value: float | None


class Layout(NamedTuple):
    files: int
    row_group_size: int
    statistics: bool
    dictionary: bool
    unit: str
    seed: int


rows = st.lists(
    st.builds(
        Row,
        st.none() | st.sampled_from(CITIES),
        st.none() | st.integers(-30, 60),
        st.none() | st.floats(allow_nan=False),
    ),
    min_size=1,
    max_size=60,
)
layouts = st.builds(
    Layout,
    st.integers(1, 4),
    st.integers(1, 20),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["s", "ms", "us", "ns"]),
    st.integers(0, 99),
)


def _store(table: list[Row], layout: Layout, folder: Path, marks: str) -> Store:
    """Written shuffled, in several files and row groups, with and without statistics."""
    shuffled = random.Random(layout.seed).sample(table, len(table))  # noqa: S311 - no secret is made of it
    for number in range(layout.files):
        part = shuffled[number :: layout.files]
        times = [None if row.hour is None else START + row.hour * HOUR for row in part]
        columns = {
            "city": pa.array([row.city for row in part], pa.string()),
            "target_time": pa.array(times, pa.timestamp(layout.unit, "UTC")),
            "actual": pa.array([row.value for row in part], pa.float64()),
        }
        names = sorted(columns, reverse=number % 2 == 0)
        pq.write_table(
            pa.table({name: columns[name] for name in names}),
            folder / f"{number}.parquet",
            row_group_size=layout.row_group_size,
            write_statistics=layout.statistics,
            use_dictionary=layout.dictionary,
        )
    actuals = {"path": ".", "marks": marks}
    predictions = {**actuals, "columns": {"predicted": "actual"}, "model_version": "v1"}
    content = {"interval": "1h", "predictions": predictions, "actuals": actuals}
    return open_store(parse_config({"store": content}, base=folder))


@settings(max_examples=80, deadline=None)
@given(
    rows,
    layouts,
    st.tuples(st.integers(-35, 65), st.integers(0, 60)),
    st.none() | st.sets(st.sampled_from([*CITIES, "nowhere"])),
    st.sampled_from(["start", "end"]),
)
def test_any_layout_reads_back_the_same(
    table: list[Row], layout: Layout, span: tuple[int, int], cities: set[str] | None, marks: str
) -> None:
    window = Window(START + span[0] * HOUR, START + sum(span) * HOUR)
    with tempfile.TemporaryDirectory() as folder:
        store = _store(table, layout, Path(folder), marks)
        tables = store.read(window, None if cities is None else sorted(cities))
        known = store.cities()
    shift = 1 if marks == "end" else 0
    placed = [
        (row.city, None if row.hour is None else START + (row.hour - shift) * HOUR, row.value)
        for row in table
    ]
    wanted = [
        (city, time, value)
        for city, time, value in placed
        if (time is None or time in window) and (cities is None or city is None or city in cities)
    ]
    for name, value in (("actuals", "actual"), ("predictions", "predicted")):
        found = getattr(tables, name)
        columns = [found[column].to_pylist() for column in ("city", "target_time", value)]
        assert Counter(zip(*columns, strict=True)) == Counter(
            row for row in wanted if row[0] is not None and row[1] is not None
        )
        counted = {(s.city, s.reason): s.rows for s in tables.skipped if s.table == name}
        assert counted == Counter(
            (city, Unused.NULL_KEY) for city, time, _ in wanted if city is None or time is None
        )
    assert known == tuple(sorted({row.city for row in table if row.city is not None}))


@settings(max_examples=60, deadline=None)
@given(rows, layouts)
def test_the_span_is_that_of_the_rows_in_any_layout(table: list[Row], layout: Layout) -> None:
    hours = [row.hour for row in table if row.city is not None and row.hour is not None]
    if not hours:
        return
    with tempfile.TemporaryDirectory() as folder:
        span = _store(table, layout, Path(folder), "start").span()
    assert span == Window(START + min(hours) * HOUR, START + (max(hours) + 1) * HOUR)
