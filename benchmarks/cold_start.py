"""What does it cost to start? `drift --help` against bare Python, one `drift run`, and the dear imports.

    python -m benchmarks.cold_start [--cities 100] [--runs 5]

Every package whose own modules take more than 0.1 s to import is a line, for both commands, as Python's own
`-X importtime` counts it (which makes imports slower); what a package imports of others is counted as theirs.
So are the libraries that a slot on Parquet should not need, if it imports any. Bytecode is kept, as an
installer leaves it: where Python is told not to write any, compiling what it imports doubles its start.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from benchmarks.options import date_of, out_of, parser, work_folder
from benchmarks.record import Cell, Record, machine
from benchmarks.timing import Timed, Usage, drift_command, measure
from benchmarks.workload import Fleet, write_config, write_fleet

DEAR_SECONDS = 0.1
HEAVY = ("pandas", "scipy", "sklearn", "mlflow", "evidently", "bokeh", "numba")
PYTHON, HELP, RUN = "bare Python", "drift --help", "drift run"
KEEP_BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}
_IMPORT = re.compile(r"import time:\s*(\d+) \|\s*\d+ \| *([^\s.]+)")


def imports_of(log: str) -> dict[str, float]:
    """The seconds of each package's own modules, from what `-X importtime` wrote.

    >>> imports_of("import time:    120000 |     250000 |   numpy.linalg")
    {'numpy': 0.12}
    """
    seconds: Counter[str] = Counter()
    for own, package in _IMPORT.findall(log):
        seconds[package] += int(own)
    return {package: own / 1e6 for package, own in seconds.items()}


def dear(seconds: Mapping[str, float]) -> dict[str, float]:
    """The packages that cost more than 0.1 s, the dearest first."""
    found = sorted(seconds.items(), key=lambda item: -item[1])
    return {name: cost for name, cost in found if cost > DEAR_SECONDS}


def _checked(usage: Usage, what: str) -> Usage:
    if usage.code:
        raise RuntimeError(f"{what} ended with {usage.code}: {usage.err or usage.out}")
    return usage


def cold_start(options: argparse.Namespace) -> Record:
    """The record."""
    where = machine()
    runs = options.runs or (1 if options.small else 5)
    fleet = Fleet(options.cities or (2 if options.small else 100), later_hours=max(24, runs + 2))
    timed = {name: Timed() for name in (PYTHON, HELP, RUN)}
    with work_folder(options) as folder:
        write_fleet(fleet, folder / "store")
        config = write_config(fleet, folder / "store", folder, history=True)

        def run(later: int) -> list[str]:
            return drift_command("run", "-c", config, "--slot", fleet.slot(later).isoformat())

        for turn in range(1 + runs):  # the first fills the caches of files and bytecode
            commands = {PYTHON: [sys.executable, "-c", "pass"], HELP: drift_command("--help"), RUN: run(turn)}
            for name, command in commands.items():
                usage = _checked(measure(command, env=KEEP_BYTECODE), name)
                if turn:
                    timed[name].walls.append(usage.wall)
                    timed[name].cpus.append(usage.cpu)
        logged = {
            name: imports_of(_checked(measure(_with_times(command), env=KEEP_BYTECODE), name).err)
            for name, command in ((HELP, drift_command("--help")), (RUN, run(runs + 1)))
        }
    bare = timed[PYTHON].cpu
    rows: list[list[Cell]] = [[name, t.wall, t.cpu, t.cpu / bare] for name, t in timed.items()]
    notes = [note for name, seconds in logged.items() for note in _notes(name, seconds)]
    settings = {"cities": fleet.cities, "rounds": runs}
    columns = ("what", "s", "CPU s", "× bare Python's CPU")
    return Record("cold_start", "A cold start", date_of(options), where, settings, columns, rows, notes)


def _with_times(command: Sequence[str]) -> list[str]:
    return [command[0], "-X", "importtime", *command[1:]]


def _notes(name: str, seconds: Mapping[str, float]) -> list[str]:
    """The dear imports of one command, a line each, and which heavy libraries it imported at all."""
    costly = [f"`{name}` imports {module}: {cost:.2f} s" for module, cost in dear(seconds).items()]
    heavy = [module for module in HEAVY if module in seconds]
    return [*costly, f"`{name}` imports of {', '.join(HEAVY)}: {', '.join(heavy) or 'none'}"]


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    made = parser(__doc__)
    made.add_argument("--cities", type=int, help="cities of the run (default: 100; small: 2)")
    made.add_argument("--runs", type=int, help="rounds that count (default: 5; small: 1)")
    options = made.parse_args(words)
    cold_start(options).write(out_of(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
