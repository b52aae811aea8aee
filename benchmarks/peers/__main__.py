"""How much CPU do Evidently, NannyML and whylogs take for the drift of the same cities?

    python -m benchmarks.peers [--venv FOLDER | --here] [--all]

200 cities × 10 columns, 90 days against 7. Each peer has an environment of its own, made in FOLDER at the
first run (by default in this environment), or is run from this one with --here if it is installed. A peer
judges the first 20 cities, and its seconds are taken ten times, unless --all has it judge all. Its imports
and reading are not counted. drift's are: a look is all that a slot evaluates, reading included, with the
reference kept from the slot before and without; of the process it is everything, state and history too.
"""

# ruff: noqa: T201 - it says what it waits for
from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.chart import bars
from benchmarks.look import look
from benchmarks.options import date_of, out_of, parser, work_folder
from benchmarks.peers.environments import PEERS, MissingError, Peer, python_of
from benchmarks.record import Cell, Record, machine
from benchmarks.timing import TO_KEEP, drift_command, measure
from benchmarks.workload import Fleet, write_config, write_fleet

SLOTS = 7
CACHED, STATELESS = "drift look, cached", "drift look, stateless"
QUIET = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "WHYLOGS_NO_ANALYTICS": "True"}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
Row = tuple[str, float, float]


def peer_row(peer: Peer, python: Path, fleet: Fleet, store: Path, cities: int) -> tuple[Row, str]:
    """What the peer takes for all cities, and a note on its version.

    Raises:
        MissingError: it does not run.
    """
    print(f"… {peer.package} judges {cities} cities", file=sys.stderr)
    command = [str(python), "-m", peer.module, str(store), fleet.slot().isoformat(), str(cities)]
    usage = measure(command, env={**QUIET, **ONE_THREAD})
    if usage.code:
        raise MissingError(f"{peer.package} does not run: {''.join(usage.err.strip().splitlines()[-1:])}")
    found = json.loads(usage.out.strip().splitlines()[-1])
    times = fleet.cities / found["cities"]
    part = f", {found['cities']} cities × {times:.4g}" if times > 1 else ""
    note = f"{peer.package} {found['version']} with pandas {found['pandas']}{part}"
    return (peer.label, found["wall"] * times, found["cpu"] * times), note


def drift_rows(fleet: Fleet, store: Path, folder: Path) -> list[Row]:
    """What drift takes for all cities, with its references kept and without, and as a process."""
    rows = []
    for name, kept in ((CACHED, "{}"), (STATELESS, "null")):
        extra = f"engine: {{cache: {kept}}}"
        looks = look(write_config(fleet, store, folder / name, extra=extra), fleet, SLOTS)
        rows.append((name, statistics.median(looks.walls[TO_KEEP:]), statistics.median(looks.cpus[TO_KEEP:])))
    config = write_config(fleet, store, folder, history=True)
    usage = measure(drift_command("run", "-c", config, "--slot", fleet.slot().isoformat()))
    if usage.code:
        raise RuntimeError(f"`drift run` ended with {usage.code}: {usage.err or usage.out}")
    return [*rows, ("drift run, a process", usage.wall, usage.cpu)]


def compare(options: argparse.Namespace) -> tuple[Record, str]:
    """The record and its picture."""
    where = machine()
    fleet = Fleet(2 if options.small else 200, reference_hours=90 * 24, features=8)
    cities = fleet.cities if options.all or options.small else 20
    folder = None if options.here else options.venv or Path(sys.prefix) / "peers"
    rows: list[Row] = []
    notes = []
    with work_folder(options) as work:
        write_fleet(fleet, work / "store")
        rows += drift_rows(fleet, work / "store", work)
        for peer in PEERS:
            try:
                row, note = peer_row(peer, python_of(peer, folder), fleet, work / "store", cities)
            except MissingError as error:
                note = f"left out: {error}"
            else:
                rows.append(row)
            notes.append(note)
    ours = [row[2] for row in rows[:3]]
    table: list[list[Cell]] = [[name, wall, cpu, *(cpu / each for each in ours)] for name, wall, cpu in rows]
    columns = ("what", "s", "CPU s", "× CPU of the cached look", "of the stateless", "of the process")
    title = f"The drift of {fleet.cities} cities × {len(fleet.measured)} columns"
    settings: dict[str, Cell] = {"cities": fleet.cities}
    settings |= {"columns": len(fleet.measured), "reference": "90 d", "current": "7 d"}
    record = Record("peers", title, date_of(options), where, settings, columns, table, notes)
    return record, bars(f"{title}, CPU", {name: cpu for name, _, cpu in rows}, "s")


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    made = parser(__doc__)
    which = made.add_mutually_exclusive_group()
    which.add_argument("--venv", type=Path, help="where the peers' environments are, or are made")
    which.add_argument("--here", action="store_true", help="use this environment; make none")
    made.add_argument("--all", action="store_true", help="let the peers judge all cities (some minutes)")
    options = made.parse_args(words)
    record, picture = compare(options)
    record.write(out_of(options), picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
