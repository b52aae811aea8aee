"""What an on-call reads: complete, bounded and harmless, whatever the notice holds."""

from __future__ import annotations

import dataclasses
import html
import json
import re
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drift.detectors.series import Hours
from drift.domain import Alert, AlertKey, AlertStatus, Grid, Threshold, Window
from drift.evidence.case import Case, Peer
from drift.explain import explain
from drift.fingerprints import fingerprint
from drift.messages import Message, Words, alertmanager_alert, message_of
from drift.messages.facts import Reading, facts_of
from drift.messages.kinds import KINDS
from drift.messages.slack import LONGEST as SLACK_LONGEST
from drift.messages.sms import DOUBLE, GSM, size
from drift.messages.words import plain
from drift.messages.wrapping import columns
from drift.notices import Notice, Silence, Told, notice_document, notice_of
from drift.silences import check_silence, labels_of, matches, parse_matchers
from drift.text import hidden

AT = datetime(2026, 2, 9, 0, 5, tzinfo=UTC)
LINKS = {"report": "https://drift.example/r/index.html", "city:Mumbai": "https://drift.example/r/mumbai.html"}
WORDS = Words(timezone="Asia/Kolkata", runbook_folder="https://drift.example/runbooks")
SCORE = Threshold(1.0, "above", "calibrated", release=0.7)
ACCURACY = Threshold(0.85, "below")
EVIDENCE = {
    "n": 24, "coverage": 1.0, "sentences": ["The error is large."],
    "explanation": {
        "unit": "MW", "timezone": "Asia/Kolkata",
        "span": {"start": "2026-02-07T19:00:00Z", "end": "2026-02-08T23:00:00Z", "hours": 28},
        "onset": {"at": "2026-02-07T19:00:00Z", "first": "2026-02-07T17:00:00Z", "last": "2026-02-07T22:00:00Z", "earlier": False, "channel": "size"},
        "effect": {"mean": 412.3, "wape": 0.081, "normal": 180.2, "ratio": 2.288, "interval": {"low": 1.91, "high": 2.87}},
        "advice": {"step": "switch_version", "text": "Switch for now: v6 has a WAPE of 3.1 % against 8.1 % on the same hours."},
        "bias": {"value": -350.0, "share": -0.069, "before": 0.002, "of_error": 0.9, "direction": "under-forecast"},
        "hours": {"first": 17, "last": 22, "share": 0.74, "stand_out": True},
        "features": [{"column": "temperature", "direction": "above", "share": 0.86}],
        "peers": {"cities": 41, "above": 3, "near": 5, "pattern": "some", "group": None, "basis": "score"},
        "other_versions": [{"model_version": "v6", "wape": 0.031, "own": 0.081, "hours": 28, "p_value": {"undefined": "few_days"}}],
        "regime": {"undefined": "short_history", "undefined_text": "too little"},
        "disturbances": {"actual_faults": {}, "prediction_faults": {}, "holidays": []},
    },
}  # fmt: skip


def told(
    rule="forecast_worse",
    city="Mumbai",
    name="drift_score",
    value=1.62,
    threshold=SCORE,
    evidence=EVIDENCE,
    **key,
) -> Told:
    own = AlertKey(rule, key.get("version", "v7"), city, None, key.get("column"))
    return Told(own, fingerprint(own), 3, name, value, threshold, AT - timedelta(hours=1), evidence)


def notice(*alerts: Told, why="began", status="firing", **more) -> Notice:
    rule = alerts[0].key.rule if alerts else "forecast_worse"
    version = alerts[0].key.model_version if alerts else "v7"
    given_ = {"at": AT, "rule": rule, "model_version": version, "severity": "high", "links": LINKS}
    return Notice("email", status, why, alerts=alerts, **{**given_, **more})


def of_platform(metric, value, limit, column, rule="r", version="", said=None) -> Notice:
    """What a watcher found."""
    side = "below" if metric == "availability" else "above"
    evidence = {"sentences": [said]} if said else {}
    key = {"version": version, "column": column}
    return notice(told(rule, None, metric, value, Threshold(limit, side), evidence, **key), links={})


