"""How soon is drift found, at how many false alarms: drift's profile beside what others do, on real zones.

    python -m benchmarks.detection [--data FILE] [--seed N] [--small] [--out FOLDER]

The file has `zone`, `timestamp` (UTC, the hour's end), `actual` and `forecast`, hourly, 14 months or more; by
default the EIA zones beside the project. Six kinds of drift are put in at random onsets, each sized to
double the zone's own error. Every detector is judged at its default and at one alarm a zone-year.
"""

# ruff: noqa: T201 - it says why it is skipped
from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.chart import bars
from benchmarks.detection.data import CLOCK_OF, STEP, Split, Whole, Zones, read, splits
from benchmarks.detection.injections import KINDS, draw
from benchmarks.detection.judging import (
    DOUBLED,
    SLOTS_A_DAY,
    SPIKED,
    TRIPLED,
    Case,
    Detector,
    Outcome,
    Trial,
    figures,
    gather,
    interval,
    judge,
    once_a_year,
    worse_after,
)
from benchmarks.detection.profile import fit_profile
from benchmarks.detection.rivals import RIVALS, SLOW
from benchmarks.detection.simulated import simulate
from benchmarks.options import date_of, out_of, parser
from benchmarks.record import Cell, Record, machine, shown
from drift.detectors import Settings, firing, onsets

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "eia930_dev.parquet"
TITLE = "Drift found, at how many alarms"
USELESS = 0.25  # a zone's own error in a reference; above it a shift or a week-old load changes little
OURS = "drift, limits of other zones"
SMALL_ZONES, SMALL_RIVALS = 6, ("accuracy", "CUSUM", "PSI")
NOTES = (
    "The rivals are our re-implementations of what each does, not their libraries.",
    "A drift is found at the first alarm at which the same series without it is quiet; a miss is 28 d.",
    "Precision: the share of alarms after which the next 7 days' error is above 1.15 × the 60 days before.",
    "“once a year”: the level that gives one alarm a zone-year on these very series, for every detector.",
    "drift's alarm is over after a day below 0.7 of its level, a rival's after a day below its level.",
    "The two-sample rows are of a third of the onsets, and without × 3 and spikes: they are slow.",
    "The second split fits the second year and judges the first: a cross-validation over years.",
    "drift's settings were chosen on the EIA zones: on them, these figures flatter it.",
)
FIGURES = (
    *("alarms a zone-year", "time in alarm, %", "precision", "drifts found ≤ 28 d", "delay, h"),
    *KINDS,
    *(f"× 3 {case[0]} ≤ 7 d" for case in TRIPLED),
    "spike pages",
)
Fit = Callable[[Zones, Split], Detector]


def trials(zones: Zones, seed: int, each: int, cases: Sequence[Case], most: int) -> list[Trial]:
    """Every split with its drifts drawn and put in."""
    worse, found = worse_after(zones), []
    for split in splits(len(zones.load))[:most]:
        drifts = draw(zones, split, each, seed)
        errors = {case: drifts.error(*case) for case in cases}
        found.append(Trial(split, drifts, errors, worse, zones.years(split.test)))
    return found


def rows_of(
    name: str, fit: Fit, zones: Zones, tried: Sequence[Trial], judged: Whole
) -> tuple[list[list[Cell]], Outcome]:
    """The detector at its default and once a year, and the latter's outcome."""
    cases = list(tried[0].errors)
    evidence = [gather(fit(zones, trial.split), trial, cases) for trial in tried]
    outcomes = {
        "default": judge(evidence, 1.0),
        "once a year": judge(evidence, once_a_year(evidence, judged)),
    }
    rows = [[name, at, *cells(figures(outcome, judged))] for at, outcome in outcomes.items()]
    return rows, outcomes["once a year"]


def cells(found: Mapping[str, float]) -> list[Cell]:
    """The figures in the columns' order; None for what was not measured."""
    return [None if np.isnan(found.get(name, np.nan)) else float(found[name]) for name in FIGURES]


def interval_row(outcome: Outcome, judged: Whole, seed: int) -> list[Cell]:
    """The 90 % interval of every figure, over zones."""
    found = interval(outcome, judged, seed)
    written = {name: " to ".join(shown(bound) for bound in bounds) for name, bounds in found.items()}
    return [OURS, "once a year, 90 % over zones", *(written.get(name) for name in FIGURES)]


