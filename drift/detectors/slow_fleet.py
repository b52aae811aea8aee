"""Slow drift that all cities of a model version share: too small for most of them, plain in their mean.

Why: a change that everybody feels, a holiday calendar, a lockdown, a broken weather feed, moves each city by
less than its own weeks differ. How: the cities' window means in their own spreads (`SlowWatched.pull`), each
clipped, averaged, and held against the spread of that average on the reference. A year has thirteen windows
of 28 days, so the limit is a quantile of Student's t and not a tail that nobody could have seen.

Source: the quantile by its expansion around the normal one, Abramowitz and Stegun (1964), 26.7.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from drift.detectors.slow import BIAS, SIZE, SlowLimits, SlowReference, known_max
from drift.detectors.trailing import known_mean
from drift.domain import Floats
from drift.errors import UndefinedError
from drift.reasons import Undefined

LEAST_CITIES = 5  # fewer are no fleet
PULL_CAP = 3.0  # spreads: how far one city pulls the fleet
LOOKS = 52  # a year, one a week: looks closer together say much the same
SIDES = 3  # size upward, bias up and down


@dataclass(frozen=True, slots=True, eq=False)
class SlowFleet:
    """What scoring all cities of a model version together needs."""

    spread: Floats
    """(2, W) of the mean over cities."""
    limit: float
    """Spreads."""


def fit_slow_fleet(limits: SlowLimits, reference: SlowReference) -> SlowFleet:
    """Fit all cities of a model version together: `limits` and `reference` are of these cities.

    spread = root mean square of the pooled means; limit = the quantile of Student's t that `fleet_budget` a
    year asks of a look a week at three sides, with as many degrees of freedom as the reference has
    independent windows, less one.

    Raises:
        UndefinedError: there are fewer than 5 cities, or half of them are never known together.
    """
    pooled = pool_slow(reference.means / limits.spread[:, :, None])
    spread = np.sqrt(known_mean(pooled**2, axis=2))
    if len(limits.days) < LEAST_CITIES or not np.isfinite(spread).all():
        raise UndefinedError("slow drift of all cities", Undefined.SHORT_REFERENCE)
    longest, known = max(limits.settings.windows), np.isfinite(pooled[SIZE, -1]).sum()
    share = limits.settings.fleet_budget / (LOOKS * SIDES)
    limit = student(share, max(float(known) / longest - 1, 1.0))
    return SlowFleet(spread, limit)


def pool_slow(pull: Floats) -> Floats:
    """(2, W, …) the mean over cities, the last axis, each city clipped to ±3 spreads.

    NaN where fewer than half of the cities are known. Blocks of cities are joined along that axis before.
    """
    enough = np.isfinite(pull).mean(axis=-1) >= 0.5
    return np.where(enough, known_mean(np.clip(pull, -PULL_CAP, PULL_CAP), axis=-1), np.nan)


def watch_slow_fleet(fleet: SlowFleet, pull: Floats) -> tuple[Floats, Floats]:
    """Score (…), 1 is the limit, and signed bias in units of the limit, of `SlowWatched.pull` of all cities.

    Size counts upward, bias both ways; the bias is that of the window where it is largest. NaN where
    in every window fewer than half of the cities are known.
    """
    pooled = pool_slow(pull).reshape(2, len(fleet.spread[0]), -1)
    scaled = pooled / fleet.spread[..., None] / fleet.limit
    up, down = known_max(scaled[BIAS]), known_max(-scaled[BIAS])
    score = np.maximum(np.maximum(known_max(scaled[SIZE]), 0), np.maximum(up, down))
    shape = pull.shape[2:-1]
    return score.reshape(shape), np.where(up >= down, up, -down).reshape(shape)


def student(share: float, freedom: float) -> float:
    """The level that Student's t with that many degrees of freedom passes with probability `share`.

    By the expansion around the normal quantile: within 1 % for 5 or more of them and shares from 0.002.

    >>> round(student(0.025, 12), 2)
    2.18
    """
    z = -NormalDist().inv_cdf(share)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, start=1))
