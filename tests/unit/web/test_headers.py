"""What every answer tells the browser, for whom the server answers at all, and that no path leads out."""

from __future__ import annotations

import http.client
import re
from datetime import timedelta

import pytest

from drift.web.city_pages import found_city
from drift.web.headers import answered_for
from drift.web.problems import PageError
from drift.web.written_pages import CONFINED

from .conftest import OURS, SLOT, Pages, alert, commit

LIVE = ("/", "/alerts", "/silences", "/slots", "/login", "/nothing", "/alerts/zz", "/slots/x")
SLOT_FOLDER = "2026-04-01T01-05Z"
WRITTEN = (
    '<!doctype html><meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; style-src '
    '&#39;self&#39;"><title>t</title><body><!-- nav --><p>&lt;!-- nav --&gt;</p>'
)


def rules_of(answer) -> dict[str, str]:
    """The policy as rules by name."""
    parts = [part.split(None, 1) for part in answer.headers["content-security-policy"].split(";")]
    return {part[0]: part[1].strip() if len(part) > 1 else "" for part in parts}


@pytest.mark.parametrize("path", LIVE)
def test_live_pages_load_their_style_and_nothing_else(pages: Pages, path):
    answer = pages.get(path)
    rules = rules_of(answer)
    assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
    assert "script-src" not in rules
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers
    assert "<script" not in answer.text
    assert not re.search(r"\son\w+=|style=", answer.text)


