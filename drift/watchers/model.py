"""How models do, in the guide's three words: accuracy, latency, error rate.

Accuracy is measured by slots, and its rules are judged there: it is read to be shown beside the others, and
alerts nobody twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from drift.telemetry.readings import Reading
from drift.watchers.requests import RequestReadings


class ModelWatcher:
    """Reads accuracy, latency and error rate by model version."""

    name = "model"

    def __init__(
        self,
        source: RequestReadings | None,
        every: timedelta,
        accuracy: Callable[[datetime], Sequence[Reading]] | None = None,
    ) -> None:
        """`accuracy` reads it from elsewhere, where the source has none."""
        self.every = every
        self._source, self._accuracy = source, accuracy

    def readings(self, now: datetime) -> list[Reading]:
        """As of the window before now. Raises `WatchError` where nothing can be read."""
        source, found = self._source, list(self._accuracy(now)) if self._accuracy is not None else []
        if source is None:
            return found
        found += source.accuracy(now) if self._accuracy is None else ()
        return [*found, *source.prediction_latency(now), *source.prediction_error_rate(now)]

    def close(self) -> None:
        """Let go of the connection to a Prometheus."""
        if self._source is not None:
            self._source.close()
