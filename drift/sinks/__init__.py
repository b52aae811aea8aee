"""Sinks: one file a kind, and an explicit table of them.

A table entry is called with the `Config` and gives a sink, or None where the config does not ask for it.
A sink from outside is a package with an entry point in the group `drift.sinks` that loads to such an
entry. `PrometheusSink` is not in the table: its gauges live in the process that serves them, so `drift
serve` makes it, hands it to the monitor after these (so that it counts their failures), and serves its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from drift.config import Config
from drift.entry_points import factory, factory_names
from drift.sinks.base import Sink

SinkFactory: TypeAlias = Callable[[Config], Sink | None]

GROUP = "drift.sinks"


def _history(config: Config) -> Sink | None:
    from drift.sinks.history import HistorySink

    return HistorySink(config.path(config.history.dir)) if config.history else None


def _mlflow(config: Config) -> Sink | None:
    from drift.sinks.mlflow import MlflowSink

    return MlflowSink(config, config.mlflow) if config.mlflow else None


def _mlflow_registry(config: Config) -> Sink | None:
    from drift.sinks.mlflow_registry import MlflowRegistrySink

    if config.mlflow is None or config.mlflow.registered_model is None:
        return None
    return MlflowRegistrySink(config, config.mlflow.registered_model, config.mlflow.version_label)


SINKS: Mapping[str, SinkFactory] = {
    "history": _history,
    "mlflow": _mlflow,
    "mlflow_registry": _mlflow_registry,
}


def open_sinks(config: Config) -> tuple[Sink, ...]:
    """The sinks that the config asks for: drift's own, then those of other packages by name.

    Raises:
        ConfigError: a package's entry does not load, or takes a name that is taken.
    """
    names = factory_names(SINKS, GROUP)
    made = (factory(SINKS, GROUP, name, "the sink")(config) for name in names)
    return tuple(sink for sink in made if sink is not None)
