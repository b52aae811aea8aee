"""Plots draw the data that was asked for, on the city's clock, and touch nothing but their own figure."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import num2date
from matplotlib.figure import Figure

from drift import Monitor, load_config, plots
from drift.compare_words import signed_points
from drift.comparing import Ask, compare_versions
from drift.domain import AlertKey
from drift.errors import ConfigError
from drift.plots.base import new_plot, shown
from drift.reports.spans import Span

HOUR = timedelta(hours=1)
SLOT = datetime(2026, 4, 1, 12, tzinfo=UTC)
END = datetime(2026, 4, 4, tzinfo=UTC)


@pytest.fixture
def config(made):
    made.edit("windows:", "timezone: Asia/Kolkata\nwindows:")
    return load_config(made.config)


@pytest.fixture
def monitor(config):
    with Monitor(config, sinks=()) as opened:
        yield opened


@pytest.fixture
def book(monitor):
    return plots.open_book(monitor, SLOT)


@pytest.fixture
def found(config):
    return compare_versions(config, Ask("v1", "v2", END, end=END)).comparison


def words_of(plot) -> list[str]:
    plot.draw_without_rendering()
    return [text.get_text() for text in plot.findobj(lambda artist: hasattr(artist, "get_text"))]


def line_of(plot, k=0):
    return plot.axes[0].get_lines()[k]


def test_the_forecast_is_the_pairs_of_the_city_on_its_clock(book):
    plot = plots.forecast(book, "Surat", "v1")
    c, cells = book.pairs.cities.index("Surat"), slice(-14 * 24, None)
    actual, predicted = line_of(plot, 0), line_of(plot, 1)
    np.testing.assert_array_equal(actual.get_ydata(), book.pairs.actual[c, cells])
    np.testing.assert_array_equal(predicted.get_ydata(), book.pairs.judged.predicted[0, c, cells])
    assert num2date(actual.get_xdata()[-1]) == SLOT - HOUR
    axes = plot.axes[0]
    assert axes.xaxis.get_major_locator().tz == ZoneInfo("Asia/Kolkata")
    assert "time in Asia/Kolkata" in words_of(plot)
    assert "load, " + book.unit in words_of(plot)


def test_the_band_around_the_error_is_what_is_normal(book):
    plot = plots.error(book, "Pune", "v2")
    c = book.pairs.cities.index("Pune")
    np.testing.assert_array_equal(line_of(plot).get_ydata(), book.error[1, c, -14 * 24 :])
    band = plot.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(-band.max())
    usual = book.usual[1, c] * np.abs(book.pairs.actual[c, -14 * 24 :])
    assert band.max() == pytest.approx(usual.max())
    assert "± normal for a day of the reference" in words_of(plot)


def test_a_span_can_be_chosen(book):
    assert len(line_of(plots.error(book, "Pune", "v2", timedelta(days=2))).get_ydata()) == 48


def test_gaps_stay_gaps(book):
    actual = book.pairs.actual.copy()
    actual[1, -30:-20] = np.nan
    holed = replace(book, pairs=replace(book.pairs, actual=actual))
    assert np.isnan(line_of(plots.forecast(holed, "Pune", "v1")).get_ydata()).sum() == 10


def test_alert_spans_are_shaded_once_where_alerts_overlap(book):
    key = AlertKey("accuracy_low", "v1", "Surat", None, None)
    day = timedelta(days=1)
    spans = [
        Span(key, "firing", SLOT - 3 * day, SLOT - day),
        Span(key._replace(rule="other"), "firing", SLOT - 2 * day, SLOT, open=True),
        Span(key._replace(rule="third"), "pending", SLOT - 4 * day, SLOT - 2 * day),
        Span(key._replace(city="Pune"), "firing", SLOT - 9 * day, SLOT),
    ]
    plot = plots.forecast(replace(book, spans=spans), "Surat", "v1")
    shades = [(round(p.get_x(), 6), round(p.get_x() + p.get_width(), 6)) for p in plot.axes[0].patches]
    days = [
        (num2date(start).replace(microsecond=0), num2date(end).replace(microsecond=0))
        for start, end in sorted(shades)
    ]
    assert sum(((end - start) for start, end in days), timedelta()) == 4 * day
    assert {"firing", "pending"} <= set(words_of(plot))
    assert all(first[1] <= second[0] for first, second in pairwise(days))


def test_the_week_is_drawn_by_weekday_and_hour_of_the_city(book):
    plot = plots.hours_of_week(book, "Surat", "v1")
    cells = plot.axes[0].collections[0].get_array()
    assert cells.shape == (7, 24)
    # v1 is a quarter too high in Surat on 31 March and 1 April (UTC), a Tuesday and a Wednesday
    assert cells[1].mean() > 3 * cells[5].mean()
    assert "hour of the day in Asia/Kolkata" in words_of(plot)


@pytest.mark.parametrize("draw", [plots.forecast, plots.error, plots.hours_of_week])
def test_what_there_is_not_is_said_with_the_nearest_there_is(book, draw):
    with pytest.raises(ConfigError, match=r"there is no city 'Surrat'; did you mean `Surat`"):
        draw(book, "Surrat", "v1")
    with pytest.raises(ConfigError, match=r"there is no model version 'v3'"):
        draw(book, "Surat", "v3")


def test_slots_are_drawn_as_they_were_kept(monitor):
    first, last = datetime(2026, 3, 30, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC)
    frame = monitor.replay(first, last, 6 * HOUR, keep=("accuracy",)).to_pandas("measurements")
    plot = plots.over_slots(frame, "accuracy", ["Surat"], threshold=0.85, zone="Asia/Kolkata")
    wanted = frame.query("city == 'Surat' and model_version == 'v1' and horizon.isna()").sort_values("slot")
    np.testing.assert_array_equal(line_of(plot).get_ydata(), wanted["value"])
    assert {"v1", "v2", "threshold 85.0 %"} <= set(words_of(plot))
    assert line_of(plots.over_slots(frame)).get_ydata() == pytest.approx(
        frame.query("city.isna() and model_version == 'v1' and horizon.isna()")["value"]
    )
    with pytest.raises(ConfigError, match=r"nothing was kept of 'wape'; known are accuracy: see `keep`"):
        plots.over_slots(frame, "wape")
    with pytest.raises(ConfigError, match=r"nothing was kept of 'Surrat'; did you mean `Surat`"):
        plots.over_slots(frame, "accuracy", ["Surrat"])


def test_rules_are_points_with_words():
    rated = pd.DataFrame(
        {
            "family": ["fixed", "fixed", "detector"],
            "rule": ["below_70", "below_85", "budget_1"],
            "false_alarms": [14.0, 60.0, 0.0],
            "delay": [30.0, 20.0, np.nan],
            "found": [1.0, 1.0, 0.0],
        }
    )
    plot = plots.false_alarms_against_delay(rated)
    line = line_of(plot)
    assert list(zip(line.get_xdata(), line.get_ydata(), strict=True)) == [(14.0, 30.0), (60.0, 20.0)]
    assert len(line_of(plot, 1).get_xdata()) == 0  # it found nothing: there is no delay to draw
    assert {"below_70: 100% found", "fixed", "detector"} <= set(words_of(plot))
    with pytest.raises(ValueError, match="missing: found"):
        plots.false_alarms_against_delay(rated.drop(columns="found"))


def test_cities_are_drawn_in_points_with_their_intervals(found):
    plot = plots.by_city(found)
    names = [label.get_text() for label in plot.axes[0].get_yticklabels()]
    assert set(names) == {"Delhi", "Pune", "Surat"}
    for y, name in enumerate(names[:2]):
        city = next(each for each in found.cities if each.city == name)
        whisker, point = line_of(plot, 2 * y), line_of(plot, 2 * y + 1)
        assert list(whisker.get_xdata()) == pytest.approx([100 * end for end in city.wape.ends])
        assert point.get_xdata()[0] == pytest.approx(100 * city.wape.difference)
        assert (point.get_markerfacecolor() != "white") == city.clear
    far = next(each for each in found.cities if each.city == "Surat")  # far beyond: a number at the edge
    assert names[2] == "Surat"
    assert f"{signed_points(far.wape.difference)} points →" in words_of(plot)
    assert "WAPE of v1 − WAPE of v2, percentage points" in words_of(plot)


def test_cities_beyond_the_most_are_counted_in_the_title(found):
    assert "Error of v1 − error of v2, by city (2 cities not drawn)" in words_of(plots.by_city(found, most=1))


def test_hours_and_regimes_are_those_of_the_comparison(found):
    plot = plots.by_hour(found)
    for k, side in enumerate("ab"):
        wanted = [getattr(part.wape, side) for part in found.by_hour]
        assert list(line_of(plot, k).get_ydata()) == wanted
    bars = plots.by_regime(found).axes[0].patches
    assert [bar.get_height() for bar in bars[:2]] == [part.wape.a for part in found.by_week]


HOSTILE = ["$\\frac{", "_hidden", "<script>", "a\nb\u202e", "x" * 1000, "{0}", "%s"]


@pytest.mark.parametrize(
    "name", HOSTILE, ids=["math", "underscore", "html", "control", "long", "brace", "percent"]
)
def test_hostile_names_are_drawn_as_text(book, found, name):
    pairs = replace(book.pairs, cities=("Delhi", "Pune", name), model_versions=(name, "v2"))
    hostile = replace(book, pairs=pairs)
    hostile.times[hostile.config.zone_of(name)] = book.local("Surat")
    for draw in (plots.forecast, plots.error):
        plot = draw(hostile, name, name)
        assert any(shown(name)[:20] in words for words in words_of(plot))
        assert plot._repr_png_().startswith(b"\x89PNG")
    cities = (replace(found.cities[0], city=name), *found.cities[1:])
    plots.by_city(replace(found, a=name, cities=cities))._repr_png_()


def test_a_plot_is_a_figure_that_shows_itself_and_is_small(book):
    plot = plots.forecast(book, "Surat", "v1")
    assert isinstance(plot, Figure)
    png = plot._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert len(png) < 60_000


def test_pyplot_is_never_touched():
    code = (
        "import sys; from drift import plots; from drift.plots.base import new_plot; "
        "new_plot('x')[0]._repr_png_(); print('matplotlib.pyplot' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


def test_one_plot_leaves_no_trace_on_the_next():
    new_plot("one")[1].plot([1, 2], color="red")
    plot, axes = new_plot("two")
    assert len(axes.get_lines()) == 0
    assert len(plot.axes) == 1
