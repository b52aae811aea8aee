"""The fleet that every benchmark measures: made up, the same on every machine, and like the real thing where
that costs time.

Why: how fast a monitor is depends on what it reads. Ties, skew, gaps and the layout of the files all matter,
and a real fleet of 10,000 cities is nobody's to give away.

How: each city is drawn from a generator of its own number, so a city is the same in every fleet and block.
The load has daily, weekly and yearly shapes; the features are a temperature, a lognormal wind, a half-normal
irradiance, a quantised sensor, two lags, hour and weekday (heavy ties) and normals. In one city of five the
last week drifts. Files are written block by block of cities, so the fleet may be larger than the memory. A
city takes 0.6 MB on disk: 1,000 cities 0.6 GB, 10,000 cities 6 GB.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from drift.domain import iso

Layout = Literal["sorted", "single", "daily"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
Values = NDArray[np.float32]
Doubles = NDArray[np.float64]

START = datetime(2025, 1, 1, tzinfo=UTC)
CITIES_A_GROUP = 32
CITIES_A_DAILY_GROUP = 256  # a day has few rows: small row groups would cost more than they hold
KEYS = ["city", "target_time"]
SHAPED = 8  # features that are more than noise; a fleet has at least these


@dataclass(frozen=True, slots=True)
class Fleet:
    """How large the fleet is.

    `later_hours` follow the first slot, so that warm slots can be consecutive ones. `gaps` is the share of
    hours of each city that have no row.
    """

    cities: int
    reference_hours: int = 8760
    current_hours: int = 168
    later_hours: int = 24
    features: int = 12
    gaps: float = 0.0
    seed: int = 7

    @property
    def hours(self) -> int:
        """All hours there are."""
        return self.reference_hours + self.current_hours + self.later_hours

    @property
    def feature_names(self) -> list[str]:
        """`f00`, `f01` …"""
        return [f"f{k:02}" for k in range(self.features)]

    @property
    def measured(self) -> list[str]:
        """The columns of the store whose drift is measured (drift adds the error, which no file holds)."""
        return ["predicted", "actual", *self.feature_names]

    @property
    def reference(self) -> tuple[datetime, datetime]:
        """The reference window of the first slot."""
        return START, START + timedelta(hours=self.reference_hours)

    def slot(self, later: int = 0) -> datetime:
        """The first slot, or one so many hours later."""
        if not 0 <= later <= self.later_hours:
            raise ValueError(
                f"the fleet has slots 0 to {self.later_hours}, not {later}: give it more later_hours"
            )
        return START + timedelta(hours=self.reference_hours + self.current_hours + later)

    def city(self, number: int) -> str:
        """A city's name; names sort as their numbers do."""
        return f"city-{number:05}"

    def spans(self, layout: Layout) -> dict[str, slice]:
        """The files of a layout, and the hours in each."""
        if layout == "single":
            return {"fleet.parquet": slice(0, self.hours)}
        if layout == "sorted":
            edge = self.reference_hours
            return {"reference.parquet": slice(0, edge), "recent.parquet": slice(edge, self.hours)}
        days = range(0, self.hours, 24)
        return {
            f"{START + timedelta(hours=h):%Y-%m-%d}.parquet": slice(h, min(h + 24, self.hours)) for h in days
        }


def city_values(fleet: Fleet, number: int) -> dict[str, Values]:
    """All values of one city by column, an hour each."""
    draw = np.random.default_rng([fleet.seed, number])
    t = np.arange(fleet.hours, dtype=np.float64)
    level = 50 + 400 * draw.random()
    shape = 1 + 0.25 * np.sin(2 * np.pi * (t - 7) / 24) + 0.1 * np.sin(2 * np.pi * t / 168)
    load = level * (shape + 0.2 * np.cos(2 * np.pi * t / 8760))
    actual = np.maximum(load + 0.06 * level * draw.standard_normal(fleet.hours), 0.0)
    predicted = load + 0.04 * level * draw.standard_normal(fleet.hours)
    features = draw.standard_normal((fleet.features, fleet.hours))
    features[:SHAPED] = _shaped(features, actual, t)
    if number % 5 == 0:
        last = slice(fleet.reference_hours, None)
        features[:, last] += 0.3 * np.abs(features).mean(axis=1, keepdims=True)
        predicted[last] *= 0.93
    half = 1.2816 * 0.075 * level
    columns = {"predicted": predicted, "lower": predicted - half, "upper": predicted + half, "actual": actual}
    columns |= dict(zip(fleet.feature_names, features, strict=True))
    return {name: values.astype(np.float32) for name, values in columns.items()}


