"""PURE. An episode in words: what happened, to whom and since when, in figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from drift.config_values import format_duration
from drift.domain import iso
from drift.text import printable
from drift.watchers.violations import Episode, Violation

Words = Callable[[Violation, str], str]


def moment(at: float) -> datetime:
    """Seconds since 1970 as a moment in UTC."""
    return datetime.fromtimestamp(at, UTC)


def size(amount: float) -> str:
    """Bytes as people read them.

    >>> size(950), size(1.2e9)
    ('950 B', '1.2 GB')
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            return f"{amount:.3g} {unit}"
        amount /= 1000
    raise AssertionError("the last unit takes any amount")


def _times(n: float, what: str) -> str:
    return f"{n:,.0f} {what}" if round(n) == 1 else f"{n:,.0f} {what}s"


def _requests(whose: str) -> Words:
    return lambda v, within: f"{_times(v.value, 'request')} {within}; {whose} {v.limit:,.0f}"


def _changed(what: str) -> Words:
    return lambda v, within: f"{_times(v.value, 'change')} of {what} {within}"


_SAID: Mapping[str, Words] = {
    "burst": lambda v, within: f"{_times(v.value, 'failed log-in')} {within}; the limit is {v.limit:,.0f}",
    "spray": lambda v, within: (
        f"log-ins failed for {_times(v.value, 'principal')} {within}; the limit is {v.limit:,.0f}"
    ),
    "distributed": lambda v, within: (
        f"log-ins failed from {v.value:,.0f} addresses {within}; the limit is {v.limit:,.0f}"
    ),
    "break_in": lambda v, _within: (
        f"then {printable(v.seen.get('principals'))} logged in from {printable(v.seen.get('addresses'))}: "
        f"take the account as taken over"
    ),
    "ceiling": _requests("the limit for anyone is"),
    "unusual_rate": _requests("its usual ends at"),
    "newcomer": _requests("the limit for one that is new is"),
    "scan": lambda v, within: (
        f"{v.value:,.0f} different paths were refused {within}; the limit is {v.limit:,.0f}"
    ),
    "first_access": lambda _v, _within: "read for the first time what few read",
    "rows": lambda v, within: f"{v.value:,.0f} rows read {within}; its usual ends at {v.limit:,.0f}",
    "bytes": lambda v, within: f"{size(v.value)} read {within}; its usual ends at {size(v.limit)}",
    "configuration": _changed("the configuration"),
    "model_registry": _changed("the model registry"),
    "permissions": _changed("permissions"),
    "users": _changed("users"),
    "secrets": _changed("secrets"),
}


def sentence(episode: Episode) -> str:
    """What happened, in one sentence.

    A kind that has no words of its own is a mistake of ours, and a KeyError.
    """
    called = episode.latest
    within = f"within {format_duration(timedelta(seconds=called.window))}"
    return f"{printable(called.subject)}: {_SAID[called.kind](called, within)}."


def span(episode: Episode) -> str:
    """From when to when, and how many events over the limit in all."""
    first, last = iso(moment(episode.first)), iso(moment(episode.last))
    over = f"{_times(episode.total, 'event')} over the limit"
    return f"{over}, at {first}." if first == last else f"{over}, from {first} to {last}."


def sentences(episodes: list[Episode]) -> list[str]:
    """All there is to say of the episodes of one subject."""
    said = [sentence(episode) for episode in episodes]
    said += [span(max(episodes, key=lambda episode: episode.total))]
    seen: dict[str, list[str]] = {}
    for episode in episodes:
        for what, names in episode.seen.items():
            seen[what] = [*seen.get(what, []), *(name for name in names if name not in seen.get(what, []))]
    named = [f"{what}: {', '.join(map(printable, names[:5]))}" for what, names in seen.items() if names]
    return said + ([f"Among its {'; '.join(named)}."] if named else [])


def evidence(episodes: list[Episode]) -> dict[str, object]:
    """The evidence of an alert: `sentences` for people, `explanation` for programs, redacted `lines`, and
    a `severity` where it is graver than the rule's.
    """
    found: dict[str, object] = {
        "sentences": sentences(episodes),
        "explanation": {"security": [document(episode) for episode in episodes]},
        "lines": [
            {"at": iso(moment(at)), "line": line} for episode in episodes for at, line in episode.lines
        ],
    }
    if any(episode.grave for episode in episodes):
        found["severity"] = "critical"
    return found


def document(episode: Episode) -> dict[str, object]:
    """The episode's figures by name."""
    called = episode.latest
    return {
        "detector": called.detector,
        "kind": called.kind,
        "subject": called.subject,
        "first": iso(moment(episode.first)),
        "found": iso(moment(episode.found)),
        "last": iso(moment(episode.last)),
        "count": episode.worst,
        "limit": called.limit,
        "window_s": called.window,
        "events": episode.total,
        **{what: list(names) for what, names in episode.seen.items()},
    }
