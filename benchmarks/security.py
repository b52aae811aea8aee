"""Are attacks found in a day of a platform's logs, how soon, and does anything honest raise an alarm?

    python -m benchmarks.security [--small] [--seeds 1 2 3]

The logs are written to files, which are rotated each hour, and the watcher follows them as in `drift serve`,
with the defaults, a round each 15 s of the logs' own time. Seven days come before, to learn from. An attack
counts as found at the first round that reads its subject above its limit; the delay is from the event by
which that limit was passed. Any other subject above a limit is a false alarm.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import psutil

from benchmarks.options import date_of, out_of, parser, work_folder
from benchmarks.record import Cell, Record, machine
from benchmarks.security_logs import ALLOW, HOUR, Platform, Written
from drift.config_security import SecurityConfig
from drift.watchers.security import SecurityWatcher
from drift.watchers.tail import Tail

EVERY = timedelta(seconds=15)
COLUMNS = ["seed", "events of the day", "attacks found", "slowest, s", "median, s", "false alarms"]
COLUMNS += ["memory, MB", "lines a second"]


@dataclass(slots=True)
class Found:
    """What the watcher said of one platform."""

    delays: dict[str, float] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    lines: int = 0
    seconds: float = 0.0
    grown_mb: float = 0.0


class Logs:
    """Three logs in a folder, rotated each hour: one renamed, one copied and emptied, one deleted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = {
            name: (folder / f"{name}.log").open("a", encoding="utf-8") for name in ("api", "gateway", "auth")
        }

    def write(self, line: Written) -> None:
        """Append the line to its log."""
        self._files[line.log].write(line.text + "\n")

    def flush(self) -> None:
        """Make what was written seen."""
        for file in self._files.values():
            file.flush()

    def rotate(self) -> None:
        """Begin anew, each log in a way of its own."""
        self.flush()
        api, gateway = self.folder / "api.log", self.folder / "gateway.log"
        api.replace(self.folder / "api.log.1")
        (self.folder / "gateway.log.1").write_bytes(gateway.read_bytes())
        self._files["gateway"].truncate(0)
        (self.folder / "auth.log").unlink()
        for name in ("api", "auth"):
            self._files[name].close()
            self._files[name] = (self.folder / f"{name}.log").open("a", encoding="utf-8")

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()


def rounds(platform: Platform, logs: Logs) -> Iterator[datetime]:
    """Write the days; the moment of each round, when all that came before is written. The days before the
    judged one have a round in five minutes.
    """
    at, hour = platform.start, platform.start + HOUR
    for line in platform.lines():
        while line.at >= at:
            logs.flush()
            yield datetime.fromtimestamp(at, UTC)
            if at >= hour:  # after a round: what is deleted unread is lost to whoever reads files
                logs.rotate()
                hour += HOUR
            at += EVERY.total_seconds() if at >= platform.judged else 300
        logs.write(line)
    for _ in range(4):
        logs.flush()
        yield datetime.fromtimestamp(at, UTC)
        at += EVERY.total_seconds()


def watched(platform: Platform, folder: Path, config: SecurityConfig, before: int) -> Found:
    """Follow the platform's logs, and hold what was called against what was done."""
    logs, process, found = Logs(folder), psutil.Process(), Found()
    watcher = SecurityWatcher(
        config, Tail([f"{folder}/*.log*"], folder / "position.json", start="beginning"), EVERY
    )
    alarms: dict[tuple[str, str], float] = {}
    for now in rounds(platform, logs):
        begun = perf_counter()
        readings = watcher.readings(now)
        found.seconds += perf_counter() - begun
        for each in readings:
            if each.threshold is not None and each.value is not None and each.value > each.threshold.limit:
                alarms.setdefault((each.metric, str(each.column)), now.timestamp())
        found.grown_mb = max(found.grown_mb, (process.memory_info().rss - before) / 1e6)
    found.lines = watcher.stream.counts.lines
    watcher.close()
    logs.close()
    _judge(platform, alarms, found)
    return found


def _judge(platform: Platform, alarms: dict[tuple[str, str], float], found: Found) -> None:
    meant: set[tuple[str, str]] = set()
    for attack in platform.attacks:
        subjects = {(attack.detector, subject) for subject in attack.subjects}
        meant |= subjects
        times = [alarms[subject] for subject in subjects & alarms.keys()]
        if times:
            found.delays[attack.name] = min(times) - attack.detectable
        else:
            found.missed.append(attack.name)
    found.false = [
        f"{detector}: {subject}" for detector, subject in alarms if (detector, subject) not in meant
    ]


def row(seed: int, platform: Platform, found: Found) -> list[Cell]:
    """A line of the table."""
    delays = sorted(found.delays.values())
    return [
        str(seed),
        platform.events,
        f"{len(delays)} of {len(platform.attacks)}",
        delays[-1] if delays else None,
        delays[len(delays) // 2] if delays else None,
        len(found.false),
        found.grown_mb,
        found.lines / found.seconds,
    ]


def security(options: argparse.Namespace) -> tuple[Record, list[Found]]:
    """The record, and what was found by each seed."""
    where, config = machine(), SecurityConfig.model_validate({"allow": ALLOW})
    before = psutil.Process().memory_info().rss
    rows, notes, all_found = [], [], []
    for seed in options.seeds:
        platform = Platform(seed, scale=0.02 if options.small else 1.0, history=7)
        with work_folder(options) as folder:
            found = watched(platform, folder, config, before)
        rows.append(row(seed, platform, found))
        notes += [f"seed {seed}: missed {name}" for name in found.missed]
        notes += [f"seed {seed}: false alarm {said}" for said in found.false]
        all_found.append(found)
    notes.append("memory is what the process grew by, the generator in it; delays include the round's 15 s")
    record = Record(
        name="security",
        title="Security: attacks in a day of a platform's logs",
        date=date_of(options),
        where=where,
        settings={"days before": 7, "round, s": EVERY.total_seconds(), "config": "defaults"},
        columns=COLUMNS,
        rows=rows,
        notes=notes,
    )
    return record, all_found


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write; 1 if an attack was missed or late, or an alarm false."""
    made = parser(__doc__)
    made.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="default: 1 2 3")
    options = made.parse_args(words)
    record, all_found = security(options)
    record.write(out_of(options))
    bad = [f for f in all_found if f.missed or f.false or max(f.delays.values()) > 60 or f.grown_mb > 200]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
