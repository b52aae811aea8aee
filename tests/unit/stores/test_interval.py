from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from drift.stores.footers import Bounds
from drift.stores.interval import commonest_distance, latest_groups

START = datetime(2021, 3, 1, tzinfo=UTC)


def rows(*pairs: tuple[str, int]) -> pa.Table:
    times = pa.array([START + timedelta(minutes=m) for _, m in pairs], pa.timestamp("us", "UTC"))
    return pa.table({"city": pa.array([city for city, _ in pairs], pa.string()), "target_time": times})


@pytest.mark.parametrize("step", [5, 15, 30, 60])
def test_the_commonest_distance_wins_over_holes_duplicates_and_disorder(step: int) -> None:
    minutes = [i * step for i in range(20) if i not in (3, 4, 9)]
    pairs = [(city, m) for m in reversed(minutes) for city in ("a", "b", "a")]
    assert commonest_distance(rows(*pairs)) == timedelta(minutes=step)


def test_distances_are_within_a_city() -> None:
    assert commonest_distance(rows(("a", 0), ("b", 10), ("a", 60), ("b", 70))) == timedelta(hours=1)


def test_the_shortest_of_equally_common_ones() -> None:
    assert commonest_distance(rows(("a", 0), ("a", 60), ("a", 75))) == timedelta(minutes=15)


@pytest.mark.parametrize("pairs", [[], [("a", 0)], [("a", 0), ("a", 0), ("b", 60)]])
def test_one_time_a_city_has_no_distance(pairs: list[tuple[str, int]]) -> None:
    assert commonest_distance(rows(*pairs)) is None


def test_the_sample_is_the_latest_row_groups() -> None:
    def group(high: int | None) -> Bounds:
        return Bounds(1_500_000, None if high is None else (0, high), None, whole=True)

    assert latest_groups([[group(1), group(9)], [group(None)], [group(8)]]) == {0: [1], 2: [0]}
    assert latest_groups([[Bounds(0, None, None, whole=True)]]) == {}
