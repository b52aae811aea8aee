"""An alert of the platform on the pages: named by its part, without a city, and with no way to one."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from drift.domain import Alert, AlertKey, AlertStatus, Threshold, Transition
from drift.fingerprints import fingerprint
from drift.state import SlotCommit

from .conftest import NOW, Pages
from .test_pages import words

SLOW = AlertKey("high_latency", "", None, None, "/predict on api")
MODEL = AlertKey("failing", "v7", None, None, "api")


WATCH = "watch: {logs: {paths: [api.log]}}"
RULES = """alerts:
  high_latency: {metric: api_latency_seconds, threshold: 2.0, duration: 5m}
  failing: {metric: prediction_error_rate, threshold: 0.05}
  log_ins: {detector: failed_auth}
"""


@pytest.fixture
def pages(made, pages_of) -> Pages:
    made.edit("alerts:\n", RULES)
    return pages_of(more=WATCH)


def standing(
    key: AlertKey, name: str, value: float, limit: float, status="firing", **evidence: object
) -> tuple[Alert, Transition]:
    since, threshold = NOW - timedelta(minutes=6), Threshold(limit, "above")
    alert = Alert(key, AlertStatus(status), since, NOW, NOW, value, threshold, "critical", episode=1)
    change = Transition(
        NOW, key, name, AlertStatus.PENDING, alert.status, "breach lasted 6m", value, threshold, since, 1, "critical", evidence
    )  # fmt: skip
    return alert, change


def keep(pages: Pages, *made: tuple[Alert, Transition]) -> None:
    alerts, changes = zip(*made, strict=True)
    pages.state.decide_apart(lambda _: SlotCommit(NOW, changes, alerts), at=NOW)


def test_the_list_names_the_part_and_how_bad_it_is(pages):
    keep(
        pages,
        standing(SLOW, "api_latency_seconds", 4.21, 2.0),
        standing(MODEL, "prediction_error_rate", 0.12, 0.05),
    )
    for path in ("/alerts", "/"):
        html = pages.get(path).text
        said = words(html)
        assert re.search(
            r"/predict on api high_latency 95 % of requests take up to 4\.21 s, limit 2 s 4\.21 s limit 2 s",
            said,
        )
        assert re.search(
            r"api v7 failing 12\.0 % of predictions fail, limit 5\.0 % 12\.0 % limit 5\.0 %", said
        )
        assert "all cities" not in said
        assert "/cities/" not in html.partition('<main id="main">')[2]


def test_its_page_says_what_is_known_and_leads_to_no_city(pages):
    known = {"sentences": ["Of 1,204 requests in the window, one in twenty took longer."]}
    keep(pages, standing(SLOW, "api_latency_seconds", 4.21, 2.0, **known))
    html = pages.get(f"/alerts/{fingerprint(SLOW)}").text
    said = words(html)
    assert "<h1><bdi>/predict on api</bdi>" in html
    assert "/predict on api : 95 % of requests take up to 4.21 s, limit 2 s" in said
    assert "Evidence Of 1,204 requests in the window, one in twenty took longer." in said
    assert "Value 4.21 s; fires above 2 s Measured by api_latency_seconds" in said
    assert "All cities" not in said
    assert "docs/runbooks/platform.md" in said


def test_one_that_is_hostile_is_shown_as_text(pages):
    key = AlertKey("high_latency", "", None, None, "<script>alert(1)</script>\x1b on api")
    keep(pages, standing(key, "api_latency_seconds", 4.21, 2.0))
    for path in ("/alerts", f"/alerts/{fingerprint(key)}"):
        html = pages.get(path).text
        assert "<script>alert(1)" not in html
        assert "\x1b" not in html


def test_the_pages_of_a_slot_know_nothing_of_it(pages):
    """It would stand as of all cities of a model version, for as long as the slot is the last one."""
    keep(pages, standing(MODEL, "prediction_error_rate", 0.12, 0.05))
    run = pages.schedule.monitor.run(NOW.replace(second=0))
    assert "failing" not in {alert.key.rule for alert in run.alerts}
