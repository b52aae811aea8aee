"""Every command on a real store, with what it prints, writes and exits with."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import drift as package
from drift.starter import STARTER

DRIFTED = "2026-04-01T00:00Z"
NEXT = "2026-04-01T01:00Z"
MOMENT = datetime(2026, 3, 31, 12, tzinfo=UTC)


def test_run_prints_a_table_and_exits_with_0(drift, made):
    answer = drift("run", "-c", made.config, "--slot", DRIFTED)
    assert answer.code == 0
    assert "all cities" in answer.out
    assert "◐ pending" in answer.out
    surat = next(
        line for line in answer.out.splitlines() if line.strip().startswith("Surat") and "v1" in line
    )
    assert re.search(r"\b7\d\.\d %", surat), "accuracy of seventy-odd percent"


def test_run_json_is_one_document_with_the_contracts_keys(drift, made):
    document = drift("run", "-c", made.config, "--slot", DRIFTED, "--json").json
    assert set(document) >= {
        "slot", "duration_s", "measurements", "verdicts", "alerts", "transitions", "failures", "links",
    }  # fmt: skip
    assert document["slot"] == "2026-04-01T00:00:00Z"
    keys = {
        "kind",
        "name",
        "model_version",
        "city",
        "horizon",
        "column",
        "value",
        "undefined",
        "n",
        "coverage",
    }
    assert all(set(m) >= keys for m in document["measurements"])
    assert {m["kind"] for m in document["measurements"]} == {"metric", "statistic"}
    assert document["transitions"][0]["to"] == "pending"
    assert document["failures"] == []


def test_fail_on_alert_exits_with_3_when_one_fires(drift, made):
    assert drift("run", "-c", made.config, "--slot", DRIFTED, "--fail-on-alert").code == 0
    assert drift("run", "-c", made.config, "--slot", NEXT, "--fail-on-alert").code == 3


def test_a_failure_in_a_run_exits_with_1_and_is_named(drift, made):
    answer = drift("run", "-c", made.config, "--slot", "2026-03-09T00:00Z")
    assert answer.code == 1
    assert "failed windows reference: the reference window" in answer.out


def test_replay_writes_a_json_line_a_transition(drift, made, tmp_path):
    out = tmp_path / "out.jsonl"
    answer = drift(
        "replay", "-c", made.config, "--from", "2026-03-30T00:00Z", "--to", "2026-04-02T00:00Z", "--out", out
    )
    assert answer.code == 0
    assert "73 slots" in answer.out
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(line["city"], line["to"]) for line in lines][:2] == [("Surat", "pending"), ("Surat", "firing")]
    keys = {
        "at",
        "rule",
        "model_version",
        "city",
        "column",
        "from",
        "to",
        "reason",
        "value",
        "threshold",
        "since",
        "evidence",
    }
    assert all(set(line) >= keys for line in lines)
    assert not (made.folder / "state").exists()


def test_replay_json_has_the_same_transitions(drift, made):
    document = drift(
        "replay",
        "-c",
        made.config,
        "--from",
        "2026-03-31T00:00Z",
        "--to",
        "2026-04-01T00:00Z",
        "--every",
        "6h",
        "--json",
    ).json
    assert document["slots"] == 5
    assert document["transitions"][0]["from"] == "ok"


def test_report_writes_pages_and_says_where(drift, made):
    answer = drift("report", "-c", made.config, "--slot", DRIFTED, "--city", "Surat", "--json")
    links = answer.json["links"]
    assert "/cities/surat-" in links["city:Surat"]
    assert "Surat" in Path(links["report"]).read_text()


def test_doctor_is_well_on_a_good_set_up_and_gives_advice(drift, made):
    answer = drift("doctor", "-c", made.config, "--json")
    assert answer.code == 0
    checks = {check["name"]: check for check in answer.json["checks"]}
    assert checks["store"]["found"].startswith(
        "3 cities, [2026-03-01T00:00:00Z, 2026-04-10T00:00:00Z), an interval of 1h"
    )
    assert checks["model versions"]["found"] == "v1, v2"


def test_doctor_names_every_fault_at_once_and_exits_with_1(drift, made):
    made.edit("model_accuracy,", "acuracy,")
    made.edit("path: data/actuals.parquet", "path: data/none.parquet")
    answer = drift("doctor", "-c", made.config)
    assert answer.code == 1
    assert "did you mean `accuracy`?" in answer.out
    assert "none.parquet" in answer.out


def test_init_writes_the_commented_config_and_overwrites_none(drift, tmp_path):
    assert drift("init", tmp_path).code == 0
    assert (tmp_path / "config" / "drift.yaml").read_text() == STARTER
    again = drift("init", tmp_path)
    assert again.code == 2
    assert "overwrite it with --force" in again.err


def test_version(drift):
    assert drift("version").out.strip() == package.__version__


@pytest.mark.parametrize("command", ["replay --json --out", "replay --out", "init", "demo --dir"])
def test_a_place_that_cannot_be_written_is_one_line_and_exits_with_1(drift, made, command):
    (made.folder / "file").write_text("in the way")
    words = [*command.split(), made.folder / "file" / "below"]
    if command.startswith("replay"):
        words += ["-c", made.config, "--from", DRIFTED, "--to", NEXT]
    answer = drift(*words)
    assert answer.code == 1
    assert answer.err.strip().splitlines()[-1].startswith("drift: ")
    why = "File exists" if command.startswith("replay") else "Not a directory"
    assert f"{why}: name another place, or make it writable" in answer.err
    assert "Traceback" not in answer.err
    if "--json" in command:
        assert why in answer.json["failures"][0]["message"]


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_a_port_that_is_none_is_refused(drift, made, port):
    answer = drift("serve", "-c", made.config, "--port", port)
    assert answer.code == 2
    assert "--port" in answer.err


def test_the_demo_leaves_a_folder_of_ones_own_alone(drift, made):
    before = {path: path.read_bytes() for path in made.folder.rglob("*") if path.is_file()}
    answer = drift("demo", "--dir", made.folder)
    assert answer.code == 2
    assert f"--dir: {made.config} is there and is not the demo's: name another folder" in answer.err
    made.config.unlink()
    assert "predictions.parquet is there and is not the demo's" in drift("demo", "--dir", made.folder).err
    del before[made.config]
    assert {path: path.read_bytes() for path in made.folder.rglob("*") if path.is_file()} == before


def test_a_name_from_data_cannot_speak_to_the_terminal(drift, made):
    hostile = "Pu\x1b[2J\nne"
    made.write("predictions", city=[hostile], model_version=["v"], target_time=[MOMENT], predicted=[1.0])
    made.write("actuals", city=[hostile], target_time=[MOMENT], actual=[1.0])
    made.edit("windows:", "cities: [Pune]\nwindows:")
    answer = drift("run", "-c", made.config, "--slot", DRIFTED)
    assert answer.code == 2
    assert "the store has no city 'Pune'" in answer.err
    assert "Pu�[2J�ne" in answer.err
    assert "\x1b" not in answer.err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["run", "--slot", "0001-01-01T00:00Z"], "--slot: the year 1 is not from 1900 to 2200"),
        (["run", "-c", "none.yaml"], "no config at none.yaml: write one with `drift init`"),
        (
            ["run", "--slot", "yesterday"],
            "--slot: 'yesterday' is no ISO 8601 time: write it like 2020-04-10T00:00Z",
        ),
        (
            ["run", "--slot", "2026-04-01"],
            "--slot: '2026-04-01' has no time zone: write 2026-04-01T00:00Z for UTC",
        ),
        (
            ["replay", "--from", DRIFTED, "--to", "2026-03-01T00:00Z"],
            "the last slot 2026-03-01T00:00:00Z is before the first",
        ),
        (
            ["replay", "--from", DRIFTED, "--to", NEXT, "--every", "1 fortnight"],
            "--every: '1 fortnight' is no length of time",
        ),
    ],
)
def test_a_wrong_word_exits_with_2_and_says_what_to_write(drift, made, words, text):
    if "-c" not in words:
        words = [words[0], "-c", made.config, *words[1:]]
    answer = drift(*words)
    assert answer.code == 2
    assert text in answer.err


def test_an_error_is_a_document_too_where_one_was_asked_for(drift):
    answer = drift("run", "-c", "none.yaml", "--json")
    assert answer.code == 2
    assert answer.json["failures"][0]["message"].startswith("no config at none.yaml")


def test_help_costs_little_and_imports_nothing_heavy():
    code = "import sys; sys.argv=['drift','--help']\ntry:\n import drift.cli; drift.cli.main()\nexcept SystemExit: pass\nprint([m for m in ('numpy','pandas','pyarrow','sqlalchemy','mlflow','pydantic','starlette') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip().splitlines()[-1] == "[]"
    for command in ("demo", "init", "run", "serve", "replay", "report", "doctor"):
        assert command in out
