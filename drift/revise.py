"""PURE. What a change of the past comes to: which slots are measured anew, when, and which alerts were wrong.

| what changed, within `windows.revise_for`   | is made up for                                              |
|---------------------------------------------|-------------------------------------------------------------|
| a value that a slot had used                | at once, in its city                                        |
| a value came that no slot had seen          | with all that come within `windows.current`, in all cities  |

Later slots see what came late by themselves; that hours are often late must not cost a second slot at every
slot. All slots since the earliest such target time are measured anew, as if what is known now had been known
then: it lies in the current window of the first and in the reference of the others. What was normal stays
as it was fitted.

The alerts of these slots are replayed from where they stood before. One that fires, and would not by what is
known now, resolves. One that would have fired and did not is told to nobody: the present slot says what is
wrong now.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift import alerts as machine
from drift.config import Config
from drift.detect import Rule, judge
from drift.domain import Alert, AlertKey, AlertStatus, Panel, Transition, Verdict, VerdictStatus, iso
from drift.evaluate import Evaluation
from drift.replay import evaluate_slots
from drift.replay_watch import watch_slots
from drift.retired import Forecast, cells_until, retire, retired, silences
from drift.seen import Entry, Look
from drift.timeline import Timeline
from drift.watch import NO_FITS, Watch
from drift.windows import Windows

REASON = "revised: by what is known now it would not fire"
MOST = 5
"""So many hours are shown with what they were and are."""


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be measured anew: slots whose current window ends after `since`, in these cities; `whole`
    where these are all there are. `why` says what changed, by city.
    """

    since: datetime
    cities: tuple[str, ...]
    whole: bool
    why: Mapping[str, Mapping[str, object]]


def due(before: Sequence[Entry], seen: Look, patience: timedelta) -> Due | None:
    """What is to be measured anew at the slot of the entry, or None; `patience` is how long what came late
    may wait. `before` are the entries of earlier slots, in their order.
    """
    entry = seen.entry
    settled = max((k for k, each in enumerate(before) if each.settled), default=-1)
    waiting = [each for each in (*before[settled + 1 :], entry) if each.late.any()]
    if waiting and entry.slot - waiting[0].slot >= patience:
        changes = _changes([(each, np.flatnonzero(each.late)) for each in waiting])
        return Due(_earliest(changes), entry.cities, True, _told(changes))
    if len(seen.rewritten):
        changes = _changes([(entry, seen.rewritten)])
        return Due(_earliest(changes), tuple(changes), False, _told(changes))
    return None


class _Change(NamedTuple):
    """A target time of a city, the actual that was there and the one that is; NaN is none."""

    time: datetime
    was: float
    now: float


def _changes(parts: Iterable[tuple[Entry, NDArray[np.intp]]]) -> dict[str, list[_Change]]:
    """By city, the changes at some positions of entries."""
    found: dict[str, list[_Change]] = {}
    for entry, some in parts:
        start, step = entry.grid.start, entry.grid.step
        columns = entry.city[some], entry.time[some], entry.was[some], entry.actual[some]
        for city, time, was, now in zip(*(column.tolist() for column in columns), strict=True):
            found.setdefault(entry.cities[city], []).append(_Change(start + time * step, was, now))
    return found


def _earliest(changes: Mapping[str, Sequence[_Change]]) -> datetime:
    return min(change.time for of_city in changes.values() for change in of_city)


def _told(changes: Mapping[str, Sequence[_Change]]) -> dict[str, Mapping[str, object]]:
    """What changed in each city, for people: how many hours, from when to when, and some of them. Where what
    was and is are the same, a prediction was rewritten.
    """
    return {
        city: {
            "hours": len({change.time for change in of_city}),
            "first": iso(min(change.time for change in of_city)),
            "last": iso(max(change.time for change in of_city)),
            "changes": [
                {"target_time": iso(c.time), "from": _or_none(c.was), "to": _or_none(c.now)}
                for c in sorted(of_city, key=lambda c: c.time)[:MOST]
            ],
        }
        for city, of_city in changes.items()
    }


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def measure_anew(
    timeline: Timeline,
    slots: Sequence[Windows],
    how: Evaluation,
    watch_at: Callable[[datetime], Watch],
    config: Config,
    gone: Collection[Forecast] | None,
) -> list[tuple[Panel, ...]]:
    """The panels of each slot by a settled timeline (`Timeline.settled_at`), each slot watched by what
    `watch_at` gives for it.

    `gone` says who is retired now, where the timeline has some cities only: among those alone a model version
    may look retired that forecasts elsewhere, and their pooled figures are nobody's, and are left out. None:
    the timeline has all cities.
    """
    panels = list(evaluate_slots(timeline, slots, how, config.engine.workers))
    watched: list[tuple[Panel, ...]] = []
    for _, part in groupby(slots, lambda each: watch_at(each.slot).made_at):
        some = list(part)
        watch = watch_at(some[0].slot)
        if not watch.budgets:
            watched += [()] * len(some)
            continue
        seen = watch_slots(timeline, some, watch.budgets, lambda _: NO_FITS, config, watch)
        watched += [each.panels for each in seen]
    found = []
    for each, scored, looked, silence in zip(slots, panels, watched, silences(timeline, slots), strict=True):
        away = retired(silence, cells_until(config.notify.retire_after, each, timeline.grid.step))
        whole = retire((*scored, *looked), away if gone is None else away & frozenset(gone))
        found.append(whole if gone is None else tuple(map(_by_city, whole)))
    return found


