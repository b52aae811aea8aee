"""Worlds with a drift that is known, in which the evidence must say what was done to them and since when."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from drift.detectors.series import Hours as Calendar
from drift.domain import Grid, Window
from drift.evidence.advice import Step
from drift.evidence.case import Case, Peer, Rows
from drift.evidence.change import find_change
from drift.evidence.channels import Channels
from drift.evidence.effect import Bias, Effect, Interval
from drift.evidence.features import FeatureRange, _ranges
from drift.evidence.hours import Hours, Regime, best_run
from drift.evidence.onset import Onset
from drift.evidence.part import Lack
from drift.evidence.peers import Peers, find_peers
from drift.evidence.skill import Coverage, OtherVersion, Skill
from drift.evidence.timing import Repeat, Shift
from drift.explain import Evidence, explain
from drift.reasons import Undefined

START = datetime(2025, 11, 3, 23, tzinfo=UTC)  # midnight in Berlin, and no clock change in the 97 days after
DAYS = 97
SIZE = 0.02


@dataclass(frozen=True)
class World:
    """A city in Berlin's time zone whose forecast errs by 2 %, at random, until something happens."""

    actual: np.ndarray
    error: np.ndarray
    hour: np.ndarray

    @classmethod
    def of(cls, seed: int, days: int = DAYS) -> World:
        rng = np.random.default_rng(seed)
        rows = np.arange(days * 24)
        hour = rows % 24
        daily = np.repeat(rng.normal(0, 0.04, days), 24)
        actual = (
            1000
            * (1 + 0.25 * np.sin(2 * np.pi * (hour - 9) / 24) + daily)
            * (1 - 0.1 * (rows // 24 % 7 >= 5))
        )
        noise = rng.standard_normal(len(rows))
        for row in range(1, len(rows)):
            noise[row] = 0.5 * noise[row - 1] + np.sqrt(0.75) * noise[row]
        return cls(actual, SIZE * noise, hour)

    @property
    def predicted(self) -> np.ndarray:
        return self.actual * (1 + self.error)

    def case(self, forecast: np.ndarray, **more: object) -> Case:
        grid = Grid(START, timedelta(hours=1), len(self.actual))
        day = np.arange(len(self.actual)) // 24
        given_: dict[str, object] = {
            "city": "Berlin", "model_version": "v7", "grid": grid, "timezone": "Europe/Berlin",
            "current": Window(grid.end - timedelta(days=1), grid.end),
            "hours": Calendar(
                self.hour[:, None], (day % 7 >= 5)[:, None], np.zeros((len(day), 1), bool), day % 365 + 1, day // 30
            ),
            "actual": self.actual, "predicted": {"v7": forecast},
            "expected": np.full(len(self.actual), SIZE * np.sqrt(2 / np.pi)), "window_days": 4,
        }  # fmt: skip
        return Case(**{**given_, **more})  # type: ignore[arg-type]

    def worse(self, since: int, factor: float, when: np.ndarray | bool = True) -> np.ndarray:
        """The last `since` hours with errors so many times as large."""
        late = (np.arange(len(self.actual)) >= len(self.actual) - since) & when
        return self.actual * (1 + np.where(late, factor, 1.0) * self.error)


@pytest.fixture(scope="module")
def world() -> World:
    return World.of(1)


def hours_off(evidence: Evidence, since: int) -> float:
    assert isinstance(evidence.onset, Onset)
    return abs((evidence.span.end - timedelta(hours=since) - evidence.onset.at) / timedelta(hours=1))


def told(evidence: Evidence, *words: str) -> bool:
    return any(all(word in sentence for word in words) for sentence in evidence.sentences())


# --- how much, and since when


def test_errors_twice_as_large_are_found_within_a_day_of_their_onset():
    off, covered = [], 0
    for seed in range(10):
        world = World.of(seed)
        evidence = explain(world.case(world.worse(70, 2.0), by_channel={"size": 1.3}))
        off.append(hours_off(evidence, 70))
        onset = evidence.onset
        covered += onset.first <= evidence.span.end - timedelta(hours=70) <= onset.last
    assert np.median(off) <= 12
    assert max(off) <= 30
    assert covered >= 7


def test_the_first_three_sentences_are_how_much_since_when_and_what_to_do(world):
    first, second, third, *_ = explain(world.case(world.worse(70, 2.0))).sentences()
    assert first.startswith("The error is 1.8 (")
    assert "× what is normal for these hours: " in first
    assert second.startswith("It began about ")
    assert third == "Do first: Open the city's report, as nothing here points to one cause."


def test_the_interval_of_the_ratio_holds_the_truth_in_nine_of_ten_worlds():
    held = 0
    for seed in range(20):
        world = World.of(seed)
        case = world.case(
            world.worse(96, 2.0), current=Window(START + timedelta(days=93), START + timedelta(days=97))
        )
        interval = explain(case).effect.interval
        held += interval.low <= 2.0 <= interval.high
    assert held >= 16


def test_from_ten_days_on_the_interval_is_of_the_days_themselves(world):
    effect = explain(world.case(world.worse(15 * 24, 2.0), window_days=14)).effect
    assert isinstance(effect, Effect)
    assert isinstance(effect.interval, Interval)
    assert 1.7 < effect.interval.low < effect.ratio < effect.interval.high < 2.6


def test_nothing_happened_is_said_to_be_nothing(world):
    evidence = explain(world.case(world.predicted))
    assert evidence.onset is Lack.NO_CHANGE
    assert evidence.span.start == START + timedelta(days=DAYS - 1)
    assert evidence.effect.ratio == pytest.approx(1.0, abs=0.4)
    assert told(evidence, "no hour stands out as the onset", "of the last 24 h")


def test_what_comes_after_the_current_window_changes_nothing(world):
    early = Window(START + timedelta(days=DAYS - 4), START + timedelta(days=DAYS - 3))
    before = explain(world.case(world.predicted, current=early))
    broken = world.predicted.copy()
    broken[(DAYS - 3) * 24 :] *= 10
    assert explain(world.case(broken, current=early)).to_document() == before.to_document()


def test_without_a_calibration_normal_is_the_usual_error_of_the_hour(world):
    rows = Rows.of(world.case(world.predicted, expected=None))
    size = np.abs(rows.error[rows.before])
    assert rows.normal is not None
    assert rows.normal[rows.before].mean() == pytest.approx(np.minimum(size, np.quantile(size, 0.99)).mean())
    nine, ten = (np.median(size[rows.hour[rows.before] == hour]) for hour in (9, 10))
    assert rows.normal[9] / rows.normal[10] == pytest.approx(nine / ten)
    assert explain(world.case(world.worse(70, 3.0), expected=None)).effect.ratio > 2


# --- which way, where, and by which channel


def test_a_bias_is_told_with_its_direction_in_units_and_percent(world):
    late = np.arange(len(world.actual)) >= len(world.actual) - 60
    evidence = explain(
        world.case(world.predicted * np.where(late, 1.05, 1.0), by_channel={"bias": 1.5, "size": 0.5})
    )
    assert hours_off(evidence, 60) <= 12
    assert isinstance(evidence.bias, Bias)
    assert evidence.bias.share == pytest.approx(0.05, abs=0.01)
    assert evidence.bias.direction == "over-forecast"
    assert told(evidence, "always an over-forecast", "MW on average", "% of the load; before, ")
    assert evidence.channels == Channels({"bias": 1.5, "size": 0.5}, {"bias": 0.75, "size": 0.25})
    assert told(evidence, "keeps to one side", "bias 75 %, size 25 %")


def test_an_error_of_the_evening_is_told_by_its_hours():
    for seed in range(5):
        world = World.of(seed)
        evening = (world.hour >= 17) & (world.hour < 22)
        evidence = explain(world.case(world.worse(120, 4.0, evening), window_days=7))
        assert isinstance(evidence.hours, Hours)
        assert evidence.hours.stand_out
        assert abs(evidence.hours.first - 17) <= 1
        assert abs(evidence.hours.last - 22) <= 1
        assert evidence.hours.share > 0.6
        assert told(evidence, "% of the excess is between ", " local")


def test_larger_errors_all_day_have_no_hours_of_their_own():
    stand_out = []
    for seed in range(12):
        world = World.of(seed)
        found = explain(world.case(world.worse(96, 2.5))).hours
        stand_out.append(isinstance(found, Hours) and found.stand_out)
    assert sum(stand_out) <= 3


def test_an_error_of_hot_hours_is_told_by_the_temperature(world):
    rng = np.random.default_rng(2)
    temperature = 15 + np.repeat(rng.normal(0, 5, DAYS), 24)
    hot = temperature > np.quantile(temperature, 2 / 3)
    predicted = world.worse(9 * 24, 5.0, hot)
    window = Window(START + timedelta(days=DAYS - 9), START + timedelta(days=DAYS))
    evidence = explain(
        world.case(
            predicted, current=window, features={"wind": rng.normal(size=DAYS * 24), "temp_c": temperature}
        )
    )
    assert isinstance(evidence.regime, Regime)
    assert evidence.regime.column == "temp_c"
    assert evidence.regime.share[2] > 0.8
    assert told(evidence, "of the excess is where temp_c is above ")
    assert sum(sum(row) for row in evidence.regime.by_hour) == pytest.approx(1.0)


@pytest.mark.parametrize(("rows", "way"), [(1, "1 h late"), (-1, "1 h early")])
def test_a_forecast_moved_by_an_hour_is_told_so(world, rows, way):
    late = np.arange(len(world.actual)) >= len(world.actual) - 72
    predicted = np.where(late, np.roll(world.predicted, rows), world.predicted)
    evidence = explain(world.case(predicted, by_channel={"timing": 1.2}))
    assert isinstance(evidence.shift, Shift)
    assert evidence.shift.late_hours == rows
    assert evidence.advice.step is Step.CHECK_CLOCK
    assert told(evidence, "Check time zones", way)
    assert hours_off(evidence, 72) <= 24


def test_a_forecast_that_repeats_last_weeks_load_is_told_so(world):
    late = np.arange(len(world.actual)) >= len(world.actual) - 72
    predicted = np.where(late, np.roll(world.actual, 168), world.predicted)
    evidence = explain(world.case(predicted, by_channel={"stale": 1.2}))
    assert evidence.repeat == Repeat(168, 0.0)
    assert evidence.advice.step is Step.CHECK_FORECAST_JOB
    assert told(evidence, "Check the job", "repeats the load of 168 h before exactly")
    assert isinstance(evidence.skill, Skill)
    assert evidence.skill.value == pytest.approx(0.0, abs=0.05)


def test_a_channel_alone_points_to_its_cause(world):
    stale = explain(world.case(world.predicted, by_channel={"stale": 1.1}))
    assert stale.advice.step is Step.CHECK_FORECAST_JOB
    timing = explain(world.case(world.predicted, by_channel={"timing": 1.1, "stale": 0.2}))
    assert timing.advice.step is Step.CHECK_CLOCK


# --- what else there is


def test_many_cities_point_to_one_cause_and_none_to_the_city(world):
    many = {f"c{k}": Peer(1.2 if k < 4 else 0.8 if k < 6 else 0.1, 1.0) for k in range(9)}
    evidence = explain(world.case(world.worse(70, 2.0), peers=many))
    assert evidence.peers == Peers(9, 4, 6, "fleet", None, "score")
    assert evidence.advice.step is Step.CHECK_COMMON_CAUSE
    assert told(evidence, "4 of 9 other cities have it too, 2 more nearly: it looks like one common cause.")
    alone = explain(world.case(world.worse(70, 2.0), peers={f"c{k}": Peer(0.1, 1.0) for k in range(9)}))
    assert told(alone, "None of 9 other cities has it: it looks like this city's own.")


@pytest.mark.parametrize(
    ("peers", "group", "expected"),
    [
        ({}, None, Lack.NO_PEERS),
        ({"a": Peer(None, None), "b": Peer(float("nan"), float("nan"))}, None, Lack.NO_PEERS),
        ({"a": Peer(1.5, 2.0)}, None, Peers(1, 1, 1, "some", None, "score")),
        ({"a": Peer(None, 2.0), "b": Peer(None, 1.3)}, None, Peers(2, 1, 2, "some", None, "error_ratio")),
        (
            {**{f"n{k}": Peer(1.5, 2, "north") for k in range(3)}, **{f"s{k}": Peer(0.1, 1, "south") for k in range(6)}},
            "north",
            Peers(9, 3, 3, "group", "north", "score"),
        ),
    ],
)  # fmt: skip
def test_peers_are_counted_by_score_else_by_error_ratio(peers, group, expected):
    assert find_peers(peers, group) == expected


def test_a_better_version_is_the_advice_and_is_tested_where_ten_days_allow(world):
    predicted = {"v7": world.worse(70, 2.0), "v6": world.predicted, "v5": world.worse(70, 3.0)}
    short = explain(world.case(world.predicted, predicted=predicted))
    assert isinstance(short.other_versions, tuple)
    assert [other.model_version for other in short.other_versions] == ["v6", "v5"]
    assert short.other_versions[0].p_value is Lack.FEW_DAYS
    assert short.advice.step is Step.SWITCH_VERSION
    assert told(short, "Switch for now: v6 has a WAPE of ", " against ")
    long = explain(
        world.case(world.predicted, predicted={**predicted, "v7": world.worse(20 * 24, 2.0)}, window_days=14)
    )
    best = long.other_versions[0]
    assert best.own == pytest.approx(2 * best.wape)
    assert best.p_value < 0.01
    assert told(long, "(Diebold–Mariano p < 0.001)")


def test_a_version_that_is_better_by_chance_is_no_advice():
    assert not OtherVersion("v6", 0.02, 0.04, 240, 0.2).better
    assert OtherVersion("v6", 0.02, 0.04, 24, Lack.FEW_DAYS).better
    assert not OtherVersion("v6", 0.039, 0.04, 240, 0.001).better


@pytest.mark.parametrize(
    ("late", "direction", "step"),
    [(99.0, "stuck", Step.CHECK_INPUT), (np.nan, "missing", Step.CHECK_INPUT), (None, "above", Step.RETRAIN)],
)
def test_a_feature_out_of_its_range_is_told_with_its_direction(world, late, direction, step):
    temperature = np.random.default_rng(3).normal(15, 3, DAYS * 24)
    temperature[-70:] = temperature[-70:] + 20 if late is None else late
    steady = np.tile(np.arange(24.0), DAYS)
    evidence = explain(world.case(world.worse(70, 2.0), features={"steady": steady, "temp_c": temperature}))
    assert isinstance(evidence.features, tuple)
    assert [(found.column, found.direction) for found in evidence.features] == [("temp_c", direction)]
    assert evidence.features[0].share > 0.9
    assert evidence.advice.step is step
    assert told(evidence, evidence.features[0].said())


def test_faults_come_before_every_other_cause(world):
    faults = np.zeros(DAYS * 24, np.uint8)
    faults[-12:-4], faults[-20:-19] = 3, 2
    evidence = explain(
        world.case(world.worse(24, 2.0), faults=faults, peers={f"c{k}": Peer(2.0, 2) for k in range(4)})
    )
    assert evidence.advice.step is Step.CHECK_FEED
    assert told(
        evidence,
        "Check the feed of actuals before the model: actuals stuck in 8 h, actuals not above zero in 1 h",
    )
    assert told(evidence, "The figures leave the faulty hours out.")
    assert evidence.disturbances.actual_faults == {"stuck": 8, "not_positive": 1}
    assert evidence.disturbances.faulty_now is False
    assert np.isnan(Rows.of(world.case(world.predicted, faults=faults)).error[-12:-4]).all()


def test_an_alert_on_faulty_data_begins_where_the_faults_do(world):
    faults = np.zeros(DAYS * 24, np.uint8)
    faults[-30:-8], faults[-200:-190] = 3, 3
    evidence = explain(
        world.case(
            world.worse(70, 2.0),
            faults=faults,
            about_faults=True,
            peers={f"c{k}": Peer(2.0, 2.0) for k in range(4)},
        )
    )
    assert hours_off(evidence, 30) == 0, "not where the error began, nor where older faults did"
    first, second, third, fourth, *_ = evidence.sentences()
    assert first == "The data are faulty: actuals stuck in 16 h."
    assert second.startswith("It began about ")
    assert third.startswith("Do first: Check the feed of actuals")
    assert fourth.startswith("The error is ")
    assert not told(evidence, "other cities")
    assert evidence.advice.step is Step.CHECK_FEED
    few = np.zeros(DAYS * 24, np.uint8)
    few[-9] = 4
    assert explain(world.case(world.predicted, faults=few)).advice.step is Step.OPEN_REPORT
    assert explain(world.case(world.predicted, faults=few, about_faults=True)).advice.step is Step.CHECK_FEED


def test_faults_that_are_over_have_no_onset(world):
    evidence = explain(world.case(world.predicted, about_faults=True))
    assert evidence.onset is Lack.NO_CHANGE
    assert evidence.advice.step is Step.OPEN_REPORT


@pytest.mark.parametrize("factor", [3.0, 0.4])
def test_another_load_is_told_before_a_holiday(world, factor):
    actual = world.actual * np.where(np.arange(DAYS * 24) >= DAYS * 24 - 9, factor, 1.0)
    calendar = world.case(world.predicted).hours
    holiday = np.zeros((DAYS * 24, 1), bool)
    holiday[-24:-9] = True
    case = world.case(world.predicted, actual=actual, hours=replace(calendar, holiday=holiday))
    evidence = explain(case)
    assert evidence.level.ratio == pytest.approx(factor, rel=0.15)
    assert evidence.level.expected == pytest.approx(1.0, rel=0.15)
    assert evidence.advice.step is Step.CHECK_LOAD
    assert "the load of the last 6 h is " in evidence.advice.text


def test_a_load_that_the_forecast_expects_is_no_other_load(world):
    late = np.where(np.arange(DAYS * 24) >= DAYS * 24 - 48, 2.0, 1.0)
    followed = explain(world.case(world.predicted * late * 1.2, actual=world.actual * late))
    assert followed.level is Lack.NO_PATTERN
    usual = explain(world.case(world.worse(70, 5.0)))
    assert usual.level is Lack.NO_PATTERN


def test_an_actual_that_may_yet_come_is_no_fault_of_now_and_a_stuck_one_is(world):
    for code, step in ((1, Step.OPEN_REPORT), (3, Step.CHECK_FEED)):
        faults = np.zeros(DAYS * 24, np.uint8)
        faults[-1] = code
        assert explain(world.case(world.worse(70, 2.0), faults=faults)).advice.step is step
    feed = explain(world.case(world.predicted, prediction_faults=faults)).advice.text
    assert feed.startswith("Check the feed of predictions")


def test_holidays_leave_the_figures_and_are_named(world):
    case = world.case(
        world.worse(24, 3.0), current=Window(START + timedelta(days=95), START + timedelta(days=97))
    )
    holiday = np.zeros((DAYS * 24, 1), bool)
    holiday[-24:] = True
    evidence = explain(replace(case, hours=replace(case.hours, holiday=holiday)))
    assert evidence.disturbances.holidays == ("2026-02-08",)
    assert evidence.effect.ratio < 1.6
    assert evidence.advice.step is Step.EXPECT_HOLIDAY
    assert told(evidence, "left out of these figures: 2026-02-08")


def test_a_window_of_nothing_but_holidays_is_not_left_without_figures(world):
    case = world.case(world.worse(24, 3.0))
    holiday = np.zeros((DAYS * 24, 1), bool)
    holiday[-24:] = True
    evidence = explain(replace(case, hours=replace(case.hours, holiday=holiday)))
    assert evidence.effect.ratio > 2
    assert told(evidence, "are in these figures")


def test_skill_and_coverage_by_hand():
    actual = np.concatenate([np.full(168, 100.0), np.full(24, 110.0)])
    predicted = np.full(192, 105.0)  # off by 5 where last week is off by 10
    world = World(actual, np.zeros(192), np.arange(192) % 24)
    case = world.case(
        predicted, lower=predicted - 4, upper=predicted + np.tile([4, 6], 96), interval_level=0.8
    )
    evidence = explain(case)
    assert evidence.skill == Skill(pytest.approx(0.5), pytest.approx(5 / 110), pytest.approx(10 / 110))
    assert evidence.coverage == Coverage(0.5, 0.8)
    assert told(evidence, "holds 50 % of the actuals; it should hold 80 %.")
    assert explain(replace(case, actual=np.full(192, 100.0))).skill is Undefined.NO_SCALE
    assert explain(replace(case, lower=None)).coverage is Undefined.NO_INTERVAL


# --- it never fails, and depends on nothing that it should not


def test_thirty_hours_of_history_say_what_they_can():
    world = World.of(1, days=2)
    short = World(world.actual[:30], world.error[:30], world.hour[:30])
    evidence = explain(short.case(short.predicted, expected=None, features={"t": short.actual}))
    assert evidence.onset is Lack.SHORT_HISTORY
    assert evidence.effect.ratio is Lack.SHORT_HISTORY
    assert evidence.skill is Undefined.NO_BASELINE
    assert evidence.features is Lack.SHORT_HISTORY
    assert told(evidence, "The mean error is ", "not known yet")


def test_a_city_without_a_pair_says_so(world):
    evidence = explain(world.case(np.full(DAYS * 24, np.nan)))
    assert evidence.effect is Undefined.NO_PAIRS
    assert evidence.sentences()[0] == "There is no sound pair of a prediction and an actual in these hours."


VALUES = st.one_of(st.just(float("nan")), st.floats(-1e6, 1e6), st.sampled_from([0.0, float("inf"), 1000.0]))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), rows=st.one_of(st.integers(1, 60), st.integers(300, 900)))
def test_it_never_fails_whatever_the_numbers_are(data: st.DataObject, rows: int):
    def draw() -> np.ndarray:
        return data.draw(arrays(np.float64, rows, elements=VALUES, fill=VALUES))

    world = World(draw(), np.zeros(rows), np.arange(rows) % 24)
    case = world.case(
        draw(),
        predicted={"v7": draw(), "v6": draw()},
        features=data.draw(st.sampled_from([{}, {"t": draw(), "empty": np.full(rows, np.nan)}])),
        expected=data.draw(st.sampled_from([None, draw()])),
        faults=data.draw(st.sampled_from([None, data.draw(arrays(np.uint8, rows, elements=st.integers(0, 9)))])),
        lower=draw(), upper=draw(),
        by_channel=data.draw(st.dictionaries(st.sampled_from(["size", "bias", "profile", "timing", "stale"]), VALUES)),
        peers={"a": Peer(data.draw(VALUES), data.draw(VALUES))},
        window_days=data.draw(st.sampled_from([0, 2, 14])),
        timezone=data.draw(st.sampled_from(["Europe/Berlin", "nowhere", "", "../etc"])),
    )  # fmt: skip
    evidence = explain(case)
    document = evidence.to_document()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert all(isinstance(sentence, str) and "nan" not in sentence for sentence in evidence.sentences())
    if isinstance(evidence.onset, Onset):
        assert evidence.onset.first <= evidence.onset.at <= evidence.onset.last < evidence.span.end


