"""When: slots from cron over clock changes, and a scheduler driven by a clock of the test's."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from drift import Monitor, load_config
from drift.config import ScheduleConfig
from drift.errors import ConfigError, SinkError
from drift.schedule import Schedule, last_slot, slots_due

HOUR = timedelta(hours=1)
NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)


def due(cron, first, now, zone="UTC", catch_up=24, known=()) -> list[datetime]:
    schedule = ScheduleConfig(cron=cron, timezone=zone, catch_up=catch_up * HOUR)
    return slots_due(schedule, first, known, now)


def test_slots_that_are_not_known_are_due_oldest_first():
    past = timedelta(minutes=5)
    known = {NOON - HOUR + past}
    assert due("5 * * * *", NOON - 2 * HOUR, NOON + past, known=known) == [
        NOON - 2 * HOUR + past,
        NOON + past,
    ]


def test_a_slot_that_ran_is_not_due_again():
    ran = NOON + timedelta(minutes=5)
    assert due("5 * * * *", ran, ran + timedelta(minutes=59), known={ran}) == []


def test_a_new_monitor_starts_with_the_last_slot():
    assert due("0 * * * *", None, NOON + timedelta(minutes=30)) == [NOON]


def test_nothing_older_than_catch_up_is_made_up_for():
    assert due("0 * * * *", NOON - timedelta(days=30), NOON, catch_up=3) == [
        NOON - 2 * HOUR,
        NOON - HOUR,
        NOON,
    ]


def test_a_clock_set_back_makes_nothing_due():
    assert due("0 * * * *", NOON + 5 * HOUR, NOON) == []


@pytest.mark.parametrize(
    ("cron", "zone", "day", "hours", "slots"),
    [
        ("5 * * * *", "Europe/Berlin", "2026, 10, 25", 25, 25),  # the day with an hour twice
        ("5 * * * *", "Europe/Berlin", "2026, 3, 29", 23, 23),  # the day without one
        ("*/15 * * * *", "America/New_York", "2026, 11, 1", 25, 100),
        ("30 2 * * *", "Europe/Berlin", "2026, 10, 25", 25, 1),  # 02:30 comes twice, the slot once
        ("30 2 * * *", "Europe/Berlin", "2026, 3, 29", 23, 1),  # 02:30 does not come, the slot does
        ("0 * * * *", "Asia/Kolkata", "2026, 3, 29", 24, 24),
    ],
)
def test_days_on_which_the_clock_changes_have_each_slot_once(cron, zone, day, hours, slots):
    start = datetime(*map(int, day.split(", ")), tzinfo=ZoneInfo(zone)).astimezone(UTC)
    found = due(
        cron, start - timedelta(seconds=1), start + hours * HOUR - timedelta(seconds=1), zone, catch_up=48
    )
    assert len(found) == len(set(found)) == slots


def test_monday_is_monday():
    (slot,) = due(
        "0 6 * * 1", datetime(2026, 11, 18, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC), catch_up=240
    )
    assert slot.strftime("%A") == "Monday"


def test_the_last_slot_is_found_far_back():
    assert last_slot(ScheduleConfig(cron="0 0 1 1 *"), NOON) == datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(ConfigError, match="has no slot in the year before"):
        last_slot(ScheduleConfig(cron="0 0 29 2 *"), NOON)


def test_a_cron_line_that_is_none_says_what_one_is():
    with pytest.raises(ValueError, match=r"'hourly' is no cron line.*'5 \* \* \* \*'"):
        ScheduleConfig(cron="hourly")


class Hands:
    """A clock whose hands the test moves."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def schedule(made):
    made.edit("alerts:", "reports: null\nhistory: null\nschedule: {cron: '5 * * * *', catch_up: 6h}\nalerts:")
    clock = Hands(NOON + timedelta(minutes=6))
    return Schedule(Monitor(load_config(made.config), clock=clock, sinks=()), clock)


def slots(schedule) -> list[str]:
    return [
        f"{r.slot:%d %H:%M}"
        for r in schedule.monitor.state.slots(NOON - timedelta(days=9), NOON + timedelta(days=9))
    ]


def test_a_tick_runs_what_is_due_and_the_next_one_nothing(schedule):
    assert schedule.tick() == 1
    assert schedule.tick() == 0
    schedule.clock.now += 3 * HOUR
    assert schedule.tick() == 3
    assert slots(schedule) == ["01 12:05", "01 13:05", "01 14:05", "01 15:05"]


def test_after_a_long_sleep_only_catch_up_is_made_up_for(schedule):
    schedule.tick()
    schedule.clock.now += timedelta(days=2)
    assert schedule.tick() == 6


def test_a_slot_that_fails_stops_later_ones_and_is_tried_again(schedule, made):
    schedule.tick()
    schedule.clock.now += 2 * HOUR
    predictions = made.folder / "data" / "predictions.parquet"
    away = predictions.rename(predictions.with_suffix(".away"))
    assert schedule.tick() == 0
    assert schedule.failed_at == NOON + timedelta(hours=1, minutes=5)
    assert slots(schedule) == ["01 12:05"]
    away.rename(predictions)
    assert schedule.tick() == 2
    assert schedule.failed_at is None


