"""The page of a comparison: what it shows, that it is complete, and that names are only text on it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from drift.compare import combine, compare_block
from drift.comparison import Answer, Comparison, Figure, Part, RunLink, RunLinks, Settings
from drift.config import Config, PredictionsConfig, StoreConfig, TableConfig
from drift.domain import Failure, Grid, Undefined, Window
from drift.errors import ReportError
from drift.reports.compare import compare_html, compare_view, write_compare
from drift.reports.hour_chart import hour_chart
from drift.reports.whisker import EDGE, WIDTH, Scale, axis, scale_of, ticks_of, whisker
from drift.timeline import Forecast, Pairs

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
HOSTILE = "<img src=x onerror=alert(1)>'\"\u202e\n"


def config() -> Config:
    table = {"path": "load.parquet"}
    store = StoreConfig(predictions=PredictionsConfig(**table), actuals=TableConfig(**table))
    return Config(store=store, base=Path())


def made(
    cities: tuple[str, ...], a: str = "v1", b: str = "v2", feature: str = "temperature", days: int = 30
) -> Comparison:
    rng = np.random.default_rng(5)
    t = np.arange((28 + days) * 24)
    shape = len(cities), len(t)
    actual = 100 * (1 + 0.3 * np.sin(2 * np.pi * t / 24)) * rng.normal(1, 0.02, shape)
    predicted = np.stack([actual * rng.normal(1, 0.05, shape), actual * rng.normal(1, 0.03, shape)])
    grid = Grid(START, HOUR, len(t))
    pairs = Pairs(
        grid, cities, (a, b), actual, Forecast(predicted, None, None), {}, {feature: rng.normal(20, 5, shape)}
    )
    window, how = Window(START + timedelta(days=28), grid.end), Settings()
    block = compare_block(pairs, a, b, window, config(), feature, how)
    return combine([block], a, b, window, HOUR, feature, how)


@pytest.fixture(scope="module")
def found() -> Comparison:
    return made(("zone-1", "zone-2", "zone-3"))


def test_the_page_says_it_and_shows_every_city(found: Comparison) -> None:
    html = compare_html(Answer(found), config())
    assert "<bdi>v2 is better in all 3 cities: WAPE " in html
    assert html.count('<tr><th scope="row"><bdi>zone-') == 3
    assert html.count('<svg class="whisker"') == 3 + 24 + 5  # cities, hours, weekdays to high third
    assert '<th scope="row"><bdi>temperature, low third</bdi></th>' in html
    assert "Compared on all 2,160 hours." in html


def test_the_page_is_complete_small_and_has_no_script(found: Comparison) -> None:
    html = compare_html(Answer(found), config())
    assert "script-src &#39;none&#39;; style-src &#39;sha256-" in html
    assert "<script" not in html
    assert " style=" not in html  # the policy would stop it
    assert not re.findall(r'(?:src|href)="(?!data:,|#)', html)
    assert len(html.encode()) < 75_000


def test_a_hostile_name_is_text() -> None:
    hostile = made((HOSTILE, "zone-2"), HOSTILE, "v2", HOSTILE)
    runs = RunLinks((RunLink(HOSTILE, "7", HOSTILE, HOSTILE, "runs:/" + HOSTILE),))
    failure = Failure("read", HOSTILE, HOSTILE)
    html = compare_html(Answer(hostile, runs, (failure,)), config())
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert "\u202e" not in re.sub(r"(?s)<section aria-labelledby=\"(runs|failures)\".*?</section>", "", html)


def test_cities_come_in_the_order_of_the_winners_lead(found: Comparison) -> None:
    leads = [row.row.difference.value for row in compare_view(Answer(found), config()).cities]
    assert leads == sorted(leads, reverse=True)
    back = made(("zone-1", "zone-2", "zone-3"), "v2", "v1")
    assert compare_view(Answer(back), config()).cities[0].row.difference.value == pytest.approx(leads[0])


def test_what_has_no_value_is_a_dash_with_its_reason() -> None:
    few = made(("zone-1",), days=8)
    html = compare_html(Answer(few), config())
    assert "fewer than ten days</li>" in html
    assert 'aria-label="1, no value: fewer than ten days"' in html


def test_what_was_left_out_is_counted_by_reason(found: Comparison) -> None:
    from drift.comparison import LeftOut

    some = replace(found, all=replace(found.all, pairs=90, left_out={LeftOut.NO_B: 9, LeftOut.BAD_A: 1}))
    rows = [
        (words, many.text, share.text) for words, many, share in compare_view(Answer(some), config()).left_out
    ]
    assert rows == [
        ("compared", "90", "90.0 %"),
        ("v2 has no prediction", "9", "9.0 %"),
        ("the prediction of v1 is a fault", "1", "1.0 %"),
    ]


def test_runs_are_linked_where_there_is_a_server(found: Comparison) -> None:
    link = "https://mlflow.example/#/experiments/1/runs/7"
    runs = RunLinks(
        (RunLink("v1", "7", "from", "to", link), RunLink("v2", "8", "from", "to", "runs:/8")), link
    )
    html = compare_html(Answer(found, runs), config())
    assert html.count(f'<a href="{link}">') == 2
    assert "<bdi>runs:/8</bdi>" in html
    assert "Runs in MLflow" not in compare_html(Answer(found), config())


def test_a_folder_that_cannot_be_written_is_named(found: Comparison, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=r"file/page\.html cannot be written"):
        write_compare(tmp_path / "file" / "page.html", Answer(found), config())


# --------------------------------------------------------------------------------------------------- pictures


def test_a_whisker_stands_where_its_figures_are() -> None:
    scale = Scale(-0.01, 0.03, ticks_of(-0.01, 0.03))
    room = WIDTH - 2 * EDGE
    svg = whisker(Figure(0.05, 0.03, 0.02, (0.01, 0.03)), scale, clear=True)
    assert f'<line class="zero" x1="{EDGE + room / 4:.1f}"' in svg
    assert f'<line class="reach m1" x1="{EDGE + room / 2:.1f}" x2="{EDGE + room:.1f}"' in svg
    assert f'<circle class="m1 clear" cx="{EDGE + room * 3 / 4:.1f}"' in svg


def test_a_whisker_beyond_the_edge_is_an_arrow() -> None:
    scale = Scale(-0.01, 0.03, (0.0,))
    assert whisker(Figure(0.5, 0.1, 0.4, (0.3, 0.5)), scale, clear=True).count("<circle") == 0
    assert whisker(Figure(0.5, 0.1, 0.4, (0.3, 0.5)), scale, clear=True).count("<path") == 1
    both = whisker(Figure(0.05, 0.05, 0.0, (-0.3, 0.5)), scale, clear=False)
    assert (both.count("<path"), both.count('class="none open"')) == (2, 1)


def test_what_has_no_figure_has_an_empty_picture() -> None:
    nothing = Figure(Undefined.NO_PAIRS, 0.1, Undefined.NO_PAIRS, Undefined.NO_PAIRS)
    assert "circle" not in whisker(nothing, scale_of([nothing]), clear=False)
    assert "reach" not in whisker(nothing, scale_of([nothing]), clear=False)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (-0.011, 0.052, (0.0, 0.02, 0.04)),
        (-1.0, 1.0, (-1.0, -0.5, 0.0, 0.5, 1.0)),
        (0.0, 0.163, (0.0, 0.05, 0.1, 0.15)),
        (0.0, 1e-5, (0.0, 5e-6, 1e-5)),
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, ticks: tuple[float, ...]) -> None:
    assert ticks_of(low, high) == pytest.approx(ticks)


def test_the_axis_says_points() -> None:
    assert re.findall(r">([^<]+)</text>", axis(Scale(-0.01, 0.02, (-0.01, 0.0, 0.01, 0.02)))) == [
        "−1",
        "0",
        "+1",
        "+2",
    ]
    assert re.findall(r">([^<]+)</text>", axis(Scale(-0.001, 0.02, (0.0, 0.005)))) == ["0", "+0.5"]


def part(hour: int, a: float | Undefined, b: float | Undefined) -> Part:
    lack = isinstance(a, Undefined)
    return Part(f"{hour:02d}:00", 10, Figure(a, b, Undefined.NO_PAIRS if lack else a - b))


def test_a_chart_of_hours_leaves_gaps_open_and_shades_where_a_is_better() -> None:
    gone = Undefined.NO_PAIRS
    parts = [
        part(0, 0.1, 0.2),
        part(1, 0.2, 0.1),
        part(2, gone, gone),
        *(part(h, 0.2, 0.1) for h in range(3, 24)),
    ]
    svg = hour_chart(parts, "words")
    wide = svg.partition("</svg>")[0]
    assert wide.count('class="ahead m0"') == 1
    assert [path.count("M") for path in re.findall(r'<path class="line m\d" d="([^"]+)"', wide)] == [2, 2]
    assert wide.count("<circle") == 46
    assert "<title>01:00: 20.0 % and 10.0 %</title>" in wide
    assert svg.count("<svg") == 2  # wide and narrow


def test_a_chart_without_figures_is_not_drawn() -> None:
    assert hour_chart([part(0, Undefined.NO_PAIRS, Undefined.NO_PAIRS)], "words") == ""
