"""PURE. The nouns of a comparison of two model versions: what it came to, and why hours were left out.

Every difference is a − b, on the same hours: of an error, positive says that b is better.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from drift.domain import Failure, Undefined, Window
from drift.significance import Comparison as DailyTest

if TYPE_CHECKING:
    import pandas as pd

    from drift.notebook import Page

Value: TypeAlias = float | Undefined
Interval: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Settings:
    """How sure one has to be: days in a block of the bootstrap, its level, replicates and seed; and the share
    of false findings among the cities, and the parts of their days, that are called clear.
    """

    block: int = 7
    level: float = 0.95
    replicates: int = 2000
    seed: int = 0
    rate: float = 0.05


class LeftOut(StrEnum):
    """Why an hour was not compared; the first reason that holds."""

    NEITHER = "no_prediction"
    NO_A = "no_prediction_of_a"
    NO_B = "no_prediction_of_b"
    NO_ACTUAL = "no_actual"
    BAD_ACTUAL = "faulty_actual"
    BAD_BOTH = "faulty_predictions"
    BAD_A = "faulty_prediction_of_a"
    BAD_B = "faulty_prediction_of_b"

    def words(self, a: str, b: str) -> str:
        """The reason as a person reads it, with the names of the two versions.

        >>> LeftOut.NO_B.words("v1", "v2")
        'v2 has no prediction'
        """
        return _WORDS[self].format(a=a, b=b)


_WORDS = {
    LeftOut.NEITHER: "neither has a prediction",
    LeftOut.NO_A: "{a} has no prediction",
    LeftOut.NO_B: "{b} has no prediction",
    LeftOut.NO_ACTUAL: "the actual is not known",
    LeftOut.BAD_ACTUAL: "the actual is a fault of data",
    LeftOut.BAD_BOTH: "both predictions are faults",
    LeftOut.BAD_A: "the prediction of {a} is a fault",
    LeftOut.BAD_B: "the prediction of {b} is a fault",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of both versions on the same hours, their difference a − b, and its interval, or the reasons
    why there are none. The interval is None where none is asked for.
    """

    a: Value
    b: Value
    difference: Value
    interval: Interval | Undefined | None = None

    @property
    def ends(self) -> Interval | None:
        """Of its interval, or the difference itself where it has none."""
        if isinstance(self.difference, Undefined):
            return None
        return self.interval if isinstance(self.interval, tuple) else (self.difference, self.difference)

    @property
    def beyond_zero(self) -> bool:
        """Whether the interval leaves zero out."""
        return isinstance(self.interval, tuple) and (self.interval[0] > 0 or self.interval[1] < 0)

    @property
    def sign(self) -> int:
        """1 where a is larger, −1 where b is, 0 where neither is or there is no figure."""
        return 0 if isinstance(self.difference, Undefined) else int(np.sign(self.difference))


@dataclass(frozen=True, slots=True)
class Part:
    """The WAPE of a part of the hours. In a city's part, `p_value` is that of the test, and `clear` whether
    it stands among those of all cities.
    """

    name: str
    pairs: int
    wape: Figure
    p_value: Value = Undefined.LOW_COVERAGE
    clear: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """One city, or all cities together (None). `test` is of daily mean |error|; `clear` says that the
    difference is more than chance; of so many `hours` of the day, each is better in its `won`.
    """

    city: str | None
    pairs: int
    left_out: Mapping[LeftOut, int]
    figures: Mapping[str, Figure]
    test: DailyTest | Undefined
    won: tuple[int, int] = (0, 0)
    hours: int = 0
    parts: tuple[Part, ...] = ()
    clear: bool = False

    @property
    def wape(self) -> Figure:
        """By which it is decided who is better."""
        return self.figures["wape"]

    @property
    def better(self) -> int:
        """1: version b is better, −1: a is, 0: neither."""
        return self.wape.sign

    @property
    def total(self) -> int:
        """The hours of the range, compared or not."""
        return self.pairs + sum(self.left_out.values())


