"""Time as a plain pandas script would have it: parts of hours, issues and horizons, and local clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from drift.calendar import calendar
from drift.config import AccuracyConfig, WindowsConfig, parse_config
from drift.domain import Grid, Unused
from drift.finer import Finer
from drift.pairing import align
from drift.reports.local import local_times
from drift.tables import Tables
from drift.timeline import Timeline
from drift.windows import windows_of

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
STAMP = pa.timestamp("us", "UTC")
HOURS, WHOLE = 8, 4
"""The first hours are whole, so that there is no doubt of how fine a city is."""


def at(hour: float) -> datetime:
    return START + hour * HOUR


def table(
    name: str, when: str, rows: list[tuple[float, float | None, float | None]], city: str = "Pune"
) -> pa.Table:
    """Rows of (hour, value, when it was issued or known: an hour, or None)."""
    value = {"predictions": "predicted", "actuals": "actual"}[name]
    columns = {
        "city": pa.array([city] * len(rows), pa.string()),
        "target_time": pa.array([at(row[0]) for row in rows], STAMP),
        value: pa.array([row[1] for row in rows], pa.float64()),
        when: pa.array([None if row[2] is None else at(row[2]) for row in rows], STAMP),
    }
    if name == "predictions":
        columns["model_version"] = pa.array(["v1"] * len(rows), pa.string())
    return pa.table(columns)


def known_parts(rows: list, until: dict[float, float], parts: int) -> dict[int, list[float]]:
    """The oracle: of each part the last row of the latest stamp that is not after what its hour allows."""
    frame = pd.DataFrame(rows, columns=["time", "value", "stamp"]).dropna(subset="value")
    frame["stamp"] = frame["stamp"].fillna(-1e9)
    frame["hour"] = np.floor(frame["time"]).astype(int)
    frame = frame[frame["stamp"] <= frame["hour"].map(until)].sort_values("stamp", kind="stable")
    last = frame.groupby("time").last()
    return {
        int(hour): group["value"].tolist()
        for hour, group in last.groupby(last["hour"])
        if len(group) == parts
    }


def whole_hours(parts: int) -> list[tuple]:
    return [(hour + p / parts, 1.0, -99) for hour in range(WHOLE) for p in range(parts)]


def drawn(parts: int):
    later = [hour + p / parts for hour in range(WHOLE, HOURS) for p in range(parts)]
    row = st.tuples(
        st.sampled_from(later),
        st.sampled_from([0.0, 1.0, 2.0, 5.0, None]),
        st.sampled_from([None, -24, -3, 1, 3, 5, 6.5, 9]),
    )
    return st.lists(row, max_size=60)


PARTS = st.sampled_from([2, 4, 12])


def aligned(p: pa.Table | None = None, a: pa.Table | None = None, **accuracy) -> Timeline:
    p = table("predictions", "issue_time", [(0, 1.0, -9)]) if p is None else p
    a = table("actuals", "available_time", [(0, 1.0, 0)]) if a is None else a
    rules = AccuracyConfig(season=HOUR, floor_window=HOUR, **accuracy)
    return align(Tables(p, a), Grid(START, HOUR, HOURS), ["Pune"], rules, finer=Finer())


@settings(max_examples=60)
@given(PARTS.flatmap(lambda k: st.tuples(st.just(k), drawn(k))), st.sampled_from([0, 1, 4]))
def test_an_hour_of_parts_is_what_was_issued_of_each_by_its_horizon(both, horizon) -> None:
    parts, more = both
    rows = [*whole_hours(parts), *more]
    t = aligned(table("predictions", "issue_time", rows), horizon=horizon * HOUR)
    expected = np.full(HOURS, np.nan)
    for hour, values in known_parts(rows, {h: h - horizon for h in range(HOURS)}, parts).items():
        expected[hour] = np.mean(values)
    np.testing.assert_allclose(t.judged.predicted[0, 0], expected, rtol=1e-12)


@settings(max_examples=60)
@given(PARTS.flatmap(lambda k: st.tuples(st.just(k), drawn(k))), st.sampled_from([5, 6, 7, 8]))
def test_an_hour_of_parts_is_what_was_known_of_each_at_the_slot(both, slot) -> None:
    parts, more = both
    rows = [*whole_hours(parts), *more]
    t = aligned(a=table("actuals", "available_time", rows))
    lengths = WindowsConfig(current=3 * HOUR, reference=2 * HOUR, revise_for=3 * HOUR)
    windows = windows_of(at(slot), lengths, AccuracyConfig(season=HOUR, floor_window=HOUR))
    expected = np.full(HOURS, np.nan)
    for hour, values in known_parts(rows, dict.fromkeys(range(HOURS), slot), parts).items():
        expected[hour] = np.mean(values)
    np.testing.assert_allclose(t.known(slice(0, HOURS), windows)[0], expected, rtol=1e-12)


@settings(max_examples=60)
@given(PARTS.flatmap(lambda k: st.tuples(st.just(k), drawn(k))), st.randoms())
def test_the_order_of_the_rows_changes_nothing(both, random) -> None:
    parts, more = both
    rows = [*whole_hours(parts), *{(row[0], row[2]): row for row in more}.values()]
    shuffled = rows.copy()
    random.shuffle(shuffled)
    one, other = (aligned(table("predictions", "issue_time", each)) for each in (rows, shuffled))
    np.testing.assert_array_equal(one.judged.predicted, other.judged.predicted)
    assert {r: c.tolist() for r, c in one.prediction_counts.items()} == {
        r: c.tolist() for r, c in other.prediction_counts.items()
    }


ISSUES = st.lists(
    st.tuples(
        st.integers(0, HOURS - 1),
        st.sampled_from([0.0, 1.0, 2.0, 5.0]),
        st.sampled_from([None, -40, -24, -3, 1, 2, 3, 5, 6.5, 9]),
    ),
    max_size=40,
)
BANDS = (0, 2, 6, 30)


@settings(max_examples=80)
@given(ISSUES, st.sampled_from([0, 1, 4]))
def test_of_many_issues_the_latest_by_the_horizon_is_judged_and_the_others_are_counted(rows, horizon) -> None:
    t = aligned(
        table("predictions", "issue_time", rows),
        horizon=horizon * HOUR,
        bands=tuple(edge * HOUR for edge in BANDS),
    )
    if not rows:
        assert t.model_versions == ()
        return
    frame = pd.DataFrame(rows, columns=["target", "value", "issue"])
    frame["ahead"] = frame["target"] - frame["issue"].fillna(-1e9)
    early = frame[frame["ahead"] >= horizon].sort_values("ahead", ascending=False, kind="stable")
    expected = early.groupby("target")["value"].last().reindex(range(HOURS))
    np.testing.assert_array_equal(t.judged.predicted[0, 0], expected)

    def count(reason: Unused) -> int:
        return int(t.prediction_counts[reason].sum()) if reason in t.prediction_counts else 0

    late = len(frame) - len(early)  # after the target time among them: nobody forecasts the past
    assert count(Unused.LATE) == late
    latest = early.groupby("target")["ahead"].transform("min")
    ties = int((early["ahead"] == latest).sum()) - early["target"].nunique()
    assert count(Unused.DUPLICATE) == ties
    assert count(Unused.SUPERSEDED) == len(early) - early["target"].nunique() - ties
    for label, low, high in zip(t.bands, BANDS, BANDS[1:], strict=False):
        inside = frame[(frame["ahead"] >= low) & (frame["ahead"] < high)]
        inside = inside.sort_values("ahead", ascending=False, kind="stable")
        np.testing.assert_array_equal(
            t.bands[label].predicted[0, 0],
            inside.groupby("target")["value"].last().reindex(range(HOURS)),
        )


ZONES = st.sampled_from(
    ["Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Berlin", "America/St_Johns", "UTC"]
)


@settings(max_examples=60)
@given(
    ZONES,
    st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - in UTC, below
    st.sampled_from([5, 15, 30, 60]),
    st.sampled_from([0, 30]),
)
def test_hours_and_days_are_those_of_the_clock_on_the_wall(zone, start, minutes, phase) -> None:
    step = timedelta(minutes=minutes)
    first = start.replace(minute=phase, second=0, microsecond=0, tzinfo=UTC)
    grid = Grid(first, step, 48 * HOUR // step)
    store = {"predictions": {"path": "p"}, "actuals": {"path": "a"}}
    hours = calendar(grid, ["Pune"], parse_config({"store": store, "timezone": zone}, base="."))
    wall = [(first + i * step).astimezone(ZoneInfo(zone)) for i in range(grid.count)]
    assert hours.hour[:, 0].tolist() == [clock.hour for clock in wall]
    assert hours.weekend[:, 0].tolist() == [clock.weekday() >= 5 for clock in wall]
    pages = local_times(grid, zone)
    assert pages.hour.tolist() == [clock.hour for clock in wall]
    dates = [clock.date() for clock in wall]
    starts = [i for i in range(grid.count) if i == 0 or dates[i] != dates[i - 1]]
    assert pages.day_starts.tolist() == starts
