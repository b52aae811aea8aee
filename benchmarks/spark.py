"""What does Spark cost where one machine would do, and how much memory does a large fleet take on it?

    python -m benchmarks.spark [--cities 1000] [--large]

Warm slots of one fleet, on threads and on Spark's `local[2]`, take turns; both monitors stay, as in `drift
serve`. The findings are held against each other: they must be the same to the last bit. `--large` is
another question: 50,000 cities with 90 days of reference, a few slots on Spark alone, and the most anonymous
memory that the driver, the JVM and its Python workers were seen with together. It takes 8 GB of disk.
"""

# ruff: noqa: T201 - it says why it did nothing
from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from shutil import which

import numpy as np

from benchmarks.options import date_of, out_of, parser, work_folder
from benchmarks.record import PACKAGES, Cell, Record, machine, versions
from benchmarks.timing import anonymous_mb, interleave
from benchmarks.workload import Fleet, write_config, write_fleet
from drift import Monitor, load_config
from drift.domain import Panel
from drift.findings import Findings

KINDS = ("driver", "JVM", "workers")
ENGINES = {
    "local, 2 threads": "engine: {workers: 2}",
    "Spark, local[2]": "engine: {kind: spark, spark: {master: 'local[2]'}}",
}


@dataclass(slots=True)
class Peaks:
    """The most anonymous memory, in MiB, that each kind of process was seen with, and all of them at once."""

    by_kind: dict[str, float] = field(default_factory=lambda: dict.fromkeys((*KINDS, "together"), 0.0))

    def look(self) -> None:
        """At this process and all below it, now."""
        now = dict.fromkeys(KINDS, 0.0)
        for pid, name in _family(os.getpid()):
            kind = "driver" if pid == os.getpid() else "JVM" if name == "java" else "workers"
            now[kind] += anonymous_mb(pid) or 0.0
        for kind, size in (now | {"together": sum(now.values())}).items():
            self.by_kind[kind] = max(self.by_kind[kind], size)


def _family(root: int) -> Iterator[tuple[int, str]]:
    """The process and its descendants, with their names."""
    names: dict[int, str] = {}
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            _, _, after = (folder / "stat").read_text(encoding="utf-8", errors="replace").partition("(")
        except OSError:
            continue  # it has ended
        name, _, rest = after.rpartition(")")
        names[int(folder.name)] = name
        children.setdefault(int(rest.split()[1]), []).append(int(folder.name))
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid, names.get(pid, "")
        waiting += children.get(pid, [])


@contextmanager
def watched() -> Iterator[Peaks]:
    """Looks at the memory ten times a second, until it is left."""
    peaks, done = Peaks(), threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            peaks.look()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peaks
    finally:
        done.set()
        watcher.join()


def monitor_of(label: str, fleet: Fleet, folder: Path) -> Callable[[], Findings]:
    """The next slot of a monitor that stays, each time later by an hour."""
    where = folder / label.partition(",")[0]
    config = write_config(fleet, folder / "store", where, fixed=True, extra=ENGINES[label])
    monitor, later = Monitor(load_config(config), sinks=(), long_lived=True), count()
    return lambda: monitor.find(fleet.slot(next(later)))


def apart(here: Findings, there: Findings) -> str:
    """What the engines disagree on, in words."""
    same = here.counts == there.counts and here.verdicts == there.verdicts and here.failures == there.failures
    panels = zip(here.panels, there.panels, strict=True)
    return "identical" if same and all(_equal(a, b) for a, b in panels) else "DIFFERENT"


def _equal(a: Panel, b: Panel) -> bool:
    labels = (a.series, a.columns, a.names) == (b.series, b.columns, b.names)
    return labels and all(
        np.array_equal(getattr(a, name), getattr(b, name), equal_nan=name in ("value", "coverage"))
        for name in ("value", "reason", "n", "coverage")
    )


def compared(options: argparse.Namespace, fleet: Fleet, folder: Path) -> Record:
    """Spark beside threads."""
    where, runs = machine(), options.runs or (1 if options.small else 5)
    size = write_fleet(fleet, folder / "store")
    cases = {label: monitor_of(label, fleet, folder) for label in ENGINES}
    last: dict[str, Findings] = {}

    def kept(label: str) -> Callable[[], None]:
        return lambda: last.update({label: cases[label]()})

    with watched() as peaks:
        timed = interleave({label: kept(label) for label in cases}, runs, warm=2)
    local = timed["local, 2 threads"].wall
    rows: list[tuple[Cell, ...]] = [(label, each.wall, each.wall / local) for label, each in timed.items()]
    notes = [f"what they found is {apart(*last.values())}", _memory(peaks)]
    settings = {"cities": fleet.cities, "columns": len(fleet.measured), "rounds": runs}
    return Record(
        "spark",
        f"A warm slot of {fleet.cities:,} cities on Spark",
        date_of(options),
        where,
        settings | {"store MB": round(size / 1e6)},
        ("engine", "s", "× local"),
        rows,
        notes,
        versions((*PACKAGES, "pyspark")),
    )


def large(options: argparse.Namespace, fleet: Fleet, folder: Path) -> Record:
    """The memory of a large fleet on Spark."""
    where = machine()
    size = write_fleet(fleet, folder / "store")
    find = monitor_of("Spark, local[2]", fleet, folder)
    rows: list[tuple[Cell, ...]] = []
    for turn in range(options.runs or 2):
        started = time.perf_counter()
        with watched() as peaks:
            found = find()
        rows.append(
            (turn + 1, time.perf_counter() - started, *(peaks.by_kind[k] for k in (*KINDS, "together")))
        )
    note = f"{len(found.cities):,} cities, {sum(panel.value.size for panel in found.panels):,} measurements"
    settings = {"cities": fleet.cities, "columns": len(fleet.measured), "reference, h": fleet.reference_hours}
    return Record(
        "spark_large",
        f"{fleet.cities:,} cities on Spark, local[2]",
        date_of(options),
        where,
        settings | {"store MB": round(size / 1e6)},
        ("slot", "s", *(f"{kind}, MiB" for kind in (*KINDS, "together"))),
        rows,
        [note],
        versions((*PACKAGES, "pyspark")),
    )


def _memory(peaks: Peaks) -> str:
    sizes = ", ".join(f"{kind} {size:,.0f}" for kind, size in peaks.by_kind.items())
    return f"the most anonymous memory, MiB: {sizes}"


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    made = parser(__doc__)
    made.add_argument("--cities", type=int, help="how many (default: 1000; --large: 50,000; small: 4)")
    made.add_argument("--runs", type=int, help="rounds that count (default: 5; --large: 2; small: 1)")
    made.add_argument("--large", action="store_true", help="the memory of 50,000 cities; 8 GB of disk")
    options = made.parse_args(words)
    if find_spec("pyspark") is None or which("java") is None:
        print("skipped: it needs pyspark (benchmarks/requirements.txt) and Java 17 or newer")
        return 0
    usual = 4 if options.small else 50_000 if options.large else 1000
    fleet = Fleet(options.cities or usual, reference_hours=90 * 24 if options.large else 8760)
    with work_folder(options) as folder:
        record = (large if options.large else compared)(options, fleet, folder)
    record.write(out_of(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
