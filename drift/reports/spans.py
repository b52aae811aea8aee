"""The alert history as spans of time: pending from when the breach began, firing until it was resolved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from drift.domain import Alert, AlertKey, AlertStatus, Transition

Level = Literal["began", "pending", "firing"]
_LEVELS: dict[AlertStatus, Level] = {AlertStatus.PENDING: "pending", AlertStatus.FIRING: "firing"}


@dataclass(frozen=True, slots=True)
class Span:
    """One alert in one status, `[start, end)`. `open`: it lasts still; `end` is then the slot.

    `began` is no status: it leads from the onset that the evidence found to the alert's first slot.
    """

    key: AlertKey
    level: Level
    start: datetime
    end: datetime
    open: bool = False


SpansOfSeries: TypeAlias = Mapping[tuple[str, str | None], Sequence[Span]]
"""By model version and city."""


def by_series(spans: Iterable[Span]) -> SpansOfSeries:
    """The spans of each model version in each city: looked up once a row of a fleet."""
    found: dict[tuple[str, str | None], list[Span]] = {}
    for span in spans:
        found.setdefault((span.key.model_version, span.key.city), []).append(span)
    return found


def alert_spans(transitions: Iterable[Transition], alerts: Sequence[Alert], slot: datetime) -> list[Span]:
    """The spans of every alert up to the slot, by start.

    Transitions after the slot, or given twice, change nothing. An alert that stands at the slot without
    a transition to it (history was cut) is a span since its last change.
    """
    history: dict[AlertKey, dict[tuple[datetime, AlertStatus], Transition]] = defaultdict(dict)
    for transition in transitions:
        if transition.at <= slot:
            history[transition.key][(transition.at, transition.after)] = transition
    spans = [span for steps in history.values() for span in _spans_of(list(steps.values()), slot)]
    running = {span.key for span in spans if span.open}
    spans += [
        Span(alert.key, _LEVELS[alert.status], min(alert.changed, slot), slot, open=True)
        for alert in alerts
        if alert.status in _LEVELS and alert.key not in running
    ]
    return sorted(spans, key=lambda span: (span.start, span.level))


def _spans_of(steps: list[Transition], slot: datetime) -> list[Span]:
    steps = sorted(steps, key=lambda step: step.at)
    spans = []
    for step, after in zip(steps, [*steps[1:], None], strict=True):
        level = _LEVELS.get(step.after)
        if level is None:
            continue
        start = min(step.since, step.at) if level == "pending" else step.at
        end = after.at if after is not None else slot
        if level == "firing" and step.before is not AlertStatus.PENDING and step.since < step.at:
            spans.append(Span(step.key, "pending", step.since, step.at))
        spans.append(Span(step.key, level, start, end, open=after is None))
    return spans


def onset_spans(spans: Sequence[Span], onsets: Mapping[AlertKey, datetime]) -> list[Span]:
    """From the onset of each alert that fires still to where its own spans begin."""
    found = []
    for key, onset in onsets.items():
        starts = [span.start for span in spans if span.key == key and span.end > onset]
        if starts and onset < min(starts):
            found.append(Span(key, "began", onset, min(starts)))
    return found


def about(spans: Iterable[Span], city: str, model_version: str | None = None) -> list[Span]:
    """The spans of a city, of one model version when it is given."""
    return [s for s in spans if s.key.city == city and model_version in (None, s.key.model_version)]
