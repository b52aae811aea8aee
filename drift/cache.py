"""The pasts of blocks of cities on disk, from one slot to the next.

Why: the sorted reference is most of a slot's work, a fleet's does not fit in memory, and a job that runs once
an hour has no memory at all.

How: a file a block. It says what it was made from (`fingerprint`); a file that says anything else than what
would be read now is not used. Its numbers are mapped, not read, and held against a checksum when a process
first sees them. Files appear whole under their names, so processes may share a folder. Rows that change
from slot to slot are not worth keeping: a past is only written once it would have served the slot after it.
When the folder is full, what was not used for a day makes room; else nothing more is kept.

A cache that cannot be read or written costs time, and is no failure of the slot.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.config import Config
from drift.domain import Grid, Unused, Window
from drift.evaluate import Column, Prepared
from drift.files import write_atomically
from drift.past import Kept, Past
from drift.statistics.base import Reference, Sorted
from drift.windows import Cadence, Windows

Fingerprint: TypeAlias = Callable[[Window], str | None]
"""What the rows of a window are made from, as the store has them now; None: it cannot say."""

_START = struct.Struct("<8sQII")  # what it is, the header's length and checksum, the numbers' checksum
_MAGIC = b"drift p4"  # another number wherever another past would come of the same rows
_PAGE = 4096
_MAPPED = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)  # all pages at once, where the system can
_UNUSED_S = 86_400.0
# a past, a note, and what is left of either where a process died writing it
_OURS = re.compile(r"[0-9a-f]{40}\.(past|seen)|\.[0-9a-f]{40}\.[0-9a-f]+\.tmp")
# what reading a file raises that is not there, not whole, or of another version
_NOT_WHOLE = (OSError, ValueError, LookupError, TypeError, struct.error)


class Recalled(NamedTuple):
    """What was kept, and the fingerprint of what it was made from."""

    past: Past
    fingerprint: str


class Cache:
    """Pasts under a folder, of so many bytes at most. Threads and processes may share it; processes that
    write at one moment may pass the limit by what they write.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        """The folder is made when something is first kept."""
        self._folder = folder
        self._limit = limit
        self._sound: dict[Path, tuple[int, bytes]] = {}  # files whose numbers were held against their sum
        self._writing = Lock()

    def recall(self, key: str, windows: Windows, made_from: Fingerprint) -> Recalled | None:
        """What is kept under the key, if it serves the slot and is of the rows as they are now."""
        path = self._folder / f"{key}.past"
        try:
            kept = self._read(path)
        except _NOT_WHOLE:
            return None
        if not kept.past.serves(windows) or made_from(kept.past.window) != kept.fingerprint:
            return None
        with suppress(OSError):
            os.utime(path)
        return kept

    def offer(self, key: str, past: Past, fingerprint: str | None, made_from: Fingerprint) -> bool:
        """Keep the past if rows like its are worth keeping; whether it was kept.

        `fingerprint` is of its window from before the rows were read: they may have changed since.
        """
        if fingerprint is None or fingerprint != made_from(past.window):
            return False
        try:
            if not self._steady(key, past.window, fingerprint, made_from):
                return False
            return self._write(self._folder / f"{key}.past", past, fingerprint)
        except OSError:  # a full disk, a folder that is not ours
            return False

    def _steady(self, key: str, window: Window, fingerprint: str, made_from: Fingerprint) -> bool:
        """Whether what an earlier slot noted of its rows still holds; if not, note this slot's."""
        note = self._folder / f"{key}.seen"
        with suppress(*_NOT_WHOLE):
            noted = json.loads(note.read_bytes())
            if made_from(_window(noted["window"])) == noted["fingerprint"]:
                return True
        seen = {"window": _moments(window), "fingerprint": fingerprint}
        write_atomically(note, json.dumps(seen).encode(), flush=False)
        return False

    def _write(self, path: Path, past: Past, fingerprint: str) -> bool:
        header, arrays = _packed(past)
        where, size = _laid_out(arrays)
        words = json.dumps({**header, "fingerprint": fingerprint, "arrays": where}).encode()
        start = _whole_pages(_START.size + len(words))
        with self._writing:
            if not self._make_room(start + size, path):
                return False
            content = bytearray(start + size)
            data = np.frombuffer(content, dtype=np.uint8, offset=start)
            for array, place in zip(arrays, where, strict=True):
                _view(data, *place)[...] = array
            begin = _START.pack(_MAGIC, len(words), zlib.crc32(words), _checksum(data))
            content[: len(begin) + len(words)] = begin + words
            write_atomically(path, content, flush=False)
        return True

    def _make_room(self, size: int, path: Path) -> bool:
        """Whether so much fits beside the other files, of which those go, if need be, that nobody used."""
        there = self._there()
        newest = max((stat.st_mtime for stat in there.values()), default=0.0)
        there.pop(path, None)
        used = sum(stat.st_size for stat in there.values())
        for entry, stat in sorted(there.items(), key=lambda each: each[1].st_mtime):
            if used + size > self._limit and stat.st_mtime < newest - _UNUSED_S:
                entry.unlink(missing_ok=True)
                used -= stat.st_size
        return used + size <= self._limit

    def _there(self) -> dict[Path, os.stat_result]:
        """All files of ours."""
        found = {}
        for entry in self._folder.glob("*"):
            if _OURS.fullmatch(entry.name):
                with suppress(FileNotFoundError):  # another process made room
                    found[entry] = entry.stat()
        return found

    def _read(self, path: Path) -> Recalled:
        with path.open("rb") as file:
            begin = file.read(_START.size)
            magic, length, header_sum, data_sum = _START.unpack(begin)
            status = os.fstat(file.fileno())
            words = file.read(min(length, status.st_size))  # whatever a foreign file says
            if magic != _MAGIC or zlib.crc32(words) != header_sum:
                raise ValueError(f"{path} is not whole")
            start = _whole_pages(_START.size + length)
            data = np.frombuffer(mmap.mmap(file.fileno(), 0, flags=_MAPPED, prot=mmap.PROT_READ), np.uint8)[
                start:
            ]
            seen = (status.st_ino, begin)
        if self._sound.get(path) != seen:
            if _checksum(data) != data_sum:
                path.unlink(missing_ok=True)
                raise ValueError(f"{path} is damaged")
            self._sound[path] = seen
        header = json.loads(words)
        arrays = iter([_view(data, *where) for where in header["arrays"]])
        return Recalled(_unpacked(header, arrays), header["fingerprint"])


