"""Cards: small, self-contained HTML in which no name from the data is more than text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import numpy as np
import pytest

from drift.comparison import Answer, Comparison, Figure, Part, Result, RunLink, RunLinks, Settings
from drift.domain import (
    Alert,
    AlertKey,
    AlertStatus,
    Failure,
    Panel,
    Run,
    Series,
    Threshold,
    Transition,
    Undefined,
    Window,
)
from drift.notebook.cards import ROWS, number
from drift.rehearsal import Replay

HOUR = timedelta(hours=1)
DAY = datetime(2026, 4, 10, tzinfo=UTC)
HOSTILE = "</td><script>alert(1)</script>\u202e<img src=x onerror=alert(1)>'\"&\n"
ALLOWED = {"div", "span", "bdi", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}
LIMIT = Threshold(0.85, "below")


class Seen(HTMLParser):
    """What a browser would make of it: tags with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.names: set[str] = set()
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open.append(tag)
        self.names |= {name for name, _ in attrs}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


def key_of(name: str, rule: str = "accuracy_low") -> AlertKey:
    return AlertKey(rule, name, name, None, name)


def alert_of(name: str, status: AlertStatus = AlertStatus.FIRING) -> Alert:
    return Alert(key_of(name), status, DAY - HOUR, DAY, DAY, 0.7, LIMIT, "high", 2)


def change_of(name: str) -> Transition:
    evidence = {"sentences": (f"{name} is 2 × normal.", "Do first: look.")}
    at, since = DAY, DAY - HOUR
    before, after = AlertStatus.PENDING, AlertStatus.FIRING
    return Transition(at, key_of(name), name, before, after, name, 0.7, LIMIT, since, 1, evidence=evidence)


def run_of(name: str, alerts: int = 1, failures: int = 1) -> Run:
    names = ("accuracy", "wape", "mape", "bias")
    panel = Panel(
        "metric",
        (Series(name),),
        (None,),
        names,
        np.array([[[0.9, 0.1, np.nan, -12.5]]]),
        np.array([[[0, 0, Undefined.ACTUALS_AT_FLOOR, 0]]], np.uint8),
        np.array([[24]]),
        np.array([[1.0]]),
    )
    return Run(
        slot=DAY,
        current=Window(DAY - 24 * HOUR, DAY),
        reference=Window(DAY - 48 * HOUR, DAY - 24 * HOUR),
        duration_s=17.25,
        panels=(panel,),
        verdicts=(),
        alerts=tuple(alert_of(f"{name}{k}") for k in range(alerts)),
        transitions=(),
        pair_counts=(),
        failures=tuple(Failure("read", name, name) for _ in range(failures)),
    )


def replay_of(name: str) -> Replay:
    key, change = key_of(name, rule=name), replace(change_of(name), key=key_of(name, rule=name))
    return Replay(
        (DAY - HOUR, DAY), {key: alert_of(name)}, (change,), {DAY: (change,)}, run_of(name).failures
    )


def comparison_of(name: str, cities: int = 2) -> Comparison:
    figure, lack = Figure(0.12, 0.10, 0.02, (0.01, 0.03)), Figure(*[Undefined.NO_PAIRS] * 4)
    figures = {"wape": figure, "mae": Figure(12.0, 10.0, 2.0), "bias": lack}
    whole = Result(None, 100, {}, figures, Undefined.LOW_COVERAGE)
    results = tuple(Result(f"{name}{k}", 50, {}, figures, Undefined.LOW_COVERAGE) for k in range(cities))
    hours = tuple(Part(f"{hour:02d}:00", 4, figure) for hour in range(24))
    span = Window(DAY - 240 * HOUR, DAY)
    return Comparison(name, "v2", span, HOUR, whole, results, hours, (), (), name, Settings())


def answer_of(name: str) -> Answer:
    link = RunLink(name, "1", name, name, f"javascript:{name}")
    return Answer(comparison_of(name), RunLinks((link,)), (Failure("publish", "mlflow", name),))


KINDS = [run_of, alert_of, change_of, replay_of, comparison_of, answer_of]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "name", [HOSTILE, "x" * 1000, "../../etc", "", "$x_2$"], ids=["html", "long", "path", "empty", "math"]
)
def test_whatever_a_name_is_it_is_text(kind, name):
    html = kind(name)._repr_html_()
    seen = Seen(html)
    assert not seen.open
    assert set(seen.tags) <= ALLOWED
    assert seen.names <= {"style", "scope"}
    assert "\u202e" not in html
    assert "x" * 500 not in html
    if name == HOSTILE:
        assert "<script>alert(1)</script>" in seen.words


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_card_brings_no_colour_that_a_dark_page_would_swallow(kind):
    html = kind("v1")._repr_html_()
    assert "background:#" not in html
    assert ";color:#" not in html.replace('<span style="color:', "")


def test_a_run_says_what_it_measured_and_what_fires():
    words = Seen(run_of("v1")._repr_html_()).words
    assert "Run of 2026-04-10 00:00 UTC" in words
    assert "90.0 %" in words
    assert "−12.5" in words
    assert "4, 1 of them undefined with a reason" in words
    assert "1 firing" in words
    assert "17.25" not in words  # how long it took is no finding


def test_a_long_table_is_cut_and_says_so():
    few, many = (Seen(run_of("v1", alerts=n, failures=n)._repr_html_()) for n in (ROWS, ROWS + 3))
    assert "more" not in few.words
    assert many.words.count("and 3 more") == 2
    assert 'run.to_pandas("alerts")' in many.words
    cities = Seen(comparison_of("city", cities=1000)._repr_html_())
    assert f"and {1000 - ROWS} more" in cities.words
    assert len(comparison_of("city", cities=1000)._repr_html_()) < 15_000


def test_the_worst_alerts_come_first():
    calm = [alert_of(f"p{k}", AlertStatus.PENDING) for k in range(ROWS)]
    run = replace(run_of("v1"), alerts=(*calm, alert_of("worst"), alert_of("Bhopal", AlertStatus.OK)))
    words = Seen(run._repr_html_()).words
    assert "worst" in words
    assert "Bhopal" not in words
    assert "and 1 more" in words


def test_a_transition_tells_its_evidence():
    words = Seen(change_of("zone")._repr_html_()).words
    assert "pending → firing" in words
    assert "zone is 2 × normal.Do first: look." in words


def test_a_comparison_without_a_figure_says_why():
    words = Seen(comparison_of("v1")._repr_html_()).words
    assert Undefined.NO_PAIRS.text in words
    assert "+1.0 points to +3.0 points" in words


def test_an_empty_replay_is_a_card_too():
    assert "Replay of no slot" in Replay((), {}, (), {})._repr_html_()


class Page:
    """As much of IPython's printer as is asked of it."""

    said = ""

    def text(self, obj: str) -> None:
        self.said += obj


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_in_a_terminal_it_is_a_line(kind):
    page = Page()
    kind(HOSTILE)._repr_pretty_(page, cycle=False)
    assert 10 < len(page.said) < 300
    assert "\n" not in page.said
    assert "\u202e" not in page.said


@pytest.mark.parametrize(("value", "words"), [(None, "–"), (-0.0123, "−0.0123"), (12345.6, "12,300")])
def test_a_number_is_short(value, words):
    assert number(value) == words
