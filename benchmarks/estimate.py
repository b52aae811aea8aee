"""How near does the estimate come to the error that is measured later, and what does it hold?

    python -m benchmarks.estimate [--small] [--data FILE]

The demo (two models, twenty zones, with weather) and the EIA zones beside the project (the grids' own
forecasts, without features), many slots of a year each, with a fit every four weeks of which each saw only
what was known by then. Two cases: the day ahead of actuals that come at once, and the day without actuals
where those come a day late. Beside it what one would say without a model: the error of the same window last
week, and the mean error of the reference.
"""

# ruff: noqa: T201 - it says what it passes over
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks.options import date_of, out_of, parser, work_folder
from benchmarks.record import PACKAGES, Cell, Record, machine, versions
from drift import load_config
from drift.config import Config
from drift.demo.show import build
from drift.domain import Floats, Grid
from drift.estimate import NAMES, sums_of
from drift.estimate_past import DAY, floors_of
from drift.estimates import Estimates, Rehearsed
from drift.pairing import align
from drift.quality import SOUND, faults
from drift.stores import open_store
from drift.survey import Survey, survey
from drift.timeline import Timeline
from drift.windows import Windows, slots_between, windows_of

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "eia930_dev.parquet"
EVERY = timedelta(hours=31)
"""From slot to slot: so each hour of the day is one."""
REFIT = timedelta(days=28)
REFERENCE = timedelta(days=90)
FIGURES = ("MAPE", "WAPE")
COLUMNS = [
    "data",
    "hours without actuals",
    "figure",
    "windows",
    "mean",
    "estimate",
    "last week",
    "reference mean",
    "better than the best, %",
    "median: estimate",
    "median: last week",
    "median: reference",
    "within, %",
]
EIA = """\
store:
  predictions:
    path: {data}
    columns: {{city: zone, target_time: timestamp, predicted: forecast}}
    marks: end
    model_version: day-ahead
  actuals: {{path: {data}, columns: {{city: zone, target_time: timestamp, actual: actual}}, marks: end}}
timezone: America/New_York
detection: {{country: US}}
reports: null
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A config, its slots, and how late its actuals are."""

    name: str
    config: Config
    first: datetime
    last: datetime
    late: timedelta

    @property
    def words(self) -> str:
        """Which hours are estimated."""
        return "the day ahead" if not self.late else "the last day, actuals a day late"


@dataclass(slots=True)
class Found:
    """By figure, rows of (measured, estimate, last week, reference mean, within)."""

    rows: dict[str, list[tuple[float, ...]]] = field(default_factory=lambda: {name: [] for name in FIGURES})


