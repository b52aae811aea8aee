"""What the middleware counts, in Starlette and in FastAPI, of all the ways in which a request can go."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

from drift.telemetry import MetricsMiddleware, PlatformMetrics
from drift.telemetry.asgi import METHODS, SLOW

Key = tuple[str, str, str]


def scope_of(method: str, path: str, **more: object) -> dict[str, Any]:
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "scheme": "http",
        "method": method, "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"api.example.org:8000")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), **more,
    }  # fmt: skip


class OnPurposeError(Exception):
    """What a server logs, and a test has meant."""


class Server:
    """One request as a server sees it: what the application sent, and a client that may leave."""

    def __init__(self, app: Any, method: str, path: str, body: bytes = b"", **more: object) -> None:
        self.app, self.scope = app, scope_of(method, path, **more)
        self.sent: list[dict[str, Any]] = []
        self.left = asyncio.Event()
        self._body: bytes | None = body

    async def run(self) -> Server:
        await self.app(self.scope, self._receive, self._send)
        return self

    async def _receive(self) -> dict[str, Any]:
        if self._body is not None and not self.left.is_set():
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.left.set()  # from here on servers say so

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


def ask(app: Any, method: str, path: str, body: bytes = b"", **more: object) -> int | None:
    """The status that the client gets; None where there is none. An exception is the server's, who logs it."""

    async def work() -> int | None:
        server = Server(app, method, path, body, **more)
        with contextlib.suppress(OnPurposeError):
            await server.run()
        return server.status if server.sent else None

    return asyncio.run(work())


def counted(metrics: PlatformMetrics) -> Counter[Key]:
    (family,) = metrics.requests.collect()
    samples = (s for s in family.samples if s.name.endswith("_total"))
    found = Counter(
        {(s.labels["endpoint"], s.labels["method"], s.labels["status"]): int(s.value) for s in samples}
    )
    timed = Counter()
    for sample in next(iter(metrics.latency.collect())).samples:
        if sample.name.endswith("_count"):
            timed[sample.labels["endpoint"]] = int(sample.value)
    by_endpoint: Counter[str] = Counter()
    for (endpoint, _, _), number in found.items():
        by_endpoint[endpoint] += number
    assert timed == by_endpoint  # each is timed once
    return found


@pytest.fixture
def metrics() -> PlatformMetrics:
    return PlatformMetrics()


async def text(request: Request) -> Response:
    return PlainTextResponse(request.url.path)


async def other(_: Request) -> Response:
    return PlainTextResponse("other")


async def broken(_: Request) -> Response:
    raise OnPurposeError


