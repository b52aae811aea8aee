"""What `drift serve` answers: /metrics, /healthz, /readyz, written reports, and Alertmanager's webhook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from drift.domain import iso
from drift.errors import DriftError
from drift.web.bridge import bridge

if TYPE_CHECKING:
    from drift.schedule import Schedule
    from drift.sinks.prometheus import PrometheusSink

log = structlog.get_logger()


def make_app(schedule: Schedule, gauges: PrometheusSink, reports: Path | None) -> Starlette:
    """The application around a schedule. All but the bridge, which wants a token, is for reading only."""
    from drift.sinks.prometheus import CONTENT_TYPE

    def metrics(_: Request) -> Response:
        return Response(gauges.render(), media_type=CONTENT_TYPE)

    def healthz(_: Request) -> Response:
        """Alive: the process answers."""
        return JSONResponse({"status": "ok"})

    def readyz(_: Request) -> Response:
        """Ready: the state can be read and the last slot did not fail."""
        if schedule.failed_at is not None:
            return JSONResponse({"status": "failing", "since": iso(schedule.failed_at)}, status_code=503)
        try:
            last = schedule.monitor.state.last_slot()
        except DriftError as error:  # its text is for the log: anyone may ask whether drift is ready
            log.warning("the state cannot be read", error=str(error))
            return JSONResponse({"status": "failing", "what": "state"}, status_code=503)
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
        bridge(schedule),
    ]
    if reports is not None:
        reports.mkdir(parents=True, exist_ok=True)
        routes.append(Mount("/reports", StaticFiles(directory=reports, html=True)))
    return Starlette(routes=routes)


def latest_report(reports: Path | None) -> str | None:
    """The newest slot's fleet page, from the folder of the reports."""
    pages = sorted(reports.glob("*/index.html")) if reports is not None else []
    return f"{pages[-1].parent.name}/index.html" if pages else None
