"""The exported dashboards against Grafana's own schema.

Grafana publishes its schema as TypeScript types (`@grafana/schema`), from which the JSON schema is made here, closed
to what the types do not know. No copy of it lies in this repository, but the digests of what is made: a schema that
is another one than these dashboards were checked against is not mistaken for it. `DRIFT_GRAFANA` names the folder
where `npm install` put the two packages (`.ci/run` does it).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from drift.exports.grafana import BOARDS, dashboard

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "DRIFT_GRAFANA" not in os.environ or shutil.which("node") is None,
        reason="DRIFT_GRAFANA names no folder with @grafana/schema, or node is not installed",
    ),
]
MAKER = "node_modules/ts-json-schema-generator/bin/ts-json-schema-generator.js"
TYPES = "node_modules/@grafana/schema/dist/types/raw"
DIGESTS = {
    "dashboard": "3f7636ffaa5205b908f6356000db589b22ec4df98b70a6300b2be91655412088",
    "heatmap": "71628d44d118f6839817825d7f6e13e8095f5ff4405421f067553456546246d8",
    "stat": "1d038a64c98dac6706baff1b008cdd579820504499564433deafdd35764566b2",
    "table": "73a7b3add5572a10067d8a6975d78b07aaf5146a25bc3ff176e7a707ef302f15",
    "timeseries": "3229f887406fa85786b8faa2d9b7908b1110d51e77824fb929a708ff7c399f0f",
}
"""Of the schemas made of @grafana/schema 13.2.3: a dashboard, and the options of each kind of panel."""
OF_PROMETHEUS = {"target", "titleFormat", "tagKeys"}
"""What a data source adds to an annotation: Grafana's types know that of its built-in one only."""


@pytest.fixture(scope="module")
def schemas() -> dict[str, dict[str, Any]]:
    folder, made = Path(os.environ["DRIFT_GRAFANA"]), {}
    for name, digest in DIGESTS.items():
        where = "dashboard" if name == "dashboard" else f"composable/{name}/panelcfg"
        wanted = "Dashboard" if name == "dashboard" else "*"
        words = ("node", MAKER, "--path", f"{TYPES}/{where}/x/types.gen.d.ts", "--type", wanted)
        text = subprocess.run(words, cwd=folder, check=True, capture_output=True).stdout
        assert hashlib.sha256(text).hexdigest() == digest, f"Grafana's schema of a {name} is another one"
        made[name] = json.loads(text)
    return made


@pytest.fixture(params=BOARDS)
def board(request: pytest.FixtureRequest, whole_config) -> dict[str, Any]:
    return json.loads(dashboard(whole_config, request.param))


@pytest.fixture(scope="module")
def whole_config(repository: Path):
    from drift.config import load_config

    config = load_config(repository / "config" / "drift.yaml")
    notify = config.notify.model_copy(update={"base_url": "https://drift.example"})
    return config.model_copy(update={"notify": notify})


def faults(schema: dict[str, Any], document: object, definition: str | None = None) -> list[str]:
    chosen = {**schema, "$ref": f"#/definitions/{definition}"} if definition else schema
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
        for error in Draft7Validator(chosen).iter_errors(document)
    ]


def test_a_dashboard_is_as_grafana_has_it(schemas, board):
    marks = [
        {key: value for key, value in mark.items() if key not in OF_PROMETHEUS}
        for mark in board["annotations"]["list"]
    ]
    assert faults(schemas["dashboard"], {**board, "annotations": {"list": marks}}) == []


def test_each_panels_own_options_are_those_of_its_kind(schemas, board):
    for panel in board["panels"]:
        if panel["type"] == "row":
            continue
        schema, custom = schemas[panel["type"]], panel["fieldConfig"]["defaults"].get("custom", {})
        assert faults(schema, panel["options"], "Options") == [], panel["title"]
        assert not custom or faults(schema, custom, "FieldConfig") == [], panel["title"]


def test_a_fault_is_seen(schemas, board):
    """Or the schema would be open, and the tests above could not fail."""
    assert faults(schemas["dashboard"], {**board, "refreshRate": "1m"})
    assert faults(schemas["dashboard"], {**board, "graphTooltip": "crosshair"})
    (panel,) = [panel for panel in board["panels"] if panel["id"] == 2]
    assert faults(schemas["dashboard"], {**board, "panels": [{**panel, "grid": {}}]})
    assert faults(schemas[panel["type"]], {**panel["options"], "colour": "red"}, "Options")
