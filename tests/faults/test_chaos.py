"""Two hundred kill -9 while slots are evaluated, committed and told: nothing is lost, doubled or made up."""

from __future__ import annotations

import os
import time
from collections import Counter
from datetime import timedelta

import pytest

from drift import Monitor, load_config
from drift.state import State

KILLS = int(os.environ.get("DRIFT_KILLS", "200"))


@pytest.mark.slow
def test_two_hundred_kills_lose_nothing_and_double_no_transition(restless, receiver, tools, capsys):
    config = load_config(restless)
    with Monitor(config, sinks=(), clock=lambda: tools.now, long_lived=True) as monitor:
        monitor.run(tools.first)  # so that all slots since are due
    url = config.state_url()
    replicas, luck = tools.replicas(restless, receiver.port, url), tools.seeded(11)
    at: Counter[str] = Counter()
    began = time.monotonic()
    for _ in range(KILLS):
        pid = replicas.start(lease=0.2, wait=0.2)
        word, times = luck.choice(["evaluate", "commit", "send", "told"]), luck.randint(1, 3)
        replicas.wait_for(pid, "evaluate", 1, seconds=10)  # it waits for the lease of the one before
        replicas.wait_for(pid, word, times, seconds=0.5)
        time.sleep(luck.choice([0, luck.uniform(0, 0.02)]))
        at[replicas.kill(pid)] += 1
    killed = time.monotonic() - began
    with State.open(url) as state:
        after_kills = state.last_slot()
        last = replicas.start(lease=0.2, wait=0.2)
        tools.settle(state)
        replicas.close(last)
        report(state, receiver, at, killed, after_kills, capsys)
        assert state.last_slot() >= tools.now - timedelta(hours=1)
        assert_whole(state, receiver, tools.expected(restless, state.last_slot()), tools)
        with state._database.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    assert sum(at.values()) == KILLS
    assert {"evaluate", "commit", "send", "told"} <= at.keys()


def report(state, receiver, at, seconds, after_kills, capsys) -> None:
    counts = state.outbox.counts()["page"]
    doubles = sum(count - 1 for count in receiver.got.values())
    slots = state.slots(after_kills - timedelta(days=99), after_kills + timedelta(days=99))
    with capsys.disabled():
        print(  # noqa: T201 - the counts are what `make chaos` is run for
            f"\nkill -9: {sum(at.values())} in {seconds:.0f} s, while at {dict(at)}"
            f"\nslots: {len(slots)}, {sum(r.slot <= after_kills for r in slots)} of them between the kills; "
            f"transitions: {len(state.transitions())}"
            f"\nmessages: {counts.sent} marked sent, {counts.waiting} waiting, {counts.dead} dead; "
            f"received: {len(receiver.got)} and {doubles} again with the same key; "
            f"refused or not answered: {receiver.unkind}"
        )


def assert_whole(state, receiver, expected, tools) -> None:
    """The ledger has each slot, the transitions are the replay's, each message arrived."""
    slots = [r.slot for r in state.slots(tools.first, tools.now + timedelta(days=9))]
    assert slots == list(expected.slots)
    assert tools.plain(state.transitions()) == expected.transitions
    counts = state.outbox.counts()["page"]
    assert (counts.waiting, counts.dead) == (0, 0)
    with state._database.engine.connect() as connection:
        marked = {
            key for (key,) in connection.exec_driver_sql("SELECT key FROM outbox WHERE sent IS NOT NULL")
        }
    assert marked == set(
        receiver.got
    )  # nothing marked sent is lost, and nothing was sent that was not decided
    told = Counter(key for keys in receiver.keys.values() for key in keys)
    assert set(told) == expected.keys
    assert set(told.values()) == {1}  # in one message each: a duplicate has the same key