def test_the_unit_changes_amounts_and_nothing_else(world):
    predicted = world.worse(70, 2.0)
    mega = explain(world.case(predicted, expected=None))
    kilo = explain(world.case(1024 * predicted, actual=1024 * world.actual, expected=None, unit="kW"))
    assert kilo.effect.ratio == mega.effect.ratio
    assert kilo.effect.mean == 1024 * mega.effect.mean
    for part in ("onset", "hours", "regime", "shift", "repeat", "skill", "advice", "span"):
        assert getattr(kilo, part) == getattr(mega, part), part
    assert kilo.bias.share == mega.bias.share


def test_text_from_the_data_is_placed_and_never_obeyed(world):
    evil = "temp\x1b[2J\n<b>{0}%s\u202e"
    predicted = {"v7": world.worse(70, 2.0), evil: world.worse(70, 1.9)}
    features = {evil: np.r_[np.random.default_rng(0).normal(size=DAYS * 24 - 70), np.full(70, 9.0)]}
    evidence = explain(world.case(world.predicted, predicted=predicted, features=features, unit=evil))
    said = " ".join(evidence.sentences())
    assert said.isprintable()
    assert "<b>{0}%s" in said
    assert evidence.to_document()["features"][0]["column"] == evil


def test_a_document_has_a_reason_where_it_has_no_figures(world):
    document = explain(world.case(world.predicted)).to_document()
    assert document["coverage"] == {"undefined": "no_interval", "undefined_text": "no prediction interval"}
    assert document["onset"]["undefined"] == "no_change"
    assert document["bias"]["direction"] in ("over-forecast", "under-forecast")
    assert document["sentences"] == list(explain(world.case(world.predicted)).sentences())


