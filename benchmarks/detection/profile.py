"""drift's own detector under the benchmark: zones judged with limits that other zones set.

Why: a limit that is fitted on the zones it is judged on flatters itself. How: a zone's expected errors,
centres and spreads are its own, fitted on its own reference; the limits come from the other half.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.detection.data import STEP, Array, Split, Whole, Zones
from benchmarks.detection.injections import LEAD, LENGTH, Drifts
from benchmarks.detection.judging import LEAD_SLOTS, SLOTS_A_DAY
from drift.detectors import (
    Features,
    Hours,
    Limits,
    Series,
    Settings,
    fit,
    score,
    slot_features,
)
from drift.detectors.error_model import Expectation
from drift.detectors.features import features

PAST = 90 * SLOTS_A_DAY  # slots that a score looks back on


@dataclass(frozen=True)
class Profile:
    """The fitted detector; `parts` are its limits and the cities that they are for."""

    zones: Zones
    parts: list[tuple[Limits, Whole]]
    whole: Limits
    normally: Expectation
    slots: Features
    scores: Array  # (S, N) of the series as they are
    release: float

    def injected(self, drifts: Drifts, error: Array) -> Array:
        """(S, M) scores from a day before the onset to 28 days after it."""
        first, city = drifts.onset // STEP, drifts.city
        past = first[None, :] + np.arange(-PAST, 0)[:, None]
        limits, since = self.whole.cities(city), self._features(drifts, error)
        slots = Features(
            np.concatenate([self.slots.values[past, city], since.values]),
            np.concatenate([self.slots.ratio[past, city], since.ratio]),
        )
        out = np.zeros(slots.ratio.shape)
        for part, cities in self.parts:
            mine = np.flatnonzero(np.isin(city, cities))
            if len(mine):
                judge = replace(limits.cities(mine), limit=part.limit)
                out[:, mine] = totals(judge, slots, mine)
        quiet = self.scores[first[None, :] + np.arange(-LEAD_SLOTS, 0)[:, None], city]
        return np.concatenate([quiet, out[PAST:]])

    def _features(self, drifts: Drifts, error: Array) -> Features:
        """Those of the slots after the onset, of the error with the drift in it."""
        zones, rows, city, normally = self.zones, drifts.rows, drifts.city, self.normally
        load = zones.load[rows, city]
        forecast = np.where(np.isfinite(error), load * (1 + error), zones.forecast[rows, city])
        own = zones.hours
        # Segments lie at different times of the year; features ask only for what is local to a column.
        hours = Hours(
            own.hour[rows, city],
            own.weekend[rows, city],
            own.holiday[rows, city],
            own.day_of_year[: len(rows)],
            own.month[: len(rows)],
        )
        normal = Expectation(
            normally.error[rows, city],
            normally.innovation[rows, city],
            normally.persistence[city],
            normally.level[city],
        )
        found = features(Series(load, forecast, hours), normal)
        return found.rows(np.arange(LEAD + STEP - 1, LEAD + LENGTH, STEP))


def totals(limits: Limits, slots: Features, cities: Whole) -> Array:
    """(S, n) scores of some columns, by limits that are of them."""
    part = Features(slots.values[:, cities], slots.ratio[:, cities])
    return np.nan_to_num(score(limits, part, SLOTS_A_DAY).total)


def fit_profile(
    zones: Zones, split: Split, judged: Whole, settings: Settings | None = None, halves: bool = True
) -> Profile:
    """Fit on the split's reference. With `halves`, every zone is judged by the other half's limits."""
    settings = settings or Settings()
    series = Series(zones.load, zones.forecast, zones.hours)
    reference = series.rows(split.reference)
    whole = fit(reference, settings)
    slots = slot_features(whole, series).rows(slice(STEP - 1, None, STEP))
    everyone = np.arange(len(zones.names))
    pairs = [(judged[::2], judged[1::2]), (judged[1::2], judged[::2])] if halves else [(judged, everyone)]
    parts, scores = [], np.zeros(slots.ratio.shape)
    for fitted, cities in pairs:
        limits = replace(whole, limit=fit(reference.cities(fitted), settings).limit).cities(cities)
        parts.append((limits, cities))
        scores[:, cities] = totals(limits, slots, cities)
    normally = whole.model.expect(zones.hours)
    return Profile(zones, parts, whole, normally, slots, scores, settings.release)
