"""How far our fast forms of the rivals agree with their libraries, on looks that the libraries judge as well.

Why: the whole grid takes the libraries hours. How: a few zones, as they are and with a drift; the library's
value and verdict at each look beside ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.data import DAY, STEP, Array, Flags, Split, Whole, Zones
from benchmarks.detection.environment import Libraries
from benchmarks.detection.judging import Trial
from benchmarks.detection.rivals import chunk_means, chunk_numbers, chunks
from benchmarks.detection.two_samples import (
    BEFORE,
    CURRENT,
    LEVELS,
    critical,
    distances,
    effective,
    look,
    p_value,
)
from benchmarks.peers.environments import MissingError
from benchmarks.record import Cell

COLUMNS = ("library", "what", "looks", "its alarms, %", "same verdict, %", "largest difference of the value")
NOTES = (
    "Some zones, as they are and with twice their error; the verdict at the library's default threshold.",
    "Evidently's p of KS is exact, ours approximate; NannyML's alarms of too small an error are left out.",
)
METHODS = ("wasserstein", "ks", "psi", "jensenshannon")
ZONES, EVERY_DAYS, DRIFT_DAYS, DRIFTED_FROM = 4, 9, 3, 60 * DAY
Samples = tuple[Array, Array]
Both = tuple[NDArray[Any], NDArray[Any]]  # the library's and ours


def agreement(
    libraries: Libraries, zones: Zones, judged: Whole, trial: Trial
) -> tuple[list[list[Cell]], list[str]]:
    """The rows, and a note for each library that could not be asked."""
    some = judged[:: max(len(judged) // ZONES, 1)][:ZONES]
    rows: list[list[Cell]] = []
    notes = list(NOTES)
    for ask in (evidently_rows, nannyml_rows):
        try:
            rows += ask(libraries, zones, some, trial)
        except MissingError as error:
            notes.append(f"Not compared with its library: {error}.")
    return rows, notes


def evidently_rows(libraries: Libraries, zones: Zones, some: Whole, trial: Trial) -> list[list[Cell]]:
    """Evidently's `ValueDrift` by four methods."""
    samples = list(drawn_looks(zones, some, trial))
    arrays: dict[str, Array] = {}
    for number, (before, current) in enumerate(samples):
        arrays |= {f"before_{number}": before, f"current_{number}": current}
    said = libraries.call("evidently", arrays)
    ours = np.array([distances(*each)[: len(METHODS)] for each in samples])
    sizes = [(len(before), len(current)) for before, current in samples]
    levels = np.array(
        [[critical(effective(*size)) if name == "ks" else LEVELS[name] for name in METHODS] for size in sizes]
    )
    verdicts = ours > levels
    ks = METHODS.index("ks")
    ours[:, ks] = [p_value(gap, *size) for gap, size in zip(ours[:, ks], sizes, strict=True)]
    name = f"Evidently {said['version']}"
    return [
        compared(
            name,
            "KS, p" if method == "ks" else method,
            (said["values"][:, k], ours[:, k]),
            (said["verdicts"][:, k], verdicts[:, k]),
        )
        for k, method in enumerate(METHODS)
    ]


def drawn_looks(zones: Zones, some: Whole, trial: Trial) -> Iterator[Samples]:
    """Looks at series as they are, every nine days, and at one drifted segment of each zone."""
    size = np.abs(zones.error)
    rows = range(max(trial.split.test.start, CURRENT + BEFORE), trial.split.test.stop, EVERY_DAYS * DAY)
    found = [look(size[:, city], row) for city in some for row in rows]
    case = next(iter(trial.errors))
    for city in some:
        for segment in np.flatnonzero(trial.drifts.city == city)[:1]:
            own = size[: trial.drifts.onset[segment], city]
            drifted = np.abs(trial.errors[case][-28 * DAY :, segment])
            both = np.concatenate([own, drifted])
            days = range(len(own) + DAY, len(both), DRIFT_DAYS * DAY)
            found += [look(both, row) for row in days if row >= CURRENT + BEFORE]
    return (each for each in found if each is not None)


def compared(library: str, what: str, values: Both, verdicts: Both) -> list[Cell]:
    """A row: the library's first, then ours."""
    theirs, ours = (np.asarray(each, dtype=bool) for each in verdicts)
    difference = float(np.max(np.abs(values[0] - values[1])))
    return [
        library,
        what,
        len(theirs),
        100 * float(theirs.mean()),
        100 * float((theirs == ours).mean()),
        difference,
    ]


def nannyml_rows(libraries: Libraries, zones: Zones, some: Whole, trial: Trial) -> list[list[Cell]]:
    """NannyML's MAPE by day and by week, of the zones as they are and with twice the error."""
    series = with_drifted(zones.cities(some), trial.split)
    arrays = {
        "actual": series.load[: trial.split.test.stop],
        "predicted": series.forecast[: trial.split.test.stop],
        "first": np.array(series.first.astype("datetime64[s]").astype(int)),
        "reference": np.array(trial.split.test.start),
    }
    said = libraries.call("nannyml", arrays)
    rows = []
    for name, days in (("day", 1), ("week", 7)):
        values: tuple[list[Array], list[Array]] = ([], [])
        verdicts: tuple[list[Flags], list[Flags]] = ([], [])
        judged = chunks(series, trial.split, days).scores
        for zone in range(len(series.names)):
            end = (said[f"end_{name}_{zone}"].astype(float) // 3600).astype(int)
            whole = np.flatnonzero(end < len(judged) * STEP)[1:]
            value = said[f"value_{name}_{zone}"].astype(float)[whole]
            values[0].append(value)
            values[1].append(ours_at(series, zone, days, end[whole]))
            verdicts[0].append(value > said[f"upper_threshold_{name}_{zone}"].astype(float)[whole])
            verdicts[1].append(judged[end[whole] // STEP, zone] > 1)
        pair = (np.concatenate(values[0]), np.concatenate(values[1]))
        both = (np.concatenate(verdicts[0]), np.concatenate(verdicts[1]))
        rows.append(compared(f"NannyML {said['version']}", f"MAPE by {name}", pair, both))
    return rows


def ours_at(series: Zones, zone: int, days: int, ends: Whole) -> Array:
    """Our mean of the chunks whose last hours these are."""
    number = chunk_numbers(series, days)
    means = chunk_means(np.abs(series.error[:, [zone]]), number)[:, 0]
    found: Array = means[number[ends] - number[0]]
    return found


def with_drifted(series: Zones, split: Split) -> Zones:
    """The zones, and each once more with twice its error from 60 days into the judged rows on."""
    since = split.test.start + DRIFTED_FROM
    forecast = series.forecast.copy()
    forecast[since:] = series.load[since:] * (1 + 2 * series.error[since:])
    both: Sequence[int] = [*range(len(series.names))] * 2
    twice = series.cities(np.array(both))
    return replace(twice, forecast=np.concatenate([series.forecast, forecast], axis=1))
