"""How requests are answered: how long each endpoint takes, and what share of its requests fails."""

from __future__ import annotations

from datetime import datetime, timedelta

from drift.telemetry.readings import Reading
from drift.watchers.requests import RequestReadings


class LatencyWatcher:
    """Reads latency and error rate by endpoint, and availability by service."""

    name = "latency"

    def __init__(self, source: RequestReadings, every: timedelta) -> None:
        self.every = every
        self._source = source

    def readings(self, now: datetime) -> list[Reading]:
        """As of the window before now. Raises `WatchError` where nothing can be read."""
        source = self._source
        return [*source.latency(now), *source.error_rate(now), *source.availability(now)]

    def close(self) -> None:
        """Let go of the connection to a Prometheus."""
        self._source.close()
