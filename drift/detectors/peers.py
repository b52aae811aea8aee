"""Is a feature of a city still what the same feature of other cities says it should be?

A heat wave is no fault of a sensor: it is in all cities of a region. A sensor that reads 3 °C too high,
degrees Fahrenheit for Celsius, a feed in the wrong time zone or one that is stuck are in one city alone. So
what is held against its own past is not the feature, but what its peers leave unexplained of it.

How, for one slot, from the days before it alone: day aspects − climatology ─▶ − what the peers say ─▶ mean
of the last days − the weeks before (a slowly moving normal: snow, or a dry summer in one city, is no drift)
─▶ ÷ spread ─▶ ÷ limit = score. 1 is the limit.

Where peers behave unusually the spread widens, as that of a multivariate t would: a front between two cities
is no alarm. A missing peer is what the others say of it, and the spread widens by what that leaves open; with
no peer at all this is the city's own climatology. A city above the limit, and more so than those it is a peer
of, has a fault: it is left out of their peers, and they are judged again.

Source: the widening is that of the conditional multivariate t distribution, Ding (2016), doi
10.1080/00031305.2016.1164756; the rest is from this project's own experiments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.detectors.climatology import Climatology, Times, anomalies
from drift.detectors.peer_model import (
    PeerModel,
    PeerSettings,
    contrasts,
    distance,
    level_and_swing,
    unexplained,
    widening,
)
from drift.detectors.trailing import DAY, Integers
from drift.domain import Codes, Floats
from drift.values import quiet

LEVEL, SWING, STUCK = 0, 1, 2
KINDS = ("level", "swing", "stuck")
ROUNDS = 3  # of leaving out cities with a fault
_OWN_ARRAYS = ("anomaly_bound", "limit", "stuck_limit", "reason", "explained", "feature_years")


@dataclass(frozen=True, slots=True, eq=False)
class FeatureLimits:
    """All that scoring one feature of N cities needs, fitted on the reference."""

    settings: PeerSettings
    climatology: Climatology
    model: PeerModel
    anomaly_bound: Floats
    """(N,) how far one day of a peer counts at most, in the feature's unit."""
    limit: Floats
    """(2, W) of level and swing, in spreads."""
    stuck_limit: Floats
    """(N,) hours of one value."""
    reason: Codes
    """(N,) why nothing is concluded for a city; 0: something is."""
    explained: Floats
    """(N,) share of the level's variance that the peers explain; 0: it stands on its own climatology."""
    feature_years: float
    """Reference behind the limits, in city-years."""

    def origin(self, city: int) -> str:
        """What the city is held against: "peers" or "own climatology"."""
        return "peers" if (self.model.peer[city] >= 0).any() else "own climatology"

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All but the settings, by name: what is stored."""
        model = {f"model.{each.name}": getattr(self.model, each.name) for each in fields(PeerModel)}
        own = {name: np.asarray(getattr(self, name)) for name in _OWN_ARRAYS}
        return {"climatology": self.climatology.wave, **model, **own}

    @classmethod
    def from_arrays(cls, settings: PeerSettings, arrays: Mapping[str, NDArray[Any]]) -> FeatureLimits:
        """What `arrays` gave, with the settings it was fitted with.

        Raises:
            KeyError: one is missing.
        """
        model = PeerModel(*(arrays[f"model.{each.name}"] for each in fields(PeerModel)))
        bound, limit, stuck, reason, explained, years = (arrays[name] for name in _OWN_ARRAYS)
        climatology = Climatology(arrays["climatology"])
        return cls(settings, climatology, model, bound, limit, stuck, reason, explained, float(years))


@dataclass(frozen=True, slots=True, eq=False)
class FeatureDays:
    """What a slot needs of the history of n cities; blocks of cities are joined before they are scored."""

    rows: Floats
    """(3, n, D) anomalies of the days to the slot, the last one last; NaN where too little is known."""
    run: Floats
    """(n,) hours for which the last value has not changed; 0 where it is missing."""

    @classmethod
    def join(cls, blocks: Sequence[FeatureDays]) -> FeatureDays:
        """Of blocks of cities, in their order."""
        rows = np.concatenate([block.rows for block in blocks], axis=1)
        return cls(rows, np.concatenate([block.run for block in blocks]))


@dataclass(frozen=True, slots=True, eq=False)
class FeatureScores:
    """Scores of S slots, in units of the limit: 1 is the limit, 0 no evidence, NaN could not look."""

    score: Floats
    """(S, N) the largest of `by_kind`."""
    by_kind: Floats
    """(S, N, 3) level, swing, stuck."""
    kind: Integers
    """(S, N) position in `KINDS` of the largest."""
    size: Floats
    """(S, N) how much too high (+) or too low (−) the level is, in the feature's unit; NaN: not known."""
    window_days: Integers
    """(S, N) days over which the largest score is taken: the drift began about so long ago."""


