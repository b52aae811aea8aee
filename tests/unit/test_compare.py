"""Two model versions on the same hours: answers worked by hand, scikit-learn's, and what must hold of any data."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    root_mean_squared_error,
)

from drift.compare import FIGURES, combine, compare_block
from drift.compare_document import document
from drift.compare_words import leans_of, percent, sentences, verdict
from drift.comparison import Answer, Comparison, Figure, LeftOut, Settings, Won, span_of
from drift.config import Config, PredictionsConfig, StoreConfig, TableConfig
from drift.document import to_json
from drift.domain import Floats, Grid, Undefined, Window
from drift.evaluate import floor_of
from drift.metrics import METRICS, seasonal_scale
from drift.metrics.base import Sample
from drift.significance import block_bootstrap_interval, diebold_mariano
from drift.timeline import Forecast, Pairs

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE = 28  # days of history before the window
NAN = float("nan")


def config_of(**more: object) -> Config:
    table = {"path": "load.parquet"}
    store = StoreConfig(predictions=PredictionsConfig(**table), actuals=TableConfig(**table))
    return Config(store=store, base=Path(), **more)


def pairs_of(actual: Floats, features: dict[str, Floats] | None = None, **versions: Floats) -> Pairs:
    """Pairs of cities `c0`, `c1` … hour by hour, with so many model versions."""
    predicted = np.stack(list(versions.values()))
    cities = tuple(f"c{c}" for c in range(len(actual)))
    grid = Grid(START, HOUR, actual.shape[1])
    return Pairs(grid, cities, tuple(versions), actual, Forecast(predicted, None, None), {}, features or {})


def window_of(pairs: Pairs, before: int = BEFORE) -> Window:
    return Window(START + before * 24 * HOUR, pairs.grid.end)


def compared(
    pairs: Pairs, a: str = "a", b: str = "b", config: Config | None = None, feature: str | None = None
) -> Comparison:
    window, how = window_of(pairs), Settings()
    block = compare_block(pairs, a, b, window, config or config_of(), feature, how)
    return combine([block], a, b, window, HOUR, feature, how)


def noisy(days: int, cities: int = 1, seed: int = 0) -> Floats:
    """A load by the hour that no rule takes for a fault."""
    rng = np.random.default_rng(seed)
    t = np.arange((BEFORE + days) * 24)
    level = 100.0 * np.arange(1, cities + 1)[:, None]
    return level * (1 + 0.3 * np.sin(2 * np.pi * t / 24)) * rng.normal(1, 0.02, (cities, len(t)))


def with_errors(actual: Floats, sd: float, seed: int) -> Floats:
    return actual * np.random.default_rng(seed).normal(1, sd, actual.shape)


# ---------------------------------------------------------------------------------------------------- by hand


def test_a_comparison_worked_by_hand() -> None:
    # 100 and 200 in turn; a is 10 too high, b 5 too low, always: mean load 150, floor 0.05 × 150 = 7.5
    actual = np.tile([100.0, 200.0], (BEFORE + 14) * 12)[None]
    found = compared(pairs_of(actual, a=actual + 10, b=actual - 5))
    (city,) = found.cities
    for result in (city, found.all):
        figures = result.figures
        assert (figures["wape"].a, figures["wape"].b) == pytest.approx((10 / 150, 5 / 150))
        assert (figures["accuracy"].a, figures["accuracy"].b) == pytest.approx((1 - 10 / 150, 1 - 5 / 150))
        assert (figures["mape"].a, figures["mape"].b) == pytest.approx((0.075, 0.0375))  # (10 % + 5 %) ÷ 2
        assert (figures["mae"].a, figures["mae"].b) == pytest.approx((10, 5))
        assert (figures["rmse"].a, figures["rmse"].b) == pytest.approx((10, 5))
        assert (figures["bias"].a, figures["bias"].b) == pytest.approx((10, -5))
        assert figures["bias"].difference == pytest.approx(15)
        # the load of a week before is the load: nothing to scale by, and no error to be better than
        assert figures["mase"].difference is Undefined.NO_SCALE
        assert figures["skill"].difference in (Undefined.NO_SCALE, Undefined.NO_BASELINE)
        assert result.better == 1
        assert result.test is Undefined.CONSTANT_REFERENCE  # the difference is 5 every day
    assert city.wape.interval == pytest.approx((5 / 150, 5 / 150))
    assert found.all.pairs == 14 * 24
    assert found.won == {
        "cities": Won(0, 1, 1),
        "hours": Won(0, 24, 24),
        "week": Won(0, 2, 2),
        "regimes": Won(0, 0, 0),
    }
    assert "not tested: the difference is the same every day" in verdict(found)


def test_hours_are_left_out_by_the_first_reason_that_holds() -> None:
    actual = noisy(10)
    a, b = with_errors(actual, 0.03, 1), with_errors(actual, 0.03, 2)
    first = BEFORE * 24
    a[0, first : first + 3] = NAN  # of these, b lacks the first
    b[0, first] = NAN
    b[0, first + 3 : first + 5] = NAN
    actual[0, first + 4 : first + 12] = NAN  # the first of them is b's
    actual[0, first + 20] = -1.0
    actual[0, first + 30 : first + 36] = actual[0, first + 30]  # stuck for six hours
    a[0, first + 50], b[0, first + 50] = 0.0, 0.0
    a[0, first + 51] *= 1000
    b[0, first + 52], b[0, first + 53] = -5.0, 0.0
    found = compared(pairs_of(actual, a=a, b=b))
    assert found.cities[0].left_out == {
        LeftOut.NEITHER: 1,
        LeftOut.NO_A: 2,
        LeftOut.NO_B: 2,
        LeftOut.NO_ACTUAL: 7,
        LeftOut.BAD_ACTUAL: 7,
        LeftOut.BAD_BOTH: 1,
        LeftOut.BAD_A: 1,
        LeftOut.BAD_B: 2,
    }
    assert found.all.total == 10 * 24
    assert found.all.pairs == 10 * 24 - 23
    said = sentences(found)[-1]
    assert said.startswith(
        "Compared on 217 of 240 hours (90.4 %); most others left out because the actual is not known (7)"
    )
    assert said.endswith("; not held against them: 1 faulty prediction of a and 2 faulty predictions of b.")


def test_hours_of_the_day_and_weekends_are_the_citys_own() -> None:
    # b is 10 % off from 18:30 to 00:30 UTC, which is midnight to six in Kolkata, where Friday evening is Saturday
    actual = noisy(28, cities=2)
    t = np.arange(actual.shape[1]) % 24
    b = np.where((t >= 19) | (t < 1), 1.1, 1.01) * actual
    config = config_of(timezone="Asia/Kolkata")
    found = compared(pairs_of(actual, a=with_errors(actual, 0.04, 3), b=b), config=config)
    worst = [part.name for part in found.by_hour if part.wape.b > 0.05]
    assert worst == ["00:00", "01:00", "02:00", "03:00", "04:00", "05:00"]
    assert [part.name for part in found.by_week] == ["weekdays", "weekends"]
    assert sum(part.pairs for part in found.by_week) == found.all.pairs
    night = {part.name: part for part in found.cities[0].parts}["at night"]
    assert night.clear
    assert night.wape.sign == -1
    assert found.cities[0].hours == 24
    assert found.cities[0].won == (6, 18)


def test_a_version_that_is_better_at_night_alone_is_said() -> None:
    actual = noisy(60, cities=3)
    night = np.isin(np.arange(actual.shape[1]) % 24, (22, 23, 0, 1, 2, 3, 4, 5))
    a, b = with_errors(actual, 0.08, 4), with_errors(actual, 0.04, 5)
    a[2, night] = with_errors(actual, 0.01, 6)[2, night]
    found = compared(pairs_of(actual, a=a, b=b))
    said = sentences(found)
    assert said[0].startswith("b is better in all 3 cities: WAPE 3.")
    assert said[0].endswith("p < 0.001.")
    assert "a is better at night in c2." in said


def test_thirds_of_a_feature_are_each_citys_own() -> None:
    actual = noisy(30, cities=2)
    warm = np.stack([np.arange(actual.shape[1]) % 30.0, 1000 + np.arange(actual.shape[1]) % 30.0])
    b = actual * np.where(warm % 1000 > 19, 1.2, 1.01)
    pairs = pairs_of(actual, {"temperature": warm}, a=actual * 1.05, b=b)
    found = compared(pairs, feature="temperature")
    assert [part.name for part in found.by_regime] == ["low", "middle", "high"]
    assert [part.pairs for part in found.by_regime] == [480, 480, 480]
    assert [part.wape.sign for part in found.by_regime] == [1, 1, -1]
    assert found.won["regimes"] == Won(1, 2, 3)


def test_a_feature_that_never_changes_has_no_thirds() -> None:
    actual = noisy(12)
    pairs = pairs_of(actual, {"x": np.ones_like(actual)}, a=actual * 1.02, b=actual * 1.01)
    found = compared(pairs, feature="x")
    assert [part.wape.difference for part in found.by_regime] == [Undefined.NO_PAIRS] * 3
    assert not any("third" in sentence for sentence in sentences(found))


# ----------------------------------------------------------------------------------------------------- oracles


@pytest.fixture(scope="module")
def gappy() -> Pairs:
    """Three cities over forty days, with gaps of their own in all that there is."""
    rng = np.random.default_rng(7)
    actual = noisy(40, cities=3, seed=8)
    a, b = with_errors(actual, 0.05, 9), with_errors(actual, 0.045, 10) * 1.01
    for values in (actual, a, b):
        values[rng.random(values.shape) < 0.03] = NAN
    return pairs_of(actual, a=a, b=b)


def good_of(pairs: Pairs) -> tuple[Floats, Floats, Floats]:
    cut = pairs.grid.cut(window_of(pairs))
    actual, (a, b) = pairs.actual[:, cut], pairs.judged.predicted[:, :, cut]
    both = np.isfinite(actual) & np.isfinite(a) & np.isfinite(b)
    return tuple(np.where(both, values, np.nan) for values in (actual, a, b))


def test_each_city_is_as_scikit_learn_has_it(gappy: Pairs) -> None:
    found = compared(gappy)
    actual, *sides = good_of(gappy)
    for c, city in enumerate(found.cities):
        known = np.isfinite(actual[c])
        assert city.pairs == known.sum()
        for side, values in zip(("a", "b"), sides, strict=True):
            truth, forecast = actual[c][known], values[c][known]
            got = {name: getattr(figure, side) for name, figure in city.figures.items()}
            assert got["mae"] == pytest.approx(mean_absolute_error(truth, forecast))
            assert got["rmse"] == pytest.approx(root_mean_squared_error(truth, forecast))
            assert got["mape"] == pytest.approx(mean_absolute_percentage_error(truth, forecast))
            assert got["wape"] == pytest.approx(mean_absolute_error(truth, forecast) / truth.mean())
            assert got["bias"] == pytest.approx((forecast - truth).mean())


def test_all_cities_are_the_metrics_of_all_their_hours(gappy: Pairs) -> None:
    found, config = compared(gappy), config_of()
    cut = gappy.grid.cut(window_of(gappy))
    actual, *sides = good_of(gappy)
    shape = actual.shape
    floor = np.broadcast_to(floor_of(actual, config.accuracy)[:, None], shape)
    scale = np.broadcast_to(seasonal_scale(gappy.actual[:, cut.start - 168 :], 168)[:, None], shape)
    naive = gappy.actual[:, cut.start - 168 : cut.stop - 168]
    for side, values in zip(("a", "b"), sides, strict=True):
        one = (each.reshape(1, -1) for each in (actual, values, naive, floor, scale))
        flat = dict(zip(("actual", "predicted", "naive", "floor", "scale"), one, strict=True))
        for name in FIGURES:
            value = METRICS[name].rows(Sample(**flat)).value[0]
            assert getattr(found.all.figures[name], side) == pytest.approx(value), name


def test_the_test_and_the_interval_are_those_of_days(gappy: Pairs) -> None:
    city = compared(gappy).cities[0]
    actual, a, b = (values[0].reshape(-1, 24) for values in good_of(gappy))
    losses = [np.nanmean(np.abs(side - actual), axis=1) for side in (a, b)]
    assert city.test == replace(
        diebold_mariano(*losses),
        difference=pytest.approx(diebold_mariano(*losses).difference),
        statistic=pytest.approx(diebold_mariano(*losses).statistic),
        p_value=pytest.approx(diebold_mariano(*losses).p_value),
    )
    top = np.nansum(np.abs(a - actual) - np.abs(b - actual), axis=1)
    wanted = block_bootstrap_interval(
        top, np.nansum(actual, axis=1), rng=np.random.default_rng(0), block=7, level=0.95
    )
    assert city.wape.interval == pytest.approx(wanted)


def test_a_range_need_not_be_whole_days() -> None:
    actual = noisy(13)[:, : (BEFORE + 12) * 24 + 9]  # nine hours of a last day: too few for the test
    found = compared(pairs_of(actual, a=with_errors(actual, 0.05, 1), b=with_errors(actual, 0.04, 2)))
    assert found.all.pairs == 12 * 24 + 9
    assert found.all.test.n == 12
    assert found.all.test.left_out == 1


# ------------------------------------------------------------------------------------------- what always holds


def negative(figure: Figure) -> Figure:
    """The figure of b against a."""
    if isinstance(figure.difference, Undefined):
        return Figure(figure.b, figure.a, figure.difference, figure.interval)
    interval = figure.interval
    if isinstance(interval, tuple):
        interval = pytest.approx((-interval[1], -interval[0]), abs=1e-12)
    return Figure(figure.b, figure.a, pytest.approx(-figure.difference), interval)


def test_b_against_a_is_a_against_b_with_the_other_sign(gappy: Pairs) -> None:
    there, back = compared(gappy), compared(gappy, "b", "a")
    for one, other in zip((there.all, *there.cities), (back.all, *back.cities), strict=True):
        assert {name: negative(figure) for name, figure in one.figures.items()} == other.figures
        assert one.test.statistic == pytest.approx(-other.test.statistic)
        assert one.test.p_value == pytest.approx(other.test.p_value)
        assert one.clear == other.clear
        assert one.better == -other.better
    assert [negative(part.wape) for part in there.by_hour] == [part.wape for part in back.by_hour]
    assert there.won["hours"] == Won(back.won["hours"].b, back.won["hours"].a, 24)
    assert verdict(there) == verdict(back)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.9), st.integers(1, 12))
def test_every_hour_is_compared_or_left_out_once_and_the_reasons_swap(
    seed: int, gone: float, days: int
) -> None:
    rng = np.random.default_rng(seed)
    actual = noisy(days, cities=2, seed=seed)
    a, b = with_errors(actual, 0.05, seed), with_errors(actual, 0.05, seed + 1)
    for values in (actual, a, b):
        values[rng.random(values.shape) < gone * rng.random()] = NAN
        values[rng.random(values.shape) < 0.01] = 0.0
    pairs = pairs_of(actual, a=a, b=b)
    there, back = compared(pairs), compared(pairs, "b", "a")
    assert there.all.total == 2 * days * 24
    swapped = {LeftOut.NO_A: LeftOut.NO_B, LeftOut.BAD_A: LeftOut.BAD_B}
    swapped |= {b: a for a, b in swapped.items()}
    assert {
        swapped.get(reason, reason): many for reason, many in there.all.left_out.items()
    } == back.all.left_out
    for figure in there.all.figures.values():
        if isinstance(figure.difference, float):
            assert np.isfinite([figure.a, figure.b, figure.difference]).all()
    to_json(document(Answer(there)))  # strict: no NaN, no infinity


def test_a_version_against_itself_differs_by_nothing(gappy: Pairs) -> None:
    found = compared(gappy, "a", "a")
    for result in (found.all, *found.cities):
        assert {figure.difference for figure in result.figures.values()} == {0.0}
        assert result.wape.interval == (0.0, 0.0)
        assert result.test is Undefined.CONSTANT_REFERENCE
        assert not result.clear
        assert result.better == 0
    assert (
        sentences(found)[0] == f"a is held against itself: WAPE {percent(found.all.wape.a)}, no difference."
    )


def test_blocks_of_cities_add_up(gappy: Pairs) -> None:
    def some(cities: slice) -> Pairs:
        forecast = Forecast(gappy.judged.predicted[:, cities], None, None)
        return replace(gappy, cities=gappy.cities[cities], actual=gappy.actual[cities], judged=forecast)

    window, how = window_of(gappy), Settings()
    parts = [
        compare_block(some(cities), "a", "b", window, config_of(), None, how)
        for cities in (slice(0, 1), slice(1, 3))
    ]
    found, whole = combine(parts, "a", "b", window, HOUR, None, how), compared(gappy)
    assert found.cities == whole.cities
    for name, figure in whole.all.figures.items():
        assert found.all.figures[name].difference == pytest.approx(figure.difference)
        assert found.all.figures[name].interval == pytest.approx(figure.interval)
    assert found.all.left_out == whole.all.left_out


def test_a_block_without_one_of_the_versions_has_no_hours_to_compare() -> None:
    actual = noisy(12)
    found = compared(pairs_of(actual, a=actual * 1.01), "a", "b")
    assert found.all.left_out == {LeftOut.NO_B: 12 * 24}
    assert found.all.wape.difference is Undefined.NO_PAIRS
    assert sentences(found)[0] == f"a and b have no good hour in common in {found.window}."


def test_fewer_than_ten_days_give_figures_and_no_certainty() -> None:
    actual = noisy(9)
    found = compared(pairs_of(actual, a=with_errors(actual, 0.05, 1), b=with_errors(actual, 0.02, 2)))
    assert found.all.better == 1
    assert found.all.test is Undefined.LOW_COVERAGE
    assert found.all.wape.interval is Undefined.LOW_COVERAGE
    assert not found.all.clear
    said = verdict(found)
    assert said.startswith("There is no clear difference between a and b in c0: WAPE")
    assert "; b leads by 2." in said
    assert said.endswith(" points, not tested: fewer than ten days.")


# ------------------------------------------------------------------------------------------- what is called clear


def test_of_many_cities_that_differ_by_chance_few_are_called_clear() -> None:
    actual = noisy(60, cities=40, seed=3)
    a, b = with_errors(actual, 0.05, 11), with_errors(actual, 0.05, 12)
    a[7] = with_errors(actual, 0.10, 13)[7]
    found = compared(pairs_of(actual, a=a, b=b))
    assert [city.city for city in found.cities if city.clear] == ["c7"]
    assert found.clear == Won(0, 1, 40)


def test_who_is_clearly_better_where_the_other_one_is_ahead_is_said() -> None:
    actual = noisy(60, cities=5)
    a, b = with_errors(actual, 0.06, 1), with_errors(actual, 0.03, 2)
    a[0] = with_errors(actual, 0.01, 3)[0]
    said = sentences(compared(pairs_of(actual, a=a, b=b)))
    assert said[0].startswith("b is better in 4 of 5 cities: WAPE 2.")
    assert "a is clearly better in c0." in said


def test_a_city_that_makes_most_of_the_difference_is_named() -> None:
    actual = noisy(40, cities=4)
    a, b = with_errors(actual, 0.031, 1), with_errors(actual, 0.030, 2)
    a[3] *= 1.5
    said = sentences(compared(pairs_of(actual, a=a, b=b)))
    assert said[1].startswith("c3 alone makes 100 % of that: 2.4 % against 50")


def test_which_way_each_leans_is_said() -> None:
    actual = noisy(20)
    found = compared(
        pairs_of(actual, a=with_errors(actual, 0.03, 1) * 1.05, b=with_errors(actual, 0.03, 2) * 0.98)
    )
    leans = leans_of(found)
    assert leans == pytest.approx((0.05, -0.02), abs=0.003)
    assert "a over-forecasts by 4.8 % of the load, b under-forecasts by 2.1 %." in sentences(found)


def test_names_from_data_are_only_shown() -> None:
    hostile = "{0.__class__}\x1b[2J\u202e<b>"
    actual = noisy(12)
    pairs = pairs_of(
        actual,
        {hostile: np.arange(actual.size, dtype=float)[None]},
        **{hostile: actual * 1.02, "b": actual * 1.01},
    )
    found = compared(replace(pairs, cities=(hostile,)), hostile, "b", feature=hostile)
    said = " ".join(sentences(found))
    assert said.isprintable()
    assert "{0.__class__}�[2J�<b>" in said


def test_a_picture_of_differences_is_cut_so_that_one_city_does_not_flatten_all() -> None:
    assert span_of([]) == (0.0, 0.0)
    assert span_of([Figure(2.0, 1.0, 1.0, (0.5, 1.5)), Figure(1.0, 2.0, -1.0, (-1.5, -0.5))]) == (-1.5, 1.5)
    assert span_of([Figure(2.0, 1.0, 1.0)] * 3 + [Figure(50.0, 1.0, 49.0)]) == (0.0, 4.0)
