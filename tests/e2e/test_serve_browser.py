"""The on-call's night in a real browser, against a real process: see what fires, log in, silence it, see that
it is silenced, end that, log out. By keyboard alone, without a script, and nothing is asked of anybody else.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

import pytest

from .browser import Browser
from .serving import Served, serving

TOKEN = "a-token-of-a-test-0123456789"  # noqa: S105 - a made-up one
TEXT = "document.querySelector('main').innerText"
HEAD = "document.querySelector('h1').innerText"
FOCUSED = "(e => e.name || e.innerText || e.tagName)(document.activeElement)"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(making, tmp_path_factory) -> Iterator[Served]:
    made = making(tmp_path_factory.mktemp("served"))
    made.edit("alerts:", f"schedule: {{cron: '5 * * * *', catch_up: 2h}}\nserve: {{token: {TOKEN}}}\nalerts:")
    made.edit("duration: 1h", "duration: 0h")
    with serving(made.config) as found:
        found.wait_for_line("slot done")
        found.folder = made.folder
        yield found


def to(browser: Browser, name: str) -> None:
    """Press Tab until what is called so has the focus."""
    for _ in range(200):
        browser.press("Tab")
        if browser.js(FOCUSED).strip() == name:
            return
    raise AssertionError(f"the Tab key does not reach {name!r}")


def follow(browser: Browser, name: str) -> None:
    """Go to the link or the button of that name by keyboard, and press it."""
    to(browser, name)
    with browser.loading():
        browser.press("Enter")


def test_a_night_by_keyboard(browser: Browser, served: Served):
    browser.forget()
    browser.open(f"{served.url}/", scripts=False)
    asked, complaints = [], []

    def noted() -> None:
        asked.extend(browser.requests)
        complaints.extend(browser.complaints)
        browser.hush()

    assert browser.js(HEAD) == "1 alert fires."
    follow(browser, "model_accuracy_drop")
    assert "Surat" in browser.js(HEAD)
    follow(browser, "Silence this")
    assert "city=Surat" in browser.js("document.querySelector('#matchers').value")
    to(browser, "comment")
    browser.type("a new meter, back at nine")
    to(browser, "author")
    browser.type("asha")
    follow(browser, "Preview")
    assert "It matches 1 alert that stands now" in browser.js(TEXT)
    assert browser.js("document.querySelector('.confirm button').disabled")  # nobody is logged in yet
    noted()

    to(browser, "Log in")  # that of the navigation; the preview's own leads back here
    follow(browser, "Log in")
    to(browser, "token")
    browser.type(TOKEN)
    with browser.loading():
        browser.press("Enter")
    assert "It matches 1 alert that stands now" in browser.js(TEXT)
    follow(browser, "Silence this")
    assert "is set" in browser.js("document.querySelector('[role=status]').innerText")
    assert "asha: a new meter, back at nine" in browser.js(TEXT)
    follow(browser, "Overview")
    assert "1 of them is silenced: nobody is told." in browser.js(TEXT)
    noted()

    follow(browser, "Silences")
    follow(browser, "End now")
    assert "has ended" in browser.js("document.querySelector('[role=status]').innerText")
    assert "Nothing is silenced." in browser.js(TEXT)
    follow(browser, "Overview")
    assert "silenced" not in browser.js(TEXT)
    follow(browser, "Log out")  # leads to the page with the button
    to(browser, "Log out")
    follow(browser, "Log out")
    assert browser.js(HEAD) == "Log in"
    noted()
    assert complaints == []
    assert {one for one in asked if not one.startswith((f"{served.url}/", "data:"))} == set()
    kept = (
        sqlite3.connect(served.folder / "state" / "drift.db")
        .execute("SELECT author FROM silences")
        .fetchall()
    )
    assert kept == [("asha",)]


def test_a_page_of_another_site_cannot_silence_anything(browser: Browser, served: Served, tmp_path):
    """A page from disk sends an honest person's browser here with a form: the cookie does not come along."""
    browser.forget()
    browser.open(f"{served.url}/login")
    browser.js("document.querySelector('#token').focus()")
    browser.type(TOKEN)
    with browser.loading():
        browser.press("Enter")
    fields = {
        "matchers": "rule=~.+",
        "for": "4h",
        "author": "eve",
        "comment": "x",
        "created": "2026-04-01T01:05:31Z",
    }
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
    trap = tmp_path / "trap.html"
    trap.write_text(f'<form method="post" action="{served.url}/silences">{inputs}<button>Win</button></form>')
    browser.open(trap)
    with browser.loading():
        browser.js("document.querySelector('button').click()")
    assert browser.js(HEAD) == "Not allowed"
    assert json.loads(served.get("/api/alerts")[1])["silences"] == []


def test_a_page_of_ours_stands_in_no_frame(browser: Browser, served: Served, tmp_path):
    frame = tmp_path / "frame.html"
    frame.write_text(f'<iframe src="{served.url}/silences"></iframe>')
    browser.open(frame)
    assert any("frame" in json.dumps(one) for one in browser.complaints)


def test_the_way_to_the_other_pages_stands_on_written_ones_too(browser: Browser, served: Served):
    browser.open(f"{served.url}/cities/Surat")
    assert browser.js("document.querySelectorAll('nav.site a').length") == 7
    assert browser.js("getComputedStyle(document.querySelector('nav.site ul')).display") == "flex"
    assert browser.js("document.querySelectorAll('.canvas svg').length") > 3
    follow(browser, "Alerts")
    assert browser.js(HEAD) == "Alerts"
    follow(browser, "Report")
    assert browser.js("document.querySelectorAll('#fleet tbody tr').length") == 6
    assert browser.complaints == []


def test_filters_are_a_form_that_needs_no_script(browser: Browser, served: Served):
    browser.open(f"{served.url}/alerts", scripts=False)
    to(browser, "state")
    browser.press("a")  # chooses "all"
    to(browser, "city")
    browser.type("delh")
    with browser.loading():
        browser.press("Enter")
    assert browser.js("[...document.querySelectorAll('tbody .where')].map(e => e.innerText)") != []
    assert set(browser.js("[...document.querySelectorAll('tbody .where')].map(e => e.innerText)")) == {
        "Delhi"
    }


@pytest.mark.parametrize("path", ["/", "/alerts", "/silences"])
def test_a_page_prints_without_what_only_a_screen_can_do(browser: Browser, served: Served, path):
    browser.open(f"{served.url}{path}", media="print")
    shown = "[...document.querySelectorAll('nav.site, form.asked, button')].filter(e => e.checkVisibility()).length"
    assert browser.js(shown) == 0
    assert browser.js("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
