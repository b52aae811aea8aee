"""What do the detectors add to a slot, and how long does their fit take? 1,000 cities, a year of each.

    python -m benchmarks.watch_cost [--small] [--cities 1000] [--rounds 5]

Slots follow each other by an hour, as in service: measured, judged, committed. With detectors and without,
with the reference kept between slots and without, in turn. The fit reads a year of all cities, and is kept.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from benchmarks.options import date_of, out_of, parser, work_folder
from benchmarks.record import Cell, Record, machine
from benchmarks.timing import TO_KEEP, Timed, interleave
from benchmarks.workload import Fleet, write_config, write_fleet
from drift import Monitor, load_config

RULES = """\
  forecast_worse: {detector: profile}
  fleet_worse: {detector: fleet}
  data_fault: {detector: faults}
"""
ENGINES = {"cached": "engine: {cache: {size: 32GiB}}", "stateless": "engine: {cache: null}"}
COLUMNS = ["slot", "plain, s", "with detectors, s", "more", "CPU more"]


def monitors(fleet: Fleet, folder: Path) -> dict[tuple[str, bool], Monitor]:
    """By how references are kept, and whether detectors look; each has a state and a cache of its own."""
    found = {}
    for name, engine in ENGINES.items():
        for watched in (False, True):
            extra = (RULES if watched else "") + engine
            config = write_config(fleet, folder / "store", folder / f"{name}-{watched}", extra=extra)
            text = config.read_text(encoding="utf-8")
            config.write_text(text.replace(f"reference: {fleet.reference_hours}h", "reference: 90d"))
            found[name, watched] = Monitor(load_config(config), sinks=())
    return found


def fits(monitor: Monitor, fleet: Fleet, rounds: int) -> Timed:
    """The fit before the first slot, some times."""

    def fit() -> None:
        if monitor.calibrations.fit(fleet.slot(), monitor.store, monitor.state):
            raise RuntimeError("the fit could not read all cities")

    return interleave({"fit": fit}, runs=rounds, warm=0)["fit"]


def later(monitor: Monitor, fleet: Fleet) -> Callable[[], None]:
    """The next slot, whenever called."""
    hours = count(1)

    def run() -> None:
        found = monitor.run(fleet.slot(next(hours)))
        failed = [failure for failure in found.failures if failure.stage != "channel"]
        if failed:
            raise RuntimeError(str(failed[0]))

    return run


def cost(options: argparse.Namespace) -> Record:
    """The record."""
    where, rounds = machine(), options.rounds or (1 if options.small else 5)
    fleet = Fleet(options.cities or (8 if options.small else 1000), current_hours=24, later_hours=48)
    rows: list[list[Cell]] = []
    with work_folder(options) as folder:
        write_fleet(fleet, folder / "store")
        made = monitors(fleet, folder)
        try:
            watching = [monitor for (_, watched), monitor in made.items() if watched]
            fit = fits(watching[0], fleet, 1 if options.small else 3)
            for other in watching[1:]:
                other.calibrations.fit(fleet.slot(), other.store, other.state)
            cases = {f"{name} {watched}": later(made[name, watched], fleet) for name, watched in made}
            timed = interleave(cases, runs=rounds, warm=TO_KEEP + 1)
        finally:
            for monitor in made.values():
                monitor.close()
    for name in ENGINES:
        plain, watched = timed[f"{name} False"], timed[f"{name} True"]
        more, cpu = watched.wall / plain.wall - 1, watched.cpu / plain.cpu - 1
        rows.append([name, plain.wall, watched.wall, f"{more:+.0%}", f"{cpu:+.0%}"])
    return Record(
        name="watch_cost",
        title="What the detectors cost",
        date=date_of(options),
        where=where,
        settings={"cities": fleet.cities, "reference days": 90, "features": fleet.features, "rounds": rounds},
        columns=COLUMNS,
        rows=rows,
        notes=[
            f"the fit of {fleet.cities:,} cities on a year takes {fit.wall:.1f} s ({fit.cpu:.1f} s of CPU)",
            "detectors: profile, fleet and faults; medians; a slot reads, measures, judges and commits",
        ],
    )


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    made = parser(__doc__)
    made.add_argument("--cities", type=int, help="default: 1000")
    made.add_argument("--rounds", type=int, help="default: 5")
    options = made.parse_args(words)
    cost(options).write(out_of(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
