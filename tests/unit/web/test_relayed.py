"""What of Alertmanager's payloads is news to a channel, and what a message is made of."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drift.messages import Words, message_of
from drift.notices import Notice, notice_document, notice_of
from drift.notify import Last
from drift.web.relayed import ENDED, Payload, news

DAY = datetime(2026, 4, 1, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
REPEAT = 24 * HOUR
NEVER = "0001-01-01T00:00:00Z"
"""What Go writes where no time is set."""


def alert(city: str = "Pune", status: str = "firing", since: datetime = DAY, **labels: str) -> dict[str, Any]:
    named = {"alertname": "model_accuracy_drop", "city": city, "model_version": "v1", "severity": "high"}
    return {
        "status": status, "labels": {**named, "job": "drift", **labels},
        "annotations": {
            "summary": f"{city} · v1: Accuracy is 80%, below its limit of 85%",
            "description": "What to do: open the city's report.",
            "runbook_url": "https://wiki.example/model_accuracy_drop.md", "channels": "sms",
        },
        "startsAt": since.isoformat(), "endsAt": NEVER if status == "firing" else (since + HOUR).isoformat(),
        "generatorURL": "http://prometheus:9090/graph?g0.expr=x", "fingerprint": f"{sum(city.encode()):016x}",
    }  # fmt: skip


def payload(*alerts: dict[str, Any], **changed: object) -> Payload:
    """As Alertmanager 0.28 sends it."""
    firing = any(one["status"] == "firing" for one in alerts)
    document = {
        "version": "4", "groupKey": '{}/{alertname="model_accuracy_drop"}:{alertname="model_accuracy_drop"}',
        "truncatedAlerts": 0, "status": "firing" if firing else "resolved", "receiver": "sms",
        "groupLabels": {"alertname": "model_accuracy_drop"}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093", "alerts": alerts, **changed,
    }  # fmt: skip
    return Payload.model_validate_json(json.dumps(document))


class Phone:
    """A channel with the memory that the state keeps for it: what it was told to fire."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, str], Last] = {}

    def hears(self, sent: Payload, now: datetime) -> list[Notice]:
        notices, told = news(sent, "sms", self.told, REPEAT, now)
        for last in told:
            if last.status == "firing":
                self.told[last.fingerprint, last.channel] = last
            else:
                del self.told[last.fingerprint, last.channel]
        return notices


def summary(notices: list[Notice]) -> list[tuple[str, list[str | None]]]:
    return [(notice.why, [told.key.city for told in notice.alerts]) for notice in notices]


def test_a_group_is_told_once_however_often_it_is_sent():
    """Alertmanager retries, restarts, and has replicas."""
    phone = Phone()
    assert summary(phone.hears(payload(alert()), DAY + MINUTE)) == [("began", ["Pune"])]
    for minutes in (1, 2, 60, 23 * 60):
        assert phone.hears(payload(alert()), DAY + minutes * MINUTE) == []


def test_a_city_that_joins_the_group_is_told_alone():
    phone = Phone()
    phone.hears(payload(alert("Pune")), DAY)
    assert summary(phone.hears(payload(alert("Pune"), alert("Surat")), DAY + HOUR)) == [("began", ["Surat"])]


def test_what_goes_on_is_told_again_when_the_repeat_is_over_with_a_key_of_its_own():
    phone = Phone()
    (first,) = phone.hears(payload(alert()), DAY)
    (second,) = phone.hears(payload(alert()), DAY + REPEAT)
    (third,) = phone.hears(payload(alert()), DAY + 2 * REPEAT)
    assert [(n.why, n.number) for n in (first, second, third)] == [
        ("began", 0),
        ("goes on", 1),
        ("goes on", 2),
    ]
    assert first.keys == second.keys == third.keys
    assert len({first.key, second.key, third.key}) == 3


def test_what_ended_is_told_once_and_only_where_it_was_told_to_fire():
    phone = Phone()
    ended = payload(alert(status="resolved"))
    assert phone.hears(ended, DAY + HOUR) == []
    (began,) = phone.hears(payload(alert()), DAY + HOUR)
    (over,) = phone.hears(ended, DAY + 2 * HOUR)
    assert (over.status, over.why, over.alerts[0].evidence["reason"]) == ("resolved", "resolved", ENDED)
    assert over.keys == tuple(key.replace("firing", "resolved") for key in began.keys)
    assert phone.hears(ended, DAY + 3 * HOUR) == []


