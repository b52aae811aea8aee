"""What the commands have in common: options, and how a config, a moment and a length of time are read."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drift.errors import ConfigError

if TYPE_CHECKING:
    from drift.config import Config

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="DRIFT_CONFIG", help="The config file.", show_default=True)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
DEFAULT_CONFIG = Path("config/drift.yaml")


def load(path: Path) -> Config:
    """The config; from here on logs go to stderr."""
    from drift.config import load_config
    from drift.telemetry.logs import log_to_stderr

    log_to_stderr()
    return load_config(path)


def moment(text: str, name: str) -> datetime:
    """A moment as people write it: ISO 8601 with a zone.

    Raises:
        ConfigError: it is none; `name` is the option's.
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{name}: {text!r} is no ISO 8601 time: write it like 2020-04-10T00:00Z") from None
    if parsed.tzinfo is None:
        raise ConfigError(
            f"{name}: {text!r} has no time zone: write {parsed.isoformat(timespec='minutes')}Z for UTC"
        )
    return _in_reach(parsed, name)


def _in_reach(moment: datetime, name: str) -> datetime:
    """The moment, when windows around it stay within the calendar."""
    from drift.config_values import YEARS

    if moment.year not in YEARS:
        raise ConfigError(f"{name}: the year {moment.year} is not from {YEARS[0]} to {YEARS[-1]}")
    return moment


def length(text: str, name: str) -> timedelta:
    """A length of time as people write it.

    Raises:
        ConfigError: it is none.
    """
    from drift.config import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from None
