"""What slow drift was fitted to, for every model version, and how it is kept: a row of the state database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift.detectors.expected import ExpectedSize
from drift.detectors.series import Series
from drift.detectors.slow import SlowLimits, SlowSettings, fit_slow, slow_reference
from drift.detectors.slow_fleet import SlowFleet, fit_slow_fleet
from drift.detectors.stored import pack, unpack
from drift.detectors.trailing import Integers
from drift.domain import Window
from drift.errors import UndefinedError

LEAST_DAYS = 180  # usable, of a city: a wave of the year cannot be told from drift with less


@dataclass(frozen=True, slots=True, eq=False)
class SlowVersion:
    """One model version: its cities, their limits, and the fleet's where there are enough of them."""

    cities: tuple[str, ...]
    limits: SlowLimits
    fleet: SlowFleet | None

    def of(self, cities: Sequence[str]) -> tuple[SlowLimits, Integers]:
        """Limits of those of the cities that are fitted, and where they stand among `cities`."""
        row = {city: at for at, city in enumerate(self.cities) if self.limits.days[at] >= LEAST_DAYS}
        found = np.array([k for k, city in enumerate(cities) if city in row], dtype=np.intp)
        return self.limits.cities(np.array([row[cities[k]] for k in found], dtype=np.intp)), found


@dataclass(frozen=True, slots=True, eq=False)
class SlowCalibration:
    """Limits of slow drift by model version, and the hours that they were fitted on."""

    span: Window
    versions: Mapping[str, SlowVersion]

    def to_bytes(self) -> bytes:
        """The calibration as bytes; `from_bytes` gives it back exactly."""
        header: dict[str, object] = {
            "kind": "slow",
            "span": [self.span.start.isoformat(), self.span.end.isoformat()],
            "versions": [[name, list(each.cities)] for name, each in self.versions.items()],
            "settings": [asdict(each.limits.settings) for each in self.versions.values()],
            "numbers": [[each.limits.limit, each.limits.tail] for each in self.versions.values()],
            "fleets": [each.fleet and each.fleet.limit for each in self.versions.values()],
        }
        arrays = {
            f"{k}_{name}": array
            for k, each in enumerate(self.versions.values())
            for name, array in _arrays(each).items()
        }
        return pack(header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> SlowCalibration:
        """The calibration of those bytes.

        Raises:
            ValueError: they are something else, or damaged.
        """
        header, arrays = unpack(data)
        if header.get("kind") != "slow":
            raise ValueError("these bytes are a calibration of something else than slow drift: fit anew")
        start, end = (datetime.fromisoformat(moment) for moment in header["span"])
        return cls(
            Window(start, end),
            {
                name: _version(header, k, cities, arrays)
                for k, (name, cities) in enumerate(header["versions"])
            },
        )


def calibrate_slow(
    series: Mapping[str, Series], names: Mapping[str, Sequence[str]], span: Window, settings: SlowSettings
) -> SlowCalibration | None:
    """Fit each model version whose cities have half a year of usable days; None where none has."""
    found = {}
    for version, own in series.items():
        try:
            reference = slow_reference(own, settings)
        except UndefinedError:
            continue
        limits = fit_slow(reference)
        try:
            fleet = fit_slow_fleet(limits, reference)
        except UndefinedError:
            fleet = None
        found[version] = SlowVersion(tuple(names[version]), limits, fleet)
    return SlowCalibration(span, found) if found else None


_EXPECTED = tuple(field.name for field in fields(ExpectedSize))
_LIMITS = ("centre", "spread", "days", "levels")


def _arrays(version: SlowVersion) -> dict[str, NDArray[Any]]:
    limits = version.limits
    found = {name: getattr(limits.expected, name) for name in _EXPECTED}
    found |= {f"limits_{name}": getattr(limits, name) for name in _LIMITS}
    return found if version.fleet is None else {**found, "fleet_spread": version.fleet.spread}


def _version(
    header: Mapping[str, Any], k: int, cities: Sequence[str], arrays: Mapping[str, NDArray[Any]]
) -> SlowVersion:
    settings = dict(header["settings"][k])
    settings["windows"] = tuple(settings["windows"])
    limit, tail = header["numbers"][k]
    fleet = header["fleets"][k]
    return SlowVersion(
        tuple(cities),
        SlowLimits(
            settings=SlowSettings(**settings),
            expected=ExpectedSize(**{name: arrays[f"{k}_{name}"] for name in _EXPECTED}),
            limit=limit,
            tail=tail,
            **{name: arrays[f"{k}_limits_{name}"] for name in _LIMITS},
        ),
        None if fleet is None else SlowFleet(arrays[f"{k}_fleet_spread"], fleet),
    )
