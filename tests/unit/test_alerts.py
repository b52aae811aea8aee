"""The state machine, one commented row a case: a sequence of hourly verdicts, and what it does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.alerts import step
from drift.detect import Rule
from drift.domain import Alert, AlertKey, AlertStatus, Failure, Threshold, Undefined, Verdict, VerdictStatus
from drift.notify import Standing
from drift.state import SlotCommit, State

HOUR = timedelta(hours=1)
START = datetime(2020, 4, 10, tzinfo=UTC)
LIMIT = Threshold(0.85, "below")
KEY = AlertKey("drop", "v1", "Pune", None, None)


def rule(hours: float) -> Rule:
    return Rule("drop", "metric", "accuracy", LIMIT, hours * HOUR, "high", ("log",), False, None, None)


def verdict(letter: str) -> Verdict:
    status, value = {
        "B": (VerdictStatus.BREACH, 0.5),
        "o": (VerdictStatus.OK, 0.95),
        "-": (VerdictStatus.NO_DATA, None),
    }[letter]
    undefined = Undefined.NO_PAIRS if value is None else None
    return Verdict(KEY, "accuracy", status, value, LIMIT, undefined, n=24, coverage=1.0)


def play(letters: str, duration: float = 1):
    """The transitions of a sequence of hourly verdicts as `hour:before>after`, and the alert at the end."""
    alerts: dict[AlertKey, Alert] = {}
    happened = []
    for hour, letter in enumerate(letters):
        after = step(alerts, [verdict(letter)], [rule(duration)], START + hour * HOUR)
        alerts |= after.alerts
        happened += after.transitions
    return happened, alerts.get(KEY)


def short(transitions) -> str:
    return " ".join(f"{(t.at - START) // HOUR}:{t.before.value}>{t.after.value}" for t in transitions)


@pytest.mark.parametrize(
    ("letters", "duration", "expected"),
    [
        ("ooo", 1, ""),  # nothing wrong, nothing said
        ("oB", 1, "1:ok>pending"),  # the first breach waits for the duration
        ("oBB", 1, "1:ok>pending 2:pending>firing"),  # it lasted an hour: fires
        ("oBBBBB", 1, "1:ok>pending 2:pending>firing"),  # fires once, not every slot
        ("oBo", 1, "1:ok>pending 2:pending>ok"),  # it did not last
        ("oBoB", 2, "1:ok>pending 2:pending>ok 3:ok>pending"),  # the clock starts anew
        ("BBBo", 2, "0:ok>pending 2:pending>firing 3:firing>resolved"),
        ("oB", 0, "1:ok>firing"),  # no duration: at once
        ("Bo", 0, "0:ok>firing 1:firing>resolved"),
        ("BoB", 0, "0:ok>firing 1:firing>resolved 2:resolved>firing"),  # a second episode
        ("BBoo", 1, "0:ok>pending 1:pending>firing 2:firing>resolved"),  # resolved is said once
        ("BBoBB", 1, "0:ok>pending 1:pending>firing 2:firing>resolved 3:resolved>pending 4:pending>firing"),
        ("--", 1, ""),  # no data from the start: no alert at all
        ("BB---", 1, "0:ok>pending 1:pending>firing"),  # missing data never resolves
        ("B---", 1, "0:ok>pending"),  # nor does it fire
        ("B-B", 2, "0:ok>pending 2:pending>firing"),  # a gap within a breach does not restart its clock
        ("B-o", 1, "0:ok>pending 2:pending>ok"),
        ("BB-o", 1, "0:ok>pending 1:pending>firing 3:firing>resolved"),
    ],
)
def test_a_sequence_of_verdicts_gives_these_transitions(letters, duration, expected):
    assert short(play(letters, duration)[0]) == expected


def test_a_transition_says_since_when_and_why():
    transitions, alert = play("oBBBo", 2)
    pending, firing, resolved = transitions
    assert pending.reason == "breach began; fires after 2h"
    assert firing.reason == "breach lasted 2h"
    assert resolved.reason == "within the threshold again"
    began = START + HOUR
    assert [t.since for t in transitions] == [began, began, began]
    assert (firing.value, firing.threshold, firing.severity) == (0.5, LIMIT, "high")
    assert firing.evidence == {"n": 24, "coverage": 1.0}
    assert alert is not None
    assert (alert.status, alert.since, alert.value) == (AlertStatus.RESOLVED, START + 4 * HOUR, 0.95)


def test_episodes_are_counted_when_an_alert_fires():
    transitions, alert = play("BoBoB", 0)
    assert [t.episode for t in transitions] == [1, 1, 2, 2, 3]
    assert alert is not None
    assert alert.episode == 3


def test_a_slot_that_is_not_later_changes_nothing():
    alerts = {KEY: play("BB")[1]}
    for hour in (0, 1):
        assert step(alerts, [verdict("o")], [rule(1)], START + hour * HOUR).alerts == {}
    assert short(step(alerts, [verdict("o")], [rule(1)], START + 2 * HOUR).transitions) == "2:firing>resolved"


def test_the_alerts_handed_in_are_left_as_they_are():
    before = {KEY: play("BB")[1]}
    copy = dict(before)
    step(before, [verdict("o")], [rule(1)], START + 5 * HOUR)
    assert before == copy


@given(st.text("Bo-", max_size=40), st.sampled_from([0, 1, 2, 5]))
def test_no_sequence_breaks_the_machine(letters, duration):
    transitions, alert = play(letters, duration)
    statuses = [AlertStatus.OK, *(t.after for t in transitions)]
    # each transition starts where the last one ended, and none goes nowhere
    assert [t.before for t in transitions] == statuses[:-1]
    assert all(t.before is not t.after for t in transitions)
    # slots without data change nothing: the same sequence without them, at the same hours, is the same
    for t in transitions:
        assert letters[(t.at - START) // HOUR] != "-"
        if t.after is AlertStatus.FIRING:
            assert t.at - t.since >= duration * HOUR
            began = (t.since - START) // HOUR
            assert "o" not in letters[began : (t.at - START) // HOUR + 1]  # nothing but breach since
    if alert is not None:
        assert alert.status is statuses[-1]


@given(st.lists(st.one_of(st.none(), st.floats(0.1, 1.0)), max_size=30))
def test_it_remembers_how_bad_it_was_since_the_breach_began(values):
    """Through gaps, quiet hours below the release and the end; a new breach begins anew. Side: below."""
    alerts: dict[AlertKey, Alert] = {}
    breach: list[float] = []
    for hour, value in enumerate(values):
        status = (
            VerdictStatus.NO_DATA
            if value is None
            else VerdictStatus.BREACH
            if value < 0.85
            else VerdictStatus.OK
        )
        seen = replace(verdict("o"), status=status, value=value)
        before = alerts.get(KEY)
        alerts |= step(alerts, [seen], [rule(1)], START + hour * HOUR).alerts
        if status is VerdictStatus.BREACH:
            resting = before is None or before.status in (AlertStatus.OK, AlertStatus.RESOLVED)
            breach = [value] if resting else [*breach, value]
        if KEY in alerts:
            assert alerts[KEY].worst == min(breach, default=None)


@given(st.text("Bo", max_size=30), st.sampled_from([1, 2, 3]))
def test_it_fires_exactly_when_a_breach_has_lasted(letters, duration):
    """The model: a run of breaches fires at its slot number `duration`, counted from zero."""
    fired = {(t.at - START) // HOUR for t in play(letters, duration)[0] if t.after is AlertStatus.FIRING}
    run, expected = 0, set()
    for hour, letter in enumerate(letters):
        run = run + 1 if letter == "B" else 0
        if run == duration + 1:
            expected.add(hour)
    assert fired == expected


# a calibrated score: 1 is the limit, an alarm may end at or below 0.7
SCORE = Threshold(1.0, "above", "calibrated", release=0.7)


def watch(scores, keep_firing_for: float = 0, duration: float = 0):
    """The transitions of hourly scores; None is no data."""
    alerts: dict[AlertKey, Alert] = {}
    happened = []
    detector = Rule(
        "worse", "detector", "drift_score", SCORE, duration * HOUR, "high", ("log",), False, None, None,
        keep_firing_for * HOUR, "profile",
    )  # fmt: skip
    key = AlertKey("worse", "v1", "Pune", None, None)
    for hour, score in enumerate(scores):
        status = (
            VerdictStatus.NO_DATA
            if score is None
            else VerdictStatus.BREACH
            if score > 1
            else VerdictStatus.OK
        )
        seen = Verdict(
            key, "drift_score", status, score, SCORE, Undefined.NO_PAIRS if score is None else None
        )
        after = step(alerts, [seen], [detector], START + hour * HOUR)
        alerts |= after.alerts
        happened += after.transitions
    return short(happened), alerts.get(key)


@pytest.mark.parametrize(
    ("scores", "keep", "expected"),
    [
        ([1.2, 0.9, 0.8, 1.1], 0, "0:ok>firing"),  # between release and limit an alarm goes on: it is one alarm
        ([1.2, 0.7], 0, "0:ok>firing 1:firing>resolved"),  # on the release is quiet
        ([1.2, 0.5, 0.5, 0.5], 3, "0:ok>firing"),  # two hours of quiet are not three
        ([1.2, 0.5, 0.5, 0.5, 0.5], 3, "0:ok>firing 4:firing>resolved"),
        ([1.2, 0.5, 0.5, 0.9, 0.5, 0.5, 0.5], 3, "0:ok>firing"),  # quiet begins anew after 0.9
        ([1.2, 0.5, 1.3, 0.5, 0.5, 0.5], 2, "0:ok>firing 5:firing>resolved"),  # so it does after a breach: no new episode
        ([1.2, 0.5, None, None, 0.5], 3, "0:ok>firing 4:firing>resolved"),  # hours without data belong to the quiet …
        ([1.2, None, None, None, None], 2, "0:ok>firing"),  # … and never end an alarm
        ([0.9, 0.8], 0, ""),  # below the limit nothing begins
    ],
)  # fmt: skip
def test_an_alarm_ends_after_a_quiet_time_below_its_release(scores, keep, expected):
    assert watch(scores, keep)[0] == expected


def test_an_alarm_knows_since_when_it_is_quiet():
    assert watch([1.2, 0.5, 0.6], 9)[1].quiet_since == START + HOUR
    assert watch([1.2, 0.5, 0.8], 9)[1].quiet_since is None
    assert watch([1.2, 0.5, 0.5], 1)[1].quiet_since is None, "a resolved alert is not waiting to be"


def test_the_reason_says_how_long_it_was_quiet():
    alerts: dict[AlertKey, Alert] = {}
    quiet = Rule("drop", "metric", "accuracy", LIMIT, 0 * HOUR, "high", (), False, None, None, 3 * HOUR)
    for hour, letter in enumerate("Boooo"):
        after = step(alerts, [verdict(letter)], [quiet], START + hour * HOUR)
        alerts |= after.alerts
    assert [t.reason for t in after.transitions] == ["quiet for 3h"]


def play_with_restarts(folder, letters: str, one: Rule) -> str:
    """The transitions of hourly verdicts, by a process that ends after every slot: what it knows is the file."""
    happened = []
    for hour, letter in enumerate(letters):
        now = START + hour * HOUR

        def decision(standing: Standing, now=now, letter=letter) -> SlotCommit:
            after = step(standing.alerts, [verdict(letter)], [one], now)
            happened.extend(after.transitions)
            return SlotCommit(now, after.transitions, tuple(after.alerts.values()))

        with State.open(f"sqlite:///{folder}/drift.db") as state:
            state.decide(now, decision, at=now, config_hash="")
    return short(happened)


@pytest.mark.parametrize(
    ("letters", "duration", "keep", "expected"),
    [
        # Prometheus sends a firing alert back to pending when it restarts: here it goes on, and is one episode
        ("BBBBo", 2, 0, "0:ok>pending 2:pending>firing 4:firing>resolved"),
        # a pending alert keeps its clock
        ("BBBB", 3, 0, "0:ok>pending 3:pending>firing"),
        # Prometheus forgets `keep_firing_for` when it restarts, and resolves at once: here it is kept
        ("Bo", 0, 2, "0:ok>firing"),
        ("Booo", 0, 2, "0:ok>firing 3:firing>resolved"),
        # nor does a restart during a gap in the data resolve
        ("B-----", 0, 2, "0:ok>firing"),
        ("Bo---o", 0, 2, "0:ok>firing 5:firing>resolved"),
    ],
)
def test_restarts_change_nothing(tmp_path, letters, duration, keep, expected):
    one = replace(rule(duration), keep_firing_for=keep * HOUR)
    assert play_with_restarts(tmp_path, letters, one) == expected


def test_missing_data_is_told_to_nobody_as_resolved():
    """Prometheus resolves an alert whose series is gone; here no number of slots without data does."""
    transitions, alert = play("B" + "-" * 500, 0)
    assert short(transitions) == "0:ok>firing"
    assert alert is not None
    assert alert.status is AlertStatus.FIRING


def test_one_alert_that_cannot_be_handled_stops_no_other():
    other = replace(verdict("B"), key=KEY._replace(city="Thane"))
    broken = replace(play("B")[1], since=START.replace(tzinfo=None))  # without a zone, as no row should be
    after = step({KEY: broken}, [verdict("B"), other], [rule(0)], START + HOUR)
    assert [t.key.city for t in after.transitions] == ["Thane"]
    assert after.failures == (
        Failure(
            "alerts", "drop v1 Pune", "TypeError: can't subtract offset-naive and offset-aware datetimes"
        ),
    )
    assert KEY not in after.alerts, "it stays as it is"
