"""Measurements become verdicts: statistic, threshold and verdict are three things.

A rule of the config is compiled once into what it looks at (`Rule`) and the threshold it holds that
against. A person fixes the threshold of a metric; a detector's score comes in units of a limit that was
fitted to a budget of false alarms, so that its threshold is 1. A measurement without a value is the verdict
`no_data`: it neither breaches nor clears.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal, NamedTuple

import numpy as np

from drift.config import RuleConfig
from drift.config_rules import SECURITY
from drift.config_text import did_you_mean
from drift.config_watch import WatchConfig
from drift.domain import AlertKey, Kind, Panel, Side, Threshold, Undefined, Verdict, VerdictStatus
from drift.errors import ConfigError
from drift.estimate import NAMES as ESTIMATED
from drift.metrics import Metric
from drift.statistics import Statistic

# what the platform's guide calls a metric, and which of ours it is
GAUGES = {"model_accuracy": "accuracy"}
WATCHERS: Mapping[str, str] = {
    "api_latency_seconds": "latency",
    "error_rate": "latency",
    "availability": "latency",
    "prediction_latency_seconds": "model",
    "prediction_error_rate": "model",
    "resource_usage": "resources",
    **dict.fromkeys(SECURITY, "logs"),
}
"""What no slot judges, and which part of the config's `watch` reads it; the last are detectors."""
PLATFORM_METRICS = frozenset(WATCHERS) - frozenset(SECURITY)
"""The metrics that the platform itself measures."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, compiled: which measurement it looks at, and what it is held against."""

    name: str
    kind: Kind | Literal["builtin", "watch"]
    measured: str
    threshold: Threshold
    duration: timedelta
    severity: str
    channels: tuple[str, ...]
    pooled: bool | None
    horizon: str | None
    column: str | None
    keep_firing_for: timedelta = timedelta(0)
    detector: str | None = None


class Judged(NamedTuple):
    """What a rule on a detector looks at, where its limit is, and how its alarms end."""

    measured: str
    threshold: Threshold
    keep_firing_for: timedelta = timedelta(0)
    pooled: bool | None = False
    """Whether all cities together are judged, or each; None: both."""


_SCORE = Threshold(1.0, "above", "calibrated", release=0.7)
_DAY = timedelta(days=1)
DETECTORS: Mapping[str, Judged] = {
    "profile": Judged("drift_score", _SCORE, _DAY),
    "fleet": Judged("drift_score", _SCORE, _DAY, pooled=True),
    "faults": Judged("fault_hours", Threshold(0.0, "above")),
    "interval": Judged("interval_score", _SCORE, _DAY),
    "features": Judged("feature_score", _SCORE, _DAY),
    "slow": Judged("slow_score", replace(_SCORE, release=0.8), 7 * _DAY, pooled=None),
}
"""The detectors that a rule may name."""
SCORES: Mapping[str, str] = {
    "drift_score": "profile",
    "error_ratio": "profile",
    "bias_ratio": "profile",
    "fault_hours": "faults",
    "interval_score": "interval",
    "feature_score": "features",
    "slow_score": "slow",
}
"""What detectors measure, and which of them; pooled it is the fleet's. A rule on a metric may name it."""


def feature_columns(alerts: Mapping[str, RuleConfig]) -> frozenset[str] | None:
    """The features that rules look at; None: all that there are."""
    named = [
        rule.column
        for rule in alerts.values()
        if rule.detector == "features" or rule.metric == "feature_score"
    ]
    return None if None in named else frozenset(map(str, named))


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
        _compile_detector(name, rule.detector, rule)
        if rule.detector is not None
        else _compile(name, rule, metrics, statistics)
        for name, rule in alerts.items()
        if watched(rule) is None
    )


def watched(rule: RuleConfig) -> str | None:
    """What of the platform the rule is on: a metric, or a detector of security; None if a slot judges it."""
    return next((name for name in (rule.metric, rule.detector) if name in WATCHERS), None)


def compile_watch_rules(
    alerts: Mapping[str, RuleConfig], watch: WatchConfig | None, *, everything: bool = False
) -> tuple[Rule, ...]:
    """The rules that watchers judge: those whose part of `watch` is on; or all, as Prometheus may judge them.

    A rule of security has no limit of its own: each reading brings the one of the config's `security`.

    Raises:
        ConfigError: a rule has a key that means something for a forecast only.
    """
    on = watch.on if watch is not None else frozenset()
    named = {name: (rule, what) for name, rule in alerts.items() if (what := watched(rule)) is not None}
    for name, (rule, what) in named.items():
        for key, given in (("horizon", rule.horizon), ("column", rule.column)):
            if given is not None:
                raise ConfigError(f"alerts.{name}.{key}: {what} is of the platform, and has none")
        if rule.scope != "city":
            raise ConfigError(f"alerts.{name}.scope: {what} is of the platform, which knows no cities")
    return tuple(
        _compile_watched(name, rule, what)
        for name, (rule, what) in named.items()
        if everything or WATCHERS[what] in on
    )


def _compile_watched(name: str, rule: RuleConfig, what: str) -> Rule:
    side: Side = rule.side or ("below" if what == "availability" else "above")
    return Rule(
        name=name,
        kind="watch",
        measured=what,
        threshold=Threshold(float(rule.threshold or 0.0), side),
        duration=rule.duration,
        severity=rule.severity,
        channels=rule.channels,
        pooled=None,
        horizon=None,
        column=None,
        keep_firing_for=rule.keep_firing_for or timedelta(0),
    )


