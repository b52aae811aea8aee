"""Collect, store, check: one round of a service's own metrics."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from drift.domain import Threshold
from drift.reasons import Undefined
from drift.telemetry import MetricsCollector, PlatformMetrics, Reading, breached

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
ABOVE_2_S = {"api_latency_seconds": Threshold(2.0, "above")}


@pytest.fixture
def metrics() -> PlatformMetrics:
    return PlatformMetrics()


def failures(metrics: PlatformMetrics, kind: str) -> float:
    return metrics.registry.get_sample_value("metrics_collection_failures_total", {"collector": kind}) or 0.0


def test_seed_unknown_collector_is_a_value_error_that_names_the_known(metrics):
    collector = MetricsCollector(metrics)
    with pytest.raises(ValueError, match="no collector 'disk': there are api, model, system"):
        asyncio.run(collector.collect_metrics("disk"))
    assert failures(metrics, "disk") == 0  # a typing error of ours is no failure of the platform


def test_it_collects_then_stores_then_checks(metrics):
    done: list[object] = []
    reading = Reading("api_latency_seconds", 3.0, column="/predict")

    async def collect(now: datetime) -> list[Reading]:
        done.append(now)
        return [reading]

    async def store(kind: str, readings: object) -> None:
        done.append((kind, readings))

    async def check(readings: object) -> list[Reading]:
        done.append(readings)
        return [reading]

    collector = MetricsCollector(
        metrics, collectors={"own": collect}, store=store, check=check, clock=lambda: NOON
    )
    assert asyncio.run(collector.collect_metrics("own")) == (reading,)
    assert done == [NOON, ("own", [reading]), [reading]]


@pytest.mark.parametrize("step", ["collect", "store", "check"])
def test_seed_an_error_is_recorded_and_raised(metrics, step):
    async def does(name: str) -> list[Reading]:
        if name == step:
            raise ConnectionError("the database has gone")
        return []

    async def store(*_: object) -> None:
        await does("store")

    collector = MetricsCollector(
        metrics,
        collectors={"api": lambda _: does("collect")},
        store=store,
        check=lambda _: does("check"),
        clock=lambda: NOON,
    )
    with capture_logs() as logged, pytest.raises(ConnectionError, match="the database has gone"):
        asyncio.run(collector.collect_metrics("api"))
    assert failures(metrics, "api") == 1
    assert [(line["event"], line["log_level"], line["collector"]) for line in logged] == [
        ("metrics could not be collected", "error", "api")
    ]


def test_a_cancelled_round_is_no_failure(metrics):
    async def forever(_: datetime) -> list[Reading]:
        await asyncio.Event().wait()
        return []

    async def work() -> None:
        task = asyncio.create_task(
            MetricsCollector(metrics, collectors={"api": forever}).collect_metrics("api")
        )
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    assert failures(metrics, "api") == 0


def test_seed_latency_above_2_s_breaches(metrics):
    collector = MetricsCollector(metrics, ABOVE_2_S, clock=lambda: NOON)
    for endpoint, seconds in (("/slow", 3.0), ("/quick", 0.05)):
        metrics.requests.labels(endpoint, "GET", "200").inc()
        metrics.latency.labels(endpoint).observe(seconds)
    (found,) = asyncio.run(collector.collect_metrics("api"))
    assert (found.metric, found.column) == ("api_latency_seconds", "/slow")
    assert [reading.metric for reading in collector.last["api"]] == ["api_latency_seconds"] * 2 + [
        "error_rate"
    ] * 2 + ["availability"]


def test_the_model_collector_has_accuracy_latency_and_error_rate(metrics):
    metrics.accuracy.labels("v2", "accuracy").set(0.8)
    collector = MetricsCollector(metrics, {"model_accuracy": Threshold(0.85, "below")}, clock=lambda: NOON)
    with metrics.track_prediction("v2", "Pune"):
        pass
    (found,) = asyncio.run(collector.collect_metrics("model"))
    assert (found.metric, found.model_version, found.value) == ("model_accuracy", "v2", 0.8)
    assert {reading.metric for reading in collector.last["model"]} == {
        "model_accuracy",
        "prediction_latency_seconds",
        "prediction_error_rate",
    }


def test_seed_usage_above_80_breaches_and_the_gauge_shows_it(metrics):
    times = iter((NOON, NOON + timedelta(seconds=60)))
    collector = MetricsCollector(
        metrics, {"resource_usage": Threshold(0.0, "above")}, clock=lambda: next(times)
    )
    asyncio.run(collector.collect_metrics("system"))
    found = asyncio.run(collector.collect_metrics("system"))
    kinds = {str(reading.column).split(" ")[0] for reading in found}
    assert {"memory", "disk"} <= kinds
    shown = {
        sample.labels["resource_type"]
        for family in metrics.resource_usage.collect()
        for sample in family.samples
    }
    assert kinds <= shown
    hot, well = Reading("resource_usage", 80.1), Reading("resource_usage", 80.0)
    assert breached([hot, well], {"resource_usage": Threshold(80.0, "above")}) == (hot,)


def test_what_has_no_value_or_no_threshold_breaches_nothing():
    unknown = Reading("error_rate", None, Undefined.NO_TRAFFIC)
    other = Reading("availability", 0.1)
    assert breached([unknown, other], {"error_rate": Threshold(0.0, "above")}) == ()


def test_a_reading_s_own_threshold_goes_before():
    own = Reading("error_rate", 0.3, threshold=Threshold(0.5, "above"))
    assert breached([own], {"error_rate": Threshold(0.1, "above")}) == ()
