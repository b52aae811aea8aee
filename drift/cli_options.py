"""What the commands have in common: options, and how a config is read; moments and lengths are `written`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drift.written import length, moment

if TYPE_CHECKING:
    from drift.config import Config
    from drift.terminal import View

__all__ = [
    "DEFAULT_CONFIG",
    "AllOption",
    "ConfigOption",
    "JsonOption",
    "length",
    "load",
    "moment",
    "traced",
    "view_of",
]

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="DRIFT_CONFIG", help="The config file.", show_default=True)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
AllOption = Annotated[bool, typer.Option("--all", help="Show every row of long tables.")]
DEFAULT_CONFIG = Path("config/drift.yaml")


def load(path: Path) -> Config:
    """The config; from here on logs go to stderr, in the form that it says."""
    from drift.config import load_config
    from drift.telemetry.logs import configure_logging, log_to_stderr

    log_to_stderr()
    logs = (config := load_config(path)).logs
    configure_logging(
        logs.format,
        logs.level,
        service=logs.service,
        environment=logs.environment,
        libraries=logs.libraries,
    )
    return config


@contextmanager
def traced(config: Config, *, goes_on: bool = True) -> Iterator[None]:
    """What is done inside is traced, if the config or the environment says so, and goes on with the trace of
    whoever started us, where there is one, unless told not to.
    """
    from drift import __version__
    from drift.telemetry import traces

    with traces.traced(
        config.traces,
        os.environ,
        config.logs.service,
        version=__version__,
        environment=config.logs.environment,
        goes_on=goes_on,
    ):
        yield


def view_of(config_file: Path, *, everything: bool = False) -> View:
    """How people called drift: a config that drift takes by itself need not be named."""
    from drift.terminal import View

    known = config_file == DEFAULT_CONFIG or os.environ.get("DRIFT_CONFIG") == str(config_file)
    return View(None if known else config_file, everything)
