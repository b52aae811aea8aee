"""PURE. A line of a log, understood: when, how bad, what was said, and the rest by its ECS name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"
"""What JSON has."""


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One line. `context` is flat, by dotted ECS names (`user.name`, `source.ip`, `event.action`,
    `event.outcome`, `http.response.status_code`, `url.path`); what has no name there keeps its own.

    `fault` says why a line could not be parsed; its text is the message then, and nothing of it is lost.
    """

    timestamp: datetime | None
    level: str | None
    message: str
    context: Mapping[str, Value]
    fault: str | None = None
