"""What the detectors said of blocks of cities becomes a fleet's panels: cities, and all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from drift.calendar import wide_at
from drift.config import Config
from drift.detectors.features import CHANNELS
from drift.detectors.slot import FleetWatched, PoolSums, fleet_score
from drift.domain import Codes, Floats, Panel, Series, Undefined
from drift.watch import DAY_HOURS, BlockWatch, VersionWatch, Watch
from drift.watch_features import joined
from drift.watch_slow import Slow, SlowScores, slow_scores
from drift.windows import Windows

SCORES = {"drift_score": "score", "error_ratio": "error_ratio", "bias_ratio": "bias_ratio"}
"""What a calibrated city is measured by, and where it stands in `Watched`."""


def combine(blocks: Iterable[BlockWatch], windows: Windows, what: Watch, config: Config) -> tuple[Panel, ...]:
    """The detectors' panels: of each model version the cities' figures and channels, and the fleet's."""
    by_version: dict[str, list[VersionWatch]] = {}
    features = []
    for block in blocks:
        features += [] if block.features is None else [block.features]
        for part in block.versions:
            by_version.setdefault(part.model_version, []).append(part)
    seen = joined(features, what.features) if features else None
    panels: list[Panel] = []
    for version, parts in sorted(by_version.items()):
        panels += _panels(parts, _fleet(version, parts, windows, what, config))
        panels += slow_panels(version, [(part, part.slow) for part in parts], what)
        if seen is not None:
            panels += seen.panels(version, [city for part in parts for city in part.cities])
    return tuple(panels)


def slow_panels(
    version: str, parts: Sequence[tuple[VersionWatch, Slow | None]], what: Watch, slot: int = 0
) -> list[Panel]:
    """The scores of slow drift, where anything was fitted to it; `slot` is which of many."""
    fitted = what.slow.versions.get(version) if what.slow is not None else None
    if fitted is None or not any(slow is not None for _, slow in parts):
        return []
    found = slow_scores(fitted, [slow for _, slow in parts], [len(part.cities) for part, _ in parts])
    return slow_panel(version, [part for part, _ in parts], found, slot)


def slow_panel(version: str, parts: Sequence[VersionWatch], found: SlowScores, slot: int) -> list[Panel]:
    """The panel of one slot: the cities, and all of them together."""
    cities: list[str | None] = [city for part in parts for city in part.cities]
    usable = np.concatenate([part.usable for part in parts])
    value = np.append(found.city[slot], found.fleet[slot])[:, None, None]
    reason = np.full(len(value), Undefined.SHORT_REFERENCE, np.uint8)
    series = [Series(version, city) for city in (*cities, None)]
    return [_panel(series, (None,), ("slow_score",), value, reason, np.append(usable, usable.sum()), 1)]


def panels_of(part: VersionWatch, fleet: FleetWatched | None) -> list[Panel]:
    """The panels of a model version whose cities are one block."""
    return _panels([part], fleet)


def _panels(parts: Sequence[VersionWatch], fleet: FleetWatched | None) -> list[Panel]:
    version = parts[0].model_version
    return _of_cities(version, parts) + ([] if fleet is None else _of_fleet(version, parts, fleet))


def _of_cities(version: str, parts: Sequence[VersionWatch]) -> list[Panel]:
    """What is said of each city: figures, and the score of each channel."""
    series = [Series(version, city) for part in parts for city in part.cities]
    scores = np.full((len(series), len(SCORES)), np.nan)
    channels = np.full((len(series), len(CHANNELS)), np.nan)
    reason = np.repeat([np.uint8(part.reason) for part in parts], [len(part.cities) for part in parts])
    start = 0
    for part in parts:
        if part.watched is not None:
            own = start + part.scored
            scores[own] = np.stack([getattr(part.watched, field) for field in SCORES.values()], axis=1)
            channels[own] = np.stack([part.watched.by_channel[name] for name in CHANNELS], axis=1)
            reason[own] = Undefined.LOW_COVERAGE
        start += len(part.cities)
    faulty = np.concatenate([part.fault_hours for part in parts])
    usable = np.concatenate([part.usable for part in parts])
    figures = np.column_stack([scores, faulty])
    panels = [
        _panel(series, (None,), (*SCORES, "fault_hours"), figures[:, None, :], reason, usable, 1),
        _panel(series, tuple(CHANNELS), ("channel_score",), channels[:, :, None], reason, usable, 1),
    ]
    held = [part.intervals for part in parts if part.intervals is not None]
    if held:
        value = np.concatenate([each.value for each in held])[:, None, None]
        why = np.concatenate([each.reason for each in held])
        panels.append(_panel(series, (None,), ("interval_score",), value, why, usable, 1))
    return panels


def _fleet(
    version: str, parts: Sequence[VersionWatch], windows: Windows, what: Watch, config: Config
) -> FleetWatched | None:
    pools = [
        part.watched.pool for part in parts if part.watched is not None and part.watched.pool is not None
    ]
    if not pools or what.calibration is None:
        return None
    sums = PoolSums.join(pools)
    limits = what.calibration.fleet_limits(version, sums.cities)
    if limits is None:
        return None
    cities = [part.cities[row] for part in parts for row in part.scored]
    (wide,) = wide_at([windows.current.end], cities, config)
    return fleet_score(limits, sums, bool(wide))


def _of_fleet(version: str, parts: Sequence[VersionWatch], fleet: FleetWatched) -> list[Panel]:
    series = [Series(version)]
    reason = np.array([Undefined.LOW_COVERAGE], np.uint8)
    figures = np.array([[[fleet.score, fleet.error_ratio]]])
    channels = np.array([[[score] for score in fleet.by_channel.values()]])
    usable = np.array([sum(int(part.usable.sum()) for part in parts)])
    cities = sum(len(part.cities) for part in parts)
    return [
        _panel(series, (None,), ("drift_score", "error_ratio"), figures, reason, usable, cities),
        _panel(series, tuple(fleet.by_channel), ("channel_score",), channels, reason, usable, cities),
    ]


def _panel(
    series: Sequence[Series],
    columns: tuple[str | None, ...],
    names: tuple[str, ...],
    value: Floats,
    reason: Codes,
    usable: NDArray[np.int64],
    cities: int,
) -> Panel:
    """A panel; what has no value has its series' reason. Coverage is of the last 24 hours."""
    n = np.repeat(usable[:, None], len(columns), axis=1)
    return Panel(
        kind="detector",
        series=tuple(series),
        columns=columns,
        names=names,
        value=value,
        reason=np.where(np.isfinite(value), np.uint8(0), reason[:, None, None]),
        n=n,
        coverage=np.minimum(n / (DAY_HOURS * cities), 1.0),
    )
