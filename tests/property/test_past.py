"""A slot that uses what an earlier one kept says exactly what it would have said without.

Each world is a store in Parquet files, made up from a seed with much of what can be wrong with data, and
meddled with between slots. A monitor with the cache and one without are asked for the same slots.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drift import Monitor
from drift.cache import Cache
from drift.config import Config, parse_config
from drift.domain import Panel, Window
from drift.errors import DriftError
from drift.findings import Findings
from drift.stores import open_store
from drift.stores.base import Store
from drift.tables import Tables

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CITIES = ("Agra", "Bhopal", "Köln", "Pune")
DAYS = 16  # of rows; those of the last three are written while slots pass
_ticks = count(1)  # a file written again has another time, however fast that is


@dataclass
class Traits:
    """What a world is like, drawn once."""

    rng: np.random.Generator
    step: timedelta = HOUR
    cities: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    constant: bool = False  # one model version, of the config
    layout: str = "daily"
    order: str = "city"
    narrow: list[str] = field(default_factory=list)  # tables of 32 bits
    issues: int = 1
    available: bool = False
    bounds: bool = False
    features: list[str] = field(default_factory=list)
    dirt: set[str] = field(default_factory=set)
    lives: dict[str, tuple[float, float, list[str]]] = field(default_factory=dict)  # days, cities
    silent: dict[str, float] = field(default_factory=dict)  # the day a city falls silent

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Traits:
        def some(chance: float) -> bool:
            return bool(rng.random() < chance)

        def often(names: Sequence[str], chance: float) -> list[str]:
            return [name for name in names if some(chance)]

        t = cls(rng)
        t.step = HOUR if some(0.75) else timedelta(minutes=30)
        t.cities = list(CITIES[: int(rng.integers(2, 5))])
        t.constant = some(0.2)
        t.versions = ["v2"] if t.constant or some(0.3) else ["v2", "v4"]
        t.layout = str(rng.choice(["daily", "daily", "one", "two"]))
        t.order = str(rng.choice(["city", "time", "none"]))
        t.narrow = often(["predictions", "actuals", "features"], 0.4)
        t.issues = 1 if some(0.6) else 3
        t.available, t.bounds = some(0.3), some(0.4)
        t.features = ["humidity", "temperature"][: int(rng.integers(0, 3))]
        t.dirt = set(often(["gap", "null", "nan", "infinite", "negative", "twice"], 0.5))
        t.dirt |= set(often(["late", "revised"], 0.4))
        t.dirt |= set(often(["early_keys", "fresh_keys", "early_off", "fresh_off"], 0.07))
        for version in t.versions:
            t.lives[version] = (0, DAYS, t.cities if some(0.6) else t.cities[:1])
        if some(0.2):
            t.lives["v2" if t.constant else "v1"] = (0, float(rng.uniform(2, 11)), t.cities)  # retires
        if not t.constant and some(0.2):
            t.lives["v3"] = (float(rng.uniform(9, 13)), DAYS, t.cities[-1:])  # appears
        if some(0.2):
            t.silent[t.cities[0]] = float(rng.uniform(2, 12))
        return t


class World:
    """A store's files, as written so far."""

    def __init__(self, folder: Path, traits: Traits) -> None:
        self.folder, self.traits, self.rng = folder, traits, traits.rng
        self.a_day = DAY // traits.step
        whole = {"daily": 1, "two": 9, "one": DAYS}[traits.layout]
        first = 0
        while first < DAYS - 3:
            last = min(first + whole, DAYS if traits.layout != "daily" else DAYS - 3)
            self.add(f"{first:02d}", first, last)
            first = last
        self.filled = first

    def add(self, name: str, first: float, last: float, cities: Sequence[str] | None = None) -> None:
        """A file a table, of the rows of these days."""
        cells = np.arange(round(first * self.a_day), round(last * self.a_day))
        for table in (
            ("predictions", "actuals", "features") if self.traits.features else ("predictions", "actuals")
        ):
            self.write(table, name, getattr(self, table)(cells, cities or self.traits.cities))

    def write(self, table: str, name: str, columns: dict[str, np.ndarray]) -> None:
        order = {"none": self.rng.permutation(len(columns["target_time"]))}.get(self.traits.order)
        if order is None:
            keys = ("target_time", "city") if self.traits.order == "city" else ("city", "target_time")
            order = np.lexsort(tuple(columns[key].astype("U" if key == "city" else "M8[us]") for key in keys))
        narrow = table in self.traits.narrow and self.rng.random() < 0.97
        arrow = {key: as_arrow(key, values[order], narrow) for key, values in columns.items()}
        path = self.folder / table / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = int(self.rng.choice([37, 500, 100_000]))
        pq.write_table(pa.table(arrow), path, row_group_size=size, write_page_checksum=True)
        tick(path)

    # the tables' rows, a row each

    def predictions(self, cells: np.ndarray, cities: Sequence[str]) -> dict[str, np.ndarray]:
        parts = []
        for version, (first, last, where) in self.traits.lives.items():
            alive = cells[(cells >= first * self.a_day) & (cells < last * self.a_day)]
            parts += [self.keys(alive, c, version) for c in cities if c in where or c not in CITIES]
        rows = stacked([*parts, self.keys(cells[:0], cities[0], "v2")])
        if self.traits.issues > 1:
            rows = self.picked(rows, np.repeat(np.arange(len(rows["cell"])), self.traits.issues))
            ahead = self.rng.integers(-2, 40, len(rows["cell"])) * HOUR
            rows["issue_time"] = rows["target_time"] - ahead.astype("m8[us]")
            rows["issue_time"][self.rng.random(len(ahead)) < 0.02] = np.datetime64("NaT")
        rows["predicted"] = self.values(rows, 0.1)
        if self.traits.bounds:
            rows["lower"], rows["upper"] = rows["predicted"] - 9, rows["predicted"] + 9
        return self.soiled("predictions", self.without_model(rows), "predicted")

    def actuals(self, cells: np.ndarray, cities: Sequence[str]) -> dict[str, np.ndarray]:
        rows = stacked([self.keys(cells, city, "") for city in cities])
        del rows["model_version"]
        rows["actual"] = self.values(rows, 0.03)
        if self.traits.available:
            delay = np.where(self.rng.random(len(rows["cell"])) < 0.02 * ("late" in self.traits.dirt), 90, 1)
            rows["available_time"] = rows["target_time"] + (delay * HOUR).astype("m8[us]")
            if "revised" in self.traits.dirt:
                again = self.picked(rows, np.flatnonzero(self.rng.random(len(delay)) < 0.05))
                again["actual"], again["available_time"] = (
                    again["actual"] + 1,
                    again["available_time"] + np.timedelta64(1, "h"),
                )
                rows = stacked([rows, again])
        return self.soiled("actuals", rows, "actual")

    def features(self, cells: np.ndarray, cities: Sequence[str]) -> dict[str, np.ndarray]:
        rows = stacked([self.keys(cells, city, "") for city in cities])
        del rows["model_version"]
        for name in self.traits.features:
            measured = np.round(self.rng.normal(20, 5, len(rows["cell"])), 1)
            rows[name] = self.rng.choice([0.0, -0.0, 1.0], len(measured)) if name == "humidity" else measured
        return self.soiled("features", rows, *self.traits.features)

    def keys(self, cells: np.ndarray, city: str, version: str) -> dict[str, np.ndarray]:
        cells = cells[cells < self.traits.silent.get(city, DAYS) * self.a_day]
        start = np.datetime64(START.replace(tzinfo=None), "us")
        return {
            "cell": cells,
            "city": np.full(len(cells), city, dtype=object),
            "model_version": np.full(len(cells), version, dtype=object),
            "target_time": start + cells * np.timedelta64(self.traits.step),
        }

    def values(self, rows: dict[str, np.ndarray], noise: float) -> np.ndarray:
        cell = rows["cell"]
        size = np.array([1 + len(city) for city in rows["city"]], dtype=np.float64)
        load = 50 * size * (1 + 0.3 * np.sin(2 * np.pi * cell / self.a_day))
        return np.round(load * self.rng.normal(1, noise, len(cell)), int(self.rng.integers(0, 3)))

    def picked(self, rows: dict[str, np.ndarray], which: np.ndarray) -> dict[str, np.ndarray]:
        return {key: values[which] for key, values in rows.items()}

    def without_model(self, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {k: v for k, v in rows.items() if k != "model_version" or not self.traits.constant}

    def soiled(self, table: str, rows: dict[str, np.ndarray], *names: str) -> dict[str, np.ndarray]:
        """The rows with the world's kinds of dirt, and without the cells' numbers."""
        dirt, chance = self.traits.dirt, self.rng.random
        if "gap" in dirt:
            rows = self.picked(rows, np.flatnonzero(chance(len(rows["cell"])) > 0.05))
        for kind, value in (("nan", np.nan), ("infinite", np.inf), ("infinite", -np.inf), ("negative", -3.0)):
            for name in names if kind in dirt else ():
                rows[name] = np.where(chance(len(rows["cell"])) < 0.02, value, rows[name])
        if "null" in dirt:
            for name in names:
                rows[name] = np.where(chance(len(rows["cell"])) < 0.02, None, rows[name])
        if "twice" in dirt:
            again = self.picked(rows, np.flatnonzero(chance(len(rows["cell"])) < 0.03))
            again[names[0]] = np.array([None if v is None else v + 1 for v in again[names[0]]], dtype=object)
            rows = stacked([rows, again])
        if table != "features":
            self.spoil_keys(rows)
        del rows["cell"]
        return rows

    def spoil_keys(self, rows: dict[str, np.ndarray]) -> None:
        """Rows without a key or off the interval: in the first days, or in those that only late slots read."""
        for kind in sorted(self.traits.dirt & {"early_keys", "fresh_keys", "early_off", "fresh_off"}):
            day = 1 if kind.startswith("early") else 12
            few = self.rng.permutation(np.flatnonzero(rows["cell"] // self.a_day == day))[:3]
            if kind.endswith("off"):
                rows["target_time"][few] += np.timedelta64(7, "m")
            else:
                rows["city"][few[:1]] = None
                rows["target_time"][few[1:2]] = np.datetime64("NaT")

    # what happens between slots

    def append(self) -> None:
        """The next day's files."""
        if self.filled < DAYS:
            self.add(f"{self.filled:02d}", self.filled, self.filled + 1)
            self.filled += 1

    def correct(self) -> None:
        """A file that says some hours of a past day again."""
        day = float(self.rng.uniform(3, 9))
        self.add(f"{int(day):02d}-{next(_ticks)}", day, day + 0.2)

    def new_column(self) -> None:
        if self.traits.features:
            self.traits.features.append(f"wind{next(_ticks)}")
        self.append()

    def rewrite(self) -> None:
        """Other values in one file: another time, and often the same size."""
        path = self.some_file()
        table = pq.read_table(path)
        for at, column in enumerate(table.schema):
            if column.name in ("predicted", "actual", "temperature"):
                values = table[column.name].to_numpy().copy()
                values[self.rng.random(len(values)) < 0.1] *= 1.05
                table = table.set_column(at, column, pa.array(values, column.type, from_pandas=False))
        pq.write_table(table, path)
        tick(path)

    def touch(self) -> None:
        tick(self.some_file())

    def delete(self) -> None:
        path = self.some_file()
        if len(list(path.parent.iterdir())) > 2:
            path.unlink()

    def new_city(self) -> None:
        self.add(f"city{next(_ticks)}", 0, self.filled, [f"City {next(_ticks):03d}"])

    def some_file(self) -> Path:
        return self.rng.choice(sorted(self.folder.glob("*/*.parquet")))


def stacked(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def as_arrow(name: str, values: np.ndarray, narrow: bool) -> pa.Array:
    if name in ("city", "model_version"):
        return pa.array(values, pa.string())
    if name.endswith("_time"):
        return pa.array(values, pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    kind = pa.float32() if narrow else pa.float64()
    return pa.array(values.tolist(), pa.float64(), from_pandas=False).cast(kind)


def tick(path: Path) -> None:
    at = 1_700_000_000_000_000_000 + next(_ticks) * 1_000_000
    os.utime(path, ns=(at, at))


def settings_of(world: World, kernel: str) -> dict[str, Any]:
    """A config for the world, without a word on the cache."""
    traits, rng = world.traits, world.rng
    predictions = {"path": "predictions"} | ({"model_version": "vX"} if traits.constant else {})
    store: dict[str, Any] = {"predictions": predictions, "actuals": {"path": "actuals"}}
    if traits.features:
        store["features"] = {"path": "features"}
    if rng.random() < 0.7:
        store["interval"] = "1h" if traits.step == HOUR else "30m"
    if rng.random() < 0.2:
        store["actuals"]["marks"] = store["predictions"]["marks"] = "end"
    fixed = {"start": "2026-03-03T00:00Z", "end": "2026-03-07T00:00Z"}
    return {
        "store": store,
        "windows": {
            "current": str(rng.choice(["24h", "6h"])),
            "reference": fixed if rng.random() < 0.25 else str(rng.choice(["12h", "2d", "4d"])),
            "gap": str(rng.choice(["0h", "0h", "9h"])),
            "lag": str(rng.choice(["0h", "2h"])),
        },
        "accuracy": {
            "season": str(rng.choice(["24h", "48h"])),
            "floor_window": str(rng.choice(["2d", "5d"])),
            "horizon": str(rng.choice(["0h", "6h"])),
            "bands": ["0h", "12h", "24h", "36h"],
        },
        "statistics": {"min_reference": 10, "bins": int(rng.choice([4, 10]))},
        "mlflow": {},  # nothing is logged here: it is what the hash of the data is for
        "engine": {"kernel": kernel, "block": int(rng.choice([1, 2, 64])), "workers": int(rng.integers(1, 3))},
        "alerts": {
            "low": {"metric": "model_accuracy", "threshold": 0.9, "severity": "high"},
            "drifted": {"metric": "psi", "threshold": 0.2, "severity": "warning"},
        },
    }  # fmt: skip


class Watched:
    """A store, and which windows of which cities were read of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.reads: list[tuple[Window, tuple[str, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, window: Window, cities: Sequence[str] | None = None) -> Tables:
        self.reads.append((window, tuple(cities or ())))
        return self._store.read(window, cities)


def opened(config: Config) -> tuple[Monitor, Watched]:
    store = Watched(open_store(config))
    return Monitor(config, store=store), store


def found(monitor: Monitor, slot: datetime) -> Findings | str:
    try:
        return monitor.find(slot)
    except DriftError as error:
        return f"{type(error).__name__}: {error}"


def check_same(got: Findings | str, wanted: Findings | str) -> None:
    if isinstance(got, str) or isinstance(wanted, str):
        assert got == wanted
        return
    assert got.data_hash is not None
    for name in ("windows", "cities", "verdicts", "delays", "lateness", "failures", "data_hash"):
        assert getattr(got, name) == getattr(wanted, name), name
    assert Counter(map(repr_of_count, got.counts)) == Counter(map(repr_of_count, wanted.counts))
    assert len(got.panels) == len(wanted.panels)
    for one, other in zip(got.panels, wanted.panels, strict=True):
        check_panel(one, other)


def check_panel(got: Panel, wanted: Panel) -> None:
    for name in ("kind", "series", "columns", "names"):
        assert getattr(got, name) == getattr(wanted, name), name
    for name in ("value", "reason", "n", "coverage"):
        np.testing.assert_array_equal(getattr(got, name), getattr(wanted, name), strict=True)


def repr_of_count(count: Any) -> str:
    return repr((count.model_version, count.city, count.used, sorted(count.unused.items()), count.window))


EVENTS = ("append", "correct", "new_column", "rewrite", "touch", "delete", "new_city")
MOVES = {"hour": 1.0, "same": 0.0, "half_day": 12.0, "day": 24.0, "far": 60.0, "back": -7.0}


def lived(folder: Path, seed: int, kernel: str, slots: int) -> tuple[int, int]:
    """Ask both monitors for a sequence of slots; how many slots there were, and how many read less."""
    rng = np.random.default_rng(seed)
    world = World(folder, Traits.drawn(rng))
    settings = settings_of(world, kernel)
    monitor, store = opened(parse_config(settings, base=folder))
    settings["engine"]["cache"] = None
    plain, _ = opened(parse_config(settings, base=folder))
    slot, used = START + 8.5 * DAY + timedelta(minutes=5), 0
    for _ in range(slots):
        if rng.random() < 0.25:
            getattr(world, str(rng.choice(EVENTS)))()
        if rng.random() < 0.3:  # as another process would
            store = Watched(open_store(monitor.config))
            monitor.store, monitor.cache = store, Cache(folder / "state/cache", 2**30)
        store.reads.clear()
        got = found(monitor, slot)
        check_same(got, found(plain, slot))
        if not isinstance(got, str):
            used += all(window.start > got.windows.history.start for window, _ in store.reads)
        move = str(rng.choice(list(MOVES), p=[0.55, 0.12, 0.1, 0.1, 0.05, 0.08]))
        slot += MOVES[move] * HOUR
    return slots, used


def check_worlds(folder: Path, seeds: Sequence[int], kernel: str, slots: int = 12) -> None:
    """In each world both say the same, and in a good share of slots the cache was used at all."""
    asked = used = 0
    for seed in seeds:
        try:
            of_world = lived(folder / str(seed), seed, kernel, slots)
        except BaseException as error:
            error.add_note(f"in the world of seed {seed}, kernel {kernel}")
            raise
        asked, used = asked + of_world[0], used + of_world[1]
    assert used > asked / 4


def test_a_slot_says_the_same_with_a_past_and_without(tmp_path) -> None:
    check_worlds(tmp_path, range(8), "numpy")


def test_a_slot_says_the_same_by_the_compiled_kernel(tmp_path) -> None:
    pytest.importorskip("numba")
    check_worlds(tmp_path, range(100, 103), "numba")


@pytest.mark.slow
def test_a_slot_says_the_same_in_many_worlds(tmp_path) -> None:
    check_worlds(tmp_path, range(1000, 1030), "numpy", 20)


@pytest.mark.slow
def test_a_slot_says_the_same_by_the_compiled_kernel_in_many_worlds(tmp_path) -> None:
    pytest.importorskip("numba")
    check_worlds(tmp_path, range(2000, 2010), "numba", 20)
