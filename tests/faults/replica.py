"""Replicas to be killed: each is what `drift serve` runs, without its pages, and says what it is at.

    python replica.py CONFIG  one JSON document a line on stdin: start a replica so, as a process of its own
    stdout                    "PID started", then "PID evaluate", "PID commit", "PID send", "PID told", …

The modules that a slot needs are loaded once, and each replica is forked from there: a test that kills two
hundred of them does not wait for two hundred imports. No replica remembers what another knew: it reads it.
"""

from __future__ import annotations

import http.client
import importlib
import json
import os
import random
import signal
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from drift import Monitor, load_config
from drift.errors import ChannelError
from drift.messages import Message, message_of
from drift.notices import Notice
from drift.outbox import Delivery, Way
from drift.schedule import Schedule
from drift.state import State
from drift.telling import words_of

FIRST = datetime(2026, 3, 17, 0, 5, tzinfo=UTC)


def say(word: str) -> None:
    os.write(1, f"{os.getpid()} {word}\n".encode())


class Page:
    """Posts a notice's keys to the receiver of the test."""

    name = "page"

    def __init__(self, port: int) -> None:
        self.port = port

    def check(self) -> str:
        return "a test"

    def send(self, notice: Notice, message: Message) -> None:
        say("send")
        body = json.dumps({"key": notice.key, "keys": notice.keys, "title": message.title})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("POST", "/", body)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise ChannelError(f"page: {error}", permanent=False) from error
        finally:
            connection.close()
        say("told")
        if status != 200:
            raise ChannelError(f"page: {status}", permanent=False)

    def close(self) -> None:
        pass


class Hasty(random.Random):
    """Waits a fiftieth of what others would, before it tries again."""

    def random(self) -> float:
        return super().random() / 50


def work(config_file: str, port: int, now: str, began: float, skew: float, lease: float, wait: float) -> None:
    """Watch until killed. The clock shows `now` when `began`, and is wrong by `skew` seconds."""
    config = load_config(config_file)
    start = datetime.fromisoformat(now) + timedelta(seconds=skew)

    def clock() -> datetime:
        return start + timedelta(seconds=time.time() - began)

    with State.open(config.state_url()) as state:
        sa.event.listen(state._database.engine, "commit", lambda _: say("commit"))
        monitor = Monitor(config, state=state, sinks=(), clock=clock, long_lived=True)
        telling, moment = monitor.telling, timedelta(seconds=wait)
        telling.delivery = Delivery(
            state.outbox,
            {"page": Way(lambda: Page(port), timeout=2 * moment)},
            lambda notice: message_of(notice, words_of(config)),
            clock,
            Hasty(),
            grace=moment,
        )
        find = monitor.find
        monitor.find = lambda *words, **more: (say("evaluate"), find(*words, **more))[1]  # type: ignore[method-assign]
        schedule = Schedule(monitor, clock, lease=timedelta(seconds=lease))
        telling.delivery.start()
        while True:
            schedule.tick()
            schedule.look()
            time.sleep(0.05)


def load_what_a_slot_needs(config_file: str) -> None:
    """Let a child run a slot on a state in memory, and import what it imported: no thread, no connection of a
    slot's is left here.
    """
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            with State.open("sqlite://") as state:
                Monitor(load_config(config_file), state=state, sinks=(), long_lived=True).run(FIRST)
            os.write(writing, json.dumps(sorted(sys.modules)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as words:  # noqa: PTH123 - a pipe
        loaded = json.loads(words.read() or "[]")
    for name in loaded:
        with suppress(Exception):
            importlib.import_module(name)


def main() -> None:
    """Fork a replica for each line."""
    load_what_a_slot_needs(sys.argv[1])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever is killed is gone at once
    for line in sys.stdin:
        if os.fork() == 0:
            say("started")
            try:
                work(**json.loads(line))
            finally:
                os._exit(1)


if __name__ == "__main__":
    main()
