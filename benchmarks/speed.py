"""How fast is a slot? The limit, the scipy loop and drift in turn, on the same fleet; medians.

    python -m benchmarks.speed [--cities 1000] [--runs 5] [--gaps 0.01] [--layout daily]

`look` is a whole slot through the public API: read, pair, accuracy, drift, verdicts; the next slot of a
daemon, an hour later each round. Cold is a new Monitor. Cached keeps the sorted reference between slots,
stateless reads and sorts it anew. A process is `drift run` from start to end, with state and history;
start-up is the same on a fleet of two cities.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal

from benchmarks.chart import bars
from benchmarks.contenders import ScipyLoop, largest_difference, limit, missing
from benchmarks.options import date_of, out_of, parser, work_folder
from benchmarks.record import Cell, Record, machine
from benchmarks.timing import TO_KEEP, Timed, drift_command, interleave, measure
from benchmarks.workload import LAYOUTS, Fleet, write_config, write_fleet
from drift import Monitor, load_config
from drift.errors import ConfigError

LIMIT, SCIPY, START_UP = "limit: Polars sums the columns", "scipy loop", "drift run, start-up alone"
Case = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run drift: its label, `how`, whether the reference is fixed or moves with the slot, whether
    it is kept between slots, and the form of the kernel.
    """

    label: str
    how: Literal["warm", "cold", "daemon", "process"]
    fixed: bool = False
    cached: bool = False
    kernel: Literal["auto", "numpy", "numba"] = "numba"

    @property
    def extra(self) -> str:
        """What its config says beside the usual."""
        kept = "{}" if self.cached else "null"
        return f"engine: {{kernel: {self.kernel}, cache: {kept}}}"


VARIANTS = (
    Variant("drift look, cached, fixed reference", "warm", fixed=True, cached=True),
    Variant("drift look, cached, moving reference", "warm", cached=True),
    Variant("drift look, stateless", "warm"),
    Variant("drift look, stateless, NumPy", "warm", kernel="numpy"),
    Variant("drift look, stateless, cold", "cold", kernel="auto"),
    Variant("drift daemon, a slot, cached: state, gauges, history", "daemon", cached=True),
    Variant("drift run, a process, cached", "process", cached=True, kernel="auto"),
    Variant("drift run, a process, stateless", "process", kernel="auto"),
)


def case_of(variant: Variant, fleet: Fleet, store: Path, folder: Path) -> Case:
    """What one round of the variant does: a slot, later by an hour than the one before.

    Raises:
        ConfigError: this drift does not know what the variant's config says.
    """
    stateful = variant.how in ("daemon", "process")
    path = write_config(fleet, store, folder, fixed=variant.fixed, history=stateful, extra=variant.extra)
    config, later = load_config(path), count()
    for _ in range(TO_KEEP if variant.cached else 0):
        Monitor(config, sinks=()).find(fleet.slot(next(later)))
    if variant.how == "process":
        return lambda: run_process(path, fleet, next(later))
    if variant.how == "cold":
        return lambda: Monitor(config, sinks=()).look(fleet.slot(next(later)))
    if variant.how == "warm":
        warm = Monitor(config, sinks=(), long_lived=True)
        return lambda: warm.look(fleet.slot(next(later)))
    from drift.sinks import open_sinks
    from drift.sinks.prometheus import PrometheusSink

    daemon = Monitor(config, sinks=(*open_sinks(config), PrometheusSink()), long_lived=True)
    return lambda: daemon.run(fleet.slot(next(later)))


def run_process(config: Path, fleet: Fleet, later: int) -> None:
    """`drift run` of one slot, to its end."""
    usage = measure(drift_command("run", "-c", config, "--slot", fleet.slot(later).isoformat()))
    if usage.code:
        raise RuntimeError(f"`drift run` ended with {usage.code}: {usage.err or usage.out}")