def hours_needed(settings: PeerSettings) -> int:
    """Rows of history that one slot uses: 2,160 by default.

    >>> hours_needed(PeerSettings())
    2160
    """
    return settings.reach * DAY


def feature_days(
    limits: FeatureLimits, values: Floats, times: Times, cities: Integers | None = None
) -> FeatureDays:
    """What one slot needs of hourly values (H, n), of which the last is the last hour before the slot.

    `times` (H,) are the hours' starts in UTC, one hour apart; `cities` the positions of the block (all).
    """
    climatology = limits.climatology if cities is None else limits.climatology.cities(cities)
    rows = hours_needed(limits.settings)
    own = limits.stuck_limit if cities is None else limits.stuck_limit[cities]
    longest = int(own.max(initial=0)) + DAY + 1  # `_told` counts no more
    return FeatureDays(
        anomalies(climatology, values[-rows:], times[-rows:]), stuck_hours(values[-longest:])[-1]
    )


def stuck_hours(values: Floats) -> Floats:
    """(H, N) hours for which each value has been the same as the one before it, itself among them; NaN is 0.

    >>> stuck_hours(np.array([[4.0], [4.0], [5.0], [np.nan], [5.0]])).ravel()
    array([1., 2., 1., 0., 1.])
    """
    row = np.arange(len(values))[:, None]
    same = np.zeros(values.shape, bool)
    same[1:] = values[1:] == values[:-1]
    began = np.maximum.accumulate(np.where(same, 0, row), axis=0)
    return np.where(np.isnan(values), 0.0, row - began + 1.0)


def score_slot(limits: FeatureLimits, days: FeatureDays) -> FeatureScores:
    """The scores of one slot (S = 1) of all N cities, from the days before it and nothing else."""
    rows = days.rows[..., -limits.settings.reach :]
    return _told(limits, _judge(limits, rows, 1), days.run[None])


