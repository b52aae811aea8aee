"""The first page, for the on-call at night: what fires, and whether drift itself can be believed: its last
slot, how fresh the store is, whether messages arrive, what failed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from drift.domain import AlertStatus, Failure
from drift.reports.shown import readable
from drift.schedule import last_slot
from drift.state import SlotRecord
from drift.state_lists import Held, Wanted
from drift.state_outbox import Counts
from drift.text import printable
from drift.web.alert_lines import AlertLine, lines_of
from drift.web.desk import Desk, ago, slot_name
from drift.web.freshness import Freshness, delays_of, freshness_of
from drift.web.layout import page

MOST_FIRING, MOST_PENDING, MOST_FAILURES = 30, 10, 10
SETTLE = timedelta(minutes=5)
"""So long after it was due a slot may be on its way."""


@dataclass(frozen=True, slots=True)
class SlotNow:
    """The last slot, and whether the next one is late. `tone`: how calm the page is about it."""

    name: str
    at: str
    age: str
    tone: Literal["normal", "pending", "firing", "no-data"]
    word: str
    said: str
    failures: int
    failed: tuple[str, ...]
    elsewhere: tuple[str, ...]
    """Which processes are at work on slots."""


@dataclass(frozen=True, slots=True)
class Channel:
    """How delivery by a channel stands. `dead`: given up, and none has arrived since."""

    name: str
    waiting: int
    oldest: str
    dead: int


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the first page shows."""

    now: str
    zone: str
    headline: str
    firing: tuple[AlertLine, ...]
    more_firing: int
    pending: tuple[AlertLine, ...]
    more_pending: int
    silenced: int
    slot: SlotNow
    freshness: Freshness
    channels: tuple[Channel, ...]
    dead_letters: tuple[tuple[str, str], ...]


def overview(desk: Desk) -> Callable[[Request], Response]:
    """The route's handler."""

    def show(request: Request) -> Response:
        return page(request, "overview.html.j2", view=overview_of(desk, desk.now()))

    return show


def overview_of(desk: Desk, now: datetime) -> Overview:
    """What there is to see now. Raises `StateError` where the state cannot be read."""
    lists, outbox = desk.state.lists, desk.state.outbox
    counts = lists.counts()
    firing = lines_of(desk, lists.alerts(Wanted((AlertStatus.FIRING,)), MOST_FIRING), now)
    pending = lines_of(desk, lists.alerts(Wanted((AlertStatus.PENDING,)), MOST_PENDING), now)
    dead = outbox.given_up()
    lost = outbox.letters(dead=True, limit=5) if dead else []
    return Overview(
        now=desk.clock(now),
        zone=desk.config.timezone,
        headline=headline(counts[AlertStatus.FIRING], counts[AlertStatus.PENDING]),
        firing=firing,
        more_firing=counts[AlertStatus.FIRING] - len(firing),
        pending=pending,
        more_pending=counts[AlertStatus.PENDING] - len(pending),
        silenced=sum(bool(line.silence) for line in firing),
        slot=_slot(desk, now),
        freshness=freshness_of(delays_of(desk.gauges.render())),
        channels=channels_of(outbox.counts(), dead, tuple(desk.config.channels), now),
        dead_letters=tuple((readable(one.channel), printable(one.error or "", 300)) for one in lost),
    )


def headline(firing: int, pending: int) -> str:
    """The page in a sentence, calm where nothing fires.

    >>> headline(0, 2), headline(1, 0)
    ('Nothing fires. 2 alerts are pending.', '1 alert fires.')
    """
    some = f"{firing:,} alert fires." if firing == 1 else f"{firing:,} alerts fire."
    first = some if firing else "Nothing fires."
    if not pending:
        return first
    return f"{first} {pending:,} {'alert is' if pending == 1 else 'alerts are'} pending."


def _slot(desk: Desk, now: datetime) -> SlotNow:
    last = next(iter(desk.state.lists.slots(1)), None)
    held = [one for one in desk.state.lists.held(now) if last is None or one.slot > last.slot]
    return slot_now(
        last,
        due=last_slot(desk.config.schedule, now),
        stale_after=desk.schedule.monitor.decisions.stale_after,
        now=now,
        clock=desk.clock,
        failed=() if last is None else desk.schedule.failed.get(last.slot, ()),
        held=held,
    )


def slot_now(
    last: SlotRecord | None,
    *,
    due: datetime,
    stale_after: timedelta,
    now: datetime,
    clock: Callable[[datetime], str],
    failed: Sequence[Failure] = (),
    held: Sequence[Held] = (),
) -> SlotNow:
    """Whether the last slot is the one that was due last, and how calm one may be about it."""
    at_work = tuple(f"{printable(one.owner)} is at work on {clock(one.slot)}" for one in held)
    if last is None:
        return SlotNow("", "", "", "no-data", "none yet", "No slot was evaluated yet.", 0, (), at_work)
    tone: Literal["normal", "pending", "firing"] = "normal"
    word, said = "on time", f"The last one that was due, at {clock(due)}, is done."
    if now - last.slot > stale_after:
        tone, word = "firing", "late"
        said = "What the alerts say is old. Run drift doctor, and look at the log of drift serve."
    elif last.slot < due and now - due > SETTLE:
        tone, word, said = "pending", "next is late", f"The one that was due at {clock(due)} is not done yet."
    elif last.slot < due:
        word, said = "on its way", f"The one that was due at {clock(due)} is on its way."
    return SlotNow(
        name=slot_name(last.slot),
        at=clock(last.slot),
        age=ago(last.slot, now),
        tone=tone,
        word=word,
        said=said,
        failures=max(last.failures, len(failed)),
        failed=tuple(failure_line(one) for one in failed[:MOST_FAILURES]),
        elsewhere=at_work,
    )


def failure_line(failure: Failure) -> str:
    """A failure in a line."""
    return f"{printable(failure.what)}, in {printable(failure.stage)}: {printable(failure.message, 400)}"


def channels_of(
    counts: Mapping[str, Counts], dead: Mapping[str, int], names: Sequence[str], now: datetime
) -> tuple[Channel, ...]:
    """How delivery stands, by channel: those of the config, and those that still have something waiting."""
    return tuple(
        Channel(
            name=readable(name),
            waiting=found.waiting if (found := counts.get(name)) is not None else 0,
            oldest=ago(found.oldest, now) if found is not None and found.oldest is not None else "",
            dead=dead.get(name, 0),
        )
        for name in sorted({*names, *counts, *dead})
    )
