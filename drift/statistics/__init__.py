"""Drift statistics: one a file, and the table of them all.

As in `drift.metrics`, the name of a statistic in this package's namespace is its function; its module is
only ever imported from by its full name.
"""

from __future__ import annotations

from collections.abc import Mapping

from drift.entry_points import with_entry_points
from drift.statistics.base import (
    Comparison,
    Reference,
    Sorted,
    Statistic,
    Values,
    compare,
    prepare,
    sort_block,
)
from drift.statistics.hellinger import HELLINGER, hellinger
from drift.statistics.jensen_shannon import JENSEN_SHANNON, jensen_shannon
from drift.statistics.ks import KS, ks
from drift.statistics.psi import PSI, psi
from drift.statistics.wasserstein import WASSERSTEIN, wasserstein

__all__ = [
    "STATISTICS",
    "Comparison",
    "Reference",
    "Sorted",
    "Statistic",
    "Values",
    "compare",
    "hellinger",
    "jensen_shannon",
    "ks",
    "load_statistics",
    "prepare",
    "psi",
    "sort_block",
    "wasserstein",
]

STATISTICS: Mapping[str, Statistic] = {
    statistic.name: statistic for statistic in (PSI, KS, WASSERSTEIN, JENSEN_SHANNON, HELLINGER)
}


def load_statistics() -> Mapping[str, Statistic]:
    """Our own statistics by name, then those of other installed packages (entry points `drift.statistics`).

    Raises:
        ConfigError: an entry point is broken or takes a name that is taken; the package is named.

    >>> list(load_statistics())
    ['psi', 'ks', 'wasserstein', 'jensen_shannon', 'hellinger']
    """
    return with_entry_points(STATISTICS, "drift.statistics", Statistic)
