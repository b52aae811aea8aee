"""The exported rules as text: what is in them, that Prometheus takes them, and that their gauges exist."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import yaml

from drift.detect import DETECTORS, SCORES
from drift.errors import ConfigError
from drift.exports import FILES, GROUPS, alertmanager, not_exported, rules, stale, texts, write
from drift.exports.models import compiled
from drift.exports.sources import source_of
from drift.sinks.prometheus import PrometheusSink


def rules_of(text: str) -> dict[str, dict]:
    groups = yaml.safe_load(text)["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def test_promtool_takes_every_kind_of_rule(config, promtool, tmp_path):
    (tmp_path / "rules.yml").write_text(rules(config))
    ran = promtool("check", "rules", tmp_path / "rules.yml")
    assert ran.returncode == 0, ran.stderr
    assert "SUCCESS" in ran.stdout
    assert "duplicate" not in ran.stdout + ran.stderr


def test_the_guides_rules_keep_their_thresholds_durations_severities_and_channels(config):
    found = rules_of(rules(config))
    latency, usage, accuracy = (
        found[name] for name in ("high_latency", "resource_usage", "model_accuracy_drop")
    )
    assert (latency["expr"], latency["for"]) == ('drift:rule:value{rule="high_latency"} > 2\n', "5m")
    assert (usage["expr"], usage["for"]) == ('drift:rule:value{rule="resource_usage"} > 80\n', "10m")
    assert accuracy["expr"] == 'drift:rule:value{rule="model_accuracy_drop"} < 0.85\n'
    # an hour, and the five minutes in which the next slot's values arrive
    assert accuracy["for"] == "1h5m"
    assert [rule["labels"]["severity"] for rule in (latency, accuracy, usage)] == [
        "critical",
        "high",
        "warning",
    ]
    assert latency["annotations"]["channels"] == "slack, email"


def test_every_alert_says_what_happened_what_to_do_and_where_to_read_on(config):
    for name, rule in rules_of(rules(config, runbooks="https://docs.example/runbooks")).items():
        said = rule["annotations"]
        assert said["summary"], name
        assert said["description"].startswith("What to do: "), name
        assert said["runbook_url"].startswith("https://docs.example/runbooks/"), name
        assert rule["labels"]["about"] in ("forecast", "platform", "monitor"), name


def test_the_same_config_gives_the_same_bytes_in_every_process(config, repository):
    """Sets of text have another order in each."""
    code = (
        "import importlib.util as u; s = u.spec_from_file_location('c', 'tests/unit/exports/conftest.py'); "
        "c = u.module_from_spec(s); s.loader.exec_module(c); from drift.exports import alertmanager, rules; "
        "made = c.config_of(c.ALERTS); print(rules(made) + alertmanager(made), end='')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, check=True,
        env=os.environ | {"PYTHONHASHSEED": "7", "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert ran.stdout.decode() == rules(config) + alertmanager(config)


def test_each_part_is_a_file_of_its_own_and_together_they_are_the_whole(config):
    parts = [rules_of(rules(config, [part])) for part in GROUPS]
    assert {name: rule for part in parts for name, rule in part.items()} == rules_of(rules(config))
    files = ["forecasts", "platform", "monitor", "recordings"]
    assert list(texts(config, "rules")) == [f"rules/{name}.yml" for name in files]


def test_promtool_takes_a_part_that_has_no_rules(make_config, promtool, tmp_path):
    (tmp_path / "rules.yml").write_text(rules(make_config({}), ["platform"]))
    assert promtool("check", "rules", tmp_path / "rules.yml").returncode == 0


def test_what_no_gauge_shows_is_said_and_not_exported(config):
    assert not_exported(config) == {"day_ahead_of_a_city": "no gauge shows accuracy by city and horizon band"}
    text = rules(config)
    assert "day_ahead_of_a_city" not in rules_of(text)
    assert (
        "# Not here, but in drift's own engine: day_ahead_of_a_city (no gauge shows accuracy by city and"
        in text
    )
    assert "Not here" not in rules(config, ["monitor"])


def test_rules_look_at_gauges_that_drift_has_and_tell_series_apart_by_all_their_labels(config):
    gauges = {family.name: set(family._labelnames) for family in PrometheusSink().describe()}
    sources = {rule.name: source_of(rule) for rule in compiled(config)}
    assert sum(source is not None for source in sources.values()) == len(sources) - 1
    for name, source in sources.items():
        if source is not None:
            assert {*source.select, *source.by} == gauges[source.gauge], name


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("measured", SCORES)
def test_every_score_has_a_gauge_or_a_reason(config, measured, pooled):
    rule = replace(
        compiled(config)[0], kind="detector", measured=measured, pooled=pooled, horizon=None, column=None
    )
    source = source_of(rule)
    none = pooled and measured in ("bias_ratio", "fault_hours", "feature_score")
    assert (source is None) is none
    assert source is None or pooled is ("city" not in source.by)


def test_every_detector_that_a_rule_may_name_is_exported(make_config):
    config = make_config({f"on_{name}": {"detector": name} for name in DETECTORS})
    own = {"no_data", "late_actuals"}
    assert rules_of(rules(config, ["forecasts"])).keys() == own | {f"on_{name}" for name in DETECTORS}


def test_names_from_the_config_cannot_leave_their_place(config, hostile):
    rule = rules_of(rules(config))[hostile]
    assert '{{"{{"}} $value }}' in rule["annotations"]["channels"]
    assert "\n{{" not in rules(config).partition("groups:")[0]


@pytest.mark.parametrize("name", ["watchdog", "monitor_absent", "run_failed"])
def test_a_name_that_is_taken_is_refused(make_config, name):
    made = make_config({name: {"detector": "faults"}})
    for export in (rules, alertmanager):
        with pytest.raises(ConfigError, match=f"alerts.{name}: .* choose another"):
            export(made)


def test_runbooks_of_the_config_come_first(make_config):
    wiki = "https://wiki.example/stale"
    made = make_config({"x": {"detector": "faults"}}, notify={"runbooks": {"monitor_stale": wiki}})
    found = {name: rule["annotations"]["runbook_url"] for name, rule in rules_of(rules(made)).items()}
    assert found["monitor_stale"] == wiki
    assert found["x"] == "docs/runbooks/data_fault.md"


def test_every_runbook_that_is_named_is_there(config, repository):
    for rule in rules_of(rules(config)).values():
        assert (repository / rule["annotations"]["runbook_url"]).is_file()


def test_files_are_written_and_known_to_be_current_or_not(config, make_config, tmp_path):
    for what in FILES:
        assert [path.relative_to(tmp_path).as_posix() for path in stale(config, what, tmp_path)] == [
            *FILES[what]
        ]
        written = write(config, what, tmp_path)
        assert all(path.is_file() for path in written)
        assert stale(config, what, tmp_path) == []
    less = make_config({"data_fault": {"detector": "faults"}})
    assert [path.name for path in stale(less, "rules", tmp_path)] == ["forecasts.yml", "platform.yml"]
