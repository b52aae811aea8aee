"""The platform's metrics by the names of its guide, so that dashboards and rules find them in every service.

`PlatformMetrics` makes them on a registry that is handed in: a test has one of its own, a service one for
its process. Requests are counted by `drift.telemetry.asgi`, predictions by `track_prediction`, and resources
are shown by `drift.telemetry.resources`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from drift.telemetry.tracking import Tracked

Own: TypeAlias = Counter | Gauge | Histogram

API_BUCKETS = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds of the classes of `api_latency_seconds`, in seconds; what takes longer is in one more."""


class PlatformMetrics:
    """The six metrics of the platform, and two on what went wrong.

    | attribute | metric | labels |
    |---|---|---|
    | `requests` | `api_requests_total` | endpoint, method, status |
    | `latency` | `api_latency_seconds` | endpoint |
    | `predictions` | `model_predictions_total` | model_version, city |
    | `prediction_latency` | `prediction_latency_seconds` | model_version |
    | `accuracy` | `model_accuracy` | model_version, metric |
    | `resource_usage` | `resource_usage` | resource_type, instance |
    | `prediction_failures` | `model_prediction_failures_total` | model_version, city |
    | `collection_failures` | `metrics_collection_failures_total` | collector |
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Make them on the registry, or on one of their own where there is none.

        Raises:
            ValueError: the registry has one of these names already; nothing was added to it then.
        """
        self.registry = CollectorRegistry() if registry is None else registry
        self.requests = _counter("api_requests_total", "Total API requests", "endpoint", "method", "status")
        self.latency = Histogram(
            "api_latency_seconds", "API request latency", ("endpoint",), buckets=API_BUCKETS, registry=None
        )
        self.predictions = _counter(
            "model_predictions_total", "Total model predictions", "model_version", "city"
        )
        self.prediction_latency = Histogram(
            "prediction_latency_seconds", "Model prediction latency", ("model_version",), registry=None
        )
        self.accuracy = _gauge("model_accuracy", "Model accuracy score", "model_version", "metric")
        self.resource_usage = _gauge("resource_usage", "Resource utilization", "resource_type", "instance")
        self.prediction_failures = _counter(
            "model_prediction_failures_total", "Total model predictions that failed", "model_version", "city"
        )
        self.collection_failures = _counter(
            "metrics_collection_failures_total", "Total collections of metrics that failed", "collector"
        )
        self._register()

    def _register(self) -> None:
        """All of them or none."""
        made: list[Own] = []
        for metric in (
            *(self.requests, self.latency, self.predictions, self.prediction_latency, self.accuracy),
            *(self.resource_usage, self.prediction_failures, self.collection_failures),
        ):
            try:
                self.registry.register(metric)
            except ValueError as error:
                for earlier in made:
                    self.registry.unregister(earlier)
                name = next(iter(metric.describe())).name
                raise ValueError(
                    f"the registry has a metric {name} already: make PlatformMetrics once in a process and "
                    f"hand it on, or give it a registry of its own"
                ) from error
            made.append(metric)

    def track_prediction(self, model_version: str, city: str) -> Tracked:
        """Count a prediction and how long it took, as a decorator or in a `with` or `async with`.

        What returns counts in `predictions`; what raises counts in `prediction_failures`, and is raised on,
        as are cancellations. How long it took, in seconds, is observed either way.

        >>> metrics = PlatformMetrics()
        >>> @metrics.track_prediction("v2", "Pune")
        ... def forecast(hours):
        ...     return [412.0] * hours
        >>> forecast(2)
        [412.0, 412.0]
        >>> with metrics.track_prediction("v2", "Pune"):
        ...     made = [415.0]
        >>> metrics.registry.get_sample_value(
        ...     "model_predictions_total", {"model_version": "v2", "city": "Pune"})
        2.0
        """
        version, where = writable(model_version), writable(city)

        def count(seconds: float, failed: bool) -> None:
            counter = self.prediction_failures if failed else self.predictions
            counter.labels(version, where).inc()
            self.prediction_latency.labels(version).observe(seconds)

        return Tracked(count)

    def render(self, *only: Collector) -> bytes:
        """The metrics in Prometheus' text format: `only` these, or all of the registry.

        `…_created`, which the client library adds to every counter and histogram, is left out: Prometheus
        takes it for one more series, and nobody asks for it.

        >>> metrics = PlatformMetrics()
        >>> metrics.accuracy.labels("v2", "wape").set(0.04)
        >>> print(metrics.render(metrics.accuracy).decode(), end="")
        # HELP model_accuracy Model accuracy score
        # TYPE model_accuracy gauge
        model_accuracy{metric="wape",model_version="v2"} 0.04
        """
        return generate_latest(cast("CollectorRegistry", _Shown(only or (self.registry,))))


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, registry=None)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(name, text, labels, registry=None)


class _Shown:
    """What is collected, without `…_created`."""

    def __init__(self, collectors: Iterable[Collector]) -> None:
        self._collectors = collectors

    def collect(self) -> Iterator[Metric]:
        for collector in self._collectors:
            for family in collector.collect():
                if family.type in ("counter", "histogram", "summary"):
                    family.samples = [
                        sample for sample in family.samples if not sample.name.endswith("_created")
                    ]
                yield family


def writable(label: object) -> str:
    r"""A label as text that can be written: what UTF-8 has no bytes for is a question mark.

    One such label would else keep the whole of `/metrics` from being written.

    >>> writable("Pune"), writable("\ud800"), writable(3)
    ('Pune', '?', '3')
    """
    text = str(label)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
