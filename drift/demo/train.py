"""Trains the demo's two model versions; writes `predictions.parquet` and `models.json`.

    python -m drift.demo.train [--data DIR] [--out DIR]

Why: alerts are worth showing only on the errors of a real model.

How: both versions are pooled over zones and predict load divided by the zone's own level, from the
shipped actuals and features alone. `v1` knows the calendar, the mean temperature of all stations
and last year's level; `v2` also knows recent load, the zone's own station and holidays, and scales
by the last four weeks. Trained on target days before 2007-04-01, then frozen. `inputs.py` says
what is known at issue, `models.py` what a model is. Seeds are fixed. About a minute on 2 cores.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drift.demo import clock, data_dir, inputs, models, parquet
from drift.demo.build_data import FIRST_PREDICTION

Array: TypeAlias = npt.NDArray[np.float64]
Rows: TypeAlias = npt.NDArray[np.bool_]
Hours: TypeAlias = npt.NDArray[np.int64]

TRAINED_FROM = {"v1": dt.date(2005, 1, 1), "v2": dt.date(2004, 2, 1)}
LAST_YEAR = dt.date(2006, 4, 1)
STEPS_A_LEVEL = 200


@dataclass(frozen=True)
class Zone:
    """One zone on local days: load and every input, each (days, 24), and a level a version."""

    name: str
    load: Array
    level: dict[str, Array]
    inputs: dict[str, Array]


@dataclass(frozen=True)
class Trained:
    """One version: its models and the factor its interval is widened by."""

    version: str
    models: models.Models
    factor: float


def read(folder: Path) -> tuple[inputs.Calendar, list[Zone]]:
    """The shipped actuals and features as local days, with the inputs built."""
    actuals = parquet.read(folder / "actuals.parquet")
    features = parquet.read(folder / "features.parquet")
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    hours = parquet.hour_column(actuals, "target_time")
    first = int(hours.min())
    # Half a day in from either end is inside the first and the last local day.
    inner = [dt.datetime.fromtimestamp(h * 3600, dt.UTC) for h in (first + 12, hours.max() - 12)]
    days = clock.day_range(inner[0].date(), inner[1].date())
    local = clock.local_hours(days)
    when = inputs.calendar(days, local, {dt.date.fromisoformat(d) for d in about["holidays"]})
    parts = [
        {name: clock.to_days(series, local, first) for name, series in part.items()}
        for part in (
            parquet.by_city(actuals, "actual"),
            parquet.by_city(features, "temperature"),
            parquet.by_city(features, "temperature_mean"),
        )
    ]
    zones = []
    for number, name in enumerate(sorted(parts[0])):
        load, own, mean = (part[name] for part in parts)
        level = {v: inputs.load_level(load, when, v) for v in inputs.VERSIONS}
        zones.append(Zone(name, load, level, inputs.build(number, load, own, mean, when)))
    return when, zones


def between(when: inputs.Calendar, first: dt.date, end: dt.date | None = None) -> Rows:
    """Which days lie in [first, end); without `end`, to the last."""
    return np.array([first <= day and (end is None or day < end) for day in when.days])


def design(zone: Zone, version: str, rows: Rows) -> Array:
    """The inputs of the chosen days as one matrix, a row an hour."""
    return np.column_stack([zone.inputs[name][rows].ravel() for name in inputs.VERSIONS[version]])


def examples(zones: list[Zone], version: str, rows: Rows) -> tuple[Array, Array]:
    """Inputs and levelled load of the chosen days, all zones, where load and level are known."""
    xs, ys = [], []
    for zone in zones:
        y = (zone.load / zone.level[version][:, None])[rows].ravel()
        usable = np.isfinite(y)
        xs.append(design(zone, version, rows)[usable])
        ys.append(y[usable])
    return np.concatenate(xs), np.concatenate(ys)


def train(when: inputs.Calendar, zones: list[Zone], version: str) -> Trained:
    """Fits one version on the days before the first prediction."""
    names = inputs.VERSIONS[version]
    first = TRAINED_FROM[version]
    early = models.fit(*examples(zones, version, between(when, first, LAST_YEAR)), names)
    x, y = examples(zones, version, between(when, LAST_YEAR, FIRST_PREDICTION))
    factor = models.widening(models.predict(early, x), y)
    rows = between(when, first, FIRST_PREDICTION)
    return Trained(version, models.fit(*examples(zones, version, rows), names), factor)


def step(level: float) -> float:
    """The unit that a zone's predictions are rounded to: 1, 2 or 5 times a power of ten.

    At most 0.5 % of the level, far below the models' error; finer digits would double the file.

    >>> step(16_000.0), step(500.0)
    (50.0, 2.0)
    """
    exact = level / STEPS_A_LEVEL
    power = 10.0 ** np.floor(np.log10(exact))
    return float(max(1.0, max(m * power for m in (1.0, 2.0, 5.0) if m * power <= exact)))


def predict(when: inputs.Calendar, zone: Zone, trained: Trained) -> pa.Table:
    """The predictions of one zone for every UTC hour from the first predicted day to the end."""
    rows = between(when, FIRST_PREDICTION)
    level = zone.level[trained.version][rows].repeat(24)[:, None]
    x = design(zone, trained.version, rows)
    load = models.predict(trained.models, x, trained.factor) * level
    unit = step(float(np.nanmean(zone.load)))
    rounded = np.maximum(np.rint(load / unit), 0) * unit
    target, cell = hours_of(when, rows)
    values = {part: parquet.whole(rounded[cell, i]) for i, part in enumerate(models.QUANTILES)}
    return pa.table(
        {
            "city": pa.array([zone.name] * len(target)),
            "model_version": pa.array([trained.version] * len(target)),
            "target_time": parquet.times(target),
            "issue_time": parquet.times(when.issue[rows].repeat(24)[cell]),
            "predicted": values["predicted"],
            "lower": values["lower"],
            "upper": values["upper"],
        }
    )


def hours_of(when: inputs.Calendar, rows: Rows) -> tuple[Hours, Hours]:
    """Every UTC hour of the chosen days, and the cell (day times 24 plus column) it is made from.

    The hour that the clocks skip has no cell; the one that happens twice uses its cell twice.
    """
    starts = when.hours[rows].ravel()
    cells = np.flatnonzero(starts != clock.NO_HOUR)
    target = np.arange(starts[cells[0]], starts[cells[-1]] + 1, dtype=np.int64)
    latest = np.searchsorted(starts[cells], target, side="right") - 1
    return target, cells[latest].astype(np.int64)


def scores(predictions: pa.Table, actuals: pa.Table, version: str) -> dict[str, float]:
    """Held-out figures of one version, all cities pooled, as fractions. MAPE leaves out zeros."""
    part = predictions.filter(pc.equal(predictions["model_version"], version))
    pairs = part.join(actuals, ["city", "target_time"], join_type="inner")
    a = parquet.column(pairs, "actual")
    known = np.isfinite(a)
    a = a[known]
    lower, middle, upper = (parquet.column(pairs, name)[known] for name in models.QUANTILES)
    error = np.abs(middle - a)
    return {
        "pairs": float(len(a)),
        "mape": float(np.mean(error[a > 0] / a[a > 0])),
        "wape": float(np.sum(error) / np.sum(a)),
        "bias": float(np.sum(middle - a) / np.sum(a)),
        "interval_coverage": float(np.mean((lower <= a) & (a <= upper))),
    }


def run(folder: Path, out: Path) -> dict[str, dict[str, float]]:
    """Trains both versions, writes the two files and gives the held-out scores by version."""
    when, zones = read(folder)
    trained = [train(when, zones, version) for version in inputs.VERSIONS]
    blocks = [pa.concat_tables([predict(when, zone, t) for t in trained]) for zone in zones]
    parquet.write(out / "predictions.parquet", blocks, tuple(models.QUANTILES))
    actuals = parquet.read(folder / "actuals.parquet")
    found = {t.version: scores(pa.concat_tables(blocks), actuals, t.version) for t in trained}
    about = {
        t.version: {
            "trained_from": TRAINED_FROM[t.version].isoformat(),
            "trained_before": FIRST_PREDICTION.isoformat(),
            "interval_level": models.INTERVAL_LEVEL,
            "interval_widened_by": round(t.factor, 4),
            "held_out": {name: round(value, 4) for name, value in found[t.version].items()},
        }
        for t in trained
    }
    unfinished = out / "models.json.part"
    unfinished.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(out / "models.json")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line, trains, and prints the held-out table."""
    parser = argparse.ArgumentParser(prog="python -m drift.demo.train", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, default=data_dir(), help="actuals and features")
    parser.add_argument("--out", type=Path, default=data_dir(), help="folder to write to")
    options = parser.parse_args(arguments)
    found = run(options.data, options.out)
    lines = [f"{'version':8}{'pairs':>9}{'MAPE':>8}{'WAPE':>8}{'bias':>8}{'interval':>10}"]
    lines += [
        f"{version:8}{s['pairs']:>9,.0f}{s['mape']:>8.1%}{s['wape']:>8.1%}"
        f"{s['bias']:>+8.1%}{s['interval_coverage']:>10.1%}"
        for version, s in found.items()
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
