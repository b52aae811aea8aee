"""PURE. Prometheus rules for what the platform measures and no slot judges: latency and resources, as its
guide says. Latency is a histogram, so a rule on it holds a quantile of each endpoint's requests to the limit.
"""

from __future__ import annotations

from drift.config import Config, RuleConfig
from drift.detect import PLATFORM_METRICS
from drift.exports.document import Alerting, Group, Recording
from drift.exports.models import VALUE
from drift.exports.promql import number, selector
from drift.exports.said import PLATFORM, Runbooks, annotations_of, labels_of

QUANTILE = 0.95
"""Of requests; the guide gives a limit and leaves open for how many it holds."""
RATE_WINDOW = "5m"


def platform_group(config: Config, runbooks: Runbooks) -> Group:
    """The rules on the platform's own metrics."""
    found = [(name, rule) for name, rule in config.alerts.items() if rule.metric in PLATFORM_METRICS]
    rules = [part for name, rule in found for part in _rules(name, rule, runbooks)]
    return Group("drift_platform", rules)


def _rules(name: str, rule: RuleConfig, runbooks: Runbooks) -> tuple[Recording, Alerting]:
    """What the rule looks at, and the alert."""
    latency = rule.metric == "api_latency_seconds"
    expr, summary = (_latency if latency else _resource)(rule)
    sign = "<" if rule.side == "below" else ">"
    limit = float(rule.threshold or 0.0)
    alert = Alerting(
        name=name,
        expr=f"{selector(VALUE, {'rule': name})} {sign} {number(limit)}\n",
        duration=rule.duration,
        keep_firing_for=rule.keep_firing_for or rule.duration * 0,
        labels=labels_of(rule.severity, PLATFORM),
        annotations=annotations_of(name, "platform", summary, runbooks, rule.channels),
    )
    return Recording(VALUE, expr, {"rule": name}), alert


def _latency(rule: RuleConfig) -> tuple[str, str]:
    """Without a request in the window the quantile is NaN, which is above nothing."""
    expr = (
        f"histogram_quantile({number(QUANTILE)},\n"
        f"  sum by (job, endpoint, le) (rate(api_latency_seconds_bucket[{RATE_WINDOW}]))\n)\n"
    )
    said = f"{QUANTILE:.0%} of requests take up to {{{{ $value | humanizeDuration }}}}"
    return expr, f"{{{{ $labels.endpoint }}}}: {said}, limit {rule.threshold:g}s"


def _resource(rule: RuleConfig) -> tuple[str, str]:
    """The gauge's own `instance` comes as `exported_instance`, unless Prometheus honours its labels."""
    where = "{{ $labels.resource_type }} of {{ or $labels.exported_instance $labels.instance }}"
    return "resource_usage\n", f'{where} is {{{{ printf "%.1f" $value }}}}%, limit {rule.threshold:g}%'