DROP = notice(
    told(
        "model_accuracy_drop",
        name="accuracy",
        value=0.8123,
        threshold=ACCURACY,
        evidence={"n": 24, "coverage": 1.0},
    )
)
WORSE = notice(told())
MANY = notice(*(told(city=f"city {k}", value=3 - k / 40) for k in range(40)))
FLEET = notice(
    told(
        "fleet_worse",
        city=None,
        evidence={
            "explanation": {"cities": 41, "worse": 31, "worst": [{"city": "Mumbai", "error_ratio": 2.91}]}
        },
    )
)
FAULT = notice(told("data_fault", name="fault_hours", value=5.0, threshold=Threshold(0.0, "above"), evidence={
    "explanation": {"disturbances": {"actual_faults": {"stuck": 5}}, "onset": {"at": "2026-01-01T00:00:00Z"}, "effect": {"mean": 3.0},
                    "advice": {"step": "check_feed", "text": "Check the feed of actuals before the model: actuals stuck in 5 h."}}}))  # fmt: skip
OVER = notice(
    told(value=0.41, evidence={**EVIDENCE, "reason": "quiet for 1d", "worst": 2.31}),
    status="resolved",
    why="resolved",
    at=AT + timedelta(hours=57),
)
CLOSED = notice(
    told(value=None, evidence={"reason": "the rule was removed"}), status="resolved", why="resolved"
)
GOES_ON = dataclasses.replace(WORSE, why="goes on", at=AT + timedelta(hours=25), number=4)
TEST = notice(why="test", rule="", model_version="")
ALL = {"drop": DROP, "worse": WORSE, "many": MANY, "fleet": FLEET, "fault": FAULT, "over": OVER, "closed": CLOSED, "goes on": GOES_ON, "test": TEST,
       "silence ended": dataclasses.replace(DROP, why="silence ended"), "empty": notice()}  # fmt: skip


