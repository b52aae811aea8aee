"""Logs: structured, on stderr, so that stdout holds only what was asked for; one stream and one form for all.

`configure_logging` is the one call that a service makes. People at a terminal get lines to read, machines get
ECS JSON that Elastic takes without a parser; what libraries log by Python's own logging goes the same way. An
event has the fields of its context (`structlog.contextvars`), the ids of OpenTelemetry's span, and no secret:
it is stripped last, when its exception is text already (`log_steps.py`). A name from data ends no line and
moves no cursor: JSON escapes it, and for a terminal it is spelt out.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
from typing import Final, Literal, TextIO

import structlog
from structlog.typing import Processor

from drift.telemetry.log_steps import EcsLine, for_people, strip, with_error, with_trace

Form = Literal["auto", "ecs", "console"]
FORMS: Final = ("auto", "ecs", "console")
LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
"""The levels of the platform's guide, in order, with Python's numbers."""

SERVICE: Final = "energy-forecast"
"""The service of an event that names none, as in the platform's guide."""


def _to_stderr(*_: object) -> structlog.PrintLogger:
    """A logger to what is stderr at the time, not to what it was when logging was set up."""
    return structlog.PrintLogger(sys.stderr)


class _ToStderr(logging.StreamHandler[TextIO]):
    """The same for Python's own logging."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def configure_logging(
    form: Form = "auto",
    level: str = "info",
    *,
    service: str = SERVICE,
    environment: str | None = None,
    libraries: str | None = "warning",
) -> None:
    """Set up logging for the process, in one call; a second call replaces what the first set up.

    `form` is `ecs`, `console`, or `auto`: console where stderr is a terminal. `libraries` is the least level
    at which what goes through Python's own logging is shown; None leaves Python's logging alone.

    Raises:
        ValueError: a form or a level that is not known, with those that are.
    """
    for given in (level, *([libraries] if libraries is not None else [])):
        _number(given)
    if form not in FORMS:
        raise ValueError(f"unknown form of logs {form!r}: it is one of {', '.join(FORMS)}")
    people = sys.stderr.isatty() if form == "auto" else form == "console"
    rendering: list[Processor] = _for_terminal() if people else [EcsLine(service, environment)]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.StackInfoRenderer(),
        _stamp,
        with_trace,
        with_error,
        strip,
    ]
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        logger_factory=_to_stderr,
        cache_logger_on_first_use=False,
    )
    if libraries is not None:
        os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")  # it would take its logger back
        _take_over(shared, rendering, max(_number(libraries), _number(level)))


def log_to_stderr(*, unless_configured: bool = False) -> None:
    """Logging as drift sets it up by itself: its own events only, at every level.

    `unless_configured` leaves alone what the program that we are a library of has set up.
    """
    if not (unless_configured and structlog.is_configured()):
        configure_logging(level="debug", service="drift", libraries=None)


def log_event(level: str, event: str, /, **fields: object) -> None:
    """Log an event with structured data, as the platform's guide has it.

    `service` is the guide's unless given, and `trace_id` that of the current span, else a new one in the form
    of W3C Trace Context. Any name may be given, those that structlog itself uses too.

    Raises:
        ValueError: a level that is not known, with those that are.
    """
    number = _number(level)
    tracing = sys.modules.get("opentelemetry.trace")
    traced = tracing is not None and tracing.get_current_span().get_span_context().is_valid
    known = structlog.contextvars.get_contextvars().keys() & {"trace_id", "trace.id"}
    if not (traced or known or fields.keys() & {"trace_id", "trace.id"}):
        fields["trace_id"] = secrets.token_hex(16)
    context = {
        f"labels.{name}" if name in ("event", "level") else name: value for name, value in fields.items()
    }
    structlog.get_logger().log(number, event, **({"service": SERVICE} | context))


def _number(level: str) -> int:
    if level not in LEVELS:
        raise ValueError(f"unknown log level {level!r}: it is one of {', '.join(LEVELS)}")
    return LEVELS[level]


_clock = structlog.processors.TimeStamper(fmt="iso", utc=True)


def _stamp(
    logger: structlog.typing.WrappedLogger, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """The event with the time; one that brings its own keeps it."""
    return event if "timestamp" in event else _clock(logger, method, event)


def _for_terminal() -> list[Processor]:
    coloured = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    plain = structlog.dev.plain_traceback
    return [for_people, structlog.dev.ConsoleRenderer(colors=coloured, exception_formatter=plain)]


def _take_over(shared: list[Processor], rendering: list[Processor], level: int) -> None:
    """Let what libraries log go the same way: one handler at the root, and no other to stderr or stdout."""
    handler = _ToStderr()
    handler.setLevel(level)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _of_record],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shared[2:], *rendering],
        )
    )
    root = logging.getLogger()
    names = [name for name, made in root.manager.loggerDict.items() if isinstance(made, logging.Logger)]
    for logger in (root, *map(logging.getLogger, names)):
        for other in list(logger.handlers):
            if isinstance(other, _ToStderr) or _writes_to_standard_streams(other):
                logger.removeHandler(other)
                logger.propagate = True
    root.addHandler(handler)


def _writes_to_standard_streams(handler: logging.Handler) -> bool:
    ours = (sys.stderr, sys.stdout, sys.__stderr__, sys.__stdout__)
    return isinstance(handler, logging.StreamHandler) and any(handler.stream is stream for stream in ours)


def _of_record(
    _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """What a record of Python's own logging says beside its words."""
    record: logging.LogRecord = event["_record"]
    for made in ("message", "asctime"):  # another handler's formatter has left them on the record
        event.pop(made, None)
    event.update(level=record.levelname.lower(), logger=record.name)
    return event
