"""A real store whose past changes, slot by slot: what is measured anew, told, kept, and made up for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from drift import Monitor, load_config
from drift.document import run_document
from drift.domain import AlertStatus, Run
from drift.errors import SinkError, StoreError
from drift.outbox import Way
from drift.revise import REASON
from drift.sinks.history import read_history

HOUR = timedelta(hours=1)
SLOT = datetime(2026, 3, 27, 5, tzinfo=UTC)
"""A quiet night in the fixture's store."""


class Changing:
    """The fixture's store, in which actuals are changed; it says nothing of when they came."""

    def __init__(self, made: Any) -> None:
        self.made, self.file = made, made.folder / "data" / "actuals.parquet"
        self.honest = pq.read_table(self.file)
        rule = "threshold: 0.85, duration: 1h, severity: high, keep_firing_for: 12h, channels: [page]}"
        made.edit("threshold: 0.85, duration: 1h, severity: high}", rule)
        made.edit("floor_window: 14d", "floor_window: 14d, leave_out_faults: false")
        made.edit("alerts:", "reports: null\nchannels: {page: {url: 'json://127.0.0.1:9/'}}\nalerts:")

    def write(
        self, factor: float | None = None, city: str = "Pune", hour: datetime = SLOT - 2 * HOUR
    ) -> None:
        """The honest values, or those with one that is so many times as much; 0 takes it away."""
        table = self.honest
        if factor is not None:
            there = pc.and_(pc.equal(table["city"], city), pc.equal(table["target_time"], pa.scalar(hour)))
            other = pc.multiply(table["actual"], factor) if factor else pa.nulls(len(table), pa.float64())
            table = table.set_column(2, "actual", pc.if_else(there, other, table["actual"]))
        pq.write_table(table, self.file)

    def monitor(self, **parts: Any) -> Monitor:
        return Monitor(load_config(self.made.config), **parts)


@pytest.fixture
def changing(made: Any) -> Iterator[Changing]:
    return Changing(made)


class Pager:
    name = "page"

    def __init__(self) -> None:
        self.got: list[tuple[str, str, str]] = []

    def check(self) -> str:
        return "a test"

    def send(self, notice: Any, message: Any) -> None:
        self.got += [(notice.status, str(told.key.city), message.text) for told in notice.alerts]

    def close(self) -> None:
        pass


def fired(monitor: Monitor, changing: Changing) -> list[Run]:
    """Three slots, of which the last two saw a value twenty times too high, so that an alert fires."""
    changing.write(hour=SLOT - 2 * HOUR)
    runs = [monitor.run(SLOT - 2 * HOUR)]
    changing.write(20)
    return [*runs, monitor.run(SLOT - HOUR), monitor.run(SLOT)]


def test_an_alert_that_a_revision_proves_wrong_resolves_and_people_are_told_why(changing: Changing) -> None:
    page = Pager()
    with changing.monitor() as monitor:
        monitor.telling.delivery.ways["page"] = Way(lambda: page)
        runs = fired(monitor, changing)
        assert {t.key.city for t in runs[-1].transitions if t.after is AlertStatus.FIRING} == {"Pune"}
        changing.write()
        run = monitor.run(SLOT + HOUR)
        assert run.revised is not None
        assert (list(run.revised.slots), run.revised.cities) == ([SLOT - HOUR, SLOT], ("Pune",))
        assert run_document(run)["revised"] == {"slots": 2, "cities": 1}
        assert {(t.after, t.reason) for t in run.transitions} == {(AlertStatus.RESOLVED, REASON)}
        (why, *_) = [t.evidence["revised"] for t in run.transitions]
        hour = (SLOT - 2 * HOUR).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert (why["hours"], why["first"], why["last"]) == (1, hour, hour)  # type: ignore[index]
        (change,) = why["changes"]  # type: ignore[index]
        assert change["from"] == pytest.approx(20 * change["to"])
    status, city, text = page.got[-1]
    assert (status, city) == ("resolved", "Pune")
    assert "revised: by what is known now it would not fire" in " ".join(text.split())


