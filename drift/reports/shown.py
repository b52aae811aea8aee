"""How a figure is written for people: percent, load with its unit, a sign where it means something.

A figure without a value is a dash that carries its reason, and the number of a footnote that says the
reason in words: a title alone does not show on a phone or on paper. Text from data is made readable
here too, where control and direction characters would otherwise disturb what stands beside them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from drift.domain import Measurement, Undefined
from drift.evidence.wording import digits
from drift.text import printable

DASH = "–"
LABEL_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure as it stands on a page. `value` is what it sorts by; `why` is set where it is a dash."""

    text: str
    value: float | None = None
    why: str | None = None
    note: int | None = None


@dataclass(slots=True)
class Notes:
    """The reasons that dashes on one page refer to, numbered as they come."""

    reasons: dict[str, int] = field(default_factory=dict)

    def dash(self, why: str) -> Shown:
        """A dash with its reason."""
        return Shown(DASH, None, why, self.reasons.setdefault(why, len(self.reasons) + 1))

    def show(self, measured: Measurement | None, unit: str, *, load_unit: str, signed: bool = False) -> Shown:
        """A measurement as its metric's unit asks: `fraction`, `load` or `ratio`."""
        if measured is None:
            return self.dash("not measured in this run")
        if measured.value is None:
            return self.dash((measured.undefined or Undefined.NO_PAIRS).text)
        return self.number(measured.value, unit, load_unit=load_unit, signed=signed)

    def number(self, value: float, unit: str, *, load_unit: str, signed: bool = False) -> Shown:
        """A plain number in the same form; a dash where it is not finite."""
        if not math.isfinite(value):
            return self.dash(Undefined.NO_PAIRS.text)
        if unit == "fraction":
            return Shown(percent(value, signed=signed), value)
        text = significant(value, signed=signed)
        return Shown(f"{text} {load_unit}" if unit == "load" else text, value)


def percent(fraction: float, *, signed: bool = False) -> str:
    """A fraction as people read it.

    >>> percent(0.0314), percent(0.2, signed=True), percent(-0.00001, signed=True)
    ('3.1 %', '+20.0 %', '0.0 %')
    """
    return f"{_number(100 * fraction, 1, signed)} %"


def significant(value: float, *, signed: bool = False) -> str:
    """About three digits, with thousands apart.

    >>> significant(12345.6), significant(12.34), significant(-0.012345, signed=True), significant(0.0)
    ('12,346', '12.3', '−0.0123', '0')
    """
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if not -5 < size < 12:
        return f"{value:.2e}".replace("-", "−")
    return _number(value, max(0, min(8, 2 - size)), signed)


def _number(value: float, digits: int, signed: bool) -> str:
    text = f"{value:{'+' if signed else ''},.{digits}f}"
    return text.lstrip("+-") if float(text.replace(",", "")) == 0 else text.replace("-", "−")


def readable(text: str, longest: int = LABEL_LENGTH) -> str:
    """Text from data as one short line: what does not show becomes `�`, and a blank says that it is one.

    >>> readable("north" + chr(10) + chr(0x202E) + "htuos"), readable("x" * 99, 5)
    ('north��htuos', 'xxxx…')
    """
    seen = printable(text, longest)
    return seen if seen.strip() else "(blank)"


def old(seconds: float) -> str:
    """A delay as people say it.

    >>> old(1800.0), old(7200.0)
    ('30 min', '2 h')
    """
    return f"{round(seconds / 60)} min" if abs(seconds) < 3600 else f"{digits(seconds / 3600)} h"