def _shaped(noise: Doubles, actual: Doubles, t: Doubles) -> list[Doubles]:
    """The features that are more than noise."""
    yearly, daily = np.cos(2 * np.pi * (t - 4800) / 8760), np.sin(2 * np.pi * t / 24)
    return [
        12 + 10 * yearly + 5 * daily + 2 * noise[0],  # temperature
        np.exp(0.5 * noise[1]),  # wind
        np.abs(noise[2]),  # irradiance
        np.round(10 * noise[3]) / 10,  # a sensor of few digits
        np.roll(actual, 24),
        np.roll(actual, 168),
        t % 24,
        t // 24 % 7,
    ]


def _block(fleet: Fleet, numbers: range) -> tuple[dict[str, Values], NDArray[np.bool_]]:
    """The columns of some cities as `(cities, hours)`, and which of those hours have a row."""
    cities = [city_values(fleet, number) for number in numbers]
    there = np.ones((len(cities), fleet.hours), dtype=np.bool_)
    if fleet.gaps:
        for row, number in enumerate(numbers):
            there[row] = np.random.default_rng([fleet.seed, number, 1]).random(fleet.hours) >= fleet.gaps
    return {name: np.stack([city[name] for city in cities]) for name in cities[0]}, there


def _rows(
    fleet: Fleet, numbers: range, hours: slice, block: dict[str, Values], there: NDArray[np.bool_]
) -> pa.Table:
    """Some hours of a block as rows, sorted by city and time."""
    use = there[:, hours].ravel()
    count = there[:, hours].shape[1]
    city = np.repeat(np.arange(len(numbers), dtype=np.int32), count)[use]
    first = np.datetime64(START.replace(tzinfo=None), "us")
    times = first + np.arange(fleet.hours)[hours] * np.timedelta64(3_600_000_000, "us")
    names = pa.array([fleet.city(number) for number in numbers])
    columns: dict[str, pa.Array] = {
        "city": pa.DictionaryArray.from_arrays(pa.array(city), names),
        "target_time": pa.array(np.tile(times, len(numbers))[use]).cast(pa.timestamp("us", "UTC")),
    }
    return pa.table(columns | {name: pa.array(v[:, hours].ravel()[use]) for name, v in block.items()})


def write_fleet(fleet: Fleet, folder: Path, layout: Layout = "sorted") -> int:
    """Write the fleet's feature store into a folder; gives its bytes.

    `sorted`: the reference in one file and what follows in another, both by city and time. `single`: all in
    one. `daily`: one file a day, as an ingest writes them. float32 values, no compression, page checksums.
    """
    folder.mkdir(parents=True, exist_ok=True)
    size = CITIES_A_DAILY_GROUP if layout == "daily" else CITIES_A_GROUP
    spans = fleet.spans(layout)
    with ExitStack() as stack:
        writers: dict[str, pq.ParquetWriter] = {}
        for start in range(0, fleet.cities, size):
            numbers = range(start, min(start + size, fleet.cities))
            block, there = _block(fleet, numbers)
            for name, hours in spans.items():
                rows = _rows(fleet, numbers, hours, block, there)
                if name not in writers:
                    writers[name] = stack.enter_context(_writer(folder / name, rows.schema))
                writers[name].write_table(
                    rows.cast(writers[name].schema), row_group_size=max(rows.num_rows, 1)
                )
    return sum((folder / name).stat().st_size for name in spans)


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        pa.schema([field.with_nullable(False) for field in schema]),  # as `drift store compact` writes it
        compression="none",
        use_dictionary=KEYS,
        write_page_checksum=True,
        store_schema=False,  # plain Parquet, as any writer leaves it
    )


def write_config(
    fleet: Fleet, store: Path, folder: Path, *, fixed: bool = False, history: bool = False, extra: str = ""
) -> Path:
    """Write the config that reads the store, into a folder that its state and history go to as well.

    The reference moves with the slot, or is `fixed`. Reports and MLflow are off. `extra` is more YAML.
    """
    path = json.dumps(str(store.absolute()))  # JSON's strings are YAML's, whatever is in them
    start, end = fleet.reference
    span = f"{{start: {iso(start)}, end: {iso(end)}}}" if fixed else f"{fleet.reference_hours}h"
    text = f"""\
store:
  interval: 1h
  predictions: {{path: {path}, model_version: v1}}
  actuals: {{path: {path}}}
  features: {{path: {path}}}
windows: {{current: {fleet.current_hours}h, reference: {span}}}
history: {"{dir: history}" if history else "null"}
reports: null
mlflow: null
alerts:
  model_accuracy_drop: {{metric: model_accuracy, threshold: 0.85, duration: 1h, channels: [log]}}
{extra}
"""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "drift.yaml"
    config.write_text(text, encoding="utf-8")
    return config
