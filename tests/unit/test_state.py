from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from importlib import resources
from pathlib import Path

import pytest
import sqlalchemy as sa

from drift.domain import Alert, AlertKey, AlertStatus, Threshold, Transition
from drift.errors import StateError
from drift.migrations import HEAD, REVISIONS, alembic_config
from drift.state import CalibrationRecord, SlotCommit, SlotRecord, State, fingerprint
from drift.state_tables import CALIBRATIONS, METADATA

DAY = datetime(2020, 4, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
YEAR = timedelta(days=365)
KEY = AlertKey("model_accuracy_drop", "v1", "São Paulo", None, None)
LIMIT = Threshold(0.85, "below")


def alert(key: AlertKey = KEY, **changes: object) -> Alert:
    plain = Alert(key, AlertStatus.FIRING, DAY, DAY + HOUR, None, 0.7, LIMIT, "high", 2)
    return replace(plain, **changes)  # type: ignore[arg-type]


def transition(at: datetime = DAY, key: AlertKey = KEY, **changes: object) -> Transition:
    before, after = AlertStatus.PENDING, AlertStatus.FIRING
    plain = Transition(
        at, key, "accuracy", before, after, "held for 1h", 0.7, LIMIT, DAY, 2, "high", {"a": [1]}
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state/drift.db"


@pytest.fixture
def state(url: str) -> Iterator[State]:
    with State.open(url) as opened:
        yield opened


def commit(state: State, *slots: SlotCommit) -> int:
    return state.commit_many(slots, at=DAY + HOUR, config_hash="c0ffee")


def contents(state: State) -> tuple[object, ...]:
    return state.slots(DAY - 999 * HOUR, DAY + 999 * HOUR), state.alerts(), state.transitions()


def test_the_fingerprint_of_a_key_never_changes() -> None:
    assert fingerprint(KEY) == "84c64d61c8dd4d287d3e54544e0a3300c87ca5c21d430116c762dc0c294861d8"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (AlertKey("r", "v", None, None, None), AlertKey("r", "v", "", None, None)),
        (AlertKey("r", "v", "a", None, None), AlertKey("r", "v", None, "a", None)),
        (AlertKey("r,v", "x", None, None, None), AlertKey("r", "v,x", None, None, None)),
        (AlertKey("r", "v", "null", None, None), AlertKey("r", "v", None, None, None)),
        (AlertKey("r", 'v","x', None, None, None), AlertKey("r", "v", "x", None, None)),
    ],
)
def test_no_two_keys_have_one_fingerprint(one: AlertKey, other: AlertKey) -> None:
    assert fingerprint(one) != fingerprint(other)


