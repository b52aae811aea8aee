"""The state's parts around the ledger: what was told, silences, leases, gauges, and the way to this schema."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drift.domain import Alert, AlertKey, AlertStatus, Threshold, Transition
from drift.errors import StateError
from drift.fingerprints import fingerprint
from drift.migrations import alembic_config
from drift.notices import Matcher, Silence
from drift.notify import Last, Standing
from drift.state import SharedGauges, SlotCommit, State

DAY = datetime(2020, 4, 10, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
KEY = AlertKey("model_accuracy_drop", "v1", "Pune", None, None)
LIMIT = Threshold(0.85, "below")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/drift.db"


@pytest.fixture
def state(url: str) -> Iterator[State]:
    with State.open(url) as opened:
        yield opened


def firing(since: datetime = DAY) -> Alert:
    return Alert(KEY, AlertStatus.FIRING, since, since, since, 0.7, LIMIT, "high", 2)


def began(at: datetime = DAY, **evidence: object) -> Transition:
    states = AlertStatus.PENDING, AlertStatus.FIRING
    return Transition(at, KEY, "accuracy", *states, "held", 0.7, LIMIT, at, 2, "high", evidence)


def silence(name: str, starts: datetime, ends: datetime) -> Silence:
    matchers = Matcher("city", "=", "Pune"), Matcher("rule", "=~", "model_.*")
    return Silence(name, matchers, starts, ends, "ana", "works on the meters", starts)


def standing(state: State, at: datetime = DAY) -> Standing:
    seen: list[Standing] = []
    assert state.decide_apart(lambda now: seen.append(now), at=at) is None  # type: ignore[func-returns-value]
    return seen[0]


def last(channel: str, status: str = "firing", number: int = 0) -> Last:
    return Last(fingerprint(KEY), channel, 2, status, number, DAY)  # type: ignore[arg-type]


def test_what_a_channel_was_last_told_is_there_for_the_next_decision(state):
    told = (last("slack"), last("sms"))
    state.commit(SlotCommit(DAY, alerts=(firing(),), told=told), at=DAY, config_hash="x")
    state.commit(SlotCommit(DAY + HOUR, told=(last("slack", number=1),)), at=DAY, config_hash="x")
    assert standing(state).told == {
        (fingerprint(KEY), "slack"): last("slack", number=1),
        (fingerprint(KEY), "sms"): last("sms"),
    }


def test_of_what_was_told_to_be_over_no_decision_hears(state):
    """It is the slot's path: a year of alerts that came and went is not read again each hour."""
    state.commit(SlotCommit(DAY, told=(last("slack", "resolved"),)), at=DAY, config_hash="x")
    assert standing(state).told == {}


def test_a_decision_sees_the_silences_that_hold_and_those_that_ended_while_an_alert_fired(state):
    for name, starts, ends in [
        ("long over", DAY - 9 * HOUR, DAY - 8 * HOUR),
        ("ended", DAY, DAY + HOUR),
        ("holds", DAY, DAY + 9 * HOUR),
        ("to come", DAY + 8 * HOUR, DAY + 10 * HOUR),
    ]:
        state.silences.add(silence(name, starts, ends))
    assert [s.id for s in standing(state, DAY + 2 * HOUR).silences] == ["holds", "to come"]
    state.commit(SlotCommit(DAY, alerts=(firing(),)), at=DAY, config_hash="x")
    assert [s.id for s in standing(state, DAY + 2 * HOUR).silences] == ["ended", "holds", "to come"]


def test_a_decision_finds_how_an_alert_began_with_its_evidence(state):
    early, late = began(DAY, n=1), began(DAY + HOUR, n=2)
    state.commit_many([SlotCommit(t.at, (t,)) for t in (early, late)], at=DAY, config_hash="x")
    found: list[object] = []

    def decision(now: Standing) -> None:
        found.extend([now.began[KEY], list(now.began), KEY._replace(city="Surat") in now.began])

    state.decide_apart(decision, at=DAY)
    assert found == [late, [KEY], False]


def test_what_is_decided_between_slots_is_of_no_slot(state):
    commit = SlotCommit(DAY, (began(),), (firing(),))
    assert state.decide_apart(lambda _: commit, at=DAY) == commit
    assert (state.last_slot(), state.transitions(), state.transitions(slot=DAY)) == (None, [began()], [])
    assert state.alerts() == {KEY: firing()}


def test_alerts_of_some_rules_are_read_alone(state):
    state.commit(SlotCommit(DAY, alerts=(firing(),)), at=DAY, config_hash="x")
    assert (state.alerts([KEY.rule]), state.alerts(["other"])) == ({KEY: firing()}, {})


def test_a_silence_comes_back_as_it_was_and_ends_when_told(state):
    first = silence("a", DAY, DAY + 4 * HOUR)
    state.silences.add(first)
    state.silences.add(silence("b", DAY + 5 * HOUR, DAY + 6 * HOUR))
    assert state.silences.list()[0] == first
    assert state.silences.expire("a", DAY + HOUR)
    assert not state.silences.expire("a", DAY + 2 * HOUR)  # it is over
    assert not state.silences.expire("no such", DAY)
    assert state.silences.expire("b", DAY + HOUR)  # it had not begun
    assert [(s.id, s.ends) for s in state.silences.list()] == [("a", DAY + HOUR), ("b", DAY + 5 * HOUR)]
    assert [s.id for s in state.silences.list(after=DAY + HOUR)] == ["b"]