@pytest.mark.parametrize(
    ("about", "title"),
    [
        (DROP, "FIRING high · Mumbai (v7): accuracy is 81.2 %, below its limit of 85.0 %"),
        (WORSE, "FIRING high · Mumbai (v7): forecast error 2.3 × normal, under-forecast"),
        (MANY, "FIRING high · 40 cities (v7): forecast worse than normal, worst city 0 2.3 × normal"),
        (FLEET, "FIRING high · All cities (v7): forecasts worse together, error above normal in 31 of 41 cities"),
        (FAULT, "FIRING high · Mumbai (v7): data fault: 5 h of actuals stuck"),
        (OVER, "RESOLVED after 2 d 10 h · Mumbai (v7): forecast as good as normal again"),
        (CLOSED, "CLOSED after 1 h · Mumbai (v7): the rule was removed"),
        (GOES_ON, "STILL FIRING high, 26 h · Mumbai (v7): forecast error 2.3 × normal when it fired, score now 1.62 × its limit"),
        (ALL["silence ended"], "FIRING high, silence ended · Mumbai (v7): accuracy is 81.2 %, below its limit of 85.0 %"),
        (TEST, "TEST · this is a test of the channel email; nothing is wrong"),
        (notice(told("t", name="psi", value=0.62, threshold=Threshold(0.5, "above"), evidence={}, column="temperature")), "FIRING high · Mumbai (v7): PSI of temperature is 0.62, above its limit of 0.5"),
        (notice(told("r", name="error_ratio", value=1.83, threshold=Threshold(1.5, "above"))), "FIRING high · Mumbai (v7): error is 1.83 × normal, above its limit of 1.5 × normal"),
        (notice(told("i", name="interval_score", evidence={"explanation": {"coverage": {"value": 0.61, "level": 0.8}}})), "FIRING high · Mumbai (v7): prediction interval holds 61 % of the actuals, should be 80 %"),
        (notice(told("f", name="feature_score", evidence={}, column="wind")), "FIRING high · Mumbai (v7): input wind not as it was in the reference, score 1.62 × its limit"),
        (notice(told("s", name="slow_score", evidence={})), "FIRING high · Mumbai (v7): forecast worse for weeks, score 1.62 × its limit"),
        (notice(told("no_data", name="hours_without_data", value=26.0, evidence={})), "FIRING high · Mumbai (v7): nothing to judge the forecast by for 26 h: actuals or predictions are missing"),
        (notice(told("no_data", city=None, name="hours_without_data", value=None, evidence={})), "FIRING high · All cities (v7): nothing to judge the forecast by"),
        (notice(told("monitor_stale", None, "hours_since_slot", 7.25, evidence={}, version="")), "FIRING high · drift has finished no slot for 7.25 h: no other alert can be trusted to come"),
        (notice(told("delivery_failed", None, "messages_given_up", 3.0, evidence={}, version="", column="sms")), "FIRING high · messages to the channel sms were given up (3): people were not told"),
        (notice(*(told("delivery_failed", None, "messages_given_up", 3.0, evidence={}, version="", column=c) for c in "ab")), "FIRING high · messages were given up: people were not told"),
        (notice(told("no_data", name="hours_without_data", value=0.0, evidence={"reason": "x"}), status="resolved", why="resolved"), "RESOLVED after 1 h · Mumbai (v7): there is data to judge the forecast by again"),
        (of_platform("api_latency_seconds", 2.41, 2.0, "/predict on api", "high_latency"), "FIRING high · /predict on api: 95 % of requests take up to 2.41 s, limit 2 s"),
        (of_platform("error_rate", 0.052, 0.05, "/predict on api"), "FIRING high · /predict on api: 5.2 % of requests fail, limit 5.0 %"),
        (of_platform("availability", 0.985, 0.99, "api"), "FIRING high · api: 98.5 % of requests are answered, limit 99.0 %"),
        (of_platform("prediction_latency_seconds", 0.84, 0.5, "api", version="v7"), "FIRING high · api (v7): 95 % of predictions take up to 840 ms, limit 500 ms"),
        (of_platform("prediction_error_rate", 0.12, 0.05, "api", version="v7"), "FIRING high · api (v7): 12.0 % of predictions fail, limit 5.0 %"),
        (of_platform("resource_usage", 93.2, 80.0, "disk web-1:/var"), "FIRING high · disk web-1:/var: 93.2 % used, limit 80.0 %"),
        (of_platform("resource_usage", 93.2, 80.0, None), "FIRING high · The platform: 93.2 % used, limit 80.0 %"),
        (of_platform("failed_auth", 57, 10, "principal alice", said="principal alice: 57 failed log-ins within 5m; the limit is 10."), "FIRING high · principal alice: 57 failed log-ins within 5m; the limit is 10"),
        (of_platform("data_access", 1, 0, "alice on grid_topology"), "FIRING high · alice on grid_topology: unusual access to data"),
        (notice(told("watchdog", None, "watchdog", evidence={}, version="")), "WATCHDOG · this message is always sent: alerts can reach you"),
    ],
)  # fmt: skip
def test_the_title_says_what_where_and_how_bad(about, title):
    assert message_of(about, WORDS).title == title


def test_the_text_answers_in_the_order_of_the_questions():
    key = WORSE.alerts[0].fingerprint
    assert (
        message_of(WORSE, WORDS).text
        == f"""\
FIRING high · Mumbai (v7): forecast error 2.3 × normal, under-forecast

Do first: Switch for now: v6 has a WAPE of 3.1 % against 8.1 % on the same
  hours.

Error          2.3 × normal: 412 MW (8.1 % of the load) against 180 MW
How sure       90 % sure that it is 1.9 to 2.9 × normal, from 28 hours
Began          about Sun 8 Feb 00:30 Asia/Kolkata (Sat 19:00 UTC), 29 h ago;
               90 % sure within 5 h around it
Which way      nearly always under-forecast: −6.9 % of the load on average;
               before, +0.2 %
Hours          74 % of the excess is from 17:00 to 22:00 local time
Inputs         temperature above its usual range in 86 % of the hours
Other cities   3 of 41 have it too, 2 more nearly
Rule           forecast_worse: score 1.62 × its calibrated limit
Alarm since    Mon 9 Feb 04:35 Asia/Kolkata (Sun 23:05 UTC), 1 h

Report         https://drift.example/r/mumbai.html
All cities     https://drift.example/r/index.html
Runbook        https://drift.example/runbooks/forecast_worse.md

Silence it for a while:
  drift alerts silence rule=forecast_worse model_version=v7 city=Mumbai \\
    --for 4h --comment 'looking into it'

notice {WORSE.key} · alerts
{key}:3:firing
"""
    )


