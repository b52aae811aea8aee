"""What a Feast repo says of its feature views: where their rows are, and what their columns are called there.

Why: in a platform that has Feast, the registry is where a table's place and columns are written down. Nobody
should have to write them down again.

How: the only file that knows Feast, which takes seconds to import and is imported when it is first asked.
`Repo.view` and `Repo.service` give a `View` of plain names; what Feast raises becomes a `StoreError` that
says what to do. Nothing is applied, materialized or written: a registry that is not there is not made.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from socket import gaierror
from typing import Any

from pydantic import SecretStr, ValidationError

from drift.config_text import did_you_mean
from drift.errors import ConfigError, DriftError, StoreAwayError, StoreError, StoreNotFoundError
from drift.redact import redact_in
from drift.stores.feast_view import Files, Query, Source, View
from drift.tables import TableName
from drift.text import printable

_NUMERIC = frozenset({"INT32", "INT64", "FLOAT", "DOUBLE", "BOOL", "DECIMAL"})
_YAML = "feature_store.yaml"
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?")  # a name that needs no quotes
_CAUSES = 8
_AWAY = frozenset(
    (
        *("OperationalError", "InterfaceError"),  # of a database, as SQLAlchemy and drivers say it
        *("ConnectionError", "ConnectTimeout", "ReadTimeout", "HTTPClientError", "EndpointConnectionError"),
        "RpcError",  # of Feast's own registry server
    )
)
"""The names of what clients raise where nobody answers: none of them need be installed."""
_READS = "drift reads Parquet files and PostgreSQL"


class Repo:
    """A Feast repo, opened."""

    def __init__(self, folder: Path) -> None:
        """Read `feature_store.yaml`; the registry is read at every question.

        Raises:
            ConfigError: Feast is not installed. StoreNotFoundError: there is no repo, or it was not applied.
            StoreError: the repo's config is wrong.
        """
        self._folder = folder
        yaml = folder / _YAML
        if not yaml.is_file():
            raise StoreNotFoundError(
                f"store.feast.repo: there is no {_YAML} in {folder}: name the folder of the Feast repo, "
                f"relative to the config file"
            )
        feast = _feast()
        with _quiet(), self._opening(yaml):
            self._store = feast.FeatureStore(repo_path=str(folder))
        self._require_registry()

    def view(self, table: TableName, name: str) -> View:
        """The feature view of that name, for a table of drift's.

        Raises:
            StoreError: there is none, or its rows are not where drift can read them.
        """
        found = self._views(table)
        if name not in found:
            raise StoreNotFoundError(self._unknown(table, "view", "feature view", name, found))
        view = found[name]
        return self._read(table, view, [field.name for field in getattr(view, "features", ())], {})

    def service(self, table: TableName, name: str, view: str | None) -> View:
        """What a feature service takes of a feature view: of the one that is named, or of its only one.

        Raises:
            StoreError: there is no such service, or no view is named and it draws on several.
        """
        with _quiet(), self._asking():
            found = {service.name: service for service in self._store.list_feature_services()}
        if name not in found:
            raise StoreNotFoundError(self._unknown(table, "service", "feature service", name, found))
        parts = {part.name: part for part in found[name].feature_view_projections}
        names = ", ".join(map(printable, parts))
        if view is None and len(parts) != 1:
            raise StoreError(
                f"store.{table}.service: {printable(name)} draws on {len(parts)} feature views ({names}), "
                f"and a table is one: say which with `view` beside `service`"
            )
        part = parts.get(next(iter(parts)) if view is None else view)
        if part is None:
            raise StoreNotFoundError(
                f"store.{table}.view: the feature service {printable(name)} draws on {names}, and not on "
                f"{printable(view)!r}"
            )
        views = self._views(table)
        if part.name not in views:
            raise StoreNotFoundError(self._unknown(table, "service", "feature view", part.name, views))
        features = [field.name for field in part.features]
        return self._read(table, views[part.name], features, dict(part.join_key_map))

    def _require_registry(self) -> None:
        """A registry in a file is there: Feast would make an empty one."""
        registry = self._store.config.registry
        path = Path(str(getattr(registry, "path", registry)))
        if getattr(registry, "registry_type", "file") == "file" and "://" not in str(path):
            path = self._folder / path
            if not path.is_file():
                raise StoreNotFoundError(
                    f"store.feast.repo: {self._folder} has no registry at {path}: run `feast apply` there"
                )

    def _views(self, table: TableName) -> Mapping[str, Any]:
        with _quiet(), self._asking():
            found = {view.name: view for view in self._store.list_all_feature_views()}
        if not found:
            raise StoreNotFoundError(
                f"store.{table}: project {printable(self._store.project)} of the Feast repo {self._folder} "
                f"has no feature view: run `feast apply` there"
            )
        return found

    def _unknown(self, table: TableName, key: str, kind: str, name: str, known: Iterable[str]) -> str:
        return (
            f"store.{table}.{key}: the Feast repo {self._folder} has no {kind} "
            f"{printable(name)!r}{did_you_mean(name, sorted(map(printable, known)))}"
        )

    def _read(self, table: TableName, view: Any, features: Sequence[str], aliases: Mapping[str, str]) -> View:
        """`view: Any`: one of Feast's kinds of views. `aliases`: a service's own names of join keys."""
        source = getattr(view, "batch_source", None)
        if source is None or getattr(view, "feature_transformation", None) is not None:
            raise StoreError(
                f"store.{table}: the feature view {printable(view.name)} is computed when it is asked for "
                f"and has no rows of its own: name a view that has a batch source"
            )
        back = {theirs: name for name, theirs in (source.field_mapping or {}).items()}
        keys = {aliases.get(key, key): back.get(key, key) for key in _join_keys(view)}
        types = {field.name: field.dtype.to_value_type().name for field in view.features}
        return View(
            view.name,
            tuple(keys),
            tuple(features),
            frozenset(name for name in features if types.get(name) in _NUMERIC),
            source.timestamp_field,
            source.created_timestamp_column or None,
            self._source(table, view.name, source),
            back | keys,
        )

    def _source(self, table: TableName, view: str, source: Any) -> Source:
        from feast import FileSource

        if isinstance(source, FileSource):
            return Files(self._parquet(table, view, source))
        offline = self._store.config.offline_store
        if offline.type == "postgres" and hasattr(source, "get_table_query_string_with_alias"):
            table, url = source.get_table_query_string(), _url(offline)
            if _PLAIN.fullmatch(table):
                return Query(table, url)
            given = source.get_table_query_string_with_alias("given")
            return Query(f"SELECT * FROM {given}", url, is_table=False)  # noqa: S608 - the repo's own query
        raise StoreError(
            f"store.{table}: the rows of the feature view {printable(view)} are in a {type(source).__name__} "
            f"({printable(offline.type)}), and {_READS}"
        )

    def _parquet(self, table: TableName, view: str, source: Any) -> str:
        kind = "Parquet" if source.file_format is None else type(source.file_format).__name__
        if not kind.startswith("Parquet"):
            raise StoreError(
                f"store.{table}: the files of the feature view {printable(view)} are {kind}, and {_READS}"
            )
        return str(source.get_uri_for_file_path(self._folder, source.file_options.uri))

    @contextmanager
    def _opening(self, yaml: Path) -> Iterator[None]:
        """What is wrong with `feature_store.yaml`, by the keys alone: their values may be secret."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - Feast raises what its parts raise
            if is_away(error):
                raise StoreAwayError(
                    f"store.feast.repo: what {yaml} names does not answer ({type(error).__name__}): see that "
                    f"it is up and can be reached from here, and run again"
                ) from None
            faults = error.__context__
            if isinstance(faults, ValidationError):
                said = "; ".join(
                    f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
                    for fault in faults.errors(include_input=False, include_url=False, include_context=False)
                )
            else:
                said = _where(error)
            raise StoreError(f"store.feast.repo: {yaml} is not a config that Feast takes: {said}") from None

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except DriftError:
            raise
        except Exception as error:  # noqa: BLE001 - Feast raises what its registry's back end raises
            said = printable(redact_in(str(error).strip().partition("\n")[0]), 200)
            text = (
                f"store.feast.repo: the registry of {self._folder} cannot be read: "
                f"{type(error).__name__}: {said}"
            )
            if is_away(error):
                text = f"{text}: see that it is up and can be reached from here, and run again"
                raise StoreAwayError(text) from None
            raise StoreError(text) from None


