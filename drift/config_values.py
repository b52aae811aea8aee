"""The values of the config as people write them, and what each may be: lengths of time, moments, zones.

Every limit is one that a person would meet by a slip of the pen. What is refused is named with what to
write instead.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
LONGEST = timedelta(days=36525)
"""A hundred years: what is longer is a slip, and would leave the calendar."""
YEARS = range(1900, 2201)
"""The years in which a moment of the config or of a command may lie."""
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.ASCII)
POWER_UNITS = ("W", "kW", "MW", "GW", "Wh", "kWh", "MWh", "GWh")


def parse_duration(text: object) -> timedelta:
    """A length of time as people write it: a number and one of s, m (or min), h, d, w.

    >>> parse_duration("90d"), parse_duration("1.5h")
    (datetime.timedelta(days=90), datetime.timedelta(seconds=5400))
    """
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[2] not in _SECONDS:
        raise ValueError(f"{text!r} is no length of time: write a number and a unit of s, m, h, d, w: 24h")
    seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds > LONGEST.total_seconds():
        raise ValueError(
            f"{match[1][:20]}{match[2]} is longer than a hundred years: write a shorter time, such as 90d"
        )
    return timedelta(seconds=seconds)


def format_duration(length: timedelta) -> str:
    """The length as people write it: whole days from three days on, else whole hours, else minutes.

    >>> [format_duration(timedelta(minutes=m)) for m in (90 * 1440, 1440, 90)]
    ['90d', '24h', '90m']
    """
    seconds = length.total_seconds()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if abs(seconds) >= (3 * size if unit == "d" else size) and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:g}s" if seconds else "0h"


def _positive(length: timedelta) -> timedelta:
    if length <= timedelta(0):
        raise ValueError("must be longer than zero")
    return length


def _utc(moment: datetime) -> datetime:
    if moment.year not in YEARS:
        raise ValueError(f"the year {moment.year} is not from {YEARS[0]} to {YEARS[-1]}")
    return moment.astimezone(UTC)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no IANA time zone: write one such as Asia/Kolkata or UTC") from None
    return name


def _unit(name: str) -> str:
    if name not in POWER_UNITS:
        raise ValueError(f"{name!r} is no unit of load: one of {', '.join(POWER_UNITS)}")
    return name


def _host_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,253}|[0-9A-Fa-f:]{2,39}", name):
        raise ValueError(f"{name!r} is no name of a host: write it without http:// and port: drift.example")
    return name


def _minute_or_more(length: timedelta) -> timedelta:
    if length < timedelta(minutes=1):
        raise ValueError("must be a minute or more: slots are evaluated a little after they are due")
    return length


def _cron(line: str) -> str:
    from cronsim import CronSim, CronSimError

    fault = "" if len(line.split()) == 5 else "not five fields"
    try:
        CronSim(line, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        fault = str(error)
    if fault:
        raise ValueError(f"{line!r} is no cron line ({fault}): five fields, such as '5 * * * *'")
    return line


_BUDGET = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:(?:per|a)\s+(?:city-)?year)?\s*", re.ASCII)


def _budget(value: object) -> object:
    """A number, with or without its unit behind it."""
    match = _BUDGET.fullmatch(value) if isinstance(value, str) else None
    return float(match[1]) if match else value


def _country(code: str) -> str:
    if not re.fullmatch(r"[A-Z]{2}", code):
        raise ValueError(f"{code!r} is no ISO 3166 code of a country: write one such as IN or US")
    return code


def _cities(value: object) -> object:
    """Before the union of `all` and a list is tried, whose own words would help no one."""
    if value == "all" or (
        isinstance(value, list | tuple) and value and all(isinstance(c, str) for c in value)
    ):
        return value
    raise ValueError("write `all`, or a list of one city or more, such as [SCL, IDPC]; names are text")


def _each_once(value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    twice = [city for n, city in enumerate(value) if city in value[:n]] if isinstance(value, tuple) else []
    if twice:
        raise ValueError(f"{twice[0]!r} is listed twice")
    return value


def _floor(value: object) -> object:
    try:
        number = None if value == "auto" or isinstance(value, bool) else float(value)  # type: ignore[arg-type]  # any YAML value; what is no number raises
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if value != "auto" and not (number is not None and math.isfinite(number) and number >= 0):
        raise ValueError("write `auto`, or a number of the store's unit, zero or more")
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Length = Annotated[timedelta, BeforeValidator(parse_duration), AfterValidator(_positive)]
Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
Zone = Annotated[str, AfterValidator(_zone)]
Fraction = Annotated[float, Field(ge=0, le=1)]
WaitingTime = Annotated[Duration, AfterValidator(_minute_or_more)]
PowerUnit = Annotated[str, AfterValidator(_unit)]
HostName = Annotated[str, AfterValidator(_host_name)]
OpenFraction = Annotated[float, Field(gt=0, lt=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Budget = Annotated[float, BeforeValidator(_budget), Field(gt=0, le=100, allow_inf_nan=False)]
Country = Annotated[str, AfterValidator(_country)]
Cron = Annotated[str, AfterValidator(_cron)]
Cities = Annotated[Literal["all"] | tuple[str, ...], BeforeValidator(_cities), AfterValidator(_each_once)]
Floor = Annotated[Literal["auto"] | float, BeforeValidator(_floor)]
