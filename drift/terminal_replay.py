"""A replay in a terminal: how often each rule would have called, when, for whom, and how late it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.text import Text

from drift.config import Config, format_duration
from drift.document import plain
from drift.domain import AlertKey, AlertStatus, Transition
from drift.messages.figures import lasting
from drift.messages.reading import Node
from drift.rehearsal import Replay
from drift.sparklines import counted, folded, sparkline
from drift.symbols import STATES
from drift.terminal import View, clean, console, more, percent, print_failures
from drift.terminal_run import print_transitions
from drift.terminal_tables import Column, print_table

ROWS, LAST, SLOWEST = 12, 10, 5
YEAR_HOURS = 365.25 * 24
LABEL = 24
"""Cells of a rule's name beside its timeline."""


def print_replay(replay: Replay, config: Config, out_file: Path | None, view: View | None = None) -> None:
    """What the rules would have done: how often each would have called, for which cities, how it ended."""
    view, out = view or View(), console()
    fired = [t for t in replay.transitions if t.after is AlertStatus.FIRING]
    first, last = replay.slots[0], replay.slots[-1]
    times = "once" if len(fired) == 1 else f"{len(fired):,} times{_rate(len(fired), last - first)}"
    out.print(
        Text.assemble(
            f"with these rules, the {len(replay.slots):,} slots from {first:%-d %b %Y} to {last:%-d %b %Y} "
            "would have called you ",
            (times, "bold"),
        )
    )
    print_table(out, _by_rule(replay, fired, config))
    if fired:
        _print_timelines(out, replay, fired)
        _print_slowest(out, fired)
        _print_keys(out, replay, fired, view)
    print_transitions(out, replay.transitions[-LAST:], "the last transitions", view)
    print_failures(out, replay.failures)
    if out_file is not None:
        out.print(f"every transition is in {out_file}", soft_wrap=True)


def _rate(many: int, span: timedelta) -> str:
    """How often that is, in the unit that the span allows to speak of.

    >>> _rate(10, timedelta(days=73)), _rate(10, timedelta(days=14)), _rate(3, timedelta(hours=6))
    (', 50 a year', ', 5 a week', '')
    """
    for unit, length, least in (("year", 365.25, 60), ("week", 7, 7), ("day", 1, 2)):
        if span >= timedelta(days=least):
            rate = many * timedelta(days=length) / span
            return f", {rate:,.0f} a {unit}" if rate >= 3 else f", {rate:.1f} a {unit}"
    return ""


def _by_rule(replay: Replay, fired: Sequence[Transition], config: Config) -> list[Column]:
    """A row a rule: what it holds, how often it would have fired, and how much of the time it would have been
    in alarm.
    """
    hours = max((replay.slots[-1] - replay.slots[0]).total_seconds() / 3600, 1e-9)
    rules = list(config.alerts)
    own = {name: [t for t in fired if t.key.rule == name] for name in rules}
    series = {name: max(sum(key.rule == name for key in replay.alerts), 1) for name in rules}
    years = {name: hours / YEAR_HOURS * series[name] for name in rules}
    alarm = {name: sum(_alarm_hours(replay, name)) / (hours * series[name]) for name in rules}
    return [
        Column("rule", [clean(name) for name in rules], cut=True),
        Column("looks at", [clean(rule.words) for rule in config.alerts.values()], 5, cut=True),
        Column("duration", [_lasting(rule.duration) for rule in config.alerts.values()], 4),
        Column("alerts", [f"{len(own[name]):,}" for name in rules], right=True),
        Column(
            "cities", [f"{len({t.key.city for t in own[name]})} of {series[name]}" for name in rules], 2,
            right=True,
        ),
        Column("a city-year", [f"{len(own[name]) / years[name]:.2f}" for name in rules], 1, right=True),
        Column("in alarm", [percent(alarm[name]) for name in rules], 3, right=True),
    ]  # fmt: skip


def _alarm_hours(replay: Replay, rule: str) -> Iterator[float]:
    """How long each alarm of the rule lasted, in hours; the last ones until the last slot."""
    began: dict[AlertKey, datetime] = {}
    for t in replay.transitions:
        if t.key.rule != rule:
            continue
        if t.after is AlertStatus.FIRING:
            began[t.key] = t.at
        elif t.key in began:
            yield (t.at - began.pop(t.key)).total_seconds() / 3600
    for start in began.values():
        yield (replay.slots[-1] - start).total_seconds() / 3600