async def broken_stream(_: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"a"
        raise OnPurposeError

    return StreamingResponse(parts())


def starlette_app(folder: Path) -> Starlette:
    inner = Starlette(routes=[Route("/users/{user:int}", text), Route("/", other)])
    twice = Router([Route("/lines/{line}", text)])
    return Starlette(
        routes=[
            Route("/", text), Route("/cities/{city}", text), Route("/cities/{city}", other, methods=["POST"]),
            Route("/files/{name:path}", text), Route("/broken", broken), Route("/broken-stream", broken_stream),
            Mount("/tenants/{tenant}", app=inner), Mount("/v1", app=twice), Mount("/v2", app=twice),
            Mount("/static", app=StaticFiles(directory=folder)),
            Host("{sub}.admin.example.org", app=Router([Route("/", other), Route("/only", text)])),
        ]
    )  # fmt: skip


def fastapi_app(folder: Path) -> FastAPI:
    app = FastAPI()
    _add_endpoints(app)
    twice = _router()
    for version in ("/v1", "/v2"):
        app.include_router(twice, prefix=version)
    app.mount("/tenants/{tenant}", _inner())
    app.mount("/static", StaticFiles(directory=folder))
    app.host("{sub}.admin.example.org", Router([Route("/", other), Route("/only", text)]))
    return app


def _add_endpoints(app: FastAPI) -> None:
    @app.get("/")
    async def root() -> str:
        return "root"

    @app.get("/cities/{city}")
    async def city(city: str) -> str:
        return city

    @app.post("/cities/{city}")
    def add(city: str, hours: int) -> int:
        return hours + len(city)

    @app.get("/files/{name:path}")
    async def file(name: str) -> str:
        return name

    @app.get("/broken")
    async def fails() -> None:
        raise OnPurposeError

    @app.get("/broken-stream")
    async def fails_later(request: Request) -> Response:
        return await broken_stream(request)


def _inner() -> FastAPI:
    inner = FastAPI()

    @inner.get("/users/{user}")
    async def user(user: int) -> int:
        return user

    @inner.get("/")
    async def home() -> str:
        return "home"

    return inner


def _router() -> APIRouter:
    router, deep = APIRouter(prefix="/lines"), APIRouter(prefix="/deep")

    @router.get("/{line}")
    async def line(line: str) -> str:
        return line

    @deep.get("/{leaf}")
    def leaf(leaf: str) -> str:
        return leaf

    router.include_router(deep)
    return router


MADE: dict[str, Callable[[Path], Any]] = {"starlette": starlette_app, "fastapi": fastapi_app}
WAYS: dict[str, Callable[[Any, PlatformMetrics], Any]] = {
    "added": lambda app, metrics: (app.add_middleware(MetricsMiddleware, metrics=metrics), app)[1],
    "around": lambda app, metrics: MetricsMiddleware(app, metrics),
}
CASES: list[tuple[str, str, Key]] = [
    ("GET", "/", ("/", "GET", "200")),
    ("GET", "/cities/Pune", ("/cities/{city}", "GET", "200")),
    ("GET", "/files/2026/04/a.csv", ("/files/{name}", "GET", "200")),
    ("GET", "/tenants/alice/users/7", ("/tenants/{tenant}/users/{user}", "GET", "200")),
    ("GET", "/tenants/alice/", ("/tenants/{tenant}/", "GET", "200")),
    ("GET", "/v1/lines/5", ("/v1/lines/{line}", "GET", "200")),
    ("GET", "/v2/lines/5", ("/v2/lines/{line}", "GET", "200")),
    ("GET", "/static/page.txt", ("/static/{path}", "GET", "200")),
    ("GET", "/static/none.txt", ("/static/{path}", "GET", "404")),
    ("HEAD", "/static/page.txt", ("/static/{path}", "HEAD", "200")),
    ("GET", "/nowhere/7", ("unmatched", "GET", "404")),
    ("GET", "/tenants/alice/nowhere", ("unmatched", "GET", "404")),
    ("GET", "/cities/Pune/", ("unmatched", "GET", "307")),
    ("DELETE", "/cities/Pune", ("/cities/{city}", "DELETE", "405")),
    ("DELETE", "/tenants/alice/users/7", ("/tenants/{tenant}/users/{user}", "DELETE", "405")),
    ("BREW", "/cities/Pune", ("/cities/{city}", "OTHER", "405")),
    ("get", "/", ("/", "OTHER", "405")),
    ("GET", "/broken", ("/broken", "GET", "500")),
    ("GET", "/broken-stream", ("/broken-stream", "GET", "500")),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page.txt").write_text("page")
    return tmp_path


@pytest.fixture(params=MADE)
def app(request: pytest.FixtureRequest, folder: Path) -> Any:
    return MADE[request.param](folder)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    ("method", "path", "key"), CASES, ids=lambda case: " ".join(case) if isinstance(case, tuple) else None
)
def test_a_request_counts_under_its_route_with_all_prefixes(app, metrics, way, method, path, key):
    ask(way(app, metrics), method, path)
    assert counted(metrics) == {key: 1}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_host_is_part_of_the_template(app, metrics, way):
    counting = way(app, metrics)
    host = [(b"host", b"eu.admin.example.org:8000")]
    assert ask(counting, "GET", "/only", headers=host) == 200
    assert counted(metrics) == {("{sub}.admin.example.org/only", "GET", "200"): 1}


def test_what_is_invalid_is_422_of_its_endpoint(metrics, folder):
    assert ask(WAYS["added"](fastapi_app(folder), metrics), "POST", "/cities/Pune") == 422
    assert counted(metrics) == {("/cities/{city}", "POST", "422"): 1}


def test_nested_routers_say_their_whole_path(metrics, folder):
    ask(WAYS["added"](fastapi_app(folder), metrics), "GET", "/v2/lines/deep/7")
    assert counted(metrics) == {("/v2/lines/deep/{leaf}", "GET", "200"): 1}


def test_the_documentation_of_an_api_has_its_endpoint(metrics, folder):
    ask(WAYS["added"](fastapi_app(folder), metrics), "GET", "/openapi.json")
    assert counted(metrics) == {("/openapi.json", "GET", "200"): 1}


@pytest.mark.parametrize("root", ["/api", "/api/"])
def test_where_it_is_served_from_is_no_part_of_the_template(app, metrics, root):
    ask(MetricsMiddleware(app, metrics), "GET", "/api/v2/lines/5", root_path=root.rstrip("/"))
    assert counted(metrics) == {("/v2/lines/{line}", "GET", "200"): 1}


def test_in_a_mounted_application_alone_the_prefix_is_known_too(metrics, folder):
    inner = fastapi_app(folder)
    inner.add_middleware(MetricsMiddleware, metrics=metrics)
    outer = Starlette(routes=[Mount("/sub/{part}", app=inner), Route("/", text)])
    ask(outer, "GET", "/sub/a/v1/lines/5")
    ask(outer, "GET", "/")
    assert counted(metrics) == {("/sub/{part}/v1/lines/{line}", "GET", "200"): 1}


def test_met_twice_it_counts_once_and_another_registry_counts_too(app, metrics):
    another = PlatformMetrics()
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    app.add_middleware(MetricsMiddleware, metrics=another)
    ask(MetricsMiddleware(app, metrics), "GET", "/")
    assert counted(metrics) == counted(another) == {("/", "GET", "200"): 1}


class Opaque:
    """A wrapper that shows nothing of what it wraps, as many are."""

    def __init__(self, app: Any) -> None:
        self._hidden = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._hidden(scope, receive, send)


def test_what_cannot_be_looked_into_counts_under_its_mount(metrics):
    app = Starlette(routes=[Mount("/hidden", app=Opaque(Starlette(routes=[Route("/users/{user}", text)])))])
    ask(MetricsMiddleware(Opaque(app), metrics), "GET", "/hidden/users/7")
    assert counted(metrics) == {("/hidden/{path}", "GET", "200"): 1}


def test_behind_middlewares_of_a_mount_its_routes_are_seen(metrics):
    inner = BaseHTTPMiddleware(
        Router([Route("/users/{user}", text)]), dispatch=lambda request, following: following(request)
    )
    ask(MetricsMiddleware(Starlette(routes=[Mount("/a", app=inner)]), metrics), "GET", "/a/users/7")
    assert counted(metrics) == {("/a/users/{user}", "GET", "200"): 1}


def test_a_route_that_is_added_later_is_found(app, metrics):
    counting = MetricsMiddleware(app, metrics)
    ask(counting, "GET", "/")

    async def later(_: Request) -> Response:
        return PlainTextResponse("late")

    app.add_route("/later/{n}", later)
    ask(counting, "GET", "/later/7")
    assert counted(metrics) == {("/", "GET", "200"): 1, ("/later/{n}", "GET", "200"): 1}


class Refuses:
    """As an authentication does, before a request comes to the routes."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("no", 401)(scope, receive, send)


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/cities/Pune", "/cities/{city}"),
        ("/v2/lines/5", "/v2/lines/{line}"),
        ("/nowhere", "unmatched"),
        ("/tenants/a/users/5", "/tenants/{tenant}/users/{user}"),
    ],
)
def test_what_is_refused_before_it_is_routed_counts_where_it_would_have_come(app, metrics, path, endpoint):
    app.add_middleware(Refuses)
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    assert ask(app, "GET", path) == 401
    assert counted(metrics) == {(endpoint, "GET", "401"): 1}


class Copies:
    """As some middlewares do: what is below leaves no trace in the scope that is above."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(dict(scope), receive, send)


def test_a_scope_that_is_copied_hides_nothing(app, metrics):
    app.add_middleware(Copies)
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    ask(app, "GET", "/v2/lines/5")
    assert counted(metrics) == {("/v2/lines/{line}", "GET", "200"): 1}


async def bare(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("as plain as can be")(scope, receive, send)


def test_an_application_of_no_framework_is_counted(metrics):
    ask(MetricsMiddleware(bare, metrics), "GET", "/anything/7")
    assert counted(metrics) == {("unmatched", "GET", "200"): 1}


@given(st.lists(st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=20)), max_size=8))
def test_no_client_can_make_series_without_end(asked):
    metrics = PlatformMetrics()
    app = MetricsMiddleware(Starlette(routes=[Route("/", text), Route("/cities/{city}", text)]), metrics)
    for method, path in asked:
        ask(app, method, "/" + path)
        ask(app, method, "/cities/" + path)
    assert {endpoint for endpoint, _, _ in counted(metrics)} <= {"/", "/cities/{city}", "unmatched"}
    assert {method for _, method, _ in counted(metrics)} <= {*METHODS, "OTHER"}
    assert counted(metrics).total() == 2 * len(asked)


