"""What of a run becomes metrics: known answers, by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from drift.domain import AlertKey, AlertStatus, Panel, Run, Series
from drift.metrics import load_metrics
from drift.sinks.mlflow_points import points, pooled, state_of, undefined

MakeRun = Callable[..., Run]
HOUR = timedelta(hours=1)


def named(run: Run, names: tuple[str, ...], values: list[list[float]]) -> Run:
    """The run with one panel: a row of figures for each of the cities a, b …, and the last for all pooled."""
    series = (*(Series("v1", city) for city in "abc"[: len(values) - 1]), Series("v1"))
    value = np.array(values)[:, None, :]
    ones = np.ones(value.shape[:2])
    reason = np.isnan(value).astype(np.uint8)
    return replace(
        run, panels=(Panel("metric", series, (None,), names, value, reason, ones.astype(int), ones),)
    )


@pytest.mark.parametrize(
    ("name", "of_cities", "worst"),
    [
        ("accuracy", [0.9, 0.7, 0.8], 0.7),  # higher is better
        ("mape", [0.9, 0.7, 0.8], 0.9),  # lower is better
        ("bias", [5.0, -9.0, 1.0], -9.0),  # zero is best: the farthest, with its sign
        ("coverage_of_interval", [0.75, 0.95, 0.8], 0.95),  # 0.8 is best
        ("a_metric_of_another_package", [1.0, 3.0, 2.0], 3.0),
        ("accuracy", [np.nan, 0.7, 0.8], 0.7),
    ],
)
def test_the_worst_city_of_a_figure(
    make_run: MakeRun, name: str, of_cities: list[float], worst: float
) -> None:
    run = named(make_run(), (name,), [[each] for each in (*of_cities, 0.5)])
    found = dict(points(run, "v1", "none", load_metrics(), 0.8))
    assert found[f"worst-city/{name}"] == worst
    assert found[name] == 0.5


def test_a_figure_that_no_city_has_has_no_worst(make_run: MakeRun) -> None:
    run = named(make_run(), ("mape",), [[np.nan], [np.nan], [0.5]])
    assert "worst-city/mape" not in dict(points(run, "v1", "all", load_metrics(), 0.8))
    assert undefined(run, "v1") == 2


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        ((), "ok"),
        ((AlertStatus.RESOLVED, AlertStatus.OK), "ok"),
        ((AlertStatus.OK, AlertStatus.PENDING), "pending"),
        ((AlertStatus.PENDING, AlertStatus.FIRING), "firing"),
    ],
)
def test_the_state_is_the_worst_alert(
    make_run: MakeRun, statuses: tuple[AlertStatus, ...], state: str
) -> None:
    run = make_run()
    (alert,) = run.alerts
    alerts = tuple(replace(alert, status=status) for status in statuses)
    foreign = replace(alert, key=AlertKey("r", "v2", None, None, None), status=AlertStatus.FIRING)
    assert state_of(replace(run, alerts=(*alerts, foreign)), "v1") == state


def test_without_any_figure_there_is_no_data(make_run: MakeRun) -> None:
    run = named(make_run(alerts=()), ("accuracy",), [[np.nan], [np.nan]])
    assert state_of(run, "v1") == "no data"
    assert state_of(replace(run, panels=()), "v1") == "no data"


def test_the_pooled_figure_is_that_of_all_cities(make_run: MakeRun) -> None:
    run = named(
        make_run(slot=datetime(2020, 4, 10, tzinfo=UTC)), ("accuracy", "mape"), [[0.9, 0.1], [0.8, np.nan]]
    )
    assert pooled(run, "v1", "accuracy") == 0.8
    assert pooled(run, "v1", "mape") is None
    assert pooled(run, "v1", "psi") is None
    assert pooled(run, "v2", "accuracy") is None
