"""PURE. How often one may try to log in: a few times a minute an address, and all addresses together.

A token is far too long to be guessed so slowly. What is remembered is bounded: of more addresses than that,
those heard of longest ago are forgotten, and the count of all together still holds.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from threading import Lock

WITHIN = timedelta(minutes=1)
MOST, MOST_OF_ALL = 5, 60
"""Attempts that may fail within that time: of one address, of all."""
ADDRESSES = 1000
EVERYBODY = "*"


class Attempts:
    """The attempts that failed lately. Threads may share it."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._lock = Lock()

    def wait(self, address: str, now: datetime) -> timedelta:
        """How long the address has to wait before it may try; zero where it may now."""
        with self._lock:
            return max(self._wait(place, most, now) for place, most in _places(address))

    def failed(self, address: str, now: datetime) -> None:
        """Note that an attempt failed."""
        with self._lock:
            for place, most in _places(address):
                times = self._failed.pop(place, None) or deque(maxlen=most)
                times.append(now)
                self._failed[place] = times
            while len(self._failed) > ADDRESSES:
                oldest = next(iter(self._failed))
                self._failed.pop(oldest)

    def _wait(self, place: str, most: int, now: datetime) -> timedelta:
        times = self._failed.get(place)
        if times is None or len(times) < most:
            return timedelta(0)
        return max(times[0] + WITHIN - now, timedelta(0))


def _places(address: str) -> tuple[tuple[str, int], ...]:
    return (_place(address), MOST), (EVERYBODY, MOST_OF_ALL)


def _place(address: str) -> str:
    """Whose address it is: of IPv6 one household has as many as it likes, so all its 2⁶⁴ count as one.

    >>> _place("192.0.2.7"), _place("2001:db8::1234"), _place("testclient")
    ('192.0.2.7', '2001:db8::/64', 'testclient')
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    return address if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))
