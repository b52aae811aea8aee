"""Features in a slot and in a replay: what is said of whom, that both say the same, and with what words."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drift import Monitor, load_config
from drift.calibrations import Calibrations, fit_windows, fitted, series_of
from drift.config import parse_config
from drift.detect import compile_rules, judge
from drift.detectors.peer_model import PeerSettings
from drift.detectors.peers import hours_needed
from drift.domain import AlertStatus, Grid, Undefined, Window
from drift.investigate import feature_sentence
from drift.replay_watch import watch_slots
from drift.timeline import Forecast, Revision, Timeline
from drift.watch import BlockWatch, Watch, watch_block
from drift.watch_features import FeaturePanel, FeatureSaid, at_once, feature_hours, joined
from drift.watch_panels import combine
from drift.windows import Cadence, windows_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2021, 1, 1, tzinfo=UTC)
CITIES = ("Agra", "Delhi", "Indore", "Jaipur", "Nagpur", "Pune", "Surat", "Thane")
BROKEN, BARE = "Jaipur", "Thane"  # the sensor that goes wrong, and the city without wind
DAYS, FITTED_AT, ONSET = 430, 365, 380
RULES = {"inputs": {"detector": "features", "severity": "info"}}


def config(alerts=RULES, **sections):
    store = {"predictions": {"path": "p"}, "actuals": {"path": "a"}}
    return parse_config({"store": store, "alerts": alerts, **sections}, base=".")


def walk(rng, cities: int, count: int, memory: float) -> np.ndarray:
    noise = rng.standard_normal((cities, count)) * np.sqrt(1 - memory**2)
    for hour in range(1, count):
        noise[:, hour] += memory * noise[:, hour - 1]
    return noise


def world(days: int = DAYS, parts: int = 1) -> Timeline:
    """Weather that eight cities share, and a little of each; v1 forecasts all of them, v2 the first two."""
    rng, count = np.random.default_rng(4), days * 24
    hours = np.arange(count)
    season, day = np.cos(2 * np.pi * hours / 8766), np.cos(2 * np.pi * (hours - 2) / 24)
    temperature = 12 + np.arange(8)[:, None] - 8 * season - 4 * day
    temperature = temperature + 4 * walk(rng, 1, count, 0.985) + 0.8 * walk(rng, 8, count, 0.97)
    wind = 5 + 2 * walk(rng, 1, count, 0.97) + 0.8 * walk(rng, 8, count, 0.9)
    wind[CITIES.index(BARE)] = np.nan
    actual = 1000 + 200 * np.sin(hours * np.pi / 12) + rng.normal(0, 10, (8, count))
    predicted = np.stack([actual + rng.normal(0, 10, actual.shape) for _ in range(2)])
    predicted[1, 2:] = np.nan

    def fine(values: np.ndarray) -> np.ndarray:
        return np.repeat(values, parts, axis=-1)

    return Timeline(
        grid=Grid(START, HOUR / parts, count * parts),
        cities=CITIES,
        model_versions=("v1", "v2"),
        revisions=(Revision(fine(actual), None),),
        judged=Forecast(fine(predicted), None, None),
        bands={},
        features={"temperature": fine(temperature), "wind": fine(wind)},
    )


def with_feature(timeline: Timeline, name: str, city: str, change) -> Timeline:
    """The timeline with a feature of a city changed from the onset on."""
    values = timeline.features[name].copy()
    onset = ONSET * (DAY // timeline.grid.step)
    values[timeline.cities.index(city), onset:] = change(values[timeline.cities.index(city), onset:])
    return replace(timeline, features={**timeline.features, name: values})


def windows_at(slots, settings, step: timedelta = HOUR):
    cadence = Cadence(step, START)
    look_back = Watch({"features": None}).look_back
    return [windows_of(s, settings.windows, settings.accuracy, cadence, look_back) for s in slots]


def fit(timeline: Timeline, settings, at: datetime):
    calibrations = Calibrations(settings)
    span = fit_windows(at, settings, Cadence(timeline.grid.step, START))
    pairs = timeline.at(span)
    features = calibrations.features_of(pairs, span.history)
    parts = [series_of(pairs, span.history, settings)]
    return fitted(parts, span.history, settings, calibrations, [features])


def watched(settings, fits):
    calibrations = Calibrations(settings)
    return Watch(calibrations.budgets, *fits, columns=calibrations.columns)


def panels_at(timeline: Timeline, slot: datetime, what: Watch, settings):
    (windows,) = windows_at([slot], settings, timeline.grid.step)
    block = watch_block(timeline.at(windows), windows, what, settings)
    return combine([block], windows, what, settings)


def scores(panels):
    return {
        (m.series.model_version, m.series.city, m.column): m.value if m.undefined is None else m.undefined
        for panel in panels
        for m in panel
        if m.name == "feature_score"
    }


def beyond(found):
    """Those above their limit."""
    return {key for key, value in found.items() if not isinstance(value, Undefined) and value > 1}


def replayed(timeline: Timeline, slots, settings, fits):
    return list(
        watch_slots(timeline, windows_at(slots, settings), {"features": None}, lambda _: fits, settings)
    )


@pytest.fixture(scope="module")
def calm() -> Timeline:
    return world()


@pytest.fixture(scope="module")
def fits(calm: Timeline):
    return fit(calm, config(), START + FITTED_AT * DAY)


@pytest.fixture(scope="module")
def hot(calm: Timeline) -> Timeline:
    return with_feature(calm, "temperature", BROKEN, lambda values: values + 5)


def test_a_sensor_that_reads_too_high_is_found_within_a_week_and_no_other(hot: Timeline, fits) -> None:
    settings = config()
    slots = [START + day * DAY for day in range(FITTED_AT + 1, ONSET + 8)]
    found = [scores(each.panels) for each in replayed(hot, slots, settings, fits)]
    first = min(k for k, each in enumerate(found) if each["v1", BROKEN, "temperature"] > 1)
    assert START + ONSET * DAY < slots[first] <= START + (ONSET + 7) * DAY
    assert {key for each in found for key in beyond(each)} == {("v1", BROKEN, "temperature")}


def test_a_replay_says_of_each_slot_what_the_slot_said(hot: Timeline, fits) -> None:
    settings = config()
    slots = [START + 370 * DAY + k * 7 * HOUR for k in range(80)]
    many = replayed(hot, slots, settings, fits)
    what = watched(settings, fits)
    assert len(many) == len(slots)
    seen = set()
    for slot, again in list(zip(slots, many, strict=True))[::8]:
        alone = panels_at(hot, slot, what, settings)
        assert [panel.names for panel in alone] == [panel.names for panel in again.panels]
        expected, got = scores(alone), scores(again.panels)
        assert expected.keys() == got.keys()
        for key, value in expected.items():
            assert got[key] == pytest.approx(value, rel=1e-6, abs=1e-9), (slot, key)
        one, other = (
            next(p for p in panels if isinstance(p, FeaturePanel)) for panels in (alone, again.panels)
        )
        np.testing.assert_array_equal(one.n, other.n)
        said = one.said(BROKEN, "temperature")
        assert said.size == pytest.approx(other.said(BROKEN, "temperature").size)
        seen.add(said.by_kind["level"] > 1)
    assert seen == {True, False}, "slots before and after the onset were compared"


def test_blocks_of_cities_give_what_all_at_once_give(hot: Timeline, fits) -> None:
    settings = config()
    what = pickle.loads(pickle.dumps(watched(settings, fits)))  # noqa: S301 - as to another process
    (windows,) = windows_at([START + 390 * DAY], settings)
    pairs = hot.at(windows)

    def part(rows):
        forecast = Forecast(pairs.judged.predicted[:, rows], None, None)
        return replace(
            pairs,
            cities=tuple(np.array(CITIES)[rows].tolist()),
            actual=pairs.actual[rows],
            judged=forecast,
            features={name: values[rows] for name, values in pairs.features.items()},
        )

    blocks = [watch_block(part(rows), windows, what, settings) for rows in ([5, 6, 7], [0, 1], [2, 3, 4])]
    assert any(not each.versions[1:] for each in blocks), "v2 forecasts none of some block"
    sent = pickle.loads(pickle.dumps(blocks))  # noqa: S301 - as from another process
    split = scores(combine(sent, windows, what, settings))
    whole = scores(panels_at(hot, windows.slot, what, settings))
    assert split == pytest.approx(whole, rel=1e-12)
    assert whole["v1", BROKEN, "temperature"] > 1


def test_a_block_that_was_not_read_leaves_the_others_their_scores(hot: Timeline, fits) -> None:
    settings = config()
    what = watched(settings, fits)
    (windows,) = windows_at([START + 390 * DAY], settings)
    block = watch_block(hot.at(windows), windows, what, settings)
    features = block.features
    keep = np.array([0, 1, 2, 3])
    some = replace(
        features,
        cities=CITIES[:4],
        usable={name: many[keep] for name, many in features.usable.items()},
        days={
            name: replace(each, rows=each.rows[:, keep], run=each.run[keep])
            for name, each in features.days.items()
        },
    )
    seen = joined([some], what.features)
    (panel,) = seen.panels("v1", CITIES[:4])
    assert scores([panel])["v1", BROKEN, "temperature"] > 1
    assert np.isfinite(panel.value).all()


def test_every_model_version_that_forecasts_a_city_has_its_scores(calm: Timeline, fits) -> None:
    settings = config()
    found = scores(panels_at(calm, START + 390 * DAY, watched(settings, fits), settings))
    assert {key[1] for key in found if key[0] == "v1"} == set(CITIES)
    assert {key[1] for key in found if key[0] == "v2"} == set(CITIES[:2])
    for city in CITIES[:2]:
        assert found["v1", city, "wind"] == found["v2", city, "wind"]


def test_what_cannot_be_judged_says_why(calm: Timeline, fits) -> None:
    settings, slot = config(), START + 400 * DAY
    silent = with_feature(calm, "temperature", "Agra", lambda values: np.full_like(values, np.nan))
    new = replace(silent, features={**silent.features, "rain": calm.features["wind"] + 1})
    found = scores(panels_at(new, slot, watched(settings, fits), settings))
    assert found["v1", "Agra", "temperature"] is Undefined.NO_CURRENT
    assert found["v1", BARE, "wind"] is Undefined.SHORT_REFERENCE
    assert found["v1", "Pune", "rain"] is Undefined.NOT_CALIBRATED
    unfit = scores(panels_at(new, slot, watched(settings, ()), settings))
    assert set(unfit.values()) == {Undefined.NOT_CALIBRATED}
    assert unfit.keys() == found.keys()


def test_a_feature_that_is_new_and_has_values_wants_a_fit_soon(calm: Timeline, fits) -> None:
    settings = config()
    (windows,) = windows_at([START + 400 * DAY], settings)
    what = watched(settings, fits)
    block = watch_block(calm.at(windows), windows, what, settings)
    assert block.uncalibrated == 0, "a city that never had wind is not waited for"
    rain = calm.features["wind"] + 1
    more = replace(calm, features={**calm.features, "rain": rain})
    assert watch_block(more.at(windows), windows, what, settings).uncalibrated == len(CITIES) - 1
    assert BlockWatch().uncalibrated == 0


def test_a_rule_on_one_feature_fits_and_judges_that_one(calm: Timeline) -> None:
    settings = config({"heat": {"detector": "features", "column": "wind", "budget": 2}})
    fits = fit(calm, settings, START + FITTED_AT * DAY)
    assert fits.features.names == {"wind"}
    assert fits.features.features["wind"].settings == PeerSettings(budget=2.0)
    found = scores(panels_at(calm, START + 390 * DAY, watched(settings, fits), settings))
    assert {key[2] for key in found} == {"wind"}


def test_a_notice_is_judged_by_the_limit_and_names_its_column(hot: Timeline, fits) -> None:
    settings = config()
    panels = panels_at(hot, START + 390 * DAY, watched(settings, fits), settings)
    verdicts = judge(compile_rules(settings.alerts, {}, {}), panels)
    breaches = [verdict.key for verdict in verdicts if verdict.status.value == "breach"]
    assert [(key.city, key.column, key.model_version) for key in breaches] == [(BROKEN, "temperature", "v1")]
    assert verdicts[0].threshold.basis == "calibrated"


def test_without_the_detector_nothing_is_fitted_and_nothing_said(calm: Timeline) -> None:
    settings = config({"worse": {"detector": "profile"}})
    calibrations = Calibrations(settings)
    (windows,) = windows_at([START + 400 * DAY], settings)
    assert calibrations.features_of(calm.at(windows), windows.history) is None
    what = Watch(calibrations.budgets)
    assert not what.reads_everything
    assert not scores(panels_at(calm, windows.slot, what, settings))
    assert Watch({"features": None}).reads_everything


def test_a_slot_reads_as_many_hours_as_features_need() -> None:
    assert Watch({"features": None}).look_back >= hours_needed(PeerSettings()) * HOUR


def test_the_key_of_a_fit_depends_on_the_features_that_are_looked_at() -> None:
    heat = {"heat": {"detector": "features", "column": "temperature"}}
    worse = {"worse": {"detector": "profile"}}
    keys = {Calibrations(config(alerts)).key for alerts in (RULES, heat, worse, {**worse, **RULES})}
    assert len(keys) == 3
    assert Calibrations(config(RULES)).key == Calibrations(config({**worse, **RULES})).key


def test_half_hours_are_scored_as_hours(hot: Timeline, fits) -> None:
    settings, slot = config(), START + 390 * DAY
    fine = with_feature(world(parts=2), "temperature", BROKEN, lambda values: values + 5)
    what = watched(settings, fits)
    coarse = scores(panels_at(hot, slot, what, settings))
    assert scores(panels_at(fine, slot, what, settings)) == pytest.approx(coarse, rel=1e-6)
    later = scores(panels_at(fine, slot + HOUR / 2, what, settings))
    assert later == pytest.approx(coarse, rel=1e-6), "half an hour more is no hour"


def test_features_that_begin_late_or_are_no_numbers_are_missing(calm: Timeline) -> None:
    values = calm.features["wind"][:, -48:].copy()
    values[0, -1] = np.inf
    values[0, -2] = 1e300
    late = replace(calm, features={"wind": values})
    (windows,) = windows_at([START + DAYS * DAY], config())
    hours = feature_hours(late.at(windows), Window(windows.slot - 3 * DAY, windows.slot), None)
    wind = hours.of("wind")
    assert wind.shape == (72, len(CITIES))
    assert np.isnan(wind[:24]).all()
    assert np.isnan(wind[-2:, 0]).all()
    assert np.isfinite(wind[24:-2, 0]).all()
    assert hours.times[-1] == np.datetime64(windows.slot.replace(tzinfo=None), "h") - 1
    assert hours.usable(np.array([23, 30, 71]))["wind"][:, 0].tolist() == [0, 7, 22]


def test_memory_bounds_how_many_slots_are_scored_at_once() -> None:
    assert at_once(20, 2) == 100_000
    assert at_once(1000, 11) * 1000 * 11 <= 4_000_000
    assert at_once(10**7, 11) == at_once(10**8, 1) == 1
    assert at_once(8, 0) == 4_000_000, "nothing is fitted"


SAID = FeatureSaid(
    "temperature", "level", {"level": 1.6, "swing": 0.2, "stuck": 0.1}, 3.14, 4, 2.0, 20.0, "peers", 10
)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            SAID,
            "temperature is about 3.14 too high against 10 peer cities, since about 4 days (swing of the day normal).",
        ),
        (
            replace(
                SAID, size=-0.5, window_days=1, by_kind={"level": 2.0, "swing": 1.5}, peers=1, column="a\x1bb"
            ),
            "a�b is about 0.5 too low against 1 peer city, since about a day (swing of the day not normal).",
        ),
        (
            replace(SAID, kind="swing", by_kind={"level": 0.4, "swing": 1.5}, peers=0),
            "temperature has another swing of the day than it should have against its own usual course of the year, since about 4 days (level normal).",
        ),
        (
            replace(SAID, kind="stuck", still_hours=31.0),
            "temperature has stood still for at least 31 h; up to 20 h are let pass here.",
        ),
    ],
)
def test_a_notice_says_what_is_wrong_in_words(said: FeatureSaid, sentence: str) -> None:
    assert feature_sentence(said) == sentence


CONFIG = """\
store:
  predictions: {path: predictions.parquet}
  actuals: {path: actuals.parquet}
  features: {path: features.parquet}
