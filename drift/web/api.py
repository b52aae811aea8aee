"""The pages' twins for programs: JSON, for reading only."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from drift.alerts_shown import alerts_document, standing_of
from drift.document import Document, to_json
from drift.domain import iso
from drift.errors import ConfigError
from drift.state import SlotRecord
from drift.web.asked import moment_of_slot, number_of, query_of
from drift.web.desk import Desk, slot_name

MOST_SLOTS = 1000
YES = {"": False, "false": False, "true": True}


def api_alerts(desk: Desk) -> Callable[[Request], Response]:
    """The document of `drift alerts list --json`; with `all=true` that of `--all`."""

    def answer(request: Request) -> Response:
        everything = query_of(request, ("all",)).get("all", "")
        if everything not in YES:
            raise ConfigError("all: write true or false")
        standing = standing_of(desk.state, desk.config, desk.now(), everything=YES[everything])
        return _json(alerts_document(standing))

    return answer


def api_slots(desk: Desk) -> Callable[[Request], Response]:
    """The latest lines of the ledger, newest first; `next` asks for those before them."""

    def answer(request: Request) -> Response:
        asked = query_of(request, ("before", "limit"))
        limit = number_of(asked.get("limit") or "100", "limit", 1, MOST_SLOTS)
        before = moment_of_slot(asked.get("before", ""), "before")
        found = desk.state.lists.slots(limit + 1, before)
        more = slot_name(found[limit - 1].slot) if len(found) > limit else None
        return _json({"slots": [slot_document(one) for one in found[:limit]], "next": more})

    return answer


def slot_document(record: SlotRecord) -> Document:
    """A line of the ledger as JSON has it."""
    return {
        "slot": iso(record.slot),
        "config_hash": record.config_hash,
        "committed_at": iso(record.committed_at),
        "published_at": iso(record.published_at) if record.published_at is not None else None,
        "failures": record.failures,
        "transitions": record.transitions,
    }


def _json(document: Document) -> Response:
    return Response(to_json(document), media_type="application/json")
