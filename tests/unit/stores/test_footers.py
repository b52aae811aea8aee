from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drift.stores.casts import microseconds
from drift.stores.footers import Bounds, bounds_of
from drift.stores.reader import Footer

Write = Callable[..., Path]
START = datetime(2021, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def bounds(path: Path) -> tuple[Bounds, ...]:
    footer = Footer.of(pq.read_metadata(path))
    return bounds_of(footer.metadata, footer.chunks, "time", "city", ["city", "time"])


def some(kind: pa.DataType, cities: list[str | None], hours: list[int | None]) -> dict[str, Any]:
    times = [None if h is None else START + h * HOUR for h in hours]
    return {
        "city": pa.array(cities, pa.string()),
        "time": pa.array(times, pa.timestamp("us", "UTC")).cast(kind),
    }


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_times_are_in_microseconds_whatever_the_unit(write: Write, unit: str, zone: str) -> None:
    path = write("x.parquet", some(pa.timestamp(unit, zone), ["a", "b", "c"], [0, 2, 1]), row_group_size=2)
    first, second = bounds(path)
    assert first == Bounds(2, (microseconds(START), microseconds(START + 2 * HOUR)), (b"a", b"b"), whole=True)
    assert second.times == (microseconds(START + HOUR), microseconds(START + HOUR))
    assert (first.only_city, second.only_city) == (None, "c")


def test_parts_of_a_microsecond_widen_the_bounds(write: Write) -> None:
    times = pa.array([-1, 1001], pa.timestamp("ns", "UTC"))
    (found,) = bounds(write("x.parquet", {"city": ["a", "b"], "time": times}))
    assert found.times == (-1, 2)


def test_a_null_makes_a_bound_unusable(write: Write) -> None:
    kind = pa.timestamp("us", "UTC")
    (no_time,) = bounds(write("t.parquet", some(kind, ["a", "a"], [0, None])))
    (no_city,) = bounds(write("c.parquet", some(kind, ["a", None], [0, 0])))
    assert (no_time.times, no_time.only_city, no_time.whole) == (None, "a", False)
    assert (no_city.times is None, no_city.only_city, no_city.whole) == (False, None, False)


def test_without_statistics_or_with_another_type_nothing_is_proven(write: Write) -> None:
    kind = pa.timestamp("us", "UTC")
    (bare,) = bounds(write("x.parquet", some(kind, ["a"], [0]), write_statistics=False))
    assert bare == Bounds(1, None, None, whole=False)
    (numbers,) = bounds(write("n.parquet", {"city": [7], "time": [1]}))
    assert numbers == Bounds(1, None, None, whole=True)
    (old,) = bounds(write("o.parquet", some(kind, ["a"], [0]), use_deprecated_int96_timestamps=True))
    assert old.times is None


HELD = Bounds(1, (10, 20), (b"b", b"d"), whole=True)


@pytest.mark.parametrize(
    ("low", "high", "cities", "held"),
    [
        (0, 10, None, False),
        (0, 11, None, True),
        (20, 30, None, True),
        (21, 30, None, False),
        (0, 99, [b"a", b"e"], False),
        (0, 99, [b"a", b"c"], True),
        (0, 99, [b"d"], True),
        (0, 99, [], False),
        (21, 99, [b"c"], False),
    ],
)
def test_may_hold(low: int, high: int, cities: list[bytes] | None, held: bool) -> None:
    assert HELD.may_hold(low, high, cities) is held


def test_what_is_not_known_may_hold_anything() -> None:
    assert Bounds(1, None, None, whole=False).may_hold(0, 1, [b"a"])