def test_a_new_state_is_private_and_durable(tmp_path: Path, state: State) -> None:
    commit(state, SlotCommit(DAY))
    files = sorted((tmp_path / "state").iterdir())
    assert [file.name for file in files] == ["drift.db", "drift.db-shm", "drift.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    with state._database.engine.connect() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        found = [connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() for pragma in pragmas]
    assert found == ["wal", 2, 1, 30_000]


def test_an_empty_state_remembers_nothing(state: State) -> None:
    assert (state.slot(DAY), state.last_slot(), contents(state)) == (None, None, ([], {}, []))


def test_what_is_committed_comes_back(state: State, url: str) -> None:
    written = SlotCommit(DAY, (transition(),), (alert(),), failures=3)
    assert state.commit(written, at=DAY + HOUR, config_hash="c0ffee")
    state.close()
    with State.open(url) as again:
        assert again.slot(DAY) == SlotRecord(DAY, "c0ffee", DAY + HOUR, None, 3, 1)
        assert again.alerts() == {KEY: alert()}
        assert again.transitions() == [transition()]
        assert again.last_slot() == DAY


def test_times_come_back_in_utc(state: State) -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    there = (DAY + timedelta(microseconds=7)).astimezone(kolkata)
    commit(state, SlotCommit(there, (transition(there),), (alert(changed=there, seen=there),)))
    record, back = state.slot(there), state.transitions()[0]
    assert record is not None
    assert record.slot == there == back.at
    assert {record.slot.tzinfo, back.at.tzinfo, state.alerts()[KEY].seen.tzinfo} == {UTC}  # type: ignore[union-attr]


def test_evidence_is_kept_as_json(state: State) -> None:
    evidence = {"share": float("nan"), "hours": (1, 2), "since": DAY, "worst": AlertStatus.OK}
    commit(state, SlotCommit(DAY, (transition(evidence=evidence),)))
    kept = {"share": None, "hours": [1, 2], "since": "2020-04-10T00:00:00Z", "worst": "ok"}
    assert state.transitions()[0].evidence == kept


def test_a_slot_committed_twice_changes_nothing(state: State) -> None:
    assert state.commit(SlotCommit(DAY, (transition(),), (alert(),)), at=DAY, config_hash="one")
    before = contents(state)
    other = SlotCommit(DAY, (transition(), transition()), (alert(value=0.1),), failures=9)
    assert not state.commit(other, at=DAY + HOUR, config_hash="two")
    assert contents(state) == before


def test_an_alert_is_replaced_by_its_later_state(state: State) -> None:
    other = alert(KEY._replace(city=None))
    commit(state, SlotCommit(DAY, alerts=(alert(), other)))
    resolved = alert(status=AlertStatus.RESOLVED, changed=DAY + HOUR, seen=DAY + HOUR, value=0.9)
    commit(state, SlotCommit(DAY + HOUR, alerts=(resolved,)))
    assert state.alerts() == {KEY: resolved, other.key: other}


def test_many_slots_are_as_if_committed_one_by_one(tmp_path: Path) -> None:
    slots = [
        SlotCommit(DAY + i * HOUR, (transition(DAY + i * HOUR),) * (i % 3), (alert(value=i / 10),))
        for i in range(9)
    ]
    with State.open(f"sqlite:///{tmp_path}/a.db") as many, State.open(f"sqlite:///{tmp_path}/b.db") as single:
        assert commit(many, *slots) == 9
        assert [commit(single, slot) for slot in slots] == [1] * 9
        assert contents(many) == contents(single)
        assert commit(many, *slots) == 0
        assert contents(many) == contents(single)


def test_of_many_slots_only_the_new_ones_count(state: State) -> None:
    commit(state, SlotCommit(DAY, alerts=(alert(value=0.1),)))
    late = SlotCommit(DAY, (transition(),), (alert(value=0.2),))
    new = SlotCommit(DAY + HOUR, (transition(DAY + HOUR),))
    assert commit(state, late, new, replace(new, transitions=())) == 1
    assert state.alerts()[KEY].value == 0.1
    assert state.transitions() == [transition(DAY + HOUR)]
    assert commit(state) == 0


def test_fifteen_months_of_hours_are_committed_in_seconds(state: State) -> None:
    slots = [
        SlotCommit(DAY + i * HOUR, (transition(DAY + i * HOUR),), tuple(alert() for _ in range(8)))
        for i in range(11_000)
    ]
    started = time.perf_counter()
    assert commit(state, *slots) == 11_000
    assert time.perf_counter() - started < 3


def test_transitions_are_found_by_time_and_alert(state: State) -> None:
    other = KEY._replace(city=None)
    moments = [transition(DAY + i * HOUR, KEY if i % 2 else other) for i in range(6)]
    commit(state, SlotCommit(DAY, tuple(reversed(moments))))
    assert state.transitions() == moments
    assert state.transitions(since=DAY + HOUR, until=DAY + 3 * HOUR) == moments[1:3]
    assert state.transitions(key=other) == moments[::2]
    assert state.transitions(limit=2) == moments[-2:]
    assert state.transitions(key=KEY, until=DAY + 5 * HOUR, limit=1) == [moments[3]]


def test_the_ledger_is_read_by_a_half_open_span(state: State) -> None:
    commit(state, *(SlotCommit(DAY + i * HOUR) for i in (2, 0, 1, 3)))
    found = state.slots(DAY + HOUR, DAY + 3 * HOUR)
    assert [record.slot for record in found] == [DAY + HOUR, DAY + 2 * HOUR]


def test_the_first_publication_stands(state: State) -> None:
    commit(state, SlotCommit(DAY), SlotCommit(DAY + HOUR))
    state.mark_published(DAY, DAY + 2 * HOUR)
    state.mark_published(DAY, DAY + 3 * HOUR)
    published = [record.published_at for record in state.slots(DAY, DAY + 2 * HOUR)]
    assert published == [DAY + 2 * HOUR, None]


def test_a_slot_outside_the_ledger_is_not_published(state: State) -> None:
    with pytest.raises(StateError, match=r"slot 2020-04-10T00:00:00Z is not in the ledger: commit it before"):
        state.mark_published(DAY, DAY)


def test_a_time_without_a_zone_is_refused(state: State) -> None:
    naive = DAY.replace(tzinfo=None)
    with pytest.raises(StateError, match=r"takes no time without a zone: 2020-04-10T00:00:00$"):
        commit(state, SlotCommit(DAY, (transition(naive),)))
    assert contents(state) == ([], {}, [])


def test_a_state_in_memory_serves_a_single_process() -> None:
    with State.open("sqlite://") as state:
        assert commit(state, SlotCommit(DAY)) == 1
        assert state.last_slot() == DAY


def fit(days: int, settings: str = "a") -> CalibrationRecord:
    at = DAY + timedelta(days=days)
    return CalibrationRecord(at, settings, DAY - YEAR, DAY, 3, "own", bytes([days % 256, 0, 255]))


def fits(state: State) -> list[tuple[str, int]]:
    """The settings and the day of each fit that the state has."""
    with state._database.engine.connect() as connection:
        rows = connection.execute(sa.select(CALIBRATIONS.c.settings, CALIBRATIONS.c.made_at))
        return sorted((settings, (made_at - DAY).days) for settings, made_at in rows)


def test_the_latest_fit_of_the_same_settings_is_found_and_none_from_the_future(state: State) -> None:
    for made in (fit(0), fit(91), fit(5, "b")):
        state.keep_calibrations([made], YEAR)
    assert state.calibration("a", DAY + timedelta(days=90)) == fit(0)
    assert state.calibration("a", DAY + timedelta(days=91)) == fit(91)
    assert state.calibration("a", DAY - timedelta(seconds=1)) is None
    assert state.calibration("c", DAY + timedelta(days=91)) is None


def test_a_fit_that_judges_no_slot_of_the_history_any_more_is_let_go(state: State) -> None:
    for day in range(0, 300, 20):
        state.keep_calibrations([fit(day), fit(day, "a:slow")], timedelta(days=70))
    # the newest is of day 280: a slot of day 210 is judged by the fit of day 200
    kept = [200, 220, 240, 260, 280]
    assert fits(state) == [("a", day) for day in kept] + [("a:slow", day) for day in kept]
    for day in range(210, 290):
        found = state.calibration("a", DAY + timedelta(days=day))
        assert found == fit(max(k for k in kept if k <= day))


def test_the_newest_three_fits_stay_however_old_they_are(state: State) -> None:
    for day in (0, 100, 200, 300):
        state.keep_calibrations([fit(day)], timedelta(days=1))
    assert fits(state) == [("a", 100), ("a", 200), ("a", 300)]


def test_a_fit_for_a_slot_of_long_ago_is_there_when_it_was_just_made(state: State) -> None:
    for day in (0, 300, 310, 320, 330):
        state.keep_calibrations([fit(day)], timedelta(days=15))
    state.keep_calibrations([fit(50)], timedelta(days=15))
    assert state.calibration("a", DAY + timedelta(days=50)) == fit(50)
    state.keep_calibrations([fit(340)], timedelta(days=15))
    assert fits(state) == [("a", 320), ("a", 330), ("a", 340)], "the next fit lets go of it"


def test_fits_of_an_earlier_config_are_let_go_once_they_are_old(state: State) -> None:
    for day in (0, 10, 20):
        state.keep_calibrations([fit(day, "b"), fit(day, "b:slow")], timedelta(days=30))
    state.keep_calibrations([fit(45)], timedelta(days=30))
    assert fits(state) == [("a", 45), ("b", 20), ("b:slow", 20)]
    state.keep_calibrations([fit(51)], timedelta(days=30))
    assert fits(state) == [("a", 45), ("a", 51)]


def test_each_kind_is_let_go_by_itself(state: State) -> None:
    """A schema that never changed is written once; fits of other kinds come and go beside it."""
    state.keep_calibrations([fit(0, "schema:c")], timedelta(days=30))
    for day in (0, 30, 60):
        state.keep_calibrations([fit(day, "estimate:c")], timedelta(days=1000))
    for day in range(0, 1000, 100):
        state.keep_calibrations([fit(day)], timedelta(days=30))
    assert state.calibration("schema:c", DAY + timedelta(days=1000)) == fit(0, "schema:c")
    kept = [
        ("a", 700),
        ("a", 800),
        ("a", 900),
        *(("estimate:c", day) for day in (0, 30, 60)),
        ("schema:c", 0),
    ]
    assert fits(state) == kept
    state.keep_calibrations([fit(950, "estimate:d")], timedelta(days=30))
    others = [each for each in kept if not each[0].startswith("estimate")]
    assert fits(state) == sorted([*others, ("estimate:d", 950)]), "an earlier config's, as for detectors"


def test_fits_are_kept_and_let_go_in_one_transaction(state: State) -> None:
    for day in (0, 100, 200):
        state.keep_calibrations([fit(day)], timedelta(days=1))
    broken = replace(fit(300, "a:slow"), series=None)  # type: ignore[arg-type]  # so that the database refuses
    with pytest.raises(StateError, match="keeping a calibration"):
        state.keep_calibrations([fit(300), broken], timedelta(days=1))
    assert fits(state) == [("a", 0), ("a", 100), ("a", 200)]


def test_since_when_an_alert_is_quiet_is_remembered(state: State) -> None:
    quiet = alert(quiet_since=DAY)
    commit(state, SlotCommit(DAY, alerts=[quiet]))
    assert state.alerts()[KEY].quiet_since == DAY


def test_the_schema_of_the_migrations_is_the_schema_of_the_code(state: State) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with state._database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "drift_schema"})
        assert compare_metadata(context, METADATA) == []


