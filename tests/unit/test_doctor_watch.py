"""What `drift doctor` says of the platform's rules and of what watches it."""

from __future__ import annotations

from pathlib import Path

import pytest

from drift.config import Config, RuleConfig, parse_config
from drift.doctor_watch import platform_rule, watched

from .watchers.conftest import FakePrometheus, vector

STORE = {"predictions": {"path": "p.parquet"}, "actuals": {"path": "a.parquet"}}
SLOW = RuleConfig(metric="api_latency_seconds", threshold=2.0)


def config(watch: object) -> Config:
    return parse_config({"store": STORE, "watch": watch}, Path())


@pytest.mark.parametrize(
    ("watch", "what", "rule", "said", "advice"),
    [
        (True, "api_latency_seconds", SLOW, "api_latency_seconds against 2: watched by `drift serve`", ""),
        ({"latency": "off"}, "api_latency_seconds", SLOW, "for Prometheus only, as watch.latency is off", "drift watches it with `watch: on`"),
        (False, "api_latency_seconds", SLOW, "for Prometheus only", "drift watches it"),
        (True, "prediction_error_rate", RuleConfig(metric="prediction_error_rate", threshold=0.1), "watched by", "drift itself makes no predictions"),
        (True, "failed_auth", RuleConfig(detector="failed_auth"), "nothing follows the logs", "name the log files"),
    ],
)  # fmt: skip
def test_each_rule_says_who_judges_it(watch, what, rule, said, advice):
    check = platform_rule(config(watch), "r", rule, what)
    assert (said in check.found, check.bad) == (True, False)
    assert check.remedy.startswith(advice) if advice else not check.remedy


def test_what_is_watched_is_said_and_nothing_where_nothing_is():
    assert list(watched(config(False))) == []
    (check,) = watched(config(True))
    assert check.found == "latency, model, resources; of requests those of `drift serve` itself"


def test_a_prometheus_is_asked_which_services_it_knows():
    prometheus = FakePrometheus()
    asked = config({"prometheus": {"url": prometheus.url}})
    prometheus.says(vector(({"job": "forecast-api"}, "3"), ({"job": "auth"}, "1")))
    (check,) = watched(asked)
    assert (check.found.endswith("has requests of: auth, forecast-api"), check.bad) == (True, False)
    prometheus.says(vector())
    (check,) = watched(asked)
    assert check.remedy.startswith("nothing that it scrapes shows api_requests_total")
    prometheus.close()
    (check,) = watched(asked)
    assert (check.bad, "cannot be reached (Connection refused)" in check.found) == (True, True)
