"""What watchers read: from a Prometheus, from this process' registry, from the last slot, of this host."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drift.config_watch import PrometheusConfig, ResourcesConfig
from drift.reasons import Undefined
from drift.state import SharedGauges, State
from drift.telemetry.metrics import PlatformMetrics
from drift.telemetry.registry_readings import RegistryReadings
from drift.watchers.latency import LatencyWatcher
from drift.watchers.model import ModelWatcher
from drift.watchers.prometheus import PrometheusReadings
from drift.watchers.promql import Prometheus
from drift.watchers.requests import OwnRequests
from drift.watchers.resource import ResourceWatcher
from drift.watchers.slot_accuracy import SlotAccuracy

from .conftest import vector

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
API = {"job": "api"}


@pytest.fixture
def readings(prometheus, tmp_path):
    config = PrometheusConfig.model_validate({"url": prometheus.url})
    found = PrometheusReadings(Prometheus(config, tmp_path), 5 * MINUTE)
    yield found
    found.close()


def answering(prometheus, **by_word: bytes) -> None:
    """Answer each query by a word of it."""

    def answer(handler, query: str) -> None:
        found = next((body for word, body in by_word.items() if word in query), vector())
        handler.answer(200, found)

    prometheus.behaviour = answer


def test_latency_of_a_prometheus_is_by_endpoint_and_service(prometheus, readings):
    predict, cities = API | {"endpoint": "/predict"}, API | {"endpoint": "/cities"}
    answering(
        prometheus,
        histogram_quantile=vector((predict, "3.4"), (cities, "NaN")),
        increase=vector((predict, "1203.6"), (cities, "0")),
    )
    a, b = readings.latency(NOW)
    assert (a.metric, a.value, a.column, a.n) == ("api_latency_seconds", 3.4, "/predict on api", 1204)
    assert a.evidence == {"sentences": ["Of 1,204 requests in the window, one in twenty took longer."]}
    assert (b.value, b.undefined, b.column) == (None, Undefined.NO_TRAFFIC, "/cities on api")


def test_shares_of_a_prometheus_say_how_many_requests_they_are_of(prometheus, readings):
    predict = API | {"endpoint": "/predict"}
    answering(
        prometheus,
        increase=vector((predict, "200")),
        **{"1 - ": vector((API, "0.95"))},
        rate=vector((predict, "0.05")),
    )
    (rate,) = readings.error_rate(NOW)
    assert (rate.value, rate.n, rate.evidence["sentences"]) == (
        0.05,
        200,
        ["10 of 200 requests in the window failed."],
    )
    (there,) = readings.availability(NOW)
    assert (there.column, there.value, there.n) == ("api", 0.95, 200)
    assert there.evidence["sentences"] == ["10 of 200 requests in the window were answered with 5xx."]


def test_predictions_of_a_prometheus_are_by_model_version(prometheus, readings):
    version = API | {"model_version": "v7"}
    answering(
        prometheus,
        increase=vector((version, "40")),
        histogram_quantile=vector((version, "0.8")),
        model_prediction_failures=vector((version, "+Inf")),
        model_accuracy=vector(({"model_version": "v7"}, "0.96")),
    )
    (quick,) = readings.prediction_latency(NOW)
    assert (quick.model_version, quick.column, quick.value, quick.n) == ("v7", "api", 0.8, 40)
    (failing,) = readings.prediction_error_rate(NOW)
    assert (failing.value, failing.undefined) == (None, Undefined.NOT_FINITE)
    (accurate,) = readings.accuracy(NOW)
    assert (accurate.metric, accurate.value, accurate.column) == ("model_accuracy", 0.96, None)


def test_labels_of_others_are_made_fit_to_be_seen(prometheus, readings):
    hostile = {"job": "a\x1b[31m", "endpoint": "/" + "x" * 500}
    answering(prometheus, histogram_quantile=vector((hostile, "1")))
    (found,) = readings.latency(NOW)
    assert "\x1b" not in found.column
    assert len(found.column) < 260


def test_requests_of_this_process_are_named_by_its_host():
    """Else one replica's quick pages would end the alert of another's slow ones."""
    metrics = PlatformMetrics()
    own = RegistryReadings(metrics, 5 * MINUTE)
    watcher = LatencyWatcher(OwnRequests(own, "web-1"), MINUTE)
    for seconds, status in ((0.05, "200"), (4.0, "200"), (4.0, "503"), (4.0, "200")):
        metrics.requests.labels("/alerts", "GET", status).inc()
        metrics.latency.labels("/alerts").observe(seconds)
    found = {reading.metric: reading for reading in watcher.readings(NOW)}
    assert found["api_latency_seconds"].column == "/alerts on web-1"
    assert 2.0 < found["api_latency_seconds"].value <= 5.0
    assert (found["error_rate"].value, found["error_rate"].column) == (0.25, "/alerts on web-1")
    assert (found["availability"].value, found["availability"].column) == (0.75, "web-1")


def test_models_are_watched_for_accuracy_latency_and_errors():
    """The guide's three checks, each with its value; a rule on accuracy is judged by slots."""
    metrics = PlatformMetrics()
    source = OwnRequests(RegistryReadings(metrics, 5 * MINUTE), "web-1")
    metrics.accuracy.labels("v7", "accuracy").set(0.97)
    metrics.accuracy.labels("v7", "mape").set(0.03)
    with metrics.track_prediction("v7", "Pune"):
        pass
    with pytest.raises(ZeroDivisionError), metrics.track_prediction("v7", "Pune"):
        raise ZeroDivisionError
    watcher = ModelWatcher(source, MINUTE)
    found = {reading.metric: reading for reading in watcher.readings(NOW)}
    assert (found["model_accuracy"].value, found["model_accuracy"].column) == (0.97, None)
    assert found["prediction_latency_seconds"].value < 1
    assert found["prediction_error_rate"].value == 0.5
    assert {reading.model_version for reading in found.values()} == {"v7"}


