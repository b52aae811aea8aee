"""What the commands have in common: options, and how a config is read; moments and lengths are `written`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drift.written import length, moment

if TYPE_CHECKING:
    from drift.config import Config
    from drift.terminal import View

__all__ = ["DEFAULT_CONFIG", "AllOption", "ConfigOption", "JsonOption", "length", "load", "moment", "view_of"]

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="DRIFT_CONFIG", help="The config file.", show_default=True)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
AllOption = Annotated[bool, typer.Option("--all", help="Show every row of long tables.")]
DEFAULT_CONFIG = Path("config/drift.yaml")


def load(path: Path) -> Config:
    """The config; from here on logs go to stderr."""
    from drift.config import load_config
    from drift.telemetry.logs import log_to_stderr

    log_to_stderr()
    return load_config(path)


def view_of(config_file: Path, *, everything: bool = False) -> View:
    """How people called drift: a config that drift takes by itself need not be named."""
    from drift.terminal import View

    known = config_file == DEFAULT_CONFIG or os.environ.get("DRIFT_CONFIG") == str(config_file)
    return View(None if known else config_file, everything)
