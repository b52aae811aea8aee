"""PURE. Prometheus rules for what drift itself measures: each rule of the config that a slot judges.

Each has two: `drift:rule:value{rule="…"}` is what it looks at, and the alert holds that against the limit.
What it looks at is the worst value of the replica with the latest slot (others still show the slot they did
last); for a value that is missing stands, for a while, the last one: a restart of drift resolves nothing.

A value that is absent or NaN is on neither side of a limit: it begins no alert.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drift.config import Config
from drift.config_notify import LATE_ACTUALS, NO_DATA
from drift.detect import Rule, compile_rules
from drift.exports.document import Alerting, Group, Recording
from drift.exports.promql import duration, literal, number, selector
from drift.exports.said import FORECAST, Runbooks, annotations_of, labels_of
from drift.exports.sources import Source, shown, source_of
from drift.metrics import Metric, load_metrics
from drift.slot_age import SlotAges, slot_ages
from drift.statistics import load_statistics

LAST_SUCCESS = "drift_last_success_timestamp_seconds"
CURRENT = "drift:instance:current"
VALUE = "drift:rule:value"
DELAY, EXPECTED = "drift_actuals_delay_seconds", "drift_actuals_expected_delay_seconds"


def compiled(config: Config) -> tuple[Rule, ...]:
    """The rules that a slot judges.

    Raises:
        ConfigError: a rule does not fit what is measured.
    """
    return compile_rules(config.alerts, load_metrics(), load_statistics(), config.accuracy.band_labels)


def model_group(config: Config, runbooks: Runbooks) -> Group:
    """The rules on forecasts; those that no gauge shows are left out (`not_exported`)."""
    ages, metrics = slot_ages(config.schedule), load_metrics()
    rules: list[Recording | Alerting] = []
    for rule in compiled(config):
        source = source_of(rule)
        if source is not None:
            rules += [_value(rule, source, ages), _alert(rule, source, ages, metrics, config, runbooks)]
    own = [_no_data(config, ages, runbooks), _late(config, ages, runbooks)]
    return Group("drift_forecasts", [_current(ages), *rules, *own] if rules else [])


def not_exported(config: Config) -> dict[str, str]:
    """The rules that stay with the embedded engine, and why."""
    return {
        rule.name: f"no gauge shows {rule.measured} "
        + ("of all cities together" if rule.pooled else "by city and horizon band")
        for rule in compiled(config)
        if source_of(rule) is None
    }


def _current(ages: SlotAges) -> Recording:
    """The replicas that show the latest slot."""
    slot = f"last_over_time({LAST_SUCCESS}[{duration(ages.hold)}])"
    return Recording(CURRENT, f"{slot}\n== on (job) group_left ()\nmax by (job) ({slot})\n")


def _value(rule: Rule, source: Source, ages: SlotAges) -> Recording:
    worst = "min" if rule.threshold.side == "below" else "max"
    held = f"last_over_time({selector(source.gauge, source.select)}[{duration(ages.hold)}])"
    labels = ", ".join(("job", *source.by))
    expr = f"{worst} by ({labels}) (\n  {held}\n  and on (job, instance) {CURRENT}\n)\n"
    return Recording(VALUE, expr, {"rule": rule.name})


def _alert(
    rule: Rule,
    source: Source,
    ages: SlotAges,
    metrics: Mapping[str, Metric],
    config: Config,
    runbooks: Runbooks,
) -> Alerting:
    what, value, limit = shown(rule, metrics, config.store.unit)
    where = " · ".join(f"{{{{ $labels.{label} }}}}" for label in _where(rule, source))
    side = rule.threshold.side
    return Alerting(
        name=rule.name,
        expr=_condition(rule, source.by),
        duration=rule.duration + ages.settle if rule.duration else rule.duration,
        keep_firing_for=rule.keep_firing_for,
        labels=labels_of(rule.severity, FORECAST),
        annotations=annotations_of(
            rule.name,
            _kind(rule),
            f"{where}: {literal(what)} is {value}, {side} its limit of {literal(limit)}",
            runbooks,
            rule.channels,
        ),
    )


def _no_data(config: Config, ages: SlotAges, runbooks: Runbooks) -> Alerting:
    """A city without actuals: first its coverage falls below the minimum, so that nothing judges it, and then
    that lasts. Prometheus resolves what has no value: without this rule silence would be good news.
    """
    windows, share = config.windows, 1 - config.accuracy.min_coverage
    limit = windows.lag + share * windows.current + config.notify.no_data_after
    summary = "{{ $labels.city }}: its last actual is {{ $value | humanizeDuration }} old"
    return Alerting(
        name=NO_DATA,
        expr=f"{_worst_of(DELAY, ages)} > {number(limit.total_seconds())}\n",
        labels=labels_of("high", FORECAST),
        annotations=annotations_of(NO_DATA, "no_data", summary, runbooks),
    )


def _late(config: Config, ages: SlotAges, runbooks: Runbooks) -> Alerting:
    """A city whose actuals are older than they usually are by this time of day. Alertmanager mutes it where
    `no_data` fires.
    """
    summary = "{{ $labels.city }}: its last actual is {{ $value | humanizeDuration }} old, which is unusual"
    return Alerting(
        name=LATE_ACTUALS,
        expr=f"{_worst_of(DELAY, ages)}\n> on (job, city)\n{_worst_of(EXPECTED, ages)}\n",
        duration=config.notify.late_for + ages.settle,
        labels=labels_of("warning", FORECAST),
        annotations=annotations_of(LATE_ACTUALS, "late_actuals", summary, runbooks),
    )


def _worst_of(gauge: str, ages: SlotAges) -> str:
    """The greatest value of a city that the replicas with the latest slot show."""
    held = f"last_over_time({gauge}[{duration(ages.hold)}])\n  and on (job, instance) {CURRENT}"
    return f"max by (job, city) (\n  {held}\n)"


def _where(rule: Rule, source: Source) -> list[str]:
    order = ("city", "column", "horizon", "model_version")
    return [label for label in order if label in source.by or (label == "column" and rule.column is not None)]


def _condition(rule: Rule, by: Sequence[str]) -> str:
    """The breach; and for a calibrated limit, what is not quiet yet where the alert fires already."""
    value, threshold = selector(VALUE, {"rule": rule.name}), rule.threshold
    sign = "<" if threshold.side == "below" else ">"
    breach = f"{value} {sign} {number(threshold.limit)}\n"
    if threshold.release is None:
        return breach
    firing = selector("ALERTS", {"alertname": rule.name, "alertstate": "firing"})
    labels = ", ".join(("job", *by))
    return f"{breach}or\n{value} {sign} {number(threshold.release)}\nand on ({labels}) {firing}\n"


def _kind(rule: Rule) -> str:
    """What kind of alert it is, as messages tell them apart."""
    if rule.detector is not None:
        return rule.detector
    return rule.kind if rule.kind != "detector" else "profile"
