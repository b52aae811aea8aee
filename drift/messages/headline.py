"""PURE. A notice in one line: where, which model version, and what happened there."""

from __future__ import annotations

import re
from dataclasses import replace

from drift.evidence.disturbances import WORDS as FAULTS
from drift.evidence.wording import percent, times
from drift.messages.facts import Reading
from drift.messages.figures import against, figure
from drift.messages.kinds import KINDS, OWN, RELAYED, called, kind_of, of_platform
from drift.messages.reading import Node
from drift.messages.words import PROSE_LENGTH, Said, Words, name_of
from drift.notices import Notice, Told

OWN_KINDS = tuple(KINDS[name] for name in OWN)
SHORT = 60
"""So much of what an alert says of itself stands in a row."""


def headline_of(notice: Notice, words: Words) -> Said:
    """The one line."""
    if notice.why == "test":
        return ("this is a test of the channel ", name_of(notice.channel), "; nothing is wrong")
    version: Said = (" (", name_of(notice.model_version), ")") if notice.model_version else ()
    if not notice.alerts:
        return (name_of(notice.rule), *version)
    told = notice.alerts[0]
    ended = notice.status == "resolved"
    if kind_of(told) is KINDS[RELAYED]:
        return _relayed(notice, words, version)
    if len(notice.alerts) > 1:
        if len({each.key.column for each in notice.alerts}) > 1:
            told = replace(told, key=told.key._replace(column=None))
        what = _filled(kind_of(told).ended if ended else kind_of(told).many, told, words)
        if not version and told.key.city is None and not _of_a_part(told):
            return what
        return (counted(notice), *version, ": ", *what, *(() if ended else worst_of(notice.alerts[0], words)))
    later = _goes_on(told, words) if notice.why != "began" else None
    what = _ended(told, words) if ended else later or happened(told, words)
    if not version and told.key.city is None and not _of_a_part(told):
        return what
    return (place_of(told), *version, ": ", *what)


def _relayed(notice: Notice, words: Words, version: Said) -> Said:
    """What Alertmanager says, which names its place; of several alerts the rule, and how many they are."""
    kind, told = KINDS[RELAYED], notice.alerts[0]
    if len(notice.alerts) == 1:
        return _filled(kind.ended if notice.status == "resolved" else kind.happened, told, words)
    over = "over: " if notice.status == "resolved" else ""
    return (over, f"{len(notice.alerts):,} alerts", *version, ": ", name_of(notice.rule))


def _of_a_part(told: Told) -> bool:
    """Whether it is of a part of the platform; one whose rule was removed is known by having a part."""
    return of_platform(told) or (told.key.column is not None and kind_of(told) not in OWN_KINDS)


def place_of(told: Told, longest: int = 40) -> str:
    """The city, or all of them; of what is about drift, its channel; of the platform, which part of it."""
    if told.key.city is not None:
        return name_of(told.key.city, longest)
    if told.key.column is not None:
        return name_of(told.key.column, longest)
    return "The platform" if of_platform(told) else "All cities"


def counted(notice: Notice) -> str:
    """How many alerts the notice holds, in how many cities, or of how many parts of the platform."""
    one, several = kind_of(notice.alerts[0]).place
    places = len({told.key[2:] if of_platform(told) else told.key.city for told in notice.alerts})
    if places == len(notice.alerts):
        return f"{places:,} {several}"
    return f"{len(notice.alerts):,} alerts in {places:,} {one if places == 1 else several}"


def worst_of(told: Told, words: Words) -> Said:
    """The first city of several, with its value."""
    known = told.key.city is not None or of_platform(told)
    city: Said = (", worst ", place_of(told)) if known else ()
    return (*city, f" {short_figure(told, words)}") if city else ()


def short_figure(told: Told, words: Words) -> str:
    """How bad one alert is: times normal where that is known, else its value, or what it says of itself."""
    if kind_of(told) is KINDS[RELAYED]:
        return said_of(told, SHORT)
    reading = reading_of(told, words)
    if reading.ratio is not None and kind_of(told) is KINDS["profile"]:
        return f"{times(reading.ratio)} × normal"
    return figure(told.name, told.value, words.unit)


def worst_figure(told: Told, words: Words) -> str:
    """How bad an alert was that is over."""
    if kind_of(told) is KINDS[RELAYED]:
        return said_of(told, SHORT)
    worst, reading = Node(told.evidence)["worst"].number, reading_of(told, words)
    if worst is not None:
        return figure(told.name, worst, words.unit)
    return "not known" if reading.ratio is None else f"{times(reading.ratio)} × normal"


