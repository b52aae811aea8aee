"""The numbers of the detector that a person may change, with their units.

The defaults were chosen on two years of real day-ahead forecasts. `budget` is the one to turn first: half as
many false alarms cost some days of delay.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ByChannel:
    """A number for each channel of a city's score.

    >>> ByChannel(2.0, 1.0, 1.0, 0.25, 0.5).total
    4.75
    """

    size: float
    bias: float
    profile: float
    timing: float
    stale: float

    def of(self, channel: str) -> float:
        """The number of the channel with that name."""
        return float(getattr(self, channel))

    @property
    def total(self) -> float:
        """The sum over the channels."""
        return self.size + self.bias + self.profile + self.timing + self.stale


@dataclass(frozen=True, slots=True)
class Settings:
    """Of a city's score. Ratios are multiples of what is normal for the city; a spread is a standard
    deviation.
    """

    budget: float = 0.5
    """False alarms a city-year."""
    windows: tuple[int, ...] = (2, 4, 7, 14)
    """Days over which features are averaged."""
    shares: ByChannel = ByChannel(size=2.0, bias=1.0, profile=1.0, timing=0.25, stale=0.5)
    """Of the budget; only their proportions count."""
    least_ratio: ByChannel = ByChannel(size=1.35, bias=1.35, profile=1.35, timing=1.1, stale=1.35)
    """The recent error must be at least so many times normal, or nothing is said."""
    ratio_days: int = 7
    """Days over which the recent error is taken, the worst left out."""
    ratio_cap: float = 2.5
    """So many times normal one day counts at most."""
    memory_days: float = 60.0
    """Of the moving normal of the features."""
    ratio_memory_days: float = 90.0
    """Of the moving normal of the error ratio."""
    normal_days: int = 76
    """Days before the window that the moving normals look back on, so that a slot needs no state."""
    clip: float = 5.0
    """Spreads, beyond which a feature grows logarithmically only."""
    season_share: float = 0.5
    """Of the fitted annual wave that is believed."""
    prior_windows: float = 60.0
    """Weight of all cities' spread of a window beside the city's own, in independent windows."""
    correlation_shrinkage: float = 0.1
    """Share of the identity in the correlation of a channel's features."""
    release: float = 0.7
    """Of the limit; a score that stays at or below it ends the alarm."""
    hold_hours: int = 24
    """How long it must stay there."""
    aim: float = 0.9
    """Of the budget that limits are fitted to: limits of the past are a little low for the future."""
    fit_step: int = 3
    """Hours between slots while fitting."""


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """Of the score of all cities together."""

    budget: float = 0.35
    """False fleet alarms a year."""
    windows: tuple[int, ...] = (12, 24, 48)
    """Hours over which the pooled error is averaged."""
    memory_days: float = 45.0
    """Of the moving normal."""
    normal_days: int = 76
    """Days before the window that it looks back on."""
    city_clip: float = 3.0
    """Spreads: how far one city can pull in one hour."""
    square_clip: float = 9.0
    """The same of a city's squared bias."""
    holiday_factor: float = 1.4
    """On the limit, on days around holidays and clock changes, when all cities are hard to forecast together.
    """
    warm_up_days: int = 30
    """First days of the reference that no limit is taken from."""
    clustering: float = 0.5
    """Share of the days above a high level that begin an episode."""