@pytest.mark.parametrize("path", LIVE)
def test_forms_go_to_us_from_pages_that_have_one_and_nowhere_from_others(pages: Pages, path):
    pages.log_in()
    answer = pages.get(path)
    assert rules_of(answer)["form-action"] == ("'self'" if "<form" in answer.text else "'none'")


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "/api/alerts", "/api/slots"])
def test_what_programs_ask_for_is_no_page(pages: Pages, path):
    answer = pages.get(path)
    assert answer.status_code == 200
    assert rules_of(answer)["default-src"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"


# -- the host


REBOUND = {
    "evil.example": 421,
    "127.0.0.1.evil.example:9109": 421,
    "localhost.evil.example": 421,
    "": 421,
    "localhost\u00e9": 421,
    "a@localhost": 421,
    "localhost:9109": 200,
    "LOCALHOST": 200,
    "127.0.0.1:9109": 200,
    "[::1]:9109": 200,
    "drift.example": 200,
}


@pytest.mark.parametrize(("host", "expected"), REBOUND.items())
def test_on_loopback_no_other_name_leads_here(pages_of, host, expected):
    pages = pages_of(hosts=answered_for("127.0.0.1", (), "https://drift.example"))
    answer = pages.get("/alerts", host=host.encode("latin-1"))
    assert answer.status_code == expected
    if expected == 421:
        assert "serve.hosts" in answer.text
        assert rules_of(answer)["default-src"] == "'none'"


def test_whoever_probes_may_ask_by_any_name(pages_of):
    pages = pages_of(hosts=answered_for("127.0.0.1", (), ""))
    assert pages.get("/healthz", host="10.0.0.7:9109").status_code == 200
    assert pages.get("/metrics", host="10.0.0.7:9109").status_code == 421


def test_elsewhere_the_config_says_the_names():
    assert answered_for("192.0.2.1", (), "") == answered_for("::", (), "") == ()
    assert answered_for("192.0.2.1", ("drift.example",), "")[-1] == "drift.example"
    assert "localhost" in answered_for("192.0.2.1", ("drift.example",), "")


# -- the written pages


@pytest.fixture
def written(pages: Pages) -> Pages:
    folder = pages.reports / SLOT_FOLDER
    (folder / "cities").mkdir(parents=True)
    (folder / "index.html").write_text(WRITTEN)
    (folder / "cities" / "surat.html").write_text(WRITTEN)
    (folder / "deep").mkdir()
    (folder / "deep" / "x.html").write_text("<html><script>alert(1)</script>")
    return pages


def test_a_written_page_is_served_with_the_way_to_the_others_and_stays_as_it_is(written: Pages):
    answer = written.get(f"/reports/{SLOT_FOLDER}/cities/surat.html")
    assert answer.status_code == 200
    assert answer.text.count('<nav class="site"') == 1
    assert 'href="../../../alerts"' in answer.text
    assert (written.reports / SLOT_FOLDER / "cities" / "surat.html").read_text() == WRITTEN
    assert rules_of(answer) == {"default-src": "'none'", "style-src": "'self'", "frame-ancestors": "'none'"}


def test_a_page_that_did_not_change_is_not_sent_again(written: Pages):
    path = f"/reports/{SLOT_FOLDER}/index.html"
    first = written.get(path)
    assert first.headers["cache-control"] == "no-cache"
    again = written.get(path, if_none_match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    (written.reports / SLOT_FOLDER / "index.html").write_text(WRITTEN + "<p>more</p>")
    assert written.get(path, if_none_match=first.headers["etag"]).status_code == 200


def test_a_page_that_did_not_change_is_another_to_who_logged_in(written: Pages):
    path = f"/reports/{SLOT_FOLDER}/index.html"
    first = written.get(path)
    assert "Log in" in first.text
    written.log_in()
    again = written.get(path, if_none_match=first.headers["etag"])
    assert again.status_code == 200
    assert "Log out" in again.text


def test_a_page_without_a_policy_of_ours_is_let_nowhere(written: Pages):
    answer = written.get(f"/reports/{SLOT_FOLDER}/deep/x.html")
    assert answer.headers["content-security-policy"] == CONFINED
    assert "<nav" not in answer.text


LEADING_OUT = (
    "/reports/../drift.yaml", "/reports/%2e%2e/drift.yaml", "/reports/..%2fdrift.yaml", "/reports/%2e%2e%2fdrift.yaml",
    f"/reports/{SLOT_FOLDER}/../../drift.yaml", f"/reports/{SLOT_FOLDER}/..%5c..%5cdrift.yaml", "/reports//etc/passwd",
    "/reports/%00", "/reports/..%00/drift.yaml", "/assets/../drift.yaml", "/assets/report.css%00", "/cities/../drift.yaml",
    "/cities/%2e%2e%2f%2e%2e%2fdrift.yaml", "/cities/..%2f..%2fdrift.yaml", "/cities/%00", "/slots/..%2f..%2fdrift.yaml",
    "/alerts/..%2f..%2fdrift.yaml", "/silences/..%2fdrift.yaml/expire",
)  # fmt: skip


@pytest.mark.parametrize("path", LEADING_OUT)
def test_no_path_leads_out(written: Pages, path):
    commit(written, alert())
    answer = written.get(path)
    assert answer.status_code in (400, 404, 405)
    assert "store:" not in answer.text
    assert "root:" not in answer.text
    assert "Traceback" not in answer.text


def test_a_link_in_the_folder_that_leads_out_is_not_followed(written: Pages):
    (written.reports / SLOT_FOLDER / "out.html").symlink_to(written.reports.parent / "drift.yaml")
    assert written.get(f"/reports/{SLOT_FOLDER}/out.html").status_code == 404


# -- text that would become a header, an address or markup


HOSTILE = (
    "<script>alert(1)</script>",
    "a\r\nSet-Cookie: drift_session=x",
    "\u202e\u0000x",
    "../../x",
    "'\"><img src=x>",
    "é" * 1000,
)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("path", ["/alerts/{}", "/slots/{}", "/cities/{}", "/alerts?city={}", "/alerts?rule={}", "/alerts?{}=1", "/slots?before={}", "/silences?preview=1&matchers={}&for=4h&author={}&comment={}", "/login?next={}"])  # fmt: skip
def test_what_is_asked_for_is_text_on_the_page_and_in_no_header(pages: Pages, path, text):
    from urllib.parse import quote

    commit(pages, alert())
    answer = pages.get(path.replace("{}", quote(text, safe="")))
    assert answer.status_code < 500
    assert "<script" not in answer.text
    assert "<img" not in answer.text
    assert "\u202e" not in answer.text
    for name, value in answer.headers.items():
        assert "\n" not in name + value
    assert answer.headers.get_list("set-cookie") == []


@pytest.mark.parametrize("name", HOSTILE)
def test_a_citys_name_is_text_everywhere(pages: Pages, name):
    one = alert(city=name)
    commit(pages, one)
    shown = [pages.get(path).text for path in ("/", "/alerts", "/slots/2026-04-01T01-05Z")]
    assert all('class="state firing"' in text for text in shown)
    (path,) = set(re.findall(r'href="\./(alerts/[0-9a-f]{64})"', shown[1]))
    for text in (*shown, pages.get(f"/{path}").text):
        assert "<script" not in text
        assert "<img" not in text
        assert "\u202e" not in text
        assert "\x00" not in text


def test_a_name_that_is_not_there_is_told_which_may_be_meant():
    with pytest.raises(PageError) as said:
        found_city("mumbay", ["Mumbai", "Pune"])
    assert said.value.problem.status == 404
    assert said.value.problem.remedy == "Did you mean Mumbai?"


def test_a_form_that_never_comes_is_not_waited_for(pages: Pages, monkeypatch):
    """Its first half comes, and then nothing."""
    import asyncio

    from drift.web import asked

    monkeypatch.setattr(asked, "FORM_SECONDS", 0.01)
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        if not hasattr(receive, "done"):
            receive.done = True
            return {"type": "http.request", "body": b"token=", "more_body": True}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    headers = {"host": "drift.test", "origin": OURS, "content-type": "application/x-www-form-urlencoded"}
    scope = {
        "type": "http", "method": "POST", "path": "/login", "raw_path": b"/login", "query_string": b"", "root_path": "",
        "scheme": "http", "server": ("drift.test", 80), "client": ("10.0.0.1", 1), "http_version": "1.1",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    asyncio.run(pages.app(scope, receive, send))
    assert sent[0]["status"] == http.client.REQUEST_TIMEOUT


def test_times_are_on_the_citys_clock_with_utc_beside(pages: Pages):
    commit(pages, alert(since=SLOT - timedelta(hours=9)))
    text = re.sub(r"<[^>]+>", " ", pages.get("/").text)
    assert "Tue 31 Mar 2026, 21:35 IST" in text
    assert "16:05 UTC" in text


@pytest.mark.parametrize(
    ("host", "serve", "warned"),
    [
        ("192.0.2.1", "", True),
        ("192.0.2.1", "serve: {token: 0123456789abcdef0123456789abcdef}", False),
        ("127.0.0.1", "", False),
    ],
)
def test_listening_beyond_this_machine_without_a_token_is_said_in_the_log(
    pages_of, host, serve, warned, capsys
):
    from drift.web.serve import _warn_of_the_open

    _warn_of_the_open(pages_of(serve=serve).schedule.monitor.config, host)
    assert ("without serve.token" in "".join(capsys.readouterr())) is warned
