"""Arrays and a header as bytes, for a row of a database, and back.

Why not pickle: reading must run nothing. Why a digest: a flipped bit in a limit would be wrong without a
word. How: one line with the format and the SHA-256 of what follows it, a NumPy archive whose entry `header`
is JSON.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = 1
MAGIC = b"drift calibration"
REMEDY = "fit anew"


def pack(header: Mapping[str, object], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    r"""The bytes of a header and named arrays; equal ones give equal bytes.

    >>> unpack(pack({"city": "Sao\0 Paulo"}, {"x": np.arange(2)}))
    ({'city': 'Sao\x00 Paulo'}, {'x': array([0, 1])})
    """
    buffer = io.BytesIO()
    written = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez_compressed(buffer, allow_pickle=False, header=written, **arrays)
    body = buffer.getvalue()
    return b"%s %d %s\n%s" % (MAGIC, FORMAT, _digest(body), body)


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The header and the arrays of `pack`.

    Raises:
        ValueError: they are no calibration, or of another format, or damaged.
    """
    first, _, body = data.partition(b"\n")
    name, _, rest = first.rpartition(b" ")[0].rpartition(b" ")
    if name != MAGIC:
        raise ValueError(f"these {len(data)} bytes are no stored calibration: {REMEDY}")
    if rest != b"%d" % FORMAT:
        text = rest.decode(errors="replace")
        raise ValueError(f"a stored calibration has format {text!r}, this drift reads {FORMAT}: {REMEDY}")
    if first.rpartition(b" ")[2] != _digest(body):
        raise ValueError(f"a stored calibration is damaged, its checksum does not hold: {REMEDY}")
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return json.loads(arrays.pop("header").tobytes()), arrays
    except (ValueError, KeyError, AttributeError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"a stored calibration cannot be read ({error}): {REMEDY}") from error


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
