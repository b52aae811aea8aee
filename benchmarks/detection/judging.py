"""What alarms are worth: how many, how long, how often right, how soon, and at which level once a year.

Why a matched rate: a detector that is always in alarm finds every drift. So each is judged twice: at its
default, and with its level multiplied so that it gives one alarm a zone-year on the judged series. How: a
drift counts as found at the first alarm at which the same series without it is quiet. Scores are
(slots, zones), 1 is the level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from benchmarks.detection.data import DAY, STEP, Array, Flags, Split, Whole, Zones
from benchmarks.detection.injections import KINDS, SPIKE, UNSEEN, Drifts
from drift.detectors import firing, onsets

SLOTS_A_DAY = DAY // STEP
LEAD_SLOTS = SLOTS_A_DAY
WORSE = 1.15  # the next 7 days' error over the 60 days' before: an alarm was right
CAP = 28 * DAY
WEEK, SPIKE_HOURS = 7 * DAY, 4 * DAY
DOUBLED = tuple((kind, 2.0) for kind in KINDS)
TRIPLED = (("scale", 3.0), ("noise", 3.0), ("bias", 3.0))
SPIKED = (SPIKE, 4.0)
OTHER_SIZES = (("scale", 1.5), ("noise", 1.5), ("bias", 1.5), ("peak", 1.5), ("peak", 3.0))
FURTHER = (*OTHER_SIZES, *((kind, 2.0) for kind in UNSEEN))
Case = tuple[str, float]


class Detector(Protocol):
    """What can be judged. Below `release` of its level, held for a day, an alarm is over."""

    @property
    def scores(self) -> Array:
        """(S, N) of the series as they are."""
        ...

    @property
    def release(self) -> float:
        """Share of the level."""
        ...

    def injected(self, drifts: Drifts, error: Array) -> Array:
        """(S, M) of segments with this error, from a day before the onset."""
        ...


@dataclass(frozen=True)
class Trial:
    """One split with its drifts drawn and put in: the same for every detector."""

    split: Split
    drifts: Drifts
    errors: Mapping[Case, Array]
    worse: Array  # (S, N) whether the week after the slot was worse; NaN where that is not known
    years: Array  # (N,) judged

    @property
    def slots(self) -> slice:
        """The judged slots."""
        return slice(self.split.test.start // STEP, self.split.test.stop // STEP)


@dataclass(frozen=True)
class Evidence:
    """A detector's scores in one trial."""

    trial: Trial
    scores: Array  # (S, N) judged slots
    release: float
    segments: Mapping[Case, tuple[Array, Array]]  # with the drift and without it


@dataclass(frozen=True)
class Outcome:
    """What came of one level: counts by zone, and delays (hours, NaN for missed) with their zones by case."""

    years: Array
    alarms: Array
    firing: Array
    slots: int
    right: Array
    known: Array
    delays: Mapping[Case, tuple[Array, Whole]]


def worse_after(zones: Zones) -> Array:
    """(S, N) 1 where the next 7 days' mean |error| is above 1.15 × the 60 days before; NaN unknown."""
    size = np.abs(zones.error)
    past, week = mean_of_last(size, 60 * DAY, 20 * DAY), mean_of_last(size, 7 * DAY, 100)
    after = np.full_like(week, np.nan)
    after[: -7 * DAY] = week[7 * DAY :]
    known = np.isfinite(after) & np.isfinite(past)
    return np.where(known, after > WORSE * past, np.nan)[STEP - 1 :: STEP]


def mean_of_last(values: Array, rows: int, least: int) -> Array:
    """The mean of the rows that end with each; NaN where fewer than `least` are known."""
    known = np.isfinite(values)
    total, count = np.cumsum(np.where(known, values, 0.0), axis=0), np.cumsum(known, axis=0)
    total[rows:], count[rows:] = total[rows:] - total[:-rows], count[rows:] - count[:-rows]
    return np.where(count >= least, total / np.maximum(count, 1), np.nan)


def gather(detector: Detector, trial: Trial, cases: Sequence[Case]) -> Evidence:
    """The scores of the judged slots and of every case's segments."""
    drifts, segments = trial.drifts, {}
    for case in cases:
        drifted = detector.injected(drifts, trial.errors[case])
        slots = drifts.onset[None, :] // STEP + np.arange(-LEAD_SLOTS, len(drifted) - LEAD_SLOTS)[:, None]
        segments[case] = (drifted, detector.scores[slots, drifts.city])
    return Evidence(trial, detector.scores[trial.slots], detector.release, segments)


