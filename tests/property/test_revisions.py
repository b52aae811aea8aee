"""A stream with delays, revisions, duplicates and gaps comes to what the clean data say, once all has arrived,
and no slot uses a value before its time.

The stream is written to a Parquet store as it would stand at each slot, and its slots are run one by one on a
real state; then they are compared with clean data, and with a replay of the store as it is in the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from drift import Monitor
from drift.config import Config, parse_config
from drift.domain import Panel, Run, Transition
from drift.revise import REASON

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
CITIES = ("Agra", "Pune", "Surat")
HOURS, FIRST = 250, 222
LAST = HOURS + 10
"""Slots are run from `FIRST` to `LAST`, in hours. The stream ends before; all has arrived, and been made up for."""


@dataclass
class Stream:
    """Actuals as they came: city, hour, value, and the hour in which they became known. `rng` draws the rest."""

    seed: int
    delays: int
    """At most so many hours an hour may be late."""
    late: float
    revised: float
    twice: float
    gaps: float
    steady: int = 0
    """So many hours all of them are late."""
    rows: list[tuple[int, int, float, int]] = field(default_factory=list, repr=False)
    clean: dict[tuple[int, int], float] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        t = np.arange(HOURS)
        self.load = np.array([1000.0, 300.0, 80.0])[:, None] * (1.5 + np.sin(t * np.pi / 12))
        self.load *= rng.normal(1, 0.02, self.load.shape)
        self.predicted = self.load * rng.normal(1, 0.05, (2, *self.load.shape))
        for city, hour in np.ndindex(self.load.shape):
            last = HOURS - self.delays - self.steady - 2
            if rng.random() < self.gaps:
                continue
            value, known = float(self.load[city, hour]), hour + 1 + self.steady
            if FIRST - 20 < hour < last and rng.random() < self.late:
                known += int(rng.integers(0, self.delays + 1))
            if FIRST - 20 < hour < last and rng.random() < self.revised:
                wrong = value * float(rng.choice([0.0, 0.5, 1.7, 1000.0]))
                self.rows.append((city, hour, wrong, known))
                known = min(
                    known + int(rng.integers(1, self.delays + 1)), hour + self.delays + self.steady + 1
                )
                known = max(known, self.rows[-1][3] + 1)
            self.rows.append((city, hour, value, known))
            if rng.random() < self.twice:
                self.rows.append(self.rows[-1])
            self.clean[city, hour] = value
        self.order = rng.permutation(len(self.rows))

    def actuals(
        self, until: int | None, poison: float | None = None
    ) -> Iterator[tuple[int, int, float, int]]:
        """The rows known by an hour; with `poison`, the others too, each with that for its value."""
        for row in self.order:
            city, hour, value, known = self.rows[row]
            if until is None or known <= until:
                yield city, hour, value, known
            elif poison is not None:
                yield city, hour, poison, known

    def write(self, folder: Path, until: int | None = None, poison: float | None = None) -> None:
        write_actuals(folder, list(self.actuals(until, poison)))
        hours, cities = np.tile(np.arange(HOURS), 6), np.tile(np.repeat(np.arange(3), HOURS), 2)
        table = {
            "city": np.array(CITIES)[cities],
            "model_version": np.repeat(["v1", "v2"], 3 * HOURS),
            "target_time": stamps(hours),
            "predicted": self.predicted.ravel(),
        }
        pq.write_table(pa.table(table), folder / "predictions.parquet")


def write_actuals(folder: Path, rows: list[tuple[int, int, float, int]]) -> None:
    city, hour, value, known = (np.array(column) for column in zip(*rows, strict=True))
    table = {
        "city": np.array(CITIES)[city],
        "target_time": stamps(hour),
        "actual": value,
        "available_time": stamps(known),
    }
    pq.write_table(pa.table(table), folder / "actuals.parquet")


def stamps(hours: np.ndarray) -> pa.Array:
    start = np.datetime64(START.replace(tzinfo=None), "us")
    return pa.array(start + hours.astype("m8[h]")).cast(pa.timestamp("us", "UTC"))


def config(folder: Path, stream: Stream) -> Config:
    store: dict[str, Any] = {name: {"path": f"{name}.parquet"} for name in ("predictions", "actuals")}
    content = {
        "store": store,
        "state": f"sqlite:///{folder}/state.db",
        "windows": {"current": "6h", "reference": "5d", "revise_for": "48h"},
        "accuracy": {
            "floor_window": "3d",
            "season": "24h",
            "min_coverage": 0.3,
            "leave_out_faults": stream.seed % 3 == 0,
        },
        "statistics": {"min_reference": 30},
        "engine": {"cache": {"dir": "cache"}},
        "reports": None,
        "alerts": RULES,
    }
    return parse_config(content, base=folder)


def slot(hour: int) -> datetime:
    return START + hour * HOUR


RULES: dict[str, Any] = {
    "drop": {"metric": "accuracy", "threshold": 0.9},
    "drop_slowly": {"metric": "accuracy", "threshold": 0.93, "duration": "2h"},
    "spread": {"metric": "accuracy", "threshold": 0.95, "scope": "pooled"},
    "kept": {"metric": "wape", "threshold": 0.08, "side": "above", "keep_firing_for": "3h"},
    "psi": {"metric": "psi", "column": "error", "threshold": 2.5, "duration": "1h"},
    "faulty": {"detector": "faults"},
}

FEW = settings(max_examples=2, phases=[Phase.explicit, Phase.reuse, Phase.generate], deadline=None)
MANY = settings(FEW, max_examples=25)
"""A stream takes seconds: to make it smaller would take minutes, and its seed says all."""

RECIPES = {
    "seed": st.integers(0, 10**6),
    "delays": st.integers(1, 20),
    "late": st.sampled_from([0.0, 0.1, 0.5]),
    "revised": st.sampled_from([0.0, 0.03, 0.15]),
    "twice": st.sampled_from([0.0, 0.1]),
    "gaps": st.sampled_from([0.0, 0.04]),
    "steady": st.sampled_from([0, 0, 3]),
}


def live(stream: Stream, folder: Path, poison: float | None = None) -> list[Run]:
    """The slots run one by one, on the store as it stood at each."""
    stream.write(folder, FIRST, poison)
    runs = []
    with Monitor(config(folder, stream)) as monitor:
        for hour in range(FIRST, LAST + 1):
            stream.write(folder, hour, poison)
            runs.append(monitor.run(slot(hour)))
    for run in runs:
        assert {failure.stage for failure in run.failures} <= {"windows"}, run.failures
    return runs


def figures(panels: tuple[Panel, ...]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """By what is measured, the value to the last bit or the reason for there being none."""
    found = {}
    for panel in panels:
        if panel.kind != "detector":
            for m in panel:
                value = None if m.value is None else m.value.hex()
                found[m.name, m.series, m.column] = value, m.undefined, m.n, m.coverage
    return found


def check_converges(stream: Stream) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        latest: dict[datetime, dict[tuple[Any, ...], tuple[Any, ...]]] = {}
        for run in live(stream, folder):
            latest[run.slot] = figures(run.panels)
            for moment, panels in ({} if run.revised is None else run.revised.slots).items():
                latest[moment] |= figures(panels)
        clean = folder / "clean"
        clean.mkdir()
        stream.write(clean)
        rows = [(city, hour, value, hour + 1) for (city, hour), value in stream.clean.items()]
        write_actuals(clean, sorted(rows))
        with Monitor(config(clean, stream), sinks=()) as monitor:
            for hour in range(FIRST, HOURS - stream.steady):
                assert latest[slot(hour)] == figures(monitor.find(slot(hour)).panels), hour


@FEW
@given(st.fixed_dictionaries(RECIPES))
def test_all_that_has_arrived_says_what_clean_data_say(recipe: dict[str, Any]) -> None:
    check_converges(Stream(**recipe))


@pytest.mark.slow
@MANY
@given(st.fixed_dictionaries(RECIPES))
def test_all_that_has_arrived_says_what_clean_data_say_in_many_streams(recipe: dict[str, Any]) -> None:
    check_converges(Stream(**recipe))


@FEW
@given(st.fixed_dictionaries(RECIPES))
def test_a_replay_says_what_the_slots_said_revisions_included(recipe: dict[str, Any]) -> None:
    check_replay(Stream(**recipe))


@pytest.mark.slow
@MANY
@given(st.fixed_dictionaries(RECIPES))
def test_a_replay_says_what_the_slots_said_in_many_streams(recipe: dict[str, Any]) -> None:
    check_replay(Stream(**recipe))


def check_replay(stream: Stream) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        wanted = [transition for run in live(stream, folder) for transition in run.transitions]
        stream.write(folder)
        with Monitor(config(folder, stream), sinks=()) as monitor:
            replayed = monitor.replay(slot(FIRST), slot(LAST), HOUR, explain=True).transitions
        assert list(map(said, replayed)) == list(map(said, wanted))


def said(transition: Transition) -> tuple[Any, ...]:
    t = transition
    return t.at, t.key, t.before, t.after, t.reason, t.value, t.since, t.episode, t.evidence


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "poison", [1e12, pytest.param(float("nan"), marks=SLOW), pytest.param(float("inf"), marks=SLOW)]
)
def test_no_slot_uses_a_value_before_its_time(tmp_path: Path, poison: float) -> None:
    stream = Stream(5, delays=12, late=0.3, revised=0.1, twice=0.1, gaps=0.02, steady=1)
    results = []
    for name, worst in (("as_it_stood", None), ("poisoned", poison)):
        (tmp_path / name).mkdir()
        results.append(live(stream, tmp_path / name, worst))
    for honest, poisoned in zip(*results, strict=True):
        assert figures(honest.panels) == figures(poisoned.panels)
        assert list(map(said, honest.transitions)) == list(map(said, poisoned.transitions))
    assert any(t.reason == REASON for run in results[0] for t in run.transitions)
