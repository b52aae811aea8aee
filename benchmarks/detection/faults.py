"""How soon hard faults are found, how often sound hours are called one, and what published labels say to it.

Why: the rules of `drift.quality` page on their own, so they may neither miss a dead feed nor cry wolf. How:
faults of known kind are put into real zones at random onsets, and each is judged as a slot would, by hours up
to that slot only. False alarms are counted in the series as they are, against the labels of a file that has
them (`quality_flag`, `actual_cleaned`; of Ruggles et al. 2020, doi 10.1038/s41597-020-0483-x, for the EIA's).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.record import Cell
from drift.domain import Codes, Floats
from drift.quality import FAULTS, NAMES, faults

PER_DAY = 24
YEAR = 8766.0  # hours
HISTORY = 60 * PER_DAY  # hours before an onset; what is usual reaches back 28 days
LATEST = 8  # hours after an onset that a fault is waited for
QUIET = 24  # sound hours after which a fault is a new onset
SENTINEL = -999.0
TARGET_FALSE = 0.5  # a zone-year
Bools = NDArray[np.bool_]
Whole = NDArray[np.int64]
Faulty = Callable[[Floats], Floats]
Find = Callable[[Floats], Codes]

FIGURES = ("found in time", "named rightly", "hours to find all", "onsets")


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault to put in: what it should be called, the hours allowed, and what it makes of values (M, L)."""

    kind: str
    within: int
    make: Faulty


