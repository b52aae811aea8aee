"""A dead man's switch: someone outside is called after each good slot, and tells people when no call comes.

A monitor cannot say that it is dead. So a service that is not on its machine (`notify.ping_url`: that of
Healthchecks, of an uptime monitor, or of your own) waits for the call, and knows how often it should come. A
slot that failed, or of which nothing was measured, does not call; nor does one that was done before. The URL
is as good as a password for keeping the switch quiet: it is in no log and no error.

The call is made in a process of its own, as messages are, so it takes five seconds at most, whatever is at
the other end. A process that stays calls from a thread, and no slot waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import structlog
from pydantic import SecretStr

from drift.domain import Failure, Run
from drift.telemetry.traces import headers, span

if TYPE_CHECKING:
    from drift.channels.courier import Courier

STAGE = "dead_man"
SECONDS = 5.0
TRIES = 3
AGAIN_SECONDS = 60.0
"""A process that stays calls again after so long, if a call failed."""

log = structlog.get_logger()


def is_good(run: Run) -> bool:
    """Whether anything was measured: the monitor can see.

    The same moves `drift_last_success_timestamp_seconds`.
    """
    return any(bool((panel.reason == 0).any()) for panel in run.panels if panel.kind == "metric")


class DeadMan:
    """Calls the switch; without a URL there is none, and nothing is done."""

    def __init__(self, url: SecretStr | None, seconds: float = SECONDS, again: float = AGAIN_SECONDS) -> None:
        self._url = url
        self._seconds, self._again = seconds, again
        self._courier: Courier | None = None
        self._bell, self._stopping = threading.Event(), threading.Event()

    def ping(self) -> list[Failure]:
        """Call, at most five seconds and a half; what failed, if it did."""
        if self._url is None:
            return []
        from drift.channels.answers import fault
        from drift.channels.courier import Courier

        self._courier = self._courier or Courier()
        url = self._url.get_secret_value()
        with span("ping") as pinging:
            errand = {"do": "request", "method": "GET", "url": url, "json": None, "headers": headers()}
            answer = self._courier.run(errand, self._seconds)
            if answer.sent:
                return []
            failed = str(fault(STAGE, answer, url, self._seconds))
            pinging.fail(failed)
        return [Failure(STAGE, "notify.ping_url", failed)]

    def wake(self) -> None:
        """A slot was good: call, from the thread."""
        self._bell.set()

    def start(self, on_failure: Callable[[str], object]) -> Callable[[], None]:
        """Call from a thread whenever woken; gives what stops it. `on_failure` is told the stage."""
        if self._url is None:
            return lambda: None
        self._stopping.clear()
        thread = threading.Thread(target=self._watch, args=[on_failure], name="drift dead man")
        thread.start()

        def stop() -> None:
            self._stopping.set()
            self.wake()
            thread.join()
            self.close()

        return stop

    def _watch(self, on_failure: Callable[[str], object]) -> None:
        failed = 0
        while True:
            woken = self._bell.wait(self._again if 0 < failed < TRIES else None)
            self._bell.clear()
            if self._stopping.is_set():
                return
            failures = self._guarded_ping()
            failed = (0 if woken else failed) + 1 if failures else 0
            for failure in failures:
                log.warning("failed", **asdict(failure))
                on_failure(failure.stage)

    def _guarded_ping(self) -> list[Failure]:
        try:
            return self.ping()
        except Exception as error:  # noqa: BLE001 - the thread must live on; what it says may hold the URL
            return [Failure(STAGE, "notify.ping_url", type(error).__name__)]

    def close(self) -> None:
        """End the process that calls."""
        if self._courier is not None:
            self._courier.close()
