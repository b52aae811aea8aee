"""Moments and lengths of time as people write them, on the command line and in the forms of the pages."""

from __future__ import annotations

from datetime import datetime, timedelta

from drift.errors import ConfigError


def moment(text: str, name: str) -> datetime:
    """A moment as people write it: ISO 8601 with a zone.

    Raises:
        ConfigError: it is none; `name` is the option's, or the field's.

    >>> moment("2020-04-10T05:30+05:30", "--from").isoformat()
    '2020-04-10T05:30:00+05:30'
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{name}: {text!r} is no ISO 8601 time: write it like 2020-04-10T00:00Z") from None
    if parsed.tzinfo is None:
        raise ConfigError(
            f"{name}: {text!r} has no time zone: write {parsed.isoformat(timespec='minutes')}Z for UTC"
        )
    return _in_reach(parsed, name)


def _in_reach(moment: datetime, name: str) -> datetime:
    """The moment, when windows around it stay within the calendar."""
    from drift.config_values import YEARS  # what --help does not need is not loaded for it

    if moment.year not in YEARS:
        raise ConfigError(f"{name}: the year {moment.year} is not from {YEARS[0]} to {YEARS[-1]}")
    return moment


def length(text: str, name: str) -> timedelta:
    """A length of time as people write it.

    Raises:
        ConfigError: it is none; `name` is the option's, or the field's.

    >>> length("4h", "--for")
    datetime.timedelta(seconds=14400)
    """
    from drift.config_values import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from None
