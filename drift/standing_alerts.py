"""What stands, for an Alertmanager, which forgets all alerts when it restarts, and each it hears of no more.

So every minute, and after every slot, all alerts that it was told to fire are posted to it again, with a time
at which they expire that each post moves on; and those that ended in the last minutes are, as resolved. It
knows alerts by their labels, so what it has already tells nobody twice. What is posted is what the notices
said: silences, repeats and words are theirs. A post that fails is logged, and made again in a minute: it
waits in no outbox, and is no dead letter.

With them goes a watchdog: an alert that fires as long as slots are finished. It expires when the last slot is
too old, by which whoever waits for it, as a dead man's switch does, learns that drift is dead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

import structlog

from drift.clock import Clock
from drift.domain import iso
from drift.errors import DriftError
from drift.notices import Notice, notice_of
from drift.notify import Last
from drift.state import State

if TYPE_CHECKING:
    from drift.messages import AlertmanagerAlert, Words

EVERY = timedelta(minutes=1)

log = structlog.get_logger()


class Poster(Protocol):
    """As much of an Alertmanager's channel as is used."""

    def post(self, alerts: Sequence[AlertmanagerAlert]) -> None:
        """Post alerts in one request. Raises `ChannelError` where some are not taken."""
        ...


class How(NamedTuple):
    """What of the config decides how alerts stand.

    An alert is kept for `expires` after it was last heard of. `stale_after`: how old the last slot may be
    while the watchdog fires; None for no watchdog.
    """

    words: Words
    expires: timedelta
    stale_after: timedelta | None


class StandingAlerts:
    """Posts what stands to one Alertmanager, from one thread at a time."""

    def __init__(self, channel: str, state: State, clock: Clock, how: Callable[[], How]) -> None:
        """`how` is asked when something is posted, and not before."""
        self._channel, self._state, self._clock, self._how = channel, state, clock, how
        self._posted: datetime | None = None
        self._made: dict[Last, AlertmanagerAlert | None] = {}
        self._failed = ""

    def post(self, poster: Poster) -> None:
        """Post them, unless that was done or tried within the minute."""
        now = self._clock()
        if self._posted is not None and timedelta(0) <= now - self._posted < EVERY:
            return
        self._posted = now
        try:
            poster.post(self._alerts(now))
        except DriftError as error:
            if str(error) != self._failed:  # once, and not every minute
                log.warning("what stands cannot be posted", channel=self._channel, error=str(error))
            self._failed = str(error)
        else:
            if self._failed:
                log.info("what stands is posted again", channel=self._channel)
            self._failed = ""

    def _alerts(self, now: datetime) -> list[AlertmanagerAlert]:
        from drift.channels.alertmanager import STANDING

        how = self._how()
        told = self._state.told(self._channel, since=now - STANDING)
        self._make(told, how.words)
        ends = iso(now + how.expires)
        standing: list[AlertmanagerAlert] = []
        for last, made in self._made.items():
            if made is not None:
                standing.append({**made, "endsAt": ends} if last.status == "firing" else made)
        last_slot = self._state.last_slot() if how.stale_after is not None else None
        if last_slot is not None and how.stale_after is not None and last_slot + how.stale_after > now:
            standing.append(watchdog(how.words, now, last_slot + how.stale_after))
        return standing

    def _make(self, told: Sequence[Last], words: Words) -> None:
        """Make the alerts that were told since, of the notices that told them, and let go of the others."""
        new = {last.at for last in told if last not in self._made}
        found = dict(_made(self._state.outbox.decided(self._channel, new), words)) if new else {}
        self._made = {
            last: self._made[last]
            if last in self._made
            else found.get((last.at, last.fingerprint, last.status))
            for last in told
        }


def _made(
    letters: Iterable[tuple[datetime, Mapping[str, object]]], words: Words
) -> Iterable[tuple[tuple[datetime, str, str], AlertmanagerAlert]]:
    """Each alert of the notices as Alertmanager takes it, by when it was told, its fingerprint and status."""
    from drift.messages import alertmanager_alert

    for at, document in letters:
        notice = _readable(document)
        if notice is not None:
            for told in notice.alerts:
                yield (at, told.fingerprint, notice.status), alertmanager_alert(told, notice, words)


def _readable(document: Mapping[str, object]) -> Notice | None:
    """The notice; None where another version of drift wrote it otherwise."""
    try:
        return notice_of(document)
    except (TypeError, ValueError, KeyError):
        return None


def watchdog(words: Words, now: datetime, expires: datetime) -> AlertmanagerAlert:
    """The alert that says that drift lives, until it expires. Its labels tell it from that of Prometheus."""
    from drift.exports.monitor import WATCHDOG
    from drift.exports.said import MONITOR
    from drift.messages.kinds import KINDS

    kind = KINDS[WATCHDOG]
    runbook = words.runbooks.get(WATCHDOG) or f"{words.runbook_folder.rstrip('/')}/{kind.runbook}.md"
    return {
        "labels": {"alertname": WATCHDOG, "severity": "none", "about": MONITOR, "from": "drift"},
        "annotations": {
            "summary": "drift finishes its slots.",
            "description": kind.first,
            "runbook_url": runbook,
        },
        "startsAt": iso(now),
        "endsAt": iso(expires),
    }
