"""PURE. Evidence is read from JSON that may be years old, cut short or someone else's: nothing here raises.

A part that is missing, or is not what it should be, is None, and a message says what is left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from drift.messages.words import NAME_LENGTH, PROSE_LENGTH, Name, name_of, prose_of

MOST_ITEMS = 100
"""So many items of a list are looked at."""
LARGEST = 1e15
"""No load, ratio or share is as large: such a number is a fault of the document."""


class Node:
    """A value somewhere in a JSON document, or nothing."""

    __slots__ = ("_value",)

    def __init__(self, value: object = None) -> None:
        self._value = value

    def __getitem__(self, key: str) -> Node:
        return Node(self._value.get(key)) if isinstance(self._value, Mapping) else Node()

    def __bool__(self) -> bool:
        return self._value is not None

    def __iter__(self) -> Iterator[Node]:
        value = self._value if isinstance(self._value, list | tuple) else ()
        return iter([Node(item) for item in value[:MOST_ITEMS]])

    @property
    def known(self) -> bool:
        """Whether it is a part with figures, and not the reason why it has none."""
        return isinstance(self._value, Mapping) and "undefined" not in self._value

    @property
    def listed(self) -> bool:
        """Whether it is a list, be it an empty one."""
        return isinstance(self._value, list | tuple)

    @property
    def flag(self) -> bool:
        """Whether it is true."""
        return self._value is True

    @property
    def number(self) -> float | None:
        """A finite number of a size that can be said.

        >>> Node({"ratio": 2})["ratio"].number, Node(float("nan")).number, Node("2").number
        (2.0, None, None)
        """
        if isinstance(self._value, bool) or not isinstance(self._value, int | float):
            return None
        try:
            value = float(self._value)
        except OverflowError:
            return None
        return value if math.isfinite(value) and abs(value) < LARGEST else None

    def name(self, longest: int = NAME_LENGTH) -> Name | None:
        """A name from data."""
        return name_of(self._value, longest) if isinstance(self._value, str) and self._value else None

    def prose(self, longest: int = PROSE_LENGTH) -> str | None:
        """A sentence."""
        text = prose_of(self._value, longest) if isinstance(self._value, str) else ""
        return text or None

    @property
    def moment(self) -> datetime | None:
        """A time in ISO 8601, in UTC where it says nothing else."""
        if not isinstance(self._value, str) or len(self._value) > 40:
            return None
        try:
            at = datetime.fromisoformat(self._value)
        except ValueError:
            return None
        return at if at.tzinfo is not None else at.replace(tzinfo=UTC)

    def counts(self) -> Iterator[tuple[Name, float]]:
        """The entries that are positive numbers, by name."""
        items = list(self._value.items())[:MOST_ITEMS] if isinstance(self._value, Mapping) else []
        for key, value in items:
            number = Node(value).number
            if number is not None and number > 0:
                yield name_of(key), number
