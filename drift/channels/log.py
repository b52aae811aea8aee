"""The log channel: one structured line a transition, with all its fields.

It stands beside the other channels: a line is written at once, for every transition, and waits in no outbox.
The logger is handed in, so whether lines are JSON or for a terminal is settled elsewhere. Names come from
data, so every text is brought to one printable line first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from drift.document import plain, transition_document
from drift.domain import AlertStatus, Transition
from drift.errors import ChannelError
from drift.text import spelt_out


class Logger(Protocol):
    """As much of a structlog logger as is used."""

    def info(self, event: str, **fields: object) -> object:
        """A line for the record."""
        ...

    def warning(self, event: str, **fields: object) -> object:
        """A line that wants attention."""
        ...


class LogChannel:
    """Writes transitions to a structlog logger: firing as a warning, the rest as information."""

    name = "log"

    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    def send(self, transitions: Sequence[Transition]) -> None:
        """Write a line for each.

        Raises:
            ChannelError: the log cannot be written to; trying again may help.
        """
        for transition in transitions:
            fields = {key: _safe(value) for key, value in _document(transition).items()}
            firing = transition.after is AlertStatus.FIRING
            write = self._logger.warning if firing else self._logger.info
            try:
                write(f"alert {transition.after.value}", **fields)
            except (OSError, ValueError) as error:  # ValueError: the stream was closed
                rule, city = spelt_out(transition.key.rule), spelt_out(str(transition.key.city))
                raise ChannelError(
                    f"log: the alert {rule} of {city} was not written ({error}): see where the logs go, "
                    f"and whether that disk is full",
                    permanent=False,
                ) from error


def _document(transition: Transition) -> dict[str, object]:
    """The transition without the explanation that programs read, which would be most of the line: its
    sentences say what is in it.
    """
    document = transition_document(transition)
    document["evidence"] = plain(
        {name: value for name, value in transition.evidence.items() if name != "explanation"}
    )
    return document


def _safe(value: object) -> object:
    """The value with every text in it on one line."""
    if isinstance(value, str):
        return spelt_out(value)
    if isinstance(value, Mapping):
        return {spelt_out(str(key)): _safe(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_safe(item) for item in value]
    return value
