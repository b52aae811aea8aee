"""What is posted to an Alertmanager every minute: what it was told to fire, what ended lately, and a watchdog."""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from drift.channels.alertmanager import posted
from drift.domain import AlertKey, Threshold
from drift.errors import ChannelError
from drift.fingerprints import fingerprint
from drift.messages import AlertmanagerAlert, Message, Words
from drift.notices import Notice, Status, Told
from drift.notify import Last
from drift.outbox import Delivery, Way
from drift.standing_alerts import How, StandingAlerts
from drift.state import SlotCommit, State

DAY = datetime(2026, 4, 1, 12, 0, 0, 123456, tzinfo=UTC)
"""Not a whole second: notices keep seconds, the state keeps more."""
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
HOW = How(Words(), 25 * HOUR, 2 * HOUR)


class Hands:
    """A clock whose hands the test moves."""

    def __init__(self) -> None:
        self.now = DAY

    def __call__(self) -> datetime:
        return self.now


class Poster:
    """Keeps what is posted, unless it is away."""

    def __init__(self) -> None:
        self.posts: list[list[AlertmanagerAlert]] = []
        self.away = ""

    def post(self, alerts: Sequence[AlertmanagerAlert]) -> None:
        if self.away:
            raise ChannelError(self.away, permanent=True)
        self.posts.append(list(alerts))

    @property
    def last(self) -> dict[str, str]:
        """The cities of the last post, with when each alert ends; without the watchdog."""
        of_cities = [alert for alert in self.posts[-1] if "city" in alert["labels"]]
        return {alert["labels"]["city"]: alert["endsAt"] for alert in of_cities}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(f"sqlite:///{tmp_path}/drift.db") as opened:
        yield opened


def told(city: str, episode: int = 1) -> Told:
    key = AlertKey("accuracy", "v1", city, None, None)
    return Told(key, fingerprint(key), episode, "accuracy", 0.7, Threshold(0.85, "below"), DAY - HOUR)


def notice(status: Status, *cities: str, at: datetime = DAY, number: int = 0, channel: str = "am") -> Notice:
    why = "resolved" if status == "resolved" else "goes on" if number else "began"
    return Notice(channel, status, why, at, "accuracy", "v1", "high", tuple(map(told, cities)), number)


def decide(state: State, *notices: Notice) -> None:
    """As a slot does: what waits to be sent, and what the channel will have been told."""
    last = [
        Last(told.fingerprint, notice.channel, told.episode, notice.status, notice.number, notice.at)
        for notice in notices
        for told in notice.alerts
    ]
    at = notices[0].at
    state.decide_apart(lambda _: SlotCommit(at, notices=notices, told=last), at=at)


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def poster() -> Poster:
    return Poster()


@pytest.fixture
def standing(state, clock) -> StandingAlerts:
    return StandingAlerts("am", state, clock, lambda: HOW)


def test_what_fires_is_posted_every_minute_with_an_end_that_moves_on(state, clock, poster, standing):
    decide(state, notice("firing", "Pune", "Surat"))
    standing.post(poster)
    assert poster.last == {"Pune": "2026-04-02T13:00:00Z", "Surat": "2026-04-02T13:00:00Z"}
    clock.now += MINUTE - SECOND
    standing.post(poster)
    assert len(poster.posts) == 1
    clock.now += SECOND
    standing.post(poster)
    assert len(poster.posts) == 2
    assert poster.last["Pune"] == "2026-04-02T13:01:00Z"


def test_it_is_the_alert_that_the_notice_was_so_that_it_is_the_same_one_there(state, poster, standing):
    one = notice("firing", "Pune")
    decide(state, one)
    standing.post(poster)
    assert poster.posts == [posted(one, Words(), 25 * HOUR)]


def test_what_ended_is_posted_for_five_minutes_more(state, clock, poster, standing):
    decide(state, notice("firing", "Pune", "Surat"))
    clock.now += HOUR
    decide(state, notice("resolved", "Surat", at=clock.now))
    standing.post(poster)
    assert poster.last == {"Pune": "2026-04-02T14:00:00Z", "Surat": "2026-04-01T13:00:00Z"}
    clock.now += 5 * MINUTE
    standing.post(poster)
    assert set(poster.last) == {"Pune", "Surat"}
    clock.now += MINUTE
    standing.post(poster)
    assert set(poster.last) == {"Pune"}


def test_one_that_fires_again_at_once_stands_once_and_fires(state, clock, poster, standing):
    decide(state, notice("firing", "Pune"))
    clock.now += MINUTE
    decide(state, notice("resolved", "Pune", at=clock.now))
    clock.now += MINUTE
    decide(state, notice("firing", "Pune", at=clock.now, number=1))
    standing.post(poster)
    assert poster.last == {"Pune": "2026-04-02T13:02:00Z"}


def test_a_repeat_brings_its_newer_words(state, clock, poster, standing):
    decide(state, notice("firing", "Pune"))
    standing.post(poster)
    clock.now += 24 * HOUR
    decide(state, notice("firing", "Pune", at=clock.now, number=1))
    standing.post(poster)
    before, after = (post[0]["annotations"] for post in poster.posts)
    assert before["notice"] != after["notice"]
    assert "STILL FIRING" in after["summary"]


