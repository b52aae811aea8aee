"""What of telling people is the config's: how often, after how long, by which channels, with which links."""

from __future__ import annotations

import re
import shlex
from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from drift.config_rules import Section
from drift.config_values import Length, WaitingTime
from drift.text import hidden

NO_DATA, LATE_ACTUALS = "no_data", "late_actuals"
MONITOR_STALE, DELIVERY_FAILED = "monitor_stale", "delivery_failed"
BUILTIN = (NO_DATA, LATE_ACTUALS, MONITOR_STALE, DELIVERY_FAILED)
"""The rules that drift brings (`drift/builtin.py`): one of the config may not have their names."""
_PLACE = re.compile(r"[^\s<>\"'`|\\{}^?#]{1,300}")
_WEB = re.compile(r"https?://[^\s<>\"'`|\\{}^/@?#]+(/[^\s<>\"'`|\\{}^?#]*)?")


def _address(url: str) -> str:
    if url and not _WEB.fullmatch(url):
        raise ValueError(
            "is no web address that links can be made of: write one such as https://drift.example/city, with "
            "no user, no ? and no #"
        )
    return url


def _runbook(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s<>\"'`|\\{}^]+", url):
        raise ValueError("is no web address: write one such as https://wiki.example/runbooks/accuracy")
    return url


def _pinged(url: SecretStr) -> SecretStr:
    if not re.fullmatch(r"https?://[^\s/?#]\S*", url.get_secret_value()):
        raise ValueError("is no web address: write the one that the dead man's switch gave you")
    return url


def _folder(folder: str) -> str:
    if not _PLACE.fullmatch(folder) or any(map(hidden, folder)):
        raise ValueError(
            "is no folder that links can be made of: docs/runbooks is one, or https://wiki.example/drift"
        )
    return folder


def _command(words: str) -> str:
    """Words of a shell, which end up in front of people to be pasted."""
    try:
        split = shlex.split(words)
    except ValueError:
        split = []
    if not split or len(words) > 200 or any(map(hidden, words)):
        raise ValueError("is no command: write one such as drift, or kubectl exec deploy/drift -- drift")
    return words


WebAddress = Annotated[str, AfterValidator(_address)]
Runbook = Annotated[str, AfterValidator(_runbook)]


class NotifyConfig(Section):
    """How people are told of alerts.

    An alert that goes on is told again every `repeat`. A series that no rule could judge for `no_data_after`
    is an alert of its own; so is a city whose actuals have been later than they usually are for `late_for`;
    so it is when no slot was finished for `stale_after` (left out: twice the longest
    time between two slots). A model version without which others have forecast a city for `retire_after` was
    retired there: its alerts resolve. A message that its channel does not take for `give_up` is a dead
    letter. People see the served pages at `base_url`. `runbooks` are URLs by rule; of other rules, the page
    of its kind in `runbook_folder`, a folder or a URL. Commands that messages advise begin with `command`,
    and `options` stand behind its verbs. What drift says of itself goes to `channels` (left out: to all
    there are). No silence is longer than `longest_silence`.

    A dead man's switch is called at `ping_url` after each good slot; whoever knows that URL can keep it
    quiet, so it is a secret, which may stand in a file of its own (`ping_url_file`). `watchdog`: channels of
    the kind alertmanager are sent an alert that always fires while drift lives.
    """

    repeat: WaitingTime = timedelta(hours=24)
    no_data_after: Length = timedelta(hours=6)
    late_for: Length = timedelta(hours=3)
    retire_after: Length = timedelta(days=7)
    stale_after: WaitingTime | None = None
    give_up: WaitingTime = timedelta(hours=24)
    longest_silence: Length = timedelta(days=30)
    base_url: WebAddress = ""
    runbooks: dict[str, Runbook] = Field(default_factory=dict)
    runbook_folder: Annotated[str, AfterValidator(_folder)] = "docs/runbooks"
    command: Annotated[str, AfterValidator(_command)] = "drift"
    options: Annotated[str, AfterValidator(_command)] | None = None
    channels: tuple[str, ...] | None = None
    ping_url: Annotated[SecretStr, AfterValidator(_pinged)] | None = None
    ping_url_file: str | None = None
    watchdog: bool = True

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        twice = [name for n, name in enumerate(self.channels or ()) if name in (self.channels or ())[:n]]
        if twice:
            raise ValueError(f"channels: {twice[0]!r} is listed twice")
        if self.channels == ():
            raise ValueError("channels: write one or more, or leave it out for all there are")
        return self
