"""What drift's detectors make of weeks of which it is known that forecasts got worse, or that they did not.

Why: an injected drift is as its author imagines one. How: a CSV names windows with `zone`, `start`, `end`,
`event` and `kind` (`external` and `control` are hard truth, `data` is soft). Each is judged as a service
would have: by limits of the 365 days before the last refit, refitted every 91 days; windows in the first
year, for which there is no past, by the second year. A window is found at the first alarm after its start, if
none was on before; a control is quiet if there is none up to its end. These windows are few.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.detection.data import DAY, STEP, YEAR, Array, DataError, Flags, Zones
from benchmarks.detection.fleet import scores_of, wide
from benchmarks.record import Cell
from drift.detectors import Series, Settings, firing, fit, fit_fleet, watch_many
from drift.detectors.slow import SlowSettings, fit_slow, shared, slow_reference, watch_slow_many
from drift.detectors.slow_fleet import LEAST_CITIES, fit_slow_fleet, watch_slow_fleet

REFIT, WARM_UP, AFTER = 91 * DAY, 60 * DAY, 21 * DAY
BEFORE = 14 * DAY  # long enough that an alarm before the window is known
WITHIN = (7, 14, 21)  # days
CONTROL = "control"
CITY, EVERYONE = ("profile", "slow, own limit", "slow"), ("fleet", "slow, all zones")
DETECTORS = (*CITY, *EVERYONE)
COLUMNS = ("zone", "event", "kind", "from", *(f"{name}: found after, d" for name in DETECTORS))
SUMMARY = ("event", "kind", "detector", *(f"within {days} d" for days in WITHIN), "quiet to the end", "of")


@dataclass(frozen=True, slots=True)
class Event:
    """A window of one zone."""

    zone: str
    start: date
    end: date
    event: str
    kind: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What one detector made of one window."""

    event: Event
    detector: str
    delay: float | None
    """Days to the first alarm after the start, up to the end or 21 days; None: none, or one was on before."""
    before: bool
    """Whether an alarm was on at the start."""
    peak: float
    """The largest score of the first 21 days; 1 is the limit."""

    def within(self, days: int) -> bool:
        """Whether it was found in so many days."""
        return self.delay is not None and self.delay <= days

    @property
    def quiet(self) -> bool:
        """Whether there was no alarm at all."""
        return self.delay is None and not self.before


