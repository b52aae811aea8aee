"""The fit: from the reference of some cities to their `Limits`.

What cities share is learnt from at most a thousand of them (`learn`), or comes with drift (`standard`); what
is a city's own is settled block by block, so that memory does not grow with the cities.
"""

from __future__ import annotations

import numpy as np

from drift.detectors.learn import Pooled, learn
from drift.detectors.profile import Limits
from drift.detectors.reference import (
    BLOCK,
    Alone,
    fit_alone,
    inside_means,
    parts_of,
    per_day,
    ratio_centre,
)
from drift.detectors.series import Series
from drift.detectors.settings import Settings
from drift.detectors.whitening import spread, variance, whitening


def fit(series: Series, settings: Settings | None = None, block: int = BLOCK) -> Limits:
    """Fit the limits of N cities on their own reference (H, N), a year of it.

    NaN hours are left out. A city without any usable hour is fitted to nothing, scores 0 and moves no other
    city.

    Raises:
        UndefinedError: the even or the odd months hold no usable hour of any city.
    """
    settings = settings or Settings()
    return settle(series, learn(series, settings, block), settings, block)


def settle(series: Series, pooled: Pooled, settings: Settings, block: int = BLOCK) -> Limits:
    """The limits of N cities (H, N) by their own normal error and by what cities share."""
    parts = parts_of(np.arange(series.actual.shape[1]), block)
    return Limits.join(
        [_settle(fit_alone(series.cities(part), settings), pooled, settings) for part in parts]
    )


def _settle(block: Alone, pooled: Pooled, settings: Settings) -> Limits:
    place = block.place.shrunk(pooled.spread)
    means = inside_means(block, place, settings)
    width = {
        days: spread(variance(mean, days, per_day(settings)), pooled.variance[days], settings.prior_windows)
        for days, mean in means.items()
    }
    return Limits(
        settings,
        block.model,
        place.centre,
        place.spread,
        ratio_centre(block),
        whitening(pooled.root, width),
        pooled.tails.limits(settings),
        block.days,
        float(block.days.sum() / 365.25),
    )
