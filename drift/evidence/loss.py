"""PURE. What makes up the loss of accuracy: where the extra error falls, and what would take it away.

The extra error of an hour is its |error| − what is normal for it. Summed over parts of the hours (of the day,
of the week, by horizon, by weather) it is shared out, and the shares of all parts are the whole. What would
take it away is asked with hindsight: the forecast is mended in one plain way, the best for these very hours,
and what that takes from the sum of |error| is held against the extra error. Remedies overlap: their shares do
not add up, and one that undoes more than the extra error has a share above 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from drift.detectors.trailing import Integers
from drift.domain import Floats
from drift.evidence.hours import LEAST_RATIO
from drift.evidence.part import Lack, Reason
from drift.reasons import Undefined
from drift.values import Bools

LEAST_HOURS = 12
"""Of pairs, to fit a remedy to them: one value removes any error of one hour."""
WORST_SHARE = 0.05
"""Of the hours, that are called the worst."""

Kind: TypeAlias = Literal["bias", "scale", "shift", "worst", "faults", "version"]
Groups: TypeAlias = tuple[tuple[str, ...], Integers]
"""Names of parts, and of each hour which part it is in; below 0: in none."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the hours: its share of the extra error, and its share of the hours."""

    by: str
    name: str
    share: float
    time: float

    @property
    def lift(self) -> float:
        """How far it has more of the extra error than of the hours."""
        return self.share - self.time


@dataclass(frozen=True, slots=True)
class Remedy:
    """One way to mend the forecast, and the share of the extra error that it would take away.

    `size` is the bias to take off (predicted − actual, unit of load), the factor to apply, the steps by which
    the forecast is late, or hours left out; of another model version 0, and `name` is that version.
    """

    kind: Kind
    gone: float
    size: float
    name: str = ""


@dataclass(frozen=True, slots=True)
class Loss:
    """The extra error of some hours: `extra` its mean in the unit of load, `ratio` mean |error| ÷ normal."""

    hours: int
    extra: float
    ratio: float
    parts: tuple[Part, ...]
    """By how far each has more of the extra error than of the hours, the most first."""
    remedies: tuple[Remedy, ...]
    """The one that takes most away first."""


