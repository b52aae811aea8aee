"""Entries that other installed packages add to one of drift's tables.

A package says in its own metadata, under the group's name, which objects it adds. Of metrics and statistics
all are loaded, since a slot measures all, and each has its name in itself. Stores, sinks and channels are
made by factories, named by their entry point: only those that are asked for are loaded. What is broken, of
the wrong kind, or takes a name that is taken stops with an error that names the package, since a figure
that silently comes from somewhere else is worse than no figure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, TypeVar

from drift.config_text import did_you_mean
from drift.errors import ConfigError
from drift.text import printable


class Named(Protocol):
    """An entry of a table."""

    @property
    def name(self) -> str:
        """The word it has in the config, in the gauges and in `--json`."""
        ...


T = TypeVar("T", bound=Named)
F = TypeVar("F", bound=Callable[..., Any])

_OURS = "drift itself"


def with_entry_points(table: Mapping[str, T], group: str, kind: type[T]) -> Mapping[str, T]:
    """The table and what other packages add to it under `group`, in the order of the packages' names.

    Raises:
        ConfigError: an entry point cannot be loaded, is no `kind`, or has a name that is taken.
    """
    entries = dict(table)
    owners = dict.fromkeys(table, _OURS)
    for point in _points(group):
        entry = _entry(point, group, kind)
        _claim(entry.name, point, group, owners)
        entries[entry.name] = entry
    return entries


def factory_names(table: Mapping[str, F], group: str) -> tuple[str, ...]:
    """The names of the table, then those that other packages add under `group`. Nothing is loaded.

    Raises:
        ConfigError: a name is taken.
    """
    owners = dict.fromkeys(table, _OURS)
    for point in _points(group):
        _claim(point.name, point, group, owners)
    return tuple(owners)


def factory(table: Mapping[str, F], group: str, name: str, what: str) -> F:
    """The factory of that name; of other packages' only this one is loaded. `what`: the key that asks for it.

    Raises:
        ConfigError: no such name is known, or it is taken twice; its package does not load.
    """
    known = factory_names(table, group)
    if name not in known:
        raise ConfigError(f"{what} {name!r} is unknown{did_you_mean(name, sorted(known))}")
    if name in table:
        return table[name]
    (point,) = (point for point in _points(group) if point.name == name)
    made: F = _load(point, group)
    if not callable(made):
        raise ConfigError(f"{_where(point, group)}, which is a {type(made).__name__}: it must be callable")
    return made


def _points(group: str) -> list[EntryPoint]:
    return sorted(entry_points(group=group), key=lambda point: (_package(point), point.name))


def _claim(name: str, point: EntryPoint, group: str, owners: dict[str, str]) -> None:
    """Give the name to the point's package, unless another has it."""
    if name in owners:
        raise ConfigError(
            f"the package {_package(point)} adds {name!r} to {group}, but that name is taken by "
            f"{owners[name]}: rename one, or uninstall the package"
        )
    owners[name] = f"the package {_package(point)}"


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "(unknown)"


def _where(point: EntryPoint, group: str) -> str:
    return f"the package {_package(point)} adds {point.value!r} to {group}"


def _load(point: EntryPoint, group: str) -> Any:
    """What the point leads to. `Any`: another package's object; the caller looks what it is."""
    try:
        return point.load()
    except Exception as error:  # another package's import may raise anything
        said = printable(f"{type(error).__name__}: {error}", 300)
        raise ConfigError(
            f"{_where(point, group)}, and it cannot be loaded ({said}): mend or uninstall it"
        ) from error


def _entry(point: EntryPoint, group: str, kind: type[T]) -> T:
    entry = _load(point, group)
    where = _where(point, group)
    if not isinstance(entry, kind):
        raise ConfigError(
            f"{where}, which is a {type(entry).__name__}: an entry there must be a drift {kind.__name__}"
        )
    if not (entry.name.isascii() and entry.name.isidentifier()):
        raise ConfigError(f"{where}, with the name {entry.name!r}: use letters, digits and underscores only")
    return entry
