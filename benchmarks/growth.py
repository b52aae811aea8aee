"""How does the cost of a slot grow with the fleet? 100 to 1,000 cities, or to 10,000 with --full.

    python -m benchmarks.growth [--full] [--rounds 3]

Each fleet is met by fresh processes, which look at consecutive slots, one with the fixed reference kept
between them and one that reads it anew; the limit is taken in turn with them.
The exponent is the slope of the logarithms: 1 is linear, below 1 a fixed cost is still in it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.chart import lines
from benchmarks.contenders import limit, missing
from benchmarks.look import look
from benchmarks.options import date_of, out_of, parser, work_folder
from benchmarks.record import Cell, Record, machine
from benchmarks.timing import TO_KEEP, interleave
from benchmarks.workload import Fleet, write_config, write_fleet

SMALL, USUAL, FULL = (2, 6), (100, 300, 1000), (100, 300, 1000, 3000, 10_000)
WARM_LOOKS = 3
LIMIT, CACHED, STATELESS, COLD = "limit", "cached", "stateless", "stateless, cold"


def exponent(cities: Sequence[float], seconds: Sequence[float]) -> float:
    """The slope of log seconds over log cities, by least squares.

    >>> round(exponent([1, 10, 100], [2, 40, 800]), 3)
    1.301
    """
    return float(np.polyfit(np.log(cities), np.log(seconds), 1)[0])


def seconds_of(fleet: Fleet, folder: Path, rounds: int) -> dict[str, float]:
    """The median seconds of one fleet by what was measured.

    Raises:
        RuntimeError: drift could not look at the fleet.
    """
    write_fleet(fleet, folder / "store")
    cached, stateless = (
        write_config(fleet, folder / "store", folder / name, fixed=True, extra=f"engine: {{cache: {kept}}}")
        for name, kept in (("cached", "{size: 32GiB}"), ("stateless", "null"))
    )
    found: dict[str, list[float]] = {CACHED: [], STATELESS: [], COLD: []}
    least = limit(fleet, folder / "store") if missing("polars") is None else None
    for _ in range(rounds):
        looks = look(stateless, fleet, 1 + WARM_LOOKS)
        found[COLD].append(looks.walls[0])
        found[STATELESS].append(statistics.median(looks.walls[1:]))
        looks = look(cached, fleet, TO_KEEP + WARM_LOOKS)
        found[CACHED].append(statistics.median(looks.walls[TO_KEEP:]))
        if least is not None:
            found.setdefault(LIMIT, []).append(interleave({LIMIT: least}, runs=2)[LIMIT].wall)
    return {name: statistics.median(values) for name, values in found.items()}


def growth(options: argparse.Namespace) -> tuple[Record, str]:
    """The record and its picture."""
    where = machine()
    sizes = SMALL if options.small else FULL if options.full else USUAL
    rounds = options.rounds or (1 if options.small else 3)
    found: dict[int, dict[str, float]] = {}
    notes = [] if missing("polars") is None else [f"no limit: {missing('polars')}"]
    for cities in sizes:
        with work_folder(options) as folder:
            try:
                found[cities] = seconds_of(Fleet(cities), folder, rounds)
            except RuntimeError as error:
                notes.append(str(error))
    if not found:
        raise RuntimeError("; ".join(notes))
    names = [name for name in (LIMIT, CACHED, STATELESS, COLD) if name in next(iter(found.values()))]
    rows: list[list[Cell]] = [[cities, *(each[name] for name in names)] for cities, each in found.items()]
    series = {name: [(float(c), each[name]) for c, each in found.items()] for name in names}
    if len(found) > 1:
        rows.append(["exponent", *(exponent(*zip(*points, strict=True)) for points in series.values())])
    title = "The cost of a slot as the fleet grows"
    settings = {"columns": len(Fleet(1).measured), "rounds": rounds, "warm looks a round": WARM_LOOKS}
    columns = ("cities", *(f"{name}, s" for name in names))
    record = Record("growth", title, date_of(options), where, settings, columns, rows, notes)
    return record, lines(title, series, "cities", "seconds")


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    made = parser(__doc__)
    made.add_argument("--full", action="store_true", help="3,000 and 10,000 cities as well; 6 GB of disk")
    made.add_argument("--rounds", type=int, help="processes a fleet (default: 3; small: 1)")
    options = made.parse_args(words)
    record, picture = growth(options)
    record.write(out_of(options), picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
