"""What is in use of this host, of containers that are made of files here, and of disks that do not answer."""

from __future__ import annotations

import shutil
import socket
import threading
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from drift.reasons import Undefined
from drift.telemetry import PlatformMetrics, Reading, ResourceSampler, resource_readings, show_resources
from drift.telemetry.cgroup import cpu_use, memory_percent
from drift.telemetry.disks import PSEUDO, Disks, mounts_that_count

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=10)
Card = namedtuple("Card", "isup speed flags")  # noqa: PYI024 - as psutil has them
Traffic = namedtuple("Traffic", "bytes_recv bytes_sent")  # noqa: PYI024


def by_column(readings: list[Reading]) -> dict[str | None, Reading]:
    assert {reading.metric for reading in readings} == {"resource_usage"}
    return {reading.column: reading for reading in readings}


def burn() -> None:
    sum(i * i for i in range(200_000))


def test_this_host_says_of_itself_what_it_can():
    sampler, host = ResourceSampler(), socket.gethostname()
    first = by_column(resource_readings(sampler, NOON))
    assert first[f"cpu {host}"].undefined is Undefined.FIRST_LOOK  # and not 0, which would be no load
    burn()
    found = by_column(resource_readings(sampler, LATER))
    for name in (f"cpu {host}", f"memory {host}", f"disk {host}:/"):
        assert found[name].undefined is None
        assert 0 < found[name].value <= 100
    assert found[f"disk {host}:/"].value == pytest.approx(psutil.disk_usage("/").percent, abs=1)


def test_seed_usage_above_80_is_read_in_percent():
    """The guide's limit is 80: a share from 0 to 1 would never reach it."""
    usage = shutil.disk_usage("/")
    of_root = by_column(resource_readings(ResourceSampler(["/"], [], host="web-1"), NOON))[
        "disk web-1:/"
    ].value
    assert of_root == pytest.approx(100 * usage.used / (usage.used + usage.free), abs=1)


def test_a_mount_that_cannot_be_read_is_undefined_and_stops_no_other():
    found = by_column(resource_readings(ResourceSampler(["/gone", "/"], [], host="web-1"), NOON))
    assert found["disk web-1:/gone"].undefined is Undefined.NOT_READABLE
    assert found["disk web-1:/"].value is not None
    assert list(found) == ["cpu web-1", "memory web-1", "disk web-1:/gone", "disk web-1:/"]


def test_a_mount_that_hangs_holds_up_nobody_and_is_asked_once(monkeypatch):
    release, asked = threading.Event(), []
    real = psutil.disk_usage

    def usage(mount: str):
        asked.append(mount)
        if mount == "/hangs":
            release.wait()
        return real("/")

    monkeypatch.setattr(psutil, "disk_usage", usage)  # what a test can do of a server that has gone
    disks = Disks(patience=0.05)
    try:
        for _ in range(3):
            assert list(disks.percent(["/hangs", "/"])) == ["/"]
        assert asked.count("/hangs") == 1
        hanging = disks._asked["/hangs"]
        assert hanging.daemon  # the process ends all the same
    finally:
        release.set()
    hanging.join()
    assert set(disks.percent(["/hangs", "/"])) == {"/hangs", "/"}  # it is back


def test_only_what_can_fill_up_counts(monkeypatch, tmp_path):
    Part = namedtuple("Part", "device mountpoint fstype opts")  # noqa: PYI024
    folder, file = tmp_path / "data", tmp_path / "hosts"
    folder.mkdir()
    file.touch()
    parts = [
        Part("overlay", "/", "overlay", "rw,relatime"), Part("overlay", "/var/lib/other/merged", "overlay", "rw"),
        Part("proc", "/proc", "proc", "rw"), Part("tmpfs", "/run", "tmpfs", "rw"),
        Part("/dev/loop0", "/snap/core/1", "squashfs", "ro,nodev"), Part("/dev/sr0", str(folder), "iso9660", "ro"),
        Part("/dev/vda1", str(file), "ext4", "rw"), Part("/dev/vdb1", str(folder), "ext4", "rw,errors=remount-ro"),
        Part("/dev/vdb1", str(folder / "again"), "ext4", "rw"), Part("nas:/load", "/mnt/load", "nfs4", "rw"),
    ]  # fmt: skip
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: parts if all else parts[4:])  # noqa: A006
    assert mounts_that_count() == sorted(["/", str(folder), "/mnt/load"])


def test_of_this_machine_no_pseudo_file_system_counts():
    kinds = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
    found = mounts_that_count()
    assert "/" in found
    assert {kinds[mount] for mount in found} & PSEUDO == set()


@pytest.fixture
def cards(monkeypatch) -> dict[str, Traffic]:
    """Interfaces whose counters a test sets."""
    traffic = {"eth0": Traffic(0, 0), "eth1": Traffic(0, 0), "lo": Traffic(0, 0)}
    known = {
        "eth0": Card(True, 1000, "up,running"),
        "eth1": Card(True, 0, "up"),
        "lo": Card(True, 0, "up,loopback"),
        "eth2": Card(False, 100, ""),
    }
    monkeypatch.setattr(psutil, "net_if_stats", lambda: known)
    monkeypatch.setattr(psutil, "net_io_counters", lambda pernic, nowrap: dict(traffic))  # noqa: ARG005
    return traffic


def test_the_network_is_the_busier_direction_of_what_it_could_carry(cards):
    sampler = ResourceSampler([], host="web-1")
    first = by_column(resource_readings(sampler, NOON))
    assert first["network web-1:eth0"].undefined is Undefined.FIRST_LOOK
    assert set(first) == {"cpu web-1", "memory web-1", "network web-1:eth0", "network web-1:eth1"}
    cards["eth0"] = Traffic(125_000_000, 625_000_000)  # 1 and 5 Gbit in ten seconds, of 10 that fit
    found = by_column(resource_readings(sampler, LATER))
    assert found["network web-1:eth0"].value == pytest.approx(50.0)
    assert found["network web-1:eth1"].undefined is Undefined.NO_LIMIT_KNOWN


