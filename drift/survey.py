"""What there is to monitor: the store's cities, span and cadence, checked against the config."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drift.config import Config, format_duration
from drift.config_text import did_you_mean
from drift.domain import Failure, Window, iso
from drift.errors import ConfigError, StoreAwayError, StoreError, WindowError
from drift.stores.base import Store
from drift.tables import Tables
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


def read_cities(
    store: Store, window: Window, cities: Sequence[str]
) -> tuple[Tables, tuple[str, ...], list[Failure]]:
    """Read all cities at once; should that fail, one by one, so that a city that cannot be read stops no
    other.

    Returns the rows, the cities that were read, and a failure for each that was not.

    Raises:
        StoreError: not one city can be read.
    """
    try:
        return store.read(window, cities), tuple(cities), []
    except StoreError as error:
        if len(cities) < 2 or isinstance(error, StoreAwayError):
            raise
        whole = error
    read: list[tuple[str, Tables]] = []
    failures = []
    for city in cities:
        try:
            read.append((city, store.read(window, [city])))
        except StoreAwayError:
            raise
        except StoreError as error:
            failures.append(Failure("read", city, str(error)))
    if not read:
        raise whole
    return _joined([tables for _, tables in read]), tuple(city for city, _ in read), failures


def _joined(parts: Sequence[Tables]) -> Tables:
    import pyarrow as pa

    features = [part.features for part in parts if part.features is not None]
    return Tables(
        predictions=pa.concat_tables([part.predictions for part in parts], promote_options="default"),
        actuals=pa.concat_tables([part.actuals for part in parts], promote_options="default"),
        features=pa.concat_tables(features, promote_options="default") if features else None,
        skipped=tuple(skipped for part in parts for skipped in part.skipped),
    )
