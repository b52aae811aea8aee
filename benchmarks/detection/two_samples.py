"""The last 7 days' |error| against the 90 days before by Evidently's four distances, and by PSI of deciles.

Why not by the library: a look costs it 30 ms a distance, and there are 90,000. How: the same arithmetic on
sorted samples, all distances at once; `agreement.py` asks the library itself at some looks and says how far
the two agree. Scores are in units of the library's default threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import numpy as np

from benchmarks.detection.data import DAY, STEP, Array, Zones
from benchmarks.detection.injections import HISTORY, Drifts, with_history
from benchmarks.detection.judging import LEAD_SLOTS

CURRENT, BEFORE, AGAIN = 7 * DAY, 90 * DAY, 12  # hours; a look every 12
LEAST_CURRENT, LEAST_BEFORE = 60, 500  # known hours
DISTANCES = ("wasserstein", "ks", "psi", "jensenshannon", "deciles")
LEVELS = {"wasserstein": 0.1, "psi": 0.1, "jensenshannon": 0.1, "deciles": 0.2}
SIGNIFICANCE = 0.05
LEAST_SHARE = 1e-4


@lru_cache(maxsize=4096)
def critical(size: int) -> float:
    """The gap of two distributions with p = 0.05, for so many effective hours."""
    from scipy.stats import kstwo

    return float(kstwo.isf(SIGNIFICANCE, size))


def effective(before: int, current: int) -> int:
    """The size of one sample that says as much as the two."""
    return max(round(before * current / (before + current)), 1)


def p_value(gap: float, before: int, current: int) -> float:
    """How often two samples of one distribution are that far apart, were their hours independent."""
    from scipy.stats import kstwo

    return float(kstwo.sf(gap, effective(before, current)))


def distances(before: Array, current: Array) -> Array:
    """Of two sorted samples, in the order of `DISTANCES`; KS is the gap, not its p."""
    every = np.sort(np.concatenate([before, current]), kind="stable")
    gap = np.abs(
        np.searchsorted(before, every, "right") / len(before)
        - np.searchsorted(current, every, "right") / len(current)
    )
    moved = np.sum(gap[:-1] * np.diff(every)) / max(float(before.std()), 0.001)
    theirs, ours = _shares(before, current, every)
    return np.array(
        [moved, gap.max(), stability(theirs, ours), jensen_shannon(theirs, ours), _deciles(before, current)]
    )


def _shares(before: Array, current: Array, every: Array) -> tuple[Array, Array]:
    """The shares in bins of equal width, as many as Sturges says, from the smallest value to the largest."""
    edges = np.linspace(every[0], every[-1], int(np.ceil(np.log2(len(every)) + 1)) + 1)
    inner = edges[1:-1]
    theirs, ours = (
        np.diff([0, *np.searchsorted(each, inner, "left"), len(each)]) / len(each)
        for each in (before, current)
    )
    return theirs, ours


def stability(before: Array, current: Array) -> float:
    """PSI of shares; an empty bin is filled as Evidently does: 1e-4, or a millionth of the least share."""
    theirs, ours = _filled(before), _filled(current)
    return float(np.sum((theirs - ours) * np.log(theirs / ours)))


def _filled(share: Array) -> Array:
    least = share[share > 0].min()
    return np.where(share > 0, share, least / 1e6 if least <= LEAST_SHARE else LEAST_SHARE)


def jensen_shannon(before: Array, current: Array) -> float:
    """The distance of shares, in nats.

    >>> round(jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) ** 2, 6)
    0.693147
    """
    middle = (before + current) / 2
    parts = [
        np.sum(share[share > 0] * np.log(share[share > 0] / middle[share > 0])) for share in (before, current)
    ]
    return float(np.sqrt(max(sum(parts) / 2, 0.0)))


def _deciles(before: Array, current: Array) -> float:
    """PSI over ten equally filled bins of the earlier sample, empty ones filled with 1e-4."""
    edges = before[np.arange(1, 10) * len(before) // 10]
    theirs, ours = (
        np.maximum(
            np.array([b - a for a, b in pairwise([0, *np.searchsorted(each, edges), len(each)])]) / len(each),
            LEAST_SHARE,
        )
        for each in (before, current)
    )
    return float(np.sum((theirs - ours) * np.log(theirs / ours)))


def look(size: Array, row: int) -> tuple[Array, Array] | None:
    """The two sorted samples at a row of one series; None where too little is known."""
    window = size[row + 1 - CURRENT - BEFORE : row + 1]
    before, current = (
        np.sort(part[np.isfinite(part)]).astype(float) for part in (window[:BEFORE], window[BEFORE:])
    )
    enough = len(current) >= LEAST_CURRENT and len(before) >= LEAST_BEFORE
    return (before, current) if enough else None


def looks(size: Array) -> Array:
    """(T, M) |error| to scores (T, M, distances), each held until the next look; NaN: nothing is known."""
    out = np.full((*size.shape, len(DISTANCES)), np.nan, dtype=np.float32)
    for column in range(size.shape[1]):
        for row in range(CURRENT + BEFORE, len(size), AGAIN):
            samples = look(size[:, column], row)
            if samples is not None:
                levels = {**LEVELS, "ks": critical(effective(len(samples[0]), len(samples[1])))}
                found = distances(*samples) / [levels[name] for name in DISTANCES]
                out[row : row + AGAIN, column] = found
    return out


@dataclass(frozen=True)
class Looks:
    """All distances of the series, and of the segments that were asked for: five detectors share them."""

    zones: Zones
    _seen: list[tuple[object, Array]] = field(default_factory=list)

    def of(self, key: object, size: Callable[[], Array]) -> Array:
        """(slots, series, distances); `size` is called for a key that is new."""
        for known, found in self._seen:
            if known is key:
                return found
        hourly = looks(size())
        found = np.nan_to_num(hourly[STEP - 1 : len(hourly) // STEP * STEP : STEP])
        self._seen.append((key, found))
        return found


@dataclass(frozen=True)
class TwoSamples:
    """One of the distances as a detector."""

    shared: Looks
    name: str
    release: float = 1.0

    @property
    def scores(self) -> Array:
        """(S, N) of the series as they are."""
        zones = self.shared.zones
        return self.shared.of(zones, lambda: np.abs(zones.error))[..., DISTANCES.index(self.name)]

    def injected(self, drifts: Drifts, error: Array) -> Array:
        """(S, M) scores from a day before the onset to 28 days after it."""
        found = self.shared.of(error, lambda: with_history(drifts, error)[0])
        return found[HISTORY // STEP - LEAD_SLOTS :, :, DISTANCES.index(self.name)]
