"""Spans that are recorded, by OpenTelemetry's API alone: it needs no set-up of ours, and no SDK.

Errors are recorded here and not by OpenTelemetry, which would write them and their traceback as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Self

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from drift.domain import iso
from drift.telemetry.sensitive import redact_text
from drift.telemetry.traces import NOTHING, Span, Value
from drift.text import printable

LONGEST = 200
"""So much of an attribute is kept."""
ERROR_LENGTH = 500
READ = 5000
"""So much of an error is looked through."""
_ALONE = contexts.create_key("drift-alone")
_W3C = TraceContextTextMapPropagator()
"""`traceparent` and `tracestate` only: baggage could carry anything of anyone further."""


class Recorded:
    """A span that is under way."""

    __slots__ = ("_alone", "_attributes", "_kind", "_name", "_parent", "_span", "_token")

    def __init__(
        self,
        name: str,
        attributes: Mapping[str, Value],
        kind: SpanKind = SpanKind.INTERNAL,
        parent: Context | None = None,
        *,
        alone: bool = False,
    ) -> None:
        self._name, self._attributes = name, attributes
        self._kind, self._parent, self._alone = kind, parent, alone

    def __enter__(self) -> Self:
        tracer = trace.get_tracer("drift")
        self._span = tracer.start_span(self._name, self._parent, self._kind, bounded(self._attributes))
        inside = trace.set_span_in_context(self._span, self._parent)
        self._token = contexts.attach(contexts.set_value(_ALONE, True, inside) if self._alone else inside)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):  # an interrupt or an exit is no fault of the step
            name, said = type(error).__qualname__, harmless(error)
            self._span.add_event("exception", {"exception.type": name, "exception.message": said})
            self._span.set_status(Status(StatusCode.ERROR, f"{name}: {said}"))
        contexts.detach(self._token)
        self._span.end()

    def set(self, **attributes: Value) -> None:
        """Say more of it."""
        if self._span.is_recording():
            self._span.set_attributes(bounded(attributes))

    def fail(self, why: str) -> None:
        """Say that it failed, where no error is raised."""
        self._span.set_status(Status(StatusCode.ERROR, harmless(why)))

    def rename(self, name: str) -> None:
        """Call it what only its end knows, as the route of a request."""
        self._span.update_name(name)


def recorded(name: str, attributes: Mapping[str, Value], *, alone: bool = False) -> Span:
    """The span; none where the step around it is recorded alone."""
    if contexts.get_value(_ALONE):
        return NOTHING
    return Recorded(name, attributes, alone=alone)


def bounded(attributes: Mapping[str, Value]) -> dict[str, str | int | float | bool]:
    """The attributes by their full names, texts cut and fit to be seen.

    >>> bounded({"rows": 3, "city": "x" * 300, "http.route": "/", "slot": None})["drift.rows"]
    3
    """
    return {
        name if "." in name else f"drift.{name}": _fit(value)
        for name, value in attributes.items()
        if value is not None
    }


def _fit(value: str | float | datetime) -> str | int | float | bool:
    if isinstance(value, datetime):
        return iso(value)
    return printable(value, LONGEST) if isinstance(value, str) else value


def harmless(error: object) -> str:
    """What an error says, on one line, cut, and without what is secret in it.

    >>> harmless(ValueError("no route to postgresql://me:secret@host/db"))
    'no route to postgresql://[credentials]@host/db'
    """
    return printable(redact_text(str(error)[:READ]), ERROR_LENGTH)


def carried() -> dict[str, str]:
    """The headers that take this trace along."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier


def from_headers(carrier: Mapping[str, str]) -> Context:
    """The context that headers bring, by their names in lower case; an empty one where they bring none."""
    return _W3C.extract(dict(carrier), Context())


def from_environment(environ: Mapping[str, str]) -> Context:
    """The context that the environment brings, by the headers' names in upper case; the present one where it
    brings none. [OpenTelemetry, "Environment Variables as Context Propagation Carriers"]
    """
    return _W3C.extract(environ, contexts.get_current(), _Environment())


class _Environment(Getter[Mapping[str, str]]):
    """Headers as variables of the environment have them."""

    def get(self, carrier: Mapping[str, str], key: str) -> list[str] | None:
        found = carrier.get(key.upper().replace("-", "_"))
        return None if found is None else [found]

    def keys(self, carrier: Mapping[str, str]) -> list[str]:
        return list(carrier)


@contextmanager
def attached(context: Context) -> Iterator[None]:
    """What is done inside is done in that context."""
    token = contexts.attach(context)
    try:
        yield
    finally:
        contexts.detach(token)
