"""Evaluate against the functions that people call: every figure of every city, taken apart by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from drift import metrics as m
from drift import statistics as s
from drift.config import AccuracyConfig, StatisticsConfig, WindowsConfig
from drift.domain import Grid, Panel, Series, Undefined
from drift.errors import UndefinedError
from drift.evaluate import Evaluation, floor_of
from drift.fleet import evaluate
from drift.timeline import Forecast, Pairs
from drift.windows import windows_of

HOUR = timedelta(hours=1)
SLOT = datetime(2020, 4, 10, tzinfo=UTC)
CITIES = ("Pune", "Surat", "Delhi")
ACCURACY = AccuracyConfig(season=24 * HOUR, floor_window=48 * HOUR, min_coverage=0.5)
WINDOWS = windows_of(SLOT, WindowsConfig(current=24 * HOUR, reference=240 * HOUR), ACCURACY)
GRID = Grid(WINDOWS.history.start, HOUR, WINDOWS.history.length // HOUR)
CURRENT, REFERENCE = GRID.cut(WINDOWS.current), GRID.cut(WINDOWS.reference)


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    """Two versions of three cities: Pune is whole, Surat gappy, Delhi has a quarter of its current window."""
    rng = np.random.default_rng(7)
    actual = rng.uniform(50, 150, (3, GRID.count)) * np.array([[1.0], [10.0], [0.1]])
    predicted = actual * rng.normal(1.02, 0.08, (2, 3, GRID.count))
    actual[1, rng.random(GRID.count) < 0.1] = np.nan
    predicted[0, 1, rng.random(GRID.count) < 0.1] = np.nan
    predicted[:, 2, CURRENT.start + 6 :] = np.nan
    width = 0.1 * np.abs(predicted)
    judged = Forecast(predicted, predicted - width, predicted + width)
    hours = np.arange(GRID.count) % 24
    near = Forecast(np.where(hours < 12, predicted, np.nan), None, None)
    temperature = rng.normal(25, 5, actual.shape)
    return Pairs(GRID, CITIES, ("v1", "v2"), actual, judged, {"0h-12h": near}, {"temperature": temperature})


@pytest.fixture(scope="module")
def panels(pairs: Pairs) -> tuple[Panel, ...]:
    return evaluate(pairs, WINDOWS, Evaluation(m.METRICS, s.STATISTICS, ACCURACY, StatisticsConfig()))


def value(panels, kind: str, name: str, series: Series, column: str | None = None):
    for panel in panels:
        if panel.kind == kind and series in panel.series and name in panel.names:
            cell = (panel.series.index(series), panel.columns.index(column), panel.names.index(name))
            return panel.at(*cell, series, column)
    raise AssertionError(f"{name} of {series} was not measured")


def by_hand(name: str, a, p, lower, upper, naive, history, floor: float) -> float:
    """The metric from the 1-D function that a person would call on the window's hours."""
    match name:
        case "accuracy" | "wape" | "mape":
            return getattr(m, name)(a, p, floor=floor)
        case "skill":
            return m.skill(a, p, naive)
        case "mase":
            return m.mase(a, p, history, season=24)
        case "pinball":
            return (m.pinball(a, lower, 0.1) + m.pinball(a, upper, 0.9)) / 2
        case "coverage_of_interval":
            return m.coverage_of_interval(a, lower, upper)
        case "mean_interval_width":
            return m.mean_interval_width(lower, upper)
        case _:
            return getattr(m, name)(a, p)


@pytest.mark.parametrize("name", list(m.METRICS))
@pytest.mark.parametrize(("v", "version"), [(0, "v1"), (1, "v2")])
@pytest.mark.parametrize(("c", "city"), [(0, "Pune"), (1, "Surat")])
def test_every_metric_of_a_city_is_the_function_on_its_current_window(
    pairs, panels, name, v, version, c, city
):
    a = pairs.actual[c, CURRENT].copy()
    p = pairs.judged.predicted[v, c, CURRENT]
    lower, upper = pairs.judged.lower[v, c, CURRENT].copy(), pairs.judged.upper[v, c, CURRENT].copy()
    naive = pairs.actual[c, CURRENT.start - 24 : CURRENT.stop - 24]
    history = pairs.actual[c, REFERENCE.start - 24 : REFERENCE.stop]
    floor = 0.05 * np.nanmedian(np.abs(pairs.actual[c, -48:]))
    unpaired = np.isnan(a) | np.isnan(p)
    lower[unpaired] = upper[unpaired] = np.nan
    got = value(panels, "metric", name, Series(version, city))
    assert got.value == pytest.approx(by_hand(name, a, p, lower, upper, naive, history, floor), rel=1e-12)
    assert got.n == (~unpaired).sum()
    assert got.coverage == pytest.approx((~unpaired).mean())