@given(st.one_of(st.integers(), st.sampled_from([100, 599])))
def test_a_status_that_is_none_is_other(status):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await Response(status_code=status)(scope, receive, send)

    metrics = PlatformMetrics()
    ask(MetricsMiddleware(app, metrics), "GET", "/")
    assert counted(metrics) == {("unmatched", "GET", str(status) if 100 <= status <= 599 else "OTHER"): 1}


def test_websockets_and_lifespans_pass(metrics):
    heard: list[str] = []

    async def socket(websocket: Any) -> None:
        await websocket.accept()
        heard.append("socket")
        await websocket.close()

    app = MetricsMiddleware(Starlette(routes=[WebSocketRoute("/ws", socket)]), metrics)

    async def work() -> None:
        sent: list[Any] = []
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        async def receive() -> Any:
            return next(messages, {"type": "websocket.connect"})

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await app({"type": "lifespan"}, receive, send)
        await app({**scope_of("GET", "/ws"), "type": "websocket"}, receive, send)
        assert sent == [
            "lifespan.startup.complete",
            "lifespan.shutdown.complete",
            "websocket.accept",
            "websocket.close",
        ]

    asyncio.run(work())
    assert heard == ["socket"]
    assert counted(metrics) == {}


@pytest.mark.parametrize("error", [OnPurposeError(), KeyboardInterrupt(), asyncio.CancelledError()])
def test_what_is_raised_reaches_whoever_is_above(metrics, error):
    async def app(*_: Any) -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        Server(MetricsMiddleware(app, metrics), "GET", "/").run().send(None)
    assert raised.value is error
    assert counted(metrics) == {("unmatched", "GET", "500" if isinstance(error, Exception) else "499"): 1}


