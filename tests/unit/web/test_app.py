"""What `drift serve` tells anyone who asks: whether it is ready, and not why it is not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import pytest

from drift import Monitor, load_config
from drift.schedule import Schedule
from drift.sinks.prometheus import PrometheusSink
from drift.web.app import make_app

NOW = datetime(2026, 4, 1, 1, 5, 30, tzinfo=UTC)


@pytest.fixture
def schedule(made) -> Schedule:
    made.edit("alerts:", "reports: null\nhistory: null\nalerts:")
    return Schedule(Monitor(load_config(made.config), clock=lambda: NOW), lambda: NOW)


def ask(schedule: Schedule) -> tuple[int, dict[str, object]]:
    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(make_app(schedule, PrometheusSink(), None))
        async with httpx.AsyncClient(transport=transport, base_url="http://drift") as client:
            return await client.get("/readyz")

    answer = asyncio.run(get())
    return answer.status_code, answer.json()


def test_ready_once_a_slot_is_done(schedule):
    assert ask(schedule) == (200, {"status": "ok", "last_slot": None})
    schedule.tick()
    assert ask(schedule) == (200, {"status": "ok", "last_slot": "2026-04-01T01:05:00Z"})


def test_a_slot_that_failed_is_told_without_its_error(schedule, made):
    (made.folder / "data" / "predictions.parquet").unlink()
    schedule.tick()
    status, document = ask(schedule)
    assert status == 503
    assert document == {"status": "failing", "since": "2026-04-01T01:05:00Z"}


def test_a_state_that_cannot_be_read_is_not_ready_and_no_fault_of_the_server(schedule, made):
    state = made.folder / "state"
    state.mkdir()
    (state / "drift.db").write_bytes(b"this is no database" * 100)
    assert ask(schedule) == (503, {"status": "failing", "what": "state"})
