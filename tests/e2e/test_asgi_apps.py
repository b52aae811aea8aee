"""Real services behind a real server on loopback: what they count is what their clients were answered."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import uvicorn
from fastapi import APIRouter, FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from benchmarks.asgi import main as benchmark
from benchmarks.loopback import Ask, ask_all
from drift.telemetry import MetricsMiddleware, PlatformMetrics
from drift.telemetry.asgi import SLOW

Key = tuple[str, str, str]


class Client:
    """What the endpoints know of clients that are about to leave, and these of them."""

    def __init__(self) -> None:
        self.arrived = threading.Semaphore(0)
        self.has_left = threading.Event()


async def city(request: Request) -> Response:
    return JSONResponse({"city": request.path_params["city"]})


async def broken(_: Request) -> Response:
    raise RuntimeError("on purpose")


async def stream(_: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"412.0\n"
            await asyncio.sleep(0)

    return StreamingResponse(parts())


async def endless(_: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        while True:
            yield b"412.0\n"
            await asyncio.sleep(0.001)

    return StreamingResponse(parts())


def held(client: Client) -> Callable[[Request], Any]:
    """An endpoint that works for longer than its client waits, and never asks after it."""

    async def work(_: Request) -> Response:
        client.arrived.release()
        while not client.has_left.is_set():
            await asyncio.sleep(SLOW / 4)
        await asyncio.sleep(1.5 * SLOW)  # the server hears of it in this time
        return PlainTextResponse("nobody is there")

    return work


def starlette_app(client: Client) -> Starlette:
    inner = [Route("/cities/{city}", city), Route("/broken", broken)]
    return Starlette(
        routes=[
            Route("/cities/{city}", city), Route("/broken", broken), Route("/stream", stream),
            Route("/endless", endless), Route("/held", held(client)), Mount("/tenants/{tenant}", routes=inner),
        ]
    )  # fmt: skip


def fastapi_app(client: Client) -> FastAPI:
    app, inner, router = FastAPI(), FastAPI(), APIRouter()

    @router.get("/cities/{city}")
    def of_city(city: str, hours: int = 24) -> dict[str, object]:  # in a thread, as FastAPI does with these
        return {"city": city, "predicted": [400.0] * hours}

    for path, endpoint in (
        ("/broken", broken),
        ("/stream", stream),
        ("/endless", endless),
        ("/held", held(client)),
    ):
        app.add_route(path, endpoint)
    inner.add_route("/broken", broken)
    for each in (app, inner):
        each.include_router(router)
    app.mount("/tenants/{tenant}", inner)
    return app


MIX = [
    (50, Ask("GET", "/cities/{n}", "/cities/{city}"), "200"),
    (20, Ask("GET", "/tenants/{n}/cities/{n}", "/tenants/{tenant}/cities/{city}"), "200"),
    (8, Ask("GET", "/stream", "/stream"), "200"),
    (8, Ask("GET", "/nowhere/{n}", "unmatched"), "404"),
    (4, Ask("GET", "/tenants/{n}/nowhere", "unmatched"), "404"),
    (4, Ask("DELETE", "/cities/{n}", "/cities/{city}"), "405"),
    (3, Ask("GET", "/broken", "/broken"), "500"),
    (3, Ask("GET", "/tenants/{n}/broken", "/tenants/{tenant}/broken"), "500"),
]
LEAVING = {"/endless": 60, "/held": 40}
INVALID = (5, Ask("GET", "/cities/{n}?hours=many", "/cities/{city}"), "422")
"""FastAPI's own."""


def mix(number: int, invalid: bool) -> list[Ask]:
    chance = random.Random(11)  # noqa: S311 - no secret
    kinds = [*MIX, INVALID] if invalid else MIX
    chosen = chance.choices([ask for _, ask, _ in kinds], [share for share, _, _ in kinds], k=number)
    return [replace(ask, path=ask.path.format(n=n)) for n, ask in enumerate(chosen)]


@contextlib.contextmanager
def serving(app: Any) -> Iterator[int]:
    """A real server in a thread. It ends only when every request of it has ended."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


async def ask_and_go(port: int, path: str) -> asyncio.StreamWriter:
    """Ask, and wait for no more than the beginning of a stream."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    if path == "/endless":
        await reader.readuntil(b"412.0\n")
    return writer


async def leave(port: int, client: Client) -> None:
    """Go away in the middle of streams, and from endpoints that are at work."""
    paths = [path for path, number in LEAVING.items() for _ in range(number)]
    writers = await asyncio.gather(*(ask_and_go(port, path) for path in paths))
    for _ in range(LEAVING["/held"]):
        await asyncio.to_thread(client.arrived.acquire)
    for writer in writers:
        writer.transport.abort()
    client.has_left.set()


async def ask_and_leave(port: int, asks: list[Ask], client: Client) -> Counter[Key]:
    """All at once: those who wait for their answer, and those who don't."""
    answered, _ = await asyncio.gather(ask_all(port, asks, 32), leave(port, client))
    return answered + Counter({(path, "GET", "499"): number for path, number in LEAVING.items()})


def counted(metrics: PlatformMetrics) -> Counter[Key]:
    families = {family.name: family for family in text_string_to_metric_families(metrics.render().decode())}
    found: Counter[Key] = Counter()
    timed: Counter[str] = Counter()
    for sample in families["api_requests"].samples:
        found[sample.labels["endpoint"], sample.labels["method"], sample.labels["status"]] = int(sample.value)
    for sample in families["api_latency_seconds"].samples:
        if sample.name.endswith("_count"):
            timed[sample.labels["endpoint"]] = int(sample.value)
    by_endpoint: Counter[str] = Counter()
    for (endpoint, _, _), number in found.items():
        by_endpoint[endpoint] += number
    assert timed == by_endpoint
    return found


@pytest.mark.slow
@pytest.mark.parametrize("way", ["added", "around"])
@pytest.mark.parametrize("made", [starlette_app, fastapi_app])
def test_ten_thousand_mixed_requests_are_counted_as_the_client_counts_them(made, way):
    metrics, client = PlatformMetrics(), Client()
    app = made(client)
    if way == "added":
        app.add_middleware(MetricsMiddleware, metrics=metrics)
    asks = mix(10_000 - sum(LEAVING.values()), invalid=made is fastapi_app)
    with serving(app if way == "added" else MetricsMiddleware(app, metrics)) as port:
        answered = asyncio.run(ask_and_leave(port, asks, client))
    assert answered.total() == 10_000
    assert {status for _, _, status in answered} >= {"200", "404", "405", "499", "500"}
    assert counted(metrics) == answered
    if shutil.which("promtool"):
        done = subprocess.run(
            ["promtool", "check", "metrics"], input=metrics.render(), capture_output=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.slow
def test_the_benchmark_of_it_counts_rightly(capsys):
    assert benchmark(["--small"]) == 0
    assert re.search(r"\| drift \|.*\| equal \|", capsys.readouterr().out)