GAUGES = b"""\
# TYPE model_accuracy gauge
model_accuracy{metric="accuracy",model_version="v1"} 0.91
model_accuracy{metric="mape",model_version="v1"} 0.04
model_accuracy{metric="accuracy",model_version="a \\"b\\"\\nc"} 0.5
model_accuracy_by_city{city="Pune",metric="accuracy",model_version="v1"} 0.2
"""


def test_accuracy_is_that_of_the_last_slot_of_all_cities(tmp_path):
    with State.open(f"sqlite:///{tmp_path / 'drift.db'}") as state:
        read = SlotAccuracy(state)
        assert read(NOW) == []
        state.keep_gauges(SharedGauges(NOW, NOW, GAUGES))
        first, second = read(NOW)
        assert (first.model_version, first.value) == ("v1", 0.91)
        assert first.evidence == {"sentences": ["As of the slot 2026-04-01T12:00:00Z."]}
        assert (second.model_version, second.value) == ('a "b"\nc', 0.5)
        assert read(NOW) == [first, second]  # of the same slot, not parsed again
        assert ModelWatcher(None, MINUTE, read).readings(NOW) == [first, second]


def test_resources_are_read_and_shown_as_a_gauge(tmp_path):
    metrics = PlatformMetrics()
    watcher = ResourceWatcher(ResourcesConfig(mounts=(str(tmp_path),), interfaces=()), metrics, "web-1")
    found = {reading.column: reading for reading in watcher.readings(NOW)}
    assert set(found) == {"cpu web-1", "memory web-1", f"disk web-1:{tmp_path}"}
    assert found["cpu web-1"].undefined is Undefined.FIRST_LOOK
    assert 0 < found["memory web-1"].value < 100
    labels = {"resource_type": "memory", "instance": "web-1"}
    assert metrics.registry.get_sample_value("resource_usage", labels) == found["memory web-1"].value
