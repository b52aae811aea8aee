"""What a feature store is to drift: five questions it can answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from drift.domain import Window
from drift.tables import Tables


class Store(Protocol):
    """A feature store. Every method raises `StoreError` (or a kind of it) that names table and remedy."""

    def cities(self) -> tuple[str, ...]:
        """All cities that have predictions, sorted."""
        ...

    def span(self) -> Window:
        """From the first target time of any prediction or actual to the end of the last interval."""
        ...

    def interval(self) -> timedelta:
        """The distance of target times: the config's, or the commonest distance found in the data."""
        ...

    def partition(self, cities: Sequence[str], size: int) -> list[tuple[str, ...]]:
        """The cities in blocks that can be read apart without reading much twice: of `size` where the
        layout allows, larger where it does not."""
        ...

    def read(self, window: Window, cities: Sequence[str] | None = None) -> Tables:
        """The rows whose target time lies in the window, of these cities (None: of all)."""
        ...
