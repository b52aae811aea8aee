"""PURE. Prometheus rules for what the platform measures and no slot judges, as its guide says: latency,
shares of what fails, resources. drift's own watchers hold the same expressions against the same limits.

Rules on detectors of security are not exported: a log is no series.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from drift.config import Config
from drift.config_rules import SECURITY
from drift.detect import Rule, compile_watch_rules
from drift.exports import platform_promql as promql
from drift.exports.document import Alerting, Group, Recording
from drift.exports.models import VALUE
from drift.exports.platform_promql import WINDOW
from drift.exports.promql import duration, number, selector
from drift.exports.said import PLATFORM, Runbooks, annotations_of, labels_of
from drift.telemetry.readings import QUANTILE

RATE_WINDOW = duration(WINDOW)


@dataclass(frozen=True, slots=True)
class Source:
    """How a metric is asked of Prometheus, in a window, and how an alert on it is said: `{limit}` is filled
    in; the rest is a Go template.
    """

    expr: Callable[[timedelta], str]
    summary: str
    unit: str = "s"


_MOST, _QUICK = f"{QUANTILE:.0%} of", "take up to {{ $value | humanizeDuration }}, limit {limit}"
_SHARE = "{{ $value | humanizePercentage }}"
SOURCES: Mapping[str, Source] = {
    "api_latency_seconds": Source(promql.latency, f"{{{{ $labels.endpoint }}}}: {_MOST} requests {_QUICK}"),
    "error_rate": Source(
        promql.error_rate, "{{ $labels.endpoint }}: " + _SHARE + " of requests fail, limit {limit}", "%"
    ),
    "availability": Source(
        promql.availability, "{{ $labels.job }}: " + _SHARE + " of requests are answered, limit {limit}", "%"
    ),
    "prediction_latency_seconds": Source(
        promql.prediction_latency, f"{{{{ $labels.model_version }}}}: {_MOST} predictions {_QUICK}"
    ),
    "prediction_error_rate": Source(
        promql.prediction_error_rate,
        "{{ $labels.model_version }}: " + _SHARE + " of predictions fail, limit {limit}",
        "%",
    ),
    # the gauge's own `instance` comes as `exported_instance`, unless Prometheus honours its labels
    "resource_usage": Source(
        lambda _: promql.resource_usage(),
        "{{ $labels.resource_type }} of {{ or $labels.exported_instance $labels.instance }} is "
        '{{ printf "%.1f" $value }}%, limit {limit}',
        "of 100",
    ),
}


def platform_group(config: Config, runbooks: Runbooks) -> Group:
    """The rules on the platform's own metrics, watched by drift or not."""
    rules = compile_watch_rules(config.alerts, config.watch, everything=True)
    exported = [rule for rule in rules if rule.measured in SOURCES]
    return Group("drift_platform", [part for rule in exported for part in _rules(rule, config, runbooks)])


def unseen_by_prometheus(config: Config) -> dict[str, str]:
    """The rules on the platform that stay with drift's own watchers, and why."""
    return {
        name: f"{rule.detector} is found in logs"
        for name, rule in config.alerts.items()
        if rule.detector in SECURITY
    }


def _rules(rule: Rule, config: Config, runbooks: Runbooks) -> tuple[Recording, Alerting]:
    """What the rule looks at, and the alert."""
    source, threshold = SOURCES[rule.measured], rule.threshold
    sign = "<" if threshold.side == "below" else ">"
    alert = Alerting(
        name=rule.name,
        expr=f"{selector(VALUE, {'rule': rule.name})} {sign} {number(threshold.limit)}\n",
        duration=rule.duration,
        keep_firing_for=rule.keep_firing_for,
        labels=labels_of(rule.severity, PLATFORM),
        annotations=annotations_of(
            rule.name,
            rule.measured,
            source.summary.replace("{limit}", _limit(threshold.limit, source.unit)),
            runbooks,
            rule.channels,
        ),
    )
    return Recording(VALUE, source.expr(_window(rule, config)), {"rule": rule.name}), alert


def _limit(limit: float, unit: str) -> str:
    """The limit as people read it.

    >>> _limit(2.0, "s"), _limit(0.05, "%"), _limit(80.0, "of 100")
    ('2s', '5%', '80%')
    """
    return f"{limit:g}s" if unit == "s" else f"{100 * limit if unit == '%' else limit:g}%"


def _window(rule: Rule, config: Config) -> timedelta:
    """The window that drift's own watchers look at, where they do."""
    watch = config.watch
    model = rule.measured.startswith("prediction")
    part = None if watch is None else watch.model if model else watch.latency
    return WINDOW if part is None else part.window
