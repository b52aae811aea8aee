"""Logs: structured, on stderr, so that stdout holds only what was asked for.

A name from data ends no line and moves no cursor: JSON escapes it, and for a terminal it is spelt out here.
"""

from __future__ import annotations

import os
import sys

import structlog

from drift.text import printable_lines, spelt_out


def _to_stderr(*_: object) -> structlog.PrintLogger:
    """A logger to what is stderr at the time, not to what it was when logging was set up."""
    return structlog.PrintLogger(sys.stderr)


def _seen(
    _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """The event with nothing in its words that a terminal obeys; a traceback keeps its lines."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = printable_lines(value) if name == "exception" else spelt_out(value)
    return event


def log_to_stderr(*, unless_configured: bool = False) -> None:
    """Lines for people where stderr is a terminal, one JSON object a line elsewhere.

    `unless_configured` leaves alone what the program that we are a library of has set up.
    """
    if unless_configured and structlog.is_configured():
        return
    coloured = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    plain = structlog.dev.ConsoleRenderer(colors=coloured, exception_formatter=structlog.dev.plain_traceback)
    rendering: list[structlog.typing.Processor] = (
        [_seen, plain] if sys.stderr.isatty() else [structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *rendering,
        ],
        logger_factory=_to_stderr,
        cache_logger_on_first_use=False,
    )
