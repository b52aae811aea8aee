"""Readings of requests and predictions from a Prometheus, by the expressions that the exported rules hold
against the same limits. A service is Prometheus' `job`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from drift.exports import platform_promql as promql
from drift.reasons import Undefined
from drift.telemetry.readings import Reading
from drift.text import printable
from drift.watchers.promql import Prometheus, Sample

Counts: TypeAlias = dict[tuple[str, str], int]
"""Of requests or predictions, by service and part of it."""
LONGEST = 120
"""Characters of a label that a reading keeps."""


class PrometheusReadings:
    """What all services that one Prometheus knows did in the window before now; times are Prometheus' own.

    Every method raises `WatchError` where it does not answer.
    """

    def __init__(self, prometheus: Prometheus, window: timedelta) -> None:
        self._prometheus, self._window = prometheus, window

    def latency(self, now: datetime) -> list[Reading]:
        """How long 95 % of each endpoint's requests took at most, in seconds."""
        del now
        return self._of("api_latency_seconds", promql.latency(self._window), self._requests())

    def error_rate(self, now: datetime) -> list[Reading]:
        """The share of each endpoint's requests that were answered by 5xx."""
        del now
        return self._of("error_rate", promql.error_rate(self._window), self._requests())

    def availability(self, now: datetime) -> list[Reading]:
        """The share of each service's requests that were not."""
        del now
        counts: Counts = {}
        for (service, _), n in self._requests().items():
            counts[service, ""] = counts.get((service, ""), 0) + n
        return self._of("availability", promql.availability(self._window), counts)

    def prediction_latency(self, now: datetime) -> list[Reading]:
        """How long 95 % of each model version's predictions took at most, in seconds."""
        del now
        text = promql.prediction_latency(self._window)
        return self._of("prediction_latency_seconds", text, self._predictions())

    def prediction_error_rate(self, now: datetime) -> list[Reading]:
        """The share of each model version's predictions that raised."""
        del now
        text = promql.prediction_error_rate(self._window)
        return self._of("prediction_error_rate", text, self._predictions())

    def accuracy(self, now: datetime) -> list[Reading]:
        """The accuracy of each model version, of all cities together."""
        del now
        return self._of("model_accuracy", promql.accuracy(), {})

    def close(self) -> None:
        """Let go of the connection."""
        self._prometheus.close()

    def _requests(self) -> Counts:
        return self._counts(promql.requests(self._window))

    def _predictions(self) -> Counts:
        return self._counts(promql.predictions(self._window))

    def _counts(self, expression: str) -> Counts:
        found = self._prometheus.vector(expression)
        return {_part(one.labels): round(one.value) for one in found if math.isfinite(one.value)}

    def _of(self, metric: str, expression: str, counts: Counts) -> list[Reading]:
        return [
            _reading(metric, one, counts.get(_part(one.labels), 0))
            for one in self._prometheus.vector(expression)
        ]


def _part(labels: Mapping[str, str]) -> tuple[str, str]:
    """Which part of which service a series is of."""
    return labels.get("job", ""), labels.get("endpoint", labels.get("model_version", ""))


def _reading(metric: str, sample: Sample, n: int) -> Reading:
    """A value, or why there is none: of no requests every share and every quantile is NaN."""
    labels, value = sample.labels, sample.value
    why = Undefined.NO_TRAFFIC if math.isnan(value) else Undefined.NOT_FINITE if math.isinf(value) else None
    places = (printable(labels.get(name, ""), LONGEST) for name in ("endpoint", "job"))
    said = _said(metric, value, n) if n and why is None else ""
    return Reading(
        metric=metric,
        value=None if why else value,
        undefined=why,
        model_version=printable(labels.get("model_version", ""), LONGEST),
        column=" on ".join(filter(None, places)) or None,
        n=n,
        evidence={"sentences": [said]} if said else {},
    )


def _said(metric: str, value: float, n: int) -> str:
    """What a value stands on."""
    what = "predictions" if metric.startswith("prediction") else "requests"
    if metric.endswith("_seconds"):
        return f"Of {n:,} {what} in the window, one in twenty took longer."
    if metric == "availability":
        return f"{round((1 - value) * n):,} of {n:,} {what} in the window were answered with 5xx."
    return f"{round(value * n):,} of {n:,} {what} in the window failed."
