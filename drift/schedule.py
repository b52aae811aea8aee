"""When: which slots are due, and a process that wakes to evaluate them.

APScheduler only wakes the process. Which slots run is decided by comparing the cron's slots with the
ledger, so a missed wake, a sleep, a jump of the clock or a restart costs nothing but time: what is due
and not in the ledger is evaluated, oldest first, as far back as `catch_up`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog

from drift.clock import Clock, wall_clock
from drift.config import ScheduleConfig
from drift.errors import ConfigError, DriftError

if TYPE_CHECKING:
    from drift.domain import Run
    from drift.monitor import Monitor

WAKE_SECONDS = 15
log = structlog.get_logger()


def slots_due(schedule: ScheduleConfig, after: datetime | None, now: datetime) -> Iterator[datetime]:
    """The cron's slots in `(after, now]`, oldest first, none older than `catch_up`.

    Without any slot before (`after` None) only the last one is due: a new monitor starts with the
    present. Days on which the clock changes have each slot once.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    >>> [s.hour for s in slots_due(ScheduleConfig(cron="0 * * * *"), noon - timedelta(hours=2), noon)]
    [11, 12]
    """
    oldest = now - schedule.catch_up
    start = oldest if after is None else max(after, oldest)
    due = list(_cron(schedule, start, now))
    yield from due if after is not None else due[-1:]


def last_slot(schedule: ScheduleConfig, now: datetime) -> datetime:
    """The cron's latest slot at or before now.

    Raises:
        ConfigError: the cron has no slot in the year before.
    """
    for days in (2, 35, 366):
        due = list(_cron(schedule, now - timedelta(days=days), now))
        if due:
            return due[-1]
    raise ConfigError(f"schedule.cron: {schedule.cron!r} has no slot in the year before {now}")


def _cron(schedule: ScheduleConfig, after: datetime, until: datetime) -> Iterator[datetime]:
    from cronsim import CronSim, CronSimError

    zone = ZoneInfo(schedule.timezone)
    try:
        moments = CronSim(schedule.cron, after.astimezone(zone))
    except CronSimError as error:
        raise ConfigError(
            f"schedule.cron: {schedule.cron!r} is no cron line ({error}): five fields, such as '5 * * * *'"
        ) from None
    for moment in moments:
        if moment.timestamp() > until.timestamp():
            return
        yield moment.astimezone(until.tzinfo)


class Schedule:
    """Wakes the monitor. One slot at a time; a slot that fails is named in the log and tried again."""

    def __init__(
        self, monitor: Monitor, clock: Clock = wall_clock, on_run: Callable[[Run], None] | None = None
    ) -> None:
        self.monitor = monitor
        self.clock = clock
        self.on_run = on_run
        self.last_error: str | None = None
        self._busy = threading.Lock()

    def tick(self) -> int:
        """Evaluate every slot that is due and not in the ledger; gives their number."""
        if not self._busy.acquire(blocking=False):
            return 0
        try:
            return self._tick()
        finally:
            self._busy.release()

    def _tick(self) -> int:
        done = 0
        last = self.monitor.state.last_slot()
        for slot in slots_due(self.monitor.config.schedule, last, self.clock()):
            try:
                run = self.monitor.run(slot)
            except DriftError as error:
                self.last_error = str(error)
                # the text names thing and remedy; a traceback would bury it
                log.error("slot failed", slot=slot.isoformat(), error=str(error))  # noqa: TRY400
                break  # a later slot must not overtake it: alerts move forward in time
            self.last_error = None
            done += 1
            log.info("slot done", slot=slot.isoformat(), failures=len(run.failures))
            if self.on_run is not None:
                self.on_run(run)
        return done

    def start(self) -> Callable[[], None]:
        """Wake every few seconds in a thread of APScheduler's; gives what stops it."""
        from apscheduler.schedulers.background import BackgroundScheduler

        scheduler = BackgroundScheduler(timezone="UTC")
        scheduler.add_job(
            self._guarded_tick,
            "interval",
            seconds=WAKE_SECONDS,
            next_run_time=self.clock(),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
        scheduler.start()
        return lambda: scheduler.shutdown(wait=True)

    def _guarded_tick(self) -> None:
        try:
            self.tick()
        except Exception as error:  # the wake-up thread must live on, and the fault be seen
            self.last_error = f"{type(error).__name__}: {error}"
            log.exception("the scheduler's wake-up failed")
