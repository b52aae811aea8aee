"""Sliding windows in the events' own time, by the limits library on a storage of ours."""

from __future__ import annotations

from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import parse

from drift.watchers.event_windows import CountWindows, DistinctWindows, EventStorage, ExactWindows
from drift.watchers.usual import Recent

RATE = parse("3/minute")
TIMES = st.lists(st.floats(0, 600, allow_nan=False), max_size=80).map(sorted)


@given(TIMES)
def test_an_exact_window_counts_what_lies_in_it_start_not_included_and_end_included(times: list[float]):
    windows = ExactWindows(10)
    for n, at in enumerate(times):
        inside = n + 1 - bisect_right(times[: n + 1], at - 60)
        assert windows.hit(RATE, "alice", at) == (inside if inside > 3 else 0)
        assert windows.count(RATE, "alice", at) == inside


def test_a_window_is_half_open():
    windows = ExactWindows(10)
    assert [windows.hit(RATE, "a", at) for at in (0.0, 1.0, 2.0, 59.5)] == [0, 0, 0, 4]
    assert windows.count(RATE, "a", 60.0) == 3  # what happened at 0 is a minute ago, and out
    assert windows.count(RATE, "a", 119.25) == 1
    assert windows.count(RATE, "a", 119.5) == 0


@given(TIMES)
def test_a_counted_window_is_exact_but_for_the_span_that_it_is_leaving(times: list[float]):
    windows = CountWindows(10)
    for n, at in enumerate(times):
        count, seen = windows.hit(RATE, "alice", at), times[: n + 1]
        whole = sum(1 for t in seen if t // 6 > at // 6 - 10)
        leaving = sum(1 for t in seen if t // 6 == at // 6 - 10)
        assert whole <= count <= whole + leaving


def test_a_counted_window_takes_the_span_that_it_is_leaving_as_evenly_spread():
    windows = CountWindows(10)
    for at in (0.0, 1.0, 2.0, 3.0, 30.0):
        windows.hit(RATE, "a", at)
    assert windows.count(RATE, "a", 59.0) == 5
    assert windows.count(RATE, "a", 61.5) == pytest.approx(4 * 0.75 + 1)
    assert windows.hit(RATE, "a", 66.0) == pytest.approx(2)  # what was in the first six seconds is out
    assert windows.count(RATE, "a", 200.0) == 0


def test_a_flood_is_known_as_soon_whenever_it_begins():
    rate = parse("1500/5 minutes")
    for begin in range(0, 300, 20):
        windows = CountWindows(10)
        times = (begin + n / 6 for n in range(10_000))
        found = next(at for at in times if windows.hit(rate, "a", at) > 1500)
        assert 250 <= found - begin < 256  # six a second: the 1,501st comes after 250 s


@given(st.lists(st.tuples(st.floats(0, 300), st.sampled_from("abcdef")), max_size=60).map(sorted))
def test_distinct_values_are_counted_from_when_they_were_last_seen(hits: list[tuple[float, str]]):
    windows = DistinctWindows(60.0, most=10, width=100)
    for n, (at, value) in enumerate(hits):
        inside = {v for t, v in hits[: n + 1] if t > at - 60}
        assert windows.hit("x", value, at) == len(inside)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 30)), min_size=1, max_size=200))
def test_memory_is_bounded_whatever_comes_and_what_is_let_go_is_counted(hits: list[tuple[int, int]]):
    storage = EventStorage(most=20, entries=100)
    names = set()
    for at, (name, amount) in enumerate(hits):
        storage.now = float(at)
        storage.acquire_entry(str(name), 5, 1000, amount)
        names.add(name)
        assert len(storage) <= 20
        assert sum(storage.get(str(each)) for each in names) <= 100
    gone = sum(1 for each in names if storage.get(str(each)) == 0)
    assert storage.let_go >= gone


def test_the_name_that_was_seen_longest_ago_is_let_go_first():
    windows = ExactWindows(2)
    for name, at in (("a", 0.0), ("b", 1.0), ("a", 2.0), ("c", 3.0)):
        windows.hit(RATE, name, at)
    assert [windows.count(RATE, name, 4.0) for name in "abc"] == [2, 0, 1]
    assert windows.storage.let_go == 1


def test_one_name_alone_cannot_take_all_the_room():
    storage = EventStorage(most=20, entries=50)
    for at in range(200):
        storage.now = float(at)
        storage.acquire_entry("flood", 5, 1000)
    assert storage.get("flood") == 50


def test_fixed_windows_are_not_for_this_storage():
    with pytest.raises(NotImplementedError, match="sliding windows"):
        EventStorage(10).incr("a", 60)


def test_forgetting_everything():
    windows = ExactWindows(10)
    windows.hit(RATE, "a", 0.0)
    assert windows.storage.reset() == 1
    assert windows.count(RATE, "a", 0.0) == 0


@given(st.lists(st.tuples(st.floats(0, 500), st.integers(0, 50)), max_size=150).map(sorted))
def test_what_was_seen_within_the_span_is_remembered_if_there_is_room(seen: list[tuple[float, int]]):
    recent = Recent(span=100.0, most=1000)
    for at, name in seen:
        recent.add(str(name), at)
        assert all(str(other) in recent for then, other in seen if at - 100 < then < at)
    small = Recent(span=100.0, most=5)
    for at, name in seen:
        small.add(str(name), at)
        assert len(small) <= 10


def test_the_times_of_one_name_do_not_touch_anothers():
    windows = ExactWindows(10)
    for at in range(4):
        windows.hit(RATE, "a", float(at))
    assert windows.count(RATE, "b", 4.0) == 0
