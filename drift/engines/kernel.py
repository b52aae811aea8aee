"""Which form of the kernel measures.

The NumPy form is the default for what runs once; the compiled form (`pip install "drift-monitor[fast]"`)
for what stays, and for so much that the second it takes to load is won back.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from drift.engines import kernel_numpy
from drift.engines.base import Kernel
from drift.errors import ConfigError

Name: TypeAlias = Literal["auto", "numpy", "numba"]
# comparisons of a series with its reference, from which on the compiled form is done first, loading included
WORTH_COMPILED = 9_000
INSTALL = 'pip install "drift-monitor[fast]"'


def choose(name: Name = "auto", *, comparisons: int = 0, long_lived: bool = False) -> Kernel:
    """The form of that name; `auto` is the faster one for so many comparisons, of those installed.

    `comparisons` is series × slots that this process is about to evaluate, a series being a city's column.
    A `long_lived` process pays for loading once, so it takes the compiled form for any number.

    Raises:
        ConfigError: `numba` was asked for and cannot be loaded, as when it is not installed; or there is no
            such form.
    """
    match name:
        case "numpy":
            return kernel_numpy
        case "numba":
            return _compiled()
        case "auto":
            return _compiled_if_there() if long_lived or comparisons >= WORTH_COMPILED else kernel_numpy
    raise ConfigError(f"there is no kernel {name!r}: use auto, numpy or numba")


def _compiled() -> Kernel:
    try:
        from drift.engines import kernel_numba
    except ImportError as error:  # numba refuses versions of NumPy that it does not know in the same way
        raise ConfigError(
            f"the kernel numba cannot be loaded ({error}): {INSTALL}, or use the kernel auto or numpy"
        ) from error
    return kernel_numba


def _compiled_if_there() -> Kernel:
    try:
        return _compiled()
    except ConfigError:
        return kernel_numpy
