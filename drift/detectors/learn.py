"""What cities share: typical spreads, how features go together, and the tails that limits are set on.

Limits are set on folds: the statistics of the even months by what the odd ones say is normal, and the other
way round. Three passes over blocks of cities: variances, then correlations, then the statistics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drift.detectors.features import ChannelWindow
from drift.detectors.limits import Tails, fit_tails
from drift.detectors.normal import Location, standardise, typical_spread
from drift.detectors.reference import (
    BLOCK,
    EVEN,
    ODD,
    WHOLE,
    Fitted,
    Means,
    fit_cities,
    inside_means,
    parts_of,
    per_day,
    ratio_centre,
)
from drift.detectors.scan import gate, recent_ratios, statistics, window_means
from drift.detectors.series import Series
from drift.detectors.settings import Settings
from drift.detectors.trailing import Flags
from drift.detectors.whitening import moments, roots, spread, typical, variance, whitening
from drift.domain import Floats
from drift.errors import UndefinedError
from drift.reasons import Undefined

LEAST_WIDTH = 0.7  # of the whole reference's spread, for the spread of one fold
MOST = 1000  # cities that set limits; more would add memory, and nothing to the limits
VIEWS = (WHOLE, EVEN, ODD)


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """What cities share, by which little is made of one's own data."""

    spread: Floats
    """(K,) of the median city's features."""
    variance: Mapping[int, Floats]
    """By window: (K,) of the median city's means."""
    root: Mapping[ChannelWindow, Floats]
    """(k, k) inverse root of the correlation of a channel's means."""
    tails: Tails
    city_years: float
    """It was learnt on."""


@dataclass(frozen=True, slots=True, eq=False)
class _Pass:
    """What the earlier passes found, for the three views: all months, the even ones, the odd ones."""

    even: Flags
    settings: Settings
    spread: Sequence[Floats]

    def means(self, block: Fitted) -> list[Means]:
        """A block's window means: of all months by themselves, of each fold by the other."""
        crossed = window_means(self._crossed(block), self.settings, per_day(self.settings))
        folds = ({days: mean[rows] for days, mean in crossed.items()} for rows in (self.even, ~self.even))
        return [inside_means(block.alone, self._place(block, WHOLE), self.settings), *folds]

    def _place(self, block: Fitted, view: int) -> Location:
        return block.places[view].shrunk(self.spread[view])

    def _crossed(self, block: Fitted) -> Floats:
        """(S, n, K) each fold by the centre and spread of the other, the spread not far below the whole's."""
        values, whole = block.crossed.values, self._place(block, WHOLE)
        z = np.empty_like(values)
        for rows, other in ((self.even, ODD), (~self.even, EVEN)):
            there = self._place(block, other)
            width = np.maximum(there.spread, LEAST_WIDTH * whole.spread)
            z[rows] = standardise(values[rows], there.centre, width, self.settings.clip)
        return z

    def widths(self, means: Means, middle: Mapping[int, Floats]) -> dict[int, Floats]:
        """By window: (n, K) the spread of a block's means."""
        slots, prior = per_day(self.settings), self.settings.prior_windows
        return {
            days: spread(variance(mean, days, slots), middle[days], prior) for days, mean in means.items()
        }


def learn(series: Series, settings: Settings, block: int = BLOCK, most: int = MOST) -> Pooled:
    """What N cities (H, N) share, from at most so many of them, chosen evenly.

    Raises:
        UndefinedError: the even or the odd months hold no usable hour of any city.
    """
    count = series.actual.shape[1]
    chosen = np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.intp))
    blocks = [fit_cities(series.cities(part), settings) for part in parts_of(chosen, block)]
    even = series.hours.even[settings.fit_step - 1 :: settings.fit_step]
    for fold in (even, ~even):
        if not any(np.isfinite(each.crossed.values[fold]).all(axis=-1).any() for each in blocks):
            raise UndefinedError("the calibrated detector", Undefined.SHORT_REFERENCE)
    spreads = [typical_spread([each.places[view] for each in blocks]) for view in VIEWS]
    return _learn(blocks, _Pass(even, settings, spreads))


def _learn(blocks: Sequence[Fitted], found: _Pass) -> Pooled:
    settings = found.settings
    middle = _variances(blocks, found)
    root = _roots(blocks, found, middle)
    values: dict[ChannelWindow, list[Floats]] = {}
    for block in blocks:
        for key, value in _judged(block, found, middle, root).items():
            values.setdefault(key, []).append(value)
    years = float(sum(block.alone.days.sum() for block in blocks) / 365.25)
    joined = {key: np.concatenate(values.pop(key), axis=1) for key in list(values)}
    tails = fit_tails(joined, found.even, settings, per_day(settings), years)
    return Pooled(found.spread[WHOLE], middle[WHOLE], root[WHOLE], tails, years)


def _variances(blocks: Sequence[Fitted], found: _Pass) -> list[dict[int, Floats]]:
    slots = per_day(found.settings)
    of = [
        [{days: variance(mean, days, slots) for days, mean in means.items()} for means in found.means(block)]
        for block in blocks
    ]
    windows = found.settings.windows
    return [{days: typical([views[view][days] for views in of]) for days in windows} for view in VIEWS]


def _roots(
    blocks: Sequence[Fitted], found: _Pass, middle: Sequence[Mapping[int, Floats]]
) -> list[dict[ChannelWindow, Floats]]:
    of = []
    for block in blocks:
        views = found.means(block)
        widths = [found.widths(means, middle[view]) for view, means in enumerate(views)]
        of.append(
            [
                {days: moments(mean, width[days]) for days, mean in means.items()}
                for means, width in zip(views, widths, strict=True)
            ]
        )
    shrinkage = found.settings.correlation_shrinkage
    return [
        {
            (channel, days): matrix
            for days in found.settings.windows
            for channel, matrix in roots([views[view][days] for views in of], shrinkage).items()
        }
        for view in VIEWS
    ]


def _judged(
    block: Fitted,
    found: _Pass,
    middle: Sequence[Mapping[int, Floats]],
    root: Sequence[Mapping[ChannelWindow, Floats]],
) -> dict[ChannelWindow, Floats]:
    """(S, n) the gated statistics of each fold, whitened by the other."""
    settings, views, even = found.settings, found.means(block), found.even
    out: dict[ChannelWindow, Floats] = {}
    for view, other, rows in ((EVEN, ODD, even), (ODD, EVEN, ~even)):
        white = whitening(root[other], found.widths(views[other], middle[other]))
        for key, value in statistics(views[view], white).items():
            out.setdefault(key, np.zeros((len(even), value.shape[1]), np.float32))[rows] = value
    recent = recent_ratios(block.crossed.ratio, ratio_centre(block.alone), settings, per_day(settings))
    return gate(out, recent, settings.least_ratio)
