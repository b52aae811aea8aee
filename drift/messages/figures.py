"""PURE. Numbers and moments as a message says them: percent and × normal, a city's clock beside UTC's."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo

from drift.config_rules import SECURITY
from drift.estimate import NAMES as ESTIMATED
from drift.evidence.wording import DAYS, MONTHS, ago, digits
from drift.metrics import METRICS
from drift.text import printable

PERCENT = frozenset({"resource_usage"})
"""Measured in percent already."""
SHARES = frozenset({"error_rate", "availability", "prediction_error_rate"})
"""Of the platform, as fractions."""
FRACTIONS = SHARES | frozenset(ESTIMATED)
NONE = "no value"
MOST_DECIMALS = 5
ZONE_LENGTH = 32


def figure(name: str, value: float | None, unit: str, decimals: int = 1) -> str:
    """A measurement as people read it; a fraction is a percentage, a score is a multiple of its limit.

    `decimals` is how many a percentage gets, and other numbers two significant digits more than that.

    >>> figure("accuracy", 0.8123, "MW"), figure("mae", 412.3, "MW"), figure("drift_score", 1.83, "MW")
    ('81.2 %', '412 MW', '1.83 × its limit')
    >>> figure("api_latency_seconds", 2.41, "MW"), figure("psi", 0.6212, "MW"), figure("mape", None, "MW")
    ('2.41 s', '0.621', 'no value')
    >>> figure("api_latency_seconds", 0.034, ""), figure("error_rate", 0.05, ""), figure("api_abuse", 12, "")
    ('34 ms', '5.0 %', '12')
    """
    if value is None or not math.isfinite(value):
        return NONE
    if name in SECURITY:
        return f"{value:,.0f}" if value == int(value) else digits(value, decimals + 2)
    unit_of = METRICS[name].unit if name in METRICS else "fraction" if name in FRACTIONS else ""
    if unit_of == "fraction" or name in PERCENT:
        points = value if name in PERCENT else 100 * value
        return f"{points:,.{decimals}f} %".replace("-", "−") if abs(points) < 1e6 else f"{points:.3g} %"
    if name.endswith("_seconds") and 0 < value < 1:
        return f"{digits(1000 * value, decimals + 2)} ms"
    said = _signed(value, decimals + 2)
    if name.endswith("_score"):
        return f"{said} × its limit"
    if name.endswith("_ratio"):
        return f"{said} × normal"
    behind = f" {printable(unit, 16)}" if unit_of == "load" else ""
    return said + (" s" if name.endswith("_seconds") else " h" if "hours" in name else behind)


def _signed(value: float, count: int) -> str:
    return ("−" if value < 0 else "") + digits(abs(value), count)


def against(name: str, value: float | None, limit: float, unit: str) -> tuple[str, str]:
    """A value and its limit with as many digits as it takes to tell them apart.

    >>> against("accuracy", 0.84996, 0.85, "MW")
    ('84.996 %', '85.000 %')
    """
    for decimals in range(1, MOST_DECIMALS):
        said = figure(name, value, unit, decimals), figure(name, limit, unit, decimals)
        if said[0] != said[1] or value == limit:
            return said
    return said


def short(zone: tzinfo) -> str:
    """The zone's name."""
    return printable(zone, ZONE_LENGTH)


def day_and_time(at: datetime, zone: tzinfo) -> str:
    """The clock of the city; that of UTC where the zone cannot show it."""
    local = _in(at, zone)
    return f"{DAYS[local.weekday()]} {local.day} {MONTHS[local.month - 1]} {local:%H:%M}"


def when(at: datetime, zone: tzinfo, *, named: bool = True) -> str:
    """The city's local time with its zone, and UTC, with the day if that is another.

    >>> from zoneinfo import ZoneInfo
    >>> when(datetime(2020, 4, 7, 14, tzinfo=UTC), ZoneInfo("Asia/Kolkata"))
    'Tue 7 Apr 19:30 Asia/Kolkata (14:00 UTC)'
    >>> when(datetime(2020, 4, 7, 22, tzinfo=UTC), ZoneInfo("Asia/Kolkata"), named=False)
    'Wed 8 Apr 03:30 (Tue 22:00 UTC)'
    >>> when(datetime(2020, 4, 7, 14, tzinfo=UTC), UTC)
    'Tue 7 Apr 14:00 UTC'
    """
    utc, local = _in(at, UTC), _in(at, zone)
    if not local.utcoffset():
        return f"{day_and_time(at, UTC)} UTC"
    day = "" if local.date() == utc.date() else f"{DAYS[utc.weekday()]} "
    zone_name = f" {short(zone)}" if named else ""
    return f"{day_and_time(at, zone)}{zone_name} ({day}{utc:%H:%M} UTC)"


def soon(at: datetime, zone: tzinfo, now: datetime) -> str:
    """The same in as few words as a week allows.

    >>> from zoneinfo import ZoneInfo
    >>> at, now = datetime(2020, 4, 7, 22, tzinfo=UTC), datetime(2020, 4, 9, tzinfo=UTC)
    >>> soon(at, ZoneInfo("Asia/Kolkata"), now)
    'Wed 03:30 (Tue 22:00 UTC)'
    """
    said = when(at, zone, named=False)
    day, date, month, rest = said.split(" ", 3)
    return f"{day} {rest}" if between(at, now) < timedelta(days=6) else f"{day} {date} {month} {rest}"


def _in(at: datetime, zone: tzinfo) -> datetime:
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    try:
        return at.astimezone(zone)
    except (OverflowError, ValueError):  # the first and the last day there are
        return at.replace(tzinfo=UTC)


def between(start: datetime, end: datetime) -> timedelta:
    """`end − start`, never below zero."""
    return max(_in(end, UTC) - _in(start, UTC), timedelta(0))


def lasting(length: timedelta) -> str:
    """A length of time: minutes below two hours, a whole hour apart, then hours and days.

    >>> lasting(timedelta(minutes=90)), lasting(timedelta(hours=1)), lasting(timedelta(days=5))
    ('90 min', '1 h', '5 d')
    """
    minutes = round(length / timedelta(minutes=1))
    return f"{minutes} min" if minutes < 120 and minutes != 60 else ago(length)
