"""How large are the pages, what do they cost beside Evidently's, and how soon can a person use the fleet's?

    python -m benchmarks.pages [--small] [--cities N]

Three things, in one run. The site of 200 cities with 8 features and the default rules is written by what
`drift report` does, reading and measuring included, and Evidently writes its regression and its drift preset
of the same cities as HTML; neither its imports nor its reading count. A fleet of two model versions, one of
them in trouble, is written with style and scripts beside its pages, and with every page complete. And the
fleet page of a thousand cities is opened in headless Chromium, where there is one: until it is drawn and
can be searched, and until a search and a sort have shown.
"""

# ruff: noqa: T201 - it says what it waits for
from __future__ import annotations

import argparse
import json
import runpy
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path

from benchmarks.options import date_of, out_of, parser, work_folder
from benchmarks.peers.__main__ import ONE_THREAD, QUIET
from benchmarks.record import Cell, Record, machine
from benchmarks.timing import measure
from benchmarks.workload import Fleet, write_config, write_fleet
from drift.config import Config, load_config
from drift.monitor import Monitor
from drift.reports.site import write_site
from drift.starter import STARTER

ROOT = Path(__file__).resolve().parent.parent
FACTORY = ROOT / "tests" / "unit" / "reports" / "factory.py"
BROWSER = ROOT / "tests" / "e2e" / "browser.py"
CITIES, LARGE = 200, 1000
ROUNDS = 5
LIMITS = {"shared": 100e3, "single": 1e6, "site": 30e6, "interactive": 1.0, "times": 100.0}
"""Bytes of a city's page beside shared files and complete, of the site; seconds; times Evidently's CPU."""
TIMED = """(async () => {
  const shown = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  await shown();
  const ready = performance.now();
  const search = document.querySelector("#filters input");
  search.value = "zone-07";
  search.dispatchEvent(new Event("input"));
  await shown();
  const searched = performance.now();
  search.value = "";
  search.dispatchEvent(new Event("input"));
  await shown();
  const before = performance.now();
  document.querySelector("#fleet thead button").click();
  await shown();
  return [ready, searched - ready, performance.now() - before, document.querySelectorAll("*").length];
})()"""


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured, and its limit: the most, or (`least`) the least it may be; None: it has none."""

    what: str
    value: float
    limit: float | None = None
    least: bool = False

    @property
    def holds(self) -> bool | None:
        """Whether the limit holds."""
        if self.limit is None:
            return None
        return self.value >= self.limit if self.least else self.value <= self.limit

    def cells(self) -> list[Cell]:
        """The line of the table."""
        sign = "" if self.limit is None else f"{'≥' if self.least else '≤'} {self.limit:g}"
        return [self.what, self.value, sign, {None: "", True: "holds", False: "**broken**"}[self.holds]]


def reporting(fleet: Fleet, store: Path, folder: Path) -> Config:
    """A config with the rules that `drift init` writes, and pages of the fleet's store."""
    from yaml import safe_load

    path = write_config(fleet, store, folder)
    rules = {name: {**rule, "channels": ["log"]} for name, rule in safe_load(STARTER)["alerts"].items()}
    old = path.read_text(encoding="utf-8")
    text = old[: old.index("alerts:")] + f"alerts: {json.dumps(rules)}\n"
    path.write_text(text.replace("reports: null", "reports: {dir: pages}"), encoding="utf-8")
    return load_config(path)


def report(config: Config, slot: datetime) -> tuple[float, float, float]:
    """What `drift report` does: its CPU, that of it which pages take, and the bytes of the site."""
    with Monitor(config) as monitor:
        before = time.process_time()
        monitor.find(slot, keep_pairs=True)
        found = time.process_time()
        links = monitor.report(slot)
        done = time.process_time()
    site = Path(links["report"]).parent
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    return done - found, (done - found) - (found - before), float(size)