CUT = 4.0
"""Times the median reach of differences; there a picture ends, so that one city does not flatten all."""


def span_of(figures: Iterable[Figure]) -> tuple[float, float]:
    """From where to where a picture of these differences reaches: with zero, and cut at `CUT` medians.

    >>> span_of([Figure(2.0, 1.0, 1.0), Figure(3.0, 1.0, 2.0), Figure(99.0, 0.0, 99.0)])
    (0.0, 8.0)
    """
    found = [ends for ends in (figure.ends for figure in figures) if ends is not None]
    ends = np.array(found) if found else np.zeros((1, 2))
    most = CUT * float(np.median(np.abs(ends).max(axis=1))) or float(np.abs(ends).max())
    return max(min(float(ends.min()), 0.0), -most) + 0.0, min(max(float(ends.max()), 0.0), most)


class Won(NamedTuple):
    """Of so many, in how many is each version better."""

    a: int
    b: int
    of: int

    @classmethod
    def among(cls, figures: Iterable[Figure]) -> Won:
        """By the signs of figures of which less is better."""
        known = [figure.sign for figure in figures if not isinstance(figure.difference, Undefined)]
        return cls(known.count(-1), known.count(1), len(known))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Model versions `a` and `b` on the same hours of a window: all cities, each one, and parts of the hours.

    `feature` names that whose thirds (each city's own, of the hours compared) are `by_regime`.
    """

    a: str
    b: str
    window: Window
    step: timedelta
    all: Result
    cities: tuple[Result, ...]
    by_hour: tuple[Part, ...]
    by_week: tuple[Part, ...]
    by_regime: tuple[Part, ...]
    feature: str | None
    settings: Settings

    def to_pandas(self) -> pd.DataFrame:
        """Its figures as a tidy pandas frame, a row a part of the hours and metric
        (`drift.notebook.frames` has the columns).
        """
        from drift.notebook import comparison_frame

        return comparison_frame(self)

    def _repr_html_(self) -> str:
        from drift.notebook import comparison_html

        return comparison_html(self)

    def _repr_pretty_(self, page: Page, cycle: bool) -> None:  # noqa: ARG002 - as IPython asks
        from drift.notebook import comparison_line

        page.text(comparison_line(self))

    @property
    def won(self) -> Mapping[str, Won]:
        """The wins by city, by hour of the day, by kind of day and by regime."""
        parts = {"hours": self.by_hour, "week": self.by_week, "regimes": self.by_regime}
        found = {"cities": Won.among(each.wape for each in self.cities)}
        return found | {name: Won.among(part.wape for part in kind) for name, kind in parts.items()}

    @property
    def clear(self) -> Won:
        """In how many cities each version is clearly better."""
        signs = [each.better for each in self.cities if each.clear]
        return Won(signs.count(-1), signs.count(1), self.won["cities"].of)


@dataclass(frozen=True, slots=True)
class RunLink:
    """A run of a model version in MLflow, its slots, and where it is: a page, or `runs:/…` with no server."""

    model_version: str
    run_id: str
    first_slot: str
    last_slot: str
    link: str


@dataclass(frozen=True, slots=True)
class RunLinks:
    """The runs of the versions, the latest first, and MLflow's own page that compares the latest of each."""

    runs: tuple[RunLink, ...] = ()
    compare: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The comparison, the runs of both versions in MLflow, and what failed on the way."""

    comparison: Comparison
    runs: RunLinks = RunLinks()
    failures: tuple[Failure, ...] = ()

    def _repr_html_(self) -> str:
        from drift.notebook import answer_html

        return answer_html(self)

    def _repr_pretty_(self, page: Page, cycle: bool) -> None:  # noqa: ARG002 - as IPython asks
        from drift.notebook import comparison_line

        page.text(comparison_line(self.comparison))
