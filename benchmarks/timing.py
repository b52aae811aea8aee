"""Seconds, CPU and memory: of calls in this process, and of whole processes.

Why: a figure taken today and one taken yesterday differ by what else the machine did. So what is compared is
run in turn, round by round, in one go, and medians are kept.
"""

# ruff: noqa: S603 - it starts the programs that it is asked to measure
from __future__ import annotations

import gc
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TO_KEEP = 2  # slots until a reference is kept: the first sees its rows, the second that they are the same


@dataclass(slots=True)
class Timed:
    """The seconds and the CPU seconds of each round."""

    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)

    @property
    def wall(self) -> float:
        """The median of the seconds."""
        return statistics.median(self.walls)

    @property
    def cpu(self) -> float:
        """The median of the CPU seconds, children's included."""
        return statistics.median(self.cpus)


def cpu_seconds() -> float:
    """The CPU seconds of this process and of the children it has waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def interleave(cases: Mapping[str, Callable[[], object]], runs: int, warm: int = 1) -> dict[str, Timed]:
    """Each case once a round; the first `warm` rounds are not counted."""
    timed = {name: Timed() for name in cases}
    for turn in range(warm + runs):
        for name, work in cases.items():
            gc.collect()
            wall, cpu = time.perf_counter(), cpu_seconds()
            work()
            wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
            if turn >= warm:
                timed[name].walls.append(wall)
                timed[name].cpus.append(cpu)
    return timed


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process took. `peak_mb` is the most anonymous memory it was seen with, None if none was."""

    wall: float
    cpu: float
    peak_mb: float | None
    code: int
    out: str
    err: str


def drift_command(*words: object) -> list[str]:
    """The command line of drift, with this interpreter."""
    return [sys.executable, "-c", "from drift.cli import main; main()", *map(str, words)]


def measure(command: Sequence[str], *, memory: bool = False, env: Mapping[str, str] | None = None) -> Usage:
    """Run a program to its end, from the project's folder."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=out, stderr=err, cwd=ROOT, env={**os.environ, **(env or {})}
        )
        peak, status, used = _watched(process.pid) if memory else (None, *os.wait4(process.pid, 0)[1:])
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "replace"))
    return Usage(wall, used.ru_utime + used.ru_stime, peak, process.returncode, *texts)


def _watched(pid: int) -> tuple[float | None, int, resource.struct_rusage]:
    """Look at the process's memory a hundred times a second until it ends."""
    peak: float | None = None
    while True:
        done, status, used = os.wait4(pid, os.WNOHANG)
        if done:
            return peak, status, used
        seen = anonymous_mb(pid)
        if seen is not None:
            peak = max(peak or 0.0, seen)
        time.sleep(0.01)


def anonymous_mb(pid: int) -> float | None:
    """The anonymous memory of a process now, in MiB: what it holds beside mapped files. None: not said."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    lines = [line for line in text.splitlines() if line.startswith("RssAnon:")]
    return int(lines[0].split()[1]) / 1024 if lines else None
