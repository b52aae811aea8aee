"""How `evaluate` is carried to the data: the kernel in its two forms, and the engines that map over blocks.

An engine is called with the work and the blocks of cities, and gives what each block came to, in the blocks'
order. What the work is, it does not know; the work can be pickled, so it may be done in another process
(docs/engines.md). `open_engine` gives the one that the config names.
"""

from __future__ import annotations

from drift.config import EngineConfig
from drift.engines.local import Engine, LocalEngine

__all__ = ["Engine", "open_engine"]


def open_engine(config: EngineConfig) -> Engine:
    """The engine that `engine.kind` names. Spark is loaded only if it is asked for, and started later.

    Raises:
        ConfigError: the package that it needs is not installed.
    """
    if config.kind == "local":
        return LocalEngine(config.workers)
    from drift.engines.spark import SparkEngine

    return SparkEngine.of(config.spark)
