"""Arrow arrays from Python values and back, without pandas.

Why: `pa.array`, `pa.scalar` and `to_numpy` import pandas to see whether they were given or should give
something of pandas. That is a second of every command, for nothing.

How: Arrow's own buffers, made with NumPy. The arrays have no nulls.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def texts(values: Sequence[str]) -> pa.Array:
    """The texts as `string`.

    >>> texts(["Ooty", "Köln"]).to_pylist()
    ['Ooty', 'Köln']
    """
    parts = [value.encode() for value in values]
    ends = np.array([0, *accumulate(len(part) for part in parts)], dtype=np.int32)
    return pa.Array.from_buffers(
        pa.string(), len(parts), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(parts))]
    )


def integers(values: Sequence[int], kind: pa.DataType | None = None) -> pa.Array:
    """The integers as `int64`, or as a type of the same 64 bits.

    >>> integers([1, 2]).to_pylist()
    [1, 2]
    """
    buffer = pa.py_buffer(np.array(values, dtype=np.int64))
    return pa.Array.from_buffers(kind or pa.int64(), len(values), [None, buffer])


def flags(values: Sequence[bool]) -> pa.Array:
    """The flags as `bool`.

    >>> flags([True, False]).to_pylist()
    [True, False]
    """
    bits = np.packbits(np.array(values, dtype=np.bool_), bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])


def same(value: str, rows: int) -> pa.ChunkedArray:
    """A column of one text."""
    return pa.chunked_array([pa.repeat(texts([value])[0], rows)])


def nothing(rows: int, kind: pa.DataType) -> pa.ChunkedArray:
    """A column of nulls."""
    return pa.chunked_array([pa.nulls(rows, kind)])


def view(column: pa.ChunkedArray) -> NDArray[Any]:
    """A column of numbers without nulls, as NumPy sees it.

    >>> view(pa.chunked_array([integers([1, 2]), integers([3])])).tolist()
    [1, 2, 3]
    """
    return np.from_dlpack(pa.concat_arrays([pa.nulls(0, column.type), *column.chunks]))


def view_or(column: pa.ChunkedArray, missing: float) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """A column of numbers with `missing` in place of nulls, and where those were."""
    if column.null_count == 0:
        return view(column), np.zeros(len(column), dtype=np.bool_)
    return view(pc.fill_null(column, missing)), view(column.is_null().cast("uint8")).astype(np.bool_)
