"""Entries that other installed packages add to one of drift's tables.

A package says in its own metadata, under the group's name, which objects it adds. They are loaded when
asked for. What is broken, of the wrong kind, or takes a name that is taken stops with an error that names
the package, since a figure that silently comes from somewhere else is worse than no figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, TypeVar

from drift.errors import ConfigError


class Named(Protocol):
    """An entry of a table."""

    @property
    def name(self) -> str:
        """The word it has in the config, in the gauges and in `--json`."""
        ...


T = TypeVar("T", bound=Named)


def with_entry_points(table: Mapping[str, T], group: str, kind: type[T]) -> Mapping[str, T]:
    """The table and what other packages add to it under `group`, in the order of the packages' names.

    Raises:
        ConfigError: an entry point cannot be loaded, is no `kind`, or has a name that is taken.
    """
    entries = dict(table)
    owners = dict.fromkeys(table, "drift itself")
    for point in sorted(entry_points(group=group), key=lambda point: (_package(point), point.name)):
        entry = _load(point, group, kind)
        if entry.name in entries:
            raise ConfigError(
                f"the package {_package(point)} adds {entry.name!r} to {group}, but that name is taken by "
                f"{owners[entry.name]}: rename one, or uninstall the package"
            )
        entries[entry.name] = entry
        owners[entry.name] = f"the package {_package(point)}"
    return entries


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "(unknown)"


def _load(point: EntryPoint, group: str, kind: type[T]) -> T:
    where = f"the package {_package(point)} adds {point.value!r} to {group}"
    try:
        entry = point.load()
    except Exception as error:  # another package's import may raise anything
        raise ConfigError(
            f"{where}, and it cannot be loaded ({type(error).__name__}: {error}): mend or uninstall it"
        ) from error
    if not isinstance(entry, kind):
        raise ConfigError(
            f"{where}, which is a {type(entry).__name__}: an entry there must be a drift {kind.__name__}"
        )
    if not (entry.name.isascii() and entry.name.isidentifier()):
        raise ConfigError(f"{where}, with the name {entry.name!r}: use letters, digits and underscores only")
    return entry
