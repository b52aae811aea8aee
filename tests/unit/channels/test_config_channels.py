from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from drift.config_channels import ChannelConfig, with_url_files

URL = "json://hook.example/Tcanary"


def test_a_channel_needs_a_url_and_no_more() -> None:
    made = ChannelConfig.model_validate({"url": URL})
    assert (made.kind, made.form, made.timeout) == ("apprise", None, timedelta(seconds=10))
    assert made.url.get_secret_value() == URL


def test_a_url_shows_itself_nowhere() -> None:
    made = ChannelConfig.model_validate({"url": URL})
    for shown in (repr(made), str(made), made.model_dump_json(), str(made.model_dump())):
        assert "canary" not in shown


@pytest.mark.parametrize(("content", "text"), [
    ({"url": "canary"}, "is no URL: write one such as mailtos://"),
    ({"url": ""}, "is no URL"),
    ({"url": "slack://"}, "is no URL"),
    ({}, "Field required"),
    ({"url": URL, "timeout": "0.5s"}, "must be from 1s to 5m"),
    ({"url": URL, "timeout": "6m"}, "must be from 1s to 5m"),
    ({"url": URL, "timeout": "10"}, "is no length of time"),
    ({"url": URL, "form": "markdown"}, "Input should be 'text', 'html', 'sms' or 'slack'"),
    ({"url": URL, "froms": "text"}, "Extra inputs are not permitted"),
    ({"url": URL, "expires": "0h"}, "must be longer than zero"),
    ({"kind": "alertmanager", "url": "slack://a/b/canary"}, "is like http://localhost:9093"),
    ({"kind": "alertmanager", "url": "http://h:9093/?x=canary"}, "no ? and no #"),
    ({"kind": "alertmanager", "url": "http://h:9093", "form": "sms"}, "an Alertmanager has its own"),
])  # fmt: skip
def test_what_does_not_fit_is_told_without_the_url(content: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ChannelConfig.model_validate(content)
    said = "; ".join(error["msg"] for error in caught.value.errors(include_input=False))
    assert text in said
    assert "canary" not in said


def test_a_url_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text(f"{URL}\n")
    channels = {"email": {"url_file": "mail"}, "slack": {"url": URL}, "odd": 3}
    filled = with_url_files(channels, tmp_path)
    assert filled["email"] == {"url_file": "mail", "url": URL}
    assert (filled["slack"], filled["odd"]) == ({"url": URL}, 3)


def test_a_file_that_does_not_fit_is_named_and_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "two").write_text("json://canary\njson://b")
    for channel, text in (
        ({"url_file": "none"}, "channels.email.url_file: .* cannot be read"),
        ({"url_file": "two"}, "channels.email.url_file: .* should hold one URL on one line"),
        ({"url_file": "two", "url": URL}, "both channels.email.url and channels.email.url_file are given"),
    ):
        with pytest.raises(ValueError, match=text) as caught:
            with_url_files({"email": channel}, tmp_path)
        assert "canary" not in str(caught.value)
