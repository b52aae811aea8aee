"""When slots are measured anew, and what that does to alerts: by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from drift import alerts as machine
from drift.detect import Rule
from drift.domain import (
    Alert,
    AlertKey,
    AlertStatus,
    Grid,
    Threshold,
    Verdict,
    VerdictStatus,
)
from drift.revise import REASON, Due, Known, corrected, due
from drift.seen import Entry, Look, Seen, look

DAY = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAN = float("nan")
CITIES = ("Agra", "Pune")


def slots(*actuals: Sequence[Sequence[float]], first: int = 3) -> tuple[list[Entry], Look]:
    """The entries of slots an hour apart that saw these actuals from `DAY` on, and the last one's look."""
    entries: list[Entry] = []
    for k, actual in enumerate(actuals):
        values = np.array(actual, dtype=float)
        seen = Seen(Grid(DAY, HOUR, values.shape[1]), CITIES, values, np.ones(values.shape, np.uint64))
        found = look(entries, seen, DAY + (first + k) * HOUR)
        entries.append(found.entry)
    return entries[:-1], found


def test_nothing_is_due_while_only_new_hours_come() -> None:
    before, last = slots([[1, 2], [3, 4]], [[1, 2, 3], [3, 4, 5]])
    assert due(before, last, HOUR) is None


def test_what_came_late_waits_for_others_and_is_made_up_for_everywhere() -> None:
    late = [[1, NAN], [3, 4]], [[1, 2, NAN], [3, 4, NAN]], [[1, 2, 7, 8], [3, 4, 7, 8]]
    before, last = slots(*late[:2])
    assert due(before, last, 2 * HOUR) is None
    before, last = slots(*late)
    assert due(before, last, 2 * HOUR) is None
    found = due(before, last, HOUR)
    assert found is not None
    assert (found.since, found.cities, found.whole) == (DAY + HOUR, CITIES, True)
    assert found.why["Agra"]["hours"] == 2
    assert found.why["Pune"]["hours"] == 1


def test_what_was_made_up_for_is_not_made_up_for_again() -> None:
    before, last = slots([[1, NAN], [3, 4]], [[1, 2, NAN], [3, 4, NAN]], [[1, 2, 7, 8], [3, 4, 7, 8]])
    before[-1] = replace(before[-1], settled=True)
    assert due(before, last, HOUR) is None


def test_a_value_that_was_used_and_changed_is_made_up_for_at_once_in_its_city() -> None:
    before, last = slots([[1, 2], [3, 4]], [[1, 2, 3], [3, 40, 5]])
    change = {"target_time": "2026-03-01T01:00:00Z", "from": 4.0, "to": 40.0}
    why = {"hours": 1, "first": change["target_time"], "last": change["target_time"], "changes": [change]}
    assert due(before, last, 24 * HOUR) == Due(DAY + HOUR, ("Pune",), False, {"Pune": why})


def test_a_value_that_was_taken_back_is_none_now() -> None:
    before, last = slots([[1, 2], [3, 4]], [[1, 2], [3, NAN]])
    found = due(before, last, 24 * HOUR)
    assert found is not None
    assert found.why["Pune"]["changes"] == [{"target_time": "2026-03-01T01:00:00Z", "from": 4.0, "to": None}]


KEY = AlertKey("drop", "v1", "Pune", None, None)
LIMIT = Threshold(0.85, "below")
WHY = {"Pune": {"hours": 1}}


def rule(duration: timedelta = 0 * HOUR, keep: timedelta = 0 * HOUR) -> Rule:
    return Rule(
        name="drop",
        kind="metric",
        measured="accuracy",
        column=None,
        horizon=None,
        pooled=None,
        threshold=LIMIT,
        duration=duration,
        keep_firing_for=keep,
        severity="high",
        channels=(),
    )


def alert(status: AlertStatus, since: datetime = DAY) -> Alert:
    return Alert(
        KEY, status, since, since, since, 0.8, LIMIT, "high", episode=int(status is AlertStatus.FIRING)
    )


def verdict(value: float) -> Verdict:
    status = VerdictStatus.BREACH if value < LIMIT.limit else VerdictStatus.OK
    return Verdict(KEY, "accuracy", status, value, LIMIT)


def settle(live: Alert, would: Alert, value: float, own: Rule) -> machine.Step:
    """What a slot does where the alert stands as `live`, and would stand as another by what is known."""
    now, before, seen = DAY + 5 * HOUR, {KEY: live}, [verdict(value)]
    after = machine.step(before, seen, [own], now)
    return corrected(after, before, Known({KEY: would}, WHY), seen, [own], now)


def test_an_alert_that_was_wrong_resolves_with_the_reason() -> None:
    after = settle(alert(AlertStatus.FIRING), alert(AlertStatus.OK), 0.9, rule(keep=6 * HOUR))
    (transition,) = after.transitions
    assert (transition.before, transition.after) == (AlertStatus.FIRING, AlertStatus.RESOLVED)
    assert (transition.reason, transition.at) == (REASON, DAY + 5 * HOUR)
    assert transition.evidence == {"revised": {"hours": 1}}
    assert after.alerts[KEY].status is AlertStatus.RESOLVED


def test_an_alert_that_would_fire_anyway_stays() -> None:
    after = settle(alert(AlertStatus.FIRING), alert(AlertStatus.FIRING), 0.9, rule(keep=6 * HOUR))
    assert (after.transitions, after.alerts[KEY].status) == ((), AlertStatus.FIRING)


def test_where_the_present_slot_breaches_the_alert_stays() -> None:
    after = settle(alert(AlertStatus.FIRING), alert(AlertStatus.OK), 0.5, rule())
    assert (after.transitions, after.alerts[KEY].status) == ((), AlertStatus.FIRING)


def test_one_that_ends_by_itself_ends_for_that_reason() -> None:
    (transition,) = settle(alert(AlertStatus.FIRING), alert(AlertStatus.OK), 0.9, rule()).transitions
    assert transition.reason == "within the threshold again"


def test_one_that_would_have_fired_and_did_not_is_not_told_late() -> None:
    after = settle(alert(AlertStatus.OK), alert(AlertStatus.FIRING), 0.9, rule())
    assert (after.transitions, after.alerts[KEY].status) == ((), AlertStatus.OK)


def test_a_breach_that_began_later_than_was_thought_does_not_fire_yet() -> None:
    own = rule(duration=5 * HOUR)
    live, would = alert(AlertStatus.PENDING), alert(AlertStatus.PENDING, DAY + 3 * HOUR)
    assert machine.step({KEY: live}, [verdict(0.5)], [own], DAY + 5 * HOUR).transitions
    after = settle(live, would, 0.5, own)
    assert after.transitions == ()
    assert after.alerts[KEY].status is AlertStatus.PENDING
    assert after.alerts[KEY].since == DAY + 3 * HOUR
    (fires,) = machine.step(after.alerts, [verdict(0.5)], [own], DAY + 8 * HOUR).transitions
    assert fires.after is AlertStatus.FIRING


@pytest.mark.parametrize(
    "known", [Known({}, {}), Known({KEY._replace(city="Agra"): alert(AlertStatus.OK)}, {})]
)
def test_alerts_of_which_nothing_new_is_known_are_left_alone(known: Known) -> None:
    before, seen, own = {KEY: alert(AlertStatus.FIRING)}, [verdict(0.5)], [rule()]
    after = machine.step(before, seen, own, DAY + HOUR)
    assert corrected(after, before, known, seen, own, DAY + HOUR) == after
