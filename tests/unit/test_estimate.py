"""What an estimate is made of: the trees are the library's, the inputs are what was known, bounds hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingRegressor

from drift.domain import Undefined, Window
from drift.errors import UndefinedError
from drift.estimate import DAYS, OWN, Outlook, inputs_of, load_of, reasons_of, scale_of, sums_of
from drift.estimate_fit import (
    LEAST_WINDOWS,
    EstimateFit,
    Held,
    Looks,
    VersionFit,
    _bounds,
    estimate,
    fit_version,
    inputs_named,
    look_at,
)
from drift.estimate_trees import Trees, trees_of
from drift.timeline import Forecast

DAY, FIRST, END, TOTAL = 24, DAYS * 24 + 24, DAYS * 24 + 48, DAYS * 24 + 72
"""An outlook of a day that may be late, and a day ahead."""
SPAN = Window(datetime(2021, 1, 1, tzinfo=UTC), datetime(2021, 5, 1, tzinfo=UTC))


def outlook(actual, predicted, features=None, now=END, lower=None, upper=None) -> Outlook:
    cities, total = predicted.shape
    clock = np.arange(total)[:, None] % DAY * np.ones((1, cities), int)
    return Outlook(
        forecast=Forecast(predicted, lower, upper),
        actual=actual,
        features=features or {},
        hour=clock.astype(np.int8),
        weekday=(clock // 4).astype(np.int8),
        holiday=clock > 99,
        per_day=DAY,
        first=FIRST,
        end=END,
        now=now,
    )


def flat(load=100.0, error=10.0, cities=1) -> Outlook:
    """A load that never changes, and a forecast that is as far off in every hour; a day ahead is not known."""
    actual = np.full((cities, TOTAL), load)
    actual[:, END:] = np.nan
    return outlook(actual, np.full((cities, TOTAL), load + error))


def column(found: np.ndarray, name: str) -> np.ndarray:
    return found[..., OWN.index(name)]


@pytest.fixture(scope="module")
def model() -> tuple[HistGradientBoostingRegressor, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(3000, 5))
    rows[rng.random(rows.shape) < 0.2] = np.nan
    rows[:, 4] = np.where(rng.random(3000) < 0.5, np.nan, 1.0)  # all there is to know is whether it is there
    target = np.exp(0.3 * np.nan_to_num(rows[:, 0])) + np.isnan(rows[:, 4]) + np.isnan(rows[:, 1])
    made = HistGradientBoostingRegressor(loss="poisson", max_iter=30, max_depth=4, random_state=1)
    return made.fit(rows, target), rows, target


def test_the_trees_say_what_the_library_says(model):
    made, rows, _ = model
    assert np.allclose(trees_of(made, 5).predict(rows), made.predict(rows), rtol=1e-12)
    nothing = np.full((1, 5), np.nan)
    assert np.allclose(trees_of(made, 5).predict(nothing), made.predict(nothing), rtol=1e-12)
    assert trees_of(made, 5).predict(np.empty((0, 5))).shape == (0,)


@given(seed=st.integers(0, 10_000), leaves=st.integers(1, 3), missing=st.floats(0, 0.9))
@settings(max_examples=15, deadline=None)
def test_so_they_do_for_any_inputs(seed, leaves, missing):
    rng = np.random.default_rng(seed)
    rows = np.round(rng.normal(size=(200, 3)), 1)
    rows[rng.random(rows.shape) < missing] = np.nan
    rows[0] = 0.0
    made = HistGradientBoostingRegressor(loss="poisson", max_iter=5, max_depth=leaves, min_samples_leaf=5)
    made.fit(rows, rng.random(200) + 0.01)
    other = np.round(rng.normal(size=(50, 3)), 1)
    other[rng.random(other.shape) < 0.3] = np.nan
    assert np.allclose(trees_of(made, 3).predict(other), made.predict(other), rtol=1e-12)


def test_trees_of_another_model_are_refused(model):
    made = trees_of(model[0], 5)
    with pytest.raises(ValueError, match="of a model of 5: not its own"):
        made.predict(np.zeros((2, 4)))
    kept = made.arrays()
    assert np.array_equal(Trees.of_arrays(kept).predict(model[1]), made.predict(model[1]))
    out = kept | {"left": kept["left"] + len(kept["left"])}
    with pytest.raises(ValueError, match="lead out of themselves"):
        Trees.of_arrays(out)
    with pytest.raises(ValueError, match="holds no trees"):
        Trees.of_arrays({name: value for name, value in kept.items() if name != "shape"})


def fitted(model) -> EstimateFit:
    ratios = np.array([[0.5, 1.0, 2.0], [0.4, 0.9, 1.7]])
    own = {"Pune": Held(ratios + 1, np.array([0.7, 0.75]), 90)}
    version = VersionFit(("wind",), trees_of(model[0], 5), Held(ratios, np.array([0.8, 0.82]), 400), own, 0.8)
    return EstimateFit({"v1": version}, SPAN)


def test_a_fit_is_kept_as_bytes_and_comes_back(model):
    made = fitted(model)
    back = EstimateFit.from_bytes(made.to_bytes())
    assert back.span == SPAN
    assert back.to_bytes() == made.to_bytes()
    version = back.versions["v1"]
    assert version.features == ("wind",)
    assert np.array_equal(version.held_by("Pune").ratios[0], [1.5, 2.0, 3.0])
    assert version.held_by("Agra").windows == 400
    assert np.array_equal(version.trees.predict(model[1]), made.versions["v1"].trees.predict(model[1]))


@given(st.data())
@settings(max_examples=20, deadline=None)
def test_one_flipped_bit_is_found(model, data):
    kept = bytearray(fitted(model).to_bytes())
    kept[data.draw(st.integers(0, len(kept) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ValueError, match="fit anew"):
        EstimateFit.from_bytes(bytes(kept))


def test_inputs_are_in_units_of_the_citys_load():
    found = inputs_of(flat(load=200.0, error=20.0), ())
    assert found.shape == (1, 48, len(OWN))
    ahead = found[0, 24:]
    assert column(ahead, "predicted") == pytest.approx(1.1)
    assert column(ahead, "error of the week") == pytest.approx(0.1)
    assert column(ahead, "bias of two days") == pytest.approx(0.1)
    assert column(ahead, "departure from the last known day") == pytest.approx(0.1)
    assert column(ahead, "change from a day before") == pytest.approx(0.0)
    assert np.isnan(column(ahead, "interval width")).all()
    assert column(ahead, "hours ahead").tolist() == list(range(24))
    assert column(ahead, "hours since the last actual").tolist() == list(range(24))
    assert load_of(found)[0, 24:] == pytest.approx(1.0)


def test_what_comes_later_is_no_input():
    """Actuals from `end` on are not there; features from `now` on are there, in a replay, and are not used."""
    rng = np.random.default_rng(1)
    wind = rng.random((1, TOTAL))
    known = replace(flat(), features={"wind": wind})
    later = np.where(np.arange(TOTAL) >= END, 1e9, wind)
    told = replace(known, features={"wind": later})
    assert np.array_equal(inputs_of(known, ("wind",)), inputs_of(told, ("wind",)), equal_nan=True)
    value = inputs_of(known, ("wind",))[0, :, len(OWN)]
    assert np.allclose(value[:24], wind[0, FIRST:END])
    assert np.allclose(value[24:], wind[0, FIRST:END])  # of the last day that is known
    assert inputs_named(["wind"])[len(OWN) :] == ("wind", "wind, departure from its days")


def test_a_feature_that_is_not_there_is_missing():
    assert np.isnan(inputs_of(flat(), ("wind",))[..., len(OWN) :]).all()


@given(seed=st.integers(0, 10_000), missing=st.floats(0, 1), factor=st.sampled_from([0.001, 1.0, 4096.0]))
@settings(max_examples=40, deadline=None)
def test_inputs_of_any_data_are_finite_or_missing_and_know_no_unit(seed, missing, factor):
    rng = np.random.default_rng(seed)
    actual = rng.gamma(2.0, 50.0, (3, TOTAL))
    predicted = actual + rng.normal(0, 20, actual.shape)
    for values in (actual, predicted):
        values[rng.random(values.shape) < missing] = np.nan
    actual[:, END:] = np.nan
    one = inputs_of(outlook(actual, predicted), ())
    assert not np.isinf(one).any()
    other = inputs_of(outlook(actual * factor, predicted * factor), ())
    assert np.allclose(one, other, rtol=1e-3, atol=1e-4, equal_nan=True)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda o: o.forecast.predicted.__setitem__((0, slice(END, None)), np.nan), Undefined.NO_PREDICTIONS),
        (lambda o: o.forecast.predicted.__setitem__((0, slice(END + 6, None)), np.nan), Undefined.LOW_COVERAGE),
        (lambda o: o.actual.__setitem__(0, np.nan), Undefined.NO_PAIRS),
        (lambda o: o.actual.__setitem__((0, slice(0, END)), 0.0), Undefined.NO_PAIRS),
    ],
)  # fmt: skip
def test_why_a_city_has_no_estimate(spoil, reason, trained):
    some = flat(cities=2)
    spoil(some)
    codes, _ = reasons_of(some, 0.6)
    assert [Undefined(code) for code in codes] == [reason, Undefined.DEFINED]
    said = estimate(some, ("Agra", "Pune"), trained, np.full(2, 5.0), 0.6)
    assert np.isnan(said.value[0]).all()
    assert np.isfinite(said.value[1]).all()
    assert np.array_equal(said.reason, codes)


def test_windows_add_up():
    error, load = np.array([[10.0, 30.0, 999.0]]), np.array([[100.0, 2.0, 100.0]])
    found = sums_of(error, load, np.array([5.0]), np.array([[True, True, False]]))
    assert found.wape == pytest.approx([40 / 105])
    assert found.mape == pytest.approx([0.1])  # the second is below the floor
    assert found.hours.tolist() == [2]
    nothing = sums_of(error, load, np.array([5.0]), np.zeros((1, 3), bool))
    assert np.isnan(nothing.wape).all()
    assert np.isnan(nothing.mape).all()


@given(st.lists(st.floats(-5, 5), max_size=300), st.sampled_from([0.5, 0.8, 0.9]))
def test_bounds_hold_their_share_of_what_they_are_made_of(values, level):
    low, middle, high = _bounds(np.array(values), level)
    if not values:
        assert np.isnan(middle)
        return
    assert low <= middle <= high
    inside = np.mean([(low <= v) & (v <= high) for v in values])
    assert inside >= level


def past(windows=300, cities=3, per=24, noise=0.5, seed=3) -> Looks:
    """Windows in which an hour's |error| is its first input, and by chance a little more or less."""
    rng = np.random.default_rng(seed)
    inputs = np.zeros((windows, per, len(OWN)), np.float32)
    inputs[..., 0] = 1.0
    size = rng.uniform(0.02, 0.3, (windows, 1)) * np.ones((1, per))
    inputs[..., OWN.index("ramp")] = size
    return Looks(
        inputs=inputs,
        unknown=np.ones((windows, per), bool),
        error=size * rng.lognormal(-(noise**2) / 2, noise, size.shape) * rng.lognormal(0, 0.2, (windows, 1)),
        actual=np.ones((windows, per)),
        floor=np.full(windows, 0.05),
        city=np.arange(windows) % cities,
        origin=np.arange(windows) // cities * 17 + 200,
        before=24,
        after=24,
    )


