"""What there is to monitor: the store's cities, span and cadence, checked against the config."""

from __future__ import annotations

from dataclasses import dataclass

from drift.config import Config, format_duration
from drift.config_text import did_you_mean
from drift.domain import Failure, Window, iso
from drift.errors import ConfigError, WindowError
from drift.stores.base import Store
from drift.windows import Cadence, Windows


@dataclass(frozen=True, slots=True)
class Survey:
    """The cities that are monitored, and when there are target times."""

    cities: tuple[str, ...]
    span: Window
    cadence: Cadence


def survey(store: Store, config: Config) -> Survey:
    """Ask the store what it holds.

    Raises:
        ConfigError: the config names a city that the store does not have.
        StoreError: the store cannot be read, or is empty.
    """
    known = store.cities()
    cities = known if config.cities == "all" else tuple(dict.fromkeys(config.cities))
    for city in cities:
        if city not in known:
            raise ConfigError(f"cities: the store has no city {city!r}{did_you_mean(city, list(known))}")
    span = store.span()
    return Survey(cities, span, store.cadence())


def check_windows(windows: Windows, span: Window) -> list[Failure]:
    """What of the windows the data cannot fill. A reference that reaches back before the first row is
    used as far as it goes, and said.

    Raises:
        WindowError: the current window is longer than all the data there is.
    """
    if windows.current.length > span.length:
        raise WindowError(
            f"windows.current of {format_duration(windows.current.length)} is longer than the data, which "
            f"spans {span}: shorten it"
        )
    if windows.current.start >= span.end or windows.current.end <= span.start:
        return [
            Failure(
                "windows",
                "current",
                f"the current window {windows.current} holds no data: the store spans {span}; "
                f"name a slot in it with --slot",
            )
        ]
    if windows.reference.start < span.start:
        return [
            Failure(
                "windows",
                "reference",
                f"the reference window {windows.reference} is longer than the data, which starts at "
                f"{iso(span.start)}: what there is was used; shorten windows.reference, or take a later slot",
            )
        ]
    return []
