"""PURE. One alert of a notice as Alertmanager takes it: labels that name it, annotations that tell of it.

Labels must be the same as long as the alert lives, or it never resolves there. A name that had to be changed
to be a label carries a hash of the whole of it, so that two of them are never one alert.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TypedDict

from drift.domain import iso
from drift.messages.plain_text import text_of
from drift.messages.story import story_of
from drift.messages.words import Words
from drift.notices import Notice, Told
from drift.text import printable

LABEL_LENGTH = 200


class AlertmanagerAlert(TypedDict, total=False):
    """An alert as its API takes it (v2, `postableAlert`); how long a firing one holds is for who sends it."""

    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str
    endsAt: str
    generatorURL: str


def alertmanager_alert(told: Told, notice: Notice, words: Words) -> AlertmanagerAlert:
    """The alert `told` of the notice, told alone: Alertmanager does its own grouping."""
    alone = replace(notice, alerts=(told,))
    story = story_of(alone, words)
    links = {link.name.lower(): link.target for link in story.links}
    report = next((link.target for link in story.links if link.name != "Runbook" and link.web), "")
    annotations = {
        "summary": story.title,
        "description": text_of(story),
        "runbook_url": links.get("runbook", ""),
        "report": links.get("report", ""),
        "silence": story.silence,
        "key": alone.keys[0],
        "notice": notice.key,
    }
    alert = AlertmanagerAlert(
        labels=labels_of(told, notice),
        annotations={name: text for name, text in annotations.items() if text},
        startsAt=iso(told.since),
    )
    if notice.status == "resolved":
        alert["endsAt"] = iso(notice.at)
    if report:
        alert["generatorURL"] = report
    return alert


def labels_of(told: Told, notice: Notice) -> dict[str, str]:
    """What names the alert for good: rule, model version, city, horizon and column, and its severity."""
    key = told.key
    found = {
        "alertname": key.rule or notice.rule,
        "severity": notice.severity,
        "model_version": key.model_version,
        "city": key.city,
        "horizon": key.horizon,
        "column": key.column,
    }
    return {name: label(value) for name, value in found.items() if value}


def label(value: str) -> str:
    """A name as a label's value.

    >>> label("Mumbai"), label("Mum" + chr(10) + "bai")
    ('Mumbai', 'Mum�bai-bc1d82d115e9')
    """
    seen = printable(value, LABEL_LENGTH)
    return (
        seen
        if seen == value
        else f"{seen}-{hashlib.sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
    )