def test_what_waits_is_posted_and_what_another_channel_was_told_is_not(state, poster, standing):
    """An Alertmanager that was away has its alerts a minute after it is back, whenever the outbox tries again."""
    decide(state, notice("firing", "Pune"), notice("firing", "Surat", channel="slack"))
    assert state.outbox.counts()["am"].waiting == 1
    standing.post(poster)
    assert set(poster.last) == {"Pune"}


def test_a_process_that_starts_goes_on_where_the_last_one_ended(state, clock, poster):
    decide(state, notice("firing", "Pune"))
    waiting = state.outbox.claim("am", "me", clock.now, clock.now + MINUTE)
    assert waiting is not None
    state.outbox.sent(waiting.id, clock.now)
    clock.now += HOUR
    StandingAlerts("am", state, clock, lambda: HOW).post(poster)
    assert set(poster.last) == {"Pune"}


def test_a_post_that_fails_is_logged_once_made_again_and_no_dead_letter(state, clock, poster, standing):
    decide(state, notice("firing", "Pune"))
    poster.away = "am: nobody there"
    with capture_logs() as logs:
        for _ in range(3):
            standing.post(poster)
            clock.now += MINUTE
        poster.away = ""
        standing.post(poster)
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("what stands cannot be posted", "warning"),
        ("what stands is posted again", "info"),
    ]
    assert set(poster.last) == {"Pune"}
    assert state.outbox.counts()["am"].dead == 0


def test_a_state_that_cannot_be_read_is_a_post_that_fails(state, poster, standing, tmp_path):
    decide(state, notice("firing", "Pune"))
    state.close()
    (tmp_path / "drift.db").write_bytes(b"no database" * 1000)
    with capture_logs() as logs:
        standing.post(poster)
    assert [line["event"] for line in logs] == ["what stands cannot be posted"]
    assert poster.posts == []


def test_a_notice_of_another_version_of_drift_costs_no_other_its_post(state, clock, poster, standing):
    decide(state, notice("firing", "Pune"))
    clock.now += MINUTE
    decide(state, notice("firing", "Surat", at=clock.now))
    with state._database.write("the test") as connection:
        connection.exec_driver_sql("UPDATE outbox SET notice = '{\"alerts\": 7}' WHERE id = 1")
    standing.post(poster)
    assert set(poster.last) == {"Surat"}


def test_the_watchdog_fires_until_the_last_slot_is_too_old(state, clock, poster, standing):
    def watchdogs() -> list[str]:
        standing.post(poster)
        found = [alert for alert in poster.posts[-1] if alert["labels"]["alertname"] == "watchdog"]
        assert all(alert["labels"]["severity"] == "none" for alert in found)
        return [alert["endsAt"] for alert in found]

    assert watchdogs() == []  # there was no slot yet
    state.commit(SlotCommit(DAY), at=DAY, config_hash="x")
    clock.now += MINUTE
    assert watchdogs() == ["2026-04-01T14:00:00Z"]
    clock.now += HOUR
    assert watchdogs() == ["2026-04-01T14:00:00Z"]
    clock.now += HOUR
    assert watchdogs() == []
    state.commit(SlotCommit(clock.now), at=clock.now, config_hash="x")
    clock.now += MINUTE
    assert watchdogs() == ["2026-04-01T16:01:00Z"]


def test_the_watchdog_can_be_turned_off(state, clock, poster):
    state.commit(SlotCommit(DAY), at=DAY, config_hash="x")
    StandingAlerts("am", state, clock, lambda: HOW._replace(stale_after=None)).post(poster)
    assert poster.posts == [[]]


def test_a_clock_that_is_set_back_stops_nothing(state, clock, poster, standing):
    decide(state, notice("firing", "Pune"))
    standing.post(poster)
    clock.now -= HOUR
    standing.post(poster)
    assert len(poster.posts) == 2


def test_the_channels_own_thread_posts_at_once_and_every_minute(state, clock):
    """One thread sends and posts, so that what stood a moment ago is never posted after its end was sent."""
    done: queue.Queue[tuple[str, str]] = queue.Queue()

    class Channel(Poster):
        name = "am"

        def check(self) -> str:
            return "a test"

        def send(self, *_: object) -> None:
            done.put(("sent", threading.current_thread().name))

        def post(self, alerts: Sequence[AlertmanagerAlert]) -> None:
            done.put((f"{len(alerts)} posted", threading.current_thread().name))

        def close(self) -> None:
            """Nothing is kept."""

    channel = Channel()
    standing = StandingAlerts("am", state, clock, lambda: HOW)
    way = Way(lambda: channel, stand=lambda _: standing.post(channel))
    words = Message("", "", "", "", "")
    delivery = Delivery(state.outbox, {"am": way}, lambda _: words, clock, random.SystemRandom())
    decide(state, notice("firing", "Pune"))
    stop = delivery.start()
    assert done.get(timeout=20) == ("sent", "drift delivery am")
    assert done.get(timeout=20) == ("1 posted", "drift delivery am")
    clock.now += MINUTE
    delivery.wake()
    assert done.get(timeout=20) == ("1 posted", "drift delivery am")
    stop()
    assert done.empty()
