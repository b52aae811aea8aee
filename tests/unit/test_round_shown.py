"""What commands show of a round: a row a reading and rule, in words and as JSON."""

from __future__ import annotations

from datetime import UTC, datetime

from drift.alerts_shown import place_of
from drift.config import RuleConfig
from drift.config_watch import WatchConfig
from drift.detect import compile_watch_rules
from drift.domain import Alert, AlertKey, AlertStatus, Failure, Threshold, Undefined
from drift.platform_verdicts import judge_readings
from drift.round_shown import fires, round_document, rows_of
from drift.telemetry.readings import Reading
from drift.terminal_watch import print_round
from drift.watching import Round

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
RULES = compile_watch_rules(
    {
        "slow": RuleConfig(metric="api_latency_seconds", threshold=2.0),
        "slower": RuleConfig(metric="api_latency_seconds", threshold=5.0, severity="critical"),
        "there": RuleConfig(metric="availability", threshold=0.99),
    },
    WatchConfig(),
)
READINGS = (
    Reading("api_latency_seconds", 3.0, column="/a\x1b[31m on api", n=12),
    Reading("api_latency_seconds", None, Undefined.NO_TRAFFIC, column="/b on api"),
    Reading("availability", 0.9999, column="api"),
    Reading("error_rate", 0.25, column="/a on api"),
    Reading("model_accuracy", 0.91, model_version="v7"),
)
KEY = AlertKey("slow", "", None, None, "/a\x1b[31m on api")
ALERT = Alert(KEY, AlertStatus.FIRING, NOW, NOW, NOW, 3.0, Threshold(2.0, "above"), episode=1)


def a_round(*failures: Failure) -> Round:
    return Round(NOW, READINGS, judge_readings(RULES, READINGS), {KEY: ALERT}, (), failures)


def test_each_reading_stands_beside_each_rule_that_looks_at_it():
    found = [
        (row.reading.column or row.reading.model_version, row.rule, row.verdict)
        for row in rows_of(a_round(), RULES)
    ]
    assert found == [
        ("/a\x1b[31m on api", "slow", "breach"),
        ("/a\x1b[31m on api", "slower", "ok"),
        ("/b on api", "slow", "no requests in the window"),
        ("/b on api", "slower", "no requests in the window"),
        ("api", "there", "ok"),
        ("/a on api", "", "no rule"),
        ("v7", "", "judged by slots"),
    ]
    assert fires(a_round())


def test_the_document_has_values_limits_and_reasons():
    first, _, third, *_, last = round_document(a_round(), RULES)["readings"]
    assert first | {"evidence": 0} == {
        "metric": "api_latency_seconds", "model_version": None, "column": "/a\x1b[31m on api", "value": 3.0,
        "undefined": None, "n": 12, "rule": "slow", "limit": 2.0, "side": "above", "verdict": "breach",
        "alert": "firing", "evidence": 0,
    }  # fmt: skip
    assert (third["value"], third["undefined"], third["alert"]) == (None, "no_traffic", None)
    assert (last["metric"], last["model_version"], last["limit"]) == ("model_accuracy", "v7", None)


def test_people_see_a_table_with_units_and_no_control_characters(capsys):
    print_round(
        a_round(Failure("watch", "model", "Prometheus at http://x is away")), RULES, unread=("latency",)
    )
    shown = capsys.readouterr().out
    assert "7 readings, 1 beyond its limit, 1 firing" in shown
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "api_latency_seconds /a�[31m on api 3 s > 2 s breach ● firing" in lines
    assert "api_latency_seconds /b on api – > 2 s no requests in the window –" in lines
    assert (
        "availability api 99.99 % < 99.00 % ok –" in lines
        or "availability api 100.0 % < 99.0 % ok –" in lines
    )
    assert "model_accuracy v7 91.0 % – judged by slots –" in lines
    assert "failed watch model: Prometheus at http://x is away" in lines
    assert "\x1b[31m" not in shown


def test_nothing_read_is_said(capsys):
    print_round(Round(NOW, ()), RULES)
    assert capsys.readouterr().out.startswith("nothing was read")


def test_what_an_alert_is_about_is_named():
    assert place_of(AlertKey("r", "v7", "Pune", None, "temp")) == "Pune"
    assert place_of(AlertKey("r", "v7", None, None, None)) == "all cities"
    assert place_of(AlertKey("slow", "", None, None, "/a on api")) == "/a on api"
    assert place_of(AlertKey("slow", "", None, None, None)) == "the platform"
    assert place_of(AlertKey("monitor_stale", "", None, None, None)) == "drift"
    assert place_of(AlertKey("delivery_failed", "", None, None, "slack")) == "slack"
