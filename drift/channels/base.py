"""What a channel is to drift: a way in which people hear of alerts."""

from __future__ import annotations

from typing import Protocol

from drift.messages import Message
from drift.notices import Notice


class Channel(Protocol):
    """A way in which people hear of alerts. Used by one thread at a time."""

    @property
    def name(self) -> str:
        """The word that rules and failures name it by."""
        ...

    def check(self) -> str:
        """What it leads to, without a secret in it; nothing is sent. Raises `ChannelError` if that fails."""
        ...

    def send(self, notice: Notice, message: Message) -> None:
        """Tell of the notice, within the channel's timeout and a second.

        Raises `ChannelError`, which says whether to try again, and when. A part may have been told then, and
        is told again: receivers tell duplicates by the notice's key.
        """
        ...

    def close(self) -> None:
        """Give back what it holds; it may be used again."""
        ...
