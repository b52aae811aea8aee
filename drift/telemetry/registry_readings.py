"""What a process's own counters say of its last minutes: latencies, shares of errors, availability.

Prometheus says the same of its scrapes, for those who have one. A service that judges itself, and a monitor
without a Prometheus, have it from their own registry by this.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from math import inf, isfinite

from drift.reasons import Undefined
from drift.telemetry.growth import Counts, Growth
from drift.telemetry.metrics import PlatformMetrics
from drift.telemetry.readings import QUANTILE, Reading


class RegistryReadings:
    """Readings of the last `window` (at least what lies between two calls, at most since it was made).

    What has had no traffic in the window is undefined, with that reason. Threads may share it.
    """

    def __init__(self, metrics: PlatformMetrics, window: timedelta) -> None:
        """Begin to look.

        Raises:
            ValueError: the window has no length.
        """
        self._accuracy = metrics.accuracy
        requests = (metrics.requests, metrics.latency)
        predictions = (metrics.predictions, metrics.prediction_failures, metrics.prediction_latency)
        self._requests, self._predictions = Growth(requests, window), Growth(predictions, window)

    def latency(self, now: datetime) -> list[Reading]:
        """`api_latency_seconds` of each endpoint: the 95th percentile, in seconds."""
        classes = _classes(self._requests.until(now), "api_latency_seconds")
        return [_latency("api_latency_seconds", found, column=name) for name, found in classes.items()]

    def error_rate(self, now: datetime) -> list[Reading]:
        """`error_rate` of each endpoint: the share of requests that were answered with 5xx, from 0 to 1."""
        total: dict[str, float] = defaultdict(float)
        bad: dict[str, float] = defaultdict(float)
        for (endpoint, _, status), count in _of(self._requests.until(now), "api_requests"):
            total[endpoint] += count
            bad[endpoint] += count if status.startswith("5") else 0
        said = "requests were answered with 5xx"
        return [_share("error_rate", bad[name], total[name], said, column=name) for name in total]

    def availability(self, now: datetime) -> list[Reading]:
        """`availability`: the share of all requests that were not answered with 5xx, from 0 to 1."""
        counts = list(_of(self._requests.until(now), "api_requests"))
        total = sum(count for _, count in counts)
        good = sum(count for (_, _, status), count in counts if not status.startswith("5"))
        return [_share("availability", good, total, "requests were answered without 5xx")]

    def prediction_latency(self, now: datetime) -> list[Reading]:
        """`prediction_latency_seconds` of each model version: the 95th percentile, in seconds."""
        classes = _classes(self._predictions.until(now), "prediction_latency_seconds")
        return [_latency("prediction_latency_seconds", found, version) for version, found in classes.items()]

    def prediction_error_rate(self, now: datetime) -> list[Reading]:
        """`prediction_error_rate` of each model version: the share of them that failed, from 0 to 1."""
        total: dict[str, float] = defaultdict(float)
        bad: dict[str, float] = defaultdict(float)
        grown = self._predictions.until(now)
        for (_, version), count in _of(grown, "model_predictions"):
            total[version] += count
        for (_, version), count in _of(grown, "model_prediction_failures"):
            total[version] += count
            bad[version] += count
        said = "predictions failed"
        return [_share("prediction_error_rate", bad[name], total[name], said, name) for name in total]

    def accuracy(self, now: datetime) -> list[Reading]:
        """`model_accuracy` of each model version, as the gauge has it now; the column names the figure."""
        del now  # a gauge has no window
        return [
            Reading(
                "model_accuracy",
                sample.value if isfinite(sample.value) else None,
                None if isfinite(sample.value) else Undefined.NOT_FINITE,
                model_version=sample.labels["model_version"],
                column=sample.labels["metric"],
            )
            for family in self._accuracy.collect()
            for sample in family.samples
        ]


def _of(counts: Counts, metric: str) -> Iterator[tuple[tuple[str, ...], float]]:
    """What there is of one metric, by the values of its labels in the order of their names."""
    return ((key.labels, count) for key, count in counts.items() if key.metric == metric)


def _classes(counts: Counts, metric: str) -> dict[str, dict[float, float]]:
    """A histogram's cumulative counts by upper bound, for each value of its only label."""
    found: dict[str, dict[float, float]] = {}
    for key, count in counts.items():
        if key.metric == metric:
            found.setdefault(key.labels[0], {})[float(key.bound)] = count
    return found


def _latency(
    metric: str, classes: Mapping[float, float], model_version: str = "", column: str | None = None
) -> Reading:
    seconds, n = quantile(QUANTILE, classes), round(classes[inf])
    if seconds is None:
        return Reading(metric, None, Undefined.NO_TRAFFIC, model_version, column)
    highest = max(bound for bound in classes if bound < inf)
    slower = round(classes[inf] - classes[highest])
    said = [f"{slower:,} of {n:,} took longer than {highest:g} s."] if slower else []
    return Reading(metric, seconds, None, model_version, column, n, evidence={"sentences": said})


def _share(
    metric: str, part: float, whole: float, said: str, model_version: str = "", column: str | None = None
) -> Reading:
    if whole <= 0:
        return Reading(metric, None, Undefined.NO_TRAFFIC, model_version, column)
    evidence = {"sentences": [f"{round(part):,} of {round(whole):,} {said}."]}
    return Reading(metric, part / whole, None, model_version, column, round(whole), evidence=evidence)


def quantile(q: float, classes: Mapping[float, float]) -> float | None:
    """The q-quantile of a histogram, as Prometheus' `histogram_quantile` says it; None where it is empty.

    `classes` are cumulative counts by upper bound, that of infinity among them. In the class that the rank
    q·n falls into, values are taken to lie evenly; the first class begins at 0. Above the highest finite
    bound nothing is known: the answer is that bound then, and means "at least".

    >>> quantile(0.5, {1.0: 0, 2.0: 10, inf: 10})
    1.5
    >>> quantile(0.95, {0.1: 0, 0.5: 1, inf: 10}), quantile(0.95, {0.1: 0, inf: 0})
    (0.5, None)
    """
    bounds = sorted(classes)
    total = classes[inf]
    if total <= 0:
        return None
    rank = q * total
    at = next(i for i, bound in enumerate(bounds) if classes[bound] >= rank)
    lower, below = (bounds[at - 1], classes[bounds[at - 1]]) if at else (0.0, 0.0)
    if bounds[at] == inf:
        return lower
    inside = classes[bounds[at]] - below
    return lower + (bounds[at] - lower) * ((rank - below) / inside if inside else 1.0)
