"""The service that `benchmarks.asgi` asks, in a process of its own.

It says its port on stdout, serves until its stdin ends, and answers `/counts` with what its middleware has
counted: the one that is named on its command line.
"""

# ruff: noqa: T201 - it says its port
from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from drift.telemetry import MetricsMiddleware, PlatformMetrics

Counts = Callable[[], Iterator[tuple[tuple[str, str, str], float]]]


class Hours(BaseModel):
    """What a forecast is asked for."""

    city: str
    hours: int


def service() -> FastAPI:
    """A small forecasting service, without any middleware. What it computes it computes in threads, as what
    asks a model or a database in Python mostly does.
    """
    app = FastAPI()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/cities/{city}")
    def city(city: str, hours: int = 24) -> dict[str, object]:
        return {"city": city, "predicted": [400.0] * hours}

    @app.post("/predict")
    def predict(asked: Hours) -> dict[str, object]:
        return {"city": asked.city, "predicted": [400.0] * asked.hours}

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def lines() -> AsyncIterator[bytes]:
            for hour in range(5):
                yield b"%d\n" % hour

        return StreamingResponse(lines())

    @app.get("/broken")
    async def broken() -> PlainTextResponse:
        raise RuntimeError("broken on purpose")

    return app


def _plain(app: FastAPI) -> Counts:
    del app
    return lambda: iter(())


def _drift(app: FastAPI) -> Counts:
    metrics = PlatformMetrics()
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    return _read(metrics.registry, "api_requests_total", ("endpoint", "method", "status"))


def _instrumentator(app: FastAPI) -> Counts:
    from prometheus_fastapi_instrumentator import Instrumentator

    registry = CollectorRegistry()
    made = Instrumentator(should_group_status_codes=False, registry=registry)
    made.instrument(app)
    return _read(registry, "http_requests_total", ("handler", "method", "status"))


def _starlette_exporter(app: FastAPI) -> Counts:
    from prometheus_client import REGISTRY
    from starlette_exporter import PrometheusMiddleware

    app.add_middleware(PrometheusMiddleware)
    return _read(REGISTRY, "starlette_requests_total", ("path", "method", "status_code"))


def _read(registry: CollectorRegistry, metric: str, labels: tuple[str, ...]) -> Counts:
    def counts() -> Iterator[tuple[tuple[str, str, str], float]]:
        for family in registry.collect():
            for sample in family.samples:
                if sample.name == metric:
                    endpoint, method, status = (sample.labels[name] for name in labels)
                    yield (endpoint, method, status), sample.value

    return counts


MIDDLEWARES: dict[str, tuple[str | None, Callable[[FastAPI], Counts]]] = {
    "none": (None, _plain),
    "drift": (None, _drift),
    "prometheus-fastapi-instrumentator": ("prometheus_fastapi_instrumentator", _instrumentator),
    "starlette-exporter": ("starlette_exporter", _starlette_exporter),
}
"""What counts requests, by name: the module that it takes, and how it is put in."""


def main(name: str) -> None:
    """Serve."""
    app = service()
    counts = MIDDLEWARES[name][1](app)

    @app.get("/counts")
    async def counted() -> JSONResponse:
        return JSONResponse([[*key, value] for key, value in counts() if key[0] != "/counts"])

    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))

    def until_stdin_ends() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=until_stdin_ends, daemon=True).start()
    print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
    server.run(sockets=[listening])


if __name__ == "__main__":
    main(sys.argv[1])
