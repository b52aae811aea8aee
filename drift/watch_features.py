"""Drift of features in a slot: each city's against the same feature of its peers.

Peers lie in any block of cities, so a block gives the days of its own cities (`features_at`), and those of
all blocks are scored together (`joined`). A feature is no model version's: it is scored once, and said of
each model version that forecasts the city, as alerts are by model version.

Values are single floats wherever many are held, which is what fitting needs most: a year of eleven features
of a thousand cities is 390 MB. A store is read by city and not by feature, so that reading one feature after
the other would read everything as often; a rule's `column` keeps only what is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.detectors.climatology import Times
from drift.detectors.hourly import HOUR, hourly_means, hourly_window
from drift.detectors.peer_kept import FeatureCalibration, calibrate_features
from drift.detectors.peer_model import PeerSettings
from drift.detectors.peers import (
    KINDS,
    FeatureDays,
    FeatureScores,
    feature_days,
    hours_needed,
    score_slot,
    score_slots,
)
from drift.detectors.trailing import DAY, Integers
from drift.domain import Floats, Grid, Panel, Series, Undefined, Window
from drift.place import written
from drift.timeline import Cells, Pairs, from_start
from drift.values import quiet

Columns: TypeAlias = frozenset[str] | None
"""The features that rules look at; None: all."""
LOOK_BACK = timedelta(
    hours=hours_needed(PeerSettings()) + 1
)  # and an hour that a finer interval may have begun
"""So much before the end of its current window a slot reads to judge features."""
SOON_FITTED = (Undefined.NOT_CALIBRATED, Undefined.SHORT_REFERENCE)
"""The reasons that time mends."""
CELLS = 4_000_000
"""So many scores are held at once in a replay: each takes 56 bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureHours:
    """Features of the n cities of a block, hour by hour."""

    cities: tuple[str, ...]
    times: Times
    """(H,)"""
    values: Mapping[str, NDArray[np.float32]]
    """(H, n) by feature, in its unit; NaN where there is none."""

    def of(self, name: str) -> Floats:
        """(H, n) doubles of one feature; NaN where the block has none of it."""
        found = self.values.get(name)
        missing = np.full((len(self.times), len(self.cities)), np.nan)
        return missing if found is None else found.astype(np.float64)

    def usable(self, rows: Integers) -> dict[str, Integers]:
        """(S, n) by feature: how many of the 24 hours up to each of the rows (S,) have a value."""
        found = {}
        for name, values in self.values.items():
            known = np.isfinite(values).cumsum(axis=0, dtype=np.int64)
            earlier = np.where(rows[:, None] >= DAY, known[np.maximum(rows - DAY, 0)], 0)
            found[name] = known[rows] - earlier
        return found


