"""Feature stores: one file a kind, and an explicit table of them.

A store from outside is a package with an entry point in the group `drift.stores`: its name is the
`store.kind`, and it loads to something that is called with the `Config` and gives a `Store`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from drift.config import Config
from drift.entry_points import factory
from drift.stores.base import Store
from drift.stores.feast import FeastStore
from drift.stores.parquet import ParquetStore

StoreFactory: TypeAlias = Callable[[Config], Store]


def _sql(config: Config) -> Store:
    """SQLAlchemy is imported where a database is read."""
    from drift.stores.sql import SqlStore

    return SqlStore(config)


STORES: Mapping[str, StoreFactory] = {"parquet": ParquetStore, "feast": FeastStore, "sql": _sql}
GROUP = "drift.stores"


def open_store(config: Config) -> Store:
    """The store that `store.kind` names. Nothing is read yet, and no other store is loaded.

    Raises:
        ConfigError: no such kind is known, or the package that should bring it does not load.
    """
    return factory(STORES, GROUP, config.store.kind, "store.kind:")(config)
