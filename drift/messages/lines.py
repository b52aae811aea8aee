"""PURE. The lines of figures of a notice: the evidence, the rule, since when; of what is over, how it was."""

from __future__ import annotations

from dataclasses import replace

from drift.evidence.wording import percent, times
from drift.messages.cities import together
from drift.messages.facts import Fact, facts_of
from drift.messages.figures import against, between, figure, lasting, when
from drift.messages.headline import OWN_KINDS, closed, reading_of
from drift.messages.kinds import KINDS, kind_of, of_platform
from drift.messages.reading import Node
from drift.messages.words import Said, Words, name_of
from drift.notices import Notice, Told

MOST_SENTENCES = 4


def lines_of(notice: Notice, words: Words) -> tuple[Fact, ...]:
    """The lines of figures."""
    if notice.why == "test":
        sent, channel = when(notice.at, words.zone(None)), name_of(notice.channel)
        return (Fact("Sent", (sent,)), Fact("Channel", (channel,)))
    if not notice.alerts:
        return (Fact("Rule", (name_of(notice.rule),)),)
    if notice.status == "resolved":
        return (*_ended(notice, words), _rule(notice, words))
    own = _alone(notice, words) if len(notice.alerts) == 1 else together(notice, words)
    return (*own, *_as_of(notice, words), _rule(notice, words), _since(notice, words))


def _alone(notice: Notice, words: Words) -> tuple[Fact, ...]:
    """The evidence of a notice's only alert: its figures; or what was said, where there are none."""
    told = notice.alerts[0]
    facts = facts_of(replace(reading_of(told, words), at=notice.at))
    of_fleet = told.key.city is None and not of_platform(told)
    if not facts and not (of_fleet and Node(told.evidence)["explanation"].known):
        said = [text for node in Node(told.evidence)["sentences"] if (text := node.prose()) is not None]
        facts = tuple(Fact("" if k else "Evidence", (text,)) for k, text in enumerate(said[:MOST_SENTENCES]))
    return (*facts, *_pairs(told))


def _pairs(told: Told) -> tuple[Fact, ...]:
    """How much a metric was measured on."""
    n, coverage = Node(told.evidence)["n"].number, Node(told.evidence)["coverage"].number
    if kind_of(told) is not KINDS["metric"] or not n or coverage is None:
        return ()
    return (Fact("Measured on", (f"{n:,.0f} pairs, {percent(coverage)} of those expected",)),)


def _as_of(notice: Notice, words: Words) -> tuple[Fact, ...]:
    """Evidence is of when the alert fired: a later message says so."""
    ends = [Node(told.evidence)["explanation"]["span"]["end"].moment for told in notice.alerts]
    known = [end for end in ends if end is not None]
    if notice.why == "began" or not known:
        return ()
    at = when(max(known), words.zone(notice.alerts[0].key.city))
    return (Fact("Figures", (f"those above are of when it fired, up to {at}; the report has newer ones",)),)


def _rule(notice: Notice, words: Words) -> Fact:
    """What was held against what."""
    told, name = notice.alerts[0], name_of(notice.rule)
    value, limit = against(told.name, told.value, told.threshold.limit, words.unit)
    kind = kind_of(told)
    horizon: Said = () if told.key.horizon is None else (", horizon ", name_of(told.key.horizon))
    if kind in OWN_KINDS or kind is KINDS["faults"]:
        return Fact("Rule", (name, *horizon))
    now = "" if len(notice.alerts) > 1 or notice.status == "resolved" or told.value is None else value
    if told.threshold.basis == "calibrated":
        score = (
            f": score {now.replace('its limit', 'its calibrated limit')}"
            if now
            else ", with a calibrated limit"
        )
        return Fact("Rule", (name, score, *horizon))
    return Fact("Rule", (name, f": {f'{now}, ' if now else ''}limit {limit}", *horizon))


def _since(notice: Notice, words: Words) -> Fact:
    """Since when the limit is breached: what is certain, where the onset is an estimate."""
    since = min(told.since for told in notice.alerts)
    zone = words.zone(notice.alerts[0].key.city if len(notice.alerts) == 1 else None)
    length = between(since, notice.at)
    label = "Since" if kind_of(notice.alerts[0]) in OWN_KINDS else "Alarm since"
    return Fact(label, (when(since, zone) + (f", {lasting(length)}" if length else ", this slot"),))


def _ended(notice: Notice, words: Words) -> tuple[Fact, ...]:
    """How long it lasted, how bad it was, and how it is now."""
    told, one = notice.alerts[0], len(notice.alerts) == 1
    since = min(each.since for each in notice.alerts)
    zone = words.zone(told.key.city if one else None)
    span = f"{when(since, zone)} to {when(notice.at, zone, named=False)}"
    facts = [Fact("Lasted", (f"{lasting(between(since, notice.at))}: {span}",))]
    if one and (worst := Node(told.evidence)["worst"].number) is not None:
        facts.append(Fact("At worst", (figure(told.name, worst, words.unit),)))
    if one and (ratio := reading_of(told, words).ratio) is not None:
        facts.append(Fact("When it fired", (f"error {times(ratio)} × normal",)))
    if one and not closed(notice) and kind_of(told) not in OWN_KINDS:
        facts.append(Fact("Now", (figure(told.name, told.value, words.unit),)))
    return tuple(facts)
