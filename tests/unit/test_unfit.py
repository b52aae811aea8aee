"""Which actuals are unfit to judge a forecast by: known answers, and what must hold of any load."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift.domain import Grid, Window
from drift.quality import NAMES
from drift.shifts import ShiftRule, offsets, shifts_told
from drift.spikes import SpikeRule, is_usual, limit_of, spikes_told
from drift.stuck import NEVER, StuckRule, stuck_told
from drift.unfit import MEMORY, unfit, unfit_now

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
DAYS = 70


def load(days: int = DAYS, step: timedelta = HOUR, noise: float = 0.01, seed: int = 0) -> np.ndarray:
    """A city with a morning and an evening peak, quieter weekends, and its own noise."""
    per_day = DAY // step
    t = np.arange(days * per_day) / per_day
    hour, day = 24 * (t % 1), t.astype(int)
    shape = 1 + 0.25 * np.exp(-((hour - 8) ** 2) / 4) + 0.4 * np.exp(-((hour - 19) ** 2) / 5)
    weekend = np.where(day % 7 >= 5, 0.9, 1.0)
    rng = np.random.default_rng(seed)
    return 1000 * shape * weekend * np.exp(noise * rng.normal(size=len(t)))


def grid(values: np.ndarray, step: timedelta = HOUR, start: datetime = START) -> Grid:
    return Grid(start, step, values.shape[-1])


def names(values: np.ndarray, end: int | None = None, zone: str = "UTC", step: timedelta = HOUR) -> list[str]:
    """The kind of each value's fault as known before a cell, "" where it is sound."""
    told = unfit(values[None], grid(values, step), [zone])
    codes = told.within(slice(0, end or len(values)), first=0)[0]
    return [NAMES.get(int(code), "") for code in codes]


def test_each_kind_is_named_where_it_is():
    values, at = load(), 60 * 24
    values[at] = 0.0
    values[at + 24] = -5.0
    values[at + 48 : at + 54] = values[at + 48]
    values[at + 72] *= 1000
    values[at + 80] /= 1000
    values[at + 96] *= 1.6
    found = {k - at: name for k, name in enumerate(names(values)) if name}
    assert found == {
        0: "not_positive", 24: "not_positive", **{48 + k: "stuck" for k in range(6)},
        72: "scale", 80: "scale", 96: "spike",
    }  # fmt: skip


def test_a_spike_is_told_when_the_load_is_back_and_not_before():
    values, at = load(), 60 * 24 + 3
    values[at : at + 2] *= 0.6
    assert not any(names(values[: at + 2]))
    assert [k - at for k, name in enumerate(names(values[: at + 3])) if name == "spike"] == [0, 1]


def test_a_step_that_stays_is_no_spike():
    values = load()
    values[60 * 24 :] *= 1.4
    assert not any(names(values))


def test_a_jump_that_comes_every_day_or_every_week_is_the_citys_own():
    daily, weekly = load(), load()
    daily[10::24] *= 1.6
    weekly[10 :: 7 * 24] *= 1.6
    assert not any(names(daily)[28 * 24 :])
    assert not any(names(weekly)[28 * 24 :])


def test_times_a_thousand_is_a_scale_even_for_an_hour_and_another_factor_that_returns_a_spike():
    values, at = load(), 60 * 24
    values[at] *= 1000
    values[at + 30] *= 6
    assert (names(values)[at], names(values)[at + 30]) == ("scale", "spike")
    assert names(values[: at + 31])[at + 30] == "scale"  # as long as nobody knows that it returns


def test_a_wrong_scale_of_ten_days_is_told_for_all_of_them_and_not_the_days_after():
    values = load()
    values[45 * 24 : 55 * 24] *= 1000
    found = names(values)
    assert set(found[45 * 24 : 55 * 24]) == {"scale"}
    assert not any(found[55 * 24 :])


def test_a_coarse_city_that_stands_still_by_itself_is_not_stuck():
    values = np.round(load(noise=0.0) / 250) * 250
    assert "stuck" not in names(values)[40 * 24 :]


