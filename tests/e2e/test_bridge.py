"""Alertmanager and drift, both ways, all of it real and on loopback: an Alertmanager with the exported config pages by SMS
through drift's bridge; and one that is killed and started again is told by drift what stands.
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml

from drift import Monitor, load_config
from drift.channels.alertmanager import AlertmanagerChannel
from drift.config_channels import ChannelConfig
from drift.domain import AlertKey, Threshold
from drift.exports import Receivers
from drift.exports import alertmanager as exported
from drift.fingerprints import fingerprint
from drift.messages import Message, Words, message_of
from drift.notices import Notice, Status, Told
from drift.notify import Last
from drift.outbox import Delivery, Way
from drift.schedule import Schedule
from drift.sinks.prometheus import PrometheusSink
from drift.standing_alerts import How, StandingAlerts
from drift.state import SlotCommit, State
from drift.web.app import make_app

from .receivers import Receiver, alertmanager, needs_alertmanager, receiving

pytestmark = needs_alertmanager
TOKEN = "canary-0123456789abcdef"  # noqa: S105 - a made-up one
MINUTE = timedelta(minutes=1)
RULE = "model_accuracy_drop"


def tell(url: str, *alerts: dict[str, Any]) -> None:
    """Post alerts to the Alertmanager, as Prometheus does."""
    assert ask(url, "POST", json.dumps(alerts))[0] == 200


def ask(url: str, method: str, content: str = "") -> tuple[int, Any]:
    with closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)) as connection:
        connection.request(method, "/api/v2/alerts", content, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if body.startswith(b"[") else None


def alert(city: str, rule: str = RULE, **more: str) -> dict[str, Any]:
    labels = {"alertname": rule, "city": city, "model_version": "v1", "severity": "high"}
    return {"labels": labels, "annotations": {"summary": f"{city} · v1: Accuracy is 80%"}} | more


@contextmanager
def served(monitor: Monitor) -> Iterator[str]:
    """drift's pages on a port of their own, with delivery at work."""
    app = make_app(Schedule(monitor, monitor.clock), PrometheusSink(), None)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        stop_delivery = monitor.telling.delivery.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/api/bridge/alertmanager"
        finally:
            server.should_exit = True
            thread.join()
            stop_delivery()


@pytest.fixture
def phone() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def monitor(made, phone: Receiver) -> Iterator[Monitor]:
    made.edit("severity: high}", "severity: high, channels: [sms]}")
    channels = f'channels: {{sms: {{url: "json://{phone.place}", form: sms}}}}'
    made.edit("alerts:", f"serve: {{token: {TOKEN}}}\n{channels}\nalerts:")
    with Monitor(load_config(made.config), sinks=()) as opened:
        yield opened


def routes(monitor: Monitor, bridge: str, folder: Path) -> str:
    """What is exported, its waits cut from minutes to a second."""
    (folder / "drift_token").write_text(f"{TOKEN}\n")
    document = yaml.safe_load(exported(monitor.config, Receivers(str(folder), bridge)))
    for route in (document["route"], *document["route"]["routes"]):
        route |= {"group_wait": "100ms", "group_interval": "1s"}
    return yaml.safe_dump(document).replace("%", "%%") + "# %s\n"


def texts(monitor: Monitor) -> list[tuple[str, str | None]]:
    """What the outbox holds and held, by why and city."""
    with monitor.state._database.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT notice FROM outbox ORDER BY id").scalars()
        notices = [json.loads(row) for row in found]
    return [(notice["why"], told["key"][2]) for notice in notices for told in notice["alerts"]]


def test_alertmanager_pages_by_sms_through_drift_once_even_when_it_is_killed(monitor, phone, tmp_path):
    folder = tmp_path / "alertmanager"
    folder.mkdir()
    began = datetime.now(UTC).isoformat()
    with served(monitor) as bridge:
        config = routes(monitor, bridge, folder)
        with alertmanager(folder, phone, config) as url:
            tell(url, alert("Pune", startsAt=began))
            page = phone.next()
            assert "FIRING high" in page.json["message"]
            assert len(page.json["message"]) <= 160
            assert page.headers["Idempotency-Key"]
        # it forgot whom it told: what is still so is posted again, and it sends that again
        with alertmanager(folder, phone, config) as url:
            tell(url, alert("Pune", startsAt=began), alert("Surat", startsAt=began))
            phone.next()
            ended = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
            tell(
                url, alert("Pune", startsAt=began, endsAt=ended), alert("Surat", startsAt=began, endsAt=ended)
            )
            assert "FIRING" not in phone.next().json["message"]
    assert sorted(texts(monitor)) == [
        ("began", "Pune"), ("began", "Surat"), ("resolved", "Pune"), ("resolved", "Surat"),
    ]  # fmt: skip
    assert phone.received.empty()