# --- the parts against oracles


def test_the_change_is_the_split_of_largest_likelihood():
    rng = np.random.default_rng(5)
    values = rng.standard_normal(480)
    values[400:] += 1.5
    values[rng.random(480) < 0.1] = np.nan
    hour = np.zeros(480, int)
    found = find_change(values, hour, scan=336, per_day=24)

    def squares(part: np.ndarray) -> float:
        part = part[np.isfinite(part)]
        return float(((part - part.mean()) ** 2).sum())

    after = [k for k in range(336, 480) if np.isfinite(values[k]) and np.isfinite(values[k:]).sum() >= 6]
    loss = [squares(values[:k]) + squares(values[k:]) for k in after]
    assert found is not None
    assert found.row == after[int(np.argmin(loss))]


def test_the_interval_of_the_change_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(6)
    held = found = 0
    for _ in range(300):
        values = rng.standard_normal(1200)
        row = int(rng.integers(1000, 1150))
        values[row:] += 0.8
        change = find_change(values, np.zeros(1200, int), scan=900, per_day=24)
        if change is not None:
            found += 1
            held += change.first <= row <= change.last
    assert found > 290
    assert 0.85 <= held / found <= 0.98


def test_the_best_run_of_hours_against_every_run():
    excess = np.random.default_rng(7).exponential(size=(20, 24)) ** 2
    for row, lift, first, length in zip(excess, *best_run(excess), strict=True):
        every = [
            row[np.arange(a, a + n) % 24].sum() / row.sum() - n / 24 for a in range(24) for n in range(1, 25)
        ]  # fmt: skip
        assert lift == pytest.approx(max(every))
        assert lift == pytest.approx(
            row[np.arange(first, first + length) % 24].sum() / row.sum() - length / 24
        )


def test_ranges_are_numpys_quantiles_hour_by_hour():
    values = np.random.default_rng(8).normal(size=(80 * 24, 2))
    values[::7, 1] = np.nan
    hour = np.arange(80 * 24) % 24
    low, high = _ranges(values, hour)
    for h in (0, 13):
        for k in (0, 1):
            known = values[hour == h, k][np.isfinite(values[hour == h, k])]
            assert low[h, k] == np.quantile(known, 0.01, method="lower")
            assert high[h, k] == np.quantile(known, 0.99, method="higher")


def test_a_feature_is_told_by_its_name():
    assert (
        FeatureRange("temp_c", "below", 0.62).said() == "temp_c is below its usual range in 62 % of the hours"
    )
