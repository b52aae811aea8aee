"""Every page for everybody: axe-core finds no serious fault, the keyboard reaches all, and nothing is cut off,
in light and dark, on a telephone and on a wide screen, from disk and from the server, with scripts and without.

axe-core is not shipped: `DRIFT_AXE` names its `axe.min.js` (from npm; `.ci/run` fetches it).
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from drift.reports.site import write_site

from .browser import WIDTHS
from .serving import serving

FACTORY = Path(__file__).resolve().parent.parent / "unit" / "reports" / "factory.py"
LONG = "Thiruvananthapuram and the whole of its surrounding district"
STATIC = ("fleet", "city", "city, one file", "fleet of one", "compare")
SERVED = {
    "overview": "/",
    "alerts": "/alerts?state=all",
    "one alert": "/alerts/{alert}",
    "silences": "/silences",
    "silences, logged in": "/silences?preview=1&matchers=city%3DSurat&for=4h&comment=meter&author=asha",
    "slots": "/slots",
    "one slot": "/slots/2026-04-01T01-05Z",
    "fleet, served": "/fleet",
    "city, served": "/cities/Surat",
    "log-in": "/login",
    "logged in": "/login",
    "no such page": "/nothing",
}
TOKEN = "a-token-of-a-test-0123456789"  # noqa: S105 - a made-up one
FAULTS = """axe.run(document, {resultTypes: ["violations"], preload: false}).then(found => found.violations
    .filter(fault => ["serious", "critical"].includes(fault.impact))
    .map(fault => [fault.id, fault.help, ...fault.nodes.slice(0, 5).map(node => node.html.slice(0, 200))]))"""
CUT = """[...document.querySelectorAll("body *")].filter(element => {
    if (element.closest(".scroll, .unseen, .skip") || !element.getClientRects().length) return false;
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    const place = element.getBoundingClientRect();
    return own && (place.left < -1 || place.right > innerWidth + 1 || getComputedStyle(element).overflowX === "hidden"
        && element.scrollWidth > element.clientWidth);
}).map(element => element.outerHTML.slice(0, 200))"""
STOPS = """[...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
    .filter(stop => stop.type !== "hidden" && stop.checkVisibility())"""
NUMBER = f"{STOPS}.forEach((stop, place) => stop.dataset.stop = place)"
FOCUSED = """(stop => [stop.dataset.stop === undefined ? null : Number(stop.dataset.stop),
    getComputedStyle(stop).outlineStyle !== "none" && parseFloat(getComputedStyle(stop).outlineWidth) >= 1])
    (document.activeElement)"""


@pytest.fixture(scope="module")
def axe():
    file = os.environ.get("DRIFT_AXE")
    if not file:
        pytest.skip("DRIFT_AXE names no axe.min.js: `npm pack axe-core@4` fetches one")
    return Path(file).read_text("utf-8")


@pytest.fixture(scope="module")
def pages(making, tmp_path_factory):
    """What is written to disk: pages by name."""
    made = making(tmp_path_factory.mktemp("compared"))
    fleet = runpy.run_path(str(FACTORY))["fleet"]
    shared = write_site(
        *fleet(4, called=("zone-01", LONG, "zone-03", "zone-04")), tmp_path_factory.mktemp("s")
    )
    alone = write_site(*fleet(2), tmp_path_factory.mktemp("alone"), single_file=True)
    only = write_site(*fleet(1, versions=("v1",)), tmp_path_factory.mktemp("only"))
    page = made.folder / "compare.html"
    words = ["compare", "v1", "v2", "-c", str(made.config), "--out", str(page)]
    subprocess.run([sys.executable, "-m", "drift.cli", *words], check=True, capture_output=True)
    return {
        "fleet": shared["report"],
        "city": shared["city:zone-01"],
        "city, one file": alone["city:zone-01"],
        "fleet of one": only["report"],
        "compare": page,
    }


@pytest.fixture(scope="module")
def served(making, tmp_path_factory):
    """The server of a store with an alert that fires and a silence, after its slots are done."""
    made = making(tmp_path_factory.mktemp("served"))
    made.edit("alerts:", f"schedule: {{cron: '5 * * * *', catch_up: 2h}}\nserve: {{token: {TOKEN}}}\nalerts:")
    words = ["alerts", "silence", "city=Pune", "--for", "4h", "--comment", "a new meter", "--author", "asha"]
    subprocess.run(
        [sys.executable, "-m", "drift.cli", *words, "--from", "2026-04-01T00:00Z", "-c", str(made.config)],
        check=True, capture_output=True,
    )  # fmt: skip
    with serving(made.config) as found:
        while "T01:05" not in found.wait_for_line("slot done"):
            pass
        yield found


@pytest.fixture
def page(request, browser, name):
    """Where the page of a name is; whoever must be logged in for it is."""
    if name in STATIC:
        return request.getfixturevalue("pages")[name]
    served = request.getfixturevalue("served")
    browser.forget()
    if "logged in" in name:
        browser.open(f"{served.url}/login")
        browser.js("document.querySelector('#token').focus()")
        browser.type(TOKEN)
        with browser.loading():
            browser.press("Enter")
    alert = json.loads(served.get("/api/alerts")[1])["alerts"][0]["fingerprint"]
    return served.url + SERVED[name].format(alert=alert)


def faults_of(browser, axe, page) -> list[str]:
    """What axe-core has to say about a page, in light and dark, on a telephone and on a desk."""
    browser.open(page)
    browser.js(f"{axe}; 0")
    found = []
    for width in (390, 1280):
        for scheme in ("light", "dark"):
            browser.resize(width)
            browser.look(scheme)
            found += [(width, scheme, *fault) for fault in browser.js(FAULTS)]
    return found


def cut_off(browser, page) -> list[object]:
    """What is too wide for a page on a telephone, a desk, and a wall."""
    browser.open(page)
    found = []
    for width in (390, 1280, 1920):
        browser.resize(width)
        wide, room = browser.js(WIDTHS)
        found += [(width, "page", wide, room)] if wide > room else []
        found += [(width, element) for element in browser.js(CUT)]
    return found


def passed_over(browser, page) -> tuple[set[int], set[int]]:
    """What the Tab key does not reach, and where it does not show that it is there."""
    browser.open(page)
    browser.js(NUMBER)
    every = set(range(browser.js(f"{STOPS}.length")))
    reached, unseen = set(), set()
    for _ in range(2 * len(every) + 5):  # a control of many parts, such as a date, takes more than one
        browser.press("Tab")
        stop, seen = browser.js(FOCUSED)
        if stop is not None:
            reached.add(stop)
            unseen |= set() if seen else {stop}
        elif reached == every:
            break
    return every - reached, unseen


@pytest.mark.parametrize("name", [*STATIC, *SERVED])
def test_axe_finds_no_serious_fault(browser, axe, page):
    assert faults_of(browser, axe, page) == []


@pytest.mark.parametrize("name", [*STATIC, *SERVED])
def test_nothing_is_cut_off_at_any_width_and_nothing_is_asked_of_others(browser, page, name):
    assert cut_off(browser, page) == []
    own = page.parent.parent.as_uri() if name in STATIC else page[: page.index("/", len("http://"))]
    assert all(asked.startswith(own) for asked in browser.requests)
    assert (browser.complaints, browser.dialogs) == ([], []) or name == "no such page"


@pytest.mark.parametrize("name", [*STATIC, *SERVED])
def test_the_keyboard_reaches_everything_and_shows_where_it_is(browser, page):
    assert passed_over(browser, page) == (set(), set())


def test_the_first_tab_leads_past_what_is_on_every_page(browser, pages):
    browser.open(pages["city"])
    browser.press("Tab")
    browser.press("Enter")
    assert browser.js("location.hash") == "#main"


def test_a_written_page_that_a_browser_keeps_comes_back_with_its_style_and_scripts(browser, served):
    for _ in range(2):  # the second time it asks whether what it has is still so
        browser.open(f"{served.url}/fleet")
        assert browser.js("getComputedStyle(document.querySelector('.scroll')).position") == "relative"
        assert browser.js("document.querySelectorAll('#fleet thead button').length") > 5
        assert browser.complaints == []


@pytest.mark.parametrize("name", STATIC)
def test_without_scripts_a_page_still_says_what_matters(browser, pages, name):
    browser.open(pages[name])
    said, headings = browser.js("document.querySelector('.said').innerText"), browser.js(HEADINGS)
    figures = browser.js("document.querySelectorAll('td.num').length")
    browser.open(pages[name], scripts=False)
    assert browser.js("document.querySelector('.said').innerText") == said
    assert browser.js(HEADINGS) == headings
    assert browser.js("document.querySelectorAll('td.num').length") == figures
    words = (
        "[...document.querySelectorAll('.canvas')].map(e => getComputedStyle(e, '::before').content.length)"
    )
    assert all(length > 20 for length in browser.js(words))  # in the place of a chart, what it would show
    assert (browser.js("matchMedia('(scripting: none)').matches"), browser.complaints) == (True, [])


HEADINGS = "[...document.querySelectorAll('h1, h2, h3')].map(e => e.textContent.trim())"
