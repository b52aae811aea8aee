"""The dead man's switch is called when it should be, by a real request on loopback, and the URL is told nobody."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from drift import Monitor, load_config
from drift.config import parse_config
from drift.dead_man import STAGE, DeadMan
from drift.errors import ConfigError, DriftError

SECRET = "canary-4711-sparrow"  # noqa: S105 - a made-up one


class Switch(ThreadingHTTPServer):
    """Answers with the statuses it is given, one after the other; None: never."""

    daemon_threads = True

    def __init__(self, *statuses: int | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses = list(statuses)
        self.called: queue.Queue[str] = queue.Queue()
        self.closing = threading.Event()

    @property
    def url(self) -> SecretStr:
        return SecretStr(f"http://127.0.0.1:{self.server_port}/{SECRET}?key={SECRET}")


class Handler(BaseHTTPRequestHandler):
    server: Switch

    def do_GET(self) -> None:
        self.server.called.put(f"{self.command} {self.path} {self.headers.get('Content-Length')}")
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        if status is None:
            self.server.closing.wait(20)
            return
        self.send_response(status, f"said {SECRET}")
        self.send_header("Location", f"http://127.0.0.1:1/{SECRET}")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: the tests' output is theirs."""


@contextmanager
def switch(*statuses: int | None) -> Iterator[Switch]:
    with Switch(*statuses) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()


def test_it_is_called_by_get_with_nothing_to_say():
    with switch() as server:
        man = DeadMan(server.url)
        assert man.ping() == []
        man.close()
        assert server.called.get_nowait() == f"GET /{SECRET}?key={SECRET} None"


@pytest.mark.parametrize(
    ("status", "said"), [(500, "answered 500"), (404, "answered 404"), (302, "leads elsewhere")]
)
def test_what_is_no_success_is_a_named_failure_without_the_url(status, said):
    with switch(status) as server:
        man = DeadMan(server.url)
        (failure,) = man.ping()
        man.close()
    assert (failure.stage, failure.what) == (STAGE, "notify.ping_url")
    assert said in failure.message
    assert SECRET not in failure.message
    assert SECRET not in repr(vars(man))


def test_one_that_never_answers_is_left_when_the_time_is_over():
    with switch(200, None) as server:
        man = DeadMan(server.url, seconds=1.0)
        man.ping()  # starts the process, which takes a while
        began = time.monotonic()
        (failure,) = man.ping()
        lasted = time.monotonic() - began
        man.close()
    assert "did not answer within 1 s" in failure.message
    assert 0.9 < lasted < 2.5


def test_one_that_is_not_there_is_a_failure_too():
    with switch() as server:
        url = server.url
    man = DeadMan(url)
    (failure,) = man.ping()
    man.close()
    assert "cannot be reached" in failure.message
    assert SECRET not in failure.message


def test_without_a_url_there_is_no_switch():
    man = DeadMan(None)
    stop = man.start(print)
    man.wake()
    assert man.ping() == []
    assert not [t for t in threading.enumerate() if t.name == "drift dead man"]
    stop()


def test_a_process_that_stays_calls_when_woken_and_not_before():
    with switch() as server:
        man = DeadMan(server.url)
        stop = man.start(print)
        assert server.called.empty()
        man.wake()
        assert server.called.get(timeout=20).startswith("GET")
        stop()
        assert server.called.empty()


def test_a_call_that_fails_is_made_again_three_times_in_all_and_counted():
    failed: queue.Queue[str] = queue.Queue()
    with switch(500, 500, 500, 500) as server:
        man = DeadMan(server.url, again=0.01)
        stop = man.start(failed.put)
        man.wake()
        assert [failed.get(timeout=20) for _ in range(3)] == [STAGE] * 3
        with pytest.raises(queue.Empty):
            failed.get(timeout=0.3)
        man.wake()  # the next good slot: a failed call and one that is heard
        assert failed.get(timeout=20) == STAGE
        for _ in range(5):
            server.called.get(timeout=20)
        stop()
    assert failed.empty()


STORE = {"predictions": {"path": "p.parquet"}, "actuals": {"path": "a.parquet"}}


@pytest.mark.parametrize(
    "url", ["hc-ping.example/canary", "ftp://x/canary", "https://", "https:// canary", "https:///canary"]
)
def test_a_url_that_cannot_be_called_is_refused_without_being_told(tmp_path, url):
    with pytest.raises(ConfigError, match=r"notify\.ping_url: is no web address") as caught:
        parse_config({"store": STORE, "notify": {"ping_url": url}}, tmp_path)
    assert "canary" not in str(caught.value)


def test_the_url_is_a_secret_of_the_config_and_may_stand_in_a_file(tmp_path):
    (tmp_path / "ping").write_text(f"https://ping.example/{SECRET}\n")
    config = parse_config({"store": STORE, "notify": {"ping_url_file": "ping"}}, tmp_path)
    assert config.notify.ping_url is not None
    assert config.notify.ping_url.get_secret_value().endswith(SECRET)
    assert SECRET not in repr(config) + config.model_dump_json()


# When it is called

SLOT = datetime(2026, 4, 1, 1, 5, tzinfo=UTC)


class Hands:
    """A clock whose hands the test moves."""

    def __init__(self) -> None:
        self.now = SLOT + timedelta(seconds=30)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@contextmanager
def monitored(made, server: Switch, *, long_lived: bool = False) -> Iterator[Monitor]:
    url = server.url.get_secret_value()
    made.edit("alerts:", f"reports: null\nhistory: null\nnotify: {{ping_url: '{url}'}}\nalerts:")
    config = load_config(made.config)
    with Monitor(config, sinks=(), clock=Hands(), long_lived=long_lived) as monitor:
        yield monitor


def test_a_good_slot_calls_once_and_one_that_was_done_before_does_not(made):
    with switch() as server, monitored(made, server) as monitor:
        assert [failure.stage for failure in monitor.run(SLOT).failures if failure.stage == STAGE] == []
        assert server.called.get_nowait().startswith("GET")
        monitor.run(SLOT)
        assert server.called.empty()
        monitor.run(SLOT + timedelta(hours=1))
        assert server.called.qsize() == 1


def test_a_slot_that_fails_or_of_which_nothing_is_measured_does_not_call(made):
    with switch() as server, monitored(made, server) as monitor:
        monitor.run(SLOT + timedelta(days=400))  # there are no data: it is committed, and measures nothing
        assert monitor.state.last_slot() == SLOT + timedelta(days=400)
        (made.folder / "data" / "predictions.parquet").unlink()
        with pytest.raises(DriftError):
            monitor.run(SLOT + timedelta(days=401))
        assert server.called.empty()


def test_a_call_that_fails_is_a_named_failure_of_the_run_and_undoes_nothing(made):
    with switch(503) as server, monitored(made, server) as monitor:
        run = monitor.run(SLOT)
        (failure,) = [failure for failure in run.failures if failure.stage == STAGE]
        assert "503" in failure.message
        assert monitor.state.last_slot() == SLOT


def test_where_the_process_stays_no_slot_waits_for_the_call(made):
    """The switch never answers: the slot is done all the same, and the failure is told later."""
    failed: queue.Queue[str] = queue.Queue()
    with switch(None) as server, monitored(made, server, long_lived=True) as monitor:
        monitor.__dict__["dead_man"] = DeadMan(server.url, seconds=1.0)
        stop = monitor.dead_man.start(failed.put)
        run = monitor.run(SLOT)
        assert [failure for failure in run.failures if failure.stage == STAGE] == []
        assert failed.empty()
        assert failed.get(timeout=20) == STAGE
        stop()
