"""What a colleague would say of a city in trouble: which way, how much, which hours, since when.

From the evidence of its alerts where they carry it, else from the run's own figures. A city's alerts on
several model versions are one trouble: the worst is told, and the others are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from drift.domain import Alert, AlertKey, AlertStatus, Transition
from drift.reports.book import Book, lean, lean_word
from drift.reports.city_faults import faults_of
from drift.reports.local import short_clock, two_clocks
from drift.reports.shown import Notes, readable, significant
from drift.reports.times import times_normal, times_of

MOST_SENTENCES = 12
FIRST = "Do first: "
FRESH = timedelta(hours=12)
"""So long what the evidence says is the present; later the current window says how large the error is."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A firing alert of a city in one reading. `times` is error ÷ normal, where that is what is wrong."""

    city: str
    model_version: str
    rule: str
    what: str
    times: float | None
    since: datetime
    clocks: str
    """Since when, on both clocks."""
    first: str
    """What to do first; empty where no evidence says it."""
    sentences: tuple[str, ...]
    """The rest of the evidence."""
    fired: str = ""
    """When it fired, as that is what the evidence is of."""
    cause: str = ""
    """What its evidence points to, where that is one thing."""

    @property
    def headline(self) -> str:
        """What is wrong, as a head."""
        return f"{readable(self.model_version)} {self.what}"

    def sentence(self, zone: str, versions: Sequence[str]) -> str:
        """The trouble as one sentence; `versions` are named where the fleet has several."""
        verb, comma, size = self.what.partition(",")
        by = f" with {' and '.join(readable(v) for v in versions)}" if versions else ""
        why = f": {self.cause}" if self.cause else ""
        return f"{readable(self.city)} {verb}{by}{comma}{size}, since {short_clock(self.since, zone)}{why}."


def troubles_of(book: Book, city: str | None = None) -> list[Trouble]:
    """The firing alerts of the cities, or of one, worst first."""
    index = {name: c for c, name in enumerate(book.pairs.cities)}
    began = _latest(book.transitions)
    found = [
        _trouble(book, alert, began.get(alert.key), index[alert.key.city])
        for alert in book.run.alerts
        if alert.status is AlertStatus.FIRING
        and alert.key.city in index
        and city in (None, alert.key.city)
        and alert.key.model_version in book.pairs.model_versions
    ]
    return sorted(found, key=lambda t: (-(t.times or 0.0), t.city, t.model_version, t.rule))


def onsets_of(book: Book) -> Mapping[AlertKey, datetime]:
    """Of each firing alert of a city, when it began: the onset that its evidence found, or the fault's."""
    began = _latest(book.transitions)
    found = {}
    for alert in book.run.alerts:
        step = began.get(alert.key)
        if step is None or alert.status is not AlertStatus.FIRING or alert.key.city not in book.pairs.cities:
            continue
        c = book.pairs.cities.index(alert.key.city)
        since = _since(book, c, step.name, _part(step.evidence, "explanation"))
        if since is not None:
            found[alert.key] = since
    return found


def by_city(troubles: Iterable[Trouble]) -> Mapping[str, list[Trouble]]:
    """The troubles of each city, in their order."""
    found: dict[str, list[Trouble]] = {}
    for trouble in troubles:
        found.setdefault(trouble.city, []).append(trouble)
    return found


def _latest(transitions: Sequence[Transition]) -> Mapping[AlertKey, Transition]:
    """The transition that began each alert last; they come newest first."""
    found: dict[AlertKey, Transition] = {}
    for step in transitions:
        if step.after is AlertStatus.FIRING:
            found.setdefault(step.key, step)
    return found