@pytest.mark.parametrize("messages", [[], [{"type": "http.response.start", "status": 200}]])
def test_an_answer_that_is_none_or_half_of_one_is_500(metrics, messages):
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    ask(MetricsMiddleware(app, metrics), "GET", "/")
    assert counted(metrics) == {("unmatched", "GET", "500"): 1}


@pytest.mark.parametrize(
    "last",
    [
        {"type": "http.response.body", "body": b"b"},
        {"type": "http.response.body", "more_body": False},
        {"type": "http.response.pathsend", "path": "/a"},
        {"type": "http.response.zerocopysend", "file": 3},
    ],
)
def test_a_stream_counts_at_its_end(metrics, last):
    seen: list[int] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 206})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        seen.append(counted(metrics).total())
        await send(last)
        seen.append(counted(metrics).total())

    ask(MetricsMiddleware(app, metrics), "GET", "/")
    assert seen == [0, 1]
    assert counted(metrics) == {("unmatched", "GET", "206"): 1}


def test_what_is_done_after_the_answer_is_no_part_of_it(metrics):
    async def later() -> None:
        assert counted(metrics).total() == 1
        raise OnPurposeError

    async def answer(_: Request) -> Response:
        return PlainTextResponse("done", background=BackgroundTask(later))

    ask(MetricsMiddleware(Starlette(routes=[Route("/", answer)]), metrics), "GET", "/")
    assert counted(metrics) == {("/", "GET", "200"): 1}


