"""What the detectors say of a slot depends on its hours and its fit alone: not on whether it is one of many
slots of a replay, on what is kept between slots, or on how the cities are split among workers.

Each world is a store in Parquet files, made up from a seed with much of what can be wrong with data: model
versions and cities that appear and fall silent, gaps, meters that stand still, wrong scales, late actuals,
quarters of hours, zones off the hour, changes of the clocks. Its slots are run one by one, and replayed.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drift import Monitor
from drift.config import Config, parse_config
from drift.domain import Panel, Transition, Undefined
from drift.engines.local import Block
from drift.findings import Findings

START = datetime(2020, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = {
    "Agra": "Asia/Kolkata", "Berlin": "Europe/Berlin", "Boston": "America/New_York",
    "Lord Howe": "Australia/Lord_Howe", "Pune": "Asia/Kolkata", "Surat": "UTC",
}  # fmt: skip
KINDS = ("gaps", "nan", "twice", "stuck", "zero", "scale", "long", "drift")


@dataclass
class World:
    """What a store is like, drawn from a seed; `lives` are first day, last day and cities by model version."""

    seed: int
    days: int = 0
    step: timedelta = HOUR
    phase: timedelta = timedelta(0)
    cities: list[str] = field(default_factory=list)
    lives: dict[str, tuple[float, float, list[str]]] = field(default_factory=dict)
    born: dict[str, float] = field(default_factory=dict)
    silent: dict[str, float] = field(default_factory=dict)
    bounds: bool = False
    available: bool = False
    features: bool = False
    dirt: set[str] = field(default_factory=set)
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    @classmethod
    def drawn(cls, seed: int) -> World:
        w = cls(seed)
        rng = w.rng

        def some(chance: float) -> bool:
            return bool(rng.random() < chance)

        w.days = int(rng.choice([60, 80, 100, 130]))
        w.step = HOUR if some(0.6) else HOUR / int(rng.choice([2, 4]))
        w.phase = HOUR / 2 if w.step == HOUR and some(0.3) else timedelta(0)
        w.cities = list(ZONES)[: int(rng.integers(3, 7))]
        w.lives["v1"] = (0, w.days, w.cities)
        if some(0.4):
            w.lives["v0"] = (0, rng.uniform(5, w.days), w.cities)
        if some(0.6):
            few = sorted(rng.permutation(w.cities)[: int(rng.integers(1, len(w.cities) + 1))])
            w.lives["v2"] = (rng.uniform(0, w.days), w.days, few)
        w.born = {city: rng.uniform(5, w.days) for city in w.cities if some(0.12)}
        w.silent = {city: rng.uniform(5, w.days) for city in w.cities if some(0.12)}
        w.bounds, w.available, w.features = some(0.4), some(0.3), some(0.3)
        w.dirt = {kind for kind in KINDS if some(0.4)}
        return w

    def write(self, folder: Path) -> None:
        """The store's tables."""
        folder.mkdir(parents=True, exist_ok=True)
        self.a_day = DAY // self.step
        count = round(self.days * self.a_day)
        self.cells = np.arange(count)
        start = np.datetime64(START.replace(tzinfo=None), "us")
        self.times = start + np.timedelta64(self.phase) + self.cells * np.timedelta64(self.step)
        tables: dict[str, list[dict[str, np.ndarray]]] = {"predictions": [], "actuals": [], "features": []}
        for number, city in enumerate(self.cities):
            hours = self.cells * (self.step / HOUR)
            load = 1000 * (1 + number) * (1 + 0.2 * np.sin(hours * np.pi / 12) + 0.05 * np.sin(hours / 27))
            load *= np.exp(0.02 * self.rng.normal(size=count))
            tables["actuals"].append(self.actuals(city, load))
            warm = 20 + 8 * np.sin(hours * np.pi / 12) + self.rng.normal(size=count)
            tables["features"].append(self.rows(self.cells, city, temperature=warm))
            for version, (first, last, where) in self.lives.items():
                if city in where:
                    alive = (self.cells >= first * self.a_day) & (self.cells < last * self.a_day)
                    tables["predictions"].append(self.predictions(city, version, load, alive))
        for name, parts in tables.items():
            columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
            pq.write_table(
                pa.table({k: as_arrow(k, v) for k, v in columns.items()}),
                folder / f"{name}.parquet",
                row_group_size=5000,
            )

    def rows(self, which: np.ndarray, city: str, **columns: np.ndarray) -> dict[str, np.ndarray]:
        some = {name: values[which] for name, values in columns.items()}
        return {"city": np.full(len(which), city), "target_time": self.times[which], **some}

    def actuals(self, city: str, load: np.ndarray) -> dict[str, np.ndarray]:
        actual, chance = load.copy(), self.rng.random
        for kind, many, longest in (("zero", 3, 5), ("scale", 2, 30), ("long", 1, 240)):
            for _ in range(many if kind in self.dirt else 0):
                some = self.spell(longest)
                actual[some] = {"zero": 0.0, "scale": 1000 * actual[some], "long": np.nan}[kind]
        self.stand_still(actual, 8)
        if "nan" in self.dirt:
            actual[chance(len(load)) < 0.02] = np.nan
        there = (self.cells >= self.born.get(city, 0) * self.a_day) & (
            self.cells < self.silent.get(city, self.days) * self.a_day
        )
        if "gaps" in self.dirt:
            there &= chance(len(load)) > 0.05
        which = np.flatnonzero(there)
        if "twice" in self.dirt:
            which = np.sort(np.concatenate([which, which[chance(len(which)) < 0.02]]))
        rows = self.rows(which, city, actual=actual)
        if self.available:
            late = np.where(chance(len(which)) < 0.05, self.rng.integers(1, 40, len(which)), 1)
            rows["available_time"] = rows["target_time"] + (late * HOUR + self.step).astype("m8[us]")
        return rows

    def predictions(
        self, city: str, version: str, load: np.ndarray, alive: np.ndarray
    ) -> dict[str, np.ndarray]:
        error, shock = np.zeros(len(load)), self.rng.normal(0, 0.015, len(load))
        for t in range(1, len(load)):
            error[t] = 0.85 * error[t - 1] + shock[t]
        if "drift" in self.dirt and self.rng.random() < 0.6:
            start = int(self.rng.uniform(0.5, 0.95) * len(load))
            error[start : start + 10 * self.a_day] *= 3
        predicted = load * (1 + error)
        self.stand_still(predicted, 2)
        if "gaps" in self.dirt:
            alive = alive & (self.rng.random(len(load)) > 0.03)
        bounds = {"lower": 0.96 * predicted, "upper": 1.04 * predicted} if self.bounds else {}
        rows = self.rows(np.flatnonzero(alive), city, predicted=predicted, **bounds)
        return {**rows, "model_version": np.full(int(alive.sum()), version)}

    def spell(self, longest: int) -> slice:
        """Some cells, of so many hours at most."""
        first = int(self.rng.integers(len(self.cells)))
        return slice(first, first + 1 + int(self.rng.integers(longest * self.a_day // 24)))

    def stand_still(self, values: np.ndarray, times: int) -> None:
        for _ in range(times if "stuck" in self.dirt else 0):
            some = self.spell(12)
            values[some] = values[some.start]

    def config(self, folder: Path, **more: Any) -> Config:
        """A config with every detector, and rules that are often at their limit."""
        rng = np.random.default_rng(self.seed + 1)
        store = {name: {"path": f"{name}.parquet"} for name in ("predictions", "actuals")}
        if self.features:
            store["features"] = {"path": "features.parquet"}
        alerts: dict[str, Any] = {
            name: {"detector": name} for name in ("profile", "fleet", "faults", "interval", "slow")
        }
        alerts |= {"features": {"detector": "features"}} if self.features else {}
        alerts |= {
            "early": {"metric": "drift_score", "threshold": 0.3},
            "ratio": {"metric": "error_ratio", "threshold": 1.2},
            "pooled": {"metric": "error_ratio", "threshold": 1.1, "scope": "pooled"},
            "bias": {"metric": "bias_ratio", "threshold": 0.3, "side": "above"},
            "two": {"metric": "fault_hours", "threshold": 2},
        }
        return parse_config(
            {
                "store": store,
                "state": f"sqlite:///{folder}/state.db",
                "timezones": ZONES,
                "windows": {
                    "current": str(rng.choice(["24h", "6h"])),
                    "reference": str(rng.choice(["7d", "30d"])),
                    "lag": str(rng.choice(["0h", "0h", "2h"])),
                },
                "accuracy": {"floor_window": "7d"},
                "detection": {
                    "history": str(rng.choice(["40d", "90d", "365d"])),
                    "refit": str(rng.choice(["5d", "20d", "91d"])),
                    "countries": {"Agra": "IN", "Berlin": "DE", "Boston": "US"},
                },
                "engine": {"cache": None},
                "reports": None,
                "mlflow": None,
                "history": None,
                "alerts": alerts,
                **more,
            },
            base=folder,
        )

    def slots(self, many: int) -> tuple[list[datetime], timedelta]:
        """The last slots, at some distance, or earlier ones."""
        rng = np.random.default_rng(self.seed + 2)
        every = int(rng.choice([1, 3, 5, 13, 24])) * HOUR
        first = max(self.days * DAY - (many - 1) * every, 20 * DAY)
        if rng.random() < 0.3:
            first = max(25 * DAY, first - 20 * DAY)
        return [START + timedelta(minutes=5) + first + k * every for k in range(many)], every


def as_arrow(name: str, values: np.ndarray) -> pa.Array:
    if name.endswith("_time"):
        return pa.array(values).cast(pa.timestamp("us", "UTC"))
    return pa.array(values, from_pandas=values.dtype.kind == "f")


def said(transition: Transition) -> tuple[Any, ...]:
    """What a transition says, but for the digits of its value."""
    t = transition
    return t.at, t.key, t.before, t.after, t.reason, t.since, t.episode


def check_replay(folder: Path, seed: int, slots: int) -> int:
    """The slots of a world change alerts as their replay says; how often they did."""
    world = World.drawn(seed)
    world.write(folder)
    config = world.config(folder)
    moments, every = world.slots(slots)
    with Monitor(config, sinks=()) as monitor:
        runs = [monitor.run(slot) for slot in moments]
        again = monitor.replay(moments[0], moments[-1], every)
    assert {f.stage for run in runs for f in run.failures} <= {"windows"}
    one = {said(t): t.value for run in runs for t in run.transitions}
    other = {said(t): t.value for t in again.transitions}
    assert sorted(map(str, one.keys() - other.keys())) == sorted(map(str, other.keys() - one.keys())) == []
    for key, value in one.items():
        # none where an alert resolves as its model version was retired
        assert other[key] == (value if value is None else pytest.approx(value, rel=1e-4, abs=1e-4)), key
    return len(one)


def check_worlds(folder: Path, seeds: Sequence[int], slots: int) -> None:
    total = 0
    for seed in seeds:
        try:
            total += check_replay(folder / str(seed), seed, slots)
        except BaseException as error:
            error.add_note(f"in the world of seed {seed}: {World.drawn(seed)}")
            raise
    assert total > 20 * len(seeds), "worlds in which nothing happens prove nothing"


def test_slots_change_alerts_as_their_replay_says(tmp_path: Path) -> None:
    check_worlds(tmp_path, range(4), 24)


@pytest.mark.slow
def test_slots_change_alerts_as_their_replay_says_in_many_worlds(tmp_path: Path) -> None:
    check_worlds(tmp_path, range(100, 125), 40)


def detectors_of(found: Findings) -> list[Panel]:
    return [panel for panel in found.panels if panel.kind == "detector"]


def check_same(got: Findings, wanted: Findings, rel: float) -> None:
    """The same panels; with another split of the cities, sums differ in their last digits."""
    one, other = detectors_of(got), detectors_of(wanted)
    assert [(p.names, p.columns, p.series) for p in one] == [(p.names, p.columns, p.series) for p in other]
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine.reason, theirs.reason)
        np.testing.assert_array_equal(mine.n, theirs.n)
        np.testing.assert_allclose(mine.value, theirs.value, rtol=rel, atol=rel)
    assert got.uncalibrated == wanted.uncalibrated
    assert got.failures == wanted.failures


@pytest.mark.parametrize("seed", [21, 22, 24])
def test_blocks_and_workers_change_nothing(tmp_path: Path, seed: int) -> None:
    world = World.drawn(seed)
    world.write(tmp_path)
    (slot, *_), _ = world.slots(2)
    base = world.config(tmp_path, engine={"cache": None, "block": 128, "workers": 1})
    with Monitor(base, sinks=()) as monitor:
        monitor.run(slot)
        wanted = monitor.find(slot)
        assert wanted.watch.calibrated is not None
        assert any((panel.reason == Undefined.DEFINED).any() for panel in detectors_of(wanted))
        for engine in ({"block": 1, "workers": 2}, {"block": 2, "workers": 1}):
            config = world.config(tmp_path, engine={"cache": None, **engine})
            with Monitor(config, sinks=()) as other:
                check_same(other.find(slot), wanted, 1e-5)
                # and a fit that is made of such blocks is the same fit
                other.calibrations.fit(slot, other.store, other.state)
                check_same(other.find(slot), wanted, 1e-5)


def sent(work: Callable[[Block], Any], blocks: Sequence[Block]) -> list[Any]:
    """An engine whose workers are elsewhere, as Spark's are: work and findings are pickled on their way."""
    there = pickle.dumps(work)
    return [pickle.loads(pickle.dumps(pickle.loads(there)(block))) for block in blocks]  # noqa: S301 - ours


def test_what_is_sent_elsewhere_says_the_same(tmp_path: Path) -> None:
    world = World.drawn(21)
    world.write(tmp_path)
    (slot, *_), _ = world.slots(2)
    config = world.config(tmp_path, engine={"cache": None, "block": 2})
    with Monitor(config, sinks=()) as monitor, Monitor(config, sinks=(), engine=sent) as elsewhere:
        monitor.run(slot)
        wanted = monitor.find(slot)
        assert wanted.watch.calibrated is not None
        check_same(elsewhere.find(slot), wanted, 0.0)


@pytest.mark.parametrize("seed", [31, 33])
def test_what_is_kept_between_slots_changes_nothing(tmp_path: Path, seed: int) -> None:
    world = World.drawn(seed)
    world.features = world.bounds = False  # else every slot reads everything
    world.write(tmp_path)
    slots = [world.slots(1)[0][0] - k * HOUR for k in range(8, -1, -1)]
    alerts = {"worse": {"detector": "profile"}, "all": {"detector": "fleet"}, "data": {"detector": "faults"}}
    config = world.config(tmp_path, engine={"cache": {"dir": "cache"}}, alerts=alerts)
    with Monitor(config, sinks=()) as monitor:
        plain = copy(monitor)
        plain.cache = None
        for slot in slots:
            run = monitor.run(slot)
            check_same(monitor.find(slot), plain.find(slot), 0.0)
            with Monitor(config, sinks=()) as restarted:
                check_same(restarted.find(slot), plain.find(slot), 0.0)
    assert run.calibrated is not None
    assert list((tmp_path / "cache").glob("*.past"))