def against_evidently(folder: Path, cities: int, judged: int) -> tuple[list[Line], list[str]]:
    """The site of so many cities, and Evidently's pages of `judged` of them."""
    fleet = Fleet(cities, reference_hours=90 * 24, features=8)
    write_fleet(fleet, folder / "store")
    config = reporting(fleet, folder / "store", folder / "config")
    with Monitor(config) as monitor, redirect_stderr(StringIO()):  # where alerts are logged
        monitor.run(fleet.slot())  # which fits what the detectors take for normal
    before = [report(config, fleet.slot()) for _ in range(ROUNDS // 2 + 1)][1:]  # the first one warms up
    print(f"… Evidently writes {judged} cities' pages", file=sys.stderr)
    command = ["-m", "benchmarks.peers.evidently_presets", str(folder / "store"), fleet.slot().isoformat()]
    usage = measure([sys.executable, *command, str(judged), str(folder)], env={**QUIET, **ONE_THREAD})
    if usage.code:
        raise RuntimeError(f"Evidently does not run: {usage.err.strip().splitlines()[-1:]}")
    theirs = json.loads(usage.out.strip().splitlines()[-1])
    sizes = [int(line) for line in (folder / "bytes").read_text(encoding="ascii").split()]
    after = [report(config, fleet.slot()) for _ in range(ROUNDS - len(before))]
    ours, pages, size = (statistics.median(column) for column in zip(*before, *after, strict=True))
    scale = cities / judged
    part = "" if judged == cities else f", from {judged} of them"
    what = f"{cities} cities"
    lines = [
        Line(f"{what}: CPU of `drift report`, reading and measuring included, s", ours),
        Line(f"{what}: of that its pages, s", pages),
        Line(f"{what}: CPU of Evidently's two presets as HTML{part}, s", theirs["cpu"] * scale),
        Line(
            f"{what}: Evidently's CPU ÷ drift's{part}",
            theirs["cpu"] * scale / ours,
            LIMITS["times"] if cities == CITIES else None,  # a few cities share what a fleet pays once
            least=True,
        ),
        Line(f"{what}: drift's site, MB", size / 1e6, LIMITS["site"] / 1e6),
        Line(f"{what}: Evidently's pages{part}, MB", sum(sizes) * scale / 1e6),
    ]
    return lines, [f"Evidently {theirs['version']} with pandas {theirs['pandas']}; CPU of user and system"]


def sizes(folder: Path, cities: int) -> list[Line]:
    """Of both ways to write a site."""
    run, pairs, transitions, config = runpy.run_path(str(FACTORY))["fleet"](cities)
    found = []
    for way in ("shared", "single"):
        out = folder / way
        started = time.process_time()
        links = write_site(run, pairs, transitions, config, out, single_file=way == "single")
        took = time.process_time() - started
        largest = max(path.stat().st_size for name, path in links.items() if name != "report")
        total = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
        said = "beside shared files" if way == "shared" else "each complete"
        found += [
            Line(f"two versions, {said}: largest page of a city, kB", largest / 1e3, LIMITS[way] / 1e3),
            Line(f"two versions, {said}: site of {cities} cities, MB", total / 1e6, LIMITS["site"] / 1e6),
            Line(f"two versions, {said}: CPU a city, ms", 1e3 * took / cities),
        ]
    return found


def opened(folder: Path, cities: int) -> list[Line]:
    """The fleet page of so many cities in Chromium; nothing where there is none."""
    names = runpy.run_path(str(BROWSER))
    if names["CHROMIUM"] is None:
        print("no Chromium on the path: nothing was opened", file=sys.stderr)
        return []
    run, pairs, transitions, config = runpy.run_path(str(FACTORY))["fleet"](cities)
    started = time.process_time()
    page = write_site(run, pairs, transitions, config, folder / "large", cities=())["report"]
    took = time.process_time() - started
    with tempfile.TemporaryDirectory(prefix="drift-browser-") as profile:
        browser = names["Browser"](Path(profile) / "profile")
        try:
            seen = []
            for _ in range(ROUNDS):
                browser.open(page)
                seen.append(browser.js(TIMED))
        finally:
            browser.close()
    ready, search, sort, elements = (statistics.median(column) for column in zip(*seen, strict=True))
    what = f"fleet page of {cities} cities"
    return [
        Line(f"{what}: size, MB", page.stat().st_size / 1e6),
        Line(f"{what}: CPU to write, s", took),
        Line(f"{what}: elements", elements),
        Line(f"{what}: drawn and searchable, s", ready / 1e3, LIMITS["interactive"]),
        Line(f"{what}: a search shown, s", search / 1e3, LIMITS["interactive"]),
        Line(f"{what}: a sort shown, s", sort / 1e3, LIMITS["interactive"]),
    ]


def measured(options: argparse.Namespace) -> tuple[Record, int]:
    """The record, and how many limits did not hold."""
    where = machine()
    few, many = (20, 100) if options.small else (CITIES, LARGE)
    judged = min(options.cities or (2 if options.small else few), few)
    with work_folder(options) as folder:
        lines, notes = against_evidently(folder, few, judged)
        lines += [*sizes(folder, few), *opened(folder, many)]
    columns = ("what", "measured", "limit", "")
    settings: dict[str, Cell] = {"cities": few, "columns": 10, "reference": "90 d", "current": "7 d"}
    table = [line.cells() for line in lines]
    record = Record("pages", "Pages", date_of(options), where, settings, columns, table, notes)
    return record, sum(line.holds is False for line in lines)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write; the exit code is the number of limits that did not hold."""
    made = parser(__doc__)
    made.add_argument(
        "--cities", type=int, help="let Evidently judge so many only, and say so (200 take minutes)"
    )
    options = made.parse_args(words)
    record, broken = measured(options)
    record.write(out_of(options))
    return broken


if __name__ == "__main__":
    sys.exit(main())
