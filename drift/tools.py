"""What blocks of cities are worked on with: a store, what to measure, and where pasts are kept. It can be
pickled, so an engine may carry the work to other processes.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from drift.cache import Cache
from drift.config import Config
from drift.engines.base import Kernel
from drift.engines.kernel import choose
from drift.evaluate import Evaluation
from drift.metrics import load_metrics
from drift.statistics import load_statistics
from drift.stores import open_store
from drift.stores.base import Store
from drift.unfit import Zones


@dataclass(frozen=True, slots=True)
class Tools:
    """What blocks are worked on with.

    Pickled, it is the part of the config that measuring needs, its kernel's name, and where the cache is. The
    process it is sent to opens a store of its own, loads the tables of metrics and statistics, and keeps
    them for later slots.
    """

    config: Config
    store: Store
    how: Evaluation
    cache: Cache | None = None

    def __reduce__(self) -> tuple[Callable[[bytes], Tools], tuple[bytes]]:
        kept = None if self.cache is None else self.config.engine.cache
        return opened_tools, (pickle.dumps((self.config.for_measuring(), self.how.kernel.NAME, kept)),)


@lru_cache(maxsize=2)  # of one config or two: opening is what a warm process saves
def opened_tools(sent: bytes) -> Tools:
    """The tools of a pickled config, opened once a process.

    Raises:
        ConfigError: the store, a metric's package or the kernel is not there.
    """
    config, kernel, kept = pickle.loads(sent)  # noqa: S301 - our own, from the process that sent the task
    cache = None if kept is None else Cache(config.path(kept.dir), kept.size)
    return Tools(config, open_store(config), evaluation_of(config, choose(kernel)), cache)


def evaluation_of(config: Config, kernel: Kernel) -> Evaluation:
    """What the config measures: all metrics and statistics that are installed, by its numbers."""
    zones = Zones(config.timezone, config.timezones)
    return Evaluation(load_metrics(), load_statistics(), config.accuracy, config.statistics, kernel, zones)
