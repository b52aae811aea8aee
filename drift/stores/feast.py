"""The feature store that a Feast repo describes: feature views and feature services of its offline store.

Why: Feast's own retrieval answers another question. It joins features to the rows of an entity table, as
known at the time of each, and a monitor needs all rows: every issue time, every revision. What Feast
has for that (to materialize with) reads whole files whatever is asked for, and cannot choose cities;
docs/feast-store.md has the figures.

How: Feast's registry says where rows are and what their columns are called (`feast_repo`), and `feast_view`
says the same in the words of a store that drift has: files are read as a Parquet store, PostgreSQL as a
SQL store. The registry is read anew whenever the cities are asked for, which a slot does first. While it
says the same, the store under it stays, with what it knows of its files. Threads may share it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from drift.config import Config, FeastConfig, SqlConfig, TableConfig
from drift.domain import Window
from drift.errors import ConfigError, StoreError
from drift.stores.base import Store
from drift.stores.feast_repo import Repo
from drift.stores.feast_view import Query, View, as_table
from drift.stores.mapping import TableMap
from drift.stores.parquet import ParquetStore
from drift.tables import TableName, Tables
from drift.windows import Cadence


class FeastStore:
    """Reads the feature views and services that the config's `store` section names; see `Store`."""

    def __init__(self, config: Config) -> None:
        """Nothing is read yet, and Feast is not imported.

        Raises:
            ConfigError: a mapping names what a table does not have, or no repo is named.
        """
        if config.store.feast is None:
            raise ConfigError("store.feast: is missing: say where the repo is, `feast: {repo: feature_repo}`")
        self._config, self._feast = config, config.store.feast
        self._given = tables_of(config)
        for name, table in self._given.items():
            TableMap.of(name, table)
        self._lock = threading.Lock()
        self._repo: Repo | None = None
        self._placed: Config | None = None
        self._under: Store | None = None

    def cities(self) -> tuple[str, ...]:
        """All cities that have predictions, sorted; by what the registry says now."""
        with _remedies():
            return self._store(anew=True).cities()

    def features(self) -> tuple[str, ...]:
        """The names of the features, sorted; none where there is no such table."""
        with _remedies():
            return self._store().features()

    def span(self) -> Window:
        """From the first target time of any prediction or actual to the end of the last interval."""
        with _remedies():
            return self._store().span()

    def cadence(self) -> Cadence:
        """When there are target times: their distance (the config's, or found in the data) and phase."""
        with _remedies():
            return self._store().cadence()

    def partition(self, cities: Sequence[str], size: int) -> list[tuple[str, ...]]:
        """The cities in blocks that can be read apart: of `size`, or larger where the layout wants it."""
        with _remedies():
            return self._store().partition(cities, size)

    def fingerprint(self, window: Window, cities: Sequence[str]) -> str | None:
        """What the rows of the window and the cities are made from, as the store under it says."""
        with _remedies():
            return self._store().fingerprint(window, cities)

    def read(self, window: Window, cities: Sequence[str] | None = None) -> Tables:
        """The rows whose target time lies in the window, of these cities (None: of all)."""
        with _remedies():
            return self._store().read(window, cities)

    def _store(self, *, anew: bool = False) -> Store:
        """The store under it, made anew if the registry no longer says what it was made from."""
        with self._lock:
            if self._under is None or anew:
                if self._repo is None:
                    self._repo = Repo(self._config.path(self._feast.repo))
                placed = placed_config(self._config, self._feast, self._views(self._repo))
                if self._under is None or placed != self._placed:
                    self._placed, self._under = placed, _opened(placed)
            return self._under

    def _views(self, repo: Repo) -> dict[TableName, View]:
        return {
            name: repo.service(name, table.service, table.view)
            if table.service
            else repo.view(name, str(table.view))
            for name, table in self._given.items()
        }


def tables_of(config: Config) -> dict[TableName, TableConfig]:
    """The tables that the config has."""
    store = config.store
    given: dict[TableName, TableConfig] = {"predictions": store.predictions, "actuals": store.actuals}
    return given if store.features is None else given | {"features": store.features}


def placed_config(config: Config, feast: FeastConfig, views: dict[TableName, View]) -> Config:
    """The config of the Parquet or SQL store that holds the views' rows.

    Raises:
        ColumnError: a view lacks a column. StoreError: the views are in stores of several kinds.
    """
    tables = {name: as_table(name, table, views[name]) for name, table in tables_of(config).items()}
    queries = [view.source for view in views.values() if isinstance(view.source, Query)]
    if queries and len(queries) < len(views):
        raise StoreError("store: some feature views are in files and some in PostgreSQL: use those of one")
    sql = None
    if queries:
        sql = SqlConfig(
            url=queries[0].url,
            statement_timeout=feast.statement_timeout,
            connect_timeout=feast.connect_timeout,
            connections=feast.connections,
        )
    section = {"kind": "sql" if queries else "parquet", "sql": sql, "feast": None}
    return config.model_copy(update={"store": config.store.model_copy(update=section | tables)})


def _opened(placed: Config) -> Store:
    if placed.store.kind == "parquet":
        return ParquetStore(placed)
    from drift.stores.sql import SqlStore

    return SqlStore(placed)


@contextmanager
def _remedies() -> Iterator[None]:
    """What a SQL store says of its config is said of Feast's."""
    try:
        yield
    except StoreError as error:
        said = str(error).replace("store.sql.url", "offline_store of feature_store.yaml")
        raise type(error)(said.replace("store.sql.", "store.feast.")) from None
