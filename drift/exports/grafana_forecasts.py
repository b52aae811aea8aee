"""PURE. What the dashboards on forecasts share: how drift's gauges are asked for, and of which monitor."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from drift.exports.grafana_parts import Limit, firing, variable

MONITOR = 'job=~"$job"'
VERSIONS = f'{MONITOR}, model_version=~"$model_version"'
CITIES = f'{VERSIONS}, city=~"$city"'
CITY = "model_version, city"
CALIBRATED = Limit(1, "above")
"""A score is in units of its limit."""
NO_DETECTOR = "unless a rule has a detector"
NOT_COUNTED = "unless services count their predictions"


def gauge(name: str, by: str, select: str = "", of: str = VERSIONS) -> str:
    """A gauge of drift, once though replicas show the same: the labels `by` stay.

    >>> gauge("model_accuracy", "model_version", 'metric="mape"')
    'max by (model_version) (model_accuracy{job=~"$job", model_version=~"$model_version", metric="mape"})'
    """
    return f"max by ({by}) ({name}{{{f'{of}, {select}' if select else of}}})"


def metric(name: str) -> str:
    """The label that chooses one of drift's metrics.

    >>> metric("mape")
    'metric="mape"'
    """
    return f'metric="{name}"'


def monitor_variable() -> dashboard.QueryVariable:
    """Which installation of drift: one, as two would show two figures of one city."""
    says = "The job under which Prometheus scrapes drift."
    found = "label_values(drift_last_success_timestamp_seconds, job)"
    return variable("job", "Monitor", found, several=False, describes=says)


def version_variable() -> dashboard.QueryVariable:
    """Which model versions, of those the monitor measures."""
    found = f"label_values(model_accuracy_by_city{{{MONITOR}}}, model_version)"
    return variable("model_version", "Model version", found)


def forecast_alerts() -> tuple[dashboard.AnnotationQuery, ...]:
    """What fires, by whichever of Prometheus and drift decides it."""
    prometheus = 'ALERTS{alertstate="firing", about="forecast"}'
    own = f'max by (rule, severity) (drift_alerts{{{MONITOR}, state="firing"}}) > 0'
    return (
        firing("Firing alerts of Prometheus", prometheus, "{{alertname}}", "severity,city,model_version"),
        firing("Firing alerts of drift", own, "{{rule}}", "severity"),
    )
