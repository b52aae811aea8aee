"""Silences: those that are active, planned and over; one that is asked for, and what it would match; its end.

What is asked for stands in the address, so a preview changes nothing, can be shared, and works for who may
only read. The form that a preview ends with is the only one that adds a silence.
"""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from drift.alerts_shown import ORDER
from drift.domain import Alert
from drift.errors import ConfigError
from drift.fingerprints import fingerprint
from drift.messages.commands import command
from drift.notices import Silence
from drift.silences import labels_of, matches, new_silence, parse_matchers
from drift.text import printable
from drift.web.alert_lines import STANDING, AlertLine, lines_of
from drift.web.asked import NUL, form_of, query_of, query_text
from drift.web.desk import Desk, session_in
from drift.web.door import address_of, admit, login_way
from drift.web.layout import page
from drift.web.problems import not_there
from drift.web.silence_lines import SilenceLine, silence_line
from drift.written import length, moment

FIELDS = ("matchers", "from", "for", "until", "author", "comment")
CREATED = "created"
GOOD_FOR = timedelta(hours=1)
"""So old a preview may be when it is confirmed."""
MOST_MATCHED, MOST_OVER = 20, 50

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Preview:
    """A silence that is asked for, before anyone sets it: what it would match now, and how to set it."""

    silence: SilenceLine
    matched: tuple[AlertLine, ...]
    standing: int
    resting: int
    command: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SilencePage:
    """All that the page shows. `csrf` is empty where who looks may not change anything."""

    silences: tuple[SilenceLine, ...]
    over: tuple[SilenceLine, ...]
    asked: Mapping[str, str]
    wrong: str
    preview: Preview | None
    csrf: str
    possible: bool
    login: str
    said: str
    longest: str


def silences(desk: Desk) -> Callable[[Request], Response]:
    """The handler that lists them, and previews the one that is asked for."""

    def show(request: Request) -> Response:
        asked = query_of(request, (*FIELDS, "preview", "set", "ended"))
        wrong, preview = "", None
        if asked.get("preview"):
            try:
                preview = preview_of(desk, asked, desk.now())
            except ConfigError as error:
                wrong = printable(str(error), 600)
        view = _view(request, desk, asked, wrong, preview)
        return page(request, "silences.html.j2", view=view, forms=True, status=400 if wrong else 200)

    return show


def _view(
    request: Request, desk: Desk, asked: Mapping[str, str], wrong: str, preview: Preview | None
) -> SilencePage:
    from drift.config_values import format_duration

    now, session = desk.now(), session_in(request, desk)
    lines = [silence_line(one, now, desk.clock) for one in desk.state.silences.list()]
    standing = sorted((one for one in lines if one.state != "expired"), key=lambda one: one.state)
    return SilencePage(
        silences=tuple(standing),
        over=tuple([one for one in lines if one.state == "expired"][::-1][:MOST_OVER]),
        asked={name: asked.get(name, "") for name in FIELDS},
        wrong=wrong,
        preview=preview,
        csrf=session.csrf if session is not None else "",
        possible=desk.config.serve.token is not None,
        login=login_way(request),
        said=_said(asked),
        longest=format_duration(desk.config.notify.longest_silence),
    )


def _said(asked: Mapping[str, str]) -> str:
    """What was just done, as far as the address says."""
    for name, done in (("set", "is set"), ("ended", "has ended")):
        if asked.get(name):
            return f"Silence {printable(asked[name], 20)} {done}."
    return ""


def silence_of(desk: Desk, asked: Mapping[str, str], created: datetime) -> Silence:
    """The silence that is asked for, as the command would make it.

    Raises:
        ConfigError: it may not be made; says why, and what to write.
    """
    start = moment(asked["from"], "From") if asked.get("from") else created
    until, lasts = asked.get("until", ""), asked.get("for", "")
    if bool(until) == bool(lasts):
        raise ConfigError("say how long it lasts, or until when, and not both: 4h, or 2026-04-01T08:00Z")
    return new_silence(
        parse_matchers(asked.get("matchers", "")),
        starts=start,
        ends=moment(until, "Until") if until else start + length(lasts, "For"),
        author=asked.get("author", ""),
        comment=asked.get("comment", ""),
        created=created,
        longest=desk.config.notify.longest_silence,
    )


def preview_of(desk: Desk, asked: Mapping[str, str], now: datetime) -> Preview:
    """What the silence would match. Raises `ConfigError` where there can be no such silence."""
    silence = silence_of(desk, asked, now)
    found = matched(silence, desk.state.alerts().values(), desk.config.groups)
    standing = [alert for alert in found if alert.status in STANDING]
    matchers = ["".join(matcher) for matcher in silence.matchers]
    how_long = ("--for", asked["for"]) if asked.get("for") else ("--for", _minutes(silence))
    starts = ("--from", asked["from"]) if asked.get("from") else ()
    words = (*matchers, *starts, *how_long, "--author", silence.author, "--comment", silence.comment)
    return Preview(
        silence=silence_line(silence, now, desk.clock),
        matched=lines_of(desk, standing[:MOST_MATCHED], now),
        standing=len(standing),
        resting=len(found) - len(standing),
        command=command(desk.words, "silence", words),
        fields=(
            ("matchers", shlex.join(matchers)),
            ("from", silence.starts.isoformat()),
            ("until", silence.ends.isoformat()),
            ("author", silence.author),
            ("comment", silence.comment),
            (CREATED, silence.created.isoformat()),
        ),
    )


def _minutes(silence: Silence) -> str:
    return f"{(silence.ends - silence.starts) / timedelta(minutes=1):.0f}m"


def matched(silence: Silence, alerts: Iterable[Alert], groups: Mapping[str, str]) -> list[Alert]:
    """The alerts that the silence matches, the gravest first; the time is not asked."""
    found = [alert for alert in alerts if matches(silence, labels_of(alert, fingerprint(alert.key), groups))]
    return sorted(found, key=lambda alert: (ORDER.index(alert.status), alert.since, str(alert.key)))


def add_silence(desk: Desk) -> Callable[[Request], Awaitable[Response]]:
    """The handler that sets a silence that was previewed. Sent twice, it is one."""

    async def add(request: Request) -> Response:
        form = await form_of(request)
        admit(request, form, desk)
        now = desk.now()
        created = moment(form.get(CREATED, ""), CREATED)
        if not now - GOOD_FOR <= created <= now:
            raise ConfigError("this preview is too old: preview the silence again; nothing was done")
        made = silence_of(desk, form, created)
        await run_in_threadpool(desk.state.silences.add, made)
        log.info("a silence was set", silence=made.id, author=made.author, client=address_of(request))
        return RedirectResponse(f"./silences{query_text({'set': made.id})}", 303)

    return add


def expire_silence(desk: Desk) -> Callable[[Request], Awaitable[Response]]:
    """The handler that ends a silence now."""

    async def expire(request: Request) -> Response:
        form = await form_of(request)
        admit(request, form, desk)
        name = request.path_params["silence"]
        if NUL in name or not await run_in_threadpool(desk.state.silences.expire, name, desk.now()):
            raise not_there(
                f"There is no silence {printable(name, 20)} to end.", "It may have ended by now.", "silences"
            )
        log.info("a silence was ended", silence=printable(name, 20), client=address_of(request))
        return RedirectResponse(f"../../silences{query_text({'ended': name})}", 303)

    return expire
