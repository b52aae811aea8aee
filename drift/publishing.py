"""A run goes everywhere it should: each way is tried, and one that fails is named and stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

import structlog

from drift.domain import Failure, Run
from drift.errors import DriftError
from drift.telemetry.traces import span

log = structlog.get_logger()


class Way(NamedTuple):
    """A way out for a run: what it is called in a failure, and what publishes and gives links."""

    stage: str
    what: str
    publish: Callable[[Run], Mapping[str, str]]


def published(run: Run, ways: Iterable[Way]) -> Run:
    """The run with the links and the failures of all ways; each is handed what those before it added."""
    for way in ways:
        try:
            with span(f"publish {way.what}"):
                run = replace(run, links={**run.links, **way.publish(run)})
        except DriftError as error:
            run = replace(run, failures=(*run.failures, Failure(way.stage, way.what, str(error))))
        except Exception as error:  # a sink's own fault must not stop the others
            log.exception("a sink failed", stage=way.stage, what=way.what)
            text = f"{type(error).__name__}: {error}"
            run = replace(run, failures=(*run.failures, Failure(way.stage, way.what, text)))
    return run
