"""PURE. The time in a log line: ISO 8601 and its relatives, access logs', syslog's, seconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTHS: Final = {name: number for number, name in enumerate(_NAMES, 1)}

ISO: Final = (
    r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,12})?)?(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)(?!\d))?"
)
"""The pattern of a time that `iso_time` reads."""

_APART = re.compile(r" ?(?:UTC|GMT)$| (?=[+-]\d\d:?\d\d$)")
_ACCESS = re.compile(
    r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?: ([+-])(\d\d):?(\d\d))?", re.ASCII
)
_SYSLOG = re.compile(r"([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)", re.ASCII)
_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))


def in_utc(moment: datetime, zone: tzinfo) -> datetime | None:
    """The moment in UTC; one without a zone is of `zone`. None at the ends of the calendar."""
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def iso_time(text: str, zone: tzinfo = UTC) -> datetime | None:
    """The moment that a text in ISO 8601 or a near relative of it says, in UTC; None where it says none.

    >>> iso_time("2024-12-08T23:46:32+05:30").isoformat(), iso_time("2024/12/08 18:16:32,5 UTC").isoformat()
    ('2024-12-08T18:16:32+00:00', '2024-12-08T18:16:32.500000+00:00')
    >>> iso_time("20241208"), iso_time("2024-13-08T00:00:00Z"), iso_time("soon")
    (None, None, None)
    """
    if len(text) < 16 or text[4] not in "-/":
        return None
    try:
        return in_utc(datetime.fromisoformat(text), zone)
    except ValueError:
        pass
    try:
        return in_utc(datetime.fromisoformat(_APART.sub("", text).replace("/", "-")), _zone_of(text, zone))
    except ValueError:
        return None


def _zone_of(text: str, zone: tzinfo) -> tzinfo:
    return UTC if text.endswith(("UTC", "GMT")) else zone


def epoch_time(number: float) -> datetime | None:
    """The moment so many seconds, milli-, micro- or nanoseconds after 1970; None for what no log of this
    century could mean (0.35 is a duration, 7 a count).

    >>> epoch_time(1733681792).isoformat() == epoch_time(1733681792000).isoformat()
    True
    >>> epoch_time(0.35), epoch_time(7), epoch_time(float("nan"))
    (None, None, None)
    """
    for limit, unit in _UNITS:
        if 1e-2 * limit <= number < limit:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=number / unit)
    return None


def access_time(text: str, zone: tzinfo = UTC) -> datetime | None:
    """The moment in an access log's form.

    >>> access_time("08/Dec/2024:23:46:32 +0530").isoformat(), access_time("08/Dek/2024:23:46:32 +0530")
    ('2024-12-08T18:16:32+00:00', None)
    """
    found = _ACCESS.fullmatch(text)
    if found is None or found[2] not in MONTHS:
        return None
    day, _, year, hour, minute, second, sign, ahead, past = found.groups()
    try:
        if sign:
            off = timedelta(hours=int(ahead), minutes=int(past))
            zone = timezone(-off if sign == "-" else off)
        return in_utc(
            datetime(int(year), MONTHS[found[2]], int(day), int(hour), int(minute), int(second), tzinfo=zone),
            zone,
        )
    except ValueError:
        return None


def syslog_time(text: str, now: datetime | None, zone: tzinfo = UTC) -> datetime | None:
    """The moment in syslog's old form, which has no year: the latest that is at most a day after `now`.

    None where `now` is not known: a year is not guessed.

    >>> syslog_time("Dec  8 23:46:32", datetime(2025, 1, 2, tzinfo=UTC)).isoformat()
    '2024-12-08T23:46:32+00:00'
    """
    found = _SYSLOG.fullmatch(text)
    if found is None or now is None or found[1] not in MONTHS:
        return None
    month, day = MONTHS[found[1]], int(found[2])
    hour, minute, second = map(int, found.groups()[2:])
    for year in range(now.year + 1, now.year - 9, -1):  # 29 February comes every fourth or eighth year
        try:
            moment = in_utc(datetime(year, month, day, hour, minute, second, tzinfo=zone), zone)
        except ValueError:
            continue
        if moment is not None and moment <= now + timedelta(days=1):
            return moment
    return None


def klog_time(month_day: str, clock: str, now: datetime | None, zone: tzinfo = UTC) -> datetime | None:
    """The moment in Kubernetes' own form, which has no year either.

    >>> klog_time("1208", "23:46:32", datetime(2025, 1, 2, tzinfo=UTC)).isoformat()
    '2024-12-08T23:46:32+00:00'
    """
    month, day = int(month_day[:2]), int(month_day[2:])
    return syslog_time(f"{_NAMES[month - 1]} {day:2} {clock}", now, zone) if 1 <= month <= 12 else None


def moment_of(value: object, zone: tzinfo = UTC, now: datetime | None = None) -> datetime | None:
    """The moment that the value of a time's field stands for, in any form known here."""
    if isinstance(value, str):
        found = iso_time(value, zone) or access_time(value, zone) or syslog_time(value, now, zone)
        if found is None and value.replace(".", "", 1).isdecimal() and value.isascii() and len(value) < 25:
            return epoch_time(float(value))
        return found
    return epoch_time(value) if type(value) in (int, float) else None  # type: ignore[arg-type]