def test_one_process_at_a_time_has_a_slot(state):
    assert state.leases.claim(DAY, "one", DAY, HOUR) == 1
    assert state.leases.claim(DAY, "two", DAY + HOUR - SECOND, HOUR) is None
    assert state.leases.claim(DAY + HOUR, "two", DAY, HOUR) == 1  # another slot
    assert state.leases.renew(DAY, 1, DAY + 2 * HOUR)
    assert state.leases.claim(DAY, "two", DAY + HOUR, HOUR) is None
    state.leases.release(DAY, 1, DAY + HOUR)
    assert state.leases.claim(DAY, "two", DAY + HOUR, HOUR) == 2


def test_who_lost_its_lease_neither_renews_nor_commits_and_the_other_does(state):
    slow = state.leases.claim(DAY, "slow", DAY, SECOND)
    quick = state.leases.claim(DAY, "quick", DAY + SECOND, HOUR)
    assert (slow, quick) == (1, 2)
    assert not state.leases.renew(DAY, slow, DAY + HOUR)
    state.leases.release(DAY, slow, DAY)  # nothing: it is not its own any more
    with pytest.raises(
        StateError, match=r"slot 2020-04-10T00:00:00Z is no longer held by this process, .*: "
    ):
        state.decide(DAY, lambda _: SlotCommit(DAY), at=DAY, config_hash="x", token=slow)
    assert state.last_slot() is None
    assert state.decide(DAY, lambda _: SlotCommit(DAY), at=DAY + SECOND, config_hash="x", token=quick)


@pytest.mark.parametrize("skew", [-5, 0, 5])
def test_a_clock_that_is_seconds_off_costs_at_most_the_work_done_twice(state, skew):
    """The other's clock is ahead: it takes the slot too early, and commits it. Behind: it waits longer."""
    off = timedelta(seconds=skew)
    mine = state.leases.claim(DAY, "mine", DAY, 3 * SECOND)
    theirs = state.leases.claim(DAY, "theirs", DAY + SECOND + off, 3 * SECOND)
    assert (theirs is not None) is (skew > 2)
    committed = []
    for token, at in ((theirs, DAY + SECOND + off), (mine, DAY + SECOND)):
        if token is not None:
            try:
                commit = state.decide(DAY, lambda _: SlotCommit(DAY), at=at, config_hash="x", token=token)
            except StateError:
                commit = None
            committed.append(commit is not None)
    assert committed.count(True) == 1


def test_a_slot_that_was_committed_can_be_claimed_until_it_is_published(state):
    token = state.leases.claim(DAY, "one", DAY, HOUR)
    state.decide(DAY, lambda _: SlotCommit(DAY), at=DAY, config_hash="x", token=token)
    assert state.leases.claim(DAY, "two", DAY, HOUR) is None  # it is being published
    assert state.leases.claim(DAY, "two", DAY + HOUR, HOUR) == 2  # who did so is gone
    state.mark_published(DAY, DAY + HOUR)
    assert state.leases.claim(DAY, "three", DAY + 9 * HOUR, HOUR) is None
    assert not state.leases.renew(DAY, 2, DAY + 9 * HOUR)


def test_the_gauges_of_the_latest_slot_are_kept_and_no_older_ones(state):
    text = b"model_accuracy 1\n" * 10_000
    assert state.gauges() is None
    state.keep_gauges(SharedGauges(DAY, DAY - HOUR, text))
    state.keep_gauges(SharedGauges(DAY - HOUR, None, b"older"))
    assert state.gauges() == SharedGauges(DAY, DAY - HOUR, text)
    assert state.gauges(after=DAY) is None
    state.keep_gauges(SharedGauges(DAY, DAY, b"the same slot, published again"))
    assert state.gauges() == SharedGauges(DAY, DAY, b"the same slot, published again")


def test_what_an_older_drift_kept_is_there_after_the_migration(state, url):
    """From the schema before: a slot, an alert, a transition; and back, which drops what is of no slot."""
    from alembic import command

    state.commit(SlotCommit(DAY, (began(n=1),), (firing(),)), at=DAY, config_hash="x")
    state.decide_apart(lambda _: SlotCommit(DAY, (began(DAY + HOUR),)), at=DAY)
    with state._database.writer.begin() as connection:
        command.downgrade(alembic_config(connection), "0002")
    state.close()
    with State.open(url) as again:
        assert (again.last_slot(), again.alerts()) == (DAY, {KEY: firing()})
        assert again.transitions() == [began(n=1)]


def test_opening_a_state_of_sqlite_imports_no_other_database_and_no_channel(state, url):
    del state
    code = (
        "import sys; from drift.state import State; State.open(sys.argv[1]).last_slot(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "sqlalchemy.dialects.sqlite" in loaded
    assert not [name for name in loaded if "postgresql" in name or name.startswith("drift.channels")]