def once_a_year(evidence: Sequence[Evidence], judged: Whole) -> float:
    """The smallest level with at most one alarm a zone-year, and at most 30 % of the time in alarm."""
    years = sum(float(each.trial.years[judged].sum()) for each in evidence)
    scores = [each.scores[:, judged] for each in evidence]
    positive = np.concatenate([each[each > 0] for each in scores])
    low, high = float(np.quantile(positive, 0.6)), float(positive.max()) * 1.0001
    for _ in range(20):
        level = (low + high) / 2
        states = [firing(s / level, e.release, SLOTS_A_DAY) for s, e in zip(scores, evidence, strict=True)]
        alarms = sum(int(onsets(state).sum()) for state in states)
        often = np.mean([state.mean() for state in states])
        low, high = (level, high) if alarms > years or often > 0.3 else (low, level)
    return high


def delays(drifted: Array, quiet: Array, level: float, release: float) -> Array:
    """(M,) hours to the first slot that alarms while the series without the drift does not; NaN for none."""
    silent = ~firing(quiet / level, release, SLOTS_A_DAY)[LEAD_SLOTS:]
    found = (drifted > level)[LEAD_SLOTS:] & silent
    return np.where(found.any(axis=0), (found.argmax(axis=0) + 1.0) * STEP, np.nan)


def judge(evidence: Sequence[Evidence], level: float) -> Outcome:
    """All trials at one level."""
    alarms, time, right, known = ([] for _ in range(4))
    for each in evidence:
        state = firing(each.scores / level, each.release, SLOTS_A_DAY)
        start: Flags = onsets(state)
        after = np.where(start, each.trial.worse[each.trial.slots], np.nan)
        alarms.append(start.sum(axis=0))
        time.append(state.sum(axis=0))
        right.append(np.nansum(after, axis=0))
        known.append(np.isfinite(after).sum(axis=0))
    found: dict[Case, tuple[Array, Whole]] = {}
    for case in evidence[0].segments:
        hours = [delays(*each.segments[case], level, each.release) for each in evidence]
        found[case] = (np.concatenate(hours), np.concatenate([each.trial.drifts.city for each in evidence]))
    years = np.sum([each.trial.years for each in evidence], axis=0)
    slots = sum(len(each.scores) for each in evidence)
    total, firing_slots, rightly, judged = (np.sum(part, axis=0) for part in (alarms, time, right, known))
    return Outcome(years, total, firing_slots, slots, rightly, judged, found)


def figures(outcome: Outcome, zones: Whole) -> dict[str, float]:
    """The table's figures for these zones, which may repeat."""
    known = outcome.known[zones].sum()
    out: dict[str, float] = {
        "alarms a zone-year": outcome.alarms[zones].sum() / outcome.years[zones].sum(),
        "time in alarm, %": 100 * outcome.firing[zones].sum() / outcome.slots / len(zones),
        "precision": outcome.right[zones].sum() / known if known else float("nan"),
    }
    mean = partial(found_of, outcome, zones)
    doubled = [case for case in DOUBLED if case in outcome.delays]
    out["drifts found ≤ 28 d"] = float(np.mean([mean(case, CAP) for case in doubled]))
    out["delay, h"] = float(np.mean([mean(case, None) for case in doubled]))
    out |= {case[0]: mean(case, CAP) for case in doubled}
    out |= {f"× 3 {case[0]} ≤ 7 d": mean(case, WEEK) for case in TRIPLED if case in outcome.delays}
    if SPIKED in outcome.delays:
        out["spike pages"] = mean(SPIKED, SPIKE_HOURS)
    return out


def found_of(outcome: Outcome, zones: Whole, case: Case, within: float | None) -> float:
    """The share of a case's drifts found within so many hours; None: the mean delay. NaN: there are none."""
    weights = np.bincount(zones, minlength=len(outcome.years)).astype(float)
    hours, city = outcome.delays[case]
    if not weights[city].sum():
        return float("nan")
    late = np.where(np.isnan(hours), CAP, hours)
    return float(np.average(late if within is None else hours <= within, weights=weights[city]))


def interval(outcome: Outcome, zones: Whole, seed: int, draws: int = 300) -> dict[str, tuple[float, float]]:
    """The middle 90 % of every figure over zones drawn with replacement."""
    rng = np.random.default_rng(seed)
    drawn = [figures(outcome, rng.choice(zones, len(zones))) for _ in range(draws)]
    low, high = (
        {name: float(np.nanquantile([each[name] for each in drawn], at)) for name in drawn[0]}
        for at in (0.05, 0.95)
    )
    return {name: (low[name], high[name]) for name in low}
