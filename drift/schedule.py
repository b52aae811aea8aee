"""When: which slots are due, and a process that wakes to evaluate them.

APScheduler only wakes the process. Which slots run is decided by comparing the cron's slots with the
ledger, so a missed wake, a sleep, a jump of the clock or a restart costs nothing but time: what is due
and not in the ledger is evaluated, oldest first, as far back as `catch_up`.

Several processes may watch over one state. Each takes a lease of the slot that it works on, and renews it
while it does; the others wait for that slot, and take it over when the lease runs out.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog

from drift.clock import Clock, wall_clock
from drift.config import ScheduleConfig
from drift.domain import Failure, iso
from drift.errors import ConfigError, DriftError
from drift.state_leases import process_name
from drift.telemetry.traces import span

if TYPE_CHECKING:
    from drift.monitor import Monitor

WAKE_SECONDS = 15
RETRY = timedelta(minutes=5)
"""Publishing a slot that could not be published is tried again after this time."""
LEASE = timedelta(seconds=60)
"""So long a slot waits when the process that was at work on it is gone. A third of it is between renewals."""
REMEMBERED = 500
"""Slots whose failures are remembered, for the pages."""
SETTLED = timedelta(minutes=10)
"""A process that starts may have slots to make up for; so long it does not call itself stale meanwhile."""
log = structlog.get_logger()


def slots_due(
    schedule: ScheduleConfig, first: datetime | None, known: Collection[datetime], now: datetime
) -> list[datetime]:
    """The cron's slots up to now that are not known, oldest first: none older than `catch_up`, none before
    the `first` slot there ever was.

    Without any slot yet (`first` None) only the last one is due: a new monitor starts with the present.
    Days on which the clock changes have each slot once.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    >>> [s.hour for s in slots_due(ScheduleConfig(cron="0 * * * *"), noon - timedelta(hours=2), (), noon)]
    [11, 12]
    """
    start = now - schedule.catch_up
    if first is not None:
        start = max(first - timedelta(microseconds=1), start)
    due = [slot for slot in _cron(schedule, start, now) if slot not in known]
    return due if first is not None else due[-1:]


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
    """Wakes the monitor. One slot at a time; a slot that fails is named in the log and tried again.

    `on_failure` is told of the stage that failed; `on_look` is called whenever the monitor looks at itself.
    `watch` makes a round of watchers, at the time that it is given.
    """

    def __init__(
        self,
        monitor: Monitor,
        clock: Clock = wall_clock,
        on_failure: Callable[[str], None] | None = None,
        on_look: Callable[[], object] | None = None,
        lease: timedelta = LEASE,
        watch: Callable[[datetime], object] | None = None,
    ) -> None:
        self.monitor = monitor
        self.clock = clock
        self.on_failure, self.on_look, self.watch = on_failure, on_look, watch
        self.lease = lease
        self.owner = process_name()
        self.failed_at: datetime | None = None
        self.failed: dict[datetime, tuple[Failure, ...]] = {}
        """What failed in the slots that this process evaluated, the latest so many of them."""
        self._started, self._caught_up = clock(), False
        self._told_of_gap = False
        self._attempts: dict[datetime, datetime] = {}
        self._busy = threading.Lock()
        self._stopping = threading.Event()

    def tick(self) -> int:
        """Evaluate every slot that is due and not in the ledger; gives their number."""
        if not self._busy.acquire(blocking=False):
            return 0
        try:
            return self._tick()
        finally:
            self._busy.release()

    def _tick(self) -> int:
        done, failed_at = 0, None
        for slot in (*self._unpublished(), *self._due()):
            if self._stopping.is_set():
                break
            state = self.monitor.state
            token = state.leases.claim(slot, self.owner, self.clock(), self.lease)
            if token is None:
                if state.slot(slot) is None:
                    return done  # another process is at work on it, and no later slot may overtake it
                continue
            if not self._evaluate(slot, token):
                failed_at = slot
                break  # as above: alerts move forward in time
            done += 1
        self.failed_at, self._caught_up = failed_at, True
        return done

    def _evaluate(self, slot: datetime, token: int) -> bool:
        """Whether the slot could be evaluated. All of it is one trace, the lines of the log included."""
        with span("scheduled slot", slot=slot) as evaluating:
            done = self._evaluated(slot, token)
            if not done:
                evaluating.fail("the slot could not be evaluated")
            return done

    def _evaluated(self, slot: datetime, token: int) -> bool:
        self._attempts[slot] = self.clock()
        try:
            with self._held(slot, token):
                run = self.monitor.run(slot, token)
        except DriftError as error:
            # the text names thing and remedy; a traceback would bury it
            log.error("slot failed", slot=iso(slot), error=str(error))  # noqa: TRY400
            if self.on_failure is not None:
                self.on_failure("run")
            return False
        for failure in run.failures:
            log.warning("failed", slot=iso(slot), **asdict(failure))
        kept = sorted({**self.failed, slot: run.failures}.items())
        self.failed = dict(kept[-REMEMBERED:])
        log.info("slot done", slot=iso(slot), failures=len(run.failures))
        return True

    @contextmanager
    def _held(self, slot: datetime, token: int) -> Iterator[None]:
        """Renew the slot's lease while it is worked on, and let go of it after."""
        leases, over = self.monitor.state.leases, threading.Event()

        def renew() -> None:
            while not over.wait(self.lease.total_seconds() / 3):
                try:
                    leases.renew(slot, token, self.clock() + self.lease)
                except DriftError as error:  # should the lease run out, the commit is refused
                    log.warning("a lease could not be renewed", slot=iso(slot), error=str(error))

        keeper = threading.Thread(target=renew, name="drift lease", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()
            with suppress(DriftError):  # it runs out by itself
                leases.release(slot, token, self.clock())

    def look(self) -> None:
        """Let the monitor see whether it is stale, and whether its messages arrive: apart from the slots, as
        one that never ends would hold this up too.
        """
        settled = self._caught_up or self.clock() - self._started >= SETTLED
        self.monitor.telling.look_at_itself(self.monitor.state.last_slot() if settled else None)
        if self.on_look is not None:
            self.on_look()

    def _due(self) -> list[datetime]:
        """The slots to evaluate. Those that were missed for longer than `catch_up` are named once."""
        schedule, now = self.monitor.config.schedule, self.clock()
        state = self.monitor.state
        oldest, last = now - schedule.catch_up, state.last_slot()
        if last is not None and last < oldest and not self._told_of_gap:
            log.warning("slots were missed for good", after=iso(last), before=iso(oldest))
        self._told_of_gap = last is not None and last < oldest
        known = {record.slot for record in state.slots(oldest, now + timedelta(microseconds=1))}
        return slots_due(schedule, state.first_slot(), known, now)

    def _unpublished(self) -> list[datetime]:
        """Slots that were committed and never published, as the process died or a sink was away; one that
        was tried within the last minutes rests.
        """
        now = self.clock()
        oldest = now - self.monitor.config.schedule.catch_up
        self._attempts = {slot: at for slot, at in self._attempts.items() if slot >= oldest}
        return [
            record.slot
            for record in self.monitor.state.slots(oldest, now)
            if record.published_at is None and now - self._attempts.get(record.slot, now - RETRY) >= RETRY
        ]

    def start(self) -> Callable[[], None]:
        """Wake every few seconds in a thread of APScheduler's; gives what stops it."""
        from apscheduler.schedulers.background import BackgroundScheduler

        # that a wake-up finds the last one still at work is no news
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._stopping.clear()
        scheduler = BackgroundScheduler(timezone="UTC")
        rounds = () if self.watch is None else (self._guarded_watch,)
        for job in (self._guarded_tick, self._guarded_look, *rounds):
            scheduler.add_job(
                job,
                "interval",
                seconds=WAKE_SECONDS,
                next_run_time=wall_clock(),  # APScheduler's own time; the ledger goes by ours
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
            )
        scheduler.start()

        def stop() -> None:
            self._stopping.set()
            scheduler.shutdown(wait=True)

        return stop

    def _guarded_tick(self) -> None:
        try:
            self.tick()
        except Exception:  # the wake-up thread must live on, and the fault be seen
            self.failed_at = self.clock()
            log.exception("the scheduler's wake-up failed")

    def _guarded_look(self) -> None:
        try:
            self.look()
        except DriftError as error:
            log.error("the monitor cannot look at itself", error=str(error))  # noqa: TRY400
        except Exception:
            log.exception("the monitor cannot look at itself")

    def _guarded_watch(self) -> None:
        try:
            if self.watch is not None:
                self.watch(self.clock())
        except DriftError as error:
            log.error("the platform cannot be watched", error=str(error))  # noqa: TRY400
        except Exception:
            log.exception("the platform cannot be watched")
