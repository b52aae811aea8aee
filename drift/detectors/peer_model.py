"""What the peers of a city say of it, and how far from that it is: the arithmetic that fit and slot share.

Why days first and windows later: a peer that was missing on one day is filled in on that day, and a day of a
fault moves the moving normal only so far. Arrays: 3 aspects, N cities, of which n are looked at, with k peers
each, D days, W windows, S slots.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drift.detectors.trailing import Flags, Integers
from drift.domain import Floats

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

KNOWN_SHARE = 0.7  # of a window's days, or nothing is said
CHUNK = 32  # days that are summed at once
SOLVED = 2_000_000  # numbers of small matrices that are solved at once


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """The numbers of feature drift that a person may change, with their units."""

    budget: float = 1.0
    """False alarms a feature-city-year."""
    windows: tuple[int, ...] = (2, 4, 7, 14)
    """Days over which what the peers leave unexplained is averaged."""
    window_shares: tuple[float, ...] = (0.3, 1.0, 2.0, 0.1)
    """Of the budget, a window; only their proportions count."""
    swing_share: float = 0.05
    """Of the budget, for the daily wave beside the level."""
    memory_days: float = 30.0
    """Of the moving normal."""
    normal_days: int = 76
    """Days before the window that the moving normal looks back on."""
    peers: int = 10
    """The most correlated cities that a city is held against."""
    ridge_days: float = 45.0
    """Days without any relation, added to the regression on peers: they hold back a short reference."""
    freedom: float = 20.0
    """Degrees of freedom of the spread; fewer widen it sooner where peers are unusual."""
    most_moved: float = 1.25
    """How many times the pooled spread of all cities may widen or narrow a city's own."""
    least_spread: float = 0.05
    """Of the feature's own spread: cities that share one feed must not be held to no difference at all."""
    least_days: int = 60
    """Usable days of reference, or nothing is concluded for the city."""
    stuck_factor: float = 1.5
    """A feed is stuck when it repeats one value so many times as long as it ever did in the reference."""
    stuck_hours: int = 6
    """The least such limit."""
    release: float = 0.7
    """Of the limit; a score that stays at or below it ends the alarm."""
    hold_hours: int = 24
    """How long it must stay there."""
    aim: float = 0.7
    """Of the budget that limits are fitted to: limits of the past are a little low for the future."""

    @property
    def reach(self) -> int:
        """Days of history that a slot uses."""
        return self.normal_days + max(self.windows)

    @property
    def rest(self) -> float:
        """Weight of the reference's centre in the moving normal, beside a full history."""
        return math.exp(-self.normal_days / self.memory_days)


@dataclass(frozen=True, slots=True, eq=False)
class PeerModel:
    """What n cities' peers say of them. W windows, k peers; `peer` is -1 where there are fewer."""

    peer: Integers
    """(n, k) positions among all cities."""
    level_weight: Floats
    """(n, k, 3) of a peer's level, cosine and sine in the city's level."""
    swing_weight: Floats
    """(n, 2, k, 2) of a peer's cosine and sine in the city's."""
    precision: Floats
    """(n, k, k) inverse covariance of the peers' levels, in units of `scale`."""
    scale: Floats
    """(W,) spread of a window's mean level, all cities pooled, in the feature's unit."""
    usual: Floats
    """(W, n) mean squared distance of the peers from their normal."""
    spread: Floats
    """(2, W, n) of what the peers leave unexplained: level, swing; in the feature's unit."""
    bound: Floats
    """(3, n) how far one day moves the normal, by aspect; in the feature's unit."""

    def cities(self, keep: Integers) -> PeerModel:
        """Of some cities."""
        return PeerModel(
            self.peer[keep],
            self.level_weight[keep],
            self.swing_weight[keep],
            self.precision[keep],
            self.scale,
            self.usual[:, keep],
            self.spread[:, :, keep],
            self.bound[:, keep],
        )


def unexplained(model: PeerModel, own: Floats, among: Floats) -> tuple[Floats, Floats]:
    """What the peers leave of anomalies: (3, n, D), and (n, D) the variance that missing peers leave open.

    `own` (3, n, D) are the cities', `among` (3, N, D) those of all, from which the peers are taken, in the
    feature's unit; the variance is in units of `scale`². A missing peer's level is what the other peers say
    of it, its wave that of the climatology. NaN where the city's own day is.
    """
    unsure = np.where(np.isnan(own[0]), np.nan, 0.0)
    missing = np.isnan(among[0])
    held = np.where(missing, 0.0, among)
    said = _weights(model, among.shape[1]) @ held.reshape(-1, held.shape[2])
    left = own - said.reshape(own.shape)
    if missing.any():
        _fill(model, held[0], missing, left, unsure)
    return left, unsure


def _weights(model: PeerModel, cities: int) -> csr_matrix:
    """(3 n, 3 N) sparse: what all aspects of all cities are multiplied by for what peers say."""
    from scipy.sparse import csr_matrix

    n, k = model.peer.shape
    place = np.maximum(model.peer, 0)[..., None] + cities * np.arange(3)  # (n, k, 3); no peer has no weight
    wave = np.broadcast_to(place[None, ..., 1:], (2, n, k, 2))
    columns = np.concatenate([place.ravel(), wave.ravel()])
    values = np.concatenate([model.level_weight.ravel(), model.swing_weight.swapaxes(0, 1).ravel()])
    starts = np.concatenate([np.arange(n) * 3 * k, n * 3 * k + np.arange(2 * n + 1) * 2 * k])
    return csr_matrix((values, columns, starts), shape=(3 * n, 3 * cities))


