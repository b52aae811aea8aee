"""PURE. What the evidence of one alert says, a line each with its label, in the order in which it is asked at
night: how bad, how sure, since when, which way, which hours, which inputs, who else, which version is better.

One more line is a function here and an entry in `FACTS`; it gives None where its part is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TypeAlias

from drift.evidence.disturbances import WORDS as FAULTS
from drift.evidence.effect import BOTH_WAYS, ONE_WAY
from drift.evidence.features import HOW
from drift.evidence.skill import CHANCE, CLEARLY, LEVEL_WITH
from drift.evidence.wording import MANY, amount, digits, percent, times
from drift.messages.figures import between, lasting, when
from drift.messages.kinds import KINDS, kind_of
from drift.messages.reading import Node
from drift.messages.words import Name, Said
from drift.notices import Told

LEAST_LIFT = 0.2
"""Share of the excess beyond that of the hours, below which a regime is not said (as in the evidence)."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of what is known."""

    label: str
    said: Said


@dataclass(frozen=True, slots=True)
class Reading:
    """The evidence of one alert, and in which unit and zone it is said."""

    told: Told
    evidence: Node
    """`explanation` of the alert's evidence."""
    unit: str
    zone: tzinfo
    at: datetime | None = None
    """When the message is of, where that matters."""

    @classmethod
    def of(cls, told: Told, unit: str, zone: tzinfo) -> Reading:
        """The alert's evidence; without any, every part of it is missing."""
        evidence = Node(told.evidence)["explanation"]
        return cls(told, evidence, str(evidence["unit"].name(16) or unit), zone)

    @property
    def ratio(self) -> float | None:
        """Times normal."""
        ratio = self.evidence["effect"]["ratio"].number
        return ratio if ratio is not None and ratio >= 0 else None

    @property
    def began(self) -> datetime | None:
        """The estimated onset of the error; of other alerts there is none."""
        faults = kind_of(self.told) is KINDS["faults"]
        return None if faults else self.evidence["onset"]["at"].moment

    @property
    def step(self) -> str | None:
        """What the evidence advises to do first."""
        return self.evidence["advice"]["step"].name()

    @property
    def way(self) -> str | None:
        """`over-forecast` or `under-forecast`, if the error mostly keeps to one side."""
        bias = self.evidence["bias"]
        share = bias["of_error"].number
        direction = bias["direction"].name()
        leans = share is not None and share >= BOTH_WAYS
        return str(direction) if leans and direction in ("over-forecast", "under-forecast") else None

    @property
    def better(self) -> Name | None:
        """The other model version that does clearly better on the same hours, if one does."""
        for other in self.evidence["other_versions"]:  # the best is the first
            wape, own, p = (other[name].number for name in ("wape", "own", "p_value"))
            clearly = wape is not None and own is not None and wape < CLEARLY * own
            return other["model_version"].name() if clearly and (p is None or p <= CHANCE) else None
        return None


def facts_of(reading: Reading) -> tuple[Fact, ...]:
    """All lines that there are figures for; of data faults only what is faulty."""
    faults = kind_of(reading.told) is KINDS["faults"]
    found = [(label, fact(reading)) for label, fact in FACTS if label == "Data" or not faults]
    return tuple(Fact(label, said) for label, said in found if said)


def _error(r: Reading) -> Said | None:
    effect = r.evidence["effect"]
    mean, wape, normal = (effect[name].number for name in ("mean", "wape", "normal"))
    if mean is None:
        return None
    share = f" ({percent(wape)} of the load)" if wape is not None else ""
    if normal is None or r.ratio is None:
        return (f"{amount(mean, r.unit)}{share}; what is normal here is not known",)
    return (f"{times(r.ratio)} × normal: {amount(mean, r.unit)}{share} against {amount(normal, r.unit)}",)


def _sure(r: Reading) -> Said | None:
    interval, hours = r.evidence["effect"]["interval"], r.evidence["span"]["hours"].number
    low, high = interval["low"].number, interval["high"].number
    if low is None or high is None or low < 0 or high < 0:
        return ("not known: there is too little history to say",) if r.ratio is not None else None
    pairs = f", from {hours:,.0f} hours" if hours is not None and 0 < hours < 1e6 else ""
    return (f"90 % sure that it is {times(low)} to {times(high)} × normal{pairs}",)


def _began(r: Reading) -> Said | None:
    onset = r.evidence["onset"]
    at, first, last = (onset[name].moment for name in ("at", "first", "last"))
    if at is None:
        return None
    said = f"about {when(at, r.zone)}" + (f", {lasting(between(at, r.at))} ago" if r.at is not None else "")
    if last is not None and onset["earlier"].flag:
        return (f"{said}; 90 % sure: not after {when(last, r.zone, named=False)}, perhaps much earlier",)
    if first is None or last is None or between(first, last).total_seconds() <= 3 * 3600:
        return (said,)
    return (f"{said}; 90 % sure within {lasting(between(first, last))} around it",)


def _way(r: Reading) -> Said | None:
    bias = r.evidence["bias"]
    share, of_error = bias["share"].number, bias["of_error"].number
    if share is None or of_error is None:
        return None
    if r.way is None:
        return ("errors go both ways: no bias",)
    before = bias["before"].number
    was = f"; before, {percent(before, sign=True)}" if before is not None else ""
    often = "nearly always" if of_error > ONE_WAY else "mostly"
    return (f"{often} {r.way}: {percent(share, sign=True)} of the load on average{was}",)