def gone(app: Any, during: Callable[[Server], Awaitable[None]]) -> Server:
    """Run the application while something is done to its client; gives what the server saw."""

    async def work() -> Server:
        server = Server(app, "GET", "/")
        running = asyncio.create_task(server.run())
        await during(server)
        await asyncio.gather(running, return_exceptions=True)
        return server

    return asyncio.run(work())


def test_a_task_that_is_cancelled_is_499(metrics):
    async def app(*_: Any) -> None:
        await asyncio.Event().wait()

    async def work() -> None:
        task = asyncio.create_task(Server(MetricsMiddleware(app, metrics), "GET", "/").run())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    assert counted(metrics) == {("unmatched", "GET", "499"): 1}


def test_a_stream_whose_client_leaves_is_499(metrics):
    begun = asyncio.Event()

    async def endless(_: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            while True:
                yield b"a"
                begun.set()
                await asyncio.sleep(0)

        return StreamingResponse(parts())

    async def leave(server: Server) -> None:
        await begun.wait()
        server.left.set()

    server = gone(MetricsMiddleware(Starlette(routes=[Route("/", endless)]), metrics), leave)
    assert server.status == 200
    assert counted(metrics) == {("/", "GET", "499"): 1}


def test_a_client_that_leaves_while_its_body_is_read_is_499(metrics):
    async def reads(request: Request) -> Response:
        return PlainTextResponse(await request.body())

    async def leave(server: Server) -> None:
        server.left.set()

    gone(MetricsMiddleware(Starlette(routes=[Route("/", reads)]), metrics), leave)
    assert counted(metrics) == {("/", "GET", "499"): 1}


@pytest.mark.parametrize("leaves", [True, False])
def test_an_answer_that_took_long_is_499_where_nobody_waits_for_it(metrics, leaves):
    """The endpoint never listens to its client, and the server drops what it sends without a word."""

    async def slow(_: Request) -> Response:
        await asyncio.sleep(2 * SLOW)
        return PlainTextResponse("late")

    async def leave(server: Server) -> None:
        if leaves:
            server.left.set()

    server = gone(MetricsMiddleware(Starlette(routes=[Route("/", slow)]), metrics), leave)
    assert server.status == 200
    assert counted(metrics) == {("/", "GET", "499" if leaves else "200"): 1}


def test_a_look_for_the_client_takes_nothing_from_the_application(metrics):
    """It answers before it reads: what came with the look is there when it does read."""
    read: list[Any] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(2 * SLOW)
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b""})
        read.append(await receive())
        read.append(await receive())

    assert ask(MetricsMiddleware(app, metrics), "POST", "/", b"the body") == 200
    assert [message["type"] for message in read] == ["http.request", "http.disconnect"]
    assert read[0]["body"] == b"the body"
    assert counted(metrics) == {("unmatched", "POST", "200"): 1}


def test_a_server_that_says_so_when_nobody_is_there_makes_it_499(metrics):
    async def send(_: Any) -> None:
        raise ConnectionResetError("on purpose")

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    app = MetricsMiddleware(Starlette(routes=[Route("/", broken_stream)]), metrics)
    newer = {"asgi": {"version": "3.0", "spec_version": "2.4"}}
    with pytest.raises(Exception):  # noqa: B017, PT011 - Starlette has a name of its own for it
        asyncio.run(app(scope_of("GET", "/", **newer), receive, send))
    assert counted(metrics) == {("/", "GET", "499"): 1}
