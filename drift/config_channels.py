"""The channels of the config: by which ways people hear of alerts, each under a name that rules use.

A channel's URL is a secret as a whole: of a Slack hook even the path lets one in. It stands in the
environment (`${SLACK_URL}`) or in a file of its own (`url_file`), and shows itself nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, SecretStr, field_validator, model_validator

from drift.config_rules import Section
from drift.config_urls import _read as read_url_file
from drift.config_values import Duration, Length, format_duration

Form = Literal["text", "html", "sms", "slack"]
SHORTEST, LONGEST = timedelta(seconds=1), timedelta(minutes=5)


def _bounded(length: timedelta) -> timedelta:
    if not SHORTEST <= length <= LONGEST:
        raise ValueError(f"must be from {format_duration(SHORTEST)} to {format_duration(LONGEST)}")
    return length


class ChannelConfig(Section):
    """One channel. `kind` is `apprise` (Slack, mail, SMS and a hundred more, by their URL), `alertmanager`,
    or what a package from outside brings.

    `form` is the form of message that is sent, found from the service where it is left out. A send takes
    `timeout` at most. An Alertmanager keeps an alert for `expires` after it last heard of it.
    """

    kind: str = "apprise"
    url: SecretStr
    url_file: str | None = None
    form: Form | None = None
    timeout: Annotated[Duration, AfterValidator(_bounded)] = timedelta(seconds=10)
    expires: Length = timedelta(hours=25)

    @field_validator("url")
    @classmethod
    def _whole(cls, url: SecretStr) -> SecretStr:
        if not re.match(r"[A-Za-z0-9][A-Za-z0-9+.-]*://\S", url.get_secret_value()):
            raise ValueError("is no URL: write one such as mailtos://user:password@host?to=ops@example.org")
        return url

    @model_validator(mode="after")
    def _of_an_alertmanager(self) -> Self:
        if self.kind != "alertmanager":
            return self
        url = self.url.get_secret_value()
        if not url.startswith(("http://", "https://")) or "?" in url or "#" in url:
            raise ValueError("url: an Alertmanager's is like http://localhost:9093, with no ? and no #")
        if self.form is not None:
            raise ValueError("form: an Alertmanager has its own")
        return self


def with_url_files(channels: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """The channels with the URLs that their `url_file`s hold read in. `Any`: nothing has been validated yet.

    Raises:
        ValueError: both are given, or the file cannot be read; what is in it is not told.
    """
    return {name: _with_url(channel, f"channels.{name}.url", base) for name, channel in channels.items()}


def _with_url(channel: Any, where: str, base: Path) -> Any:
    if not isinstance(channel, Mapping) or not isinstance(channel.get("url_file"), str):
        return channel
    if "url" in channel:
        raise ValueError(f"both {where} and {where}_file are given: take one of them out")
    return {**channel, "url": read_url_file(base / Path(channel["url_file"]).expanduser(), f"{where}_file")}