@pytest.mark.parametrize("name", list(s.STATISTICS))
@pytest.mark.parametrize("column", ["actual", "predicted", "error", "temperature"])
@pytest.mark.parametrize(("c", "city"), [(0, "Pune"), (1, "Surat")])
def test_every_statistic_of_a_column_is_the_function_on_its_two_windows(pairs, panels, name, column, c, city):
    values = {
        "actual": pairs.actual[c],
        "predicted": pairs.judged.predicted[1, c],
        "error": pairs.judged.predicted[1, c] - pairs.actual[c],
        "temperature": pairs.features["temperature"][c],
    }[column]
    got = value(panels, "statistic", name, Series("v2", city), column)
    expected = getattr(s, name)(values[REFERENCE], values[CURRENT])
    assert got.value == pytest.approx(expected, rel=1e-12)
    assert got.n == np.isfinite(values[CURRENT]).sum()


def test_below_the_minimum_coverage_every_figure_is_undefined_and_says_so(panels):
    for kind, name, column in (
        ("metric", "accuracy", None),
        ("metric", "mae", None),
        ("statistic", "ks", "predicted"),
    ):
        got = value(panels, kind, name, Series("v1", "Delhi"), column)
        assert (got.value, got.undefined) == (None, Undefined.LOW_COVERAGE)
        assert got.coverage == 0.25
        assert got.n == 6


def test_pooled_counts_every_hour_of_every_city_once(pairs, panels):
    a, p = pairs.actual[:, CURRENT].ravel(), pairs.judged.predicted[0][:, CURRENT].ravel()
    got = value(panels, "metric", "mae", Series("v1"))
    assert got.value == pytest.approx(m.mae(a, p), rel=1e-12)
    assert got.n == (~np.isnan(a) & ~np.isnan(p)).sum()


def test_pooled_errors_are_held_against_each_citys_own_floor(pairs, panels):
    floors = 0.05 * np.nanmedian(np.abs(pairs.actual[:, -48:]), axis=1)
    a, p = pairs.actual[:, CURRENT], pairs.judged.predicted[0][:, CURRENT]
    pair = ~np.isnan(a) & ~np.isnan(p)
    size = np.maximum(np.abs(a), floors[:, np.newaxis])
    wape = np.abs(p - a)[pair].sum() / size[pair].sum()
    assert value(panels, "metric", "accuracy", Series("v1")).value == pytest.approx(1 - wape, rel=1e-12)


def test_a_horizon_band_is_measured_on_its_own_hours_and_covered_by_what_it_forecasts(pairs, panels):
    a, p = pairs.actual[0, CURRENT], pairs.bands["0h-12h"].predicted[0, 0, CURRENT]
    got = value(panels, "metric", "mape", Series("v1", "Pune", "0h-12h"))
    assert got.value == pytest.approx(m.mape(a, p), rel=1e-12)
    assert (got.n, got.coverage) == (12, 1.0)
    missing = value(panels, "metric", "pinball", Series("v1", "Pune", "0h-12h"))
    assert missing.undefined is Undefined.NO_INTERVAL


def test_a_city_alone_has_the_same_figures_as_in_company(pairs, panels):
    alone = Pairs(
        GRID, CITIES[:1], ("v1", "v2"), pairs.actual[:1],
        Forecast(*(x[:, :1] for x in (pairs.judged.predicted, pairs.judged.lower, pairs.judged.upper))),
        {}, {"temperature": pairs.features["temperature"][:1]},
    )  # fmt: skip
    how = Evaluation(m.METRICS, s.STATISTICS, ACCURACY, StatisticsConfig())
    for panel in evaluate(alone, WINDOWS, how):
        for got in panel:
            if got.series.city:
                assert got == value(panels, got.kind, got.name, got.series, got.column)


def test_the_floor_is_a_share_of_the_median_load_or_the_configs_number():
    actual = np.array([[4.0, np.nan, 2.0, 6.0], [1.0, 3.0, 5.0, 7.0], [np.nan] * 4])
    np.testing.assert_allclose(floor_of(actual, AccuracyConfig()), [0.2, 0.2, 0.0])
    np.testing.assert_array_equal(floor_of(actual, AccuracyConfig(floor=30.0)), [30, 30, 30])


def test_a_reference_too_short_gives_no_statistic():
    with pytest.raises(UndefinedError, match="no current values"):
        s.ks([1.0, 2.0], [float("nan")])
    how = Evaluation(m.METRICS, s.STATISTICS, ACCURACY, StatisticsConfig(min_reference=241))
    actual = np.random.default_rng(1).uniform(1, 2, (1, GRID.count))
    lone = Pairs(GRID, ("Pune",), ("v1",), actual, Forecast(actual[np.newaxis], None, None), {}, {})
    got = value(evaluate(lone, WINDOWS, how), "statistic", "psi", Series("v1", "Pune"), "actual")
    assert got.undefined is Undefined.SHORT_REFERENCE


def test_no_model_version_gives_no_panel(pairs):
    empty = np.empty((0, *pairs.actual.shape))
    nothing = Pairs(GRID, CITIES, (), pairs.actual, Forecast(empty, None, None), {}, {})
    assert evaluate(nothing, WINDOWS, Evaluation(m.METRICS, s.STATISTICS, ACCURACY, StatisticsConfig())) == ()
