r"""Lines of a file or a pipe as they come: in batches, promptly, in bounded memory.

A batch is what one read gave, so a reader of a pipe has a line as soon as its writer flushed it, and a file
is read in large pieces. Bytes that are no UTF-8 are spelt out (`\\xff`), which loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

PIECE: Final = 64 * 1024
"""So many bytes are asked for at once."""

LONGEST: Final = 1024 * 1024
"""A line of more bytes is cut; what was cut is counted."""

_MARGIN = 4096


class Line(NamedTuple):
    """A line without its end, where it stood in bytes from the start, and how many bytes were cut off it."""

    text: str
    path: str | None = None
    offset: int | None = None
    cut: int = 0


def batches(
    read: Callable[[int], bytes], path: str | None = None, longest: int = LONGEST
) -> Iterator[list[Line]]:
    r"""The lines of each piece that `read` gives, until it gives nothing. A last line may lack its end.

    >>> pieces = iter([b"one\ntw", b"o\nend", b""])
    >>> [[(line.offset, line.text) for line in batch] for batch in batches(lambda _: next(pieces))]
    [[(0, 'one')], [(4, 'two')], [(8, 'end')]]
    """
    held, start, dropped = b"", 0, 0
    while piece := read(PIECE):
        *whole, rest = piece.split(b"\n")
        found = []
        for part in whole:
            found.append(_line(held + part, path, start, dropped, longest))
            start += len(held) + dropped + len(part) + 1
            held, dropped = b"", 0
        held += rest
        if len(held) > 2 * longest:
            dropped += len(held) - longest
            held = held[:longest]
        yield found
    if held:
        yield [_line(held, path, start, dropped, longest)]


def _line(raw: bytes, path: str | None, start: int, dropped: int, longest: int) -> Line:
    size = len(raw)
    if size + dropped > longest:
        raw = _cut(raw[:longest])
    text = raw.decode("utf-8", "backslashreplace")
    return Line(text.removesuffix("\r"), path, start, size + dropped - len(raw))


def _cut(raw: bytes) -> bytes:
    """Cut at a space, so that no half of a secret is left that nothing would know for one."""
    head, space, tail = raw.rpartition(b" ")
    return head if space and len(tail) < _MARGIN else raw[:-_MARGIN]
