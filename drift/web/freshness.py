"""PURE. How fresh the store is: how old each city's newest actual was at the last slot.

Read from the gauges, which all replicas show alike, and which say it of the slot that was measured last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from drift.reports.shown import readable

GAUGE = "drift_actuals_delay_seconds"
MOST = 8
"""So many cities are named, the latest actuals last."""
_SAMPLE = re.compile(rb'drift_actuals_delay_seconds\{city="((?:[^"\\]|\\.)*)"\} (\S+)')
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Delay:
    """How long before the slot a city's last known actual ended."""

    city: str
    label: str
    said: str


@dataclass(frozen=True, slots=True)
class Freshness:
    """The delays of a slot: how many cities have actuals, what is usual, and the worst."""

    cities: int
    usual: str
    worst: tuple[Delay, ...]
    more: int
    """How many more cities are later than is usual, beside the worst."""


def delays_of(gauges: bytes) -> dict[str, float]:
    r"""Seconds by city, from gauges in Prometheus' text format.

    >>> delays_of(b'drift_actuals_delay_seconds{city="a \\"b\\""} 3600.0\n')
    {'a "b"': 3600.0}
    """
    first = gauges.find(GAUGE.encode() + b"{")
    if first < 0:
        return {}
    end = gauges.find(b"\n#", first)
    return {
        _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], city.decode()): float(seconds)
        for city, seconds in _SAMPLE.findall(gauges, first, len(gauges) if end < 0 else end)
    }


def freshness_of(delays: Mapping[str, float]) -> Freshness:
    """What there is to say of the delays: the cities that are later than most, the latest first."""
    if not delays:
        return Freshness(0, "", (), 0)
    usual = median(delays.values())
    late = sorted(((-seconds, city) for city, seconds in delays.items() if seconds > usual))
    worst = tuple(Delay(city, readable(city), hours(-seconds)) for seconds, city in late[:MOST])
    return Freshness(len(delays), _usual(usual, bool(late)), worst, max(len(late) - MOST, 0))


def _usual(seconds: float, differ: bool) -> str:
    """What is so of half of the cities at least.

    >>> _usual(0, False), _usual(7200, True)
    ('In all of them they reach up to the slot.', 'In half of them they end 2 h before the slot, or later.')
    """
    whose = "half" if differ else "all"
    if seconds < 60:
        return f"In {whose} of them they reach up to the slot."
    return f"In {whose} of them they end {hours(seconds)} before the slot{', or later' if differ else ''}."


def hours(seconds: float) -> str:
    """A delay as people say it.

    >>> hours(300), hours(5400), hours(400_000)
    ('5 min', '1.5 h', '4.6 d')
    """
    if abs(seconds) < 3600:
        return f"{seconds / 60:.0f} min"
    if seconds < 3 * 86400:
        return f"{seconds / 3600:.1f}".removesuffix(".0") + " h"
    return f"{seconds / 86400:.1f}".removesuffix(".0") + " d"
