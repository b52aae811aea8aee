r"""PURE. Patterns that people write, matched in a time that no pattern and no text can make long.

Python's own `re` tries one way after another, and `(a+)+b` on a long name takes it years. Here all ways are
followed together: each part of a pattern takes the set of places where it may begin to the set of places
where it may end. What is understood is the plain core of `re`: characters, `.`, `[a-z]`, `\d \w \s`, groups,
`|` and `*`, `+`, `?`. The rest is refused, with what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

LONGEST = 200
"""Characters of a pattern."""
DEEPEST = 5
"""Groups within groups."""
_ATOM = re.compile(
    r"\\[dDwWsS]|\\[^0-9A-Za-z]|\[\^?(?:\\.|[^\]\\])(?:\\.|[^\]\\])*\]|[^\\()\[\]{}*+?|^$]", re.DOTALL
)

Places: TypeAlias = AbstractSet[int]


@dataclass(frozen=True, slots=True)
class _One:
    """One character."""

    atom: re.Pattern[str]

    def ends(self, text: str, starts: Places) -> Places:
        return {at + 1 for at in starts if self.atom.fullmatch(text, at, at + 1)}


@dataclass(frozen=True, slots=True)
class _Row:
    """One part behind the other."""

    parts: tuple[_Node, ...]

    def ends(self, text: str, starts: Places) -> Places:
        for part in self.parts:
            starts = part.ends(text, starts)
        return starts


@dataclass(frozen=True, slots=True)
class _Any:
    """One of several."""

    parts: tuple[_Node, ...]

    def ends(self, text: str, starts: Places) -> Places:
        return set().union(*(part.ends(text, starts) for part in self.parts))


@dataclass(frozen=True, slots=True)
class _Often:
    """A part as often as it comes: `least` is 0 or 1, `most` 1 or None."""

    part: _Node
    least: int
    most: int | None

    def ends(self, text: str, starts: Places) -> Places:
        found = set() if self.least else set(starts)
        edge = starts
        while edge:
            edge = self.part.ends(text, edge) - found
            found |= edge
            if self.most:
                break
        return found


_Node: TypeAlias = _One | _Row | _Any | _Often
_OFTEN: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that was read."""

    text: str
    node: _Node

    def matches(self, text: str) -> bool:
        """Whether the whole text is what the pattern says.

        >>> pattern_of("data_.*").matches("data_fault"), pattern_of("data_.*").matches("no_data_fault")
        (True, False)
        """
        return len(text) in self.node.ends(text, {0})


@lru_cache(maxsize=256)  # a silence is held against every alert
def pattern_of(text: str) -> Pattern:
    """Read a pattern.

    Raises:
        ValueError: it is too long, or no pattern that is understood; says where, and what is.

    >>> pattern_of("(Pune|Thane).*").matches("Thane West")
    True
    """
    if len(text) > LONGEST:
        raise ValueError(f"a pattern has {LONGEST} characters at most, and this one {len(text)}")
    node, at = _alternatives(text, 0, 0)
    if at < len(text):
        raise _not_understood(text, at)
    return Pattern(text, node)


@lru_cache(maxsize=1 << 16)  # ten thousand alerts have a thousand cities
def fits(pattern: str, text: str) -> bool:
    """Whether the whole text is what the pattern says.

    Raises:
        ValueError: it is no pattern that is understood; see `pattern_of`.

    >>> fits("data_.*", "data_fault")
    True
    """
    return pattern_of(pattern).matches(text)


def _alternatives(text: str, at: int, depth: int) -> tuple[_Node, int]:
    rows: list[_Node] = []
    while True:
        row, at = _row(text, at, depth)
        rows.append(row)
        if text[at : at + 1] != "|":
            return (rows[0] if len(rows) == 1 else _Any(tuple(rows))), at
        at += 1


def _row(text: str, at: int, depth: int) -> tuple[_Node, int]:
    parts: list[_Node] = []
    while at < len(text) and text[at] not in "|)":
        part, at = _part(text, at, depth)
        if (often := _OFTEN.get(text[at : at + 1])) is not None:
            part, at = _Often(part, *often), at + 1
        parts.append(part)
    return _Row(tuple(parts)), at


def _part(text: str, at: int, depth: int) -> tuple[_Node, int]:
    if text[at] == "(":
        inside = at + (3 if text.startswith("(?:", at) else 1)
        if depth == DEEPEST:
            raise ValueError(f"a pattern has groups in groups at most {DEEPEST} deep")
        node, end = _alternatives(text, inside, depth + 1)
        if text[end : end + 1] != ")":
            raise _not_understood(text, at if end == len(text) else end)
        return node, end + 1
    atom = _ATOM.match(text, at)
    if atom is None:
        raise _not_understood(text, at)
    try:
        return _One(re.compile(atom[0], re.DOTALL)), atom.end()
    except re.error:  # a range that runs backwards
        raise _not_understood(text, at) from None


def _not_understood(text: str, at: int) -> ValueError:
    return ValueError(
        f"{text[at]!r} at character {at + 1} of the pattern is not understood: it matches the whole text, of "
        r"characters, `.`, `[a-z]`, `\d`, groups, `|`, `*`, `+`, `?`; write `\` before what is meant as it is"
    )
