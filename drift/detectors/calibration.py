"""All that was fitted at one time, for every series, and how it is kept: one row of the state database.

As bytes it is arrays and a header (`stored`). Names of cities and model versions are text from data: they
stand in the header as JSON, never in an array's name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.detectors.error_model import ErrorModel
from drift.detectors.expected import ExpectedSize
from drift.detectors.features import ChannelWindow
from drift.detectors.fit import settle
from drift.detectors.fleet import FleetLimits, FleetScale, fit_fleet
from drift.detectors.learn import MOST, Pooled, learn
from drift.detectors.profile import Limits
from drift.detectors.reference import BLOCK, parts_of
from drift.detectors.series import Series
from drift.detectors.settings import ByChannel, FleetSettings, Settings
from drift.detectors.standard import standard
from drift.detectors.stored import pack, unpack
from drift.detectors.trailing import DAY, Flags, Integers
from drift.domain import Floats, Window
from drift.errors import UndefinedError
from drift.reasons import Undefined

LEAST_DAYS = 21  # usable, or a series is fitted to nothing
LEAST_OWN_DAYS = 150  # usable, or a series sets no limits
LEAST_CITIES = 3  # or there is no fleet
LEAST_SHARE = 0.8  # of a fleet's cities, for another model version to be held against it
PRIOR_YEARS = 40.0  # city-years that the standard limits weigh beside one's own
LEAST_YEARS = 10.0  # city-years that tell how features spread and go together
OWN_SHARE = 0.9  # of the weight, for limits to be called one's own
Origin: TypeAlias = Literal["own", "blended", "standard"]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Limits of all series, with what they were fitted on.

    A city that is not fitted under a model version is held against its own under another, that with the most
    days: a new version should be no worse than the one before it.
    """

    span: Window
    series: tuple[tuple[str, str], ...]
    """(model version, city), the order of the limits' cities."""
    limits: Limits
    fleet: Mapping[str, FleetLimits]
    """By model version; absent where there are too few cities or hours."""
    origin: Origin
    """Where the limits come from."""

    @cached_property
    def _by_version(self) -> Mapping[str, Mapping[str, int]]:
        """The row of each city that is fitted, by model version."""
        found: dict[str, dict[str, int]] = {version: {} for version, _ in self.series}
        for row in np.flatnonzero(self.limits.days >= LEAST_DAYS).tolist():
            version, city = self.series[row]
            found[version][city] = row
        return found

    @cached_property
    def _longest(self) -> Mapping[str, int]:
        """The row of each city under the model version with the most days; of equals, the last."""
        found: dict[str, int] = {}
        for row in np.argsort(self.limits.days, kind="stable").tolist():
            if self.limits.days[row] >= LEAST_DAYS:
                found[self.series[row][1]] = row
        return found

    def cities_of(self, model_version: str) -> AbstractSet[str]:
        """Those that are fitted under the model version itself."""
        return self._by_version.get(model_version, {}).keys()

    def row_of(self, model_version: str, city: str) -> int | None:
        """Where the series stands that a city is held against; None: it is fitted under no model version."""
        own = self._by_version.get(model_version, {}).get(city)
        return self._longest.get(city) if own is None else own

    def held_against(self, model_version: str, city: str) -> str | None:
        """The model version whose normal error the city is held against; None where there is none."""
        row = self.row_of(model_version, city)
        return None if row is None else self.series[row][0]

    def of(self, model_version: str, cities: Sequence[str]) -> tuple[Limits, list[int]]:
        """Limits of the cities that are held against anything, and where those stand among `cities`."""
        rows = [self.row_of(model_version, city) for city in cities]
        keep = np.array([row for row in rows if row is not None], dtype=np.intp)
        return self.limits.cities(keep), [k for k, row in enumerate(rows) if row is not None]

    def fleet_version(self, model_version: str) -> str | None:
        """The model version whose fleet it is held against: its own, or the one with the most days."""
        if model_version in self.fleet or not self.fleet:
            return model_version if model_version in self.fleet else None
        days = {
            version: self.limits.days[list(self._by_version[version].values())].sum()
            for version in self.fleet
        }
        return max(days, key=lambda version: (days[version], version))

    def fleet_of(self, model_version: str, cities: Sequence[str]) -> FleetLimits | None:
        """The fleet's limits, to pool those of the cities that `of` gives, in their order; None without.

        A city that was no part of the fleet has no scale (NaN), and is left out of the pool.
        """
        version = self.fleet_version(model_version)
        if version is None:
            return None
        row = {city: at for at, city in enumerate(self._by_version[version])}
        held = [city for city in cities if self.row_of(model_version, city) is not None]
        at = np.array([row.get(city, -1) for city in held], dtype=np.intp)
        return self.fleet[version].cities(at).without(at < 0)

    def fleet_limits(self, model_version: str, pooled: int) -> FleetLimits | None:
        """What so many pooled cities are held against. None for a model version without a fleet of its own
        in much fewer cities than the one before: the mean of a few swings more than that of many.
        """
        version = self.fleet_version(model_version)
        if version is None:
            return None
        enough = version == model_version or pooled >= LEAST_SHARE * len(self._by_version[version])
        return self.fleet[version] if enough else None

    def to_bytes(self) -> bytes:
        """The calibration as bytes, a few hundred numbers a city; `from_bytes` gives it back exactly."""
        limits, arrays = self.limits, _arrays_of(self.limits)
        for number, fleet in enumerate(self.fleet.values()):
            arrays |= {f"fleet {number} {name}": value for name, value in _fields(fleet.scale).items()}
        header = {
            "span": [self.span.start.isoformat(), self.span.end.isoformat()],
            "series": self.series,
            "origin": self.origin,
            "settings": asdict(limits.settings),
            "city_years": limits.city_years,
            "limit": _listed(limits.limit),
            "fleet": [
                {
                    "model_version": version,
                    "settings": asdict(fleet.settings),
                    "excess": _listed(fleet.excess),
                    "limit": fleet.limit,
                }
                for version, fleet in self.fleet.items()
            ],
        }
        return pack(header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Calibration:
        """The calibration of bytes that `to_bytes` gave.

        Raises:
            ValueError: they are of another format, or damaged; a fit makes them anew.
        """
        header, arrays = unpack(data)
        try:
            return cls(
                Window(*(datetime.fromisoformat(end) for end in header["span"])),
                tuple((version, city) for version, city in header["series"]),
                _limits_of(header, arrays),
                {
                    each["model_version"]: _fleet_of(each, arrays, f"fleet {number} ")
                    for number, each in enumerate(header["fleet"])
                },
                header["origin"],
            )
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(
                f"a stored calibration lacks what this drift needs ({error!r}): fit anew"
            ) from error


SIZES = ("error", "innovation")


def _fields(value: ExpectedSize | FleetScale) -> dict[str, NDArray[Any]]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _arrays_of(limits: Limits) -> dict[str, NDArray[Any]]:
    arrays = {name: getattr(limits, name) for name in ("centre", "spread", "ratio_centre", "days")}
    arrays["persistence"] = limits.model.persistence
    for size in SIZES:
        arrays |= {f"{size} {name}": value for name, value in _fields(getattr(limits.model, size)).items()}
    arrays |= {f"whitening {channel} {window}": m for (channel, window), m in limits.whitening.items()}
    return arrays


def _limits_of(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Limits:
    settings = dict(header["settings"])
    for name in ("shares", "least_ratio"):
        settings[name] = ByChannel(**settings[name])
    settings["windows"] = tuple(settings["windows"])
    error, innovation = (
        ExpectedSize(*(arrays[f"{size} {name}"] for name in ("level", "shape", "season"))) for size in SIZES
    )
    limit = _mapped(header["limit"])
    return Limits(
        Settings(**settings),
        ErrorModel(error, innovation, arrays["persistence"]),
        arrays["centre"],
        arrays["spread"],
        arrays["ratio_centre"],
        {(channel, window): arrays[f"whitening {channel} {window}"] for channel, window in limit},
        limit,
        arrays["days"],
        header["city_years"],
    )


def _fleet_of(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], prefix: str) -> FleetLimits:
    settings = dict(header["settings"])
    settings["windows"] = tuple(settings["windows"])
    scale = FleetScale(*(arrays[prefix + name] for name in ("centre", "spread", "bias")))
    return FleetLimits(FleetSettings(**settings), scale, _mapped(header["excess"]), header["limit"])


def _listed(limits: Mapping[ChannelWindow, float]) -> list[tuple[str, int, float]]:
    return [(channel, window, value) for (channel, window), value in limits.items()]


def _mapped(listed: Sequence[tuple[str, int, float]]) -> dict[ChannelWindow, float]:
    return {(channel, window): value for channel, window, value in listed}


def calibrate(
    series: Mapping[str, Series],
    names: Mapping[str, Sequence[str]],
    wide: Mapping[str, Flags],
    span: Window,
    settings: Settings,
    fleet_settings: FleetSettings,
) -> Calibration:
    """Fit all series, (H, n) by model version with their cities' names, over one span of hours.

    Limits are pooled over the series of all model versions that have 150 usable days, and steadied by the
    standard ones; without any such series they are the standard ones. The normal error is each series' own,
    and a fleet's limits each model version's. `wide` (H,) by model version marks the hours around holidays
    and clock changes.

    Raises:
        UndefinedError: no series has 21 usable days.
    """
    days = {version: usable_days(own) for version, own in series.items()}
    if not any((own >= LEAST_DAYS).any() for own in days.values()):
        raise UndefinedError("the calibrated detector", Undefined.SHORT_REFERENCE)
    pooled, limit, origin = _shared(series, days, settings)
    limits = {version: _settled(own, days[version], pooled, settings) for version, own in series.items()}
    fleet = {
        version: fit_fleet(own.cities(keep), series[version].cities(keep), wide[version], fleet_settings)
        for version, own in limits.items()
        if (keep := _fleet_cities(days[version])) is not None
    }
    labels = tuple((version, city) for version in series for city in names[version])
    joined = replace(Limits.join(list(limits.values())), limit=limit)
    return Calibration(span, labels, joined, fleet, origin)


def usable_days(series: Series) -> Floats:
    """(N,) how many days' worth of hours have an error."""
    cities = np.arange(series.actual.shape[1])
    parts = [series.cities(part) for part in parts_of(cities, BLOCK)]
    return np.concatenate([np.isfinite(part.error()).sum(axis=0) / DAY for part in parts])


def _shared(
    series: Mapping[str, Series], days: Mapping[str, Floats], settings: Settings
) -> tuple[Pooled, Mapping[ChannelWindow, float], Origin]:
    """What all series share, their limits, and where these are from."""
    theirs = standard().tails.limits(settings)
    try:
        own = learn(_long(series, days), settings)
    except UndefinedError:
        return standard(), theirs, "standard"
    share = own.city_years / (own.city_years + PRIOR_YEARS)
    limits = {
        key: math.exp(share * math.log(limit) + (1 - share) * math.log(theirs.get(key, limit)))
        for key, limit in own.tails.limits(settings).items()
    }
    pooled = own if own.city_years >= LEAST_YEARS else standard()
    return pooled, limits, "own" if share >= OWN_SHARE else "blended"


def _long(series: Mapping[str, Series], days: Mapping[str, Floats]) -> Series:
    """At most a thousand of the series that are long enough, chosen evenly.

    Raises:
        UndefinedError: none is.
    """
    found = [(v, int(n)) for v, own in days.items() for n in np.flatnonzero(own >= LEAST_OWN_DAYS)]
    if not found:
        raise UndefinedError("the calibrated detector", Undefined.SHORT_REFERENCE)
    chosen = [
        found[at] for at in np.unique(np.linspace(0, len(found) - 1, min(len(found), MOST)).astype(int))
    ]
    parts = {version: np.array([n for v, n in chosen if v == version], np.intp) for version in series}
    return Series.join([series[version].cities(keep) for version, keep in parts.items() if len(keep)])


def _settled(series: Series, days: Floats, pooled: Pooled, settings: Settings) -> Limits:
    """Of one model version; a series with too few days is fitted to nothing."""
    limits = settle(series, pooled, settings)
    size = limits.model.error
    level = np.where(days >= LEAST_DAYS, size.level, np.nan)
    return replace(limits, model=replace(limits.model, error=size.with_level(level)))


def _fleet_cities(days: Floats) -> Integers | None:
    """Those that the fleet is fitted on; None where they are too few, or too short."""
    keep = np.flatnonzero(days >= LEAST_DAYS)
    enough = len(keep) >= LEAST_CITIES and float(np.median(days[keep])) >= LEAST_OWN_DAYS
    return keep if enough else None