@pytest.mark.parametrize("late", [1, -1, 2, 5, -8, 9])
def test_a_clock_that_goes_wrong_is_told_within_three_days_by_how_much(late):
    whole = load(DAYS + 2)
    t = np.arange(DAYS * 24) + 24
    begin = 60 * 24
    values = np.where(np.arange(DAYS * 24) < begin, whole[t], whole[t - late])
    told = shifts_told(values[None], grid(values), ["UTC"])
    shifted = np.flatnonzero(told.told[0] != NEVER)
    assert begin - 12 <= shifted[0] <= begin + 12
    assert told.told[0, shifted[0]] < begin + 72
    assert set(told.hours[0, shifted].tolist()) == {float(late)}


@pytest.mark.parametrize("step", [HOUR / 2, HOUR / 4, HOUR / 12])
def test_local_time_written_as_utc_in_a_half_hour_zone_is_told_as_five_and_a_half(step):
    whole = load(45, step)
    begin, ahead = 38 * (DAY // step), 11 * HOUR // 2 // step
    values = np.concatenate([whole[:begin], whole[begin - ahead : -ahead]])
    told = shifts_told(values[None], grid(values, step), ["Asia/Kolkata"])
    assert set(told.hours[0, told.told[0] != NEVER].tolist()) == {5.5}


@pytest.mark.parametrize(
    ("start", "zone"),
    [
        (datetime(2026, 2, 2, tzinfo=UTC), "Europe/Berlin"),  # forward on 29 March
        (datetime(2026, 2, 2, tzinfo=UTC), "UTC"),  # nobody said that it is Berlin
        (datetime(2026, 9, 14, tzinfo=UTC), "America/New_York"),  # back on 1 November
        (datetime(2026, 9, 14, tzinfo=UTC), "UTC"),
        (datetime(2026, 9, 7, tzinfo=UTC), "Australia/Lord_Howe"),  # by half an hour, on 4 October
    ],
)
def test_a_change_of_the_clocks_is_no_shift(start, zone):
    real = {"UTC": "Europe/Berlin"}.get(zone, zone)
    step = HOUR / 2
    made = Grid(start, step, DAYS * 48)
    ahead = offsets(made, real)
    local = (np.arange(made.count) * 1800 + ahead) // 1800
    values = load(DAYS + 3, step)[local - local[0] + 24]
    told = shifts_told(values[None], made, [zone])
    assert not (told.told != NEVER).any()


def test_a_change_of_the_clocks_that_the_data_missed_is_a_shift_by_an_hour():
    values = load()  # stays at the hours of UTC, while Berlin's clock goes forward
    start = datetime(2026, 2, 2, tzinfo=UTC)
    told = shifts_told(values[None], grid(values, start=start), ["Europe/Berlin"])
    shifted = told.told[0] != NEVER
    change = (datetime(2026, 3, 29, 1, tzinfo=UTC) - start) // HOUR
    assert np.flatnonzero(shifted)[0] >= change - 12
    assert set(told.hours[0, shifted].tolist()) == {1.0}


def test_a_lazy_holiday_is_no_shift():
    values = load()
    day = values[60 * 24 : 61 * 24]
    values[60 * 24 : 60 * 24 + 14] = np.concatenate([day[:6], day[4:12]])  # the morning comes two hours late
    assert "shift" not in names(values)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), noise=st.floats(0.002, 0.03), step=st.sampled_from([1, 2, 4]))
def test_there_is_no_fault_in_a_clean_seasonal_series(seed, noise, step):
    values = load(64, HOUR / step, noise, seed)
    assert not any(names(values, step=HOUR / step))


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), factor=st.sampled_from([1e-3, 0.5, 8.0, 1024.0]))
def test_a_factor_on_a_city_changes_nothing(seed, factor):
    values = soiled(seed)
    scaled = values * (2.0 ** np.round(np.log2(factor)))  # exact, so that equal values stay equal
    assert names(values) == names(scaled)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), days=st.integers(1, 20))
