"""What pages are made of: the monitor's config and state, its clock, its gauges, and where reports are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.requests import Request

from drift.config import Config
from drift.messages import Words
from drift.reports.local import two_clocks
from drift.reports.names import page_name
from drift.reports.publish import SLOT
from drift.schedule import Schedule
from drift.state import State
from drift.telling import words_of
from drift.web.attempts import Attempts
from drift.web.session import COOKIE, Session, session_of

if TYPE_CHECKING:
    from drift.sinks.prometheus import PrometheusSink


@dataclass(frozen=True)
class Desk:
    """All that the pages of one `drift serve` share."""

    schedule: Schedule
    gauges: PrometheusSink
    reports: Path | None
    attempts: Attempts

    @property
    def config(self) -> Config:
        """The config."""
        return self.schedule.monitor.config

    @property
    def state(self) -> State:
        """The state. Raises `StateError` where it cannot be opened."""
        return self.schedule.monitor.state

    @property
    def now(self) -> Callable[[], datetime]:
        """The clock."""
        return self.schedule.clock

    @cached_property
    def words(self) -> Words:
        """What of the config sentences about alerts need."""
        return words_of(self.config)

    def clock(self, moment: datetime, city: str | None = None) -> str:
        """The moment on the city's clock, or on that of all cities, with UTC beside it."""
        return two_clocks(moment, self.config.timezone if city is None else self.config.zone_of(city))


def session_in(request: Request, desk: Desk) -> Session | None:
    """Who is logged in."""
    return session_of(request.cookies.get(COOKIE), desk.config.serve.token, desk.now())


def slot_name(slot: datetime) -> str:
    """What names a slot in addresses, as it names the folder of its pages.

    >>> slot_name(datetime(2026, 4, 1, 1, 5, tzinfo=UTC))
    '2026-04-01T01-05Z'
    """
    return slot.astimezone(UTC).strftime(SLOT)


def slot_of(name: str) -> datetime | None:
    """The slot of that name, or of an ISO 8601 time; None where it is none.

    >>> slot_of("2026-04-01T01-05Z") == slot_of("2026-04-01T01:05:00Z"), slot_of("../../etc")
    (True, None)
    """
    try:
        return datetime.strptime(name, SLOT).replace(tzinfo=UTC)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(name)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo is not None else None


def ago(moment: datetime, now: datetime) -> str:
    """How long ago: whole minutes, then hours, then days.

    >>> noon = datetime(2026, 4, 1, 12, tzinfo=UTC)
    >>> [ago(noon.replace(hour=h, minute=m), noon) for h, m in ((11, 58), (9, 0), (12, 0))]
    ['2 min', '3 h', 'less than a minute']
    """
    minutes = round((now - moment).total_seconds() / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return f"{minutes:,} min"
    return f"{minutes / 60:,.0f} h" if minutes < 3 * 1440 else f"{minutes / 1440:,.0f} d"


def city_way(city: str | None) -> str:
    """Where a city's page is, below the first; empty for no city.

    A browser takes `.` and `..` for folders however they are written: those go by the name of their file.

    >>> city_way("New Delhi/North"), city_way("..")
    ('cities/New%20Delhi%2FNorth', 'cities/city-5ec1f7e700f3')
    """
    if city is None:
        return ""
    if city in ("", ".", ".."):
        return f"cities/{page_name(city).removesuffix('.html')}"
    return f"cities/{quote(city, safe='', errors='replace')}"
