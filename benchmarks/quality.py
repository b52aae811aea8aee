"""Are faults of data found, and rightly named? Against published labels, and with faults put in on purpose.

    python -m benchmarks.quality [--small] [--data FOLDER]

Why: hours judged unfit leave the accuracy, so a rule that cries wolf hides bad forecasts. How: (a) the 29
zones of the EIA's data carry an anomaly class an hour, published by Ruggles et al. 2020 (doi
10.1038/s41597-020-0483-x); (b) every kind of fault is put into those zones and into the demo's cities at
known times, drawn from a seed, and judged as slots would judge it, hour by hour, by nothing later. Rows that
give no value (doubled, not finite, none at all) go through pairing.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.options import date_of, out_of, parser
from benchmarks.record import Cell, Machine, Record, machine
from drift.config import AccuracyConfig, WindowsConfig
from drift.data_faults import data_faults
from drift.demo import data_dir
from drift.domain import Codes, Floats, Grid
from drift.pairing import align
from drift.quality import NAMES
from drift.tables import Tables
from drift.unfit import Zones, unfit, unfit_now
from drift.windows import windows_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SEED, BEFORE, AFTER = 11, 62 * 24, 7 * 24
EACH = 6  # onsets a zone and fault
ARIZONA = ("AZPS", "SRP")
OKAY, MISSING = "OKAY", "MISSING"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Hourly actuals (N, H) of cities; `label` is the published class of an hour, "" where there is none."""

    name: str
    cities: Sequence[str]
    zones: Sequence[str]
    grid: Grid
    actual: Floats
    label: NDArray[np.str_]


def read(path: Path, name: str, city: str, time: str, ends: bool, zone_of: Callable[[str], str]) -> Series:
    """A file's actuals on a grid; `ends`: its timestamps mark the end of the hour."""
    table = pq.ParquetFile(path).read()
    names, row = np.unique(np.array(table[city].to_pylist()), return_inverse=True)
    stamps = table[time].cast(pa.timestamp("s", "UTC")).to_numpy().astype("datetime64[h]").astype(np.int64)
    stamps = stamps - ends
    shape = (len(names), int(stamps.max() - stamps.min()) + 1)
    actual, label = np.full(shape, np.nan), np.full(shape, "", "U24")
    actual[row, stamps - stamps.min()] = table["actual"].to_numpy()
    if "quality_flag" in table.column_names:
        label[row, stamps - stamps.min()] = np.array(table["quality_flag"].to_pylist())
    start = datetime(1970, 1, 1, tzinfo=UTC) + int(stamps.min()) * HOUR
    cities = [str(each) for each in names]
    return Series(
        name, cities, [zone_of(each) for each in cities], Grid(start, HOUR, shape[1]), actual, label
    )


def eia(folder: Path) -> Series:
    """The EIA's zones. Most of the United States changes its clocks on the same days; Arizona does not."""

    def zone(city: str) -> str:
        return "America/Phoenix" if city in ARIZONA else "America/New_York"

    return read(folder / "eia930_dev.parquet", "EIA", "zone", "timestamp", True, zone)


def demo() -> Series:
    """The cities of the demo, by their own clock."""
    about = pq.ParquetFile(data_dir() / "actuals.parquet").schema_arrow.names
    time = "target_time" if "target_time" in about else "timestamp"
    return read(data_dir() / "actuals.parquet", "demo", "city", time, False, lambda _: "America/New_York")


def codes_of(series: Series) -> Codes:
    """What drift says of each hour in the end, 1 for what is missing."""
    told = unfit(series.actual, series.grid, series.zones)
    codes = told.within(slice(0, series.grid.count), first=0)
    return np.where(np.isnan(series.actual), 1, codes).astype(np.uint8)


def by_label(series: Series, codes: Codes) -> list[list[Cell]]:
    """A row a class: its hours, how many were found, and as what."""
    rows: list[list[Cell]] = []
    for label, many in Counter(series.label[series.label != ""].tolist()).most_common():
        said = Counter(NAMES[int(code)] for code in codes[series.label == label] if code)
        names = ", ".join(f"{name} {hours:,}" for name, hours in said.most_common())
        found = sum(said.values())
        rows.append([label, many, found, None if label == OKAY else found / many, names or "–"])
    return rows


