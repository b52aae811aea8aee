"""`drift logs watch`: what would have been called in logs of the past."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest

from drift.cli_logs_watch import judged, watch
from drift.config_security import SecurityConfig
from drift.errors import ConfigError

NOW = 1.8e9
"""Later than the lines of these tests."""


def failures(minute: int, who: str = "alice", count: int = 11) -> str:
    return "".join(
        f"ts=2025-03-03T10:{minute:02d}:{n:02d}Z msg=login_failed user={who} ip=203.0.113.7\n"
        for n in range(count)
    )


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_log_of_the_past_is_judged_by_its_own_clock(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    log = tmp_path / "auth.log"
    log.write_text(failures(5) + "what is this?\n")
    watch([log], as_json=True)
    said = json.loads(capsys.readouterr().out)
    [found] = said["violations"]
    assert (found["detector"], found["kind"], found["subject"]) == ("failed_auth", "burst", "principal alice")
    assert (found["first"], found["count"], found["limit"]) == ("2025-03-03T10:05:10Z", 11, 10)
    assert found["lines"] == [
        {
            "at": "2025-03-03T10:05:10Z",
            "line": "ts=2025-03-03T10:05:10Z msg=login_failed user=alice ip=203.0.113.7",
        }
    ]
    assert (said["lines"]["lines"], said["lines"]["unread"]) == (12, 1)


def test_logs_are_merged_by_time_packed_or_not(tmp_path: Path):
    with gzip.open(tmp_path / "a.gz", "wt") as file:
        file.write(failures(5, count=6))
    (tmp_path / "b").write_text(failures(6, count=6))
    from contextlib import ExitStack

    from drift.cli_logs_watch import _lines

    with ExitStack() as opened:
        stream, found = judged(
            SecurityConfig(), [_lines(tmp_path / name, opened) for name in ("b", "a.gz")], NOW
        )
    assert [(each.latest.subject, each.total) for each in found] == [("principal alice", 2)]
    assert stream.counts.late == 0


def test_stdin_and_people(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(failures(5)))
    watch([Path("-")])
    said = capsys.readouterr().out
    assert "11 lines, 11 that matter here: 1 to call" in said
    assert "principal alice: 11 failed log-ins within 5m; the limit is 10." in said


def test_a_quiet_log_and_one_that_cannot_be_judged(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    quiet, empty = tmp_path / "quiet", tmp_path / "empty"
    quiet.write_text(failures(5, count=3))
    empty.write_text("nothing\n")
    watch([quiet])
    assert "nothing to call" in capsys.readouterr().out
    watch([empty])
    said = capsys.readouterr().out
    assert "nothing could be judged" in said
    assert "1 in no form that is known" in said


def test_what_cannot_be_read_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match="missing cannot be read: No such file"):
        watch([tmp_path / "missing"])
    with pytest.raises(ConfigError, match="cannot be read"):
        watch([tmp_path])
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(failures(5).encode())[:-20])
    with pytest.raises(ConfigError, match=r"cut\.gz cannot be read to its end"):
        watch([cut])


def test_without_a_file_it_reads_what_is_watched(made, capsys: pytest.CaptureFixture[str]):
    made.edit(
        "alerts:",
        "watch: {logs: {paths: [logs/*.log]}}\nsecurity: {failed_auth: {principal: 3/minute}}\nalerts:",
    )
    with pytest.raises(ConfigError, match="no file matches"):
        watch(None, made.config)
    folder = made.config.parent / "logs"
    folder.mkdir()
    (folder / "auth.log").write_text(failures(5, count=4))
    watch(None, made.config)
    assert "4 failed log-ins within 1m; the limit is 3" in capsys.readouterr().out


def test_without_a_file_and_without_watched_logs_it_says_what_to_write(made):
    with pytest.raises(ConfigError, match="no log was named"):
        watch(None, made.config)


@pytest.mark.parametrize(
    "when", ["2190-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_a_line_of_another_century_blinds_and_breaks_nothing(when: str):
    rogue = f"ts={when} msg=login_failed user=x ip=203.0.113.7\nts={when} msg=role.granted user=x\n"
    stream, found = judged(SecurityConfig(), [iter((rogue + failures(5)).splitlines())], NOW)
    assert "principal alice" in {each.latest.subject for each in found}
    assert stream.counts.unread + stream.counts.ahead == 2
    assert stream.readings(stream.newest)
