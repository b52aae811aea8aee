"""Events come out in the order of their times, whatever order their lines came in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drift.watchers.event_order import Line, Ordering
from drift.watchers.events import Kind, Outcome, SecurityEvent


def line(at: float, text: str = "") -> Line:
    return Line(at, text, SecurityEvent(at, Kind.REQUEST, Outcome.SUCCESS))


def through(order: Ordering, lines: list[Line]) -> list[tuple[float, str]]:
    found: list[Line] = []
    for each in lines:
        order.push(each)
        found += order.ready()
    return [(each.at, each.text) for each in [*found, *order.rest()]]


@given(
    st.lists(st.tuples(st.integers(0, 200), st.text(max_size=2)), max_size=60).map(sorted),
    st.lists(st.floats(0, 15), min_size=60, max_size=60),
)
def test_lines_that_are_no_later_than_the_lateness_come_out_in_order(
    events: list[tuple[int, str]], delays: list[float]
):
    arrived = sorted(zip(events, delays, strict=False), key=lambda pair: pair[0][0] + pair[1])
    order = Ordering(lateness=15.0, held=1000)
    assert through(order, [line(at, text) for (at, text), _ in arrived]) == events
    assert order.late == 0


@given(st.lists(st.integers(0, 500), max_size=100))
def test_nothing_is_lost_but_what_is_counted_as_late(times: list[int]):
    order = Ordering(lateness=15.0, held=1000)
    out = through(order, [line(float(at)) for at in times])
    assert len(out) + order.late == len(times)
    assert out == sorted(out)


@given(st.lists(st.integers(0, 10), max_size=100))
def test_no_more_wait_than_may_and_who_is_hurried_is_counted(times: list[int]):
    order, out = Ordering(lateness=1000.0, held=10), 0
    for at in times:
        order.push(line(float(at)))
        out += len(list(order.ready()))
        assert len(order) <= 10
    assert order.hurried == out
    assert len(order) + out + order.late == len(times)


def test_a_source_that_has_more_to_read_holds_the_others_back():
    order = Ordering(lateness=5.0, held=100)
    for at in (0.0, 10.0, 20.0, 30.0):
        order.push(line(at))
    assert [each.at for each in order.ready(until=16.0)] == [0.0, 10.0]
    assert [each.at for each in order.ready()] == [20.0]
    assert [each.at for each in order.rest()] == [30.0]