@pytest.mark.parametrize(
    ("about", "sms"),
    [
        (WORSE, "FIRING high: Mumbai (v7): forecast error 2.3 x normal, under-forecast. Since Sun 00:30 (Sat 19:00 UTC). Switch to v6."),
        (DROP, "FIRING high: Mumbai (v7): accuracy is 81.2 %, below its limit of 85.0 %. Since Mon 04:35 (Sun 23:05 UTC)."),
        (OVER, "RESOLVED after 2 d 10 h: Mumbai (v7): forecast as good as normal again. Now 0.41 x its limit."),
        (CLOSED, "CLOSED after 1 h: Mumbai (v7): the rule was removed. That does not say that the forecast is mended."),
        (TEST, "TEST: this is a test of the channel email; nothing is wrong"),
    ],
)  # fmt: skip
def test_an_sms_says_the_most_telling_first(about, sms):
    said, key = message_of(about, WORDS).sms.rsplit(" #", 1)
    assert said == sms
    alone = [f"{each.fingerprint[:12]}:3:{about.status}" for each in about.alerts]
    assert [key] == (alone or [about.key[:12]])


def test_forty_cities_are_ten_rows_and_a_count():
    text = message_of(MANY, WORDS).text
    assert [line.split("  ")[0] for line in text.splitlines() if line.startswith("city ")] == [
        f"city {k}" for k in range(10)
    ]
    assert "and 30 more\n" in text
    assert "v6 does better in 40 of 40" in text
    assert "40 of 42 cities of this model version" in text
    assert "(So in 40 of 40; the words are about city 0.)" in text.replace("\n  ", " ")


def test_columns_that_differ_are_not_all_called_by_the_first():
    alerts = [told("f", name="feature_score", evidence={}, column=column) for column in ("wind", "sun")]
    message = message_of(notice(*alerts), WORDS)
    assert (
        message.title
        == "FIRING high · 2 alerts in 1 city (v7): input not as it was in the reference, worst Mumbai 1.62 × its limit"
    )
    assert "Mumbai sun" in message.text


def test_what_goes_on_says_of_when_its_figures_are():
    text = message_of(GOES_ON, WORDS).text.replace("\n               ", " ")
    assert "those above are of when it fired, up to Mon 9 Feb 04:30 Asia/Kolkata (Sun 23:00 UTC)" in text
    assert "Alarm since    Mon 9 Feb 04:35 Asia/Kolkata (Sun 23:05 UTC), 26 h" in text


def test_what_is_over_says_how_long_how_bad_and_why():
    text = message_of(OVER, WORDS).text.replace("\n               ", " ")
    for said in ("Why it ended: Quiet for 1d.", "Lasted         2 d 10 h: Mon 9 Feb 04:35 Asia/Kolkata (Sun 23:05 UTC) to Wed 11 Feb 14:35 (09:05 UTC)",
                 "At worst       2.31 × its limit", "Now            0.41 × its limit"):  # fmt: skip
        assert said in text
    assert "silence" not in text


def test_a_data_fault_is_not_told_as_a_bad_forecast():
    text = message_of(FAULT, WORDS).text
    assert "Data           actuals stuck in 5 h" in text
    assert "Error" not in text
    assert "Began" not in text


