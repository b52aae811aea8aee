"""PURE. What a message is made of: phrases that mark what comes from data, and what the config adds.

Names of cities, columns and model versions are untrusted. They are brought to one short printable line here,
once, and stay marked (`Name`) until a form is made of them, because only the form knows what it must escape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from types import MappingProxyType
from typing import TypeAlias

from drift.explain import zone_of
from drift.text import printable

NAME_LENGTH = 40
"""So much of a name is shown: twice that is a line of a plain text."""
PROSE_LENGTH = 400
"""So much of a sentence that came with the alert is shown."""
NOTHING: Mapping[str, str] = MappingProxyType({})


class Name(str):
    """A name from data: a form sets it off (code in Slack, isolated in HTML)."""

    __slots__ = ()


Said: TypeAlias = tuple[str, ...]
"""A phrase: words, with `Name`s between them. Words may have come with the alert: a form escapes them too."""


def name_of(text: object, longest: int = NAME_LENGTH) -> Name:
    """A name on one line, with `�` for what is hidden and no address in it; one that shows nothing says so.

    >>> name_of("Mum" + chr(10) + "bai"), name_of("  ")
    ('Mum�bai', '(blank)')
    """
    seen = printable(_unlinked(text), longest).strip()
    return Name(seen or "(blank)")


def prose_of(text: object, longest: int = PROSE_LENGTH) -> str:
    """A sentence on one line, bounded."""
    return printable(_unlinked(text), longest).strip()


def _unlinked(text: object) -> str:
    """The text without addresses that a mail reader or a chat would make links of by itself."""
    return str(text).replace("://", ": //")


def plain(said: Said) -> str:
    """The phrase as plain text.

    >>> plain((Name("Mumbai"), ": error ", "2.3 × normal"))
    'Mumbai: error 2.3 × normal'
    """
    return "".join(said)


@dataclass(frozen=True, slots=True)
class Words:
    """What of the config a message needs."""

    unit: str = "MW"
    timezone: str = "UTC"
    """Of cities that `timezones` does not name, and of all cities together."""
    timezones: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    base_url: str = ""
    """Of the served pages: a link that is a relative path is below it. Empty: paths stay paths."""
    runbooks: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """URLs by rule."""
    runbook_folder: str = "docs/runbooks"
    """A folder or URL with a page a kind of alert, for rules that have no URL of their own."""
    command: str = "drift"
    """How drift is called: `drift`, or `kubectl exec deploy/drift -- drift`."""
    options: str = ""
    """What stands behind the command, such as `-c config/drift.yaml`."""

    def zone(self, city: str | None) -> tzinfo:
        """The zone that the city's times are shown in; UTC where the config names none that there is."""
        return zone_of(self.timezone if city is None else self.timezones.get(city, self.timezone))
