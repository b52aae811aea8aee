"""PURE. What is usual for each of many names, from their own hours, and what was seen of late: both bounded.

Why the highest hour and not the median alone: a batch job reads for one hour of the night and rests for
23, so that its median is rest. What was called is not learnt as usual: an hour above the limit is kept as
the limit, so that who is patient must double at each step, and is called each time.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

from drift.config_security import UsualConfig

HOUR = 3600.0
KEPT = 168
"""So many hours with lines are remembered of each name: a week, if all its hours have some."""
_MAD = 1.4826
"""A normal's standard deviation ÷ its median absolute deviation."""


class _Known:
    """One name's hours: the present one, and those before."""

    __slots__ = ("figure", "first", "hour", "limit", "past")

    def __init__(self, first: float) -> None:
        self.first, self.hour, self.figure = first, first // HOUR, 0.0
        self.past = array("f")
        self.limit: float | None = None


class Judged(NamedTuple):
    """A figure, and the limit that the name's past sets; None while it has too few hours. A young name is
    known for less than `learn`.
    """

    value: float
    limit: float | None
    young: bool


class Usual:
    """The limit of each name: the most of `minimum`, `times` its highest hour, and median + `mads` · MAD."""

    def __init__(self, config: UsualConfig, most: int) -> None:
        self.let_go = 0
        self._config, self._most = config, most
        self._learn = config.learn.total_seconds()
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def add(self, name: str, amount: float, at: float) -> Judged:
        """Add to the hour's sum, and hold that against what is usual."""
        known = self._at(name, at)
        known.figure += amount
        return Judged(known.figure, known.limit, at - known.first < self._learn)

    def peak(self, name: str, figure: float, at: float) -> Judged:
        """Keep the hour's highest, and hold the figure against what is usual."""
        known = self._at(name, at)
        known.figure = max(known.figure, figure)
        return Judged(figure, known.limit, at - known.first < self._learn)

    def figure(self, name: str, at: float) -> float:
        """The present hour's figure; 0 for a name without any."""
        known = self._known.get(name)
        return known.figure if known is not None and at // HOUR <= known.hour else 0.0

    def limit_of(self, past: array[float]) -> float:
        """The limit that hours of the past set.

        >>> usual = Usual(UsualConfig(mads=10, times=3, minimum=50), 100)
        >>> usual.limit_of(array("f", [10, 12, 11, 13, 12])), usual.limit_of(array("f", [100, 300, 500]))
        (50.0, 3265.2)
        """
        middle = median(past)
        spread = _MAD * median([abs(value - middle) for value in past])
        config = self._config
        return max(config.minimum, config.times * max(past), middle + config.mads * spread)

    def _at(self, name: str, at: float) -> _Known:
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = _Known(at)
            if len(self._known) > self._most:
                self._known.popitem(last=False)
                self.let_go += 1
        else:
            self._known.move_to_end(name)
            if at // HOUR > known.hour:
                self._close(known, at)
        return known

    def _close(self, known: _Known, at: float) -> None:
        """An hour is over: it becomes the past, and the limit follows it."""
        if known.figure > 0:
            bounded = known.figure if known.limit is None else min(known.figure, known.limit)
            known.past.append(bounded)
            del known.past[:-KEPT]
        known.hour, known.figure = at // HOUR, 0.0
        if len(known.past) >= self._config.hours:
            known.limit = self.limit_of(known.past)

    def kept(self) -> Iterator[tuple[str, float, list[float]]]:
        """What is to be remembered over a restart: name, when it was first seen, its hours."""
        for name, known in self._known.items():
            yield name, known.first, [*known.past, *([known.figure] if known.figure > 0 else [])]

    def restore(self, name: str, first: float, past: list[float], at: float) -> None:
        """Take in what `kept` gave."""
        known = self._at(name, at)
        known.first, known.past = first, array("f", past[-KEPT:])
        if len(past) >= self._config.hours:
            known.limit = self.limit_of(known.past)


class Recent:
    """Names that were seen within `span` seconds, or within twice that: two generations, of which the elder
    is forgotten whole. No more than `most` names a generation: a full one is forgotten sooner, and counted.
    """

    def __init__(self, span: float, most: int) -> None:
        self.let_go = 0
        self._span, self._most = span, most
        self._began = float("-inf")
        self._young: dict[str, None] = {}
        self._old: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def __contains__(self, name: str) -> bool:
        return name in self._young or name in self._old

    def add(self, name: str, at: float) -> None:
        """See the name at the time `at`.

        >>> recent = Recent(span=60.0, most=100)
        >>> recent.add("a", 0.0); recent.add("b", 60.0); "a" in recent
        True
        >>> recent.add("c", 120.0); "a" in recent, "b" in recent
        (False, True)
        """
        full = len(self._young) >= self._most and name not in self._young
        if full or at >= self._began + self._span:
            self.let_go += len(self._old) if full else 0
            self._old, self._young = self._young, {}
            self._began = at
        self._young[name] = None

    def kept(self) -> list[str]:
        """What is to be remembered over a restart."""
        return [*self._old, *self._young]
