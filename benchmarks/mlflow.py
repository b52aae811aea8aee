"""How long does a slot of 1,000 cities × 10 metrics take to log in MLflow, in a SQLite file and on a server?

    python -m benchmarks.mlflow [--small] [--cities 1000] [--rounds 5]

One model version, a metric a city and figure, as slots follow each other by an hour: 10,000 points a slot by
the sink itself, files and tags included. The first slot makes the run; the later ones add to it. The server
is `mlflow server` with one worker on loopback, and SQLite behind it. What must hold: under 10 s, each.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.options import date_of, out_of, parser, work_folder
from benchmarks.record import PACKAGES, Cell, Record, machine, versions
from benchmarks.tracking_server import tracking_server
from drift.config import parse_config
from drift.domain import Panel, Run, Series, Window
from drift.metrics import METRICS
from drift.sinks.mlflow import MlflowSink

DAY, HOUR = datetime(2020, 4, 10, tzinfo=UTC), timedelta(hours=1)
LIMIT_S = 10.0
COLUMNS = ["store", "cities", "metrics of the run", "first slot, s", "later slots, s", "CPU here, s", "holds"]


def run_of(slot: datetime, cities: int, figures: int = 10) -> Run:
    """A run with so many accuracy figures of each city, and of all pooled."""
    series = (Series("v1"), *(Series("v1", f"city {c:04}") for c in range(cities)))
    value = np.random.default_rng(slot.hour).random((len(series), 1, figures))
    ones = np.ones(value.shape[:2])
    names = tuple(METRICS)[:figures]
    panel = Panel(
        "metric", series, (None,), names, value, np.zeros(value.shape, np.uint8), 24 * ones.astype(int), ones
    )
    window = Window(slot - 24 * HOUR, slot)
    return Run(slot, window, window, 1.0, (panel,), (), (), (), ())


def logged(folder: Path, uri: str, cities: int, rounds: int, shown: Literal["metrics", "none"]) -> list[Cell]:
    """The row of one store: seconds of the first slot and of those after it, and what the run holds then."""
    tables = {"predictions": {"path": "a"}, "actuals": {"path": "b"}}
    where = {"tracking_uri": uri, "experiment": shown, "cities": shown}
    config = parse_config({"store": tables, "mlflow": where}, base=folder)
    if config.mlflow is None:
        raise RuntimeError("the config has no MLflow")
    sink = MlflowSink(config, config.mlflow)
    sink.check()
    took = list(_timed(sink, cities, rounds))
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    there = [each.experiment_id for each in client.search_experiments() if each.name == shown]
    (run,) = client.search_runs(there)
    walls, cpus = zip(*took, strict=True)
    later = statistics.median(walls[1:])
    holds = "yes" if max(walls) < LIMIT_S else "NO"
    return [cities, len(run.data.metrics), walls[0], later, statistics.median(cpus[1:]), holds]


def _timed(sink: MlflowSink, cities: int, rounds: int) -> Iterator[tuple[float, float]]:
    for hour in range(rounds + 1):
        run = run_of(DAY + hour * HOUR, cities)
        wall, cpu = time.perf_counter(), time.process_time()
        sink.publish(run)
        yield time.perf_counter() - wall, time.process_time() - cpu


def cost(options: argparse.Namespace) -> Record:
    """The record."""
    where, rounds = machine(), options.rounds or (1 if options.small else 5)
    cities = options.cities or (20 if options.small else 1000)
    rows: list[list[Cell]] = []
    with ExitStack() as stack:
        folder = stack.enter_context(work_folder(options))
        direct = f"sqlite:///{folder / 'direct.db'}"
        served = stack.enter_context(tracking_server(folder))
        for name, uri in (("SQLite file", direct), ("mlflow server", served)):
            rows.append([name, *logged(folder, uri, cities, rounds, "metrics")])
            rows.append([f"{name}, cities: none", *logged(folder, uri, cities, rounds, "none")])
    return Record(
        name="mlflow",
        title="What a slot costs in MLflow",
        date=date_of(options),
        where=where,
        settings={"cities": cities, "metrics": 10, "rounds": rounds},
        columns=COLUMNS,
        rows=rows,
        notes=[
            f"holds: every slot, the first too, in under {LIMIT_S:g} s",
            "a slot: the day's run found, all points, params, tags, the measurement table, the alerts",
            "the server's own start, and the making of its tables, are not counted",
        ],
        versions=versions((*PACKAGES, "mlflow")),
    )


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write; the exit code is the number of stores that take too long."""
    made = parser(__doc__)
    made.add_argument("--cities", type=int, help="default: 1000")
    made.add_argument("--rounds", type=int, help="default: 5")
    options = made.parse_args(words)
    record = cost(options)
    record.write(out_of(options))
    return sum(row[-1] == "NO" for row in record.rows)


if __name__ == "__main__":
    sys.exit(main())
