"""The fit: from the reference of some cities to their `Limits`.

Even and odd months are two folds. While limits are set, each month is judged by what the months of the other
fold say is normal; what is returned uses all months. Judged by their own normal, the reference's errors look
smaller than those of any later day, and limits come out too low.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drift.detectors.error_model import ErrorModel, Expectation, fit_persistence, innovation
from drift.detectors.expected import ExpectedSize, fit_expected
from drift.detectors.features import ChannelWindow, Features, features
from drift.detectors.limits import fit_limits
from drift.detectors.normal import Location, locate, moving_mean, standardise
from drift.detectors.profile import Limits
from drift.detectors.scan import fit_whitening, gate, recent_ratio, statistics, window_means
from drift.detectors.series import Hours, Series
from drift.detectors.settings import Settings
from drift.detectors.trailing import DAY, Flags, known_mean
from drift.domain import Floats
from drift.errors import UndefinedError
from drift.reasons import Undefined

RATIO_CAP = 3.0  # of one slot, in the mean ratio of a city
LEAST_WIDTH = 0.7  # of the whole reference's spread, for the spread of one fold
BLOCK = 50  # cities whose arrays fit the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What the limits need of a block of n cities."""

    model: ErrorModel
    days: Floats
    """(n,) usable days."""
    inside: Features
    """(S, n) by the model of all months."""
    crossed: Features
    """(S, n) each month by the model of the other fold."""

    @classmethod
    def join(cls, blocks: Sequence[Fitted]) -> Fitted:
        """Of blocks of cities, in their order."""
        return cls(
            ErrorModel.join([block.model for block in blocks]),
            np.concatenate([block.days for block in blocks]),
            Features.join([block.inside for block in blocks]),
            Features.join([block.crossed for block in blocks]),
        )


def fit(series: Series, settings: Settings | None = None, block: int = BLOCK) -> Limits:
    """Fit the limits of N cities on their reference (H, N); a year of it, or `borrow` the limits of others.

    NaN hours are left out. A city without any usable hour is fitted to nothing, scores 0 and moves no other
    city.

    Raises:
        UndefinedError: the even or the odd months hold no usable hour of any city.
    """
    settings = settings or Settings()
    count = series.actual.shape[1]
    parts = np.array_split(np.arange(count), max(1, -(-count // block)))
    fitted = Fitted.join([_fit_cities(series.cities(part), settings) for part in parts])
    even = series.hours.even[settings.fit_step - 1 :: settings.fit_step]
    for fold in (even, ~even):
        if not np.isfinite(fitted.crossed.values[fold]).all(axis=-1).any():
            raise UndefinedError("the calibrated detector", Undefined.SHORT_REFERENCE)
    return _fit_on_slots(fitted, even, settings)


def _fit_cities(series: Series, settings: Settings) -> Fitted:
    error = series.error()
    persistence = fit_persistence(error)
    rough = innovation(error, persistence)
    even = series.hours.even[:, None]
    sizes = [_cross_fit(size, even, series.hours, settings.season_share) for size in (np.abs(error), rough)]
    model = ErrorModel(sizes[0][0], sizes[1][0], persistence)
    crossed = Expectation(sizes[0][1], sizes[1][1], persistence, model.error.level)
    rows = slice(settings.fit_step - 1, None, settings.fit_step)
    return Fitted(
        model,
        np.isfinite(error).sum(axis=0) / DAY,
        features(series, model.expect(series.hours)).rows(rows),
        features(series, crossed).rows(rows),
    )


def _cross_fit(size: Floats, even: Flags, hours: Hours, season_share: float) -> tuple[ExpectedSize, Floats]:
    """The expected size of all months, and (H, N) that of each month by the other fold.

    The level is that of all months in both: only shape and season are out of fold.
    """
    whole = fit_expected(size, hours, season_share)
    of_even, of_odd = (
        fit_expected(np.where(fold, size, np.nan), hours, season_share)
        .with_level(whole.level)
        .expected(hours)
        for fold in (even, ~even)
    )
    return whole, np.where(even, of_odd, of_even)


def _fit_on_slots(fitted: Fitted, even: Flags, settings: Settings) -> Limits:
    per_day = DAY // settings.fit_step
    inside, crossed = fitted.inside, fitted.crossed
    whole = locate(inside.values)
    ratio_centre = np.nan_to_num(known_mean(np.minimum(inside.ratio, RATIO_CAP)), nan=1.0)
    means = _means(standardise(inside.values, whole.centre, whole.spread, settings.clip), settings, per_day)
    crossed_means = _means(_standardise_crossed(fitted, whole, even, settings), settings, per_day)
    values = _cross_statistics(crossed_means, even, settings, per_day)
    normal = moving_mean(crossed.ratio, ratio_centre, per_day * settings.ratio_memory_days)
    values = gate(values, recent_ratio(crossed.ratio, normal, settings, per_day), settings.least_ratio)
    years = float(fitted.days.sum() / 365.25)
    return Limits(
        settings,
        fitted.model,
        whole.centre,
        whole.spread,
        ratio_centre,
        fit_whitening(means, settings, per_day),
        fit_limits(values, even, settings, per_day, years),
        fitted.days,
        years,
    )


def _standardise_crossed(fitted: Fitted, whole: Location, even: Flags, settings: Settings) -> Floats:
    """(S, N, K) each fold by the centre and spread of the other, the spread not far below the whole's."""
    z = np.empty_like(fitted.crossed.values)
    for rows, others in ((even, ~even), (~even, even)):
        there = locate(fitted.inside.values[others])
        width = np.maximum(there.spread, LEAST_WIDTH * whole.spread)
        z[rows] = standardise(fitted.crossed.values[rows], there.centre, width, settings.clip)
    return z


def _means(z: Floats, settings: Settings, per_day: int) -> dict[int, Floats]:
    normal = moving_mean(z, np.zeros(z.shape[1:], z.dtype), per_day * settings.memory_days)
    return window_means(z, normal, settings.windows, per_day)


def _cross_statistics(
    means: dict[int, Floats], even: Flags, settings: Settings, per_day: int
) -> dict[ChannelWindow, Floats]:
    """The statistics of each fold, whitened by the other."""
    out: dict[ChannelWindow, Floats] = {}
    for rows in (even, ~even):
        whitening = fit_whitening({days: mean[~rows] for days, mean in means.items()}, settings, per_day)
        for key, value in statistics({days: mean[rows] for days, mean in means.items()}, whitening).items():
            out.setdefault(key, np.zeros((len(even), value.shape[1]), value.dtype))[rows] = value
    return out
