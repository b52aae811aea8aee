"""PURE. The course of the error of each series over the last days, from what the detectors look at."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np

from drift.detectors.fleet import KNOWN_SHARE, RATIO_CAP
from drift.domain import Floats, Series
from drift.watch import BlockWatch


def recent_of(blocks: Iterable[BlockWatch]) -> dict[Series, Floats]:
    """By series, (14,) the error ÷ what is normal for it of each of the last days, oldest first.

    NaN is a day with too few usable hours. Series without a calibration are absent. Of all cities together
    (city None) it is their mean, each at most 20 × normal, where half of them are known.
    """
    found: dict[Series, Floats] = {}
    by_version: dict[str, list[Floats]] = {}
    for block in blocks:
        for part in block.versions:
            if part.watched is None or part.watched.recent is None:
                continue
            days = part.watched.recent.T
            by_version.setdefault(part.model_version, []).append(days)
            cities = (part.cities[row] for row in part.scored)
            found.update(
                (Series(part.model_version, city), own) for city, own in zip(cities, days, strict=True)
            )
    for version, parts in by_version.items():
        found[Series(version)] = _together(np.concatenate(parts))
    return found


def _together(days: Floats) -> Floats:
    """(days,) the mean of (cities, days).

    >>> _together(np.array([[1.0, np.nan, 30.0], [3.0, np.nan, 0.0], [np.nan, 1.0, 1.0]])).tolist()
    [2.0, nan, 7.0]
    """
    enough = np.isfinite(days).mean(axis=0) >= KNOWN_SHARE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a day of which nothing is known has no mean
        mean: Floats = np.where(enough, np.nanmean(np.minimum(days, RATIO_CAP), axis=0), np.nan)
    return mean
