"""PURE. What of a run becomes metrics in MLflow: names and values of one model version.

What one sorts and plots by: all cities pooled, by horizon, the worst city of every figure, how many alerts
there are, and each city's accuracy. Drift of every column of every city and its horizons are most of a
run's figures, and would bury the others in MLflow's lists: they are in the measurement table, and metrics
where `mlflow.cities` asks for all. What stands at the top level is logged first, because MLflow's compare
page begins with the metric that it finds first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.domain import Alert, AlertStatus, Floats, Panel, Run, Series
from drift.metrics.base import Metric
from drift.sinks.mlflow_names import metric_name, worst_name

CitiesShown: TypeAlias = Literal["metrics", "all", "none"]
Point: TypeAlias = tuple[str, float]
State: TypeAlias = Literal["ok", "pending", "firing", "no data"]

UNDEFINED = "undefined"
"""How many measurements of the slot have no value. It is logged last: where it is, the slot is whole."""


def points(
    run: Run, version: str, shown: CitiesShown, metrics: Mapping[str, Metric], level: float
) -> list[Point]:
    """The figures that have a value, each under a name of its own; `level` is the intervals' nominal one."""
    found = [point for panel in run.panels for point in _of_series(panel, version, shown)]
    found += [point for panel in run.panels for point in _worst(panel, version, metrics, level)]
    alerts = [alert.status for alert in alerts_of(run, version)]
    found += [(f"alerts/{s}", float(alerts.count(s))) for s in (AlertStatus.FIRING, AlertStatus.PENDING)]
    return sorted(found, key=lambda point: "/" in point[0])


def undefined(run: Run, version: str) -> int:
    """How many measurements of the model version have no value, of all cities."""
    return sum(int((~_defined(panel)[_rows(panel, version)]).sum()) for panel in run.panels)


def alerts_of(run: Run, version: str) -> list[Alert]:
    """The alerts of the model version, as they stand after the slot."""
    return [alert for alert in run.alerts if alert.key.model_version == version]


def state_of(run: Run, version: str) -> State:
    """The worst that any alert of the model version says; without a figure and an alert, `no data`."""
    there = {alert.status for alert in alerts_of(run, version)}
    if AlertStatus.FIRING in there:
        return "firing"
    if AlertStatus.PENDING in there:
        return "pending"
    measured = any(_defined(panel)[_rows(panel, version)].any() for panel in run.panels)
    return "ok" if measured else "no data"


def pooled(run: Run, version: str, name: str) -> float | None:
    """A figure of all cities pooled; None where it has no value."""
    for panel in run.panels:
        if name in panel.names and Series(version) in panel.series and None in panel.columns:
            found = panel.series.index(Series(version)), panel.columns.index(None), panel.names.index(name)
            return float(panel.value[found]) if _defined(panel)[found] else None
    return None


def _rows(panel: Panel, version: str) -> list[int]:
    return [s for s, series in enumerate(panel.series) if series.model_version == version]


def _defined(panel: Panel) -> NDArray[np.bool_]:
    there: NDArray[np.bool_] = (panel.reason == 0) & np.isfinite(panel.value)
    return there


def _of_series(panel: Panel, version: str, shown: CitiesShown) -> Iterator[Point]:
    """The figures of all cities pooled, and those of each city that are asked for."""
    defined = _defined(panel)
    for s in _rows(panel, version):
        series = panel.series[s]
        brief = panel.kind != "statistic" and series.horizon is None
        if series.city is not None and (shown == "none" or (shown == "metrics" and not brief)):
            continue
        for c, k in np.argwhere(defined[s]).tolist():
            name = metric_name(panel.kind, panel.names[k], series, panel.columns[c])
            yield name, float(panel.value[s, c, k])


def _worst(panel: Panel, version: str, metrics: Mapping[str, Metric], level: float) -> Iterator[Point]:
    """The worst value that any city has of each figure, at the horizon that is judged."""
    rows = [s for s in _rows(panel, version) if panel.series[s].city and panel.series[s].horizon is None]
    if not rows:
        return
    value = np.where(_defined(panel)[rows], panel.value[rows], np.nan)
    for c, k in np.argwhere(~np.isnan(value).all(axis=0)).tolist():
        name = panel.names[k]
        badness = _badness(value[:, c, k], metrics.get(name) if panel.kind == "metric" else None, level)
        yield worst_name(panel.kind, name, panel.columns[c]), float(value[np.nanargmax(badness), c, k])


def _badness(value: Floats, metric: Metric | None, level: float) -> Floats:
    """What is largest where the figure is worst. More drift, and a higher score of a detector, is worse."""
    if metric is None or metric.better == "lower":
        return value
    if metric.better == "higher":
        return -value
    apart: Floats = np.abs(value - (level if metric.better == "level" else 0.0))
    return apart
