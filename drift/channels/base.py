"""What a channel is to drift: a way in which people hear of transitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from drift.domain import Transition


class Channel(Protocol):
    """A way in which people hear of transitions."""

    @property
    def name(self) -> str:
        """The word that rules and failures name it by."""
        ...

    def send(self, transitions: Sequence[Transition]) -> None:
        """Tell of the transitions, in their order. Raises `ChannelError`; a part may have been told then."""
        ...


def one_line(text: str) -> str:
    r"""The text with everything that is not printable spelt out, so that it cannot break or fake a line.

    Backslashes are doubled: what was spelt out can be told from what was written so.

    >>> print(one_line("SCL\nalert=resolved \x1b[2J C:\\"))
    SCL\nalert=resolved \x1b[2J C:\\
    """
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode() for c in text)
