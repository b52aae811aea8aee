"""Collect, store, check: one round of a service's own metrics, by kind, in the words of the platform's guide.

Each step is handed in or has a plain default, so that a service can watch itself with three lines. Whether a
breach has lasted, who hears of it and whether they heard of it before is no business of this: `drift serve`
decides that from the same readings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

import structlog

from drift.clock import Clock, wall_clock
from drift.telemetry.metrics import PlatformMetrics
from drift.telemetry.readings import Reading
from drift.telemetry.registry_readings import RegistryReadings
from drift.telemetry.resources import ResourceSampler, resource_readings, show_resources

if TYPE_CHECKING:
    from drift.domain import Threshold

Collect: TypeAlias = Callable[[datetime], Awaitable[Sequence[Reading]]]
Store: TypeAlias = Callable[[str, Sequence[Reading]], Awaitable[None]]
Check: TypeAlias = Callable[[Sequence[Reading]], Awaitable[Sequence[Reading]]]

log = structlog.get_logger()


class MetricsCollector:
    """The collectors of a service: `api`, `model` and `system`, or those that are handed in.

    `store` is given the kind and its readings, `check` the readings, and gives those that breach; by default
    the last readings are kept in `last`, and held against `thresholds` by the name of their metric.
    """

    def __init__(
        self,
        metrics: PlatformMetrics,
        thresholds: Mapping[str, Threshold] | None = None,
        *,
        collectors: Mapping[str, Collect] | None = None,
        store: Store | None = None,
        check: Check | None = None,
        window: timedelta = timedelta(minutes=5),
        clock: Clock = wall_clock,
    ) -> None:
        self.last: dict[str, tuple[Reading, ...]] = {}
        self._metrics, self._thresholds, self._clock = metrics, dict(thresholds or {}), clock
        self._collectors = dict(own_collectors(metrics, window) if collectors is None else collectors)
        self._store, self._check = store or self._keep, check or self._hold

    async def collect_metrics(self, kind: str) -> tuple[Reading, ...]:
        """Collect the metrics of a kind, store them, and check them against thresholds; gives what breached.

        What goes wrong is counted in `metrics_collection_failures_total`, logged, and raised on.

        Raises:
            ValueError: there is no collector of that kind.
        """
        if kind not in self._collectors:
            raise ValueError(f"no collector {kind!r}: there are {', '.join(sorted(self._collectors))}")
        try:
            readings = await self._collectors[kind](self._clock())
            await self._store(kind, readings)
            return tuple(await self._check(readings))
        except Exception:
            self._metrics.collection_failures.labels(kind).inc()
            log.exception("metrics could not be collected", collector=kind)
            raise

    async def _keep(self, kind: str, readings: Sequence[Reading]) -> None:
        self.last[kind] = tuple(readings)

    async def _hold(self, readings: Sequence[Reading]) -> Sequence[Reading]:
        return breached(readings, self._thresholds)


def own_collectors(metrics: PlatformMetrics, window: timedelta) -> Mapping[str, Collect]:
    """`api`: latency, error rate, availability; `model`: accuracy, latency, error rate; both of this process,
    over the last `window`. `system`: resources, which are shown as the gauge as well.
    """
    counted, sampler = RegistryReadings(metrics, window), ResourceSampler()

    async def api(now: datetime) -> Sequence[Reading]:
        return [*counted.latency(now), *counted.error_rate(now), *counted.availability(now)]

    async def model(now: datetime) -> Sequence[Reading]:
        predictions = (*counted.prediction_latency(now), *counted.prediction_error_rate(now))
        return [*counted.accuracy(now), *predictions]

    async def system(now: datetime) -> Sequence[Reading]:
        readings = await asyncio.to_thread(resource_readings, sampler, now)  # a mount may be slow to answer
        show_resources(metrics, readings)
        return readings

    return {"api": api, "model": model, "system": system}


def breached(readings: Sequence[Reading], thresholds: Mapping[str, Threshold]) -> tuple[Reading, ...]:
    """The readings beyond their threshold: their own, or that of their metric's name. A value at its limit
    is none, nor is one that is undefined, or has no threshold.

    >>> from drift.domain import Threshold
    >>> hot = Reading("resource_usage", 80.5, column="cpu web-1")
    >>> well = Reading("resource_usage", 80.0, column="memory web-1")
    >>> [reading.column for reading in breached([hot, well], {"resource_usage": Threshold(80.0, "above")})]
    ['cpu web-1']
    """
    held = ((each, each.threshold or thresholds.get(each.metric)) for each in readings)
    return tuple(
        each
        for each, threshold in held
        if threshold is not None and each.value is not None and threshold.breached(each.value)
    )
