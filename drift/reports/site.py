"""The report of one slot: `index.html` for the fleet, and `cities/<name>.html` for each city.

The fleet's page is complete: it can be mailed, and kept as an artifact. The cities' share their style and
scripts, in `assets/`, unless each is to be a single file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING

from drift.config import Config
from drift.domain import Run, Transition
from drift.errors import ReportError
from drift.reports.book import Book, book_of
from drift.reports.chart import Chart, Panel, to_json
from drift.reports.city import CityView, city_view
from drift.reports.fleet import fleet_view
from drift.reports.names import compare_name, page_name
from drift.reports.page import data_block, names_of, render, write_assets, write_page
from drift.reports.shown import readable
from drift.timeline import Pairs

if TYPE_CHECKING:
    from drift.detectors.calibration import Calibration

FLEET = "index.html"
CITIES = "cities"
ASSETS = "assets"
DEEP = "deep"
COMPARED = "compare"
CITY_SCRIPTS = ("svg.js", "time.js", "bars.js", "heat.js", "draw.js")
FLEET_SCRIPTS = ("svg.js", "time.js", "draw.js", "table.js")


def write_site(
    run: Run,
    pairs: Pairs,
    transitions: Sequence[Transition],
    config: Config,
    out: Path,
    *,
    cities: Sequence[str] | None = None,
    calibration: Calibration | None = None,
    single_file: bool = False,
    on_page: Callable[[str], None] | None = None,
) -> dict[str, Path]:
    """Write the fleet page and the pages of `cities` (None: of all) into the folder `out`.

    `transitions` are the alert history that spans are drawn from, `calibration` is what the detectors take
    for normal. With `single_file` every page is complete, and can be mailed by itself. `on_page` hears the
    name of each page once it is written. Gives the pages by name: `report`, and `city:<name>`.

    Raises:
        ReportError: a city is not in the run, or the folder cannot be written.
    """
    wanted = _wanted(pairs, cities)
    book = book_of(run, pairs, transitions, config, calibration)
    links = {"report": out / FLEET} | {f"city:{city}": out / CITIES / page_name(city) for city in wanted}
    if wanted and not single_file:
        write_assets(out / ASSETS, CITY_SCRIPTS)
    compared = _compared(pairs.model_versions, out)
    for city in wanted:
        deep = f"../{DEEP}/{page_name(city)}" if (out / DEEP / page_name(city)).exists() else None
        html = city_html(city_view(book, city, compared), single_file=single_file, deep=deep)
        write_page(links[f"city:{city}"], html)
        if on_page is not None:
            on_page(city)
    write_page(links["report"], _fleet_html(book, out, wanted))
    if on_page is not None:
        on_page("fleet")
    return links


def _wanted(pairs: Pairs, cities: Sequence[str] | None) -> tuple[str, ...]:
    wanted = pairs.cities if cities is None else tuple(dict.fromkeys(cities))
    for city in wanted:
        if city not in pairs.cities:
            raise ReportError(_unknown(city, pairs.cities))
    return wanted


def _compared(versions: Sequence[str], out: Path) -> list[tuple[str, str]]:
    """Words and links to the pages beside the slots' folders that compare two of the versions."""
    found = [
        (f"{readable(a)} against {readable(b)}", compare_name(a, b)) for a, b in permutations(versions, 2)
    ]
    there = out.parent / COMPARED
    return [(words, f"../../{COMPARED}/{name}") for words, name in found if (there / name).exists()]


def _unknown(city: str, cities: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(city, cities, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(readable, cities[:8]))}"
    return f"no city {readable(city)!r} in this run: {hint}"


def _fleet_html(book: Book, out: Path, wanted: Sequence[str]) -> str:
    written = set(wanted)
    pages = {city: page_name(city) for city in book.pairs.cities}
    links = {
        city: f"{CITIES}/{page}"
        for city, page in pages.items()
        if city in written or (out / CITIES / page).exists()
    }
    view = fleet_view(book, links)
    drawn = _drawn(view.trends, {}, view.unit)
    return render("fleet.html.j2", FLEET_SCRIPTS, view=view, notes=names_of(view.notes), data=drawn)


def city_html(view: CityView, *, single_file: bool = True, deep: str | None = None) -> str:
    """The page of a city; `deep` is where its deep page is."""
    histograms: dict[str, Chart] = {h.name: h.chart for h in view.drift.histograms}
    return render(
        "city.html.j2",
        CITY_SCRIPTS,
        None if single_file else f"../{ASSETS}",
        view=view,
        notes=names_of(view.notes),
        data=_drawn(view.panels, histograms, view.unit),
        home=f"../{FLEET}",
        deep=deep,
    )


def _drawn(panels: Sequence[Panel], others: Mapping[str, Chart], unit: str) -> str:
    """The block of data that the charts are drawn from."""
    axes = {name: axis for panel in panels for name, axis in panel.axes}
    charts: dict[str, Chart] = {panel.name: panel.chart for panel in panels}
    return data_block(to_json({**charts, **others}, axes, unit))
