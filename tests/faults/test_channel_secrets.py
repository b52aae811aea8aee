"""The secret in a channel's URL is in nothing that a failing delivery leaves behind: no log, page, row or tag."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from drift import load_config
from drift.document import config_hash

FIRST, SECOND = "2026-04-01T00:00Z", "2026-04-01T01:00Z"
CHANNELS = """
channels:
  slack: {{url: "slack://canaryT1JJ3T3L2/A1BRTD4JD/sparrowTIiajkdnlazkcOXrIdevi7FQ", timeout: 2s}}
  email: {{url: "mailtos://canary:sparrow@127.0.0.1:{port}?to=ops@example.org", timeout: 2s}}
  hook: {{url: "json://canary:sparrow@127.0.0.1:{port}/finch?token=sparrow", timeout: 2s}}
  pager: {{kind: alertmanager, url: "http://canary:sparrow@127.0.0.1:{port}", timeout: 2s}}
"""


def leaks(text: str) -> list[str]:
    return re.findall(r"canary|sparrow|finch", text)


def contents(folder: Path) -> str:
    """All that a run wrote: pages, Parquet, the state's every row, MLflow's files."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".yaml"]
    texts = [f"{path.name} {path.read_bytes().decode('latin-1')}" for path in files]
    for database in folder.rglob("*.db"):
        with sqlite3.connect(database) as connection:
            texts += connection.iterdump()
    return "\n".join(texts)


@pytest.fixture
def failing(made, monkeypatch):
    """A config whose channels all refuse: nothing listens there, and no proxy leads elsewhere."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made.edit("severity: high}", "severity: high, channels: [slack, email, hook, pager]}")
    made.edit("alerts:", f"{CHANNELS.format(port=9)}\nmlflow: {{}}\nalerts:")
    return made


@pytest.mark.slow
def test_a_delivery_that_fails_leaves_no_secret_anywhere(failing, drift) -> None:
    said = [drift("run", "-c", failing.config, "--slot", slot, "--json") for slot in (FIRST, SECOND)]
    assert any(t["to"] == "firing" for t in said[1].json["transitions"])
    said += [
        drift("alerts", "test", "-c", failing.config),
        drift("alerts", "test", "-c", failing.config, "--json"),
        drift("alerts", "list", "-c", failing.config, "--all"),
        drift("alerts", "list", "-c", failing.config, "--json"),
        drift("doctor", "-c", failing.config),
        drift("report", "-c", failing.config, "--slot", SECOND),
        drift("export", "alertmanager", "-c", failing.config, "--out", failing.folder / "out"),
        drift("export", "rules", "-c", failing.config, "--out", failing.folder / "out"),
    ]
    tested = said[2].out
    assert tested.count("✗") == 4, "every channel was tried, and refused"
    waiting = said[5].json["outbox"]
    assert set(waiting) == {"slack", "email", "hook", "pager"}
    assert not leaks("".join(answer.out + answer.err for answer in said))
    assert not leaks(contents(failing.folder))


def test_neither_config_nor_its_fingerprint_shows_a_channels_secret(failing) -> None:
    config = load_config(failing.config)
    for text in (repr(config), str(config.model_dump()), config.model_dump_json()):
        assert not leaks(text)
    before = config_hash(config)
    failing.edit("sparrowTIiajkdnlazkcOXrIdevi7FQ", "finchTIiajkdnlazkcOXrIdevi7FQ")
    assert config_hash(load_config(failing.config)) == before
