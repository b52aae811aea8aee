"""Files are followed through all that is done to log files, with no line lost and none read twice."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from drift.watchers import tail as module
from drift.watchers.tail import Tail


def taken(tail: Tail) -> list[str]:
    """All that there is to read now."""
    tail.look()
    lines: list[str] = []
    for source in tail.pending():
        while more := tail.take(source):
            lines += more
    tail.save()
    return lines


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "api.log"
    path.write_text("old 1\nold 2\n")
    return path


Follow = Callable[..., Tail]


@pytest.fixture
def follow() -> Iterator[Follow]:
    """Opens tails, and closes them in the end."""
    opened: list[Tail] = []

    def follow(*given: object, **named: object) -> Tail:
        opened.append(Tail(*given, **named))  # type: ignore[arg-type]  # as Tail takes them
        return opened[-1]

    yield follow
    for each in opened:
        each.close()


@pytest.fixture
def tail(tmp_path: Path, log: Path, follow: Follow) -> Tail:
    """One that has taken its first look at the log."""
    found = follow([f"{log.parent}/*.log*"], tmp_path / "state" / "position.json")
    assert taken(found) == []
    return found


def test_at_first_sight_reading_begins_at_the_end_unless_told(log: Path, follow: Follow):
    assert taken(follow([str(log)])) == []
    assert taken(follow([str(log)], start="beginning")) == ["old 1", "old 2"]


def test_lines_are_read_once_and_only_when_they_are_whole(tail: Tail, log: Path):
    append(log, "new 1\nne")
    assert taken(tail) == ["new 1"]
    append(log, "w 2\n\n")
    assert taken(tail) == ["new 2"]
    assert taken(tail) == []


def test_a_file_that_comes_later_is_read_from_its_beginning(tail: Tail, tmp_path: Path):
    append(tmp_path / "other.log", "first\n")
    assert taken(tail) == ["first"]


def test_rotation_by_renaming(tail: Tail, log: Path):
    append(log, "before\n")
    log.rename(log.with_suffix(".log.1"))
    append(log.with_suffix(".log.1"), "last words\n")
    append(log, "after\n")
    assert taken(tail) == ["before", "last words", "after"]
    assert taken(tail) == []


def test_rotation_by_renaming_to_where_no_one_looks(tmp_path: Path, log: Path, follow: Follow):
    tail = follow([str(log)])
    taken(tail)
    append(log, "before\n")
    log.rename(tmp_path / "archive")
    append(log, "after\n")
    assert taken(tail) == ["before", "after"]


def test_rotation_by_copying_and_emptying(tail: Tail, log: Path):
    append(log, "before\n")
    shutil.copy(log, log.with_suffix(".log.1"))
    os.truncate(log, 0)
    append(log, "after\n")
    assert sorted(taken(tail)) == ["after", "before"]
    assert taken(tail) == []


def test_an_emptied_file_that_has_grown_beyond_where_it_was(tail: Tail, log: Path):
    os.truncate(log, 0)
    append(log, "a line that is longer than all that there was\n")
    assert taken(tail) == ["a line that is longer than all that there was"]


def test_a_copy_made_over_an_older_copy(tail: Tail, log: Path):
    copy = log.with_suffix(".log.1")
    for n in range(3):
        append(log, f"round {n}\n")
        assert taken(tail) == [f"round {n}"]
        copy.write_bytes(log.read_bytes())  # as logrotate does, and by some into the file of the last time
        os.truncate(log, 0)
        assert taken(tail) == []


def test_a_copy_beside_the_log_is_not_read_again(tail: Tail, log: Path):
    append(log, "new\n")
    shutil.copy(log, log.with_name("backup.log"))
    assert taken(tail) == ["new"]


def test_packed_files_are_passed_by(tail: Tail, tmp_path: Path):
    (tmp_path / "api.log.2.gz").write_bytes(b"\x1f\x8b not for us\n")
    assert taken(tail) == []


def test_what_was_deleted_is_read_to_its_end_and_let_go(tail: Tail, log: Path):
    append(log, "last words\nand half of the la")
    log.unlink()
    assert taken(tail) == ["last words", "and half of the la"]
    tail.look()
    assert tail.pending() == []
    append(log, "another file of that name\n")
    assert taken(tail) == ["another file of that name"]


def test_a_restart_goes_on_where_it_was(tail: Tail, tmp_path: Path, log: Path, follow: Follow):
    append(log, "seen\nha")
    assert taken(tail) == ["seen"]
    append(log, "lf\nwhile away\n")
    (tmp_path / "new.log").write_text("new while away\n")
    again = follow([f"{tmp_path}/*.log*"], tmp_path / "state" / "position.json")
    assert sorted(taken(again)) == ["half", "new while away", "while away"]


def test_a_restart_after_a_rotation(tail: Tail, tmp_path: Path, log: Path, follow: Follow):
    append(log, "seen\n")
    taken(tail)
    append(log, "unseen\n")
    log.rename(log.with_suffix(".log.1"))
    append(log, "after\n")
    assert taken(follow([f"{tmp_path}/*.log*"], tmp_path / "state" / "position.json")) == ["after", "unseen"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"files": [{"inode": 3}]}', b'{"files": 7}', b"\xff\xfe"]
)
def test_positions_that_are_damaged_are_named_and_reading_begins_anew(
    tmp_path: Path, log: Path, content: bytes, follow: Follow
):
    position = tmp_path / "position.json"
    position.write_bytes(content)
    with capture_logs() as said:
        tail = follow([str(log)], position)
    assert "reading begins anew" in said[0]["reason"]
    assert taken(tail) == []
    append(log, "new\n")
    assert taken(tail) == ["new"]
    assert json.loads(position.read_text())["files"][0]["offset"] == log.stat().st_size


def test_what_cannot_be_read_is_named_once_and_stops_no_other(tail: Tail, tmp_path: Path, log: Path):
    loop = tmp_path / "loop.log"
    loop.symlink_to(loop)
    with capture_logs() as said:
        for n in range(3):
            append(log, f"{n}\n")
            assert taken(tail) == [str(n)]
    assert [each["reason"] for each in said] == [f"{loop}: cannot be read: Too many levels of symbolic links"]


def test_a_pattern_without_files_is_named(tmp_path: Path, follow: Follow):
    with capture_logs() as said:
        taken(follow([f"{tmp_path}/none/*.log"]))
    assert said[0]["reason"] == f"{tmp_path}/none/*.log: matches no file yet"


def test_folders_and_pipes_are_no_logs(tail: Tail, tmp_path: Path, log: Path):
    (tmp_path / "folder.log").mkdir()
    os.mkfifo(tmp_path / "pipe.log")
    append(log, "new\n")
    assert taken(tail) == ["new"]


def test_a_line_without_an_end_is_cut_and_holds_nothing_up(
    tail: Tail, log: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "LONGEST", 100)
    append(log, "x" * 250 + "\nnext\n")
    found = taken(tail)
    assert "".join(found) == "x" * 250 + "next"
    assert found[-1] == "next"


def test_bytes_that_are_no_text_are_shown_as_such(tail: Tail, log: Path):
    with log.open("ab") as file:
        file.write(b"caf\xe9\n")
    assert taken(tail) == ["caf�"]


def test_no_more_files_are_followed_than_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, follow: Follow
):
    monkeypatch.setattr(module, "FILES", 3)
    for n in range(5):
        (tmp_path / f"{n}.log").write_text(f"{n}\n")
    with capture_logs() as said:
        assert taken(follow([f"{tmp_path}/*.log"], start="beginning")) == ["0", "1", "2"]
    assert len(said) == 2


class Play:
    """A log to which all is done that is done to logs, in any order, and a tail that follows it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "api.log"
        self.tail = self.open()
        self.read = taken(self.tail)
        self.written: list[str] = []
        self.cut = 0

    def open(self) -> Tail:
        return Tail([f"{self.folder}/*.log*"], self.folder / "position.json")

    def do(self, n: int, act: str) -> None:
        if act in ("line", "half"):
            append(self.log, f"{n:08d}-{'x' * 20}" + ("\n" if act == "line" else ""))
            self.written.append(f"{n:08d}")
            self.cut += act == "half"
        elif act == "read":
            self.read += taken(self.tail)
        elif act == "restart":
            self.tail.close()
            self.tail = self.open()
        elif self.log.exists():
            self.rotate(n, act)

    def rotate(self, n: int, act: str) -> None:
        if act != "rename":  # what is written and gone before anyone looks is lost to all
            self.read += taken(self.tail)
        if act == "copy":
            shutil.copy(self.log, self.folder / f"api.log.{n}")
            os.truncate(self.log, 0)
        elif act == "rename":
            self.log.rename(self.folder / f"api.log.{n}")
        else:
            self.log.unlink()


@given(
    st.lists(st.sampled_from(["line", "half", "rename", "copy", "delete", "restart", "read"]), max_size=30)
)
def test_whatever_is_done_no_whole_line_is_lost_and_none_read_twice(
    tmp_path_factory: pytest.TempPathFactory, acts: list[str]
):
    play = Play(tmp_path_factory.mktemp("logs"))
    try:
        for n, act in enumerate(acts):
            play.do(n, act)
        append(play.log, "the end\n")
        play.read += taken(play.tail)
    finally:
        play.tail.close()
    whole = "\n".join(play.read)
    assert max((whole.count(name) for name in play.written), default=0) <= 1
    assert "the end" in whole
    lost = [name for name in play.written if name not in whole]
    assert len(lost) <= play.cut  # a line that was never ended is never whole
