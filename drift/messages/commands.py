"""PURE. The command that silences what a message is about, ready to be pasted into a shell.

Names from data are quoted. A name that a shell, a terminal or a matcher would not give back as it is (a
line feed, a mark of direction, ten thousand characters) is not written at all: one alert is named by its
fingerprint then, and several by their rule.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from drift.messages.words import Words
from drift.messages.wrapping import columns
from drift.notices import Notice
from drift.text import hidden

LONGEST = 56
"""Columns of a name, quotes included: with its label it fits into a line of a mail."""
LASTS = ("--for", "4h", "--comment", "looking into it")
"""How long, unless one writes something else: until the morning."""
SHORT = 12
"""Digits of a fingerprint that tell it from all others."""


def silence_command(notice: Notice, words: Words) -> str:
    """The whole command; empty where there is nothing to silence."""
    if notice.status == "resolved" or not notice.alerts:
        return ""
    return command(words, "silence", (*silence_matchers(notice), *LASTS))


def silence_matchers(notice: Notice) -> tuple[str, ...]:
    """What matches the alerts of the notice, of which there is one at least.

    One alert is silenced by rule, model version, city and column; several by rule and model version.
    """
    keys = [told.key for told in notice.alerts]
    matchers = {"rule": notice.rule, "model_version": notice.model_version}
    if len(keys) == 1:
        own = {"city": keys[0].city, "column": keys[0].column}
        matchers |= {label: value for label, value in own.items() if value is not None}
        if not all(_writable(value) for value in matchers.values() if value):
            return (f"fingerprint=~{re.escape(notice.alerts[0].fingerprint[:SHORT])}.*",)
    return tuple(f"{label}={value}" for label, value in matchers.items() if value and _writable(value))


def command(words: Words, verb: str, arguments: Iterable[str]) -> str:
    """`drift alerts VERB …`, each argument quoted where a shell needs it."""
    start = f"{words.command} alerts {verb}" + (f" {words.options}" if words.options else "")
    return shlex.join([*shlex.split(start), *arguments])


def _writable(value: str) -> bool:
    """Whether the name can be pasted, fits into a line, and is read back as it is.

    >>> _writable("São Paulo"), _writable("a" + chr(10)), _writable("~x"), _writable("x" * 99)
    (True, False, False, False)
    """
    if not value or len(value) > LONGEST or any(map(hidden, value)):
        return False
    return columns(shlex.quote(value)) <= LONGEST and value == value.strip() and not value.startswith("~")
