"""How widely a city's window means spread, and how its features go together: what makes them comparable.

The spread is a city's own, shrunk to the median city's by how little was seen of it; the correlation is that
of all cities. Blocks of cities give variances and second moments, which join; no array of all cities is
needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from drift.detectors.features import CHANNELS, ChannelWindow
from drift.detectors.scan import columns_of
from drift.detectors.trailing import known_mean, over_known
from drift.domain import Floats

CLIP = 4.0  # spreads of a window's mean that may shape the correlation


class Variance(NamedTuple):
    """Of the window means of N cities."""

    value: Floats
    """(N, K) NaN for a city without any."""
    independent: Floats
    """(N,) how many independent windows it is of; every second one counts."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Second moments of standardised window means, to be added up over blocks."""

    total: Floats
    """(K, K)"""
    count: int


def variance(mean: Floats, window: int, per_day: int) -> Variance:
    """Of the means (S, N, K) of a window of days, `per_day` slots a day."""
    independent = np.isfinite(mean[..., 0]).sum(axis=0) / (2 * per_day * window)
    return Variance(known_mean(mean**2).astype(np.float64), independent)


def typical(blocks: Sequence[Variance]) -> Floats:
    """(K,) the median city's variance."""
    middle: Floats = over_known(np.nanmedian, np.concatenate([block.value for block in blocks]))
    return middle


def spread(own: Variance, pooled: Floats, prior: float) -> Floats:
    """(N, K) the root of each city's variance, shrunk to the `pooled` (K,) with the weight of `prior`
    independent windows.
    """
    weight = np.where(np.isfinite(own.value), own.independent[:, None], 0)
    total = np.where(weight > 0, own.value * weight, 0) + pooled * prior
    root: Floats = np.sqrt(total / (weight + prior))
    return root


def moments(mean: Floats, width: Floats) -> Moments:
    """Of means (S, N, K) in spreads (N, K), clipped to ±4; rows that are not known are left out."""
    z = (mean / width.astype(mean.dtype)).reshape(-1, mean.shape[-1])
    z = np.clip(z[np.isfinite(z).all(axis=1)], -CLIP, CLIP)
    return Moments((z.T @ z).astype(np.float64), len(z))


def roots(blocks: Sequence[Moments], shrinkage: float) -> dict[str, Floats]:
    """By channel: (k, k) the inverse root of the correlation, `shrinkage` of it the identity."""
    second = np.sum([block.total for block in blocks], axis=0) / max(sum(block.count for block in blocks), 1)
    out: dict[str, Floats] = {}
    for channel in CHANNELS:
        own = second[np.ix_(columns_of(channel), columns_of(channel))]
        scale = np.sqrt(np.diag(own))
        correlation = (1 - shrinkage) * own / scale / scale[:, None] + shrinkage * np.eye(len(scale))
        out[channel] = np.linalg.inv(np.linalg.cholesky(correlation))
    return out


def whitening(
    root: Mapping[ChannelWindow, Floats], width: Mapping[int, Floats]
) -> dict[ChannelWindow, Floats]:
    """By channel and window: (N, k, k) the inverse root ÷ the city's spread (N, K) of that window."""
    return {
        (channel, window): matrix[None] / width[window][:, None, columns_of(channel)]
        for (channel, window), matrix in root.items()
    }
