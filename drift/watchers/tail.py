"""Follows log files as they grow, however they are rotated, and remembers over a restart how far it has read.

A file is known by its inode and by the first bytes that it had, not by its name. So a renamed file is read to
its end and the new one from its beginning; one that was copied and cut (`copytruncate`) is read from its
beginning, and its copy not at all; an inode that was given to another file is another file. A line counts
once it is whole: what is behind the last line feed is read again next time. Files that are packed (`.gz`)
have been read before they were. All files there when the first look is taken are followed from their end, and
what comes later is read whole.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from glob import iglob
from hashlib import blake2b
from io import FileIO
from pathlib import Path
from typing import Literal, NamedTuple

import structlog

from drift.files import write_atomically

HEAD = 1024
"""So many first bytes tell one file from another."""
LONGEST = 256 * 1024
"""A line that is longer is cut here; its rest is read as a line of its own."""
FILES = 256
"""So many files are followed at most: each is kept open, as a rotated one has no name any more."""
_PACKED = frozenset({".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip"})

_log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Followed:
    """One file that is read. `offset` is the first byte that was not handed out; `head` the digest of the
    first `head_length` bytes. `reached` is the newest time of its lines, which its reader knows and sets.
    """

    path: Path
    file: FileIO
    inode: tuple[int, int]
    offset: int = 0
    head: str = ""
    head_length: int = 0
    gone: bool = False
    reached: float = field(default=float("-inf"))

    def size(self) -> int:
        """How many bytes it has now."""
        return os.fstat(self.file.fileno()).st_size

    def know(self) -> None:
        """Take in more of its first bytes, as long as it has few."""
        if self.head_length < HEAD:
            first = os.pread(self.file.fileno(), HEAD, 0)
            self.head, self.head_length = _digest(first), len(first)

    def is_another(self) -> bool:
        """Whether its first bytes have changed: it was emptied, and has grown again."""
        first = os.pread(self.file.fileno(), self.head_length, 0)
        return len(first) < self.head_length or _digest(first) != self.head


class _Known(NamedTuple):
    """How far a file was read, and what tells it from others."""

    inode: tuple[int, int]
    offset: int
    head: str
    head_length: int

    def is_of(self, found: Followed) -> bool:
        """Whether the file begins as this one did."""
        first = os.pread(found.file.fileno(), self.head_length, 0)
        return 0 < self.head_length == len(first) and _digest(first) == self.head


def _digest(first: bytes) -> str:
    return blake2b(first, digest_size=16).hexdigest()


class Tail:
    """Follows the files of some globs. `position` is where it writes down how far it got; None: nowhere."""

    def __init__(
        self, globs: Sequence[str], position: Path | None = None, start: Literal["end", "beginning"] = "end"
    ) -> None:
        self._globs, self._position = tuple(globs), position
        self._files: list[Followed] = []
        self._start: Literal["end", "beginning"] = start
        self._named: set[str] = set()
        self._known = self._read_position()
        self._emptied: tuple[_Known, ...] = ()
        self._written = b""

    def look(self) -> None:
        """See what became of the files: new ones, renamed, cut or deleted ones. What cannot be read is named
        in the log, once, and tried again at each look.
        """
        present: dict[tuple[int, int], Path] = {}
        for path in self._matching():
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # rotated away since
            except OSError as error:
                self._name(f"{path}: cannot be read: {error.strerror}")
                continue
            if stat.S_ISREG(status.st_mode) and path.suffix not in _PACKED:
                present.setdefault((status.st_dev, status.st_ino), path)
        self._emptied = self._see_known(present)
        followed = {each.inode for each in self._files}
        for inode, path in present.items():
            if inode not in followed:
                self._open(path, inode)
        self._start, self._known, self._emptied = "beginning", (), ()

    def _matching(self) -> list[Path]:
        found: dict[Path, None] = {}
        for pattern in self._globs:
            paths = sorted(iglob(pattern, recursive=True))  # noqa: PTH207 - a pattern may be absolute
            if not paths:
                self._name(f"{pattern}: matches no file yet")
            found.update(dict.fromkeys(map(Path, paths)))
        return list(found)

    def _see_known(self, present: Mapping[tuple[int, int], Path]) -> tuple[_Known, ...]:
        """Bring what is followed up to date; gives what was known of those that were emptied."""
        emptied = [each for each in self._files if each.size() < each.offset or each.is_another()]
        before = tuple(_Known(each.inode, each.offset, each.head, each.head_length) for each in emptied)
        for each in emptied:
            each.head, each.head_length = "", 0
        for each in list(self._files):
            each.gone, each.path = each.inode not in present, present.get(each.inode, each.path)
            each.know()
            if each in emptied:
                self._emptied = before
                each.offset = self._place(each)
            if each.gone and each.offset >= each.size():
                each.file.close()
                self._files.remove(each)
        return before

    def _open(self, path: Path, inode: tuple[int, int]) -> None:
        if len(self._files) >= FILES:
            self._name(f"{path}: not followed: {FILES} files are already; name fewer in watch.logs.paths")
            return
        try:
            found = Followed(path, FileIO(path, "r"), inode)
        except OSError as error:
            self._name(f"{path}: cannot be read: {error.strerror}")
            return
        found.know()
        found.offset = self._place(found)
        self._files.append(found)

    def _place(self, found: Followed) -> int:
        """Where to begin. Where a run before got; in a copy of a file that was emptied, where that was read
        to, as the last lines may be only there; at the end of another copy; else at one end.
        """
        size = found.size()
        others = [each for each in self._files if each is not found]
        for known in sorted((*self._known, *self._emptied), key=lambda each: each.inode != found.inode):
            lives = any(each.inode == known.inode and known.is_of(each) for each in others)
            if known.offset <= size and known.is_of(found) and not lives:
                return known.offset
        if any(_Known(each.inode, 0, each.head, each.head_length).is_of(found) for each in others):
            return size
        return size if self._start == "end" else 0

    def _name(self, said: str) -> None:
        if said not in self._named and len(self._named) < 10 * FILES:
            self._named.add(said)
            _log.warning("log file not followed", reason=said)

    def pending(self) -> list[Followed]:
        """The files that have grown beyond what was handed out, if only by a part of a line."""
        return [each for each in self._files if each.size() > each.offset]

    def take(self, source: Followed) -> list[str]:
        """The next whole lines of the file, `LONGEST` bytes at most; none if there is no whole one yet."""
        block = os.pread(source.file.fileno(), LONGEST, source.offset)
        end = block.rfind(b"\n") + 1
        if not end and (len(block) == LONGEST or source.gone):
            end = len(block)
        source.offset += end
        source.know()
        return [line for line in block[:end].decode("utf-8", "replace").split("\n") if line.strip()]

    def save(self) -> None:
        """Write down how far it got, if that has changed."""
        if self._position is None:
            return
        files = [
            {"inode": each.inode, "offset": each.offset, "head": each.head, "head_length": each.head_length}
            for each in self._files
        ]
        content = json.dumps({"version": 1, "files": files}).encode()
        if content != self._written:
            write_atomically(self._position, content, flush=False)
            self._written = content

    def _read_position(self) -> tuple[_Known, ...]:
        """How far a run before got. What cannot be read is named, and reading begins as at first sight."""
        if self._position is None or not self._position.exists():
            return ()
        try:
            files = json.loads(self._position.read_bytes())["files"]
            known = tuple(
                _Known(
                    (int(each["inode"][0]), int(each["inode"][1])),
                    each["offset"],
                    each["head"],
                    each["head_length"],
                )
                for each in files
            )
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            self._name(f"{self._position}: is no list of positions ({error}): reading begins anew")
            return ()
        self._start = "beginning"
        return known

    def close(self) -> None:
        """Let go of the files."""
        for each in self._files:
            each.file.close()
        self._files.clear()