windows: {current: 24h, reference: 14d}
accuracy: {floor_window: 14d}
detection: {history: 100d}
engine: {block: 3}
reports: null
alerts:
  inputs: {detector: features, severity: info, channels: [log]}
"""


@pytest.fixture
def stored(tmp_path):
    """A store of 115 days in which the temperature of one city is 5 too high from day 108 on."""
    timeline = world(days=115)
    times = np.tile(timeline.grid.times().astype("datetime64[us]"), len(CITIES))
    keys = {
        "city": np.repeat(CITIES, timeline.grid.count),
        "target_time": pa.array(times, pa.timestamp("us", "UTC")),
    }
    temperature = timeline.features["temperature"].copy()
    temperature[CITIES.index(BROKEN), 108 * 24 :] += 5
    tables = {
        "predictions": {
            "model_version": ["v1"] * len(times),
            "predicted": timeline.judged.predicted[0].ravel(),
        },
        "actuals": {"actual": timeline.revisions[0].value.ravel()},
        "features": {"temperature": temperature.ravel(), "wind": timeline.features["wind"].ravel()},
    }
    for name, columns in tables.items():
        pq.write_table(
            pa.table({**keys, **{c: pa.array(v, from_pandas=True) for c, v in columns.items()}}),
            tmp_path / f"{name}.parquet",
        )
    (tmp_path / "drift.yaml").write_text(CONFIG)
    return load_config(tmp_path / "drift.yaml")


def test_a_slot_fits_keeps_and_explains_and_a_restart_says_the_same(stored) -> None:
    before, after = START + 105 * DAY, START + 113 * DAY
    with Monitor(stored, sinks=()) as first:
        quiet = first.run(before)
        assert (quiet.transitions, quiet.failures) == ((), ())
        found = scores(first.find(after).panels)
    with Monitor(stored, sinks=()) as second:  # another process: what was fitted is in the state
        assert scores(second.find(after).panels) == found
        run = second.run(after)
        past = second.replay(before, after, 8 * DAY, explain=True)
    (transition,) = run.transitions
    assert (transition.key.city, transition.key.column) == (BROKEN, "temperature")
    assert (transition.after, transition.severity) == (AlertStatus.FIRING, "info")
    (sentence,) = transition.evidence["sentences"]
    assert sentence.startswith("temperature is about ")
    assert "too high against" in sentence
    feature = transition.evidence["explanation"]["feature"]
    assert feature["origin"] == "peers"
    assert feature["size"] == pytest.approx(5, abs=1.5)
    assert [(t.at, t.key, t.value) for t in past.transitions] == [
        (transition.at, transition.key, pytest.approx(transition.value))
    ]
    assert past.transitions[0].evidence["sentences"] == [sentence]


def test_a_rule_on_features_that_are_not_there_is_a_named_failure(stored) -> None:
    bare = stored.model_copy(update={"store": stored.store.model_copy(update={"features": None})})
    with Monitor(bare, sinks=()) as monitor:
        run = monitor.run(START + 113 * DAY)
    assert [failure.message for failure in run.failures] == [
        "alerts.inputs: the store has no features: see store.features"
    ]
