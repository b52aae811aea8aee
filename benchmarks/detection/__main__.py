"""How soon is drift found, at how many false alarms: drift's detectors beside what others do, on any zones.

    python -m benchmarks.detection [--data FILE | --config FILE] [--seed N] [--small] [--out FOLDER]

FILE is Parquet with `zone`, `timestamp` (UTC, the end of the interval), `actual` and `forecast`, or with the
feature store's names `city`, `target_time`, `actual`, `predicted`; by default the EIA zones beside the
project. --config reads any store by a drift config. 14 months or more, hourly or finer. Six kinds of drift
are put in at random onsets, each sized to double the zone's own error. Every detector is judged at its
default and at one alarm a zone-year. The last table says what must hold, and whether it does.

Rivals' libraries are asked in environments of their own, made in FOLDER at the first run; --no-libraries
leaves them out, as --small does without --venv.
"""

# ruff: noqa: T201 - it says why it is skipped
from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import numpy as np

from benchmarks.detection import agreement, compare, fleet, null, targets
from benchmarks.detection.compare import Judged, Plan
from benchmarks.detection.curve import curve
from benchmarks.detection.data import CLOCK_OF, DataError, Whole, Zones, read, splits
from benchmarks.detection.environment import Libraries
from benchmarks.detection.fleet import FleetOutcome
from benchmarks.detection.further import further
from benchmarks.detection.judging import figures
from benchmarks.detection.store import read_store
from benchmarks.detection.targets import Findings
from benchmarks.options import date_of, out_of, parser
from benchmarks.record import Cell, Machine, Record, machine
from drift.errors import DriftError

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "eia930_dev.parquet"
TITLE = "Drift found, at how many alarms"
USELESS = 0.25  # a zone's own error in a reference; above it a shift or a week-old load changes little
SMALL_ZONES, SMALL_RIVALS = 6, ("accuracy", "NannyML, MAPE by day", "CUSUM", "Evidently, PSI")
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.6, 2.0)  # of the curve, in multiples of once a year's
DRAWN = 6  # detectors in the curve: drift and the rivals that are soonest
NOTES = (
    "Evidently and NannyML are our re-implementations, held against the libraries in a table of its own.",
    "river is the library itself, fed |error| in multiples of the zone's mean in the reference.",
    "A drift is found at the first alarm at which the same series without it is quiet; a miss is 28 d.",
    "Precision: the share of alarms after which the next 7 days' error is above 1.15 × the 60 days before.",
    "“once a year”: the level that gives one alarm a zone-year on these very series, for every detector.",
    "drift's alarm is over after a day below 0.7 of its level, a rival's after a day below its level.",
    "The slow rows (Evidently, PSI, river) are of a third of the onsets, and without × 3 and spikes.",
    "Of two years each is fitted once and the other judged; of more years each is fitted for the next.",
)
FLEET_NOTES = (
    "Each drift begins in all zones at once; signs and noise are drawn a zone. Slots are hourly.",
    "Found: the first alarm is in time, at a slot at which the fleet without the drift is quiet.",
)
SMALL = "A small run: it shows that all works, and its figures say nothing."
SIZE_TITLE = "Drift found within 28 days, by kind and size"
SIZE_NOTES = (
    "× is what a zone's own error becomes. Night, yesterday and ramp had no part in choosing settings:",
    "night is a bias from 0 to 6 o'clock, yesterday the load of a day before, ramp grows to × 2 in 28 days.",
)
SAME_TITLE = "Our fast forms of the rivals, beside their libraries"
FEW = "There are too few zones to judge each by limits of others: what a service would fit is judged."
NULL_TITLE = "Alarms against their budget, where nothing but chance happens"
TUNED = "drift's settings and standard limits come from the EIA zones: on them, these figures flatter it."


Rows: TypeAlias = Sequence[Sequence[Cell]]


