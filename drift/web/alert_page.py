"""One alert: what and where, since when, why, what to do first, who was told, who has silenced it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from drift.alerts_shown import alert_history
from drift.config import Config
from drift.domain import Alert, Transition
from drift.fingerprints import fingerprint
from drift.messages.commands import silence_matchers
from drift.messages.figures import against, figure
from drift.messages.kinds import of_platform
from drift.messages.links import Link
from drift.messages.story import Story, story_of
from drift.messages.words import Name
from drift.notices import Notice
from drift.redact import redact
from drift.reports.shown import readable
from drift.silences import labels_of, matches
from drift.state_outbox import Letter
from drift.text import printable
from drift.web.alert_lines import STANDING, AlertLine, line_of, notice_of, told_of
from drift.web.asked import query_of, query_text
from drift.web.desk import Desk, slot_name
from drift.web.layout import page, root_of
from drift.web.problems import not_there
from drift.web.silence_lines import SilenceLine, silence_line

MOST_STEPS, MOST_LETTERS, MOST_SENTENCES = 50, 30, 12
_BEGINNING = re.compile(r"[0-9A-Fa-f]{4,64}")
LASTS = "4h"
"""How long a silence is, unless one writes something else."""
OWN_PAGES = ("Report", "All cities", "Alert", "Alerts")
"""Links of messages that the page has of its own."""


@dataclass(frozen=True, slots=True)
class Step:
    """A transition, as a line of the history."""

    at: str
    before: str
    after: str
    value: str
    reason: str
    slot: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A message about the alert, and what became of it."""

    channel: str
    what: str
    became: str
    bad: bool
    error: str


@dataclass(frozen=True, slots=True)
class AlertPage:
    """All that the page of one alert shows."""

    line: AlertLine
    platform: bool
    """Whether it is of the platform, and so of no city."""
    standing: bool
    story: Story
    figures: tuple[tuple[str, str], ...]
    links: tuple[Link, ...]
    silences: tuple[SilenceLine, ...]
    prefilled: str
    """Where a silence of it is prepared."""
    steps: tuple[Step, ...]
    more_steps: int
    told: tuple[Told, ...]
    more_told: int


def alert(desk: Desk) -> Callable[[Request], Response]:
    """One alert's handler; the beginning of a fingerprint is enough to be led there."""

    def show(request: Request) -> Response:
        query_of(request, ())
        given = request.path_params["fingerprint"]
        found = desk.state.lists.found(given.lower()) if _BEGINNING.fullmatch(given) else []
        if len(found) != 1:
            many = "No alert has" if not found else "More than one alert has"
            raise not_there(
                f"{many} a fingerprint that begins with {printable(given, 64)}.",
                "See all of them, or run drift alerts list --all.",
                "alerts?state=all",
            )
        name = fingerprint(found[0].key)
        if given != name:
            return RedirectResponse(f"{root_of(request)}alerts/{name}")
        return page(request, "alert.html.j2", view=alert_page(desk, found[0], desk.now()))

    return show


def alert_page(desk: Desk, alert: Alert, now: datetime) -> AlertPage:
    """All that is known of the alert."""
    name, city = fingerprint(alert.key), alert.key.city
    began = desk.state.lists.beginnings([name])
    history = alert_history(desk.state, alert)
    silences = desk.state.silences.list(after=now)
    labels = labels_of(alert, name, desk.config.groups)
    last = history.letters[-1].notice.links if history.letters else {}
    notice = notice_of(alert, told_of(alert, began.get(name), desk), now, last)
    story = story_of(notice, desk.words)
    steps = history.transitions[::-1]
    return AlertPage(
        line=line_of(desk, alert, began, silences, now),
        platform=of_platform(notice.alerts[0]),
        standing=alert.status in STANDING,
        story=story,
        figures=_figures(desk, alert, notice),
        links=(*(link for link in story.links if link.name not in OWN_PAGES), *mlflow_link(desk.config)),
        silences=tuple(silence_line(one, now, desk.clock) for one in silences if matches(one, labels)),
        prefilled=query_text({"matchers": shlex.join(silence_matchers(notice)), "for": LASTS}),
        steps=tuple(_step(desk, step, city) for step in steps[:MOST_STEPS]),
        more_steps=max(len(steps) - MOST_STEPS, 0),
        told=tuple(_told(desk, letter, city) for letter in history.letters[::-1][:MOST_LETTERS]),
        more_told=max(len(history.letters) - MOST_LETTERS, 0),
    )


def mlflow_link(config: Config) -> tuple[Link, ...]:
    """Where runs are compared, if that is a web address."""
    if config.mlflow is None:
        return ()
    link = Link(Name("MLflow"), redact(config.tracking_url()))
    return (link,) if link.web else ()


def _figures(desk: Desk, alert: Alert, notice: Notice) -> tuple[tuple[str, str], ...]:
    """The alert's own numbers, which the story may leave out."""
    told, city = notice.alerts[0], alert.key.city
    value, limit = against(told.name, alert.value, alert.threshold.limit, desk.words.unit)
    side = "fires below" if alert.threshold.side == "below" else "fires above"
    found = [
        (
            "Value",
            f"{value}; {side} {limit}" + (", calibrated" if alert.threshold.basis == "calibrated" else ""),
        ),
        ("Measured by", readable(told.name)),
        ("Horizon", readable(alert.key.horizon) if alert.key.horizon else ""),
        ("Column", readable(alert.key.column) if alert.key.column and city is not None else ""),
        ("Judged last", desk.clock(alert.seen, city) if alert.seen is not None else "never"),
        ("Quiet since", desk.clock(alert.quiet_since, city) if alert.quiet_since is not None else ""),
        ("Episode", f"{alert.episode:,}"),
    ]
    return tuple((label, text) for label, text in found if text)


def _step(desk: Desk, step: Transition, city: str | None) -> Step:
    sentences = step.evidence.get("sentences")
    listed = sentences if isinstance(sentences, list | tuple) else ()
    return Step(
        at=desk.clock(step.at, city),
        before=step.before.value,
        after=step.after.value,
        value=figure(step.name, step.value, desk.words.unit),
        reason=readable(step.reason, 300),
        slot=slot_name(step.at),
        why=tuple(printable(str(one), 400) for one in listed[:MOST_SENTENCES]),
    )


def _told(desk: Desk, letter: Letter, city: str | None) -> Told:
    what = f"{letter.notice.status}, {letter.notice.why}"
    if letter.sent is not None:
        became = f"sent {desk.clock(letter.sent, city)}"
    elif letter.dead is not None:
        became = f"given up {desk.clock(letter.dead, city)}"
    else:
        tried = f"tried {letter.attempts} {'time' if letter.attempts == 1 else 'times'}"
        became = f"waits, {tried}, next {desk.clock(letter.due, city)}"
    error = printable(letter.error or "", 300) if letter.sent is None else ""
    return Told(readable(letter.channel), what, became, letter.dead is not None, error)