def key_of(config: Config, cities: Sequence[str], cadence: Cadence, kernel: str) -> str:
    """What a block of cities is kept under: all that decides how its rows are taken, but the rows. The forms
    of the kernel add up in different orders, so that each has its own.
    """
    words = (config.measuring_words, repr(cadence), kernel, *cities)
    return sha256(json.dumps(words).encode()).hexdigest()[:40]


def _checksum(data: NDArray[np.uint8]) -> int:
    """Of whole pages: a sum a page at the memory's speed, and a CRC of the sums for their order."""
    pages = np.asarray(data).view(np.uint64).reshape(-1, _PAGE // 8)
    return zlib.crc32(np.add.reduce(pages, axis=1).tobytes())


def _whole_pages(size: int) -> int:
    return -(-size // _PAGE) * _PAGE


def _laid_out(arrays: list[NDArray[Any]]) -> tuple[list[tuple[str, tuple[int, ...], int]], int]:
    """Where the arrays go, one after the other, each from a multiple of 64; and their size in whole pages."""
    where, size = [], 0
    for array in arrays:
        where.append((array.dtype.str, array.shape, size))
        size += -(-array.nbytes // 64) * 64
    return where, _whole_pages(size)


def _view(data: NDArray[np.uint8], dtype: str, shape: tuple[int, ...], offset: int) -> NDArray[Any]:
    kind = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    return np.asarray(data[offset : offset + size]).view(kind).reshape(shape)


def _packed(past: Past) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """The words and the numbers of a past, in the order in which `_unpacked` takes them."""
    counts = (past.actual_counts, past.prediction_counts)
    header = {
        "slot": past.windows.slot.isoformat(),
        "windows": {name: _moments(getattr(past.windows, name)) for name in _WINDOWS},
        "step_us": past.grid.step // timedelta(microseconds=1),
        "grid": (past.grid.start.isoformat(), past.grid.count),
        "moves": past.moves,
        "span": past.span,
        "whole": past.whole,
        "cities": past.cities,
        "model_versions": past.model_versions,
        "counts": [[reason.value for reason in by_reason] for by_reason in counts],
        "columns": [kept.prepared.columns for kept in past.kept],
        "came": past.came is not None,
    }
    arrays: list[NDArray[Any]] = [past.actual, past.predicted, past.scale]
    arrays += [cellwise for by_reason in counts for cellwise in by_reason.values()]
    for (_, reference), first in past.kept:
        sample = reference.sample
        arrays += [sample.values, sample.n, reference.edges, reference.shares, reference.spread, first]
    arrays += [] if past.came is None else [past.came]
    return header, arrays


def _unpacked(header: Mapping[str, Any], arrays: Iterator[NDArray[Any]]) -> Past:
    start, count = header["grid"]
    step = timedelta(microseconds=header["step_us"])
    named = {name: _window(header["windows"][name]) for name in _WINDOWS}
    actual, predicted, scale = next(arrays), next(arrays), next(arrays)
    of_actuals, of_predictions = (
        {Unused(reason): next(arrays) for reason in reasons} for reasons in header["counts"]
    )
    kept = []
    for columns in header["columns"]:
        sample = Sorted(next(arrays), next(arrays))
        reference = Reference(sample, next(arrays), next(arrays), next(arrays))
        kept.append(Kept(Prepared(tuple(Column(*column) for column in columns), reference), next(arrays)))
    return Past(
        windows=Windows(datetime.fromisoformat(header["slot"]), **named),
        grid=Grid(datetime.fromisoformat(start), step, count),
        moves=header["moves"],
        span=header["span"],
        whole=header["whole"],
        scale=scale,
        cities=tuple(header["cities"]),
        model_versions=tuple(header["model_versions"]),
        actual=actual,
        predicted=predicted,
        actual_counts=of_actuals,
        prediction_counts=of_predictions,
        kept=tuple(kept),
        came=next(arrays) if header["came"] else None,
    )


_WINDOWS = tuple(field.name for field in fields(Windows) if field.name != "slot")


def _moments(window: Window) -> tuple[str, str]:
    return window.start.isoformat(), window.end.isoformat()


def _window(moments: tuple[str, str]) -> Window:
    return Window(datetime.fromisoformat(moments[0]), datetime.fromisoformat(moments[1]))