def score_slots(limits: FeatureLimits, values: Floats, times: Times, ends: Integers) -> FeatureScores:
    """The scores of many slots: of each row of `ends` (S,), which is the last hour before the slot.

    Equal to `score_slot` of the hours up to that row, to rounding; `values` (H, N), `times` (H,).
    """
    ends, runs = np.asarray(ends), stuck_hours(values)
    shape = (len(ends), values.shape[1])
    found = Judged(np.full((2, *shape), np.nan), np.full(shape, np.nan), np.zeros((2, *shape), np.intp))
    for phase in np.unique(ends % DAY):
        own = np.flatnonzero(ends % DAY == phase)
        first, last = int(ends[own].min()), int(ends[own].max())
        rows = anomalies(limits.climatology, values[: last + 1], times[: last + 1])
        judged = _judge(limits, rows, (last - first) // DAY + 1)
        found.put(own, judged, (ends[own] - first) // DAY)
    return _told(limits, found, runs[ends])


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Level and swing of S slots and N cities, in units of their limits."""

    score: Floats
    """(2, S, N)"""
    size: Floats
    """(S, N) of the level's window, in the feature's unit."""
    window: Integers
    """(2, S, N) position of the window with the largest score."""

    def put(self, slots: Integers, other: Judged, rows: Integers) -> None:
        """Take over some rows of another."""
        self.score[:, slots] = other.score[:, rows]
        self.size[slots] = other.size[rows]
        self.window[:, slots] = other.window[:, rows]


def _judge(limits: FeatureLimits, rows: Floats, slots: int) -> Judged:
    """The last `slots` days of rows (3, N, D), cities with a fault left out of their peers."""
    rows = np.where(limits.reason[:, None] == 0, rows, np.nan)
    everybody = np.arange(rows.shape[1])
    judged = _in_limits(limits, *measure(limits, rows, rows, everybody, slots))
    alarmed = np.flatnonzero((judged.score > 1).any(axis=(0, 2)))
    for slot in alarmed:
        last = rows.shape[-1] - (slots - 1 - slot)
        _leave_out(limits, rows[..., max(last - limits.settings.reach, 0) : last], judged, int(slot))
    return judged


def _leave_out(limits: FeatureLimits, rows: Floats, judged: Judged, slot: int) -> None:
    """Judge again those with a peer that is above the limit, and more so than they are; in place."""
    peer, faulty = limits.model.peer, np.zeros(rows.shape[1], bool)
    for _ in range(ROUNDS):
        largest = np.nan_to_num(judged.score[:, slot]).max(axis=0)
        around = np.where(peer >= 0, largest[peer], 0).max(axis=1, initial=0)
        np.maximum.at(around, peer[peer >= 0], np.repeat(largest, (peer >= 0).sum(axis=1)))
        worst = (largest > 1) & (largest >= around) & ~faulty
        faulty |= worst
        again = np.flatnonzero((worst[peer] & (peer >= 0)).any(axis=1) & ~faulty)
        if not again.size:
            return
        among = np.where(faulty[:, None], np.nan, rows)
        found = _in_limits(limits, *measure(limits, rows, among, again, 1))
        judged.score[:, slot, again] = found.score[:, 0]
        judged.size[slot, again] = found.size[0]
        judged.window[:, slot, again] = found.window[:, 0]


def _in_limits(limits: FeatureLimits, statistic: Floats, size: Floats) -> Judged:
    score = statistic / limits.limit[:, :, None, None]
    window = np.argmax(np.nan_to_num(score, nan=-1.0), axis=1)
    largest = np.take_along_axis(score, window[:, None], axis=1)[:, 0]
    own = np.take_along_axis(size, window[:1], axis=0)[0]
    return Judged(largest.swapaxes(1, 2), own.T, window.swapaxes(1, 2))


def _told(limits: FeatureLimits, judged: Judged, runs: Floats) -> FeatureScores:
    """The scores in full; a run counts for a day beyond its limit, and no longer than a slot can see."""
    unfit = limits.reason != 0
    runs = np.minimum(runs, np.minimum(limits.stuck_limit + DAY, hours_needed(limits.settings)))
    stuck = np.where(unfit | (runs == 0), np.nan, runs / limits.stuck_limit)
    by_kind = np.stack([*judged.score, stuck], axis=-1)
    known = np.isfinite(by_kind)
    kind = np.argmax(np.where(known, by_kind, -1.0), axis=-1)
    score = np.take_along_axis(by_kind, kind[..., None], axis=-1)[..., 0]
    windows = np.array(limits.settings.windows)
    days = np.where(kind == SWING, windows[judged.window[SWING]], windows[judged.window[LEVEL]])
    days = np.where(kind == STUCK, np.ceil(np.nan_to_num(runs) / DAY), days).astype(np.int64)
    return FeatureScores(score, by_kind, kind, judged.size, days)


def measure(
    limits: FeatureLimits, rows: Floats, among: Floats, who: Integers, slots: int
) -> tuple[Floats, Floats]:
    """Statistics (2, W, n, S) in spreads, level and swing, and the level's contrast (W, n, S) in its unit.

    For the cities `who` at the last S days of anomalies `rows` (3, N, D), their peers taken from `among`.
    """
    model = limits.model if len(who) == rows.shape[1] else limits.model.cities(who)
    return measured(model, rows[:, who], among, limits.anomaly_bound, slots, limits.settings)


@quiet
def measured(
    model: PeerModel, own: Floats, among: Floats, anomaly_bound: Floats, slots: int, settings: PeerSettings
) -> tuple[Floats, Floats]:
    """The same for the n cities of a model: `own` (3, n, D), `among` (3, N, D), `anomaly_bound` (N,)."""
    used = slots + settings.reach - 1
    own, among = own[..., -used:], among[..., -used:]
    left, unsure = unexplained(model, own, among)
    away = contrasts(left, model.bound, slots, settings)
    unusual = distance(model, contrasts(among[0], anomaly_bound, slots, settings))
    variance = model.spread[..., None] ** 2 * widening(model, unusual, settings)
    if unsure.any():
        unknown = contrasts(unsure, np.array(0.0), slots, settings, normal=False)
        variance[LEVEL] += model.scale[:, None, None] ** 2 * unknown
    return level_and_swing(away) / np.sqrt(variance), away[:, 0]