def _fill(model: PeerModel, held: Floats, missing: Flags, left: Floats, unsure: Floats) -> None:
    """Conditional mean and variance of missing peers given the others, into `left` and `unsure`."""
    size = model.peer.shape[1]
    lack = missing[model.peer] & (model.peer >= 0)[..., None] & np.isfinite(left[0])[:, None]
    city, day = np.nonzero(lack.any(axis=1))
    for part in np.array_split(np.arange(len(city)), 1 + len(city) * size**2 // SOLVED):
        n, d = city[part], day[part]
        gone = lack[n, :, d]
        precision, weight = model.precision[n], np.where(gone, model.level_weight[n, :, 0], 0.0)
        level = np.where(gone, 0.0, held[model.peer[n], d[:, None]])
        matrix = np.where(gone[:, :, None] & gone[:, None, :], precision, np.eye(size))
        given = np.where(gone, -np.einsum("ckl,cl->ck", precision, level), 0.0)
        solved = np.linalg.solve(matrix, np.stack([given, weight], axis=-1))
        left[0, n, d] -= (weight * solved[..., 0]).sum(axis=1)
        unsure[n, d] = (weight * solved[..., 1]).sum(axis=1)


def distance(model: PeerModel, levels: Floats) -> Floats:
    """(W, n, S) squared distance of the peers from their normal, by the contrasts of all levels (W, N, S).

    The Mahalanobis distance, in no unit: about the number of peers on the reference. A missing peer counts as
    normal.
    """
    windows, cities, slots = levels.shape
    z = np.nan_to_num(levels) / model.scale[:, None, None]
    z = np.ascontiguousarray(z.swapaxes(0, 1)).reshape(cities, -1)
    n, k = model.peer.shape
    found = np.zeros((n, z.shape[1]))
    for part in np.array_split(np.arange(n), 1 + n * k * z.shape[1] // SOLVED):
        real = (model.peer[part] >= 0)[..., None]
        theirs = np.where(real, z[model.peer[part]], 0.0)
        found[part] = (model.precision[part] @ theirs * theirs).sum(axis=1)
    return np.ascontiguousarray(found.reshape(n, windows, slots).swapaxes(0, 1))


def widening(model: PeerModel, distances: Floats, settings: PeerSettings) -> Floats:
    """(W, n, S) on the variance, of k peers: (ν + k · distance ÷ usual) ÷ (ν + k); 1 where all is usual."""
    count = (model.peer >= 0).sum(axis=1)
    share = (count / (settings.freedom + count))[:, None]
    wider: Floats = 1 - share + share * distances / model.usual[..., None]
    return wider


def level_and_swing(away: Floats) -> Floats:
    """(2, W, n, S) |level|, and the size of the wave's cosine and sine, of contrasts (W, 3, n, S)."""
    return np.stack([np.abs(away[:, 0]), np.sqrt((away[:, 1] ** 2 + away[:, 2] ** 2) / 2)])


def contrasts(rows: Floats, bound: Floats, slots: int, settings: PeerSettings, normal: bool = True) -> Floats:
    """(W, …, S) mean of each window's days less the moving normal before it, at the last S of rows (…, D).

    The normal is Σ w row ÷ (Σ w + λ^76), over the known of the 76 days before the window, k days back with
    w = (1 − λ)λ^k and λ = exp(−1 ÷ memory), rows clipped to ±`bound` (of …, or to be stretched to it); what
    is left is the reference's centre, 0. NaN where fewer than 70 % of the window's days are known. Without
    `normal` the mean alone. Unit: that of the rows.
    """
    shape, reach = rows.shape[:-1], slots + settings.reach - 1
    flat, limit = rows.reshape(-1, rows.shape[-1])[:, -reach:], np.broadcast_to(bound, shape).reshape(-1, 1)
    padded = np.full((len(flat), reach), np.nan)
    padded[:, reach - flat.shape[1] :] = flat
    known = np.isfinite(padded)
    value, told = np.where(known, padded, 0.0), known.astype(np.float64)
    if normal:
        weight = _remembered(told, settings) + math.exp(-settings.normal_days / settings.memory_days)
        usual = _remembered(np.clip(value, -limit, limit), settings) / weight
    out = np.empty((len(settings.windows), len(flat), slots))
    for w, window in enumerate(settings.windows):
        days = _last(told, window, slots)
        mean = _last(value, window, slots) / np.maximum(days, 1)
        if normal:
            first = max(settings.windows) - window
            mean -= usual[:, first : first + slots]
        out[w] = np.where(days >= KNOWN_SHARE * window, mean, np.nan)
    return out.reshape(len(settings.windows), *shape, slots)


def _last(rows: Floats, window: int, slots: int) -> Floats:
    """(R, S) sum of the `window` rows that end with each of the last S of rows (R, D)."""
    total = np.cumsum(rows, axis=1)
    end = rows.shape[1] - slots
    last: Floats = total[:, end:] - total[:, end - window : rows.shape[1] - window]
    return last


def _remembered(rows: Floats, settings: PeerSettings) -> Floats:
    """(R, D − 75) sum of w row over the 76 days that end with each day of rows (R, D) that has them."""
    memory, count = settings.normal_days, rows.shape[1] - settings.normal_days + 1
    factor = math.exp(-1 / settings.memory_days)
    out = np.empty((len(rows), count))
    for first in range(0, count, CHUNK):
        size = min(CHUNK, count - first)
        age = np.arange(size)[None, :] + memory - 1 - np.arange(size + memory - 1)[:, None]
        inside = (age >= 0) & (age < memory)
        weight = np.where(inside, (1 - factor) * factor ** np.maximum(age, 0), 0.0)
        out[:, first : first + size] = rows[:, first : first + size + memory - 1] @ weight
    return out