def _compile_detector(name: str, detector: str, rule: RuleConfig) -> Rule:
    judged = DETECTORS[detector]
    keep = judged.keep_firing_for if rule.keep_firing_for is None else rule.keep_firing_for
    return Rule(
        name=name,
        kind="detector",
        measured=judged.measured,
        threshold=judged.threshold,
        duration=rule.duration,
        severity=rule.severity,
        channels=rule.channels,
        pooled=judged.pooled,
        horizon=None,
        column=rule.column,
        keep_firing_for=keep,
        detector=detector,
    )


def budgets_of(alerts: Mapping[str, RuleConfig]) -> dict[str, float | None]:
    """The detectors that rules need, with their budgets; None: the detector's own.

    Raises:
        ConfigError: two rules give one detector different budgets.
    """
    found: dict[str, tuple[str, float | None]] = {}
    scored = {
        "fleet" if rule.scope == "pooled" else SCORES[rule.metric]
        for rule in alerts.values()
        if rule.metric is not None and rule.metric in SCORES
    }
    for name, rule in alerts.items():
        if rule.detector is None or rule.detector in SECURITY:
            continue
        first, budget = found.setdefault(rule.detector, (name, rule.budget))
        if budget != rule.budget:
            raise ConfigError(
                f"alerts.{name}.budget: {rule.budget} differs from the {budget} of alerts.{first}: a "
                f"detector has one budget; for a second level write a rule on its score: "
                f"{{metric: drift_score, threshold: 0.8}}"
            )
    return {
        **dict.fromkeys(sorted(scored)),
        **{detector: budget for detector, (_, budget) in found.items()},
    }


def _compile(
    name: str, rule: RuleConfig, metrics: Mapping[str, Metric], statistics: Mapping[str, Statistic]
) -> Rule:
    metric, limit = str(rule.metric), float(rule.threshold or 0.0)
    measured = GAUGES.get(metric, metric)
    if measured in SCORES:
        kind: Kind = "detector"
    elif measured in ESTIMATED:
        kind = "estimate"
        _check_estimate(name, rule)
    elif measured in statistics:
        kind = "statistic"
        _check_statistic(name, rule)
    elif measured in metrics:
        kind = "metric"
        if rule.column is not None:
            raise ConfigError(f"alerts.{name}.column: {measured} is a metric of pairs and has no column")
    else:
        known = sorted([*GAUGES, *PLATFORM_METRICS, *metrics, *statistics, *SCORES, *ESTIMATED])
        raise ConfigError(f"alerts.{name}.metric: {metric!r} is not measured{did_you_mean(metric, known)}")
    return Rule(
        name=name,
        kind=kind,
        measured=measured,
        threshold=Threshold(limit, rule.side or _side(name, measured, metrics)),
        duration=rule.duration,
        severity=rule.severity,
        channels=rule.channels,
        pooled=rule.scope == "pooled",
        horizon=rule.horizon,
        column=rule.column,
        keep_firing_for=rule.keep_firing_for or timedelta(0),
    )


def _check_statistic(name: str, rule: RuleConfig) -> None:
    if rule.scope == "pooled":
        raise ConfigError(f"alerts.{name}.scope: a statistic is measured by city, not pooled")
    if rule.horizon is not None:
        raise ConfigError(f"alerts.{name}.horizon: a statistic is not measured by horizon band")


def _check_estimate(name: str, rule: RuleConfig) -> None:
    for key, given in (("horizon", rule.horizon), ("column", rule.column)):
        if given is not None:
            raise ConfigError(f"alerts.{name}.{key}: an estimate is of a city's hours, and has none")
    if rule.scope == "pooled":
        raise ConfigError(f"alerts.{name}.scope: an estimate is made by city, not pooled")


def _side(name: str, measured: str, metrics: Mapping[str, Metric]) -> Side:
    better = metrics[measured].better if measured in metrics else "lower"
    if measured == "bias_ratio":
        better = "zero"
    if measured == "estimated_accuracy":
        better = "higher"
    if better not in ("higher", "lower"):
        raise ConfigError(
            f"alerts.{name}.side: {measured} can be wrong on both sides: write `side: above` or `side: below`"
        )
    return "below" if better == "higher" else "above"


def without_column(rules: Iterable[Rule], panels: Sequence[Panel]) -> dict[str, str]:
    """The rules that name a column which is not measured, and what they could have meant; and those on
    features, where there is none.
    """
    measured = sorted({str(c) for panel in panels if panel.kind == "statistic" for c in panel.columns})
    features = any("feature_score" in panel.names for panel in panels)
    found = {}
    for rule in rules:
        if measured and rule.column is not None and rule.column not in measured:
            hint = did_you_mean(rule.column, measured)
            found[rule.name] = f"alerts.{rule.name}.column: no column {rule.column!r} is measured{hint}"
        elif measured and rule.measured == "feature_score" and not features:
            found[rule.name] = f"alerts.{rule.name}: the store has no features: see store.features"
    return found


def judge(rules: Iterable[Rule], panels: Sequence[Panel]) -> tuple[Verdict, ...]:
    """Every measurement that a rule looks at, held against the rule's threshold."""
    return tuple(
        verdict
        for rule in rules
        for panel in panels
        if panel.kind == rule.kind and rule.measured in panel.names
        for verdict in _judge(rule, panel)
    )


def _judge(rule: Rule, panel: Panel) -> Iterable[Verdict]:
    k = panel.names.index(rule.measured)
    reason = panel.reason[:, :, k]
    breach = exceeds(panel.value[:, :, k], rule.threshold)
    for s, series in enumerate(panel.series):
        other = rule.pooled is not None and (series.city is None) is not rule.pooled
        if other or series.horizon != rule.horizon:
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
    """Where values are on the wrong side of the limit, as `Threshold.breached` has it for one.

    >>> Threshold(2.0, "above").breached(2.0), Threshold(0.99, "below").breached(0.98)
    (False, True)
    """
    return value < threshold.limit if threshold.side == "below" else value > threshold.limit
