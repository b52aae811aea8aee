"""PURE. Plain text broken into lines of at most 78 columns; wide characters take two, combining ones none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

WIDTH = 78
GLUED = re.compile(r"(?<=\d) (?=[×%]|(?:h|d|min|MW|UTC)\b)|(?<=×) (?=normal)")
"""A number stays with its unit."""


def columns(text: str) -> int:
    """How many columns the text takes.

    >>> columns("abc"), columns("東京"), columns("é")
    (3, 4, 1)
    """
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def wrapped(text: str, first: str = "", rest: str = "") -> Iterator[str]:
    """The text in lines of at most 78 columns, `first` before the first one and `rest` before the others.

    >>> list(wrapped("a " * 3 + "b" * 80, "- ", "  "))[0]
    '- a a a'
    """
    line, empty = first, True
    for word in GLUED.sub("\u00a0", text).split(" "):
        for piece in _pieces(word, WIDTH - max(columns(first), columns(rest))):
            if not empty and columns(line) + 1 + columns(piece) > WIDTH:
                yield line
                line, empty = rest, True
            line, empty = line + ("" if empty else " ") + piece.replace("\u00a0", " "), False
    yield line.rstrip()


def _pieces(word: str, longest: int) -> Iterator[str]:
    """The word, in pieces if it is longer than a line."""
    piece = ""
    for char in word:
        if columns(piece + char) > longest:
            yield piece
            piece = ""
        piece += char
    yield piece
