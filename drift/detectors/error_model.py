"""The normal error of each city: how large, how rough from hour to hour, and how long it persists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drift.detectors.expected import ExpectedSize, positions
from drift.detectors.series import Hours
from drift.detectors.trailing import Flags, Integers, known_mean
from drift.domain import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """What is normal for given hours."""

    error: Floats
    """(H, N) expected |error|, a fraction of the actual."""
    innovation: Floats
    """(H, N) expected |innovation|, likewise."""
    persistence: Floats
    """(N,) lag-1 regression of the error."""
    level: Floats
    """(N,) expected |error| over all hours."""


@dataclass(frozen=True, slots=True, eq=False)
class ErrorModel:
    """The expected sizes of N cities' errors and innovations, and the persistence (N,) between them."""

    error: ExpectedSize
    innovation: ExpectedSize
    persistence: Floats

    def expect(self, hours: Hours) -> Expectation:
        """What is normal for those hours."""
        at = positions(hours)
        error, rough = self.error.expected(hours, at), self.innovation.expected(hours, at)
        return Expectation(error, rough, self.persistence, self.error.level)

    def cities(self, keep: Integers) -> ErrorModel:
        """Of some cities."""
        return ErrorModel(self.error.cities(keep), self.innovation.cities(keep), self.persistence[keep])

    @classmethod
    def join(cls, models: Sequence[ErrorModel]) -> ErrorModel:
        """Of blocks of cities, in their order."""
        return cls(
            ExpectedSize.join([model.error for model in models]),
            ExpectedSize.join([model.innovation for model in models]),
            np.concatenate([model.persistence for model in models]),
        )


def fit_persistence(error: Floats) -> Floats:
    """(N,) regression of the error (H, N) on the error of the hour before, around their means; no unit.

    Hours count where both are finite; 0 where none are.

    >>> fit_persistence(np.array([[1.0], [-1.0], [1.0], [-1.0]]))
    array([-1.])
    """
    both = np.isfinite(error[1:]) & np.isfinite(error[:-1])
    now, then = _centred(error[1:], both), _centred(error[:-1], both)
    slopes: Floats = np.sum(now * then, axis=0) / np.maximum(np.sum(then**2, axis=0), 1e-12)
    return slopes


def _centred(error: Floats, both: Flags) -> Floats:
    return np.where(both, error - known_mean(np.where(both, error, np.nan)), 0.0)


def innovation(error: Floats, persistence: Floats) -> Floats:
    """(H, N) |error − persistence · error of the hour before|: how rough the error is, a fraction of the
    actual.

    NaN where either hour is, and in the first row.

    >>> innovation(np.array([[1.0], [2.0]]), np.array([0.5])).ravel()
    array([nan, 1.5])
    """
    out = np.full_like(error, np.nan)
    out[1:] = np.abs(error[1:] - persistence.astype(error.dtype) * error[:-1])
    return out
