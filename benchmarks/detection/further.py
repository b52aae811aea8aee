"""What drift's other rules are measured on, where there is data: hard faults, known weeks, features."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.detection import events, faults, peer_features
from benchmarks.detection.data import Zones
from benchmarks.detection.targets import Target
from benchmarks.record import Cell

EVENTS = "events_dev.csv"  # beside the data
COVID, COVID_FOUND, COVID_DAYS = "COVID lockdown", 5, 21
WEATHER, PREFIX = "fr_national_weather.parquet", "temp_c_"  # beside the data
WARMER, PEERS, YEARLY, SHIFTED = "+3", "drift, peers", "once a year", 0.85
FEW, MANY = 2, 20  # faults a zone and kind
FEATURE_NOTES = (
    "One city is spoiled at a time; found: the first alarm at which the same series without it is quiet.",
    "Limits of one half of the years judge the other.",
)
EVENT_NOTES = (
    "A number is the days to the first alarm after the start; “on”: an alarm was on before it.",
    "“slow” is the digest of a zone, with and without what its limit takes from all zones.",
    "Limits are of the year before the last refit; windows of the first year are judged by the second.",
)


@dataclass(frozen=True)
class Part:
    """A table of its own, and its rows in the last one."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    targets: Sequence[Target]
    notes: Sequence[str] = ()


def further(options: argparse.Namespace, zones: Zones) -> list[Part]:
    """All that the data allows; a small run leaves the known weeks out."""
    found = []
    if options.config is None and {"zone", "timestamp"} <= set(pq.read_schema(options.data).names):
        found.append(fault_part(options))
    path = options.events or (None if options.config else options.data.with_name(EVENTS))
    if path is not None and path.exists() and not options.small:
        known = [each for each in events.read_events(path) if each.zone in zones.names]
        if known:
            found.append(event_part(zones, known))
    weather = options.features or (None if options.config else options.data.with_name(WEATHER))
    if weather is not None and weather.exists() and not options.small:
        found.append(feature_part(options, weather))
    return found


def feature_part(options: argparse.Namespace, path: Path) -> Part:
    """Features that drift, beside their peers."""
    rows = peer_features.peer_feature_rows(path, options.seed, options.each)
    names = peer_features.COLUMNS
    found = [dict(zip(names, row, strict=True)) for row in rows]
    mine = [each for each in found if (each["detector"], each["level"]) == (PEERS, YEARLY)]
    share = next(each[peer_features.FIGURES[0]] for each in mine if each["case"] == WARMER)
    rate = mine[0]["alarms a feature-city-year"]
    held = [
        Target(
            "+3 °C in one city ≤ 7 d",
            "one alarm a feature-city-year",
            number(share),
            None,
            SHIFTED,
            None,
            True,
        ),
        Target("alarms a feature-city-year at that level", "on the judged series", number(rate), high=1.0),
    ]
    title = f"Features that drift: {path.name}, columns {PREFIX}…"
    return Part("features", title, names, rows, held, FEATURE_NOTES)


def number(cell: Cell) -> float | None:
    """A cell that is one."""
    return float(cell) if isinstance(cell, int | float) else None


def fault_part(options: argparse.Namespace) -> Part:
    """Hard faults."""
    seeds = (options.seed,) if options.small else tuple(options.seed + k for k in range(3))
    rows = faults.measure_faults(options.data, seeds, FEW if options.small else MANY)
    worst = min(float(row[1]) for row in rows if isinstance(row[1], float) and row[4] is not None)
    false = [row[1] for row in rows if str(row[0]).startswith("false alarms a zone-year")]
    rate = float(false[0]) if false and isinstance(false[0], float) else None
    at, most = "as injected, the worst kind", faults.TARGET_FALSE
    held = [
        Target("hard faults found within 1 h (stuck: 4 h)", at, worst, None, 1.0, None, True),
        Target("false alarms of hard faults a zone-year", "published labels", rate, high=most),
    ]
    columns = ("fault, or what is counted", *faults.FIGURES)
    return Part("faults", "Hard faults", columns, rows, held)


def event_part(zones: Zones, known: Sequence[events.Event]) -> Part:
    """Weeks of which it is known that forecasts got worse, or that they did not."""
    found = events.judge_events(zones, known)
    held = []
    for at, detectors in (("profile", ("profile",)), ("profile or digest", ("profile", "slow"))):
        mine = [each for each in found if each.detector in detectors]
        covid = {each.event.zone for each in mine if each.event.event == COVID}
        if not covid:
            continue
        seen = {each.event.zone for each in mine if each.event.event == COVID and each.within(COVID_DAYS)}
        controls = {each.event.zone for each in mine if each.event.kind == events.CONTROL}
        loud = {each.event.zone for each in mine if each.event.kind == events.CONTROL and not each.quiet}
        held += [
            Target(f"COVID zones ≤ {COVID_DAYS} d, of {len(covid)}", at, len(seen), low=COVID_FOUND),
            Target(f"controls quiet, of {len(controls)}", at, len(controls - loud), low=len(controls)),
        ]
    title = "Weeks of which it is known that forecasts got worse, or that they did not"
    return Part("events", title, events.COLUMNS, events.event_rows(found), held, EVENT_NOTES)
