"""drift's profile as a service fits it: all zones at once, limits steadied by those that come with drift.

Why beside the other: limits of other zones are the fair ones where there are zones enough, but nobody fits
so. The limits that come with drift were learnt on EIA zones; there, they have seen the years that are judged.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.detection.data import EPOCH, STEP, Split, Zones
from benchmarks.detection.fleet import wide
from benchmarks.detection.profile import Profile, totals
from drift.detectors import FleetSettings, Series, Settings, calibrate, slot_features
from drift.domain import Window

VERSION = "all"


def fit_service(zones: Zones, split: Split) -> Profile:
    """Fit on the split's reference, by `calibrate`."""
    series, everyone = Series(zones.load, zones.forecast, zones.hours), np.arange(len(zones.names))
    rows = split.reference
    fitted = calibrate(
        {VERSION: series.rows(rows)},
        {VERSION: list(zones.names)},
        {VERSION: wide(zones)[rows]},
        Window(moment(zones, rows.start), moment(zones, rows.stop)),
        Settings(),
        FleetSettings(),
    )
    limits = fitted.limits
    slots = slot_features(limits, series).rows(slice(STEP - 1, None, STEP))
    scores = totals(limits, slots, everyone)
    normally = limits.model.expect(zones.hours)
    return Profile(zones, [(limits, everyone)], limits, normally, slots, scores, limits.settings.release)


def moment(zones: Zones, row: int) -> datetime:
    """When the hour of a row begins."""
    hours = int((zones.first - EPOCH).astype("timedelta64[h]").astype(int)) + row
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
