"""What a run tells: its alerts by the config's channels, within a budget, and what the monitor says of itself."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from drift import Monitor, load_config
from drift.domain import AlertStatus
from drift.errors import ChannelError, ConfigError
from drift.outbox import Way
from drift.schedule import Schedule

START = datetime(2026, 3, 1, tzinfo=UTC)
DRIFTED = START + timedelta(days=31)
HOUR = timedelta(hours=1)


@dataclass
class Pager:
    """A channel in memory."""

    name: str = "page"
    error: ChannelError | None = None
    got: list[tuple[str, str, tuple[str | None, ...], Mapping[str, str]]] = field(default_factory=list)

    def check(self) -> str:
        return "a test"

    def send(self, notice, message) -> None:
        if self.error is not None:
            raise self.error
        assert message.title
        self.got.append((notice.rule, notice.why, tuple(t.key.city for t in notice.alerts), notice.links))

    def close(self) -> None:
        pass


class Hands:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def telling(made, *pagers: Pager, **more) -> Monitor:
    """A monitor whose channels are the pagers; the rule on accuracy tells `page`."""
    if "channels:" not in made.config.read_text():
        urls = ", ".join(f"{pager.name}: {{url: 'json://127.0.0.1:9/'}}" for pager in pagers)
        made.edit("severity: high}", "severity: high, channels: [page]}")
        made.edit("alerts:", f"channels: {{{urls}}}\nalerts:")
    monitor = Monitor(load_config(made.config), sinks=(), clock=Hands(DRIFTED), **more)
    for pager in pagers:
        monitor.telling.delivery.ways[pager.name] = Way(lambda pager=pager: pager)
    return monitor


def test_an_alert_is_told_once_when_it_fires_and_once_when_it_is_over(made):
    page = Pager()
    with telling(made, page) as monitor:
        for hour in range(72):
            monitor.clock.now = DRIFTED + hour * HOUR
            run = monitor.run(DRIFTED + hour * HOUR)
            assert run.failures == ()
    assert [(rule, why, cities) for rule, why, cities, _ in page.got][:3:2] == [
        ("model_accuracy_drop", "began", ("Surat",)),
        ("model_accuracy_drop", "resolved", ("Surat",)),
    ]
    assert [why for _, why, _, _ in page.got] in (["began", "goes on", "resolved"], ["began", "resolved"])


def test_a_notice_says_where_its_pages_are(made):
    page = Pager()
    with telling(made, page) as monitor:
        for hour in (0, 1):
            monitor.run(DRIFTED + hour * HOUR)
    ((_, _, _, links),) = page.got
    folder = made.folder / "reports" / "2026-04-01T01-00Z"
    assert links["report"] == str(folder / "index.html")
    assert set(links) == {"report", "city:Surat"}
    assert folder.joinpath("index.html").exists()


def test_a_channel_that_fails_is_a_named_failure_of_the_run_and_is_told_later(made):
    page = Pager(error=ChannelError("page: 503: try later", permanent=False))
    with telling(made, page) as monitor:
        monitor.run(DRIFTED)
        run = monitor.run(DRIFTED + HOUR)
        assert [(f.stage, f.what, f.message) for f in run.failures] == [
            ("channel", "page", "page: 503: try later")
        ]
        page.error = None
        monitor.clock.now += timedelta(seconds=10)
        assert monitor.run(DRIFTED + 2 * HOUR).failures == ()
    assert [why for _, why, _, _ in page.got] == ["began"]


def test_a_message_that_is_given_up_is_told_by_the_other_channels(made):
    page, mail = Pager(error=ChannelError("page: 400: no such room", permanent=True)), Pager("email")
    with telling(made, page, mail) as monitor:
        monitor.run(DRIFTED)
        monitor.run(DRIFTED + HOUR)
        assert [(rule, why) for rule, why, _, _ in mail.got] == [("delivery_failed", "began")]
        assert monitor.state.last_slot() == DRIFTED + HOUR
        page.error = None  # mended: what comes after arrives, and the alert about the channel is over
        monitor.clock.now += timedelta(minutes=10)
        for hour in range(2, 72):
            monitor.clock.now = DRIFTED + hour * HOUR
            monitor.run(DRIFTED + hour * HOUR)
    assert ("delivery_failed", "resolved") in [(rule, why) for rule, why, _, _ in mail.got]


def test_a_config_without_channels_says_all_to_the_log_and_keeps_no_notice(made):
    with Monitor(load_config(made.config), sinks=()) as monitor:
        monitor.run(DRIFTED)
        monitor.run(DRIFTED + HOUR)
        assert monitor.state.outbox.counts() == {}


def test_a_rule_may_name_a_channel_of_the_config_and_no_other(made):
    telling(made, Pager()).close()
    made.edit("channels: [page]", "channels: [pge]")
    with pytest.raises(
        ConfigError, match=r"model_accuracy_drop\.channels: there is no channel 'pge'.*`page`"
    ):
        Monitor(load_config(made.config))
    made.edit("channels: [pge]", "channels: [page]")
    made.edit("alerts:", "notify: {channels: [mail]}\nalerts:")
    with pytest.raises(ConfigError, match=r"notify\.channels: there is no channel 'mail'"):
        Monitor(load_config(made.config))


def test_a_monitor_whose_last_slot_is_too_old_says_so_and_when_it_is_over(made):
    made.edit("alerts:", "schedule: {cron: '0 * * * *'}\nreports: null\nalerts:")
    page = Pager()
    with telling(made, page, long_lived=True) as monitor:
        schedule = Schedule(monitor, monitor.clock)

        def look() -> list[str]:
            schedule.look()
            monitor.telling.delivery.deliver_due()
            return [f"{rule} {why}" for rule, why, _, _ in page.got]

        schedule.tick()
        monitor.clock.now += 2 * HOUR
        assert look() == []  # two slots late is not yet more than two
        monitor.clock.now += timedelta(minutes=1)
        assert look() == ["monitor_stale began"]
        assert look() == ["monitor_stale began"]
        schedule.tick()  # makes up for what was missed
        monitor.clock.now += timedelta(seconds=15)
        assert set(look()) == {"monitor_stale began", "monitor_stale resolved", "model_accuracy_drop began"}


def test_a_run_by_hand_of_an_old_slot_calls_nothing_stale(made):
    page = Pager()
    with telling(made, page) as monitor:
        monitor.clock.now = DRIFTED + timedelta(days=300)
        monitor.run(DRIFTED)
        assert {a.key.rule for a in monitor.state.alerts().values() if a.status is AlertStatus.FIRING} <= {
            "model_accuracy_drop"
        }
        assert page.got == []


def test_evaluation_waits_for_no_channel(made):
    """The pager hangs. The slot is done all the same, and the pager's turn ends with the process."""
    entered, leave = threading.Event(), threading.Event()

    class Hanging(Pager):
        def send(self, notice, message) -> None:
            entered.set()
            assert leave.wait(30)
            super().send(notice, message)

    page = Hanging()
    with telling(made, page, long_lived=True) as monitor:
        stop = monitor.telling.delivery.start()
        try:
            monitor.run(DRIFTED)
            monitor.run(DRIFTED + HOUR)
            assert entered.wait(10)
            began = datetime.now(UTC)
            monitor.run(DRIFTED + 2 * HOUR)
            assert datetime.now(UTC) - began < timedelta(seconds=5)
            assert page.got == []
        finally:
            leave.set()
            stop()
    assert [why for _, why, _, _ in page.got] == ["began"]


