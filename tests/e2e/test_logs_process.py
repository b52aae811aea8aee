"""`drift logs process` as people use it: on files, in pipes that go on for days, and before readers that leave."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LINES = [
    '{"event": "login", "level": "info", "timestamp": "2026-04-01T00:00:00Z", "user": "alice", "password": "hunter2"}',
    'ts=2026-04-01T00:00:01Z level=error msg="no route" status=503',
    '203.0.113.7 - bob [01/Apr/2026:05:30:02 +0530] "GET /x?token=hunter2 HTTP/1.1" 200 12',
    "what is this?",
]


def process(*words: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "drift.cli", "logs", "process", *map(str, words)]
    return subprocess.run(command, input=given, capture_output=True, check=False)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text("\n".join(LINES) + "\n")
    return path


def test_a_file_becomes_documents_and_a_summary(log: Path):
    done = process(log)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [one["message"] for one in found] == [
        "login",
        "no route",
        "GET /x?token=[token] HTTP/1.1 200",
        "what is this?",
    ]
    assert [one["log"]["offset"] for one in found] == [
        0,
        *(sum(len(line) + 1 for line in LINES[:n]) for n in (1, 2, 3)),
    ]
    assert {one["log"]["file"]["path"] for one in found} == {str(log)}
    assert b"hunter2" not in done.stdout
    said = done.stderr.decode()
    assert "4 lines in " in said
    assert said.endswith(
        " s, 1 not parsed and kept whole, 1 without a time, 2 with something sensitive stripped\n"
    )


def test_stdin_a_packed_file_and_a_file_give_the_same_messages(log: Path, tmp_path: Path):
    packed = tmp_path / "app.log.1.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    messages = {
        tuple(json.loads(line)["message"] for line in done.stdout.splitlines())
        for done in (
            process(log),
            process(packed),
            process(given=log.read_bytes()),
            process("-", given=log.read_bytes()),
        )
    }
    assert len(messages) == 1


def test_the_same_file_twice_has_the_same_ids(log: Path):
    first, second = (
        [json.loads(line)["event"]["id"] for line in process(log).stdout.splitlines()] for _ in range(2)
    )
    assert first == second


def test_what_the_lines_do_not_say_can_be_given(tmp_path: Path):
    log = tmp_path / "a.log"
    log.write_text("2026-04-01 05:30:00 INFO started\n")
    given = ("--service", "grid", "--environment", "prod", "--host", "web-1", "--zone", "Asia/Kolkata")
    found = json.loads(process(log, *given).stdout)
    assert found["@timestamp"] == "2026-04-01T00:00:00.000000Z"
    assert found["service"] == {"name": "grid", "environment": "prod"}
    assert found["host"] == {"name": "web-1"}


def test_out_is_appended_to_so_that_filebeat_can_follow_it(log: Path, tmp_path: Path):
    out = tmp_path / "out.ndjson"
    assert process(log, "--out", out).stdout == b""
    process(log, "--out", out)
    assert len(out.read_text().splitlines()) == 8


def test_console_is_a_line_to_read_that_a_terminal_obeys_in_nothing():
    done = process(
        "--format", "console", given="2026-04-01T00:00:00Z ERROR it failed \x1b[2J\u202e\n".encode()
    )
    assert done.stdout.decode().startswith(
        "2026-04-01T00:00:00.000000Z [error   ] it failed \\x1b[2J\\u202e  service.name=energy-forecast"
    )


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_read(log: Path, tmp_path: Path):
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(b"x" * 100_000)[:50])
    done = process(tmp_path / "absent.log", tmp_path, broken, log)
    assert done.returncode == 1
    assert f"{tmp_path}/absent.log cannot be read: No such file or directory".encode() in done.stderr
    assert f"{tmp_path} cannot be read: Is a directory".encode() in done.stderr
    assert f"{broken} cannot be read to its end: ".encode() in done.stderr
    assert len(done.stdout.splitlines()) >= 4


def test_a_zone_that_is_none_and_an_output_that_is_read_are_refused(log: Path):
    wrong = process(log, "--zone", "Mars/Base")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        b"drift: --zone: 'Mars/Base' is no zone: write one such as Asia/Kolkata\n",
    )
    endless = process(log, "--out", log)
    assert endless.returncode == 2
    assert b"is read too, and would never end" in endless.stderr


def started(**how: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "drift.cli", "logs", "process"]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how
    )  # type: ignore[call-overload]


def test_a_line_in_a_pipe_comes_out_before_the_next_goes_in():
    with started() as running:
        assert running.stdin is not None
        assert running.stdout is not None
        for n in range(5):
            os.write(running.stdin.fileno(), f"level=info n={n} msg=m".encode())
            os.write(running.stdin.fileno(), b"\n")
            assert json.loads(running.stdout.readline())["labels"]["n"] == str(
                n
            )  # blocks for ever if it is held back
        running.stdin.close()
        assert running.wait(30) == 0


def test_a_reader_that_leaves_ends_it_quietly(log: Path, tmp_path: Path):
    large = tmp_path / "large.log"
    large.write_text(log.read_text() * 5000)
    command = [sys.executable, "-m", "drift.cli", "logs", "process", str(large)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(100)
        running.stdout.close()
        said = running.stderr.read()
        assert (running.wait(30), said) == (0, b"")


def test_bytes_that_are_no_text_and_lines_that_have_no_end_are_taken():
    done = process(given=b"\xff\xfe\x00 level\n" + b"x" * 3_000_000 + b"\nlevel=info msg=last")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [len(one["message"]) for one in found][1] < 2**20
    assert found[0]["message"].startswith("\\xff\\xfe\x00")
    assert found[1]["error"]["message"] == "longer than 262,144 characters"
    assert found[2]["message"] == "last"
    assert b"bytes of overlong lines cut" in done.stderr
