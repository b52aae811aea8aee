"""How soon a feature's drift is found, at how many false alarms: peers beside the distances of two samples.

Why: weather drifts by itself; a detector that takes every cold week for drift is switched off. How: the
file's feature columns (real temperatures of several cities) are cut in two halves; limits of each half judge
the other. Sensor offsets, °F for °C, a feed six hours late and one that is stuck are put into one city at
random onsets, and count as found at the first alarm at which the same series without them is quiet. Every
detector is judged at its default and at the level of one alarm a feature-city-year on these very series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow.parquet as pq

from benchmarks.detection.data import Array, Flags, Whole
from benchmarks.detection.two_samples import DISTANCES, looks
from benchmarks.record import Cell
from drift.detectors.climatology import Times
from drift.detectors.firing import firing, onsets
from drift.detectors.peer_fit import fit_features
from drift.detectors.peer_model import PeerSettings
from drift.detectors.peers import FeatureLimits, score_slots

DAY, STEP = 24, 6  # hours
SLOTS_A_DAY = DAY // STEP
YEAR = 8766.0  # hours
HISTORY = 97 * DAY  # before an onset, for every detector
CAP, WEEK = 28 * DAY, 7 * DAY
DRAWS = 300
Spoil = Callable[[Array, int], Array]  # a city's hours, and the row of the onset
FIGURES = ("≤ 7 d", "≤ 28 d", "mean h", "median h")
RIVALS = {"KS p < 0.05": "ks", "PSI > 0.2 (deciles)": "deciles", "Wasserstein > 0.1": "wasserstein"}


def offset(by: float) -> Spoil:
    """A sensor that reads so much too high."""
    return lambda values, row: np.where(np.arange(len(values)) >= row, values + by, values)


def fahrenheit(values: Array, row: int) -> Array:
    """°F for °C from the onset on."""
    return np.where(np.arange(len(values)) >= row, values * 1.8 + 32, values)


def late(values: Array, row: int) -> Array:
    """Six hours late from the onset on: a feed in the wrong time zone."""
    moved = np.concatenate([values[:6], values[:-6]])
    return np.where(np.arange(len(values)) >= row, moved, values)


def stuck(values: Array, row: int) -> Array:
    """The value of the onset, for ever."""
    return np.where(np.arange(len(values)) >= row, values[row], values)


CASES: Mapping[str, Spoil] = {
    "+3": offset(3.0),
    "−3": offset(-3.0),
    "+5": offset(5.0),
    "°F for °C": fahrenheit,
    "6 h late": late,
    "stuck": stuck,
}


@dataclass(frozen=True, slots=True, eq=False)
class Fleet:
    """Hourly values (H, N) of one feature, at `times` (H,)."""

    cities: tuple[str, ...]
    values: Array
    times: Times


class Detector(Protocol):
    """Scores (S, N) of slots after the rows `ends`, in units of the detector's default."""

    @property
    def name(self) -> str:
        """For the table."""
        ...

    @property
    def release(self) -> float:
        """Share of the level below which an alarm is over after a day."""
        ...

    def scores(self, values: Array, times: Times, ends: Whole) -> Array:
        """Of all cities; unknown is 0."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Peers:
    """drift's own."""

    limits: FeatureLimits
    name: str
    release: float

    def scores(self, values: Array, times: Times, ends: Whole) -> Array:
        """Of all cities."""
        return np.nan_to_num(score_slots(self.limits, values, times, ends).score)


