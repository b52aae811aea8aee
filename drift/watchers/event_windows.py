"""Sliding windows over events, by the strategies of the `limits` library, on the events' own time.

Why a storage of ours: the library's own in memory reads the wall's clock, so that it can judge no log of
the past, forgets nothing before its time, and starts a thread. Ours is told the time, keeps no more names
and no more entries than it was allowed, lets go of those that were seen longest ago, and counts them.
It counts what is over the limit, too: an alert says how many there were.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict, deque
from collections.abc import Iterator

from limits import RateLimitItem, parse
from limits.storage import MovingWindowSupport, Storage
from limits.storage.base import SlidingWindowCounterSupport
from limits.strategies import MovingWindowRateLimiter, SlidingWindowCounterRateLimiter

__all__ = ["CountWindows", "DistinctWindows", "EventStorage", "ExactWindows", "RateLimitItem", "parse"]


SPANS = 10
"""A counted window is so many spans long, and of the one that it is leaving it counts the part still in it.

With one span for the whole window, as the library's own storage has it, a flood that begins in the middle of
one is known a minute and more too late.
"""


class _Spans:
    """How many hits in each of the last spans, from the one that the window is leaving to the present one."""

    __slots__ = ("counts", "slot", "total")

    def __init__(self, slot: int) -> None:
        self.slot, self.total = slot, 0
        self.counts = array("L", bytes(array("L").itemsize * (SPANS + 1)))

    def go_to(self, slot: int) -> None:
        """Move on to a later span; what is then behind the window is gone."""
        for gone in range(max(self.slot + 1, slot - SPANS), slot + 1):
            self.total -= self.counts[gone % (SPANS + 1)]
            self.counts[gone % (SPANS + 1)] = 0
        self.slot = max(self.slot, slot)

    def add(self, amount: int) -> None:
        """Count hits in the present span."""
        self.counts[self.slot % (SPANS + 1)] += amount
        self.total += amount

    @property
    def leaving(self) -> int:
        """The hits of the oldest span."""
        return self.counts[(self.slot + 1) % (SPANS + 1)]


class EventStorage(Storage, MovingWindowSupport, SlidingWindowCounterSupport):
    """A storage of `limits` that lives in the events' time: set `now` (seconds since 1970) before a hit.

    Windows are half-open: at `now` the window of a minute holds what happened in `(now − 60, now]`.
    `most` names are kept, and `entries` times of hits in all; `let_go` counts the names beyond.
    """

    STORAGE_SCHEME = None

    def __init__(self, most: int, entries: int = 500_000) -> None:
        super().__init__()
        self.now, self.let_go = 0.0, 0
        self._most, self._entries, self._held = most, entries, 0
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._spans: OrderedDict[str, _Spans] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        """None are raised here."""
        return ValueError

    def __len__(self) -> int:
        return len(self._times) + len(self._spans)

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` hits now; whether the window still held them."""
        times = self._window(key, expiry)
        times.extend([self.now] * amount)
        self._held += amount
        while (len(self._times) > self._most or self._held > self._entries) and len(self._times) > 1:
            self._held -= len(self._times.popitem(last=False)[1])
            self.let_go += 1
        while self._held > self._entries:  # one name alone
            times.popleft()
            self._held -= 1
        return len(times) <= limit

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002 - limits'
        """The first time in the window, and how many there are; the present time and 0 for none."""
        if key not in self._times:
            return self.now, 0
        times = self._window(key, expiry)
        return (times[0] if times else self.now), len(times)

    def _window(self, key: str, expiry: int) -> deque[float]:
        times = self._times.get(key)
        if times is None:
            times = self._times[key] = deque()
        else:
            self._times.move_to_end(key)
        while times and times[0] <= self.now - expiry:
            times.popleft()
            self._held -= 1
        return times

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` hits now; whether the window, by the weighted count, still held them."""
        slot = int(self.now * SPANS // expiry)
        spans = self._spans.get(key)
        if spans is None:
            spans = self._spans[key] = _Spans(slot)
            if len(self._spans) > self._most:
                self._spans.popitem(last=False)
                self.let_go += 1
        else:
            self._spans.move_to_end(key)
            spans.go_to(slot)
        spans.add(amount)
        before, left, now, _ = self.get_sliding_window(key, expiry)
        return before * left / expiry + now <= limit

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Hits in the span that the window is leaving, and how much of that span is still in it, in units in
        which the whole span is `expiry`, as the library weighs it; hits in the others; and `expiry`.
        """
        slot, passed = divmod(self.now * SPANS / expiry, 1.0)
        left, spans = expiry * (1.0 - passed), self._spans.get(key)
        if spans is None:
            return 0, left, 0, float(expiry)
        spans.go_to(int(slot))
        return spans.leaving, left, spans.total - spans.leaving, float(expiry)

    def clear_sliding_window(self, key: str, expiry: int) -> None:  # noqa: ARG002 - as limits has it
        """Forget the name's counts."""
        self._spans.pop(key, None)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Not for fixed windows: they let twice the limit pass at their seam."""
        raise NotImplementedError("events are counted in sliding windows")

    def get(self, key: str) -> int:
        """How many entries the name has."""
        return len(self._times.get(key, ()))

    def get_expiry(self, key: str) -> float:  # noqa: ARG002 - as limits has it
        """The present: names go when others need their room."""
        return self.now

    def check(self) -> bool:
        """It is always there."""
        return True

    def reset(self) -> int:
        """Forget everything; gives how many names there were."""
        known = len(self)
        self._times.clear()
        self._spans.clear()
        self._held = 0
        return known

    def clear(self, key: str) -> None:
        """Forget the name's entries."""
        self._held -= len(self._times.pop(key, ()))


class ExactWindows:
    """How often in the last window, exactly: for what is rare, as each hit takes room (`limits`' moving
    window).
    """

    def __init__(self, most: int) -> None:
        self.storage = EventStorage(most)
        self._limiter = MovingWindowRateLimiter(self.storage)

    def hit(self, rate: RateLimitItem, name: str, at: float) -> int:
        """Count one more at the time `at`; gives how many are over the rate's bounds in the window, or 0
        while all are within them.

        >>> windows = ExactWindows(100)
        >>> [windows.hit(parse("2/minute"), "alice", at) for at in (0.0, 10.0, 59.9, 60.0)]
        [0, 0, 3, 3]
        """
        self.storage.now = at
        return 0 if self._limiter.hit(rate, name) else self.count(rate, name, at)

    def count(self, rate: RateLimitItem, name: str, at: float) -> int:
        """How many there are in the window that ends at `at`."""
        self.storage.now = at
        return rate.amount - self._limiter.get_window_stats(rate, name).remaining


class CountWindows:
    """How often in the last window, nearly: eleven numbers a name however many hits (`limits`' sliding window
    counter, which takes the hits of the span that the window is leaving as evenly spread).
    """

    def __init__(self, most: int) -> None:
        self.storage = EventStorage(most)
        self._limiter = SlidingWindowCounterRateLimiter(self.storage)

    def hit(self, rate: RateLimitItem, name: str, at: float, cost: int = 1) -> float:
        """Count `cost` more at the time `at`; gives the count of the window.

        >>> windows = CountWindows(100)
        >>> [windows.hit(parse("2/minute"), "alice", at) for at in (0.0, 30.0, 90.0)]
        [1.0, 2.0, 2.0]
        """
        self.storage.now = at
        self._limiter.hit(rate, name, cost=cost)
        return self.count(rate, name, at)

    def count(self, rate: RateLimitItem, name: str, at: float) -> float:
        """The count of the window that ends at `at`."""
        self.storage.now = at
        length = rate.get_expiry()
        before, left, now, _ = self.storage.get_sliding_window(rate.key_for(name), length)
        return before * left / length + now


class DistinctWindows:
    """How many different values each name had in the last window: which addresses failed for alice.

    No more than `most` names are kept, and `width` values of each: beyond, the count is a lower bound. A
    value counts from when it was last seen.
    """

    def __init__(self, length: float, most: int, width: int) -> None:
        self.length, self.let_go = length, 0
        self._most, self._width = most, width
        self._seen: OrderedDict[str, OrderedDict[str, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def hit(self, name: str, value: str, at: float) -> int:
        """See a value of the name at the time `at`; gives how many different ones the window holds.

        >>> windows = DistinctWindows(60.0, most=100, width=100)
        >>> [windows.hit("203.0.113.7", who, at) for who, at in (("a", 0), ("b", 1), ("a", 2), ("c", 61))]
        [1, 2, 2, 2]
        """
        values = self._seen.get(name)
        if values is None:
            values = self._seen[name] = OrderedDict()
            if len(self._seen) > self._most:
                self._seen.popitem(last=False)
                self.let_go += 1
        else:
            self._seen.move_to_end(name)
        values[value] = at
        values.move_to_end(value)
        self._forget(values, at)
        if len(values) > self._width:
            values.popitem(last=False)
        return len(values)

    def drop(self, name: str, value: str) -> None:
        """Forget one value of the name."""
        if values := self._seen.get(name):
            values.pop(value, None)

    def count(self, name: str, at: float) -> int:
        """How many different values the window holds that ends at `at`."""
        return sum(1 for _ in self.values(name, at))

    def values(self, name: str, at: float) -> Iterator[str]:
        """The values in the window that ends at `at`, those seen longest ago first."""
        if values := self._seen.get(name):
            self._forget(values, at)
            yield from values

    def _forget(self, values: OrderedDict[str, float], at: float) -> None:
        while values and next(iter(values.values())) <= at - self.length:
            values.popitem(last=False)
