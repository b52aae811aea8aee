"""The program that makes deep pages, job after job: its own process, for `deep_maker.py` to kill."""

from __future__ import annotations

import os
import pickle
import sys
from typing import BinaryIO

from drift.errors import ReportError
from drift.reports.deep_job import Job
from drift.reports.deep_maker import Answer
from drift.reports.deep_page import page_of


def answered(job: Job) -> Answer:
    """The page of a job, or what was wrong."""
    try:
        return Answer(page_of(job))
    except ImportError as error:
        return Answer(fault=f"Evidently cannot be imported ({error})", missing=True)
    except ReportError as error:
        return Answer(fault=str(error))
    except Exception as error:  # noqa: BLE001 - whatever a library of others may raise
        return Answer(fault=f"Evidently failed with {type(error).__name__}: {error}")


def serve(jobs: BinaryIO, pages: BinaryIO) -> None:
    """Answer job after job until there are no more."""
    while True:
        try:
            job = pickle.load(jobs)  # noqa: S301 - from the process that started this one
        except EOFError:
            return
        pickle.dump(answered(job), pages)
        pages.flush()


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # what a library prints must not stand between the answers
        serve(sys.stdin.buffer, answers)