def null(seeds: Sequence[int], cities: int) -> Iterator[list[Cell]]:
    """Alarms over budget on simulated forecasts in which nothing but chance happens."""
    for budget in (0.5, 1.0):
        ratios = []
        for seed in seeds:
            zones = simulate(cities, 3, seed)
            split = splits(len(zones.load))[0]
            everyone = np.arange(cities)
            fitted = fit_profile(zones, split, everyone, Settings(budget=budget), halves=False)
            state = firing(fitted.scores[split.test.start // STEP :], fitted.release, SLOTS_A_DAY)
            ratios.append(float(onsets(state).sum() / zones.years(split.test).sum() / budget))
        spread = f"{min(ratios):.2f} to {max(ratios):.2f} over {len(ratios)} seeds"
        yield [f"simulated null, budget {budget}: alarms ÷ budget", spread, float(np.mean(ratios))]


def compare(
    options: argparse.Namespace, zones: Zones, judged: Whole
) -> tuple[list[list[Cell]], dict[str, float]]:
    """The rows of the table, and the mean delays for the picture."""
    cases = [DOUBLED[0], DOUBLED[2]] if options.small else [*DOUBLED, *TRIPLED, SPIKED]
    each, most = (1, 1) if options.small else (options.each, 2)
    tried = trials(zones, options.seed, each, cases, most)
    fewer = tried if options.small else trials(zones, options.seed, max(each // 3, 1), DOUBLED, most)
    everyone = np.arange(len(zones.names))
    table, outcome = rows_of(OURS, partial(fit_profile, judged=judged), zones, tried, judged)
    drawn = {"drift": figures(outcome, judged)["delay, h"]}
    table.append(interval_row(outcome, judged, options.seed))
    if len(judged) < len(everyone) and not options.small:
        every = partial(fit_profile, judged=everyone)
        table += rows_of("drift, zones with useless forecasts too", every, zones, tried, everyone)[0]
    for name, fit in RIVALS.items():
        if options.small and not name.startswith(SMALL_RIVALS):
            continue
        found, outcome = rows_of(name, fit, zones, fewer if name.startswith(SLOW) else tried, judged)
        table += found
        drawn[name] = figures(outcome, judged)["delay, h"]
    return table, drawn


def measure(options: argparse.Namespace) -> tuple[Record, str]:
    """The record and its picture."""
    where, started = machine(), time.perf_counter()
    zones = read(options.data)
    if options.small:
        zones = read(options.data, zones.names[:: max(len(zones.names) // SMALL_ZONES, 1)][:SMALL_ZONES])
    own = [np.nanmean(np.abs(zones.error[s.reference]), axis=0) for s in splits(len(zones.load))]
    judged = np.flatnonzero(np.min(own, axis=0) < USELESS)
    table, drawn = compare(options, zones, judged)
    columns = ["detector", "at", *FIGURES]
    seeds, cities = (range(1), 12) if options.small else (range(5), 60)
    table += [[*row, *[None] * (len(columns) - len(row))] for row in null(seeds, cities)]
    settings: dict[str, Cell] = {
        "data": options.data.name,
        "zones": len(zones.names),
        "judged": len(judged),
        "seed": options.seed,
        "onsets a zone and split": 1 if options.small else options.each,
        "seconds": time.perf_counter() - started,
    }
    strange = [name for name in zones.names if name not in CLOCK_OF]
    notes = [*NOTES, *([f"On UTC, since their clock is not known: {', '.join(strange)}."] if strange else [])]
    picture = bars(f"{TITLE}: mean delay at one alarm a zone-year", drawn, "h")
    return Record("detection", TITLE, date_of(options), where, settings, columns, table, notes), picture


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    made = parser(__doc__)
    made.add_argument("--data", type=Path, default=DATA, help="default: the EIA zones beside the project")
    made.add_argument("--seed", type=int, default=11, help="of the onsets and signs (default: 11)")
    made.add_argument("--each", type=int, default=6, help="onsets a zone and split (default: 6)")
    options = made.parse_args(words)
    if not options.data.exists():
        print(f"skipped: {options.data.name} is not there; --data names another file")
        return 0
    if find_spec("holidays") is None:
        print("skipped: holidays not installed (benchmarks/requirements.txt)")
        return 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # means of no known hour are NaN, and meant to be
        record, picture = measure(options)
    record.write(out_of(options), picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
