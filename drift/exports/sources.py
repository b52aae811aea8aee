"""PURE. Which gauge shows what a rule looks at, and by which labels its series differ.

The gauges are those of `drift/sinks/prometheus.py`; a test holds the two together. For some rules there is no
gauge: per city and horizon band there would be too many series. Those only the embedded engine judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drift.detect import Rule
from drift.metrics import Metric


@dataclass(frozen=True, slots=True)
class Source:
    """The series that a rule looks at: those of `gauge` with the labels `select`; they differ `by` labels."""

    gauge: str
    select: Mapping[str, str]
    by: tuple[str, ...]


def source_of(rule: Rule) -> Source | None:
    """Where Prometheus finds what the rule looks at; None where no gauge shows it."""
    if rule.kind == "detector":
        return _of_detector(rule)
    if rule.kind == "estimate":
        metric = rule.measured.removeprefix("estimated_")
        by = ("model_version", "city")  # accuracy has no gauge: a rule on estimated_wape says the same
        return None if metric == "accuracy" else Source("model_estimated_error", {"metric": metric}, by)
    if rule.kind == "statistic":
        select = {"statistic": rule.measured} | ({"column": rule.column} if rule.column is not None else {})
        return Source("model_drift", select, ("model_version", "city", "column"))
    select = {"metric": rule.measured}
    if rule.horizon is not None:
        select["horizon"] = rule.horizon
        return Source("model_horizon_accuracy", select, ("model_version", "horizon")) if rule.pooled else None
    if rule.pooled:
        return Source("model_accuracy", select, ("model_version",))
    return Source("model_accuracy_by_city", select, ("model_version", "city"))


_BY_CITY = {
    "error_ratio": "model_error_ratio",
    "bias_ratio": "model_bias_ratio",
    "fault_hours": "model_fault_hours",
}


def _of_detector(rule: Rule) -> Source | None:
    by_city, pooled = ("model_version", "city"), ("model_version",)
    if rule.measured == "feature_score":
        column = {"column": rule.column} if rule.column is not None else {}
        return None if rule.pooled else Source("drift_feature_score", column, (*by_city, "column"))
    if rule.measured in _BY_CITY:
        if not rule.pooled:
            return Source(_BY_CITY[rule.measured], {}, by_city)
        known = rule.measured == "error_ratio"
        return Source("model_fleet_error_ratio", {}, pooled) if known else None
    name = rule.measured.removesuffix("_score")
    channel = {"channel": "all" if name == "drift" else name}
    if rule.pooled:
        return Source("drift_fleet_score", channel, pooled)
    return Source("drift_score", channel, by_city)


def shown(rule: Rule, metrics: Mapping[str, Metric], unit: str) -> tuple[str, str, str]:
    """What is measured, as people call it; how a Go template shows its value; and the limit, shown alike."""
    limit, measured = rule.threshold.limit, rule.measured
    if measured in metrics:
        metric = metrics[measured]
        if metric.unit == "fraction":
            return metric.title, "{{ $value | humanizePercentage }}", f"{100 * limit:.4g}%"
        behind = f" {unit}" if metric.unit == "load" else ""
        return metric.title, '{{ printf "%.4g" $value }}' + behind, f"{limit:.4g}{behind}"
    if measured == "fault_hours":
        return "faulty data", '{{ printf "%.3g" $value }} h', f"{limit:g} h"
    behind = " × normal" if measured.endswith("_ratio") else ""
    return measured.replace("_", " "), '{{ printf "%.3g" $value }}' + behind, f"{limit:.3g}{behind}"
