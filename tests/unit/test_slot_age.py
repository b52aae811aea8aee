"""How far apart slots are, worked out by hand for crons that people write."""

from __future__ import annotations

from datetime import timedelta

import pytest

from drift.config import ScheduleConfig
from drift.slot_age import SlotAges, slot_ages

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("cron", "zone", "gap"),
    [
        ("5 * * * *", "UTC", HOUR),
        ("*/15 * * * *", "UTC", 15 * MINUTE),
        ("* * * * *", "UTC", MINUTE),
        ("0 6-18 * * *", "UTC", 12 * HOUR),  # from the evening's last to the morning's first
        ("0 6 * * *", "Asia/Kolkata", 24 * HOUR),
        ("0 6 * * *", "Europe/Berlin", 25 * HOUR),  # in October a day has 25 hours
        ("0 6 * * 1-5", "UTC", 72 * HOUR),
        ("* * * * 1-5", "UTC", 48 * HOUR + MINUTE),  # the weekend is among the slots that are looked at
        ("0 0 29 2 *", "UTC", 1461 * 24 * HOUR),  # leap days
    ],
)
def test_the_longest_time_between_two_slots(cron, zone, gap):
    assert slot_ages(ScheduleConfig(cron=cron, timezone=zone)).gap == gap


@pytest.mark.parametrize(
    ("gap", "settle", "stale", "hold"),
    [
        (MINUTE, timedelta(seconds=5), 2 * MINUTE, 5 * MINUTE),
        (15 * MINUTE, timedelta(seconds=75), 30 * MINUTE, 30 * MINUTE),
        (HOUR, 5 * MINUTE, 2 * HOUR, 2 * HOUR),
        (24 * HOUR, 5 * MINUTE, 48 * HOUR, 3 * HOUR),
    ],
)
def test_what_follows_from_the_gap(gap, settle, stale, hold):
    ages = SlotAges(gap)
    assert (ages.settle, ages.stale_after, ages.hold) == (settle, stale, hold)
    assert ages.late_after == gap + settle
