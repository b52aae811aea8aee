"""What drift is held against: the hardware's limit, and the loop that one would write with scipy.

The limit is Polars adding up every measured column of the store: nothing can say anything of values that it
has not read. The loop is one city and column at a time with scipy's own functions, and the accuracy of each
city with NumPy; it reads the same files. Its figures are kept, so that drift can be held equal to it as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.workload import CITIES_A_GROUP, Fleet
from drift.domain import Run

Sample = NDArray[np.float32]
Doubles = NDArray[np.float64]
STATISTICS = ("ks", "wasserstein", "psi", "jensen_shannon")
BINS, SHARE_FLOOR = 10, 1e-4


def missing(*modules: str) -> str | None:
    """Which of the modules are not installed, as words; None when all are."""
    absent = [module for module in modules if find_spec(module) is None]
    return f"{', '.join(absent)} not installed (benchmarks/requirements.txt)" if absent else None


def limit(fleet: Fleet, store: Path) -> Callable[[], object]:
    """Polars summing the measured columns of all files, streaming, with all cores."""
    import polars as pl

    def work() -> object:
        return (
            pl.scan_parquet(store / "*.parquet")
            .select(pl.col(fleet.measured).sum())
            .collect(engine="streaming")
        )

    return work


@dataclass(slots=True)
class ScipyLoop:
    """The loop over the first cities of a fleet in the `sorted` layout; `found` is by city and column."""

    fleet: Fleet
    store: Path
    cities: int
    found: Mapping[tuple[str, str], tuple[float, ...]]

    @classmethod
    def of(cls, fleet: Fleet, store: Path, most: int = CITIES_A_GROUP) -> ScipyLoop:
        """The loop over at most so many cities: of more it takes so much longer."""
        return cls(fleet, store, min(fleet.cities, most), {})

    @property
    def scale(self) -> float:
        """How many times the measured part the whole fleet is."""
        return self.fleet.cities / self.cities

    def __call__(self) -> None:
        """Measure."""
        found: dict[tuple[str, str], tuple[float, ...]] = {}
        reference, current = self._read("reference.parquet"), self._read("recent.parquet")
        for city, before in reference.items():
            now = current[city]
            for name in self.fleet.measured:
                found[city, name] = statistics_of(before[name], now[name])
            found[city, "accuracy"] = accuracy_of(now["actual"], now["predicted"], now["lower"], now["upper"])
        self.found = found

    def _read(self, name: str) -> dict[str, dict[str, Sample]]:
        """The columns of each city up to the first slot; reads only the row groups that hold the cities."""
        file = pq.ParquetFile(self.store / name)
        groups = -(-self.cities * file.num_row_groups // self.fleet.cities)
        columns = ["city", "target_time", *self.fleet.measured, "lower", "upper"]
        table = file.read_row_groups(range(groups), columns=columns)
        table = table.filter(
            pc.field("target_time") < pa.scalar(self.fleet.slot(), pa.timestamp("us", "UTC"))
        )
        found, start = {}, 0
        for entry in pc.value_counts(table["city"]).to_pylist():
            city, rows = entry["values"], entry["counts"]
            part = table.slice(start, rows)  # sorted by city, so a city's rows are together
            found[city] = {column: part[column].to_numpy() for column in columns[2:]}
            start += rows
        return {city: found[city] for city in map(self.fleet.city, range(self.cities))}


def statistics_of(reference: Sample, current: Sample) -> tuple[float, ...]:
    """KS, W1 in standard deviations, PSI and Jensen–Shannon, as `drift.statistics` defines them."""
    from scipy.stats import ks_2samp, wasserstein_distance

    before, now = reference.astype(np.float64), current.astype(np.float64)
    inner = np.quantile(before, np.arange(1, BINS) / BINS)
    p, q = _shares(before, inner), _shares(now, inner)
    floored = [np.maximum(shares, SHARE_FLOOR) for shares in (p, q)]
    a, b = (shares / shares.sum() for shares in floored)
    middle = (p + q) / 2
    divergence = (_entropy(p, middle) + _entropy(q, middle)) / 2
    return (
        float(ks_2samp(before, now, method="asymp").statistic),
        float(wasserstein_distance(before, now) / before.std()),
        float(((b - a) * np.log(b / a)).sum()),
        float(np.sqrt(max(divergence, 0.0))),
    )


def _shares(sample: Doubles, inner: Doubles) -> Doubles:
    within = np.searchsorted(np.sort(sample), inner, side="right")
    up_to = np.concatenate(([0.0], within / sample.size, [1.0]))
    return np.asarray(np.diff(up_to), dtype=np.float64)


def _entropy(shares: Doubles, middle: Doubles) -> float:
    there = shares > 0
    return float((shares[there] * np.log2(shares[there] / middle[there])).sum())


def accuracy_of(actual: Sample, predicted: Sample, lower: Sample, upper: Sample) -> tuple[float, ...]:
    """MAE, RMSE, bias, MAPE, sMAPE, WAPE, R² and the interval's coverage."""
    y, forecast = actual.astype(np.float64), predicted.astype(np.float64)
    error = forecast - y
    size = np.abs(error)
    return (
        float(size.mean()),
        float(np.sqrt((error * error).mean())),
        float(error.mean()),
        float((size / np.abs(y)).mean()),
        float((2 * size / (np.abs(y) + np.abs(forecast))).mean()),
        float(size.sum() / np.abs(y).sum()),
        float(1 - (error * error).sum() / ((y - y.mean()) ** 2).sum()),
        float(((actual >= lower) & (actual <= upper)).mean()),
    )


def largest_difference(run: Run, loop: ScipyLoop) -> float:
    """How far a statistic of drift is at most from the loop's."""
    apart = [
        abs(
            (measured.value if measured.value is not None else np.nan)
            - loop.found[key][STATISTICS.index(measured.name)]
        )
        for panel in run.panels
        if panel.kind == "statistic"
        for measured in panel
        if measured.name in STATISTICS
        and (key := (str(measured.series.city), str(measured.column))) in loop.found
    ]
    if not apart:
        raise ValueError("drift and the loop measured nothing in common")
    return float(np.max(apart))
