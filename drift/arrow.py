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

LABEL = pa.dictionary(pa.int32(), pa.string())
"""Text of few distinct values: a city, a model version."""


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


def integers(values: Sequence[int] | NDArray[np.int64], kind: pa.DataType | None = None) -> pa.Array:
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
    """A column of one label."""
    codes = pa.Array.from_buffers(pa.int32(), rows, [None, pa.py_buffer(np.zeros(rows, dtype=np.int32))])
    return pa.chunked_array([pa.DictionaryArray.from_arrays(codes, texts([value]), safe=False)])


def nothing(rows: int, kind: pa.DataType) -> pa.ChunkedArray:
    """A column of nulls."""
    return pa.chunked_array([pa.nulls(rows, kind)])


def view(column: pa.ChunkedArray) -> NDArray[Any]:
    """A column of numbers without nulls, as NumPy sees it.

    >>> view(pa.chunked_array([integers([1, 2]), integers([3])])).tolist()
    [1, 2, 3]
    """
    if column.num_chunks == 1:
        return np.from_dlpack(column.chunk(0))
    return np.from_dlpack(pa.concat_arrays([pa.nulls(0, column.type), *column.chunks]))


def dtype_of(kind: pa.DataType) -> np.dtype[Any]:
    """NumPy's name for a type of numbers. (`to_pandas_dtype` would import pandas.)

    >>> dtype_of(pa.float32())
    dtype('float32')
    """
    other = {"halffloat": "float16", "float": "float32", "double": "float64"}
    return np.dtype(other.get(str(kind), str(kind)))


def view_or(column: pa.ChunkedArray | pa.Array, missing: float) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """A column of numbers with `missing` in place of nulls, and where those were."""
    column = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
    if column.null_count == 0:
        return view(column), np.zeros(len(column), dtype=np.bool_)
    value = np.array([missing], dtype=dtype_of(column.type))
    filler = pa.Array.from_buffers(column.type, 1, [None, pa.py_buffer(value)])[0]
    return view(pc.fill_null(column, filler)), view(column.is_null().cast("uint8")).astype(np.bool_)


def labelled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of text, or of a dictionary of text, as one of `LABEL`.

    >>> labelled(pa.chunked_array([texts(["Ooty", "Pune", "Ooty"])])).chunk(0).indices.to_pylist()
    [0, 1, 0]
    """
    if not pa.types.is_dictionary(column.type):
        return column.cast(pa.string()).dictionary_encode()
    chunks = [
        pa.DictionaryArray.from_arrays(
            chunk.indices.cast(pa.int32()), chunk.dictionary.cast(pa.string()), safe=False
        )
        for chunk in column.chunks
    ]
    return pa.chunked_array(chunks, LABEL)


def encoded(column: pa.Array) -> tuple[list[str], NDArray[np.int32]]:
    """The labels of a column without nulls, and the number of each row's among them.

    Labels that no row has may be among them, and one may be there twice.

    >>> encoded(texts(["Ooty", "Pune", "Ooty"]))
    (['Ooty', 'Pune'], array([0, 1, 0], dtype=int32))
    """
    both = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    codes: NDArray[np.int32] = np.asarray(np.from_dlpack(both.indices.cast(pa.int32())), dtype=np.int32)
    return both.dictionary.to_pylist(), codes


def distinct(column: pa.ChunkedArray) -> set[str]:
    """The labels that there are; a null is none.

    >>> sorted(distinct(pa.chunked_array([texts(["Ooty", "Pune", "Ooty"])])))
    ['Ooty', 'Pune']
    """
    found: set[str] = set()
    for chunk in column.drop_null().chunks:
        labels, rows = encoded(chunk)
        found.update(labels[code] for code in np.flatnonzero(np.bincount(rows, minlength=len(labels))))
    return found


def address(column: pa.Array) -> tuple[int, ...]:
    """Where the column lies in memory. While both live, columns with one address are one column."""
    buffers = (
        *column.buffers(),
        *(column.dictionary.buffers() if pa.types.is_dictionary(column.type) else ()),
    )
    return (column.offset, len(column), *(0 if buffer is None else buffer.address for buffer in buffers))
