"""PURE. What a receiver's answer means: sent or not, for good or for now, and how that is told.

Trying again helps against all that may pass: a server that is away, busy, slow, behind a bad certificate or a
redirect. It does not against a refusal of this very message or sender. What the other side says is shown
where it helps, shortened and without any piece of the channel's URL, because receivers quote what they
were sent, and a Slack or SMS URL is all secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import unquote, unquote_plus, urlsplit

from drift.errors import ChannelError
from drift.redact import redact
from drift.text import printable

SHOWN = 160
MAY_PASS = frozenset({408, 409, 421, 423, 425, 429})
"""The statuses below 500 that say: not now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The facts of one errand, as far as there are any."""

    sent: bool = False
    service: str = ""
    form: str = ""
    host: str | None = None
    status: int | None = None
    body: str = ""
    retry_after: str | None = None
    date: str | None = None
    elsewhere: str | None = None
    smtp: int | None = None
    reply: str = ""
    error: str | None = None
    said: str = ""
    tls: bool = False
    warning: str = ""
    refused: str | None = None

    @classmethod
    def of(cls, found: Mapping[str, object]) -> Answer:
        """The answer that JSON holds; what it does not know is left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in found.items() if name in known})  # type: ignore[arg-type]  # our own errand wrote it


def seconds_asked(retry_after: str | None, date: str | None) -> float | None:
    """How long a receiver asks to be left alone: `Retry-After` in seconds, or as a moment, which is held
    against the answer's own `Date`, so that neither clock matters. None where that cannot be known.

    >>> seconds_asked("120", None)
    120.0
    >>> seconds_asked("Fri, 10 Apr 2020 00:01:00 GMT", "Fri, 10 Apr 2020 00:00:00 GMT")
    60.0
    >>> seconds_asked("soon", None), seconds_asked("Fri, 10 Apr 2020 00:01:00 GMT", None)
    (None, None)
    """
    if retry_after is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}(\.\d{1,9})?\s*", retry_after, re.ASCII):
        return float(retry_after)
    try:
        then, now = (parsedate_to_datetime(text) for text in (retry_after, date or ""))
        return max((then.replace(tzinfo=UTC) - now.replace(tzinfo=UTC)).total_seconds(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return None


def fault(name: str, answer: Answer, url: str, seconds: float) -> ChannelError:
    """The error of an answer that was no success."""
    permanent, told = _judged(answer, url, seconds)
    return ChannelError(
        f"{name}: {told}",
        permanent=permanent,
        retry_after=None if permanent else seconds_asked(answer.retry_after, answer.date),
    )


def _judged(answer: Answer, url: str, seconds: float) -> tuple[bool, str]:
    """Whether it is for good, and how it is told."""
    host = _host(answer, url)
    if answer.refused is not None:
        why = quoted(answer.refused, url)
        return True, f"its URL is none that Apprise takes{why}: see the service's page in Apprise's wiki"
    if answer.smtp is not None:
        # a reply that was not the last word: the connection was lost after it
        lost = answer.error is not None and (
            not answer.error.startswith("SMTP") or "Disconnected" in answer.error
        )
        return answer.smtp >= 500 and not lost, f"{host} replied {answer.smtp}{quoted(answer.reply, url)}"
    if answer.status is not None:
        return _judged_status(answer, answer.status, host, url)
    if answer.error in ("Overdue", "Timeout", "ReadTimeout", "TimeoutError"):
        return False, f"{host} did not answer within {seconds:g} s"
    if answer.tls:
        return False, f"{host} refuses TLS, or its certificate cannot be trusted{quoted(answer.said, url)}"
    if answer.error is not None:
        return False, f"{host} cannot be reached: {printable(answer.error)}{quoted(answer.said, url)}"
    return False, f"the message was not taken{quoted(answer.warning, url)}"


def _judged_status(answer: Answer, status: int, host: str, url: str) -> tuple[bool, str]:
    if status < 300:
        return False, f"{host} answered {status} and did not take the message{quoted(answer.body, url)}"
    if status < 400:
        same = answer.elsewhere is not None and answer.elsewhere == answer.host
        where = " (on the same host)" if same else quoted(answer.elsewhere or "", url)
        return (
            False,
            f"{host} leads elsewhere{where}, where no message is sent: put the right URL into the config",
        )
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    told = f"{host} answered {status} {phrase}".rstrip() + quoted(answer.body, url)
    return status < 500 and status not in MAY_PASS, told


def quoted(text: str, url: str) -> str:
    """What the other side says, in brackets, on one line, without any piece of the URL; nothing for nothing.

    >>> quoted("no team T1JJ3T3L2", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdn")
    ' (no team ***)'
    """
    for piece in sorted(_pieces(url), key=len, reverse=True):
        text = text.replace(piece, "***")
    text = printable(" ".join(text.split()), SHOWN)
    return f" ({text})" if text else ""


def _pieces(url: str) -> set[str]:
    """All that the URL is made of, as it stands there and decoded. Very short ones would hit words."""
    place = url.partition("://")[2]
    forms = {place, unquote(place), unquote_plus(place)}
    return {piece for form in forms for piece in re.split(r"[/@?#:&=,;\s]+", form) if len(piece) > 3}


def _host(answer: Answer, url: str) -> str:
    """The host that was asked, where its name is no secret: the URL's own, or one that is no piece of it."""
    host = answer.host or ""
    place, asks, query = url.partition("?")
    whole = not asks or re.match(r"[\w.:+-]+=", query)  # else a password may hold the `?`
    try:
        own = urlsplit(redact(place)).hostname if whole else None
    except ValueError:
        own = None
    secret = host != own and any(piece.lower() in host.lower() for piece in _pieces(url))
    return "its receiver" if not host or secret else printable(host)
