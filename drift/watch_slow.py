"""Slow drift in a slot: what 14 to 28 days say of each city and of all cities of a model version together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift.detectors.series import Series
from drift.detectors.slow import SlowWatched, hours_needed, shared, watch_slow_many
from drift.detectors.slow_fit import SlowCalibration, SlowVersion
from drift.detectors.slow_fleet import watch_slow_fleet
from drift.domain import Floats


class Slow(NamedTuple):
    """What is said of the cities of a block: `scored` are their positions, `watched` is (slots, scored)."""

    scored: NDArray[np.intp]
    watched: SlowWatched


class SlowScores(NamedTuple):
    """(slots, cities) scores in units of the limit, and (slots,) that of all cities; NaN: not known."""

    city: Floats
    fleet: Floats


def slow_at(
    calibration: SlowCalibration | None,
    version: str,
    cities: Sequence[str],
    series: Series,
    rows: NDArray[np.int64],
) -> Slow | None:
    """What the hours up to each of the rows say of the cities that are fitted; None where none is."""
    fitted = calibration.versions.get(version) if calibration is not None else None
    if fitted is None:
        return None
    limits, scored = fitted.of(cities)
    if not len(scored):
        return None
    first = max(int(rows.min()) + 1 - hours_needed(limits.settings), 0)
    own = series.rows(slice(first, None))
    own = own if len(scored) == len(cities) else own.cities(scored)
    return Slow(np.asarray(scored, np.intp), watch_slow_many(limits, own, rows - first))


def slow_scores(fitted: SlowVersion, parts: Sequence[Slow | None], cities: Sequence[int]) -> SlowScores:
    """The scores of blocks of so many cities. While all of them together are beyond their limit, a city is
    named at a lower one: it is not alone.
    """
    known = [part for part in parts if part is not None]
    pull = np.concatenate([part.watched.pull for part in known], axis=-1)
    slots = pull.shape[2]
    own = fitted.fleet
    fleet = np.full(slots, np.nan) if own is None else watch_slow_fleet(own, pull)[0]
    found = []
    for part, many in zip(parts, cities, strict=True):
        score = np.full((slots, many), np.nan)
        if part is not None:
            score[:, part.scored] = shared(fitted.limits, part.watched.score, fleet)
        found.append(score)
    return SlowScores(np.concatenate(found, axis=1), fleet)
