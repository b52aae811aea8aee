"""How much of this host is in use: CPU, memory, disks, network. What is read is shown as a gauge, too.

Each replica watches its own host: the host's name is in what it reads.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from drift.config_watch import ResourcesConfig
from drift.telemetry.readings import Reading
from drift.telemetry.resources import ResourceSampler, resource_readings, show_resources

if TYPE_CHECKING:
    from drift.telemetry.metrics import PlatformMetrics


class ResourceWatcher:
    """Reads each resource in percent. CPU and network are measured from one reading to the next."""

    name = "resources"

    def __init__(
        self, config: ResourcesConfig, metrics: PlatformMetrics | None = None, host: str | None = None
    ) -> None:
        """`metrics` has the gauge to fill; `host` is what this machine is called, by default its own name."""
        self.every = config.every
        self._metrics = metrics
        self._sampler = ResourceSampler(config.mounts, config.interfaces, config.link_speeds, host=host)

    def readings(self, now: datetime) -> list[Reading]:
        """As of now. What cannot be read is undefined, and stops no other."""
        found = resource_readings(self._sampler, now)
        if self._metrics is not None:
            show_resources(self._metrics, found)
        return found

    def close(self) -> None:
        """Nothing is held open."""
