"""Sorted blocks for the compiled kernel: NumPy sorts, since its sort is SIMD and 30 × faster than a compiled
one, and what is no value is then moved out of the way in one compiled pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.engines.base import Counts, sortable
from drift.engines.jit import entry
from drift.statistics.base import Sorted


def sort_rows(values: NDArray[Any], dtype: np.dtype[Any], *, overwrite: bool = False) -> Sorted:
    """Each row ascending in that dtype, with what is not finite as NaN at its end."""
    kept = sortable(values, dtype, overwrite=overwrite)
    kept.sort(axis=1)
    n = np.empty(len(kept), dtype=np.int64)
    trim(kept, n)
    return Sorted(kept, n)


@entry
def trim(block: NDArray[Any], n: Counts) -> None:
    """Moves the finite values of each sorted row to its start, with NaN behind them, and counts them."""
    for s in range(len(block)):
        row, first, last = block[s], 0, block.shape[1]
        while last > 0 and not np.isfinite(row[last - 1]):
            last -= 1
        while first < last and not np.isfinite(row[first]):
            first += 1
        n[s] = last - first
        for i in range(n[s] if first > 0 else 0):
            row[i] = row[first + i]
        row[n[s] :] = np.nan
