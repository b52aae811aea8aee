"""Every expression of the exported dashboards, asked of a real Prometheus as Grafana would ask it.

The variables' values are those that their own queries find there. So none may be empty, neither a panel nor a
variable nor an annotation; and where a part of the platform is missing, only panels are that say so themselves.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from drift.config import Config
from drift.exports.grafana import BOARDS, dashboard
from drift.exports.grafana_parts import NOTHING

from .dashboards_world import PATIENCE, Prometheus, bare_platform, whole_platform

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("prometheus") is None, reason="prometheus (Debian: prometheus) is not installed"
    ),
]
World = tuple[Config, Prometheus]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with whole_platform(tmp_path_factory.mktemp("whole")) as world:
        yield world


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with bare_platform(tmp_path_factory.mktemp("bare")) as world:
        yield world


def panels_of(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


class Asked:
    """A dashboard's queries, with the values that its variables take in this Prometheus."""

    def __init__(self, board: dict[str, Any], prometheus: Prometheus) -> None:
        self._board, self._prometheus = board, prometheus
        self.chosen = {"__rate_interval": "20s", "__range": "5m"}

    def choose(self) -> list[str]:
        """Give each variable its value, in their order; the names of those that have none."""
        empty = []
        for variable in self._board["templating"]["list"]:
            if variable["type"] != "query":
                continue
            selector, label = re.fullmatch(
                r"label_values\((.+), (\w+)\)", variable["query"]["query"]
            ).groups()
            found = self._prometheus.ask(f"count by ({label}) ({self.filled(selector)})")
            values = sorted(labels[label] for labels, _ in found if labels.get(label))
            empty += [] if values else [variable["name"]]
            self.chosen[variable["name"]] = ".*" if variable.get("includeAll") else (values or ["none"])[0]
        return empty

    def filled(self, expr: str) -> str:
        for name in sorted(self.chosen, key=len, reverse=True):
            expr = expr.replace(f"${name}", self.chosen[name])
        assert not re.search(r"\$[a-z_{]", expr), expr  # $1 is label_replace's
        return expr

    def values(self, expr: str) -> list[float]:
        return [value for _, value in self._prometheus.ask(self.filled(expr))]


def queries_of(board: dict[str, Any]) -> dict[str, str]:
    """Every expression by where it stands."""
    panels = {
        f"{panel['title']} / {target['refId']}": target["expr"]
        for panel in panels_of(board)
        for target in panel["targets"]
    }
    marks = {mark["name"]: mark["target"]["expr"] for mark in board["annotations"]["list"]}
    return panels | marks


def settle(empties: Callable[[], set[str]], wanted: Callable[[set[str]], bool]) -> set[str]:
    """What is empty, once it is as it should be, or when patience ends."""
    ends = time.monotonic() + PATIENCE
    while not wanted(found := empties()) and time.monotonic() < ends:
        time.sleep(0.5)
    return found


@pytest.mark.parametrize("name", BOARDS)
def test_no_expression_is_empty_where_everything_is_there(whole: World, name: str):
    config, prometheus = whole
    board = json.loads(dashboard(config, name))
    asked = Asked(board, prometheus)
    assert not settle(lambda: set(asked.choose()), lambda empty: not empty)
    queries = queries_of(board)
    empty = settle(
        lambda: {where for where, expr in queries.items() if not asked.values(expr)}, lambda found: not found
    )
    assert not empty
    said = {where: asked.values(expr) for where, expr in queries.items()}
    assert {where for where, values in said.items() if not all(map(math.isfinite, values))} == set()


def test_figures_are_those_that_were_measured(whole: World):
    """By the panels' own expressions: the bad city leads the table, half an hour's share of failures is a sixth."""
    config, prometheus = whole
    board = json.loads(dashboard(config, "model_performance"))
    asked = Asked(board, prometheus)
    settle(lambda: set(asked.choose()), lambda empty: not empty)
    queries = queries_of(board)
    table = {
        ref: {
            labels["city"]: value
            for labels, value in prometheus.ask(asked.filled(queries[f"Worst cities / {ref}"]))
        }
        for ref in "ABCDEFG"
    }
    scores, ratios, accuracies, mapes, biases, since, coverages = table.values()
    assert (
        max(scores, key=scores.get)
        == min(accuracies, key=accuracies.get)
        == max(mapes, key=mapes.get)
        == "Surat"
    )
    assert scores["Surat"] > 1 > scores["Delhi"]
    assert ratios["Surat"] > 5 > ratios["Delhi"]
    assert biases["Surat"] > 5
    assert list(since) == ["Surat"]
    ago = time.time() - since["Surat"] / 1000
    assert 600 <= ago <= 3600 + 660, "well until ten minutes ago, looked at each full hour"
    assert coverages == pytest.approx({"Delhi": 1, "Mumbai": 1, "Pune": 16 / 24, "Surat": 1})


def test_error_rate_and_availability_are_what_the_service_answered(whole: World):
    """One of six requests is answered 503; the share is of rates, whose ends lie between two rounds of requests."""
    _, prometheus = whole
    enough = "sum(increase(api_requests_total[5m])) > 200 and on () error_rate"
    assert not settle(lambda: set() if prometheus.ask(enough) else {"too few requests"}, lambda few: not few)
    ((labels, errors),) = prometheus.ask("error_rate")
    ((_, available),) = prometheus.ask("availability")
    assert labels == {"__name__": "error_rate", "job": "api"}
    assert errors == pytest.approx(1 / 6, rel=0.15)
    assert errors + available == pytest.approx(1, abs=0.05)
    by_endpoint = {
        labels["endpoint"]: value for labels, value in prometheus.ask("job_endpoint:error_rate:ratio_rate5m")
    }
    assert by_endpoint == {"/forecasts/{city}": 0, "/broken": 1, "/private": 0}
    ((_, failed),) = prometheus.ask("job_model_version:prediction_error_rate:ratio_rate5m")
    assert failed == pytest.approx(1 / 5, rel=0.15)


SHOWN_ALL_THE_SAME = {
    "api_performance": set(),
    "model_performance": {
        "Firing alerts", "Measurements without a value", "Rows and hours that gave no pair", "Worst cities",
    },
    "system_health": {
        "Age of the last good slot", "Age of the last slot", "Duration of a run", "Messages in the outbox",
    },
    "city": {"Accuracy now", "Accuracy over time", "Bias", "MAPE and WAPE", "MAPE now"},
}  # fmt: skip
"""Panels that may be empty, and are not where there is a monitor and nothing else."""


@pytest.mark.parametrize("name", BOARDS)
def test_only_panels_that_say_so_are_empty_where_parts_are_missing(bare: World, name: str):
    config, prometheus = bare
    board = json.loads(dashboard(config, name))
    asked = Asked(board, prometheus)
    documented = {panel["title"] for panel in panels_of(board) if NOTHING in panel["description"]}
    targets = {panel["title"]: [target["expr"] for target in panel["targets"]] for panel in panels_of(board)}

    def empties() -> set[str]:
        asked.choose()
        return {title for title, exprs in targets.items() if not any(asked.values(expr) for expr in exprs)}

    empty = settle(empties, lambda found: found <= documented)
    assert empty <= documented
    assert documented - empty == SHOWN_ALL_THE_SAME[name]