def cases_of(fleet: Fleet, folder: Path, loop: ScipyLoop | None) -> tuple[dict[str, Case], list[str]]:
    """Everything that is measured, and a note on each that cannot be."""
    cases: dict[str, Case] = {}
    notes = []
    if (absent := missing("polars")) is None:
        cases[LIMIT] = limit(fleet, folder / "store")
    else:
        notes.append(f"no limit: {absent}")
    if loop is not None:
        cases[SCIPY] = loop
    for number, variant in enumerate(VARIANTS):
        try:
            cases[variant.label] = case_of(variant, fleet, folder / "store", folder / f"variant-{number}")
        except ConfigError as error:
            notes.append(f"left out: {variant.label}: {error}")
    two = Fleet(2, fleet.reference_hours, fleet.current_hours, fleet.later_hours, fleet.features)
    write_fleet(two, folder / "two")
    cases[START_UP] = case_of(
        Variant(START_UP, "process", kernel="auto"), two, folder / "two", folder / "variant-two"
    )
    return cases, notes


def rows_of(timed: dict[str, Timed], scale: float) -> list[tuple[Cell, ...]]:
    """A row a case: seconds, CPU seconds, how many times the limit, how many times faster than the loop."""
    least = timed[LIMIT].wall if LIMIT in timed else None
    loop = timed[SCIPY].wall * scale if SCIPY in timed else None
    rows: list[tuple[Cell, ...]] = []
    for name, each in timed.items():
        times = scale if name == SCIPY else 1.0
        wall, cpu = each.wall * times, each.cpu * times
        rows.append((name, wall, cpu, wall / least if least else None, loop / wall if loop else None))
    return rows


def held_against(loop: ScipyLoop, fleet: Fleet, folder: Path) -> list[str]:
    """Notes on the loop: how much of the fleet it measured, and how far drift's figures are from its."""
    config = load_config(write_config(fleet, folder / "store", folder / "held-against"))
    apart = largest_difference(Monitor(config, sinks=()).look(fleet.slot()), loop)
    of = f"; its seconds are those of {loop.cities} × {loop.scale:.4g}" if loop.scale > 1 else ""
    return [
        f"drift and the scipy loop are at most {apart:.1e} apart in any statistic of {loop.cities} cities{of}"
    ]


def speed(options: argparse.Namespace, folder: Path) -> tuple[Record, str]:
    """The record and its picture."""
    where = machine()
    runs = options.runs or (1 if options.small else 5)
    cities = options.cities or (4 if options.small else 1000)
    fleet = Fleet(cities, later_hours=max(24, runs + 1), gaps=options.gaps)
    size = write_fleet(fleet, folder / "store", options.layout)
    comparable = options.layout == "sorted" and missing("scipy") is None
    loop = ScipyLoop.of(fleet, folder / "store") if comparable else None
    cases, notes = cases_of(fleet, folder, loop)
    timed = interleave(cases, runs)
    if loop is not None:
        notes += held_against(loop, fleet, folder)
    rows = rows_of(timed, 1.0 if loop is None else loop.scale)
    settings = {"cities": cities, "columns": len(fleet.measured), "rounds": runs, "layout": options.layout}
    settings |= {"gaps": fleet.gaps, "store MB": round(size / 1e6)}
    columns = ("what", "s", "CPU s", "× limit", "× faster than scipy")
    title = f"A slot of {cities:,} cities × {len(fleet.measured)} columns"
    record = Record("speed", title, date_of(options), where, settings, columns, rows, notes)
    return record, bars(title, {str(row[0]): float(row[1] or 0) for row in rows}, "s")


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    made = parser(__doc__)
    made.add_argument("--cities", type=int, help="how many (default: 1000; small: 4)")
    made.add_argument("--runs", type=int, help="rounds that count (default: 5; small: 1)")
    made.add_argument(
        "--layout", choices=LAYOUTS, default="sorted", help="how the store's files are laid out"
    )
    made.add_argument("--gaps", type=float, default=0.0, help="share of hours that are missing")
    options = made.parse_args(words)
    with work_folder(options) as folder:
        record, picture = speed(options, folder)
    record.write(out_of(options), picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