def _print_timelines(out: Console, replay: Replay, fired: Sequence[Transition]) -> None:
    """When each rule called: a character a day or a week, on one scale for all rules."""
    first, last = replay.slots[0], replay.slots[-1]
    rules = [rule for rule, _ in Counter(t.key.rule for t in fired).most_common()]
    courses = {rule: counted((t.at for t in fired if t.key.rule == rule), first, last) for rule in rules}
    top = max(course.busiest[1] for course in courses.values())
    label = min(max(len(clean(rule, LABEL)) for rule in rules), LABEL)
    room = max(out.width - label - len("  at most 9,999 from 29 Dec 2026"), 10)
    length = 1
    out.print()
    for rule, course in courses.items():
        values, length = folded([float(count) for count in course.counts], room)
        start, most = course.busiest
        out.print(
            Text.assemble(
                f"{clean(rule, LABEL).plain:{label}}  ",
                sparkline(values, max(top, 1)),
                (f"  at most {most:,}, {'on' if course.words == 'day' else 'from'} {start:%-d %b %Y}", "dim"),
            ),
            no_wrap=True,
        )
    spans = course.words if length == 1 else f"{length} {course.words}s"
    out.print(Text(f"alerts that began, by {spans} from {first:%-d %b %Y}; █ is {top:,}", style="dim"))


def _print_slowest(out: Console, fired: Sequence[Transition]) -> None:
    """The alarms that came latest after the onset of their error, where that was estimated (`--explain`)."""
    known = [(t.at - onset, t) for t in fired if (onset := _onset(t)) is not None and onset <= t.at]
    if not known:
        hint = "how late each alarm was after its error began: --explain estimates it"
        out.print(Text(hint, style="dim"))
        return
    known.sort(key=lambda each: -each[0])
    delays = sorted(delay for delay, _ in known)
    middle = lasting(delays[len(delays) // 2])
    slow = [t for _, t in known[:SLOWEST]]
    columns = [
        Column("after", [lasting(delay) for delay, _ in known[:SLOWEST]], right=True),
        Column("city", [clean(t.key.city or "all cities") for t in slow], cut=True),
        Column("version", [clean(t.key.model_version) for t in slow], 1, cut=True),
        Column("rule", [clean(t.key.rule) for t in slow], cut=True),
        Column("fired", [f"{t.at:%Y-%m-%d %H:%M}Z" for t in slow], 2),
    ]
    title = f"slowest to detect, of {len(known):,} whose onset is known (half within {middle})"
    print_table(out, columns, title)


def _lasting(duration: timedelta) -> str:
    return format_duration(duration) if duration else "at once"


def _onset(transition: Transition) -> datetime | None:
    """Since when the error is there, by the alarm's evidence."""
    return Node(plain(transition.evidence))["explanation"]["onset"]["at"].moment


def _print_keys(out: Console, replay: Replay, fired: Sequence[Transition], view: View) -> None:
    """What called most often, and where it stands at the last slot."""
    many = Counter(t.key for t in fired)
    keys = sorted(many, key=lambda key: (-many[key], str(key)))
    shown = keys if view.everything else keys[:ROWS]
    alerts = [replay.alerts[key] for key in shown]
    columns = [
        Column("rule", [clean(key.rule) for key in shown], cut=True),
        Column("city", [clean(key.city or "all cities") for key in shown], cut=True),
        Column("version", [clean(key.model_version) for key in shown], 1, cut=True),
        Column("alerts", [f"{many[key]:,}" for key in shown], right=True),
        Column("at the end", [Text(*STATES[alert.status]) for alert in alerts]),
        Column(
            "since",
            [f"{a.since:%Y-%m-%d %H:%M}Z" if a.status is AlertStatus.FIRING else "" for a in alerts],
            2,
        ),
    ]
    print_table(out, columns, "what called most often")
    if len(keys) > len(shown):
        out.print(more(len(keys) - len(shown)))