@pytest.mark.parametrize(
    ("near", "said"),
    [(0.84996, ("84.996 %", "85.000 %")), (0.849, ("84.9 %", "85.0 %"))],
)
def test_a_value_and_its_limit_are_never_said_alike(near, said):
    about = notice(told("d", name="accuracy", value=near, threshold=ACCURACY, evidence={}))
    assert "is {}, below its limit of {}".format(*said) in message_of(about, WORDS).title


def test_sentences_stand_where_there_are_no_figures():
    about = notice(told(evidence={"sentences": ["It is worse.", 7, "And more."]}))
    assert "Evidence       It is worse.\n               And more.\n" in message_of(about, WORDS).text


def test_every_part_of_real_evidence_that_has_figures_is_told():
    """What `explain` writes is what is read here: a part that is renamed there would be silent here."""
    rng = np.random.default_rng(0)
    grid = Grid(AT - timedelta(days=97), timedelta(hours=1), 97 * 24)
    hour = np.arange(grid.count) % 24
    actual = 1000 + 100 * np.sin(hour / 4) + rng.normal(0, 30, grid.count)
    predicted = actual + rng.normal(0, 10, grid.count)
    predicted[-72:] -= np.where((hour[-72:] >= 16) & (hour[-72:] < 21), 150, 30)
    warm = np.where(np.arange(grid.count) >= grid.count - 72, 40.0, 20.0) + rng.normal(0, 1, grid.count)
    day = np.zeros(grid.count, np.int64)
    faulty = np.zeros(grid.count, np.uint8)
    faulty[-30:-28] = 3
    case = Case(
        "Mumbai", "v7", grid, Window(grid.end - timedelta(days=1), grid.end), Hours(hour, day > 0, day > 0, day + 1, day),
        actual, {"v7": predicted, "v6": actual * 1.001}, features={"temperature": warm}, by_channel={"size": 2.0},
        peers={"Pune": Peer(2.0, 2.0), "Delhi": Peer(0.1, 1.0)}, faults=faulty, lower=predicted - 5, upper=predicted + 5, interval_level=0.8,
    )  # fmt: skip
    document = dict(explain(case).to_document())
    document["advice"] = {"step": "open_report", "text": "Open it."}
    evidence = json.loads(json.dumps({"explanation": document}))
    lines = {
        fact.label: plain(fact.said) for fact in facts_of(Reading.of(told(evidence=evidence), "MW", UTC))
    }
    assert set(lines) >= {
        "Error",
        "How sure",
        "Began",
        "Which way",
        "Hours",
        "Inputs",
        "Other cities",
        "Other version",
        "Interval",
        "Data",
    }
    assert lines["Other cities"] == "1 of 2 have it too"
    assert lines["Data"] == "actuals stuck in 2 h"
    assert lines["Other version"].startswith("v6 does better: WAPE 0.1 % against ")


def shown(document: str) -> str:
    """What a mail reader shows of the HTML."""
    body = re.sub(r"(?s)<head>.*</head>", "", document)
    return html.unescape(re.sub(r"(?s)<[^>]*>", " ", body))


def words_of(text: str) -> set[str]:
    return set(re.findall(r"\w+|[%×]", text.replace("\\\n", " ")))


@pytest.mark.parametrize("about", ALL.values(), ids=ALL)
def test_the_mail_says_in_html_what_it_says_in_text(about):
    message = message_of(about, WORDS)
    assert words_of(shown(message.html)) == words_of(message.text)


@pytest.mark.parametrize("about", ALL.values(), ids=ALL)
def test_every_form_carries_its_keys(about):
    message = message_of(notice_of(json.loads(json.dumps(notice_document(about)))), WORDS)
    assert message == message_of(about, WORDS)
    for form in (message.text, message.html, message.slack):
        assert about.key in form
    for key in about.keys[:10]:
        assert key in message.text.replace("\n", " ")
        assert key in message.html


