"""A reader sees the old file or the new one; so does whoever looks after a crash."""

import os
import stat
from pathlib import Path

import pytest

from drift.files import write_atomically


def test_a_new_file_has_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "deep" / "x", b"1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "deep" / "x").stat().st_mode) == 0o640


def test_the_file_and_its_folder_are_flushed_in_this_order(tmp_path: Path, monkeypatch) -> None:
    flushed: list[tuple[bool, bytes]] = []
    real = os.fsync

    def noting(handle: int) -> None:
        folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        flushed.append((folder, (tmp_path / "x").read_bytes()))
        real(handle)

    (tmp_path / "x").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", noting)
    write_atomically(tmp_path / "x", b"new")
    assert flushed == [(False, b"old"), (True, b"new")]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, monkeypatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "x").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "x", b"new")
    assert [(f.name, f.read_bytes()) for f in tmp_path.iterdir()] == [("x", b"old")]


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(OSError, match="x"):
        write_atomically(tmp_path / "x", b"new")
    assert [f.name for f in tmp_path.iterdir()] == ["x"]


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_atomically(pipe, b"line\n")
        assert os.read(reader, 100) == b"line\n"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
