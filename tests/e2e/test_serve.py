"""`drift serve` as a process of its own, asked over HTTP on loopback; promtool reads what it exports."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from .serving import Served, serving


@pytest.fixture
def served(made) -> Iterator[Served]:
    made.edit("alerts:", "schedule: {cron: '5 * * * *', catch_up: 2h}\nalerts:")
    with serving(made.config) as found:
        yield found


def test_serve_evaluates_the_due_slot_and_answers(served):
    done = json.loads(served.wait_for_line("slot done"))
    assert done["labels"]["slot"].startswith("2026-04-01T01:05")
    assert served.get("/healthz")[0] == 200
    status, body, _ = served.get("/readyz")
    assert (status, json.loads(body)["last_slot"]) == (200, "2026-04-01T01:05:00Z")

    status, text, headers = served.get("/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    pooled = found["model_accuracy", ("metric", "accuracy"), ("model_version", "v1")]
    assert 0.9 < pooled < 1
    surat = found[
        "model_accuracy_by_city", ("city", "Surat"), ("metric", "accuracy"), ("model_version", "v1")
    ]
    assert surat < 0.85
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)

    status, text, _ = served.get("/")
    assert (status, "1 alert is pending" in text, "Surat" in text) == (200, True, True)
    status, _, headers = served.get("/fleet")
    assert (status, headers["location"]) == (307, "./reports/2026-04-01T01-05Z/index.html")
    assert "Surat" in served.get(headers["location"].removeprefix("."))[1]
    assert served.get("/cities/Surat")[0] == 307
    assert served.get("/reports/../drift.yaml")[0] in (400, 404)
    assert served.get("/nothing")[0] == 404


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
def test_promtool_has_nothing_to_say_about_the_metrics(served):
    served.wait_for_line("slot done")
    text = served.get("/metrics")[1]
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_serve_stops_when_told_and_leaves_a_state_that_opens(served, made):
    served.wait_for_line("slot done")
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(timeout=30) == 0
    from datetime import UTC, datetime

    from drift.state import State

    with State.open(f"sqlite:///{made.folder}/state/drift.db") as state:
        assert state.last_slot() == datetime(2026, 4, 1, 1, 5, tzinfo=UTC)


def test_told_to_stop_in_the_middle_of_a_slot_it_finishes_the_slot(served, made):
    """The signal comes as soon as it listens, when the due slot is being worked on."""
    served.process.send_signal(signal.SIGTERM)
    out = served.process.communicate(timeout=60)[1]
    assert served.process.returncode == 0
    assert '"stopped"' in out
    from drift.state import State

    with State.open(f"sqlite:///{made.folder}/state/drift.db") as state:
        last = state.last_slot()
        assert last is None or state.slot(last).published_at is not None


def test_a_port_that_is_taken_is_said_with_the_remedy(served, made, drift):
    answer = drift("serve", "-c", made.config, "--port", served.port)
    assert answer.code == 2
    assert (
        f"127.0.0.1:{served.port} cannot be listened on (Address already in use): choose another"
        in answer.err
    )


def test_what_uvicorn_says_is_in_the_same_form_as_what_drift_says(served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        connection.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        said = json.loads(served.wait_for_line("Invalid HTTP request"))
    assert said["log"] == {"level": "warning", "logger": "uvicorn.error"}
    assert said["service"] == {"name": "drift"}