@pytest.mark.parametrize("since", [DAY, DAY + 3 * HOUR])
def test_an_alert_that_ended_and_fires_again_is_told_again_whatever_it_says_of_its_beginning(since):
    """An alert that expired and is posted anew has the `startsAt` that it had."""
    phone = Phone()
    (first,) = phone.hears(payload(alert()), DAY + HOUR)
    phone.hears(payload(alert(status="resolved")), DAY + 2 * HOUR)
    (second,) = phone.hears(payload(alert(since=since)), DAY + 4 * HOUR)
    assert second.why == "began"
    assert second.key != first.key


def test_an_alert_whose_end_was_never_sent_is_told_again_when_it_began_anew():
    """Where `send_resolved` is false."""
    phone = Phone()
    phone.hears(payload(alert(since=DAY)), DAY + MINUTE)
    assert summary(phone.hears(payload(alert(since=DAY + HOUR)), DAY + HOUR)) == [("began", ["Pune"])]


def test_a_receivers_clock_that_is_behind_tells_nothing_twice():
    phone = Phone()
    assert len(phone.hears(payload(alert(since=DAY + MINUTE)), DAY)) == 1
    assert phone.hears(payload(alert(since=DAY + MINUTE)), DAY + timedelta(seconds=5)) == []


def test_groups_and_channels_are_apart():
    phone = Phone()
    phone.hears(payload(alert()), DAY)
    assert len(phone.hears(payload(alert(), groupKey="another"), DAY)) == 1
    notices, _ = news(payload(alert()), "email", phone.told, REPEAT, DAY)
    assert len(notices) == 1


def test_what_fires_and_what_ended_are_two_messages_the_worst_first():
    phone = Phone()
    phone.hears(payload(alert("Agra")), DAY)
    mixed = payload(
        alert("Agra", "resolved"), alert("Pune", severity="warning"), alert("Surat", severity="critical"),
    )  # fmt: skip
    began, resolved = phone.hears(mixed, DAY + HOUR)
    assert summary([began, resolved]) == [("began", ["Surat", "Pune"]), ("resolved", ["Agra"])]
    assert began.severity == "critical"


def test_a_thousand_cities_are_ten_messages_that_lose_none():
    many = payload(*(alert(f"city {n}", fingerprint=f"{n:x}") for n in range(1000)))
    notices = Phone().hears(many, DAY)
    assert [len(notice.alerts) for notice in notices] == [100] * 10
    assert len({told.key.city for notice in notices for told in notice.alerts}) == 1000


def test_a_group_of_several_rules_and_versions_is_one_message_that_names_neither():
    (notice,) = Phone().hears(payload(alert(), alert("Surat", alertname="late", model_version="v2")), DAY)
    assert (notice.rule, notice.model_version) == ("2 rules", "")
    assert {told.key.rule for told in notice.alerts} == {"model_accuracy_drop", "late"}


def test_a_message_has_alertmanagers_words_and_what_there_is_to_open():
    (notice,) = Phone().hears(payload(alert(), truncatedAlerts=37), DAY + MINUTE)
    (told,) = notice.alerts
    assert told.key == ("model_accuracy_drop", "v1", "Pune", None, None)
    assert (notice.rule, notice.model_version, notice.severity) == ("model_accuracy_drop", "v1", "high")
    assert told.evidence["sentences"] == [
        "Pune · v1: Accuracy is 80%, below its limit of 85%",
        "Alertmanager left out 37 more alerts of this group.",
        "What to do: open the city's report.",
        "job=drift",
    ]
    assert notice.links == {
        "runbook": "https://wiki.example/model_accuracy_drop.md",
        "Alertmanager": "http://alertmanager:9093",
        "Source": "http://prometheus:9090/graph?g0.expr=x",
    }
    assert told.fingerprint.startswith(f"{sum(b'Pune'):016x}")


