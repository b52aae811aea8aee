"""What a sink is to drift: a place where a finished run goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from drift.domain import Run


class Sink(Protocol):
    """A place where a run goes. Publishing the same run again leaves the same there."""

    @property
    def name(self) -> str:
        """The word that failures and links name it by."""
        ...

    def check(self) -> str:
        """Connect as publishing would, and say what was found. Raises `SinkError` with the remedy."""
        ...

    def publish(self, run: Run) -> Mapping[str, str]:
        """Put the run there; gives links by name for people. Raises `SinkError` with the remedy."""
        ...