class Truth:
    """What was measured in the end: all actuals of a store, without hours whose value cannot be a load."""

    def __init__(self, case: Case) -> None:
        self._store = open_store(case.config)
        there = survey(self._store, case.config)
        self.there: Survey = there
        tables = self._store.read(there.span, there.cities)
        grid = Grid(there.span.start, there.cadence.step, there.span.length // there.cadence.step)
        self.timeline: Timeline = align(tables, grid, there.cities, case.config.accuracy)
        actual = self.timeline.revisions[-1].value
        self.actual = np.where(faults(actual, DAY // grid.step) == SOUND, actual, np.nan)
        self.config = case.config

    def errors(self, version: int, start: datetime, days: int, floor: Floats) -> tuple[Floats, Floats]:
        """(cities, days) the MAPE and WAPE of each of some days, NaN below the least coverage."""
        day = DAY // self.timeline.grid.step
        first = (start - self.timeline.grid.start) // self.timeline.grid.step
        cells = slice(first, first + days * day)
        shape = len(floor) * days, day
        actual = self.actual[:, cells].reshape(shape)
        error = (self.timeline.judged.predicted[version][:, cells] - self.actual[:, cells]).reshape(shape)
        known = np.isfinite(error)
        sums = sums_of(error, actual, np.repeat(floor, days), known)
        enough = known.sum(axis=1) >= self.config.accuracy.min_coverage * day
        mape, wape = (np.where(enough, each, np.nan) for each in (sums.mape, sums.wape))
        return mape.reshape(-1, days), wape.reshape(-1, days)

    def floor(self, windows: Windows) -> Floats:
        """(cities,) what the monitor takes for the floor at the slot."""
        end = (windows.current.end - self.timeline.grid.start) // self.timeline.grid.step
        return floors_of(self.actual[:, :end], self.timeline.grid.step, self.config.accuracy)


def play(case: Case, found: Found) -> None:
    """Estimate at each slot, and look up what came."""
    truth = Truth(case)
    store, config = open_store(case.config), case.config
    rehearsed = Rehearsed(Estimates(config), store, NAMES)
    for slot in slots_between(case.first, case.last, EVERY):
        windows = windows_of(slot, config.windows, config.accuracy, truth.there.cadence)
        panels = rehearsed.at(windows, truth.there.cadence, truth.there.cities)
        for failure in rehearsed.failures():
            raise RuntimeError(str(failure))
        days = REFERENCE // DAY
        floor = truth.floor(windows)
        for panel in panels:
            version = truth.timeline.model_versions.index(panel.series[0].model_version)
            rows = [truth.there.cities.index(str(series.city)) for series in panel.series]
            start = windows.current.end - REFERENCE
            history = truth.errors(version, start, days + 1, floor)
            for name, values, k in zip(FIGURES, history, (1, 0), strict=True):
                own = values[rows]
                told, reference = own[:, days], own[:, :days]
                some = np.isfinite(told) & np.isfinite(panel.value[:, 0, k]) & np.isfinite(own[:, days - 7])
                within = (panel.low[:, 0, k] <= told) & (told <= panel.high[:, 0, k])
                said = panel.value[:, 0, k], own[:, days - 7], np.nanmean(reference, axis=1), within
                found.rows[name] += zip(*(each[some].tolist() for each in (told, *said)), strict=True)


def rows_of(case: Case, found: Found) -> list[list[Cell]]:
    """What a case came to, a line a figure; differences in percentage points."""
    lines: list[list[Cell]] = []
    for name in FIGURES:
        told, *said, within = np.array(found.rows[name]).T
        off = [100 * np.abs(each - told) for each in said]
        mean, median = ([float(f(each)) for each in off] for f in (np.mean, np.median))
        gain = 100 * (1 - mean[0] / min(mean[1:]))
        usual, held = float(100 * told.mean()), float(100 * within.mean())
        lines.append([case.name, case.words, name, len(told), usual, *mean, float(gain), *median, held])
    return lines


def cases(options: argparse.Namespace, folder: Path) -> list[Case]:
    """The demo, and the zones where they lie beside the project; each with actuals at once and a day late."""
    made = []
    length = timedelta(days=8 if options.small else 250)
    data = options.data or DATA
    demo = build(folder / "demo")
    named = [("demo", demo, datetime(2007, 10, 1, tzinfo=UTC))]
    if data.exists():
        eia = folder / "eia.yaml"
        eia.write_text(EIA.format(data=data), encoding="utf-8")
        named.append(("EIA zones", eia, datetime(2019, 7, 1, 5, tzinfo=UTC)))
    else:
        print(f"skipped: {data.name} is not beside the project")
    for name, path, first in named:
        for late in (timedelta(0),) if options.small else (timedelta(0), DAY):
            config = load_config(path)
            estimate = {"refit": "28d", **({"history": "60d"} if options.small else {})}
            content = config.model_dump(include={"windows"})["windows"] | {"lag": late}
            again = type(config).model_validate(
                {**dict(config), "windows": content, "estimate": estimate, "base": config.base}
            )
            made.append(Case(name, again, first, first + length, late))
    return made


def measure(options: argparse.Namespace) -> Record:
    """The record."""
    where, rows = machine(), []
    with work_folder(options) as folder:
        for case in cases(options, folder):
            found = Found()
            play(case, found)
            rows += rows_of(case, found)
    return Record(
        name="estimate",
        title="The estimate of hours without actuals",
        date=date_of(options),
        where=where,
        settings={"slots every, h": EVERY // timedelta(hours=1), "refit, d": REFIT // DAY, "level": 0.8},
        columns=COLUMNS,
        rows=rows,
        notes=[
            "columns are percentage points from what was measured once the actuals were in",
            "means, then medians, of all windows of all cities and model versions, the same for all three",
            "within: measured windows between the estimate's bounds, which are to hold 80 %",
        ],
        versions=versions((*PACKAGES, "scikit-learn")),
    )


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    made = parser(__doc__)
    made.add_argument("--data", type=Path, help="the EIA zones (default: ../shared/data)")
    options = made.parse_args(words)
    measure(options).write(out_of(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