def read_events(path: Path) -> list[Event]:
    """The windows of a CSV with `zone`, `start`, `end`, `event` and `kind`; dates are YYYY-MM-DD, UTC.

    Raises:
        DataError: a column is missing.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    absent = {"zone", "start", "end", "event", "kind"} - set(rows[0] if rows else ())
    if absent:
        raise DataError(f"{path.name} has no column {', '.join(sorted(absent))}")
    return [
        Event(
            row["zone"],
            date.fromisoformat(row["start"]),
            date.fromisoformat(row["end"]),
            row["event"],
            row["kind"],
        )
        for row in rows
    ]


def reference_of(start: int, hours: int) -> slice | None:
    """The rows that limits are fitted on for a window that starts at row `start` of `hours`; None: none.

    >>> reference_of(YEAR + 100 * DAY, 3 * YEAR), reference_of(100 * DAY, 3 * YEAR)
    (slice(2184, 10944, None), slice(8760, 17520, None))
    """
    if start >= YEAR:
        refits = (start - YEAR) // REFIT
        return slice(refits * REFIT, refits * REFIT + YEAR)
    return slice(YEAR, 2 * YEAR) if start >= WARM_UP and hours >= 2 * YEAR else None


def judge_events(zones: Zones, events: Sequence[Event]) -> list[Finding]:
    """Every detector on every window of a zone that is there and has a reference.

    Raises:
        DataError: there are too few zones to judge them together.
    """
    if len(zones.names) < LEAST_CITIES:
        raise DataError(f"{len(zones.names)} zones are no fleet: it takes {LEAST_CITIES}")
    days = np.timedelta64(1, "h")
    found: list[Finding] = []
    by_reference: dict[tuple[int, int], list[Event]] = {}
    for event in events:
        start = int((np.datetime64(event.start, "h") - zones.first) / days)
        rows = reference_of(start, len(zones.load))
        if event.zone in zones.names and rows is not None and start < len(zones.load):
            by_reference.setdefault((rows.start, rows.stop), []).append(event)
    for (first, last), mine in by_reference.items():
        fitted = Fitted.of(zones, slice(first, last))
        for event in mine:
            found += fitted.judge(event)
    return found


@dataclass(frozen=True)
class Fitted:
    """All detectors' scores (S, N), a slot every 3 hours, by one reference; those of all zones are (S, 1)."""

    zones: Zones
    scores: Mapping[str, Array]
    states: Mapping[str, Flags]

    @classmethod
    def of(cls, zones: Zones, reference: slice) -> Fitted:
        """Fit on the reference, and score all slots."""
        series = Series(zones.load, zones.forecast, zones.hours)
        past, rows = series.rows(reference), np.arange(STEP - 1, len(zones.load), STEP)
        limits, around = fit(past, Settings()), wide(zones)
        fleet = fit_fleet(limits, past, around[reference])
        paged = watch_many(limits, None, series, rows)
        of_slow = slow_reference(past)
        slow = fit_slow(of_slow)
        noticed = watch_slow_many(slow, series, rows)
        together, _ = watch_slow_fleet(fit_slow_fleet(slow, of_slow), noticed.pull)
        scores = {
            "profile": paged.score,
            "fleet": scores_of(limits, fleet, series, around)[rows, None],
            "slow, own limit": noticed.score,
            "slow": shared(slow, noticed.score, together),
            "slow, all zones": together[:, None],
        }
        states = {name: _state(name, score) for name, score in scores.items()}
        return cls(zones, scores, states)

    def judge(self, event: Event) -> Iterator[Finding]:
        """What each detector made of the window."""
        zone = self.zones.names.index(event.zone)
        start, end = (self._slot(day) for day in (event.start, event.end))
        last = end if event.kind == CONTROL else max(end, start + AFTER // STEP)
        for name in DETECTORS:
            column = zone if name in CITY else 0
            score, state = self.scores[name][:, column], self.states[name][:, column]
            before = bool(state[max(start - 1, 0)])
            on = np.flatnonzero(state[start:last])
            delay = (int(on[0]) + 1) * STEP / DAY if len(on) and not before else None
            peak = float(np.nanmax(score[start : start + AFTER // STEP], initial=0.0))
            yield Finding(event, name, delay, before, peak)

    def _slot(self, day: date) -> int:
        """The first slot that ends after the day's first hour."""
        return int((np.datetime64(day, "h") - self.zones.first) / np.timedelta64(1, "h")) // STEP


def _state(name: str, score: Array) -> Flags:
    settings = SlowSettings()
    if name.startswith("slow"):
        return firing(score, settings.release, settings.hold_days * DAY // STEP)
    return firing(score, Settings().release, Settings().hold_hours // STEP)


def event_rows(found: Sequence[Finding]) -> list[list[Cell]]:
    """A row a window: the days to each detector's alarm; “on” where one was on before."""
    by_event: dict[Event, dict[str, Finding]] = {}
    for each in found:
        by_event.setdefault(each.event, {})[each.detector] = each
    return [
        [
            event.zone,
            event.event,
            event.kind,
            event.start.isoformat(),
            *(_cell(mine[name]) for name in DETECTORS),
        ]
        for event, mine in by_event.items()
    ]


def _cell(found: Finding) -> Cell:
    return "on" if found.before else found.delay


def summary_rows(found: Sequence[Finding]) -> list[list[Cell]]:
    """A row an event and detector: how many zones were found in 7, 14 and 21 days; how many stayed quiet.

    Controls are one event, whatever their words. All zones' own alarm says nothing of one control, so it has
    no such row.
    """
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for each in found:
        event = "control" if each.event.kind == CONTROL else each.event.event
        if event != CONTROL or each.detector in CITY:
            groups.setdefault((event, each.event.kind, each.detector), []).append(each)
    return [
        [
            *key,
            *(sum(each.within(days) for each in group) for days in WITHIN),
            sum(each.quiet for each in group),
            len(group),
        ]
        for key, group in groups.items()
    ]
