"""Where pages go: a folder a slot below the reports' folder, and old slots are cleared away."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from drift.config import Config
from drift.domain import AlertStatus, Failure, Run, Transition
from drift.errors import ConfigError
from drift.reports.deep import write_deep
from drift.reports.site import write_site
from drift.timeline import Pairs

if TYPE_CHECKING:
    from drift.detectors.calibration import Calibration

SLOT = "%Y-%m-%dT%H-%MZ"
_SLOT_FOLDER = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\dZ")


def write_reports(
    run: Run,
    pairs: Pairs,
    transitions: Sequence[Transition],
    config: Config,
    calibration: Calibration | None = None,
) -> dict[str, str]:
    """The pages of a run as the config asks for them; slots older than `reports.keep` are removed.

    `calibration` is what errors are held against; without it, the city's own median of the reference.
    """
    if config.reports is None:
        return {}
    cities = pairs.cities if config.reports.cities == "all" else alerting(run, pairs.cities)
    links = write_pages(run, pairs, transitions, config, cities, calibration=calibration)
    if pairs.model_versions:  # a slot far beyond the data says nothing of what is old
        prune(config.path(config.reports.dir), run.slot - config.reports.keep)
    return links


def alerting(run: Run, cities: Sequence[str]) -> tuple[str, ...]:
    """The cities with an alert that is pending or firing, or that changed in this slot."""
    troubled = {a.key.city for a in run.alerts if a.status in (AlertStatus.PENDING, AlertStatus.FIRING)}
    troubled |= {t.key.city for t in run.transitions}
    return tuple(city for city in cities if city in troubled)


def write_pages(
    run: Run,
    pairs: Pairs,
    transitions: Sequence[Transition],
    config: Config,
    cities: Sequence[str],
    on_page: Callable[[int], None] | None = None,
    *,
    calibration: Calibration | None = None,
    single_file: bool = False,
    deep: Sequence[str] = (),
    on_failure: Callable[[Failure], None] | None = None,
) -> dict[str, str]:
    """The fleet page and these cities' pages, in the slot's folder; paths by name.

    `on_page` is told, a page, how many there will be. With `single_file` each page is complete by itself.
    With `on_failure`, cities in `deep` get Evidently's report first, which their pages link, and it hears of
    those that could not.
    """
    if config.reports is None:
        raise ConfigError("reports: the config turns them off; write `reports: {dir: reports}`")
    folder = config.path(config.reports.dir) / run.slot.astimezone(UTC).strftime(SLOT)
    wanted = deep if on_failure is not None else ()
    total = len(cities) + 1 + len(wanted)
    told = None if on_page is None else lambda _: on_page(total)
    dug = {} if on_failure is None else write_deep(run, pairs, config, wanted, folder, on_failure, told)
    links = write_site(
        run,
        pairs,
        transitions,
        config,
        folder,
        cities=cities,
        calibration=calibration,
        single_file=single_file,
        on_page=told,
    )
    return {name: str(path) for name, path in (links | dug).items()}


def prune(folder: Path, before: datetime) -> None:
    """Remove the folders of slots before the moment. Anything not named like a slot is left alone."""
    for slot in folder.iterdir() if folder.is_dir() else ():
        if slot.is_dir() and _SLOT_FOLDER.fullmatch(slot.name):
            at = datetime.strptime(slot.name, SLOT).replace(tzinfo=UTC)
            if at < before:
                shutil.rmtree(slot)
