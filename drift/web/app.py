"""What `drift serve` answers: the table of routes.

Pages for people, their JSON twins, /metrics, /healthz, /readyz, written reports, and Alertmanager's webhook.
What changes something is a POST, and wants the token: in a header, or by a log-in and a form of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from drift.domain import iso
from drift.errors import DriftError
from drift.telemetry.asgi import MetricsMiddleware
from drift.telemetry.metrics import PlatformMetrics
from drift.telemetry.traced_asgi import TracedRequests
from drift.web.alert_list import alerts
from drift.web.alert_page import alert
from drift.web.api import api_alerts, api_slots
from drift.web.attempts import Attempts
from drift.web.bridge import bridge
from drift.web.city_pages import CityPages, city
from drift.web.desk import Desk
from drift.web.headers import Guarded
from drift.web.login import log_in, log_out, login_form
from drift.web.overview import overview
from drift.web.problems import answer_problem
from drift.web.silence_pages import add_silence, expire_silence, silences
from drift.web.slot_pages import slot, slots
from drift.web.written_pages import WrittenPages, fleet, style

if TYPE_CHECKING:
    from drift.schedule import Schedule
    from drift.sinks.prometheus import PrometheusSink

log = structlog.get_logger()


def make_app(
    schedule: Schedule,
    gauges: PrometheusSink,
    reports: Path | None,
    hosts: Sequence[str] = (),
    metrics: PlatformMetrics | None = None,
) -> Starlette:
    """The application around a schedule. `hosts` are the names that it answers for; none of them: any. Its
    requests are counted in `metrics`, and shown beside the gauges of the run.
    """
    desk, metrics = Desk(schedule, gauges, reports, Attempts()), metrics or PlatformMetrics()
    app = Starlette(
        routes=[*_pages(desk), *_for_programs(schedule, gauges, metrics), *_written(reports)],
        middleware=[
            Middleware(TracedRequests),
            Middleware(MetricsMiddleware, metrics=metrics),
            Middleware(Guarded, names=hosts),
        ],
        exception_handlers=dict.fromkeys((DriftError, HTTPException, Exception), answer_problem),
    )
    app.state.desk = desk
    return app


def _pages(desk: Desk) -> list[BaseRoute]:
    """The pages for people."""
    made = CityPages(desk.schedule.monitor)
    return [
        Route("/", overview(desk)),
        Route("/alerts", alerts(desk)),
        Route("/alerts/{fingerprint}", alert(desk)),
        Route("/silences", silences(desk), methods=["GET"]),
        Route("/silences", add_silence(desk), methods=["POST"]),
        Route("/silences/{silence}/expire", expire_silence(desk), methods=["POST"]),
        Route("/slots", slots(desk)),
        Route("/slots/{slot}", slot(desk)),
        Route("/fleet", fleet(desk)),
        Route("/cities/{city:path}", city(desk, made)),
        Route("/login", login_form(desk), methods=["GET"]),
        Route("/login", log_in(desk), methods=["POST"]),
        Route("/logout", log_out(desk), methods=["POST"]),
        Route("/assets/report.css", style),
        Route("/api/alerts", api_alerts(desk)),
        Route("/api/slots", api_slots(desk)),
    ]


def _for_programs(schedule: Schedule, gauges: PrometheusSink, counted: PlatformMetrics) -> list[BaseRoute]:
    """What Prometheus, Alertmanager and whoever probes ask for."""
    from drift.sinks.prometheus import CONTENT_TYPE

    def metrics(_: Request) -> Response:
        """The run's gauges, and of our own what they do not have: a family stands once in an exposition."""
        own = counted.render(counted.requests, counted.latency, counted.resource_usage)
        return Response(gauges.render() + own, media_type=CONTENT_TYPE)

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

    return [
        Route("/metrics", metrics),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        bridge(schedule),
    ]


def _written(reports: Path | None) -> list[BaseRoute]:
    """The folder of the reports, where there is one."""
    if reports is None:
        return []
    reports.mkdir(parents=True, exist_ok=True)
    return [Mount("/reports", WrittenPages(directory=reports, html=True))]
