"""How large are the pages, what do they cost to write, and how soon can a person use the fleet's?

A fleet of invented cities with two model versions, one of them in trouble, is written twice: with style and
scripts beside the pages, and each page complete. Then the fleet page of a thousand cities is opened in
headless Chromium, where there is one: until it is drawn and can be searched, and until a search and a sort
have shown.

    python -m benchmarks.pages [--small]
"""

# ruff: noqa: T201 - it prints its table
from __future__ import annotations

import runpy
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.options import parser, work_folder
from drift.reports.site import write_site

ROOT = Path(__file__).resolve().parent.parent
FACTORY = ROOT / "tests" / "unit" / "reports" / "factory.py"
BROWSER = ROOT / "tests" / "e2e" / "test_reports_browser.py"
CITIES, LARGE = 200, 1000
LIMITS = {"shared": 100e3, "single": 1e6, "site": 30e6, "interactive": 1.0}
"""Bytes of a city's page beside shared files and complete, of the site, and seconds."""
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


def sizes(folder: Path, cities: int) -> list[tuple[str, float, float]]:
    """Of both ways to write a site: what was measured, how much, and its limit (0: none)."""
    run, pairs, transitions, config = runpy.run_path(str(FACTORY))["fleet"](cities)
    found = []
    for way in ("shared", "single"):
        out = folder / way
        started = time.process_time()
        links = write_site(run, pairs, transitions, config, out, single_file=way == "single")
        took = time.process_time() - started
        largest = max(path.stat().st_size for name, path in links.items() if name != "report")
        total = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
        found += [
            (f"{way}: largest page of a city, kB", largest / 1e3, LIMITS[way] / 1e3),
            (f"{way}: site of {cities} cities, MB", total / 1e6, LIMITS["site"] / 1e6),
            (f"{way}: CPU a city, ms", 1e3 * took / cities, 0.0),
        ]
    return found


def opened(folder: Path, cities: int) -> list[tuple[str, float, float]]:
    """The fleet page of so many cities in Chromium; nothing where there is none."""
    names = runpy.run_path(str(BROWSER))
    if names["CHROMIUM"] is None:
        print("no Chromium on the path: nothing was opened")
        return []
    run, pairs, transitions, config = runpy.run_path(str(FACTORY))["fleet"](cities)
    started = time.process_time()
    page = write_site(run, pairs, transitions, config, folder / "large", cities=())["report"]
    took = time.process_time() - started
    with tempfile.TemporaryDirectory(prefix="drift-browser-") as profile:
        browser = names["Browser"](Path(profile) / "profile")
        try:
            browser.open(page)
            seen = [browser.js(TIMED)]
            for _ in range(2):
                browser.open(page)
                seen.append(browser.js(TIMED))
        finally:
            browser.close()
    ready, search, sort, elements = min(seen)
    what = f"fleet page of {cities} cities"
    return [
        (f"{what}: size, MB", page.stat().st_size / 1e6, 0.0),
        (f"{what}: CPU to write, s", took, 0.0),
        (f"{what}: elements", elements, 0.0),
        (f"{what}: drawn and searchable, s", ready / 1e3, LIMITS["interactive"]),
        (f"{what}: a search shown, s", search / 1e3, LIMITS["interactive"]),
        (f"{what}: a sort shown, s", sort / 1e3, LIMITS["interactive"]),
    ]


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code is the number of limits that did not hold."""
    options = parser(__doc__).parse_args(words)
    few, many = (20, 100) if options.small else (CITIES, LARGE)
    with work_folder(options) as folder:
        found = [*sizes(folder, few), *opened(folder, many)]
    broken = 0
    for what, value, limit in found:
        held = "" if not limit else f"  limit {limit:g}{'' if value <= limit else '  BROKEN'}"
        broken += bool(limit) and value > limit
        print(f"{what:<52}{value:>10.3g}{held}")
    return broken


if __name__ == "__main__":
    sys.exit(main())
