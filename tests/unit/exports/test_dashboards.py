"""The exported dashboards as JSON: what is in them, by the guide and by the config, and how it is laid out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from prometheus_client.core import Metric

from drift.exports import FILES, texts
from drift.exports.grafana import BOARDS, FOLDER, dashboard
from drift.exports.recording import recording_group
from drift.exports.said import Runbooks
from drift.sinks.prometheus import PrometheusSink
from drift.telemetry.metrics import PlatformMetrics
from drift.web.shared_gauges import outbox_text

GUIDE = {
    "api_performance": (["api_requests_total", "api_latency_seconds"], "1m", "6h"),
    "model_performance": (["model_predictions_total", "prediction_latency_seconds", "model_accuracy"], "5m", "24h"),
    "system_health": (["resource_usage", "error_rate", "availability"], "1m", "12h"),
}  # fmt: skip
"""The platform's guide, word for word: the metrics of each dashboard, its refresh, its time range."""


@pytest.fixture(scope="module")
def boards(config) -> dict[str, dict[str, Any]]:
    return {name: json.loads(dashboard(config, name)) for name in BOARDS}


def panels_of(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def exprs_of(board: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in panels_of(board) for target in panel["targets"]]


def all_exprs(board: dict[str, Any]) -> list[str]:
    asked = [v["query"]["query"] for v in board["templating"]["list"] if v["type"] == "query"]
    return [*exprs_of(board), *asked, *(mark["target"]["expr"] for mark in board["annotations"]["list"])]


@pytest.mark.parametrize("name", GUIDE)
def test_the_guides_dashboards_have_its_metrics_refresh_rates_and_time_ranges(boards, name):
    metrics, refresh, span = GUIDE[name]
    board = boards[name]
    assert (board["refresh"], board["time"]) == (refresh, {"from": f"now-{span}", "to": "now"})
    for metric in metrics:
        assert any(re.search(rf"\b{metric}(_bucket)?\b", expr) for expr in exprs_of(board)), metric


def test_uids_and_titles_never_change_because_bookmarks_and_links_hold_them(boards):
    assert {name: (board["uid"], board["title"]) for name, board in boards.items()} == {
        "api_performance": ("drift-api-performance", "API performance"),
        "model_performance": ("drift-model-performance", "Model performance"),
        "system_health": ("drift-system-health", "System health"),
        "city": ("drift-city", "City"),
    }
    assert all(board["tags"] == ["drift", name] for name, board in boards.items())


def test_every_panel_says_what_it_shows_and_has_a_unit(boards):
    for board in boards.values():
        for panel in panels_of(board):
            assert len(panel["description"]) > 25, panel["title"]
            assert panel["description"].endswith("."), panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        titles = [panel["title"] for panel in panels_of(board)]
        assert len(titles) == len(set(titles))


@pytest.mark.parametrize(
    ("name", "title", "unit"),
    [
        ("model_performance", "MAPE", "percentunit"),
        ("model_performance", "Accuracy over time", "percentunit"),
        ("model_performance", "Prediction latency", "s"),
        ("api_performance", "95th percentile by endpoint", "s"),
        ("api_performance", "Error rate", "percentunit"),
        ("system_health", "CPU", "percent"),
        ("city", "Bias", "suffix: MW"),
    ],
)
def test_ratios_are_fractions_times_are_seconds_and_usage_is_percent(boards, name, title, unit):
    (panel,) = [panel for panel in panels_of(boards[name]) if panel["title"] == title]
    assert panel["fieldConfig"]["defaults"]["unit"] == unit


LIMITS = [
    ("api_performance", "95th percentile by endpoint", [(None, "green"), (2.0, "red")]),
    ("model_performance", "Accuracy over time", [(None, "red"), (0.85, "green")]),
    ("system_health", "CPU", [(None, "green"), (80.0, "red")]),
]


@pytest.mark.parametrize(("name", "title", "steps"), LIMITS, ids=[case[0] for case in LIMITS])
def test_limits_are_those_of_the_rules_and_there_is_none_without_a_rule(
    boards, make_config, name, title, steps
):
    def drawn(board: dict[str, Any]) -> tuple[list[tuple[float | None, str]], str]:
        (panel,) = [panel for panel in panels_of(board) if panel["title"] == title]
        defaults = panel["fieldConfig"]["defaults"]
        found = [(step["value"], step["color"]) for step in defaults["thresholds"]["steps"]]
        return found, defaults["custom"]["thresholdsStyle"]["mode"]

    assert drawn(boards[name]) == (steps, "dashed")
    assert drawn(json.loads(dashboard(make_config({}), name))) == ([(None, "green")], "off")


def test_a_rule_on_a_part_of_the_figures_is_no_limit_of_the_whole(make_config):
    rules = {
        "day_ahead": {"metric": "accuracy", "threshold": 0.7, "scope": "pooled", "horizon": "24h-48h"},
        "all": {"metric": "accuracy", "threshold": 0.8},
    }
    board = json.loads(dashboard(make_config(rules), "model_performance"))
    (panel,) = [panel for panel in panels_of(board) if panel["title"] == "Accuracy"]
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"] == 0.8


def known_series(config) -> set[str]:
    """All that drift, a service and the recording rules show, by name."""

    def samples(families: list[Metric]) -> set[str]:
        suffixes = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",)}
        return {family.name + suffix for family in families for suffix in suffixes.get(family.type, ("",))}

    metrics = PlatformMetrics()
    recorded = {rule.name for rule in recording_group(config, Runbooks("", {})).rules}
    outbox = {
        line.split()[2] for line in outbox_text({}, {}, ()).decode().splitlines() if line.startswith("# TYPE")
    }
    ours = samples(list(PrometheusSink().describe())) | samples(list(metrics.registry.collect()))
    return ours | recorded | outbox | {"ALERTS", "ALERTS_FOR_STATE", "up"}


def test_every_series_that_is_asked_for_is_one_that_something_shows(boards, config):
    """A name is what stands before a brace, or begins an expression; nothing else has a colon or an underscore
    and is no label."""
    known, asked = known_series(config), set()
    for board in boards.values():
        for expr in all_exprs(board):
            asked |= set(re.findall(r"([A-Za-z_:][\w:]*)\s*(?=\{)", expr))
    assert asked - known == set()
    assert len(asked) > 40


def test_the_data_source_and_the_jobs_are_chosen_in_grafana(boards):
    for board in boards.values():
        for panel in panels_of(board):
            assert {panel["datasource"]["uid"], *(t["datasource"]["uid"] for t in panel["targets"])} == {
                "${datasource}"
            }
        first, *others = board["templating"]["list"]
        assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
        assert "job" in [variable["name"] for variable in others]
        written = json.dumps(board)
        for job in re.findall(r'job=~?\\+"(.*?)\\+"', written):
            assert job == "$job"


def test_what_fires_is_marked_in_every_graph(boards):
    for board in boards.values():
        marks = board["annotations"]["list"]
        assert any(mark["target"]["expr"].startswith('ALERTS{alertstate="firing"') for mark in marks)
        assert all(mark["enable"] for mark in marks)


def test_panels_do_not_overlap_and_fill_the_twenty_four_columns(boards):
    for name, board in boards.items():
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            at = panel["gridPos"]
            cells = {
                (x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
            }
            assert not cells & taken, panel["title"]
            assert at["x"] + at["w"] <= 24, panel["title"]
            taken |= cells
        assert len(taken) == 24 * (1 + max(y for _, y in taken)), f"{name} has a hole"
        ids = [panel["id"] for panel in board["panels"]]
        assert ids == list(range(1, len(ids) + 1))


def test_panels_under_a_heading_stand_below_it(boards):
    for board in boards.values():
        tops = [panel["gridPos"]["y"] for panel in board["panels"]]
        assert all(before <= after for before, after in pairwise(tops))
        assert board["panels"][0]["type"] == "row"


def test_links_lead_to_drifts_pages_where_they_have_an_address(make_config):
    there = make_config({}, notify={"base_url": "https://drift.example/monitor/"})
    model, city = (json.loads(dashboard(there, name)) for name in ("model_performance", "city"))
    urls = [link.get("url") for board in (model, city) for link in board["links"]]
    assert "https://drift.example/monitor/alerts" in urls
    assert "https://drift.example/monitor/cities/${city:percentencode}" in urls
    assert "https://drift.example/monitor/cities/${__data.fields.city:percentencode}" in json.dumps(model)
    for name in BOARDS:
        nowhere = json.loads(dashboard(make_config({}), name))
        assert [link["type"] for link in nowhere["links"]] == ["dashboards"]


def test_a_city_of_the_table_leads_to_its_dashboard_with_its_variables(boards):
    (table,) = [panel for panel in panels_of(boards["model_performance"]) if panel["title"] == "Worst cities"]
    (links,) = [
        prop["value"]
        for override in table["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if prop["id"] == "links"
    ]
    path, _, query = links[0]["url"].partition("?")
    assert path == f"/d/{boards['city']['uid']}"
    wanted = {variable["name"] for variable in boards["city"]["templating"]["list"]}
    assert {part.split("=")[0].removeprefix("var-") for part in query.split("&") if "=" in part} == wanted
    assert all(part.endswith(":percentencode}") for part in query.split("&") if part.startswith("var-"))


def test_tables_show_a_column_for_each_query_and_call_it_by_a_name(boards):
    for board in boards.values():
        for panel in panels_of(board):
            if panel["type"] != "table":
                continue
            organize = panel["transformations"][-1]["options"]
            several = len(panel["targets"]) > 1
            values = {f"Value #{t['refId']}" if several else "Value" for t in panel["targets"]}
            assert values <= set(organize["renameByName"]), panel["title"]
            titles = set(organize["renameByName"].values())
            assert panel["options"]["sortBy"][0]["displayName"] in titles
            styled = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
            assert styled == titles
            assert all(t["instant"] and t["format"] == "table" for t in panel["targets"])


def test_grafanas_own_types_read_it_back_and_lose_nothing(boards):
    """What the SDK does not know it would leave out; it adds what it takes for the default."""

    def lost(before: Any, after: Any, where: str = "") -> list[str]:
        if isinstance(before, dict):
            return [
                each
                for key, value in before.items()
                for each in (
                    lost(value, after[key], f"{where}/{key}") if key in after else [f"{where}/{key}"]
                )
            ]
        if isinstance(before, list):
            pairs = enumerate(zip(before, after, strict=True))
            return [each for n, (a, b) in pairs for each in lost(a, b, f"{where}/{n}")]
        return [] if before == after else [where]

    for board in boards.values():
        read = models.Dashboard.from_json(board)
        assert lost(board, json.loads(json.dumps(read, cls=JSONEncoder))) == []
    assert lost({**board, "refreshRate": 1}, json.loads(json.dumps(read, cls=JSONEncoder))) == [
        "/refreshRate"
    ]


def test_the_same_config_gives_the_same_bytes_in_every_process(config, repository):
    code = (
        "import importlib.util as u; s = u.spec_from_file_location('c', 'tests/unit/exports/conftest.py'); "
        "c = u.module_from_spec(s); s.loader.exec_module(c); from drift.exports import texts; "
        "print(''.join(texts(c.config_of(c.ALERTS), 'dashboards').values()), end='')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, check=True,
        env=os.environ | {"PYTHONHASHSEED": "7", "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert ran.stdout.decode() == "".join(texts(config, "dashboards").values())


def test_provisioning_names_the_folder_and_the_data_source(config):
    made = texts(config, "dashboards")
    assert list(made) == list(FILES["dashboards"])
    provider = yaml.safe_load(made["grafana/provisioning/dashboards/drift.yaml"])
    assert provider["providers"][0]["options"] == {"path": FOLDER}
    source = yaml.safe_load(made["grafana/provisioning/datasources/prometheus.yaml"])["datasources"][0]
    assert (source["type"], source["url"], source["isDefault"]) == (
        "prometheus",
        "http://prometheus:9090",
        True,
    )


def test_the_command_writes_them_and_says_when_they_are_old(drift, made, tmp_path):
    out = tmp_path / "out"
    wrote = drift("export", "dashboards", "-c", made.config, "--out", out)
    assert wrote.code == 0
    assert wrote.out.count("wrote ") == len(FILES["dashboards"])
    assert drift("export", "dashboards", "-c", made.config, "--out", out, "--check").code == 0
    board = out / "grafana/dashboards/city.json"
    board.write_text(board.read_text().replace("drift-city", "mine"))
    checked = drift("export", "dashboards", "-c", made.config, "--out", out, "--check")
    assert checked.code == 1
    assert checked.out.splitlines() == [f"not current: {board}; write it with `drift export dashboards`"]


def test_each_panel_stands_in_the_documentation_with_what_it_needs(boards, repository):
    text = (repository / "docs" / "dashboards.md").read_text(encoding="utf-8")
    for board in boards.values():
        section = " ".join(text.split(f"\n## {board['title']}\n", 1)[1].split("\n## ", 1)[0].split())
        for panel in panels_of(board):
            assert f"**{panel['title']}**" in section, (board["title"], panel["title"])
