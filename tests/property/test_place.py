"""Rows in any order, from any chunks, land where a plain loop would put them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from drift.domain import Grid, Unused
from drift.place import Placer, place, place_all

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
GRID = Grid(START, HOUR, 300)
CITIES = ("Agra", "Köln", "Pune")
UTC_TIME = pa.timestamp("us", tz="UTC")

runs = st.tuples(
    st.sampled_from([*CITIES, "elsewhere"]),
    st.sampled_from(["v1", "v2"]),
    st.integers(-5, 305),  # the hour of the first row
    st.sampled_from([1, 2, 200, 310]),  # rows: single ones, and longer than a span has to be
    st.sampled_from([timedelta(0), timedelta(minutes=20)]),
)


def table_of(drawn: list[tuple[str, str, int, int, timedelta]], chunks: int, labels: bool) -> pa.Table:
    rows = [(c, v, START + (h + i) * HOUR + off) for c, v, h, many, off in drawn for i in range(many)]
    kind = pa.dictionary(pa.int32(), pa.string()) if labels else pa.string()
    table = pa.table(
        {
            "city": pa.array([r[0] for r in rows], kind),
            "model_version": pa.array([r[1] for r in rows], kind),
            "target_time": pa.array([r[2] for r in rows], UTC_TIME),
            "predicted": pa.array([float(k) if k % 7 else None for k in range(len(rows))], pa.float64()),
        }
    )
    size = max(len(rows) // chunks, 1)
    return pa.concat_tables([table.slice(k, size) for k in range(0, len(rows), size)]) if rows else table


@settings(deadline=None)
@given(st.lists(runs, max_size=6), st.integers(1, 3), st.booleans(), st.booleans())
def test_every_row_is_on_the_grid_or_counted(drawn, chunks, labels, by_version) -> None:
    table = table_of(drawn, chunks, labels)
    rows = Placer(GRID, CITIES).rows(table, by_version=by_version)
    cells, outside = [], {reason: Counter() for reason in (Unused.OUT_OF_WINDOW, Unused.OFF_INTERVAL)}
    kept = []
    for row in table.to_pylist():
        if row["city"] not in CITIES:
            continue
        hour = (row["target_time"] - START) / HOUR
        if not 0 <= hour < GRID.count:
            outside[Unused.OUT_OF_WINDOW][row["city"]] += 1
        elif hour % 1:
            outside[Unused.OFF_INTERVAL][row["city"]] += 1
        else:
            cells.append((row["model_version"], CITIES.index(row["city"]), int(hour)))
            kept.append(np.nan if row["predicted"] is None else row["predicted"])
    versions = tuple(sorted({version for version, _, _ in cells})) if by_version else ()
    assert rows.versions == versions
    at = [((versions.index(v) if by_version else 0) * 3 + c) * GRID.count + hour for v, c, hour in cells]
    assert rows.cell.tolist() == at
    assert rows.alone == (len(set(at)) == len(at))
    np.testing.assert_array_equal(rows.values("predicted"), kept)
    for reason, counted in outside.items():
        assert dict(zip(CITIES, rows.outside[reason].tolist(), strict=True)) == {
            c: counted[c] for c in CITIES
        }
    if rows.alone:
        expected = np.full(rows.shape.cells, np.nan)
        expected[at] = kept
        np.testing.assert_array_equal(place_all(rows, "predicted").ravel(), expected)
        np.testing.assert_array_equal(place(rows, "predicted", np.ones(len(at), bool)).ravel(), expected)


def test_tables_that_share_their_keys_are_looked_at_once() -> None:
    table = table_of([("Agra", "v1", 0, 200, timedelta(0))], 1, labels=True)
    placer = Placer(GRID, CITIES)
    first, second = placer.rows(table), placer.rows(table.rename_columns([*table.column_names[:3], "actual"]))
    assert first.spans.length.tolist() == second.spans.length.tolist() == [200]
    assert len(placer._seams) == 1