def test_the_mail_loads_nothing_and_runs_nothing():
    for about in ALL.values():
        document = message_of(about, WORDS).html.lower()
        assert not re.search(
            r"<(script|img|link|iframe|object|form|base)|\ssrc=|url\(|@import|\son\w+=", document
        )
        assert set(re.findall(r'href="([^"]*)"', document)) <= set(LINKS.values()) | {
            f"https://drift.example/runbooks/{kind.runbook}.md" for kind in KINDS.values()
        } | {"https://drift.example/runbooks/readme.md"}


@pytest.mark.parametrize("city", ["Mumbai", "São Paulo", "L'Aquila", 'a b$(rm -rf /)`x`"', "x=~y", "-rf"])
def test_the_command_in_the_text_is_one_that_a_shell_understands(city):
    text = message_of(notice(told(city=city)), WORDS).text
    command = text.split("Silence it for a while:\n")[1].split("\n\n")[0]
    ran = subprocess.run(
        ["sh", "-c", "drift() { printf '%s\\n' \"$@\"; }\n" + command],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines() == [
        "alerts", "silence", "rule=forecast_worse", "model_version=v7", f"city={city}", "--for", "4h", "--comment", "looking into it"
    ]  # fmt: skip


@pytest.mark.parametrize("about", [DROP, WORSE, MANY, FLEET, FAULT])
def test_what_a_message_offers_silences_all_that_it_tells_of(about):
    command = message_of(about, WORDS).text.split("a while:\n")[1].split("\n\n")[0]
    arguments = shlex.split(command.replace("\\\n", " "))
    silence = Silence(
        "1",
        parse_matchers(arguments[3 : arguments.index("--for")]),
        AT,
        AT + timedelta(hours=4),
        "me",
        "why",
        AT,
    )
    check_silence(silence)
    for each in about.alerts:
        alert = Alert(each.key, AlertStatus.FIRING, AT, AT, AT, 1.0, SCORE)
        assert matches(silence, labels_of(alert, each.fingerprint, {}))
        other = dataclasses.replace(alert, key=each.key._replace(model_version="v8"))
        assert not matches(silence, labels_of(other, each.fingerprint, {}))


@pytest.mark.parametrize("city", ["a\nb", "\u202eabc", "x" * 99, " ", "~x", "a\x1b[2J"])
def test_a_name_that_cannot_be_pasted_is_silenced_by_its_fingerprint(city):
    text = message_of(notice(told(city=city)), WORDS).text
    found = re.search(r"silence '(fingerprint=~.*?)' ", text)
    assert found
    silence = Silence("1", parse_matchers([found[1]]), AT, AT + timedelta(hours=4), "me", "why", AT)
    check_silence(silence)
    alert = Alert(told(city=city).key, AlertStatus.FIRING, AT, AT, AT, 1.0, SCORE)
    assert matches(silence, labels_of(alert, told(city=city).fingerprint, {}))
    assert not matches(silence, labels_of(alert, told(city="other").fingerprint, {}))


def test_how_drift_is_called_stands_in_the_command():
    words = dataclasses.replace(
        WORDS, command="kubectl exec deploy/drift -- drift", options="-c config/drift.yaml"
    )
    assert shlex.split("kubectl exec deploy/drift -- drift alerts silence -c config/drift.yaml") == shlex.split(
        message_of(WORSE, words).text.split("a while:\n")[1].replace("\\\n", " ")
    )[:9]  # fmt: skip


def test_every_kind_of_alert_has_a_runbook(repository: Path):
    pages = {page.stem for page in (repository / "docs" / "runbooks").glob("*.md")}
    assert {kind.runbook for kind in KINDS.values()} | {"README"} == pages
    for page in pages - {"README"}:
        text = (repository / "docs" / "runbooks" / f"{page}.md").read_text("utf-8")
        for part in (
            "## What it means",
            "## Look at first",
            "## Mend it",
            "## Silence it",
            "## Where its limit comes from",
        ):
            assert part in text, (page, part)


def test_links_are_below_the_served_pages_and_runbooks_may_be_anywhere():
    words = Words(
        base_url="https://drift.example/", runbooks={"forecast_worse": "https://wiki.example/worse"}
    )
    about = dataclasses.replace(
        WORSE, links={"report": "reports/x.html", "mlflow": "/var/mlflow", "evil": "javascript:alert(1)"}
    )
    message = message_of(about, words)
    for target in ("https://drift.example/reports/x.html", "https://wiki.example/worse"):
        assert f'href="{target}"' in message.html
        assert f"<{target}|" in message.slack
    assert "/var/mlflow" in message.text
    assert 'href="java' not in message.html


def test_alertmanager_gets_the_same_labels_as_long_as_an_alert_lives():
    fired, over = (alertmanager_alert(about.alerts[0], about, WORDS) for about in (WORSE, OVER))
    assert fired["labels"] == over["labels"] == {
        "alertname": "forecast_worse", "severity": "high", "model_version": "v7", "city": "Mumbai",
    }  # fmt: skip
    assert fired["startsAt"] == "2026-02-08T23:05:00Z"
    assert "endsAt" not in fired
    assert over["endsAt"] == "2026-02-11T09:05:00Z"
    assert fired["generatorURL"] == LINKS["city:Mumbai"]
    assert fired["annotations"]["summary"] == message_of(WORSE, WORDS).title
    assert fired["annotations"]["key"] == WORSE.keys[0]
    assert json.dumps(fired)


def test_two_names_never_become_one_label():
    names = ["a\n", "a\x00", "a" * 9999, "a" * 9998, "a\ud800"]
    labels = {
        alertmanager_alert(told(city=name), notice(told(city=name)), WORDS)["labels"]["city"]
        for name in names
    }
    assert len(labels) == len(names)


def test_slack_cannot_be_made_to_mention_link_or_format():
    evil = "<!here> @channel <https://evil.example|report> *b* _i_ `c` :fire: mailto:x@y"
    about = notice(
        told(city=evil, evidence={"explanation": {"advice": {"step": "x", "text": evil}}}), links={}
    )
    slack = message_of(about, dataclasses.replace(WORDS, runbook_folder="docs/runbooks")).slack
    assert not re.search(r"[<>@]|://|:fire:|mailto:", slack)
    outside = re.sub(r"`[^`\n]*`", "", slack)
    assert re.findall(r"\*[^*\n]+\*", outside) == re.findall(
        r"(?m)\*(?:FIRING high|Do first|Rule|Alarm since|Silence it)\*", outside
    )
    assert "_" not in re.sub(r"\w_\w", "", outside)


HOSTILE = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["", "x" * 10_000, "1" * 500, "a\r\nBcc: x@y", "\u202eevil", "=HYPERLINK(\"http://e\")", "${HOME}", "{{ 7 }}", "<script>", "\ud800", "%s{0}", "مدينة", "東京" * 30, "e\u0301" * 90]),
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | HOSTILE | st.sampled_from([10**400, "2026-02-08T23:00:00Z", "under-forecast", "switch_version"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["at", "ratio", "text", "step", "column"]) | HOSTILE, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
PARTS = tuple(EVIDENCE["explanation"])


@st.composite
def broken(draw) -> dict:
    """Evidence of which some parts are anything."""
    parts = dict(EVIDENCE["explanation"]) | {
        "coverage": {"value": 0.5, "level": 0.8},
        "worst": [{"city": "x", "error_ratio": 2}],
    }
    for part in draw(st.lists(st.sampled_from(PARTS), max_size=5)):
        given_ = parts[part]
        inner = isinstance(given_, dict) and draw(st.booleans())
        parts[part] = (
            {**given_, draw(st.sampled_from(sorted(given_) or ["x"])): draw(JSON)} if inner else draw(JSON)
        )
    return draw(st.sampled_from([{"explanation": parts, "reason": "quiet"}, {"explanation": draw(JSON), "sentences": draw(JSON), "reason": draw(JSON), "worst": draw(JSON)}, {}]))  # fmt: skip


NAMES = st.sampled_from(["drift_score", "accuracy", "mae", "bias", "psi", "fault_hours", "interval_score", "feature_score", "slow_score", "error_ratio", "watchdog", "hours_without_data", "messages_given_up"]) | HOSTILE  # fmt: skip
TIMES = st.datetimes(timezones=st.just(UTC))
THRESHOLDS = st.builds(
    Threshold, st.floats(), st.sampled_from(["below", "above"]), st.sampled_from(["fixed", "calibrated"])
)
TOLDS = st.builds(
    Told,
    key=st.builds(AlertKey, HOSTILE, HOSTILE, HOSTILE | st.none(), HOSTILE | st.none(), HOSTILE | st.none()),
    fingerprint=st.sampled_from(["0" * 64, "f" * 64]), episode=st.integers(0, 9), name=NAMES,
    value=st.floats() | st.none(), threshold=THRESHOLDS, since=TIMES, evidence=broken(),
)  # fmt: skip
NOTICES = st.builds(
    Notice,
    channel=st.text("abc", max_size=9), status=st.sampled_from(["firing", "resolved"]),
    why=st.sampled_from(["began", "goes on", "silence ended", "resolved", "test"]), at=TIMES, rule=HOSTILE, model_version=HOSTILE,
    severity=HOSTILE, alerts=st.lists(TOLDS, max_size=3).map(tuple), number=st.integers(0, 99),
    links=st.dictionaries(st.sampled_from(["report", "runbook", "city:x"]) | HOSTILE, HOSTILE | st.just("https://drift.example/a?b=1&c=2"), max_size=3),
)  # fmt: skip
ANY_WORDS = st.builds(
    Words,
    unit=HOSTILE,
    timezone=HOSTILE | st.just("Asia/Kolkata"),
    base_url=st.sampled_from(["", "https://drift.example"]),
)


def check_harmless(message: Message) -> None:
    assert len(message.title) <= 120
    assert not any(map(hidden, message.title))
    assert size(message.sms) <= 160
    assert set(message.sms) <= GSM | DOUBLE
    assert "\n" not in message.sms
    assert len(message.slack) <= SLACK_LONGEST
    assert len(message.text) < 12_000
    assert len(message.html) < 60_000
    for form in (message.text, message.slack, message.html):
        assert not any(hidden(char) for char in form if char != "\n")
    for line in message.text.splitlines():
        assert columns(line) <= 78 or "https://" in line
    tags = set(re.findall(r"</?([a-z0-9!]+)", message.html))
    assert tags <= {
        "!doctype",
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "table",
        "tr",
        "td",
        "th",
        "div",
        "b",
        "bdi",
        "a",
    }
    assert all(
        target.startswith("https://drift.example") for target in re.findall(r'href="([^"]*)"', message.html)
    )
    for line in message.slack.splitlines():
        own = re.sub(r"^<https://drift\.example[^<>|]*\|[^<>|]*>$", "", line)
        assert not set(own) & {"<", ">", "@"}
        assert "://" not in own or own.endswith("`")


@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(NOTICES, ANY_WORDS)
def test_whatever_a_notice_holds_its_message_is_whole_bounded_and_harmless(about, words):
    check_harmless(message_of(about, words))
    for each in about.alerts:
        alert = alertmanager_alert(each, about, words)
        texts = [*alert["labels"].values(), *alert["annotations"].values()]
        assert all(text and not any(hidden(char) for char in text if char != "\n") for text in texts)
        assert all(len(text) <= 213 for text in alert["labels"].values())


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(10**3, 10**9), min_size=1, max_size=30), st.integers(0, 3))
def test_an_sms_never_cuts_a_number(numbers, more):
    name = "zone " + " ".join(map(str, numbers))
    sms = message_of(notice(told(city=name, evidence={}), severity="high" * (more % 2)), WORDS).sms
    said = sms.split("(v7)")[0].split(": ", 1)[1]
    assert set(re.findall(r"\d+", said)) <= set(map(str, numbers))
