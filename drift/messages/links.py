"""PURE. What there is to open: the report, the runbook, and what else the notice names.

Only a plain web address becomes a link. Anything else, such as the path of a report that no server serves, is
shown as it is, for whoever is on that machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from drift.messages.kinds import KINDS, RELAYED, kind_of
from drift.messages.words import Name, Words, name_of
from drift.notices import Notice
from drift.text import hidden, printable

MOST = 6
LONGEST = 500
LABEL_LENGTH = 14
_WEB = re.compile(r"https?://[^\s<>\"'`|\\{}^]+")


@dataclass(frozen=True, slots=True)
class Link:
    """What a link is called, and where it leads."""

    name: Name
    target: str

    @property
    def web(self) -> bool:
        """Whether a browser can follow it from anywhere."""
        return is_web(self.target)


def is_web(target: str) -> bool:
    """Whether it is a plain web address, with nothing in it that could end a link early.

    >>> is_web("https://drift.example/reports/mumbai.html"), is_web("javascript:alert(1)"), is_web("http://a|b")
    (True, False, False)
    """
    return len(target) <= LONGEST and _WEB.fullmatch(target) is not None and not any(map(hidden, target))


def links_of(notice: Notice, words: Words) -> tuple[Link, ...]:
    """The report, the runbook, then the others; of pages of single cities only the one it is about."""
    links = dict(notice.links)
    city = notice.alerts[0].key.city if len(notice.alerts) == 1 else None
    own = links.pop(f"city:{city}", "") if city is not None else ""
    report = links.pop("report", "")
    found = [] if not own else [_link("Report", own, words)]
    found += [] if not report else [_link("All cities" if own else "Report", report, words)]
    found.append(Link(Name("Runbook"), _shown(links.pop("runbook", "") or runbook_of(notice, words))))
    found += _alert_link(notice, words)
    others = [name for name in links if not name.startswith("city:")]
    return (*found, *(_link(name, links[name], words) for name in others))[:MOST]


def _alert_link(notice: Notice, words: Words) -> list[Link]:
    """The served page of the alert, where it is silenced too; of several, that of all such alerts."""
    if not words.base_url or not notice.alerts or notice.why == "test" or _not_ours(notice):
        return []
    if len(notice.alerts) == 1:
        return [_link("Alert", f"alerts/{notice.alerts[0].fingerprint}", words)]
    named = {"rule": notice.rule, "model_version": notice.model_version}
    asked = {name: value for name, value in named.items() if value}
    return [_link("Alerts", f"alerts?{urlencode(asked, errors='replace')}", words)]


def _not_ours(notice: Notice) -> bool:
    """Whether Alertmanager tells it: there is no page of it here."""
    return kind_of(notice.alerts[0]) is KINDS[RELAYED]


def city_link(notice: Notice, city: str, words: Words) -> str:
    """The web address of a city's page; empty where it has none."""
    target = notice.links.get(f"city:{city}")
    return "" if target is None or not is_web(whole(target, words)) else whole(target, words)


def runbook_of(notice: Notice, words: Words) -> str:
    """The runbook's URL of the rule, or the page of its kind in the runbooks' folder."""
    if notice.rule in words.runbooks:
        return words.runbooks[notice.rule]
    page = kind_of(notice.alerts[0]).runbook if notice.alerts else "README"
    return f"{words.runbook_folder.rstrip('/')}/{page}.md"


def whole(target: object, words: Words) -> str:
    """The address; a relative path is below the served pages, where there are any."""
    text = str(target)
    relative = words.base_url and not text.startswith("/") and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text)
    return f"{words.base_url.rstrip('/')}/{text}" if relative else text


def _link(name: str, target: object, words: Words) -> Link:
    return Link(name_of(name, LABEL_LENGTH), _shown(whole(target, words)))


def _shown(target: str) -> str:
    return target if is_web(target) else printable(target, LONGEST)
