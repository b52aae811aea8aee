"""What tests of killed replicas share: a store with alerts that come and go, a receiver, and the replicas."""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from drift import Monitor, load_config
from drift.domain import AlertStatus, Transition
from drift.fingerprints import fingerprint
from drift.state import State

seeded = random.Random
EVERY = timedelta(minutes=30)
FIRST = datetime(2026, 3, 17, 0, 5, tzinfo=UTC)
NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)

# error and bias go to and fro about these thresholds: an alert in two slots of three
RESTLESS = """\
cities: [Pune, Surat]
reports: null
history: null
engine: {cache: null, workers: 1}
schedule: {cron: "5,35 * * * *", catch_up: 40d}
channels: {page: {url: "json://127.0.0.1/"}}
notify: {stale_after: 60d}
alerts:
  worse: {metric: mape, threshold: 0.032, severity: high, channels: [page]}
  over: {metric: bias, threshold: 0, side: above, duration: 2h, channels: [page]}
"""


@dataclass
class Receiver:
    """Counts the messages by their key, and is at times as unkind as receivers are."""

    port: int
    got: Counter[str] = field(default_factory=Counter)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unkind: int = 0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """One that refuses one message in ten, and takes one in thirty without saying so."""
    luck, lock = seeded(5), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                draw = luck.random()
                if draw < 0.1:
                    found.unkind += 1
                    return self.answer(503)
                found.got[body["key"]] += 1
                assert found.keys.setdefault(body["key"], tuple(body["keys"])) == tuple(body["keys"])
                if draw < 0.1 + 1 / 30:
                    found.unkind += 1
                    self.close_connection = True
                    return None
            return self.answer(200)

        def answer(self, status: int) -> None:
            with suppress(OSError):  # who asked was killed meanwhile
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Receiver(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield found
        server.shutdown()
        thread.join()


class Replicas:
    """Starts replicas, hears what they are at, and kills them."""

    def __init__(self, config: Path, port: int, url: str) -> None:
        self.config, self.port, self.url = config, port, url
        self.began = time.time()
        self.at: dict[int, str] = {}
        self.said: queue.Queue[tuple[int, str]] = queue.Queue()
        pipe = subprocess.PIPE
        self._nest = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("replica.py")), str(config)],
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        threading.Thread(target=self._hear, daemon=True).start()

    def _hear(self) -> None:
        assert self._nest.stdout is not None
        for line in self._nest.stdout:
            pid, word = line.split()
            self.at[int(pid)] = word
            self.said.put((int(pid), word))

    def start(self, skew: float = 0.0, lease: float = 2.0, wait: float = 0.5) -> int:
        """Another replica; gives its process."""
        words = {
            "config_file": str(self.config),
            "port": self.port,
            "now": NOW.isoformat(),
            "began": self.began,
            "skew": skew,
            "lease": lease,
            "wait": wait,
        }
        assert self._nest.stdin is not None
        print(json.dumps(words), file=self._nest.stdin, flush=True)
        while True:
            pid, word = self.said.get(timeout=60)
            if word == "started":
                return pid

    def wait_for(self, pid: int, word: str, times: int, seconds: float) -> None:
        """Until the replica has said the word so often, or the time is over."""
        ends = time.monotonic() + seconds
        while times and (left := ends - time.monotonic()) > 0:
            with suppress(queue.Empty):
                times -= self.said.get(timeout=left) == (pid, word)

    def kill(self, pid: int) -> str:
        """Kill it; gives what it was last at."""
        os.kill(pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            while True:
                os.kill(pid, 0)  # until it is gone
                time.sleep(0.001)
        return self.at[pid]

    def close(self, *pids: int) -> None:
        for pid in pids:
            self.kill(pid)
        self._nest.kill()
        self._nest.communicate()


def settle(state: State, seconds: float = 300) -> None:
    """Until every slot that is due is done, and nothing waits in the outbox."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        last = state.last_slot()
        waiting = sum(counts.waiting for counts in state.outbox.counts().values())
        if last is not None and last + EVERY > NOW and not waiting:
            return
        time.sleep(0.4)


def plain(transitions: list[Transition] | tuple[Transition, ...]) -> list[Transition]:
    """Without evidence and in one order, as a replay explains nothing; to 12 digits, as it adds up otherwise."""
    like = (replace(t, evidence={}, value=float(f"{t.value:.12g}")) for t in transitions)
    return sorted(like, key=lambda t: (t.at, t.key))


@dataclass(frozen=True)
class Expected:
    """What a replay without any interruption comes to."""

    slots: tuple[datetime, ...]
    transitions: list[Transition]
    keys: set[str]


def expected(config: Path, last: datetime) -> Expected:
    """The slots, transitions and keys of messages up to the last slot, from a replay of them."""
    replay = Monitor(load_config(config), sinks=()).replay(FIRST, last, EVERY)
    keys = {
        f"{fingerprint(t.key)}:{t.episode}:{t.after.value}"
        for t in replay.transitions
        if t.after is AlertStatus.FIRING or t.before is AlertStatus.FIRING
    }
    return Expected(replay.slots, plain(replay.transitions), keys)


@dataclass(frozen=True)
class Tools:
    """The functions above, for the tests of this folder."""

    replicas: type[Replicas] = Replicas
    seeded: type[random.Random] = seeded
    settle = staticmethod(settle)
    plain = staticmethod(plain)
    expected = staticmethod(expected)
    first: datetime = FIRST
    now: datetime = NOW


@pytest.fixture
def tools() -> Tools:
    return Tools()


@pytest.fixture
def restless(made) -> Path:
    """The config of a store with alerts that come and go, whose first slot is not run yet."""
    text = made.config.read_text()
    made.config.write_text(text[: text.index("alerts:")] + RESTLESS)
    return made.config
