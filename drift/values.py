"""What every metric and statistic gives: a value a series, or the reason why there is none.

A formula is let run over all of its block, whatever it divides by; then `where_undefined` puts the reason
in place of each value that means nothing. So no zero, infinity or NaN can pass for a measurement.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.domain import Codes, Floats, Undefined
from drift.errors import UndefinedError

Bools: TypeAlias = NDArray[np.bool_]

# Decorates a formula: what it divides by zero, or overflows, gets its reason from `where_undefined`.
quiet = np.errstate(divide="ignore", invalid="ignore", over="ignore")


class Values(NamedTuple):
    """A value a series, and the code of the reason where it has none (`Undefined`; 0: it has one)."""

    value: Floats
    reason: Codes


def where_undefined(value: Floats, *cases: tuple[Bools, Undefined]) -> Values:
    """The values with the first reason that holds for each, and `NOT_FINITE` where none explains it.

    >>> where_undefined(np.array([0.5, 2.0]), (np.array([False, True]), Undefined.NO_PAIRS))
    Values(value=array([0.5, nan]), reason=array([0, 1], dtype=uint8))
    """
    reason = np.zeros(value.shape, dtype=np.uint8)
    for holds, code in (*cases, (~np.isfinite(value), Undefined.NOT_FINITE)):
        reason[holds & (reason == 0)] = code
    return Values(np.where(reason == 0, value, np.nan), reason)


def only_value(name: str, values: Values) -> float:
    """The value of a block of one series, as a float.

    Raises:
        UndefinedError: it has none; `reason` says why.
    """
    reason = int(values.reason[0])
    if reason:
        raise UndefinedError(name, Undefined(reason))
    return float(values.value[0])
