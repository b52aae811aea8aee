"""The pages of a real monitor, asked without a network: its state is a real one, its clock is ours."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from drift import Monitor, load_config
from drift.domain import Alert, AlertKey, AlertStatus, Threshold, Transition
from drift.schedule import Schedule
from drift.sinks.prometheus import PrometheusSink
from drift.state import SlotCommit, State
from drift.web.app import make_app

NOW = datetime(2026, 4, 1, 1, 5, 30, tzinfo=UTC)
SLOT = datetime(2026, 4, 1, 1, 5, tzinfo=UTC)
TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of these tests
OURS = "http://drift.test"
FROM_OURS = {"origin": OURS, "sec-fetch-site": "same-origin"}


@dataclass
class Pages:
    """What a browser would do: it keeps cookies, and follows no redirect by itself."""

    schedule: Schedule
    gauges: PrometheusSink
    reports: Path | None
    times: list[datetime]
    hosts: tuple[str, ...] = ()
    base: str = OURS
    cookies: dict[str, str] = field(default_factory=dict)

    @cached_property
    def app(self) -> Starlette:
        return make_app(self.schedule, self.gauges, self.reports, self.hosts)

    @property
    def state(self) -> State:
        return self.schedule.monitor.state

    def after(self, length: timedelta) -> None:
        self.times[0] += length

    def ask(self, method: str, path: str, form: object = None, **headers: str) -> httpx.Response:
        async def send() -> httpx.Response:
            # a fault of the server is an answer, as it is over a network, and not an exception of the test
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url=self.base, cookies=self.cookies
            ) as client:
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                return await client.request(method, path, data=form, headers=named)

        answer = asyncio.run(send())
        for name, value in answer.cookies.items():
            self.cookies[name] = value
        if 'drift_session=""' in answer.headers.get("set-cookie", ""):
            self.cookies.pop("drift_session", None)
        return answer

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.ask("GET", path, **headers)

    def post(self, path: str, form: object, **headers: str) -> httpx.Response:
        named = {name.replace("-", "_"): value for name, value in FROM_OURS.items()}
        return self.ask("POST", path, form, **(named | headers))

    def log_in(self) -> str:
        """Log in; the word that forms must bring back."""
        answer = self.post("/login", {"token": TOKEN})
        assert answer.status_code == 303, answer.text
        return re.search(r'name="csrf" value="([0-9a-f]{64})"', self.get("/login").text)[1]


@pytest.fixture
def pages_of(made) -> Callable[..., Pages]:
    """Pages of a monitor whose config says so; without a line for `serve`, with a token."""

    def build(
        serve: str = f"serve: {{token: {TOKEN}}}", more: str = "", hosts: tuple[str, ...] = ()
    ) -> Pages:
        made.edit("alerts:", f"timezone: Asia/Kolkata\nhistory: null\n{serve}\n{more}\nalerts:")
        times = [NOW]
        config = load_config(made.config)
        monitor = Monitor(
            config, clock=lambda: times[0], sinks=(gauges := PrometheusSink(),), long_lived=True
        )
        opened.append(monitor)
        schedule = Schedule(monitor, lambda: times[0])
        reports = config.path(config.reports.dir) if config.reports is not None else None
        return Pages(schedule, gauges, reports, times, hosts)

    opened: list[Monitor] = []
    yield build
    for monitor in opened:
        monitor.close()


@pytest.fixture
def pages(pages_of) -> Pages:
    return pages_of()


def alert(city: str | None = "Surat", status: str = "firing", **changed: object) -> Alert:
    """An alert of the accuracy in a city, for ten hours."""
    values = {
        "key": AlertKey("model_accuracy_drop", "v1", city, None, None),
        "status": AlertStatus(status),
        "since": SLOT - timedelta(hours=10),
        "changed": SLOT - timedelta(hours=9),
        "seen": SLOT,
        "value": 0.62,
        "threshold": Threshold(0.85, "below"),
        "severity": "high",
        "episode": 1,
    }
    return Alert(**(values | changed))


def began(of: Alert, **evidence: object) -> Transition:
    """The transition by which the alert stands where it does."""
    return Transition(
        at=of.changed, key=of.key, name="accuracy", before=AlertStatus.PENDING, after=of.status,
        reason="breach lasted 1h", value=of.value, threshold=of.threshold, since=of.since, episode=of.episode,
        severity=of.severity, evidence=evidence,
    )  # fmt: skip


def commit(
    pages: Pages, *alerts: Alert, slot: datetime = SLOT, failures: int = 0, **evidence: object
) -> None:
    """Let a slot have brought these alerts."""
    steps = [began(one, **evidence) for one in alerts]
    done = SlotCommit(slot, transitions=steps, alerts=alerts, failures=failures)
    assert pages.state.commit(done, at=slot + timedelta(seconds=20), config_hash="0123456789ab")