def test_history_keeps_what_was_said_and_what_is_known(changing: Changing) -> None:
    with changing.monitor() as monitor:
        fired(monitor, changing)
        changing.write()
        monitor.run(SLOT + HOUR)
        clean = monitor.look(SLOT)
    folder = changing.made.folder / "history"

    def accuracy(known: Any) -> dict[str, float]:
        rows = read_history(folder, SLOT, SLOT + HOUR, known).to_pylist()
        return {r["city"]: r["value"] for r in rows if (r["name"], r["model_version"]) == ("accuracy", "v1")}

    wanted = {m.series.city: m.value for m in clean.measurements() if m.name == "accuracy"
              and m.series.model_version == "v1"}  # fmt: skip
    first, latest = accuracy("first"), accuracy("latest")
    assert first["Pune"] < 0.85
    assert latest["Pune"] == wanted["Pune"]
    assert latest["Surat"] == first["Surat"] == wanted["Surat"]


def test_a_replay_cannot_know_what_a_store_does_not_say(changing: Changing) -> None:
    with changing.monitor() as monitor:
        fired(monitor, changing)
        changing.write()
        monitor.run(SLOT + HOUR)
        assert monitor.replay(SLOT - 2 * HOUR, SLOT + HOUR, HOUR).transitions == ()


def test_what_came_late_is_made_up_for_after_a_window(changing: Changing) -> None:
    with changing.monitor() as monitor:
        monitor.run(SLOT - HOUR)
        changing.write(0.0, hour=SLOT - HOUR)
        monitor.run(SLOT)
        changing.write()
        revised = {k: monitor.run(SLOT + k * HOUR).revised for k in range(1, 28)}
    assert {k for k, said in revised.items() if said is not None} == {25}
    said = revised[25]
    assert said is not None
    assert (said.whole, set(said.cities)) == (True, {"Delhi", "Pune", "Surat"})
    assert list(said.slots) == [SLOT + k * HOUR for k in range(25)]


def test_revise_for_nothing_measures_nothing_anew(changing: Changing) -> None:
    changing.made.edit("reference: 14d", "reference: 14d, revise_for: 0h")
    with changing.monitor() as monitor:
        fired(monitor, changing)
        changing.write()
        run = monitor.run(SLOT + HOUR)
        assert (run.revised, run.transitions) == (None, ())
        assert monitor.state.seen(SLOT + HOUR) == []


def test_it_is_published_again_where_it_could_not_be(changing: Changing) -> None:
    class Away:
        name = "history"

        def check(self) -> str:
            return "a test"

        def publish(self, run: Run) -> dict[str, str]:  # noqa: ARG002 - as monitors call it
            raise SinkError("history: away")

    with changing.monitor() as monitor:
        fired(monitor, changing)
    changing.write()
    with changing.monitor(sinks=(Away(),)) as monitor:
        first = monitor.run(SLOT + HOUR)
    with changing.monitor() as monitor:
        again = monitor.run(SLOT + HOUR)
    assert first.revised is not None
    assert again.revised is not None
    assert again.transitions == first.transitions
    files = (changing.made.folder / "history" / "2026-03-27").glob("*~2026-03-27T06-00-00Z.parquet")
    assert len(list(files)) == 2


def test_a_store_that_goes_away_meanwhile_is_a_failure_and_it_is_made_up_for(changing: Changing) -> None:
    with changing.monitor() as monitor:
        fired(monitor, changing)
        changing.write()
        store, span = monitor.store, monitor.store.read

        def read(window: Any, cities: Any) -> Any:
            if list(cities) == ["Pune"]:  # which is what is read once more
                raise StoreError("the table vanished")
            return span(window, cities)

        store.read = read  # type: ignore[method-assign]
        run = monitor.run(SLOT + HOUR)
        assert [(f.stage, f.what, f.message) for f in run.failures] == [
            ("revise", "Pune", "the table vanished")
        ]
        assert run.transitions == ()
        store.read = span  # type: ignore[method-assign]
        settled = [monitor.run(SLOT + k * HOUR).revised for k in range(2, 26)]
        assert [k for k, said in enumerate(settled, 2) if said is not None] == [25]


def test_what_was_seen_is_kept_for_as_long_as_it_is_watched(changing: Changing) -> None:
    changing.made.edit("reference: 14d", "reference: 14d, revise_for: 24h")
    with changing.monitor(sinks=()) as monitor:
        for k in range(30):
            monitor.run(SLOT + k * HOUR)
        entries = monitor.state.seen(SLOT + 30 * HOUR)
    assert [entry.slot for entry in entries] == [SLOT + k * HOUR for k in range(5, 30)]
    assert {len(entry.cell) for entry in entries} == {3}
    assert not any(np.any(entry.late) for entry in entries)
