"""Logs: structured, on stderr, so that stdout holds only what was asked for."""

from __future__ import annotations

import sys

import structlog


def _to_stderr(*_: object) -> structlog.PrintLogger:
    """A logger to what is stderr at the time, not to what it was when logging was set up."""
    return structlog.PrintLogger(sys.stderr)


def log_to_stderr(*, unless_configured: bool = False) -> None:
    """Lines for people where stderr is a terminal, one JSON object a line elsewhere.

    `unless_configured` leaves alone what the program that we are a library of has set up.
    """
    if unless_configured and structlog.is_configured():
        return
    terminal = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=_to_stderr,
        cache_logger_on_first_use=False,
    )
