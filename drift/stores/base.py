"""What a feature store is to drift: seven questions it can answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from drift.domain import Window
from drift.tables import Tables
from drift.windows import Cadence


class Store(Protocol):
    """A feature store. Every method raises `StoreError` (or a kind of it) that names table and remedy."""

    def cities(self) -> tuple[str, ...]:
        """All cities that have predictions, sorted."""
        ...

    def features(self) -> tuple[str, ...]:
        """The names of the features, sorted; none where there is no such table."""
        ...

    def span(self) -> Window:
        """From the first target time of any prediction or actual to the end of the last interval."""
        ...

    def cadence(self) -> Cadence:
        """When there are target times: their distance (the config's, or found in the data) and phase."""
        ...

    def partition(self, cities: Sequence[str], size: int) -> list[tuple[str, ...]]:
        """The cities in blocks that can be read apart: of `size`, or larger where the layout wants it."""
        ...

    def fingerprint(self, window: Window, cities: Sequence[str]) -> str | None:
        """What the rows of the window and the cities are made from: the same text only if they are the same
        rows. None: the store cannot say, and nothing made from them is kept.
        """
        ...

    def read(self, window: Window, cities: Sequence[str] | None = None) -> Tables:
        """The rows whose target time lies in the window, of these cities (None: of all)."""
        ...