def test_who_knows_what_a_link_carries_can_say_so(cards):
    sampler = ResourceSampler([], ["eth1", "eth7"], {"eth1": 100.0}, host="web-1")
    resource_readings(sampler, NOON)
    cards["eth1"] = Traffic(12_500_000, 0)
    found = by_column(resource_readings(sampler, LATER))
    assert found["network web-1:eth1"].value == pytest.approx(10.0)
    assert found["network web-1:eth7"].undefined is Undefined.NOT_READABLE


def test_counters_that_fell_are_counted_anew(cards):
    sampler = ResourceSampler([], ["eth0"], host="web-1")
    cards["eth0"] = Traffic(10**12, 10**12)
    resource_readings(sampler, NOON)
    cards["eth0"] = Traffic(125_000_000, 0)
    assert by_column(resource_readings(sampler, LATER))["network web-1:eth0"].value == pytest.approx(10.0)


def test_a_clock_that_went_back_says_nothing(cards):
    sampler = ResourceSampler([], ["eth0"], host="web-1")
    resource_readings(sampler, LATER)
    cards["eth0"] = Traffic(125_000_000, 0)
    found = by_column(resource_readings(sampler, NOON))
    assert found["cpu web-1"].value is found["network web-1:eth0"].value is None


class Groups:
    """Control groups as the kernel shows them, as files."""

    def __init__(self, folder: Path) -> None:
        self.root, self.own = folder / "cgroup", folder / "own"
        self.root.mkdir()
        self.say("/")

    def say(self, path: str) -> None:
        self.own.write_text(f"4:memory:/elsewhere\n0::{path}\n")

    def put(self, path: str, **files: str) -> None:
        group = self.root / path
        group.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (group / name.replace("_", ".", 1)).write_text(text)


@pytest.fixture
def groups(tmp_path: Path) -> Groups:
    return Groups(tmp_path)


MB = 2**20


def test_a_container_is_held_against_its_own_memory(groups):
    groups.put(
        "",
        memory_max=f"{512 * MB}\n",
        memory_current=f"{300 * MB}\n",
        memory_stat=f"anon 5\ninactive_file {44 * MB}\n",
    )
    assert memory_percent(groups.root, groups.own) == 50.0


def test_the_nearest_limit_of_all_groups_above_counts(groups):
    groups.put("kubepods", memory_max=str(1000 * MB), memory_current=str(900 * MB))
    groups.put("kubepods/pod7", memory_max="max", memory_current=str(400 * MB))
    groups.put("kubepods/pod7/drift", memory_max=str(800 * MB), memory_current=str(400 * MB))
    groups.say("/kubepods/pod7/drift")
    assert memory_percent(groups.root, groups.own) == 90.0


@pytest.mark.parametrize("limit", ["max", "", "0", "many"])
def test_without_a_limit_there_is_nothing_to_say(groups, limit):
    groups.put("", memory_max=limit, memory_current=str(MB), cpu_max=f"{limit} 100000")
    assert memory_percent(groups.root, groups.own) is None
    assert limit == "0" or cpu_use(groups.root, groups.own) == []


@pytest.mark.parametrize("path", ["/docker/4f6e", "/../../outside", "/"])
def test_a_group_that_is_named_as_from_outside_is_the_root_from_here(groups, path):
    groups.say(path)
    groups.put("", memory_max=str(100 * MB), memory_current=str(25 * MB))
    assert memory_percent(groups.root, groups.own) == 25.0


def test_groups_of_version_1_say_nothing(tmp_path):
    assert memory_percent(tmp_path / "none", tmp_path / "none") is None
    assert cpu_use(tmp_path / "none", tmp_path / "none") == []


def test_a_container_is_held_against_its_own_cores(groups, monkeypatch):
    import drift.telemetry.resources as resources

    monkeypatch.setattr(resources, "cpu_use", lambda: cpu_use(groups.root, groups.own))
    sampler = ResourceSampler([], [], host="web-1")
    groups.put("", cpu_max="50000 100000\n", cpu_stat="usage_usec 1000000\nnr_periods 3\n")
    resource_readings(sampler, NOON)
    groups.put("", cpu_stat="usage_usec 5500000\nnr_periods 5\n")
    burn()  # the machine's own clock of ticks must have moved
    # 4.5 s in 10 s, of half a core; the machine as a whole may be at a tenth of that
    assert by_column(resource_readings(sampler, LATER))["cpu web-1"].value >= 90.0


def test_the_gauge_shows_what_is_known_and_forgets_what_is_gone():
    metrics = PlatformMetrics()
    show_resources(
        metrics,
        [
            Reading("resource_usage", 12.5, column="cpu web-1"),
            Reading("resource_usage", 80.8, column="disk web-1:/my data"),
            Reading("error_rate", 0.5, column="/a b"),
        ],
    )
    value = metrics.registry.get_sample_value
    assert value("resource_usage", {"resource_type": "disk", "instance": "web-1:/my data"}) == 80.8
    show_resources(
        metrics,
        [
            Reading("resource_usage", None, Undefined.FIRST_LOOK, column="cpu web-1"),
            Reading("resource_usage", 7.0, column="memory web-1"),
        ],
    )
    text = metrics.render(metrics.resource_usage).decode()
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        'resource_usage{instance="web-1",resource_type="memory"} 7.0'
    ]
