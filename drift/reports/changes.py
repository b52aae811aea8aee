"""The alert history as lines of a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from drift.domain import AlertStatus, Transition
from drift.reports.book import Book
from drift.reports.local import two_clocks
from drift.reports.shown import DASH, Notes, readable

POOLED = "all cities"
MOST_SENTENCES = 8


@dataclass(frozen=True, slots=True)
class Change:
    """A transition, as a line of the alert history."""

    at: str
    rule: str
    city: str
    model_version: str
    about: str
    before: str
    after: str
    reason: str
    value: str
    threshold: str
    since: str
    why: tuple[str, ...] = ()
    """What explains an alarm that begins."""


def changes_of(book: Book, transitions: Iterable[Transition], zone: str) -> tuple[Change, ...]:
    """The transitions in their order, on the zone's clock."""
    return tuple(_change(step, zone, book.unit) for step in transitions)


def _change(step: Transition, zone: str, unit: str) -> Change:
    of = [readable(text) for text in (step.name, step.key.horizon, step.key.column) if text]
    side = "<" if step.threshold.side == "below" else ">"
    return Change(
        at=two_clocks(step.at, zone),
        rule=readable(step.key.rule),
        city=POOLED if step.key.city is None else readable(step.key.city),
        model_version=readable(step.key.model_version) if step.key.model_version else "–",
        about=" · ".join(of),
        before=step.before.value,
        after=step.after.value,
        reason=readable(step.reason, 300),
        value=DASH if step.value is None else limit_text(step.name, step.value, unit),
        threshold=f"{side} {limit_text(step.name, step.threshold.limit, unit)}",
        since=two_clocks(step.since, zone),
        why=_why(step),
    )


def _why(step: Transition) -> tuple[str, ...]:
    told = step.evidence.get("sentences")
    if step.after is not AlertStatus.FIRING or not isinstance(told, Sequence) or isinstance(told, str):
        return ()
    return tuple(readable(str(sentence), 400) for sentence in told[:MOST_SENTENCES])


def limit_text(name: str, value: float, load_unit: str) -> str:
    """A value of that name, or its limit, as people read it."""
    from drift.metrics import METRICS

    unit = METRICS[name].unit if name in METRICS else "ratio"
    return Notes().number(value, unit, load_unit=load_unit).text
