"""A bridge for Alertmanager: what it would tell people goes by our channels, such as SMS, which it lacks.

    its webhook ─▶ what of it is news ─▶ outbox, what was told: one transaction ─▶ 200 ─▶ delivery

It answers 200 only when the notices are in the outbox; from then on they are retried as drift's own are. What
is refused for good is a 4xx with its reason; Alertmanager tries again after a 503.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

import structlog
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from drift.config import Config
from drift.errors import StateError
from drift.notices import Notice
from drift.notify import Standing
from drift.state import SlotCommit
from drift.text import printable
from drift.web.guard import refusal, refused
from drift.web.relayed import Payload, news

if TYPE_CHECKING:
    from drift.monitor import Monitor
    from drift.schedule import Schedule

PATH = "/api/bridge/alertmanager"
BODY_BYTES = 1 << 20
BODY_SECONDS = 30.0
"""In this time the whole payload must have come."""

log = structlog.get_logger()


def bridge(schedule: Schedule) -> Route:
    """The route that Alertmanager posts to. It needs the token of the config, and names a channel of it."""
    monitor = schedule.monitor

    async def take(request: Request) -> Response:
        channel = request.query_params.get("channel", "")
        answer = refusal(request, monitor.config.serve.token) or _no_way(monitor.config, channel)
        if answer is not None:
            return answer
        payload = await _payload(request)
        if isinstance(payload, Response):
            return payload
        try:
            count = await run_in_threadpool(_put, payload, channel, monitor, schedule.clock())
        except StateError as error:  # its text is for the log
            log.error("what Alertmanager sent cannot be kept", channel=channel, error=str(error))  # noqa: TRY400
            return refused(503, "drift's state cannot be written: send it again")
        return JSONResponse({"notices": count})

    return Route(PATH, take, methods=["POST"])


def _no_way(config: Config, channel: str) -> Response | None:
    """The answer where the channel leads nowhere, or back."""
    found = config.channels.get(channel)
    if found is None:
        return refused(404, f"drift's config has no channel {printable(channel)!r}")
    if found.kind == "alertmanager":
        return refused(400, f"the channel {printable(channel)!r} is an Alertmanager: alerts would go round")
    return None


async def _payload(request: Request) -> Payload | Response:
    """What was sent, or the answer where it is no payload."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _body(request)
    except TimeoutError:
        return refused(408, f"the payload did not come within {BODY_SECONDS:g} s")
    except ClientDisconnect:
        return refused(400, "the payload did not come whole")
    if body is None:
        return refused(413, "the payload is over 1 MiB: set max_alerts in Alertmanager's webhook_config")
    try:
        return Payload.model_validate_json(body)
    except ValidationError as error:
        return refused(400, f"no payload of Alertmanager's webhook, version 4: {_faults(error)}")


async def _body(request: Request) -> bytes | None:
    """The whole body; None where it is too large, however large it said it would be."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES:
            return None
    return body


def _faults(error: ValidationError) -> str:
    """Where the payload is wrong, without what stands there."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    said = (f"{'.'.join(map(str, fault['loc'])) or 'the whole'}: {fault['msg']}" for fault in faults[:3])
    return printable("; ".join(said), 300)


def _put(payload: Payload, channel: str, monitor: Monitor, now: datetime) -> int:
    """Put what is news into the outbox, with that it was told, in one transaction; how many notices it is."""
    made: list[Notice] = []

    def decision(standing: Standing) -> SlotCommit | None:
        made[:], told = news(payload, channel, standing.told, monitor.config.notify.repeat, now)
        return SlotCommit(now, notices=made, told=told) if made else None

    monitor.state.decide_apart(decision, at=now)
    log.info("relayed", channel=channel, alerts=len(payload.alerts), notices=[one.key for one in made])
    if made:
        monitor.telling.delivery.wake()
    return len(made)
