"""What `drift serve` answers: /metrics, /healthz, /readyz, and the written reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from drift.clock import Clock
from drift.domain import iso
from drift.errors import DriftError

if TYPE_CHECKING:
    from drift.config import Config
    from drift.monitor import Monitor
    from drift.schedule import Schedule
    from drift.sinks.prometheus import PrometheusSink

log = structlog.get_logger()


def make_app(schedule: Schedule, gauges: PrometheusSink, reports: Path | None) -> Starlette:
    """The application around a schedule. Reading only: nothing here changes anything."""
    from drift.sinks.prometheus import CONTENT_TYPE

    def metrics(_: Request) -> Response:
        return Response(gauges.render(), media_type=CONTENT_TYPE)

    def healthz(_: Request) -> Response:
        """Alive: the process answers."""
        return JSONResponse({"status": "ok"})

    def readyz(_: Request) -> Response:
        """Ready: the state can be read and the last slot did not fail."""
        if schedule.last_error is not None:
            return JSONResponse({"status": "failing", "error": schedule.last_error}, status_code=503)
        last = schedule.monitor.state.last_slot()
        return JSONResponse({"status": "ok", "last_slot": iso(last) if last else None})

    def home(_: Request) -> Response:
        latest = latest_report(reports)
        if latest is None:
            return HTMLResponse("<!doctype html><title>drift</title><p>No report has been written yet.</p>")
        return RedirectResponse(f"/reports/{latest}")

    routes: list[Route | Mount] = [
        Route("/", home),
        Route("/metrics", metrics),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
    ]
    if reports is not None:
        reports.mkdir(parents=True, exist_ok=True)
        routes.append(Mount("/reports", StaticFiles(directory=reports, html=True)))
    return Starlette(routes=routes)


def warm_up(monitor: Monitor, gauges: PrometheusSink) -> None:
    """Show the last slot's gauges again, so that a restart leaves no hole until the next slot."""
    last = monitor.state.last_slot()
    if last is None:
        return
    try:
        gauges.publish(monitor.look(last))
    except DriftError as error:
        log.warning("the last slot's gauges cannot be shown", slot=iso(last), error=str(error))


def latest_report(reports: Path | None) -> str | None:
    """The newest slot's fleet page, from the folder of the reports."""
    pages = sorted(reports.glob("*/index.html")) if reports is not None else []
    return f"{pages[-1].parent.name}/index.html" if pages else None


def serve_forever(config: Config, host: str, port: int, clock: Clock) -> None:
    """Wake the schedule and answer requests until the process is told to stop."""
    import uvicorn

    from drift.monitor import Monitor
    from drift.schedule import Schedule
    from drift.sinks import open_sinks
    from drift.sinks.prometheus import PrometheusSink

    gauges = PrometheusSink()
    monitor = Monitor(config, sinks=(*open_sinks(config), gauges), clock=clock)
    schedule = Schedule(monitor, clock)
    warm_up(monitor, gauges)
    reports = config.path(config.reports.dir) if config.reports else None
    server = uvicorn.Config(make_app(schedule, gauges, reports), host=host, port=port, log_level="warning")
    listening = server.bind_socket()
    listening.listen()
    log.info("listening", url=f"http://{host}:{listening.getsockname()[1]}")
    stop = schedule.start()
    try:
        uvicorn.Server(server).run(sockets=[listening])
    finally:
        stop()
        monitor.state.close()