def test_what_is_said_moves_with_the_data(seed, days):
    """The same load some days later has the same faults there (UTC: the clock does not matter)."""
    values = soiled(seed)
    told = unfit(values[None], grid(values), ["Asia/Kolkata"])
    moved = unfit(values[None], grid(values, start=START + days * DAY), ["Asia/Kolkata"])
    for code, cells in told.by_kind.items():
        assert (cells == moved.by_kind[code]).all()


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), end=st.integers(65 * 24, 80 * 24))
def test_a_slot_says_what_a_look_at_all_years_says_it_knew(seed, end):
    """The look back is bounded: a window cut from a series, and nothing after it, is enough."""
    values = soiled(seed, 82)[None]
    made = grid(values)
    window = Window(START + (end - 24) * HOUR, START + end * HOUR)
    now = unfit_now(values, made, ["Europe/Berlin"], window)
    cut = values[:, :end].copy()
    cut[:, : end - 24 - MEMORY // HOUR] = 7.0  # what lies further back is nobody's business
    whole = unfit(values, made, ["Europe/Berlin"]).within(slice(end - 24, end), first=0)
    assert (now.codes == whole).all()
    assert (unfit_now(cut, grid(cut), ["Europe/Berlin"], window).codes == whole).all()


def soiled(seed: int, days: int = 64) -> np.ndarray:
    """A load with some of everything."""
    rng = np.random.default_rng(seed)
    values = load(days, seed=seed)
    for _ in range(12):
        at, length = int(rng.integers(30 * 24, days * 24 - 60)), int(rng.integers(1, 14))
        part = slice(at, at + length)
        kind = rng.integers(0, 5)
        values[part] = [0 * values[part], values[at], values[part] * 1000, np.nan, values[part] * 1.7][kind]
    return values


def test_cities_do_not_touch_each_other():
    many = np.stack([soiled(seed) for seed in range(4)])
    zones = ["UTC", "Asia/Kolkata", "UTC", "Europe/Berlin"]
    together = unfit(many, grid(many), zones)
    for c, zone in enumerate(zones):
        alone = unfit(many[c : c + 1], grid(many), [zone])
        for code, cells in alone.by_kind.items():
            assert (cells[0] == together.by_kind[code][c]).all()


def test_in_how_many_a_city_is_asked_about_changes_nothing():
    many = np.stack([soiled(seed) for seed in range(37)])  # more than are looked at together
    told = spikes_told(many, 24, first=40 * 24)
    alone = np.concatenate([spikes_told(each[None], 24, first=40 * 24) for each in many])
    np.testing.assert_array_equal(told, alone)
    assert (told != NEVER).any(axis=1).sum() > 5


@given(
    past=st.lists(st.one_of(st.floats(0, 2), st.just(np.nan)), min_size=1, max_size=300),
    jump=st.floats(0, 5),
)
def test_a_jump_that_is_plainly_usual_is_none_by_the_limit_either(past, jump):
    """The shortcut that spares sorting must never say that a jump is usual which the limit lets be a spike."""
    rule, values = SpikeRule(least=1), np.array(past)
    if is_usual(jump, values, rule):
        assert jump <= limit_of(values, rule)


def test_a_jump_among_its_likes_is_seen_to_be_usual():
    assert is_usual(0.5, np.full(100, 0.3), SpikeRule())
    assert not is_usual(0.5, np.full(100, 0.1), SpikeRule())


def test_nothing_can_be_said_of_nothing():
    for values in (np.zeros((0, 100)), np.full((2, 100), np.nan), np.ones((1, 3))):
        assert not (unfit(values, grid(values), ["UTC"] * len(values)).hours != 0).any()
    assert (stuck_told(np.ones((1, 50)), 24, StuckRule(4, 0.07, 28)) == NEVER).all()  # constant, not stuck
    assert (spikes_told(np.full((1, 9), np.nan), 24) == NEVER).all()
    coarse = np.ones((1, 40))
    assert (shifts_told(coarse, grid(coarse, 6 * HOUR), ["UTC"], rule=ShiftRule()).told == NEVER).all()
