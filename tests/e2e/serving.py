"""`drift serve` as a process of its own, asked over HTTP on loopback."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


class Served:
    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.port = int(json.loads(self.wait_for_line("listening"))["url"]["original"].rsplit(":", 1)[1])

    @property
    def url(self) -> str:
        """The address of the first page, without its slash."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> tuple[int, str, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers

    def wait_for_line(self, word: str) -> str:
        """The first line of its log with the word; blocks on the pipe, so nothing is polled."""
        for line in self.process.stderr:
            if word in line:
                return line
        raise AssertionError(f"the process ended without saying {word!r}")


@contextlib.contextmanager
def serving(config: Path, at: str = "2026-04-01T01:05:30Z") -> Iterator[Served]:
    """A server whose clock starts at a time of the past, until it is told to stop."""
    words = ["serve", "-c", str(config), "--port", "0", "--at", at]
    process = subprocess.Popen(
        [sys.executable, "-m", "drift.cli", *words],
        stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        yield Served(process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
