"""What waits in the outbox is sent until its channel took it: by which process, when again, and in what order."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift.domain import AlertKey, Threshold
from drift.errors import ChannelError
from drift.fingerprints import fingerprint
from drift.messages import Message
from drift.notices import Notice, Status, Told
from drift.outbox import Delivered, Delivery, Way, wait_before
from drift.state import SlotCommit, State

seeded = random.Random
DAY = datetime(2026, 4, 1, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def told(city: str, episode: int = 1) -> Told:
    key = AlertKey("accuracy", "v1", city, None, None)
    return Told(key, fingerprint(key), episode, "accuracy", 0.7, Threshold(0.85, "below"), DAY)


def notice(*cities: str, channel: str = "page", status: Status = "firing", episode: int = 1) -> Notice:
    why = "began" if status == "firing" else "resolved"
    alerts = tuple(told(city, episode) for city in cities)
    return Notice(channel, status, why, DAY, "accuracy", "v1", "high", alerts)


class Hands:
    """A clock whose hands the test moves."""

    def __init__(self) -> None:
        self.now = DAY

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Receiver:
    """A channel that keeps what it was sent, unless it is told what to answer."""

    name: str = "page"
    answers: list[Exception] = field(default_factory=list)
    got: list[tuple[str, ...]] = field(default_factory=list)
    closed: int = 0

    def check(self) -> str:
        return "a test"

    def send(self, notice: Notice, message: Message) -> None:
        assert message.title == notice.key
        if self.answers:
            raise self.answers.pop(0)
        self.got.append(notice.keys)

    def close(self) -> None:
        self.closed += 1


def away(retry_after: float | None = None) -> ChannelError:
    return ChannelError("page: 503, try later", permanent=False, retry_after=retry_after)


REFUSED = ChannelError("page: 400, no such room: mend the URL", permanent=True)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(f"sqlite:///{tmp_path}/drift.db") as opened:
        yield opened


class Late(random.Random):
    """Draws the longest wait there is."""

    def random(self) -> float:
        return 1.0


def made(state: State, clock: Hands, *receivers: Receiver, rng: random.Random | None = None) -> Delivery:
    ways = {r.name: Way(lambda r=r: r) for r in receivers}  # type: ignore[misc]
    return Delivery(state.outbox, ways, lambda n: Message(n.key, "", "", "", ""), clock, rng or Late())


def put(state: State, *notices: Notice, at: datetime = DAY) -> None:
    state.decide_apart(lambda _: SlotCommit(at, notices=notices), at=at)


def cities(receiver: Receiver) -> list[str]:
    by_name = {told(city).fingerprint: city for city in "ABCDEFGH"}
    return ["".join(by_name[key.split(":")[0]] for key in keys) for keys in receiver.got]


def test_what_is_due_is_sent_once(state):
    clock, page = Hands(), Receiver()
    delivery = made(state, clock, page)
    put(state, notice("A", "B"))
    assert delivery.deliver_due() == Delivered(sent=1)
    assert delivery.deliver_due() == Delivered()
    assert page.got == [notice("A", "B").keys]
    (counts,) = state.outbox.counts().values()
    assert (counts.waiting, counts.sent, counts.dead, counts.oldest) == (0, 1, 0, None)


def test_the_same_notice_decided_twice_waits_once(state):
    put(state, notice("A"))
    put(state, notice("A"), notice("B"))
    assert [letter.notice for letter in state.outbox.letters()] == [notice("A"), notice("B")]


def test_nothing_waits_where_the_decision_came_to_nothing(state):
    def wrong(_: object) -> SlotCommit:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        state.decide_apart(wrong, at=DAY)
    state.decide(DAY, lambda _: SlotCommit(DAY), at=DAY, config_hash="x")
    late = SlotCommit(DAY, notices=[notice("A")])
    assert state.decide(DAY, lambda _: late, at=DAY, config_hash="x") is None
    assert state.outbox.letters() == []


def test_a_failed_send_is_tried_again_after_longer_and_longer_waits(state):
    """The longest waits there are: 10 s, 20 s, 40 s. One second before each, nothing is sent."""
    clock, page = Hands(), Receiver(answers=[away(), away(), away()])
    delivery = made(state, clock, page)
    put(state, notice("A"))
    for seconds in (10, 20, 40):
        assert delivery.deliver_due().retried == 1
        clock.now += timedelta(seconds=seconds - 1)
        assert delivery.deliver_due() == Delivered()
        clock.now += SECOND
    assert delivery.deliver_due().sent == 1
    assert page.got == [notice("A").keys]


@given(attempt=st.integers(1, 10_000), seed=st.integers(0, 2**32))
def test_a_wait_is_never_negative_nor_longer_than_an_hour(attempt, seed):
    assert timedelta(0) <= wait_before(attempt, seeded(seed)) <= HOUR


def test_waits_are_spread_over_all_of_their_span():
    rng = seeded(7)
    waits = [wait_before(4, rng) / (80 * SECOND) for _ in range(2000)]
    assert abs(sum(waits) / len(waits) - 0.5) < 0.03
    assert min(waits) < 0.01
    assert max(waits) > 0.99


def test_retry_after_is_honoured_by_all_of_the_channel_and_by_no_other(state):
    """429, ask me in two minutes: nothing goes there before, neither what waited nor what comes meanwhile."""
    clock, page, sms = Hands(), Receiver(answers=[away(retry_after=120)]), Receiver("sms")
    delivery = made(state, clock, page, sms)
    put(state, notice("A"), notice("B"), notice("A", channel="sms"))
    done = delivery.deliver_due()
    assert (done.sent, done.retried) == (1, 1)
    put(state, notice("C"))
    clock.now += 119 * SECOND
    assert delivery.deliver_due() == Delivered()
    clock.now += SECOND
    assert delivery.deliver_due().sent == 3
    assert sorted(cities(page)) == ["A", "B", "C"]
    assert cities(sms) == ["A"]


@pytest.mark.parametrize("asked", [float("nan"), -5.0, 0.0, float("inf"), 1e9])
def test_a_retry_after_that_makes_no_sense_holds_nothing_up_for_long(state, asked):
    clock, page = Hands(), Receiver(answers=[away(retry_after=asked)])
    delivery = made(state, clock, page)
    put(state, notice("A"))
    delivery.deliver_due()
    clock.now += HOUR
    assert delivery.deliver_due().sent == 1


def test_an_hour_without_a_mail_server_delays_and_loses_nothing(state):
    """SMTP is down for an hour; a notice a minute is decided. All arrive, in their order, within two hours."""
    clock, mail = Hands(), Receiver("email")
    delivery = made(state, clock, mail, rng=seeded(3))
    for minute in range(120):
        clock.now = DAY + minute * MINUTE
        if minute < 60:
            put(state, notice("A", channel="email", episode=minute), at=clock.now)
            mail.answers = [away() for _ in range(100)]
        else:
            mail.answers = []
        delivery.deliver_due()
    assert [int(key.split(":")[1]) for (key,) in mail.got] == list(range(60))


def test_a_message_that_is_refused_for_good_is_a_dead_letter_at_once(state):
    clock, page = Hands(), Receiver(answers=[REFUSED])
    delivery = made(state, clock, page)
    put(state, notice("A"), notice("B"))
    done = delivery.deliver_due()
    assert (done.sent, done.dead) == (1, 1)
    assert [(f.stage, f.what, f.message) for f in done.failures] == [("channel", "page", str(REFUSED))]
    (letter,) = state.outbox.letters(dead=True)
    assert (letter.notice, letter.error, letter.dead) == (notice("A"), str(REFUSED), DAY)
    clock.now += 48 * HOUR
    assert delivery.deliver_due() == Delivered()


def test_after_a_day_a_notice_is_given_up_after_a_last_try(state):
    clock, page = Hands(), Receiver(answers=[away() for _ in range(999)])
    delivery = made(state, clock, page)
    put(state, notice("A"))
    ends = None
    while ends is None and clock.now < DAY + 48 * HOUR:
        if delivery.deliver_due().dead:
            ends = clock.now
        clock.now += MINUTE
    assert ends == DAY + 24 * HOUR
    assert state.outbox.counts()["page"].dead == 1


def test_what_waited_while_no_process_ran_is_tried_before_it_is_given_up(state):
    clock, page = Hands(), Receiver()
    delivery = made(state, clock, page)
    put(state, notice("A"))
    clock.now += timedelta(days=3)
    assert delivery.deliver_due().sent == 1


def test_dead_letters_count_until_a_later_notice_arrives(state):
    clock, page = Hands(), Receiver(answers=[REFUSED, REFUSED])
    delivery = made(state, clock, page)
    put(state, notice("A"), notice("B"))
    delivery.deliver_due()
    assert state.outbox.given_up() == {"page": 2}
    clock.now += SECOND
    put(state, notice("C"), at=clock.now)
    delivery.deliver_due()
    assert state.outbox.given_up() == {}


def test_a_notice_overtakes_no_earlier_one_about_the_same_alert(state):
    """A and B fell together and the send failed. That B is well again waits for it; what is said of C does not."""
    clock, page = Hands(), Receiver(answers=[away()])
    delivery = made(state, clock, page)
    put(state, notice("A", "B"))
    delivery.deliver_due()
    put(state, notice("B", status="resolved"), notice("C"))
    delivery.deliver_due()
    assert cities(page) == ["C"]
    clock.now += MINUTE
    delivery.deliver_due()
    assert cities(page) == ["C", "AB", "B"]


def test_behind_a_dead_letter_nothing_waits_for_ever(state):
    clock, page = Hands(), Receiver(answers=[REFUSED])
    delivery = made(state, clock, page)
    put(state, notice("A"), notice("A", status="resolved"))
    delivery.deliver_due()
    assert [keys[0].rsplit(":", 1)[1] for keys in page.got] == ["resolved"]


def test_one_claims_a_notice_at_a_time_until_its_claim_runs_out(state):
    put(state, notice("A"))
    first = state.outbox.claim("page", "one", DAY, DAY + MINUTE)
    assert first is not None
    assert (first.notice, first.attempts) == (notice("A"), 1)
    assert state.outbox.claim("page", "two", DAY + 59 * SECOND, DAY + HOUR) is None
    assert state.outbox.due(DAY + 59 * SECOND) == ()
    second = state.outbox.claim("page", "two", DAY + MINUTE, DAY + HOUR)
    assert second is not None
    assert second.attempts == 2
    state.outbox.retry(first.id, "one", DAY + HOUR, "too late to say")  # it is the other's now
    state.outbox.give_up(first.id, "one", DAY + HOUR, "too late to say")
    (letter,) = state.outbox.letters()
    assert (letter.due, letter.error) == (DAY, None)
    state.outbox.sent(first.id, DAY + MINUTE)  # that it was sent is true all the same
    assert state.outbox.counts()["page"].sent == 1
    state.outbox.retry(second.id, "two", DAY + HOUR, "no")
    assert state.outbox.letters() == []


def test_two_deliveries_from_one_outbox_send_each_notice_once(state):
    clock, page = Hands(), Receiver()
    both = [made(state, clock, page), made(state, clock, page)]
    put(state, *(notice("A", episode=n) for n in range(40)))
    threads = [threading.Thread(target=delivery.deliver_due) for delivery in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    both[0].deliver_due()
    assert sorted(int(key.split(":")[1]) for (key,) in page.got) == list(range(40))


def test_one_channel_that_hangs_holds_up_no_other(state):
    entered, leave = threading.Event(), threading.Event()

    class Hanging(Receiver):
        def send(self, *_: object) -> None:
            entered.set()
            assert leave.wait(20)

    hanging, sms = Hanging("page"), Receiver("sms")
    delivery = made(state, Hands(), hanging, sms)
    put(state, notice("A"), notice("B"), notice("A", channel="sms"), notice("B", channel="sms"))
    stop = delivery.start()
    try:
        assert entered.wait(10)
        wait_for(lambda: len(sms.got) == 2)
        put(state, notice("C", channel="sms"))
        delivery.wake()
        wait_for(lambda: len(sms.got) == 3)
        assert state.outbox.counts()["page"].waiting == 2
    finally:
        leave.set()
        stop()
    assert (hanging.closed, sms.closed) == (1, 1)
    assert not [thread for thread in threading.enumerate() if "drift delivery" in thread.name]


def wait_for(holds: Callable[[], bool]) -> None:
    for _ in range(400):
        if holds():
            return
        threading.Event().wait(0.025)
    raise AssertionError("it did not come to pass within ten seconds")


def test_no_send_begins_after_the_budget(state):
    slow = Receiver()
    send = slow.send
    slow.send = lambda n, m: (threading.Event().wait(0.15), send(n, m))  # type: ignore[method-assign]
    delivery = made(state, Hands(), slow)
    put(state, *(notice("A", episode=n) for n in range(20)))
    done = delivery.deliver_due(timedelta(seconds=0.4))
    assert 1 <= done.sent <= 4
    assert delivery.deliver_due().sent == 20 - done.sent


def test_a_fault_in_a_channel_is_told_without_what_it_said(state):
    """Another package's error may hold the channel's URL, so only its kind and place are told."""
    clock, page = Hands(), Receiver(answers=[RuntimeError("https://hooks.example/s3cret is bad")])
    delivery = made(state, clock, page)
    put(state, notice("A"), notice("B"))
    done = delivery.deliver_due()
    assert (done.sent, done.retried) == (1, 1)
    (letter,) = state.outbox.letters()
    assert letter.error == done.failures[0].message
    assert letter.error.startswith("page: RuntimeError in test_outbox.py:")
    assert "s3cret" not in letter.error


def test_channels_that_the_config_lost_keep_their_notices_for_a_day(state):
    """Another replica may have a newer config, and the channel."""
    clock = Hands()
    delivery = made(state, clock, Receiver())
    put(state, notice("A", channel="gone"))
    delivery.tidy()
    assert state.outbox.counts()["gone"].waiting == 1
    clock.now += 25 * HOUR
    delivery.tidy()
    (letter,) = state.outbox.letters(dead=True)
    assert letter.error == "the config has no channel of this name any more"


def test_what_is_long_done_is_forgotten_and_what_waits_is_not(state):
    clock, page = Hands(), Receiver(answers=[REFUSED])
    delivery = made(state, clock, page)
    put(state, notice("A"), notice("B"))
    delivery.deliver_due()
    clock.now += timedelta(days=29)
    put(state, notice("C"), at=clock.now)
    delivery.tidy()
    assert state.outbox.counts()["page"].dead == 1
    clock.now += timedelta(days=2)
    delivery.tidy()
    assert state.outbox.letters(dead=True) == []
    assert [letter.notice for letter in state.outbox.letters()] == [notice("C")]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from(["ok", "away", "no"])), max_size=12))
def test_whatever_is_answered_each_notice_is_sent_or_dead_in_its_order(tmp_path_factory, script: Sequence):
    """Of each alert, what arrives is in the order in which it was decided; nothing waits after two days."""
    clock, page = Hands(), Receiver()
    with State.open(f"sqlite:///{tmp_path_factory.mktemp('outbox')}/drift.db") as state:
        delivery = made(state, clock, page, rng=seeded(1))
        for number, (city, answer) in enumerate(script):
            page.answers = {"ok": [], "away": [away()], "no": [replace_error()]}[answer]
            put(state, notice(city, episode=number), at=clock.now)
            delivery.deliver_due()
            clock.now += MINUTE
        page.answers = []
        for _ in range(4):
            clock.now += 12 * HOUR
            delivery.deliver_due()
        counts = state.outbox.counts().get("page")
        assert (counts.waiting if counts else 0) == 0
        assert len(page.got) == len(script) - (counts.dead if counts else 0)
    for city in "ABC":
        numbers = [int(k.split(":")[1]) for (k,) in page.got if k.split(":")[0] == told(city).fingerprint]
        assert numbers == sorted(numbers)


def replace_error() -> ChannelError:
    return ChannelError(str(REFUSED), permanent=True)


def test_a_notice_comes_back_from_the_outbox_as_it_was(state):
    whole = replace(notice("A"), links={"report": "r"}, number=3, why="goes on")
    put(state, whole)
    (letter,) = state.outbox.letters()
    assert letter.notice == whole
    assert letter.key == whole.key
