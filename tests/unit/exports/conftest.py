"""A config with a rule of every kind, and the real `promtool` and `amtool`, asked about what is exported of it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from drift.config import Config, parse_config
from drift.exports import rules

HOSTILE = 'worse "now"\n{{ $value }} | \\ `x` é'
"""As a name: quotes, a line feed, a template, what regular expressions obey."""

ALERTS: dict[str, Any] = {
    # the platform's guide, word for word
    "high_latency": {"metric": "api_latency_seconds", "threshold": 2.0, "duration": "5m", "severity": "critical", "channels": ["slack", "email"]},
    "model_accuracy_drop": {"metric": "model_accuracy", "threshold": 0.85, "duration": "1h", "severity": "high", "channels": ["slack", "email"]},
    "resource_usage": {"metric": "resource_usage", "threshold": 80.0, "duration": "10m", "severity": "warning", "channels": ["slack"]},
    # every other way to look at a slot
    "pooled_mape": {"metric": "mape", "threshold": 0.05, "scope": "pooled", "channels": ["sms"]},
    "day_ahead": {"metric": "accuracy", "threshold": 0.8, "scope": "pooled", "horizon": "24h-48h"},
    "day_ahead_of_a_city": {"metric": "accuracy", "threshold": 0.8, "horizon": "24h-48h"},
    "over_forecast": {"metric": "bias", "threshold": 100, "side": "above"},
    "any_column": {"metric": "psi", "threshold": 0.25},
    "temperature": {"metric": "psi", "column": "temperature", "threshold": 0.5, "keep_firing_for": "30m", "severity": "info"},
    "forecast_worse": {"detector": "profile", "severity": "high", "channels": ["slack", "sms"]},
    "fleet_worse": {"detector": "fleet", "severity": "critical", "channels": ["slack", "email", "sms"]},
    "data_fault": {"detector": "faults"},
    "interval_off": {"detector": "interval"},
    "input_off": {"detector": "features"},
    "worse_for_weeks": {"detector": "slow"},
    "early_notice": {"metric": "drift_score", "threshold": 0.8, "severity": "info"},
    "twice_normal": {"metric": "error_ratio", "threshold": 2, "scope": "pooled"},
    HOSTILE: {"metric": "psi", "column": HOSTILE, "threshold": 0.5, "channels": [HOSTILE]},
}  # fmt: skip


def config_of(alerts: Mapping[str, Any], **sections: Any) -> Config:
    """A config with these rules, a slot every full hour."""
    content = {
        "store": {"predictions": {"path": "p.parquet"}, "actuals": {"path": "a.parquet"}},
        "schedule": {"cron": "0 * * * *"},
        "accuracy": {"bands": ["0h", "24h", "48h"]},
        "alerts": dict(alerts),
        **sections,
    }
    return parse_config(content, Path())


@pytest.fixture(scope="session")
def make_config() -> Callable[..., Config]:
    return config_of


@pytest.fixture(scope="session")
def config() -> Config:
    return config_of(ALERTS)


@pytest.fixture(scope="session")
def hostile() -> str:
    return HOSTILE


def tool(name: str, package: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    if shutil.which(name) is None:
        pytest.skip(f"{name} (Debian: {package}) is not installed")

    def call(*words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([name, *map(str, words)], capture_output=True, text=True, check=False)

    return call


@pytest.fixture
def promtool() -> Callable[..., subprocess.CompletedProcess[str]]:
    return tool("promtool", "prometheus")


@pytest.fixture
def amtool() -> Callable[..., subprocess.CompletedProcess[str]]:
    return tool("amtool", "prometheus-alertmanager")


Value = Callable[[int], object]
"""A series by minute; None where there is no sample."""
Firing = Mapping[int, Sequence[str]]
"""By minute, the alerts that fire then, as PromQL writes their labels."""


@pytest.fixture
def expect(promtool, tmp_path) -> Callable[..., None]:
    """Hold what fires, minute by minute, against what `promtool test rules` finds of the exported rules.

    `watched` is the alert that is looked at, or several of which the same is expected. Only their rules are
    exported, beside those on drift itself, because each takes its time.
    """

    def hold(
        config: Config, watched: str | Sequence[str], series: Mapping[str, Value], firing: Firing
    ) -> None:
        names = [watched] if isinstance(watched, str) else watched
        only = {name: rule for name, rule in config.alerts.items() if name in names}
        (tmp_path / "rules.yml").write_text(
            rules(config.model_copy(update={"alerts": only or config.alerts}))
        )
        minutes = max(firing) + 1
        samples = [
            {"series": name, "values": " ".join(_sample(value(m)) for m in range(minutes))}
            for name, value in series.items()
        ]
        checks = [
            {
                "expr": f"count by ({BY}) (ALERTS{{alertname={_quoted(name)}, alertstate='firing'}})",
                "eval_time": f"{m}m",
                "exp_samples": [{"labels": labels, "value": 1} for labels in alerts],
            }
            for name in names
            for m, alerts in firing.items()
        ]
        test = {"interval": "1m", "input_series": samples, "promql_expr_test": checks}
        document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}
        (tmp_path / "tests.yml").write_text(yaml.safe_dump(document, allow_unicode=True, width=10**6))
        ran = promtool("test", "rules", tmp_path / "tests.yml")
        assert ran.returncode == 0, ran.stdout + ran.stderr

    return hold


BY = "job, city, model_version, column, horizon, stage, endpoint, resource_type"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _sample(value: object) -> str:
    return "_" if value is None else str(value)
