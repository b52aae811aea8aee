"""Whom the bridge lets in, what it takes, and that it answers 200 when a notice is in the outbox and not before."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from drift import Monitor, load_config
from drift.config import parse_config
from drift.errors import ConfigError, StateError
from drift.schedule import Schedule
from drift.sinks.prometheus import PrometheusSink
from drift.state import State
from drift.web.app import make_app
from drift.web.bridge import BODY_BYTES, PATH
from drift.web.guard import OFF

from .test_relayed import alert, payload

NOW = datetime(2026, 4, 1, 1, 5, 30, tzinfo=UTC)
TOKEN = "canary-0123456789abcdef"  # noqa: S105 - a made-up one
BEARER = {"Authorization": f"Bearer {TOKEN}"}
CHANNELS = """\
channels:
  sms: {url: "json://127.0.0.1:9"}
  pair: {kind: alertmanager, url: "http://127.0.0.1:9"}
"""


@pytest.fixture
def monitor(made) -> Monitor:
    made.edit("alerts:", f"serve: {{token: {TOKEN}}}\n{CHANNELS}reports: null\nhistory: null\nalerts:")
    return Monitor(load_config(made.config), clock=lambda: NOW)


def ask(
    monitor: Monitor, content: Any = None, method: str = "POST", channel: str = "sms", **how: Any
) -> httpx.Response:
    app = make_app(Schedule(monitor, lambda: NOW), PrometheusSink(), None)
    how = {"headers": BEARER, "params": {"channel": channel}, "content": content} | how

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://drift") as client:
            return await client.request(method, PATH, **how)

    return asyncio.run(call())


def sent(**changed: object) -> str:
    return payload(alert(), **changed).model_dump_json()


def waiting(monitor: Monitor) -> list[tuple[str, str, str | None]]:
    letters = monitor.state.outbox.letters()
    return [(one.channel, one.notice.why, one.notice.alerts[0].key.city) for one in letters]


def test_a_payload_is_in_the_outbox_when_it_is_answered(monitor):
    answer = ask(monitor, sent())
    assert (answer.status_code, answer.json()) == (200, {"notices": 1})
    assert waiting(monitor) == [("sms", "began", "Pune")]
    assert ask(monitor, sent()).json() == {"notices": 0}
    assert len(waiting(monitor)) == 1


def test_delivery_is_told_that_there_is_something_to_send(monitor):
    bell = monitor.telling.delivery._bells["sms"]
    assert not bell.is_set()
    ask(monitor, sent())
    assert bell.is_set()


def test_nothing_is_answered_with_200_that_is_not_in_the_outbox(monitor, monkeypatch):
    """The database is away. Alertmanager tries again after a 503, and not after a 4xx."""

    def away(*_: object, **__: object) -> None:
        raise StateError("state postgresql://host: deciding between slots failed")

    monkeypatch.setattr(State, "decide_apart", away)
    answer = ask(monitor, sent())
    assert (answer.status_code, "host" in answer.text) == (503, False)
    monkeypatch.undo()
    assert ask(monitor, sent()).json() == {"notices": 1}


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer \xe9".encode("latin-1")},
        {"Cookie": f"token={TOKEN}; Authorization=Bearer {TOKEN}"},
    ],
)
def test_without_the_token_nobody_has_anything_sent(monitor, header):
    answer = ask(monitor, sent(), headers=header)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert waiting(monitor) == []
    assert (
        ask(monitor, headers=header, channel="no such channel").status_code == 401
    )  # it tells no names either


def test_no_page_elsewhere_can_have_a_browser_page_anybody(monitor):
    """A form sends no such header, and a script that would must ask first, which is refused."""
    form = {"Origin": "http://evil.example", "Content-Type": "text/plain", "Cookie": f"token={TOKEN}"}
    assert ask(monitor, sent(), headers=form).status_code == 401
    in_the_url = ask(monitor, sent(), headers=form, params={"channel": "sms", "token": TOKEN})
    assert in_the_url.status_code == 401
    asks = {
        "Origin": "http://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    preflight = ask(monitor, method="OPTIONS", headers=asks)
    assert preflight.status_code == 405
    assert not [name for name in preflight.headers if name.startswith("access-control")]
    assert ask(monitor, method="GET").status_code == 405
    assert waiting(monitor) == []


def test_where_the_config_has_no_token_the_bridge_is_off(made):
    made.edit("alerts:", f"{CHANNELS}reports: null\nalerts:")
    monitor = Monitor(load_config(made.config), clock=lambda: NOW)
    for headers in (BEARER, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}, {}):
        answer = ask(monitor, sent(), headers=headers)
        assert (answer.status_code, answer.json()) == (403, {"error": OFF})
    assert waiting(monitor) == []


@pytest.mark.parametrize("channel", ["", "email", "sms%00", "../sms", "log"])
def test_a_channel_that_there_is_not_is_not_found(monitor, channel):
    answer = ask(monitor, sent(), channel=channel)
    assert answer.status_code == 404
    assert answer.json()["error"].startswith("drift's config has no channel")


def test_alerts_do_not_go_round(monitor):
    answer = ask(monitor, sent(), channel="pair")
    assert (answer.status_code, "alerts would go round" in answer.text) == (400, True)
    assert waiting(monitor) == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the whole: Invalid JSON"),
        (b"\xff\xfe", "the whole: Invalid JSON"),
        (b"[" * 100_000, "the whole: Invalid JSON"),
        (b'{"version": "4", "groupKey": "\\ud800"}', "the whole: Invalid JSON"),
        (b"[]", "the whole: Input should be an object"),
        (json.dumps({"version": "3"}).encode(), "version: Input should be '4'"),
        (
            sent().replace("firing", "secret-word").encode(),
            "alerts.0.status: Input should be 'firing' or 'resolved'",
        ),
    ],
)
def test_what_is_no_payload_is_refused_with_the_reason(monitor, content, why):
    answer = ask(monitor, content)
    assert answer.status_code == 400
    assert why in answer.json()["error"]
    assert "secret-word" not in answer.text
    assert waiting(monitor) == []


def test_a_megabyte_is_taken_and_more_is_not_however_it_comes(monitor):
    most = sent().encode().ljust(BODY_BYTES)
    assert ask(monitor, most).status_code == 200

    async def in_parts() -> AsyncIterator[bytes]:
        for _ in range(65):
            yield b" " * (BODY_BYTES // 64)

    for content in (most + b" ", in_parts()):
        answer = ask(monitor, content)
        assert (answer.status_code, "max_alerts" in answer.text) == (413, True)


def test_it_says_nothing_of_the_token(monitor, capsys):
    ask(monitor, sent())
    ask(monitor, sent(), headers={"Authorization": f"Bearer {TOKEN}x"})
    said = capsys.readouterr()
    assert TOKEN not in said.out + said.err + repr(monitor.config) + monitor.config.model_dump_json()


STORE = {"predictions": {"path": "p.parquet"}, "actuals": {"path": "a.parquet"}}


@pytest.mark.parametrize(
    "token", ["short", "", "with a space in it", "line\nfeed-0123456789", "ünïcode-0123456789"]
)
def test_a_token_that_can_be_guessed_or_not_be_sent_is_refused_without_being_told(tmp_path, token):
    with pytest.raises(ConfigError, match=r"serve\.token: should be 16 characters or more") as caught:
        parse_config({"store": STORE, "serve": {"token": token}}, tmp_path)
    assert not token or token not in str(caught.value)


def test_the_token_may_stand_in_a_file_of_its_own(tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    config = parse_config({"store": STORE, "serve": {"token_file": "token"}}, tmp_path)
    assert config.serve.token is not None
    assert config.serve.token.get_secret_value() == TOKEN
    with pytest.raises(ConfigError, match=r"both serve\.token and serve\.token_file are given"):
        parse_config({"store": STORE, "serve": {"token_file": "token", "token": TOKEN}}, tmp_path)
