"""Detectors in a slot and in a replay: what is said of whom, and that both say the same."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from drift.calibrations import Calibrations, fit_windows, fitted, series_of
from drift.config import parse_config
from drift.domain import Grid, Undefined
from drift.replay_watch import watch_slots
from drift.timeline import Forecast, Revision, Timeline
from drift.watch import LOOK_BACK, Watch, watch_block
from drift.watch_panels import combine
from drift.windows import Cadence, windows_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2020, 1, 1, tzinfo=UTC)
CITIES = ("Agra", "Pune", "Surat", "Thane")
DAYS = 330


def config(**sections):
    store = {"predictions": {"path": "p"}, "actuals": {"path": "a"}}
    return parse_config({"store": store, "timezone": "Asia/Kolkata", **sections}, base=".")


def world(seed: int = 3, step: timedelta = HOUR) -> Timeline:
    """Load with a day and a week; forecasts with errors that persist; Thane is only forecast by v2."""
    rng, count = np.random.default_rng(seed), DAYS * (DAY // step)
    hours = np.arange(count) * (step / HOUR)
    load = 1000 + 200 * np.sin(hours * np.pi / 12) + 50 * np.sin(hours * np.pi / 84)
    error = np.zeros((2, len(CITIES), count))
    shock = rng.normal(0, 12, error.shape)
    for t in range(1, count):
        error[..., t] = 0.85 * error[..., t - 1] + shock[..., t]
    actual = load * (1 + 0.05 * np.arange(len(CITIES)))[:, None] + rng.normal(0, 5, (len(CITIES), count))
    predicted = actual + error
    predicted[0, 3] = np.nan
    predicted[:, :, 2000:2010] = np.nan
    width = 1.28 * 12 / np.sqrt(1 - 0.85**2)  # 80 % of errors lie within
    forecast = Forecast(predicted, predicted - width, predicted + width)
    return Timeline(
        Grid(START, step, count), CITIES, ("v1", "v2"), (Revision(actual, None),), forecast, {}, {}
    )  # fmt: skip


def slot_windows(slots, settings, step: timedelta = HOUR, look_back: timedelta = LOOK_BACK):
    cadence = Cadence(step, START)
    return [windows_of(s, settings.windows, settings.accuracy, cadence, look_back) for s in slots]


def fit(timeline: Timeline, settings, at: datetime):
    span = fit_windows(at, settings, Cadence(timeline.grid.step, START))
    parts = [series_of(timeline.at(span), span.history, settings)]
    return fitted(parts, span.history, settings, Calibrations(settings))


def named(panels):
    return {
        (m.name, m.series.model_version, m.series.city, m.column): m.value
        if m.undefined is None
        else m.undefined
        for panel in panels
        for m in panel
    }


@pytest.fixture(scope="module")
def everything():
    rules = {"worse": {"detector": "profile"}, "slowly": {"detector": "slow"}}
    return world(), config(detection={"history": "200d", "refit": "20d"}, alerts=rules)


def test_a_replay_says_of_each_slot_what_the_slot_said(everything):
    timeline, settings = everything
    slots = [START + 290 * DAY + k * 7 * HOUR for k in range(100)]
    detectors = dict.fromkeys(("profile", "fleet", "faults", "interval", "slow"))
    windows = slot_windows(slots, settings, look_back=Watch(detectors).look_back)

    def fitted_before(first):
        return fit(timeline, settings, first.slot)

    replayed = list(watch_slots(timeline, windows, detectors, fitted_before, settings))
    assert len(replayed) == len(slots)
    assert {seen.watch.made_at for seen in replayed} == {windows[k].slot for k in (0, 69)}, "a fit in 20 days"
    for each, seen in list(zip(windows, replayed, strict=True))[::9]:
        what = seen.watch
        alone = combine([watch_block(timeline.at(each), each, what, settings)], each, what, settings)
        again = named(seen.panels)
        assert named(alone).keys() == again.keys()
        assert {"interval_score", "slow_score"} <= {key[0] for key in again}
        for key, value in named(alone).items():
            assert again[key] == pytest.approx(value, rel=1e-4, abs=1e-4), (each.slot, key)


def test_blocks_of_cities_give_what_all_at_once_give(everything):
    timeline, settings = everything
    (windows,) = slot_windows([START + 300 * DAY], settings)
    what = Watch(dict.fromkeys(("profile", "fleet", "faults")), *fit(timeline, settings, START + 290 * DAY))
    pairs = timeline.at(windows)

    def part(rows):
        forecast = Forecast(pairs.judged.predicted[:, rows], None, None)
        return replace(
            pairs, cities=tuple(np.array(CITIES)[rows]), actual=pairs.actual[rows], judged=forecast
        )

    whole = named(combine([watch_block(pairs, windows, what, settings)], windows, what, settings))
    blocks = [watch_block(part(rows), windows, what, settings) for rows in ([0, 1], [2, 3])]
    split = named(combine(blocks, windows, what, settings))
    assert split.keys() == whole.keys()
    for key, value in whole.items():
        assert split[key] == pytest.approx(value, rel=1e-6), key


def test_who_is_judged_by_what(everything):
    timeline, settings = everything
    (windows,) = slot_windows([START + 300 * DAY], settings)
    what = Watch(dict.fromkeys(("profile", "fleet", "faults")), *fit(timeline, settings, START + 290 * DAY))
    said = named(
        combine([watch_block(timeline.at(windows), windows, what, settings)], windows, what, settings)
    )
    assert {key[2] for key in said if key[1] == "v1"} == {"Agra", "Pune", "Surat", None}, (
        "v1 forecasts no Thane"
    )
    assert {key[2] for key in said if key[1] == "v2"} == {*CITIES, None}
    assert 0.3 < said["error_ratio", "v1", "Pune", None] < 3
    assert said["fault_hours", "v1", "Pune", None] == 0
    channels = [
        said["channel_score", "v1", "Pune", c] for c in ("size", "bias", "profile", "timing", "stale")
    ]
    assert max(channels) == pytest.approx(said["drift_score", "v1", "Pune", None])


def test_a_drift_raises_the_scores_of_its_city_alone(everything):
    timeline, settings = everything
    what = Watch({"profile": None}, *fit(timeline, settings, START + 290 * DAY))
    (windows,) = slot_windows([START + 300 * DAY], settings)
    error = timeline.judged.predicted - timeline.revisions[0].value
    worse = timeline.judged.predicted.copy()
    worse[0, 1, -40 * 24 :] += 3 * error[0, 1, -40 * 24 :]  # the last ten days before the slot
    drifted = replace(timeline, judged=Forecast(worse, None, None))
    said = named(
        combine([watch_block(drifted.at(windows), windows, what, settings)], windows, what, settings)
    )
    calm = named(
        combine([watch_block(timeline.at(windows), windows, what, settings)], windows, what, settings)
    )
    assert said["drift_score", "v1", "Pune", None] > 1 > said["drift_score", "v1", "Agra", None]
    assert said["error_ratio", "v1", "Pune", None] == pytest.approx(
        4 * calm["error_ratio", "v1", "Pune", None], rel=0.05
    )
    assert {k: v for k, v in said.items() if k[2] == "Agra"} == {
        k: v for k, v in calm.items() if k[2] == "Agra"
    }


def test_without_a_fit_scores_are_undefined_and_faults_are_found(everything):
    timeline, settings = everything
    (windows,) = slot_windows([START + 300 * DAY], settings)
    stuck = timeline.revisions[0].value.copy()
    end = timeline.grid.cut(windows.current).stop
    stuck[1, end - 5 : end] = 1000.0  # the meter stands still for five hours
    broken = replace(timeline, revisions=(Revision(stuck, None),))
    what = Watch(dict.fromkeys(("profile", "faults")))
    said = named(combine([watch_block(broken.at(windows), windows, what, settings)], windows, what, settings))
    assert said["drift_score", "v1", "Pune", None] is Undefined.NOT_CALIBRATED
    assert said["fault_hours", "v1", "Pune", None] == 5
    assert said["fault_hours", "v1", "Agra", None] == 0


@pytest.mark.parametrize(
    ("late", "hours"),
    [
        (3, 0),  # three hours without an actual at the end: they may still come
        (8, 2),  # of eight hours two are more than the six that an actual may take
    ],
)
def test_a_late_actual_is_no_fault_until_it_is_overdue(everything, late, hours):
    timeline, settings = everything
    (windows,) = slot_windows([START + 300 * DAY], settings)
    waiting = timeline.revisions[0].value.copy()
    end = timeline.grid.cut(windows.current).stop
    waiting[1, end - late :] = np.nan
    waiting[2, end - 3] = np.nan  # a hole with actuals after it is a fault at once
    pairs = replace(timeline, revisions=(Revision(waiting, None),)).at(windows)
    what = Watch({"faults": None})
    said = named(combine([watch_block(pairs, windows, what, settings)], windows, what, settings))
    assert said["fault_hours", "v1", "Pune", None] == hours
    assert said["fault_hours", "v1", "Surat", None] == 1


def test_a_prediction_that_is_missing_is_a_fault_at_once(everything):
    timeline, settings = everything
    (windows,) = slot_windows([START + 300 * DAY], settings)
    silent = timeline.judged.predicted.copy()
    silent[0, 0, timeline.grid.cut(windows.current).stop - 1] = np.nan
    pairs = replace(timeline, judged=Forecast(silent, None, None)).at(windows)
    what = Watch({"faults": None})
    said = named(combine([watch_block(pairs, windows, what, settings)], windows, what, settings))
    assert said["fault_hours", "v1", "Agra", None] == 1
    assert said["fault_hours", "v2", "Agra", None] == 0


def test_quarter_hours_are_scored_as_hours():
    settings = config()
    fine, step = world(5, timedelta(minutes=30)), timedelta(minutes=30)
    what = Watch(dict.fromkeys(("profile", "fleet")), *fit(fine, settings, START + 290 * DAY))
    (windows,) = slot_windows([START + 300 * DAY + step], settings, step)
    said = named(combine([watch_block(fine.at(windows), windows, what, settings)], windows, what, settings))
    assert 0.3 < said["error_ratio", "v1", "Pune", None] < 3
    assert np.isfinite(said["drift_score", "v1", None, None])


def test_intervals_that_hold_less_than_they_promise_are_beyond_their_limit(everything):
    timeline, settings = everything
    what = Watch({"interval": None})
    (windows,) = slot_windows([START + 300 * DAY], settings, look_back=what.look_back)
    judged = timeline.judged
    half = (judged.upper - judged.lower) / 2
    narrow = judged.lower.copy(), judged.upper.copy()
    last = slice(timeline.grid.cut(windows.current).stop - 28 * 24, None)
    narrow[0][0, 1, last] += 0.6 * half[0, 1, last]  # of Pune's v1, for 28 days
    narrow[1][0, 1, last] -= 0.6 * half[0, 1, last]
    drifted = replace(timeline, judged=Forecast(judged.predicted, *narrow))

    def score(of, city):
        return named(
            combine([watch_block(of.at(windows), windows, what, settings)], windows, what, settings)
        )["interval_score", "v1", city, None]

    assert score(timeline, "Pune") < 1 < score(drifted, "Pune")
    assert score(drifted, "Agra") == score(timeline, "Agra")


def test_a_version_without_intervals_says_so(everything):
    timeline, settings = everything
    what = Watch({"interval": None})
    (windows,) = slot_windows([START + 300 * DAY], settings, look_back=what.look_back)
    bare = replace(timeline, judged=Forecast(timeline.judged.predicted, None, None))
    said = named(combine([watch_block(bare.at(windows), windows, what, settings)], windows, what, settings))
    assert said["interval_score", "v1", "Pune", None] is Undefined.NO_INTERVAL
