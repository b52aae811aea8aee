"""Errands in a process of their own, which is killed when it takes too long.

A thread that waits for a receiver cannot be stopped, and Apprise's own pool has but a few of them: a handful
of receivers that trickle would silence the others, and a process that should end would wait for them. A
process can be killed. It is started when it is first needed, which costs about a second, and kept until the
channel is closed. Its errands come over a pipe, so a URL is in no list of processes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Timer

from drift.channels.answers import Answer

ERRAND = Path(__file__).with_name("errand.py")
GRACE = 0.5
"""Seconds after its time in which the process may still say what it knows of a send."""
_LINE_BYTES = 1 << 24


class Courier:
    """Runs errands, one after the other."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, errand: Mapping[str, object], seconds: float) -> Answer:
        """The answer, at most `seconds` and half a second later.

        A process that gives none is killed: the answer says then that it took too long.
        """
        if self._process is not None and self._process.poll() is not None:  # something else ended it
            self.close()
        process = self._process = self._process or _start()
        line = json.dumps({**errand, "seconds": seconds}).encode() + b"\n"
        alarm = Timer(seconds + GRACE, process.kill)
        alarm.start()
        try:
            found = _ask(process, line)
        finally:
            alarm.cancel()
            alarm.join()
        answer = Answer.of(found) if found is not None else Answer(error="Overdue")
        if answer.error == "Overdue":  # what it was at may still hold it
            self.close()
        return answer

    def close(self) -> None:
        """End the process; the next errand starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - this Python and a file beside this one
        [sys.executable, "-P", str(ERRAND)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a traceback would show what the errand was
    )


def _ask(process: subprocess.Popen[bytes], line: bytes) -> Mapping[str, object] | None:
    """What the process answers; None where it ends instead."""
    if process.stdin is None or process.stdout is None:
        return None
    try:
        process.stdin.write(line)
        process.stdin.flush()
        said = process.stdout.readline(_LINE_BYTES)
        found = json.loads(said)
    except (OSError, ValueError):  # it was killed: the pipe is broken, or the line not whole
        return None
    return found if isinstance(found, Mapping) else None
