"""Feature stores: one file a kind, and an explicit table of them.

A store from outside is a package with an entry point in the group `drift.stores`: its name is the
`store.kind`, and it loads to something that is called with the `Config` and gives a `Store`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import TypeAlias

from drift.config import Config
from drift.config_text import did_you_mean
from drift.errors import ConfigError
from drift.stores.base import Store
from drift.stores.parquet import ParquetStore

StoreFactory: TypeAlias = Callable[[Config], Store]

STORES: Mapping[str, StoreFactory] = {"parquet": ParquetStore}
GROUP = "drift.stores"


def open_store(config: Config) -> Store:
    """The store that `store.kind` names. Nothing is read yet.

    Raises:
        ConfigError: no such kind is known, or the package that should bring it does not load.
    """
    kind = config.store.kind
    if kind in STORES:
        return STORES[kind](config)
    outside = {point.name: point for point in entry_points(group=GROUP)}
    if kind not in outside:
        raise ConfigError(f"store.kind: {kind!r} is unknown{did_you_mean(kind, sorted({*STORES, *outside}))}")
    try:
        factory: StoreFactory = outside[kind].load()
    except Exception as error:  # whatever a foreign package does on import, it is named here
        raise ConfigError(f"store.kind: {kind!r} ({outside[kind].value}) does not load: {error}") from error
    return factory(config)
