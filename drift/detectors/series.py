"""What the detector reads: hourly actuals and predictions of some cities, and the calendar of those hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from drift.detectors.trailing import Flags, Integers
from drift.domain import Floats
from drift.values import quiet


@dataclass(frozen=True, slots=True, eq=False)
class Hours:
    """The calendar of hourly rows. Hour, weekend and holiday are local to a city, so they differ by city."""

    hour: Integers
    """(H, N) 0 … 23, local."""
    weekend: Flags
    """(H, N) local."""
    holiday: Flags
    """(H, N) local, with bridge days: these hours leave the evidence."""
    day_of_year: Integers
    """(H,) 1 … 366."""
    month: Integers
    """(H,) 12 × year + month: the even and the odd months are the two folds of the fit."""

    @property
    def even(self) -> Flags:
        """(H,) the hours of the even fold."""
        even: Flags = np.asarray(self.month) % 2 == 0
        return even

    def rows(self, keep: slice) -> Hours:
        """The calendar of some rows."""
        return Hours(
            self.hour[keep],
            self.weekend[keep],
            self.holiday[keep],
            self.day_of_year[keep],
            self.month[keep],
        )

    @classmethod
    def join(cls, blocks: Sequence[Hours]) -> Hours:
        """Of blocks of cities at the same hours, in their order."""
        return cls(
            np.concatenate([each.hour for each in blocks], axis=1),
            np.concatenate([each.weekend for each in blocks], axis=1),
            np.concatenate([each.holiday for each in blocks], axis=1),
            blocks[0].day_of_year,
            blocks[0].month,
        )

    def cities(self, keep: Integers) -> Hours:
        """The calendar of some cities."""
        return replace(
            self, hour=self.hour[:, keep], weekend=self.weekend[:, keep], holiday=self.holiday[:, keep]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Actuals and predictions (H, N) of one model version, in the data's unit; NaN where there is no good
    value.

    Values that break a hard rule (stuck, zero, ten times too large) are to be NaN already.
    """

    actual: Floats
    predicted: Floats
    hours: Hours

    def error(self) -> Floats:
        """(H, N) relative error, (predicted − actual) ÷ actual: positive is over-forecast.

        NaN on holidays, where either value is missing, and where the actual is not above zero.
        """
        without = self.hours.holiday | ~(self.actual > 0)
        actual = np.where(without, np.nan, self.actual)
        return (self.predicted - actual) / actual

    def single(self) -> Series:
        """In float32, which tells a load to seven digits: half the memory and the time."""
        return replace(self, actual=_single(self.actual), predicted=_single(self.predicted))

    def rows(self, keep: slice) -> Series:
        """The series of some rows."""
        return Series(self.actual[keep], self.predicted[keep], self.hours.rows(keep))

    def cities(self, keep: Integers) -> Series:
        """The series of some cities."""
        return Series(self.actual[:, keep], self.predicted[:, keep], self.hours.cities(keep))

    @classmethod
    def join(cls, blocks: Sequence[Series]) -> Series:
        """Of blocks of cities at the same hours, in their order."""
        return cls(
            np.concatenate([each.actual for each in blocks], axis=1),
            np.concatenate([each.predicted for each in blocks], axis=1),
            Hours.join([each.hours for each in blocks]),
        )


@quiet
def _single(values: Floats) -> Floats:
    return np.ascontiguousarray(values, dtype=np.float32)
