from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from drift.stores.footers import Bounds
from drift.stores.interval import commonest_distance, commonest_phase, latest_groups

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


def every(city: str, step: int, times: int = 48, start: int = 0) -> list[tuple[str, int]]:
    return [(city, start + i * step) for i in range(times)]


def test_each_city_has_one_vote_however_many_rows_it_has() -> None:
    assert commonest_distance(rows(*every("a", 60), *every("b", 60), *every("c", 5, 900))) == timedelta(
        hours=1
    )


@pytest.mark.parametrize(
    ("coarse", "found"),
    [
        (every("c", 60), 60),  # evenly hourly: the finer ones are averaged
        (every("c", 60, 24), 15),  # too few to be believed
        (every("c", 180), 15),  # longer than an hour: a city with holes moves no fleet
        (every("c", 20), 15),  # no whole number of quarters
    ],
)
def test_the_longest_even_interval_up_to_an_hour_is_the_grid_s(
    coarse: list[tuple[str, int]], found: int
) -> None:
    fine = [*every("a", 15, 96), *every("b", 15, 96)]
    assert commonest_distance(rows(*fine, *coarse)) == timedelta(minutes=found)
    assert commonest_distance(rows(*fine), rows(*coarse)) == timedelta(minutes=found)


def test_an_empty_table_leaves_it_to_the_others() -> None:
    assert commonest_distance(rows(), rows(*every("a", 30))) == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("times", "phase"),
    [
        (every("a", 60, start=30), 30),
        ([*every("a", 60, 9), *every("b", 60, 3, start=30)], 0),
        ([*every("a", 60, 3, start=30), *every("b", 15, 96)], 30),  # quarters meet any hour
        (every("b", 15, 95, start=45), 0),
        (every("b", 15, 95, start=50), 5),
        ([("a", 45), ("b", 45)], 45),
        ([], 0),
    ],
)
def test_the_phase_is_that_of_the_rows_that_cannot_be_averaged(
    times: list[tuple[str, int]], phase: int
) -> None:
    assert commonest_phase(rows(*times), timedelta(hours=1)) == timedelta(minutes=phase)