def happened(told: Told, words: Words) -> Said:
    """What is wrong, from the evidence where there is some."""
    reading, kind = reading_of(told, words), kind_of(told)
    by_evidence = {
        KINDS["profile"].happened: _of_profile,
        KINDS["fleet"].happened: _of_fleet,
        KINDS["faults"].happened: _of_faults,
        KINDS["interval"].happened: _of_interval,
    }.get(kind.happened)
    said = by_evidence(reading) if by_evidence is not None else None
    return said or _filled(kind.happened if told.value is not None else kind.many, told, words)


def reading_of(told: Told, words: Words) -> Reading:
    """The alert's evidence, in its city's zone."""
    return Reading.of(told, words.unit, words.zone(told.key.city))


def closed(notice: Notice) -> bool:
    """Whether the alerts ended because nothing judges them any more, which does not say that all is well."""
    ended = notice.status == "resolved" and all(told.value is None for told in notice.alerts)
    return ended and bool(notice.alerts) and kind_of(notice.alerts[0]) not in OWN_KINDS


def _goes_on(told: Told, words: Words) -> Said | None:
    """What was wrong when it fired, as the evidence has it, beside what is so now."""
    ratio = reading_of(told, words).ratio
    if ratio is None or kind_of(told) is not KINDS["profile"] or told.value is None:
        return None
    now = figure(told.name, told.value, words.unit)
    return (f"forecast error {times(ratio)} × normal when it fired, score now {now}",)


def _ended(told: Told, words: Words) -> Said:
    if told.value is None and kind_of(told) not in OWN_KINDS:
        return (Node(told.evidence)["reason"].prose(60) or "no longer judged",)
    return _filled(kind_of(told).ended, told, words)


def said_of(told: Told, longest: int = PROSE_LENGTH) -> str:
    """What the alert says of itself first, or else its rule."""
    said = next(iter(Node(told.evidence)["sentences"]), Node()).prose(longest)
    return said or name_of(told.key.rule)


def heard_of(told: Told, longest: int = PROSE_LENGTH) -> str:
    """What the alert says of itself first, without its place and its stop; or else what its kind says."""
    said = next(iter(Node(told.evidence)["sentences"]), Node()).prose(longest) or ""
    return said.removeprefix(f"{told.key.column}: ").removesuffix(".") or kind_of(told).many


def _filled(text: str, told: Told, words: Words) -> Said:
    """The kind's phrase with the alert's figures in it."""
    value, limit = against(told.name, told.value, told.threshold.limit, words.unit)
    column: Said = () if told.key.column is None else (name_of(told.key.column),)
    filled: dict[str, Said] = {
        "{what}": (called(told.name), *((" of ", *column) if column else ())),
        "{channel}": ("the channel ", *column) if column else ("a channel",),
        "{input}": ("input", *((" ", *column) if column else ())),
        "{value}": (value,),
        "{side}": (told.threshold.side if told.threshold.side in ("below", "above") else "past",),
        "{limit}": (limit,),
        "{said}": (said_of(told),),
        "{heard}": (heard_of(told),),
    }
    return tuple(piece for part in re.split(r"(\{\w+\})", text) for piece in filled.get(part, (part,)))


def _of_profile(r: Reading) -> Said | None:
    if r.ratio is None:
        return None
    return (f"forecast error {times(r.ratio)} × normal" + (f", {r.way}" if r.way else ""),)


def _of_fleet(r: Reading) -> Said | None:
    worse, cities = r.evidence["worse"].number, r.evidence["cities"].number
    if worse is None or not cities:
        return None
    return (f"forecasts worse together, error above normal in {worse:,.0f} of {cities:,.0f} cities",)


def _of_faults(r: Reading) -> Said | None:
    if r.told.value is None:
        return None
    found = r.evidence["disturbances"]
    kinds = [
        (whose, kind)
        for whose, part in (("actuals", "actual_faults"), ("predictions", "prediction_faults"))
        for kind, _ in found[part].counts()
    ]
    what: Said = () if not kinds else (f" of {kinds[0][0]} ", FAULTS.get(kinds[0][1], kinds[0][1]))
    return (f"data fault: {figure(r.told.name, r.told.value, r.unit)}", *what)


def _of_interval(r: Reading) -> Said | None:
    value, level = (r.evidence["coverage"][name].number for name in ("value", "level"))
    if value is None or level is None:
        return None
    return (f"prediction interval holds {percent(value)} of the actuals, should be {percent(level)}",)
