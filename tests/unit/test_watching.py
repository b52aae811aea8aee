"""Rounds of watchers by a real state, its outbox and a channel in memory: alerts begin, are told once, go on
after a restart, end, and are forgotten; and one watcher that fails stops no other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from drift.config import Config, parse_config
from drift.config_notify import MONITOR_STALE, NO_DATA
from drift.decisions import Decisions
from drift.domain import Alert, AlertKey, AlertStatus, Threshold, Undefined, Verdict, VerdictStatus
from drift.errors import StateError, WatchError
from drift.notify import Standing
from drift.outbox import Way
from drift.schedule import Schedule
from drift.state import SlotCommit, State
from drift.telemetry.readings import Reading
from drift.telling import Telling
from drift.watching import Round, Watching

START = datetime(2026, 4, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HIGH_LATENCY = {
    "metric": "api_latency_seconds", "threshold": 2.0, "duration": "5m", "severity": "critical", "channels": ["page"],
}  # fmt: skip
ALERTS = {
    "high_latency": HIGH_LATENCY,
    "resource_usage": {"metric": "resource_usage", "threshold": 80.0, "channels": ["page"]},
    "log_ins": {"detector": "failed_auth", "severity": "high", "channels": ["page"]},
}


def config(folder: Path, **sections: object) -> Config:
    content = {
        "store": {"predictions": {"path": "p.parquet"}, "actuals": {"path": "a.parquet"}},
        "channels": {"page": {"url": "json://127.0.0.1:9/"}},
        "alerts": ALERTS,
        "watch": {"logs": {"paths": ["api.log"]}, "forget": "30m"},
        "state": "sqlite:///drift.db",
        **sections,
    }
    return parse_config(content, folder)


@dataclass
class Given:
    """A watcher that reads what it is given, or raises it."""

    name: str = "latency"
    every: timedelta = MINUTE
    found: Sequence[Reading] | Exception = ()
    asked: list[datetime] = field(default_factory=list)

    def readings(self, now: datetime) -> Sequence[Reading]:
        self.asked.append(now)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def close(self) -> None:
        self.asked.clear()


@dataclass
class Pager:
    """A channel in memory."""

    got: list[tuple[str, str, tuple[str | None, ...]]] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)

    def check(self) -> str:
        return "a test"

    def send(self, notice, message) -> None:
        self.got.append((notice.rule, notice.why, tuple(told.key.column for told in notice.alerts)))
        self.titles.append(message.title)

    def close(self) -> None:
        pass


@dataclass
class Desk:
    """One process that watches."""

    watching: Watching
    state: State
    telling: Telling
    now: list[datetime]
    pager: Pager

    def after(self, minutes: float) -> Round:
        """A round so many minutes later, and delivery."""
        self.now[0] += minutes * MINUTE
        done = self.watching.round(self.now[0])
        self.telling.delivery.deliver_due()
        return done

    def alert(self, rule: str) -> Alert:
        (found,) = self.state.alerts([rule]).values()
        return found


Open = Callable[..., Desk]


@pytest.fixture
def desk(tmp_path) -> Open:
    with ExitStack() as stack:
        now = [START]

        def opened(
            *watchers: Given, pager: Pager | None = None, failed: list[str] | None = None, **sections: object
        ) -> Desk:
            made, pager = config(tmp_path, **sections), pager or Pager()
            state = stack.enter_context(State.open(made.state_url()))
            decisions = Decisions(made, ())
            telling = Telling(made, decisions, state, lambda: now[0])
            telling.delivery.ways["page"] = Way(lambda: pager)
            stack.callback(telling.close)
            on_failure = (failed if failed is not None else []).append
            return Desk(Watching(decisions, state, telling, watchers, on_failure), state, telling, now, pager)

        yield opened


def slow(value: float | None = 3.0, column: str = "/predict on api", **more) -> Reading:
    return Reading(
        "api_latency_seconds", value, None if value else Undefined.NO_TRAFFIC, column=column, **more
    )


def test_latency_above_two_seconds_fires_after_five_minutes_is_told_once_and_resolves(desk):
    latency = Given(found=[slow(3.0)])
    page = desk(latency)
    assert [t.after for t in page.after(0).transitions] == [AlertStatus.PENDING]
    for _ in range(4):
        assert page.after(1).transitions == ()
    (began,) = page.after(1).transitions
    assert (began.after, began.reason, began.value, began.threshold.limit) == (
        AlertStatus.FIRING,
        "breach lasted 5m",
        3.0,
        2.0,
    )
    for _ in range(10):
        page.after(1)
    assert page.pager.got == [("high_latency", "began", ("/predict on api",))]
    latency.found = [slow(0.4)]
    (ended,) = page.after(1).transitions
    assert (ended.after, ended.reason) == (AlertStatus.RESOLVED, "within the threshold again")
    assert page.pager.titles == [
        "FIRING critical · /predict on api: 95 % of requests take up to 3 s, limit 2 s",
        "RESOLVED after 16 min · /predict on api: 95 % of requests take no longer than 2 s again",
    ]


def test_usage_above_eighty_percent_fires_for_that_resource_alone(desk):
    found = [
        Reading("resource_usage", 81.0, column="disk web-1:/"),
        Reading("resource_usage", 80.0, column="cpu web-1"),
    ]
    page = desk(Given("resources", found=found))
    done = page.after(0)
    assert [(t.key.column, t.after.value) for t in done.transitions] == [("disk web-1:/", "firing")]
    assert {v.key.column: v.status.value for v in done.verdicts} == {
        "disk web-1:/": "breach",
        "cpu web-1": "ok",
    }


def test_one_slow_minute_is_no_alert(desk):
    latency = Given(found=[slow(3.0)])
    page = desk(latency)
    page.after(0)
    latency.found = [slow(0.4)]
    (ended,) = page.after(1).transitions
    assert (ended.before, ended.after, ended.reason) == (
        AlertStatus.PENDING,
        AlertStatus.OK,
        "breach did not last",
    )
    assert page.pager.got == []


def test_two_endpoints_are_two_alerts_in_one_message(desk):
    page = desk(
        Given(found=[slow(3.0), slow(9.0, "/cities on api")]),
        alerts={"high_latency": HIGH_LATENCY | {"duration": "0s"}},
    )
    page.after(0)
    assert page.pager.titles == [
        "FIRING critical · 2 endpoints: requests take longer than 2 s, worst /cities on api 9 s"
    ]


def test_a_restart_goes_on_where_it_was(desk):
    latency = Given(found=[slow()])
    page = desk(latency)
    page.after(0)
    page.after(4)
    again = desk(latency, pager=page.pager)  # another process on the same state
    (began,) = again.after(1).transitions
    assert began.reason == "breach lasted 5m"
    third = desk(latency, pager=page.pager)
    assert third.after(1).transitions == ()
    assert page.pager.got == [("high_latency", "began", ("/predict on api",))]


def test_two_replicas_tell_once_and_agree(desk):
    """Each reads for itself, and a little later than the other."""
    here, there = Given(found=[slow()]), Given(found=[slow()])
    one = desk(here)
    two = desk(there, pager=one.pager)
    for _ in range(8):
        one.after(0.5)
        two.after(0.5)
    here.found = there.found = [slow(0.1)]
    one.after(0.5)
    two.after(0.5)
    assert [why for _, why, _ in one.pager.got] == ["began", "resolved"]
    assert [t.after.value for t in one.state.transitions()] == ["pending", "firing", "resolved"]


def test_replicas_at_the_same_moment_tell_once(desk):
    one = desk(Given("resources", found=[Reading("resource_usage", 99.0, column="disk web-1:/")]))
    two = desk(
        Given("resources", found=[Reading("resource_usage", 99.0, column="disk web-1:/")]), pager=one.pager
    )
    threads = [threading.Thread(target=each.watching.round, args=(START,)) for each in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one.telling.delivery.deliver_due()
    two.telling.delivery.deliver_due()
    assert len(one.pager.got) == 1
    assert len(one.state.transitions()) == 1


def test_sound_endpoints_write_nothing(desk):
    page = desk(Given(found=[slow(0.2, f"/{n}") for n in range(2000)]))
    for _ in range(3):
        page.after(1)
    assert page.state.alerts() == {}
    assert page.state.transitions() == []


def test_how_bad_it_is_is_kept_up_to_date_while_it_lasts(desk):
    latency = Given(found=[slow(3.0)])
    page = desk(latency)
    page.after(0)
    latency.found = [slow(7.5)]
    page.after(6)
    latency.found = [slow(4.0)]
    page.after(2)
    found = page.alert("high_latency")
    assert (found.value, found.worst, found.seen) == (4.0, 7.5, START + 8 * MINUTE)


def test_what_goes_on_is_told_again_after_a_day(desk):
    page = desk(Given(found=[slow()]))
    page.after(0)
    page.after(5)
    page.after(23 * 60)
    page.after(60)
    assert [why for _, why, _ in page.pager.got] == ["began", "goes on"]


def test_a_silence_holds_back_and_what_fires_then_is_told(desk):
    from drift.silences import new_silence, parse_matchers

    page = desk(Given(found=[slow()]))
    silence = new_silence(
        parse_matchers(["rule=high_latency"]), starts=START, ends=START + 20 * MINUTE, author="me", comment="load test",
        created=START, longest=timedelta(days=1),
    )  # fmt: skip
    page.state.silences.add(silence)
    page.after(0)
    page.after(6)
    assert page.pager.got == []
    page.after(15)
    assert page.pager.got == [("high_latency", "silence ended", ("/predict on api",))]


def test_an_endpoint_that_is_no_more_is_closed_and_says_so(desk):
    latency = Given(found=[slow()])
    page = desk(latency)
    page.after(0)
    page.after(5)
    latency.found = []
    page.after(29)
    assert page.alert("high_latency").status is AlertStatus.FIRING
    page.after(2)
    assert page.pager.titles[-1] == "CLOSED after 36 min · /predict on api: not seen for 31m"


def test_a_prometheus_that_is_away_neither_ends_an_alert_nor_lets_it_be_forgotten(desk):
    latency = Given(found=[slow()])
    page = desk(latency, Given("resources", found=[]))
    page.after(0)
    page.after(5)
    latency.found = WatchError("Prometheus at http://x cannot be reached")
    for _ in range(90):
        page.after(1)
    assert page.alert("high_latency").status is AlertStatus.FIRING
    latency.found = []
    (closed,) = page.after(1).transitions
    assert closed.reason == "not seen for 91m"


def test_a_watcher_is_asked_when_it_is_due_and_not_before(desk):
    often, seldom = Given("latency", MINUTE), Given("resources", 5 * MINUTE)
    page = desk(often, seldom)
    for _ in range(20):  # the process wakes every quarter of a minute
        page.after(0.25)
    assert len(often.asked) == 5
    assert len(seldom.asked) == 1


def test_a_clock_that_was_set_back_stops_nothing(desk):
    latency = Given(found=[slow()])
    page = desk(latency)
    page.after(0)
    page.after(-90)
    assert len(latency.asked) == 2


def test_one_watcher_that_fails_is_told_once_is_counted_and_stops_no_other(desk):
    broken, failed = Given("latency", found=WatchError("Prometheus at http://x is away")), list[str]()
    page = desk(
        broken,
        Given("resources", MINUTE, [Reading("resource_usage", 99.0, column="cpu web-1")]),
        failed=failed,
    )
    with structlog.testing.capture_logs() as said:
        for _ in range(3):
            done = page.after(1)
    assert [(f.stage, f.what, f.message) for f in done.failures] == [
        ("watch", "latency", "Prometheus at http://x is away")
    ]
    assert page.pager.got == [("resource_usage", "began", ("cpu web-1",))]
    assert failed == ["watch"] * 3
    assert [line["watcher"] for line in said if line["event"] == "a watcher cannot read"] == ["latency"]
    with structlog.testing.capture_logs() as said:
        broken.found = []
        page.after(1)
        page.after(1)
    assert [line["event"] for line in said if "watcher" in line] == ["a watcher reads again"]


def test_a_bug_in_a_watcher_is_a_failure_with_its_trace(desk):
    page = desk(Given("latency", found=ZeroDivisionError("division by zero")))
    with structlog.testing.capture_logs() as said:
        done = page.after(0)
    assert done.failures[0].message == "ZeroDivisionError: division by zero"
    assert isinstance(said[0]["exc_info"], ZeroDivisionError)


def test_what_is_known_goes_with_the_alert_and_to_people(desk):
    known = {
        "sentences": ["principal alice: 57 failed log-ins within 5m; the limit is 10."],
        "severity": "critical",
    }
    reading = Reading(
        "failed_auth", 57, column="principal alice", threshold=Threshold(10, "above"), evidence=known
    )
    page = desk(Given("logs", found=[reading]))
    (began,) = page.after(0).transitions
    assert began.evidence["sentences"] == known["sentences"]
    assert page.alert("log_ins").severity == "critical"  # graver than the rule's `high`
    assert page.pager.titles == [
        "FIRING critical · principal alice: 57 failed log-ins within 5m; the limit is 10"
    ]


def test_a_rule_that_was_removed_ends_its_alert(desk):
    resources = Given("resources", MINUTE, [Reading("resource_usage", 99.0, column="cpu web-1")])
    latency = Given("latency", found=[slow()])
    page = desk(resources, latency)
    page.after(0)
    less = desk(latency, alerts={"high_latency": HIGH_LATENCY}, pager=page.pager)
    (closed,) = (t for t in less.after(6).transitions if t.key.rule == "resource_usage")
    assert closed.reason == "the rule was removed"


def test_no_rule_is_no_alert(desk):
    page = desk(Given(found=[slow(99.0)]), alerts={})
    done = page.after(0)
    assert (len(done.readings), done.verdicts, done.alerts) == (1, (), {})


def test_a_monitor_that_is_stale_holds_back_forecasts_and_not_the_platform(desk):
    """A full disk may be why no slot is finished: it is told all the same."""
    page = desk(Given("resources", found=[Reading("resource_usage", 99.0, column="disk web-1:/")]))
    stale = replace(alert_of(MONITOR_STALE), status=AlertStatus.FIRING, episode=1)
    page.state.decide_apart(lambda _: SlotCommit(START, alerts=[stale]), at=START)
    page.after(0)
    assert [rule for rule, _, _ in page.pager.got if rule == "resource_usage"] == ["resource_usage"]


def test_that_a_model_version_answers_says_nothing_of_its_forecasts(tmp_path):
    """`prediction_latency_seconds` of v7 is seen each minute; that v7 was last judged an hour ago stays so."""
    made = config(tmp_path, alerts={"slow_model": {"metric": "prediction_latency_seconds", "threshold": 0.5}})
    decisions = Decisions(made, ())
    watched = replace(alert_of("slow_model"), key=AlertKey("slow_model", "v7", None, None, "api"), seen=START)
    judged = replace(
        alert_of("worse"), key=AlertKey("worse", "v7", None, None, None), seen=START - 60 * MINUTE
    )
    blind = Verdict(judged.key, "accuracy", VerdictStatus.NO_DATA, None, ABOVE, Undefined.NO_PAIRS)
    standing = Standing({each.key: each for each in (watched, judged)})
    made_of = decisions.of_slot(standing, [blind], START, START, cities=[])
    (no_data,) = (each for each in made_of.changed if each.key.rule == NO_DATA)
    assert no_data.value == 1.0, "hours"


def test_a_state_that_is_away_costs_a_round_and_no_more(desk, monkeypatch):
    page = desk(Given("resources", MINUTE, [Reading("resource_usage", 99.0, column="cpu web-1")]))
    with monkeypatch.context() as patch:
        patch.setattr(page.state, "decide_apart", _away)
        with pytest.raises(StateError):
            page.after(0)
    assert [t.after.value for t in page.after(1).transitions] == ["firing"]


def _away(*_: object, **__: object) -> None:
    raise StateError("state sqlite:///drift.db: away")


def test_the_scheduler_makes_the_rounds_and_outlives_those_that_fail(desk):
    """Beside the slots, in a thread of its own: a slot that takes long holds nothing up."""
    page = desk(Given(found=[slow()]))
    rounds, third = [], threading.Event()

    def round_of(now: datetime) -> None:
        rounds.append(now)
        if len(rounds) == 1:
            raise StateError("away")
        if len(rounds) == 2:
            raise ZeroDivisionError
        page.watching.round(now)
        third.set()

    schedule = Schedule(_Idle(), lambda: page.now[0], watch=round_of)
    with structlog.testing.capture_logs() as said:
        for _ in range(3):
            schedule._guarded_watch()
    assert third.is_set()
    assert [line["event"] for line in said if "watched" in line["event"]] == [
        "the platform cannot be watched"
    ] * 2


class _Idle:
    """A monitor that nothing is asked of."""


ABOVE = Threshold(2.0, "above")


def alert_of(rule: str) -> Alert:
    key = AlertKey(rule, "", None, None, None)
    return Alert(key, AlertStatus.OK, START, START, START, 1.0, ABOVE)
