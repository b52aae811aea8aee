"""Delivery: what waits in the outbox is sent, and tried again until its channel took it.

    due ─▶ claim ─▶ message ─▶ send ─▶ sent
                                 ├──▶ again later: full jitter, or when the receiver asked to be asked
                                 └──▶ dead letter: sending it again cannot help, or its time is over

Evaluation never waits for a channel, nor one channel for another: each has a thread of its own, and every
note of it is a short transaction. When to try again stands in the outbox, so a restart neither forgets nor
hurries it. A process that dies between a send and its note leaves a notice that is sent twice, with the same
key; none is marked sent that was not.
"""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from drift.clock import Clock
from drift.domain import Failure
from drift.errors import ChannelError, DriftError
from drift.state_leases import process_name
from drift.state_outbox import Outbox, Waiting
from drift.telemetry.traces import in_context, span
from drift.text import printable

if TYPE_CHECKING:
    from drift.channels.base import Channel
    from drift.messages import Message
    from drift.notices import Notice

FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(hours=1)
GIVE_UP = timedelta(hours=24)
GRACE = timedelta(seconds=15)
"""A claim outlasts its send by so much: clocks differ, and a process may be slow."""
KEPT = timedelta(days=30)
"""What was sent or given up on stays in the outbox, for people to look at."""
WAKE_SECONDS = 5.0
ERROR_LENGTH = 500

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Way:
    """A channel to deliver by: how it is opened, how long one send may take, and what else it is there for,
    which is asked for whenever the channel is looked after.
    """

    open: Callable[[], Channel]
    timeout: timedelta = timedelta(seconds=10)
    stand: Callable[[Channel], None] | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of the notices that were due: how many were sent, put off and given up, and what failed."""

    sent: int = 0
    retried: int = 0
    dead: int = 0
    failures: tuple[Failure, ...] = ()

    def __add__(self, other: Delivered) -> Delivered:
        return Delivered(
            self.sent + other.sent,
            self.retried + other.retried,
            self.dead + other.dead,
            (*self.failures, *other.failures),
        )


NOTHING = Delivered()


def wait_before(attempt: int, rng: random.Random) -> timedelta:
    """How long to wait after so many sends failed: anything from nothing to twice as long as after one less.

    Full jitter: `uniform(0, min(1 h, 10 s × 2^(attempt − 1)))`. Senders that failed together do not come back
    together. [Brooker, "Exponential Backoff And Jitter", 2015]

    >>> class Late(random.Random):
    ...     def random(self): return 1.0
    >>> [int(wait_before(attempt, Late()).total_seconds()) for attempt in (1, 2, 9, 10, 999)]
    [10, 20, 2560, 3600, 3600]
    """
    longest = min(FIRST_WAIT * (1 << min(attempt - 1, 20)), LONGEST_WAIT)
    return longest * rng.random()


class Delivery:
    """Sends what is due, by the channels of the config. Several processes may deliver from one outbox."""

    def __init__(
        self,
        outbox: Outbox,
        ways: Mapping[str, Way],
        render: Callable[[Notice], Message],
        clock: Clock,
        rng: random.Random,
        give_up: timedelta = GIVE_UP,
        grace: timedelta = GRACE,
    ) -> None:
        self.ways = ways
        self._outbox, self._render, self._clock, self._rng = outbox, render, clock, rng
        self._give_up, self._grace = give_up, grace
        self._owner = process_name()
        self._open: dict[str, Channel] = {}
        self._stopping = threading.Event()
        self._bells = {name: threading.Event() for name in ways}

    def deliver_due(self, budget: timedelta | None = None) -> Delivered:
        """Send what is due now, all channels at once; no send begins after the budget.

        Raises:
            StateError: the outbox cannot be read.
        """
        due = [name for name in self._outbox.due(self._clock()) if name in self.ways]
        if not due:
            return NOTHING
        ends = None if budget is None else time.monotonic() + budget.total_seconds()
        with (
            span("deliver", channels=len(due)),
            ThreadPoolExecutor(len(due), thread_name_prefix="drift delivery") as pool,
        ):
            return sum(pool.map(in_context(partial(self._drain, ends=ends)), due), NOTHING)

    def tidy(self) -> None:
        """Give up on old notices of channels that the config has no more, and forget what is long done."""
        now = self._clock()
        self._outbox.abandon(now - self._give_up, tuple(self.ways), now)
        self._outbox.prune(now - KEPT)

    def _drain(self, channel: str, ends: float | None = None) -> Delivered:
        """Send what is due by one channel, one notice after the other. One failure is told of many alike."""
        done = NOTHING
        try:
            while not self._stopping.is_set() and (ends is None or time.monotonic() < ends):
                now = self._clock()
                until = now + self.ways[channel].timeout + self._grace
                waiting = self._outbox.claim(channel, self._owner, now, until)
                if waiting is None:
                    break
                done += self._deliver(waiting)
        except DriftError as error:  # the state is away; what was claimed is free again after a while
            done += Delivered(failures=(Failure("channel", channel, str(error)),))
        return Delivered(done.sent, done.retried, done.dead, done.failures[-1:])

    def _deliver(self, waiting: Waiting) -> Delivered:
        try:
            self._send(waiting)
        except ChannelError as error:
            return self._failed(waiting, error)
        except Exception as error:  # noqa: BLE001 - a fault is that notice's, and stops no other
            return self._failed(waiting, ChannelError(_fault(waiting.channel, error), permanent=False))
        self._outbox.sent(waiting.id, self._clock())
        log.info("told", channel=waiting.channel, notice=waiting.key, attempts=waiting.attempts)
        return Delivered(sent=1)

    def _send(self, waiting: Waiting) -> None:
        notice = waiting.notice
        with span(f"send {waiting.channel}", notice=waiting.key, attempt=waiting.attempts):
            self._opened(waiting.channel).send(notice, self._render(notice))

    def _opened(self, channel: str) -> Channel:
        if channel not in self._open:
            self._open[channel] = self.ways[channel].open()
        return self._open[channel]

    def stand(self, channels: Iterable[str] | None = None) -> None:
        """Post what stands to the Alertmanagers among all channels, or these."""
        for name in self.ways if channels is None else channels:
            stand = self.ways[name].stand
            if stand is not None and not self._stopping.is_set():
                stand(self._opened(name))

    def _failed(self, waiting: Waiting, error: ChannelError) -> Delivered:
        """Plan the next try, the last of which is made when the time is over; or give up."""
        now, said = self._clock(), printable(str(error), ERROR_LENGTH)
        facts = {
            "channel": waiting.channel,
            "notice": waiting.key,
            "attempts": waiting.attempts,
            "error": said,
        }
        failures = (Failure("channel", waiting.channel, said),)
        last = waiting.created + self._give_up
        if error.permanent or now >= last:
            self._outbox.give_up(waiting.id, self._owner, now, said)
            log.error("given up", **facts)
            return Delivered(dead=1, failures=failures)
        asked = _asked(error)
        wait = max(wait_before(waiting.attempts, self._rng), asked)
        due = max(min(now + wait, last), now + asked)
        self._outbox.retry(waiting.id, self._owner, due, said, now + asked if asked else None)
        log.warning("not told yet", again_in_s=round((due - now).total_seconds()), **facts)
        return Delivered(retried=1, failures=failures)

    def wake(self) -> None:
        """There may be something new to send."""
        for bell in self._bells.values():
            bell.set()

    def start(self) -> Callable[[], None]:
        """Deliver from now on, a thread a channel; gives what stops it, after the sends that were begun."""
        self._stopping.clear()
        threads = [
            threading.Thread(target=self._watch, args=(name,), name=f"drift delivery {name}")
            for name in self.ways
        ]
        for thread in threads:
            thread.start()

        def stop() -> None:
            self._stopping.set()
            self.wake()
            for thread in threads:
                thread.join()
            self.close()

        return stop

    def _watch(self, channel: str) -> None:
        bell = self._bells[channel]
        while not self._stopping.is_set():
            bell.clear()
            try:
                self._drain(channel)
                self.stand([channel])
            except Exception:  # the thread must live on, and the fault be seen
                log.exception("delivery failed", channel=channel)
            bell.wait(WAKE_SECONDS)

    def close(self) -> None:
        """Give back what the channels hold; they may be used again."""
        while self._open:
            self._open.popitem()[1].close()


def _fault(channel: str, error: Exception) -> str:
    """Where it happened. What it said is left out: another package's error may hold the channel's URL."""
    *_, last = traceback.extract_tb(error.__traceback__)
    place = f"{Path(last.filename).name}:{last.lineno}"
    return f"{channel}: {type(error).__name__} in {place}: a fault in drift, or in the channel's package"


def _asked(error: ChannelError) -> timedelta:
    """How long the receiver asked to be left alone, at most as long as any wait."""
    seconds = error.retry_after
    if seconds is None or not seconds > 0:  # NaN too
        return timedelta(0)
    return timedelta(seconds=min(seconds, LONGEST_WAIT.total_seconds()))
