"""Pages in a real browser, from file://, spoken to over Chromium's own debugging pipe: no driver, no port."""

import itertools
import json
import os
import re
import runpy
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drift.reports.site import write_site

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FACTORY = Path(__file__).resolve().parent.parent / "unit" / "reports" / "factory.py"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
]
# Chromium reads commands from descriptor 3 and answers on 4
LAUNCH = """
import fcntl, os, sys
down, up = (fcntl.fcntl(int(end), fcntl.F_DUPFD_CLOEXEC, 64) for end in sys.argv[1:3])
os.dup2(down, 3), os.dup2(up, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
HOSTILE = "<img src=x onerror=alert(1)>'\"\u202e"
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path to open pages with")


class Browser:
    """A headless Chromium with one page, what it asked of the network, and what it complained of."""

    def __init__(self, profile: Path) -> None:
        down, self.down = os.pipe()
        self.up, up = os.pipe()
        start = [
            sys.executable,
            "-c",
            LAUNCH,
            str(down),
            str(up),
            CHROMIUM,
            *FLAGS,
            f"--user-data-dir={profile}",
        ]
        log = (profile.parent / "chromium.log").open("w")
        with log:
            self.process = subprocess.Popen(start, pass_fds=(down, up), stdout=log, stderr=log)
        os.close(down)
        os.close(up)
        self.numbers, self.rest, self.session = itertools.count(1), b"", None
        self.requests, self.blocked, self.complaints, self.loaded = [], [], [], 0
        try:
            self.attach()
        except BaseException:
            self.close()
            raise

    def attach(self) -> None:
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Network", "Page"):
            self.ask(f"{domain}.enable")

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        os.close(self.down)
        os.close(self.up)

    def ask(self, method, **params):
        number = next(self.numbers)
        to = {"sessionId": self.session} if self.session else {}
        os.write(
            self.down, json.dumps({"id": number, "method": method, "params": params, **to}).encode() + b"\0"
        )
        while (answer := self.hear()).get("id") != number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def hear(self):
        end = time.monotonic() + 30
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.up], [], [], max(0.0, end - time.monotonic()))
            assert ready, "Chromium said nothing for 30 s"
            part = os.read(self.up, 1 << 16)
            assert part, "Chromium went away"
            self.rest += part
        message, _, self.rest = self.rest.partition(b"\0")
        said = json.loads(message)
        self.note(said.get("method"), said.get("params", {}))
        return said

    def note(self, method, params) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Network.loadingFailed":
            self.blocked.append(params.get("blockedReason"))
        elif method in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.complaints.append(params)
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(params["args"])
        elif method == "Page.loadEventFired":
            self.loaded += 1

    def open(self, page: Path, width=1280, height=900, scheme="light") -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.requests, self.blocked, self.complaints, loaded = [], [], [], self.loaded
        self.ask("Page.navigate", url=page.as_uri())
        while self.loaded == loaded:
            self.hear()

    def js(self, expression):
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def drag(self, start, end, y) -> None:
        mouse = {"button": "left", "clickCount": 1, "buttons": 1}
        self.ask("Input.dispatchMouseEvent", type="mousePressed", x=start, y=y, **mouse)
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=end, y=y, **mouse)
        self.ask("Input.dispatchMouseEvent", type="mouseReleased", x=end, y=y, **mouse)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = Browser(tmp_path_factory.mktemp("browser") / "profile")
    yield found
    found.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = runpy.run_path(str(FACTORY))["fleet"](4, called=("zone-01", HOSTILE, "zone-03", "zone-04"))
    return write_site(*made, tmp_path_factory.mktemp("site"))


DRAWN = """Object.fromEntries([...document.querySelectorAll("[data-chart]")].map(place =>
    [place.dataset.chart, place.querySelectorAll("path.line, rect.bar, path.step").length]))"""
WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"


def test_a_citys_page_draws_all_its_charts_without_network_or_complaint(browser, site):
    page = site["city:zone-01"]
    browser.open(page)
    drawn = browser.js(DRAWN)
    assert drawn == {
        "forecast-0": 2,
        "forecast-1": 2,
        "error": 2,
        "daily": 2,
        "hours": 48,
        "bands": 6,
        **{f"column-{i}": 2 for i in range(6)},
    }
    assert browser.js("document.querySelectorAll('.span.firing').length") == 4  # twice over months, twice now
    assert browser.requests == [page.as_uri()]
    assert browser.complaints == []


def test_a_city_without_current_actuals_draws_its_gap(browser, site):
    browser.open(site["city:zone-04"])
    path = "document.querySelector('[data-chart=forecast-0] path.line.actual').getAttribute('d')"
    assert browser.js(path).count("M") == 2  # the hole of twenty hours; the last day has no line at all
    assert browser.js("document.querySelector('[data-chart=hours]').querySelectorAll('.bar').length") == 0
    assert browser.complaints == []


def test_the_policy_stops_what_is_not_the_pages_own(browser, site, tmp_path):
    broken = tmp_path / "broken.html"
    text = site["report"].read_text("utf-8")
    broken.write_text(
        text.replace("</main>", "<script>document.title = 'in'</script><img src='x.png'></main>")
    )
    browser.open(broken)
    assert browser.js("document.title") == "Forecast health of all cities"
    assert len(browser.complaints) >= 2
    assert browser.blocked == ["csp"]


def test_dragging_zooms_every_chart_of_the_axis_and_all_shows_all(browser, site):
    browser.open(site["city:zone-01"], height=4000)
    ticks = "[...document.querySelectorAll('[data-chart={}] .tick')].map(t => t.textContent).join()"
    before = {name: browser.js(ticks.format(name)) for name in ("forecast-0", "error", "daily")}
    box = browser.js(
        "(b => [b.left, b.right, b.top, b.height])(document.querySelector('[data-chart=forecast-1] .touch')"
        ".getBoundingClientRect())"
    )
    left, right, top, height = box
    browser.drag(left + (right - left) * 0.5, left + (right - left) * 0.6, top + height / 2)
    after = {name: browser.js(ticks.format(name)) for name in before}
    assert after["forecast-0"] != before["forecast-0"]
    assert ":00" in after["error"]
    assert after["daily"] == before["daily"]
    assert browser.js("document.querySelector('[data-readout=error]').textContent").count("·") == 2
    browser.js("[...document.querySelectorAll('.zoom button')].find(b => b.textContent === 'all').click()")
    assert browser.js(ticks.format("forecast-0")) == before["forecast-0"]
    assert browser.complaints == []


def test_arrow_keys_read_the_chart_in_both_clocks(browser, site):
    browser.open(site["city:zone-01"])
    browser.js("document.querySelector('[data-chart=error]').focus()")
    for key in ("ArrowRight", "ArrowRight", "+"):
        browser.ask("Input.dispatchKeyEvent", type="keyDown", key=key)
    said = browser.js("document.querySelector('[data-readout=forecast-0]').textContent")
    assert re.match(r"\w{3} \d+ (Mar|Apr), \d\d:30 \(\d\d:00 UTC\)", said)
    assert "actual" in said
    assert "MW" in said


def test_the_fleet_sorts_and_filters(browser, site):
    browser.open(site["report"])
    column = (
        "[...document.querySelectorAll('#fleet tbody tr:not([hidden])')].map(r => r.cells[{}].textContent)"
    )
    assert browser.js(column.format(2))[0] == "firing"
    browser.js("document.querySelectorAll('#fleet thead button')[4].click()")  # MAPE, smallest first
    mape = browser.js(column.format(4))
    figures = [float(text.split()[0]) for text in mape if "%" in text]
    assert figures == sorted(figures)
    assert ["–" in text for text in mape] == [False] * 6 + [True] * 2
    browser.js(
        "(i => { i.value = 'ZONE-03'; i.dispatchEvent(new Event('input')); })(document.querySelector('#filters input'))"
    )
    assert browser.js(column.format(0)) == ["zone-03", "zone-03"]
    assert browser.js("document.querySelector('#filters output').textContent") == "2 of 8 rows"
    assert browser.complaints == []


def test_a_hostile_name_is_text_and_its_link_works(browser, site):
    browser.open(site["report"])
    link = "[...document.querySelectorAll('#fleet a')].find(a => a.textContent.includes('onerror'))"
    assert browser.js(f"{link}.href") == site[f"city:{HOSTILE}"].as_uri()
    browser.open(site[f"city:{HOSTILE}"])
    assert browser.js("document.querySelectorAll('img').length") == 0
    assert "onerror" in browser.js("document.querySelector('h1').textContent")
    assert browser.complaints == []


@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "city:zone-01"])
def test_pages_fit_their_width_in_light_and_dark(browser, site, name, scheme, width):
    browser.open(site[name], width=width, scheme=scheme)
    wide, room = browser.js(WIDTHS)
    assert wide <= room
    colours = browser.js("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
    light = [sum(map(int, colour.strip("rgb()").split(","))) for colour in colours]
    assert (light[0] < light[1]) == (scheme == "light")
    assert browser.complaints == []


def test_every_chart_and_table_has_words_for_those_who_cannot_see_it(browser, site):
    for name in ("report", "city:zone-01"):
        browser.open(site[name])
        unnamed = "[...document.querySelectorAll('svg[role=img]')].filter(s => (s.getAttribute('aria-label') || '').length < 12)"
        assert browser.js(f"{unnamed}.length") == 0
        assert browser.js("[...document.querySelectorAll('table')].every(t => t.caption && t.tHead)")
        assert browser.js("document.querySelectorAll('main, header, footer, h1').length") == 4
        ids = "[...document.querySelectorAll('[id]')].map(e => e.id)"
        assert browser.js(f"new Set({ids}).size === {ids}.length")
