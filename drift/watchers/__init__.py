"""Watchers: what reads how the platform stands, one a part of the config's `watch`.

One more is a file here, an entry in `WATCHERS`, a section of `drift.config_watch`, and, for what it measures,
a line in `drift.detect.WATCHERS`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drift.config import Config
from drift.config_rules import SECURITY
from drift.config_watch import RequestsConfig, WatchConfig
from drift.watchers.base import Watcher

if TYPE_CHECKING:
    from drift.state import State
    from drift.telemetry.metrics import PlatformMetrics
    from drift.watchers.requests import RequestReadings

__all__ = ["WATCHERS", "Watcher", "open_watchers"]


@dataclass(frozen=True, slots=True)
class _Place:
    """What watchers are opened with: the config, the registry of this process and the state, if there are."""

    config: Config
    watch: WatchConfig
    metrics: PlatformMetrics | None
    state: State | None
    host: str

    def requests(self, part: RequestsConfig) -> RequestReadings | None:
        """Where requests are read from; None if there is nowhere to."""
        if self.watch.prometheus is not None:
            from drift.watchers.prometheus import PrometheusReadings
            from drift.watchers.promql import Prometheus

            return PrometheusReadings(Prometheus(self.watch.prometheus, self.config.base), part.window)
        if self.metrics is None:
            return None
        from drift.telemetry.registry_readings import RegistryReadings
        from drift.watchers.requests import OwnRequests

        return OwnRequests(RegistryReadings(self.metrics, part.window), self.host)


def _latency(place: _Place) -> Watcher | None:
    part = place.watch.latency
    source = None if part is None else place.requests(part)
    if part is None or source is None:
        return None
    from drift.watchers.latency import LatencyWatcher

    return LatencyWatcher(source, part.every)


def _model(place: _Place) -> Watcher | None:
    part = place.watch.model
    own = place.state if place.watch.prometheus is None else None
    source = None if part is None else place.requests(part)
    if part is None or (source is None and own is None):
        return None
    from drift.watchers.model import ModelWatcher
    from drift.watchers.slot_accuracy import SlotAccuracy

    return ModelWatcher(source, part.every, None if own is None else SlotAccuracy(own))


def _resources(place: _Place) -> Watcher | None:
    part = place.watch.resources
    if part is None:
        return None
    from drift.watchers.resource import ResourceWatcher

    return ResourceWatcher(part, place.metrics, place.host)


def _logs(place: _Place) -> Watcher | None:
    named = {rule.detector for rule in place.config.alerts.values()}
    if place.watch.logs is None or named.isdisjoint(SECURITY):
        return None
    from drift.watchers.security import open_security

    return open_security(place.config)


WATCHERS: Mapping[str, Callable[[_Place], Watcher | None]] = {
    "latency": _latency,
    "model": _model,
    "resources": _resources,
    "logs": _logs,
}
"""By the part of `watch` that each reads; None where that is off, or there is nothing that it could read."""


def open_watchers(
    config: Config,
    metrics: PlatformMetrics | None,
    state: State | None = None,
    host: str | None = None,
) -> tuple[Watcher, ...]:
    """The watchers that the config turns on; without a `watch` section there are none.

    `metrics` are those of this process, whose requests are watched where there is no Prometheus to ask. The
    `state` has the accuracy of the last slot. `host` names this machine, by default by its own name.
    """
    if config.watch is None:
        return ()
    place = _Place(config, config.watch, metrics, state, host or socket.gethostname())
    found = (opened(place) for opened in WATCHERS.values())
    return tuple(watcher for watcher in found if watcher is not None)
