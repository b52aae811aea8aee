"""A feature view becomes a table of a store that drift has.

Why: a view says all that a Parquet or a SQL store has to be told of a table, in other words.

How: PURE. `View` is what a Feast repo says of a feature view (`feast_repo` makes it). `as_table` holds it
against the mapping in the config, whose names are the view's, and gives the same table in the words of a
Parquet store (`path`) or of a SQL store (`table`, `select`), whose names are the source's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import SecretStr

from drift.config import FeaturesConfig, TableConfig
from drift.config_text import did_you_mean
from drift.errors import ColumnError
from drift.tables import KEYS, OPTIONAL, VALUES, TableName
from drift.text import printable


@dataclass(frozen=True, slots=True)
class Files:
    """Rows in Parquet files: one file, a folder, or a URL."""

    path: str


@dataclass(frozen=True, slots=True)
class Query:
    """Rows in PostgreSQL: a table (or a SELECT in its place), and the database."""

    rows: str
    url: SecretStr
    is_table: bool = True


Source: TypeAlias = Files | Query


@dataclass(frozen=True, slots=True)
class View:
    """A feature view, by the names that its users know.

    `keys` are its entities' join keys, `timestamp` the event timestamp, `created` the created timestamp or
    None. `numeric` are the features that are numbers. `renamed` leads from a name to the source's, where
    that is another.
    """

    name: str
    keys: tuple[str, ...]
    features: tuple[str, ...]
    numeric: frozenset[str]
    timestamp: str
    created: str | None
    source: Source
    renamed: Mapping[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """All names that a mapping can use."""
        created = () if self.created is None else (self.created,)
        return tuple(dict.fromkeys((*self.keys, *self.features, self.timestamp, *created)))


def as_table(table: TableName, given: TableConfig, view: View) -> TableConfig:
    """The table that the view is, where its rows are, with our names led to the source's.

    What the mapping leaves out is found: a column of our name; else for `city` the only join key, for
    `target_time` the event timestamp, for `issue_time` and `available_time` the created timestamp. Feast
    takes a timestamp without a zone to be UTC, and so is it here.

    Raises:
        ColumnError: the view lacks a column that the table needs, or that the mapping names.
    """
    constant = getattr(given, "model_version", None)
    ours = [name for name in (*KEYS[table], *VALUES[table]) if name != "model_version" or constant is None]
    found = {name: _needed(table, name, given, view) for name in ours}
    for name in OPTIONAL[table]:
        if (theirs := _optional(table, name, given, view)) is not None:
            found[name] = theirs
    changes: dict[str, object] = {"view": None, "service": None, "timezone": given.timezone or "UTC"}
    if isinstance(given, FeaturesConfig):
        features = _features(given, view, frozenset(found.values()))
        found |= features
        changes["use"] = tuple(features)
    changes["columns"] = {name: view.renamed.get(theirs, theirs) for name, theirs in found.items()}
    key, place = _place(view.source)
    return given.model_copy(update=changes | {key: place})


def _place(source: Source) -> tuple[str, str]:
    """The key of a store's table, and its value."""
    if isinstance(source, Files):
        return "path", source.path
    return ("table" if source.is_table else "select"), source.rows


def _needed(table: TableName, name: str, given: TableConfig, view: View) -> str:
    theirs = given.columns.get(name) or _default(name, given, view) or name
    if theirs not in view.columns:
        raise ColumnError(_missing(table, name, theirs, view))
    return theirs


def _optional(table: TableName, name: str, given: TableConfig, view: View) -> str | None:
    if name in given.columns:
        return _needed(table, name, given, view)
    return _default(name, given, view)


def _default(name: str, given: TableConfig, view: View) -> str | None:
    """The view's column for one of ours that the mapping does not name."""
    if name in view.columns:
        return name
    if name == "city":
        version = given.columns.get("model_version", "model_version")
        others = [key for key in view.keys if key != version]
        return others[0] if len(others) == 1 else None
    if name == "target_time":
        return view.timestamp
    return view.created if name in ("issue_time", "available_time") else None


def _features(given: FeaturesConfig, view: View, keys: frozenset[str]) -> dict[str, str]:
    """Our names of the features to the view's: those in `use`, or all numbers that have no other use."""
    mapped = {name: theirs for name, theirs in given.columns.items() if name not in KEYS["features"]}
    if given.use is not None:
        chosen = {name: given.columns.get(name, name) for name in given.use}
    else:
        taken = keys | frozenset(mapped.values())
        chosen = mapped | {name: name for name in view.features if name in view.numeric and name not in taken}
    for name, theirs in chosen.items():
        if theirs not in view.columns:
            raise ColumnError(_missing("features", name, theirs, view))
    return chosen


def _missing(table: TableName, name: str, theirs: str, view: View) -> str:
    known = [printable(column) for column in view.columns]
    near = did_you_mean(theirs, known)
    what = f"`{printable(theirs)}`" + ("" if theirs == name else f" (for `{name}`)")
    remedy = f"map it under store.{table}.columns"
    if name == "model_version":
        remedy += ", or name the one version of all its rows with `model_version: NAME`"
    hint = near if "did you mean" in near else ""
    return (
        f"store.{table}: the feature view {printable(view.name)} has no column {what}; "
        f"it has {', '.join(known[:40])}{hint}: {remedy}"
    )
