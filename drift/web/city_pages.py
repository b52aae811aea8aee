"""A city's page: the written one, or one that is made when it is asked for, and kept beside the others.

Making one reads the city's history, so one is made at a time, in a thread of its own. Who asks waits a while
for it, then is told to ask again; the page is made meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from drift.config import Config
from drift.errors import DriftError, ReportError
from drift.monitor import Monitor
from drift.reports.names import page_name
from drift.reports.shown import readable
from drift.reports.site import ASSETS, CITIES
from drift.web.asked import query_of
from drift.web.desk import Desk, city_way, slot_name, slot_of
from drift.web.layout import root_of
from drift.web.problems import PageError, Problem, not_there
from drift.web.written_pages import latest_report

PATIENCE_S = 20.0
"""So long a request waits for a page that is being made."""
ASK_AGAIN_S = 5
LONGEST = 200
"""So much of an unknown name is compared with those that there are."""

log = structlog.get_logger()


@dataclass(eq=False)
class _Job:
    """A page that is being made."""

    slot: datetime
    city: str
    over: threading.Event = field(default_factory=threading.Event)
    error: DriftError | None = None


class CityPages:
    """Makes the pages of cities, one at a time. Requests may share it."""

    def __init__(self, monitor: Monitor, patience_s: float = PATIENCE_S) -> None:
        self._monitor, self._patience_s = monitor, patience_s
        self._lock = threading.Lock()
        self._job: _Job | None = None
        self._cities: tuple[datetime | None, tuple[str, ...]] = (None, ())

    def cities(self, slot: datetime) -> tuple[str, ...]:
        """The cities that there are; asked for once a slot. Raises `StoreError` where the store is away."""
        known, cities = self._cities
        if known != slot:
            wanted, there = self._monitor.config.cities, self._monitor.store.cities()
            cities = tuple(city for city in there if wanted == "all" or city in wanted)
            self._cities = slot, cities
        return cities

    def make(self, slot: datetime, city: str) -> None:
        """Have the page made, and wait for it.

        Raises:
            PageError: it takes longer, or another page is being made.
            DriftError: it cannot be made.
        """
        with self._lock:
            job = self._job
            if job is None or job.over.is_set():
                job = self._job = _Job(slot, city)
                threading.Thread(target=self._work, args=(job,), name="drift page", daemon=True).start()
        mine = (job.slot, job.city) == (slot, city)
        if not mine or not job.over.wait(self._patience_s):
            what = readable(city) if mine else "another city"
            raise PageError(
                Problem(
                    503,
                    "Being made",
                    f"The page of {what} is being made.",
                    "This page asks for it again by itself.",
                    retry=ASK_AGAIN_S,
                )
            )
        if job.error is not None:
            raise job.error

    def _work(self, job: _Job) -> None:
        try:
            write_city(self._monitor, job.slot, job.city)
        except DriftError as error:
            job.error = error
        except Exception as error:  # the thread ends here, and who waits must hear of it
            log.exception("the page of a city could not be made", city=readable(job.city))
            job.error = ReportError(f"the page could not be made: {type(error).__name__}")
        finally:
            job.over.set()


def write_city(monitor: Monitor, slot: datetime, city: str) -> None:
    """Write the page of one city into the slot's folder; that of the fleet is left alone.

    Raises:
        DriftError: it cannot be made, or not be written.
    """
    if monitor.config.reports is None:
        raise ReportError("the config turns reports off: write reports: {dir: reports}")
    home = monitor.config.path(monitor.config.reports.dir)
    try:
        with TemporaryDirectory(prefix=".making-", dir=home) as apart:
            alone = Monitor(
                _alone(monitor.config, city, Path(apart)),
                store=monitor.store if monitor.config.engine.kind == "local" else None,
                state=monitor.state,
                sinks=(),
                clock=monitor.clock,
            )
            alone.report(slot, city=city)
            made, kept = Path(apart) / slot_name(slot), home / slot_name(slot)
            for part in (ASSETS, CITIES):
                _move(made / part, kept / part)
    except OSError as error:
        raise ReportError(f"the page cannot be written ({error.strerror}): make {home} writable") from error


def _alone(config: Config, city: str, folder: Path) -> Config:
    """The same config for one city, with nothing kept between slots, and pages in that folder."""
    reports = config.reports
    return config.model_copy(
        update={
            "cities": (city,),
            "engine": config.engine.model_copy(update={"cache": None}),
            "reports": reports and reports.model_copy(update={"dir": str(folder.absolute())}),
        }
    )


def _move(made: Path, kept: Path) -> None:
    """Put the files there, each whole; those of the same name are replaced."""
    kept.mkdir(parents=True, exist_ok=True)
    for file in made.iterdir():
        if file.is_file():
            file.replace(kept / file.name)


def city(desk: Desk, pages: CityPages) -> Callable[[Request], Response]:
    """The handler that leads to the newest page of a city."""

    def show(request: Request) -> Response:
        query_of(request, ())
        slot, given = _slot(desk), request.path_params["city"]
        page = f"{CITIES}/{page_name(given)}"
        if desk.reports is None or not (desk.reports / slot_name(slot) / page).is_file():
            known = found_city(given, pages.cities(slot))
            page = f"{CITIES}/{page_name(known)}"
            if desk.reports is None or not (desk.reports / slot_name(slot) / page).is_file():
                pages.make(slot, known)
        return RedirectResponse(f"{root_of(request)}reports/{slot_name(slot)}/{page}")

    return show


def _slot(desk: Desk) -> datetime:
    """The slot whose pages are the newest."""
    latest = latest_report(desk.reports)
    slot = slot_of(latest) if latest is not None else desk.state.last_slot()
    if slot is None:
        raise not_there("No slot was evaluated yet.", "There is a page of each city after the first.")
    return slot


def found_city(given: str, cities: Sequence[str]) -> str:
    """The city of that name, or of a page of that name.

    Raises:
        PageError: there is none; says which one may be meant.

    >>> found_city("Mumbai", ["Mumbai", "Pune"]), found_city("city-5ec1f7e700f3", [".."])
    ('Mumbai', '..')
    """
    if given in cities:
        return given
    named = {page_name(name).removesuffix(".html"): name for name in cities}
    if given in named:
        return named[given]
    folded = {name.casefold(): name for name in cities}
    near = get_close_matches(given[:LONGEST].casefold(), folded, 1)
    what = f"There is no city {readable(given)}."
    if near:
        meant = folded[near[0]]
        raise not_there(what, f"Did you mean {readable(meant)}?", city_way(meant))
    raise not_there(what, "The report names the cities there are.", "fleet")