def data_of(options: argparse.Namespace) -> Zones:
    """The zones that are asked for; of a small run some."""
    if options.config is not None:
        zones = read_store(options.config)
    else:
        zones = read(options.data, None, options.marks, options.country)
    if options.small:
        zones = zones.cities(
            np.arange(len(zones.names))[:: max(len(zones.names) // SMALL_ZONES, 1)][:SMALL_ZONES]
        )
    splits(len(zones.load))
    return zones


def judged_of(zones: Zones) -> Whole:
    """The zones whose own forecast is worth judging; all, if none is."""
    own = [np.nanmean(np.abs(zones.error[s.reference]), axis=0) for s in splits(len(zones.load))]
    found = np.flatnonzero(np.nanmin(own, axis=0) < USELESS)
    known = np.flatnonzero(np.isfinite(np.nanmin(own, axis=0)))
    if not len(known):
        raise DataError("no zone has an hour with both actual and forecast in its first or second year")
    return found if len(found) else known


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    options = arguments(words)
    if options.config is None and not options.data.exists():
        print(f"skipped: {options.data.name} is not there; --data names another file")
        return 0
    for package in ("holidays", "scipy"):
        if find_spec(package) is None:
            print(f"skipped: {package} not installed (benchmarks/requirements.txt)")
            return 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # means of no known hour are NaN, and meant to be
            for record, drawn in records(options):
                record.write(out_of(options), drawn)
    except (DataError, DriftError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """What the command line says."""
    made = parser(__doc__)
    which = made.add_mutually_exclusive_group()
    which.add_argument("--data", type=Path, default=DATA, help="default: the EIA zones beside the project")
    which.add_argument("--config", type=Path, help="a drift config; its store is read")
    made.add_argument(
        "--marks", choices=("start", "end"), default="end", help="what --data's timestamps mark"
    )
    made.add_argument(
        "--country",
        default="",
        help="of the holidays, as ISO code (default: US if a zone is known to be there, else none)",
    )
    made.add_argument("--seed", type=int, default=11, help="of the onsets and signs (default: 11)")
    made.add_argument("--each", type=int, default=6, help="onsets a zone and split (default: 6)")
    made.add_argument(
        "--fleet-each", type=int, default=60, help="fleet onsets a case and split (default: 60)"
    )
    made.add_argument("--null-seeds", type=int, default=6, help="simulated worlds of 60 cities (default: 6)")
    made.add_argument(
        "--events", type=Path, help="known weeks as CSV (default: events_dev.csv beside the data)"
    )
    made.add_argument(
        "--features", type=Path, help="features as Parquet (default: the weather beside the data)"
    )
    made.add_argument("--venv", type=Path, help="where the libraries' environments are, or are made")
    made.add_argument("--no-libraries", action="store_true", help="ask no library")
    return made.parse_args(words)


@dataclass(frozen=True)
class Asked:
    """What a run is about."""

    options: argparse.Namespace
    where: Machine
    zones: Zones
    judged: Whole
    libraries: Libraries

    @classmethod
    def of(cls, options: argparse.Namespace) -> Asked:
        """The zones read; the machine as it was before."""
        where, zones = machine(), data_of(options)
        none = options.no_libraries or (options.small and options.venv is None)
        libraries = Libraries(None if none else options.venv or Path(sys.prefix) / "peers")
        return cls(options, where, zones, judged_of(zones), libraries)

    def record(
        self, name: str, title: str, columns: Sequence[str], rows: Rows, notes: Sequence[str] = ()
    ) -> Record:
        """A table of this run."""
        options = self.options
        settings: dict[str, Cell] = {
            "data": (options.config or options.data).name,
            "zones": len(self.zones.names),
            "judged": len(self.judged),
            "seed": options.seed,
            "onsets a zone and split": 1 if options.small else options.each,
        }
        return Record(name, title, date_of(options), self.where, settings, columns, rows, notes)


def records(options: argparse.Namespace) -> Iterator[tuple[Record, str | None]]:
    """Every table as soon as it is there, with its picture; the last one says what holds."""
    asked = Asked.of(options)
    plan = Plan.of(asked.zones, asked.judged, options.seed, options.each, options.small)
    ours, rivals = compare.ours(plan), list(compare.others(plan, SMALL_RIVALS if options.small else ()))
    streams, kswin, notes = compare.streamed(plan, asked.libraries)
    every = [ours, *rivals, *streams]
    rows, said = [*table(every, plan, options.small), *kswin], [*about(asked, plan), *notes]
    yield asked.record("detection", TITLE, compare.COLUMNS, rows, said), picture(every, plan)
    if asked.libraries.folder is not None:
        same, said = agreement.agreement(asked.libraries, plan.zones, plan.judged, plan.fewer[0])
        yield asked.record("detection-libraries", SAME_TITLE, agreement.COLUMNS, same, said), None
    sized = [row for each in every for row in each.size_rows(plan.judged)]
    if sized:
        yield asked.record("detection-sizes", SIZE_TITLE, compare.SIZE_COLUMNS, sized, SIZE_NOTES), None
    nulls = null.null(range(1 if options.small else options.null_seeds), 12 if options.small else 60)
    yield asked.record("detection-null", NULL_TITLE, null.COLUMNS, [each.row() for each in nulls]), None
    together, found = fleet_of(asked)
    if together is not None:
        yield together, None
    parts = further(options, plan.zones)
    for part in parts:
        yield asked.record(f"detection-{part.name}", part.title, part.columns, part.rows, part.notes), None
    more = [target for part in parts for target in part.targets]
    held = targets.targets(Findings(ours, every[1:], plan.judged, plan.seed, nulls, found, more))
    yield asked.record("detection-targets", "What must hold", targets.COLUMNS, held), None


def table(every: Sequence[Judged], plan: Plan, small: bool) -> list[list[Cell]]:
    """First drift's rows, with their intervals and those of all zones, then the rivals'."""
    rows = [*every[0].rows(plan.judged), *compare.interval_rows(every[0], plan)]
    if len(plan.judged) < len(plan.zones.names) and not small:
        rows += compare.ours_everywhere(plan).rows(np.arange(len(plan.zones.names)))
    if plan.halves:
        rows += compare.in_service(plan).rows(plan.judged)
    for each in every[1:]:
        rows += each.rows(plan.judged)
    return rows


def fleet_of(asked: Asked) -> tuple[Record | None, FleetOutcome | None]:
    """The fleet of the judged zones; None of fewer than three."""
    if len(asked.judged) < fleet.LEAST_ZONES:
        return None, None
    options, zones = asked.options, asked.zones.cities(asked.judged)
    each, most = (3, 1) if options.small else (options.fleet_each, None)
    cases = [*fleet.FLEET_CASES, *fleet.OWN_CASES]
    found = fleet.judge_fleet(zones, cases, each, options.seed, most)
    third = fleet.judge_fleet(zones, [("scale", 2.0)], each, options.seed, most, share=1 / 3)
    rows = fleet.fleet_rows(found, third)
    if not options.small:
        rows.append(fleet.null_row(*fleet.fleet_null(range(options.null_seeds), 60)))
    title = "Drift of all zones together"
    notes = [
        *FLEET_NOTES,
        *([f"Alarms without a drift began on {', '.join(found.when)}."] if found.when else []),
    ]
    return asked.record("detection-fleet", title, fleet.COLUMNS, rows, notes), found


def about(asked: Asked, plan: Plan) -> list[str]:
    """The notes under the first table."""
    zones = asked.zones
    worse = np.concatenate([each.worse[each.slots][:, plan.judged] for each in plan.tried])
    utc = (zones.first.astype("datetime64[h]").astype(int) + np.arange(len(zones.load))) % 24
    strange = [
        name for name, hour in zip(zones.names, zones.hours.hour.T, strict=True) if (hour == utc).all()
    ]
    return [
        *([SMALL] if asked.options.small else []),
        *NOTES,
        f"The next week is worse at {100 * np.nanmean(worse):.0f} % of slots: what precision is by chance.",
        *([] if plan.halves else [FEW]),
        *([TUNED] if any(name in CLOCK_OF for name in zones.names) else []),
        *([f"On UTC: {', '.join(strange)}."] if strange else []),
    ]


def picture(every: Sequence[Judged], plan: Plan) -> str:
    """The share found against alarms: drift, the rivals that are soonest at one alarm a year, and river's."""
    scored = sorted(
        (each for each in every[1:] if each.evidence),
        key=lambda each: figures(each.yearly, plan.judged)["delay, h"],
    )
    drawn = {
        each.name: compare.operating(each, plan.judged, LEVELS) for each in (every[0], *scored[: DRAWN - 1])
    }
    for each in every[1:]:
        if not each.evidence:
            drawn[each.name] = [compare.point(said, plan.judged) for said in (each.yearly, each.default)]
    title = f"{TITLE}: the six drifts of × 2"
    return curve(title, drawn, "alarms a zone-year without a drift, logarithmic", "drifts found within 28 d")


if __name__ == "__main__":
    sys.exit(main())
