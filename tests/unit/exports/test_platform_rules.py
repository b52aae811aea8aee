"""Rules on what the platform measures, as Prometheus evaluates them: shares of what fails, and predictions."""

from __future__ import annotations

import pytest
import yaml

from drift.exports import rules

ALERTS = {
    "errors": {"metric": "error_rate", "threshold": 0.05, "duration": "5m", "severity": "critical"},
    "unavailable": {"metric": "availability", "threshold": 0.99, "duration": "5m", "severity": "high"},
    "slow_model": {"metric": "prediction_latency_seconds", "threshold": 0.5, "duration": "5m"},
    "failing_model": {"metric": "prediction_error_rate", "threshold": 0.1, "duration": "5m"},
    "log_ins": {"detector": "failed_auth", "severity": "critical"},
}
ENDPOINT = 'job="api", endpoint="/predict"'


@pytest.fixture(scope="module")
def platform(make_config):
    return make_config(ALERTS)


def requests(status: str, a_minute: float, endpoint: str = "/predict"):
    name = f'api_requests_total{{job="api", endpoint="{endpoint}", method="GET", status="{status}"}}'
    return name, lambda minute: a_minute * minute


def test_an_endpoint_that_fails_too_often_fires_and_the_service_with_it(platform, expect):
    series = dict([requests("200", 90), requests("503", 10), requests("200", 1900, "/cities")])
    expect(platform, "errors", series, {6: [f"{{{ENDPOINT}}}"], 60: [f"{{{ENDPOINT}}}"]})
    expect(platform, "unavailable", series, {60: []})  # 10 of 2,000 in all
    fewer = dict([requests("200", 90), requests("503", 10)])
    expect(platform, "unavailable", fewer, {60: ['{job="api"}']})


@pytest.mark.parametrize("status", ["404", "499", "200"])
def test_what_clients_do_wrong_is_no_error_of_the_service(platform, expect, status):
    series = dict([requests("200", 50), requests(status, 50)])
    expect(platform, ("errors", "unavailable"), series, {60: []})


def test_an_endpoint_that_never_failed_has_an_error_rate_and_nobody_asking_has_none(platform, expect):
    """Without a series of failures the share is zero; without requests there is none."""
    expect(platform, ("errors", "unavailable"), dict([requests("200", 50)]), {60: []})
    idle = dict([requests("200", 0), requests("503", 0)])
    expect(platform, ("errors", "unavailable"), idle, {60: []})
    only = dict([requests("500", 5)])
    expect(platform, "errors", only, {60: [f"{{{ENDPOINT}}}"]})


def test_a_model_that_is_slow_or_raises_fires_by_its_version(platform, expect):
    version = 'job="api", model_version="v7"'
    buckets = {
        f'prediction_latency_seconds_bucket{{{version}, le="{le}"}}': (lambda minute, n=n: n * minute)
        for le, n in (("0.25", 10), ("0.5", 80), ("1.0", 100), ("+Inf", 100))
    }
    count = {f"prediction_latency_seconds_count{{{version}}}": lambda minute: 100 * minute}
    raised = {
        f'model_prediction_failures_total{{{version}, city="{city}"}}': (lambda minute: 6 * minute)
        for city in ("Pune", "Surat")
    }
    expect(platform, "slow_model", buckets, {6: [f"{{{version}}}"]})
    expect(platform, "failing_model", count | raised, {6: [f"{{{version}}}"]})
    expect(platform, "failing_model", count, {60: []})  # none has ever failed


def test_a_limit_is_said_as_people_read_it(platform):
    found = [
        rule for group in yaml.safe_load(rules(platform, ["platform"]))["groups"] for rule in group["rules"]
    ]
    said = {rule["alert"]: rule["annotations"] for rule in found if "alert" in rule}
    assert said["errors"]["summary"].endswith("of requests fail, limit 5%")
    assert said["unavailable"]["summary"].endswith("of requests are answered, limit 99%")
    assert said["slow_model"]["summary"].endswith("limit 0.5s")
    assert {one["runbook_url"] for one in said.values()} == {"docs/runbooks/platform.md"}
    assert "log_ins" not in said


def test_what_is_found_in_logs_stays_with_drift_and_the_file_says_so(platform):
    assert "# Not here, but in drift's own engine: log_ins (failed_auth is found in logs)." in rules(platform)
    assert "log_ins" not in rules(platform, ["forecasts"])


def test_the_rules_look_at_the_window_that_drift_watches(make_config):
    config = make_config(ALERTS, watch={"latency": {"window": "10m"}, "model": {"window": "15m"}})
    text = rules(config, ["platform"])
    assert "rate(api_requests_total[10m])" in text
    assert "rate(prediction_latency_seconds_bucket[15m])" in text
    assert "[5m]" not in text


def test_promtool_takes_them(platform, promtool, tmp_path):
    (tmp_path / "rules.yml").write_text(rules(platform))
    ran = promtool("check", "rules", tmp_path / "rules.yml")
    assert ran.returncode == 0, ran.stdout + ran.stderr