@dataclass(frozen=True, slots=True, eq=False)
class LossHours:
    """The hours that a loss is of; arrays are (H,), `normal` is the |error| that is normal.

    `predicted` is (2 × most + 1, H): the forecast as it is in its middle row, and in row r what was predicted
    for r − most steps later (`moved`).
    """

    actual: Floats
    predicted: Floats
    normal: Floats
    faulty: Bools
    others: Mapping[str, Floats]
    """The forecasts of other model versions."""
    groups: Mapping[str, Groups]

    @property
    def judged(self) -> Floats:
        """The forecast as it is."""
        middle: Floats = self.predicted[len(self.predicted) // 2]
        return middle


def moved(predicted: Floats, part: slice, most: int) -> Floats:
    """(2 × most + 1, H) a stretch of a forecast, and what it said for up to `most` steps before and after.

    >>> moved(np.array([1.0, 2.0, 3.0, 4.0]), slice(1, 4), 1)
    array([[ 1.,  2.,  3.],
           [ 2.,  3.,  4.],
           [ 3.,  4., nan]])
    """
    whole = np.concatenate([np.full(most, np.nan), predicted, np.full(most, np.nan)])
    return np.stack([whole[part.start + step : part.stop + step] for step in range(2 * most + 1)])


def find_loss(hours: LossHours) -> Loss | Reason:
    """What makes up the loss; NO_PAIRS, SHORT_HISTORY where no normal is known, NO_EXCESS without a loss."""
    error = hours.judged - hours.actual
    pair = np.isfinite(error)
    if not pair.any():
        return Undefined.NO_PAIRS
    known = pair & (hours.normal > 0)
    if not known.any():
        return Lack.SHORT_HISTORY
    size, normal = float(np.abs(error[known]).sum()), float(hours.normal[known].sum())
    if size < LEAST_RATIO * normal:
        return Lack.NO_EXCESS
    extra = np.where(known, np.abs(error) - hours.normal, 0.0)
    parts = [
        part
        for by, (names, group) in hours.groups.items()
        for part in parted(by, names, extra, np.where(known, group, -1))
    ]
    remedies = [remedy for remedy in _remedies(hours, known, extra) if remedy.gone > 0 or remedy.name]
    many = int(known.sum())
    return Loss(
        many,
        (size - normal) / many,
        size / normal,
        tuple(sorted(parts, key=lambda part: -part.lift)),
        tuple(sorted(remedies, key=lambda remedy: -remedy.gone)),
    )


def parted(by: str, names: tuple[str, ...], extra: Floats, group: Integers) -> list[Part]:
    """The extra error shared out over the parts that have hours; none where only one part has.

    Shares of the extra error and of the hours each sum to 1. A part that is better than normal has a share
    below 0.

    >>> found = parted("week", ("weekday", "weekend"), np.array([3.0, 0, 1, 0]), np.array([0, 0, 1, 1]))
    >>> [(part.name, part.share, part.time) for part in found]
    [('weekday', 0.75, 0.5), ('weekend', 0.25, 0.5)]
    """
    in_one = group >= 0
    total = np.bincount(group[in_one], extra[in_one], len(names))
    count = np.bincount(group[in_one], minlength=len(names))
    if np.count_nonzero(count) < 2 or not total.sum() > 0:
        return []
    share, time = total / total.sum(), count / count.sum()
    return [Part(by, name, float(share[k]), float(time[k])) for k, name in enumerate(names) if count[k]]


def _remedies(hours: LossHours, known: Bools, extra: Floats) -> Iterable[Remedy]:
    """All remedies that can be tried on these hours."""
    total = float(extra.sum())
    actual, predicted = hours.actual[known], hours.judged[known]
    faulty = hours.faulty & known
    if faulty.any():
        yield Remedy("faults", float(extra[faulty].sum()) / total, float(faulty.sum()))
    if len(actual) < LEAST_HOURS:
        return
    size = np.abs(predicted - actual)
    bias = float(np.median(predicted - actual))
    yield Remedy("bias", _taken(size, predicted - bias - actual) / total, bias)
    factor = best_factor(actual, predicted)
    yield Remedy("scale", _taken(size, factor * predicted - actual) / total, factor)
    worst = max(round(WORST_SHARE * len(actual)), 1)
    largest = np.partition(extra[known], -worst)[-worst:]
    yield Remedy("worst", float(largest.sum()) / total, float(worst))
    yield from _moves(hours, known, total)
    for name, other in hours.others.items():
        both = known & np.isfinite(other)
        if both.sum() >= LEAST_HOURS:
            own = np.abs(hours.judged - hours.actual)[both]
            yield Remedy("version", _taken(own, (other - hours.actual)[both]) / total, 0.0, name)


def _moves(hours: LossHours, known: Bools, total: float) -> Iterable[Remedy]:
    """The move of the forecast in time that takes most away."""
    middle = len(hours.predicted) // 2
    found = []
    for row, predicted in enumerate(hours.predicted):
        both = known & np.isfinite(predicted)
        if row != middle and both.sum() >= LEAST_HOURS:
            own = np.abs(hours.judged - hours.actual)[both]
            found.append((_taken(own, (predicted - hours.actual)[both]) / total, row - middle))
    if found:
        gone, late = max(found)
        yield Remedy("shift", gone, float(late))


def _taken(size: Floats, error: Floats) -> float:
    """What a mended forecast takes from the sum of |error|."""
    return float(size.sum() - np.abs(error).sum())


def best_factor(actual: Floats, predicted: Floats) -> float:
    """The factor f with the least Σ|actual − f × predicted|: the median of actual ÷ predicted by weight.

    Weights are |predicted|; 1 where every prediction is zero, or so near it that the quotient is no number.
    No unit.

    >>> best_factor(np.array([2.0, 4.0, 9.0]), np.array([1.0, 2.0, 3.0]))
    2.0
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ratio = actual / predicted
    some = np.isfinite(ratio)
    if not some.any():
        return 1.0
    ratio, weight = ratio[some], np.abs(predicted[some])
    order = np.argsort(ratio)
    reached = np.cumsum(weight[order])
    return float(ratio[order][np.searchsorted(reached, reached[-1] / 2)])