@pytest.fixture
def post():
    """A web server that takes posts."""
    bodies = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_port, bodies
        server.shutdown()
        thread.join()


def test_drift_run_delivers_by_a_real_channel_before_it_ends(made, drift, post):
    port, bodies = post
    made.edit("severity: high}", "severity: high, channels: [hook]}")
    made.edit("alerts:", f"channels: {{hook: {{url: 'json://127.0.0.1:{port}/'}}}}\nreports: null\nalerts:")
    for hour in (0, 1):
        assert drift("run", "-c", made.config, "--slot", (DRIFTED + hour * HOUR).isoformat()).code == 0
    (body,) = bodies
    assert "Surat" in body


def test_a_run_with_nothing_to_send_loads_no_channel_and_no_message(made):
    made.edit("severity: high}", "severity: high, channels: [hook]}")
    made.edit("alerts:", "channels: {hook: {url: 'json://127.0.0.1:9/'}}\nreports: null\nalerts:")
    code = (
        "import sys; from drift import Monitor, load_config; from datetime import datetime, UTC\n"
        "Monitor(load_config(sys.argv[1]), sinks=()).run(datetime(2026, 3, 25, tzinfo=UTC)); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(made.config)], capture_output=True, text=True, check=True
    )
    loaded = {name for name in done.stdout.split() if name.startswith(("drift.channels", "drift.messages"))}
    assert loaded == set()
