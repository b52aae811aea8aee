"""PURE. What a notice tells, before any form: one story, from which each form is made, so all say the same.

Its order is that of the questions of someone who was woken: what and where, what to do first, how bad and
since when, where to look, how to have quiet. Text from data is bounded here, and marked for the forms.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal, TypeAlias

from drift.messages.cities import Table, table_of
from drift.messages.commands import silence_command
from drift.messages.facts import Fact
from drift.messages.figures import between, lasting
from drift.messages.gist import gist_of, not_mended
from drift.messages.headline import closed, headline_of, place_of
from drift.messages.kinds import KINDS, RELAYED, kind_of
from drift.messages.lines import lines_of
from drift.messages.links import Link, links_of
from drift.messages.reading import Node
from drift.messages.words import Said, Words, plain
from drift.notices import Notice
from drift.text import printable

Tone: TypeAlias = Literal["firing", "resolved", "calm"]
TITLE_LENGTH = 120
MOST_KEYS = 10
"""So many keys are written out; the notice's own key stands for all."""
OF_ALL = ("check_common_cause", "expect_holiday", "open_report")
"""Steps whose words name no city's figures."""


@dataclass(frozen=True, slots=True)
class Story:
    """All that a message says."""

    state: str
    """`FIRING high`, `STILL FIRING high, 26 h`, `RESOLVED after 31 h`, `CLOSED`, `TEST`."""
    tone: Tone
    """What a form may colour."""
    headline: Said
    first: Said
    """What to do first; of a resolved alert, why it ended."""
    first_label: str
    facts: tuple[Fact, ...]
    table: Table | None
    links: tuple[Link, ...]
    silence: str
    """The command; empty where there is nothing to silence."""
    keys: tuple[str, ...]
    more_keys: int
    key: str
    """Of the notice."""
    gist: tuple[str, ...]
    """What an SMS adds to the headline, most telling first, as far as it fits."""

    @property
    def title(self) -> str:
        """The subject: one line of at most 120 characters."""
        return printable(self.title_in_full, TITLE_LENGTH)

    @property
    def title_in_full(self) -> str:
        """The same, as long as it may be."""
        return printable(f"{self.state} · {plain(self.headline)}", None)

    def about_keys(self) -> str:
        """The line that names the notice and its alerts to whoever tells duplicates apart."""
        more = f" and {self.more_keys} more" if self.more_keys else ""
        return f"notice {self.key}" + (f" · alerts {', '.join(self.keys)}{more}" if self.keys else "")


def story_of(notice: Notice, words: Words) -> Story:
    """The story of a notice of any number of alerts, none included; never raises for what is in it."""
    tone = _tone(notice)
    label, first = _first(notice)
    keys = notice.keys
    return Story(
        state=_state(notice, tone),
        tone=tone,
        headline=headline_of(notice, words),
        first_label=label,
        first=first,
        facts=lines_of(notice, words),
        table=None if notice.why == "test" else table_of(notice, words),
        links=links_of(notice, words),
        silence="" if tone == "calm" or _relayed(notice) else silence_command(notice, words),
        keys=tuple(printable(key) for key in keys[:MOST_KEYS]),
        more_keys=max(len(keys) - MOST_KEYS, 0),
        key=notice.key,
        gist=() if _no_gist(notice, tone) else gist_of(notice, words),
    )


def _relayed(notice: Notice) -> bool:
    """Whether it is Alertmanager's: there it is silenced, and it has no value of ours."""
    return bool(notice.alerts) and kind_of(notice.alerts[0]) is KINDS[RELAYED]


def _no_gist(notice: Notice, tone: Tone) -> bool:
    over = notice.status == "resolved" and _relayed(notice)
    return over or (tone == "calm" and not closed(notice))


def _tone(notice: Notice) -> Tone:
    """Whether it asks for somebody: a test does not, nor what was closed, nor the watchdog while it comes."""
    watchdog = bool(notice.alerts) and kind_of(notice.alerts[0]) is KINDS["watchdog"]
    if notice.why == "test" or closed(notice) or (watchdog and notice.status == "firing"):
        return "calm"
    return "resolved" if notice.status == "resolved" else "firing"


def _state(notice: Notice, tone: Tone) -> str:
    """What the message begins with."""
    severity = printable(notice.severity, 16)
    if notice.why == "test":
        return "TEST"
    length = max((between(told.since, notice.at) for told in notice.alerts), default=None)
    if notice.status == "resolved":
        over = "CLOSED" if tone == "calm" else "RESOLVED"
        return over if length is None else f"{over} after {lasting(length)}"
    if tone == "calm":
        return "WATCHDOG"
    if notice.why == "goes on":
        return f"STILL FIRING {severity}" + ("" if length is None else f", {lasting(length)}")
    return f"FIRING {severity}" + (", silence ended" if notice.why == "silence ended" else "")


def _first(notice: Notice) -> tuple[str, Said]:
    """What to do first; of what is over, why it ended."""
    if notice.why == "test":
        return "What to do", ("Nothing: that you read this shows that alerts reach you here.",)
    if not notice.alerts:
        return "Do first", ("Open the report.",)
    if notice.status == "resolved":
        return "Why it ended", _why(notice)
    advice = [(Node(told.evidence)["explanation"]["advice"], told) for told in notice.alerts]
    known = [(node["step"].name(), node["text"].prose() or "", told) for node, told in advice]
    common = Counter(step for step, text, _ in known if text).most_common(1)
    if not common:
        return "Do first", (kind_of(notice.alerts[0]).first,)
    step, count = common[0]
    text, told = next((text, told) for theirs, text, told in known if text and theirs == step)
    if len(notice.alerts) == 1:
        return "Do first", (text,)
    whose: Said = () if step in OF_ALL else ("; the words are about ", place_of(told))
    return "Do first", (text, f" (So in {count:,} of {len(notice.alerts):,}", *whose, ".)")


def _why(notice: Notice) -> Said:
    """The reason of most."""
    given = [Node(told.evidence)["reason"].prose(120) for told in notice.alerts]
    reasons = Counter(reason for reason in given if reason)
    otherwise = "no longer judged" if closed(notice) else "within its limit"
    said = reasons.most_common(1)[0][0] if reasons else otherwise
    whole = f"{said[:1].upper()}{said[1:]}."
    return (f"{whole} {not_mended(notice)}" if closed(notice) else whole,)
