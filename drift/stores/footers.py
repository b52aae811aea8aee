"""What a Parquet footer lets a store leave unread: row groups that cannot hold a wanted row.

Why: a slot wants three months of a few cities from a table of many years; reading the rest would be most
of the work.

How: PURE functions from the statistics of a row group to bounds in microseconds and in UTF-8. A bound that
a footer does not give, or gives for a column that is null in places, is None: then the rows must be read,
because a row without a key is counted wherever it lies.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow.parquet as pq

_MICROSECONDS = {"milliseconds": (1000, 1), "microseconds": (1, 1), "nanoseconds": (1, 1000)}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the statistics of one row group prove.

    `times`: the earliest and latest target time, in microseconds as the file counts them. `cities`:
    the first and last city, as UTF-8. `whole`: no key is null anywhere.
    """

    rows: int
    times: tuple[int, int] | None
    cities: tuple[bytes, bytes] | None
    whole: bool

    def may_hold(self, low: int, high: int, cities: Sequence[bytes] | None) -> bool:
        """Whether there may be a row in `[low, high)` of one of the cities, which are sorted."""
        if self.times is not None and (self.times[1] < low or self.times[0] >= high):
            return False
        if self.cities is None or cities is None:
            return True
        first = bisect_left(cities, self.cities[0])
        return first < len(cities) and cities[first] <= self.cities[1]

    @property
    def only_city(self) -> str | None:
        """The one city of all its rows, where that is proven.

        Writers may shorten long bounds, the lower one downwards and the upper one upwards: equal
        bounds were not shortened.
        """
        proven = self.cities is not None and self.cities[0] == self.cities[1]
        return self.cities[0].decode() if proven and self.cities else None


def bounds_of(
    metadata: pq.FileMetaData, chunks: Mapping[str, int], time: str, city: str, keys: Sequence[str]
) -> tuple[Bounds, ...]:
    """The bounds of each row group; `time`, `city` and `keys` are columns as the file names them."""
    found = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        known = {name: group.column(chunks[name]) for name in {time, city, *keys} if name in chunks}
        full = {name: chunk for name, chunk in known.items() if _without_null(chunk)}
        whole = all(name in full for name in keys)
        times = _times(full[time]) if time in full else None
        found.append(Bounds(group.num_rows, times, _texts(full[city]) if city in full else None, whole))
    return tuple(found)


def _without_null(chunk: pq.ColumnChunkMetaData) -> bool:
    known = chunk.statistics
    return known is not None and known.has_null_count and known.null_count == 0


def _times(chunk: pq.ColumnChunkMetaData) -> tuple[int, int] | None:
    known = chunk.statistics
    unit = _unit(known)
    if unit is None or not known.has_min_max or chunk.physical_type != "INT64":
        return None
    times, parts = unit
    return known.min_raw * times // parts, -(-known.max_raw * times // parts)


def _unit(known: pq.Statistics) -> tuple[int, int] | None:
    """Microseconds a count of the column's unit, as a fraction; None: it holds no timestamps."""
    if known.logical_type.type != "TIMESTAMP":
        return None
    text = str(known.logical_type)
    return next((size for name, size in _MICROSECONDS.items() if f"timeUnit={name}" in text), None)


def _texts(chunk: pq.ColumnChunkMetaData) -> tuple[bytes, bytes] | None:
    known = chunk.statistics
    if known.logical_type.type != "STRING" or not known.has_min_max:
        return None
    return known.min_raw, known.max_raw
