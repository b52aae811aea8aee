"""Hard faults, worked by hand; what must not change them; and real zones with published labels."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.detection.faults import false_rows, injected_rows, new_onsets, read_labelled
from drift.domain import Floats, Grid
from drift.quality import FAULTS, NAMES, FaultSettings, evidence, fault_hours, faults

SOUND, MISSING, NOT_POSITIVE, STUCK, SCALE = 0, 1, 2, 3, 4
INTERVALS = pytest.mark.parametrize("per_day", [288, 96, 48, 24], ids=["5 min", "15 min", "30 min", "1 h"])
START = datetime(2020, 4, 1, tzinfo=UTC)


def load(days: int, per_day: int = 24, seed: int = 1, cities: int = 1) -> Floats:
    """About 1,000 MW by day and 800 by night, never the same twice."""
    time = np.arange(days * per_day) / per_day
    noise = np.random.default_rng(seed).normal(0, 10, (cities, len(time)))
    return 900 - 100 * np.cos(2 * np.pi * time) + noise


def codes(values: Floats, per_day: int = 24, **settings: int) -> list[int]:
    return faults(np.atleast_2d(values), per_day, FaultSettings(**settings))[0].tolist()


def test_sound_load_has_no_fault() -> None:
    assert not faults(load(60, cities=20), 24).any()


def test_every_kind_has_its_own_code_and_name() -> None:
    assert NAMES == {1: "missing", 2: "not_positive", 3: "stuck", 4: "scale", 5: "spike", 6: "shift"}
    assert list(FAULTS) == list(NAMES.values())[:4]  # what only later hours tell is none of these


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (np.nan, MISSING),
        (np.inf, MISSING),
        (-np.inf, MISSING),
        (0.0, NOT_POSITIVE),
        (-3.0, NOT_POSITIVE),
        (900_000.0, SCALE),
        (0.9, SCALE),
        (4400.0, SCALE),
        (3700.0, SOUND),
        (220.0, SCALE),
        (300.0, SOUND),
    ],
)
@INTERVALS
def test_one_bad_value_is_found_at_once(value: float, code: int, per_day: int) -> None:
    values = load(15, per_day)
    noon = -per_day // 2  # where about 1,000 MW are usual
    values[0, noon] = value
    ends_there = values[:, : noon + 1]
    assert codes(ends_there, per_day)[-1] == code
    assert sum(codes(values, per_day)) == code


def test_the_limits_of_scale_are_four_times_and_a_quarter_of_the_median() -> None:
    values = np.tile([100.0, 101.0, 102.0, 103.0], 10)[None]  # four values a day
    for value, code in ((400.0, SOUND), (400.1, SCALE), (25.0, SOUND), (24.9, SCALE)):
        values[0, -4] = value
        assert codes(values, per_day=4)[-4] == code


@INTERVALS
def test_a_run_is_stuck_when_it_is_four_hours_long_and_then_from_its_start(per_day: int) -> None:
    values, run = load(15, per_day), 4 * per_day // 24
    values[0, -run:] = values[0, -run]
    assert not any(codes(values[:, :-1], per_day))
    assert codes(values, per_day) == [SOUND] * (15 * per_day - run) + [STUCK] * run


def test_a_missing_hour_ends_a_run() -> None:
    values = load(15)
    values[0, -7:] = [950, 950, 950, np.nan, 950, 950, 950]
    assert codes(values)[-7:] == [SOUND] * 3 + [MISSING] + [SOUND] * 3


def test_the_most_telling_kind_is_named() -> None:
    values = load(15)
    values[0, -5:] = 0
    assert codes(values)[-5:] == [NOT_POSITIVE] * 5
    values[0, -5:] = 2.0
    assert codes(values)[-5:] == [STUCK] * 5
    assert codes(values[:, :-2])[-3:] == [SCALE] * 3, (
        "and before it is four hours long it is known by its scale"
    )


def test_a_constant_city_is_not_stuck() -> None:
    assert not any(codes(np.full(2400, 500.0)))


def test_a_city_that_became_constant_is_called_stuck_for_28_days() -> None:
    values = np.concatenate([load(30)[0], np.full(40 * 24, 900.0)])
    assert codes(values) == [SOUND] * 720 + [STUCK] * 672 + [SOUND] * 288


@pytest.mark.parametrize("hours", range(4, 20))
def test_a_load_that_is_the_same_all_night_is_soon_not_stuck(hours: int) -> None:
    values = load(60).reshape(60, 24)
    values[:, :hours] = 700.0
    values[:, 0] += np.arange(60) % 2 * (hours > 12)  # some nights begin later
    assert not any(codes(values.ravel())[7 * 24 :])


def test_a_coarsely_rounded_load_is_seldom_stuck_and_a_dead_meter_still_is() -> None:
    smooth = load(365, seed=3, cities=4)
    values = np.round(smooth / 25) * 25
    still = (values[:, 1:] == values[:, :-1]).mean()
    stuck = faults(values, 24) == STUCK
    begun = (stuck[:, 1:] & ~stuck[:, :-1]).sum() / 4
    assert still > 0.3
    assert begun < 1, "a city-year"
    values[:, 5000:5048] = values[:, 5000:5001]
    assert (faults(values, 24)[:, 5000:5048] == STUCK).all()


def test_a_wrong_scale_is_found_as_long_as_it_lasts_and_the_load_after_it_is_sound() -> None:
    values = load(60)
    values[0, 30 * 24 : 44 * 24] *= 1000
    assert codes(values) == [SOUND] * 720 + [SCALE] * 336 + [SOUND] * 384


def test_a_scale_that_stays_two_weeks_is_what_is_usual() -> None:
    values = load(90)
    values[0, 30 * 24 :] /= 1000
    assert codes(values) == [SOUND] * 720 + [SCALE] * 336 + [SOUND] * 1104


def test_a_works_that_rests_at_weekends_is_sound() -> None:
    values = load(70).reshape(70, 24)
    values[np.arange(70) % 7 >= 5] /= 6
    found = codes(values.ravel())
    assert found[5 * 24] == SCALE, "its first Saturday, of which nothing is known"
    assert not any(found[21 * 24 :])


def test_a_wrong_first_value_makes_the_right_ones_suspect_for_three_days() -> None:
    values = load(12)
    values[0, 6] *= 1000
    assert codes(values)[6::24] == [SOUND] + [SCALE] * 3 + [SOUND] * 8
    assert codes(values, least_look_back=3)[6::24] == [SOUND] * 12


def test_with_too_few_days_nothing_is_said_about_scale() -> None:
    values = load(4)
    values[0, 72] *= 10
    assert codes(values, least_look_back=3)[72] == SCALE
    assert codes(values[:, 24:], least_look_back=3)[48] == SOUND
    assert codes(values[:, 24:])[48] == SCALE


def test_a_city_without_a_value_is_missing_and_disturbs_no_other() -> None:
    values = load(40, cities=3)
    values[1] = np.nan
    assert (faults(values, 24) == np.array([[SOUND], [MISSING], [SOUND]])).all()


def test_arrays_that_are_empty_or_shorter_than_a_day() -> None:
    assert faults(np.empty((0, 50)), 24).shape == (0, 50)
    assert faults(np.empty((3, 0)), 24).shape == (3, 0)
    assert codes(np.array([5.0, np.nan, 0.0])) == [SOUND, MISSING, NOT_POSITIVE]


def test_the_last_day_alone_is_judged_as_with_all_the_others() -> None:
    values = broken(load(100, cities=30), seed=4)
    whole = faults(values, 24)
    last = faults(values, 24, first=values.shape[1] - 100)
    assert (last[:, -100:] == whole[:, -100:]).all()
    assert not last[:, :-100].any()
    assert set(np.unique(whole[:, -100:])) == {0, 1, 2, 3, 4}


def test_as_plain_a_form_as_can_be_says_the_same() -> None:
    values = broken(load(45, cities=6), seed=5)
    found = faults(values, 24)
    for city, row in enumerate(values):
        sound, plausible = row.copy(), row.copy()
        for hour, value in enumerate(row):
            code = found[city, hour]
            ago = [sound[hour - 24 * day] for day in (1, 2, 3) if hour >= 24 * day]
            ago += [plausible[hour - 24 * day] for day in (7, 14, 21, 28) if hour >= 24 * day]
            known = np.sort([each for each in ago if not np.isnan(each)])
            if code in (SOUND, SCALE):
                low, high = (known[(len(known) - 1) // 2], known[len(known) // 2]) if len(known) else (0, 0)
                unusual = len(known) > 0 and (value > 4 * high or value < low / 4)
                assert (code == SCALE) == unusual
            sound[hour] = np.nan if code else value
            plausible[hour] = np.nan if code not in (SOUND, SCALE) else value


def broken(values: Floats, seed: int) -> Floats:
    """With all that can happen to them, at random."""
    rng = np.random.default_rng(seed)
    for _ in range(values.size // 250):
        city, hour = rng.integers(values.shape[0]), rng.integers(values.shape[1] - 12)
        span = slice(hour, hour + int(rng.integers(1, 12)))
        how = rng.integers(5)
        if how == 0:
            values[city, span] = values[city, hour]
        else:
            values[city, span] *= (np.nan, 0.0, 1000.0, 0.001)[how - 1]
    return values


SERIES = st.builds(
    lambda seed, days, cities: broken(load(days, seed=seed, cities=cities), seed),
    seed=st.integers(0, 10_000),
    days=st.integers(2, 40),
    cities=st.integers(1, 4),
)


@given(values=SERIES, power=st.integers(-40, 40))
def test_the_unit_changes_nothing(values: Floats, power: int) -> None:
    assert (faults(values * 2.0**power, 24) == faults(values, 24)).all()


@given(values=SERIES, days=st.integers(1, 60))
def test_hours_without_a_value_before_the_first_change_nothing(values: Floats, days: int) -> None:
    values[:, 0] = 900.0  # the first value is where a city begins
    before = np.full((len(values), days * 24), np.nan)
    shifted = faults(np.concatenate([before, values], axis=1), 24)
    assert (shifted[:, days * 24 :] == faults(values, 24)).all()


@given(values=SERIES, seed=st.integers(0, 100))
def test_cities_are_judged_alone(values: Floats, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(values))
    assert (faults(values[order], 24) == faults(values, 24)[order]).all()


@given(values=SERIES, hours=st.integers(1, 40))
def test_later_hours_only_add_that_a_run_was_stuck(values: Floats, hours: int) -> None:
    then, later = faults(values[:, :-hours], 24), faults(values, 24)[:, :-hours]
    assert (later[later != then] == STUCK).all()


@given(
    st.lists(
        st.floats(width=32) | st.sampled_from([np.nan, 0.0, 1.0, 1e30, -1e30]), min_size=1, max_size=200
    ),
    st.sampled_from([1, 4, 24, 48, 288]),
)
def test_no_value_whatever_raises(values: list[float], per_day: int) -> None:
    array = np.array([values], np.float32)
    found = faults(array, per_day)
    assert found.dtype == np.uint8
    assert ((found == MISSING) == ~np.isfinite(array)).all()
    assert ((found == NOT_POSITIVE) == (np.isfinite(array) & (array <= 0))).all()


def test_32_bits_say_what_64_say() -> None:
    values = broken(load(60, cities=20), seed=6).astype(np.float32)
    assert (faults(values, 24) == faults(values.astype(np.float64), 24)).all()


@pytest.mark.parametrize(("shape", "per_day", "first"), [((9,), 24, 0), ((1, 9), 0, 0), ((1, 9), 24, 10)])
def test_what_is_no_array_of_cities_is_refused(shape: tuple[int, ...], per_day: int, first: int) -> None:
    with pytest.raises(ValueError, match="not an array"):
        faults(np.ones(shape), per_day, first=first)


@pytest.mark.parametrize(
    "wrong",
    [{"ratio": 1.0}, {"stuck_hours": 0.0}, {"stuck_share": 0.0}, {"look_back": ()}, {"least_look_back": 0}],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FaultSettings(**wrong)


def test_fault_hours_counts_the_last_cells_in_hours() -> None:
    found = np.zeros((3, 20), np.uint8)
    found[0, 2] = MISSING
    found[1, [15, 18]] = STUCK, SCALE
    assert fault_hours(found, last=8).hours.tolist() == [0, 2, 0]
    assert fault_hours(found, last=8).kind.tolist() == [SOUND, SCALE, SOUND]
    assert fault_hours(found, last=99, per_day=96).hours.tolist() == [0.25, 0.5, 0]
    assert fault_hours(found, last=0).hours.tolist() == [0, 0, 0]


def sentences(values: Floats, last: int = 24, step: timedelta = timedelta(hours=1)) -> list[str]:
    grid = Grid(START, step, len(values))
    found = faults(values[None], timedelta(days=1) // step)[0]
    return [each.sentence("MW") for each in evidence(values, found, grid, last)]


def test_evidence_says_what_since_when_and_how_much() -> None:
    values = load(10)[0]
    values[-5:] = 1204.0
    assert sentences(values) == ["stuck at 1,204.0 MW since 2020-04-10 19:00 (5 hours)"]
    assert sentences(values, last=2) == sentences(values), "a fault is followed back to its beginning"
    values[-5:] = np.nan
    assert sentences(values) == ["no value since 2020-04-10 19:00 (5 hours)"]
    values[-5:] = -3.0
    assert sentences(values) == ["not above zero, at -3.0 MW, since 2020-04-10 19:00 (5 hours)"]


def test_evidence_of_a_wrong_scale_says_how_wrong() -> None:
    values = np.tile(np.linspace(900.0, 1130.0, 24), 10)
    values[-1] = 1_130_000.0
    assert sentences(values) == [
        "at 1,130,000.0 MW, 1,000 times what is usual, since 2020-04-10 23:00 (1 hour)"
    ]


def test_evidence_of_a_fault_that_is_over_and_of_several() -> None:
    values = load(10)[0]
    values[-8:-6], values[-3] = np.nan, 0.0
    assert sentences(values) == [
        "not above zero, at 0.0 MW, from 2020-04-10 21:00 to 2020-04-10 22:00 (1 hour)",
        "no value from 2020-04-10 16:00 to 2020-04-10 18:00 (2 hours)",
    ]
    assert sentences(values, last=1) == []


def test_evidence_counts_hours_at_any_interval_and_shows_them_on_the_citys_clock() -> None:
    values = load(10, per_day=48)[0]
    values[-3:] = np.nan
    grid = Grid(START, timedelta(minutes=30), len(values))
    (found,) = evidence(values, faults(values[None], 48)[0], grid, last=48)
    assert (found.hours, found.value, found.lasts) == (1.5, None, True)
    assert found.usual is not None
    assert 750 < found.usual < 850
    assert found.sentence("MW", ZoneInfo("Asia/Kolkata")) == "no value since 2020-04-11 04:00 (1.5 hours)"


def real(shared_data: Path) -> Path:
    path = shared_data / "eia930_dev.parquet"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the project")
    return path


def test_real_zones_with_faults_put_in_and_with_their_published_labels(shared_data: Path) -> None:
    zones = read_labelled(real(shared_data))
    for name, in_time, named, *_ in injected_rows(zones, seeds=[3], each=4):
        assert (in_time, named) == (1.0, 1.0), name
    figure = {str(row[0]): float(row[1]) for row in false_rows(zones)}
    assert figure["false alarms a zone-year (target: at most 0.5)"] <= 0.5
    assert figure["precision against the labels, all hours"] > 0.98
    assert figure["recall of the labels, all hours"] > 0.9
    unlabelled = {str(row[0]): float(row[1]) for row in false_rows(replace(zones, bad=None))}
    assert unlabelled["alarms a zone-year of actuals (no labels)"] > 0


def test_an_onset_is_a_bad_hour_after_a_sound_day() -> None:
    bad = np.zeros((1, 100), bool)
    bad[0, [0, 1, 24, 49, 50, 80]] = True
    assert np.flatnonzero(new_onsets(bad)).tolist() == [0, 49, 80]
