"""A slot finds the same before and after its store was compacted, whatever rows there are."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drift.config import Config, parse_config
from drift.findings import Findings
from drift.monitor import Monitor
from drift.stores.compact import compact_to, relocated
from drift.stores.in_place import compact_in_place
from drift.stores.rewriting import Way

START = datetime(2021, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAYS = 6
SLOT = START + DAYS * 24 * HOUR
CITIES = ("a", "b", "Köln")


class Odd(NamedTuple):
    """A row that no ingest should have written, after the good ones of its day."""

    day: int
    city: str | None
    version: str | None
    minutes: int | None
    issued: int | None
    predicted: float | None
    actual: float | None


values = st.none() | st.sampled_from([float("nan"), float("inf"), -0.0, -3.0, 50.0, 90.0])
odd_rows = st.lists(
    st.builds(
        Odd,
        st.integers(0, DAYS - 1),
        st.none() | st.sampled_from((*CITIES, "else")),
        st.none() | st.sampled_from(["v1", "v2"]),
        st.none()
        | st.integers(0, DAYS * 24 - 1).map(lambda h: 60 * h)
        | st.sampled_from([30, 45, -60, 9000]),
        st.none() | st.integers(-48, 48),
        values,
        values,
    ),
    max_size=25,
)


def _rows(day: int, odd: list[Odd]) -> dict[str, pa.Array]:
    """The day of every city and version, and what is odd."""
    good = [
        (city, version, START + (24 * day + hour) * HOUR, None, 100.0 + hour + 7 * k, 101.0 + hour)
        for hour in range(24)
        for k, (city, version) in enumerate((c, v) for v in ("v2", "v1") for c in CITIES)
    ]
    strange = [
        (
            row.city,
            row.version,
            None if row.minutes is None else START + timedelta(minutes=row.minutes),
            None if row.issued is None else START + row.issued * HOUR,
            row.predicted,
            row.actual,
        )
        for row in odd
        if row.day == day
    ]
    names = ("city", "model_version", "target_time", "issue_time", "predicted", "actual")
    time = pa.timestamp("us", "UTC")
    kinds = (pa.string(), pa.string(), time, time, pa.float32(), pa.float64())
    columns = zip(*(good + strange), strict=True)
    return {
        name: pa.array(list(column), kind) for name, kind, column in zip(names, kinds, columns, strict=True)
    }


def _write(folder: Path, odd: list[Odd], shared: bool, groups: int) -> Config:
    tables = (
        {"load": ("predicted", "actual")} if shared else {"forecast": ("predicted",), "meter": ("actual",)}
    )
    for day in range(DAYS):
        rows = _rows(day, odd)
        for table, measured in tables.items():
            (folder / table).mkdir(exist_ok=True)
            keys = [name for name in rows if name not in ("predicted", "actual")]
            part = pa.table({name: rows[name] for name in (*keys, *measured)})
            pq.write_table(part, folder / table / f"{day}.parquet", row_group_size=groups)
    first, last = next(iter(tables)), list(tables)[-1]
    store = {"interval": "1h", "predictions": {"path": first}, "actuals": {"path": last}}
    windows = {"current": "24h", "reference": "3d"}
    accuracy = {"floor_window": "2d", "season": "24h"}
    made = {"store": store, "windows": windows, "accuracy": accuracy, "mlflow": None, "reports": None}
    return parse_config(made, base=folder)


def _found(config: Config) -> Findings:
    return Monitor(config, sinks=()).find(SLOT)


def _alike(one: Findings, two: Findings) -> None:
    assert one.verdicts == two.verdicts
    assert one.windows == two.windows
    assert one.delays == two.delays
    assert sorted(map(repr, one.counts)) == sorted(map(repr, two.counts))
    assert sorted(map(repr, one.failures)) == sorted(map(repr, two.failures))
    assert len(one.panels) == len(two.panels) > 0
    for mine, other in zip(one.panels, two.panels, strict=True):
        assert mine.series == other.series
        for name in ("value", "reason", "n"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(other, name))


ways = st.builds(
    Way,
    st.sampled_from([timedelta(hours=5), timedelta(days=1), timedelta(days=40)]),
    st.sampled_from([timedelta(0), timedelta(days=1), timedelta(days=3)]),
    st.none(),
    st.integers(1, 4),
    st.sampled_from(["none", "zstd"]),
)


def _copied(config: Config, folder: Path, way: Way) -> Config:
    return relocated(config, compact_to(config, str(folder / "out"), way, lambda _: None))


def _exchanged(config: Config, _: Path, way: Way) -> Config:
    return relocated(config, compact_in_place(config, way, lambda _: None))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(odd_rows, st.booleans(), st.integers(20, 200), ways, st.sampled_from([_copied, _exchanged]))
def test_a_slot_finds_the_same(
    odd: list[Odd], shared: bool, groups: int, way: Way, compacted: Callable[[Config, Path, Way], Any]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        (folder := Path(name) / "base").mkdir()
        config = _write(folder, odd, shared, groups)
        before = _found(config)
        _alike(before, _found(compacted(config, folder, way)))