@dataclass(frozen=True, slots=True, eq=False)
class TwoSamples:
    """The last 7 days of a city against its 90 days before, every 12 hours."""

    name: str
    distance: int
    release: float = 1.0

    def scores(self, values: Array, times: Times, ends: Whole) -> Array:  # noqa: ARG002 - as all detectors
        """Of all cities."""
        found: Array = np.nan_to_num(looks(values)[ends, :, self.distance].astype(float))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One detector on one half: quiet scores (S, N), and by case the scores of M spoiled segments (28 d, M)
    beside the quiet slots (M,) at which they begin, and their cities (M,).
    """

    release: float
    quiet: Array
    spoiled: Mapping[str, Array]
    begin: Whole
    city: Whole


def read_features(path: Path, prefix: str = "temp_c_") -> Fleet:
    """The columns of a Parquet file whose names begin so, from the first hour that all of them have."""
    table = pq.read_table(path)
    names = [name for name in table.column_names if name.startswith(prefix)]
    hours = table["timestamp"].to_numpy().astype("datetime64[h]")
    order = np.argsort(hours, kind="stable")
    grid = np.arange(hours.min(), hours.max() + 1)
    values = np.full((len(grid), len(names)), np.nan)
    values[(hours[order] - grid[0]).astype(int)] = np.column_stack(
        [table[name].to_numpy()[order] for name in names]
    )
    whole = np.flatnonzero(np.isfinite(values).all(axis=1))
    span = slice(whole[0], whole[-1] + 1)
    return Fleet(tuple(name.removeprefix(prefix) for name in names), values[span], grid[span])


def halves(fleet: Fleet) -> Iterator[tuple[slice, slice]]:
    """(Reference, judged) rows: each half judges by the other; the first 97 days are history alone."""
    middle = len(fleet.values) // 2
    first, second = slice(HISTORY, middle), slice(middle, len(fleet.values))
    yield first, second
    yield second, first


def detectors(fleet: Fleet, reference: slice, settings: PeerSettings) -> Iterator[Detector]:
    """Of drift with and without peers, and the rivals at their defaults."""
    values, times = fleet.values[reference], fleet.times[reference]
    for name, own in (("drift, peers", settings), ("drift, own climatology", _alone(settings))):
        yield Peers(fit_features(values, times, own), name, own.release)
    for name, distance in RIVALS.items():
        yield TwoSamples(name, DISTANCES.index(distance))


def _alone(settings: PeerSettings) -> PeerSettings:
    return replace(settings, peers=0)


def tried(detector: Detector, fleet: Fleet, judged: slice, city: Whole, onset: Whole) -> Trial:
    """A detector's scores of a half, as it is and with every case at every onset (rows (M,) of the file)."""
    ends = np.arange(judged.start + STEP - 1, judged.stop, STEP)
    first = judged.start - HISTORY
    span = slice(first, judged.stop)
    quiet = detector.scores(fleet.values[span], fleet.times[span], ends - first)
    spoiled = {
        name: np.column_stack(
            [_segment(detector, fleet, int(c), int(t), spoil) for c, t in zip(city, onset, strict=True)]
        )
        for name, spoil in CASES.items()
    }
    return Trial(detector.release, quiet, spoiled, (onset - judged.start) // STEP, city)


def _segment(detector: Detector, fleet: Fleet, city: int, onset: int, spoil: Spoil) -> Array:
    """(S,) scores of 28 days from an onset, of a city that is spoiled among others that are not."""
    span = slice(onset - HISTORY, onset + CAP)
    values = fleet.values[span].copy()
    values[:, city] = spoil(values[:, city], HISTORY)
    if isinstance(detector, TwoSamples):
        values, city = values[:, city : city + 1], 0
    ends = np.arange(HISTORY + STEP - 1, HISTORY + CAP, STEP)
    return detector.scores(values, fleet.times[span], ends)[:, city]


def once_a_year(trials: Sequence[Trial]) -> float:
    """The smallest level with at most one alarm a feature-city-year, and 30 % of the time in alarm."""
    scores = [trial.quiet for trial in trials]
    years = sum(score.size for score in scores) * STEP / YEAR
    positive = np.concatenate([score[score > 0] for score in scores])
    low, high = float(np.quantile(positive, 0.6)), float(positive.max()) * 1.0001
    for _ in range(22):
        level = (low + high) / 2
        states = [_state(trial, level) for trial in trials]
        often = sum(int(onsets(state).sum()) for state in states) > years
        often |= bool(np.mean([state.mean() for state in states]) > 0.3)
        low, high = (level, high) if often else (low, level)
    return high


def _state(trial: Trial, level: float) -> Flags:
    return firing(trial.quiet / level, trial.release, SLOTS_A_DAY)


def delays(trials: Sequence[Trial], case: str, level: float) -> tuple[Array, Whole]:
    """(M,) hours until each is found, NaN for missed, and their cities."""
    hours, cities = [], []
    for trial in trials:
        calm = ~_state(trial, level)
        rows = trial.begin + np.arange(len(trial.spoiled[case]))[:, None]
        calm = calm[np.minimum(rows, len(calm) - 1), trial.city]
        found = (trial.spoiled[case] > level) & calm
        hours.append(np.where(found.any(axis=0), (found.argmax(axis=0) + 1.0) * STEP, np.nan))
        cities.append(trial.city)
    return np.concatenate(hours), np.concatenate(cities)


def alarms(trials: Sequence[Trial], level: float) -> tuple[Array, Array, float]:
    """(N,) alarms and slots in alarm by city, and how many years of each city were judged."""
    states = [_state(trial, level) for trial in trials]
    years = sum(len(state) for state in states) * STEP / YEAR
    return (
        np.sum([onsets(state).sum(axis=0) for state in states], axis=0),
        np.sum([state.sum(axis=0) for state in states], axis=0) * STEP / YEAR,
        years,
    )


def peer_feature_rows(path: Path, seed: int = 11, each: int = 12) -> list[list[Cell]]:
    """The table: a row a detector and level, then one a case of it; `COLUMNS` names the columns.

    `each` onsets a city and half. Intervals are the middle 90 % over cities drawn with replacement.
    """
    fleet, rng = read_features(path), np.random.default_rng(seed)
    by_name: dict[str, list[Trial]] = {}
    for reference, judged in halves(fleet):
        city = np.repeat(np.arange(len(fleet.cities)), each)
        slot = rng.integers(1, (judged.stop - judged.start - CAP) // STEP, len(city))
        onset = judged.start + slot * STEP
        for detector in detectors(fleet, reference, PeerSettings()):
            by_name.setdefault(detector.name, []).append(tried(detector, fleet, judged, city, onset))
    return [row for name, trials in by_name.items() for row in _rows(name, trials, seed)]


COLUMNS = (
    "detector",
    "level",
    "alarms a feature-city-year",
    "time in alarm, %",
    "case",
    *FIGURES,
    "90 % of ≤ 7 d",
)


def _rows(name: str, trials: Sequence[Trial], seed: int) -> Iterator[list[Cell]]:
    for words, level in (("default", 1.0), ("once a year", once_a_year(trials))):
        count, time, years = alarms(trials, level)
        cities = len(count)
        head: list[Cell] = [name, words, count.sum() / years / cities, 100 * time.sum() / years / cities]
        for case in CASES:
            hours, city = delays(trials, case, level)
            capped = np.where(np.isnan(hours), CAP, hours)
            shares: list[Cell] = [float(np.mean(hours <= WEEK)), float(np.isfinite(hours).mean())]
            yield [
                *head,
                case,
                *shares,
                float(capped.mean()),
                float(np.median(capped)),
                _interval(hours, city, seed),
            ]


def _interval(hours: Array, city: Whole, seed: int) -> str:
    rng, names = np.random.default_rng(seed), np.unique(city)
    within = np.array([np.mean(hours[city == name] <= WEEK) for name in names])
    drawn = within[rng.integers(0, len(names), (DRAWS, len(names)))].mean(axis=1)
    low, high = np.quantile(drawn, (0.05, 0.95))
    return f"{100 * low:.0f} to {100 * high:.0f} %"