def test_an_alertmanager_without_the_token_pages_nobody(monitor, phone, tmp_path):
    """It says so itself, in its metrics; the second receiver shows that it has tried."""
    folder = tmp_path / "alertmanager"
    folder.mkdir()
    with receiving() as witness, served(monitor) as bridge:
        config = yaml.safe_load(routes(monitor, bridge, folder).removesuffix("# %s\n"))
        (folder / "drift_token").write_text("another-0123456789")
        for one in config["receivers"]:
            if "webhook_configs" in one:
                one["webhook_configs"].append({"url": f"http://{witness.place}/"})
        with alertmanager(folder, phone, yaml.safe_dump(config) + "# %s\n") as url:
            tell(url, alert("Pune"))
            witness.next()
            with closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)) as connection:
                failed = 0
                while not failed:
                    connection.request("GET", "/metrics")
                    lines = connection.getresponse().read().decode().splitlines()
                    found = [
                        line for line in lines if line.startswith("alertmanager_notifications_failed_total")
                    ]
                    failed = sum(
                        float(line.rpartition(" ")[2]) for line in found if 'integration="webhook"' in line
                    )
    assert texts(monitor) == []
    assert phone.received.empty()


# What stands


class Hands:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Moving:
    """The channel of an Alertmanager whose port is another each time it is started."""

    name: str = "am"
    url: str = ""

    def _now(self) -> AlertmanagerChannel:
        config = ChannelConfig.model_validate({"kind": "alertmanager", "url": self.url})
        return AlertmanagerChannel(self.name, config, Words())

    def check(self) -> str:
        return self._now().check()

    def send(self, notice: Notice, message: Message) -> None:
        channel = self._now()
        channel.send(notice, message)
        channel.close()

    def post(self, alerts: list[Any]) -> None:
        channel = self._now()
        channel.post(alerts)
        channel.close()

    def close(self) -> None:
        """Nothing is kept."""


def decide(state: State, status: Status, city: str, rule: str, at: datetime) -> None:
    """As a slot does: what waits, and what the channel will have been told."""
    key = AlertKey(rule, "v1", city, None, None)
    told = Told(key, fingerprint(key), 1, "accuracy", 0.7, Threshold(0.85, "below"), at - MINUTE)
    notice = Notice(
        "am", status, "began" if status == "firing" else "resolved", at, rule, "v1", "high", (told,)
    )
    last = Last(told.fingerprint, "am", 1, status, 0, at)
    state.decide_apart(lambda _: SlotCommit(at, notices=[notice], told=[last]), at=at)


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[tuple[State, Hands, Moving, Delivery]]:
    clock, am = Hands(), Moving()
    with State.open(f"sqlite:///{tmp_path}/drift.db") as state:
        alerts = StandingAlerts("am", state, clock, lambda: How(Words(), timedelta(hours=25), None))
        way = Way(lambda: am, stand=lambda _: alerts.post(am))
        delivery = Delivery(state.outbox, {"am": way}, rendered, clock, random.SystemRandom())
        yield state, clock, am, delivery


def rendered(notice: Notice) -> Message:
    return message_of(notice, Words())


def cities(url: str) -> set[str]:
    return {one["labels"]["city"] for one in ask(url, "GET")[1]}


def test_an_alertmanager_that_was_killed_has_its_alerts_again_within_a_minute(standing, phone, tmp_path):
    state, clock, am, delivery = standing
    with alertmanager(tmp_path / "am", phone) as am.url:
        decide(state, "firing", "Pune", RULE, clock.now)
        assert delivery.deliver_due().sent == 1
        delivery.stand()
        assert cities(am.url) == {"Pune"}
        assert phone.next().json["alerts"][0]["labels"]["city"] == "Pune"
    with alertmanager(tmp_path / "am", phone) as am.url:
        assert cities(am.url) == set()  # it forgot
        assert delivery.deliver_due().sent == 0  # and the outbox has nothing more to say
        clock.now += MINUTE
        delivery.stand()
        (again,) = ask(am.url, "GET")[1]
    assert again["labels"]["city"] == "Pune"
    assert datetime.fromisoformat(again["endsAt"]) > clock.now + timedelta(hours=24)


