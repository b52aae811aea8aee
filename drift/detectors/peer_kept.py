"""What feature drift was fitted to, for every feature, and how it is kept: a row of the state database.

A feature that cannot be fitted at all is kept with the reason, so that a slot can say it, and so that nobody
tries again every week.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.detectors.climatology import Times
from drift.detectors.peer_fit import fit_features
from drift.detectors.peer_model import PeerSettings
from drift.detectors.peers import FeatureLimits
from drift.detectors.stored import pack, unpack
from drift.detectors.trailing import Integers
from drift.domain import Codes, Floats, Window
from drift.errors import UndefinedError
from drift.reasons import Undefined


@dataclass(frozen=True, slots=True, eq=False)
class FeatureCalibration:
    """Limits by feature, all of the same cities in the same order, and the hours that they were fitted on."""

    span: Window
    cities: tuple[str, ...]
    features: Mapping[str, FeatureLimits]
    unfit: Mapping[str, Undefined] = field(default_factory=dict)
    """The features that could not be fitted in any city, and why."""

    @property
    def names(self) -> frozenset[str]:
        """The features that were there to be fitted."""
        return frozenset(self.features) | frozenset(self.unfit)

    def rows(self, cities: Sequence[str]) -> Integers:
        """(n,) positions of the cities among those that were there to be fitted; −1: it was not."""
        row = {city: at for at, city in enumerate(self.cities)}
        return np.array([row.get(city, -1) for city in cities], dtype=np.intp)

    def reasons(self, name: str, rows: Integers) -> Codes:
        """(n,) why nothing was fitted for a feature of the cities in those rows; 0: it was."""
        limits = self.features.get(name)
        if limits is None:
            return np.full(len(rows), self.unfit.get(name, Undefined.NOT_CALIBRATED), np.uint8)
        return np.where(rows < 0, np.uint8(Undefined.NOT_CALIBRATED), limits.reason[rows])

    def to_bytes(self) -> bytes:
        """The calibration as bytes; `from_bytes` gives it back exactly."""
        header: dict[str, object] = {
            "kind": "features",
            "span": [self.span.start.isoformat(), self.span.end.isoformat()],
            "cities": list(self.cities),
            "features": list(self.features),
            "settings": [asdict(limits.settings) for limits in self.features.values()],
            "unfit": {name: int(reason) for name, reason in self.unfit.items()},
        }
        arrays = {
            f"{k}.{name}": array
            for k, limits in enumerate(self.features.values())
            for name, array in limits.arrays().items()
        }
        return pack(header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> FeatureCalibration:
        """The calibration of those bytes.

        Raises:
            ValueError: they are something else, or damaged.
        """
        header, arrays = unpack(data)
        if header.get("kind") != "features":
            raise ValueError("these bytes are a calibration of something else than features: fit anew")
        start, end = (datetime.fromisoformat(moment) for moment in header["span"])
        features = {
            name: FeatureLimits.from_arrays(_settings(header["settings"][k]), _own(arrays, f"{k}."))
            for k, name in enumerate(header["features"])
        }
        unfit = {name: Undefined(reason) for name, reason in header["unfit"].items()}
        return cls(Window(start, end), tuple(header["cities"]), features, unfit)


def calibrate_features(
    features: Iterable[tuple[str, Floats]],
    cities: Sequence[str],
    times: Times,
    span: Window,
    settings: PeerSettings,
) -> FeatureCalibration:
    """Fit each feature: its name, and its hourly values (H, N) at `times` (H,), NaN where one is missing.

    They are taken one after the other, so that no more than one need be in memory with what fitting takes.
    """
    found: dict[str, FeatureLimits] = {}
    unfit: dict[str, Undefined] = {}
    for name, values in features:
        try:
            found[name] = fit_features(values, times, settings)
        except UndefinedError as error:
            unfit[name] = error.reason
    return FeatureCalibration(span, tuple(cities), found, unfit)


def _settings(stored: Mapping[str, Any]) -> PeerSettings:
    lists = {name: tuple(value) for name, value in stored.items() if isinstance(value, list)}
    return PeerSettings(**{**stored, **lists})


def _own(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): each for name, each in arrays.items() if name.startswith(prefix)}
