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
