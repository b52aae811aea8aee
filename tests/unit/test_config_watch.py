"""The config's `watch`, and rules on the platform: what is taken, and what is refused with which words."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from drift.config import Config, parse_config
from drift.decisions import Decisions
from drift.detect import PLATFORM_METRICS, compile_watch_rules
from drift.errors import ConfigError

STORE = {"predictions": {"path": "p.parquet"}, "actuals": {"path": "a.parquet"}}


def config(watch: object = None, **alerts: object) -> Config:
    content = {"store": STORE, "alerts": alerts} | ({} if watch is None else {"watch": watch})
    return parse_config(content, Path())


def watched(watch: object, **rule: object) -> tuple[str, ...]:
    made = config(watch, r=rule)
    return tuple(rule.name for rule in compile_watch_rules(made.alerts, made.watch))


def test_without_the_section_nothing_is_watched():
    """Whoever has Prometheus page for the platform must not be paged twice by an upgrade."""
    assert config().watch is None
    assert config("off").watch is None
    assert config(False).watch is None


def test_on_watches_what_needs_nothing_more():
    watch = config(True).watch
    assert watch is not None
    assert watch.on == {"latency", "model", "resources"}
    assert watch.resources is not None
    assert watch.resources.every == timedelta(minutes=5)  # the guide's
    assert watch.latency is not None
    assert watch.latency.every == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("watch", "on"),
    [
        ({"latency": "off"}, {"model", "resources"}),
        ({"latency": False, "model": False, "resources": False}, set()),
        ({"logs": {"paths": ["/var/log/api.log"]}}, {"latency", "model", "resources", "logs"}),
        ({"resources": "on", "model": "off"}, {"latency", "resources"}),
    ],
)
def test_each_part_may_be_off(watch, on):
    found = config(watch).watch
    assert found is not None
    assert found.on == on


@pytest.mark.parametrize(
    ("watch", "text"),
    [
        ({"latncy": "off"}, "watch.latncy: unknown key; did you mean `latency`?"),
        ({"prometheus": {"url": "prometheus:9090"}}, "is no address of a Prometheus: write one such as http://prometheus:9090"),
        ({"prometheus": {"url": "http://x/?a=b"}}, "is no address of a Prometheus"),
        ({"prometheus": {"url": "http://x", "token": "a", "token_file": "b"}}, "token and token_file: give one of them"),
        ({"prometheus": {"url": "http://x", "user": "me"}}, "user: goes with a password"),
        ({"prometheus": {"url": "http://x", "password_file": "p"}}, "user: goes with a password"),
        ({"forget": "10m"}, "forget: 10m should be longer than two readings of resources, which is read every 5m"),
        ({"latency": {"every": "0s"}}, "must be longer than zero"),
        ({"resources": {"link_speeds": {"eth0": 0}}}, "watch.resources.link_speeds.eth0"),
        ({"logs": {"paths": []}}, "watch.logs.paths"),
    ],
)  # fmt: skip
def test_what_cannot_be_watched_is_refused_by_its_key(watch, text):
    with pytest.raises(ConfigError) as caught:
        config(watch)
    assert text in str(caught.value)


def test_no_secret_of_a_prometheus_shows():
    secret = {"prometheus": {"url": "http://me:hunter2@prometheus:9090", "token": "hunter2"}}
    made = config(secret)
    assert "hunter2" not in repr(made)
    assert "hunter2" not in made.model_dump_json()


@pytest.mark.parametrize("metric", sorted(PLATFORM_METRICS))
def test_a_rule_is_judged_where_its_part_is_on_and_is_for_prometheus_elsewhere(metric):
    rule = {"metric": metric, "threshold": 0.5}
    assert watched(True, **rule) == ("r",)
    assert watched({"latency": False, "model": False, "resources": False}, **rule) == ()
    assert watched(None, **rule) == ()


def test_detectors_of_security_need_logs():
    assert watched(True, detector="failed_auth") == ()
    assert watched({"logs": {"paths": ["x"]}}, detector="failed_auth") == ("r",)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({"detector": "failed_auth", "budget": 1}, "budget: is not for failed_auth, which looks at logs: its limits are in `security`"),
        ({"detector": "api_abuse", "threshold": 3}, "threshold: is not for api_abuse"),
        ({"detector": "data_access", "horizon": "0h-24h"}, "horizon: is not for data_access"),
        ({"detector": "system_changes", "scope": "pooled"}, "scope: is not for system_changes, which looks at logs and knows no cities"),
        ({"detector": "failed_auth", "column": "alice"}, "column: is not for failed_auth"),
    ],
)  # fmt: skip
def test_a_detector_of_security_refuses_what_is_for_forecasts(rule, text):
    with pytest.raises(ConfigError) as caught:
        config(r=rule)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"column": "/predict"}, "alerts.r.column: api_latency_seconds is of the platform, and has none"),
        (
            {"scope": "pooled"},
            "alerts.r.scope: api_latency_seconds is of the platform, which knows no cities",
        ),
    ],
)
def test_a_rule_on_the_platform_refuses_what_is_for_forecasts(more, text):
    made = config(True, r={"metric": "api_latency_seconds", "threshold": 2.0, **more})
    with pytest.raises(ConfigError) as caught:
        Decisions(made, ())
    assert text in str(caught.value)


def test_a_rule_on_the_platform_names_channels_that_there_are():
    made = config(True, r={"metric": "error_rate", "threshold": 0.05, "channels": ["pager"]})
    with pytest.raises(ConfigError, match=r"alerts\.r\.channels: there is no channel 'pager'"):
        Decisions(made, ())