def test_an_older_state_gets_the_worst_value_and_keeps_its_alerts(state: State) -> None:
    """Of what fires already it is not known how bad it was; from here on it is."""
    from alembic import command

    commit(state, SlotCommit(DAY, alerts=[alert(worst=0.4)]))
    assert state.alerts()[KEY].worst == 0.4
    with state._database.writer.begin() as connection:
        command.downgrade(alembic_config(connection), "0003")
        command.upgrade(alembic_config(connection), "head")
    assert state.alerts()[KEY] == alert(worst=None)


def test_every_revision_is_known_to_the_code() -> None:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(alembic_config())
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS
    assert scripts.get_current_head() == HEAD


def test_the_migrations_are_shipped_in_the_package() -> None:
    folder = resources.files("drift") / "migrations"
    assert (folder / "script.py.mako").is_file()
    assert (folder / "env.py").is_file()


def test_the_schema_can_be_taken_back_and_made_again(state: State) -> None:
    from alembic import command

    with state._database.writer.begin() as connection:
        command.downgrade(alembic_config(connection), "base")
        assert (
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE name='slots'").scalar() == 0
        )
        command.upgrade(alembic_config(connection), "head")
    assert commit(state, SlotCommit(DAY)) == 1


def test_a_state_at_head_opens_without_alembic(state: State, url: str) -> None:
    del state
    code = (
        "import sys; from drift.state import State; State.open(sys.argv[1]).last_slot(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
    assert not {"alembic", "pandas", "mlflow"} & set(done.stdout.split())


def test_a_state_of_a_newer_drift_is_left_alone(state: State, url: str) -> None:
    with state._database.writer.begin() as connection:
        connection.exec_driver_sql("UPDATE drift_schema SET version_num = '9999'")
    with pytest.raises(
        StateError,
        match=r"drift\.db: its schema 9999 is newer than this drift, .* install the newer drift again",
    ):
        State.open(url)


def test_a_lock_that_is_not_let_go_is_named(state: State, url: str) -> None:
    commit(state, SlotCommit(DAY))
    holder = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with State.open(url, wait=timedelta(milliseconds=50)) as second:
        assert second.last_slot() == DAY  # readers do not wait
        with pytest.raises(
            StateError, match=r"committing slot 2020-04-10T01:00:00Z failed: .*locked.*another process"
        ):
            commit(second, SlotCommit(DAY + HOUR))
        holder.execute("ROLLBACK")
        assert commit(second, SlotCommit(DAY + HOUR)) == 1
    holder.close()


def test_a_state_that_cannot_be_written_is_named(state: State, url: str) -> None:
    commit(state, SlotCommit(DAY))
    file = url.removeprefix("sqlite:///")
    with State.open(f"sqlite:///file:{file}?mode=ro&uri=true") as reader:
        assert reader.last_slot() == DAY
        with pytest.raises(
            StateError, match="readonly database; it cannot be written: make the file and its"
        ):
            commit(reader, SlotCommit(DAY + HOUR))


def test_a_folder_is_no_state(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="see that the path is a file, in a folder this user may write"):
        State.open(f"sqlite:///{tmp_path}")


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StateError, match=r"opening it failed: .*state"):
        State.open(f"sqlite:///{tmp_path}/state/drift.db")


def test_a_url_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(
        StateError, match=r"the URL cannot be read: write sqlite:///state/drift\.db"
    ) as caught:
        State.open("postgresql:s3cret")
    assert "s3cret" not in str(caught.value)


def test_an_unknown_kind_of_database_is_named_without_its_password() -> None:
    with pytest.raises(
        StateError, match=r"no driver for this kind of database .*drift-monitor\[postgres\]"
    ) as caught:
        State.open("orakel://bob:s3cret@host/db?password=s3cret")
    assert "s3cret" not in str(caught.value)
    assert "state orakel://host/db?***: no driver" in str(caught.value)
