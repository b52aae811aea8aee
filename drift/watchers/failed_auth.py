"""PURE. Failed log-ins: bursts at one principal or from one address, spraying, distribution, success after.

Why familiarity: people mistype, services retry with what expired, and an office of hundreds comes from one
address. Nearly all of that is by a principal from an address that it has logged in from before; an attacker
is not. So what is familiar is borne more often (`familiar_times`), in windows of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from drift.config_security import SecurityConfig
from drift.watchers.event_windows import DistinctWindows, ExactWindows, RateLimitItem, parse
from drift.watchers.events import Kind, Outcome, SecurityEvent
from drift.watchers.usual import Recent
from drift.watchers.violations import Violation, named


class _Rates(NamedTuple):
    """What is borne, of strangers or of familiar pairs; `mark` keeps their windows apart."""

    mark: str
    principal: RateLimitItem
    address: RateLimitItem
    spray: RateLimitItem
    distributed: RateLimitItem


class _Counted(NamedTuple):
    """What a window holds with this event in it; `later` says what it holds at another time."""

    kind: str
    subject: str
    value: float
    rate: RateLimitItem
    later: Callable[[float], float]


def times(rate: RateLimitItem, factor: float) -> RateLimitItem:
    """A rate that bears `factor` times as much in the same time.

    >>> times(parse("10/5 minutes"), 12)
    120 per 5 minute
    """
    return type(rate)(int(rate.amount * factor), rate.multiples, rate.namespace)


class FailedAuth:
    """Watches log-ins; knows who has logged in from where."""

    name = "failed_auth"

    def __init__(self, config: SecurityConfig) -> None:
        own = config.failed_auth
        rates = [parse(text) for text in (own.principal, own.address, own.spray, own.distributed)]
        self._strange = _Rates("", *rates)
        self._known = _Rates("known ", *(times(rate, own.familiar_times) for rate in rates))
        self._failures = ExactWindows(4 * config.names)
        spray, distributed = self._known.spray, self._known.distributed
        self._tried = DistinctWindows(spray.get_expiry(), config.names, 2 * spray.amount)
        self._from = DistinctWindows(distributed.get_expiry(), config.names, 2 * distributed.amount)
        self.familiar = Recent(own.remember.total_seconds(), 2 * config.names)
        """`address principal` of log-ins that went well."""
        self._called: dict[str, float] = {}

    @property
    def let_go(self) -> int:
        """How many names were forgotten for want of room."""
        return self._failures.storage.let_go + self._tried.let_go + self._from.let_go + self.familiar.let_go

    def see(self, event: SecurityEvent) -> Iterator[Violation]:
        """What is over a limit by this event."""
        if event.kind is not Kind.LOGIN:
            return
        if event.outcome is Outcome.FAILURE:
            rates = self._known if self._is_familiar(event) else self._strange
            for counted in self._counted(rates, event.principal, event.address, event.at):
                if counted.value > counted.rate.amount:
                    yield self._call(counted, event)
        elif event.outcome is Outcome.SUCCESS and event.principal and event.address:
            yield from self._succeeded(event, event.principal, event.address)

    def _is_familiar(self, event: SecurityEvent) -> bool:
        return f"{event.address} {event.principal}" in self.familiar

    def _counted(self, rates: _Rates, who: str | None, where: str | None, at: float) -> Iterator[_Counted]:
        """Every window that a failure belongs to."""
        for rate, subject in (
            (rates.principal, who and f"principal {who}"),
            (rates.address, where and f"address {where}"),
        ):
            if subject:
                key = rates.mark + subject
                value = self._failures.hit(rate, key, at)
                yield _Counted("burst", subject, value, rate, partial(self._failures.count, rate, key))
        if who and where:
            for kind, windows, rate, subject, other in (
                ("spray", self._tried, rates.spray, f"address {where}", who),
                ("distributed", self._from, rates.distributed, f"principal {who}", where),
            ):
                key = rates.mark + subject
                yield _Counted(kind, subject, windows.hit(key, other, at), rate, partial(windows.count, key))

    def _call(self, counted: _Counted, event: SecurityEvent, *, grave: bool = False) -> Violation:
        length = float(counted.rate.get_expiry())
        self._called.pop(counted.subject, None)
        self._called[counted.subject] = event.at + length
        if len(self._called) > 1000:
            del self._called[next(iter(self._called))]
        return Violation(
            detector=self.name,
            kind=counted.kind,
            subject=counted.subject,
            value=counted.value,
            limit=counted.rate.amount,
            window=length,
            at=event.at,
            count=counted.later,
            seen=named(principals=event.principal, addresses=event.address, paths=event.path),
            grave=grave,
        )

    def _succeeded(self, event: SecurityEvent, who: str, where: str) -> Iterator[Violation]:
        """What went well makes the pair familiar, unless it ends a burst of it: that is a break-in."""
        if not self._is_familiar(event) and where in self._from.values(f"principal {who}", event.at):
            for subject in (f"principal {who}", f"address {where}"):
                if self._called.get(subject, event.at) > event.at:
                    none = times(self._strange.principal, 0)
                    broken = _Counted("break_in", subject, 1, none, lambda _: 0.0)
                    yield self._call(broken, event, grave=True)
                    return
        self._tried.drop(f"address {where}", who)
        self.familiar.add(f"{where} {who}", event.at)
