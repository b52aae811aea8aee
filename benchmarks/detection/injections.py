"""Drifts of known kind, size and onset, put into real series, each sized by the zone's own error.

Why sized: × 2 means that the zone's mean absolute percentage error doubles, whatever the zone, so that
kinds and zones compare. Scale multiplies the error; noise adds an AR(1) error; bias adds a constant; peak
adds an error in proportion to the load above its 28-day median; shift is the forecast an hour late; stale is
the load of a week before in the forecast's place. A spike is one day of × 4: weather, not drift. Night is a
bias from 0 to 6 o'clock, yesterday the load of a day before, ramp an error that grows to × the factor along
the 28 days. Signs are drawn a segment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.detection.data import DAY, STEP, Array, Split, Whole, Zones, lagged

KINDS = ("scale", "noise", "bias", "peak", "shift", "stale")
UNSEEN = ("night", "yesterday", "ramp")  # had no part in choosing any setting
SIZED = ("noise", "bias", "peak", "night")  # what is added has a size; the others are what they are
SPIKE = "spike"
LEAD = 9 * DAY  # hours before the onset: features of the first slot need a week and a day
LENGTH = 28 * DAY
HISTORY = 100 * DAY  # before the onset, that a rival may look back on
MEMORY = 0.92


def noise(hours: int, series: int, rng: np.random.Generator) -> Array:
    """(hours, series) AR(1) of unit variance."""
    fresh = rng.standard_normal((hours, series)) * np.sqrt(1 - MEMORY**2)
    fresh[0] /= np.sqrt(1 - MEMORY**2)
    for row in range(1, hours):
        fresh[row] += MEMORY * fresh[row - 1]
    return fresh


def solve(rises: Callable[[float], float], target: float, high: float = 8.0) -> float:
    """Where a rising function reaches the target, between 0 and `high`.

    >>> round(solve(lambda x: x * x, 9.0), 6)
    3.0
    """
    low = 0.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if rises(middle) < target else (low, middle)
    return (low + high) / 2


@dataclass(frozen=True)
class Drifts:
    """Segments of real series, from 9 days before an onset to 28 after it, and their error with drift."""

    zones: Zones
    reference: slice
    city: Whole  # (M,)
    onset: Whole  # (M,) rows, multiples of the slot's step
    seed: int

    @property
    def rows(self) -> Whole:
        """(9 d + 28 d, M) rows of the data set."""
        return self.onset[None, :] + np.arange(-LEAD, LENGTH)[:, None]

    def error(self, kind: str, factor: float, size: Array | None = None) -> Array:
        """(9 d + 28 d, M) the error with the drift in it; `size` (N,) is `sizes`, where it is known already.

        Raises:
            KeyError: there is no such kind.
        """
        rng = np.random.default_rng([self.seed, sum(map(ord, kind)), int(10 * factor)])
        since = np.arange(-LEAD, LENGTH)[:, None]
        during = (since >= 0) & ((since < DAY) | (kind != SPIKE))
        own = self.zones.error[self.rows, self.city]
        size = sizes(self, kind, factor) if size is None and kind in SIZED else size
        return np.where(during, self._drifted(kind, factor, own, size, rng), own)

    def _drifted(
        self, kind: str, factor: float, own: Array, size: Array | None, rng: np.random.Generator
    ) -> Array:
        zones, rows, city = self.zones, self.rows, self.city
        sign = np.where(rng.random(len(city)) < 0.5, -1.0, 1.0)
        load = zones.load[rows, city]
        if kind in ("scale", SPIKE):
            return own * factor
        if kind == "bias" and size is not None:
            return own + sign * size[city]
        if kind == "noise" and size is not None:
            return own + size[city] * noise(len(rows), len(city), rng)
        if kind == "peak" and size is not None:
            return own + sign * size[city] * above_typical(zones)[rows, city]
        if kind == "night" and size is not None:
            return own + sign * size[city] * at_night(zones)[rows, city]
        if kind == "ramp":
            return own * (1 + (factor - 1) * np.arange(-LEAD, LENGTH)[:, None] / LENGTH)
        if kind == "yesterday":
            return lagged(zones.load, DAY)[rows, city] / load - 1
        if kind == "shift":
            return lagged(zones.forecast, 1)[rows, city] / load - 1
        if kind == "stale":
            return lagged(zones.load, 7 * DAY)[rows, city] / load - 1
        raise KeyError(f"no kind of drift {kind!r}; there are {', '.join((*KINDS, *UNSEEN))} and {SPIKE}")


def with_history(drifts: Drifts, error: Array) -> tuple[Array, Whole]:
    """(100 d + 28 d, M) |error| of segments after the 100 days before them as they were, and the rows."""
    back = drifts.onset[None, :] + np.arange(-HISTORY, 0)[:, None]
    before = np.clip(back, 0, None)
    own = np.abs(drifts.zones.error[before, drifts.city])
    size = np.concatenate([np.where(back >= 0, own, np.nan), np.abs(error[LEAD:])])
    return size, np.concatenate([before, drifts.rows[LEAD : LEAD + LENGTH]])


def above_typical(zones: Zones) -> Array:
    """(H, N) the load's excess over its 28-day median, as a fraction; zero below it."""
    return np.maximum(zones.load / zones.typical - 1, 0)


def at_night(zones: Zones) -> Array:
    """(H, N) 1 from 0 to 6 o'clock on the zone's clock, 0 otherwise."""
    return (zones.hours.hour < 6).astype(float)


def sizes(drifts: Drifts, kind: str, factor: float) -> Array:
    """(N,) how large the added error must be for the reference's mean |error| to grow by the factor."""
    error = drifts.zones.error[drifts.reference]
    causes = {
        "bias": np.ones_like(error),
        "peak": above_typical(drifts.zones)[drifts.reference],
        "night": at_night(drifts.zones)[drifts.reference],
        "noise": np.repeat(noise(len(error), 1, np.random.default_rng(5)), error.shape[1], axis=1),
    }
    found = np.zeros(error.shape[1])
    for city, own in enumerate(error.T):
        cause = causes[kind][:, city]
        normal = np.nanmean(np.abs(own))

        def grown(size: float, own: Array = own, cause: Array = cause, normal: float = normal) -> float:
            both = np.nanmean(np.abs(own + size * cause)) + np.nanmean(np.abs(own - size * cause))
            return float(both / 2 / normal)

        found[city] = solve(grown, factor)
    return found


def draw(zones: Zones, split: Split, each: int, seed: int) -> Drifts:
    """So many onsets a zone, at random in the split's test rows, where at most 15 % of hours are missing."""
    rng = np.random.default_rng(seed)
    known = np.vstack([np.zeros((1, len(zones.names)), int), np.cumsum(np.isfinite(zones.error), axis=0)])
    city: list[int] = []
    onset: list[int] = []
    for number in range(len(zones.names)):
        found = 0
        for _ in range(4000):
            at = int(rng.integers(split.test.start + LEAD, split.test.stop - LENGTH - DAY)) // STEP * STEP
            back = max(at - 30 * DAY, 0)
            after, before = (
                known[at + LENGTH, number] - known[at, number],
                known[at, number] - known[back, number],
            )
            if found < each and after > 0.85 * LENGTH and before > 0.85 * (at - back):
                city.append(number)
                onset.append(at)
                found += 1
    return Drifts(zones, split.reference, np.array(city), np.array(onset), seed)
