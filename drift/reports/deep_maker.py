"""Deep pages in a process of their own, which is killed when one takes too long.

Evidently takes five seconds of CPU to import and a second a page, and nothing in this process can stop it. So
a child imports it once and makes page after page; one that was killed is started anew for the next. Jobs and
pages go over its pipes; what a library prints goes nowhere.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Self

from drift.errors import ReportError
from drift.reports.deep_job import Job

COMMAND = (sys.executable, "-P", "-m", "drift.reports.deep_child")
NO_TRACKING = {"DO_NOT_TRACK": "1"}
PLACE = str(Path(__file__).parents[2])


@dataclass(frozen=True, slots=True)
class Answer:
    """A page, or why there is none; `missing` says that Evidently could not be imported."""

    page: str = ""
    fault: str = ""
    missing: bool = False


class Maker:
    """Makes pages, one after the other."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def page(self, job: Job, seconds: float) -> str:
        """The page of the job, made within so many seconds; a child that takes longer is killed.

        Raises:
            TimeoutError: it took longer.
            ImportError: Evidently cannot be imported: no other job need be tried.
            ReportError: the page could not be made.
        """
        process = self._process = self._process or self._start()
        alarm = Timer(seconds, process.kill)
        alarm.start()
        try:
            answer = _ask(process, job)
        finally:
            overdue = not alarm.is_alive()
            alarm.cancel()
            alarm.join()
        if answer is None:
            self.close()
            if overdue:
                raise TimeoutError
            raise ReportError("the process that makes it ended: is there memory enough?")
        if answer.missing:
            raise ImportError(answer.fault)
        if answer.fault:
            raise ReportError(answer.fault)
        return answer.page

    def close(self) -> None:
        """End the process; the next page starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _start(self) -> subprocess.Popen[bytes]:
        path = os.pathsep.join(filter(None, (PLACE, os.environ.get("PYTHONPATH"))))
        return subprocess.Popen(  # noqa: S603 - this Python and this file
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a library's warnings; its errors come as answers
            env={**os.environ, **NO_TRACKING, "PYTHONPATH": path},
        )


def _ask(process: subprocess.Popen[bytes], job: Job) -> Answer | None:
    """What the process answers; None where it ends instead."""
    if process.stdin is None or process.stdout is None:
        return None
    try:
        pickle.dump(job, process.stdin)
        process.stdin.flush()
        answer = pickle.load(process.stdout)  # noqa: S301 - from our own process
    except (OSError, EOFError, pickle.UnpicklingError):
        return None
    return answer if isinstance(answer, Answer) else None