def _hours(r: Reading) -> Said | None:
    hours = r.evidence["hours"]
    first, last, share = (hours[name].number for name in ("first", "last", "share"))
    if first is None or last is None or share is None:
        return None
    if not hours["stand_out"].flag:
        return ("all day: no hours stand out",)
    end = (int(last) - 1) % 24 + 1
    return (f"{percent(share)} of the excess is from {int(first) % 24:02d}:00 to {end:02d}:00 local time",)


def _regime(r: Reading) -> Said | None:
    regime = r.evidence["regime"]
    shares, shown = [n.number or 0.0 for n in regime["share"]], [n.number or 0.0 for n in regime["time"]]
    names = [n.name() for n in regime["names"]]
    lifts = [share - time for share, time in zip(shares, shown, strict=False)][: len(names)]
    if not lifts or max(lifts) < LEAST_LIFT:
        return None
    k = max(range(len(lifts)), key=lambda i: lifts[i])
    how = (f"{percent(min(shares[k], 1.0))} of the excess is ", f", {percent(shown[k])} of the hours")
    column, bounds = regime["column"].name(), [n.number for n in regime["bounds"]]
    if column is None:
        return (how[0], "on ", str(names[k]), f"s{how[1]}")
    if len(bounds) != 2 or None in bounds or k > 2:
        return None
    low, high = (digits(bound or 0.0, 4) for bound in bounds)
    where = (f" is below {low}", f" is between {low} and {high}", f" is above {high}")[k]
    return (how[0], "where ", column, where, how[1])


def _inputs(r: Reading) -> Said | None:
    features = r.evidence["features"]
    if not features.listed:
        return None
    said: list[str] = []
    found = list(features)
    for feature in found[:MANY]:
        column, direction, share = (
            feature["column"].name(),
            feature["direction"].name(),
            feature["share"].number,
        )
        if column is not None and direction in HOW and share is not None:
            said += [", " if said else "", column, f" {HOW[direction]} {percent(share)} of the hours"]  # type: ignore[index]  # is in it
    if not said:
        return ("all in their usual range",) if not found else None
    more = len(found) - MANY
    return (*said, f" and {more} more" if more > 0 else "")


def _others(r: Reading) -> Said | None:
    peers = r.evidence["peers"]
    cities, above, near = (peers[name].number for name in ("cities", "above", "near"))
    if cities is None or above is None:
        return None
    nearly = f", {near - above:.0f} more nearly" if near is not None and near > above else ""
    pattern = peers["pattern"].name()
    if pattern == "fleet":
        return (f"{above:.0f} of {cities:,.0f} have it too{nearly}: looks like one common cause",)
    group = peers["group"].name()
    if pattern == "group" and group is not None:
        return (f"{above:.0f} of {cities:,.0f} have it too{nearly}, mostly in the group ", group)
    if above:
        return (f"{above:.0f} of {cities:,.0f} have it too{nearly}",)
    return (f"none of {cities:,.0f} has it{nearly}: looks like this city's own",)


def _versions(r: Reading) -> Said | None:
    if r.step == "switch_version":
        return None  # the advice has said it
    best = next(iter(r.evidence["other_versions"]), Node())
    name, wape, own, p = (
        best["model_version"].name(),
        *(best[key].number for key in ("wape", "own", "p_value")),
    )
    if name is None or wape is None or own is None:
        return None
    verdict = (
        " does better"
        if r.better
        else " may do better, or by chance"
        if wape < CLEARLY * own
        else " does no better"
    )
    test = "" if p is None else f" (p {'< 0.001' if p < 0.001 else f'= {p:.2g}'})"
    return (name, f"{verdict}: WAPE {percent(wape)} against {percent(own)} on the same hours{test}")


def _last_week(r: Reading) -> Said | None:
    skill = r.evidence["skill"]
    value, wape, naive = (skill[name].number for name in ("value", "wape", "naive"))
    if value is None or wape is None or naive is None or value > LEVEL_WITH:
        return None  # a forecast that beats last week's load is no news
    how = "worse than" if value < -LEVEL_WITH else "no better than"
    return (f"{how} the load of the same hour last week: WAPE {percent(wape)} against {percent(naive)}",)


def _interval(r: Reading) -> Said | None:
    value, level = (r.evidence["coverage"][name].number for name in ("value", "level"))
    if value is None:
        return None
    return (f"holds {percent(value)} of the actuals" + (f", should be {percent(level)}" if level else ""),)


def _data(r: Reading) -> Said | None:
    found = r.evidence["disturbances"]
    said: list[str] = []
    for whose, part in (("actuals", "actual_faults"), ("predictions", "prediction_faults")):
        for kind, hours in list(found[part].counts())[:MANY]:
            said += [", " if said else "", f"{whose} ", FAULTS.get(kind, kind), f" in {digits(hours)} h"]
    days = [day.name(16) for day in found["holidays"]]
    if days:
        counted = "counted in" if found["holidays_count"].flag else "left out"
        more = f" and {len(days) - MANY} more" if len(days) > MANY else ""
        said += ["; " if said else "", f"holidays {counted}: {', '.join(str(d) for d in days[:MANY])}{more}"]
    return tuple(said) or None


Line: TypeAlias = Callable[[Reading], Said | None]
FACTS: tuple[tuple[str, Line], ...] = (
    ("Error", _error),
    ("How sure", _sure),
    ("Began", _began),
    ("Which way", _way),
    ("Hours", _hours),
    ("Where", _regime),
    ("Inputs", _inputs),
    ("Other cities", _others),
    ("Other version", _versions),
    ("Forecast", _last_week),
    ("Interval", _interval),
    ("Data", _data),
)