NAMES = ("Agra", "Pune", "Surat")


@pytest.fixture(scope="module")
def trained() -> VersionFit:
    return fit_version(past(), (), NAMES, 0.8, 0.6)


def test_a_fit_finds_the_input_that_the_error_goes_by(trained):
    other = past(windows=90, seed=8)
    rows = other.inputs.reshape(-1, len(OWN))
    size = rows[:, OWN.index("ramp")]
    off = np.abs(trained.trees.predict(rows.astype(float)) / size - 1)
    assert np.median(off) < 0.12
    assert np.mean(off) < 0.2


def test_it_says_what_its_bounds_held(trained):
    assert trained.held.windows == 300
    assert trained.held.within == pytest.approx([0.8, 0.8], abs=0.06)
    assert set(trained.own) == set(NAMES)
    assert trained.own["Agra"].windows == 100
    few = fit_version(past(windows=LEAST_WINDOWS), (), NAMES, 0.8, 0.6)
    assert few.own == {}
    assert few.held_by("Agra") is few.held


def test_too_few_windows_give_no_fit():
    with pytest.raises(UndefinedError) as caught:
        fit_version(past(windows=LEAST_WINDOWS - 1), (), NAMES, 0.8, 0.6)
    assert caught.value.reason is Undefined.NOT_FITTED
    unmeasured = replace(past(), error=np.full((300, 24), np.nan))
    with pytest.raises(UndefinedError):
        fit_version(unmeasured, (), NAMES, 0.8, 0.6)


