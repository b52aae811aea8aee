"""What the reference says of a block of cities by themselves, before any limit is set.

Even and odd months are two folds. While limits are set, each month is judged by what the months of the other
fold say is normal. Judged by their own normal, the reference's errors look smaller than those of any later
day, and limits come out too low.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.detectors.error_model import ErrorModel, Expectation, fit_persistence, innovation
from drift.detectors.expected import fit_expected
from drift.detectors.features import Features, features
from drift.detectors.normal import Location, locate, standardise
from drift.detectors.scan import window_means
from drift.detectors.series import Hours, Series
from drift.detectors.settings import Settings
from drift.detectors.trailing import DAY, Integers, known_mean, trailing_day
from drift.domain import Floats

Means: TypeAlias = Mapping[int, Floats]
"""By window of days: (S, n, K) window means."""

RATIO_CAP = 3.0  # of one slot, in the mean ratio of a city
BLOCK = 50  # cities whose arrays fit the processor's cache
WHOLE, EVEN, ODD = range(3)


@dataclass(frozen=True, slots=True, eq=False)
class Alone:
    """What is known of a block of n cities by all months."""

    model: ErrorModel
    days: Floats
    """(n,) usable days."""
    inside: Features
    """(S, n)"""
    place: Location
    """Of the features."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The same, and what the folds say of each other."""

    alone: Alone
    crossed: Features
    """(S, n) each month by the model of the other fold."""
    places: tuple[Location, Location, Location]
    """Of the features by all months: of all of them, of the even and of the odd ones."""


def parts_of(cities: Integers, block: int) -> list[Integers]:
    """The cities in blocks of about that size."""
    return np.array_split(cities, max(1, -(-len(cities) // block)))


def fit_alone(series: Series, settings: Settings) -> Alone:
    """What is known of n cities (H, n) by all months."""
    error = series.error()
    persistence = fit_persistence(error)
    size, rough = (
        fit_expected(values, series.hours, settings.season_share)
        for values in (np.abs(error), innovation(error, persistence))
    )
    model = ErrorModel(size, rough, persistence)
    inside = features(series, model.expect(series.hours), partial(_total, step=settings.fit_step))
    return Alone(model, np.isfinite(error).sum(axis=0) / DAY, inside, locate(inside.values))


def fit_cities(series: Series, settings: Settings) -> Fitted:
    """What is known of n cities (H, n) by themselves, all months together and fold by fold."""
    alone, error = fit_alone(series, settings), series.error()
    model, rough = alone.model, innovation(error, alone.model.persistence)
    size, roughness = (
        crossed(values, whole.level, series.hours, settings.season_share)
        for values, whole in ((np.abs(error), model.error), (rough, model.innovation))
    )
    normal = Expectation(size, roughness, model.persistence, model.error.level)
    step = settings.fit_step
    even, values = series.hours.even[step - 1 :: step], alone.inside.values
    return Fitted(
        alone,
        features(series, normal, partial(_total, step=step)),
        (alone.place, locate(values[even]), locate(values[~even])),
    )


def _total(values: NDArray[Any], step: int) -> NDArray[Any]:
    return trailing_day(values)[step - 1 :: step]


def crossed(size: Floats, level: Floats, hours: Hours, season_share: float) -> Floats:
    """(H, n) the expected size of each month by the other fold; the `level` (n,) is that of all months in
    both.
    """
    even = hours.even[:, None]
    of_even, of_odd = (
        fit_expected(np.where(fold, size, np.nan), hours, season_share).with_level(level).expected(hours)
        for fold in (even, ~even)
    )
    return np.where(even, of_odd, of_even)


def per_day(settings: Settings) -> int:
    """Slots of a day while fitting."""
    return DAY // settings.fit_step


def ratio_centre(block: Alone) -> Floats:
    """(n,) mean of the capped error ratio; 1 for a city without any."""
    return np.nan_to_num(known_mean(np.minimum(block.inside.ratio, RATIO_CAP)), nan=1.0)


def inside_means(block: Alone, place: Location, settings: Settings) -> Means:
    """The window means by the model of all months."""
    z = standardise(block.inside.values, place.centre, place.spread, settings.clip)
    return window_means(z, settings, per_day(settings))
