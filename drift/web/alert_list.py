"""All alerts, by the page: filtered by the address, the gravest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from drift.domain import AlertStatus
from drift.errors import ConfigError
from drift.reports.shown import readable
from drift.state_lists import STATUSES, Wanted
from drift.text import printable
from drift.web.alert_lines import STANDING, AlertLine, lines_of
from drift.web.asked import number_of, query_of, query_text
from drift.web.desk import Desk
from drift.web.layout import page

ON_A_PAGE = 50
MOST_PAGES = 100_000
STATES: dict[str, tuple[AlertStatus, ...]] = {
    "": STANDING,
    "all": (),
    **{status.value: (status,) for status in STATUSES},
}
"""What may be asked for as `state`."""
FILTERS = ("state", "rule", "severity", "city", "model_version")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values that a filter may have."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class AlertList:
    """A page of the alerts, what was asked for, and what else there is to ask for."""

    lines: tuple[AlertLine, ...]
    said: str
    filters: tuple[tuple[str, str, tuple[Choice, ...]], ...]
    city: str
    asked: bool
    earlier: str
    later: str


def alerts(desk: Desk) -> Callable[[Request], Response]:
    """The list's handler."""

    def show(request: Request) -> Response:
        asked = query_of(request, (*FILTERS, "page"))
        return page(request, "alerts.html.j2", view=alert_list(desk, asked, desk.now()), forms=True)

    return show


def alert_list(desk: Desk, asked: dict[str, str], now: datetime) -> AlertList:
    """The page that is asked for. Raises `ConfigError` where it cannot be understood."""
    wanted = wanted_of(asked)
    number = number_of(asked.get("page", ""), "page", 1, MOST_PAGES)
    count = desk.state.lists.count(wanted)
    first = (number - 1) * ON_A_PAGE
    lines = lines_of(desk, desk.state.lists.alerts(wanted, ON_A_PAGE, first), now)
    filters = {name: asked.get(name, "") for name in FILTERS}

    def turned(to: int) -> str:
        return query_text({**filters, "page": to if to > 1 else ""}) or "?"

    return AlertList(
        lines=lines,
        said=_said(count, first, len(lines)),
        filters=_choices(desk, filters),
        city=filters["city"],
        asked=any(filters.values()),
        earlier=turned(number - 1) if number > 1 else "",
        later=turned(number + 1) if first + len(lines) < count else "",
    )


def wanted_of(asked: dict[str, str]) -> Wanted:
    """Which alerts are asked for. Raises `ConfigError` for a state that alerts do not have."""
    state = asked.get("state", "")
    if state not in STATES:
        raise ConfigError(f"state: {printable(state)!r} is none of {', '.join(filter(None, STATES))}")
    rest = {name: asked.get(name, "") for name in FILTERS[1:]}
    return Wanted(STATES[state], **rest)


def _said(count: int, first: int, shown: int) -> str:
    if not shown:
        return "No alert is like that." if not count else f"There are only {count:,} of these."
    if shown == count:
        return f"{count:,} {'alert' if count == 1 else 'alerts'}."
    return f"{first + 1:,} to {first + shown:,} of {count:,} alerts."


def _choices(desk: Desk, filters: dict[str, str]) -> tuple[tuple[str, str, tuple[Choice, ...]], ...]:
    lists = desk.state.lists
    states = [
        ("", "firing or pending"),
        *((status.value, status.value) for status in STATUSES),
        ("all", "all"),
    ]
    found = [("state", "State", states)]
    for name, label in (("severity", "Severity"), ("rule", "Rule"), ("model_version", "Model version")):
        values = [(value, readable(value)) for value in lists.values(name) if value]
        found.append((name, label, [("", "any"), *values]))
    return tuple(
        (name, label, tuple(Choice(value, words, filters[name] == value) for value, words in values))
        for name, label, values in found
    )