def test_two_ticks_at_once_do_not_overlap(schedule):
    entered, leave = threading.Event(), threading.Event()
    run = schedule.monitor.run

    def slow(slot, token):
        entered.set()
        assert leave.wait(10)
        return run(slot, token)

    schedule.monitor.run = slow
    first = threading.Thread(target=schedule.tick)
    first.start()
    assert entered.wait(10)
    assert schedule.tick() == 0  # the other one is at it
    leave.set()
    first.join(20)
    assert slots(schedule) == ["01 12:05"]


def test_apscheduler_wakes_the_schedule_and_stops_when_told(schedule):
    """The clock that is handed in may be years away: APScheduler wakes by its own."""
    done = threading.Event()
    tick = schedule.tick
    schedule.tick = lambda: (tick(), done.set())
    stop = schedule.start()
    assert done.wait(20)
    stop()
    assert slots(schedule) == ["01 12:05"]
    assert not [t for t in threading.enumerate() if "APScheduler" in t.name]


def test_a_slot_run_by_hand_ahead_of_time_does_not_stop_the_schedule(schedule):
    schedule.tick()
    schedule.monitor.run(NOON + timedelta(days=3))
    schedule.clock.now += HOUR
    assert schedule.tick() == 1


class Flaky:
    name = "flaky"

    def __init__(self) -> None:
        self.away = True
        self.slots = []

    def publish(self, run):
        if self.away:
            raise SinkError("flaky: nobody there")
        self.slots.append(run.slot)
        return {}


def test_a_slot_that_could_not_be_published_is_published_later(schedule):
    sink = Flaky()
    schedule.monitor._sinks = [sink]
    schedule.tick()
    sink.away = False
    assert schedule.tick() == 0  # not at once again …
    schedule.clock.now += timedelta(minutes=6)
    assert schedule.tick() == 1  # … but after a while
    assert sink.slots == [NOON + timedelta(minutes=5)]
    schedule.clock.now += timedelta(minutes=6)
    assert schedule.tick() == 0


def test_a_slot_that_another_process_works_on_is_left_to_it_and_later_ones_wait(schedule):
    schedule.tick()
    schedule.clock.now += 2 * HOUR
    leases, next_slot = schedule.monitor.state.leases, NOON + timedelta(hours=1, minutes=5)
    leases.claim(next_slot, "another", schedule.clock.now, timedelta(seconds=60))
    assert schedule.tick() == 0
    assert slots(schedule) == ["01 12:05"]
    schedule.clock.now += timedelta(seconds=60)  # the other one is gone, and its lease ran out
    assert schedule.tick() == 2


def test_a_slot_that_another_process_publishes_is_left_to_it_and_holds_up_nothing(schedule):
    sink = Flaky()
    schedule.monitor._sinks = [sink]
    schedule.tick()
    sink.away = False
    schedule.clock.now += HOUR
    leases, published = schedule.monitor.state.leases, NOON + timedelta(minutes=5)
    leases.claim(published, "another", schedule.clock.now, timedelta(seconds=60))
    assert schedule.tick() == 1
    assert sink.slots == [NOON + timedelta(hours=1, minutes=5)]


def test_a_lease_is_renewed_while_a_slot_is_worked_on_and_let_go_after(schedule):
    """The work lasts three leases; another process never gets hold of the slot."""
    schedule.lease = timedelta(milliseconds=300)
    schedule.clock.now = None
    began, start = time.monotonic(), NOON + timedelta(minutes=6)
    clock = lambda: start + timedelta(seconds=time.monotonic() - began)  # noqa: E731 - a clock that runs
    schedule.clock = schedule.monitor.clock = clock
    find, claims = schedule.monitor.find, []

    def slow(*words, **more):
        for _ in range(9):
            time.sleep(0.1)
            leases = schedule.monitor.state.leases
            claims.append(leases.claim(NOON + timedelta(minutes=5), "another", clock(), HOUR))
        return find(*words, **more)

    schedule.monitor.find = slow
    assert schedule.tick() == 1
    assert claims == [None] * 9
    assert slots(schedule) == ["01 12:05"]


def test_a_process_that_slept_through_its_lease_commits_nothing_and_tries_again(schedule):
    find = schedule.monitor.find

    def slept(*words, **more):
        schedule.clock.now += HOUR - timedelta(minutes=7)  # suspended; nothing renewed the lease
        schedule.monitor.find = find
        return find(*words, **more)

    schedule.monitor.find = slept
    assert schedule.tick() == 0
    assert schedule.failed_at == NOON + timedelta(minutes=5)
    assert slots(schedule) == []
    assert schedule.tick() == 1
    assert schedule.failed_at is None