INJECTED: Mapping[str, Injected] = {
    "dead feed": Injected("missing", 1, lambda values: np.full_like(values, np.nan)),
    "zeros": Injected("not_positive", 1, np.zeros_like),
    "wrong sign": Injected("not_positive", 1, np.negative),
    "-999": Injected("not_positive", 1, lambda values: np.full_like(values, SENTINEL)),
    "× 1,000 (kW for MW)": Injected("scale", 1, lambda values: values * 1000),
    "÷ 1,000 (GW for MW)": Injected("scale", 1, lambda values: values / 1000),
    "× 10": Injected("scale", 1, lambda values: values * 10),
    "÷ 10": Injected("scale", 1, lambda values: values / 10),
    "stuck": Injected("stuck", 4, lambda values: np.repeat(values[:, :1], values.shape[1], axis=1)),
}


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Hourly values (N, H) of zones. `rows`: the file has that hour; `bad`: its labels call it unfit."""

    names: Sequence[str]
    actual: Floats
    forecast: Floats
    rows: Bools
    bad: Bools | None
    """None where the file has no labels."""


def read_labelled(path: Path) -> Labelled:
    """The zones of a Parquet file; an hour is labelled bad if its `quality_flag` is not OKAY, or if its
    `actual_cleaned` is another number than its `actual`.
    """
    columns = ("zone", "timestamp", "actual", "forecast", "quality_flag", "actual_cleaned")
    file = pq.ParquetFile(path)
    table = file.read([name for name in columns if name in file.schema_arrow.names])
    names, zone = np.unique(np.array(table["zone"].to_pylist()), return_inverse=True)
    stamps = table["timestamp"].to_numpy().astype("datetime64[h]").astype(np.int64)
    hour = stamps - stamps.min()
    shape = (len(names), int(hour.max()) + 1)

    def grid(column: str) -> Floats:
        out = np.full(shape, np.nan)
        out[zone, hour] = table[column].to_numpy()
        return out

    rows = np.zeros(shape, bool)
    rows[zone, hour] = True
    actual = grid("actual")
    bad = None
    if "quality_flag" in table.column_names:
        bad = np.zeros(shape, bool)
        bad[zone, hour] = np.array(table["quality_flag"].to_pylist()) != "OKAY"
        if "actual_cleaned" in table.column_names:
            clean = grid("actual_cleaned")
            bad |= rows & (actual != clean) & ~(np.isnan(actual) & np.isnan(clean))
    return Labelled([str(name) for name in names], actual, grid("forecast"), rows, bad)


def codes_of(values: Floats) -> Codes:
    """What drift says of each hour."""
    return faults(values, PER_DAY)


def draw_onsets(zones: Labelled, codes: Codes, each: int, seed: int) -> tuple[Whole, Whole]:
    """Zone and hour of `each` random onsets a zone, with a sound day before and sound hours after."""
    rng = np.random.default_rng(seed)
    sound = (codes == 0) & zones.rows
    total = np.pad(np.cumsum(sound, axis=1), ((0, 0), (1, 0)))
    hour = np.arange(HISTORY, sound.shape[1] - LATEST)
    whole = total[:, hour + LATEST] - total[:, hour - QUIET] == QUIET + LATEST
    zone, at = [], []
    for number, fit in enumerate(whole):
        possible = hour[fit]
        if len(possible):
            at.append(rng.choice(possible, each))
            zone.append(np.full(each, number))
    return (np.concatenate(zone), np.concatenate(at)) if zone else (np.zeros(0, int), np.zeros(0, int))


def hours_to_find(
    values: Floats, zone: Whole, onset: Whole, make: Faulty, find: Find = codes_of
) -> tuple[Whole, Codes]:
    """(M,) hours after which each fault is found (LATEST + 1: it is not) and the code it has then.

    A slot k hours after the onset sees k hours of the fault and nothing later. It has found it if one of
    those hours has a code.
    """
    segment = values[zone[:, None], onset[:, None] + np.arange(-HISTORY, LATEST)]
    segment[:, HISTORY:] = make(segment[:, HISTORY:])
    delay, kind = np.full(len(zone), LATEST + 1), np.zeros(len(zone), np.uint8)
    for hours in range(1, LATEST + 1):
        seen = find(segment[:, : HISTORY + hours])[:, HISTORY:]
        new = (delay > LATEST) & (seen != 0).any(axis=1)
        delay[new], kind[new] = hours, seen[new].max(axis=1)
    return delay, kind


def injected_rows(
    zones: Labelled, seeds: Sequence[int], each: int, find: Find = codes_of
) -> Iterator[list[Cell]]:
    """A row a kind: the share found in time, the share named rightly, the hours to find all, how many."""
    codes = find(zones.actual)
    drawn = [draw_onsets(zones, codes, each, seed) for seed in seeds]
    zone, onset = (np.concatenate([pair[k] for pair in drawn]) for k in (0, 1))
    for name, fault in INJECTED.items():
        delay, kind = hours_to_find(zones.actual, zone, onset, fault.make, find)
        late = f"more than {LATEST}" if delay.max(initial=0) > LATEST else int(delay.max(initial=0))
        right = float((kind == FAULTS[fault.kind].code).mean())
        in_time = float((delay <= fault.within).mean())
        yield [f"{name}, within {fault.within} h", in_time, right, late, len(zone)]


def new_onsets(bad: Bools) -> Bools:
    """(N, H) bad hours with none in the 24 hours before: where an alarm would begin."""
    total = np.cumsum(np.pad(bad, ((0, 0), (QUIET + 1, 0))), axis=1)
    started: Bools = bad & (total[:, QUIET:-1] == total[:, : -QUIET - 1])
    return started


def false_rows(zones: Labelled, find: Find = codes_of) -> Iterator[list[Cell]]:
    """False alarms a zone-year, by kind and in all, and precision and recall by hour.

    An alarm of a zone's actuals is true if the labels call its first hour, or the hour before or after that,
    bad. A forecast has no labels; its alarms are only counted, without missing values. Hours that the file
    does not have are left out. Precision is the labelled share of the hours with a code; recall is the share
    of labelled hours that have one; both are also given without missing values, on which all agree.
    """
    years = float(zones.rows.sum() / YEAR)
    codes = np.where(zones.rows, find(zones.actual), 0)
    forecast = np.where(zones.rows, find(zones.forecast), 0)
    shown = new_onsets(forecast > FAULTS["missing"].code).sum() / years
    yield ["alarms a zone-year of forecasts, missing left out", float(shown)]
    if zones.bad is None:
        yield ["alarms a zone-year of actuals (no labels)", float(new_onsets(codes > 0).sum() / years)]
        return
    near = zones.bad.copy()
    near[:, 1:] |= zones.bad[:, :-1]
    near[:, :-1] |= zones.bad[:, 1:]
    false = new_onsets(codes > 0) & ~near
    yield [f"false alarms a zone-year (target: at most {TARGET_FALSE})", float(false.sum() / years)]
    for code, name in NAMES.items():
        yield [f"… that are {name}", float((false & (codes == code)).sum() / years)]
    present = ~np.isnan(zones.actual)
    for words, where in (("all hours", zones.rows), ("hours with a value", zones.rows & present)):
        hit = float((where & zones.bad & (codes > 0)).sum())
        yield [f"precision against the labels, {words}", hit / max(float((where & (codes > 0)).sum()), 1.0)]
        yield [f"recall of the labels, {words}", hit / max(float((where & zones.bad).sum()), 1.0)]


def measure_faults(
    path: Path, seeds: Sequence[int] = (11, 12, 13), each: int = 20, find: Find = codes_of
) -> list[list[Cell]]:
    """The table of hard faults: its rows have a name and the four `FIGURES`, or one figure and None."""
    zones = read_labelled(path)
    table = list(injected_rows(zones, seeds, each, find))
    return table + [[*row, None, None, None] for row in false_rows(zones, find)]