def test_an_alert_of_someone_else_has_no_city_and_no_severity():
    bare = {"status": "firing", "labels": {}, "startsAt": "2026-04-01T00:00:00.123456789+05:30"}
    (notice,) = Phone().hears(payload(bare), DAY)
    (told,) = notice.alerts
    assert (told.key.rule, told.key.city, notice.severity) == ("an alert", None, "warning")
    assert told.since == datetime(2026, 3, 31, 18, 30, tzinfo=UTC)


def test_an_alert_without_a_city_is_named_by_its_other_labels():
    slow = {"status": "firing", "startsAt": DAY.isoformat()}
    labels = {"alertname": "high_latency", "endpoint": "/forecast", "severity": "critical"}
    (notice,) = Phone().hears(payload(slow | {"labels": labels}), DAY)
    assert notice.alerts[0].key == ("high_latency", "", None, None, "endpoint=/forecast")
    assert notice.alerts[0].evidence["sentences"] == ["endpoint=/forecast"]


HOSTILE = "a\0b\r\n<script>‮{{ .Status }}<!channel>" + "x" * 5000


def test_hostile_text_is_one_short_printable_line_everywhere():
    nasty = alert(HOSTILE, alertname=HOSTILE, model_version=HOSTILE, severity=HOSTILE, **{HOSTILE: HOSTILE})
    nasty["annotations"] = dict.fromkeys(("summary", "report", HOSTILE), HOSTILE)
    nasty["fingerprint"] = HOSTILE
    (notice,) = Phone().hears(payload(nasty, externalURL="http://a\nb", groupKey=HOSTILE), DAY)
    (told,) = notice.alerts
    sentences = told.evidence["sentences"]
    texts = [notice.rule, notice.model_version, notice.severity, *map(str, told.key), *notice.links.values()]
    assert all(text.isprintable() and len(text) <= 500 for text in [*texts, *sentences])
    assert len(told.fingerprint) == 48
    message = message_of(notice, Words())
    assert "<script>" not in message.html
    assert "<!channel>" not in message.slack
    assert len(message.sms) <= 160


TEXTS = st.text(max_size=40)


@given(
    labels=st.dictionaries(TEXTS, TEXTS, max_size=5),
    annotations=st.dictionaries(TEXTS, TEXTS, max_size=5),
    status=st.sampled_from(["firing", "resolved"]),
    since=st.integers(-400_000, 500_000).map(lambda hours: DAY + hours * HOUR),
)
def test_whatever_it_says_it_becomes_a_message_that_the_outbox_can_hold(labels, annotations, status, since):
    named = {"labels": labels, "annotations": annotations, "startsAt": since.isoformat()}
    phone = Phone()
    sent = payload({"status": "firing", **named})
    (notice,) = phone.hears(sent, DAY)
    assert notice_of(json.loads(json.dumps(notice_document(notice)))) == notice
    assert len(message_of(notice, Words()).sms) <= 160
    later = phone.hears(payload({"status": status, **named}), DAY + 2 * MINUTE)
    fires_anew = status == "firing" and since > DAY + MINUTE
    assert len(later) == (1 if status == "resolved" or fires_anew else 0)


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"version": "3"}, "version"),
        ({"alerts": []}, "alerts"),
        ({"groupKey": ""}, "groupKey"),
        ({"truncatedAlerts": -1}, "truncatedAlerts"),
        ({"alerts": [alert() | {"status": "pending"}]}, "status"),
        ({"alerts": [alert() | {"labels": {"city": 7}}]}, "city"),
        ({"alerts": [alert() | {"startsAt": "2026-04-01T00:00:00"}]}, "startsAt"),
        ({"alerts": [alert() | {"startsAt": "9999-12-31T23:59:59-05:00"}]}, "startsAt"),
        ({"alerts": [alert() | {"startsAt": NEVER}]}, "startsAt"),
    ],
)
def test_what_is_no_payload_is_refused_by_the_name_of_what_is_wrong(changed, where):
    with pytest.raises(ValidationError) as caught:
        payload(alert(), **changed)
    assert where in caught.value.errors()[0]["loc"]
