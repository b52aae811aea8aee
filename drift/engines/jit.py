"""How functions of this folder are compiled: without the GIL, so that a caller may map blocks over threads,
and kept on disk, so that only the first process ever waits for the compiler.

Numba keeps a compiled function in `__pycache__` beside its file, or in the user's cache folder where that
cannot be written. It asks whether the function's own file has changed, and not the files that it calls into
or takes constants from; so each file of compiled functions calls only its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])

# divides as NumPy does: by zero gives infinity or NaN, not an error
OPTIONS: Any = {"nogil": True, "error_model": "numpy"}
ONLY_FROM_COMPILED: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def entry(function: Function) -> Function:
    """Compiled when Python first calls it, and kept on disk."""
    try:
        compiled: Function = numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # no folder to keep it in, as in a read-only container
        compiled = numba.njit(**OPTIONS)(function)
    return compiled


def part(function: Function) -> Function:
    """Compiled into the entries that call it; Python cannot call it."""
    compiled: Function = numba.njit(**OPTIONS, **ONLY_FROM_COMPILED)(function)
    return compiled


def sum_part(function: Function) -> Function:
    """As `part`, for sums of finite values: they may be added in any order, as SIMD does, 4 × faster."""
    order: Any = {"reassoc", "nsz"}
    compiled: Function = numba.njit(fastmath=order, **OPTIONS, **ONLY_FROM_COMPILED)(function)
    return compiled