def feature_hours(pairs: Pairs, window: Window, columns: Columns) -> FeatureHours:
    """The features of a block in the window's whole hours.

    Raises:
        UndefinedError: the intervals are no part of an hour.
    """
    grid = pairs.grid
    cells = grid.cut(window)
    start, end = (grid.start + cell * grid.step for cell in (cells.start, cells.stop))
    whole = hourly_window(Window(start, end), grid.step)
    some, count = Cells.of_window(grid, whole), grid.cells(whole)
    found = {name: some.of(values) for name, values in pairs.features.items() if _asked(name, columns)}
    for name, column in pairs.unwritten.items():
        if _asked(name, columns):
            found[name] = written([some.of_placed(column)])
    hours = Grid(whole.start, HOUR, whole.length // HOUR)
    values = {name: _singles(each, count, grid.step) for name, each in found.items()}
    return FeatureHours(pairs.cities, hours.times().astype("datetime64[h]"), values)


def _asked(name: str, columns: Columns) -> bool:
    return columns is None or name in columns


@quiet
def _singles(values: Floats, count: int, step: timedelta) -> NDArray[np.float32]:
    """(H, n) hourly values of (n, T), which end with so many cells; what is not finite is no value."""
    hours = hourly_means(from_start(values, count), step).astype(np.float32)
    hours[~np.isfinite(hours)] = np.nan
    return hours


def fit_blocks(
    blocks: Sequence[FeatureHours], span: Window, settings: PeerSettings
) -> FeatureCalibration | None:
    """The fit of every feature of all blocks, one feature after the other; None where there is no feature."""
    names = sorted({name for block in blocks for name in block.values})
    if not names:
        return None
    cities = [city for block in blocks for city in block.cities]

    def features() -> Iterator[tuple[str, Floats]]:
        for name in names:
            yield name, np.concatenate([block.of(name) for block in blocks], axis=1)

    return calibrate_features(features(), cities, blocks[0].times, span, settings)


@dataclass(frozen=True, slots=True, eq=False)
class FeatureBlock:
    """What a slot takes from a block of n cities."""

    cities: tuple[str, ...]
    usable: Mapping[str, Integers]
    """(n,) by feature: hours of the last 24 with a value."""
    days: Mapping[str, FeatureDays]
    """By feature that is fitted: of the cities that are, in their order."""
    unfitted: int
    """Features of cities that have values now and are not fitted for want of them."""

    def usable_of(self, name: str) -> Integers:
        """(n,) of a feature, which this block may not have."""
        return self.usable.get(name, np.zeros(len(self.cities), np.int64))


def features_at(
    pairs: Pairs, end: datetime, calibration: FeatureCalibration | None, columns: Columns
) -> FeatureBlock:
    """What the hours before `end` hold of the features of a block."""
    hours = feature_hours(pairs, Window(end - LOOK_BACK, end), columns)
    last = np.array([len(hours.times) - 1])
    usable = {name: many[0] for name, many in hours.usable(last).items()}
    if calibration is None:
        return FeatureBlock(pairs.cities, usable, {}, sum(int((many > 0).sum()) for many in usable.values()))
    rows = calibration.rows(pairs.cities)
    known = np.flatnonzero(rows >= 0)
    days = {
        name: feature_days(limits, hours.of(name)[:, known], hours.times, rows[known])
        for name, limits in calibration.features.items()
    }
    return FeatureBlock(pairs.cities, usable, days, int(unfitted(calibration, rows, usable)))


def unfitted(calibration: FeatureCalibration, rows: Integers, usable: Mapping[str, Integers]) -> Integers:
    """(…) how many features of the cities (n,) have values now, by their hours (…, n), and are not fitted for
    want of them.
    """
    found = [
        (np.isin(calibration.reasons(name, rows), SOON_FITTED) & (many > 0)).sum(axis=-1)
        for name, many in usable.items()
    ]
    return np.asarray(np.sum(found, axis=0))


@dataclass(frozen=True, slots=True)
class FeatureSaid:
    """What is said of one feature of one city at one slot, beyond its score."""

    column: str
    kind: str
    """Which of `KINDS` has the largest score."""
    by_kind: Mapping[str, float]
    """Scores; one that is not known is left out."""
    size: float | None
    """How much too high (+) or too low (−) the level is, in the feature's unit."""
    window_days: int
    """Days over which the largest score is taken: the drift began about so long ago."""
    still_hours: float | None
    """For which the value has not changed, at least; None: there is no value."""
    still_limit: float
    """Hours of one value that are let pass."""
    origin: str
    """What the city is held against: "peers" or "own climatology"."""
    peers: int


@dataclass(frozen=True, slots=True, eq=False)
class FeatureSeen:
    """The features of all cities at S slots."""

    calibration: FeatureCalibration | None
    cities: tuple[str, ...]
    """(n,) those that were read."""
    usable: Mapping[str, Integers]
    """(S, n) by feature."""
    scores: Mapping[str, FeatureScores]
    """(S, N) by feature that is fitted, of the cities of the calibration."""

    def unfitted(self) -> Integers:
        """(S,) as `FeatureBlock.unfitted`; 0 where nothing is fitted."""
        if self.calibration is None:
            return np.asarray(0)
        return unfitted(self.calibration, self.calibration.rows(self.cities), self.usable)

    def panels(self, version: str, cities: Sequence[str], slot: int = 0) -> list[Panel]:
        """The panel of a model version in the cities that it forecasts; none where there is no feature."""
        fitted = frozenset() if self.calibration is None else self.calibration.names
        columns = tuple(sorted(fitted | frozenset(self.usable)))
        if not columns:
            return []
        place = {city: at for at, city in enumerate(self.cities)}
        own = np.array([place[city] for city in cities], dtype=np.intp)
        nothing = np.zeros(len(own), np.int64)
        n = np.stack([self.usable[c][slot, own] if c in self.usable else nothing for c in columns], axis=1)
        value = np.stack([self._score(column, cities, slot) for column in columns], axis=1)
        reason = np.where(n == 0, np.uint8(Undefined.NO_CURRENT), np.uint8(Undefined.LOW_COVERAGE))
        if self.calibration is None:
            reason[:] = Undefined.NOT_CALIBRATED
        else:
            rows = self.calibration.rows(cities)
            unfit = np.stack([self.calibration.reasons(column, rows) for column in columns], axis=1)
            reason = np.where(unfit > 0, unfit, reason)
        return [
            FeaturePanel(
                kind="detector",
                series=tuple(Series(version, city) for city in cities),
                columns=columns,
                names=("feature_score",),
                value=value[:, :, None],
                reason=np.where(np.isfinite(value), np.uint8(0), reason)[:, :, None],
                n=n,
                coverage=n / DAY,
                seen=self,
                slot=slot,
            )
        ]

    def _score(self, column: str, cities: Sequence[str], slot: int) -> Floats:
        found = np.full(len(cities), np.nan)
        if self.calibration is not None and column in self.scores:
            rows = self.calibration.rows(cities)
            known = rows >= 0
            found[known] = self.scores[column].score[slot, rows[known]]
        return found

    def said(self, city: str, column: str, slot: int) -> FeatureSaid | None:
        """Of a feature of a city; None where it has no score."""
        scores = self.scores.get(column)
        if self.calibration is None or scores is None or city not in self.calibration.cities:
            return None
        limits, c = self.calibration.features[column], self.calibration.cities.index(city)
        if not np.isfinite(scores.score[slot, c]):
            return None
        size = float(scores.size[slot, c])
        kinds = zip(KINDS, scores.by_kind[slot, c].tolist(), strict=True)
        by_kind = {kind: score for kind, score in kinds if np.isfinite(score)}
        limit = float(limits.stuck_limit[c])
        return FeatureSaid(
            column=column,
            kind=KINDS[scores.kind[slot, c]],
            by_kind=by_kind,
            size=size if np.isfinite(size) else None,
            window_days=int(scores.window_days[slot, c]),
            still_hours=by_kind["stuck"] * limit if "stuck" in by_kind else None,
            still_limit=limit,
            origin=limits.origin(c),
            peers=int((limits.model.peer[c] >= 0).sum()),
        )


@dataclass(frozen=True, slots=True)
class FeaturePanel(Panel):
    """The scores of a model version's cities, and what else was seen: an alert wants the words for it."""

    seen: FeatureSeen
    slot: int

    def said(self, city: str, column: str) -> FeatureSaid | None:
        """Of a feature of a city; None where it has no score."""
        return self.seen.said(city, column, self.slot)


def joined(blocks: Sequence[FeatureBlock], calibration: FeatureCalibration | None) -> FeatureSeen:
    """One slot, scored from all of its blocks; a city that was not read is a peer without values."""
    cities = tuple(city for block in blocks for city in block.cities)
    usable = {
        name: np.concatenate([block.usable_of(name) for block in blocks])[None]
        for name in {name for block in blocks for name in block.usable}
    }
    scores = {}
    if calibration is not None and blocks:
        rows = calibration.rows(cities)
        for name, limits in calibration.features.items():
            there = FeatureDays.join([block.days[name] for block in blocks])
            whole = FeatureDays(
                np.full((there.rows.shape[0], len(calibration.cities), there.rows.shape[2]), np.nan),
                np.zeros(len(calibration.cities)),
            )
            whole.rows[:, rows[rows >= 0]] = there.rows
            whole.run[rows[rows >= 0]] = there.run
            scores[name] = score_slot(limits, whole)
    return FeatureSeen(calibration, cities, usable, scores)


def features_over(
    pairs: Pairs,
    span: Window,
    ends: Sequence[datetime],
    calibration: FeatureCalibration | None,
    columns: Columns,
) -> FeatureSeen:
    """Many slots, whose current windows end at `ends`, scored over the hours of the span."""
    hours = feature_hours(pairs, span, columns)
    slots = np.array([np.datetime64(end.replace(tzinfo=None), "h") for end in ends])
    slots = (slots - hours.times[0]).astype(np.int64) - 1
    usable = hours.usable(slots)
    scores = {}
    if calibration is not None:
        rows = calibration.rows(pairs.cities)
        known = np.flatnonzero(rows >= 0)
        for name, limits in calibration.features.items():
            values = np.full((len(hours.times), len(calibration.cities)), np.nan)
            values[:, rows[known]] = hours.of(name)[:, known]
            scores[name] = score_slots(limits, values, hours.times, slots)
    return FeatureSeen(calibration, pairs.cities, usable, scores)


def at_once(cities: int, features: int) -> int:
    """So many slots of a replay are scored at once: for memory."""
    return max(1, CELLS // max(cities * features, 1))
