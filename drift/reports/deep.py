"""Evidently's report of a city beside drift's own: on demand, for cities that alert, and bounded.

It is rich and dear: seconds, and 4 MB a city. So a city has its time and its size, and only so many get one;
what exceeds them, or Evidently cannot do, is a named failure, and the others go on.
A page is written whole, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from drift.config import Config
from drift.config_reports import DeepConfig
from drift.config_values import format_duration
from drift.domain import AlertStatus, Failure, Run
from drift.errors import ReportError
from drift.reports.book import Book, book_of
from drift.reports.deep_job import job_of
from drift.reports.deep_maker import Maker
from drift.reports.names import page_name
from drift.reports.page import write_page
from drift.reports.shown import readable
from drift.reports.site import DEEP
from drift.timeline import Pairs

INSTALL = "install `evidently>=0.7.20,<0.8` and `pandas<3.1`, or leave out --deep"
_URGENT = {AlertStatus.FIRING: 0, AlertStatus.PENDING: 1}


def write_deep(
    run: Run,
    pairs: Pairs,
    config: Config,
    cities: Sequence[str],
    folder: Path,
    on_failure: Callable[[Failure], None],
    on_page: Callable[[str], None] | None = None,
    *,
    maker: Maker | None = None,
) -> dict[str, Path]:
    """Write the deep pages of the cities into `folder`/deep, those that fire first; paths by `deep:<city>`.

    `on_failure` hears of each that could not be made and why; `on_page` hears each city when it is done with.
    """
    limits = config.reports.deep if config.reports is not None else DeepConfig()
    wanted = sorted(cities, key=lambda city: urgency(run, city))
    if len(wanted) > limits.max_cities:
        on_failure(_crowded(len(wanted), limits))
    book = book_of(run, pairs, (), config)
    links: dict[str, Path] = {}
    with maker or Maker() as made_by:
        for city in wanted[: limits.max_cities]:
            path = folder / DEEP / page_name(city)
            try:
                write_page(path, _page(book, city, limits, made_by))
                links[f"deep:{city}"] = path
            except ImportError as error:
                on_failure(Failure("reports", "evidently", f"{error}: {INSTALL}"))
                break
            except ReportError as error:
                on_failure(Failure("reports", city, str(error)))
            if on_page is not None:
                on_page(city)
    return links


def urgency(run: Run, city: str) -> int:
    """0 for a city with an alert that fires, 1 where one is pending, 2 for any other."""
    return min((_URGENT.get(alert.status, 2) for alert in run.alerts if alert.key.city == city), default=2)


def _crowded(many: int, limits: DeepConfig) -> Failure:
    left = many - limits.max_cities
    text = f"{left} of {many} cities have no deep report: raise reports.deep.max_cities ({limits.max_cities})"
    return Failure("reports", "deep", f"{text}, or name a city by --city")


def versions_of(run: Run, pairs: Pairs, city: str) -> list[str]:
    """The model versions that alert in the city; all of them where none does."""
    alerting = {
        alert.key.model_version for alert in run.alerts if alert.key.city == city and alert.status in _URGENT
    }
    return [name for name in pairs.model_versions if name in alerting] or list(pairs.model_versions)


def _page(book: Book, city: str, limits: DeepConfig, maker: Maker) -> str:
    home = f"../cities/{page_name(city)}"
    job = job_of(book, city, versions_of(book.run, book.pairs, city), limits.max_rows, home)
    who = f"the deep report of {readable(city)!r}"
    try:
        page = maker.page(job, limits.timeout.total_seconds())
    except TimeoutError:
        raise ReportError(
            f"{who} took longer than {format_duration(limits.timeout)}: raise reports.deep.timeout, "
            f"or lower reports.deep.max_rows ({limits.max_rows:,})"
        ) from None
    except ReportError as error:
        raise ReportError(f"{who} was not made: {error}") from None
    size = len(page.encode("utf-8", "replace"))
    if size > limits.max_size:
        raise ReportError(
            f"{who} has {size / 1e6:.1f} MB, more than {limits.max_size / 1e6:.1f}: raise "
            "reports.deep.max_size, or name fewer features in store.features.use"
        )
    return page
