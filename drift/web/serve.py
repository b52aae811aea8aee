"""The process of `drift serve`: the schedule and the rounds of watchers in threads, delivery in others, the
pages, and an orderly end.

Told to stop, it takes no more requests and no more slots, and lets the slot that is being worked on and the
messages that are being sent finish. What waits in the outbox is sent by the next process, or by another one.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import structlog
import uvicorn

from drift.clock import Clock
from drift.domain import iso
from drift.errors import ConfigError, DriftError
from drift.monitor import Monitor
from drift.schedule import Schedule
from drift.sinks import open_sinks
from drift.state import State
from drift.telemetry.metrics import PlatformMetrics
from drift.watchers import open_watchers
from drift.watching import Watching
from drift.web.app import make_app
from drift.web.headers import answered_for, is_loopback
from drift.web.shared_gauges import ReplicaGauges

if TYPE_CHECKING:
    from drift.config import Config

log = structlog.get_logger()


def serve_forever(config: Config, host: str, port: int, clock: Clock) -> None:
    """Wake the schedule and answer requests until the process is told to stop.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    listening = _listen(host, port)
    reports = config.path(config.reports.dir) if config.reports else None
    with (
        listening,
        State.open(config.state_url()) as state,
    ):
        gauges = ReplicaGauges(state, tuple(config.channels))
        sinks = (*open_sinks(config), gauges)
        monitor = Monitor(config, state=state, sinks=sinks, clock=clock, long_lived=True)
        metrics = PlatformMetrics()
        watching = _watching(config, monitor, metrics, gauges)
        rounds = watching.round if config.watch is not None else None
        schedule = Schedule(monitor, clock, gauges.failed, gauges.refresh, watch=rounds)
        _warm_up(monitor, gauges)
        gc.freeze()  # what is loaded stays, and a slot need not look through it for garbage
        names = answered_for(host, config.serve.hosts, config.notify.base_url)
        app = make_app(schedule, gauges, reports, names, metrics)
        server = _Server(
            uvicorn.Config(
                app, log_config=None, log_level="warning", timeout_graceful_shutdown=5, server_header=False
            )
        )
        with _ended_by_signals(server):
            log.info("listening", url=f"http://{host}:{listening.getsockname()[1]}")
            _warn_of_the_open(config, host)
            stop_delivery = monitor.telling.delivery.start()
            stop_calls = monitor.dead_man.start(gauges.failed)
            stop = schedule.start()
            try:
                server.run(sockets=[listening])
            finally:
                stop()
                watching.close()
                stop_calls()
                stop_delivery()
                log.info("stopped")


def _watching(config: Config, monitor: Monitor, metrics: PlatformMetrics, gauges: ReplicaGauges) -> Watching:
    """The watchers that the config turns on, told and counted as slots are."""
    watchers = open_watchers(config, metrics, monitor.state)
    return Watching(monitor.decisions, monitor.state, monitor.telling, watchers, gauges.failed)


def _warn_of_the_open(config: Config, host: str) -> None:
    """Say who can see the pages, where that is not this machine alone."""
    if not is_loopback(host) and config.serve.token is None:
        log.warning(
            "listening beyond this machine without serve.token: whoever reaches it reads all pages, and "
            "nobody can silence alerts there",
            host=host,
        )


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handlers, which end with the signal's default: the process killed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def _ended_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """A signal asks the server for its end, and kills nothing that is being worked on."""

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        server.should_exit = True

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"serve: {host}:{port} cannot be listened on ({os.strerror(error.errno or 0)}): choose another "
            f"with --host and --port, or under serve"
        ) from None


def _warm_up(monitor: Monitor, gauges: ReplicaGauges) -> None:
    """Show the last slot's gauges again, so that a restart leaves no hole until the next slot.

    Where the state does not have them, as of a slot that `drift run` evaluated, they are made anew.
    """
    last = monitor.state.last_slot()
    if gauges.refresh() == last or last is None:
        return
    try:
        gauges.publish(monitor.look(last))
    except DriftError as error:
        log.warning("the last slot's gauges cannot be shown", slot=iso(last), error=str(error))