def _trouble(book: Book, alert: Alert, began: Transition | None, c: int) -> Trouble:
    city, version = book.pairs.cities[c], alert.key.model_version
    v = book.pairs.model_versions.index(version)
    evidence = began.evidence if began is not None else {}
    told = [readable(str(s), 400) for s in _listed(evidence.get("sentences"))][:MOST_SENTENCES]
    parts = _part(evidence, "explanation")
    name = began.name if began is not None else ""
    now = began is None or book.run.slot - began.at >= FRESH
    times = None if now else _number(parts, "effect", "ratio")
    if times is None:
        times = times_of(book, c, v, Notes()).value
    broken = name in ("fault_hours", "feature_score", "interval_score")
    since = _since(book, c, name, parts) or (alert if began is None else began).since
    first = next((s for s in told if s.startswith(FIRST)), "")
    return Trouble(
        city=city,
        model_version=version,
        rule=alert.key.rule,
        what=_other(name, parts, alert) if broken else _error(book, {} if now else parts, times, v, c),
        times=None if broken else times,
        since=since,
        clocks=two_clocks(since, book.config.zone_of(city)),
        first=first.removeprefix(FIRST),
        sentences=tuple(s for s in told if s != first),
        cause="" if broken else _cause(parts),
        fired="" if began is None else two_clocks(began.at, book.config.zone_of(city)),
    )


def _error(book: Book, parts: Mapping[str, object], times: float | None, v: int, c: int) -> str:
    """`over-forecasts, 1.8 × normal, mostly 18:00 to 23:00`."""
    way = _part(parts, "bias").get("direction")
    if way is None:
        way = lean_word(lean(book.error[v, c, book.current], book.pairs.actual[c, book.current]))
    verb = {"over-forecast": "over-forecasts", "under-forecast": "under-forecasts"}.get(str(way), "errs more")
    size = "" if times is None else f", {times_normal(times)}"
    hours = _part(parts, "hours")
    if hours.get("stand_out") is True:
        size += f", mostly {int(str(hours['first'])):02d}:00 to {int(str(hours['last'])) % 24:02d}:00"
    return verb + size


def _cause(parts: Mapping[str, object]) -> str:
    """The mark of a broken job, or of another load."""
    late, lag = _number(parts, "shift", "late_hours"), _number(parts, "repeat", "lag_hours")
    level = _number(parts, "level", "ratio")
    if lag is not None:
        return f"the forecast repeats the load of {significant(lag)} h before"
    if late is not None:
        return f"the forecast is {round(abs(late), 2):g} h {'late' if late > 0 else 'early'}"
    return "" if level is None else f"the load is {level:.1f} × what it was"


def _other(name: str, parts: Mapping[str, object], alert: Alert) -> str:
    """What is wrong beside the error."""
    if name == "interval_score":
        return "has intervals that do not hold what they promise"
    if name == "feature_score":
        return f"has a feature out of its range ({readable(alert.key.column or '')})"
    faults = _part(parts, "disturbances")
    said = [
        f"{what} {readable(kind).replace('_', ' ')} in {significant(float(hours))} h"
        for what, key in (("actuals", "actual_faults"), ("predictions", "prediction_faults"))
        for kind, hours in _part(faults, key).items()
        if isinstance(hours, int | float)
    ]
    hours = f" in {significant(alert.value)} h of the current window" if alert.value else ""
    return f"has faulty data ({', '.join(said)})" if said else f"has faulty data{hours}"


def _since(book: Book, c: int, name: str, parts: Mapping[str, object]) -> datetime | None:
    """When it began: of faulty data, the first of the runs that reach into the current window."""
    if name != "fault_hours":
        return _onset(parts)
    starts = [run.start for run in faults_of(book, c) if run.end > book.run.current.start and not run.late]
    return min(starts, default=None)


def _onset(parts: Mapping[str, object]) -> datetime | None:
    at = _part(parts, "onset").get("at")
    try:
        found = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _part(parts: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = parts.get(name)
    return found if isinstance(found, Mapping) else {}


def _number(parts: Mapping[str, object], part: str, name: str) -> float | None:
    value = _part(parts, part).get(name)
    return float(value) if isinstance(value, int | float) else None


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
