"""ADWIN, Page–Hinkley and KSWIN by river itself: they are fed hour by hour and say when, not how much.

They see |error| in multiples of the zone's mean in the reference. Having no score, they reach one alarm a
year by a stricter setting, and there only rises count, in their favour. KSWIN takes a third of a millisecond
an hour: it is run on a few zones as they are, at its default.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.detection.data import STEP, Array, Whole, Zones
from benchmarks.detection.environment import Libraries
from benchmarks.detection.injections import LENGTH
from benchmarks.detection.judging import LEAD_SLOTS, SLOTS_A_DAY, Evidence, Outcome, Trial, judge
from benchmarks.detection.rivals import by_slot
from drift.detectors import firing, onsets

ALARM = 2.0  # a score above the level
KSWIN_ZONES = 3


@dataclass(frozen=True, slots=True)
class Setting:
    """A detector of river and its parameters; `rises`: a fall of the error is no alarm."""

    name: str
    parameters: dict[str, float | str]
    rises: bool = False

    def __str__(self) -> str:
        given = self.parameters.items()
        values = [f"{key} {value:.2g}" for key, value in given if not isinstance(value, str)]
        return ", ".join([*values, "rises only"] if self.strict else values)

    @property
    def strict(self) -> bool:
        """Whether only rises count."""
        return self.rises or self.parameters.get("mode") == "up"


ADWIN = [Setting("ADWIN", {"delta": 0.002})] + [
    Setting("ADWIN", {"delta": 0.002 * 10.0**-power}, rises=True)
    for power in (0, 1, 2, 4, 8, 12, *range(15, 46, 3))
]
PAGE_HINKLEY = [Setting("PageHinkley", {"threshold": 50.0})] + [
    Setting("PageHinkley", {"threshold": 50.0 * times, "mode": "up"})
    for times in (1, 2, 4, 6, 8, 9, 10, 11, 12, 14, 16, 24)
]
KSWIN = Setting("KSWIN", {"alpha": 0.005, "seed": 1})


@dataclass(frozen=True)
class Streamed:
    """A detector's outcomes at its default and at one alarm a zone-year, and the settings they are of."""

    default: tuple[Setting, Outcome]
    yearly: tuple[Setting, Outcome]


def stream(
    libraries: Libraries, zones: Zones, tried: Sequence[Trial], judged: Whole, settings: Sequence[Setting]
) -> Streamed:
    """The first setting, and the first of the others with at most one alarm a zone-year.

    Raises:
        MissingError: river is not to be had.
    """
    plain = [series_of(zones, trial) for trial in tried]
    alarms = [call(libraries, series, settings)["alarms"] for series in plain]
    years = sum(float(trial.years[judged].sum()) for trial in tried)

    def rate(number: int) -> float:
        states = [
            firing(scores_of(each[number])[trial.slots], 1.0, SLOTS_A_DAY)
            for each, trial in zip(alarms, tried, strict=True)
        ]
        return sum(float(onsets(state)[:, judged].sum()) for state in states) / years

    chosen = next((n for n in range(1, len(settings)) if rate(n) <= 1), len(settings) - 1)
    pair = [settings[0], settings[chosen]]
    found = [segments(libraries, series, trial, pair) for series, trial in zip(plain, tried, strict=True)]
    outcomes = []
    for place, number in enumerate((0, chosen)):
        evidence = [
            evidence_of(trial, scores_of(each[number]), part[place])
            for trial, each, part in zip(tried, alarms, found, strict=True)
        ]
        outcomes.append((settings[number], judge(evidence, 1.0)))
    return Streamed(*outcomes)


def series_of(zones: Zones, trial: Trial) -> Array:
    """(H, N) |error| in multiples of the reference's mean."""
    size = np.abs(zones.error)
    scaled: Array = size / np.nanmean(size[trial.split.reference], axis=0)
    return scaled


def scores_of(alarms: Array) -> Array:
    """(S, n) of hourly alarms."""
    return by_slot(ALARM * alarms, largest=True)


def call(
    libraries: Libraries, series: Array, settings: Sequence[Setting], **tails: Array | Whole
) -> dict[str, Array]:
    """What river says: `alarms`, and `tail_alarms` where there are tails."""
    words = [{"name": each.name, "parameters": each.parameters, "rises": each.rises} for each in settings]
    found = libraries.call("river", {"series": series, "settings": np.array(json.dumps(words)), **tails})
    return {name: found[name].astype(float) for name in ("alarms", "tail_alarms") if name in found}


def segments(libraries: Libraries, series: Array, trial: Trial, pair: Sequence[Setting]) -> Array:
    """(setting, hours, case × segment) alarms after the onsets."""
    drifts = trial.drifts
    scale = np.nanmean(np.abs(drifts.zones.error[trial.split.reference]), axis=0)[drifts.city]
    tails = np.concatenate([np.abs(error[-LENGTH:]) / scale for error in trial.errors.values()], axis=1)
    times = len(trial.errors)
    of, since = np.tile(drifts.city, times), np.tile(drifts.onset, times)
    return call(libraries, series, pair, tails=tails, of=of, since=since)["tail_alarms"]


def evidence_of(trial: Trial, scores: Array, tails: Array) -> Evidence:
    """The scores of the judged slots, and of the segments with the day before them."""
    drifts, parts = trial.drifts, {}
    many = len(drifts.city)
    for number, case in enumerate(trial.errors):
        drifted = scores_of(tails[:, number * many : (number + 1) * many])
        slots = drifts.onset[None, :] // STEP + np.arange(-LEAD_SLOTS, len(drifted))[:, None]
        quiet = scores[slots, drifts.city]
        parts[case] = (np.concatenate([quiet[:LEAD_SLOTS], drifted]), quiet)
    return Evidence(trial, scores[trial.slots], 1.0, parts)


def kswin_alarms(libraries: Libraries, zones: Zones, trial: Trial, judged: Whole) -> tuple[float, int]:
    """Alarms a zone-year of KSWIN at its default, and of how many zones.

    Raises:
        MissingError: river is not to be had.
    """
    some = judged[:: max(len(judged) // KSWIN_ZONES, 1)][:KSWIN_ZONES]
    rows = trial.split.test
    alarms = call(libraries, series_of(zones, trial)[rows][:, some], [KSWIN])["alarms"][0]
    state = firing(scores_of(alarms), 1.0, SLOTS_A_DAY)
    return float(onsets(state).sum() / zones.years(rows)[some].sum()), len(some)
