"""Replicas show the gauges of the latest run, whichever of them made it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from drift import Monitor, load_config
from drift.domain import AlertKey, Threshold
from drift.errors import SinkError, StateError
from drift.fingerprints import fingerprint
from drift.notices import Notice, Told
from drift.state import SlotCommit, State
from drift.web.shared_gauges import ReplicaGauges

SLOT = datetime(2026, 4, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def state(made):
    with State.open(f"sqlite:///{made.folder}/drift.db") as opened:
        yield opened


@pytest.fixture
def run(made, state):
    monitor = Monitor(load_config(made.config), state=state, sinks=())
    return lambda slot=SLOT: monitor.look(slot)


def samples(gauges: ReplicaGauges) -> dict[str, float]:
    families = text_string_to_metric_families(gauges.render().decode())
    return {f"{s.name}{s.labels}": s.value for family in families for s in family.samples}


def test_one_replica_evaluates_and_all_show_the_same_bytes(state, run):
    one, two = ReplicaGauges(state), ReplicaGauges(state)
    assert two.refresh() is None
    one.publish(run())
    assert two.refresh() == SLOT
    one.refresh()
    assert two.render() == one.render()
    assert "model_accuracy{'metric': 'accuracy', 'model_version': 'v1'}" in samples(two)


def test_a_process_that_starts_shows_the_last_run_without_evaluating_it(state, run):
    ReplicaGauges(state).publish(run())
    again = ReplicaGauges(state)
    assert again.refresh() == SLOT
    assert samples(again)["drift_last_success_timestamp_seconds{}"] == SLOT.timestamp()


def test_an_older_slot_that_is_published_late_replaces_nothing(state, run):
    one, two = ReplicaGauges(state), ReplicaGauges(state)
    one.publish(run(SLOT + HOUR))
    two.publish(run(SLOT))
    assert two.refresh() == SLOT + HOUR
    one.publish(run(SLOT))
    assert one.refresh() == SLOT + HOUR


def test_failures_are_each_processs_own(state, run):
    one, two = ReplicaGauges(state), ReplicaGauges(state)
    two.failed("run")
    one.publish(run())
    two.refresh()
    assert samples(two)["drift_failures_total{'stage': 'run'}"] == 1
    assert "drift_failures_total{'stage': 'run'}" not in samples(one)


def test_the_outbox_is_shown_by_every_replica(state):
    key = AlertKey("drop", "v1", "Pune", None, None)
    told = Told(key, fingerprint(key), 1, "accuracy", 0.7, Threshold(0.85, "below"), SLOT)
    waiting = Notice("sms", "firing", "began", SLOT, "drop", "v1", "high", (told,))
    state.decide_apart(lambda _: SlotCommit(SLOT, notices=[waiting]), at=SLOT)
    gauges = ReplicaGauges(state, ("sms", "slack"))
    gauges.refresh()
    found = samples(gauges)
    assert found["drift_outbox_pending{'channel': 'sms'}"] == 1
    assert found["drift_outbox_pending{'channel': 'slack'}"] == 0
    assert found["drift_outbox_dead{'channel': 'sms'}"] == 0
    assert found["drift_outbox_oldest_timestamp_seconds{'channel': 'sms'}"] == SLOT.timestamp()
    claimed = state.outbox.claim("sms", "me", SLOT, SLOT + HOUR)
    state.outbox.give_up(claimed.id, "me", SLOT, "no")
    gauges.refresh()
    assert samples(gauges)["drift_outbox_dead{'channel': 'sms'}"] == 1


def test_an_outbox_that_cannot_be_read_is_not_shown_and_the_run_is(state, run, made):
    gauges = ReplicaGauges(state, ("sms",))
    gauges.publish(run())
    gauges.refresh()
    assert samples(gauges)["drift_outbox_pending{'channel': 'sms'}"] == 0
    state.close()
    (made.folder / "drift.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StateError):
        gauges.refresh()
    found = samples(gauges)
    assert not [name for name in found if name.startswith("drift_outbox")]
    assert found["drift_last_success_timestamp_seconds{}"] == SLOT.timestamp()


def test_gauges_that_cannot_be_written_are_not_shared(state, run, monkeypatch):
    monkeypatch.setattr("drift.sinks.prometheus._gauges", lambda _: {"model_accuracy": {"\ud800": 1.0}})
    with pytest.raises(SinkError, match="no valid text"):
        ReplicaGauges(state).publish(run())
    assert state.gauges() is None
