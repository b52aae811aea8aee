"""How drift writes its own logs: `logs` in the config."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from drift.config_rules import Section


class LogsConfig(Section):
    """The form of drift's own logs on stderr, the least level that is written, and whose they are.

    `format`: `ecs` is JSON that Elastic takes, `console` is for people, `auto` is console on a terminal.
    `libraries` is the least level of what the libraries under drift log.
    """

    format: Literal["auto", "ecs", "console"] = "auto"
    level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    libraries: Literal["debug", "info", "warning", "error", "critical"] = "warning"
    service: Annotated[str, Field(min_length=1, max_length=200)] = "drift"
    environment: Annotated[str, Field(min_length=1, max_length=200)] | None = None
