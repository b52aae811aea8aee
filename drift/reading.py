"""A store's rows, read and placed on the grid; a city that cannot be read stops no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

from drift.config import Config
from drift.domain import Failure, Grid, Window
from drift.errors import StoreAwayError, StoreError
from drift.finer import Finer
from drift.pairing import align
from drift.stores.base import Store
from drift.tables import Tables
from drift.telemetry.traces import span
from drift.timeline import Timeline
from drift.windows import Cadence


def timeline_of(
    store: Store,
    window: Window,
    cadence: Cadence,
    cities: Sequence[str],
    config: Config,
    *,
    write_features: bool = True,
) -> tuple[Timeline, list[Failure]]:
    """The rows of these cities on the grid of the window (`align`), and a failure for each city that was not
    read.
    """
    tables, read, failures = read_cities(store, window, cities)
    grid = Grid(window.start, cadence.step, window.length // cadence.step)
    finer = Finer.of(config.store)
    return align(tables, grid, read, config.accuracy, write_features=write_features, finer=finer), failures


def fingerprint_of(store: Store, window: Window, cities: Sequence[str]) -> str | None:
    """What the rows are made from, where the store can say; what is wrong with it, reading tells.

    A store of another package may be from before stores were asked for this, or name a secret.
    """
    ask: Callable[[Window, Sequence[str]], str | None] | None = getattr(store, "fingerprint", None)
    try:
        said = None if ask is None else ask(window, cities)
    except StoreError:
        return None
    return None if said is None else sha256(said.encode(errors="backslashreplace")).hexdigest()


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
        return _read(store, window, cities), tuple(cities), []
    except StoreError as error:
        if len(cities) < 2 or isinstance(error, StoreAwayError):
            raise
        whole = error
    read: list[tuple[str, Tables]] = []
    failures = []
    for city in cities:
        try:
            read.append((city, _read(store, window, [city])))
        except StoreAwayError:
            raise
        except StoreError as error:
            failures.append(Failure("read", city, str(error)))
    if not read:
        raise whole
    return _joined([tables for _, tables in read]), tuple(city for city, _ in read), failures


def _read(store: Store, window: Window, cities: Sequence[str]) -> Tables:
    """Ask the store, under a span of the trace."""
    first = cities[0] if cities else None
    with span("read", cities=len(cities), first=first, start=window.start, end=window.end) as reading:
        tables = store.read(window, cities)
        features = 0 if tables.features is None else len(tables.features)
        reading.set(predictions=len(tables.predictions), actuals=len(tables.actuals), features=features)
        return tables


def _joined(parts: Sequence[Tables]) -> Tables:
    import pyarrow as pa

    features = [part.features for part in parts if part.features is not None]
    return Tables(
        predictions=pa.concat_tables([part.predictions for part in parts], promote_options="default"),
        actuals=pa.concat_tables([part.actuals for part in parts], promote_options="default"),
        features=pa.concat_tables(features, promote_options="default") if features else None,
        skipped=tuple(skipped for part in parts for skipped in part.skipped),
    )
