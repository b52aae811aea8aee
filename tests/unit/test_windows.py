from datetime import UTC, datetime, timedelta

import pytest

from drift.config import AccuracyConfig, ReferenceSpan, WindowsConfig
from drift.domain import Grid, Window
from drift.errors import WindowError
from drift.windows import Cadence, slots_between, windows_of

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SLOT = datetime(2020, 4, 10, tzinfo=UTC)


def test_windows_stand_one_before_the_other_and_history_holds_them_all():
    w = windows_of(SLOT, WindowsConfig(gap=DAY, lag=2 * HOUR), AccuracyConfig())
    assert w.current == Window(SLOT - 26 * HOUR, SLOT - 2 * HOUR)
    assert w.reference == Window(w.current.start - 91 * DAY, w.current.start - DAY)
    assert w.history == Window(w.reference.start - 168 * HOUR, w.current.end)


def test_a_slot_within_an_interval_judges_complete_intervals_only():
    w = windows_of(SLOT + timedelta(minutes=5), WindowsConfig(), AccuracyConfig())
    assert w.current.end == SLOT  # 00:00–01:00 has only begun at 00:05


def test_target_times_at_half_past_keep_windows_at_half_past():
    kolkata = Cadence(HOUR, datetime(2020, 1, 1, 0, 30, tzinfo=UTC))
    w = windows_of(SLOT + timedelta(minutes=45), WindowsConfig(), AccuracyConfig(), kolkata)
    assert w.current.end == SLOT + timedelta(minutes=30)
    assert w.current.length == DAY


def test_the_floors_window_can_reach_further_back_than_the_reference():
    w = windows_of(SLOT, WindowsConfig(reference=DAY), AccuracyConfig(season=HOUR))
    assert w.history.start == SLOT - 28 * DAY


def test_a_fixed_reference_stays_where_it_is():
    span = ReferenceSpan(start=SLOT - 300 * DAY, end=SLOT - 200 * DAY)
    w = windows_of(SLOT, WindowsConfig(reference=span), AccuracyConfig())
    assert w.reference == Window(span.start, span.end)
    assert w.history.start == span.start - 168 * HOUR


def test_a_fixed_reference_that_overlaps_the_current_window_is_refused_with_the_remedy():
    span = ReferenceSpan(start=SLOT - 30 * DAY, end=SLOT)
    with pytest.raises(WindowError, match=r"ends after 2020-04-09T00:00:00Z.*earlier windows.reference.end"):
        windows_of(SLOT, WindowsConfig(reference=span), AccuracyConfig())


def test_a_slot_without_a_zone_is_refused():
    with pytest.raises(WindowError, match="has no time zone: write it with one"):
        windows_of(SLOT.replace(tzinfo=None), WindowsConfig(), AccuracyConfig())


def test_a_window_that_is_no_multiple_of_the_interval_is_refused_by_its_key():
    with pytest.raises(
        WindowError, match=r"windows.current: 90m is no multiple of the data's interval of 1h"
    ):
        windows_of(SLOT, WindowsConfig(current=timedelta(minutes=90)), AccuracyConfig())


def test_slots_between_includes_both_ends():
    slots = slots_between(SLOT, SLOT + 3 * HOUR, HOUR)
    assert slots == [SLOT, SLOT + HOUR, SLOT + 2 * HOUR, SLOT + 3 * HOUR]


@pytest.mark.parametrize(
    ("last", "every", "text"),
    [(SLOT + DAY, timedelta(0), "positive distance"), (SLOT - DAY, HOUR, "is before the first")],
)
def test_slots_that_make_no_sequence_are_refused(last, every, text):
    with pytest.raises(WindowError, match=text):
        slots_between(SLOT, last, every)


def test_a_grid_cuts_a_window_to_the_cells_whose_start_lies_in_it():
    grid = Grid(SLOT, HOUR, 48)
    assert grid.cut(Window(SLOT + HOUR, SLOT + 3 * HOUR)) == slice(1, 3)
    assert grid.cut(Window(SLOT + timedelta(minutes=30), SLOT + 2 * HOUR)) == slice(1, 2)
    assert grid.cut(Window(SLOT - DAY, SLOT + DAY)) == slice(0, 24)  # no further than the grid
    assert grid.cut(Window(SLOT - 2 * DAY, SLOT - DAY)) == slice(0, 0)


def test_a_grids_times_are_utc():
    assert str(Grid(SLOT, HOUR, 3).times()[2]) == "2020-04-10T02:00:00"
