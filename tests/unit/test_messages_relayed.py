"""What Alertmanager tells through drift is told in its own words: no figure, limit or command of ours is added."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drift.domain import AlertKey, Threshold
from drift.messages import Message, Words, message_of
from drift.notices import Notice, Told

DAY = datetime(2026, 4, 1, tzinfo=UTC)
SAID = {"Pune": "Pune · v1: Accuracy is 80%, below its limit of 85%", "Surat": "Surat · v1: Accuracy is 71%"}


def told(city: str, **evidence: object) -> Told:
    found: dict[str, object] = {"sentences": [SAID[city], "What to do: look."], **evidence}
    key = AlertKey("model_accuracy_drop", "v1", city, None, None)
    return Told(key, city * 4, 7, "relayed", None, Threshold(0.0, "above"), DAY - timedelta(hours=3), found)


def message(status: str, *alerts: Told) -> Message:
    why = "began" if status == "firing" else "resolved"
    notice = Notice("sms", status, why, DAY, "model_accuracy_drop", "v1", "high", alerts)  # type: ignore[arg-type]
    return message_of(notice, Words())


def test_one_alert_is_its_summary():
    made = message("firing", told("Pune"))
    assert made.title == "FIRING high · Pune · v1: Accuracy is 80%, below its limit of 85%"
    assert made.sms.startswith(
        "FIRING high: Pune - v1: Accuracy is 80%, below its limit of 85%. Since Tue 21:00 UTC."
    )
    assert "What to do: look." in made.text


def test_one_without_words_is_its_rule():
    made = message("firing", told("Pune", sentences=[]))
    assert made.title == "FIRING high · model_accuracy_drop"


def test_several_are_counted_and_each_says_what_it_is():
    made = message("firing", told("Pune"), told("Surat"))
    assert made.title == "FIRING high · 2 alerts (v1): model_accuracy_drop"
    assert all(said in made.text for said in SAID.values())


def test_what_is_over_says_so_and_what_it_was():
    made = message("resolved", told("Pune", reason="Alertmanager says that it is over"))
    assert made.title == "RESOLVED after 3 h · over: Pune · v1: Accuracy is 80%, below its limit of 85%"
    assert "Alertmanager says that it is over." in made.text
    assert message("resolved", told("Pune"), told("Surat")).title.startswith(
        "RESOLVED after 3 h · over: 2 alerts (v1)"
    )


@pytest.mark.parametrize("status", ["firing", "resolved"])
@pytest.mark.parametrize("cities", [("Pune",), ("Pune", "Surat")])
def test_nothing_of_ours_is_made_up(status, cities):
    made = message(status, *map(told, cities))
    for text in (made.text, made.sms, made.slack, made.html):
        assert not [
            word for word in ("no value", "limit of 0", "relayed", "drift alerts silence") if word in text
        ]
