"""PURE. What a watcher is: something that is asked now and then how a part of the platform stands.

A watcher only reads. Whether a reading is bad, for how long, who hears of it and whether they heard of it
before is decided by `drift.watching`, by the same machine as for forecasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from drift.telemetry.readings import Reading


class Watcher(Protocol):
    """Reads one part of the platform.

    It may keep what it needs between two readings (counters, windows): one thread asks it at a time.
    """

    @property
    def name(self) -> str:
        """What the config calls it: `latency`, `model`, `resources`, `logs`."""

    @property
    def every(self) -> timedelta:
        """How long after a reading it wants to be asked again."""

    def readings(self, now: datetime) -> Sequence[Reading]:
        """How things stand now: one reading for each part that is there, those that are well too, as an alert
        ends by a reading within its limit. What cannot be said is a reading with its reason.

        Raises:
            DriftError: nothing can be read at all; its text names the thing and the remedy.
        """

    def close(self) -> None:
        """Let go of what it holds open."""
