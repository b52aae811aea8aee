"""PURE. Numbers, moments and lists as a person would say them, in the sentences of the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from drift.text import printable

MANY = 3
"""So many names are said in a sentence; the document has them all."""
UNIT_LENGTH = 16


def digits(value: float, count: int = 3) -> str:
    """The value with so many significant digits, thousands set apart, no exponent below 10¹⁵.

    >>> digits(4123.4), digits(0.41234), digits(99.96), digits(0.0)
    ('4,120', '0.412', '100', '0')
    """
    rounded = float(f"{value:.{count}g}")
    if not 1e-6 <= abs(rounded) < 1e15:
        return f"{rounded:g}"
    if abs(rounded) >= 10 ** (count - 1):
        return f"{rounded:,.0f}"
    return f"{rounded:.{count}g}" if abs(rounded) >= 1e-4 else f"{rounded:.8f}".rstrip("0")


def amount(value: float, unit: str) -> str:
    """The value in the data's unit.

    >>> amount(412.34, "MW")
    '412 MW'
    """
    return f"{digits(value)} {printable(unit, UNIT_LENGTH)}".rstrip()


def percent(share: float, *, sign: bool = False) -> str:
    """A fraction as a percentage: whole from 10 % up, one decimal below.

    >>> percent(0.7412), percent(0.0312), percent(-0.051, sign=True)
    ('74 %', '3.1 %', '−5.1 %')
    """
    points = 100 * share
    size = f"{abs(points):.1f}" if abs(points) < 9.95 else f"{abs(points):,.0f}"
    mark = "−" if points < 0 and float(size.replace(",", "")) else "+" if sign and points > 0 else ""
    return f"{mark}{size} %"


def times(ratio: float) -> str:
    """A ratio, as it stands before ×.

    >>> times(1.8431), times(23.4)
    ('1.8', '23')
    """
    return f"{ratio:.1f}" if ratio < 9.95 else digits(ratio, 2)


def moment(at: datetime) -> str:
    """A time in UTC with its day of the week, which is how people remember it.

    >>> moment(datetime(2020, 4, 7, 14, tzinfo=UTC))
    'Tue 7 Apr 14:00'
    """
    utc = at.astimezone(UTC)
    return f"{DAYS[utc.weekday()]} {utc.day} {MONTHS[utc.month - 1]} {utc:%H:%M}"


def local_time(at: datetime, zone: tzinfo) -> str:
    """The clock of the city beside that of UTC, where they differ, with the day if that does too.

    >>> from zoneinfo import ZoneInfo
    >>> local_time(datetime(2020, 4, 7, 14, tzinfo=UTC), ZoneInfo("Asia/Kolkata"))
    ' (19:30 local)'
    >>> local_time(datetime(2020, 4, 7, 22, tzinfo=UTC), ZoneInfo("Asia/Kolkata"))
    ' (Wed 03:30 local)'
    """
    local = at.astimezone(zone)
    if not local.utcoffset():
        return ""
    day = "" if local.weekday() == at.astimezone(UTC).weekday() else f"{DAYS[local.weekday()]} "
    return f" ({day}{local:%H:%M} local)"


def ago(length: timedelta) -> str:
    """A length of time, to the hour below two days, and to the day above four.

    >>> ago(timedelta(hours=30)), ago(timedelta(hours=58)), ago(timedelta(days=9, hours=3))
    ('30 h', '2 d 10 h', '9 d')
    """
    hours = round(length / timedelta(hours=1))
    if hours < 48:
        return f"{hours} h"
    days, rest = divmod(hours, 24)
    return f"{days} d {rest} h" if days < 4 and rest else f"{days} d"


def listed(texts: Sequence[str]) -> str:
    """The first three, and how many more there are.

    >>> listed(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    more = f" and {len(texts) - MANY} more" if len(texts) > MANY else ""
    return ", ".join(texts[:MANY]) + more


DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")  # strftime would ask the machine's locale
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
