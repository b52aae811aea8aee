"""Late actuals from the store to the alert, the gauges, the pages and the doctor; and in a replay."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drift import Monitor
from drift.config import Config, parse_config
from drift.config_notify import LATE_ACTUALS
from drift.doctor import examine
from drift.domain import Run, Transition
from drift.sinks.prometheus import PrometheusSink

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAYS = 45
LATE = START + 40 * DAY
UTC_TIME = pa.timestamp("us", "UTC")


def write(folder: Path, *, says_when: bool = True) -> None:
    """Hours that are there twenty minutes after they end; those of Pune stay away from 05:00 to 15:30 of one
    day. A tenth of all are revised a day later.
    """
    rng, count = np.random.default_rng(2), DAYS * 24
    times = np.datetime64(START.replace(tzinfo=None), "us") + np.arange(count) * np.timedelta64(1, "h")
    came = times + np.timedelta64(80, "m")
    away = np.datetime64((LATE + 15.5 * HOUR).replace(tzinfo=None), "us")
    parts, predictions = [], []
    for city in ("Pune", "Surat"):
        load = 1000 + 200 * np.sin(np.arange(count) * np.pi / 12) + rng.normal(0, 5, count)
        there = came.copy()
        if city == "Pune":
            waits = (times >= away - np.timedelta64(630, "m")) & (came < away)
            there[waits] = away
        for some, value, at in (
            (slice(None), load, there),
            (slice(0, None, 10), load * 1.001, there + np.timedelta64(1, "D")),
        ):
            parts.append((np.full(count, city)[some], times[some], value[some], at[some]))
        predictions.append((np.full(count, city), times, load * rng.normal(1, 0.02, count)))
    city, stamp, value, at = (np.concatenate(column) for column in zip(*parts, strict=True))
    actuals = {"city": city, "target_time": pa.array(stamp).cast(UTC_TIME), "actual": value}
    if says_when:
        actuals["available_time"] = pa.array(at).cast(UTC_TIME)
    pq.write_table(pa.table(actuals), folder / "actuals.parquet")
    city, stamp, value = (np.concatenate(column) for column in zip(*predictions, strict=True))
    columns = {"city": city, "target_time": pa.array(stamp).cast(UTC_TIME), "predicted": value}
    pq.write_table(pa.table(columns), folder / "predictions.parquet")


def config_of(folder: Path) -> Config:
    content = {
        "store": {
            "predictions": {"path": "predictions.parquet", "model_version": "v1"},
            "actuals": {"path": "actuals.parquet"},
        },
        "windows": {"current": "24h", "reference": "21d"},
        "alerts": {"worse": {"metric": "wape", "threshold": 0.5}},
        "reports": {"dir": "reports", "cities": "all"},
    }
    return parse_config(content, folder)


def late_of(transitions: tuple[Transition, ...]) -> list[tuple[object, ...]]:
    return [
        (t.at, t.key.city, t.after.value, t.value, t.threshold.limit)
        for t in transitions
        if t.key.rule == LATE_ACTUALS
    ]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> tuple[Config, list[Run], str]:
    """The slots of the day, an hour apart, and the gauges at one where Pune is late."""
    folder = tmp_path_factory.mktemp("late")
    write(folder)
    config, gauges = config_of(folder), PrometheusSink()
    runs, text = [], ""
    with Monitor(config, sinks=[gauges]) as monitor:
        for hour in range(4, 19):
            runs.append(monitor.run(LATE + hour * HOUR + timedelta(minutes=25)))
            if hour == 14:
                text = gauges.render().decode()
    return config, runs, text


def test_it_is_told_after_three_hours_and_ends_when_they_come(world):
    _, runs, _ = world
    happened = [moved for run in runs for moved in late_of(run.transitions)]
    at = timedelta(minutes=25)
    assert [(when - LATE - at, *rest) for when, *rest in happened] == [
        (6 * HOUR, "Pune", "pending", pytest.approx(1 + 25 / 60), 0.417),
        (9 * HOUR, "Pune", "firing", pytest.approx(4 + 25 / 60), 0.417),
        (16 * HOUR, "Pune", "resolved", pytest.approx(25 / 60), 0.417),
    ]
    assert not [failure for run in runs for failure in run.failures]


def test_a_replay_says_the_same(world):
    config, runs, _ = world
    with Monitor(config, sinks=[]) as monitor:
        replay = monitor.replay(runs[0].slot, runs[-1].slot, HOUR)
    assert late_of(replay.transitions) == [moved for run in runs for moved in late_of(run.transitions)]


def test_the_gauges_stand_beside_each_other(world):
    _, _, text = world
    found = dict(re.findall(r'^(drift_actuals\w*)\{city="Pune"\} (\S+)$', text, re.MULTILINE))
    assert {name: float(value) for name, value in found.items()} == {
        "drift_actuals_delay_seconds": (9 * 60 + 25) * 60.0,
        "drift_actuals_expected_delay_seconds": 25 * 60.0,
    }
    assert 'drift_alerts{rule="late_actuals",severity="warning",state="firing"} 1.0' in text


def test_the_pages_say_who_is_late_and_what_is_usual(world):
    config, _, _ = world
    (folder,) = (config.base / "reports").glob("*T14-25Z")
    page = (folder / "index.html").read_text("utf-8")
    said = "Actuals are late in 1 city: Pune (the newest ended 9.42 h ago; by this time of day usually 25 min at most)."
    assert said in page
    (city,) = folder.glob("cities/pune-*.html")
    assert "by this time of day it is usually 25 min at most: they are late." in city.read_text("utf-8")


def test_the_doctor_says_what_is_usual_or_why_nothing_is(world, tmp_path):
    config, _, _ = world
    (check,) = (
        c
        for c in examine(config, lambda: LATE + 14 * HOUR + timedelta(minutes=25))
        if c.name == "late actuals"
    )
    assert check.found == (
        "by this time of day the newest actual is usually 25m old at most; late now: 1 of 2 cities"
    )
    write(tmp_path, says_when=False)
    (check,) = (c for c in examine(config_of(tmp_path), lambda: LATE) if c.name == "late actuals")
    assert check.found.startswith("not known of 2 of 2 cities: the store does not say when actuals came")


def test_a_slot_that_uses_what_an_earlier_one_kept_learns_the_same(tmp_path):
    """A past keeps when its actuals came, as far back as that is asked for."""
    write(tmp_path)
    content = {
        **config_of(tmp_path).model_dump(include={"store", "alerts"}, exclude_unset=True),
        "windows": {"current": "24h", "reference": "14d", "gap": "48h"},
        "reports": None,
    }
    config = parse_config({**content, "engine": {"cache": {"dir": "cache"}}}, tmp_path)
    with Monitor(config, sinks=[]) as cached, Monitor(parse_config(content, tmp_path), sinks=[]) as plain:
        plain.cache = None
        for hour in range(9, 15):
            slot = LATE + hour * HOUR + timedelta(minutes=25)
            found = cached.find(slot).lateness
            assert found == plain.find(slot).lateness
            assert found["Pune"].late
        assert list((tmp_path / "cache").glob("*.past"))
        windows = cached.find(slot).windows
        (past,) = (cached.cache._read(path).past for path in (tmp_path / "cache").glob("*.past"))
        assert past.serves(windows)
