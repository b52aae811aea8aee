"""What a database hands over becomes Arrow columns.

Why: casts and mappings are the same for every store, and they speak Arrow.

How: PURE. PostgreSQL says each column's type by a number and its rows come as CSV, which Arrow parses; any
other database gives rows of Python values, and a column's type is that of its values. SQLite has no type
for times: text that is a time of ISO 8601 is taken for one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drift.arrow import LABEL, texts
from drift.errors import ColumnError, TimestampError
from drift.stores.casts import EPOCH, LOCAL_TIME, UTC_TIME, Place, microseconds
from drift.text import printable

POSTGRES: Mapping[int, pa.DataType] = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int64(),
    23: pa.int64(),
    700: pa.float32(),
    701: pa.float64(),
    1700: pa.float64(),
    1082: pa.date32(),
    1114: LOCAL_TIME,
    1184: UTC_TIME,
}
"""PostgreSQL's types by their number; a `numeric` becomes the nearest float64, what is not here is text."""

NAMES: Mapping[int, str] = {2950: "uuid", 20: "bigint", 21: "bigint", 23: "bigint", 25: "text", 1043: "text"}
"""The types whose values are compared as such, so that an index serves; others are compared as text."""


def is_key_of(name: str, text: str) -> bool:
    """Whether a text can be a value of that type at all: a city called Pune is in no column of numbers.

    >>> is_key_of("bigint", "7"), is_key_of("bigint", "Pune"), is_key_of("uuid", "7"), is_key_of("text", "7")
    (True, False, False, True)
    """
    if name == "bigint":
        return text.isascii() and text.removeprefix("-").isdigit() and len(text) < 19
    if name == "uuid":
        try:
            return str(uuid.UUID(text)) == text
        except ValueError:
            return False
    return "\0" not in text


def column_of(values: Sequence[object], place: Place, *, times: bool = False) -> pa.Array:
    """Python values as one Arrow array, None as null. With `times` text is read as ISO 8601.

    Numbers become float64 (whole numbers int64 where they fit), and the nearest one where they are decimals.

    Raises:
        ColumnError: there are values of two kinds, or of one that is not known.
        TimestampError: a text is no time, or some times have a zone and some have none.
    """
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    if times and kinds == {str}:
        return _instants(_parsed(values, place), place)
    if kinds == {bool}:
        return _numbers(values, np.float64).cast(pa.bool_())
    if kinds == {int} and all(value is None or abs(value) < 2**63 for value in values):  # type: ignore[arg-type]
        return _numbers(values, np.int64)
    if kinds <= {int, float, Decimal}:
        return _numbers(values, np.float64)
    if kinds <= {str, uuid.UUID}:
        return _labels([None if value is None else str(value) for value in values])
    if kinds == {datetime}:
        return _instants(values, place)  # type: ignore[arg-type]
    if kinds == {date}:
        return pa.nulls(len(values), pa.date32())  # days are refused, whichever they are
    names = " and ".join(sorted(kind.__name__ for kind in kinds))
    raise ColumnError(f"{place} holds {names}: let each column hold one kind of value")


def _validity(values: Iterable[object]) -> pa.Buffer:
    there = np.fromiter((value is not None for value in values), dtype=np.bool_)
    return pa.py_buffer(np.packbits(there, bitorder="little"))


def _numbers(values: Sequence[object], kind: type[np.float64 | np.int64]) -> pa.Array:
    filled = np.array([0 if value is None else value for value in values], dtype=kind)
    return _array(values, filled, pa.int64() if kind is np.int64 else pa.float64())


def _array(values: Sequence[object], filled: NDArray[np.generic], kind: pa.DataType) -> pa.Array:
    return pa.Array.from_buffers(kind, len(values), [_validity(values), pa.py_buffer(filled)])


def _labels(values: Sequence[str | None]) -> pa.Array:
    number: dict[str, int] = {}
    codes = [0 if value is None else number.setdefault(value, len(number)) for value in values]
    indices = _array(values, np.array(codes, dtype=np.int32), pa.int32())
    return pa.DictionaryArray.from_arrays(indices, texts(list(number)), safe=False)


def _parsed(values: Sequence[object], place: Place) -> list[datetime | None]:
    known: dict[object, datetime | None] = {None: None}
    for value in dict.fromkeys(values):
        if value is not None:
            try:
                known[value] = datetime.fromisoformat(str(value))
            except ValueError:
                raise TimestampError(
                    f"{place} holds {printable(value)!r}, which is no time: write ISO 8601, such as "
                    f"2026-03-01 00:00:00+00:00"
                ) from None
    return [known[value] for value in values]


def _instants(values: Sequence[datetime | None], place: Place) -> pa.Array:
    zoned = {value.tzinfo is not None for value in values if value is not None}
    if len(zoned) > 1:
        raise TimestampError(f"{place} holds times with a zone and times without one: give all of them one")
    at = [EPOCH if v is None else v if v.tzinfo else v.replace(tzinfo=UTC) for v in values]
    counted = np.array([microseconds(moment) for moment in at], dtype=np.int64)
    return _array(values, counted, UTC_TIME if zoned == {True} else LOCAL_TIME)


def renamed(column: pa.ChunkedArray, names: Mapping[str, str]) -> pa.ChunkedArray:
    """Labels that are keys of another table become the names there; a key that has none becomes null.

    >>> keys = pa.chunked_array([_labels(["k1", None, "k2", "k9"])])
    >>> renamed(keys, {"k1": "Pune", "k2": "Pune"}).to_pylist()
    ['Pune', None, 'Pune', None]
    """
    unique = sorted(set(names.values()))
    number = {name: at for at, name in enumerate(unique)}
    chunks = []
    for chunk in column.chunks:
        found = [number[names[k]] if k in names else None for k in chunk.dictionary.to_pylist()]
        codes = _array(found, np.array([code or 0 for code in found], dtype=np.int32), pa.int32())
        chunks.append(pa.DictionaryArray.from_arrays(codes.take(chunk.indices), texts(unique), safe=False))
    return pa.chunked_array(chunks, LABEL)
