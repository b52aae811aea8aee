"""How much memory does a slot hold at most? RssAnon of a fresh process, seen 100 times a second.

    python -m benchmarks.memory [--full]

Anonymous memory is RssAnon. Resident memory has the pages of mapped files in it, which the system takes back
when it needs them. Idle is the process with drift imported and the config read; stateless, each of five slots
reads and sorts its reference; cached, the third to the fifth find it kept.
"""

# ruff: noqa: T201 - it says why it did nothing
from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from benchmarks.look import look
from benchmarks.options import date_of, out_of, parser, work_folder
from benchmarks.record import Cell, Record, machine
from benchmarks.timing import anonymous_mb
from benchmarks.workload import Fleet, write_config, write_fleet

SMALL, USUAL, FULL = (2,), (100, 300, 1000), (100, 300, 1000, 3000, 10_000)
SLOTS = 5


def memory(options: argparse.Namespace) -> Record:
    """The record."""
    where = machine()
    rows: list[list[Cell]] = []
    notes = []
    for cities in SMALL if options.small else FULL if options.full else USUAL:
        fleet = Fleet(cities)
        with work_folder(options) as folder:
            size = write_fleet(fleet, folder / "store")
            for how, kept in (("stateless", "null"), ("cached", "{size: 32GiB}")):
                config = write_config(
                    fleet, folder / "store", folder / how, fixed=True, extra=f"engine: {{cache: {kept}}}"
                )
                try:
                    looks = look(config, fleet, SLOTS, memory=True)
                except RuntimeError as error:
                    notes.append(str(error))
                    continue
                store = size / 2**20
                rows.append([cities, how, store, looks.idle_mb, looks.usage.peak_mb, looks.resident_mb])
    columns = ("cities", "reference", "store, MiB", "idle, MiB", "anonymous, MiB", "resident, MiB")
    settings = {"columns": len(Fleet(1).measured), "slots": SLOTS}
    title = "The memory of a slot"
    return Record("memory", title, date_of(options), where, settings, columns, rows, notes)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    made = parser(__doc__)
    made.add_argument("--full", action="store_true", help="3,000 and 10,000 cities as well; 6 GB of disk")
    options = made.parse_args(words)
    if anonymous_mb(os.getpid()) is None:
        print("skipped: this system does not say a process's anonymous memory (Linux does)")
        return 0
    memory(options).write(out_of(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
