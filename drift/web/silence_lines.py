"""A silence as a line: what it matches, from when until when, who set it, and why."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from drift.notices import Silence
from drift.text import printable

State = Literal["active", "planned", "expired"]


@dataclass(frozen=True, slots=True)
class SilenceLine:
    """A silence in a table."""

    id: str
    state: State
    matchers: tuple[str, ...]
    starts: str
    ends: str
    author: str
    comment: str


def silence_line(silence: Silence, now: datetime, clock: Callable[[datetime], str]) -> SilenceLine:
    """The silence as it stands now."""
    return SilenceLine(
        id=silence.id,
        state=state_of(silence, now),
        matchers=tuple(printable("".join(matcher), 200) for matcher in silence.matchers),
        starts=clock(silence.starts),
        ends=clock(silence.ends),
        author=printable(silence.author, 100),
        comment=printable(silence.comment, 500),
    )


def state_of(silence: Silence, now: datetime) -> State:
    """Whether it is in force: from its start on, and no more at its end."""
    if now >= silence.ends:
        return "expired"
    return "active" if now >= silence.starts else "planned"


def written(silence: Silence) -> str:
    """Its matchers as people write them, in one text.

    >>> from datetime import UTC
    >>> from drift.notices import Matcher
    >>> day = datetime(2026, 4, 1, tzinfo=UTC)
    >>> written(Silence("a", (Matcher("city", "=", "New Delhi"),), day, day, "", "", day))
    "'city=New Delhi'"
    """
    return shlex.join("".join(matcher) for matcher in silence.matchers)
