"""A process that looks at slots of one config, one after another, and says what each took, as JSON.

    python -m benchmarks.look CONFIG SLOT [SLOT …]

Not a benchmark itself: growth and memory start it, so that every fleet is met by a fresh process.
"""

# ruff: noqa: T201 - it prints its finding
from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.timing import Usage, cpu_seconds, measure
from benchmarks.workload import Fleet


@dataclass(frozen=True, slots=True)
class Looks:
    """What the process found. The first look is cold, the others are warm; `idle_mb` is before the first.

    `resident_mb` is the most that was resident at once, pages of mapped files among it.
    """

    walls: tuple[float, ...]
    cpus: tuple[float, ...]
    idle_mb: float | None
    resident_mb: float
    usage: Usage


def look(config: Path, fleet: Fleet, slots: int, *, memory: bool = False) -> Looks:
    """Look at so many consecutive slots, in a process of its own.

    Raises:
        RuntimeError: the process ended otherwise; the text says how.
    """
    moments = [fleet.slot(later).isoformat() for later in range(slots)]
    command = [sys.executable, "-m", "benchmarks.look", str(config), *moments]
    usage = measure(command, memory=memory)
    if usage.code:
        how = "killed: not enough memory?" if usage.code < 0 else usage.err.strip().splitlines()[-1:]
        raise RuntimeError(f"{fleet.cities:,} cities: the process ended with {usage.code} ({how})")
    found = json.loads(usage.out)
    return Looks(tuple(found["walls"]), tuple(found["cpus"]), found["idle_mb"], found["resident_mb"], usage)


def main(words: Sequence[str]) -> int:
    """Look, and print."""
    import os
    import resource

    from benchmarks.timing import anonymous_mb
    from drift import Monitor, load_config

    monitor = Monitor(load_config(words[0]), sinks=(), long_lived=True)
    idle, walls, cpus = anonymous_mb(os.getpid()), [], []
    for slot in words[1:]:
        wall, cpu = time.perf_counter(), cpu_seconds()
        monitor.look(datetime.fromisoformat(slot))
        walls.append(time.perf_counter() - wall)
        cpus.append(cpu_seconds() - cpu)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"walls": walls, "cpus": cpus, "idle_mb": idle, "resident_mb": resident}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