def by_kind(series: Series, codes: Codes) -> list[list[Cell]]:
    """A row a kind: its hours, the share that a label calls unfit, and the share of labelled hours found;
    then all together, and all but the missing.
    """
    there = series.label != ""
    bad = there & (series.label != OKAY)
    rows: list[list[Cell]] = []
    for code, name in sorted(NAMES.items()):
        ours = there & (codes == code)
        rows.append([name, int(ours.sum()), _share(ours & bad, ours), None])
    for name, part in (
        ("all", there),
        ("all with a value", there & (codes != 1) & (series.label != MISSING)),
    ):
        ours = part & (codes != 0)
        rows.append([name, int(ours.sum()), _share(ours & bad, ours), _share(ours & bad, part & bad)])
    return rows


def _share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float | None:
    return float(part.sum() / whole.sum()) if whole.any() else None


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault to put in: as what it should be told, within how many hours, how many hours it lasts, and what
    it makes of the values from an onset on.
    """

    kind: str
    within: int
    lasts: int
    make: Callable[[Floats, int, np.random.Generator], Floats]


def _times(factor: float) -> Callable[[Floats, int, np.random.Generator], Floats]:
    return lambda y, n, _: np.concatenate([factor * y[:n], y[n:]])


def _to(value: float) -> Callable[[Floats, int, np.random.Generator], Floats]:
    return lambda y, n, _: np.concatenate([np.full(n, value), y[n:]])


def _spike(y: Floats, n: int, rng: np.random.Generator) -> Floats:
    factor = rng.uniform(1.5, 3.5) ** rng.choice([1, -1])
    return np.concatenate([y[:n] * factor, y[n:]])


def _stuck(y: Floats, n: int, _: np.random.Generator) -> Floats:
    return np.concatenate([np.full(n, y[0]), y[n:]])


SHIFTS = (1, -1, 2, 5, -5, 8, 12)
INJECTED: Mapping[str, Fault] = {
    "zeros": Fault("not_positive", 1, 6, _to(0.0)),
    "-999": Fault("not_positive", 1, 6, _to(-999.0)),
    "stuck for 8 h": Fault("stuck", 8, 8, _stuck),
    "× 1,000": Fault("scale", 1, 12, _times(1000.0)),
    "÷ 1,000": Fault("scale", 1, 12, _times(0.001)),
    "× 10": Fault("scale", 1, 12, _times(10.0)),
    "÷ 10": Fault("scale", 1, 12, _times(0.1)),
    "spike of 1 h": Fault("spike", 4, 1, _spike),
    "spike of 3 h": Fault("spike", 4, 3, _spike),
    **{f"shifted by {hours:+} h": Fault("shift", AFTER, AFTER, _to(0.0)) for hours in SHIFTS},
    "nothing": Fault("none", AFTER, 1, _times(1.0)),
}
ROWS = ("missing", "silent", "duplicate", "conflicting", "not_finite")


@dataclass(frozen=True, slots=True)
class Trial:
    """What a fault was told as first ("none": nothing), and after how many hours it was told rightly."""

    told: str
    delay: int | None


def trials(series: Series, name: str, fault: Fault, each: int, seed: int) -> list[Trial]:
    """The fault at random sound onsets of each city, judged as known hour by hour."""
    rng, found = np.random.default_rng(seed), []
    sound = codes_of(series) == 0
    for c in range(len(series.cities)):
        fit = np.flatnonzero(sound[c, BEFORE:-AFTER]) + BEFORE
        quiet = np.cumsum(np.pad(~sound[c], (1, 0)))
        fit = fit[quiet[fit + 48] == quiet[fit - 48]]
        for onset in rng.choice(fit, min(each, len(fit)), replace=False) if len(fit) else ():
            part = slice(onset - BEFORE, onset + AFTER)
            values = series.actual[c, part].copy()
            if name.startswith("shifted"):
                late = int(name.split()[2])
                moved = np.arange(onset, onset + AFTER) - late
                values[BEFORE:] = series.actual[c, np.minimum(moved, series.grid.count - 1)]
            else:
                values[BEFORE:] = fault.make(values[BEFORE:], fault.lasts, rng)
            grid = Grid(series.grid.start + int(part.start) * HOUR, HOUR, BEFORE + AFTER)
            found.append(_judged(values, grid, series.zones[c], fault))
    return found


def _judged(values: Floats, grid: Grid, zone: str, fault: Fault) -> Trial:
    told = unfit(values[None], grid, [zone], BEFORE - 24)
    cells = slice(BEFORE, BEFORE + fault.lasts)
    codes = np.zeros(1, np.uint8)
    for end in range(BEFORE + 1, BEFORE + fault.within + 1):
        codes = told.within(slice(BEFORE - 24, end), BEFORE - 24)[0, 24:][: cells.stop - BEFORE]
        if fault.kind in [NAMES[int(code)] for code in codes if code]:
            return Trial(fault.kind, end - BEFORE)
    kinds = Counter(NAMES[int(code)] for code in codes if code)
    return Trial(kinds.most_common(1)[0][0] if kinds else "none", None)


def row_trials(series: Series, each: int, seed: int) -> dict[str, list[Trial]]:
    """Faults of rows in a store's tables, through pairing: what a slot an hour (or a day) after says."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[Trial]] = {name: [] for name in ROWS}
    sound = codes_of(series) == 0
    for c, city in enumerate(series.cities):
        quiet = np.cumsum(np.pad(~sound[c], (1, 0)))
        fit = np.arange(BEFORE, series.grid.count - AFTER)
        fit = fit[quiet[fit + 25] == quiet[fit - 40 * 24]]
        for onset in rng.choice(fit, min(each, len(fit)), replace=False) if len(fit) else ():
            for name in ROWS:
                part = slice(onset - 40 * 24, onset + (25 if name == "silent" else 3))
                start = series.grid.start + int(part.start) * HOUR
                found[name].append(_row_trial(name, city, series.zones[c], start, series.actual[c, part]))
    return found


