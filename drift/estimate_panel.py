"""PURE. The estimates of a slot as a panel of their own kind, with bounds and their measured calibration.

The kind `estimate` keeps them apart: they stand in a run beside its measurements, never among them, and no
rule looks at one that does not name it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

import numpy as np

from drift.domain import Floats, Measurement, Panel, Series, Undefined, Window
from drift.estimate import NAMES, Estimate
from drift.estimate_fit import Held, VersionFit

FIGURE = {"estimated_wape": 0, "estimated_mape": 1, "estimated_accuracy": 0}
"""By which of `FIGURES` the calibration of each was measured."""


class Said(NamedTuple):
    """One estimate with its bounds, which are to hold `level` of what comes, and held `within` of so many
    past `windows`; None where there is no estimate, or no fit.
    """

    what: Measurement
    low: float | None
    high: float | None
    level: float
    within: float | None
    windows: int


@dataclass(frozen=True, slots=True)
class EstimatePanel(Panel):
    """Estimates of a model version's cities. `low` and `high` have the shape of `value`; they are to hold
    `level` of what comes, and `held` says what they held, a city; None where nothing was fitted. `hours` are
    the target times around those that were estimated, `expected` (n, W) the error to expect in each and
    `predicted` (n, W) what is forecast for it, in the load's unit.
    """

    low: Floats
    high: Floats
    level: float
    held: tuple[Held | None, ...]
    hours: Window
    step: timedelta
    expected: Floats
    predicted: Floats

    def only(self, names: Collection[str]) -> EstimatePanel | None:
        """The estimates of these names; None where it has none of them."""
        found = [k for k, name in enumerate(self.names) if name in names]
        if not found:
            return None
        return replace(
            self,
            names=tuple(self.names[k] for k in found),
            value=self.value[..., found],
            reason=self.reason[..., found],
            low=self.low[..., found],
            high=self.high[..., found],
        )

    def said(self) -> Iterator[Said]:
        """Each estimate, one by one."""
        for s, series in enumerate(self.series):
            held = self.held[s]
            for k, name in enumerate(self.names):
                measurement = self.at(s, 0, k, series, None)
                known, figure = measurement.undefined is None, FIGURE[name]
                yield Said(
                    measurement,
                    low=float(self.low[s, 0, k]) if known else None,
                    high=float(self.high[s, 0, k]) if known else None,
                    level=self.level,
                    within=None if held is None else float(held.within[figure]),
                    windows=0 if held is None else held.windows,
                )

    @staticmethod
    def join(panels: Sequence[EstimatePanel]) -> tuple[EstimatePanel, ...]:
        """One a model version, of all blocks of cities."""
        versions = sorted({panel.series[0].model_version for panel in panels})
        return tuple(
            _joined([panel for panel in panels if panel.series[0].model_version == version])
            for version in versions
        )


def _joined(parts: Sequence[EstimatePanel]) -> EstimatePanel:
    return replace(
        parts[0],
        series=tuple(each for part in parts for each in part.series),
        value=np.concatenate([part.value for part in parts]),
        reason=np.concatenate([part.reason for part in parts]),
        n=np.concatenate([part.n for part in parts]),
        coverage=np.concatenate([part.coverage for part in parts]),
        low=np.concatenate([part.low for part in parts]),
        high=np.concatenate([part.high for part in parts]),
        held=tuple(held for part in parts for held in part.held),
        expected=np.concatenate([part.expected for part in parts]),
        predicted=np.concatenate([part.predicted for part in parts]),
    )


def said_of(panels: Iterable[Panel]) -> Iterator[Said]:
    """Each estimate of a run's (`Run.estimates`)."""
    for panel in panels:
        if isinstance(panel, EstimatePanel):
            yield from panel.said()


def panel_of(
    version: str, cities: Sequence[str], hours: Window, step: timedelta, said: Estimate, fit: VersionFit
) -> EstimatePanel:
    """The estimates of a model version in some cities."""
    return _panel(version, cities, hours, step, said, fit.level, [fit.held_by(city) for city in cities])


def unfitted(
    version: str, cities: Sequence[str], hours: Window, step: timedelta, reason: Undefined
) -> EstimatePanel:
    """Cities of a model version that nothing can be said of, and why."""
    many = len(cities)
    nothing, none = np.full((many, 2), np.nan), np.zeros(many, np.int64)
    expected = np.full((many, hours.length // step), np.nan)
    reasons = np.full(many, reason, np.uint8)
    said = Estimate(nothing, nothing, nothing, reasons, none, np.zeros(many), expected, expected)
    return _panel(version, cities, hours, step, said, float("nan"), [None] * many)


def _panel(
    version: str,
    cities: Sequence[str],
    hours: Window,
    step: timedelta,
    said: Estimate,
    level: float,
    held: Sequence[Held | None],
) -> EstimatePanel:
    low, value, high = (_three(each) for each in (said.low, said.value, said.high))
    low[:, 0, 2], high[:, 0, 2] = high[:, 0, 2].copy(), low[:, 0, 2].copy()  # less error is more accuracy
    return EstimatePanel(
        kind="estimate",
        series=tuple(Series(version, city) for city in cities),
        columns=(None,),
        names=NAMES,
        value=value,
        reason=np.repeat(said.reason[:, None, None], len(NAMES), axis=2),
        n=said.hours[:, None],
        coverage=said.coverage[:, None],
        low=low,
        high=high,
        level=level,
        held=tuple(held),
        hours=hours,
        step=step,
        expected=said.expected,
        predicted=said.predicted,
    )


def _three(figures: Floats) -> Floats:
    """(n, 1, 3) WAPE, MAPE and accuracy, of (n, 2)."""
    return np.concatenate([figures, 1 - figures[:, :1]], axis=1)[:, None, :]
