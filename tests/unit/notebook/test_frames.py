"""Frames are what a data scientist expects: a row a fact, and each column of the type of what it holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from drift import Monitor, load_config
from drift.comparing import Ask, compare_versions
from drift.domain import (
    Alert,
    AlertKey,
    AlertStatus,
    PairCount,
    Panel,
    Run,
    Series,
    Threshold,
    Transition,
    Undefined,
    Unused,
    Verdict,
    VerdictStatus,
    Window,
)
from drift.errors import ConfigError, UndefinedError
from drift.metrics import wape
from drift.rehearsal import Replay

DAY = datetime(2026, 4, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = AlertKey("accuracy_low", "v1", "Pune", None, None)
LIMIT = Threshold(0.85, "below")
METRICS = Panel(
    "metric",
    (Series("v1"), Series("v1", "Pune", "24h-30h")),
    (None,),
    ("accuracy", "mape"),
    np.array([[[0.97, 0.03]], [[np.nan, 0.05]]]),
    np.array([[[0, 0]], [[Undefined.LOW_COVERAGE, 0]]], dtype=np.uint8),
    np.array([[24], [12]]),
    np.array([[1.0], [0.5]]),
)
CHANGE = Transition(
    at=DAY.astimezone(ZoneInfo("Asia/Kolkata")),
    key=KEY,
    name="accuracy",
    before=AlertStatus.PENDING,
    after=AlertStatus.FIRING,
    reason="breach lasted 1h",
    value=0.7,
    threshold=LIMIT,
    since=DAY - HOUR,
    episode=2,
)
RUN = Run(
    slot=DAY,
    current=Window(DAY - 24 * HOUR, DAY),
    reference=Window(DAY - 48 * HOUR, DAY - 24 * HOUR),
    duration_s=1.0,
    panels=(METRICS,),
    verdicts=(Verdict(KEY, "accuracy", VerdictStatus.NO_DATA, None, LIMIT, Undefined.LOW_COVERAGE, 12, 0.5),),
    alerts=(Alert(KEY, AlertStatus.FIRING, DAY - HOUR, DAY, None, None, LIMIT, "high", 2),),
    transitions=(CHANGE,),
    pair_counts=(PairCount("v1", "Pune", 20, {Unused.LATE: 4}),),
)
EMPTY = replace(RUN, panels=(), verdicts=(), alerts=(), transitions=(), pair_counts=())
PARTS = ("measurements", "alerts", "transitions", "verdicts", "pairs")
WORDS = {
    "kind",
    "name",
    "model_version",
    "city",
    "horizon",
    "column",
    "undefined",
    "rule",
    "status",
    "severity",
}
WORDS |= {"before", "after", "reason", "side", "basis", "window", "outcome"}
MOMENTS = {"slot", "at", "since", "changed", "seen", "quiet_since"}
COUNTS = {"n", "episode", "rows"}


@pytest.mark.parametrize("run", [RUN, EMPTY], ids=["a run", "an empty one"])
@pytest.mark.parametrize("what", PARTS)
def test_each_column_is_of_the_type_of_what_it_holds(run, what):
    for name, dtype in run.to_pandas(what).dtypes.items():
        if name in WORDS:
            assert isinstance(dtype, pd.CategoricalDtype), name
        elif name in MOMENTS:
            assert dtype == "datetime64[us, UTC]", name
        else:
            assert dtype == (np.int64 if name in COUNTS else np.float64), name


@pytest.mark.parametrize("what", PARTS)
def test_a_frame_without_rows_has_the_columns_of_one_with_them(what):
    assert len(RUN.to_pandas(what)) > 0 == len(EMPTY.to_pandas(what))
    assert list(EMPTY.to_pandas(what)) == list(RUN.to_pandas(what))


def test_a_measurement_is_a_row_with_a_value_or_a_reason():
    frame = RUN.to_pandas()
    assert len(frame) == len(list(RUN.measurements())) == 4
    for row, m in zip(frame.to_dict("records"), RUN.measurements(), strict=True):
        assert row["slot"] == pd.Timestamp(DAY)
        wanted = {"kind": m.kind, "name": m.name, **m.series._asdict(), "column": m.column}
        assert {label: None if pd.isna(row[label]) else row[label] for label in wanted} == wanted
        assert (row["n"], row["coverage"]) == (m.n, m.coverage)
        assert pd.isna(row["value"]) == (m.value is None) == (not pd.isna(row["undefined"]))
    assert frame["undefined"].dropna().tolist() == ["low_coverage"]


def test_the_frame_answers_what_people_ask():
    frame = RUN.to_pandas()
    assert frame.query("city == 'Pune' and name == 'mape'")["value"].item() == 0.05
    assert frame.groupby("name", observed=True)["n"].sum().to_dict() == {"accuracy": 36, "mape": 36}
    assert frame.query("city.isna()").pivot(index="model_version", columns="name", values="value").shape == (
        1,
        2,
    )


def test_a_transition_keeps_its_moment_whatever_zone_it_came_in():
    row = RUN.to_pandas("transitions").iloc[0]
    assert row["at"] == pd.Timestamp("2026-04-10T00:00Z")
    assert (row["before"], row["after"], row["threshold"], row["side"]) == (
        "pending",
        "firing",
        0.85,
        "below",
    )


def test_pairs_say_what_became_of_every_row():
    assert RUN.to_pandas("pairs")[["outcome", "rows"]].to_numpy().tolist() == [["used", 20], ["late", 4]]


@pytest.mark.parametrize("asked", [RUN, Replay((), {}, (), {})])
def test_what_there_is_not_is_named_with_what_there_is(asked):
    with pytest.raises(ValueError, match=r"has no 'metrics': ask for one of .*measurements"):
        asked.to_pandas("metrics")


def test_a_replay_keeps_the_measurements_it_is_told_to(made):
    first, last = datetime(2026, 3, 30, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC)
    with Monitor(load_config(made.config), sinks=()) as monitor:
        replay = monitor.replay(first, last, 6 * HOUR, keep=("wape",))
        frame = replay.to_pandas("measurements")
        slot = replay.slots[8]
        by_itself = monitor.look(slot).to_pandas().query("name == 'wape'")
        with pytest.raises(ConfigError, match=r"keep: nothing is measured as 'wap'; did you mean `wape`"):
            monitor.replay(first, last, 6 * HOUR, keep=("wap",))
        assert monitor.replay(first, last, 6 * HOUR).kept == {}
    assert len(replay.slots) == 13
    assert frame["slot"].nunique() == 13
    kept = frame[frame["slot"] == slot]
    assert set(kept["name"]) == {"wape"}
    np.testing.assert_allclose(kept["value"], by_itself["value"], rtol=1e-12)
    fired = replay.to_pandas().query("after == 'firing'")
    assert fired[["model_version", "city"]].to_numpy().tolist() == [["v1", "Surat"]]
    assert len(replay.to_pandas("alerts")) == len(replay.alerts)


def test_a_comparison_is_one_tidy_table(made):
    end = datetime(2026, 4, 4, tzinfo=UTC)
    found = compare_versions(load_config(made.config), Ask("v1", "v2", end, end=end)).comparison
    frame = found.to_pandas()
    whole = frame.query("by == 'all' and metric == 'wape'").iloc[0]
    assert (whole["a"], whole["difference"]) == (found.all.wape.a, found.all.wape.difference)
    assert whole["low"] <= whole["difference"] <= whole["high"]
    assert len(frame.query("by == 'hour'")) == 24
    assert set(frame.query("by == 'city'")["city"]) == {"Delhi", "Pune", "Surat"}
    assert frame.query("by == 'part'")["p_value"].between(0, 1).any()
    assert frame["clear"].dtype == "boolean"
    difference = frame["a"] - frame["b"]
    assert np.allclose(frame["difference"], difference, equal_nan=True)
    assert (frame["difference"].isna() == frame["undefined"].notna()).all()


def test_a_frame_holds_what_the_function_says():
    """The oracle of the frame is the metric itself."""
    with pytest.raises(UndefinedError):
        wape([], [])
    assert RUN.to_pandas().query("name == 'accuracy' and city.isna()")["value"].item() == 0.97