def test_one_that_never_restarted_tells_nobody_twice_and_what_ended_once(standing, phone, tmp_path):
    """Another alert's page is the witness: it comes later than a second one of the first alert would."""
    state, clock, am, delivery = standing

    def next_page() -> tuple[str, str]:
        page = phone.next().json
        return page["status"], page["alerts"][0]["labels"]["city"]

    with alertmanager(tmp_path / "am", phone) as am.url:
        decide(state, "firing", "Pune", RULE, clock.now)
        delivery.deliver_due()
        assert next_page() == ("firing", "Pune")
        for minute, witness in enumerate(("Agra", "Surat")):
            clock.now += MINUTE
            delivery.stand()
            decide(state, "firing", witness, f"witness {minute}", clock.now)
            delivery.deliver_due()
            assert next_page() == ("firing", witness)
        clock.now += MINUTE
        decide(state, "resolved", "Pune", RULE, datetime.now(UTC))
        delivery.deliver_due()
        delivery.stand()
        assert next_page() == ("resolved", "Pune")
        clock.now += MINUTE
        delivery.stand()
        decide(state, "firing", "Thane", "the last witness", clock.now)
        delivery.deliver_due()
        assert next_page() == ("firing", "Thane")
    assert phone.received.empty()


def test_a_run_that_does_not_stay_posts_what_stands_and_the_watchdog_until_the_next_slot_is_missed(made):
    """Surat's forecast is off from the first slot on, and an alert after an hour. Slots are hourly."""
    slot = datetime(2026, 4, 1, 0, 5, tzinfo=UTC)
    clock = Hands()
    made.edit("severity: high}", "severity: high, channels: [am]}")
    with receiving() as am:
        channels = f"channels: {{am: {{kind: alertmanager, url: 'http://{am.place}'}}}}"
        made.edit("alerts:", f"reports: null\nhistory: null\n{channels}\nalerts:")
        for hours in (0, 1, 2):
            clock.now = slot + timedelta(hours=hours, seconds=20)
            with Monitor(load_config(made.config), sinks=(), clock=clock) as monitor:
                assert monitor.run(slot + timedelta(hours=hours)).failures == ()
        posts = [am.next() for _ in range(am.received.qsize())]
    assert {post.path for post in posts} == {"/api/v2/alerts"}
    named = [[one["labels"].get("city") or one["labels"]["alertname"] for one in post.json] for post in posts]
    # a run that has something to tell sends it, and each posts what stands
    assert named == [["watchdog"], ["Surat"], ["Surat", "watchdog"], ["Surat", "watchdog"]]
    began, later = posts[2].json[0], posts[3].json[0]
    assert (began["startsAt"], began["labels"]) == (later["startsAt"], later["labels"])
    assert (began["endsAt"], later["endsAt"]) == ("2026-04-02T02:05:20Z", "2026-04-02T03:05:20Z")
    assert [post.json[-1]["endsAt"] for post in posts[2:]] == ["2026-04-01T03:05:00Z", "2026-04-01T04:05:00Z"]


def test_the_watchdog_is_in_alertmanager_while_slots_are_finished(standing, phone, tmp_path):
    state, clock, am, _ = standing
    how = How(Words(), timedelta(hours=25), 2 * MINUTE)
    alerts = StandingAlerts("am", state, clock, lambda: how)

    def watchdog() -> list[str]:
        alerts.post(am)
        return [one["labels"]["alertname"] for one in ask(am.url, "GET")[1]]

    with alertmanager(tmp_path / "am", phone) as am.url:
        assert watchdog() == []
        state.commit(SlotCommit(clock.now), at=clock.now, config_hash="x")
        clock.now += MINUTE
        assert watchdog() == ["watchdog"]
        page = phone.next().json["alerts"][0]
    assert (page["status"], page["labels"]["severity"]) == ("firing", "none")
