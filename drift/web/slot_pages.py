"""The slot ledger: when each slot was committed and published, by which config; and one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from drift.alerts_shown import place_of
from drift.domain import Transition
from drift.fingerprints import fingerprint
from drift.messages.figures import figure
from drift.reports.shown import readable
from drift.reports.site import FLEET
from drift.state import SlotRecord
from drift.text import printable
from drift.web.asked import moment_of_slot, number_of, query_of, query_text
from drift.web.desk import Desk, city_way, slot_name, slot_of
from drift.web.layout import page
from drift.web.overview import MOST_FAILURES, failure_line
from drift.web.problems import not_there

ON_A_PAGE = 50
MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class SlotLine:
    """A line of the ledger. `report` is empty where no page of it is kept; `took` is from slot to commit."""

    name: str
    at: str
    committed: str
    took: str
    published: str
    config: str
    other_config: bool
    failures: int
    transitions: int
    report: str


@dataclass(frozen=True, slots=True)
class SlotList:
    """A page of the ledger, newest first."""

    lines: tuple[SlotLine, ...]
    before: str
    earlier: str


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A transition of a slot."""

    fingerprint: str
    rule: str
    city: str
    city_page: str
    model_version: str
    before: str
    after: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class SlotPage:
    """One slot."""

    line: SlotLine
    failed: tuple[str, ...]
    more_failed: int
    changes: tuple[ChangeLine, ...]
    said: str
    earlier: str
    later: str


def slots(desk: Desk) -> Callable[[Request], Response]:
    """The ledger's handler."""

    def show(request: Request) -> Response:
        before = query_of(request, ("before",)).get("before", "")
        found = desk.state.lists.slots(ON_A_PAGE + 1, moment_of_slot(before, "before"))
        lines = lines_of(found, desk.clock, desk.reports)[:ON_A_PAGE]
        more = slot_name(found[ON_A_PAGE - 1].slot) if len(found) > ON_A_PAGE else ""
        view = SlotList(lines, before, query_text({"before": more}))
        return page(request, "slots.html.j2", view=view)

    return show


def lines_of(
    records: Sequence[SlotRecord], clock: Callable[[datetime], str], reports: Path | None
) -> tuple[SlotLine, ...]:
    """The ledger's lines, newest first; each says whether the config is another than of the one before."""
    older = [*records[1:], *records[-1:]]
    return tuple(_line(one, before, clock, reports) for one, before in zip(records, older, strict=True))


def _line(
    record: SlotRecord, before: SlotRecord, clock: Callable[[datetime], str], reports: Path | None
) -> SlotLine:
    name = slot_name(record.slot)
    kept = reports is not None and (reports / name / FLEET).is_file()
    seconds = (record.committed_at - record.slot).total_seconds()
    return SlotLine(
        name=name,
        at=clock(record.slot),
        committed=clock(record.committed_at),
        took=_length(seconds),
        published="not yet" if record.published_at is None else clock(record.published_at),
        config=record.config_hash,
        other_config=record.config_hash != before.config_hash,
        failures=record.failures,
        transitions=record.transitions,
        report=f"reports/{name}/{FLEET}" if kept else "",
    )


def _length(seconds: float) -> str:
    """How long after the slot it was committed.

    >>> _length(31.2), _length(600), _length(90_000), _length(-5)
    ('31 s', '10 min', '25 h', 'before it')
    """
    if seconds < 0:
        return "before it"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.0f} h"


def slot(desk: Desk) -> Callable[[Request], Response]:
    """One slot's handler."""

    def show(request: Request) -> Response:
        number = number_of(query_of(request, ("page",)).get("page", ""), "page", 1, MOST_PAGES)
        given = request.path_params["slot"]
        moment = slot_of(given)
        record = None if moment is None else desk.state.slot(moment)
        if record is None:
            raise not_there(
                f"The ledger has no slot {printable(given, 40)}.", "See the slots that it has.", "slots"
            )
        return page(request, "slot.html.j2", view=slot_page(desk, record, number))

    return show


def slot_page(desk: Desk, record: SlotRecord, number: int) -> SlotPage:
    """A slot with a page of its transitions."""
    first = (number - 1) * ON_A_PAGE
    steps = desk.state.lists.transitions_of(record.slot, ON_A_PAGE, first)
    before = desk.state.lists.slots(1, record.slot) or [record]
    failed = desk.schedule.failed.get(record.slot, ())
    last = first + len(steps)
    whole = not first and last == record.transitions
    return SlotPage(
        line=_line(record, before[0], desk.clock, desk.reports),
        failed=tuple(failure_line(one) for one in failed[:MOST_FAILURES]),
        more_failed=max(max(record.failures, len(failed)) - len(failed[:MOST_FAILURES]), 0),
        changes=tuple(_change(desk, step) for step in steps),
        said="" if whole or not steps else f"{first + 1:,} to {last:,} of {record.transitions:,}.",
        earlier=query_text({"page": number - 1}) if number > 1 else "",
        later=query_text({"page": number + 1}) if last < record.transitions else "",
    )


def _change(desk: Desk, step: Transition) -> ChangeLine:
    key = step.key
    return ChangeLine(
        fingerprint=fingerprint(key),
        rule=readable(key.rule),
        city=readable(place_of(key)),
        city_page=city_way(key.city),
        model_version=readable(key.model_version),
        before=step.before.value,
        after=step.after.value,
        value=figure(step.name, step.value, desk.words.unit),
        reason=readable(step.reason, 200),
    )
