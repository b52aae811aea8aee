"""Counts an ASGI application's requests, whichever framework it is made with.

It is plain ASGI, because what stands between a server and every request should add next to nothing to it, and
because only there the end of a stream and a client that leaves can be seen. A request is counted once, when
its last byte was handed to the server, or when it ended otherwise:

* by an exception: 500, also after the response began, as the client did not get what it was promised;
* because the client went away, or the task was cancelled: 499, as nginx calls it.

An exception is never kept from whoever is above.
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram

from drift.telemetry.endpoints import UNMATCHED, Templates
from drift.telemetry.metrics import PlatformMetrics

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"))
"""The methods that are counted by name. A client may send any word."""
OTHER = "OTHER"
"""The label of any other method, and of a status that is none."""
CLIENT_GONE = 499
SLOW = 0.1
"""Seconds after which it is worth a look, before a response is sent, whether the client is still there."""
_ENDS = frozenset(("http.response.body", "http.response.zerocopysend", "http.response.pathsend"))
"""What a response ends with, unless it says `more_body`."""


class MetricsMiddleware:
    """An application whose requests are counted in `api_requests_total` and `api_latency_seconds`.

    `endpoint` is the template of the route with the prefixes of its mounts, and `unmatched` for none: never
    the path. It can be added in an application (`add_middleware(MetricsMiddleware, metrics=metrics)`) or be
    put around it; where it is met twice with the same metrics, a request is counted once.
    """

    def __init__(self, app: ASGIApp, metrics: PlatformMetrics) -> None:
        self._app, self._metrics = app, metrics
        self._mark = f"drift.counted.{id(metrics)}"  # in the scope of what is counted already
        self._templates: dict[int, Templates] = {}
        self._series: dict[tuple[int, str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, and count it. What is not HTTP is passed through."""
        if scope["type"] != "http" or self._mark in scope:
            await self._app(scope, receive, send)
            return
        scope[self._mark] = True
        exchange = _Exchange(self, scope, receive, send)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except Exception:
            exchange.end(500)
            raise
        except BaseException:  # cancelled, or the server ends
            exchange.end(CLIENT_GONE)
            raise
        exchange.end(500)  # if it returned without an answer, or with half of one: servers say so too

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request that has ended. `scope` is as the application has left it."""
        series = self._series.get((id(scope.get("endpoint")), scope["method"], status))
        if series is None:
            series = self._series_of(scope, status)
        series[0].inc()
        series[1].observe(seconds)

    def _series_of(self, scope: Scope, status: int) -> tuple[Counter, Histogram]:
        """The series by their labels. They are kept where the function that answered says it all, as to find
        them costs more than to count.
        """
        method, is_status = scope["method"], 100 <= status <= 599
        templates, endpoint = self._templates_of(scope), scope.get("endpoint")
        template = UNMATCHED if templates is None else templates.endpoint_of(scope)
        series = (
            self._metrics.requests.labels(
                template, method if method in METHODS else OTHER, str(int(status)) if is_status else OTHER
            ),
            self._metrics.latency.labels(template),
        )
        of_one = templates is not None and len(self._templates) == 1 and templates.is_alone(endpoint)
        if of_one and method in METHODS and is_status:  # a client can make up as many others as it likes
            self._series[id(endpoint), method, status] = series
        return series

    def _templates_of(self, scope: Scope) -> Templates | None:
        """Those of the outermost router, also where the request never came to it."""
        router = scope.get("router")
        if router is None:
            router = getattr(scope.get("app"), "router", None)
        if router is None:
            return None
        found = self._templates.get(id(router))  # it holds the router, so that no other one has its id
        if found is None:
            found = self._templates[id(router)] = Templates(router)
            self._series.clear()
        return found


class _Exchange:
    """One request and its response, as they pass. Most of them change little of what all begin with."""

    _done = False
    _gone = False
    _status = 500
    _receiving = 0
    _kept: Message | None = None

    def __init__(self, counting: MetricsMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        self._counting, self._scope, self._receive, self._send = counting, scope, receive, send
        self._begun = perf_counter()

    async def receive(self) -> Message:
        if self._kept is not None:
            message, self._kept = self._kept, None
            return message
        self._receiving += 1
        try:
            message = await self._receive()
        finally:
            self._receiving -= 1
        if message["type"] == "http.disconnect":
            self._gone = True
        return message

    async def send(self, message: Message) -> None:
        kind, seconds = message["type"], None
        if kind == "http.response.start":
            self._status = message["status"]
        elif kind in _ENDS and not message.get("more_body") and not self._done:
            seconds = perf_counter() - self._begun
            if seconds > SLOW:
                await self._look_for_the_client()
        gone = self._gone  # from the last message on, servers say so of everyone
        try:
            await self._send(message)
        except OSError:
            self._gone = True
            raise
        if seconds is not None:
            self._done = True
            self._counting.count(self._scope, CLIENT_GONE if gone else self._status, seconds)

    def end(self, status: int) -> None:
        """The application is through; a response that is not complete by now will never be."""
        if not self._done:
            self._done = True
            seconds = perf_counter() - self._begun
            self._counting.count(self._scope, CLIENT_GONE if self._gone else status, seconds)

    async def _look_for_the_client(self) -> None:
        """See whether the server has word of the client, without waiting for any.

        A server drops what is sent to nobody without a word. What else comes is kept for the application.
        """
        if self._gone or self._receiving or self._kept is not None:  # or the application is listening itself
            return
        try:
            asking = asyncio.ensure_future(self._receive())
        except RuntimeError:  # no loop of asyncio: it stays unseen
            return
        try:
            await asyncio.sleep(0)  # it takes its first step
        finally:
            known = asking.done()
            asking.cancel()
        if known and asking.exception() is None:
            message = asking.result()
            self._gone = message["type"] == "http.disconnect"
            self._kept = message
