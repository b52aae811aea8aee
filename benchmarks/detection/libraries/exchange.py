"""A program of arrays: `python -m … IN OUT`, both NumPy archives."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.generic]]


def run(package: str, work: Callable[[Arrays], Arrays]) -> None:
    """Read the arrays, work, write what came and the package's version."""
    warnings.filterwarnings("ignore")
    source, target = sys.argv[1:3]
    with np.load(source, allow_pickle=False) as given:
        found = work({name: given[name] for name in given.files})
    np.savez(target, allow_pickle=False, **{**found, "version": np.array(version(package))})
