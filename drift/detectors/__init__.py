"""The calibrated detector: is a city's forecast worse than it normally is, for this hour and season?

A fixed threshold on accuracy pages on weather and sleeps through drift. Here each city is held against its
own normal error, over windows of days, with limits fitted on the reference to a stated number of false alarms
a city-year; and all cities together against their own common normal, over windows of hours.

How, for one slot, of hours before it only:

    features ─▶ standardise ─▶ window means − moving normal ─▶ statistics ─▶ gate ─▶ ÷ limits = score

A score of 1 is the limit: `firing` is on above it and off after a day well below. `fit` and `fit_fleet` learn
all that scoring needs; what they give is frozen. Shapes: H hours, S slots, N cities, K features. Everything
is pure: no clock, no files, and NaN means "no usable hour", of which nothing is concluded, for that city
alone.

Sources: to judge every possible onset at each slot, here a few window lengths, goes back to Page (1954), doi
10.1093/biomet/41.1-2.100; Lorden (1971), doi 10.1214/aoms/1177693055, says how fast anyone can be at a given
rate of false alarms. That the profile of an error tells more in a day than its mean does, and with it the
channels, gates and numbers, is from this project's own experiments.
"""

from __future__ import annotations

from drift.detectors.calibration import Calibration, calibrate
from drift.detectors.features import CHANNELS, FEATURES, Features
from drift.detectors.firing import firing, onsets
from drift.detectors.fit import fit
from drift.detectors.fleet import FleetLimits, FleetWatched, PoolSums, fit_fleet, fleet_score, fleet_scores
from drift.detectors.profile import Limits, Scores, score, slot_features
from drift.detectors.series import Hours, Series
from drift.detectors.settings import ByChannel, FleetSettings, Settings
from drift.detectors.slot import Watched, hours_needed, watch, watch_many

__all__ = [
    "CHANNELS",
    "FEATURES",
    "ByChannel",
    "Calibration",
    "Features",
    "FleetLimits",
    "FleetSettings",
    "FleetWatched",
    "Hours",
    "Limits",
    "PoolSums",
    "Scores",
    "Series",
    "Settings",
    "Watched",
    "calibrate",
    "firing",
    "fit",
    "fit_fleet",
    "fleet_score",
    "fleet_scores",
    "hours_needed",
    "onsets",
    "score",
    "slot_features",
    "watch",
    "watch_many",
]
