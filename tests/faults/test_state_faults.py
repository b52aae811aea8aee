"""The state under real faults: killed processes, racing processes, a full disk, damaged files."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drift.domain import AlertKey, AlertStatus, Threshold, Transition
from drift.errors import StateError
from drift.state import SlotCommit, State

DAY = datetime(2020, 4, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)

PRELUDE = """
import json, sys
from datetime import UTC, datetime, timedelta
import sqlalchemy as sa
from drift.domain import Alert, AlertKey, AlertStatus, Threshold, Transition
from drift.state import SlotCommit, State

def slot(number, size=3):
    at = datetime(2020, 4, 10, tzinfo=UTC) + timedelta(hours=number)
    key, limit = AlertKey("rule", "v1", "SCL", None, None), Threshold(0.85, "below")
    firing = AlertStatus.FIRING
    change = Transition(at, key, "accuracy", AlertStatus.OK, firing, "why", number, limit, at, number)
    return SlotCommit(at, (change,) * size, (Alert(key, firing, at, at, at, number, limit, episode=number),))

def commit(number):
    return state.commit(slot(number), at=datetime(2020, 5, 1, tzinfo=UTC), config_hash="c0ffee")

def say(word):
    print(word, flush=True)
"""

STOP_BEFORE_TRANSITIONS = """
def stop(connection, cursor, statement, parameters, context, executemany):
    if statement.startswith("INSERT INTO transitions"):
        say("middle")
        sys.stdin.read()

state = State.open(sys.argv[1])
commit(0)
sa.event.listen(state._database.engine, "before_cursor_execute", stop)
commit(1)
"""

COMMIT_FOR_EVER = """
state = State.open(sys.argv[1])
for number in range(10**9):
    commit(number)
    say(number)
"""

COMMIT_FORTY = """
say("ready")
sys.stdin.readline()
state = State.open(sys.argv[1])
say(json.dumps([commit(number) for number in range(40)]))
"""


def start(code: str, url: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + code, url], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    return line.strip()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def transition(at: datetime, evidence: str = "") -> Transition:
    key = AlertKey("rule", "v1", "SCL", None, None)
    before, after = AlertStatus.OK, AlertStatus.FIRING
    limit = Threshold(0.85, "below")
    return Transition(at, key, "accuracy", before, after, "why", 0.7, limit, at, 1, evidence={"x": evidence})


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/drift.db"


def test_a_commit_killed_in_its_middle_leaves_nothing(url: str) -> None:
    process = start(STOP_BEFORE_TRANSITIONS, url)
    assert heard(process) == "middle"  # the ledger's row and the alerts are written, the transitions are not
    kill(process)
    with State.open(url) as state:
        assert state.last_slot() == DAY
        assert [alert.episode for alert in state.alerts().values()] == [0]
        assert len(state.transitions()) == 3
        assert state.commit(SlotCommit(DAY + HOUR), at=DAY, config_hash="again")


@pytest.mark.parametrize("commits", [1, 7, 23])
def test_a_process_killed_anywhere_leaves_whole_slots(url: str, commits: int) -> None:
    process = start(COMMIT_FOR_EVER, url)
    for number in range(commits):
        assert heard(process) == str(number)
    kill(process)
    with State.open(url) as state:
        slots = state.slots(DAY, DAY + 10**6 * HOUR)
        assert len(slots) >= commits  # what was said to be committed is there
        assert [slot.slot for slot in slots] == [DAY + i * HOUR for i in range(len(slots))]
        assert [t.at for t in state.transitions()] == [slot.slot for slot in slots for _ in range(3)]
        assert [alert.episode for alert in state.alerts().values()] == [len(slots) - 1]


def test_of_racing_processes_exactly_one_commits_a_slot(url: str) -> None:
    processes = [start(COMMIT_FORTY, url) for _ in range(4)]
    assert [heard(process) for process in processes] == ["ready"] * 4
    for process in processes:  # all of them make the file, migrate it, and commit the same slots
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [json.loads(heard(process)) for process in processes]
    errors = [process.communicate()[1] for process in processes]
    assert errors == [""] * 4
    assert [sum(each) for each in zip(*answers, strict=True)] == [1] * 40
    with State.open(url) as state:
        assert len(state.slots(DAY, DAY + 100 * HOUR)) == 40
        assert len(state.transitions()) == 120


def full(state: State) -> None:
    """Commit slots until the disk, or the room that the file may take, is used up."""
    for number in range(1, 10_000):
        at = DAY + number * HOUR
        state.commit(SlotCommit(at, (transition(at, "x" * 20_000),)), at=at, config_hash="c0ffee")


def assert_whole(state: State) -> None:
    slots = [record.slot for record in state.slots(DAY, DAY + 10**5 * HOUR)]
    assert [t.at for t in state.transitions()] == slots
    with state._database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_a_database_without_room_keeps_its_old_state(url: str) -> None:
    with State.open(url) as state:
        state.commit(SlotCommit(DAY, (transition(DAY),)), at=DAY, config_hash="c0ffee")
        with state._database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 60")
        with pytest.raises(
            StateError,
            match=r"disk is full; the disk is full: free some space .* nothing of this was written",
        ):
            full(state)
        assert_whole(state)
        assert state.slot(DAY) is not None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no right to mount a small disk here; the test before this one limits the file instead")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.privilege
def test_a_full_disk_keeps_the_old_state(small_disk: Path) -> None:
    with State.open(f"sqlite:///{small_disk}/drift.db") as state:
        state.commit(SlotCommit(DAY, (transition(DAY),)), at=DAY, config_hash="c0ffee")
        with pytest.raises(StateError, match=r"committing slot .* failed: .*; the disk"):
            full(state)
    with State.open(f"sqlite:///{small_disk}/drift.db") as again:
        assert_whole(again)
        assert again.slot(DAY) is not None


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "drift.db").write_text("city,actual\nSCL,1\n" * 100)
    with pytest.raises(
        StateError, match=r"drift\.db: opening it failed: file is not a database; .*move this one away"
    ):
        State.open(f"sqlite:///{tmp_path}/drift.db")
    assert (tmp_path / "drift.db").read_text().startswith("city,actual")


def test_a_damaged_database_is_named(tmp_path: Path, url: str) -> None:
    with State.open(url) as state:
        for number in range(200):
            at = DAY + number * HOUR
            state.commit(SlotCommit(at, (transition(at, "x" * 500),)), at=at, config_hash="c0ffee")
    file = tmp_path / "drift.db"
    size = file.stat().st_size
    with file.open("r+b") as handle:
        handle.seek(30 * 4096)  # the schema, on the first pages, stays as it was
        handle.write(b"\xff" * (size - 30 * 4096))
    with (
        State.open(url) as state,
        pytest.raises(StateError, match=r"malformed; the file is damaged: move it away"),
    ):
        state.transitions()


def test_a_database_of_another_program_keeps_its_tables(tmp_path: Path, url: str) -> None:
    other = sqlite3.connect(tmp_path / "drift.db")
    other.execute("CREATE TABLE alembic_version (version_num TEXT)")
    other.execute("INSERT INTO alembic_version VALUES ('of MLflow')")
    other.commit()
    with State.open(url) as state:
        assert state.commit(SlotCommit(DAY), at=DAY, config_hash="c0ffee")
    assert other.execute("SELECT version_num FROM alembic_version").fetchall() == [("of MLflow",)]
    other.close()
