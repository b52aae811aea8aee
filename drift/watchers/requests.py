"""Where readings of requests and predictions are from: a process's own registry, or a Prometheus, alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from drift.telemetry.readings import Reading
from drift.telemetry.registry_readings import RegistryReadings


class RequestReadings(Protocol):
    """What services did in the window before now. Raises `WatchError` where nothing can be read."""

    def latency(self, now: datetime) -> Sequence[Reading]:
        """How long 95 % of each endpoint's requests took at most, in seconds."""

    def error_rate(self, now: datetime) -> Sequence[Reading]:
        """The share of each endpoint's requests that were answered with 5xx."""

    def availability(self, now: datetime) -> Sequence[Reading]:
        """The share of each service's requests that were not."""

    def prediction_latency(self, now: datetime) -> Sequence[Reading]:
        """How long 95 % of each model version's predictions took at most, in seconds."""

    def prediction_error_rate(self, now: datetime) -> Sequence[Reading]:
        """The share of each model version's predictions that raised."""

    def accuracy(self, now: datetime) -> Sequence[Reading]:
        """The accuracy of each model version, of all cities together."""

    def close(self) -> None:
        """Let go of what it holds open."""


class OwnRequests:
    """Readings of this process' own registry. Each is named by the host: replicas on one state have theirs,
    and what one sees must not end the alert of another.
    """

    def __init__(self, readings: RegistryReadings, host: str) -> None:
        self._readings, self._host = readings, host

    def latency(self, now: datetime) -> list[Reading]:
        """How long 95 % of each endpoint's requests took at most, in seconds."""
        return self._at_home(self._readings.latency(now))

    def error_rate(self, now: datetime) -> list[Reading]:
        """The share of each endpoint's requests that were answered with 5xx."""
        return self._at_home(self._readings.error_rate(now))

    def availability(self, now: datetime) -> list[Reading]:
        """The share of all requests that were not."""
        return self._at_home(self._readings.availability(now))

    def prediction_latency(self, now: datetime) -> list[Reading]:
        """How long 95 % of each model version's predictions took at most, in seconds."""
        return self._at_home(self._readings.prediction_latency(now))

    def prediction_error_rate(self, now: datetime) -> list[Reading]:
        """The share of each model version's predictions that raised."""
        return self._at_home(self._readings.prediction_error_rate(now))

    def accuracy(self, now: datetime) -> list[Reading]:
        """As the gauge has it, where this process sets it."""
        found = self._readings.accuracy(now)
        return [replace(reading, column=None) for reading in found if reading.column == "accuracy"]

    def close(self) -> None:
        """Nothing is held open."""

    def _at_home(self, readings: Sequence[Reading]) -> list[Reading]:
        return [replace(one, column=on_host(one.column, self._host)) for one in readings]


def on_host(part: str | None, host: str) -> str:
    """A part of a process, of all its parts the process.

    >>> on_host("/alerts", "web-1"), on_host(None, "web-1")
    ('/alerts on web-1', 'web-1')
    """
    return host if part is None else f"{part} on {host}"