def test_windows_all_at_one_time_cannot_be_held_against_others():
    together = replace(past(), origin=np.full(300, 200))
    with pytest.raises(UndefinedError):
        fit_version(together, (), NAMES, 0.8, 0.6)


def test_bounds_that_the_windows_are_too_few_for_are_not_made_up():
    with pytest.raises(UndefinedError):
        fit_version(past(), (), NAMES, 0.999, 0.6)


@given(seed=st.integers(0, 1000), missing=st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_an_estimate_is_there_exactly_where_it_has_no_reason(trained, seed, missing):
    rng = np.random.default_rng(seed)
    actual = rng.gamma(3.0, 40.0, (3, TOTAL))
    predicted = actual * rng.lognormal(0, 0.1, actual.shape)
    for values in (actual, predicted):
        values[rng.random(values.shape) < missing] = np.nan
    actual[:, END:] = np.nan
    some = outlook(actual, predicted)
    said = estimate(some, NAMES, trained, np.full(3, 2.0), 0.6)
    assert np.array_equal(np.isfinite(said.value).all(axis=1), said.reason == 0)
    there = said.reason == 0
    assert (said.low[there] <= said.value[there]).all()
    assert (said.value[there] <= said.high[there]).all()
    assert (said.hours[there] > 0).all()
    assert not (np.isfinite(said.expected) & ~some.unknown()).any()


def test_the_truth_of_a_past_window_is_no_input_of_it():
    some = flat()
    truth = [np.full((1, 48), value) for value in (50.0, 5000.0)]
    one, other = (look_at(some, (), each, np.array([5.0]), np.array([0]), 400) for each in truth)
    assert np.array_equal(one.inputs, other.inputs, equal_nan=True)
    assert not np.array_equal(one.error, other.error)
    dark = replace(some, actual=np.full_like(some.actual, np.nan))
    assert np.isnan(scale_of(dark)).all()
    assert len(look_at(dark, (), truth[0], np.array([5.0]), np.array([0]), 400).origin) == 0
    assert timedelta(days=DAYS) == timedelta(weeks=1)
