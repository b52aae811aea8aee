"""The hour that the clock shows twice: in Berlin 02:00 to 03:00 on 31 October 2021, 00:00Z and then 01:00Z."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift.config import PredictionsConfig, TableConfig
from drift.domain import Unused
from drift.stores.mapping import Mapped, TableMap, Wanted, layouts, map_rows
from drift.tables import Skipped

MIDNIGHT = datetime(2021, 10, 30, 22, tzinfo=UTC)  # of Berlin
HOUR = timedelta(hours=1)


def local(*moments: datetime, zone: str = "Europe/Berlin") -> list[datetime]:
    """As a clock on the wall shows them."""
    return [moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in moments]


def mapped(columns: dict[str, list], zone: str = "Europe/Berlin", *, ordered: bool = True) -> Mapped:
    table = "predictions" if "predicted" in columns else "actuals"
    config = (PredictionsConfig if table == "predictions" else TableConfig)(path="x", timezone=zone)
    spec = TableMap.of(table, config)
    raw = pa.table(columns)
    (layout,) = layouts(spec, [("f.parquet", raw.schema)])
    return map_rows(spec, layout, "f.parquet", raw, Wanted(), ordered=ordered)


def actuals(times: list[datetime], cities: list[str] | None = None, **more: list) -> dict[str, list]:
    return {
        "city": cities or ["Kiel"] * len(times),
        "target_time": times,
        "actual": [float(i) for i in range(len(times))],
        **more,
    }


@pytest.mark.parametrize("minutes", [15, 30, 60])
def test_a_local_day_of_25_hours_is_read_whole(minutes: int) -> None:
    moments = [MIDNIGHT + i * timedelta(minutes=minutes) for i in range(25 * 60 // minutes)]
    found = mapped(actuals(local(*moments)))
    assert found.rows["target_time"].to_pylist() == moments
    assert found.skipped == []


def test_the_day_of_23_hours_has_no_doubt_in_it() -> None:
    start = datetime(2021, 3, 27, 23, tzinfo=UTC)
    moments = [start + i * HOUR for i in range(23)]
    found = mapped(actuals(local(*moments)))
    assert found.rows["target_time"].to_pylist() == moments


def test_a_time_that_never_was_is_left_out_and_counted() -> None:
    times = [datetime(2021, 3, 28, h, 30) for h in (1, 2, 3)]  # noqa: DTZ001 - a clock shows no zone
    found = mapped(actuals(times))
    assert [t.hour for t in found.rows["target_time"].to_pylist()] == [0, 1]
    assert found.skipped == [Skipped("actuals", "Kiel", Unused.NAIVE_TIMESTAMP, 1)]


def test_half_an_hour_of_lord_howe_comes_twice() -> None:
    start = datetime(2021, 4, 3, 13, tzinfo=UTC)  # midnight; 01:30 to 02:00 comes twice
    moments = [start + i * HOUR / 2 for i in range(49)]
    found = mapped(actuals(local(*moments, zone="Australia/Lord_Howe")), "Australia/Lord_Howe")
    assert found.rows["target_time"].to_pylist() == moments


NIGHT = [MIDNIGHT + i * HOUR for i in range(6)]  # the third and the fourth are both 02:00


@pytest.mark.parametrize(
    ("what", "kept"),
    [
        ("one of them is missing", [0, 1, 2, 4, 5]),
        ("three of them", [0, 1, 2, 3, 3, 4, 5]),
        ("the table falls", [5, 4, 3, 2, 1, 0]),
        ("nothing is around them", [2, 3]),
    ],
)
def test_without_two_rows_in_a_rising_table_nobody_can_tell(what: str, kept: list[int]) -> None:
    found = mapped(actuals(local(*(NIGHT[i] for i in kept))))
    in_doubt = sum(i in (2, 3) for i in kept)
    assert found.rows.num_rows == len(kept) - in_doubt, what
    assert found.skipped == [Skipped("actuals", "Kiel", Unused.NAIVE_TIMESTAMP, in_doubt)]


def test_rows_of_a_query_have_no_order() -> None:
    assert mapped(actuals(local(*NIGHT)), ordered=False).skipped[0].rows == 2


def test_revisions_repeat_rows_and_tell_nothing() -> None:
    known = local(*(moment + 9 * HOUR for moment in NIGHT))
    assert mapped(actuals(local(*NIGHT), available_time=known)).skipped[0].rows == 2


def test_each_city_is_told_by_its_own_rows() -> None:
    both = [(city, moment) for moment in NIGHT for city in ("Kiel", "Ulm")]
    del both[5]  # Ulm's first 02:00
    found = mapped(actuals(local(*(moment for _, moment in both)), [city for city, _ in both]))
    assert found.skipped == [Skipped("actuals", "Ulm", Unused.NAIVE_TIMESTAMP, 1)]
    assert found.rows.num_rows == 10


def test_issues_of_one_hour_are_series_of_their_own() -> None:
    day = [datetime(2021, 10, 30, h, tzinfo=UTC) for h in (6, 12)]
    rows = [(issue, moment) for issue in day for moment in NIGHT]
    columns = {
        "city": ["Kiel"] * 12,
        "model_version": ["v1"] * 12,
        "target_time": local(*(moment for _, moment in rows)),
        "issue_time": local(*(issue for issue, _ in rows)),
        "predicted": [1.0] * 12,
    }
    found = mapped(columns)
    assert found.rows["target_time"].to_pylist() == [moment for _, moment in rows]


def test_a_table_sorted_by_the_local_clock_keeps_the_order_of_each_pair() -> None:
    moments = [MIDNIGHT + i * HOUR / 4 for i in range(24)]
    order = sorted(range(24), key=lambda i: local(moments[i])[0])  # stable
    found = mapped(actuals(local(*(moments[i] for i in order))))
    assert found.rows["target_time"].to_pylist() == [moments[i] for i in order]


ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca"]


CHANGES = [datetime(2021, 10, 20), datetime(2021, 3, 5), datetime(2022, 4, 1), datetime(2026, 10, 22)]  # noqa: DTZ001


@settings(max_examples=60)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(CHANGES),
    st.sampled_from([15, 30, 60]),
    st.sets(st.integers(0, 24 * 40), max_size=40),
)
def test_no_row_is_ever_put_where_it_was_not(zone, start, minutes, holes) -> None:
    """Weeks of local time with holes: what is placed is placed right, and what is not is counted."""
    first = start.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    moments = [first + i * timedelta(minutes=minutes) for i in range(24 * 40) if i not in holes]
    found = mapped(actuals(local(*moments, zone=zone)), zone)
    kept = [moments[int(i)] for i in found.rows["actual"].to_pylist()]
    assert found.rows["target_time"].to_pylist() == kept
    left_out = sum(each.rows for each in found.skipped)
    assert found.rows.num_rows + left_out == len(moments)
    assert left_out <= np.ceil(2 * len(holes)) + 2 * 60 // minutes  # pairs with a hole, or at the ends


def test_an_issue_that_came_twice_leaves_its_row_out() -> None:
    columns = {
        "city": ["Kiel"] * 2,
        "model_version": ["v1"] * 2,
        "target_time": local(*(moment + 24 * HOUR for moment in NIGHT[:2])),
        "issue_time": local(NIGHT[1], NIGHT[2]),
        "predicted": [1.0] * 2,
    }
    found = mapped(columns)
    assert found.rows["issue_time"].to_pylist() == [NIGHT[1]]
    assert found.skipped == [Skipped("predictions", "Kiel", Unused.NAIVE_TIMESTAMP, 1)]
