"""A verdict on data: what is wrong with actuals or predictions of a city, since when, and in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from math import isclose, log10
from typing import Literal, TypeAlias

FaultKind: TypeAlias = Literal[
    "silent",
    "missing",
    "duplicate",
    "conflicting",
    "not_finite",
    "not_positive",
    "stuck",
    "spike",
    "scale",
    "shift",
]

_UNITS = {"kW": 1, "MW": 2, "GW": 3}
_NEAR = 0.15
"""Of the logarithm to base 10, within which a factor is that of a unit."""


@dataclass(frozen=True, slots=True)
class DataFault:
    """One kind of fault in one city's latest data; `model_version` is None for actuals.

    `since` is the start of its first hour and `until` the end of its newest; `lasts`: that is the newest of
    all. `value` is the newest such value and `usual` the median of the same time of day before it, None where
    there is none; `late` is by how many hours a clock is wrong, positive where values come too late.
    """

    city: str
    model_version: str | None
    kind: FaultKind
    since: datetime
    until: datetime
    lasts: bool
    hours: float
    value: float | None = None
    usual: float | None = None
    late: float | None = None

    @property
    def of(self) -> Literal["actuals", "predictions"]:
        """Whose values they are."""
        return "actuals" if self.model_version is None else "predictions"

    @property
    def left_out(self) -> bool:
        """Whether its hours are no measure of a forecast: a model's own fault is judged."""
        return self.model_version is None and self.kind in _LEFT_OUT

    def sentence(self, unit: str, zone: tzinfo = UTC) -> str:
        """The fault as people read it, with times on the clock of `zone`.

        >>> at = datetime(2020, 4, 10, 14, tzinfo=UTC)
        >>> DataFault("Pune", None, "scale", at, at + timedelta(hours=2), True, 2.0, 9e5, 9e2).sentence("MW")
        'actuals at 900,000.0 MW, × 1,000 of usual (kW written as MW?), since 2020-04-10 14:00 (2 hours)'
        """
        since, until = (f"{each.astimezone(zone):%Y-%m-%d %H:%M}" for each in (self.since, self.until))
        when = f"since {since}" if self.lasts else f"from {since} to {until}"
        long = f"({self.hours:,g} {'hour' if self.hours == 1 else 'hours'})"
        return f"{self.of} {self._what(unit, zone)} {when} {long}"

    def named(self, unit: str, zone: tzinfo = UTC) -> str:
        """The fault without its times.

        >>> at = datetime(2020, 4, 10, 14, tzinfo=UTC)
        >>> DataFault("Pune", None, "spike", at, at + timedelta(hours=2), True, 2.0, 1800.0, 9e2).named("MW")
        'actuals with a spike to 1,800.0 MW, × 2 of usual'
        """
        return f"{self.of} {self._what(unit, zone)}".removesuffix(",")

    def _what(self, unit: str, zone: tzinfo) -> str:
        value = "no value" if self.value is None else f"{self.value:,.1f} {unit}"
        said = {
            "silent": "fell silent: none at all",
            "missing": "missing",
            "duplicate": "came more than once for the same hours",
            "conflicting": "came more than once for the same hours, unlike each other (the last was taken)",
            "not_finite": "no finite number",
            "not_positive": "not above zero" if self.value is None else f"not above zero, at {value},",
            "stuck": f"stuck at {value}",
            "spike": f"with a spike to {value}{self._factor()},",
            "scale": f"at {value}{self._factor()}{self._unit(unit)},",
        }
        return said[self.kind] if self.kind in said else self._shift(zone)

    def _factor(self) -> str:
        if not self.value or not self.usual or self.value < 0:
            return ""
        times = self.value / self.usual
        if self.kind == "scale" and _near(times, 1000):
            return ", × 1,000 of usual"
        if self.kind == "scale" and _near(times, 1 / 1000):
            return ", ÷ 1,000 of usual"
        return f", × {times:,.3g} of usual" if times >= 0.1 else f", ÷ {1 / times:,.3g} of what is usual"

    def _unit(self, unit: str) -> str:
        """Which unit was written for which, where the factor says so."""
        times = self.value / self.usual if self.value and self.usual else 0.0
        for factor, step in ((1000, -1), (1 / 1000, 1)):
            if unit in _UNITS and times > 0 and _near(times, factor):
                other = [name for name, rank in _UNITS.items() if rank == _UNITS[unit] + step]
                return f" ({other[0]} written as {unit}?)" if other else ""
        return ""

    def _shift(self, zone: tzinfo) -> str:
        late = self.late or 0.0
        minutes = round(abs(late) * 60)
        size = f"{minutes // 60}:{minutes % 60:02}" if minutes % 60 else f"{minutes // 60}"
        ahead = self.until.astimezone(zone).utcoffset() or timedelta(0)
        offset = ahead / timedelta(hours=1)
        if abs(late) == 1:
            why = "a missed DST change?"
        elif offset and isclose(late, -offset, abs_tol=0.5):
            why = "moved to UTC twice?"
        elif not offset or isclose(late, offset, abs_tol=0.5):
            why = "local time written as UTC?"
        else:
            why = "a wrong clock?"
        return f"look shifted by {'+' if late > 0 else '−'}{size} h ({why})"


_LEFT_OUT = frozenset(("not_positive", "stuck", "spike", "scale", "shift"))


def _near(times: float, factor: float) -> bool:
    return abs(log10(times / factor)) < _NEAR