def _row_trial(name: str, city: str, zone: str, start: datetime, values: Floats) -> Trial:
    """One fault of rows, an hour before the last, or the last day."""
    at = np.arange(len(values))
    rows, actual = at, values.copy()
    if name == "missing":
        rows = np.delete(at, -2)
    elif name == "silent":
        rows = at[:-25]
    elif name == "not_finite":
        actual[-2] = np.inf
    else:
        rows = np.append(at, at[-2])
    actual = actual[rows]
    if name == "conflicting":
        actual[-1] *= 1.01
    stamps = pa.array([start + int(each) * HOUR for each in rows], pa.timestamp("us", "UTC"))
    times = pa.array([start + int(each) * HOUR for each in at], pa.timestamp("us", "UTC"))
    tables = Tables(
        pa.table(
            {
                "city": [city] * len(at),
                "model_version": ["v1"] * len(at),
                "target_time": times,
                "predicted": values,
            }
        ),
        pa.table({"city": [city] * len(rows), "target_time": stamps, "actual": actual}),
    )
    slot = start + len(values) * HOUR
    windows = windows_of(slot, WindowsConfig(reference=timedelta(days=25)), AccuracyConfig())
    grid = Grid(windows.history.start, HOUR, windows.history.length // HOUR)
    timeline = align(tables, grid, [city], AccuracyConfig())
    pairs = timeline.at(windows)
    zones = Zones(zone)
    now = unfit_now(pairs.actual, pairs.grid, [zone], windows.current)
    told = [
        f.kind
        for f in data_faults(timeline, pairs, windows, zones, now, timedelta(hours=6))
        if f.of == "actuals"
    ]
    if name in told:
        return Trial(name, 24 if name == "silent" else 1)
    return Trial(told[0] if told else "none", None)


def injected(series: Series, each: int) -> dict[str, tuple[str, list[Trial]]]:
    """By fault put in: the kind it is, and its trials."""
    found = {
        name: (fault.kind, trials(series, name, fault, each, SEED + k))
        for k, (name, fault) in enumerate(INJECTED.items())
    }
    rows = row_trials(series, max(each // 3, 1), SEED)
    return found | {name: (name, rows[name]) for name in ROWS}


def injection_rows(found: Mapping[str, tuple[str, list[Trial]]]) -> list[list[Cell]]:
    """A row a fault: share named rightly, precision of that name, hours until it was told, and what else it
    was called.
    """
    named = Counter(trial.told for _, some in found.values() for trial in some)
    right = Counter(kind for kind, some in found.values() for trial in some if trial.told == kind)
    rows: list[list[Cell]] = []
    for name, (kind, some) in found.items():
        delays = [trial.delay for trial in some if trial.delay is not None]
        wrong = Counter(trial.told for trial in some if trial.told != kind)
        rows.append(
            [
                name,
                kind,
                len(some),
                1 - sum(wrong.values()) / len(some) if some else None,
                right[kind] / named[kind] if named[kind] and kind != "none" else None,
                float(np.median(delays)) if delays and kind != "none" else None,
                ", ".join(f"{each} {many}" for each, many in wrong.most_common()) or "–",
            ]
        )
    return rows


LABEL_NOTES = (
    (
        "the values say what the classes are: NEG_OR_ZERO and MISSING as named; GLOBAL_DEM is 9 to 130 "
        "times the cleaned value; LOCAL_DEM_UP and _DOWN two to eight times, or half and less, of the hours "
        "around; DELTA, SINGLE_DELTA and GLOBAL_DEM_PLUS_MINUS jumps and the hours beside them, half of "
        "which lie within 20 % of the cleaned value; ANOMALOUS_REGION the hours between other anomalies, "
        "1.03 times the cleaned value at the median; IDENTICAL_RUN equal values, 174 of 206 hours in threes"
    ),
    (
        "different on purpose: a run is stuck from four hours on, is left out whole, and a city whose load "
        "stands still by itself needs a longer one; the sound neighbours of a spike are kept; a jump that "
        "is not back within three hours is no spike; the 24 hours of TAL at a quarter of the usual load, "
        "labelled OKAY, are the outage after Hurricane Michael"
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; no labels, no first part."""
    options = parser(__doc__)
    options.add_argument("--data", type=Path, default=SHARED, help="the folder with eia930_dev.parquet")
    given = options.parse_args(arguments)
    where, date, out = machine(), date_of(given), out_of(given)
    each = 1 if given.small else EACH
    fleets = [demo()]
    if (given.data / "eia930_dev.parquet").is_file():
        series = eia(given.data)
        fleets.append(series)
        labels(series, where, date, out)
    else:
        print(f"no labels: {given.data / 'eia930_dev.parquet'} is not there")  # noqa: T201
    for series in fleets:
        found = injected(series, each)
        Record(
            name=f"quality-injected-{series.name.lower()}",
            title=f"Faults put into the {series.name} data",
            date=date,
            where=where,
            settings={"cities": len(series.cities), "onsets a city": each, "seed": SEED},
            columns=(
                "fault",
                "kind",
                "onsets",
                "named rightly",
                "precision of the name",
                "hours, median",
                "else",
            ),
            rows=injection_rows(found),
        ).write(out)
    return 0


def labels(series: Series, where: Machine, date: str, out: Path | None) -> None:
    """Write what the labels say of drift, and drift of them."""
    codes = codes_of(series)
    settings: dict[str, Cell] = {"zones": len(series.cities), "hours": int((series.label != "").sum())}
    Record(
        name="quality-kinds",
        title="Kinds of fault against published labels",
        date=date,
        where=where,
        settings=settings,
        columns=("kind", "hours", "precision: labelled unfit", "recall of all labelled"),
        rows=by_kind(series, codes),
        notes=LABEL_NOTES,
    ).write(out)
    Record(
        name="quality-labels",
        title="Published labels, and what drift calls those hours",
        date=date,
        where=where,
        settings=settings,
        columns=("label", "hours", "found", "share", "as"),
        rows=by_label(series, codes),
    ).write(out)


if __name__ == "__main__":
    sys.exit(main())
