"""PURE. What slots saw of the last hours, so that a later one can tell which of them have changed since.

A slot sees, of each city and target time, an actual or none and a prediction of each model version or none.
It keeps only what it saw otherwise than the slots before it, or for the first time: an `Entry`, which is an
hour of each city where nothing changed. The entries of `windows.revise_for` together are all that was seen;
the next slot is held against them. Target times that no slot had looked at are news and no change.

Of predictions a sum is kept that any change of any one changes, as what they were helps nobody.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift.domain import Floats, Grid
from drift.timeline import Pairs

Mask = NDArray[np.bool_]
Sums = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a slot saw: axes `cities × target times of the grid`. `actual` is NaN where there is none,
    `forecast` the sum of the judged predictions, 0 where there is none.
    """

    grid: Grid
    cities: tuple[str, ...]
    actual: Floats
    forecast: Sums

    @classmethod
    def join(cls, parts: Sequence[Seen]) -> Seen | None:
        """Of blocks of cities, one after the other; None of none."""
        if not parts:
            return None
        return cls(
            parts[0].grid,
            tuple(city for part in parts for city in part.cities),
            np.concatenate([part.actual for part in parts]),
            np.concatenate([part.forecast for part in parts]),
        )


def seen_of(pairs: Pairs, revise_for: timedelta) -> Seen | None:
    """What the slot saw of the last `revise_for` before its current window's end, or of all its history where
    that is shorter; None where nothing is to be watched.
    """
    count = min(revise_for // pairs.grid.step, pairs.grid.count)
    if count <= 0:
        return None
    actual = np.ascontiguousarray(pairs.actual[:, -count:], dtype=np.float64)
    start = pairs.grid.start + (pairs.grid.count - count) * pairs.grid.step
    predicted = pairs.judged.predicted[..., -count:]
    forecast = np.zeros(actual.shape, dtype=np.uint64)
    for version, values in zip(pairs.model_versions, predicted, strict=True):
        forecast += _sums(values, version)
    return Seen(Grid(start, pairs.grid.step, count), pairs.cities, actual, forecast)


def _sums(values: Floats, version: str) -> Sums:
    """A number of 64 bits for each value of a model version, 0 for NaN: the last step of SplitMix64 (Steele,
    Lea and Flood 2014), after which two values differ in half their bits.
    """
    salt = int.from_bytes(sha256(version.encode(errors="surrogatepass")).digest()[:8], "little")
    there = ~np.isnan(values)
    bits = np.ascontiguousarray(values, dtype=np.float64).view(np.uint64) + np.uint64(salt)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits ^= bits >> np.uint64(shift)
        bits *= np.uint64(factor)
    bits ^= bits >> np.uint64(31)
    return np.asarray(np.where(there, bits, np.uint64(0)))


@dataclass(frozen=True, slots=True)
class Entry:
    """What a slot saw otherwise than the slots before it, or for the first time.

    `cell` are positions in the flattened `cities × grid`, ascending; `actual` and `forecast` what is there
    now, `was` the actual before. `late`: a slot had looked there before, and seen something else or nothing.
    `settled`: all that was late until then has been made up for.
    """

    slot: datetime
    grid: Grid
    cities: tuple[str, ...]
    cell: NDArray[np.int64]
    actual: Floats
    forecast: Sums
    was: Floats
    late: Mask
    settled: bool = False

    @property
    def city(self) -> NDArray[np.int64]:
        """The position of each cell's city."""
        return np.asarray(self.cell // self.grid.count)

    @property
    def time(self) -> NDArray[np.int64]:
        """The position of each cell's target time."""
        return np.asarray(self.cell % self.grid.count)

    def to_bytes(self) -> bytes:
        """Packed: about 17 bytes a cell."""
        head = [
            *(self.slot.isoformat(), self.grid.start.isoformat(), self.grid.step.total_seconds()),
            *(self.grid.count, self.settled, len(self.cell)),
        ]
        steps = np.diff(self.cell, prepend=0).astype("<i8")
        columns = (
            steps,
            self.actual.astype("<f8"),
            self.forecast.astype("<u8"),
            self.was.astype("<f8"),
            self.late,
        )
        body = b"".join(np.ascontiguousarray(column).tobytes() for column in columns)
        lines = json.dumps(head), json.dumps(self.cities), ""
        return zlib.compress("\n".join(lines).encode() + body, level=1)

    @classmethod
    def from_bytes(cls, data: bytes) -> Entry:
        """The entry again.

        Raises:
            ValueError: it is damaged.
        """
        try:
            head, names, body = zlib.decompress(data).split(b"\n", 2)
        except zlib.error as error:
            raise ValueError(f"what a slot saw is damaged: {error}") from None
        slot, start, step, count, settled, many = json.loads(head)
        steps, actual, forecast, was = (
            np.frombuffer(body, kind, many, k * 8 * many)
            for k, kind in enumerate(("<i8", "<f8", "<u8", "<f8"))
        )
        late = np.frombuffer(body, np.bool_, many, 32 * many)
        grid = Grid(datetime.fromisoformat(start), timedelta(seconds=step), count)
        moment = datetime.fromisoformat(slot)
        return cls(moment, grid, _cities(names), np.cumsum(steps), actual, forecast, was, late, settled)


@lru_cache(maxsize=8)  # they are the same in most entries, and to read a thousand takes longer than the cells
def _cities(names: bytes) -> tuple[str, ...]:
    return tuple(json.loads(names))


class Look(NamedTuple):
    """What a slot adds to what was seen, and where it saw something else in the place of a value that a slot
    before it had used: positions in the entry's cells.
    """

    entry: Entry
    rewritten: NDArray[np.intp]


def look(before: Sequence[Entry], seen: Seen, slot: datetime) -> Look:
    """Hold what a slot sees against what those before it saw, whose entries are in their order."""
    actual, forecast, looked = _known(before, seen)
    same = (seen.actual == actual) | (np.isnan(seen.actual) & np.isnan(actual))
    other = ~same | (seen.forecast != forecast)
    used = (~same & ~np.isnan(actual)) | ((seen.forecast != forecast) & (forecast != 0))
    cell = np.flatnonzero(other)
    late = looked.ravel()[cell]
    entry = Entry(
        slot,
        seen.grid,
        seen.cities,
        cell,
        seen.actual.ravel()[cell],
        seen.forecast.ravel()[cell],
        actual.ravel()[cell],
        late,
    )
    return Look(entry, np.flatnonzero(used.ravel()[cell] & late))


def _known(before: Sequence[Entry], seen: Seen) -> tuple[Floats, Sums, Mask]:
    """What the entries say of the cells that are seen now, and at which of them a slot had looked."""
    shape = cities, times = seen.actual.shape
    actual, forecast = np.full(shape, np.nan), np.zeros(shape, dtype=np.uint64)
    first, last = np.full(cities, times), np.zeros(cities, dtype=np.int64)
    position = {city: row for row, city in enumerate(seen.cities)}
    rows_of: dict[tuple[str, ...], NDArray[np.int64]] = {}
    for entry in before:
        offset, rest = divmod(entry.grid.start - seen.grid.start, seen.grid.step)
        if (
            rest or entry.grid.step != seen.grid.step
        ):  # the store's interval is another since: nothing is known
            continue
        if entry.cities not in rows_of:
            rows_of[entry.cities] = np.array(
                [position.get(city, -1) for city in entry.cities], dtype=np.int64
            )
        rows = rows_of[entry.cities]
        here = rows[rows >= 0]
        first[here] = np.minimum(first[here], offset)
        last[here] = np.maximum(last[here], offset + entry.grid.count)
        row, time = rows[entry.city], entry.time + offset
        some = (row >= 0) & (time >= 0) & (time < times)
        actual[row[some], time[some]] = entry.actual[some]
        forecast[row[some], time[some]] = entry.forecast[some]
    at = np.arange(times)
    return actual, forecast, (at >= first[:, None]) & (at < last[:, None])