def is_away(error: BaseException | None) -> bool:
    """Whether a registry's back end did not answer, by the error or one that it came of: Feast may keep its
    registry in a database, on a server of its own or in a bucket, and passes on what their clients raise.

    >>> is_away(ConnectionRefusedError("port 5432")), is_away(KeyError("load_forecast"))
    (True, False)
    """
    for _ in range(_CAUSES):
        if error is None:
            return False
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if isinstance(error, ConnectionError | TimeoutError | gaierror) or kinds & _AWAY:
            return True
        error = error.__cause__ or error.__context__
    return False


def _where(error: Exception) -> str:
    """The place of a fault in a YAML file, or a package that is missing; else the kind of the error alone, as
    its text may quote the file.
    """
    for cause in (error, error.__context__):
        if isinstance(cause, ModuleNotFoundError):
            return f"it needs the package {printable(cause.name)}, which is not installed"
    mark = getattr(error, "problem_mark", None)
    return type(error).__name__ if mark is None else f"{type(error).__name__} in line {mark.line + 1}"


def _join_keys(view: Any) -> list[str]:
    """The columns that name an entity; a view without entities has a stand-in, which is no column."""
    return [key for key in view.join_keys if not key.startswith("__")]


def _url(offline: Any) -> SecretStr:
    """The database of Feast's PostgreSQL offline store, with the search path that Feast sets there."""
    from sqlalchemy import URL

    schema = (offline.db_schema or offline.user).strip()
    query = {
        "options": f"-csearch_path={schema}" + ("" if schema == "public" else ",public"),
        "sslmode": offline.sslmode,
        "sslkey": offline.sslkey_path,
        "sslcert": offline.sslcert_path,
        "sslrootcert": offline.sslrootcert_path,
    }
    host: str | None = offline.host
    if offline.host.startswith("/"):  # the folder of a socket
        host, query["host"] = None, offline.host
    given = {name: value for name, value in query.items() if value}
    url = URL.create(
        "postgresql+psycopg", offline.user, offline.password, host, offline.port, offline.database, given
    )
    return SecretStr(url.render_as_string(hide_password=False))


def _feast() -> Any:
    """The package.

    Raises:
        ConfigError: it is not installed, or something that it needs is not.
    """
    try:
        with _quiet():
            import feast
    except ModuleNotFoundError as error:
        if error.name == "feast":
            raise ConfigError(
                "store.kind: feast needs the package feast, which is not installed: "
                "pip install 'drift-monitor[feast]'; it wants pandas 2, so give it an environment of its own"
            ) from None
        raise ConfigError(
            f"store.kind: Feast needs the package {printable(error.name)}, which is not installed"
        ) from None
    return feast


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Feast's warnings, which are to those who write the repo."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
