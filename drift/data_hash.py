"""PURE. A name for the data that a slot was measured of: it changes with any datum, and with nothing else.

It is made of the values themselves, not of files: a table that was copied, compacted or written anew with
the same values has the same hash, however the cities are cut into blocks. What counts is what was known at
the slot: actuals and predictions of its history; bounds, horizon bands and features of the current window;
and the reference of each feature. It reads all of that once more, so only who shows it asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import TypeAlias

import numpy as np

from drift.domain import Floats
from drift.evaluate import Prepared, by_type, columns_of
from drift.place import written
from drift.timeline import Cells, Forecast, Pairs
from drift.windows import Windows

Digests: TypeAlias = Mapping[str, bytes]
"""By city."""

_SIZE = 16


def digests(pairs: Pairs, windows: Windows, references: Sequence[Prepared]) -> dict[str, bytes]:
    """What each city of a block was measured of, 16 bytes each; a column without a value does not count."""
    made = [blake2b(digest_size=_SIZE) for _ in pairs.cities]
    for name, values in sorted(_named(pairs, windows, references), key=lambda each: each[0]):
        missing = ~np.isfinite(values)
        some = ~missing.all(axis=-1)
        # equal values are equal bytes: in 64 bits, with one kind of NaN and one of zero
        values = np.where(missing, np.nan, values).astype(np.float64) + 0.0
        label = name.encode(errors="backslashreplace") + b"\0"
        for city in np.flatnonzero(some).tolist():
            made[city].update(label)
            made[city].update(values[city].data)
    return {city: one.digest() for city, one in zip(pairs.cities, made, strict=True)}


def data_hash(blocks: Iterable[Digests]) -> str:
    """The digests of all cities as one name: 12 hexadecimal digits.

    >>> data_hash([{"b": b"2"}, {"a": b"1"}]) == data_hash([{"a": b"1", "b": b"2"}])
    True
    """
    whole = blake2b(digest_size=_SIZE)
    for city, digest in sorted(pair for block in blocks for pair in block.items()):
        whole.update(city.encode(errors="backslashreplace") + b"\0" + digest)
    return whole.hexdigest()[:12]


def _named(pairs: Pairs, windows: Windows, references: Sequence[Prepared]) -> Iterator[tuple[str, Floats]]:
    """Every array, `(cities, …)`, by what it holds."""
    now = Cells.of_window(pairs.grid, windows.current)
    yield "actual", pairs.actual
    yield from _of_forecast("judged", pairs.model_versions, pairs.judged, now)
    yield from (
        (f"predicted {version}", pairs.judged.predicted[v]) for v, version in enumerate(pairs.model_versions)
    )
    for band, forecast in pairs.bands.items():
        yield from _of_forecast(f"band {band}", pairs.model_versions, forecast, now)
    features = {**pairs.features, **pairs.unwritten}
    current = {column: values for column, values in columns_of(pairs, now).items() if column.name in features}
    for group in by_type(current):
        yield from _by_column("feature", [column.name for column in group], written(list(group.values())))
    for columns, reference in references:
        names = [column.name for column in columns]
        for name, values in _by_column("reference", names, reference.sample.values):
            if name.partition(" ")[2] in features:
                yield name, values


def _of_forecast(
    name: str, versions: Sequence[str], forecast: Forecast, now: Cells
) -> Iterator[tuple[str, Floats]]:
    for part, values in (
        ("predicted", forecast.predicted),
        ("lower", forecast.lower),
        ("upper", forecast.upper),
    ):
        if values is not None:
            yield from ((f"{name} {part} {v}", now.of(values[k])) for k, v in enumerate(versions))


def _by_column(name: str, columns: Sequence[str], values: Floats) -> Iterator[tuple[str, Floats]]:
    """The series of several columns, one column's cities after the other's."""
    yield from (
        (f"{name} {column}", part)
        for column, part in zip(columns, np.split(values, len(columns)), strict=True)
    )
