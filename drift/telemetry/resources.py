"""How much of this host is in use: CPU, memory, each mount, each network interface; in percent.

It is percent of what the process may use: in a container with limits of its own, CPU and memory are held
against these (`drift.telemetry.cgroup`). CPU and network are measured from one look to the next, and are
undefined at the first. The network's share is the busier direction's, of what the interface says it carries.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from drift.reasons import Undefined
from drift.telemetry.cgroup import CpuUse, cpu_use, memory_percent
from drift.telemetry.disks import Disks, mounts_that_count
from drift.telemetry.metrics import PlatformMetrics, writable
from drift.telemetry.readings import Reading

MBIT = 1e6 / 8
"""Bytes a second."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What counters stood at, at one time: seconds of CPU, and bytes in and out by interface."""

    at: datetime
    busy: float
    total: float
    groups: Sequence[CpuUse]
    traffic: Mapping[str, tuple[int, int]]


class ResourceSampler:
    """Looks at this host, and remembers its last look. One thread at a time.

    `mounts` and `interfaces`: which, or all that count (disks that can fill up, interfaces that are up and
    are no loopback). `link_speeds`: what an interface carries, in Mbit/s, where the system does not know.
    `host`: what the host is called, by default its own name.
    """

    def __init__(
        self,
        mounts: Sequence[str] | None = None,
        interfaces: Sequence[str] | None = None,
        link_speeds: Mapping[str, float] | None = None,
        *,
        host: str | None = None,
    ) -> None:
        self._mounts, self._interfaces, self._link_speeds = mounts, interfaces, link_speeds or {}
        self.host = host or socket.gethostname()
        self._disks = Disks()
        self._last: _Look | None = None

    def readings(self, now: datetime) -> list[Reading]:
        """What `resource_readings` gives."""
        before, after = self._last, _look(now)
        self._last = after
        return [
            self._reading("cpu", "", _cpu(before, after)),
            self._reading("memory", "", _memory()),
            *self._of_disks(),
            *self._of_network(before, after),
        ]

    def _reading(self, kind: str, part: str, found: float | Undefined) -> Reading:
        column = f"{kind} {self.host}:{part}" if part else f"{kind} {self.host}"
        if isinstance(found, Undefined):
            return Reading("resource_usage", None, found, column=column)
        return Reading("resource_usage", found, column=column)

    def _of_disks(self) -> list[Reading]:
        mounts = mounts_that_count() if self._mounts is None else self._mounts
        found = self._disks.percent(mounts)
        return [self._reading("disk", mount, found.get(mount, Undefined.NOT_READABLE)) for mount in mounts]

    def _of_network(self, before: _Look | None, after: _Look) -> list[Reading]:
        import psutil

        cards = psutil.net_if_stats()
        names = [
            name
            for name, card in sorted(cards.items())
            if card.isup and "loopback" not in card.flags.split(",")
        ]
        speeds = {name: float(card.speed) for name, card in cards.items()} | dict(self._link_speeds)
        return [
            self._reading("network", name, _network(name, speeds.get(name, 0.0), before, after))
            for name in (names if self._interfaces is None else self._interfaces)
        ]


def resource_readings(sampler: ResourceSampler, now: datetime) -> list[Reading]:
    """`resource_usage` in percent, a reading for each resource; the column is its type and instance:
    `cpu web-1`, `memory web-1`, `disk web-1:/var`, `network web-1:eth0`.

    What cannot be read is undefined and stops no other.
    """
    return sampler.readings(now)


def show_resources(metrics: PlatformMetrics, readings: Sequence[Reading]) -> None:
    """Make them the gauge `resource_usage{resource_type,instance}`, without what is undefined or gone."""
    gauge = metrics.resource_usage
    found = {
        tuple(writable(reading.column).split(" ", 1)): reading.value
        for reading in readings
        if reading.metric == "resource_usage" and reading.value is not None
    }
    shown = [sample.labels for family in gauge.collect() for sample in family.samples]
    for labels in shown:
        if (labels["resource_type"], labels["instance"]) not in found:
            gauge.remove(labels["resource_type"], labels["instance"])
    for key, value in found.items():
        gauge.labels(*key).set(value)


def _look(now: datetime) -> _Look:
    import psutil

    times = psutil.cpu_times()
    fields = times._asdict()
    # Linux counts a guest's time in user and nice as well
    total = sum(fields.values()) - fields.get("guest", 0.0) - fields.get("guest_nice", 0.0)
    idle = times.idle + fields.get("iowait", 0.0)
    traffic = {
        name: (card.bytes_recv, card.bytes_sent)
        for name, card in psutil.net_io_counters(pernic=True, nowrap=False).items()
    }
    return _Look(now, total - idle, total, cpu_use(), traffic)


def _memory() -> float:
    """Of the container's limit or of the machine, whichever is nearer to its end."""
    import psutil

    machine: float = psutil.virtual_memory().percent
    return max(machine, memory_percent() or 0.0)


def _cpu(before: _Look | None, after: _Look) -> float | Undefined:
    """Of the container's limit or of the machine, whichever is nearer to its end."""
    if before is None:
        return Undefined.FIRST_LOOK
    seconds = (after.at - before.at).total_seconds()
    ticks = after.total - before.total
    if seconds <= 0 or ticks <= 0:
        return Undefined.FIRST_LOOK
    earlier = {use.group: use.used_s for use in before.groups}
    shares = [
        (use.used_s - earlier[use.group]) / (seconds * use.cores)
        for use in after.groups
        if use.group in earlier
    ]
    return 100 * min(max((after.busy - before.busy) / ticks, *shares, 0.0), 1.0)


def _network(name: str, speed: float, before: _Look | None, after: _Look) -> float | Undefined:
    """The busier direction ÷ `speed` (Mbit/s; 0: not known). Bytes that fell were counted anew from 0."""
    if name not in after.traffic:
        return Undefined.NOT_READABLE
    if speed <= 0:
        return Undefined.NO_LIMIT_KNOWN
    if before is None or name not in before.traffic:
        return Undefined.FIRST_LOOK
    seconds = (after.at - before.at).total_seconds()
    if seconds <= 0:
        return Undefined.FIRST_LOOK
    pairs = zip(before.traffic[name], after.traffic[name], strict=True)
    busier = max(new - old if new >= old else new for old, new in pairs)
    return 100 * busier / (seconds * speed * MBIT)
