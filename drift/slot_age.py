"""PURE. How old a slot may be: limits on age follow from the schedule's cron."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from drift.config import ScheduleConfig

MOST_SLOTS = 12_000
"""So many slots are looked at: a year of an hourly cron, eight days of one that comes every minute."""
_START = datetime(2024, 1, 1)  # noqa: DTZ001 - the cron's own zone is added; the year has every day there is


@dataclass(frozen=True, slots=True)
class SlotAges:
    """How far apart slots are at most, and the lengths of time that follow."""

    gap: timedelta

    @property
    def settle(self) -> timedelta:
        """Until a slot's values are seen: its run, the scrape. A twelfth of the gap, at most 5 minutes."""
        return min(self.gap / 12, timedelta(minutes=5))

    @property
    def late_after(self) -> timedelta:
        """The age of the last good slot at which the next one should have been seen."""
        return self.gap + self.settle

    @property
    def stale_after(self) -> timedelta:
        """The age of the last good slot at which two slots were missed."""
        return 2 * self.gap

    @property
    def hold(self) -> timedelta:
        """So long the last value stands for one that is missing. Two gaps; from 5 minutes, which Prometheus
        itself looks back, to 3 hours, as every sample of that time is read whenever a rule is evaluated.
        """
        return min(max(2 * self.gap, timedelta(minutes=5)), timedelta(hours=3))


def slot_ages(schedule: ScheduleConfig) -> SlotAges:
    """The longest time between two slots of the cron in a year, a change of the clock included.

    >>> slot_ages(ScheduleConfig(cron="5 * * * *")).gap, slot_ages(ScheduleConfig(cron="0 6 * * 1-5")).gap
    (datetime.timedelta(seconds=3600), datetime.timedelta(days=3))
    """
    from cronsim import CronSim

    moments: list[float] = []
    for moment in CronSim(schedule.cron, _START.replace(tzinfo=ZoneInfo(schedule.timezone))):
        moments.append(moment.timestamp())  # seconds: local times of one zone differ by what clocks show
        if len(moments) == MOST_SLOTS or (len(moments) > 1 and moment.year > _START.year):
            break
    return SlotAges(timedelta(seconds=max(b - a for a, b in pairwise(moments))))
