"""Measurements become verdicts: statistic, threshold and verdict are three things.

A rule of the config is compiled once into what it looks at (`Rule`) and the threshold it holds that
against. Here thresholds are fixed by a person; calibrated ones will differ only in where their `limit`
comes from. A measurement without a value is the verdict `no_data`: it neither breaches nor clears.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from drift.config import RuleConfig
from drift.config_text import did_you_mean
from drift.domain import AlertKey, Kind, Panel, Side, Threshold, Undefined, Verdict, VerdictStatus
from drift.errors import ConfigError
from drift.metrics import Metric
from drift.statistics import Statistic

# what the platform's guide calls a metric, and which of ours it is
GAUGES = {"model_accuracy": "accuracy"}
# the guide's metrics that the platform itself measures: their rules are not for a slot to judge
PLATFORM_METRICS = frozenset({"api_latency_seconds", "resource_usage"})


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, compiled: which measurement it looks at, and what it is held against."""

    name: str
    kind: Kind
    measured: str
    threshold: Threshold
    duration: timedelta
    severity: str
    channels: tuple[str, ...]
    pooled: bool
    horizon: str | None
    column: str | None


def compile_rules(
    alerts: Mapping[str, RuleConfig],
    metrics: Mapping[str, Metric],
    statistics: Mapping[str, Statistic],
    bands: Sequence[str] = (),
) -> tuple[Rule, ...]:
    """The rules that a slot judges; those on the platform's own metrics are left to their watchers.

    `bands` are the labels of the horizon bands that are measured.

    Raises:
        ConfigError: a metric is not known, or a side, column or scope does not fit it.
    """
    for name, rule in alerts.items():
        if rule.horizon is not None and rule.horizon not in bands:
            hint = did_you_mean(rule.horizon, list(bands)) or "; accuracy.bands has none"
            raise ConfigError(f"alerts.{name}.horizon: {rule.horizon!r} is no horizon band{hint}")
    return tuple(
        _compile(name, rule, metrics, statistics)
        for name, rule in alerts.items()
        if rule.metric not in PLATFORM_METRICS
    )


def _compile(
    name: str, rule: RuleConfig, metrics: Mapping[str, Metric], statistics: Mapping[str, Statistic]
) -> Rule:
    measured = GAUGES.get(rule.metric, rule.metric)
    if measured in statistics:
        kind: Kind = "statistic"
        _check_statistic(name, rule)
    elif measured in metrics:
        kind = "metric"
        if rule.column is not None:
            raise ConfigError(f"alerts.{name}.column: {measured} is a metric of pairs and has no column")
    else:
        known = sorted([*GAUGES, *PLATFORM_METRICS, *metrics, *statistics])
        raise ConfigError(
            f"alerts.{name}.metric: {rule.metric!r} is not measured{did_you_mean(rule.metric, known)}"
        )
    return Rule(
        name=name,
        kind=kind,
        measured=measured,
        threshold=Threshold(rule.threshold, rule.side or _side(name, measured, metrics)),
        duration=rule.duration,
        severity=rule.severity,
        channels=rule.channels,
        pooled=rule.scope == "pooled",
        horizon=rule.horizon,
        column=rule.column,
    )


def _check_statistic(name: str, rule: RuleConfig) -> None:
    if rule.scope == "pooled":
        raise ConfigError(f"alerts.{name}.scope: a statistic is measured by city, not pooled")
    if rule.horizon is not None:
        raise ConfigError(f"alerts.{name}.horizon: a statistic is not measured by horizon band")


def _side(name: str, measured: str, metrics: Mapping[str, Metric]) -> Side:
    better = metrics[measured].better if measured in metrics else "lower"
    if better not in ("higher", "lower"):
        raise ConfigError(
            f"alerts.{name}.side: {measured} can be wrong on both sides: write `side: above` or `side: below`"
        )
    return "below" if better == "higher" else "above"


def without_column(rules: Iterable[Rule], panels: Sequence[Panel]) -> dict[str, str]:
    """The rules that name a column which is not measured, and what they could have meant."""
    measured = sorted({str(c) for panel in panels if panel.kind == "statistic" for c in panel.columns})
    return {
        rule.name: f"alerts.{rule.name}.column: no column {rule.column!r} is measured"
        f"{did_you_mean(rule.column, measured)}"
        for rule in rules
        if measured and rule.column is not None and rule.column not in measured
    }


def judge(rules: Iterable[Rule], panels: Sequence[Panel]) -> tuple[Verdict, ...]:
    """Every measurement that a rule looks at, held against the rule's threshold."""
    return tuple(
        verdict
        for rule in rules
        for panel in panels
        if panel.kind == rule.kind
        for verdict in _judge(rule, panel)
    )


def _judge(rule: Rule, panel: Panel) -> Iterable[Verdict]:
    k = panel.names.index(rule.measured)
    reason = panel.reason[:, :, k]
    breach = exceeds(panel.value[:, :, k], rule.threshold)
    for s, series in enumerate(panel.series):
        if (series.city is None) is not rule.pooled or series.horizon != rule.horizon:
            continue
        for c, column in enumerate(panel.columns):
            if rule.column is not None and column != rule.column:
                continue
            code = int(reason[s, c])
            yield Verdict(
                key=AlertKey(rule.name, series.model_version, series.city, series.horizon, column),
                name=rule.measured,
                status=(
                    VerdictStatus.NO_DATA
                    if code
                    else VerdictStatus.BREACH
                    if breach[s, c]
                    else VerdictStatus.OK
                ),
                value=None if code else float(panel.value[s, c, k]),
                threshold=rule.threshold,
                undefined=Undefined(code) if code else None,
                n=int(panel.n[s, c]),
                coverage=float(panel.coverage[s, c]),
            )


def exceeds(value: np.ndarray, threshold: Threshold) -> np.ndarray:
    """Where the value is on the wrong side of the limit. On the limit is not; NaN is not."""
    return value < threshold.limit if threshold.side == "below" else value > threshold.limit
