"""How full the file systems are, of which one may hang without the others' being kept from telling.

A mount of a server that has gone answers nothing, ever, and who asks cannot be stopped. So each mount is
asked in a thread of its own, which is waited for a little; one that hangs is not asked twice at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

PSEUDO = frozenset(
    (
        *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devfs", "devpts"),
        *("devtmpfs", "efivarfs", "fdescfs", "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "procfs"),
        *(
            "pstore",
            "ramfs",
            "rpc_pipefs",
            "securityfs",
            "selinuxfs",
            "squashfs",
            "sysfs",
            "tmpfs",
            "tracefs",
        ),
    )
)
"""File systems that hold nothing on a disk, or that are full by nature."""


def mounts_that_count() -> list[str]:
    """The mounts that can fill up. Left out are pseudo file systems, what is read-only, and what shows a
    place once more: a device that is mounted twice, a file put into a container, another container's root.
    """
    import psutil

    found: dict[str, str] = {}
    for each in sorted(psutil.disk_partitions(all=True), key=lambda part: len(part.mountpoint)):
        local, where = each.device.startswith("/"), each.mountpoint
        if (
            each.fstype in PSEUDO
            or "ro" in each.opts.split(",")
            or (each.fstype == "overlay" and where != "/")
        ):
            continue
        if not local or Path(where).is_dir():  # who is not local may hang when looked at
            found.setdefault(each.device if local else where, where)
    return sorted(found.values())


class Disks:
    """Asks mounts how full they are, and waits `patience` seconds for all of them together."""

    def __init__(self, patience: float = 2.0) -> None:
        self._patience = patience
        self._asked: dict[str, Thread] = {}

    def percent(self, mounts: Sequence[str]) -> Mapping[str, float]:
        """The share that is in use of what people may use, in percent, as `df` says it. A mount that cannot
        be read, or does not answer in time, is not there.
        """
        answers: SimpleQueue[tuple[str, float | None]] = SimpleQueue()
        waited_for = {mount for mount in mounts if self._ask(mount, answers)}
        found: dict[str, float] = {}
        until = monotonic() + self._patience
        while waited_for:
            try:
                mount, share = answers.get(timeout=max(until - monotonic(), 0.001))
            except Empty:
                break
            waited_for.discard(mount)
            if share is not None:
                found[mount] = share
        return found

    def _ask(self, mount: str, answers: SimpleQueue[tuple[str, float | None]]) -> bool:
        hanging = self._asked.get(mount)
        if hanging is not None and hanging.is_alive():
            return False
        self._asked[mount] = Thread(target=_answer, args=(mount, answers), daemon=True, name=f"disk {mount}")
        self._asked[mount].start()
        return True


def _answer(mount: str, answers: SimpleQueue[tuple[str, float | None]]) -> None:
    import psutil

    try:
        answers.put((mount, psutil.disk_usage(mount).percent))
    except OSError:
        answers.put((mount, None))
