"""A span for each request that an ASGI application answers, in the trace of whoever asked (`traceparent`).

It is named by method and route, `GET /cities/{city}`, as there are only so many; the path stands nowhere.
What machines ask for every few seconds is traced only if they bring a trace. Where nothing records, a request
costs a look-up.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

from drift.telemetry.asgi import METHODS, OTHER
from drift.telemetry.endpoints import UNMATCHED, Templates

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PROBES = frozenset({"/metrics", "/healthz", "/readyz"})
CARRIED = ("traceparent", "tracestate")


class TracedRequests:
    """An application whose requests are spans. `quiet`: paths that are traced only within another's trace."""

    def __init__(self, app: ASGIApp, quiet: Collection[str] = PROBES) -> None:
        self._app, self._quiet = app, frozenset(quiet)
        self._templates: dict[int, Templates] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request within a span. What is not HTTP is passed through."""
        if scope["type"] != "http" or "opentelemetry.trace" not in sys.modules:
            await self._app(scope, receive, send)
            return
        carrier = _carrier(scope)
        if not carrier and scope["path"] in self._quiet:
            await self._app(scope, receive, send)
            return
        from opentelemetry.trace import SpanKind

        from drift.telemetry.spans import Recorded, from_headers

        method = scope["method"] if scope["method"] in METHODS else OTHER
        seen = {"http.request.method": method}
        with Recorded(method, seen, SpanKind.SERVER, from_headers(carrier)) as span:

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = int(message["status"])
                    span.set(**{"http.response.status_code": status})
                    if status >= 500:
                        span.fail(f"answered {status}")
                await send(message)

            try:
                await self._app(scope, receive, sending)
            finally:
                route = self._route(scope)
                if route != UNMATCHED:
                    span.rename(f"{method} {route}")
                    span.set(**{"http.route": route})

    def _route(self, scope: Scope) -> str:
        router = scope.get("router")
        if router is None:
            return UNMATCHED
        known = self._templates.get(id(router))
        if known is None:
            known = self._templates[id(router)] = Templates(router)
        return known.endpoint_of(scope)


def _carrier(scope: Scope) -> dict[str, str]:
    """The headers of the request that bring a trace."""
    named = {bytes(name).decode("latin-1").lower(): value for name, value in scope["headers"]}
    return {name: bytes(named[name]).decode("latin-1") for name in CARRIED if name in named}