def _by_city(panel: Panel) -> Panel:
    """The panel without what is of all cities together."""
    rows = [row for row, series in enumerate(panel.series) if series.city is not None]
    if len(rows) == len(panel.series):
        return panel
    return replace(
        panel,
        series=tuple(panel.series[row] for row in rows),
        value=panel.value[rows],
        reason=panel.reason[rows],
        n=panel.n[rows],
        coverage=panel.coverage[rows],
    )


def stood(transitions: Iterable[Transition], until: datetime) -> dict[AlertKey, Alert]:
    """Where alerts stood before the moment, from their transitions in order."""
    return {t.key: machine.alert_after(t) for t in transitions if t.at < until}


def replayed(
    before: Mapping[AlertKey, Alert],
    slots: Sequence[datetime],
    panels: Sequence[Sequence[Panel]],
    rules: Sequence[Rule],
    cities: Collection[str],
) -> dict[AlertKey, Alert]:
    """Where the alerts would stand after the slots, by their panels, from where they stood `before`: those of
    these cities, and of all together, that a slot has a value for. Of others nothing new is known.
    """
    alerts = dict(before)
    judged: set[AlertKey] = set()
    for slot, of_slot in zip(slots, panels, strict=True):
        verdicts = judge(rules, of_slot)
        judged |= {verdict.key for verdict in verdicts if verdict.status is not VerdictStatus.NO_DATA}
        alerts |= machine.step(alerts, verdicts, rules, slot).alerts
    changed = {None, *cities}
    return {key: alerts[key] for key in judged if key in alerts and key.city in changed}


@dataclass(frozen=True, slots=True)
class Known:
    """Where alerts would stand before the present slot, by what is known now, and what changed, by city."""

    alerts: Mapping[AlertKey, Alert]
    why: Mapping[str, Mapping[str, object]]


NOTHING_NEW = Known({}, {})


def corrected(
    live: machine.Step,
    before: Mapping[AlertKey, Alert],
    known: Known,
    verdicts: Iterable[Verdict],
    rules: Iterable[Rule],
    slot: datetime,
) -> machine.Step:
    """What the slot does to the alerts that stood as `before`, where another past is known now.

    An alert that fires, and would not, resolves. One that would begin to fire at this slot, and by what is
    known now is pending for a shorter time, goes on to be pending.
    """
    if not known.alerts:
        return live
    own = [verdict for verdict in verdicts if verdict.key in known.alerts]
    truth = {**known.alerts, **machine.step(known.alerts, own, rules, slot).alerts}
    alerts = dict(live.alerts)
    closed: list[Transition] = []
    undone: set[AlertKey] = set()
    for key, would in truth.items():
        was = before.get(key)
        now = alerts.get(key, was)
        if was is None or now is None or now.status is not AlertStatus.FIRING or would.status is now.status:
            continue
        if was.status is AlertStatus.FIRING:
            alerts[key], transition = machine.close(now, REASON, slot)
            closed.append(replace(transition, evidence={"revised": _why(key, known)}))
        elif would.status is AlertStatus.PENDING and was.status is AlertStatus.PENDING:
            alerts[key] = replace(would, episode=was.episode)
            undone.add(key)
    stay = tuple(t for t in live.transitions if t.key not in undone)
    return replace(live, alerts=alerts, transitions=(*stay, *closed))


def _why(key: AlertKey, known: Known) -> Mapping[str, object]:
    """What changed in the alert's city; of all cities together, how many had changes and since when."""
    if key.city is not None:
        return known.why.get(key.city, {})
    earliest = min((str(said["first"]) for said in known.why.values()), default="")
    return {"cities": len(known.why), "first": earliest}
