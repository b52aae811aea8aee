"""What a container may use, and uses: memory and CPU by its control groups (version 2).

Inside a container psutil tells of the whole machine, where a process is killed at its own limit at a tenth of
it. A group's limit holds for all below it, so each group from the process's own upwards is looked at, and the
one that is nearest to its limit counts. Without a limit, and with version 1, there is nothing to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


@dataclass(frozen=True, slots=True)
class CpuUse:
    """Seconds of CPU that a group has used so far, and how many cores' worth it may use."""

    group: Path
    used_s: float
    cores: float


def memory_percent(groups: Path = GROUPS, own: Path = OWN) -> float | None:
    """The share of its memory limit that is in use, in percent; None without a limit.

    What is in use leaves out the file cache that can be dropped at once (`inactive_file`), as Kubernetes does
    when it looks for whom to evict.
    """
    shares = [share for group in _above(groups, own) if (share := _memory(group)) is not None]
    return max(shares, default=None)


def cpu_use(groups: Path = GROUPS, own: Path = OWN) -> list[CpuUse]:
    """Each group above the process that has a limit; none: it may use all the machine has."""
    found = ((group, _cores(group)) for group in _above(groups, own))
    return [
        CpuUse(group, _field(group / "cpu.stat", "usage_usec") / 1e6, cores)
        for group, cores in found
        if cores is not None
    ]


def _above(groups: Path, own: Path) -> Iterator[Path]:
    """The process's group and those above it, as far as they can be seen from here."""
    lines = _text(own).splitlines()
    named = next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")
    group = groups / named
    if (
        ".." in group.parts or not group.is_dir()
    ):  # named as from outside the container: we see its own as the root
        group = groups
    yield group
    while group != groups:
        group = group.parent
        yield group


def _memory(group: Path) -> float | None:
    limit, current = _text(group / "memory.max").strip(), _text(group / "memory.current").strip()
    if not limit.isdecimal() or not current.isdecimal() or int(limit) == 0:
        return None
    cache = _field(group / "memory.stat", "inactive_file")
    return 100 * max(int(current) - cache, 0) / int(limit)


def _cores(group: Path) -> float | None:
    words = _text(group / "cpu.max").split()  # microseconds it may use, of so many: "150000 100000"
    if len(words) != 2 or not all(word.isdecimal() for word in words) or int(words[1]) == 0:
        return None
    return int(words[0]) / int(words[1])


def _field(path: Path, name: str) -> int:
    """The number behind a name in a file of names and numbers; 0 where it is not there."""
    words = (line.split() for line in _text(path).splitlines())
    return next((int(pair[1]) for pair in words if len(pair) == 2 and pair[0] == name), 0)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
