"""Readings held against rules, and what a round of them can change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.config import RuleConfig
from drift.config_watch import WatchConfig
from drift.detect import Rule, compile_watch_rules
from drift.domain import Alert, AlertKey, AlertStatus, Threshold, Undefined, VerdictStatus
from drift.platform_verdicts import changes, effective, evidence_of, forgotten, judge_readings
from drift.telemetry.readings import Reading

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SLOW = RuleConfig(metric="api_latency_seconds", threshold=2.0, duration=timedelta(minutes=5))


def rules(**alerts: RuleConfig) -> tuple[Rule, ...]:
    return compile_watch_rules(alerts, WatchConfig.model_validate({"logs": {"paths": ["x"]}}))


def latency(value: float | None, column: str = "/a", **more) -> Reading:
    return Reading(
        "api_latency_seconds",
        value,
        None if value is not None else Undefined.NO_TRAFFIC,
        column=column,
        **more,
    )


def alert(status: AlertStatus, column: str = "/a", seen: datetime = NOW, rule: str = "slow") -> Alert:
    key = AlertKey(rule, "", None, None, column)
    return Alert(key, status, seen, seen, seen, 3.0, Threshold(2.0, "above"), episode=1)


@pytest.mark.parametrize(
    ("metric", "threshold", "value", "status"),
    [
        ("api_latency_seconds", 2.0, 2.0, "ok"),  # on the limit is within it
        ("api_latency_seconds", 2.0, 2.001, "breach"),
        ("error_rate", 0.05, 0.051, "breach"),
        ("availability", 0.99, 0.98, "breach"),
        ("availability", 0.99, 1.0, "ok"),
        ("prediction_latency_seconds", 0.5, 0.4, "ok"),
        ("prediction_error_rate", 0.0, 0.01, "breach"),
        ("resource_usage", 80.0, 80.1, "breach"),
        ("resource_usage", 80.0, None, "no_data"),
    ],
)
def test_a_metric_has_the_side_on_which_it_is_wrong(metric, threshold, value, status):
    (verdict,) = judge_readings(
        rules(r=RuleConfig(metric=metric, threshold=threshold)), [Reading(metric, value, column="x")]
    )
    assert verdict.status.value == status


def test_a_rule_looks_at_its_own_metric_and_at_all_of_its_parts():
    found = judge_readings(
        rules(slow=SLOW), [latency(3.0), latency(1.0, "/b"), Reading("error_rate", 1.0, column="/a")]
    )
    assert {verdict.key.column: verdict.status.value for verdict in found} == {"/a": "breach", "/b": "ok"}


def test_a_reading_brings_its_own_limit_where_no_rule_has_one():
    own = Reading("failed_auth", 12.0, column="principal alice", threshold=Threshold(10.0, "above"), n=40)
    (verdict,) = judge_readings(rules(log_ins=RuleConfig(detector="failed_auth")), [own])
    assert (verdict.status, verdict.threshold.limit, verdict.n) == (VerdictStatus.BREACH, 10.0, 40)


def test_what_is_not_known_is_said_with_its_reason():
    (verdict,) = judge_readings(rules(slow=SLOW), [latency(None)])
    assert (verdict.status, verdict.undefined) == (VerdictStatus.NO_DATA, Undefined.NO_TRAFFIC)
    assert verdict.undefined.text == "no requests in the window"


def test_evidence_goes_to_the_alert_that_it_is_about():
    known = {"sentences": ["one in twenty took longer"]}
    found = evidence_of(rules(slow=SLOW), [latency(3.0, evidence=known), latency(1.0, "/b")])
    assert found == {AlertKey("slow", "", None, None, "/a"): known}


@given(st.lists(st.floats(0, 2), max_size=50))
def test_a_fleet_of_sound_endpoints_changes_nothing(values):
    found = judge_readings(rules(slow=SLOW), [latency(v, f"/{n}") for n, v in enumerate(values)])
    assert effective(found, {}) == ()
    assert not changes({}, found, rules(slow=SLOW), NOW)


@pytest.mark.parametrize(
    ("value", "status", "seen", "changed"),
    [
        (3.0, None, None, True),  # a breach begins
        (1.0, None, None, False),
        (3.0, AlertStatus.RESOLVED, NOW - MINUTE, True),  # it begins anew
        (1.0, AlertStatus.RESOLVED, NOW - MINUTE, False),
        (3.0, AlertStatus.PENDING, NOW - MINUTE, False),  # not for long enough yet
        (3.0, AlertStatus.PENDING, NOW - 5 * MINUTE, True),
        (1.0, AlertStatus.PENDING, NOW - MINUTE, True),  # it did not last
        (9.9, AlertStatus.FIRING, NOW - MINUTE, False),  # worse, and known already
        (1.0, AlertStatus.FIRING, NOW - MINUTE, True),
        (None, AlertStatus.FIRING, NOW - MINUTE, False),
    ],
)
def test_only_what_begins_or_ends_is_worth_a_transaction(value, status, seen, changed):
    standing = [] if status is None else [alert(status, seen=seen)]
    found = judge_readings(rules(slow=SLOW), [latency(value)])
    assert changes({each.key: each for each in standing}, found, rules(slow=SLOW), NOW) is changed


def test_quiet_is_noted_although_the_alert_goes_on():
    """Else a rule that keeps firing would never know since when it was quiet."""
    kept = rules(slow=SLOW.model_copy(update={"keep_firing_for": timedelta(minutes=10)}))
    standing = alert(AlertStatus.FIRING, seen=NOW - MINUTE)
    found = judge_readings(kept, [latency(1.0)])
    assert changes({standing.key: standing}, found, kept, NOW)
    known = replace(standing, quiet_since=NOW - MINUTE)
    assert not changes({standing.key: known}, found, kept, NOW)


FORGET = timedelta(minutes=30)


@pytest.mark.parametrize(
    ("readings", "age", "why"),
    [
        ([], 31, "not seen for 31m"),
        ([], 30, "not seen for 30m"),
        ([], 29, None),
        ([latency(None)], 90, "no value for 90m: no requests in the window"),
        ([latency(1.0)], 90, None),  # it is there, and well: the machine ends it
        ([latency(3.0)], 90, None),
        ([replace(latency(None), undefined=Undefined.FIRST_LOOK)], 90, None),  # known at the next look
    ],
)
def test_an_alert_that_has_had_no_value_for_long_is_forgotten(readings, age, why):
    standing = alert(AlertStatus.FIRING, seen=NOW - age * MINUTE)
    found = judge_readings(rules(slow=SLOW), readings)
    gone = forgotten({standing.key: standing}, found, {"slow"}, NOW, FORGET)
    assert gone == ({} if why is None else {standing.key: why})


def test_what_could_not_be_read_is_not_forgotten():
    """A Prometheus that is away says nothing of whether the endpoint is."""
    standing = alert(AlertStatus.FIRING, seen=NOW - 99 * MINUTE)
    assert forgotten({standing.key: standing}, (), {"other"}, NOW, FORGET) == {}


def test_what_rests_needs_no_forgetting():
    standing = alert(AlertStatus.RESOLVED, seen=NOW - 99 * MINUTE)
    assert forgotten({standing.key: standing}, (), {"slow"}, NOW, FORGET) == {}
