"""Verdicts on a slot's data: each kind by rows as a store hands them out, and what people read of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from drift.config import AccuracyConfig, StatisticsConfig, WindowsConfig
from drift.data_fault import DataFault
from drift.data_faults import count_unfit, data_faults
from drift.domain import Grid, Unused
from drift.evaluate import Evaluation, unfit_of
from drift.fleet import evaluate
from drift.metrics import METRICS
from drift.pairing import align
from drift.statistics import STATISTICS
from drift.tables import Tables
from drift.timeline import Timeline
from drift.windows import Cadence, Windows, windows_of

HOUR, DAYS = timedelta(hours=1), 66
START = datetime(2026, 1, 5, tzinfo=UTC)
SLOT = START + DAYS * 24 * HOUR
LATE_AFTER = timedelta(hours=6)
LAST = DAYS * 24 - 1


def load(seed: int = 3) -> np.ndarray:
    t = np.arange(DAYS * 24)
    shape = 1 + 0.3 * np.sin(2 * np.pi * t / 24) + 0.1 * np.cos(4 * np.pi * t / 24)
    return 1000 * shape * np.exp(0.01 * np.random.default_rng(seed).normal(size=len(t)))


def timeline(actual: np.ndarray, predicted: np.ndarray | None = None, rows: np.ndarray | None = None):
    """One city's rows, as a store hands them out; a prediction of −1 is no row."""
    at = np.arange(len(actual))
    rows = at if rows is None else rows
    predicted = load() if predicted is None else predicted
    known = np.flatnonzero(predicted != -1)

    def times(cells: np.ndarray) -> pa.Array:
        return pa.array([START + int(cell) * HOUR for cell in cells], pa.timestamp("us", "UTC"))

    tables = Tables(
        pa.table({
            "city": ["Pune"] * len(known), "model_version": ["v1"] * len(known),
            "target_time": times(known), "predicted": predicted[known],
        }),
        pa.table({"city": ["Pune"] * len(rows), "target_time": times(rows), "actual": actual}),
    )  # fmt: skip
    windows = windows_of(SLOT, WindowsConfig(reference=timedelta(days=50)), AccuracyConfig(), Cadence(HOUR))
    grid = Grid(windows.history.start, HOUR, windows.history.length // HOUR)
    return align(tables, grid, ["Pune"], AccuracyConfig()), windows


def how(leave_out: bool = True) -> Evaluation:
    return Evaluation(METRICS, STATISTICS, AccuracyConfig(leave_out_faults=leave_out), StatisticsConfig())


def verdicts(made: tuple[Timeline, Windows]) -> list[DataFault]:
    line, windows = made
    pairs = line.at(windows)
    now = unfit_of(pairs, windows, how())
    return list(data_faults(line, pairs, windows, how().zones, now, LATE_AFTER))


def only(made: tuple[Timeline, Windows]) -> DataFault:
    (found,) = verdicts(made)
    return found


def test_sound_data_have_no_verdict():
    assert verdicts(timeline(load())) == []


def test_a_gap_with_later_values_is_missing():
    rows = np.delete(np.arange(LAST + 1), [LAST - 5, LAST - 4])
    found = only(timeline(load()[rows], rows=rows))
    assert (found.kind, found.since, found.hours, found.lasts) == ("missing", SLOT - 6 * HOUR, 2.0, False)


def test_the_newest_actuals_may_yet_come():
    few = load()[: LAST - 3]
    assert verdicts(timeline(few, rows=np.arange(LAST - 3))) == []
    none = load()[: LAST - 8]
    assert only(timeline(none, rows=np.arange(LAST - 8))).kind == "missing"


def test_a_city_without_any_actual_fell_silent_and_it_is_said_since_when():
    found = only(timeline(load()[: LAST + 1 - 40], rows=np.arange(LAST + 1 - 40)))
    assert (found.kind, found.since, found.lasts) == ("silent", SLOT - 40 * HOUR, False)
    assert found.sentence("MW").startswith("actuals fell silent: none at all from 2026-03-10 08:00")


def test_predictions_fall_silent_too():
    predicted = load()
    predicted[-30:] = -1
    found = only(timeline(load(), predicted))
    assert (found.of, found.model_version, found.kind) == ("predictions", "v1", "silent")
    assert (found.since, found.lasts, found.left_out) == (SLOT - 30 * HOUR, True, False)


@pytest.mark.parametrize(("factor", "kind"), [(1.0, "duplicate"), (1.1, "conflicting")])
def test_rows_that_came_twice_are_told_and_whether_they_agree(factor, kind):
    again = np.append(np.arange(LAST + 1), LAST - 2)
    actual = load()[again]
    actual[-1] *= factor
    found = only(timeline(actual, rows=again))
    assert (found.kind, found.since, found.hours, found.left_out) == (kind, SLOT - 3 * HOUR, 1.0, False)


@pytest.mark.parametrize(
    ("value", "kind"), [(np.inf, "not_finite"), (-4.0, "not_positive"), (0.0, "not_positive")]
)
def test_what_is_no_load_is_told_once_and_not_as_missing_too(value, kind):
    actual = load()
    actual[LAST - 2] = value
    assert only(timeline(actual)).kind == kind


def test_a_stuck_meter_is_followed_back_beyond_the_window():
    actual = load()
    actual[-40:] = actual[-40]
    found = only(timeline(actual))
    assert (found.kind, found.since, found.hours, found.lasts) == ("stuck", SLOT - 40 * HOUR, 40.0, True)


def test_a_wrong_scale_is_a_data_fault_of_actuals_and_a_models_own_of_predictions():
    actual, predicted = load(), load()
    actual[-3:] *= 1000
    predicted[-5:] *= 1000
    of_actuals, of_model = sorted(verdicts(timeline(actual, predicted)), key=lambda f: f.of)
    assert (of_actuals.kind, of_actuals.left_out) == ("scale", True)
    assert (of_model.kind, of_model.left_out, of_model.hours) == ("scale", False, 5.0)
    assert of_actuals.value / of_actuals.usual == pytest.approx(1000, rel=0.1)


def test_unfit_hours_leave_the_accuracy_and_are_counted():
    """An hour at ten times the load: left out, or not; of 24 pairs 23 remain."""
    actual = load()
    actual[LAST - 4] *= 10
    line, windows = timeline(actual)
    pairs = line.at(windows)
    unfit = unfit_of(pairs, windows, how()).codes
    (count,) = (c for c in count_unfit(line.count(windows), pairs, windows, unfit) if c.window == "current")
    assert (count.used, dict(count.unused)) == (23, {Unused.SPIKE: 1})
    measured = {}
    for leave_out in (True, False):
        panel = evaluate(pairs, windows, how(leave_out))[0]
        mape = next(m for m in panel if m.name == "mape" and m.series.city == "Pune")
        measured[leave_out] = mape.n, mape.coverage, mape.value
    error = np.abs(load() / actual - 1)[-24:]
    assert measured[False] == (24, 1.0, pytest.approx(error.mean()))
    assert measured[True] == (23, 23 / 24, pytest.approx(np.delete(error, 19).mean(), abs=1e-15))


AT = datetime(2026, 3, 10, 6, tzinfo=UTC)


def said(kind, value=None, usual=None, late=None, zone=UTC, unit="MW") -> str:
    until = AT + 2 * HOUR
    return DataFault("Pune", None, kind, AT, until, False, 2.0, value, usual, late).sentence(unit, zone)


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        (said("scale", 9e5, 900.0), "at 900,000.0 MW, × 1,000 of usual (kW written as MW?), from 2026-03-10 06:00"),
        (said("scale", 0.9, 900.0), "at 0.9 MW, ÷ 1,000 of usual (GW written as MW?),"),
        (said("scale", 2880.0, 900.0), "at 2,880.0 MW, × 3.2 of usual, from"),
        (said("scale", 9e5, 900.0, unit="kW"), "× 1,000 of usual, from"),
        (said("spike", 1350.0, 900.0), "with a spike to 1,350.0 MW, × 1.5 of usual,"),
        (said("stuck", 1204.0), "actuals stuck at 1,204.0 MW from 2026-03-10 06:00 to 2026-03-10 08:00 (2 hours)"),
        (said("shift", 1.0, late=1.0), "look shifted by +1 h (a missed DST change?)"),
        (said("shift", 1.0, late=5.5, zone=ZoneInfo("Asia/Kolkata")), "by +5:30 h (local time written as UTC?)"),
        (said("shift", 1.0, late=-5.5, zone=ZoneInfo("Asia/Kolkata")), "by −5:30 h (moved to UTC twice?)"),
        (said("shift", 1.0, late=3.0, zone=ZoneInfo("Asia/Kolkata")), "by +3 h (a wrong clock?)"),
        (said("not_positive"), "actuals not above zero from"),
    ],
)  # fmt: skip
def test_people_read_what_it_is(sentence, words):
    assert words in sentence
