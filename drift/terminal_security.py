"""What people see of violations in logs of the past: a table, the gravest in words, what was not judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from rich.text import Text

from drift.domain import iso
from drift.terminal import clean, console, more, print_sentences
from drift.terminal_tables import Column, print_table
from drift.watchers.event_stream import Counts, SecurityStream
from drift.watchers.violation_words import document, moment, sentences
from drift.watchers.violations import Episode, Violation

ROWS = 40
TOLD = 3
"""So many violations are told in sentences; of all there are the rows of the table."""
_WHY = {
    "unread": "in no form that is known",
    "ahead": "from a clock that is ahead",
    "late": "later than security.lateness",
    "hurried": "judged before their turn: security.held is small for these logs",
    "let_go": "names forgotten for want of room (security.names)",
}


def violations_document(stream: SecurityStream, episodes: Sequence[Episode]) -> dict[str, object]:
    """The violations, and what became of the lines, by name."""
    found = [
        document(episode)
        | {"sentences": sentences([episode])}
        | {"lines": [{"at": iso(moment(at)), "line": line} for at, line in episode.lines]}
        for episode in episodes
    ]
    return {"violations": found, "lines": asdict(stream.counts)}


def print_violations(
    stream: SecurityStream, episodes: Sequence[Episode], *, everything: bool = False
) -> None:
    """The violations as a table in the order in which they were found, the gravest in sentences."""
    out, counts = console(), stream.counts
    read = f"{counts.lines:,} lines, {counts.events:,} that matter here"
    if not counts.events:
        out.print(Text(f"{read}: nothing could be judged", style="bold yellow"))
    elif not episodes:
        out.print(Text(f"{read}: nothing to call", style="bold green"))
    else:
        out.print(Text(f"{read}: {len(episodes):,} to call", style="bold red"))
        shown = episodes if everything else episodes[:ROWS]
        print_table(out, _columns(shown))
        if len(shown) < len(episodes):
            out.print(more(len(episodes) - len(shown)))
        for episode in sorted(episodes, key=_gravity, reverse=True)[:TOLD]:
            out.print()
            print_sentences(out, sentences([episode]))
    _print_unjudged(counts)


def _gravity(episode: Episode) -> tuple[bool, float]:
    return episode.grave, episode.worst / max(episode.latest.limit, 1.0)


def _columns(episodes: Sequence[Episode]) -> list[Column]:
    called = [episode.latest for episode in episodes]
    return [
        Column("since", [_clock(episode.first) for episode in episodes]),
        Column("found", [_clock(episode.found)[11:] for episode in episodes], 2),
        Column("detector", [each.detector for each in called], 1),
        Column("what", [each.kind.replace("_", "-") for each in called]),
        Column("whose", [_whose(each) for each in called], cut=True),
        Column("count", [f"{episode.worst:,.0f}" for episode in episodes], 1, right=True),
        Column("limit", [f"> {each.limit:,.0f}" for each in called], 2, right=True),
        Column("events", [f"{episode.total:,}" for episode in episodes], 3, right=True),
    ]


def _whose(called: Violation) -> Text:
    """The subject, without the kind that the column beside it says."""
    return clean(called.subject.removeprefix(f"{called.kind} by "), 60)


def _clock(at: float) -> str:
    return moment(at).strftime("%Y-%m-%d %H:%M:%S")


def _print_unjudged(counts: Counts) -> None:
    """What of the lines was not judged as it should be, each with its reason."""
    out, numbers = console(), asdict(counts)
    for name, why in _WHY.items():
        if numbers[name]:
            out.print(Text(f"{numbers[name]:,} {why}", style="yellow"))
    if counts.allowed:
        out.print(Text(f"{counts.allowed:,} passed by: security.allow", style="dim"))
