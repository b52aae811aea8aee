"""Who is logged in, and who may not have anything done: a table of attacks, and what each meets."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from drift.web.attempts import ADDRESSES, MOST, MOST_OF_ALL, WITHIN, Attempts
from drift.web.session import LASTS, brings_back, cookie_of, session_of

from .conftest import NOW, OURS, TOKEN, Pages, alert, commit

KEY, OTHER = SecretStr(TOKEN), SecretStr("another token of the config, 42")
WHEN = datetime(2026, 4, 1, tzinfo=UTC)
COOKIE = cookie_of(KEY, WHEN, "0" * 32)
SILENCE = {"matchers": "city=Surat", "from": "", "for": "4h", "author": "ops", "comment": "a new meter"}


# -- the cookie


def test_a_session_lasts_a_shift_and_not_a_second_longer():
    assert session_of(COOKIE, KEY, WHEN + LASTS - timedelta(seconds=1)).until == WHEN + LASTS
    assert session_of(COOKIE, KEY, WHEN + LASTS) is None


def test_another_token_logs_everybody_out():
    assert session_of(COOKIE, OTHER, WHEN) is None
    assert session_of(COOKIE, None, WHEN) is None


def test_replicas_with_the_same_token_know_each_others_cookies_and_forms():
    """Nothing is kept anywhere: the cookie and the token are all there is."""
    assert session_of(COOKIE, SecretStr(TOKEN), WHEN) == session_of(COOKIE, KEY, WHEN)


def test_two_log_ins_have_different_forms():
    other = session_of(cookie_of(KEY, WHEN, "1" * 32), KEY, WHEN)
    assert not brings_back(session_of(COOKIE, KEY, WHEN), other.csrf)


def test_the_word_of_a_form_is_no_cookie_and_the_signature_no_word():
    session = session_of(COOKIE, KEY, WHEN)
    says, _, signed = COOKIE.rpartition(".")
    assert session_of(f"{says}.{session.csrf}", KEY, WHEN) is None
    assert not brings_back(session, signed)


@given(place=st.integers(0, len(COOKIE) - 1), other=st.characters(codec="latin-1"))
def test_a_cookie_with_any_character_changed_is_void(place, other):
    changed = COOKIE[:place] + other + COOKIE[place + 1 :]
    assert changed == COOKIE or session_of(changed, KEY, WHEN) is None


@given(st.text())
def test_any_other_text_is_no_cookie_and_no_word(text):
    assert session_of(text, KEY, WHEN) is None
    assert not brings_back(session_of(COOKIE, KEY, WHEN), text)


def test_the_token_stands_in_no_cookie():
    assert TOKEN not in COOKIE
    assert TOKEN[:8] not in COOKIE


# -- logging in


def test_the_cookie_is_for_the_server_alone(pages: Pages):
    answer = pages.post("/login", {"token": TOKEN})
    said = answer.headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=strict" in said
    assert "max-age=43200" in said
    assert "path=/" in said
    assert "secure" not in said  # by plain http a browser would drop it


def test_by_https_the_cookie_goes_by_https_only(pages_of):
    pages = pages_of(more="notify: {base_url: 'https://drift.example/city'}")
    answer = pages.post("/login", {"token": TOKEN}, origin="https://drift.example")
    assert answer.status_code == 303
    assert "secure" in answer.headers["set-cookie"].lower()


def test_a_wrong_token_is_told_so_and_stands_in_no_log_and_on_no_page(pages: Pages, capsys):
    answer = pages.post("/login", {"token": "wrong-and-secret-9"})
    assert answer.status_code == 401
    assert "This is not the token" in answer.text
    told = capsys.readouterr()
    assert "a log-in failed" in told.out + told.err
    assert "wrong-and-secret-9" not in answer.text + told.out + told.err
    assert "set-cookie" not in answer.headers


def test_too_many_wrong_tokens_are_not_even_tried(pages: Pages):
    for _ in range(MOST):
        assert pages.post("/login", {"token": "wrong-token-wrong"}).status_code == 401
    answer = pages.post("/login", {"token": TOKEN})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "61")
    pages.after(WITHIN)
    assert pages.post("/login", {"token": TOKEN}).status_code == 303


def test_what_is_remembered_of_attempts_is_bounded():
    attempts = Attempts()
    for n in range(3 * ADDRESSES):
        attempts.failed(f"10.{n // 65536}.{n // 256 % 256}.{n % 256}", WHEN)
    assert len(attempts._failed) <= ADDRESSES
    assert attempts.wait("192.0.2.1", WHEN) == WITHIN  # all together have had their share
    assert sum(map(len, attempts._failed.values())) <= ADDRESSES * MOST + MOST_OF_ALL


def test_a_household_with_many_addresses_is_one():
    attempts = Attempts()
    for n in range(MOST):
        attempts.failed(f"2001:db8::{n}", WHEN)
    assert attempts.wait("2001:db8::ffff", WHEN) == WITHIN
    assert attempts.wait("2001:db8:0:1::1", WHEN) == timedelta(0)


@pytest.mark.parametrize("way", ["//evil.example", "https://evil.example", "/\\evil.example", "alerts\r\nSet-Cookie: a=b", "javascript:alert(1)", "silences?a=<script>"])  # fmt: skip
def test_a_log_in_leads_to_our_pages_only(pages: Pages, way):
    answer = pages.post("/login", {"token": TOKEN, "next": way})
    assert answer.headers["location"] == "./"
    assert set(answer.headers) >= {"set-cookie"}


def test_a_log_in_leads_back_to_what_was_being_done(pages: Pages):
    shown = pages.get("/silences?preview=1&matchers=city%3DSurat&for=4h&author=ops&comment=x").text
    way = re.search(r'href="(login\?next=[^"]+)"', shown)[1]
    form = pages.get(f"/{way}").text
    after = re.search(r'name="next" value="([^"]*)"', form)[1].replace("&amp;", "&")
    answer = pages.post("/login", {"token": TOKEN, "next": after})
    assert "It matches" in pages.get(answer.headers["location"].removeprefix(".")).text


def test_logging_out_forgets_the_cookie(pages: Pages):
    word = pages.log_in()
    answer = pages.post("/logout", {"csrf": word})
    assert answer.status_code == 303
    assert "drift_session" not in pages.cookies
    assert "Log in" in pages.get("/login").text


# -- a table of attacks: each sends a silence that would be set, but for one thing


def _sent(pages: Pages, form: dict[str, str], **headers: str) -> int:
    word = pages.log_in()
    sent = {"csrf": word, "created": pages.times[0].isoformat()} | SILENCE | form
    return pages.post("/silences", sent, **headers).status_code


def _foreign_form(pages: Pages) -> int:
    theirs = pages.log_in()
    pages.cookies.clear()
    return _sent(pages, {"csrf": theirs})


def _expired(pages: Pages) -> int:
    word = pages.log_in()
    pages.after(LASTS)
    sent = {"csrf": word, "created": pages.times[0].isoformat()} | SILENCE
    return pages.post("/silences", sent).status_code


def _of_another_token(pages: Pages) -> int:
    cookie = cookie_of(OTHER, NOW, "0" * 32)
    pages.cookies["drift_session"] = cookie
    word = session_of(cookie, OTHER, NOW).csrf
    return pages.post("/silences", {"csrf": word, "created": NOW.isoformat()} | SILENCE).status_code


def _without_cookie(pages: Pages) -> int:
    word = pages.log_in()
    pages.cookies.clear()
    return pages.post("/silences", {"csrf": word, "created": NOW.isoformat()} | SILENCE).status_code


def _by_get(pages: Pages) -> int:
    word = pages.log_in()
    asked = {"csrf": word, "created": NOW.isoformat(), "preview": "1"} | SILENCE
    return pages.get("/silences?" + "&".join(f"{k}={v}" for k, v in asked.items())).status_code


def _bearer_in_the_form(pages: Pages) -> int:
    return pages.post("/silences", SILENCE, authorization=f"Bearer {TOKEN}").status_code


def _as_json(pages: Pages) -> int:
    pages.log_in()
    return pages.post("/silences", None, content_type="application/json").status_code


ATTACKS: dict[str, tuple[int, Callable[[Pages], int]]] = {
    "none: an honest form": (303, lambda pages: _sent(pages, {})),
    "a form of another origin": (403, lambda pages: _sent(pages, {}, origin="https://evil.example")),
    "of this host, from another port": (403, lambda pages: _sent(pages, {}, origin=f"{OURS}:8080")),
    "of no origin that is told": (403, lambda pages: _sent(pages, {}, origin="null")),
    "a browser that says: another site": (403, lambda pages: _sent(pages, {}, sec_fetch_site="cross-site")),
    "a browser that says: same site": (403, lambda pages: _sent(pages, {}, sec_fetch_site="same-site")),
    "without the form's word": (403, lambda pages: _sent(pages, {"csrf": ""})),
    "with a wrong word": (403, lambda pages: _sent(pages, {"csrf": "0" * 64})),
    "with a word that is no text": (403, lambda pages: _sent(pages, {"csrf": "\u202e" * 64})),
    "with the word of another log-in": (403, _foreign_form),
    "after twelve hours": (403, _expired),
    "after the token was changed": (403, _of_another_token),
    "without the cookie": (403, _without_cookie),
    "by GET": (400, _by_get),
    "by a token in a header, as the bridge takes": (403, _bearer_in_the_form),
    "as no form": (415, _as_json),
    "far too large": (413, lambda pages: _sent(pages, {"comment": "x" * 100_000})),
    "with too many fields": (400, lambda pages: _sent(pages, {f"f{n}": "1" for n in range(50)})),
    "with a comment without end": (400, lambda pages: _sent(pages, {"comment": "x" * 501})),
    "for ever": (400, lambda pages: _sent(pages, {"for": "", "until": "2100-01-01T00:00Z"})),
    "of everything, by what matches nothing": (400, lambda pages: _sent(pages, {"matchers": "city!=x"})),
    "with a pattern that takes for ever": (400, lambda pages: _sent(pages, {"matchers": "city=~(a{9}){9}"})),
    "of an old preview": (400, lambda pages: _sent(pages, {"created": "2026-03-01T00:00:00+00:00"})),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_only_an_honest_form_sets_a_silence(pages: Pages, attack):
    expected, send = ATTACKS[attack]
    commit(pages, alert())
    assert send(pages) == expected
    assert len(pages.state.silences.list()) == (expected == 303)


@pytest.mark.parametrize("path", ["/silences/abc/expire", "/logout"])
def test_what_changes_something_is_no_get(pages: Pages, path):
    pages.log_in()
    answer = pages.get(path)
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]


def test_without_a_token_in_the_config_nobody_gets_in_and_the_pages_say_why(pages_of):
    pages = pages_of(serve="")
    commit(pages, alert())
    answer = pages.post("/login", {"token": ""})
    assert answer.status_code == 403
    assert "Set serve.token" in answer.text
    refused = pages.post("/silences", SILENCE)
    assert refused.status_code == 403
    assert "for reading only" in refused.text
    shown = pages.get("/silences?preview=1&matchers=city%3DSurat&for=4h&author=ops&comment=a+new+meter").text
    assert "serve.token" in shown
    assert "disabled" in shown
    assert "drift alerts silence city=Surat --for 4h --author ops --comment &#39;a new meter&#39;" in shown
    assert '<button class="main">Silence' not in shown
