"""One number for the rows of a table, however they are sorted and divided.

Why: after a table was written anew in another order, something must say that no row was lost, changed or
doubled.

How: PURE. Each row becomes 64 bits, made of all bits of all its columns; the sum of those does not know their
order. Sums add up over the parts of a table, modulo 2**64.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drift.arrow import view_or
from drift.stores.casts import is_text

Bits = NDArray[np.uint64]


def digest(rows: pa.Table) -> int:
    """A sum over a number a row that is made of all bits of all its columns: no order changes it, and a
    value that is lost, changed or moved to another row does.
    """
    total = np.zeros(len(rows), dtype=np.uint64)
    for name in sorted(rows.schema.names):
        salt = np.uint64(_hash(name.encode()))
        total = _mixed(total * np.uint64(3) + _mixed(_bits(rows[name]) + salt))
    return int(_mixed(total).sum(dtype=np.uint64)) if len(rows) else 0


def _mixed(bits: Bits) -> Bits:
    """Spread each number over all 64 bits (the finaliser of SplitMix64)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _hash(content: bytes) -> int:
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big")


def _bits(column: pa.ChunkedArray) -> Bits:
    """A number a value; equal numbers are equal bits, so a NaN equals itself and -0.0 is not 0.0."""
    kind = column.type
    if pa.types.is_dictionary(kind) or is_text(kind):
        chunks = [c if pa.types.is_dictionary(kind) else c.dictionary_encode() for c in column.chunks]
        return _joined([_coded(chunk) for chunk in chunks])
    if pa.types.is_boolean(kind):
        column, kind = column.cast(pa.uint8()), pa.uint8()
    width = kind.bit_width if pa.types.is_primitive(kind) else 0
    if width in _WHOLE:
        chunks = [chunk.view(_WHOLE[width]) for chunk in column.chunks]
        return _joined([_numbers(chunk) for chunk in chunks])
    texts = (repr(value.as_py()).encode() for chunk in column.chunks for value in chunk)
    return np.array([_hash(text) for text in texts], dtype=np.uint64)


_WHOLE = {8: pa.uint8(), 16: pa.uint16(), 32: pa.uint32(), 64: pa.uint64()}
_NULL = np.uint64(0x9E3779B97F4A7C15)


def _joined(parts: Sequence[Bits]) -> Bits:
    return np.concatenate([np.empty(0, dtype=np.uint64), *parts])


def _numbers(chunk: pa.Array) -> Bits:
    values, none = view_or(chunk, 0)
    return np.where(none, _NULL, values.astype(np.uint64))


def _coded(chunk: pa.DictionaryArray) -> Bits:
    labels = [
        _NULL if v is None else np.uint64(_hash(repr(v).encode())) for v in chunk.dictionary.to_pylist()
    ]
    codes, none = view_or(chunk.indices, 0)
    return np.where(none, _NULL, np.array([*labels, _NULL], dtype=np.uint64)[codes])
